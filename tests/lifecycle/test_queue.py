"""Why something is first, and whether it was verified."""

from typing import Any

import polars as pl
import pytest

from stratum_pipeline.kernel.correlate import Context
from stratum_pipeline.lifecycle.events import Accounts, Kind
from stratum_pipeline.lifecycle.fold import State, findings
from stratum_pipeline.lifecycle.priority import prioritise
from stratum_pipeline.lifecycle.queue import NARROW

from .conftest import LOGS, OPEN, TOGETHER, Place
from .make import OLD_KEY, PUBLIC, A, B, account, fail, fid, hour, unknown

CRITICAL_TAG = [{"key": "Criticality", "value": "High"}, {"key": "team", "value": "x"}]
SEVERE = {"low": 10, "medium": 40, "high": 70, "critical": 100}
TOGETHER_WHY = TOGETHER.because


def points(row: dict[str, Any]) -> list[tuple[int, str]]:
    assert row["priority"] == sum(point["points"] for point in row["points"])
    return [(point["points"], point["why"]) for point in row["points"]]


@pytest.mark.parametrize("severity", SEVERE)
def test_severity_alone(place: Place, severity: str):
    place.scan(1, fail(severity=severity))
    place.record()
    row = place.queue()
    assert points(row) == [(SEVERE[severity], f"{severity.title()} severity")]
    assert (row["severity"], row["own_severity"]) == (severity, severity)
    assert (row["because"], row["companions"]) == ([], [])


@pytest.mark.parametrize(("exposed", "more"), [(True, 20), (False, 0), (None, 0)])
def test_exposure(place: Place, exposed: bool | None, more: int):
    place.scan(1, fail(exposed=exposed))
    place.record()
    expected = [(70, "High severity"), (more, "The internet can reach it")]
    assert points(place.queue()) == [point for point in expected if point[0]]


@pytest.mark.parametrize(
    ("tags", "point"),
    [
        (CRITICAL_TAG, [(15, "The account's criticality is high")]),
        ([{"key": "criticality", "value": "medium"}], [(5, "The account's criticality is medium")]),
        ([{"key": "criticality", "value": "low"}], []),
        ([{"key": "criticality", "value": "whatever"}], []),
        ([{"key": "criticality", "value": ""}], []),
        ([], []),
        (None, []),
    ],
)
def test_criticality(place: Place, tags: list | None, point: list):
    place.data.write_accounts(Accounts.frame([account(tags=tags), account(B, tags=CRITICAL_TAG)]))
    place.scan(1, fail())
    place.record()
    assert points(place.queue()) == [(70, "High severity"), *point]


def test_an_account_that_is_not_listed(place: Place):
    place.data.write_accounts(Accounts.frame([account(B, tags=CRITICAL_TAG)]))
    place.scan(1, fail())
    place.record()
    assert points(place.queue()) == [(70, "High severity")]


# Correlation


def both(place: Place, **over: Any) -> None:
    place.scan(1, fail(**over), fail(rule=OPEN), fail("b"), fail("c", rule=OPEN))
    place.record()


COMBINED = [(100, "Critical severity"), (15, TOGETHER_WHY)]
ALONE = [(70, "High severity")]


def test_a_companion_raises_severity(place: Place):
    both(place)
    row = place.queue()
    assert points(row) == COMBINED
    assert (row["severity"], row["own_severity"]) == ("critical", "high")
    assert (row["because"], row["companions"]) == ([TOGETHER_WHY], [fid(rule=OPEN)])
    assert points(place.queue("b")) == ALONE
    assert points(place.queue(rule=OPEN)) == ALONE  # only the one that it is said of


def test_a_combination_never_lowers_severity(place: Place):
    weak = type(TOGETHER)(**vars(TOGETHER) | {"severity": "low"})
    both(place)
    assert place.queue(correlations=[weak])["severity"] == "high"


def test_the_worst_combination_is_said_first(place: Place):
    other = vars(TOGETHER) | {"because": "A lesser thing", "severity": "high", "beside": (LOGS,)}
    place.scan(1, fail(), fail(rule=OPEN), fail(rule=LOGS))
    place.record()
    row = place.queue(correlations=[type(TOGETHER)(**other), TOGETHER])
    assert points(row) == COMBINED
    assert row["because"] == [TOGETHER_WHY, "A lesser thing"]
    assert row["companions"] == sorted([fid(rule=OPEN), fid(rule=LOGS)])


def test_it_ends_when_its_companion_ends(place: Place):
    both(place)
    place.scan(2, fail(), fail("b"), here="ac")
    place.record()
    assert points(place.queue()) == ALONE


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("accepted_risk", COMBINED),
        ("compensating_control", COMBINED),
        ("false_positive", ALONE),
        ("not_applicable", ALONE),
    ],
)
def test_a_suppressed_companion(place: Place, reason: str, expected: list):
    both(place)
    place.says(Kind.SUPPRESSED, fid(rule=OPEN), reason=reason, note="x", until=hour(60))
    assert points(place.queue(as_of=hour(59))) == expected
    assert points(place.queue(as_of=hour(61))) == COMBINED  # it is open again


def test_a_companion_that_is_said_to_be_resolved(place: Place):
    both(place)
    place.says(Kind.MARKED_RESOLVED, fid(rule=OPEN))
    assert points(place.queue()) == ALONE
    place.says(Kind.SUPPRESSED, fid(rule=OPEN), reason="accepted_risk", note="x")
    assert points(place.queue()) == ALONE


def test_of_nothing_there_is_no_priority():
    rows = prioritise(findings(State(), hour(0)), Context.frame(), Accounts.frame())
    assert rows.height == 0
    assert rows.schema["priority"] == pl.Int32


# Verified


def opened(place: Place, **over: Any) -> None:
    place.scan(1, fail())
    place.record()


def badge(place: Place, **options: Any) -> tuple[str, object]:
    row = place.queue(**options)
    return row["unverified"], row["verified_at"]


def test_seen_to_fail_is_verified(place: Place):
    opened(place)
    assert badge(place) == ("", hour(1))
    place.scan(2, fail(), outcome="partial")
    place.record()
    assert badge(place) == ("", hour(2))


def test_a_verdict_withheld_says_which_call(place: Place):
    opened(place)
    why = "s3:GetBucketPolicy denied (AccessDenied)"
    place.scan(2, unknowns=[unknown(because=why)], outcome="partial")
    place.record()
    assert badge(place) == (why, hour(1))


@pytest.mark.parametrize("unknowns", [[], [unknown(because="")], [unknown("b", because="x")]])
def test_what_was_not_listed(place: Place, unknowns: list):
    opened(place)
    place.scan(2, unknowns=unknowns, outcome="partial", seen=[])
    place.record()
    assert badge(place) == ("the last scan did not list its resources there", hour(1))


@pytest.mark.parametrize("fails", [[], [fail()]])
def test_a_failed_scan_says_why(place: Place, fails: list):
    """It verified nothing, even where verdicts of what was read earlier stand beside it."""
    opened(place)
    place.scan(2, *fails, outcome="failed")
    place.record()
    assert badge(place) == ("sts:AssumeRole denied (AccessDenied)", hour(1))


def test_a_module_switched_off(place: Place):
    opened(place)
    assert badge(place, modules=["iam"]) == ("module s3 is switched off", hour(1))


def test_an_account_suspended(place: Place):
    opened(place)
    place.data.write_accounts(Accounts.frame([account(status="SUSPENDED")]))
    place.record()
    assert badge(place) == ("account is SUSPENDED", hour(1))


def test_a_resolved_one_needs_no_badge(place: Place):
    opened(place)
    place.scan(2, here="a")
    place.record()
    place.data.write_accounts(Accounts.frame([account(status="SUSPENDED")]))
    place.record()
    assert badge(place, modules=[]) == ("", hour(2))


def test_badges_do_not_mix(place: Place):
    place.scan(1, fail(), fail("b"))
    place.scan(1, fail(account=B), account=B)
    place.record()
    place.scan(2, fail("b"), unknowns=[unknown(because="x denied (Y)")], outcome="partial")
    place.record()
    rows = place.publish()["findings"]
    assert tuple(rows.columns) == NARROW
    assert dict(rows.select("finding_id", "unverified").rows()) == {
        fid(): "x denied (Y)",
        fid("b"): "",
        fid(account=B): "",
    }
    assert set(rows["module"]) == {"s3"}
    assert set(rows["account_id"]) == {A, B}
    assert {PUBLIC, OLD_KEY} >= set(rows["rule_id"])
