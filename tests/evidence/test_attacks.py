"""What can be done to a vault, done to one, and what `stratum evidence verify` says of it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice

import pytest
from typer.testing import CliRunner

from stratum_pipeline.cli import app
from stratum_pipeline.evidence.verify import Kind
from stratum_pipeline.store.encoding import canonical, digest
from stratum_pipeline.store.ledger import GENESIS, entry_key
from stratum_pipeline.store.objects import LocalStore

from .conftest import ENTRIES, Place

LAST = ENTRIES
Attack = Callable[[Place], None]
Verify = Callable[..., tuple[int, dict]]


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch) -> Verify:
    """The command over a place: its exit code, and what it printed for machines."""

    def run(place: Place, *options: str) -> tuple[int, dict]:
        monkeypatch.setenv("STRATUM_VAULT", place.store.url("x").removesuffix("/x"))
        ran = CliRunner().invoke(app, ["evidence", "verify", "--format", "json", *options])
        return ran.exit_code, json.loads(ran.stdout)

    return run


def kinds(report: dict) -> dict[str, list[int | None]]:
    """The entries of each kind of tampering."""
    found: dict[str, list[int | None]] = {}
    for one in report["findings"]:
        if one["tampering"]:
            found.setdefault(one["kind"], []).append(one["seq"])
    return found


# Attacks that leave no older version behind


def edit(old: bytes, new: bytes, seq: int = 3) -> Attack:
    def attack(place: Place) -> None:
        data = place.data(seq)
        assert old in data
        place.rewrite(entry_key(seq), data.replace(old, new, 1))

    return attack


def contents(data: bytes) -> Attack:
    return lambda place: place.rewrite(entry_key(3), data)


def torn(place: Place) -> None:
    place.rewrite(entry_key(3), place.data(3)[:-9])


def other_prev(place: Place, seq: int) -> None:
    raw = json.loads(place.data(seq))
    place.rewrite(entry_key(seq), canonical(raw | {"prev": "f" * 64}))


def two_neighbours(place: Place) -> None:
    edit(b'"kind":"scanned"', b'"kind":"Scanned"')(place)
    edit(b'"kind":"noted"', b'"kind":"Noted"', 4)(place)


def erase(*seqs: int) -> Attack:
    return lambda place: [place.erase(entry_key(seq)) for seq in seqs] and None


def swap(place: Place) -> None:
    third, fourth = place.data(3), place.data(4)
    place.rewrite(entry_key(3), fourth)
    place.rewrite(entry_key(4), third)


def rename(place: Place) -> None:
    place.rewrite(entry_key(LAST + 1), place.data(LAST))
    place.erase(entry_key(LAST))


def copy(place: Place) -> None:
    place.rewrite(entry_key(LAST + 1), place.data(LAST))


def insert(place: Place) -> None:
    """A forged third entry; those behind it are moved by one."""
    second = list(islice(place.ledger.entries(), 2))[-1]
    for seq in range(LAST, 2, -1):
        place.rewrite(entry_key(seq + 1), place.data(seq))
    place.forge(datetime.now(UTC), second.head)


def forge(hours: float) -> Attack:
    def attack(place: Place) -> None:
        ago = timedelta(hours=hours)
        place.forge(datetime.now(UTC) - ago)
        if isinstance(place.store, LocalStore):
            place.stored_at(entry_key(LAST + 1), ago)

    return attack


def ahead(place: Place) -> None:
    place.forge(datetime.now(UTC) + timedelta(hours=1))


def payload(name: str, act: str) -> Attack:
    def attack(place: Place) -> None:
        key = place.payload(3, name)
        if act == "erase":
            place.erase(key)
        else:
            place.rewrite(key, place.store.get(key)[:-1] + b"?")

    return attack


EDITED, MISSING, REORDERED = Kind.EDITED, Kind.MISSING, Kind.REORDERED
TRACELESS: dict[str, tuple[Attack, dict[Kind, list[int]]]] = {
    "an event is edited": (edit(b"scanned", b"scenned"), {EDITED: [3]}),
    "it only looks otherwise": (edit(b'"v":1', b'"v": 1'), {EDITED: [3]}),
    "the actor is edited": (edit(b'"id":"ann"', b'"id":"bob"', 4), {EDITED: [4]}),
    "the time is edited": (edit(b"T", b" "), {EDITED: [3]}),
    "prev is edited": (partial(other_prev, seq=3), {EDITED: [3]}),
    "prev of the first": (partial(other_prev, seq=1), {EDITED: [1]}),
    "prev of the last": (partial(other_prev, seq=LAST), {EDITED: [LAST - 1]}),
    "the format is edited": (edit(b'"v":1', b'"v":2'), {EDITED: [3]}),
    "the number is edited": (edit(b'"seq":3', b'"seq":8'), {REORDERED: [3]}),
    "torn": (torn, {EDITED: [3]}),
    "emptied": (contents(b""), {EDITED: [3]}),
    "not an entry": (contents(b'{"v":1}'), {EDITED: [3]}),
    "without a time zone": (edit(b"+00:00", b""), {EDITED: [3]}),
    "deeper than can be read": (contents(b"[" * 100_000), {EDITED: [3]}),
    "two neighbours": (two_neighbours, {EDITED: [4]}),
    "the first is erased": (erase(1), {MISSING: [1]}),
    "one is erased": (erase(3), {MISSING: [3]}),
    "several are erased": (erase(2, 3, 5), {MISSING: [2, 5]}),
    "two are swapped": (swap, {REORDERED: [3, 4]}),
    "the last is renamed": (rename, {MISSING: [LAST], REORDERED: [LAST + 1]}),
    "the last is repeated": (copy, {Kind.INSERTED: [LAST + 1]}),
    "one is inserted": (insert, {Kind.INSERTED: [3], REORDERED: [5, 6, 7]}),
    "a payload is erased": (payload("events", "erase"), {Kind.PAYLOAD_MISSING: [3]}),
    "a shared payload is erased": (payload("rules", "erase"), {Kind.PAYLOAD_MISSING: [1]}),
    "a payload is altered": (payload("scans", "alter"), {Kind.PAYLOAD_ALTERED: [3]}),
    "stored long before its time": (ahead, {Kind.STORE_TIME: [LAST + 1]}),
}


@pytest.mark.parametrize(("attack", "expected"), TRACELESS.values(), ids=TRACELESS)
def test_it_is_found(place: Place, verify: Verify, attack: Attack, expected: dict):
    attack(place)
    code, report = verify(place)
    assert code == 4
    assert report["outcome"] == "tampered"
    assert kinds(report) == expected
    assert report["first"]["seq"] == min(seq for seqs in expected.values() for seq in seqs)
    assert report["first"] in report["findings"]


def test_a_clock_that_went_back(place: Place, verify: Verify):
    forge(hours=1)(place)
    code, report = verify(place)
    assert code == 4
    # A file's time is whatever its owner sets; S3's is S3's.
    forged = {Kind.STORE_TIME: [LAST + 1]} if not isinstance(place.store, LocalStore) else {}
    assert kinds(report) == {Kind.CLOCK_BACK: [LAST + 1], **forged}


def test_clocks_of_two_writers_may_differ_a_little(place: Place, verify: Verify):
    forge(hours=30 / 3600)(place)
    assert verify(place)[0] == 0


def test_a_file_of_another_time(local: LocalStore, verify: Verify):
    """So looks a copy made without times, which a tolerance lets pass, too."""
    place = Place(local).fill()
    place.stored_at(entry_key(2), timedelta(hours=2))
    code, report = verify(place)
    assert (code, kinds(report)) == (4, {Kind.STORE_TIME: [2]})
    assert "was stored" in report["first"]["text"]
    assert verify(place, "--tolerance", "121")[0] == 0


# What only an anchor shows


def rechain(place: Place, write: Callable[[str, bytes], None]) -> None:
    """Alter the third entry, and make all that follow fit it."""
    raws = [json.loads(place.data(seq)) for seq in range(1, ENTRIES + 1)]
    raws[2]["actor"]["id"] = "nobody"
    prev = GENESIS
    for raw in raws:
        data = canonical(raw | {"prev": prev})
        if raw["seq"] >= 3:
            write(entry_key(raw["seq"]), data)
        prev = digest(data)


UNSEEN: dict[str, tuple[Attack, Kind, int]] = {
    "the last is cut off": (erase(LAST), Kind.CUT, LAST),
    "more is cut off": (erase(*range(3, LAST + 1)), Kind.CUT, 3),
    "the last is edited": (edit(b"ann", b"bob", LAST), Kind.REWRITTEN, LAST),
    "all is rewritten": (lambda place: rechain(place, place.rewrite), Kind.REWRITTEN, LAST),
}


@pytest.mark.parametrize(("attack", "kind", "first"), UNSEEN.values(), ids=UNSEEN)
def test_an_anchor_shows_it(place: Place, verify: Verify, attack: Attack, kind: Kind, first: int):
    head = place.ledger.head()
    anchor = ("--anchor", f"{head.seq}:{head.digest}")
    assert verify(place, *anchor)[0] == 0
    attack(place)
    code, report = verify(place, *anchor)
    assert (code, kinds(report), report["first"]["seq"]) == (4, {kind: [first]}, first)
    # Without one nothing shows, and that is what it says.
    code, report = verify(place)
    assert (code, kinds(report)) == (0, {})
    assert [why for why in report["not_proven"] if "cut off" in why and "--anchor" in why]


def test_an_emptied_ledger(place: Place, verify: Verify):
    head = place.ledger.head()
    erase(*range(1, LAST + 1))(place)
    code, report = verify(place, "--anchor", f"{head.seq}:{head.digest}")
    assert (code, kinds(report)) == (4, {Kind.CUT: [1]})
    code, report = verify(place)
    assert (code, report["outcome"]) == (1, "failed")
    assert "there is no entry in" in report["errors"][0]


# Where the store keeps versions


def overwrite(key: Callable[[Place], str]) -> Attack:
    return lambda place: place.write(key(place), b"{}")


def delete(key: Callable[[Place], str]) -> Attack:
    return lambda place: place.store.delete(key(place))


def third(place: Place) -> str:
    return entry_key(3)


def last(place: Place) -> str:
    return entry_key(LAST)


def events(place: Place) -> str:
    return place.payload(3, "events")


def delete_and_append(place: Place) -> None:
    """The last is hidden, and a writer who knows nothing of it takes its place."""
    place.store.delete(entry_key(LAST))
    place.ledger.append("noted", {"kind": "person", "id": "x"}, lambda head: {})


def erase_under_a_mark(place: Place) -> None:
    place.store.delete(third(place))
    s3, key = place.store._s3, place.store.prefix + third(place)
    found = s3.list_object_versions(Bucket=place.store.bucket, Prefix=key)
    version = found["Versions"][0]["VersionId"]
    s3.delete_object(Bucket=place.store.bucket, Key=key, VersionId=version)


REPLACED, DELETED = Kind.REPLACED, Kind.DELETED
VERSIONS: dict[str, tuple[Attack, dict[Kind, list[int]]]] = {
    "an entry is overwritten": (overwrite(third), {REPLACED: [3]}),
    "the last is overwritten": (overwrite(last), {REPLACED: [LAST]}),
    "an entry is deleted": (delete(third), {DELETED: [3]}),
    "the last is deleted": (delete(last), {DELETED: [LAST]}),
    "the last is deleted, more appended": (
        delete_and_append,
        {REPLACED: [LAST], DELETED: [LAST]},
    ),
    "all is rewritten": (lambda place: rechain(place, place.write), {REPLACED: [3, 4, 5, 6]}),
    "a payload is overwritten": (overwrite(events), {REPLACED: [3]}),
    "a payload is deleted": (delete(events), {DELETED: [3]}),
    "erased under its mark": (erase_under_a_mark, {DELETED: [3], MISSING: [3]}),
}


@pytest.mark.parametrize(("attack", "expected"), VERSIONS.values(), ids=VERSIONS)
def test_the_oldest_version_is_believed(s3, verify: Verify, attack: Attack, expected: dict):
    place = Place(s3).fill()
    attack(place)
    code, report = verify(place)
    assert (code, kinds(report)) == (4, expected)
    assert report["first"]["seq"] == min(seq for seqs in expected.values() for seq in seqs)


def test_a_bucket_without_versions_is_told_of(s3, verify: Verify):
    place = Place(s3)
    s3._s3.put_bucket_versioning(Bucket=s3.bucket, VersioningConfiguration={"Status": "Suspended"})
    place.fill()
    code, report = verify(place)
    assert code == 0
    assert [why for why in report["not_proven"] if "objects without versions" in why]
    overwrite(third)(place)
    assert kinds(verify(place)[1]) == {EDITED: [3]}
