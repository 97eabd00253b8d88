"""From observations to events: what a scan changes about what the ledger says.

Only evidence resolves: a finding is resolved where its rule's table was listed whole and
the resource passed or is gone. Whatever was refused, late, or not asked changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from stratum_pipeline.kernel.coverage import EVERYWHERE
from stratum_pipeline.kernel.evaluate import Fails, Observed, Unknowns

from .events import BODY, Accounts, Cause, Events, Kind, Scans

CLOSED = "CLOSED"
"""Status of an account that is no more; its findings end with it."""

# A finding's body may vary in these without being another finding.
_VARYING = ("incarnation", "severity", "rule_version", "exposed", "evidence", "root_cause")


@dataclass(frozen=True)
class Observations:
    """What runs saw since the last fold: one row of `scans` per account and module."""

    scans: pl.DataFrame  # of Scans
    fails: pl.DataFrame  # of Fails, plus module
    unknowns: pl.DataFrame  # of Unknowns
    observed: pl.DataFrame  # of Observed

    def of(self, scans: pl.DataFrame) -> "Observations":
        """Those of the given account x module pairs alone."""
        pairs = scans.select("account_id", "module")
        mine = [
            frame.with_columns(module=_module()).join(
                pairs, on=["account_id", "module"], how="semi", maintain_order="left"
            )
            for frame in (self.fails, self.unknowns, self.observed)
        ]
        return Observations(scans, *mine)


def _module() -> pl.Expr:
    return pl.col("rule_id").str.split(".").list.first()


def newer(scans: pl.DataFrame, folded: pl.DataFrame) -> pl.DataFrame:
    """Those of `scans` that started after the last one folded; a late, older one is ignored."""
    last = folded.select("account_id", "module", last_at="started_at")
    return (
        scans.join(last, on=["account_id", "module"], how="left", maintain_order="left")
        .filter(pl.col("last_at").is_null() | (Scans.started_at > pl.col("last_at")))
        .select(Scans.schema().names())
    )


def diff(
    known: pl.DataFrame,
    seen: Observations,
    rules: pl.DataFrame,
    before: pl.DataFrame,
    baseline: pl.DataFrame,
    accounts: tuple[pl.DataFrame, pl.DataFrame],
    present: Callable[[pl.DataFrame], pl.DataFrame],
) -> pl.DataFrame:
    """Events (of Events) that `seen` adds, in a reproducible order.

    known: `fold.findings` at the ledger's head. rules: Rules now. before: rule_id, version
    and account_id x module by which each pair was judged last. baseline: account_id x
    module pairs that never had a complete scan. accounts: Accounts (folded, now).
    present: of finding rows (account_id, rule_id, resource_arn), those whose resource is
    still in the inventory; asked only about what passes or is gone.
    """
    closed = accounts[1].filter(Accounts.status == CLOSED).select("account_id")
    scans = seen.scans.join(closed, on="account_id", how="anti", maintain_order="left")
    asked = scans.select("account_id", "module", at="started_at")
    # A failed scan saw nothing: whatever stands beside it is of an earlier one.
    seen = seen.of(scans.filter(Scans.outcome != "failed"))
    started = seen.scans.select("account_id", "module", at="started_at")
    fails = seen.fails.join(started, on=["account_id", "module"], maintain_order="left")
    events = [
        _opened(fails, known, before, baseline),
        _again(fails, known),
        _resolved(known, seen, started, rules, present),
        _retired(known, asked, rules),
        _closed(known, closed),
        _account_changes(*accounts),
    ]
    order = ["kind", "account_id", "rule_id", "resource_arn", "discriminator", "finding_id"]
    return pl.concat([Events.frame(), *(e.select(Events.schema().names()) for e in events)]).sort(
        order, maintain_order=True
    )


def _event(rows: pl.DataFrame, kind: Kind, cause: pl.Expr, reset: bool = False) -> pl.DataFrame:
    """`rows` (with at, and either a body or keys) as Events."""
    rows = rows.with_columns(
        kind=pl.lit(str(kind)), cause=cause, reset=pl.lit(reset), account=pl.lit(None, pl.String)
    )
    return pl.concat([Events.frame(), rows], how="diagonal").select(Events.schema().names())


def _cause(cause: Cause) -> pl.Expr:
    return pl.lit(str(cause))


def _opened(
    fails: pl.DataFrame, known: pl.DataFrame, before: pl.DataFrame, baseline: pl.DataFrame
) -> pl.DataFrame:
    fresh = (
        fails.join(known, on="finding_id", how="anti", maintain_order="left")
        .join(
            before.select("rule_id", "account_id", was="version"),
            on=["rule_id", "account_id"],
            how="left",
            maintain_order="left",
        )
        .join(
            baseline.with_columns(first=pl.lit(True)),
            on=["account_id", "module"],
            how="left",
            maintain_order="left",
        )
    )
    cause = (
        pl.when(pl.col("first").is_not_null() | pl.col("was").is_null())
        .then(_cause(Cause.BASELINE))
        .when(pl.col("was") != Fails.rule_version)
        .then(_cause(Cause.RULE_CHANGED))
        .otherwise(_cause(Cause.NEW))
    )
    return _event(fresh.with_columns(cause=cause), Kind.OPENED, pl.col("cause"), reset=True)


def _again(fails: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Known findings that fail: reopened, changed, or nothing new."""
    old = known.select(
        "finding_id", "system", "marked_at", *(pl.col(n).alias(f"old_{n}") for n in BODY[5:])
    )
    both = fails.join(old, on="finding_id", maintain_order="left").with_columns(
        # "" says nothing of which one it is, so it is not another one.
        incarnation=pl.when(Fails.incarnation == "")
        .then("old_incarnation")
        .otherwise(Fails.incarnation)
    )
    another = (pl.col("old_incarnation") != "") & (Fails.incarnation != pl.col("old_incarnation"))
    was_resolved = pl.col("system") == "resolved"
    # Only a scan that started after somebody said "resolved" can say otherwise.
    contradicted = (pl.col("marked_at") < pl.col("at")).fill_null(False)
    other_rule = Fails.rule_version != pl.col("old_rule_version")
    varies = pl.any_horizontal(pl.col(n).ne_missing(pl.col(f"old_{n}")) for n in _VARYING)
    regressed = (
        pl.when(was_resolved & other_rule)
        .then(_cause(Cause.RULE_CHANGED))
        .when(was_resolved)
        .then(_cause(Cause.REGRESSED))
        .otherwise(_cause(Cause.NOT_FIXED))
    )
    same = both.filter(~another)
    quiet = same.filter(~was_resolved & ~contradicted)
    return pl.concat(
        [
            _event(both.filter(another), Kind.REOPENED, _cause(Cause.NEW), reset=True),
            _event(
                same.filter(was_resolved | contradicted).with_columns(cause=regressed),
                Kind.REOPENED,
                pl.col("cause"),
            ),
            _event(quiet.filter(varies), Kind.CHANGED, pl.lit("")),
        ]
    )


def _keys(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        "finding_id", "rule_id", "account_id", "resource_arn", "discriminator", "rule_version", "at"
    )


def _open(known: pl.DataFrame, started: pl.DataFrame) -> pl.DataFrame:
    """Findings open by scans' account, in the account x module pairs that were scanned."""
    return (
        known.filter(pl.col("system") == "open")
        .with_columns(module=_module())
        .join(started, on=["account_id", "module"], maintain_order="left")
    )


def _resolved(
    known: pl.DataFrame,
    seen: Observations,
    started: pl.DataFrame,
    rules: pl.DataFrame,
    present: Callable[[pl.DataFrame], pl.DataFrame],
) -> pl.DataFrame:
    where = ["rule_id", "account_id"]
    anywhere = seen.observed.filter(Observed.region == EVERYWHERE).select(where)
    candidates = (
        _open(known, started)
        .join(rules.select("rule_id", now="version"), on="rule_id", maintain_order="left")
        .join(seen.fails, on="finding_id", how="anti", maintain_order="left")
        .join(
            seen.unknowns.select(Unknowns.finding_id),
            on="finding_id",
            how="anti",
            maintain_order="left",
        )
    )
    covered = pl.concat(
        [
            candidates.join(anywhere, on=where, how="semi", maintain_order="left"),
            candidates.join(
                seen.observed, on=[*where, "region"], how="semi", maintain_order="left"
            ),
        ]
    )
    here = present(covered.select("finding_id", "account_id", "rule_id", "resource_arn"))
    covered = covered.join(
        here.select("finding_id", here=pl.lit(True)),
        on="finding_id",
        how="left",
        maintain_order="left",
    )
    cause = (
        pl.when(pl.col("here").is_null())
        .then(_cause(Cause.GONE))
        .when(pl.col("rule_version") != pl.col("now"))
        .then(_cause(Cause.RULE_CHANGED))
        .otherwise(_cause(Cause.FIXED))
    )
    rows = covered.with_columns(cause=cause).with_columns(rule_version=pl.col("now"))
    return _event(_keys(rows).with_columns(cause=rows["cause"]), Kind.RESOLVED, pl.col("cause"))


def _retired(known: pl.DataFrame, started: pl.DataFrame, rules: pl.DataFrame) -> pl.DataFrame:
    gone = _open(known, started).join(rules, on="rule_id", how="anti", maintain_order="left")
    return _event(_keys(gone), Kind.RESOLVED, _cause(Cause.RULE_RETIRED))


def _closed(known: pl.DataFrame, closed: pl.DataFrame) -> pl.DataFrame:
    ended = (
        known.filter(pl.col("system") == "open")
        .join(closed, on="account_id", how="semi", maintain_order="left")
        .with_columns(at=pl.lit(None, Events.schema()["at"]))  # no scan: the entry's own time
    )
    return _event(_keys(ended), Kind.RESOLVED, _cause(Cause.ACCOUNT_CLOSED))


def _account_changes(folded: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    row = pl.struct(Accounts.schema().names()).struct.json_encode()
    changed = now.select("account_id", account=row).join(
        folded.select("account_id", account=row),
        on=["account_id", "account"],
        how="anti",
        maintain_order="left",
    )
    rows = changed.with_columns(
        kind=pl.lit(str(Kind.ACCOUNT_CHANGED)), cause=pl.lit(""), reset=pl.lit(False)
    )
    return pl.concat([Events.frame(), rows], how="diagonal").select(Events.schema().names())
