"""From inventory and coverage to verdicts: only fails become rows, passes are counted."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from .coverage import EVERYWHERE, GAPS, Coverage, Outcome
from .rule import Rule, fields, fill
from .table import TIMESTAMP, Column, Inventory, Resource, Table

IDENTITY_VERSION = "v1"


class Fails(Table):
    """What is wrong: one row per failing resource and rule."""

    finding_id = Column(pl.String, "sha256 of version, rule, account, ARN and discriminator.")
    rule_id = Column(pl.String, "Identity. Rule.id.")
    account_id = Column(pl.String, "Identity.")
    resource_arn = Column(pl.String, "Identity.")
    discriminator = Column(pl.String, 'Identity. "" unless a resource can fail twice.')
    incarnation = Column(pl.String, "The resource's; when it changes, it is another one.")
    region = Column(pl.String, 'Home region of the resource; "" where it has none.')
    rule_version = Column(pl.Int32, "Rule.version.")
    severity = Column(pl.String, "A Severity.")
    title = Column(pl.String, "Rule.title.")
    exposed = Column(pl.Boolean, "Whether the internet can reach it; null: unknown.")
    root_cause = Column(pl.String, "The one thing whose change fixes it.")
    related = Column(pl.List(pl.String), "Other ARNs it is about, sorted.")
    console = Column(pl.String, "Remediation in the console, identifiers filled in.")
    cli = Column(pl.String, "Remediation with the AWS CLI, identifiers filled in.")
    undo = Column(pl.String, "How to take it back, identifiers filled in.")
    monthly_usd = Column(pl.Float64, "What it costs a month until it is fixed; null: unknown.")
    evidence = Column(pl.String, "JSON object of the columns the verdict read.")


class Unknowns(Table):
    """Verdicts withheld: a fact was missing."""

    finding_id = Column(pl.String, "As Fails.finding_id.")
    rule_id = Column(pl.String, "")
    account_id = Column(pl.String, "")
    region = Column(pl.String, "")
    resource_arn = Column(pl.String, "")
    because = Column(pl.String, '"s3:GetBucketPolicy denied (AccessDenied)"; "" if not a call.')


class Populations(Table):
    """What each rule looked at: the proof that a control ran, pass rows need none."""

    rule_id = Column(pl.String, "")
    account_id = Column(pl.String, "")
    region = Column(pl.String, "Home region of the resources.")
    population = Column(pl.Int64, "Rows the rule speaks about; passed + failed + unknown.")
    passed = Column(pl.Int64, "")
    failed = Column(pl.Int64, "")
    unknown = Column(pl.Int64, "")


class Observed(Table):
    """Where each rule's table was listed whole: only there can a finding be resolved."""

    rule_id = Column(pl.String, "")
    account_id = Column(pl.String, "")
    region = Column(pl.String, '"*" for a table that is not regional.')


class Gaps(Table):
    """What could not be seen: one row per refused (account, region, operation, code)."""

    account_id = Column(pl.String, "")
    region = Column(pl.String, '"*" if the failure is of no one region.')
    module = Column(pl.String, "")
    operation = Column(pl.String, '"s3:GetBucketPolicy".')
    outcome = Column(pl.String, "denied | throttled | error")
    code = Column(pl.String, "Error code as AWS gave it.")
    rules = Column(pl.List(pl.String), "Rule ids it leaves blind, sorted.")
    resources = Column(pl.Int64, "Resources the call was about; 0 for a listing.")
    unlisted = Column(pl.Boolean, "Whether a listing failed: rows may be missing altogether.")
    blinded = Column(pl.Int64, "Verdicts withheld because of it, among the rows that were seen.")


@dataclass(frozen=True)
class Verdicts:
    """What rules say of one scan of one account by one module."""

    fails: pl.DataFrame  # of Fails
    unknowns: pl.DataFrame  # of Unknowns
    populations: pl.DataFrame  # of Populations
    observed: pl.DataFrame  # of Observed
    gaps: pl.DataFrame  # of Gaps


def evaluate(
    module: str,
    rules: Iterable[Rule],
    inventory: Inventory,
    coverage: pl.DataFrame,
    scanned_at: datetime,
) -> Verdicts:
    """Verdicts of `rules` on one account's `inventory`, given the `coverage` of its scan.

    Everything it needs is stored, so any past scan can be judged by today's rules.
    """
    rules = list(rules)
    # A column that did not exist yet when the scan was stored is a fact we do not know.
    inventory = {t: pl.concat([t.frame(), rows], how="diagonal") for t, rows in inventory.items()}
    refused = coverage.filter(Coverage.outcome.is_in(GAPS))
    # A resource shared into an account is its owner's to answer for.
    owned = pl.col("account_id").is_in(coverage["account_id"].unique().implode())
    judged: list[_Judged] = []
    observed: list[pl.DataFrame] = []
    for table in dict.fromkeys(rule.table for rule in rules):
        mine = [rule for rule in rules if rule.table is table]
        rows = table.judged(inventory).filter(owned)
        judged += _judge(mine, rows.with_columns(scanned_at=pl.lit(scanned_at, TIMESTAMP)))
        observed.append(_observed(table, mine, coverage))
    unknowns = [_unknowns(j, refused) for j in judged if j.count("unknown")]
    withheld = pl.concat([Unknowns.frame(), *unknowns])
    return Verdicts(
        fails=pl.concat([Fails.frame(), *(_fails(j) for j in judged if j.count("failed"))]),
        unknowns=withheld,
        populations=Populations.frame(row for j in judged for row in j.counts),
        observed=pl.concat([Observed.frame(), *observed]),
        gaps=_gaps(module, rules, refused, withheld),
    )


def finding_id(rule_id: str, account_id: str, resource_arn: str, discriminator: str = "") -> str:
    """The finding's identity: the same across scans, regions and machines."""
    # Polars' own hash may change between releases; a finding's identity may not.
    key = "\x1f".join((IDENTITY_VERSION, rule_id, account_id, resource_arn, discriminator))
    return hashlib.sha256(key.encode()).hexdigest()


_PASSED, _FAILED, _UNKNOWN = 0, 1, 2  # and null where the rule does not speak of the row


@dataclass(frozen=True)
class _Judged:
    rule: Rule
    rows: pl.DataFrame  # the table's, with scanned_at
    status: pl.Series  # one of the above per row
    counts: list[dict[str, Any]]  # of Populations

    def count(self, name: str) -> int:
        return sum(row[name] for row in self.counts)


def _judge(rules: list[Rule], rows: pl.DataFrame) -> list[_Judged]:
    """All rules of one table at once: in Polars a call costs more than a thousand rows."""
    where = ["account_id", "region"]
    status = rows.select(
        "account_id",
        pl.col("region").fill_null(""),
        *(
            pl.when(rule.when.fill_null(True))
            .then(pl.when(rule.when).then(rule.fails).cast(pl.Int8).fill_null(_UNKNOWN))
            .alias(rule.id)
            for rule in rules
        ),
    )
    names = {"passed": _PASSED, "failed": _FAILED, "unknown": _UNKNOWN}
    groups = (
        status.group_by(where)
        .agg(
            (pl.col(rule.id) == code).sum().cast(pl.Int64).alias(f"{rule.id} {name}")
            for rule in rules
            for name, code in names.items()
        )
        .sort(where)
        .to_dicts()
    )
    judged: list[_Judged] = []
    for rule in rules:
        counts: list[dict[str, Any]] = []
        for group in groups:
            found = {name: group[f"{rule.id} {name}"] for name in names}
            if population := sum(found.values()):
                key = {n: group[n] for n in where}
                counts.append({"rule_id": rule.id, **key, "population": population, **found})
        judged.append(_Judged(rule, rows, status[rule.id], counts))
    return judged


def _identity() -> pl.Expr:
    return pl.struct("rule_id", "account_id", "resource_arn", "discriminator").map_elements(
        lambda row: finding_id(**row), return_dtype=pl.String
    )


def _fails(judged: _Judged) -> pl.DataFrame:
    rule = judged.rule
    named = {*fields(rule.console), *fields(rule.cli), *fields(rule.undo)}
    priced = rule.monthly_usd.meta.root_names()
    shown = {*rule.reads, *named, *priced} - {"arn", "account_id"}
    return (
        judged.rows.filter(judged.status == _FAILED)
        .select(
            "account_id",
            rule.discriminator.alias("discriminator"),
            pl.col("region").fill_null(""),
            rule_id=pl.lit(rule.id),
            resource_arn="arn",
            incarnation=pl.col("incarnation").fill_null(""),
            rule_version=pl.lit(rule.version, dtype=pl.Int32),
            severity=pl.lit(str(rule.severity)),
            title=pl.lit(rule.title),
            exposed=rule.exposed,
            root_cause=rule.root_cause,
            related=rule.related.list.drop_nulls().list.unique().list.sort(),
            console=fill(rule.console),
            cli=fill(rule.cli),
            undo=fill(rule.undo),
            monthly_usd=rule.monthly_usd.cast(pl.Float64),
            evidence=pl.struct(sorted(shown)).struct.json_encode(),
        )
        .with_columns(finding_id=_identity())
        .select(Fails.schema().names())
    )


def _unknowns(judged: _Judged, refused: pl.DataFrame) -> pl.DataFrame:
    rule = judged.rule
    asked = refused.filter(Coverage.operation.is_in(rule.sources)).with_columns(
        why=pl.format("{} {} ({})", Coverage.operation, Coverage.outcome, Coverage.code)
    )
    about = asked.filter(Coverage.resource_arn != "")
    wide = asked.filter(Coverage.resource_arn == "")
    # A refusal in one region explains only that region's rows, if the table is regional.
    on = ["account_id", "region"] if rule.table.regional else ["account_id"]
    reasons = [
        about.group_by(arn="resource_arn").agg(pl.col("why").unique().sort().str.join(", ")),
        wide.group_by(on).agg(why_all=pl.col("why").unique().sort().str.join(", ")),
    ]
    return (
        judged.rows.filter(judged.status == _UNKNOWN)
        .join(reasons[0], on="arn", how="left", maintain_order="left")
        .join(reasons[1], on=on, how="left", maintain_order="left")
        .select(
            "account_id",
            rule.discriminator.alias("discriminator"),
            pl.col("region").fill_null(""),
            rule_id=pl.lit(rule.id),
            resource_arn="arn",
            because=pl.concat_str("why", "why_all", separator=", ", ignore_nulls=True),
        )
        .with_columns(finding_id=_identity())
        .select(Unknowns.schema().names())
    )


def _observed(table: type[Resource], rules: list[Rule], coverage: pl.DataFrame) -> pl.DataFrame:
    listing = coverage.filter(
        (Coverage.operation == table.listed_by) & (Coverage.resource_arn == "")
    )
    region = pl.col("region") if table.regional else pl.lit(EVERYWHERE)
    return (
        listing.group_by("account_id", region.alias("region"))
        .agg(whole=(Coverage.outcome == Outcome.OK).all())
        .filter("whole")
        .sort("account_id", "region")
        .join(pl.DataFrame({"rule_id": [rule.id for rule in rules]}), how="cross")
        .select(Observed.schema().names())
    )


def _gaps(
    module: str, rules: list[Rule], refused: pl.DataFrame, unknowns: pl.DataFrame
) -> pl.DataFrame:
    listings = {rule.table.listed_by for rule in rules}
    key = ("account_id", "region", "operation", "outcome", "code")
    rows: list[dict[str, Any]] = []
    grouped = refused.group_by(key).agg(
        about=Coverage.resource_arn.unique(),
    )
    for gap in grouped.sort(key).to_dicts():
        operation, region, about = gap["operation"], gap["region"], set(gap.pop("about"))
        wide = "" in about
        why = f"{operation} {gap['outcome']} ({gap['code']})"
        # Of no one region: nothing of the module was listed where it was not asked.
        everything = region == EVERYWHERE
        blind = [r for r in rules if everything or operation in (*r.sources, r.table.listed_by)]
        mine = unknowns.filter(
            (Unknowns.account_id == gap["account_id"])
            & Unknowns.rule_id.is_in([r.id for r in blind])
            & Unknowns.because.str.contains(why, literal=True)
        )
        elsewhere = Unknowns.rule_id.is_in([r.id for r in blind if r.table.regional]) & (
            Unknowns.region != region
        )
        mine = mine.filter(
            Unknowns.resource_arn.is_in(about) | (~elsewhere if wide else pl.lit(False))
        )
        rows.append(
            gap
            | {
                "module": module,
                "rules": sorted(r.id for r in blind),
                "resources": len(about - {""}),
                "unlisted": everything or (wide and operation in listings),
                "blinded": mine.height,
            }
        )
    return Gaps.frame(rows)
