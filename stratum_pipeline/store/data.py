"""The data folder: the latest scan of every account, and the queue made of them.

inventory/<module>/<table>/account=<id>.parquet   rows of one table
<kind>/<module>/account=<id>.parquet              a Kind: verdicts and what stands beside them
scan_status/<module>/account=<id>.json            written last: the scan counts from then on
accounts.parquet                                  one row per account
members.parquet                                   ids of the organization and its accounts
queue/<snapshot>/<name>.parquet                   the read model
queue/current.json                                replaced last: names the snapshot to read

Everything here can be made again by scanning. A frame without rows has no file, so an absent
file reads as None; whether the account was scanned at all is in its status. A file whose
content did not change is not rewritten.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import chain
from typing import Any, Literal

import polars as pl

from .encoding import canonical, from_json, from_parquet, to_parquet
from .errors import StoreError
from .objects import ObjectStore

Kind = Literal["verdicts", "unknowns", "observed", "populations", "gaps", "coverage"]

ACCOUNTS = "accounts.parquet"
MEMBERS = "members.parquet"
CURRENT = "queue/current.json"
SNAPSHOTS_KEPT = 3  # a reader may still be copying the one before the newest
READS_AT_ONCE = 16
PART_OF = re.compile(r"account=([^/.]+)\.parquet$")
STATUS = re.compile(r"scan_status/[^/]+/account=[^/.]+\.json")
SNAPSHOT = re.compile(r"queue/([^/]+)/[^/]+\.parquet")
REDISCOVER = "delete it: the next discovery of accounts writes it"
RESCAN = "delete it and scan again: `stratum scan`"


def table_key(module: str, table: str, account: str) -> str:
    return f"inventory/{module}/{table}/account={account}.parquet"


def part_key(kind: Kind, module: str, account: str) -> str:
    return f"{kind}/{module}/account={account}.parquet"


def status_key(module: str, account: str) -> str:
    return f"scan_status/{module}/account={account}.json"


def queue_key(snapshot_id: str, name: str) -> str:
    return f"queue/{snapshot_id}/{name}.parquet"


class Data:
    """Typed reads and writes over the layout. Account ids are strings of 12 digits."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self._scanned: set[str] = set()  # folders handed out as LazyFrames

    # One account

    def write_table(self, module: str, table: str, account: str, frame: pl.DataFrame) -> bool:
        """Make `frame` the account's rows of `table`; whether that changed anything."""
        return self._write(table_key(module, table, account), frame)

    def read_table(self, module: str, table: str, account: str) -> pl.DataFrame | None:
        return self._read(table_key(module, table, account), _rescan(account))

    def write_part(self, kind: Kind, module: str, account: str, frame: pl.DataFrame) -> bool:
        """Make `frame` what the latest scan says of that kind; whether that changed anything."""
        return self._write(part_key(kind, module, account), frame)

    def read_part(self, kind: Kind, module: str, account: str) -> pl.DataFrame | None:
        return self._read(part_key(kind, module, account), _rescan(account))

    # Many accounts

    def scan_tables(
        self,
        module: str,
        table: str,
        accounts: Collection[str] | None = None,
        schema: pl.Schema | None = None,
    ) -> pl.LazyFrame | None:
        """Rows of `table` in `accounts` (None: all), plus `account`, the one scanned.

        schema: the table's of today; a column that an older file lacks is null. None if no
        account has rows.
        """
        return self._scan(f"inventory/{module}/{table}/", accounts, schema)

    def scan_parts(
        self,
        kind: Kind,
        module: str,
        accounts: Collection[str] | None = None,
        schema: pl.Schema | None = None,
    ) -> pl.LazyFrame | None:
        """As `scan_tables`, of one kind."""
        return self._scan(f"{kind}/{module}/", accounts, schema)

    def collect(self, frame: pl.LazyFrame) -> pl.DataFrame:
        """Collect what the scans above began; what fails in storage is a StoreError.

        Polars does not say which file is damaged, so they are all read again to find it.
        """
        folders = sorted(self._scanned)
        try:
            return frame.collect()
        except OSError as error:
            for folder in folders:
                next(self.store.list(folder), None)  # wrong credentials are explained here
            places = ", ".join(self.store.url(folder[:-1]) for folder in folders)
            raise StoreError(f"cannot read {places}: {error}; run again") from error
        except (pl.exceptions.ComputeError, pl.exceptions.PanicException):
            for key, account in chain.from_iterable(map(self._accounts, folders)):
                self._read(key, _rescan(account))
            raise

    # Status: the commit point of a scan

    def superseded(self, module: str, account: str, started_at: str) -> bool:
        """Whether a scan that started after `started_at` is committed: then write no parts."""
        return _later(self.store.find(status_key(module, account)), _time(started_at))

    def write_status(self, module: str, account: str, status: Mapping[str, Any]) -> bool:
        """Commit a scan, after its tables and parts; False if a later one is committed.

        status: at least `started_at`, ISO 8601 with an offset. Two writers at once cannot
        make the older one win.
        """
        began = _time(status["started_at"])
        data = canonical({**status, "module": module, "account": account})

        def unless_later(stored: bytes | None) -> bytes | None:
            return None if _later(stored, began) else data

        return self.store.update(status_key(module, account), unless_later)

    def read_status(self, module: str, account: str) -> dict[str, Any] | None:
        return self._read_json(status_key(module, account), _rescan(account))

    def statuses(self) -> list[dict[str, Any]]:
        """Every status, ordered by module and account."""
        keys = [key for key in self.store.list("scan_status/") if STATUS.fullmatch(key)]

        def read(key: str) -> dict[str, Any] | None:
            return self._read_json(key, RESCAN)

        with ThreadPoolExecutor(READS_AT_ONCE) as pool:
            return [status for status in pool.map(read, keys) if status is not None]

    # The organization

    def write_accounts(self, frame: pl.DataFrame) -> bool:
        return self._write(ACCOUNTS, frame)

    def read_accounts(self) -> pl.DataFrame | None:
        return self._read(ACCOUNTS, REDISCOVER)

    def write_members(self, frame: pl.DataFrame) -> bool:
        """Make `frame` who belongs to us; one without rows: nobody knows."""
        return self._write(MEMBERS, frame)

    def read_members(self) -> pl.DataFrame | None:
        return self._read(MEMBERS, REDISCOVER)

    # The queue

    def publish_queue(
        self, snapshot_id: str, frames: Mapping[str, pl.DataFrame], head: Mapping[str, Any]
    ) -> None:
        """Store `frames` as a snapshot, make it current, drop old ones.

        snapshot_id: later ones sort later. Readers see the snapshot before or this one whole.
        """
        for name, frame in frames.items():
            self.store.put(queue_key(snapshot_id, name), to_parquet(frame))
        self.store.put(CURRENT, canonical({**head, "snapshot_id": snapshot_id}))
        self._prune(snapshot_id)

    def current_queue(self) -> dict[str, Any] | None:
        """The head of the current snapshot, with its `snapshot_id`; None before the first."""
        return self._read_json(CURRENT, "delete it: the next scan builds the queue")

    def read_queue(self, name: str) -> pl.DataFrame | None:
        """One frame of the current snapshot, empty ones included; None before the first."""
        head = self.current_queue()
        if head is None:
            return None
        key = queue_key(head["snapshot_id"], name)
        rebuild = f"delete {CURRENT}: the next scan builds the queue"
        return from_parquet(self.store.get(key), self.store.url(key), rebuild)

    def _prune(self, current: str) -> None:
        snapshots: dict[str, list[str]] = {}
        for key in self.store.list("queue/"):
            if found := SNAPSHOT.fullmatch(key):
                snapshots.setdefault(found[1], []).append(key)
        for old in sorted(snapshots.keys() - {current})[: -SNAPSHOTS_KEPT + 1]:
            for key in snapshots[old]:
                self.store.delete(key)

    # Frames under keys

    def _write(self, key: str, frame: pl.DataFrame) -> bool:
        stored = self.store.find(key)
        data = to_parquet(frame) if frame.height else None
        if data == stored:
            return False
        if data is None:
            self.store.delete(key)
        else:
            self.store.put(key, data)
        return True

    def _read(self, key: str, remedy: str) -> pl.DataFrame | None:
        data = self.store.find(key)
        return None if data is None else from_parquet(data, self.store.url(key), remedy)

    def _read_json(self, key: str, remedy: str) -> dict[str, Any] | None:
        data = self.store.find(key)
        return None if data is None else from_json(data, self.store.url(key), remedy)

    def _accounts(self, folder: str) -> Iterator[tuple[str, str]]:
        """(key, account) of the Parquet files directly in `folder`; other files are not ours."""
        for key in self.store.list(folder):
            if found := PART_OF.fullmatch(key, len(folder)):
                yield key, found[1]

    def _scan(
        self, folder: str, accounts: Collection[str] | None, schema: pl.Schema | None
    ) -> pl.LazyFrame | None:
        wanted = None if accounts is None else set(accounts)
        keys = [k for k, account in self._accounts(folder) if wanted is None or account in wanted]
        if not keys:
            return None
        self._scanned.add(folder)
        return self.store.scan(keys, schema, path_column="account").with_columns(
            pl.col("account").str.extract(PART_OF.pattern)
        )


def _rescan(account: str) -> str:
    return f"delete it and scan that account again: `stratum scan --accounts {account}`"


def _later(stored: bytes | None, began: datetime) -> bool:
    """Whether the stored status is of a scan after `began`; a damaged one is of none."""
    try:
        return stored is not None and _time(json.loads(stored)["started_at"]) > began
    except (KeyError, TypeError, ValueError):
        return False


def _time(iso: str) -> datetime:
    """`iso` as a moment; ValueError if it has no offset, for then it names none."""
    moment = datetime.fromisoformat(iso)
    if moment.tzinfo is None:
        raise ValueError(f"{iso!r} has no UTC offset")
    return moment
