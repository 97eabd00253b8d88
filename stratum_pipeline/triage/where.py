"""What a filter asks, as SQL over `findings`; and cursors, which say where a page ended.

SQL is made of constants alone: whatever was asked is a parameter.
"""

import base64
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

import duckdb
import polars as pl

from . import problems
from .contract import Age, Filter
from .read_model import Queue

Part = tuple[str, list[Any]]
"""SQL, and the parameters of its ?, in order."""

AGES: tuple[Age, ...] = get_args(Age)
DAYS = (7, 30, 90)  # between one age and the next
AGE = " + ".join(["(opened_at <= ?)::UTINYINT"] * len(DAYS))
"""Index into AGES of a finding's age; the parameters are `bounds`."""

COLUMNS = {
    "severity": "severity",
    "status": "status",
    "module": "module",
    "account": "account_id",
    "rule": "rule_id",
    "region": "region",
    "cause": "cause",
}
"""The column of `findings` that a field of Filter speaks of."""

_CODED = {
    "assignee": ("assignee", "people", "id"),
    "resource": ("resource", "names", "name"),
    "root_cause": ("root", "names", "name"),
}
_FEW = """
    SELECT 'rule_id' AS what, value::VARCHAR AS value
    FROM (SELECT unnest(enum_range(NULL::t_rule)) AS value)
    WHERE contains(lower(value::VARCHAR), $1)
    UNION ALL
    SELECT 'title', value::VARCHAR
    FROM (SELECT unnest(enum_range(NULL::t_title)) AS value)
    WHERE contains(lower(value::VARCHAR), $1)
    UNION ALL
    SELECT 'account_id', value::VARCHAR
    FROM (SELECT unnest(enum_range(NULL::t_account)) AS value)
    LEFT JOIN accounts ON account_id = value
    WHERE contains(value::VARCHAR, $1) OR contains(lower(name), $1)
"""
_HITS = "hits AS MATERIALIZED (SELECT code FROM names WHERE contains(coalesce(folded, name), ?)), "


def short(name: str) -> str:
    """SQL: the last part of the ARN in the column `name`, to read."""
    last = f"array_to_string(string_split({name}, ':')[6:], ':')"
    return f"coalesce(nullif({last}, ''), {name})"


ROWS = f"""
    SELECT f.finding_id, f.rule_id, f.module, f.title, f.severity, f.status, f.priority, f.cause,
           f.account_id, coalesce(a.name, '') AS account_name, coalesce(a.ou, '') AS ou, f.region,
           n.name AS resource_arn, {short("n.name")} AS resource,
           f.exposed, assigned.id AS assignee, f.acknowledged <> 0 AS acknowledged,
           f.suppressed_until, f.opened_at, f.status_at, f.verified_at, f.unverified
    FROM page f
    JOIN names n ON n.code = f.resource
    JOIN people assigned ON assigned.code = f.assignee
    LEFT JOIN accounts a USING (account_id)
"""
"""Rows of the contract, of the findings in `page`."""


def bounds(now: datetime) -> list[datetime]:
    return [now - timedelta(days=days) for days in DAYS]


def ask(queue: Queue, *pieces: str | Part) -> pl.DataFrame:
    """The answer to `pieces` joined into one query; ApiError if a cursor's values are none."""
    sql, params = join(*pieces)
    try:
        return queue.rows(sql, *params)
    except duckdb.ConversionException as error:
        raise problems.invalid("the cursor is not one of this API's.") from error


def join(*pieces: str | Part) -> Part:
    """`pieces` behind one another."""
    parts = [piece if isinstance(piece, tuple) else (piece, []) for piece in pieces]
    return "".join(sql for sql, _ in parts), [value for _, params in parts for value in params]


class Where:
    """The conditions of a filter, by field.

    lookup: what stands between WITH and the first table of a query that uses them.
    slow: one costs more than reading `findings` does, so is better asked once.
    """

    def __init__(self, queue: Queue, asked: Filter, now: datetime) -> None:
        text = asked.text.strip().lower()
        self.lookup: Part = (_HITS, [text]) if text else ("", [])
        self.slow = bool(text) or asked.entry is not None
        self._parts = dict(_conditions(asked, now))
        if text:
            self._parts["text"] = _containing(queue, text)

    def over(self, only: Collection[str] | None = None, but: Collection[str] = ()) -> Part:
        """The conditions of the fields `only` (None: all) but those of `but`, as one."""
        parts: list[str | Part] = ["true"]
        for field, part in self._parts.items():
            if (only is None or field in only) and field not in but:
                parts += [" AND ", part]
        return join(*parts)


def _conditions(asked: Filter, now: datetime) -> Iterator[tuple[str, Part]]:
    kind, _, named = asked.scope.partition(":")
    if kind == "ou":
        ou = "SELECT account_id FROM accounts WHERE ou = ? OR starts_with(ou, ? || '/')"
        yield "scope", (f"account_id IN ({ou})", [named, named])
    elif kind != "organization":
        yield "scope", (f"list_contains(?, {COLUMNS[kind]}::VARCHAR)", [[named]])
    for field, column in COLUMNS.items():
        if chosen := getattr(asked, field):
            # Cast, so that a value nobody has is no error; DuckDB compares codes all the same.
            yield field, (f"list_contains(?, {column}::VARCHAR)", [list(chosen)])
    for field, (column, table, name) in _CODED.items():
        if chosen := getattr(asked, field):
            codes = f"SELECT code FROM {table} WHERE {name} IN (SELECT unnest(?))"
            yield field, (f"{column} IN ({codes})", [list(chosen)])
    if asked.age:
        chosen = [AGES.index(age) for age in asked.age]
        yield "age", (f"list_contains(?, {AGE})", [chosen, *bounds(now)])
    if asked.unverified is not None:
        yield "unverified", ("(unverified <> '') = ?", [asked.unverified])
    if asked.entry is not None:
        spoken_of = "SELECT finding_id FROM v1_events WHERE seq = ?"
        yield "entry", (f"finding_id IN ({spoken_of})", [asked.entry])


def _containing(queue: Queue, text: str) -> Part:
    """`text` stands in a finding's words: few rules, titles and accounts, many names."""
    found = queue.rows(_FEW, text)
    sql = "resource IN (SELECT code FROM hits) OR root IN (SELECT code FROM hits)"
    params: list[Any] = []
    for (column,), values in found.group_by("what"):
        sql += f" OR list_contains(?, {column}::VARCHAR)"
        params.append(values["value"].to_list())
    return f"({sql})", params


@dataclass(frozen=True)
class Order:
    """How a list is sorted: `keys` (column, SQL type) in one direction, then `tie` upwards."""

    keys: tuple[tuple[str, str], ...]
    descending: bool
    tie: tuple[str, str] = ("finding_id", "VARCHAR")

    @property
    def sql(self) -> str:
        way = "DESC" if self.descending else "ASC"
        return ", ".join([*(f"{column} {way}" for column, _ in self.keys), f"{self.tie[0]} ASC"])

    def after(self, last: Sequence[str]) -> Part:
        """What comes behind the row with these values of the keys and the tie."""
        tie, tie_type = self.tie
        sql, params = f"{tie} > ?::{tie_type}", [last[-1]]
        beyond = "<" if self.descending else ">"
        for (column, kind), value in zip(reversed(self.keys), last[-2::-1], strict=True):
            sql = f"({column} {beyond} ?::{kind} OR ({column} = ?::{kind} AND {sql}))"
            params = [value, value, *params]
        # The same again of the first key alone: what a scan can skip blocks by.
        column, kind = self.keys[0]
        return f"{column} {beyond}= ?::{kind} AND {sql}", [last[0], *params]


class Cursor:
    """Where a page ended: valid for one snapshot and one order.

    mark: names the order, so that a cursor of another is refused.
    """

    def __init__(self, queue: Queue, mark: str, order: Order) -> None:
        self._head = [queue.id, mark, order.descending]
        self._order = order

    def write(self, last: Mapping[str, Any]) -> str:
        """The cursor behind the row `last`."""
        keys = [name for name, _ in (*self._order.keys, self._order.tie)]
        said = json.dumps([*self._head, *(str(last[key]) for key in keys)], separators=(",", ":"))
        return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")

    def read(self, cursor: str) -> Part:
        """The condition that a page behind `cursor` begins with; ApiError if it has no place."""
        if not cursor:
            return "true", []
        try:
            said = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            snapshot, *head = said[:3]
            last = [str(value) for value in said[3:]]
        except (ValueError, TypeError) as error:
            raise problems.invalid("the cursor is not one of this API's.") from error
        if snapshot != self._head[0]:
            raise problems.cursor_expired()
        if head != self._head[1:] or len(last) != len(self._order.keys) + 1:
            raise problems.invalid("the cursor is of another order: start from the first page.")
        return self._order.after(last)
