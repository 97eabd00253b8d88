"""Storage that is gone or hangs: reads go on, marked; writes say what they know."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from stratum_pipeline.store.data import CURRENT, Data
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.ledger import Ledger
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.store.vault import Vault
from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage.client import ApiError, Client
from stratum_pipeline.triage.current import Pace
from stratum_pipeline.triage.service import Embedded, Service
from tests.lifecycle.make import fid

from .house import MANY, Door, House

GONE = "cannot reach the bucket"


class Faulty(LocalStore):
    """A folder that can be gone, or hang until it is let go; before, or after it was written."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.gone = False
        self.free = threading.Event()
        self.hang = self.lose_replies = False

    def find(self, key: str) -> bytes | None:
        self._meet()
        return super().find(key)

    def list(self, prefix: str = "", after: str = "") -> Iterator[str]:
        self._meet()
        return super().list(prefix, after)

    def create(self, key: str, data: bytes) -> None:
        self._meet()
        super().create(key, data)
        if self.lose_replies:
            self.gone = True
            self._meet()

    def _meet(self) -> None:
        if self.hang:
            self.free.wait(60)
        if self.gone:
            raise StoreError(GONE)

    def mend(self) -> None:
        self.gone = self.hang = self.lose_replies = False
        self.free.set()


class Shaky:
    """A house whose data and vault can fail."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.house.fill()
        self.data, self.vault = Faulty(folder / "data"), Faulty(folder / "vault")
        pace = Pace(every=0, patience=30, late=0, deadline=30, first=30)
        ledger = Ledger(Vault(self.vault))
        self.service = Service(Data(self.data), ledger, lambda: self.house.now, pace)
        self.current = self.service._queue
        self.ann = Client(Embedded(self.service, Door()), {"Authorization": "Bearer ann"})  # type: ignore[arg-type]

    def impatient(self) -> None:
        for one in (self.service, self.current):
            one._pace = Pace(every=0, patience=0.05, late=0, deadline=0.2, first=0.2)

    def snapshot(self) -> c.Snapshot:
        page = self.ann.findings(c.FindingsQuery(limit=1))
        assert page.total == MANY
        return page.snapshot

    def mend(self) -> None:
        self.service._pace = self.current._pace = Pace(every=0, patience=30, deadline=30)
        for store in (self.data, self.vault):
            store.mend()
        if (look := self.current._look.running) is not None:
            look.exception(30)


@pytest.fixture
def shaky(tmp_path: Path) -> Iterator[Shaky]:
    shaky = Shaky(tmp_path)
    yield shaky
    shaky.mend()
    shaky.ann.close()
    shaky.house.service.close()


def refused(call: Callable[[], Any]) -> c.Problem:
    with pytest.raises(ApiError) as error:
        call()
    assert error.value.problem.status == 503
    return error.value.problem


NOTED = c.Record(kind="noted", note="why", finding_ids=(fid("b0"),), idempotency_key="k")
READS: dict[str, Callable[[Client], Any]] = {
    "seen": lambda ann: ann.seen(c.ScopeQuery()),
    "findings": lambda ann: ann.findings(c.FindingsQuery()),
    "facets": lambda ann: ann.facets(c.Filter()),
    "groups": lambda ann: ann.groups(c.GroupsQuery()),
    "finding": lambda ann: ann.finding(fid("b0")),
    "coverage": lambda ann: ann.coverage(c.CoverageQuery()),
    "gaps": lambda ann: ann.gaps(c.GapsQuery()),
    "accounts": lambda ann: ann.accounts(c.AccountsQuery()),
    "rules": lambda ann: ann.rules(c.ScopeQuery()),
    "overview": lambda ann: ann.overview(c.ScopeQuery()),
    "activity": lambda ann: ann.activity(c.ActivityQuery()),
}


@pytest.mark.parametrize("which", ["data", "vault"])
def test_reads_outlive_a_store_that_is_gone(shaky: Shaky, which: str):
    assert shaky.snapshot().stale is None
    known = shaky.house.now
    shaky.house.now += timedelta(hours=1)
    getattr(shaky, which).gone = True
    for name, ask in READS.items():
        assert ask(shaky.ann).snapshot.stale == c.Stale(since=known, why=GONE), name
    assert shaky.ann.people().items == ("ann",)
    assert shaky.ann.views().items == ()
    assert b"".join(shaky.ann.export(c.ExportQuery())).count(b"\n") == MANY + 1
    shaky.mend()
    assert shaky.snapshot().stale is None


@pytest.mark.parametrize("which", ["data", "vault"])
def test_reads_do_not_wait_for_a_store_that_hangs(shaky: Shaky, which: str):
    assert shaky.snapshot().stale is None
    shaky.impatient()
    getattr(shaky, which).hang = True
    for _ in range(5):
        stale = shaky.snapshot().stale
        assert stale
        assert "do not answer" in stale.why
    shaky.mend()
    assert shaky.snapshot().stale is None


def test_before_anything_is_loaded_there_is_no_answer(shaky: Shaky):
    shaky.impatient()
    shaky.data.hang = True
    assert "within" in refused(shaky.snapshot).detail
    shaky.data.gone = True
    shaky.data.free.set()
    assert refused(shaky.snapshot).detail
    shaky.mend()
    assert shaky.snapshot().stale is None


def test_a_snapshot_that_cannot_be_read_leaves_the_one_before(shaky: Shaky):
    shaky.snapshot()
    whole = shaky.data.get(CURRENT)
    shaky.data.put(CURRENT, whole.replace(b'"snapshot_id":"', b'"snapshot_id":"z'))
    stale = shaky.snapshot().stale
    assert stale
    assert "does not exist" in stale.why
    shaky.data.put(CURRENT, whole)
    assert shaky.snapshot().stale is None


@pytest.mark.parametrize("which", ["data", "vault"])
@pytest.mark.parametrize("hangs", [False, True])
def test_nothing_is_recorded_on_what_may_have_changed(shaky: Shaky, which: str, hangs: bool):
    shaky.snapshot()
    store: Faulty = getattr(shaky, which)
    store.gone, store.hang = not hangs, hangs
    shaky.impatient()
    for call in (
        lambda: shaky.ann.record(NOTED),
        lambda: shaky.ann.delete_view(c.ViewKey(name="x")),
    ):
        assert "Nothing was recorded" in refused(call).detail
    shaky.mend()
    assert shaky.ann.record(NOTED) == c.Recorded(matched=1, entry=2, replayed=False)


def test_whether_it_was_recorded_may_not_be_known(shaky: Shaky):
    shaky.snapshot()
    shaky.vault.lose_replies = True
    told = refused(lambda: shaky.ann.record(NOTED))
    assert told.type.endswith("unsure")
    assert "same key" in told.detail
    shaky.mend()
    assert shaky.ann.record(NOTED) == c.Recorded(matched=1, entry=2, replayed=True)
    shaky.vault.lose_replies = True
    view = c.View(name="mine", query={})
    assert refused(lambda: shaky.ann.save_view(view)).type.endswith("unsure")


def test_an_append_that_hangs_may_still_be_recorded(shaky: Shaky):
    shaky.snapshot()
    create, begun = shaky.vault.create, threading.Event()

    def slow(key: str, data: bytes) -> None:
        begun.set()
        shaky.vault.free.wait(60)
        create(key, data)

    shaky.vault.create = slow
    shaky.service._pace = Pace(deadline=0.2)
    told = refused(lambda: shaky.ann.record(NOTED))
    assert begun.is_set()
    assert told.type.endswith("unsure")
    shaky.vault.create = create
    shaky.mend()
    again = shaky.ann.record(NOTED)
    assert again.entry == 2
    assert shaky.ann.activity(c.ActivityQuery(kind=("noted",))).total == 1


def test_what_was_recorded_is_told_even_if_nothing_answers_after_it(shaky: Shaky):
    shaky.snapshot()
    create = shaky.vault.create

    def last(key: str, data: bytes) -> None:
        create(key, data)
        shaky.vault.gone = True

    shaky.vault.create = last
    assert shaky.ann.record(NOTED) == c.Recorded(matched=1, entry=2, replayed=False)


def test_a_queue_is_closed_when_its_last_reader_leaves(shaky: Shaky):
    export = shaky.ann.export(c.ExportQuery())
    next(export)
    before = shaky.current._queue
    assert before
    shaky.house.now += timedelta(hours=1)
    shaky.house.estate.publish(shaky.house.now)
    shaky.snapshot()
    assert shaky.current._queue is not before
    assert before.rows("SELECT 1").item() == 1
    export.close()
    assert not before.hold()
    with pytest.raises(duckdb.Error):
        before.rows("SELECT 1")
