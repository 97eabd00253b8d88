"""Rules: prose, a table and one boolean expression.

True fails, False passes, null is unknown. Polars' three-valued logic carries a missing
fact to the verdict, so a refused AWS call can never come out as a pass.
"""

import enum
import hashlib
import string
from dataclasses import dataclass
from typing import Any

import polars as pl

from .table import NEVER, Resource


class Severity(enum.StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


ALWAYS, NOT_EXPOSED, ITSELF = pl.lit(True), pl.lit(False), pl.col("arn")
NOTHING, NO_ARNS = pl.lit(""), pl.lit([], dtype=pl.List(pl.String))
NO_COST = pl.lit(None, dtype=pl.Float64)

SCANNED_AT = pl.col("scanned_at")
"""Start of the scan, in `Rule.fails`: rules have no clock. Never part of the evidence."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    id: str  # "s3.bucket.versioning": module, noun, property; never reused
    version: int = 1  # raised whenever the verdict on the same facts may differ
    table: type[Resource]
    fails: pl.Expr  # True: fail, False: pass, null: unknown
    severity: Severity
    title: str  # the problem, as a statement about the resource
    rationale: str
    remediation: str  # what to do, in a sentence or two
    console: str  # the way in the console; {column} is filled in, as in `cli`
    cli: str  # the same with the AWS CLI
    breaks: str = ""  # what the change may interrupt or cost, in a sentence
    undo: str = ""  # how to take it back; {column} is filled in
    criteria: tuple[str, ...]  # SOC 2 Trust Services Criteria, e.g. "CC6.1"
    when: pl.Expr = ALWAYS  # rows the rule speaks about at all
    discriminator: pl.Expr = NOTHING  # tells apart findings on one resource
    exposed: pl.Expr = NOT_EXPOSED  # whether the internet can reach it; null: unknown
    root_cause: pl.Expr = ITSELF  # the one thing whose change fixes the finding
    related: pl.Expr = NO_ARNS  # other ARNs the finding is about, for correlations
    monthly_usd: pl.Expr = NO_COST  # what it costs until it is fixed; null: nothing known

    @property
    def module(self) -> str:
        return self.id.partition(".")[0]

    @property
    def reads(self) -> list[str]:
        """Columns the verdict depends on: the evidence of every finding."""
        names = {*self.when.meta.root_names(), *self.fails.meta.root_names()}
        return sorted(names - {"scanned_at"})

    @property
    def sources(self) -> list[str]:
        """AWS operations those columns come from."""
        return sorted({self.table.columns[name].source for name in self.reads} - {""})

    @property
    def digest(self) -> str:
        """Changes with anything that can change a verdict or how it is ranked."""
        logic = [self.id, str(self.version), str(self.severity)]
        for part in (
            self.when,
            self.fails,
            self.discriminator,
            self.exposed,
            self.root_cause,
            self.related,
            self.monthly_usd,
        ):
            logic.append(part.meta.serialize(format="json"))
        return hashlib.sha256(repr(logic).encode()).hexdigest()


def age_days(column: pl.Expr) -> pl.Expr:
    """Whole days from `column` (a time) to the start of the scan."""
    return (SCANNED_AT - column).dt.total_days()


def never(column: pl.Expr) -> pl.Expr:
    """Whether AWS says that the time in `column` never came."""
    return column == pl.lit(NEVER).str.to_datetime(time_unit="us", time_zone="UTC")


def fields(template: str) -> list[str]:
    """Columns that a `console` or `cli` template names: fields("{name}") == ["name"]."""
    return [name for _, name, _, _ in string.Formatter().parse(template) if name]


def fill(template: str) -> pl.Expr:
    """`template` with each row's columns in place; "?" where one is unknown."""
    parts = [(text, name) for text, name, _, _ in string.Formatter().parse(template)]
    if not any(name for _, name in parts):
        return pl.lit(template.format())
    filled: list[Any] = []
    for text, name in parts:
        filled += [pl.lit(text), *([pl.col(name).cast(pl.String).fill_null("?")] if name else [])]
    return pl.concat_str(filled)
