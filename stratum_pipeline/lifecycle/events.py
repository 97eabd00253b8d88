"""The words of the ledger: entry kinds, event kinds, causes, and the tables behind them."""

import enum

import polars as pl

from stratum_pipeline.kernel.evaluate import Fails
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Table


class Kind(enum.StrEnum):
    # By the system, as rows of a `scanned` entry's events payload.
    OPENED = "opened"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CHANGED = "changed"  # severity, rule version, exposure or evidence
    ACCOUNT_CHANGED = "account_changed"  # name, OU, tags or status
    # By people, each an entry of its own; body: {finding_ids | findings (a payload), ...}.
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"  # to: "" unassigns
    NOTED = "noted"  # note
    SUPPRESSED = "suppressed"  # reason, note, until ("" for no end)
    UNSUPPRESSED = "unsuppressed"
    MARKED_RESOLVED = "marked_resolved"
    MARKED_OPEN = "marked_open"  # takes marked_resolved back


VIEW_SAVED = "view_saved"
"""A person's set of filters, by name; body {name, shared, query}."""
VIEW_DELETED = "view_deleted"
"""Body {name, shared}."""

SCANNED = "scanned"
"""The entry that every run adds: body {scan_id, outcomes, scans, populations, rules, events}."""

BY_PEOPLE = (
    Kind.ACKNOWLEDGED,
    Kind.ASSIGNED,
    Kind.NOTED,
    Kind.SUPPRESSED,
    Kind.UNSUPPRESSED,
    Kind.MARKED_RESOLVED,
    Kind.MARKED_OPEN,
)


class Cause(enum.StrEnum):
    NEW = "new"  # appeared since the last scan; reopened: another resource of the same name
    BASELINE = "baseline"  # first complete scan of the account by the module, or a new rule
    REGRESSED = "regressed"  # had been resolved, fails again
    NOT_FIXED = "not_fixed"  # a person said resolved, a later scan saw it fail
    FIXED = "fixed"  # the resource is there and passes
    GONE = "gone"  # the resource is not there any more
    RULE_CHANGED = "rule_changed"
    RULE_RETIRED = "rule_retired"
    ACCOUNT_CLOSED = "account_closed"


class Reason(enum.StrEnum):
    """Why a finding is suppressed."""

    ACCEPTED_RISK = "accepted_risk"
    FALSE_POSITIVE = "false_positive"
    COMPENSATING_CONTROL = "compensating_control"
    NOT_APPLICABLE = "not_applicable"


class Scans(Table):
    """One row per account and module in a `scanned` entry: a control ran, or did not."""

    account_id = Column(pl.String, "")
    module = Column(pl.String, "")
    scan_id = Column(pl.String, "The run that scanned.")
    started_at = Column(TIMESTAMP, "")
    finished_at = Column(TIMESTAMP, "")
    outcome = Column(pl.String, "complete | partial | failed")
    calls = Column(pl.Int64, "AWS calls made, retries not counted.")
    error = Column(pl.String, 'Why it failed; "" otherwise.')


class Accounts(Table):
    """The organization's accounts, one row each."""

    account_id = Column(pl.String, "12 digits.", source="organizations:ListAccounts")
    name = Column(pl.String, "", source="organizations:ListAccounts")
    status = Column(pl.String, "ACTIVE | SUSPENDED | ...", source="organizations:ListAccounts")
    ou = Column(pl.String, '"Root/Workloads/Production"; "" alone.')
    tags = Column(
        pl.List(pl.Struct({"key": pl.String, "value": pl.String})),
        "Sorted by key.",
        source="organizations:ListTagsForResource",
    )


class Rules(Table):
    """The rule set a run judged by; content-addressed, so written only when it changes."""

    rule_id = Column(pl.String, "")
    module = Column(pl.String, "")
    version = Column(pl.Int32, "")
    digest = Column(pl.String, "Of the logic.")
    severity = Column(pl.String, "")
    title = Column(pl.String, "")
    rationale = Column(pl.String, "")
    remediation = Column(pl.String, "")
    breaks = Column(pl.String, "What remedying may interrupt or cost.")
    criteria = Column(pl.List(pl.String), "SOC 2 criteria.")
    facts = Column(
        pl.List(pl.Struct({"name": pl.String, "doc": pl.String, "source": pl.String})),
        'The columns its evidence shows; source is the AWS operation, "" if computed.',
    )


class LatestRules(Table):
    """The rule versions that an account was last judged by."""

    account_id = Column(pl.String, "")
    rule_id = Column(pl.String, "")
    version = Column(pl.Int32, "")


class Events(Table):
    """What a run changed, in order; the row number is part of the fold order.

    opened, reopened and changed carry the finding's body; the rest only its keys.
    """

    kind = Column(pl.String, "A Kind by the system.")
    cause = Column(pl.String, 'A Cause; "" for changed and account_changed.')
    reset = Column(pl.Boolean, "Another resource: what people said of the old one ends.")
    account = Column(pl.String, "account_changed: the row of Accounts as JSON.")
    at = Column(TIMESTAMP, "Start of the scan that saw it.")
    finding_id = Column(pl.String, "")
    rule_id = Column(pl.String, "")
    account_id = Column(pl.String, "")
    resource_arn = Column(pl.String, "")
    discriminator = Column(pl.String, "")
    incarnation = Column(pl.String, "")
    region = Column(pl.String, "")
    rule_version = Column(pl.Int32, "")
    severity = Column(pl.String, "")
    title = Column(pl.String, "")
    exposed = Column(pl.Boolean, "")
    root_cause = Column(pl.String, "")
    related = Column(pl.List(pl.String), "")
    console = Column(pl.String, "")
    cli = Column(pl.String, "")
    undo = Column(pl.String, "")
    monthly_usd = Column(pl.Float64, "")
    evidence = Column(pl.String, "")


BODY = tuple(Fails.schema().names())
"""Columns of a finding's body, as Fails has them."""
