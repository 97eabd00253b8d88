"""What drift adds to storing a scan of one account and module, beside comparing its bytes.

python benchmarks/bench_drift.py [RESOURCES ...]     1,000, 10,000 and 100,000 by default

The floor is what storing did before: each table compared with what is stored, and replaced if
it is new. Times are the best of TIMES, in milliseconds, on a local folder.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl

from stratum_pipeline.kernel.coverage import Coverage
from stratum_pipeline.lifecycle import drift
from stratum_pipeline.modules.networking.inventory.groups import SecurityGroups
from stratum_pipeline.store.changes import of_day
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.objects import LocalStore

ACCOUNT, MODULE = "111111111111", "networking"
SIZES, SHARES, TIMES = (1_000, 10_000, 100_000), (0.0, 0.0001, 0.01, 0.1), 5
COVERAGE = Coverage.frame(
    [
        {
            "account_id": ACCOUNT,
            "region": "eu-west-1",
            "operation": SecurityGroups.listed_by,
            "resource_arn": "",
            "outcome": "ok",
            "code": "",
            "calls": 1,
        }
    ]
)


def groups(count: int, changed: int = 0) -> pl.DataFrame:
    """Security groups as a scan gives them; the first `changed` have another name."""
    rows = SecurityGroups.frame(
        {
            "arn": f"arn:aws:ec2:eu-west-1:{ACCOUNT}:security-group/sg-{n:017x}",
            "account_id": ACCOUNT,
            "region": "eu-west-1",
            "incarnation": "",
        }
        for n in range(count)
    )
    texts = [n for n, kind in rows.schema.items() if kind == pl.String and rows[n].null_count()]
    number = pl.int_range(pl.len())
    filled = rows.with_columns(pl.format("{}-{}", pl.lit(n), number).alias(n) for n in texts)
    return filled.with_columns(
        pl.when(number < changed).then(pl.lit("other")).otherwise(texts[0]).alias(texts[0])
    )


def best(before: Callable[[], object], timed: Callable[[], object]) -> float:
    times: list[float] = []
    for _ in range(TIMES):
        before()
        start = time.perf_counter()
        timed()
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def measure(old: pl.DataFrame, new: pl.DataFrame) -> tuple[float, float, int]:
    """The floor and drift, in milliseconds; bytes of the file of changes."""
    with tempfile.TemporaryDirectory() as folder:
        data, at = Data(LocalStore(folder)), datetime.now(UTC)
        later = at + timedelta(days=1)

        def write(rows: pl.DataFrame) -> None:
            data.write_table(MODULE, SecurityGroups.label, ACCOUNT, rows)

        def store(rows: pl.DataFrame, moment: datetime) -> None:
            inventory = {SecurityGroups: rows}
            drift.store(data, MODULE, ACCOUNT, inventory, COVERAGE, moment, "scan")

        store(old, at)
        floor = best(lambda: write(old), lambda: write(new))
        added = best(lambda: write(old), lambda: store(new, later))
        told = sum(len(data.store.get(file.key)) for file in of_day(data.store, later.date()))
        return floor, added, told


def main(sizes: list[int]) -> None:
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    print(f"{'resources':>10} {'changed':>8} {'floor':>8} {'drift':>8} {'ratio':>6} {'file':>9}")
    for size in sizes:
        old = groups(size)
        for changed in sorted({round(size * share) for share in SHARES}):
            floor, added, told = measure(old, groups(size, changed))
            print(
                f"{size:>10,} {changed:>8,} {floor:>8.1f} {added:>8.1f} {added / floor:>6.2f}"
                f" {told:>9,}"
            )


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(SIZES))
