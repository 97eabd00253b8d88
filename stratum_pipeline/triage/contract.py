"""Contract v1: what the queue can be asked, what it answers, and who may ask.

Every model is frozen and refuses fields it does not know. `OPERATIONS` is the whole surface:
the server makes its routes from it and the client its calls, so neither can drift. The
committed openapi.json is made from this page; a test fails if it changes undeclared.

Times are UTC, ISO 8601. Ids of findings are 64 hexadecimal digits. Lists of a filter mean
"any of"; an empty list does not filter.
"""

import enum
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

VERSION = "1.0.0"


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Severity = Literal["critical", "high", "medium", "low"]
Status = Literal["open", "suppressed", "resolved"]
Age = Literal["under_7_days", "7_to_30_days", "30_to_90_days", "over_90_days"]
Cause = Literal[
    "new",
    "baseline",
    "regressed",
    "not_fixed",
    "fixed",
    "gone",
    "rule_changed",
    "rule_retired",
    "account_closed",
]
Reason = Literal["accepted_risk", "false_positive", "compensating_control", "not_applicable"]
Action = Literal[
    "acknowledged",
    "assigned",
    "noted",
    "suppressed",
    "unsuppressed",
    "marked_resolved",
    "marked_open",
]
Scope = Annotated[
    str,
    Field(
        pattern=r"^(organization|ou:.+|account:\d{12}|module:[a-z0-9_]+)$",
        description='"organization", "ou:Root/Workloads" (and below), "account:123456789012" '
        'or "module:s3"',
    ),
]
FindingId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Limit = Annotated[int, Field(ge=1, le=500)]
Cursor = Annotated[str, Field(description="`next` of the page before; empty for the first")]


class Role(enum.StrEnum):
    """What a person may do; each may do what those before it may."""

    VIEWER = "viewer"  # read
    TRIAGER = "triager"  # say something of findings, save own views
    APPROVER = "approver"  # share views
    OPERATOR = "operator"  # everything

    def may(self, asked: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(asked)


# --- who ---------------------------------------------------------------------------------


class Nothing(Model):
    """An operation that asks for nothing."""


class Me(Model):
    """Who asks, as the server verified it."""

    id: str
    role: Role
    assurance: Literal["unauthenticated", "alb", "oidc"] = Field(
        description="who vouches for the id; unauthenticated: the operating system's user"
    )
    mode: Literal["local", "alb", "oidc"]


class Session(Model):
    """What to send as `Authorization: Bearer` from now on."""

    token: str
    expires_at: datetime


# --- what was seen -----------------------------------------------------------------------


class Snapshot(Model):
    """What an answer was read from."""

    id: str
    as_of: datetime = Field(description="when the queue was built")
    seq: int = Field(description="ledger entry it shows, people's own later ones included")


class Gap(Model):
    """What could not be seen: one refused, throttled or failed operation."""

    account_id: str
    account_name: str
    region: str = Field(description='"*" if it is of no one region')
    module: str
    operation: str = Field(description='"s3:GetBucketPolicy"')
    outcome: Literal["denied", "throttled", "error"]
    code: str = Field(description="as AWS gave it")
    rules: tuple[str, ...] = Field(description="rule ids it leaves blind")
    resources: int = Field(description="resources the call was about; 0 for a listing")
    unlisted: bool = Field(description="a listing failed: resources may be missing altogether")
    blinded: int = Field(description="verdicts unknown because of it")


State = Literal["complete", "partial", "failed", "off", "never"]


class Cell(Model):
    """One account and module."""

    module: str
    state: State = Field(description="off: not scanned by decision; never: not scanned yet")
    reason: str = Field(description='why it is not complete; "" if it is')
    scanned_at: datetime | None
    calls: int
    unknown: int = Field(description="verdicts that could not be given")
    gaps: int


class AccountCoverage(Model):
    account_id: str
    name: str
    ou: str
    status: str = Field(description="as AWS Organizations says: ACTIVE, SUSPENDED, ...")
    cells: tuple[Cell, ...]


class Seen(Model):
    """How complete the picture is. complete + partial + failed + off + never = total."""

    unit: Literal["accounts", "modules"] = Field(description="modules: of one account")
    total: int
    complete: int
    partial: int
    failed: int
    off: int = Field(description="suspended, closed or switched off")
    never: int
    gaps: int
    unknown: int = Field(description="verdicts that could not be given")
    first: Gap | None = Field(description="the gap that blinds most")
    oldest_scan: datetime | None
    snapshot: Snapshot


class ScopeQuery(Model):
    scope: Scope = "organization"


class CoverageQuery(ScopeQuery):
    order: Literal["gaps", "name"] = "gaps"
    limit: Limit = 100
    cursor: Cursor = ""


class Coverage(Model):
    accounts: tuple[AccountCoverage, ...]
    modules: tuple[str, ...] = Field(description="columns of the matrix, in order")
    total: int
    next: str
    snapshot: Snapshot


class GapsQuery(ScopeQuery):
    module: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    limit: Limit = 100
    cursor: Cursor = ""


class Gaps(Model):
    items: tuple[Gap, ...]
    total: int
    next: str
    snapshot: Snapshot


# --- findings ----------------------------------------------------------------------------


class Filter(ScopeQuery):
    """Which findings; fields combine with "and"."""

    severity: tuple[Severity, ...] = ()
    status: tuple[Status, ...] = ()
    module: tuple[str, ...] = ()
    account: tuple[str, ...] = Field((), description="account ids")
    rule: tuple[str, ...] = Field((), description="exact rule ids")
    region: tuple[str, ...] = ()
    age: tuple[Age, ...] = Field((), description="since it was first detected")
    assignee: tuple[str, ...] = Field((), description='"" is nobody')
    cause: tuple[Cause, ...] = Field((), description="of the last change of status")
    resource: tuple[str, ...] = Field((), description="exact ARNs")
    root_cause: tuple[str, ...] = ()
    unverified: bool | None = Field(None, description="whether the last scan could not tell")
    entry: int | None = Field(None, description="those a ledger entry speaks of")
    text: str = Field(
        "", max_length=200, description="in title, rule, ARN, account name or id, root cause"
    )


FACETS = ("severity", "status", "module", "age", "account", "rule", "region", "assignee", "cause")
"""Fields of Filter that are counted."""


class FindingsQuery(Filter):
    sort: Literal["priority", "severity", "age", "changed", "account", "rule"] = "priority"
    descending: bool = True
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
    finding_id: str = Field(pattern=r"^[0-9a-f]{4,64}$", description="an id, or its beginning")


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


# --- accounts, rules, overview, activity -------------------------------------------------


class AccountsQuery(ScopeQuery):
    text: str = Field("", max_length=200)
    sort: Literal["name", "risk"] = "name"
    limit: int = Field(500, ge=1, le=10_000)
    cursor: Cursor = ""


class Account(Model):
    account_id: str
    name: str
    ou: str
    status: str
    scan: str = Field(description="complete, partial, failed or not scanned")
    scanned_at: datetime | None
    open: int
    critical: int
    high: int
    medium: int
    low: int
    gaps: int
    tags: dict[str, str]


class Accounts(Model):
    items: tuple[Account, ...]
    ous: tuple[str, ...] = Field(description="every OU there is, those above included")
    total: int
    next: str
    snapshot: Snapshot


class Rule(Model):
    rule_id: str
    module: str
    version: int
    severity: Severity
    title: str
    rationale: str
    remediation: str
    criteria: tuple[str, ...]
    open: int
    population: int = Field(description="passed + failed + unknown, in the latest scans")
    passed: int
    failed: int
    unknown: int


class Rules(Model):
    items: tuple[Rule, ...]
    snapshot: Snapshot


class Change(Model):
    """How many findings something happened to, by severity and by cause."""

    count: int
    severities: dict[str, int]
    causes: dict[str, int]


class TrendPoint(Model):
    day: date
    severity: Severity
    open: int = Field(description="at the end of that day, UTC; neither suppressed nor resolved")


class Overview(Model):
    since: datetime | None = Field(description="start of the window the changes are counted in")
    opened: Change
    reopened: Change
    resolved: Change
    suppressions_ending: int = Field(description="within seven days")
    unknown: int = Field(description="verdicts that could not be given")
    gaps: int
    open: dict[str, int] = Field(description="by severity")
    trend: tuple[TrendPoint, ...] = Field(description="up to 90 days")
    root_causes: tuple[Group, ...]
    oldest: tuple[Row, ...] = Field(description="open findings of the worst severity there is")
    accounts: tuple[Account, ...] = Field(description="most at risk first")
    snapshot: Snapshot


class ActivityQuery(Model):
    actor: tuple[str, ...] = ()
    kind: tuple[str, ...] = Field((), description="scanned, an Action, view_saved, ...")
    since: datetime | None = None
    limit: Limit = 50
    cursor: Cursor = ""


class Activity(Model):
    """One ledger entry."""

    seq: int
    at: datetime
    actor: str
    actor_kind: Literal["system", "person"]
    assurance: str
    kind: str
    findings: int = Field(description="how many it speaks of")
    finding_id: str = Field(description='the one, if it is one; ""')
    title: str = Field(description='of that one; ""')
    body: dict[str, Any] = Field(description="the rest of it, digests of payloads left out")


class Activities(Model):
    items: tuple[Activity, ...]
    actors: tuple[str, ...]
    kinds: tuple[str, ...]
    total: int
    next: str
    snapshot: Snapshot


class People(Model):
    items: tuple[str, ...] = Field(description="who acted or was assigned, and the asker")


# --- writing -----------------------------------------------------------------------------


class Record(Model):
    """Something a person says of findings, by ids or by filter.

    `note` is asked of suppressed and noted, `reason` of suppressed, `to` of assigned ("" for
    nobody); `until` ends a suppression. With a filter, `expected` is how many findings the
    person saw it match: if it matches another number by now, nothing is recorded (409).
    """

    kind: Action
    finding_ids: tuple[FindingId, ...] = Field((), max_length=10_000)
    filter: Filter | None = None
    expected: int | None = Field(None, ge=0)
    dry_run: bool = Field(False, description="only count")
    note: str = Field("", max_length=4000)
    to: str = Field("", max_length=200)
    reason: Reason | None = None
    until: datetime | None = None
    idempotency_key: str = Field(
        "", max_length=100, description="the header Idempotency-Key does the same"
    )


class Recorded(Model):
    matched: int
    entry: int | None = Field(description="ledger entry; null for a dry run")
    replayed: bool = Field(description="the same key had recorded it before")


class View(Model):
    """A named set of filters, as it stands in the address bar."""

    name: str = Field(min_length=1, max_length=60)
    query: dict[str, tuple[str, ...]]
    shared: bool = False
    owner: str = Field("", description="set by the server")


class ViewKey(Model):
    name: str
    shared: bool = False


class Views(Model):
    items: tuple[View, ...] = Field(description="the asker's own, and shared ones")


class Problem(BaseModel):
    """RFC 9457, sent as application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked. `name` is the method of Service and of Client."""

    name: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    asks: type[Model]
    gives: type[Model]
    role: Role
    doc: str


OPERATIONS = tuple(
    Operation(*row)
    for row in (
        ("me", "GET", "/v1/me", Nothing, Me, Role.VIEWER, "Who asks, and what they may do"),
        ("seen", "GET", "/v1/seen", ScopeQuery, Seen, Role.VIEWER, "How complete the picture is"),
        ("findings", "GET", "/v1/findings", FindingsQuery, Findings, Role.VIEWER, "Findings"),
        ("facets", "GET", "/v1/facets", Filter, Facets, Role.VIEWER, "Counts to filter by"),
        ("groups", "GET", "/v1/groups", GroupsQuery, Groups, Role.VIEWER, "Findings in groups"),
        (
            "finding",
            "GET",
            "/v1/findings/{finding_id}",
            FindingQuery,
            Finding,
            Role.VIEWER,
            "One finding: evidence, priority, remediation, timeline",
        ),
        ("coverage", "GET", "/v1/coverage", CoverageQuery, Coverage, Role.VIEWER, "The matrix"),
        ("gaps", "GET", "/v1/gaps", GapsQuery, Gaps, Role.VIEWER, "What could not be seen"),
        ("accounts", "GET", "/v1/accounts", AccountsQuery, Accounts, Role.VIEWER, "Accounts"),
        ("rules", "GET", "/v1/rules", ScopeQuery, Rules, Role.VIEWER, "Rules and populations"),
        ("overview", "GET", "/v1/overview", ScopeQuery, Overview, Role.VIEWER, "The figures"),
        (
            "activity",
            "GET",
            "/v1/activity",
            ActivityQuery,
            Activities,
            Role.VIEWER,
            "The ledger, newest first",
        ),
        ("people", "GET", "/v1/people", Nothing, People, Role.VIEWER, "Whom to assign to"),
        ("views", "GET", "/v1/views", Nothing, Views, Role.VIEWER, "Saved views"),
        ("record", "POST", "/v1/events", Record, Recorded, Role.TRIAGER, "Say it of findings"),
        ("save_view", "POST", "/v1/views", View, Views, Role.TRIAGER, "Save a view"),
        ("delete_view", "DELETE", "/v1/views", ViewKey, Views, Role.TRIAGER, "Delete a view"),
    )
)


class ExportQuery(Filter):
    """Streamed from GET /v1/export; sorted by priority."""

    format: Literal["csv", "jsonl", "parquet"] = "csv"
