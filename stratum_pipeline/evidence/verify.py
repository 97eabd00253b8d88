"""Walks the ledger and every payload it names, and says what was done to them.

Where the store keeps versions the oldest is believed, and what came later is a finding. The
chain proves each entry by the one after it; nothing in the vault proves the last, so a cut
at the end and a rewrite of all of it show only against an anchor that was kept elsewhere.
"""

import enum
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from stratum_pipeline.store.ahead import read_ahead
from stratum_pipeline.store.encoding import digest
from stratum_pipeline.store.ledger import (
    FOLDER,
    GENESIS,
    NAME,
    Entry,
    Head,
    LedgerError,
    Misplaced,
    entry_key,
    parse,
)
from stratum_pipeline.store.objects import Stored
from stratum_pipeline.store.vault import PAYLOAD, PAYLOADS, Vault, payload_key

TOLERANCE = timedelta(minutes=15)
"""Between an entry's time and the store's: S3 itself refuses clocks that are further off."""
BACKWARDS = timedelta(minutes=1)
"""Between the clocks of two writers."""

_ANCHOR = re.compile(r"([1-9]\d{0,11}):([0-9a-f]{64})", re.ASCII)


class Kind(enum.StrEnum):
    EDITED = "edited"
    MISSING = "missing"
    REORDERED = "reordered"
    INSERTED = "inserted"
    REPLACED = "replaced"
    DELETED = "deleted"
    CLOCK_BACK = "clock went back"
    STORE_TIME = "store's time differs"
    PAYLOAD_MISSING = "payload missing"
    PAYLOAD_ALTERED = "payload altered"
    CUT = "cut off"
    REWRITTEN = "rewritten"
    # No tampering:
    UNNAMED = "unnamed payload"
    FOREIGN = "foreign file"


HARMLESS = {Kind.UNNAMED, Kind.FOREIGN}


@dataclass(frozen=True)
class Finding:
    kind: Kind
    key: str  # of the object
    seq: int | None  # the entry, or the first that names the payload; None: no entry's
    text: str

    @property
    def tampering(self) -> bool:
        return self.kind not in HARMLESS


@dataclass
class Verification:
    """One look at `vault`; the figures are complete when `findings` is exhausted.

    anchor: a head that was kept elsewhere. tolerance: between an entry's time and the store's.
    """

    vault: Vault
    anchor: Head | None = None
    tolerance: timedelta = TOLERANCE
    entries: int = 0  # stored under an entry's name, whole or not
    payloads: int = 0
    unversioned: int = 0  # objects of which the store keeps no versions
    last: int = 0  # number of the last of them
    head: Head = field(default_factory=Head)  # the last that is whole and in its place
    first: Finding | None = None  # of tampering, the one of the lowest entry
    counts: Counter[Kind] = field(default_factory=Counter)
    _named: dict[bytes, int] = field(default_factory=dict)
    _at_anchor: str = GENESIS

    def findings(self) -> Iterator[Finding]:
        """What is wrong, as it is read: entries in their order, then payloads.

        Raises StoreError if the vault cannot be read to its end.
        """
        for found in chain(self._ledger(), self._against_anchor(), self._payloads()):
            self.counts[found.kind] += 1
            if found.tampering and (self.first is None or _rank(found) < _rank(self.first)):
                self.first = found
            yield found

    def unproven(self) -> list[str]:
        """What could have been done unnoticed."""
        says = [
            f"who wrote an entry: whoever may write to {self.vault.url('ledger')} can append one"
        ]
        if self.anchor is None:
            says.append(
                f"that nothing was cut off after entry {self.last}, nor all rewritten from "
                "some entry on: give an anchor that was kept elsewhere (--anchor)"
            )
        elif self.anchor.seq < self.last:
            says.append(
                f"that nothing was cut off or rewritten after entry {self.anchor.seq}, which "
                "the anchor names: only a later anchor can show it"
            )
        if self.unversioned:
            says.append(
                f"what stood there before, for {self.unversioned} objects without versions: use "
                "S3 with versioning and Object Lock"
            )
        if self.unversioned and not self.vault.url("ledger").startswith("s3://"):
            says.append(
                "when an entry was written: whoever may write to the folder can set its files' "
                "times"
            )
        return says

    # The chain

    def _ledger(self) -> Iterator[Finding]:
        links = _Links()
        due = 1
        for stored, read in read_ahead(self._entry, self.vault.versions(FOLDER)):
            name = NAME.fullmatch(stored.key)
            if name is None:
                text = f"{stored.key} is no ledger entry, and nothing reads it; take it out"
                yield Finding(Kind.FOREIGN, stored.key, None, text)
                continue
            seq = int(name[1])
            # Listed while others append, a folder may show an entry without its forerunner.
            while due < seq and self.vault.exists(entry_key(due)):
                late = next(self.vault.versions(entry_key(due)))
                yield from self._one(due, late, self._entry(late), links)
                due += 1
            if due < seq:
                yield from links.end()
                yield _gap(due, seq - 1)
            yield from self._one(seq, stored, read, links)
            due = seq + 1
        yield from links.end()

    def _entry(self, stored: Stored) -> Entry | LedgerError | None:
        """What is stored there; None if nothing is any more, or it is no entry's name."""
        data = self.vault.oldest(stored) if NAME.fullmatch(stored.key) else None
        if data is None:
            return None
        try:
            return parse(stored.key, data)
        except LedgerError as error:
            return error

    def _one(
        self, seq: int, stored: Stored, read: Entry | LedgerError | None, links: "_Links"
    ) -> Iterator[Finding]:
        self.entries += 1
        self.last = seq
        yield from self._versions(stored, seq)
        if isinstance(read, Entry):
            yield from links.add(read)
            yield from self._times(read, stored.at, links)
            for sha256 in read.payloads:
                self._named.setdefault(bytes.fromhex(sha256), seq)
            self.head = read.head
            if self.anchor and seq == self.anchor.seq:
                self._at_anchor = read.digest
            return
        before = links.last
        yield from links.end()
        if read is None:
            text = f"entry {seq} was erased for good: only the mark of its deletion is left"
            yield Finding(Kind.MISSING, stored.key, seq, text)
        elif isinstance(read, Misplaced):
            yield _misplaced(seq, stored.key, read.entry, before)
        else:
            yield Finding(Kind.EDITED, stored.key, seq, str(read))

    def _times(self, entry: Entry, stored: datetime | None, links: "_Links") -> Iterator[Finding]:
        key = entry_key(entry.seq)
        if links.latest and entry.at < links.latest - BACKWARDS:
            text = f"entry {entry.seq} says {entry.at}, the one before it {links.latest}"
            yield Finding(Kind.CLOCK_BACK, key, entry.seq, text)
        links.latest = entry.at
        if stored and abs(stored - entry.at) > self.tolerance:
            text = f"entry {entry.seq} says {entry.at}, but was stored {stored}"
            yield Finding(Kind.STORE_TIME, key, entry.seq, text)

    def _against_anchor(self) -> Iterator[Finding]:
        if self.anchor is None:
            return
        seq, key = self.anchor.seq, entry_key(self.anchor.seq)
        if seq > self.last:
            cut = self.last + 1
            text = f"the anchor names entry {seq}, but the ledger ends at {self.last}"
            yield Finding(Kind.CUT, entry_key(cut), cut, text)
        elif self._at_anchor != self.anchor.digest:
            text = f"entry {seq} is not the one the anchor names: it or one before it was rewritten"
            yield Finding(Kind.REWRITTEN, key, seq, text)

    # Payloads

    def _payloads(self) -> Iterator[Finding]:
        for stored, intact in read_ahead(self._is_intact, self.vault.versions(PAYLOADS)):
            name = PAYLOAD.fullmatch(stored.key)
            if name is None:
                text = f"{stored.key} is no payload, and nothing reads it; take it out"
                yield Finding(Kind.FOREIGN, stored.key, None, text)
                continue
            self.payloads += 1
            seq = self._named.pop(bytes.fromhex(name[1]), None)
            yield from self._versions(stored, seq)
            if intact is None:
                if seq is not None:
                    yield _lost(name[1], seq)
            elif not intact:
                text = f"{stored.key} does not hold what its name, the SHA-256 of it, says"
                yield Finding(Kind.PAYLOAD_ALTERED, stored.key, seq, text)
            elif seq is None:
                text = f"no entry names {stored.key}: its writer was killed, or came second"
                yield Finding(Kind.UNNAMED, stored.key, None, text)
        for sha256, seq in self._named.items():
            yield _lost(sha256.hex(), seq)

    def _is_intact(self, stored: Stored) -> bool | None:
        """Whether its oldest version hashes to its name; None if all versions are gone."""
        name = PAYLOAD.fullmatch(stored.key)
        data = self.vault.oldest(stored) if name else None
        return None if name is None or data is None else digest(data) == name[1]

    def _versions(self, stored: Stored, seq: int | None) -> Iterator[Finding]:
        self.unversioned += stored.at is not None and stored.version in ("", "null")
        for kind, times in ((Kind.REPLACED, stored.replaced), (Kind.DELETED, stored.deleted)):
            if times:
                text = f"{stored.key} was {kind} at {min(times)}; its oldest version was judged"
                yield Finding(kind, stored.key, seq, text)


class _Links:
    """Entries that follow one another; which of them is to blame where two do not fit."""

    def __init__(self) -> None:
        self.last: Entry | None = None
        self.latest: datetime | None = None
        self._head: Head | None = Head()  # what the next follows; None: nobody can tell
        self._broken: int | None = None  # number of the one that `last` does not follow

    def add(self, entry: Entry) -> Iterator[Finding]:
        before, self._head, self.last = self._head, entry.head, entry
        if before is None:
            return
        follows = entry.prev == before.digest
        if (doubtful := self._broken) is not None:
            self._broken = None
            if follows:  # `before` is as it was written, for `entry` vouches for it
                yield _edited(doubtful, f"entry {before.seq} names another digest for it")
            else:
                yield _edited(before.seq, f"it fits neither entry {doubtful} nor entry {entry.seq}")
        elif not follows:
            self._broken = before.seq

    def end(self) -> Iterator[Finding]:
        """The next entry cannot be judged by those so far."""
        if self._broken is not None:
            after = self._broken + 1
            yield _edited(self._broken, f"it or entry {after}: they do not fit each other")
        self.last = self._head = self._broken = None


def parse_anchor(text: str) -> Head:
    """The head in "SEQ:HASH"; ValueError says what is wrong with it."""
    found = _ANCHOR.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(
            f"{text!r} is no anchor: give it as `stratum evidence anchor` printed it, SEQ:HASH "
            "with 64 hexadecimal digits"
        )
    return Head(int(found[1]), found[2])


def _rank(finding: Finding) -> float:
    return float("inf") if finding.seq is None else finding.seq


def _edited(seq: int, why: str) -> Finding:
    seq = max(seq, 1)  # what does not follow from nothing is itself to blame
    return Finding(Kind.EDITED, entry_key(seq), seq, f"entry {seq} was altered: {why}")


def _gap(first: int, last: int) -> Finding:
    what = f"entry {first} is" if first == last else f"entries {first} to {last} are"
    return Finding(Kind.MISSING, entry_key(first), first, f"{what} not there")


def _lost(sha256: str, seq: int) -> Finding:
    text = f"entry {seq} names a payload that is not there: {payload_key(sha256)}"
    return Finding(Kind.PAYLOAD_MISSING, payload_key(sha256), seq, text)


def _misplaced(seq: int, key: str, entry: Entry, before: Entry | None) -> Finding:
    """Of `entry`, stored as `seq` behind `before`."""
    if before is not None and entry.seq == before.seq:
        if entry.digest == before.digest:
            return Finding(Kind.INSERTED, key, seq, f"{key} is a copy of entry {entry.seq}")
        if entry.prev == before.prev:
            text = f"there are two entries {entry.seq}, one of them inserted; the other is {key}"
            return Finding(Kind.INSERTED, entry_key(entry.seq), entry.seq, text)
    text = f"{key} says that it is entry {entry.seq}: renamed, copied or altered"
    return Finding(Kind.REORDERED, key, seq, text)
