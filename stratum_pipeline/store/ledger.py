"""The ledger: what happened, appended once, each entry chained to the one before it.

An entry is canonical JSON under `ledger/<seq>.json`, twelve digits, from 1:

    {v, id, seq, prev, at, actor, kind, body}

prev is the SHA-256 of the previous entry's bytes (64 zeros before the first), at is UTC in
ISO 8601, actor is {kind: system | person, id, assurance}. Bulk bodies are Parquet payloads
that the body names by digest; they are written before the entry that names them.
"""

import hashlib
import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar, cast

from pydantic_core import from_json

from .ahead import read_ahead
from .encoding import canonical
from .errors import Conflict, StoreError
from .vault import Vault

log = logging.getLogger(__name__)

VERSION = 1
GENESIS = "0" * 64
T = TypeVar("T")
FOLDER = "ledger/"
PAYLOADS = ("scans", "populations", "rules", "events", "findings")
"""Fields of a body that may hold the digest of a payload."""

NAME = re.compile(r"ledger/(\d{12})\.json", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ATTEMPTS = 8  # at a key that another writer holds without having stored anything


class LedgerError(StoreError):
    """The ledger cannot be read as a chain; the message names the entry and what to do."""


class Misplaced(LedgerError):
    """An entry, whole, that stands under the name of another."""

    def __init__(self, entry: "Entry", key: str) -> None:
        self.entry = entry
        super().__init__(
            f"{key} says that it is entry {entry.seq}: it was renamed or altered. Give it back "
            "its name, or restore it from the vault's backup or object versions."
        )


class Head(NamedTuple):
    """Where the chain ends; the anchor to keep elsewhere."""

    seq: int = 0
    digest: str = GENESIS


class Entry(NamedTuple):
    seq: int
    id: str
    prev: str
    at: datetime
    actor: dict[str, str]
    kind: str
    body: dict[str, Any]
    digest: str  # SHA-256 of the stored bytes; the next entry's prev

    @property
    def head(self) -> Head:
        return Head(self.seq, self.digest)

    @property
    def payloads(self) -> list[str]:
        """Digests of the payloads that the body names."""
        named = (self.body.get(name) for name in PAYLOADS)
        return [d for d in named if isinstance(d, str) and _DIGEST.fullmatch(d)]


SYSTEM = {"kind": "system", "id": "stratum", "assurance": "process"}


class Ledger:
    """Reads and appends; holds no state but the vault."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault

    def entries(self, after: Head | None = None) -> Iterator[Entry]:
        """Entries behind `after`, in order, each checked against the one before it.

        Raises LedgerError at the first entry that is torn, missing or does not chain.
        """
        head = after or Head()
        for key, data in read_ahead(self.vault.get, self._keys(head)):
            entry = parse(key, data)
            if entry.seq != head.seq + 1:
                raise LedgerError(
                    f"ledger entry {head.seq + 1} is missing before {key}. "
                    "Restore it from the vault's backup or object versions; nothing is "
                    "appended or resolved until the chain is whole."
                )
            if entry.prev != head.digest:
                raise LedgerError(
                    f"{key} does not follow from entry {head.seq}: one of the two was "
                    "altered. Compare both with the vault's backup or object versions."
                )
            head = entry.head
            yield entry

    def head(self, known: Head | None = None) -> Head:
        """The end of the chain, read from `known` on."""
        head = known or Head()
        for entry in self.entries(head):
            head = entry.head
        return head

    def holds(self, head: Head) -> bool:
        """Whether the entry that `head` names is stored, to the byte."""
        data = self.vault.find(entry_key(head.seq))
        return data is not None and hashlib.sha256(data).hexdigest() == head.digest

    def append(
        self,
        kind: str,
        actor: dict[str, str],
        compose: Callable[[Head], dict[str, Any] | None],
        known: Head | None = None,
        mark: str = "",
    ) -> Entry | None:
        """Append one entry whose body `compose` gives for the head it will follow.

        `compose` is asked again whenever another writer came first, so that it can look
        at what that one wrote; it may return None (nothing to say) or raise (no longer
        valid). A reply that was lost counts as stored if the entry is found to be ours: it
        has `mark` as its id, a fresh one by default.
        """
        mark, busy = mark or str(uuid.uuid4()), 0
        head = self.head(known)
        while True:
            body = compose(head)
            if body is None:
                return None
            seq = head.seq + 1
            raw = {
                "v": VERSION,
                "id": mark,
                "seq": seq,
                "prev": head.digest,
                "at": datetime.now(UTC).isoformat(timespec="microseconds"),
                "actor": actor,
                "kind": kind,
                "body": body,
            }
            key, data = entry_key(seq), canonical(raw)
            try:
                self.vault.create(key, data)
            except StoreError as error:
                stored = self.vault.find(key)
                if stored is None:  # nobody's yet
                    busy += 1
                    if not isinstance(error, Conflict) or busy == _ATTEMPTS:
                        raise
                    time.sleep(0.02 * busy)
                elif parse(key, stored).id == mark:  # ours: only the reply was lost
                    return parse(key, stored)
                head = self.head(head)
            else:
                return parse(key, data)

    def _keys(self, after: Head) -> list[str]:
        start = entry_key(after.seq) if after.seq else ""
        keys: list[str] = []
        for key in self.vault.list(FOLDER, after=start):
            if NAME.fullmatch(key):
                # Listed while others append, a folder may show an entry without its forerunner.
                while (due := entry_key(after.seq + len(keys) + 1)) < key and self.vault.exists(
                    due
                ):
                    keys.append(due)
                keys.append(key)
            else:
                log.warning("%s is not a ledger entry and was ignored; take it out", key)
        return keys


def entry_key(seq: int) -> str:
    return f"{FOLDER}{seq:012}.json"


def parse(key: str, data: bytes) -> Entry:
    """The entry in `data`, stored as `key`; LedgerError if it is none or has another name."""
    try:
        raw = from_json(data)  # ten times as fast as json.loads
        version = raw["v"]
        entry = Entry(
            seq=_is(int, raw["seq"]),
            id=_is(str, raw["id"]),
            prev=_is(str, raw["prev"]),
            at=datetime.fromisoformat(raw["at"]),
            actor=cast(dict[str, str], _is(dict, raw["actor"])),
            kind=_is(str, raw["kind"]),
            body=cast(dict[str, Any], _is(dict, raw["body"])),
            digest=hashlib.sha256(data).hexdigest(),
        )
        if entry.at.tzinfo is None:
            raise ValueError("a time without an offset")
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerError(
            f"{key} is not a whole ledger entry ({type(error).__name__}): torn, or not ours. "
            "Move it away if Stratum never wrote it, else restore it from the vault's backup."
        ) from error
    if entry_key(entry.seq) != key:
        raise Misplaced(entry, key)
    if version != VERSION:
        raise LedgerError(f"{key} has format {version}; this release reads {VERSION}: upgrade.")
    return entry


def _is(kind: type[T], value: Any) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value
