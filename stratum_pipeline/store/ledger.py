"""The ledger: what happened, appended once, each entry chained to the one before it.

An entry is canonical JSON under `ledger/<seq>.json`, twelve digits, from 1:

    {v, id, seq, prev, at, actor, kind, body}

prev is the SHA-256 of the previous entry's bytes (64 zeros before the first), at is UTC in
ISO 8601, actor is {kind: system | person, id, assurance}. Bulk bodies are Parquet payloads
that the body names by digest; they are written before the entry that names them.
"""

import hashlib
import json
import logging
import re
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .encoding import canonical
from .errors import AlreadyExists, StoreError
from .vault import Vault

log = logging.getLogger(__name__)

VERSION = 1
GENESIS = "0" * 64
FOLDER = "ledger/"
_NAME = re.compile(r"ledger/(\d{12})\.json")
_READS_AT_ONCE = 16


class LedgerError(StoreError):
    """The ledger cannot be read as a chain; the message names the entry and what to do."""


@dataclass(frozen=True)
class Head:
    """Where the chain ends; the anchor to keep elsewhere."""

    seq: int = 0
    digest: str = GENESIS


@dataclass(frozen=True)
class Entry:
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
        keys = self._keys(head)
        with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
            for key, data in zip(keys, pool.map(self.vault.get, keys), strict=True):
                entry = _parse(key, data)
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

    def append(
        self,
        kind: str,
        actor: dict[str, str],
        compose: Callable[[Head], dict[str, Any] | None],
        known: Head | None = None,
    ) -> Entry | None:
        """Append one entry whose body `compose` gives for the head it will follow.

        `compose` is asked again whenever another writer came first, so that it can look
        at what that one wrote; it may return None (nothing to say) or raise (no longer
        valid). A reply that was lost counts as stored if the entry is found to be ours.
        """
        mark = str(uuid.uuid4())
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
            key, data = f"{FOLDER}{seq:012}.json", canonical(raw)
            try:
                self.vault.create(key, data)
            except AlreadyExists:
                pass  # another's, or our own whose reply was lost
            except StoreError:
                if not self.vault.exists(key):
                    raise
            stored = _parse(key, self.vault.get(key))
            if stored.id == mark:
                return stored
            head = self.head(head)

    def _keys(self, after: Head) -> list[str]:
        start = f"{FOLDER}{after.seq:012}.json" if after.seq else ""
        keys: list[str] = []
        for key in self.vault.list(FOLDER, after=start):
            if _NAME.fullmatch(key):
                keys.append(key)
            else:
                log.warning("%s is not a ledger entry and was ignored; take it out", key)
        return keys


def _parse(key: str, data: bytes) -> Entry:
    try:
        raw = json.loads(data)
        entry = Entry(
            seq=raw["seq"],
            id=raw["id"],
            prev=raw["prev"],
            at=datetime.fromisoformat(raw["at"]),
            actor=raw["actor"],
            kind=raw["kind"],
            body=raw["body"],
            digest=hashlib.sha256(data).hexdigest(),
        )
        version = raw["v"]
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerError(
            f"{key} is not a whole ledger entry ({type(error).__name__}): torn, or not ours. "
            "Move it away if Stratum never wrote it, else restore it from the vault's backup."
        ) from error
    if f"{FOLDER}{entry.seq:012}.json" != key:
        raise LedgerError(f"{key} says that it is entry {entry.seq}: it was renamed or altered.")
    if version != VERSION:
        raise LedgerError(f"{key} has format {version}; this release reads {VERSION}: upgrade.")
    return entry
