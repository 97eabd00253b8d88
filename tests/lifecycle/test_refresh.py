"""Carried forward, the queue is what it would be built whole; and what that costs."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratum_pipeline.lifecycle import publish as module
from stratum_pipeline.lifecycle.checkpoint import save
from stratum_pipeline.lifecycle.events import Accounts, Kind
from stratum_pipeline.lifecycle.publish import publish, refresh
from stratum_pipeline.lifecycle.record import current
from stratum_pipeline.store.data import CURRENT, LAYERED, Data
from stratum_pipeline.store.encoding import canonical

from .conftest import LATER, LOGS, OPEN, TOGETHER, Place
from .histories import SHARED, STEPS, Story, gap
from .make import A, B, account, fail, fid

CORRELATIONS = (TOGETHER, SHARED)
CARRIED = {f"{name}_since" for name in LAYERED}
FRAMES = (
    "findings",
    *LAYERED,
    "index",
    "contexts",
    "suppressed",
    "gaps",
    "populations",
    "accounts",
    "scans",
)
FRAMES += ("entries", "views", "rules", "modules")


@pytest.fixture(autouse=True)
def whatever_the_share() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST", 10**6)
        yield


def carry(place: Place, as_of: datetime = LATER, **over: Any) -> bool:
    """Refresh the queue; whether that was an update of the one before."""
    asked = {"correlations": CORRELATIONS, "modules": ["s3"]} | over
    frames = refresh(place.ledger, place.data, place.rules, as_of=as_of, **asked)
    assert (frames.keys() >= CARRIED) != (frames.keys() >= LAYERED.keys())
    return frames.keys() >= CARRIED


def shown(place: Place) -> dict[str, pl.DataFrame]:
    frames = {name: place.data.read_queue(name) for name in FRAMES}
    return {name: frame for name, frame in frames.items() if frame is not None}


def assert_as_if_built_whole(place: Place, as_of: datetime = LATER, **over: Any) -> None:
    carried = shown(place)
    asked = {"correlations": CORRELATIONS, "modules": ["s3"]} | over
    publish(place.data, current(place.ledger), place.rules, as_of=as_of, **asked)
    for name, frame in shown(place).items():
        assert (name, carried[name].schema) == (name, frame.schema)
        assert carried[name].equals(frame), (name, carried[name], frame)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(STEPS, min_size=1, max_size=3),
    st.lists(st.lists(STEPS, min_size=1, max_size=3), min_size=1, max_size=3),
)
def test_it_is_what_it_would_be_built_whole(
    first: list[tuple[str, Any]], later: list[list[tuple[str, Any]]]
):
    story, as_of = Story(), LATER
    story.place.scan(0.5, fail())
    story.place.record()
    for step in first:
        story.step(*step)
    save(story.place.data, current(story.place.ledger))
    carry(story.place, as_of)
    for steps in later:
        as_of += timedelta(hours=13)  # suppressions end in between
        for step in steps:
            story.step(*step)
        assert carry(story.place, as_of)
    assert_as_if_built_whole(story.place, as_of)


@pytest.fixture
def place(place: Place) -> Place:
    place.data.write_accounts(Accounts.frame([account(), account(B)]))
    place.scan(1, fail("a"), fail("b", OPEN, related=["arn:shared"]), gaps=[gap(A)])
    place.scan(1, *(fail(n, account=B) for n in "abc"), account=B, gaps=[gap(B)])
    place.record()
    place.says(Kind.SUPPRESSED, fid("b", account=B), reason="accepted_risk", note="x", until=SOON)
    save(place.data, current(place.ledger))
    carry(place)
    return place


SOON, AFTER = LATER + timedelta(hours=1), LATER + timedelta(hours=2)


def tagged(place: Place) -> None:
    tags = [{"key": "criticality", "value": "high"}]
    place.data.write_accounts(Accounts.frame([account(), account(B, tags=tags)]))
    place.record()


def scanned(place: Place, *fails: dict[str, Any], **more: Any) -> None:
    place.scan(2, *fails, account=B, **more)
    place.record()


def beside(place: Place) -> None:
    """In B, what makes a finding of A worse."""
    scanned(place, fail("z", LOGS, B, related=["arn:shared"]))


def no_longer_beside(place: Place) -> None:
    beside(place)
    carry(place)
    place.scan(3, account=B)
    place.record()


TOUCHED: dict[str, tuple[Callable[[Place], object], str, Any]] = {
    "nothing happened": (lambda p: None, "priority", [70, 70, 70, 70, 70]),
    "a person spoke": (
        lambda p: p.says(Kind.ASSIGNED, fid(account=B), to="bob"),
        "assignee",
        [None, None, None, None, "bob"],
    ),
    "a scan": (scanned, "status", ["open", "open", "resolved", "resolved", "resolved"]),
    "a scan that failed": (
        lambda p: scanned(p, outcome="failed"),
        "unverified",
        ["", "", *["sts:AssumeRole denied (AccessDenied)"] * 3],
    ),
    "an account's tag": (tagged, "priority", [70, 70, 85, 85, 85]),
    "worse beside another's": (beside, "severity", ["critical", *["high"] * 5]),
    "no longer so": (no_longer_beside, "severity", ["high"] * 6),
}


@pytest.mark.parametrize("case", TOUCHED)
def test_what_touches_an_account(place: Place, case: str):
    happen, column, expected = TOUCHED[case]
    happen(place)
    assert carry(place)
    rows = shown(place)["findings"]
    assert sorted(rows[column].to_list(), key=str) == sorted(expected, key=str)
    assert_as_if_built_whole(place)


def test_a_suppression_ends_without_anybody_saying_so(place: Place):
    def status() -> list[str]:
        rows = shown(place)["findings"]
        return rows.filter(finding_id=fid("b", account=B))["status"].to_list()

    assert carry(place, SOON - timedelta(minutes=1))
    assert status() == ["suppressed"]
    assert carry(place, AFTER)
    assert status() == ["open"]
    assert_as_if_built_whole(place, AFTER)


def test_only_what_is_touched_is_read_and_written(place: Place, monkeypatch: pytest.MonkeyPatch):
    head = place.data.current_queue()
    assert head is not None
    beside(place)
    read: list[tuple[str, str]] = []
    part = place.data.read_part

    def noted(kind: Any, module: str, account: str, *columns: Any) -> pl.DataFrame | None:
        read.append((kind, account))
        return part(kind, module, account, *columns)

    monkeypatch.setattr(place.data, "read_part", noted)
    assert carry(place, SOON - timedelta(minutes=1))
    owners = {account for kind, account in read if kind == "verdicts"}
    assert owners == {A, B}  # A for what now stands beside its finding
    now = place.data.current_queue()
    assert now is not None
    assert now["base"] == head["snapshot_id"]
    stored = {key.split("/")[2] for key in place.data.store.list(f"queue/{now['snapshot_id']}/")}
    assert "details_since.parquet" in stored
    assert "details.parquet" not in stored


def test_the_snapshot_beneath_is_kept(place: Place):
    base = place.data.current_queue()
    assert base is not None
    for hours in range(1, 6):
        assert carry(place, LATER + timedelta(hours=hours))
    head = place.data.current_queue()
    assert head is not None
    assert head["base"] == base["snapshot_id"]
    assert_as_if_built_whole(place, LATER + timedelta(hours=6))


def cut(data: Data) -> None:
    head = data.current_queue()
    assert head is not None
    data.store.put(f"queue/{head['snapshot_id']}/details.parquet", b"PAR1")


def without(prefix: str) -> Callable[[Place], None]:
    def delete(place: Place) -> None:
        for key in list(place.data.store.list(prefix)):
            place.data.store.delete(key)

    return delete


def of_another_ledger(place: Place) -> None:
    head = place.data.current_queue()
    place.data.store.put(CURRENT, canonical((head or {}) | {"digest": "0" * 64}))


WHOLE: dict[str, tuple[Callable[[Place], object], dict[str, Any]]] = {
    "no queue": (without("queue/"), {}),
    "no checkpoint": (without("checkpoint/"), {}),
    "a damaged queue": (lambda p: cut(p.data), {}),
    "of another ledger": (of_another_ledger, {}),
    "a module switched off": (lambda p: None, {"modules": []}),
    "other correlations": (lambda p: None, {"correlations": [TOGETHER]}),
    "an earlier time": (lambda p: None, {"as_of": LATER - timedelta(hours=1)}),
}


@pytest.mark.parametrize("case", WHOLE)
def test_where_it_cannot_be_carried_it_is_built_whole(place: Place, case: str):
    happen, over = WHOLE[case]
    happen(place)
    assert not carry(place, **over)
    assert_as_if_built_whole(place, **over)


def test_where_much_is_touched_it_is_built_whole(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST", 0.6)
    scanned(place)
    assert carry(place)
    monkeypatch.setattr(module, "MOST", 0.5)
    place.scan(3, account=B)
    place.record()
    assert not carry(place)
