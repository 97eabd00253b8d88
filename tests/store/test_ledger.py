"""A chain from 1, whatever races, is lost on the way, or is done to its files."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from stratum_pipeline.store import ledger as ledger_module
from stratum_pipeline.store.errors import AlreadyExists, Conflict, StoreError
from stratum_pipeline.store.ledger import GENESIS, SYSTEM, Head, Ledger, LedgerError
from stratum_pipeline.store.objects import LocalStore, ObjectStore
from stratum_pipeline.store.vault import Vault

from .conftest import plant


@pytest.fixture
def ledger(vault: Vault) -> Ledger:
    return Ledger(vault)


def key(seq: int) -> str:
    return f"ledger/{seq:012}.json"


def say(ledger: Ledger, *texts: str) -> None:
    for text in texts:
        ledger.append("noted", SYSTEM, lambda head, text=text: {"text": text})


def said(ledger: Ledger) -> list[str]:
    return [entry.body["text"] for entry in ledger.entries()]


def test_the_chain_grows_from_one(ledger: Ledger, vault: Vault):
    assert ledger.head() == Head(0, GENESIS)
    assert list(ledger.entries()) == []
    heads: list[Head] = []

    def compose(head: Head) -> dict:
        heads.append(head)
        return {"text": "é"}

    first = ledger.append("noted", SYSTEM, compose)
    second = ledger.append("noted", {"kind": "person", "id": "ann", "assurance": "x"}, compose)
    assert first is not None
    assert second is not None
    assert (first.seq, first.prev, second.seq, second.prev) == (1, GENESIS, 2, first.digest)
    assert heads == [Head(), first.head]
    assert list(ledger.entries()) == [first, second]
    assert ledger.head() == second.head
    assert list(vault.list("ledger/")) == [key(1), key(2)]
    assert (second.kind, second.actor["id"], second.body) == ("noted", "ann", {"text": "é"})


# Two writers


@pytest.mark.usefixtures("one_at_a_time")
def test_threads_lose_and_duplicate_nothing(ledger: Ledger):
    texts = [f"{writer} {n}" for writer in range(6) for n in range(5)]

    def write(writer: int) -> None:
        say(ledger, *(text for text in texts if text.startswith(f"{writer} ")))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    assert sorted(said(ledger)) == sorted(texts)


# Lost replies and conflicts


class Flaky(Vault):
    """A vault whose `create` does what `script` says, then behaves."""

    def __init__(self, store: ObjectStore, *script) -> None:
        super().__init__(store)
        self.script = list(script)

    def create(self, key: str, data: bytes) -> None:
        if self.script:
            self.script.pop(0)(super().create, key, data)
        else:
            super().create(key, data)


def fails_with(error: StoreError, stored: bool):
    def create(real, key: str, data: bytes) -> None:
        if stored:
            real(key, data)
        raise error

    return create


@pytest.mark.parametrize("error", [StoreError("timeout"), AlreadyExists("412"), Conflict("409")])
def test_a_lost_reply_counts_once(store: ObjectStore, error: StoreError):
    ledger = Ledger(Flaky(store, fails_with(error, stored=True)))
    entry = ledger.append("noted", SYSTEM, lambda head: {"text": "once"})
    assert said(ledger) == ["once"]
    assert entry == next(ledger.entries())


def test_what_was_not_stored_is_the_callers_to_know(store: ObjectStore):
    ledger = Ledger(Flaky(store, fails_with(StoreError("disk full"), stored=False)))
    with pytest.raises(StoreError, match="disk full"):
        say(ledger, "lost")
    assert said(ledger) == []


def test_a_key_held_for_a_moment_is_tried_again(store: ObjectStore):
    held = fails_with(Conflict("409"), stored=False)
    ledger = Ledger(Flaky(store, held, held))
    say(ledger, "in the end")
    assert said(ledger) == ["in the end"]


def test_a_key_held_for_ever_is_given_up(store: ObjectStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ledger_module.time, "sleep", lambda seconds: None)
    held = fails_with(Conflict("409"), stored=False)
    ledger = Ledger(Flaky(store, *[held] * 20))
    with pytest.raises(Conflict):
        say(ledger, "never")


def test_a_lost_reply_while_another_was_first(store: ObjectStore):
    def another_first(real, key: str, data: bytes) -> None:
        say(Ledger(Vault(store)), "another")
        raise StoreError("timeout")

    ledger = Ledger(Flaky(store, another_first))
    say(ledger, "ours")
    assert said(ledger) == ["another", "ours"]


# compose


def intrude(store: ObjectStore, text: str):
    def create(real, key: str, data: bytes) -> None:
        say(Ledger(Vault(store)), text)
        real(key, data)

    return create


def test_compose_is_asked_again_with_the_newer_head(store: ObjectStore):
    ledger = Ledger(Flaky(store, intrude(store, "first"), intrude(store, "second")))
    heads: list[Head] = []

    def compose(head: Head) -> dict:
        heads.append(head)
        return {"text": f"after {head.seq}"}

    ledger.append("noted", SYSTEM, compose)
    entries = list(ledger.entries())
    assert said(ledger) == ["first", "second", "after 2"]
    assert heads == [Head(), entries[0].head, entries[1].head]


def test_compose_may_have_nothing_to_say(store: ObjectStore):
    ledger = Ledger(Flaky(store, intrude(store, "first")))
    entry = ledger.append("noted", SYSTEM, lambda head: None if head.seq else {"text": "mine"})
    assert entry is None
    assert said(ledger) == ["first"]


def test_compose_may_refuse(store: ObjectStore):
    ledger = Ledger(Flaky(store, intrude(store, "first")))

    def compose(head: Head) -> dict:
        if head.seq:
            raise PermissionError("no longer")
        return {"text": "mine"}

    with pytest.raises(PermissionError, match="no longer"):
        ledger.append("noted", SYSTEM, compose)
    assert said(ledger) == ["first"]


# Damage


def four(ledger: Ledger) -> None:
    say(ledger, "a", "b", "c", "d")


def refused(ledger: Ledger, match: str, readable: int) -> None:
    """Reading stops at the damage, behind `readable` entries; nothing is appended."""
    read = ledger.entries()
    assert [next(read).seq for _ in range(readable)] == list(range(1, readable + 1))
    with pytest.raises(LedgerError, match=match):
        next(read)
    with pytest.raises(LedgerError, match=match):
        say(ledger, "more")


def test_a_torn_entry(ledger: Ledger, store: ObjectStore, vault: Vault):
    four(ledger)
    plant(store, key(3), vault.get(key(3))[:-9])
    refused(ledger, rf"{key(3)} is not a whole .* restore it", 2)


WRONG = {"seq": "3"}, {"seq": None}, {"actor": "ann"}, {"body": []}, {"prev": 1}, {"at": "x"}


@pytest.mark.parametrize("change", [*WRONG, {"id": None}, {"kind": None}], ids=str)
def test_an_entry_of_the_wrong_types(local: LocalStore, change: dict):
    ledger = Ledger(Vault(local))
    four(ledger)
    raw = json.loads(local.get(key(3)))
    plant(local, key(3), json.dumps(raw | change).encode())
    refused(ledger, rf"{key(3)} is not a whole ledger entry", 2)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{}", b"\xff"])
def test_what_is_no_entry_at_all(local: LocalStore, content: bytes):
    ledger = Ledger(Vault(local))
    four(ledger)
    plant(local, key(5), content)
    refused(ledger, rf"{key(5)} is not a whole ledger entry.*Move it away", 4)


@pytest.mark.parametrize("seq", [1, 2])
def test_a_missing_entry(ledger: Ledger, store: ObjectStore, seq: int):
    four(ledger)
    store.delete(key(seq))
    refused(ledger, rf"entry {seq} is missing before {key(seq + 1)}. Restore it", seq - 1)


def test_an_altered_entry(ledger: Ledger, store: ObjectStore, vault: Vault):
    four(ledger)
    plant(store, key(2), vault.get(key(2)).replace(b'"b"', b'"B"'))
    refused(ledger, rf"{key(3)} does not follow from entry 2.*Compare both", 2)


def test_a_copied_and_a_renamed_entry(ledger: Ledger, store: ObjectStore, vault: Vault):
    four(ledger)
    plant(store, key(5), vault.get(key(4)))
    refused(ledger, rf"{key(5)} says that it is entry 4.* restore it", 4)
    store.delete(key(4))
    refused(ledger, rf"{key(5)} says that it is entry 4.* restore it", 3)


def test_another_format(ledger: Ledger, store: ObjectStore, vault: Vault):
    four(ledger)
    plant(store, key(4), vault.get(key(4)).replace(b'"v":1', b'"v":2'))
    refused(ledger, rf"{key(4)} has format 2; this release reads 1: upgrade", 3)


@pytest.mark.parametrize(
    "name", ["ledger/notes.txt", "ledger/5.json", "ledger/a/000000000005.json"]
)
def test_a_foreign_file_is_ignored(
    ledger: Ledger, store: ObjectStore, name: str, caplog: pytest.LogCaptureFixture
):
    four(ledger)
    assert caplog.records == []
    plant(store, name, b"not ours")
    with caplog.at_level(logging.WARNING):
        assert said(ledger) == ["a", "b", "c", "d"]
    assert {record.getMessage() for record in caplog.records} == {
        f"{name} is not a ledger entry and was ignored; take it out"
    }
    say(ledger, "e")
    assert said(ledger)[-1] == "e"


def test_a_killed_writer_leaves_nothing_to_see(local: LocalStore, caplog: pytest.LogCaptureFixture):
    ledger = Ledger(Vault(local))
    four(ledger)
    plant(local, "ledger/.4711.tmp", b'{"v":1,"se')
    assert said(ledger) == ["a", "b", "c", "d"]
    assert caplog.records == []


# Reading on


def test_only_the_tail_is_read_from_a_known_head(ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    four(ledger)
    two = list(ledger.entries())[1].head
    read: list[str] = []
    real = Vault.get

    def get(self: Vault, name: str) -> bytes:
        read.append(name)
        return real(self, name)

    monkeypatch.setattr(Vault, "get", get)
    assert [entry.seq for entry in ledger.entries(two)] == [3, 4]
    assert sorted(read) == [key(3), key(4)]
    read.clear()
    head = ledger.head(two)
    assert sorted(read) == [key(3), key(4)]
    read.clear()
    ledger.append("noted", SYSTEM, lambda head: {"text": "e"}, known=head)
    assert read == []


def test_a_known_head_that_the_chain_does_not_have(ledger: Ledger):
    four(ledger)
    with pytest.raises(LedgerError, match=rf"{key(3)} does not follow from entry 2"):
        list(ledger.entries(Head(2, "f" * 64)))


def test_a_listing_may_miss_an_entry_that_is_there(ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    """A folder read while others append may show the fourth and not yet the third."""
    four(ledger)
    real = Vault.list

    def partial(self: Vault, prefix: str = "", after: str = ""):
        return (k for k in real(self, prefix, after) if k not in (key(2), key(3)))

    monkeypatch.setattr(Vault, "list", partial)
    assert said(ledger) == ["a", "b", "c", "d"]
