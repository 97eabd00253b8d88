"""Questions about findings, answered from a queue: pages, counts, groups, ids."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from . import contract as c
from .detail import finding
from .facets import facets
from .read_model import Queue
from .rows import COLUMNS, decoded, short
from .where import Cursor, Order, Where, ask, join

__all__ = ["facets", "finding", "findings", "groups", "ids", "missing", "page"]

_PRIORITY, _TIME = ("priority", "INTEGER"), "TIMESTAMPTZ"
_SORTS = {
    "priority": (_PRIORITY,),
    "severity": (("severity", "t_severity"), _PRIORITY),
    "age": (("opened_at", _TIME),),
    "cost": (("monthly_usd", "DOUBLE"), _PRIORITY),
    "changed": (("status_at", _TIME),),
    "account": (("account_id", "t_account"),),
    "rule": (("rule_id", "t_rule"),),
}

_GROUPS = {
    "rule": ("rule_id", "t_rule"),
    "resource": ("resource", "INTEGER"),
    "root_cause": ("root", "INTEGER"),
}
_NOT_EMPTY = " AND root NOT IN (SELECT code FROM names WHERE name = '')"
_TOTALS = "SELECT count(*) AS total, coalesce(sum(findings), 0)::BIGINT AS counted FROM grouped"


def findings(queue: Queue, asked: c.FindingsQuery, now: datetime) -> c.Findings:
    """One page, and how many there are in all."""
    snapshot, where = queue.snapshot, Where(queue, asked, now)
    count = "SELECT count(*) FROM findings WHERE "
    total = ask(queue, where.beside(), count, where.over(), keep=True).item()
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
        *(where.beside(), f"SELECT {COLUMNS} FROM findings WHERE ", where.over(), " AND "),
        *(cursor.read(asked.cursor), f" ORDER BY {order.sql} LIMIT ?", ("", [limit + 1])),
    )
    return decoded(queue, rows.head(limit)), _behind(rows, limit, cursor)


def groups(queue: Queue, asked: c.GroupsQuery, now: datetime) -> c.Groups:
    """Findings that share a rule, a resource or a root cause, and how many groups there are."""
    snapshot, where = queue.snapshot, Where(queue, asked, now)
    column, kind = _GROUPS[asked.by]
    keys = (_PRIORITY, ("findings", "BIGINT"))
    order = Order(keys if asked.sort == "priority" else keys[::-1], True, ("code", kind))
    cursor = Cursor(queue, f"{asked.by} {asked.sort}", order)
    some = join(where.over(), _NOT_EMPTY if asked.by == "root_cause" else "")
    grouped = (
        f"grouped AS MATERIALIZED (SELECT {column} AS code, max(priority) AS priority, "
        "max(severity) AS severity, count(*) AS findings, min(opened_at) AS oldest "
        "FROM findings WHERE "
    )
    rows = ask(
        queue,
        where.beside(grouped, some, " GROUP BY code)"),
        f"SELECT * FROM ({_TOTALS}) LEFT JOIN (FROM grouped WHERE ",
        *(cursor.read(asked.cursor), f" ORDER BY {order.sql} LIMIT ?", ("", [asked.limit + 1])),
        f") ON true ORDER BY {order.sql}",
    )
    total, counted = rows.row(0)[:2]
    rows = rows.drop_nulls("code").cast({pl.Categorical: pl.String})
    shown = rows.head(asked.limit)
    # Of these groups alone: of all it would cost three times the rest.
    spread = f"SELECT {column} AS code, count(DISTINCT account_id) AS accounts FROM findings WHERE "
    among = (f" AND {column} IN (SELECT unnest(?)::{kind})", [shown["code"].to_list()])
    accounts = ask(queue, where.beside(), spread, some, among, " GROUP BY code")
    shown = shown.join(accounts.cast({pl.Categorical: pl.String}), on="code", maintain_order="left")
    shown = shown.join(_labels(queue, asked.by, shown), on="code", maintain_order="left")
    items = shown.select(*c.Group.model_fields).to_dicts()
    return c.Groups(
        items=tuple(c.Group.model_validate(row) for row in items),
        total=total,
        findings=counted,
        next=_behind(rows, asked.limit, cursor),
        snapshot=snapshot,
    )


def _labels(queue: Queue, by: str, groups: pl.DataFrame) -> pl.DataFrame:
    """code, key, label of `groups`."""
    codes = groups.select("code")
    if by == "rule":
        titles = queue.fixed("SELECT rule_id AS code, title FROM rules")
        labels = codes.join(titles, on="code", how="left")
        return labels.select("code", key="code", label=pl.coalesce("title", "code"))
    names = "SELECT code, name AS key FROM names WHERE code IN (SELECT unnest(?))"
    return queue.rows(names, codes["code"].to_list()).with_columns(label=short("key"))


def ids(queue: Queue, asked: c.Filter, now: datetime) -> list[str]:
    """Of all findings that match, in order."""
    where = Where(queue, asked, now)
    listed = "SELECT finding_id FROM findings WHERE "
    rows = ask(queue, where.beside(), listed, where.over(), " ORDER BY finding_id")
    return rows["finding_id"].to_list()


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
