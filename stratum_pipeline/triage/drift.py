"""Drift: what scans found changed, read from the data folder, the newest first.

The read model is of now; changes are history and stay where scans put them, one file per scan,
account and module. One answer lists at most DAYS days, a request each per thousand files, and
reads at most FILES files, of those whose names fit. The cursor says where the next goes on.
"""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

import polars as pl

from stratum_pipeline.store.changes import ChangeFile, of_day, read
from stratum_pipeline.store.data import READS_AT_ONCE, Data

from . import contract as c
from . import problems
from .coverage import scoped
from .read_model import Queue
from .rows import short

WINDOW = timedelta(days=7)
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # no scan before it kept what changed
DAYS, DAYS_AT_ONCE, FILES = 31, 8, 480
MOST_TEXT = 4_000
ALL_ROWS, BEHIND_ALL = 2**31, "~"
COPIED = (
    "at",
    "scan_id",
    "account_id",
    "region",
    "module",
    "table",
    "incarnation",
    "what",
    "column",
)

Place = tuple[ChangeFile, int]
"""Where a page ended: a file, and a row of it."""


def drift(data: Data, queue: Queue, asked: c.DriftQuery, now: datetime) -> c.Drift:
    """The changes asked for; ApiError if the window ends before it begins."""
    until = min(max(asked.until or now, EARLIEST), now)
    since = asked.since or until - WINDOW
    if asked.since and since > (asked.until or now):
        raise problems.invalid("the window ends before it begins: since is after until, or now.")
    since = max(since, EARLIEST - WINDOW)
    place = _read(asked.cursor)
    rows = list[dict[str, Any]]()
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        search = _Search(data, queue, asked, since, until, place, pool)
        for row in search.rows():
            if len(rows) == asked.limit:
                search.place = rows[-1]["file"], rows[-1]["row"]
                break
            rows.append(row)
    return c.Drift(
        items=_items(queue, rows),
        since=since,
        until=until,
        searched_to=search.place[0].at if search.place else since,
        next=_written(search.place) if search.place else "",
        snapshot=queue.snapshot,
    )


class _Search:
    """One walk back through the window; place: where it ended, None at the window's end."""

    def __init__(
        self,
        data: Data,
        queue: Queue,
        asked: c.DriftQuery,
        since: datetime,
        until: datetime,
        place: Place | None,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._store, self._asked, self._pool = data.store, asked, pool
        self._since, self._until, self._from = since, until, place
        self._accounts, self._modules = _accounts(queue, asked), _modules(asked)
        self.place: Place | None = None

    def rows(self) -> Iterator[dict[str, Any]]:
        """Rows of Changes that fit, each with its file and row."""
        left, begin = FILES, min(self._until, self._from[0].at) if self._from else self._until
        days = (begin.date() - self._since.date()).days + 1
        for first in range(0, min(days, DAYS), DAYS_AT_ONCE):
            some = range(first, min(first + DAYS_AT_ONCE, days, DAYS))
            listed = self._pool.map(
                partial(of_day, self._store), [begin.date() - timedelta(days=n) for n in some]
            )
            files = [file for day in listed for file in day if self._fits(file)]
            for at in range(0, min(len(files), left), READS_AT_ONCE):
                batch = files[at : min(at + READS_AT_ONCE, left)]
                frames = self._pool.map(partial(read, self._store), batch)
                for file, changes in zip(batch, frames, strict=True):
                    yield from self._matching(file, changes)
            if len(files) > left:
                self.place = files[left - 1], ALL_ROWS
                return
            left -= len(files)
        if days > DAYS:
            next_day = datetime.combine(begin.date() - timedelta(days=DAYS), time.max, UTC)
            self.place = ChangeFile(next_day, BEHIND_ALL, BEHIND_ALL), ALL_ROWS

    def _fits(self, file: ChangeFile) -> bool:
        return (
            self._since <= file.at <= self._until
            and (self._from is None or file <= self._from[0])
            and (self._accounts is None or file.account in self._accounts)
            and (self._modules is None or file.module in self._modules)
        )

    def _matching(self, file: ChangeFile, changes: pl.DataFrame) -> Iterator[dict[str, Any]]:
        fits = pl.lit(True)
        if self._asked.resource:
            fits &= pl.col("arn") == self._asked.resource
        if self._asked.what:
            fits &= pl.col("what").is_in(self._asked.what)
        if self._from and file == self._from[0]:
            fits &= pl.col("row") > self._from[1]
        for row in changes.with_row_index("row").filter(fits).iter_rows(named=True):
            yield row | {"file": file}


def _accounts(queue: Queue, asked: c.DriftQuery) -> set[str] | None:
    """Of which accounts; None: of all."""
    wanted = set(asked.account) or None
    owner = asked.resource.split(":")[4:5]  # many an ARN names it, and so the files to read
    limits = [set(owner)] if owner and owner[0].isdecimal() else []
    if asked.scope.startswith(("ou:", "account:")):
        where, params = scoped(asked.scope, "account_id::VARCHAR", "ou", "''")
        found = queue.rows(f"SELECT account_id::VARCHAR AS id FROM accounts WHERE {where}", *params)
        named = asked.scope.partition(":")[2]
        limits.append({*found["id"], *([named] if named.isdecimal() else [])})
    for limit in limits:
        wanted = limit if wanted is None else wanted & limit
    return wanted


def _modules(asked: c.DriftQuery) -> set[str] | None:
    """Of which modules; None: of all."""
    wanted = set(asked.module) or None
    kind, _, named = asked.scope.partition(":")
    if kind != "module":
        return wanted
    return {named} if wanted is None else wanted & {named}


def _items(queue: Queue, rows: list[dict[str, Any]]) -> tuple[c.Drifted, ...]:
    names = dict(queue.rows("SELECT account_id::VARCHAR, name FROM accounts").iter_rows())
    last = pl.DataFrame({"arn": [row["arn"] for row in rows]}, schema={"arn": pl.String})
    return tuple(
        c.Drifted(
            account_name=names.get(row["account_id"], row["account_id"]),
            resource=resource,
            resource_arn=row["arn"],
            was=row["was"][:MOST_TEXT],
            now=row["now"][:MOST_TEXT],
            cut=max(len(row["was"]), len(row["now"])) > MOST_TEXT,
            **{name: row[name] for name in COPIED},
        )
        for row, resource in zip(rows, last.select(short("arn")).to_series(), strict=True)
    )


def _written(place: Place) -> str:
    (at, module, account), row = place
    said = json.dumps([at.isoformat(), module, account, row], separators=(",", ":"))
    return base64.urlsafe_b64encode(said.encode()).decode()


def _read(cursor: str) -> Place | None:
    if not cursor:
        return None
    try:
        at, module, account, row = json.loads(base64.urlsafe_b64decode(cursor))
        moment = datetime.fromisoformat(at).astimezone(UTC)
        if type(module) is str and type(account) is str and type(row) is int:
            return ChangeFile(max(moment, EARLIEST - WINDOW), module, account), row
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise problems.invalid("the cursor is not one of this API's.") from error
    raise problems.invalid("the cursor is not one of this API's.")
