"""What a filter asks, as SQL over `findings`; and cursors, which say where a page ended.

SQL is made of constants alone: whatever was asked is a parameter.
"""

import base64
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import polars as pl

from . import problems
from .contract import Age, Filter
from .read_model import Queue

Part = tuple[str, list[Any]]
"""SQL, and the parameters of its ?, in order."""

DAYS: Mapping[Age, tuple[int | None, int | None]] = {
    "under_7_days": (None, 7),
    "7_to_30_days": (7, 30),
    "30_to_90_days": (30, 90),
    "over_90_days": (90, None),
}
"""From how many days, and below how many."""

_COLUMNS = {
    "severity": ("severity", "t_severity"),
    "status": ("status", "t_status"),
    "module": ("module", "t_module"),
    "account": ("account_id", "t_account"),
    "rule": ("rule_id", "t_rule"),
    "region": ("region", "t_region"),
    "cause": ("cause", "t_cause"),
}
_CODED = {
    "assignee": ("assignee", "people", "id"),
    "resource": ("resource", "names", "name"),
    "root_cause": ("root", "names", "name"),
}
_WORDS = """
    SELECT 'rule_id' AS of, value::VARCHAR AS value, lower(value::VARCHAR) AS words
    FROM (SELECT unnest(enum_range(NULL::t_rule)) AS value)
    UNION ALL
    SELECT 'title', value::VARCHAR, lower(value::VARCHAR)
    FROM (SELECT unnest(enum_range(NULL::t_title)) AS value)
    UNION ALL
    SELECT 'account_id', value::VARCHAR, concat_ws(chr(0), value::VARCHAR, lower(name))
    FROM (SELECT unnest(enum_range(NULL::t_account)) AS value)
    LEFT JOIN accounts ON account_id = value
"""
_UNITS = "SELECT unnest(enum_range(NULL::t_unit))::VARCHAR AS unit"
_WORDY = {"rule_id": "t_rule", "title": "t_title", "account_id": "t_account"}
_NAMES = "SELECT code FROM names WHERE contains(coalesce(folded, name), ?)"
FEW = 2_000  # names or findings that are looked up once; more are by each query


def ago(days: int, now: datetime) -> datetime:
    """By the minute: what is asked twice within one is the same query."""
    return now.replace(second=0, microsecond=0) - timedelta(days=days)


def _aged(age: Age, now: datetime) -> Part:
    since, until = DAYS[age]
    bounds = [] if since is None else [("opened_at <= ?", [ago(since, now)])]
    bounds += [] if until is None else [("opened_at > ?", [ago(until, now)])]
    return join("(", join(*bounds, by=" AND "), ")")


def ask(queue: Queue, *pieces: str | Part, keep: bool = False) -> pl.DataFrame:
    """The answer to `pieces` joined into one query; ApiError if a cursor's values are none."""
    sql, params = join(*pieces)
    try:
        return queue.kept(sql, *params) if keep else queue.rows(sql, *params)
    except duckdb.ConversionException as error:
        raise problems.invalid("the cursor is not one of this API's.") from error


def join(*pieces: str | Part, by: str = "") -> Part:
    """`pieces` behind one another, `by` between them."""
    parts = [piece if isinstance(piece, tuple) else (piece, []) for piece in pieces]
    return by.join(sql for sql, _ in parts), [value for _, params in parts for value in params]


class Where:
    """The conditions of a filter, by field.

    slow: one costs more than reading `findings` does, so is better asked once.
    """

    def __init__(self, queue: Queue, asked: Filter, now: datetime) -> None:
        text = asked.text.strip().lower()
        self._parts = dict(_conditions(queue, asked, now))
        self._hits: Part = ("", [])
        if text:
            self._hits, self._parts["text"] = _containing(queue, text)
        dear = [field for field in ("text", "entry") if field in self._parts]
        self.slow = bool(dear)
        if dear:
            self._look_up(queue, dear)

    def _look_up(self, queue: Queue, fields: list[str]) -> None:
        """Make the conditions of `fields` one on rows, if few findings fulfil them."""
        some = join("SELECT rowid AS id FROM findings WHERE ", self.over(fields), " LIMIT ?")
        found = ask(queue, self.beside(), some, ("", [FEW + 1]), keep=True)["id"].to_list()
        if len(found) <= FEW:
            self._hits = ("", [])
            rest = {field: part for field, part in self._parts.items() if field not in fields}
            self._parts = rest | {"found": ("rowid IN (SELECT unnest(?::BIGINT[]))", [found])}

    def beside(self, *table: str | Part) -> Part:
        """What a query begins with: the names its conditions look up, and `table`."""
        own = join(*table)
        if not self._hits[0]:
            return join("WITH ", own, " ") if own[0] else own
        return join("WITH ", self._hits, ", " if own[0] else " ", own, " ")

    def over(self, only: Collection[str] | None = None, but: Collection[str] = ()) -> Part:
        """The conditions of the fields `only` (None: all) but those of `but`, as one."""
        parts = [
            part
            for field, part in self._parts.items()
            if (only is None or field in only) and field not in but
        ]
        return join("true", *parts, by=" AND ")

    def counted_by(self, dimensions: Collection[str], but: Collection[str]) -> bool:
        """Whether all conditions but those of the fields `but` are of `dimensions`."""
        return self._parts.keys() <= {*dimensions, *but}


def _conditions(queue: Queue, asked: Filter, now: datetime) -> Iterator[tuple[str, Part]]:
    kind, _, named = asked.scope.partition(":")
    if kind == "ou":
        below = [ou for ou in queue.fixed(_UNITS)["unit"] if f"{ou}/".startswith(f"{named}/")]
        ends = [below[0], below[-1]] if below else []
        yield "in_ou", ("unit BETWEEN ?::t_unit AND ?::t_unit" if below else "false", ends)
    elif kind != "organization":
        yield f"in_{kind}", _any_of(*_COLUMNS[kind], [named])
    for field, column in _COLUMNS.items():
        if chosen := getattr(asked, field):
            yield field, _any_of(*column, list(chosen))
    for field, (column, table, name) in _CODED.items():
        if chosen := getattr(asked, field):
            codes = f"SELECT code FROM {table} WHERE {name} IN (SELECT unnest(?))"
            yield field, (f"{column} IN ({codes})", [list(chosen)])
    if asked.age:
        yield "age", join("(", join(*(_aged(age, now) for age in asked.age), by=" OR "), ")")
    if asked.unverified is not None:
        yield "unverified", ("(unverified <> '') = ?", [asked.unverified])
    if asked.entry is not None:
        spoken_of = "SELECT finding_id FROM v1_events WHERE seq = ?"
        yield "entry", (f"finding_id IN ({spoken_of})", [asked.entry])


def _any_of(column: str, kind: str, values: list[str]) -> Part:
    """`column` is one of `values`, of which the ENUM `kind` may lack some."""
    if len(values) == 1:  # compared by code, and whole blocks are skipped
        return f"{column}::VARCHAR = ?", values
    return f"{column} IN (SELECT TRY_CAST(unnest(?) AS {kind}))", [values]


def _containing(queue: Queue, text: str) -> tuple[Part, Part]:
    """That `text` stands in a finding's words; before it the table that looks up names."""
    hits: Part = (f"hits AS MATERIALIZED ({_NAMES})", [text])
    codes = queue.fixed(f"{_NAMES} LIMIT ?", text, FEW + 1)["code"].to_list()
    if len(codes) <= FEW:
        hits = ("hits AS MATERIALIZED (SELECT unnest(?) AS code)", [codes])
    words = queue.fixed(_WORDS).filter(pl.col("words").str.contains(text, literal=True))
    found = [
        _any_of(column, kind, values)
        for column, kind in _WORDY.items()
        if (values := words.filter(pl.col("of") == column)["value"].to_list())
    ]
    if codes:
        found += [(f"{column} IN (SELECT code FROM hits)", []) for column in ("resource", "root")]
    return (hits if codes else ("", [])), join("(", join("false", *found, by=" OR "), ")")


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
