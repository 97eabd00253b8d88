"""A finding in the company of others."""

from typing import Any

from stratum_pipeline.kernel.correlate import Context, Correlation, Index, correlate
from stratum_pipeline.kernel.rule import Severity


def correlation(*on: str, beside: tuple[str, ...] = ("b.x.y",)) -> Correlation:
    return Correlation(rule="a.x.y", beside=beside, on=on, because="Both.", severity=Severity.HIGH)


def finding(
    name: str, rule: str, arn: str = "arn:1", related: list[str] | None = None
) -> dict[str, Any]:
    return {
        "finding_id": name,
        "rule_id": rule,
        "account_id": "1",
        "resource_arn": arn,
        "related": related or [],
    }


def company(which: Correlation, *findings: dict[str, Any]) -> dict[str, list[str]]:
    found = correlate(which, Index.frame(findings))
    assert found.schema == Context.schema()
    return dict(found.select("finding_id", "companions").iter_rows())


def test_on_the_same_resource():
    found = company(
        correlation("resource_arn"),
        finding("f1", "a.x.y"),
        finding("f2", "b.x.y"),
        finding("f3", "a.x.y", "arn:2"),  # alone
        finding("f4", "b.x.y", "arn:3"),
        finding("f5", "c.x.y", "arn:2"),  # of another rule
    )
    assert found == {"f1": ["f2"]}


def test_what_it_says():
    index = Index.frame([finding("f1", "a.x.y"), finding("f2", "b.x.y")])
    (row,) = correlate(correlation("resource_arn"), index).to_dicts()
    assert (row["because"], row["severity"]) == ("Both.", "high")


def test_all_companions_must_be_there():
    which = correlation("resource_arn", beside=("b.x.y", "c.x.y"))
    pair = [finding("f1", "a.x.y"), finding("f2", "b.x.y"), finding("f0", "b.x.y")]
    assert company(which, *pair) == {}
    assert company(which, *pair, finding("f3", "c.x.y")) == {"f1": ["f0", "f2", "f3"]}


def test_on_related_one_shared_arn_is_enough():
    found = company(
        correlation("related"),
        finding("f1", "a.x.y", related=["r1", "r2"]),
        finding("f2", "b.x.y", "arn:2", related=["r2", "r3"]),
        finding("f3", "b.x.y", "arn:3", related=["r1", "r2"]),  # two shared: named once
        finding("f4", "b.x.y", "arn:4", related=["r9"]),
        finding("f5", "a.x.y", "arn:5", related=["r8"]),
    )
    assert found == {"f1": ["f2", "f3"]}


def test_findings_related_to_nothing_share_nothing():
    found = company(correlation("related"), finding("f1", "a.x.y"), finding("f2", "b.x.y"))
    assert found == {}


def test_both_keys_must_be_shared_where_two_are_named():
    found = company(
        correlation("account_id", "related"),
        finding("f1", "a.x.y", related=["r"]),
        finding("f2", "b.x.y", related=["r"]) | {"account_id": "2"},
        finding("f3", "b.x.y", related=["r"]),
    )
    assert found == {"f1": ["f3"]}


def test_nobody_there():
    assert company(correlation("resource_arn")) == {}
    assert company(correlation("related")) == {}
