"""The figures of the morning, and the trend against a second way to count."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stratum_pipeline.kernel.evaluate import Gaps, Populations, Unknowns
from stratum_pipeline.lifecycle.events import Scans
from stratum_pipeline.lifecycle.fold import State, findings
from stratum_pipeline.lifecycle.queue import Latest, build
from stratum_pipeline.lifecycle.record import rule_set
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage.overview import DAYS, overview
from stratum_pipeline.triage.read_model import Queue
from tests.lifecycle.conftest import rule
from tests.lifecycle.make import PUBLIC, A, B, World, account, fail, hour, scan

DAY = 24


@contextmanager
def shown(world: World, now: datetime) -> Iterator[Queue]:
    """What a queue built at `now` shows of `world`."""
    empty = pl.DataFrame(schema={"finding_id": pl.String, "verified_at": pl.Datetime("us", "UTC")})
    latest = Latest(empty, Unknowns.frame(), Gaps.frame(), Populations.frame())
    frames = build(world.state, now, latest, (), ["s3"])
    frames |= {"rules": rule_set([rule(PUBLIC)]), "modules": pl.DataFrame({"module": ["s3"]})}
    head = {"seq": world.state.head.seq, "digest": "", "as_of": now.isoformat()}
    with TemporaryDirectory() as folder:
        data = Data(LocalStore(Path(folder)))
        data.publish_queue("one", frames, head)
        queue = Queue.load(data)
        try:
            yield queue
        finally:
            queue.close()


def asked(world: World, now: datetime, scope: str = "organization") -> c.Overview:
    with shown(world, now) as queue:
        return overview(queue, c.ScopeQuery(scope=scope), now)


def two_days() -> World:
    """Five findings first; then one fixed, one new, one of another's making reopened."""
    world = World()
    world.accounts = [account(A, ou="Root/Work"), account(B, ou="Root")]
    names = ("a", "b", "c", "d", "e")
    share = {"root_cause": "arn:shared"}
    first = [fail(n, severity="critical" if n == "a" else "high", **share) for n in names]
    world.scan(1, *first)
    world.scan(30, *first[:4])
    world.scan(60, *first[:3], first[4], fail("new", severity="low"))
    return world


def test_changes_since_yesterday():
    view = asked(two_days(), hour(70))
    assert view.since == hour(70 - DAY)
    assert (view.opened.count, view.opened.severities) == (1, {"low": 1})
    assert view.opened.causes == {"new": 1}
    assert (view.reopened.count, view.reopened.causes) == (1, {"regressed": 1})
    assert (view.resolved.count, view.resolved.severities) == (1, {"high": 1})
    assert view.open == {"critical": 1, "high": 3, "medium": 0, "low": 1}


def test_the_window_reaches_back_to_the_last_scan():
    view = asked(two_days(), hour(200))
    assert view.since == hour(60.2)
    assert view.opened.count == 1
    assert asked(World(), hour(1)).since is None


def test_a_first_scan_is_a_baseline():
    world = World()
    world.scan(1, fail("a"), fail("b"))
    assert asked(world, hour(2)).opened.causes == {"baseline": 2}


def test_a_finding_counts_once_whatever_happened_to_it():
    world = World()
    for n, fails in enumerate(([fail()], [], [fail()], [])):
        world.scan(1 + n, *fails)
    view = asked(world, hour(8))
    assert (view.opened.count, view.reopened.count, view.resolved.count) == (1, 1, 1)


def test_what_to_do_first():
    view = asked(two_days(), hour(70))
    assert [(g.key, g.findings) for g in view.root_causes] == [("arn:shared", 4)]
    assert [row.severity for row in view.oldest] == ["critical"]
    assert [(a.account_id, a.open, a.critical) for a in view.accounts] == [(A, 5, 1)]


def test_what_open_findings_cost():
    world = World()
    world.scan(1, fail("a", monthly_usd=12.5), fail("b", monthly_usd=30), fail("c"))
    assert asked(world, hour(2)).monthly_usd == 42.5
    world.scan(30, fail("b", monthly_usd=30), fail("c"))
    assert asked(world, hour(31)).monthly_usd == 30


def test_nothing_open_has_no_oldest():
    view = asked(World(), hour(1))
    assert (view.oldest, view.root_causes, view.accounts) == ((), (), ())
    assert view.open == {"critical": 0, "high": 0, "medium": 0, "low": 0}
    assert [point.open for point in view.trend] == [0, 0, 0, 0]


def test_suppressions_that_end_within_seven_days():
    world = two_days()
    for name, until in (("a", 61 + 6 * DAY), ("b", 80 + 7 * DAY), ("c", 65)):
        world.says("suppressed", 61, name, reason="accepted_risk", until=hour(until).isoformat())
    world.says("suppressed", 61, "e", reason="accepted_risk", until="")
    view = asked(world, hour(70))
    assert view.suppressions_ending == 1
    assert view.open["critical"] == 0


def test_scopes():
    world = two_days()
    now = hour(70)
    for scope in ("ou:Root/Work", f"account:{A}", "module:s3", "ou:Root"):
        assert asked(world, now, scope).open == asked(world, now).open
    for scope in (f"account:{B}", "module:iam", "module:none", "ou:Root/W"):
        view = asked(world, now, scope)
        assert (sum(view.open.values()), view.opened.count) == (0, 0)
        assert {point.open for point in view.trend} == {0}


def test_a_trend_ends_today_and_spans_at_most_ninety_days():
    world = World()
    world.scan(1, fail())
    days = [point.day for point in asked(world, hour(400 * DAY)).trend]
    assert len(set(days)) == DAYS
    assert max(days) == hour(400 * DAY).date()
    assert len(asked(world, hour(2)).trend) == 4


# The trend, a second time: by folding what counted until each day's end.

NAMES = tuple("abcdef")
SAID = st.sampled_from(
    ["unsuppressed", "marked_resolved", "marked_open", "acknowledged", "suppressed", "until"]
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 7, 12, 24, 50]),  # hours since the step before
        st.one_of(
            st.tuples(
                st.just("scan"),
                st.lists(st.sampled_from(NAMES), unique=True),
                st.sampled_from(["first", "second"]),
                st.sampled_from([0, 3, 30]),  # hours the scan had begun before
            ),
            st.tuples(st.just("say"), SAID, st.sampled_from(NAMES), st.sampled_from([1, 12, 40])),
        ),
    ),
    min_size=5,
    max_size=40,
)


def history(steps: list[tuple[int, Any]]) -> tuple[World, datetime]:
    world, at, began = World(), 48, 0.0
    world.scan(1, *(fail(name) for name in NAMES))
    for hours, step in steps:
        at += hours
        if step[0] == "scan":
            _, names, incarnation, ago = step
            began = max(began + 0.01, at - ago)
            rows = [fail(name, incarnation=incarnation) for name in names]
            events = world.diff([scan(began)], rows)
            body = {"scans": world.keep(Scans.frame([scan(began)])), "rules": "rules"}
            body["events"] = world.keep(events) if events.height else ""
            world.append("scanned", body, {"kind": "system", "id": "x", "assurance": ""}, at)
            continue
        _, kind, name, hours = step
        body = {}
        if kind in ("suppressed", "until"):
            body = {"reason": "accepted_risk"}
            body["until"] = hour(at + hours).isoformat() if kind == "until" else ""
            kind = "suppressed"
        world.says(kind, at, name, **body)
    return world, hour(at + 30)


def open_at_end_of(state: State, day: datetime) -> int:
    """How many are open at the last moment of `day`, as the fold says it.

    An event counts from its time, or the latest time of those before it in fold order.
    """
    end = day + timedelta(days=1)
    counted = pl.col("at").cum_max().over("finding_id") < end
    told = state.timeline.sort("order").filter(counted)
    known = state.bodies.join(told, on="finding_id", how="semi")
    rows = findings(State(timeline=told, bodies=known), end - timedelta(microseconds=1))
    return rows.filter(pl.col("status") == "open").height


@given(STEPS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_trend_is_what_the_fold_says_at_each_days_end(steps: list[tuple[int, Any]]):
    world, now = history(steps)
    view = asked(world, now)
    trend = {point.day: point.open for point in view.trend if point.severity == "high"}
    day, last = hour(0), now.replace(hour=0)
    while day < last:
        assert trend[day.date()] == open_at_end_of(world.state, day), day
        day += timedelta(days=1)
    rows = findings(world.state, now)
    assert trend[now.astimezone(UTC).date()] == rows.filter(pl.col("status") == "open").height
    assert len(trend) == (last - hour(0)).days + 1
