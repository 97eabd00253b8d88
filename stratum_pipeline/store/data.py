"""The data folder: the latest scan of every account, and the queue made of them.

inventory/<module>/<table>/account=<id>.parquet   rows of one table
<kind>/<module>/account=<id>.parquet              a Kind: verdicts and what stands beside them
scan_status/<module>/account=<id>.json            written last: the scan counts from then on
scan_news/...                                     that it was written, until it is recorded
changes/<day>/<time>-<module>-<account>.parquet   what a scan found changed; else no file
accounts.parquet                                  one row per account
members.parquet                                   ids of the organization and its accounts
queue/<snapshot>/<name>.parquet                   the read model; LAYERED over an earlier one
queue/current.json                                replaced last: names the snapshot to read
checkpoint/<snapshot>/<name>.parquet              the folded ledger, for speed alone
checkpoint/current.json                           replaced last, as the queue's

All but `changes` can be made again by scanning. A frame without rows has no file, so an absent
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

from . import news
from .encoding import canonical, digest, from_json, from_parquet, to_parquet
from .errors import StoreError
from .objects import ObjectStore

Kind = Literal[
    "verdicts", "unknowns", "observed", "populations", "gaps", "coverage", "listed", "unsettled"
]

ACCOUNTS = "accounts.parquet"
MEMBERS = "members.parquet"
CURRENT = "queue/current.json"
CHECKPOINT = "checkpoint/current.json"
SNAPSHOTS_KEPT = 3  # a reader may still be copying the one before the newest
LAYERED = {"details": ["finding_id"], "events": ["finding_id", "order"]}
"""Frames of the queue too large to be written anew for a few rows: their key and order. A row
in <name>_since stands for that of the same key in the base."""
READS_AT_ONCE = 16
GROUP = 16_384  # rows of a checkpoint that are read together
PART_OF = re.compile(r"account=([^/.]+)\.parquet$")
STATUS = re.compile(r"scan_status/[^/]+/account=[^/.]+\.json")
SNAPSHOT = re.compile(r"(?:queue|checkpoint)/([^/]+)/[^/]+\.parquet")
REDISCOVER = "delete it: the next discovery of accounts writes it"
REBUILD = f"delete {CURRENT}: the next scan builds the queue"
RESCAN = "delete it and scan again: `stratum scan`"
DELETE_CHECKPOINT = f"delete {CHECKPOINT}: the next scan writes it"


def table_key(module: str, table: str, account: str) -> str:
    return f"inventory/{module}/{table}/account={account}.parquet"


def part_key(kind: Kind, module: str, account: str) -> str:
    return f"{kind}/{module}/account={account}.parquet"


def status_key(module: str, account: str) -> str:
    return f"scan_status/{module}/account={account}.json"


def queue_key(snapshot_id: str, name: str) -> str:
    return f"queue/{snapshot_id}/{name}.parquet"


def _checkpoint_key(snapshot_id: str, name: str) -> str:
    return f"checkpoint/{snapshot_id}/{name}.parquet"


def frame_digest(frame: pl.DataFrame) -> str:
    """SHA-256 of what is stored of `frame`; "" of one without rows, which has no file."""
    return digest(to_parquet(frame)) if frame.height else ""


def queue_keys(head: Mapping[str, Any], name: str) -> list[str]:
    """Where frame `name` of the snapshot `head` is: its base, and if any what lies over that."""
    if "base" not in head or name not in LAYERED:
        return [queue_key(head["snapshot_id"], name)]
    return [queue_key(head["base"], name), queue_key(head["snapshot_id"], f"{name}_since")]


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

    def read_part(
        self, kind: Kind, module: str, account: str, columns: list[str] | None = None
    ) -> pl.DataFrame | None:
        return self._read(part_key(kind, module, account), _rescan(account), columns)

    def stored_instead(
        self, module: str, table: str, account: str, frame: pl.DataFrame
    ) -> pl.DataFrame | None:
        """The account's rows of `table` if they are not `frame`; None if nothing changed."""
        key = table_key(module, table, account)
        stored = self.store.find(key)
        if stored == (to_parquet(frame) if frame.height else None):
            return None
        if stored is None:
            return frame.clear()
        return from_parquet(stored, self.store.url(key), _rescan(account))

    def table_digest(self, module: str, table: str, account: str) -> str:
        """Of the stored rows, as `frame_digest`."""
        stored = self.store.find(table_key(module, table, account))
        return "" if stored is None else digest(stored)

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

        # Ahead of the status, and of this scan alone: whoever records it removes no other's.
        news.add(self.store, news.News(module, account, began))

        def unless_later(stored: bytes | None) -> bytes | None:
            return None if _later(stored, began) else data

        return self.store.update(status_key(module, account), unless_later)

    def read_status(self, module: str, account: str) -> dict[str, Any] | None:
        return self._read_json(status_key(module, account), _rescan(account))

    def statuses(self, pairs: Collection[tuple[str, str]] | None = None) -> list[dict[str, Any]]:
        """The statuses of (module, account) `pairs`, or all; ordered by module and account."""
        if pairs is None:
            keys = [key for key in self.store.list("scan_status/") if STATUS.fullmatch(key)]
        else:
            keys = sorted({status_key(module, account) for module, account in pairs})

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
        self,
        snapshot_id: str,
        frames: Mapping[str, pl.DataFrame],
        head: Mapping[str, Any],
        base: str = "",
    ) -> None:
        """Store `frames` as a snapshot, make it current, drop old ones.

        snapshot_id: later ones sort later. Readers see the snapshot before or this one whole.
        base: the snapshot whose LAYERED frames this one's, named <name>_since, are laid over.
        """
        for name, frame in frames.items():
            self.store.put(queue_key(snapshot_id, name), to_parquet(frame))
        about = {**head, "snapshot_id": snapshot_id} | ({"base": base} if base else {})
        self.store.put(CURRENT, canonical(about))
        self._prune("queue/", snapshot_id, base)

    def current_queue(self) -> dict[str, Any] | None:
        """The head of the current snapshot, with its `snapshot_id`; None before the first."""
        return self._read_json(CURRENT, "delete it: the next scan builds the queue")

    def read_queue(self, name: str, rows: pl.Expr | None = None) -> pl.DataFrame | None:
        """One frame of the current snapshot, empty ones included; None before the first.

        rows: those to return.
        """
        head = self.current_queue()
        if head is None:
            return None

        def read(key: str, rows: pl.Expr | None) -> pl.DataFrame:
            return from_parquet(self.store.get(key), self.store.url(key), REBUILD, rows)

        lowest, *since = queue_keys(head, name)
        frame = read(lowest, rows)
        for key in since:
            above, keyed = read(key, None), LAYERED[name]
            frame = frame.join(above, on=keyed, how="anti")
            above = above if rows is None else above.filter(rows)
            frame = pl.concat([frame, above]).sort(keyed)
        return frame

    # The checkpoint

    def write_checkpoint(
        self, snapshot_id: str, frames: Mapping[str, pl.DataFrame], head: Mapping[str, Any]
    ) -> None:
        """Store `frames` with their digests, make them the checkpoint, drop old ones."""
        files: dict[str, str] = {}
        for name, frame in frames.items():
            data = to_parquet(frame, GROUP)
            files[name] = digest(data)
            self.store.put(_checkpoint_key(snapshot_id, name), data)
        about = {**head, "snapshot_id": snapshot_id, "files": files}
        self.store.put(CHECKPOINT, canonical(about))
        self._prune("checkpoint/", snapshot_id, "")

    def current_checkpoint(self) -> dict[str, Any] | None:
        """The head of the checkpoint, for `read_checkpoint`; None if there is none."""
        return self._read_json(CHECKPOINT, DELETE_CHECKPOINT)

    def read_checkpoint(
        self, about: Mapping[str, Any], wanted: Mapping[str, pl.Expr]
    ) -> dict[str, pl.DataFrame]:
        """Its frames by name; StoreError unless each is to the byte what was written.

        wanted: of some frames, the rows to return.
        """
        frames: dict[str, pl.DataFrame] = {}
        for name, sha256 in about["files"].items():
            key = _checkpoint_key(about["snapshot_id"], name)
            place = self.store.url(key)
            data = self.store.get(key)
            if digest(data) != sha256:
                raise StoreError(f"{place} is torn; {DELETE_CHECKPOINT}")
            frames[name] = from_parquet(data, place, DELETE_CHECKPOINT, wanted.get(name))
        return frames

    # Snapshots

    def _prune(self, folder: str, current: str, base: str) -> None:
        snapshots: dict[str, list[str]] = {}
        for key in self.store.list(folder):
            if found := SNAPSHOT.fullmatch(key):
                snapshots.setdefault(found[1], []).append(key)
        for old in sorted(snapshots.keys() - {current, base})[: -SNAPSHOTS_KEPT + 1]:
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

    def _read(self, key: str, remedy: str, columns: list[str] | None = None) -> pl.DataFrame | None:
        if (data := self.store.find(key)) is None:
            return None
        return from_parquet(data, self.store.url(key), remedy, columns=columns)

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
