"""Judging: each module's heaviest table at 1,000,000 rows, and its slowest rule.

python benchmarks/bench_rules.py [ROWS]

Rows are random ones of the tests' samples, repeated under ARNs of their own: about a third of
the verdicts fail, far more than in any estate. The floor is a sort of the table.
"""

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from stratum_pipeline.kernel.coverage import Coverage
from stratum_pipeline.kernel.evaluate import evaluate
from stratum_pipeline.kernel.module import Module
from stratum_pipeline.kernel.table import Resource
from stratum_pipeline.kernel.trust import Members
from stratum_pipeline.registry import MODULES

sys.path.append(str(Path(__file__).parents[1]))
from tests.conftest import SCANNED_AT
from tests.contract.test_rules import COVERED, make_row

ROWS = 1_000_000
PART = 20
DRAWN = 2_000  # at random; the rest are copies of them


def table(module: Module) -> type[Resource]:
    """The one with the most rules."""
    tables = [rule.table for rule in module.rules]
    return max(tables, key=tables.count)


def rows(module: Module, count: int) -> pl.DataFrame:
    rng, heaviest = random.Random(0), table(module)
    rule = next(rule for rule in module.rules if rule.table is heaviest)
    drawn = heaviest.frame(make_row(rule, rng, i) for i in range(DRAWN))
    copies = pl.concat([drawn] * (count // DRAWN), rechunk=True)
    # What is joined on is another one in each copy, as in an estate.
    keys = [n for n in drawn.columns if (n.endswith("_id") and n != "account_id") or n == "name"]
    number = pl.int_range(pl.len()) // DRAWN
    return copies.with_columns(
        *(pl.format("{}-{}", key, number).alias(key) for key in keys),
        arn=pl.format("arn:aws:x:::{}", pl.int_range(pl.len())),
    )


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main(count: int) -> None:
    members = Members.frame([{"principal": "1"}])
    for module in MODULES:
        heaviest, frame = table(module), rows(module, count)
        rules = [rule for rule in module.rules if rule.table is heaviest]
        inventory = {heaviest: frame, Members: members}
        floor = seconds(lambda frame=frame: frame.sort("arn"))
        derived = seconds(lambda h=heaviest, i=inventory: h.judged(i))
        some = inventory | {heaviest: frame.head(count // PART)}

        def judging(rules: list, inventory: dict, module: Module = module) -> float:
            asked = (module.name, rules, inventory, COVERED.select(Coverage.schema().names()))
            return seconds(lambda: evaluate(*asked, SCANNED_AT))

        whole = judging(rules, inventory)
        # Each derives the table again: of a part, so that it can be told which is slowest.
        alone = {rule.id: judging([rule], some) for rule in rules}
        slowest = max(alone, key=alone.__getitem__)
        beyond = alone[slowest] - seconds(lambda h=heaviest, i=some: h.judged(i))
        print(
            f"{module.name:12} {heaviest.label:24} {len(rules):3} rules  {whole:6.1f} s "
            f"({count / whole / 1e3:5.0f},000 rows/s; {derived:5.1f} s of it derive; "
            f"{whole / floor:5.0f} x a sort)  slowest {slowest}, "
            f"{1e6 * beyond / (count // PART):.1f} us a row",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else ROWS)
