"""The service as its clients see it: in this process, and over HTTP."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.lifecycle.triage import triage
from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage.client import ApiError, Client, Http
from stratum_pipeline.triage.current import Pace
from stratum_pipeline.triage.service import Embedded, Service
from tests.lifecycle.make import ANN, fid

from .house import AT_ONCE, BUCKETS, MANY, Door, House, serving


@pytest.fixture(params=["embedded", "http"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    with contextlib.ExitStack() as stack:
        if request.param == "http":
            house.url = stack.enter_context(serving(house.service))
            house.transport = Http(house.url)
        else:
            house.transport = Embedded(house.service, Door())  # type: ignore[arg-type]
        yield house
        house.transport.close()


@pytest.fixture
def house(empty: House) -> House:
    empty.fill()
    return empty


def refused(status: int, call: Callable[[], Any], *words: str) -> c.Problem:
    with pytest.raises(ApiError) as error:
        call()
    problem = error.value.problem
    assert problem.status == status, problem
    for word in words:
        assert word in problem.detail
    return problem


def says(kind: str = "acknowledged", *names: str, **more: Any) -> c.Record:
    ids = {} if "filter" in more else {"finding_ids": [fid(name) for name in names or ("b0",)]}
    return c.Record.model_validate({"kind": kind} | ids | more)


SUPPRESS = {"reason": "accepted_risk", "note": "known"}


def test_an_own_change_is_in_the_next_read(house: House):
    house.service._queue._pace = Pace(every=1000)  # nobody looks by the clock
    before = house["ann"].finding(fid("b0")).snapshot.seq
    said = house["ann"].record(says())
    assert said == c.Recorded(matched=1, entry=before + 1, replayed=False)
    found = house["ann"].finding(fid("b0"))
    assert (found.acknowledged_by, found.snapshot.seq) == ("ann", before + 1)
    assert house["ann"].activity(c.ActivityQuery()).items[0].finding_id == fid("b0")


def test_another_process_is_heard_after_a_while(house: House):
    current = house.service._queue
    assert house.count("suppressed") == 0
    current._pace = Pace(every=1000, patience=30)
    triage(house.estate.ledger, ANN, Kind.SUPPRESSED, [fid("b0")], now=house.now, **SUPPRESS)
    assert house.count("suppressed") == 0
    current._looked -= 1000
    assert house.count("suppressed") == 1


def test_by_filter(house: House):
    everything = c.Filter(status=("open",))
    dry = house["ann"].record(says(filter=everything, dry_run=True))
    assert dry == c.Recorded(matched=MANY, entry=None, replayed=False)
    wrong = says("suppressed", filter=everything, expected=MANY - 1, **SUPPRESS)
    refused(409, lambda: house["ann"].record(wrong), f"matches {MANY} findings")
    assert house.count("suppressed") == 0
    done = house["ann"].record(wrong.model_copy(update={"expected": MANY}))
    assert done.matched == MANY
    assert house.count("suppressed") == MANY
    assert house["ann"].activity(c.ActivityQuery()).items[0].findings == MANY


def test_by_many_ids(house: House):
    assert house["ann"].record(says("assigned", *BUCKETS[:220], to="tom")).matched == 220
    mine = house["tom"].findings(c.FindingsQuery(assignee=("tom",)))
    assert mine.total == 220
    assert house["tom"].people().items == ("ann", "tom")


def test_what_is_refused(house: House):
    ann = house["ann"]
    nothing = c.Filter(severity=("low",))
    refused(422, lambda: ann.record(says(filter=nothing)), "matches no finding")
    both = says().model_copy(update={"filter": nothing})
    refused(422, lambda: ann.record(both), "either")
    refused(422, lambda: ann.record(c.Record(kind="acknowledged")), "either")
    refused(404, lambda: ann.record(says("acknowledged", "b0", "zz", "yy")), "and 1 more")
    refused(422, lambda: ann.record(says("suppressed", reason="accepted_risk")), "note")
    refused(422, lambda: ann.record(says("suppressed", note="why")), "reason")
    refused(422, lambda: ann.record(says("noted")), "note")
    past = says("suppressed", until=house.now, **SUPPRESS)
    refused(422, lambda: ann.record(past), "past")
    with pytest.raises(ValidationError):
        says("suppressed", until=datetime(2030, 1, 1), **SUPPRESS)  # noqa: DTZ001
    assert house["ann"].activity(c.ActivityQuery()).total == 1


def test_a_time_without_offset_is_refused(house: House):
    if not house.url:
        pytest.skip("the model refuses it before")
    body = {"kind": "suppressed", "finding_ids": [fid("b0")], "until": "2030-01-01T00:00:00"}
    answer = httpx.post(
        f"{house.url}/v1/events",
        json=body | SUPPRESS,
        headers={"Authorization": "Bearer ann"},
        trust_env=False,
    )
    assert answer.status_code == 422


def test_a_key_records_once(house: House):
    event = says(idempotency_key="one")
    first = house["ann"].record(event)
    again = house["ann"].record(event)
    assert again == first.model_copy(update={"replayed": True})
    other = says("noted", note="x", idempotency_key="one")
    refused(422, lambda: house["ann"].record(other), "another request")
    assert house["tom"].record(event).entry == (first.entry or 0) + 1  # another's key
    assert "request" not in house["ann"].activity(c.ActivityQuery()).items[0].body


def test_a_key_replays_what_would_not_be_valid_any_more(house: House):
    event = says("suppressed", until=house.now + timedelta(1), idempotency_key="k", **SUPPRESS)
    first = house["ann"].record(event)
    house.now += timedelta(2)
    assert house["ann"].record(event).entry == first.entry


def test_racing_with_one_key_records_once(house: House):
    """Threads of this service, and another process."""
    other = Service(house.estate.data, house.estate.ledger, lambda: house.now, AT_ONCE)
    elsewhere = Client(Embedded(other, Door()), {"Authorization": "Bearer ann"})  # type: ignore[arg-type]
    assert elsewhere.me().id == "ann"
    with ThreadPoolExecutor(6) as pool:
        asked = [house["ann"], elsewhere] * 3
        done = list(pool.map(lambda client: client.record(says(idempotency_key="one")), asked))
    elsewhere.close()
    assert len({one.entry for one in done}) == 1
    assert house["ann"].activity(c.ActivityQuery(kind=("acknowledged",))).total == 1


def test_roles(house: House):
    view = c.View(name="mine", query={"severity": ("high",)})
    shared = view.model_copy(update={"shared": True})
    refused(403, lambda: house["vic"].record(says()), "triager")
    refused(403, lambda: house["vic"].save_view(view), "triager")
    refused(403, lambda: house["ann"].save_view(shared), "approver")
    assert house["abe"].save_view(shared).items[0].owner == "abe"
    refused(403, lambda: house["ann"].delete_view(c.ViewKey(name="mine", shared=True)))
    assert house["vic"].views().items == (shared.model_copy(update={"owner": "abe"}),)


def test_views_are_their_owners(house: House):
    view = c.View(name=" mine ", query={"severity": ("high", "low")}, owner="somebody")
    saved = house["ann"].save_view(view).items
    assert saved == (c.View(name="mine", query=view.query, owner="ann"),)
    house["tom"].save_view(c.View(name="mine", query={}))
    assert house["ann"].views().items == saved
    assert house["vic"].views().items == ()
    refused(404, lambda: house["abe"].delete_view(c.ViewKey(name="mine")), "'mine'")
    refused(422, lambda: house["ann"].save_view(c.View(name=" ", query={})))
    assert house["ann"].delete_view(c.ViewKey(name="mine")).items == ()
    assert [one.owner for one in house["tom"].views().items] == ["tom"]


def test_a_suppression_ends_by_the_clock_alone(house: House):
    house["ann"].record(says("suppressed", until=house.now + timedelta(hours=1), **SUPPRESS))
    assert house.count("suppressed") == 1
    house.now += timedelta(hours=1)
    assert house.count("suppressed") == 0
    assert house["vic"].overview(c.ScopeQuery()).open["high"] == MANY


def test_nothing_scanned_yet(empty: House):
    for _ in range(2):
        problem = refused(503, lambda: empty["ann"].findings(c.FindingsQuery()), "stratum scan")
        assert problem.type.endswith("no-queue")
    assert refused(503, lambda: empty["ann"].record(says())).type.endswith("no-queue")
    assert empty["ann"].me().id == "ann"
    empty.fill()
    assert empty.count("open") == MANY


def test_a_cursor_ends_with_its_snapshot(house: House):
    pages = [
        (house["vic"].findings, c.FindingsQuery(limit=1)),
        (house["vic"].groups, c.GroupsQuery(by="resource", limit=1)),
    ]
    house["ann"].record(says())
    pages.append((house["vic"].activity, c.ActivityQuery(limit=1)))
    behind = [(ask, q.model_copy(update={"cursor": ask(q).next})) for ask, q in pages]
    for ask, question in behind:
        assert question.cursor
        assert ask(question).items
    house.now += timedelta(hours=1)
    house.estate.publish(house.now)
    for ask, question in behind:
        problem = refused(410, lambda ask=ask, question=question: ask(question))
        assert problem.type.endswith("cursor-expired")


def test_a_torn_entry_is_told_until_it_is_mended(house: House, tmp_path: Path):
    assert house.count("open") == MANY
    torn = tmp_path / "vault" / "ledger" / f"{2:012}.json"
    torn.write_bytes(b'{"v":1,')
    for _ in range(2):
        for call in (lambda: house.count("open"), lambda: house["ann"].record(says())):
            problem = refused(503, call, torn.name, "torn")
            assert problem.type.endswith("storage")
    torn.unlink()
    assert house.count("open") == MANY
    assert house["ann"].record(says()).entry == 2


def test_readers_writers_and_new_snapshots_at_once(house: House):
    """What is suppressed only grows, and every finding is always there."""
    house.service._queue._pace = Pace(every=0.05)  # else eight readers do nothing but look
    done, wrong = threading.Event(), list[Any]()

    def read(n: int) -> None:
        least = 0
        while not done.wait(0.05):
            client = house["vic"]
            every = client.findings(c.FindingsQuery(limit=1)).total
            quiet = client.findings(c.FindingsQuery(status=("suppressed",), limit=500))
            if every != MANY or len(quiet.items) < least:
                wrong.append((n, every, least, len(quiet.items)))
            least = len(quiet.items)

    with ThreadPoolExecutor(9) as pool:
        readers = [pool.submit(read, n) for n in range(8)]
        try:
            for n in range(6):
                house["ann"].record(says("suppressed", BUCKETS[n], **SUPPRESS))
                if house.count("suppressed") != n + 1:
                    wrong.append(n)
                if n in (2, 4):
                    house.now += timedelta(seconds=1)
                    house.estate.publish(house.now)
        finally:
            done.set()
        for reader in readers:
            reader.result()
    assert wrong == []
