"""The queue: what the read model holds, computed from the ledger and the latest verdicts.

Everything here can be thrown away and built again: it has no memory of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from stratum_pipeline.kernel.correlate import Correlation

from .events import Accounts
from .fold import State, findings
from .priority import contexts, index, prioritise

NARROW = (
    "finding_id",
    "rule_id",
    "module",
    "account_id",
    "region",
    "severity",
    "status",
    "priority",
    "cause",
    "exposed",
    "assignee",
    "opened_at",
    "status_at",
    "verified_at",
    "unverified",
    "monthly_usd",
)
"""What lists, filters and counts read; everything else of a finding is in its details."""


FORMAT = 1
"""Of the frames: one more whenever the same ledger and verdicts would give other ones."""
GAPS_BY = ("account_id", "module", "region", "operation", "outcome", "code")
POPULATIONS_BY = ("rule_id", "account_id", "region")
ORDER = (["priority", "finding_id"], [True, False])
"""Of findings: by what, and whether descending."""


@dataclass(frozen=True)
class Latest:
    """What the latest scans of some accounts left."""

    failing: pl.DataFrame  # finding_id, verified_at of what they saw fail
    unknowns: pl.DataFrame  # finding_id, because of what they could not judge
    gaps: pl.DataFrame  # of Gaps
    populations: pl.DataFrame  # of Populations


def build(
    state: State,
    as_of: datetime,
    latest: Latest,
    correlations: Iterable[Correlation],
    modules: Iterable[str],
) -> dict[str, pl.DataFrame]:
    """The frames of the read model by name, without rules and modules.

    modules: those switched on. findings is sorted by (priority desc, finding_id), details and
    events by finding_id. index, contexts and suppressed are for `refresh`.
    """
    correlations = list(correlations)
    known = findings(state, as_of)
    seen = index(known, correlations)
    context = contexts(seen, correlations)
    rows = judged(known, context, state, latest, modules)
    return {
        "findings": rows.select(NARROW).sort(ORDER[0], descending=ORDER[1]),
        "details": details(rows),
        "events": state.timeline.sort("finding_id", "order"),
        "index": seen,
        "contexts": context,
        "suppressed": suppressed(known),
        "gaps": latest.gaps.sort(GAPS_BY),
        "populations": latest.populations.sort(POPULATIONS_BY),
        **of_ledger(state),
    }


def suppressed(known: pl.DataFrame) -> pl.DataFrame:
    """finding_id, account_id, suppressed_until of those suppressed for a time, by finding_id."""
    return known.drop_nulls("suppressed_until").select(
        "finding_id", "account_id", "suppressed_until"
    )


def of_ledger(state: State) -> dict[str, pl.DataFrame]:
    """accounts, scans, entries, views: as the ledger says."""
    return {
        "accounts": state.accounts,
        "scans": state.scans.sort("account_id", "module"),
        "entries": state.entries,
        "views": state.views,
    }


def details(rows: pl.DataFrame) -> pl.DataFrame:
    """Of `judged` rows what is not NARROW, by finding_id."""
    return rows.select("finding_id", *(n for n in rows.columns if n not in NARROW)).sort(
        "finding_id"
    )


def judged(
    known: pl.DataFrame,
    context: pl.DataFrame,
    state: State,
    latest: Latest,
    modules: Iterable[str],
) -> pl.DataFrame:
    """`known` (of `fold.findings`) with all that the queue says of each."""
    rows = prioritise(known, context, state.accounts)
    return _verified(rows, state, latest.failing, latest.unknowns, list(modules))


def _verified(
    rows: pl.DataFrame,
    state: State,
    failing: pl.DataFrame,
    unknowns: pl.DataFrame,
    modules: list[str],
) -> pl.DataFrame:
    """Adds verified_at, and unverified: why the last scan could not confirm; "" if it did."""
    scans = state.scans.select("account_id", "module", "complete_at", "outcome", "error")
    status = state.accounts.select("account_id", account_status=Accounts.status)
    rows = (
        rows.with_columns(module=pl.col("rule_id").str.split(".").list.first())
        .join(failing, on="finding_id", how="left", maintain_order="left")
        .join(
            unknowns.select("finding_id", why="because").unique("finding_id", keep="first"),
            on="finding_id",
            how="left",
            maintain_order="left",
        )
        .join(scans, on=["account_id", "module"], how="left", maintain_order="left")
        .join(status, on="account_id", how="left", maintain_order="left")
    )
    active = pl.col("account_status").is_null() | (pl.col("account_status") == "ACTIVE")
    unverified = (
        pl.when(pl.col("system") == "resolved")
        .then(pl.lit(""))
        .when(~active)
        .then(pl.format("account is {}", pl.col("account_status")))
        .when(~pl.col("module").is_in(modules))
        .then(pl.format("module {} is switched off", "module"))
        .when(pl.col("outcome") == "failed")
        .then(pl.col("error"))
        .when(pl.col("verified_at").is_not_null())
        .then(pl.lit(""))
        .when(pl.col("why").is_not_null() & (pl.col("why") != ""))
        .then(pl.col("why"))
        .otherwise(pl.lit("the last scan did not list its resources there"))
    )
    return rows.with_columns(
        unverified=unverified,
        verified_at=pl.coalesce("verified_at", "complete_at"),
    ).drop("why", "complete_at", "outcome", "error", "account_status")
