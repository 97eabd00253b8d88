"""The checkpoint: as good as the ledger read from its first entry, and never needed."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratum_pipeline.lifecycle import checkpoint
from stratum_pipeline.lifecycle.checkpoint import load, only, resume, save
from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.lifecycle.fold import State, fold
from stratum_pipeline.lifecycle.record import current
from stratum_pipeline.store.data import CHECKPOINT, Data
from stratum_pipeline.store.encoding import canonical
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.ledger import Ledger
from stratum_pipeline.store.vault import Vault

from .conftest import Place
from .histories import STEPS, MemoryStore, told
from .make import A, B, fail, fid


def assert_same(one: State, other: State) -> None:
    assert one.head == other.head
    for name in checkpoint.FRAMES:
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (name, mine.schema) == (name, theirs.schema)
        assert mine.equals(theirs), name


@settings(max_examples=15, deadline=None)
@given(st.lists(STEPS, min_size=3, max_size=7))
def test_with_the_tail_it_is_what_the_whole_ledger_says(steps: list[tuple[str, Any]]):
    ledger = told(steps).ledger
    whole = current(ledger)
    data, state = Data(MemoryStore()), State()
    for entry in ledger.entries():
        state = fold(state, [entry], ledger.vault.read_payload)
        save(data, state)
        assert load(ledger, data).head == entry.head
        assert_same(resume(ledger, data), whole)
        for some in ([], [A], [A, B]):
            assert_same(resume(ledger, data, some), only(whole, some))


@pytest.fixture
def place(place: Place) -> Place:
    place.scan(1, fail("a"), fail("b"))
    place.record()
    place.says(Kind.ASSIGNED, fid("a"), to="bob")
    save(place.data, current(place.ledger))
    place.says(Kind.ACKNOWLEDGED, fid("b"))
    return place


def without_a_file(data: Data) -> None:
    data.store.delete(frame_key(data))


def cut(data: Data) -> None:
    data.store.put(frame_key(data), data.store.get(frame_key(data))[:-9])


def of_another(data: Data) -> None:
    """A frame that is whole, but not the one the head names."""
    data.store.put(frame_key(data), data.store.get(frame_key(data, "entries")))


def about(data: Data, **over: Any) -> None:
    data.store.put(CHECKPOINT, canonical((data.current_checkpoint() or {}) | over))


def other_columns(data: Data) -> None:
    found = data.current_checkpoint()
    assert found is not None
    frames = data.read_checkpoint(found, {})
    frames["views"] = frames["views"].drop("shared")
    data.write_checkpoint("other", frames, {n: found[n] for n in ("format", "seq", "digest")})


def frame_key(data: Data, name: str = "timeline") -> str:
    found = data.current_checkpoint()
    assert found is not None
    return f"checkpoint/{found['snapshot_id']}/{name}.parquet"


DAMAGE: dict[str, tuple[Callable[[Data], object], str]] = {
    "head is torn": (lambda d: d.store.put(CHECKPOINT, b'{"seq'), "not readable JSON"),
    "head says nothing": (lambda d: d.store.put(CHECKPOINT, b"{}"), "format None"),
    "a file is missing": (without_a_file, "does not exist"),
    "a file is cut": (cut, "is torn"),
    "a file is another's": (of_another, "is torn"),
    "another digest": (lambda d: about(d, digest="0" * 64), "entry 2 that this ledger does not"),
    "an entry to come": (lambda d: about(d, seq=99), "entry 99 that this ledger does not have"),
    "another format": (lambda d: about(d, format=0), "format 0; this release reads 1"),
    "other columns": (other_columns, "other columns"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_one_is_said_and_ignored(
    place: Place, case: str, caplog: pytest.LogCaptureFixture
):
    damage, why = DAMAGE[case]
    damage(place.data)
    state = resume(place.ledger, place.data)
    assert why in caplog.text
    assert "the ledger read from the start" in caplog.text
    assert_same(state, current(place.ledger))
    place.scan(3)
    assert place.record().entry is not None


class Read(Vault):
    """A vault that remembers what was asked of it."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.ledger.vault._store)
        self.asked: list[str] = []
        self.listed: list[str] = []

    def get(self, key: str) -> bytes:
        self.asked.append(key)
        return super().get(key)

    def list(self, prefix: str = "", after: str = "") -> Any:
        self.listed.append(after)
        return super().list(prefix, after)


def test_only_the_tail_is_read(place: Place, caplog: pytest.LogCaptureFixture):
    vault = Read(place)
    state = resume(Ledger(vault), place.data)
    assert vault.asked == ["ledger/000000000003.json"]
    assert vault.listed == ["ledger/000000000002.json"]
    assert caplog.records == []
    assert_same(state, current(place.ledger))


@pytest.mark.parametrize(("entries", "events"), [(2, 99), (99, 2)])
def test_a_long_tail_leaves_one(place: Place, monkeypatch: pytest.MonkeyPatch, entries, events):
    monkeypatch.setattr(checkpoint, "ENTRIES", entries)
    monkeypatch.setattr(checkpoint, "EVENTS", events)
    resume(place.ledger, place.data)
    assert load(place.ledger, place.data).head.seq == 2
    place.says(Kind.ACKNOWLEDGED, fid("a"))
    resume(place.ledger, place.data)
    assert load(place.ledger, place.data).head.seq == 4


def test_old_ones_are_dropped(place: Place):
    for _ in range(5):
        place.says(Kind.ACKNOWLEDGED, fid("a"))
        save(place.data, current(place.ledger))
    snapshots = {key.split("/")[1] for key in place.data.store.list("checkpoint/")}
    assert len(snapshots - {"current.json"}) == 3


def test_one_that_cannot_be_stored_costs_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def full(*_: object) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr(checkpoint, "ENTRIES", 1)
    monkeypatch.setattr(place.data, "write_checkpoint", full)
    assert_same(resume(place.ledger, place.data), current(place.ledger))
    assert "no space left" in caplog.text


def test_it_holds_all_of_a_state():
    assert {f.name for f in fields(State)} == {"head", *checkpoint.FRAMES}
