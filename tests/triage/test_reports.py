"""Accounts, rules, activity, people."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.lifecycle.triage import save_view, triage
from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import reports
from stratum_pipeline.triage.client import ApiError
from stratum_pipeline.triage.coverage import seen
from stratum_pipeline.triage.overlay import overlay
from stratum_pipeline.triage.overview import overview
from stratum_pipeline.triage.read_model import Queue
from tests.lifecycle.make import ANN, PUBLIC, A, B, fail, fid, hour

from .places import Estate, gap

NOW = hour(10**6)
KEY, IDLE = "iam.key.old", "3" * 12
BOB = ANN | {"id": "bob"}
ME = c.Me(id="me", role=c.Role.VIEWER, assurance="oidc", mode="oidc")


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    estate = Estate.at(tmp_path_factory.mktemp("estate"))
    tag = {"key": "team", "value": "x"}
    estate.accounts(
        {"id": A, "name": "Zeta", "ou": "Root/Workloads/Prod", "tags": [tag]},
        {"id": B, "name": "alpha", "ou": "Root/Work"},
        {"id": IDLE, "name": "idle", "ou": "Root"},
    )
    estate.scan(A, fail("a"), fail("b", severity="low"), passed=5, unknown=1)
    estate.scan(A, fail("k", KEY, severity="critical"), module="iam", passed=2)
    estate.scan(B, fail("a", account=B), fail("b", account=B), gaps=[gap(B)])
    estate.record()
    estate.publish(NOW)
    say = {"now": NOW, "note": "why"}
    triage(estate.ledger, BOB, Kind.NOTED, [fid("a"), fid("b")], **say)
    save_view(estate.ledger, ANN, "mine", {}, False)
    triage(estate.ledger, ANN, Kind.ASSIGNED, [fid("a")], to="carl", **say)
    resolved = [fid("b", account=B)]
    triage(estate.ledger, ANN, Kind.SUPPRESSED, resolved, reason="accepted_risk", **say)
    with estate.queue(NOW) as queue:
        yield queue


def accounts(queue: Queue, **asked: object) -> c.Accounts:
    return reports.accounts(queue, c.AccountsQuery.model_validate(asked), NOW)


def names(found: c.Accounts) -> list[str]:
    return [account.name for account in found.items]


def test_accounts_by_name_and_by_risk(queue: Queue):
    found = accounts(queue)
    assert names(found) == ["alpha", "idle", "Zeta"]
    assert names(accounts(queue, sort="risk")) == ["Zeta", "alpha", "idle"]
    zeta = found.items[2]
    assert (zeta.open, zeta.critical, zeta.high, zeta.medium, zeta.low) == (3, 1, 1, 0, 1)
    assert (zeta.scan, zeta.scanned_at, zeta.gaps) == ("complete", hour(1.1), 0)
    assert zeta.tags == {"team": "x"}
    assert (found.items[0].open, found.items[0].scan, found.items[0].gaps) == (1, "partial", 1)
    assert (found.items[1].open, found.items[1].scan) == (0, "not scanned")


def test_units_and_those_above(queue: Queue):
    units = ("Root", "Root/Work", "Root/Workloads", "Root/Workloads/Prod")
    assert accounts(queue, limit=1).ous == units


@pytest.mark.parametrize("sort", ["name", "risk"])
def test_pages_of_accounts_join(queue: Queue, sort: str):
    joined, cursor = list[str](), ""
    while True:
        page = accounts(queue, sort=sort, limit=1, cursor=cursor)
        assert page.total == 3
        joined += names(page)
        if not (cursor := page.next):
            break
    assert joined == names(accounts(queue, sort=sort))


def test_accounts_of_a_scope(queue: Queue):
    assert names(accounts(queue, scope="ou:Root/Work")) == ["alpha"]
    assert names(accounts(queue, scope=f"account:{A}")) == ["Zeta"]
    iam = accounts(queue, scope="module:iam", sort="risk")
    assert [(a.name, a.open, a.gaps) for a in iam.items] == [
        ("Zeta", 1, 0),
        ("alpha", 0, 0),
        ("idle", 0, 0),
    ]
    assert [a.scan for a in iam.items] == ["complete", "not scanned", "not scanned"]
    assert {a.open for a in accounts(queue, scope="module:none").items} == {0}


def test_accounts_by_text(queue: Queue):
    assert names(accounts(queue, text="ET")) == ["Zeta"]
    assert names(accounts(queue, text="2222")) == ["alpha"]
    assert names(accounts(queue, text="%")) == []


@pytest.mark.parametrize(
    "scope, public, key",
    [
        ("organization", (3, 10, 5, 4, 1), (1, 3, 2, 1, 0)),
        ("ou:Root/Work", (1, 2, 0, 2, 0), (0, 0, 0, 0, 0)),
        (f"account:{A}", (2, 8, 5, 2, 1), (1, 3, 2, 1, 0)),
        ("module:s3", (3, 10, 5, 4, 1), None),
        ("module:iam", None, (1, 3, 2, 1, 0)),
        ("module:none", None, None),
    ],
)
def test_rules(queue: Queue, scope: str, public: object, key: object):
    found = reports.rules(queue, c.ScopeQuery(scope=scope), NOW)
    figures = {
        r.rule_id: (r.open, r.population, r.passed, r.failed, r.unknown) for r in found.items
    }
    assert (figures.get(PUBLIC), figures.get(KEY)) == (public, key)
    for rule in found.items:
        assert rule.passed + rule.failed + rule.unknown == rule.population


def test_rules_leave_out_what_is_of_an_earlier_scan(tmp_path: Path):
    estate = Estate.at(tmp_path)
    estate.accounts({"id": A}, {"id": B}, {"id": IDLE, "status": "SUSPENDED"})
    estate.scan(A, passed=5, unknown=1)
    estate.scan(A, module="rds", passed=7, unknown=2)  # switched off by now
    estate.scan(B, outcome="failed", passed=8, unknown=3)
    estate.scan(IDLE, passed=9, unknown=4)
    estate.record()
    estate.publish(NOW)
    with estate.queue(NOW) as queue:
        judged = {r.rule_id: r.population for r in reports.rules(queue, c.ScopeQuery(), NOW).items}
        unknown = seen(queue, c.ScopeQuery(), NOW).unknown
    assert judged == {PUBLIC: 6, KEY: 0, "rds.instance.open": 0}
    assert unknown == 1


def test_the_trend_follows_what_is_told_later_of_a_day_that_ended(tmp_path: Path):
    estate, now = Estate.at(tmp_path), hour(60)
    estate.accounts({"id": A})
    estate.scan(A, fail("a"), fail("b"), started=1)
    estate.record()
    estate.publish(now)

    def high() -> list[int]:
        trend = overview(queue, c.ScopeQuery(), now).trend
        return [point.open for point in trend if point.severity == "high"]

    with estate.queue(now) as queue:
        assert high() == [2, 2, 2]
        triage(estate.ledger, ANN, Kind.NOTED, [fid("a")], now=now, note="why")
        estate.scan(A, fail("a"), started=40)
        estate.record()
        overlay(queue, estate.ledger, now)
        assert high() == [2, 1, 1]


def activity(queue: Queue, **asked: object) -> c.Activities:
    return reports.activity(queue, c.ActivityQuery.model_validate(asked), NOW)


def test_activity_is_newest_first(queue: Queue):
    found = activity(queue)
    assert [a.kind for a in found.items] == [
        "suppressed",
        "assigned",
        "view_saved",
        "noted",
        "scanned",
    ]
    assert (found.total, found.next) == (5, "")
    assert found.actors == ("ann", "bob", "stratum")
    assert found.kinds == ("assigned", "noted", "scanned", "suppressed", "view_saved")
    one, two = found.items[1], found.items[3]
    assert (one.findings, one.finding_id, one.title) == (1, fid("a"), "It is open")
    assert (one.body["to"], one.actor, one.actor_kind) == ("carl", "ann", "person")
    assert (two.findings, two.finding_id, two.title) == (2, "", "")
    assert found.items[4].actor_kind == "system"


def test_activity_is_filtered_and_paged(queue: Queue):
    assert [a.kind for a in activity(queue, actor=("bob", "stratum")).items] == ["noted", "scanned"]
    assert activity(queue, kind=("noted",)).total == 1
    assert activity(queue, actor=("nobody",)).items == ()
    since = activity(queue).items[1].at
    assert [a.kind for a in activity(queue, since=since).items] == ["suppressed", "assigned"]
    joined, cursor = list[c.Activity](), ""
    while True:
        page = activity(queue, limit=2, cursor=cursor)
        assert page.total == 5
        joined += page.items
        if not (cursor := page.next):
            break
    assert tuple(joined) == activity(queue).items


def test_a_cursor_of_another_list_is_refused(queue: Queue):
    with pytest.raises(ApiError) as error:
        accounts(queue, sort="risk", cursor=activity(queue, limit=1).next)
    assert error.value.problem.status == 422


def test_people(queue: Queue):
    assert reports.people(queue, ME).items == ("ann", "bob", "carl", "me")
