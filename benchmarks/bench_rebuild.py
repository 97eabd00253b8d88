"""The queue from N verdicts and N / 5 events: whole, and after a scan of 1 % of the accounts.

    python benchmarks/bench_rebuild.py [VERDICTS ...]      1,000,000 by default; try 10000000

The floor reads and writes the same Parquet and does nothing else: verdicts, populations and
payloads of the ledger in, the frames of the queue out. Each is a process of its own, so its
memory is its peak; "load" is the machine's while it ran.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import history
import measure

from stratum_pipeline.lifecycle.checkpoint import resume
from stratum_pipeline.lifecycle.publish import publish, refresh
from stratum_pipeline.lifecycle.record import record
from stratum_pipeline.store.encoding import from_parquet, to_parquet
from stratum_pipeline.store.objects import LocalStore

SIZE = "1000000"
SHARE = 0.01
MODULES = history.estate.MODULES


def floor(place: history.History) -> None:
    for key in [*place.data.store.list("verdicts/"), *place.data.store.list("populations/")]:
        from_parquet(place.data.store.get(key), key, "")
    for key in place.ledger.vault.list("payload/"):
        from_parquet(place.ledger.vault.get(key), key, "")
    head = place.data.current_queue()
    assert head is not None
    out = LocalStore(place.data.store.root.parent / "floor")  # pyright: ignore
    for key in place.data.store.list(f"queue/{head['snapshot_id']}/"):
        out.put(key, to_parquet(from_parquet(place.data.store.get(key), key, "")))


def whole(place: history.History) -> None:
    """Fold from the first entry, every verdict file, every frame."""
    for key in [*place.data.store.list("queue/"), *place.data.store.list("checkpoint/")]:
        place.data.store.delete(key)
    state = resume(place.ledger, place.data)
    publish(place.data, state, history.rules(), history.correlations(), MODULES)


def first(place: history.History) -> None:
    """What a first `record` does once: it looks at all statuses."""
    record(place.ledger, place.data, history.rules(), "first", MODULES)


def rescan(place: history.History) -> str:
    return f"{len(history.rescan(place.data, SHARE))} accounts are scanned again"


def recorded(place: history.History) -> str:
    done = record(place.ledger, place.data, history.rules(), "again", MODULES)
    return f"{done.events.height} events"


def queue(place: history.History) -> str:
    frames = refresh(place.ledger, place.data, history.rules(), history.correlations(), MODULES)
    return f"{frames['details_since'].height:,} findings anew"


STEPS: measure.Steps = {
    "first record": first,
    "whole": whole,
    "floor": floor,
    "rescan": rescan,
    "record": recorded,
    "queue": queue,
}


def main() -> None:
    for size in sys.argv[1:] or [SIZE]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            maker = Path(__file__).with_name("history.py")
            subprocess.run([sys.executable, maker, folder, size], check=True)
            spent = {step: measure.spent(folder, step) for step in STEPS}
            whole, update = spent["whole"], spent["record"] + spent["queue"]
            print(f"  whole / floor: {whole / spent['floor']:.2f}")
            print(f"  record and queue of {SHARE:.0%} / whole: {update / whole:.1%}", flush=True)


if __name__ == "__main__":
    if not measure.run(STEPS):
        main()
