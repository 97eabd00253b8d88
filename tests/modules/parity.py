"""Cases that show a rule of ours to catch what a peer's check is about.

CASES in tests/modules/<module>/parity.py maps a check's id to one Case or more: in each the
rule fails on `broken` and passes (or no longer speaks) once it is `repaired`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stratum_pipeline.kernel.coverage import Coverage
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.kernel.table import Table
from stratum_pipeline.kernel.trust import Members

from ..conftest import SCANNED_AT

Row = Mapping[str, Any]
Rows = Mapping[type[Table], Sequence[Row]]
ME, SIBLING, STRANGER = "111111111111", "222222222222", "999999999999"
"""The scanned account, another of its organization, one of nobody we know."""

OURS = "o-ours123456"
COVERED = Coverage.frame([{"account_id": ME, "region": "r", "operation": "x", "outcome": "ok"}])
ARN = "arn:aws:x:us-east-1:111111111111:thing/0"


@dataclass(frozen=True)
class Case:
    """`broken` and `repaired` are the row judged; `beside` are rows of other tables."""

    rule: Rule
    broken: Row
    repaired: Row
    beside: Rows = field(default_factory=dict[type[Table], Sequence[Row]])


def judge(rule: Rule, row: Row, beside: Rows | None = None) -> Verdicts:
    """Verdicts on one row (arn, account and region have defaults) among rows of other tables."""
    common = {"account_id": ME, "region": "us-east-1", "incarnation": ""}
    rows: dict[type[Table], list[Row]] = {rule.table: [common | {"arn": ARN} | dict(row)]}
    for table, others in (beside or {}).items():
        named = [
            common | {"arn": f"arn:aws:y:us-east-1:{ME}:{table.label}/{n}"} | dict(other)
            for n, other in enumerate(others)
        ]
        rows.setdefault(table, []).extend(named)
    frames: dict[Any, Any] = {table: table.frame(found) for table, found in rows.items()}
    frames[Members] = Members.frame({"principal": one} for one in (ME, SIBLING, OURS))
    return evaluate(rule.module, [rule], frames, COVERED, SCANNED_AT)


def verdict(rule: Rule, row: Row, beside: Rows | None = None) -> str:
    """What becomes of the row: fail | pass | unknown | n/a."""
    found = judge(rule, row, beside)
    arn = dict(row).get("arn", ARN)
    if arn in found.fails["resource_arn"].to_list():
        return "fail"
    if arn in found.unknowns["resource_arn"].to_list():
        return "unknown"
    return "pass" if found.populations["passed"].sum() else "n/a"
