"""Priority: an integer of points that each say where they come from.

Age is not among them: it can be sorted by, and nothing goes stale by the clock.
"""

from collections.abc import Iterable

import polars as pl

from stratum_pipeline.kernel.correlate import Context, Correlation, Index, correlate
from stratum_pipeline.kernel.rule import Severity

SEVERITY = {"critical": 100, "high": 70, "medium": 40, "low": 10}
EXPOSED = 20
COMBINED = 15
CRITICALITY = {"high": 15, "medium": 5}
CRITICALITY_TAG = "criticality"

POINTS = pl.List(pl.Struct({"points": pl.Int32, "why": pl.String}))

# Suppressed for one of these reasons, a finding still describes the resource as it is.
_STILL_TRUE = ("accepted_risk", "compensating_control")


def index(findings: pl.DataFrame, correlations: Iterable[Correlation]) -> pl.DataFrame:
    """Rows of Index, by finding_id: the `findings` (of `fold.findings`) that correlations see."""
    involved = {rule for c in correlations for rule in (c.rule, *c.beside)}
    accepted = pl.col("suppressed_reason").is_in(_STILL_TRUE).fill_null(False)
    there = (pl.col("status") == "open") | ((pl.col("status") == "suppressed") & accepted)
    seen = (pl.col("system") == "open") & there & pl.col("rule_id").is_in(list(involved))
    return findings.filter(seen).select(Index.schema().names()).sort("finding_id")


def contexts(index: pl.DataFrame, correlations: Iterable[Correlation]) -> pl.DataFrame:
    """Rows of Context, by finding_id, for those of `index` that others of it make worse."""
    found = [Context.frame(), *(correlate(c, index) for c in correlations)]
    return pl.concat(found).sort("finding_id", "because")


def prioritise(
    findings: pl.DataFrame, context: pl.DataFrame, accounts: pl.DataFrame
) -> pl.DataFrame:
    """`findings` plus severity as the combination deserves, priority and its points.

    context: of Context. accounts: of Accounts; the tag "criticality" is high, medium or low.
    Adds own_severity (the rule's), because and companions (lists), priority, points.
    """
    order = [str(s) for s in Severity]
    rank = pl.col("severity").replace_strict(order, list(range(len(order))), return_dtype=pl.Int8)
    worst = (
        context.with_columns(rank=rank)
        .sort("rank", descending=True, maintain_order=True)
        .group_by("finding_id", maintain_order=True)
        .agg(
            because="because",
            context_severity=pl.col("severity").first(),
            companions=pl.col("companions").list.explode(empty_as_null=False).unique().sort(),
        )
    )
    criticality = accounts.select(
        "account_id",
        criticality=pl.col("tags")
        .list.eval(
            pl.element()
            .struct.field("value")
            .filter(pl.element().struct.field("key").str.to_lowercase() == CRITICALITY_TAG)
        )
        .list.first()
        .str.to_lowercase(),
    )
    rows = (
        findings.join(worst, on="finding_id", how="left", maintain_order="left")
        .join(criticality, on="account_id", how="left", maintain_order="left")
        .with_columns(own_severity="severity")
        .with_columns(
            severity=_worse(pl.col("own_severity"), pl.col("context_severity"), order),
            because=pl.col("because").fill_null([]),
            companions=pl.col("companions").fill_null([]),
        )
        .drop("context_severity")
    )
    points = pl.concat_list(
        _point(
            pl.col("severity").replace_strict(SEVERITY, return_dtype=pl.Int32),
            pl.format("{} severity", pl.col("severity").str.to_titlecase()),
        ),
        _point(
            _if(pl.col("exposed").fill_null(False), EXPOSED), pl.lit("The internet can reach it")
        ),
        _point(
            _if(pl.col("because").list.len() > 0, COMBINED),
            pl.col("because").list.first().fill_null(""),
        ),
        _point(
            pl.col("criticality").replace_strict(CRITICALITY, default=0, return_dtype=pl.Int32),
            pl.format("The account's criticality is {}", pl.col("criticality").fill_null("")),
        ),
    ).list.filter(pl.element().struct.field("points") > 0)
    return rows.with_columns(points=points).with_columns(
        priority=pl.col("points").list.eval(pl.element().struct.field("points")).list.sum()
    )


def _point(points: pl.Expr, why: pl.Expr) -> pl.Expr:
    return pl.struct(points=points.cast(pl.Int32), why=why)


def _if(holds: pl.Expr, points: int) -> pl.Expr:
    return pl.when(holds).then(points).otherwise(0)


def _worse(one: pl.Expr, other: pl.Expr, order: list[str]) -> pl.Expr:
    scale = pl.Enum(order)
    return pl.max_horizontal(one.cast(scale), other.cast(scale)).cast(pl.String)
