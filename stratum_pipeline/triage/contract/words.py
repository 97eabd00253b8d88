"""What the rest of the contract is made of: vocabulary, people, snapshots, problems."""

import enum
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

VERSION = "1.1.0"


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


def _to_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("it is outside the calendar") from error


Word = Annotated[str, Field(max_length=100)]
"""A name of ours or of AWS's: a rule, a module, a region, an account's id."""
Who = Annotated[str, Field(max_length=320)]
"""A person's id, as the identity provider gives it; an e-mail address at most."""
Name = Annotated[str, Field(max_length=2048)]
"""An ARN, the longest of AWS's names, or what stands for one."""
MOST = 1_000
"""Of a list in a filter; an address holds no more."""
Time = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A moment somebody names: with an offset, kept as UTC."""
Scope = Annotated[
    str,
    Field(
        max_length=1024,  # an OU's name has up to 128 characters, and they are five deep at most
        pattern=r"^(organization|ou:.+|account:\d{12}|module:[a-z0-9_]+)$",
        description='"organization", "ou:Root/Workloads" (and below), "account:123456789012" '
        'or "module:s3"',
    ),
]
FindingId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", min_length=64, max_length=64)]
Seq = Annotated[int, Field(ge=0, lt=10**12)]
"""Number of a ledger entry: twelve digits."""
Limit = Annotated[int, Field(ge=1, le=500, description="items on a page")]
Cursor = Annotated[
    str, Field(max_length=4096, description="`next` of the page before; empty for the first")
]


class Role(enum.StrEnum):
    """What a person may do; each may do what those before it may."""

    VIEWER = "viewer"  # read
    TRIAGER = "triager"  # say something of findings, save own views
    APPROVER = "approver"  # share views
    OPERATOR = "operator"  # everything

    def may(self, asked: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(asked)


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


class Stale(Model):
    """Data or vault do not answer: what is shown is what was so before."""

    since: datetime = Field(description="when it was last known to be current")
    why: str


class Snapshot(Model):
    """What an answer was read from."""

    id: str
    as_of: datetime = Field(description="when the queue was built")
    seq: int = Field(description="ledger entry it shows, people's own later ones included")
    stale: Stale | None = Field(default=None, description="null: it is current")


class ScopeQuery(Model):
    scope: Scope = "organization"


class Problem(BaseModel):
    """RFC 9457, sent as application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[str, ...] = ()
