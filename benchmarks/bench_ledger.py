"""The ledger of N events: folded from its first entry, from a checkpoint; and appended to.

    python benchmarks/bench_ledger.py [EVENTS ...]      1,000,000 by default

The floor reads the ledger's payloads and entries and does nothing else. A tail of a hundred
entries follows the checkpoint.
"""

import sys
import tempfile
import time
from pathlib import Path

import history
import measure

from stratum_pipeline.lifecycle.checkpoint import load, resume, save
from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.lifecycle.record import current

SIZE = "1000000"


def floor(place: history.History) -> None:
    read = place.ledger.vault.read_payload
    for entry in place.ledger.entries():
        for name in ("events", "scans"):
            if entry.body.get(name):
                read(entry.body[name])


def from_zero(place: history.History) -> str:
    state = current(place.ledger)
    return f"{state.timeline.height:,} events in {state.head.seq:,} entries"


def checkpoint(place: history.History) -> str:
    state = current(place.ledger)
    began = time.perf_counter()
    save(place.data, state)
    return f"of which storing it {time.perf_counter() - began:.2f} s"


def append(place: history.History, entries: int) -> str:
    """As the API does: one at a time, each durable, from a head already known."""
    ids = load(place.ledger, place.data).bodies["finding_id"].head(entries)
    head = place.ledger.head()
    began = time.perf_counter()
    for id in ids:
        body = {"finding_ids": [id], "note": "As agreed."}
        head = history.appended(place.ledger, str(Kind.ACKNOWLEDGED), history.ANN, body, head)
    return f"{entries / (time.perf_counter() - began):,.0f} entries a second"


def from_checkpoint(place: history.History) -> str:
    return f"{resume(place.ledger, place.data).timeline.height:,} events"


def one_percent(place: history.History) -> str:
    found = place.data.read_accounts()
    assert found is not None
    some = found["account_id"].sort()[50::100].to_list()
    return (
        f"{resume(place.ledger, place.data, some).bodies.height:,} findings of {len(some)} accounts"
    )


STEPS: measure.Steps = {
    "floor": floor,
    "from zero": from_zero,
    "checkpoint": checkpoint,
    "tail": lambda place: append(place, 100),
    "from checkpoint": from_checkpoint,
    "1 % of accounts": one_percent,
    "append": lambda place: append(place, 500),
}


def main() -> None:
    for size in sys.argv[1:] or [SIZE]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            made = history.History.at(folder, history.Unsynced)
            found, _ = history.tell(made, int(size) * 5 // 6, int(size) // 6)
            made.data.write_accounts(found)
            print(f"{int(size):,} events")
            spent = {step: measure.spent(folder, step) for step in STEPS}
            zero = spent["from zero"]
            print(f"  from zero / floor: {zero / spent['floor']:.2f}")
            print(f"  from checkpoint / from zero: {spent['from checkpoint'] / zero:.1%}")
            print(f"  1 % of accounts / from zero: {spent['1 % of accounts'] / zero:.1%}")


if __name__ == "__main__":
    if not measure.run(STEPS):
        main()
