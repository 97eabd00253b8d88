"""Lists, counts and groups say what a plain loop over the findings says."""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, get_args
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import queries
from stratum_pipeline.triage.client import ApiError
from tests.lifecycle.make import OLD_KEY, PUBLIC, A, B, arn, fid

from .conftest import NOW, SHARED, STRAY, Asked

SEVERITIES, STATUSES = get_args(c.Severity), get_args(c.Status)
RANK = {severity: -n for n, severity in enumerate(SEVERITIES)}
FEW = settings(max_examples=60, deadline=None)


def age(row: dict[str, Any], now: datetime = NOW) -> str:
    days = (now - row["opened_at"]) / timedelta(days=1)
    limits = zip(get_args(c.Age), (7, 30, 90, float("inf")), strict=True)
    return next(name for name, limit in limits if days < limit)


FIELDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "severity": lambda row: row["severity"],
    "status": lambda row: row["status"],
    "module": lambda row: row["module"],
    "account": lambda row: row["account_id"],
    "rule": lambda row: row["rule_id"],
    "region": lambda row: row["region"],
    "age": age,
    "assignee": lambda row: row["assignee"] or "",
    "cause": lambda row: row["cause"],
    "resource": lambda row: row["resource_arn"],
    "root_cause": lambda row: row["root_cause"],
}


def in_scope(row: dict[str, Any], scope: str) -> bool:
    kind, _, name = scope.partition(":")
    if kind == "ou":
        return f"{row['ou']}/".startswith(f"{name}/")
    return kind == "organization" or row["account_id" if kind == "account" else "module"] == name


def matches(row: dict[str, Any], asked: c.Filter, but: str = "") -> bool:
    words = ("title", "rule_id", "resource_arn", "name", "account_id", "root_cause")
    text = asked.text.strip().lower()
    return (
        in_scope(row, asked.scope)
        and all(
            not getattr(asked, field) or field == but or value(row) in getattr(asked, field)
            for field, value in FIELDS.items()
        )
        and asked.unverified in (None, row["unverified"] != "")
        and any(text in (row[word] or "").lower() for word in words)
    )


def several(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "scope": st.sampled_from(
        ["organization", "ou:Root", "ou:Root/W", "ou:Root/Workloads", "ou:Root/Workloads-X"]
    )
    | st.sampled_from([f"account:{B}", "account:999999999999", "module:s3", "module:rds"]),
    "severity": several(*SEVERITIES),
    "status": several(*STATUSES),
    "module": several("s3", "iam", "none"),
    "account": several(A, B, STRAY, "nobody's"),
    "rule": several(PUBLIC, OLD_KEY, "no.such.rule"),
    "region": several("", "eu-west-1", "mars"),
    "age": several(*get_args(c.Age)),
    "assignee": several("", "ann", "stranger"),
    "cause": several(*get_args(c.Cause)),
    "resource": several(arn("bucket_0", A), arn("Bucket-1", B), "none"),
    "root_cause": several(SHARED, arn("Bucket-1", A), "none"),
    "unverified": st.booleans(),
    "text": st.sampled_from(
        ["bucket", "BUCKET_0", "%", "_", "100%", "\\", "zebra", "ALPHA", "333", "key.old"]
    )
    | st.sampled_from(["policy/", "titled 1", "  open ", " ", "none", "'; DROP TABLE names; --"]),
}
filters = st.fixed_dictionaries({}, optional=OPTIONAL)
sorts = st.sampled_from(["priority", "severity", "age", "cost", "changed", "account", "rule"])


@pytest.fixture(scope="module", params=[0, 2_000], ids=["each time", "once"])
def looked_up(request: pytest.FixtureRequest) -> Iterator[None]:
    """What text finds is looked up by each query, or once."""
    with patch("stratum_pipeline.triage.where.FEW", request.param):
        yield


@FEW
@given(filters, sorts, st.booleans(), st.integers(1, 7))
@pytest.mark.usefixtures("looked_up")
def test_pages_joined_are_the_whole_list(
    asked: Asked, chosen: dict[str, Any], sort: Any, descending: bool, limit: int
):
    names = sorted({(row["name"] or "\uffff").lower() for row in asked.rows})
    key: dict[str, Callable[[dict[str, Any]], Any]] = {
        "priority": lambda row: row["priority"],
        "severity": lambda row: (RANK[row["severity"]], row["priority"]),
        "age": lambda row: NOW - row["opened_at"],
        "cost": lambda row: (row["monthly_usd"] or 0, row["priority"]),
        "changed": lambda row: row["status_at"],
        "account": lambda row: names.index((row["name"] or "\uffff").lower()),
        "rule": lambda row: row["rule_id"],
    }
    rows = [row for row in asked.rows if matches(row, c.Filter(**chosen))]
    rows.sort(key=lambda row: row["finding_id"])
    rows.sort(key=key[sort], reverse=descending)

    question = c.FindingsQuery(sort=sort, descending=descending, limit=limit, **chosen)
    listed: list[c.Row] = []
    while True:
        page = queries.findings(asked.queue, question, NOW)
        assert page.total == len(rows)
        listed += page.items
        if not page.next:
            break
        assert len(page.items) == limit
        question = question.model_copy(update={"cursor": page.next})
    assert [row.finding_id for row in listed] == [row["finding_id"] for row in rows]
    assert queries.ids(asked.queue, question, NOW) == sorted(row["finding_id"] for row in rows)


@FEW
@given(filters)
@pytest.mark.usefixtures("looked_up")
def test_a_facet_counts_without_its_own_filter(asked: Asked, chosen: dict[str, Any]):
    question = c.Filter(**chosen)
    counts = queries.facets(asked.queue, question, NOW).counts
    assert set(counts) == set(c.FACETS)
    for facet, values in counts.items():
        rows = [row for row in asked.rows if matches(row, question, but=facet)]
        plain = Counter(FIELDS[facet](row) for row in rows)
        assert {value.value: value.count for value in values if value.count} == plain
        assert {value.value for value in values} >= set(getattr(question, facet))


def test_facets_in_their_order(asked: Asked):
    counts = queries.facets(asked.queue, c.Filter(region=("mars",)), NOW).counts
    for facet, always in {
        "severity": SEVERITIES,
        "status": STATUSES,
        "age": get_args(c.Age),
    }.items():
        assert [value.value for value in counts[facet]] == list(always)
    region = counts["region"]
    assert [(value.value, value.label, value.count) for value in region] == [
        ("", "no region", 9),
        ("eu-west-1", "eu-west-1", 6),
        ("us-east-1", "us-east-1", 3),
        ("mars", "mars", 0),
    ]
    whole = queries.facets(asked.queue, c.Filter(), NOW).counts
    assert {value.value: value.label for value in whole["account"]} == {
        A: "zebra",
        B: "Alpha",
        STRAY: STRAY,
    }
    assert {value.label for value in whole["rule"]} == {"It is open"}


@FEW
@given(
    filters,
    st.sampled_from(["rule", "resource", "root_cause"]),
    st.sampled_from(["priority", "findings"]),
    st.integers(1, 4),
)
def test_groups(asked: Asked, chosen: dict[str, Any], by: Any, sort: Any, limit: int):
    rows = [row for row in asked.rows if matches(row, c.Filter(**chosen))]
    together: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        together.setdefault(FIELDS[by](row), []).append(row)
    plain = {
        key: {
            "key": key,
            "severity": max((row["severity"] for row in rows), key=RANK.__getitem__),
            "priority": max(row["priority"] for row in rows),
            "findings": len(rows),
            "accounts": len({row["account_id"] for row in rows}),
            "oldest": min(row["opened_at"] for row in rows),
        }
        for key, rows in together.items()
    }
    keys = ("priority", "findings") if sort == "priority" else ("findings", "priority")
    order = sorted(sorted(plain), key=lambda key: [-plain[key][name] for name in keys])

    question = c.GroupsQuery(by=by, sort=sort, limit=limit, **chosen)
    listed: list[c.Group] = []
    while True:
        page = queries.groups(asked.queue, question, NOW)
        assert (page.total, page.findings) == (len(plain), len(rows))
        listed += page.items
        if not page.next:
            break
        question = question.model_copy(update={"cursor": page.next})
    assert [group.key for group in listed] == order
    assert [group.model_dump(exclude={"label"}) for group in listed] == [
        plain[key] for key in order
    ]


def test_labels_of_groups(asked: Asked):
    def labels(by: Any) -> set[str]:
        return {
            group.label for group in queries.groups(asked.queue, c.GroupsQuery(by=by), NOW).items
        }

    assert labels("rule") == {"It is open"}
    assert "111111111111/bucket_0" in labels("resource")
    assert "policy/100%_shared" in labels("root_cause")


def test_a_row(asked: Asked):
    (row,) = queries.findings(
        asked.queue, c.FindingsQuery(resource=(arn("Bucket-3", B),)), NOW
    ).items
    (plain,) = [row for row in asked.rows if row["finding_id"] == fid("Bucket-3", account=B)]
    same = set(c.Row.model_fields) & set(plain) - {"assignee"}
    said = plain | {"monthly_usd": plain["monthly_usd"] or 0}
    assert row.model_dump(include=same) == {name: said[name] for name in same}
    assert (row.account_name, row.ou) == ("Alpha", "Root/Workloads-X")
    assert row.resource == f"{B}/Bucket-3"
    assert (row.assignee, row.acknowledged, row.status) == ("", False, "suppressed")
    assert row.suppressed_until is not None
    stray = queries.findings(asked.queue, c.FindingsQuery(account=(STRAY,)), NOW).items[0]
    assert (stray.account_name, stray.ou) == ("", "")


def test_those_a_ledger_entry_speaks_of(asked: Asked):
    entries = asked.queue.rows("SELECT seq FROM v1_entries WHERE kind = 'acknowledged'")
    (seq,) = entries["seq"]
    spoken_of = [fid("Bucket-1", account=A), fid("Bucket-3", account=A)]
    assert queries.ids(asked.queue, c.Filter(entry=seq), NOW) == sorted(spoken_of)
    counts = queries.facets(asked.queue, c.Filter(entry=seq), NOW).counts
    assert [(value.value, value.count) for value in counts["account"]] == [(A, 2)]
    for nothing in (0, 10**12 - 1):
        assert queries.ids(asked.queue, c.Filter(entry=nothing), NOW) == []
    for no_entry in (-1, 10**12):
        with pytest.raises(ValidationError, match="entry"):
            c.Filter(entry=no_entry)


def test_missing(asked: Asked):
    known, unknown = fid("Bucket-1", account=A), ["f" * 64, "0" * 64]
    assert queries.missing(asked.queue, [unknown[0], known, unknown[1]]) == unknown
    assert queries.missing(asked.queue, []) == []


def test_ages_end_where_the_next_begins(asked: Asked):
    opened = asked.rows[0]["opened_at"]
    for days, before, after in (
        (7, "under_7_days", "7_to_30_days"),
        (30, "7_to_30_days", "30_to_90_days"),
        (90, "30_to_90_days", "over_90_days"),
    ):
        at = opened + timedelta(days=days)
        for now, name in ((at - timedelta(minutes=1), before), (at, after)):
            question = c.Filter(age=(name,), resource=(asked.rows[0]["resource_arn"],))
            assert asked.rows[0]["finding_id"] in queries.ids(asked.queue, question, now)


# Cursors


def first(asked: Asked, **question: Any) -> str:
    return queries.findings(asked.queue, c.FindingsQuery(limit=2, **question), NOW).next


def problem(asked: Asked, **question: Any) -> tuple[int, str]:
    with pytest.raises(ApiError) as refused:
        queries.findings(asked.queue, c.FindingsQuery(**question), NOW)
    return refused.value.problem.status, refused.value.problem.type.rpartition(":")[2]


def encoded(said: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode()


def test_a_cursor_of_another_order_is_refused(asked: Asked):
    cursor = first(asked)
    assert problem(asked, cursor=cursor, sort="age") == (422, "invalid")
    assert problem(asked, cursor=cursor, descending=False) == (422, "invalid")
    with pytest.raises(ApiError):
        queries.groups(asked.queue, c.GroupsQuery(cursor=cursor), NOW)


def test_a_cursor_of_another_snapshot_has_expired(asked: Asked):
    cursor = first(asked)
    said = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    assert problem(asked, cursor=encoded(["another", *said[1:]])) == (410, "cursor-expired")


@pytest.mark.parametrize("cursor", ["x", "é", "====", encoded({}), encoded([]), encoded(7), "W10"])
def test_a_cursor_that_is_none_is_refused(asked: Asked, cursor: str):
    assert problem(asked, cursor=cursor) == (422, "invalid")


@pytest.mark.parametrize("last", [["x", "y"], [None, 1], ["1e999", "a"], [], ["1"], [[], {}]])
def test_a_cursor_with_other_values_is_refused(asked: Asked, last: list[Any]):
    head = json.loads(base64.urlsafe_b64decode(first(asked) + "=="))[:3]
    assert problem(asked, cursor=encoded([*head, *last])) == (422, "invalid")


@settings(max_examples=80, deadline=None)
@given(st.text(min_size=1, max_size=40) | st.lists(st.integers() | st.text()).map(encoded))
def test_nothing_that_is_no_cursor_breaks_anything(asked: Asked, cursor: str):
    assert problem(asked, cursor=cursor)[0] in (410, 422)


# One finding


def test_one_finding(asked: Asked):
    key = fid("Bucket-3", account=A)
    found = queries.finding(asked.queue, key, NOW)
    assert queries.finding(asked.queue, key[:12], NOW) == found
    listed = queries.findings(asked.queue, c.FindingsQuery(resource=(found.resource_arn,)), NOW)
    assert found.model_dump(include=set(c.Row.model_fields)) == listed.items[0].model_dump()
    assert found.evidence == (
        c.Fact(name="open", meaning="", value=True, source="s3:GetBucketPolicyStatus"),
    )
    assert (found.root_cause, found.criteria) == (SHARED, ("CC6.1",))
    assert found.points[0] == c.Point(points=100, why="Critical severity")
    assert [(event.kind, event.actor) for event in found.timeline] == [
        ("opened", "stratum"),
        ("acknowledged", "ann"),
    ]
    assert (found.acknowledged, found.acknowledged_by, found.suppression) == (True, "ann", None)
    assert (found.account_status, found.account_tags) == ("SUSPENDED", {})
    assert found.account_scanned_at is not None


def test_what_stands_beside_it(asked: Asked):
    found = queries.finding(asked.queue, fid("bucket_0", account=A), NOW)
    assert [(one.how, one.finding.rule_id) for one in found.related] == [("same resource", OLD_KEY)]
    found = queries.finding(asked.queue, fid("Bucket-3", account=A), NOW)
    assert {one.how for one in found.related} == {"same root cause"}
    assert {one.finding.finding_id for one in found.related} == {
        row["finding_id"]
        for row in asked.rows
        if row["root_cause"] == SHARED and row["status"] == "open"
    } - {found.finding_id}


def test_a_suppression(asked: Asked):
    found = queries.finding(asked.queue, fid("Bucket-3", account=B), NOW)
    assert found.suppression is not None
    assert found.suppression.model_dump(include={"reason", "note", "by"}) == {
        "reason": "accepted_risk",
        "note": "It is meant so",
        "by": "ben",
    }
    assert found.suppression.until == found.suppressed_until
    assert queries.finding(asked.queue, fid("bucket_2", account=A), NOW).marked_by == "ann"


@pytest.mark.parametrize("prefix", ["f" * 64, "zz", "%", "'", "F", ""])
def test_no_such_finding(asked: Asked, prefix: str):
    known = any(row["finding_id"].startswith(prefix) for row in asked.rows)
    with pytest.raises(ApiError) as refused:
        queries.finding(asked.queue, prefix, NOW)
    assert refused.value.problem.status == (422 if known else 404)


def test_a_beginning_that_several_have(asked: Asked):
    often, _ = Counter(row["finding_id"][0] for row in asked.rows).most_common(1)[0]
    with pytest.raises(ApiError) as refused:
        queries.finding(asked.queue, often, NOW)
    assert refused.value.problem.status == 422
