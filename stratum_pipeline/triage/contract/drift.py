"""What changed from scan to scan."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from .words import Cursor, Limit, Model, ScopeQuery, Snapshot, Time

What = Literal["appeared", "vanished", "changed", "replaced"]
Name = Annotated[str, Field(max_length=100)]


class DriftQuery(ScopeQuery):
    since: Time | None = Field(default=None, description="seven days before `until` if not given")
    until: Time | None = Field(default=None, description="now if not given")
    account: tuple[Name, ...] = Field(default=(), max_length=100, description="account ids")
    module: tuple[Name, ...] = Field(default=(), max_length=100, description="of these modules")
    resource: str = Field(default="", max_length=2048, description="ARN")
    what: tuple[What, ...] = Field(default=(), max_length=4, description="of these kinds")
    limit: Limit = 100
    cursor: Cursor = ""


class Drifted(Model):
    """One resource that came, went or was replaced, or one column of it that changed."""

    at: datetime = Field(description="start of the scan that found it")
    scan_id: str
    account_id: str
    account_name: str
    region: str = Field(description='"" where it has none')
    module: str
    table: str
    resource: str = Field(description="last part of the ARN")
    resource_arn: str
    incarnation: str = Field(description="tells a re-created resource from its namesake")
    what: What
    column: str = Field(description='"" of a resource that appeared or vanished')
    was: str = Field(description='JSON; of one that vanished, all that was known; else ""')
    now: str = Field(description='JSON; of one that appeared, all that is known; else ""')
    cut: bool = Field(description="was or now is longer: these are its first 4,000 characters")


class Drift(Model):
    """Changes, the newest scan first.

    A page looks through a bounded part of the window, so one with `next` may be short, even
    empty; without `next` the window is at its end.
    """

    items: tuple[Drifted, ...]
    since: datetime
    until: datetime
    searched_to: datetime = Field(description="how far back this page looked")
    next: str
    snapshot: Snapshot
