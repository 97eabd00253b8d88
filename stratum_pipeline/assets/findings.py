"""findings/<module>: verdicts by rules over what was read, and whether all could be seen."""

from typing import Any

import dagster as dg
import polars as pl

from stratum_pipeline.kernel.coverage import EVERYWHERE, Outcome
from stratum_pipeline.kernel.evaluate import Gaps, Verdicts
from stratum_pipeline.kernel.module import Module
from stratum_pipeline.scan import Reading, judge, unread

from .accounts import ACCOUNTS, scannable
from .deployment import Deployment
from .metadata import preview
from .raw import FRESH, RETRY, load, summary


def findings_asset(module: Module, accounts_per_run: int) -> dg.AssetsDefinition:
    """The asset findings/<module>."""

    @dg.asset(
        key=["findings", module.name],
        deps=[["raw", module.name]],
        group_name=module.name,
        description=f"Verdicts of {len(module.rules)} rules on raw/{module.name}: a row for what "
        "fails, a count for what passes, a gap for what could not be seen.",
        kinds={"polars"},
        backfill_policy=dg.BackfillPolicy.multi_run(accounts_per_run),
        partitions_def=ACCOUNTS,
        freshness_policy=FRESH,
        retry_policy=RETRY,
    )
    def findings(
        context: dg.AssetExecutionContext, stratum: dg.ResourceParam[Deployment]
    ) -> dg.MaterializeResult[Any]:
        done: list[dict[str, Any]] = []
        members = stratum.data.read_members()
        for account in scannable(stratum, list(context.partition_keys)):
            stored = load(stratum, module, account)
            if stored is None:
                context.log.warning(f"{account}: raw/{module.name} was never read; skipped")
                continue
            reading, scan_id = stored
            row = judge_account(stratum, reading, scan_id, members)
            if row["error"]:
                context.log.error(f"{account}: {row['error']}")
            done.append(row)
        frame = pl.DataFrame(done, schema=_DONE)
        return dg.MaterializeResult(metadata=summary(frame.drop("error")))

    return findings


_DONE = {
    "account": pl.String,
    "outcome": pl.String,
    "rows": pl.Int64,
    "passed": pl.Int64,
    "unknown": pl.Int64,
    "gaps": pl.Int64,
    "error": pl.String,
}


def judge_account(
    stratum: Deployment, reading: Reading, scan_id: str, members: pl.DataFrame | None
) -> dict[str, Any]:
    """Judge and store one reading, its status last; a rule that breaks is a failed scan."""
    module, account, error = reading.module, reading.account_id, reading.error
    try:
        verdicts, outcome = judge(reading, members), reading.outcome
    except Exception as bug:  # noqa: BLE001 - one account must not cost the others
        code = type(bug).__name__
        blank = unread(account, module, Outcome.ERROR, code)
        verdicts, outcome = judge(blank), blank.outcome
        verdicts.gaps[0, "operation"] = "stratum:Evaluate"
        error = f"the rules of {module.name} could not be evaluated ({code}: {bug})"
    started_at = reading.started_at.isoformat()
    if not stratum.data.superseded(module.name, account, started_at):
        _store(stratum, module.name, account, verdicts)
        status = {
            "scan_id": scan_id,
            "started_at": started_at,
            "finished_at": reading.finished_at.isoformat(),
            "outcome": outcome,
            "calls": int(reading.coverage["calls"].sum()),
            "error": error,
        }
        stratum.data.write_status(module.name, account, status)
    counts = verdicts.populations
    return {
        "account": account,
        "outcome": outcome,
        "rows": verdicts.fails.height,
        "passed": int(counts["passed"].sum()),
        "unknown": int(counts["unknown"].sum()),
        "gaps": verdicts.gaps.height,
        "error": error,
    }


def _store(stratum: Deployment, module: str, account: str, verdicts: Verdicts) -> None:
    write = stratum.data.write_part
    write("verdicts", module, account, verdicts.fails)
    write("unknowns", module, account, verdicts.unknowns)
    write("observed", module, account, verdicts.observed)
    write("populations", module, account, verdicts.populations)
    write("gaps", module, account, verdicts.gaps)


def coverage_check(module: Module) -> dg.AssetChecksDefinition:
    """Warns of what the chunk could not see. Never blocks: the gate is in the fold."""

    @dg.asset_check(
        asset=["findings", module.name],
        name="coverage",
        blocking=False,
        partitions_def=ACCOUNTS,
        description="Whether everything the rules read could be read.",
    )
    def coverage(
        context: dg.AssetCheckExecutionContext, stratum: dg.ResourceParam[Deployment]
    ) -> dg.AssetCheckResult:
        accounts = scannable(stratum, list(context.partition_keys))
        found = [stratum.data.read_part("gaps", module.name, account) for account in accounts]
        gaps = pl.concat([Gaps.frame(), *(f for f in found if f is not None)])
        everywhere = gaps.filter(Gaps.region == EVERYWHERE)["account_id"].n_unique()
        return dg.AssetCheckResult(
            passed=gaps.is_empty(),
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{gaps.height} gaps in {gaps['account_id'].n_unique()} of "
            f"{len(accounts)} accounts, {everywhere} of them wholly unseen"
            if gaps.height
            else f"{len(accounts)} accounts seen whole",
            metadata={
                "preview": preview(
                    gaps.select("account_id", "region", "operation", "outcome", "code", "blinded")
                )
            },
        )

    return coverage
