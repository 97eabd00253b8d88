"""The read model without a server: list with count and facets, groups, a finding, the overlay.

    python benchmarks/bench_queue.py [FINDINGS ...]      100,000 and 1,000,000 by default

"after a change": no answer is kept, as after every event. "again": the same page once more.
CPU is of all threads; on two idle cores the time is little more than half of it.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import cycle
from pathlib import Path

import estate

from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.lifecycle.triage import triage
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.ledger import Ledger
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.store.vault import Vault
from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import queries
from stratum_pipeline.triage.export import export
from stratum_pipeline.triage.overlay import overlay
from stratum_pipeline.triage.read_model import Queue

SIZES = ("100000", "1000000")
TIMES = 60
NOW = estate.AS_OF + timedelta(hours=1)
PAGES = 1_000  # deep
ANN = {"kind": "person", "id": "ann@example.com", "assurance": "oidc"}
OPEN = c.FindingsQuery(status=("open",))


def measured(what: str, call: Callable[[], object], times: int = TIMES) -> None:
    call()
    spent: list[float] = []
    cpu = time.process_time()
    for _ in range(times):
        began = time.perf_counter()
        call()
        spent.append(1000 * (time.perf_counter() - began))
    cpu = 1000 * (time.process_time() - cpu) / times
    half, most = statistics.median(spent), statistics.quantiles(spent, n=20)[-1]
    print(f"  {what:44} p50 {half:6.1f}   p95 {most:6.1f}   CPU {cpu:6.1f} ms", flush=True)


def deep(queue: Queue) -> c.FindingsQuery:
    """Page 1,001 of 50."""
    asked = OPEN.model_copy(update={"limit": 500})
    for _ in range(PAGES // 10):
        asked = asked.model_copy(update={"cursor": queries.findings(queue, asked, NOW).next})
    return asked.model_copy(update={"limit": 50})


def looked(queue: Queue, asked: Iterator[c.FindingsQuery], change: bool) -> Callable[[], None]:
    return lambda: page(queue, next(asked), change)


def pages(queue: Queue) -> Iterator[tuple[str, Iterator[c.FindingsQuery]]]:
    found = queries.findings(queue, c.FindingsQuery(limit=500), NOW).items
    some = [c.FindingsQuery(severity=("high", "critical"), module=(m,)) for m in estate.MODULES]
    yield "default view: open", cycle([OPEN])
    yield "severities and a module", cycle(some)
    yield "an account", cycle(c.FindingsQuery(account=(row.account_id,)) for row in found)
    yield "an OU and below", cycle([c.FindingsQuery(scope="ou:Root/Workloads")])
    yield "text: one resource", cycle(c.FindingsQuery(text=row.resource) for row in found)
    yield "text: an account's name", cycle([c.FindingsQuery(text=f"team-{n}") for n in range(50)])
    yield f"page {PAGES:,}", cycle([deep(queue)])


def overlaid(queue: Queue, ledger: Ledger) -> None:
    ids = queries.ids(queue, c.Filter(), NOW)
    for count in (1, 1_000, 100_000):
        some = ids[:: len(ids) // count][:count]
        for kind in (Kind.ACKNOWLEDGED, Kind.MARKED_RESOLVED, Kind.MARKED_OPEN):
            triage(ledger, ANN, kind, some, now=NOW, head=queue.head)
            began = time.perf_counter()
            overlay(queue, ledger, NOW)
            spent = time.perf_counter() - began
        print(f"  overlay of {count:,} findings: {1000 * spent:.0f} ms")
        measured("    then default view, after a change", lambda: page(queue, OPEN, change=True))


def page(queue: Queue, asked: c.FindingsQuery, change: bool) -> None:
    if change:
        with queue.change():
            pass
    queries.findings(queue, asked, NOW)
    queries.facets(queue, asked, NOW)


def exported(queue: Queue, count: int) -> None:
    for format in ("csv", "jsonl", "parquet"):
        began, size = time.perf_counter(), 0
        for piece in export(queue, c.ExportQuery.model_validate({"format": format}), NOW):
            size += len(piece)
        rate = count / (time.perf_counter() - began)
        print(f"  export as {format:7} {size / 1e6:6.0f} MB, {rate:9,.0f} findings a second")


def memory(name: str) -> float:
    """Gigabytes: VmRSS now, VmHWM at most."""
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) / 1e6


def run(folder: Path, count: int) -> None:
    ledger = Ledger(Vault(LocalStore(folder / "vault")))
    began = time.perf_counter()
    queue = Queue.load(Data(LocalStore(folder / "data")))
    print(f"\n{count:,} findings: loaded in {time.perf_counter() - began:.1f} s", end="")
    print(f", {memory('VmRSS'):.2f} GB then, {memory('VmHWM'):.2f} GB at most")
    for what, asked in pages(queue):
        measured(what + ", after a change", looked(queue, asked, change=True))
        measured(what + ", again", looked(queue, asked, change=False))
    for by in ("rule", "resource", "root_cause"):
        grouped = c.GroupsQuery.model_validate({"status": ("open",), "by": by})
        measured(f"groups by {by}", partial(queries.groups, queue, grouped, NOW))
    some = cycle(queries.findings(queue, c.FindingsQuery(limit=500), NOW).items)
    measured("one finding", lambda: queries.finding(queue, next(some).finding_id, NOW))
    exported(queue, count)
    overlaid(queue, ledger)
    print(f"  {memory('VmRSS'):.2f} GB in the end, {memory('VmHWM'):.2f} GB at most")


def main() -> None:
    if sys.argv[1:2] == ["--in"]:
        run(Path(sys.argv[2]), int(sys.argv[3]))
        return
    for size in sys.argv[1:] or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            estate.publish(Data(LocalStore(Path(folder) / "data")), int(size))
            # Apart, so that making the estate does not count.
            subprocess.run([sys.executable, __file__, "--in", folder, size], check=True)


if __name__ == "__main__":
    main()
