"""Accounts, rules, overview, activity."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from .findings import Group, Row
from .words import Cursor, Limit, Model, ScopeQuery, Severity, Snapshot, Time, Who, Word


class AccountsQuery(ScopeQuery):
    text: str = Field(default="", max_length=200, description="in name or id")
    sort: Literal["name", "risk"] = "name"
    limit: int = Field(default=500, ge=1, le=10_000, description="items on a page")
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
    monthly_usd: float = Field(description="what open findings cost a month, by estimate")
    trend: tuple[TrendPoint, ...] = Field(description="up to 90 days")
    root_causes: tuple[Group, ...]
    oldest: tuple[Row, ...] = Field(description="open findings of the worst severity there is")
    accounts: tuple[Account, ...] = Field(description="most at risk first")
    snapshot: Snapshot


class ActivityQuery(Model):
    actor: tuple[Who, ...] = Field(
        default=(), max_length=100, description='ids of people, or "stratum"'
    )
    kind: tuple[Word, ...] = Field(
        default=(), max_length=100, description="scanned, an Action, view_saved, ..."
    )
    since: Time | None = Field(default=None, description="this moment or later")
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
