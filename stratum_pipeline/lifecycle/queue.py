"""The queue: what the read model holds, computed from the ledger and the latest verdicts.

Everything here can be thrown away and built again: it has no memory of its own.
"""

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from stratum_pipeline.kernel.correlate import Correlation

from .events import Accounts
from .fold import State, findings
from .priority import contexts, prioritise

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


def build(
    state: State,
    as_of: datetime,
    failing: pl.DataFrame,
    unknowns: pl.DataFrame,
    correlations: Iterable[Correlation],
    modules: Iterable[str],
) -> dict[str, pl.DataFrame]:
    """The frames of the read model by name: findings, details, events, accounts, scans,
    entries, views.

    failing: finding_id, verified_at of what the latest scans saw fail. unknowns: of Unknowns,
    from the latest scans. modules: those switched on.
    findings is sorted by (priority desc, finding_id), details and events by finding_id.
    """
    known = findings(state, as_of)
    context = contexts(known, correlations)
    rows = prioritise(known, context, state.accounts)
    rows = _verified(rows, state, failing, unknowns, list(modules))
    details = [n for n in rows.columns if n not in NARROW]
    return {
        "findings": rows.select(NARROW).sort(["priority", "finding_id"], descending=[True, False]),
        "details": rows.select("finding_id", *details).sort("finding_id"),
        "events": state.timeline.sort("finding_id", "order"),
        "accounts": state.accounts,
        "scans": state.scans.sort("account_id", "module"),
        "entries": state.entries,
        "views": state.views,
    }


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
