"""Rows of the contract, out of rows of `findings`.

Decoded here and not by joins: to plan five of them costs DuckDB more than to find a page.
"""

from typing import Any

import polars as pl

from . import contract as c
from .read_model import Queue

COLUMNS = """
    finding_id, rule_id, module, title, severity, status, priority, cause, account_id, region,
    resource, exposed, assignee, acknowledged <> 0 AS acknowledged, suppressed_until, opened_at,
    status_at, verified_at, unverified, monthly_usd
"""
"""What to select of `findings`; what stands beside them is kept."""

_NAMES = "SELECT code AS resource, name AS resource_arn FROM names WHERE code IN (SELECT unnest(?))"
_ACCOUNTS = "SELECT account_id::VARCHAR AS account_id, name AS account_name, ou FROM accounts"


def decoded(queue: Queue, found: pl.DataFrame) -> pl.DataFrame:
    """`found`, of COLUMNS and whatever else, with the columns of Row; in the same order."""
    names = queue.rows(_NAMES, found["resource"].unique().to_list())
    assignees = people(queue, found["assignee"].max()).rename({"code": "assignee"})
    rows = (
        found.cast({pl.Categorical: pl.String})
        .join(names, on="resource", how="left", maintain_order="left")
        .join(assignees, on="assignee", how="left", maintain_order="left")
        .join(queue.fixed(_ACCOUNTS), on="account_id", how="left", maintain_order="left")
    )
    return rows.with_columns(
        pl.col("account_name", "ou").fill_null(""), resource=short("resource_arn"), assignee="id"
    ).select(*c.Row.model_fields, *(n for n in found.columns if n not in c.Row.model_fields))


def people(queue: Queue, highest: Any) -> pl.DataFrame:
    """code, id: those with codes up to `highest` at least."""
    known = queue.kept("FROM people")
    # An overlay may have added some between that answer and the rows that name them.
    new = highest is not None and highest > known["code"].max()
    return queue.rows("FROM people") if new else known


def short(arn: str) -> pl.Expr:
    """The last part of the ARN in the column `arn`, to read; the whole of what is none."""
    last = pl.col(arn).str.splitn(":", 6).struct.field("field_5")
    return pl.when(last != "").then(last).otherwise(arn)
