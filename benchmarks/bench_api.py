"""What a page costs: list, facets, groups, a finding over HTTP, beside an empty question.

python benchmarks/bench_api.py [FINDINGS ...]        100,000 and 1,000,000 by default
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import estate

from stratum_pipeline.serve import answers, free_port, servers, start, stop
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage.client import Client, Http

SIZES = (100_000, 1_000_000)
TIMES = 60


def questions(stratum: Client) -> Iterator[tuple[str, Iterator[Callable[[], object]]]]:
    """A name, and calls that ask for other things each time, as people do."""
    accounts = [a.account_id for a in stratum.accounts(c.AccountsQuery(limit=500)).items]
    rules = [rule.rule_id for rule in stratum.rules(c.ScopeQuery()).items]
    found = stratum.findings(c.FindingsQuery(limit=500)).items
    opened = c.Filter(status=("open",))
    some = cycle(c.Filter(status=("open",), account=(a,), severity=("high",)) for a in accounts)
    many = cycle(c.Filter(severity=("high", "critical"), rule=tuple(rules[n:])) for n in range(100))
    words = cycle(c.Filter(text=row.resource[-9:]) for row in found)

    def asking(ask: Callable[[c.Filter], object], those: Iterator[c.Filter]) -> Iterator:
        for one in those:
            yield lambda one=one: ask(one)

    def listed(one: c.Filter) -> object:
        return stratum.findings(c.FindingsQuery.model_validate(one.model_dump()))

    def grouped(one: c.Filter) -> object:
        return stratum.groups(c.GroupsQuery.model_validate(one.model_dump() | {"by": "root_cause"}))

    def turned() -> Iterator[Callable[[], object]]:
        asked = c.FindingsQuery(status=("open",), limit=500)
        while True:
            page = stratum.findings(asked)
            asked = asked.model_copy(update={"cursor": page.next})
            yield lambda asked=asked: stratum.findings(asked.model_copy(update={"limit": 50}))

    yield "an empty question", cycle([stratum.me])
    yield "list, default view", asking(listed, cycle([opened]))
    yield "list, account and severity", asking(listed, some)
    yield "list, many rules", asking(listed, many)
    yield "list, text", asking(listed, words)
    yield "list, ever deeper page", turned()
    yield "facets, default view", asking(stratum.facets, cycle([opened]))
    yield "facets, account and severity", asking(stratum.facets, some)
    yield "facets, many rules", asking(stratum.facets, many)
    yield "facets, text", asking(stratum.facets, words)
    yield "groups by root cause", asking(grouped, some)
    yield "one finding", (lambda row=row: stratum.finding(row.finding_id) for row in cycle(found))
    yield "how much was seen", cycle([lambda: stratum.seen(c.ScopeQuery())])


def suppress(stratum: Client, most: int) -> str:
    """What it costs to suppress, by one filter, up to `most` of the findings of some accounts."""
    chosen: list[str] = []
    for account in stratum.accounts(c.AccountsQuery(limit=1_000)).items:
        if account.open <= most:
            chosen.append(account.account_id)
            most -= account.open
    those = c.Filter(status=("open",), account=tuple(chosen))
    said = {"kind": "suppressed", "reason": "accepted_risk", "note": "Measured."}
    began = time.perf_counter()
    done = stratum.record(c.Record.model_validate(said | {"filter": those}))
    spent = time.perf_counter() - began
    return f"{done.matched:,} suppressed by filter, entry {done.entry}   {spent:.2f} s"


def peak(process_id: int) -> float:
    """Gigabytes of memory that process ever held."""
    status = Path(f"/proc/{process_id}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e6


def run(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        estate.publish(Data(LocalStore(folder / "data")), count)
        port = free_port(0, "", set())
        (api,) = [s for s in servers(folder, 0, port, 0) if s.port == port]
        places = {"STRATUM_DATA": str(folder / "data"), "STRATUM_VAULT": str(folder / "vault")}
        process = start(api, places)
        try:
            while not answers(api):
                time.sleep(0.05)
            with Client(Http(api.url)) as stratum:
                began = time.perf_counter()
                stratum.findings(c.FindingsQuery())
                loaded = time.perf_counter() - began
                load = os.getloadavg()[0]
                print(f"\n{count:,} findings, load {load:.1f}: first answer after {loaded:.1f} s")
                floor = 0.0
                for what, calls in questions(stratum):
                    spent: list[float] = []
                    for call in islice(calls, TIMES):
                        began = time.perf_counter()
                        call()
                        spent.append(1000 * (time.perf_counter() - began))
                    half, most = statistics.median(spent), statistics.quantiles(spent, n=20)[-1]
                    floor = floor or half
                    print(
                        f"  {what:32} p50 {half:6.1f} ms   p95 {most:6.1f} ms   "
                        f"{half / floor:5.1f} x an empty question"
                    )
                began = time.perf_counter()
                stratum.overview(c.ScopeQuery())
                print(f"  overview, the first time         {time.perf_counter() - began:.1f} s")
                print(f"  {suppress(stratum, 50_000)}")
                print(f"  peak memory of the API           {peak(process.pid):.2f} GB")
        finally:
            stop([process])


if __name__ == "__main__":
    for size in [int(word) for word in sys.argv[1:]] or SIZES:
        run(size)
