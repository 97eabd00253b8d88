"""Correlations: what a finding means in the company of others.

A module names other modules' rules only as strings and sees their findings only in
the shared index, so it never imports them.
"""

from dataclasses import dataclass

import polars as pl

from .rule import Severity
from .table import Column, Table


@dataclass(frozen=True, kw_only=True)
class Correlation:
    rule: str  # the module's own rule whose findings are enriched
    beside: tuple[str, ...]  # rule ids, of any module, that must also be open
    on: tuple[str, ...]  # columns of Index the two must share; of `related`, one ARN is enough
    because: str  # what the combination means, one sentence
    severity: Severity  # what the combination deserves


class Index(Table):
    """The open findings, as correlations see them."""

    finding_id = Column(pl.String, "")
    rule_id = Column(pl.String, "")
    account_id = Column(pl.String, "")
    resource_arn = Column(pl.String, "")
    related = Column(pl.List(pl.String), "ARNs the finding is also about.")


class Context(Table):
    """What a correlation adds to a finding."""

    finding_id = Column(pl.String, "The enriched finding.")
    because = Column(pl.String, "Correlation.because.")
    severity = Column(pl.String, "Correlation.severity.")
    companions = Column(pl.List(pl.String), "finding_ids that made the combination, sorted.")


def correlate(correlation: Correlation, index: pl.DataFrame) -> pl.DataFrame:
    """Context rows that `correlation` adds, given the open findings `index` (of Index)."""
    on = list(correlation.on)
    if "related" in on:
        index = index.explode("related", empty_as_null=True).filter(Index.related.is_not_null())
    other = index.filter(Index.rule_id.is_in(correlation.beside)).select(
        *on, beside="rule_id", companion="finding_id"
    )
    return (
        index.filter(Index.rule_id == correlation.rule)
        .select("finding_id", *on)
        .join(other, on=on)
        .group_by("finding_id", maintain_order=True)
        .agg(companions=pl.col("companion").unique().sort(), present=pl.col("beside").n_unique())
        .filter(pl.col("present") == len(correlation.beside))
        .select(
            "finding_id",
            because=pl.lit(correlation.because),
            severity=pl.lit(str(correlation.severity)),
            companions="companions",
        )
    )
