"""What a scan changes about what the ledger says; and above all what it does not."""

from typing import Any

import polars as pl
import pytest

from stratum_pipeline.lifecycle.diff import newer
from stratum_pipeline.lifecycle.events import Events, Scans
from stratum_pipeline.lifecycle.fold import LastScans

from .make import (
    OLD_KEY,
    PUBLIC,
    A,
    B,
    World,
    account,
    arn,
    brief,
    fail,
    fid,
    hour,
    observed,
    scan,
    told,
    unknown,
)

NEW_RULE = "s3.bucket.new"


@pytest.fixture
def world() -> World:
    """Account A was scanned whole before, without a finding."""
    world = World()
    world.scan(0)
    return world


@pytest.fixture
def opened(world: World) -> World:
    """Finding a is open."""
    world.scan(1, fail())
    return world


@pytest.fixture
def resolved(opened: World) -> World:
    """Finding a was open, and was fixed."""
    opened.scan(2, here="a")
    return opened


# New ones


def test_of_the_first_scan_they_are_the_baseline():
    events = World().scan(0, fail())
    assert brief(events) == [("opened", "baseline")]
    assert events.schema == Events.schema()
    row = events.row(0, named=True)
    assert (row["reset"], row["at"]) == (True, hour(0))
    assert {name: row[name] for name in fail()} == fail()


@pytest.mark.parametrize("outcome", ["partial", "failed"])
def test_until_a_scan_was_complete_they_are_the_baseline(outcome: str):
    (world := World()).scan(0, scans=[scan(0, outcome=outcome)])
    assert brief(world.scan(1, fail())) == [("opened", "baseline")]
    assert brief(world.scan(2, fail(), fail("b"))) == [("opened", "new")]


def test_of_a_changed_rule(world: World):
    world.rules[PUBLIC] = 2
    assert brief(world.scan(1, fail(rule_version=2))) == [("opened", "rule_changed")]


def test_of_a_new_rule_they_are_the_baseline(world: World):
    world.rules[NEW_RULE] = 1
    assert brief(world.scan(1, fail(rule=NEW_RULE))) == [("opened", "baseline")]
    events = world.scan(2, fail(rule=NEW_RULE), fail("b", rule=NEW_RULE))
    assert brief(events) == [("opened", "new")]


def test_another_module_has_its_own_baseline(world: World):
    key = fail("key", rule=OLD_KEY)
    events = world.scan(1, key, fail(), scans=[scan(1), scan(1, module="iam")])
    assert brief(events.filter(pl.col("rule_id") == OLD_KEY)) == [("opened", "baseline")]
    assert brief(events.filter(pl.col("rule_id") == PUBLIC)) == [("opened", "new")]


# Resolved ones


def test_what_passes_is_fixed(opened: World):
    events = opened.scan(2, here="a")
    assert brief(events) == [("resolved", "fixed")]
    assert events.select("finding_id", "rule_version", "at", "title", "reset").rows() == [
        (fid(), 1, hour(2), None, False)
    ]
    assert opened.scan(3, here="a").is_empty()


def test_what_is_not_there_is_gone(opened: World):
    assert brief(opened.scan(2)) == [("resolved", "gone")]


def test_what_the_changed_rule_passes(opened: World):
    opened.rules[PUBLIC] = 2
    events = opened.scan(2, here="a")
    assert brief(events) == [("resolved", "rule_changed")]
    assert events["rule_version"].to_list() == [2]


EVERY, TWO = [observed(), observed(OLD_KEY)], [scan(2), scan(2, account=B)]
SILENT: dict[str, dict[str, Any]] = {
    "unknown": {"unknowns": [unknown()]},
    "unknown and gone": {"unknowns": [unknown()], "here": ""},
    "listing denied": {"seen": []},
    "another rule's table listed": {"seen": [observed(OLD_KEY), observed(NEW_RULE)]},
    "region not listed": {"seen": [observed(region="us-east-1")]},
    "another account listed": {"scans": TWO, "seen": [observed(account=B)]},
    "and its region": {"scans": TWO, "seen": [observed(region="eu-west-1", account=B)]},
    "module not scanned": {"scans": [scan(2, module="iam")], "seen": EVERY},
    "account not scanned (suspended)": {"scans": [], "seen": EVERY},
    "another account scanned": {"scans": [scan(2, account=B)], "seen": EVERY},
    "scan failed": {"scans": [scan(2, outcome="failed")]},
}


@pytest.mark.parametrize("case", SILENT)
def test_what_was_not_seen_changes_nothing(opened: World, case: str):
    assert opened.scan(2, **{"here": "a"} | SILENT[case]).is_empty()
    assert opened.finding()["status"] == "open"


@pytest.mark.parametrize("region", ["*", "eu-west-1"])
@pytest.mark.parametrize("outcome", ["complete", "partial"])
def test_where_its_table_was_listed_it_is_resolved(opened: World, region: str, outcome: str):
    scans = [scan(2, outcome=outcome)]
    events = opened.scan(2, scans=scans, seen=[observed(region=region)], here="a")
    assert brief(events) == [("resolved", "fixed")]


def test_a_suspended_account_stays_as_it_is(opened: World):
    opened.accounts = [account()]
    opened.scan(2, fail())
    opened.accounts = [account(status="SUSPENDED")]
    assert brief(opened.scan(3, scans=[])) == [("account_changed", "")]
    assert opened.finding()["status"] == "open"


def test_a_closed_account_ends_its_findings(opened: World):
    opened.accounts = [account(status="CLOSED"), account(B, status="CLOSED")]
    events = opened.scan(2, scans=[])
    assert brief(events) == [("account_changed", "")] * 2 + [("resolved", "account_closed")]
    assert events["at"].to_list() == [None] * 3
    assert opened.finding()["status_at"] == hour(2.2)  # the entry's own time
    assert opened.scan(3, scans=[]).is_empty()


@pytest.mark.parametrize("fails", [[], [fail()], [fail(severity="low")], [fail("b")]])
def test_a_last_scan_of_a_closed_account_adds_nothing(opened: World, fails: list[dict]):
    opened.accounts = [account(status="CLOSED")]
    events = opened.scan(2, *fails, here="a")
    assert brief(events) == [("account_changed", ""), ("resolved", "account_closed")]
    assert opened.scan(3, scans=[]).is_empty()


@pytest.mark.parametrize("more", [{}, {"seen": []}, {"scans": [scan(2, outcome="failed")]}])
def test_a_retired_rule_ends_its_findings(opened: World, more: dict[str, Any]):
    del opened.rules[PUBLIC]
    assert brief(opened.scan(2, **more)) == [("resolved", "rule_retired")]
    assert opened.scan(3, **more).is_empty()


@pytest.mark.parametrize("scans", [[scan(2, module="iam")], [scan(2, account=B)]])
def test_a_retired_rule_where_nothing_was_scanned(opened: World, scans: list):
    del opened.rules[PUBLIC]
    assert opened.scan(2, scans=scans).is_empty()


# Still failing


def test_nothing_new_is_no_event(opened: World):
    assert opened.scan(2, fail()).is_empty()


CHANGES: list[dict[str, Any]] = [
    {"severity": "critical"},
    {"evidence": '{"open":"wide"}'},
    {"exposed": True},
    {"exposed": None},
    {"root_cause": "another"},
    {"rule_version": 2},
    {"rule_version": 2, "severity": "low"},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_change_is_said_once(opened: World, change: dict[str, Any]):
    opened.rules[PUBLIC] = change.get("rule_version", 1)
    assert brief(opened.scan(2, fail(**change))) == [("changed", "")]
    assert opened.scan(3, fail(**change)).is_empty()
    now = opened.finding()
    assert {name: now[name] for name in change} == change
    assert (now["status"], now["opened_at"]) == ("open", hour(1))


@pytest.mark.parametrize("change", [{"title": "New words"}, {"console": "x"}, {"cli": "x"}])
def test_new_words_are_no_change(opened: World, change: dict[str, Any]):
    assert opened.scan(2, fail(**change)).is_empty()


def test_after_a_changed_rule_version_it_is_fixed_by_that_one(opened: World):
    opened.rules[PUBLIC] = 2
    opened.scan(2, fail(rule_version=2))
    assert brief(opened.scan(3, here="a")) == [("resolved", "fixed")]


# Again


@pytest.mark.parametrize("before", ["opened", "resolved"])
def test_another_resource_of_the_same_name(before: str, request: pytest.FixtureRequest):
    world: World = request.getfixturevalue(before)
    events = world.scan(3, fail(incarnation="second"))
    assert brief(events) == [("reopened", "new")]
    assert events["reset"].to_list() == [True]
    assert world.scan(4, fail(incarnation="second")).is_empty()


def test_a_regression(resolved: World):
    events = resolved.scan(3, fail())
    assert brief(events) == [("reopened", "regressed")]
    assert events["reset"].to_list() == [False]
    assert resolved.scan(4, fail()).is_empty()


def test_a_regression_by_a_changed_rule(resolved: World):
    resolved.rules[PUBLIC] = 2
    assert brief(resolved.scan(3, fail(rule_version=2))) == [("reopened", "rule_changed")]
    assert resolved.scan(4, fail(rule_version=2)).is_empty()


def test_an_unknown_incarnation_is_not_another(opened: World):
    opened.says("acknowledged", 1.5)
    assert opened.scan(2, fail(incarnation="")).is_empty()
    assert brief(opened.scan(3, fail(incarnation="", severity="low"))) == [("changed", "")]
    assert opened.scan(4, fail(severity="low")).is_empty()
    assert opened.finding()["acknowledged_by"] == "ann"
    assert brief(opened.scan(5, fail(incarnation="second"))) == [("reopened", "new")]


def test_an_incarnation_learnt_later(world: World):
    world.scan(1, fail(incarnation=""))
    assert brief(world.scan(2, fail())) == [("changed", "")]
    assert world.scan(3, fail()).is_empty()
    assert brief(world.scan(4, fail(incarnation="second"))) == [("reopened", "new")]


# A person said "resolved"


def test_a_scan_that_started_before_says_nothing_against_it(opened: World):
    opened.says("marked_resolved", 5)
    for started in (4, 5):
        assert opened.scan(started, fail()).is_empty()
        assert opened.finding()["status"] == "resolved"


def test_a_scan_that_started_after_does(opened: World):
    opened.says("marked_resolved", 5)
    assert brief(opened.scan(6, fail())) == [("reopened", "not_fixed")]
    assert opened.finding()["status"] == "open"
    assert opened.scan(7, fail()).is_empty()


def test_a_failed_scan_has_nothing_to_say_though_old_verdicts_lie_about(opened: World):
    opened.says("marked_resolved", 5)
    assert opened.scan(6, fail(), scans=[scan(6, outcome="failed")]).is_empty()
    assert opened.finding()["status"] == "resolved"


def test_a_scan_that_started_after_and_passes_confirms_it(opened: World):
    opened.says("marked_resolved", 5)
    assert brief(opened.scan(6, here="a")) == [("resolved", "fixed")]
    assert opened.finding()["marked_by"] is None


# Late ones


@pytest.mark.parametrize(("started", "kept"), [(4, False), (5, False), (5.1, True)])
def test_a_late_observation_is_ignored(started: float, kept: bool):
    folded = LastScans.frame([scan(5), scan(1, account=B), scan(1, module="iam")])
    rows = newer(Scans.frame([scan(started)]), folded)
    assert rows.schema == Scans.schema()
    assert rows["started_at"].to_list() == ([hour(started)] if kept else [])
    assert newer(Scans.frame([scan(started)]), LastScans.frame()).height == 1


# Accounts

TAG = [{"key": "team", "value": "ä"}]


@pytest.mark.parametrize("change", [{"ou": "Root/x"}, {"tags": TAG}, {"status": "SUSPENDED"}])
def test_an_account_changes(world: World, change: dict[str, Any]):
    world.accounts = [account(), account(B)]
    assert [row["account_id"] for row in told(world.scan(1))] == [A, B]
    assert world.scan(2).is_empty()
    world.accounts = [account(), account(B, **change)]
    assert told(world.scan(3)) == [account(B, **change)]
    assert world.scan(4).is_empty()
    assert world.state.accounts.to_dicts() == world.accounts


# Many at once


def test_accounts_and_modules_do_not_mix(world: World):
    both = [scan(1), scan(1, account=B), scan(1, module="iam")]
    three = [fail(), fail(account=B), fail("key", rule=OLD_KEY)]
    events = world.scan(1, *three, scans=both)
    assert set(events.select("finding_id", "cause").rows()) == {
        (fid(), "new"),
        (fid(account=B), "baseline"),
        (fid("key", OLD_KEY), "baseline"),
    }
    again = [scan(2), scan(3, account=B), scan(4, module="iam")]
    events = world.scan(4, fail(account=B, severity="low"), scans=again, here="a")
    assert set(events.select("finding_id", "kind", "cause", "at").rows()) == {
        (fid(), "resolved", "fixed", hour(2)),
        (fid(account=B), "changed", "", hour(3)),
        (fid("key", OLD_KEY), "resolved", "gone", hour(4)),
    }
    assert set(events["resource_arn"]) == {arn("a"), arn("a", B), arn("key")}


def test_the_order_does_not_depend_on_how_scans_came_in(world: World):
    fails = [fail(n, account=a) for n in "cab" for a in (B, A)]
    scans = [scan(1, account=B), scan(1)]
    one = world.diff(scans, fails)
    assert one.equals(world.diff(scans[::-1], fails[::-1]))
    assert one["account_id"].to_list() == [A] * 3 + [B] * 3
