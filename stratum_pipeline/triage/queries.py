"""Questions about findings, answered from a queue: pages, counts, groups, ids."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from . import contract as c
from .detail import finding
from .facets import facets
from .read_model import Queue
from .where import ROWS, Cursor, Order, Where, ask, join, short

__all__ = ["facets", "finding", "findings", "groups", "ids", "missing", "page"]

_PRIORITY, _TIME = ("priority", "INTEGER"), "TIMESTAMPTZ"
_SORTS = {
    "priority": (_PRIORITY,),
    "severity": (("severity", "t_severity"), _PRIORITY),
    "age": (("opened_at", _TIME),),
    "changed": (("status_at", _TIME),),
    "account": (("account_id", "t_account"),),
    "rule": (("rule_id", "t_rule"),),
}

_NAMES = ("INTEGER", "LEFT JOIN names n ON n.code = shown.code", "n.name", short("n.name"))
_GROUPS = {
    "rule": (
        "rule_id",
        "t_rule",
        "LEFT JOIN rules r ON r.rule_id = shown.code",
        "shown.code::VARCHAR",
        "coalesce(r.title, shown.code::VARCHAR)",
    ),
    "resource": ("resource", *_NAMES),
    "root_cause": ("root", *_NAMES),
}
_NOT_EMPTY = " AND root NOT IN (SELECT code FROM names WHERE name = '')"


def findings(queue: Queue, asked: c.FindingsQuery, now: datetime) -> c.Findings:
    """One page, and how many there are in all."""
    snapshot, where = queue.snapshot, Where(queue, asked, now)
    count = join("WITH ", where.lookup, "base AS (FROM findings WHERE ", where.over(), ")")
    total = ask(queue, count, " SELECT count(*) FROM base", keep=True).item()
    rows, after = page(queue, asked, where)
    items = tuple(c.Row.model_validate(row) for row in rows.to_dicts())
    return c.Findings(items=items, total=total, next=after, snapshot=snapshot)


def page(
    queue: Queue, asked: c.FindingsQuery, where: Where, limit: int | None = None
) -> tuple[pl.DataFrame, str]:
    """Rows of the contract as a frame, and the cursor behind them; "" if they are the last.

    limit: instead of the contract's.
    """
    limit = limit or asked.limit
    # The oldest have the most age and the earliest date.
    descending = asked.descending != (asked.sort == "age")
    order = Order(_SORTS[asked.sort], descending)
    cursor = Cursor(queue, asked.sort, order)
    rows = ask(
        queue,
        join("WITH ", where.lookup, "page AS (FROM findings WHERE ", where.over(), " AND "),
        join(cursor.read(asked.cursor), f" ORDER BY {order.sql} LIMIT ?)", ("", [limit + 1])),
        f"{ROWS} ORDER BY {order.sql}",
    )
    return rows.head(limit), _behind(rows, limit, cursor)


def groups(queue: Queue, asked: c.GroupsQuery, now: datetime) -> c.Groups:
    """Findings that share a rule, a resource or a root cause, and how many groups there are."""
    snapshot, where = queue.snapshot, Where(queue, asked, now)
    column, kind, names, key, label = _GROUPS[asked.by]
    keys = (_PRIORITY, ("findings", "BIGINT"))
    order = Order(keys if asked.sort == "priority" else keys[::-1], True, ("code", kind))
    cursor = Cursor(queue, f"{asked.by} {asked.sort}", order)
    behind, limit = cursor.read(asked.cursor), ("", [asked.limit + 1])
    # Accounts are counted of the groups that are shown alone: of all it costs thrice the rest.
    rows = ask(
        queue,
        *("WITH ", where.lookup),
        f"""base AS (
            SELECT {column} AS code, priority, severity, account_id, opened_at
            FROM findings WHERE """,
        *(where.over(), _NOT_EMPTY if asked.by == "root_cause" else "", "),"),
        """grouped AS MATERIALIZED (
            SELECT code, max(priority) AS priority, max(severity) AS severity,
                   count(*) AS findings, min(opened_at) AS oldest
            FROM base GROUP BY code),
        shown AS MATERIALIZED (FROM grouped WHERE """,
        *(behind, f" ORDER BY {order.sql} LIMIT ?),", limit),
        f"""spread AS (
            SELECT code, count(DISTINCT account_id) AS accounts FROM base
            WHERE code IN (SELECT code FROM shown) GROUP BY code)
        SELECT total, counted, shown.*, accounts, {key} AS key, {label} AS label
        FROM (SELECT count(*) AS total, coalesce(sum(findings), 0)::BIGINT AS counted FROM grouped)
        LEFT JOIN shown ON true
        LEFT JOIN spread USING (code)
        {names}
        ORDER BY {order.sql}""",
    )
    total, counted = rows.row(0)[:2]
    rows = rows.drop_nulls("code")
    shown = rows.head(asked.limit).select(*c.Group.model_fields)
    return c.Groups(
        items=tuple(c.Group.model_validate(row) for row in shown.to_dicts()),
        total=total,
        findings=counted,
        next=_behind(rows, asked.limit, cursor),
        snapshot=snapshot,
    )


def ids(queue: Queue, asked: c.Filter, now: datetime) -> list[str]:
    """Of all findings that match, in order."""
    where = Where(queue, asked, now)
    listed = "SELECT finding_id FROM base ORDER BY finding_id"
    base = join("WITH ", where.lookup, "base AS (FROM findings WHERE ", where.over(), ") ")
    return ask(queue, base, listed)["finding_id"].to_list()


def missing(queue: Queue, finding_ids: Sequence[str]) -> list[str]:
    """Those of `finding_ids` that the queue does not know, in order."""
    asked = pl.DataFrame({"finding_id": finding_ids}, schema={"finding_id": pl.String})
    known = queue.rows(
        "SELECT finding_id FROM findings WHERE finding_id IN (SELECT unnest(?))", list(finding_ids)
    )
    return asked.join(known, on="finding_id", how="anti", maintain_order="left")[
        "finding_id"
    ].to_list()


def _behind(rows: pl.DataFrame, limit: int, cursor: Cursor) -> str:
    """The cursor behind row `limit`; "" if there is nothing more."""
    return cursor.write(rows.row(limit - 1, named=True)) if rows.height > limit else ""
