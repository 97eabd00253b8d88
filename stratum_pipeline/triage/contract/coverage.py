"""What was seen, and what was not."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from .words import MOST, Cursor, Limit, Model, ScopeQuery, Snapshot, Word


class Gap(Model):
    """What could not be seen: one refused, throttled or failed operation."""

    account_id: str
    account_name: str
    region: str = Field(description='"*" if it is of no one region')
    module: str
    operation: str = Field(description='"s3:GetBucketPolicy"')
    outcome: Literal["denied", "throttled", "error"]
    code: str = Field(description="as AWS gave it")
    permission: str = Field(
        description='IAM action to allow, "s3:ListAllMyBuckets"; "" unless denied'
    )
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
    module: tuple[Word, ...] = Field(default=(), max_length=100, description="of these modules")
    account: tuple[Word, ...] = Field(default=(), max_length=MOST, description="account ids")
    limit: Limit = 100
    cursor: Cursor = ""


class Gaps(Model):
    items: tuple[Gap, ...]
    total: int
    next: str
    snapshot: Snapshot
