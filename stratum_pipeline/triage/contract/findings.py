"""Findings: lists, facets, groups, one, exports."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from .words import (
    MOST,
    Age,
    Cause,
    Cursor,
    FindingId,
    Limit,
    Model,
    Name,
    Reason,
    ScopeQuery,
    Seq,
    Severity,
    Snapshot,
    Status,
    Who,
    Word,
)


class Filter(ScopeQuery):
    """Which findings; fields combine with "and"."""

    severity: tuple[Severity, ...] = Field(default=(), max_length=4)
    status: tuple[Status, ...] = Field(default=(), max_length=3)
    module: tuple[Word, ...] = Field(default=(), max_length=100, description="of these modules")
    account: tuple[Word, ...] = Field(default=(), max_length=MOST, description="account ids")
    rule: tuple[Word, ...] = Field(default=(), max_length=MOST, description="exact rule ids")
    region: tuple[Word, ...] = Field(default=(), max_length=100, description='"" for what has none')
    age: tuple[Age, ...] = Field(
        default=(), max_length=4, description="since it was first detected"
    )
    assignee: tuple[Who, ...] = Field(default=(), max_length=100, description='"" is nobody')
    cause: tuple[Cause, ...] = Field(
        default=(), max_length=9, description="of the last change of status"
    )
    resource: tuple[Name, ...] = Field(default=(), max_length=100, description="exact ARNs")
    root_cause: tuple[Name, ...] = Field(
        default=(), max_length=100, description="exact keys, as groups give them"
    )
    unverified: bool | None = Field(
        default=None, description="whether the last scan could not tell"
    )
    entry: Seq | None = Field(default=None, description="those a ledger entry speaks of")
    text: str = Field(
        default="",
        max_length=200,
        description="in title, rule, ARN, account name or id, root cause",
    )


FACETS = ("severity", "status", "module", "age", "account", "rule", "region", "assignee", "cause")
"""Fields of Filter that are counted."""


class FindingsQuery(Filter):
    sort: Literal["priority", "severity", "age", "cost", "changed", "account", "rule"] = "priority"
    descending: bool = Field(
        default=True, description="worst, oldest or last first; account and rule: Z to A"
    )
    limit: Limit = 50
    cursor: Cursor = ""


class Row(Model):
    """A finding as lists show it."""

    finding_id: FindingId
    rule_id: str
    module: str
    title: str
    severity: Severity = Field(description="raised where a combination deserves it")
    status: Status
    priority: int
    cause: Cause
    account_id: str
    account_name: str
    ou: str
    region: str = Field(description='"" where the resource has none')
    resource_arn: str
    resource: str = Field(description="the ARN's last part, to read")
    exposed: bool | None = Field(description="the internet can reach it; null: unknown")
    assignee: str = Field(description='"" is nobody')
    acknowledged: bool
    suppressed_until: datetime | None
    opened_at: datetime
    status_at: datetime
    verified_at: datetime | None = Field(description="last time a scan saw it")
    unverified: str = Field(description='why the last scan could not confirm it; "" if it did')
    monthly_usd: float = Field(description="what it costs a month until fixed; 0: nothing known")


class Findings(Model):
    items: tuple[Row, ...]
    total: int
    next: str = Field(description="cursor of the next page; empty on the last")
    snapshot: Snapshot


class FacetValue(Model):
    value: str
    label: str = Field(description="to show: an account's name, a rule's title")
    count: int


class Facets(Model):
    """Per field of Filter what else could be chosen: each without its own filter."""

    counts: dict[str, tuple[FacetValue, ...]] = Field(
        description="by facet; the 200 most frequent values and those chosen"
    )
    snapshot: Snapshot


class GroupsQuery(Filter):
    by: Literal["rule", "resource", "root_cause"] = "rule"
    sort: Literal["priority", "findings"] = "priority"
    limit: Limit = 50
    cursor: Cursor = ""


class Group(Model):
    key: str = Field(description="value for the filter of the same name")
    label: str
    severity: Severity = Field(description="the worst in it")
    priority: int = Field(description="the highest in it")
    findings: int
    accounts: int
    oldest: datetime


class Groups(Model):
    items: tuple[Group, ...]
    total: int = Field(description="groups")
    findings: int
    next: str
    snapshot: Snapshot


class FindingQuery(Model):
    finding_id: str = Field(min_length=1, max_length=64, description="an id, or its beginning")


class Point(Model):
    points: int
    why: str


class Fact(Model):
    """One column the verdict read."""

    name: str
    meaning: str
    value: Any
    source: str = Field(description='AWS operation that gave it; "" if computed from others')


class Related(Model):
    finding: Row
    how: Literal["combination", "same resource", "same root cause"]


class Event(Model):
    """One thing that happened to a finding; never edited."""

    seq: int = Field(description="ledger entry")
    at: datetime
    kind: str = Field(description="opened, resolved, reopened, changed, or an Action")
    cause: str
    actor: str
    assurance: str
    to: str
    note: str
    reason: str
    until: datetime | None


class Suppression(Model):
    reason: Reason
    note: str
    by: str
    at: datetime
    until: datetime | None


class Finding(Row):
    """A finding with all that is known of it."""

    rule_version: int
    own_severity: Severity = Field(description="the rule's, before any combination")
    rationale: str
    remediation: str
    console: str = Field(description="the way in AWS's console, identifiers filled in")
    cli: str = Field(description="the same with the AWS CLI")
    breaks: str = Field(description="what the change may interrupt or cost")
    undo: str = Field(description="how to take it back")
    criteria: tuple[str, ...]
    root_cause: str
    evidence: tuple[Fact, ...]
    points: tuple[Point, ...]
    because: tuple[str, ...] = Field(description="what combinations with others mean")
    related: tuple[Related, ...]
    timeline: tuple[Event, ...] = Field(description="oldest first")
    suppression: Suppression | None
    acknowledged_by: str
    marked_by: str = Field(description='who said resolved while no scan has; ""')
    account_status: str
    account_tags: dict[str, str]
    account_scanned_at: datetime | None
    snapshot: Snapshot


class ExportQuery(Filter):
    """Streamed from GET /v1/export; sorted by priority."""

    format: Literal["csv", "jsonl", "parquet"] = "csv"
