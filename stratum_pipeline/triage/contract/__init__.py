"""Contract v1: what the queue can be asked, what it answers, and who may ask.

Every model is frozen and refuses fields it does not know. `OPERATIONS` is the whole surface:
the server makes its routes from it and the client its calls, so neither can drift. The
committed openapi.json is made from this page; a test fails if it changes undeclared.

Times are UTC, ISO 8601. Ids of findings are 64 hexadecimal digits. Lists of a filter mean
"any of"; an empty list does not filter.
"""

from dataclasses import dataclass
from typing import Literal

from .coverage import (
    AccountCoverage,
    Cell,
    Coverage,
    CoverageQuery,
    Gap,
    Gaps,
    GapsQuery,
    Seen,
    State,
)
from .drift import Drift, Drifted, DriftQuery, What
from .findings import (
    FACETS,
    Event,
    ExportQuery,
    Facets,
    FacetValue,
    Fact,
    Filter,
    Finding,
    FindingQuery,
    Findings,
    FindingsQuery,
    Group,
    Groups,
    GroupsQuery,
    Point,
    Related,
    Row,
    Suppression,
)
from .reports import (
    Account,
    Accounts,
    AccountsQuery,
    Activities,
    Activity,
    ActivityQuery,
    Change,
    Overview,
    People,
    Rule,
    Rules,
    TrendPoint,
)
from .words import (
    VERSION,
    Action,
    Age,
    Cause,
    Cursor,
    FindingId,
    Limit,
    Me,
    Model,
    Nothing,
    Problem,
    Reason,
    Role,
    Scope,
    ScopeQuery,
    Session,
    Severity,
    Snapshot,
    Stale,
    Status,
)
from .writing import (
    Record,
    Recorded,
    View,
    ViewKey,
    Views,
)

__all__ = [
    "FACETS",
    "OPERATIONS",
    "VERSION",
    "Account",
    "AccountCoverage",
    "Accounts",
    "AccountsQuery",
    "Action",
    "Activities",
    "Activity",
    "ActivityQuery",
    "Age",
    "Cause",
    "Cell",
    "Change",
    "Coverage",
    "CoverageQuery",
    "Cursor",
    "Drift",
    "DriftQuery",
    "Drifted",
    "Event",
    "ExportQuery",
    "FacetValue",
    "Facets",
    "Fact",
    "Filter",
    "Finding",
    "FindingId",
    "FindingQuery",
    "Findings",
    "FindingsQuery",
    "Gap",
    "Gaps",
    "GapsQuery",
    "Group",
    "Groups",
    "GroupsQuery",
    "Limit",
    "Me",
    "Model",
    "Nothing",
    "Operation",
    "Overview",
    "People",
    "Point",
    "Problem",
    "Reason",
    "Record",
    "Recorded",
    "Related",
    "Role",
    "Row",
    "Rule",
    "Rules",
    "Scope",
    "ScopeQuery",
    "Seen",
    "Session",
    "Severity",
    "Snapshot",
    "Stale",
    "State",
    "Status",
    "Suppression",
    "TrendPoint",
    "View",
    "ViewKey",
    "Views",
    "What",
]


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


OPERATIONS = (
    Operation("me", "GET", "/v1/me", Nothing, Me, Role.VIEWER, "Who asks, and what they may do"),
    Operation(
        "seen", "GET", "/v1/seen", ScopeQuery, Seen, Role.VIEWER, "How complete the picture is"
    ),
    Operation("findings", "GET", "/v1/findings", FindingsQuery, Findings, Role.VIEWER, "Findings"),
    Operation("facets", "GET", "/v1/facets", Filter, Facets, Role.VIEWER, "Counts to filter by"),
    Operation(
        "groups", "GET", "/v1/groups", GroupsQuery, Groups, Role.VIEWER, "Findings in groups"
    ),
    Operation(
        "finding",
        "GET",
        "/v1/findings/{finding_id}",
        FindingQuery,
        Finding,
        Role.VIEWER,
        "One finding: evidence, priority, remediation, timeline",
    ),
    Operation(
        "coverage", "GET", "/v1/coverage", CoverageQuery, Coverage, Role.VIEWER, "The matrix"
    ),
    Operation("gaps", "GET", "/v1/gaps", GapsQuery, Gaps, Role.VIEWER, "What could not be seen"),
    Operation("accounts", "GET", "/v1/accounts", AccountsQuery, Accounts, Role.VIEWER, "Accounts"),
    Operation("rules", "GET", "/v1/rules", ScopeQuery, Rules, Role.VIEWER, "Rules and populations"),
    Operation("overview", "GET", "/v1/overview", ScopeQuery, Overview, Role.VIEWER, "The figures"),
    Operation(
        "activity",
        "GET",
        "/v1/activity",
        ActivityQuery,
        Activities,
        Role.VIEWER,
        "The ledger, newest first",
    ),
    Operation("drift", "GET", "/v1/drift", DriftQuery, Drift, Role.VIEWER, "What changed, by scan"),
    Operation("people", "GET", "/v1/people", Nothing, People, Role.VIEWER, "Whom to assign to"),
    Operation("views", "GET", "/v1/views", Nothing, Views, Role.VIEWER, "Saved views"),
    Operation("record", "POST", "/v1/events", Record, Recorded, Role.TRIAGER, "Say it of findings"),
    Operation("save_view", "POST", "/v1/views", View, Views, Role.TRIAGER, "Save a view"),
    Operation("delete_view", "DELETE", "/v1/views", ViewKey, Views, Role.TRIAGER, "Delete a view"),
)
