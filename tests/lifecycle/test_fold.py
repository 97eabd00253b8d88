"""What is so, given all that happened: status, what people said, and folding in steps."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratum_pipeline.lifecycle.fold import State, findings, fold

from .make import ANN, OLD_KEY, A, B, World, account, fail, fid, hour, scan


@pytest.fixture
def world() -> World:
    """Finding a is open since hour 1."""
    world = World()
    world.scan(1, fail())
    return world


def test_of_nothing_there_are_no_findings():
    rows = findings(State(), hour(0))
    assert rows.height == 0
    assert {"status", "system", "marked_at", "rule_version", "opened_at"} <= set(rows.columns)


def test_an_open_one(world: World):
    row = world.finding()
    assert {name: row[name] for name in fail()} == fail()
    assert (row["status"], row["system"], row["cause"]) == ("open", "open", "baseline")
    assert row["opened_at"] == row["status_at"] == hour(1)
    people = [n for n in row if n.startswith(("acknowledged", "assign", "suppress", "marked"))]
    assert len(people) == 10
    assert [row[name] for name in people] == [None] * 10


def test_opened_resolved_reopened(world: World):
    world.scan(2, here="a")
    row = world.finding()
    assert (row["status"], row["system"], row["cause"]) == ("resolved", "resolved", "fixed")
    assert (row["opened_at"], row["status_at"]) == (hour(1), hour(2))
    world.scan(3, fail(severity="low"))
    row = world.finding()
    assert (row["status"], row["cause"], row["severity"]) == ("open", "regressed", "low")
    assert (row["opened_at"], row["status_at"]) == (hour(1), hour(3))


# People


def test_suppressed_until(world: World):
    until = hour(10).isoformat()
    world.says("suppressed", 2, reason="accepted_risk", note="so be it", until=until)
    row = world.finding(as_of=9.99)
    assert (row["status"], row["system"]) == ("suppressed", "open")
    assert row["suppressed_until"] == hour(10)
    said = [row[f"suppressed_{n}"] for n in ("reason", "note", "by", "at")]
    assert said == ["accepted_risk", "so be it", "ann", hour(2)]
    for as_of in (10, 11):
        row = world.finding(as_of)
        assert row["status"] == "open"
        assert [row[n] for n in row if n.startswith("suppressed")] == [None] * 5


def test_suppressed_for_ever(world: World):
    world.says("suppressed", 2, reason="false_positive", note="x", until="")
    assert world.finding(as_of=10**6)["status"] == "suppressed"


def test_the_last_suppression_counts(world: World):
    world.says("suppressed", 2, reason="false_positive", note="x", until="")
    world.says("suppressed", 3, reason="accepted_risk", note="y", until=hour(10).isoformat())
    assert world.finding(as_of=9)["suppressed_reason"] == "accepted_risk"
    assert world.finding(as_of=11)["status"] == "open"


def test_unsuppressed(world: World):
    world.says("suppressed", 2, reason="false_positive", note="x", until="")
    world.says("unsuppressed", 3)
    assert (world.finding()["status"], world.finding()["suppressed_by"]) == ("open", None)
    world.says("suppressed", 4, reason="false_positive", note="x", until="")
    assert world.finding()["status"] == "suppressed"


def test_a_suppressed_one_is_resolved_all_the_same(world: World):
    world.says("suppressed", 2, reason="false_positive", note="x", until="")
    world.scan(3, here="a")
    assert world.finding()["status"] == "resolved"


def test_assigned(world: World):
    world.says("assigned", 2, to="bob")
    assert world.finding()["assignee"] == "bob"
    world.says("assigned", 3, to="eve")
    assert world.finding()["assignee"] == "eve"
    world.says("assigned", 4, to="")
    assert not world.finding()["assignee"]


def test_acknowledged_until_it_comes_again(world: World):
    world.says("acknowledged", 2)
    said = [(world.finding()[f"acknowledged_{n}"]) for n in ("by", "at")]
    assert said == ["ann", hour(2)]
    world.scan(3, fail(severity="low"))  # a change does not clear it
    assert world.finding()["acknowledged_by"] == "ann"
    world.scan(4, here="a")
    assert world.finding()["acknowledged_by"] == "ann"
    world.scan(5, fail())
    assert world.finding()["acknowledged_by"] is None
    world.scan(6, here="a")  # nor does it come back when that is resolved
    assert world.finding()["acknowledged_by"] is None
    world.says("acknowledged", 7)
    assert world.finding()["acknowledged_at"] == hour(7)


def talk(world: World) -> None:
    world.says("acknowledged", 2)
    world.says("assigned", 2, to="bob")
    world.says("suppressed", 2, reason="accepted_risk", note="x", until="")


def test_what_people_said_survives_a_regression(world: World):
    talk(world)
    world.scan(3, here="a")
    world.scan(4, fail())
    row = world.finding()
    assert (row["status"], row["assignee"], row["cause"]) == ("suppressed", "bob", "regressed")
    assert row["acknowledged_by"] is None


def test_what_people_said_ends_with_another_resource(world: World):
    talk(world)
    world.scan(3, fail(incarnation="second"))
    row = world.finding()
    assert (row["status"], row["assignee"], row["suppressed_by"]) == ("open", None, None)
    assert (row["acknowledged_by"], row["incarnation"]) == (None, "second")
    assert row["opened_at"] == hour(1)
    world.scan(4, here="a")
    world.scan(5, fail(incarnation="second"))  # nor does it come back with that one's regression
    assert (world.finding()["assignee"], world.finding()["status"]) == (None, "open")
    talk(world)
    assert (world.finding()["assignee"], world.finding()["status"]) == ("bob", "suppressed")


def test_marked_resolved_holds_until_the_system_speaks(world: World):
    world.says("marked_resolved", 2)
    row = world.finding()
    assert (row["status"], row["system"], row["marked_by"]) == ("resolved", "open", "ann")
    assert row["marked_at"] == hour(2)
    world.scan(1.5, fail(severity="low"))  # started before; a change, not a status
    assert world.finding()["status"] == "resolved"
    world.scan(3, fail(severity="low"))
    row = world.finding()
    assert (row["status"], row["cause"], row["marked_by"]) == ("open", "not_fixed", None)


def test_one_event_about_many(world: World):
    world.scan(2, fail(), fail("b"), fail("c"))
    world.says("assigned", 3, "a", "c", to="bob")
    assert [world.finding(name=n)["assignee"] for n in "abc"] == ["bob", None, "bob"]
    order = world.state.timeline["order"]
    assert order.is_sorted()
    assert order.is_unique().all()


def test_the_timeline_says_who_and_how_sure(world: World):
    world.says("noted", 2, note="look here")
    system, person = world.state.timeline.to_dicts()
    assert (system["actor"], system["assurance"], system["seq"]) == ("stratum", "process", 1)
    assert (person["actor"], person["assurance"]) == (ANN["id"], ANN["assurance"])
    assert (person["kind"], person["note"], person["at"]) == ("noted", "look here", hour(2))


def test_entries_of_other_kinds_move_only_the_head(world: World):
    before = world.state
    world.append("remediation_planned", {"anything": 1}, ANN, 2)
    assert world.state.head.seq == before.head.seq + 1
    assert world.state.timeline.equals(before.timeline)


# Scans


def test_the_last_complete_scan_is_remembered(world: World):
    world.scan(2, scans=[scan(2, outcome="partial"), scan(2, account=B, outcome="partial")])
    world.scan(3, scans=[scan(3, outcome="failed")])
    columns = ["account_id", "started_at", "outcome", "complete_at", "rules"]
    assert sorted(world.state.scans.select(columns).rows()) == [
        (A, hour(3), "failed", hour(1), "rules"),
        (B, hour(2), "partial", None, "rules"),
    ]


def test_a_failed_scan_judged_nothing():
    world = World()
    world.scan(1, scans=[scan(1, outcome="failed")])
    assert world.state.scans["rules"].to_list() == [None]


# Folding in steps

NAMES = st.sampled_from("abc")
FAILING = st.fixed_dictionaries(
    {},
    optional={
        name: st.fixed_dictionaries(
            {}, optional={"severity": st.just("low"), "incarnation": st.just("second")}
        )
        for name in "abc"
    },
)
OUTCOMES = st.sampled_from(["complete", "partial", "failed"])
SAID = st.one_of(
    st.tuples(
        st.sampled_from(["acknowledged", "marked_resolved", "marked_open", "unsuppressed"]),
        st.just({}),
    ),
    st.tuples(st.just("assigned"), st.fixed_dictionaries({"to": st.sampled_from(["", "bob"])})),
    st.tuples(
        st.just("suppressed"),
        st.fixed_dictionaries(
            {
                "reason": st.just("accepted_risk"),
                "until": st.sampled_from(["", hour(7).isoformat()]),
            }
        ),
    ),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("scan"), FAILING, OUTCOMES, st.sampled_from([A, B])),
        st.tuples(st.just("say"), NAMES, SAID),
        st.tuples(st.just("account"), st.sampled_from(["Root", "Root/x"])),
    ),
    max_size=8,
)


def lived(steps: list[tuple[Any, ...]]) -> World:
    world = World()
    for now, step in enumerate(steps, 1):
        if step[0] == "scan":
            _, failing, outcome, where = step
            fails = [fail(name, account=where, **over) for name, over in failing.items()]
            key = fail("key", rule=OLD_KEY, account=where)
            scans = [scan(now, where, outcome=outcome), scan(now, where, "iam")]
            world.scan(now, *fails, key, scans=scans, here="abc")
        elif step[0] == "say":
            world.says(step[2][0], now, step[1], **step[2][1])
        else:
            world.accounts = [account(ou=step[1])]
    return world


@settings(deadline=None, max_examples=60)
@given(steps=STEPS, cut=st.integers(0, 8), as_of=st.sampled_from([0, 6, 8]))
def test_in_two_steps_it_is_the_same(steps: list[tuple[Any, ...]], cut: int, as_of: float):
    world = lived(steps)
    payload = world.payloads.__getitem__
    once = fold(State(), world.entries, payload)
    twice = fold(fold(State(), world.entries[:cut], payload), world.entries[cut:], payload)
    for state in (twice, world.state):  # the world's was folded entry by entry
        assert state.head == once.head
        for part in fields(State)[1:]:
            assert getattr(state, part.name).equals(getattr(once, part.name)), part.name
        assert findings(state, hour(as_of)).equals(findings(once, hour(as_of)))
    rows = findings(once, hour(as_of))
    assert rows["finding_id"].is_sorted()
    assert rows["finding_id"].is_unique().all()
    ever = once.timeline.filter(kind="opened")["finding_id"]
    assert set(rows["finding_id"]) == set(ever)
    assert rows.drop_nulls(["status", "system", "opened_at", "status_at"]).height == rows.height


def test_findings_are_sorted(world: World):
    names = [f"n{n}" for n in range(20)]
    world.scan(2, *(fail(name) for name in names))
    rows = findings(world.state, hour(3))
    assert rows["finding_id"].to_list() == sorted(fid(n) for n in ["a", *names])
