"""What people say, and the views they save."""

from typing import Annotated

from pydantic import Field

from .findings import Filter
from .words import MOST, Action, FindingId, Model, Name, Reason, Time, Who


class Record(Model):
    """Something a person says of findings, by ids or by filter.

    `note` is asked of suppressed and noted, `reason` of suppressed, `to` of assigned ("" for
    nobody); `until` ends a suppression. With a filter, `expected` is how many findings the
    person saw it match: if it matches another number by now, nothing is recorded (409).
    """

    kind: Action
    finding_ids: tuple[FindingId, ...] = Field(default=(), max_length=10_000)
    filter: Filter | None = None
    expected: int | None = Field(default=None, ge=0, le=10**9)
    dry_run: bool = Field(default=False, description="only count")
    note: str = Field(default="", max_length=4000)
    to: Who = ""
    reason: Reason | None = None
    until: Time | None = None
    idempotency_key: str = Field(
        default="", max_length=100, description="the header Idempotency-Key does the same"
    )


class Recorded(Model):
    matched: int
    entry: int | None = Field(description="ledger entry; null for a dry run")
    replayed: bool = Field(description="the same key had recorded it before")


class View(Model):
    """A named set of filters, as it stands in the address bar."""

    name: str = Field(min_length=1, max_length=60)
    query: dict[
        Annotated[str, Field(max_length=60)],
        Annotated[tuple[Name, ...], Field(max_length=MOST)],
    ] = Field(max_length=50)
    shared: bool = False
    owner: Who = Field(default="", description="set by the server")


class ViewKey(Model):
    name: str = Field(max_length=60, description="of the view")
    shared: bool = Field(default=False, description="the shared one, not the asker's own")


class Views(Model):
    items: tuple[View, ...] = Field(description="the asker's own, and shared ones")
