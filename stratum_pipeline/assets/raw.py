"""raw/<module>: what AWS says, as typed tables, account by account.

Each account is stored as soon as it was read, so a killed run loses only the account it was
in, and memory holds only the accounts being read.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg
import polars as pl

from stratum_pipeline.kernel.coverage import Coverage, Outcome
from stratum_pipeline.kernel.module import Module
from stratum_pipeline.kernel.table import TIMESTAMP
from stratum_pipeline.lifecycle import drift
from stratum_pipeline.organization import AccessError
from stratum_pipeline.scan import Reading, read_module, unread

from .accounts import ACCOUNTS, scannable
from .deployment import Deployment
from .metadata import preview

POOL = "aws_api"
BATCH_TAG = "stratum/scan"
"""Tag of all runs of one scan; what the ledger's entry calls scan_id."""

FRESH = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=36), warn_window=timedelta(hours=26)
)
RETRY = dg.RetryPolicy(max_retries=3, delay=1, backoff=dg.Backoff.EXPONENTIAL)


def raw_asset(module: Module, accounts_per_run: int) -> dg.AssetsDefinition:
    """The asset raw/<module>."""

    @dg.asset(
        key=["raw", module.name],
        deps=["accounts"],
        group_name=module.name,
        description=f"{module.doc} Read through boto3, with a record of every refused call. "
        f"Tables: {', '.join(c.table.label for c in module.collectors)}.",
        kinds={"aws"},
        pool=POOL,
        backfill_policy=dg.BackfillPolicy.multi_run(accounts_per_run),
        partitions_def=ACCOUNTS,
        freshness_policy=FRESH,
        retry_policy=RETRY,
    )
    def raw(
        context: dg.AssetExecutionContext, stratum: dg.ResourceParam[Deployment]
    ) -> dg.MaterializeResult[Any]:
        scan_id = context.run.tags.get(BATCH_TAG, context.run.run_id)
        accounts = scannable(stratum, list(context.partition_keys))

        def scan(account: str) -> dict[str, Any]:
            reading = read_account(stratum, account, module)
            stored = store(stratum, reading, scan_id)
            stratum.on_account(f"{module.name} in {account}")
            if reading.error:
                context.log.error(f"{account}: {reading.error}")
            return {
                "account": account,
                "outcome": reading.outcome if stored else "superseded by a later scan",
                "rows": sum(rows.height for rows in reading.inventory.values()),
                "calls": int(reading.coverage["calls"].sum()),
            }

        with ThreadPoolExecutor(stratum.accounts_at_once) as pool:
            done = pl.DataFrame(list(pool.map(scan, accounts)), schema=_DONE)
        skipped = len(context.partition_keys) - len(accounts)
        return dg.MaterializeResult(metadata=summary(done) | {"accounts skipped": skipped})

    return raw


_DONE = {"account": pl.String, "outcome": pl.String, "rows": pl.Int64, "calls": pl.Int64}


def summary(done: pl.DataFrame) -> dict[str, Any]:
    """Metadata of a chunk: its accounts by outcome; sums of `done`'s numbers; a preview."""
    outcomes = dict(done["outcome"].value_counts().iter_rows())
    worst_first = done.sort(pl.col("outcome") == "complete", maintain_order=True)
    return {
        "dagster/partition_row_count": int(done["rows"].sum()),
        "preview": preview(worst_first),
        "accounts": done.height,
        **{f"accounts {outcome}": n for outcome, n in sorted(outcomes.items())},
        **{n: int(done[n].sum()) for n in done.columns[3:]},
    }


def read_account(stratum: Deployment, account: str, module: Module) -> Reading:
    """`module`'s reading of `account`; one that can't be entered, or breaks, is a gap."""
    try:
        session = stratum.access.enter(account, module.name)
        return read_module(session, account, module, stratum.regions)
    except AccessError as error:
        return unread(account, module, error.outcome, error.code)
    except Exception as error:  # noqa: BLE001 - one account must not cost the others
        return unread(account, module, Outcome.ERROR, type(error).__name__)


def store(stratum: Deployment, reading: Reading, scan_id: str) -> bool:
    """Store a reading and what changed; False, and nothing written, if a later scan is there.

    Its coverage is stored beside scan_id, started_at and finished_at, for `load`.
    """
    name, account = reading.module.name, reading.account_id
    if stratum.data.superseded(name, account, reading.started_at.isoformat()):
        return False
    if reading.outcome != "failed":  # what was known stays readable
        coverage, began = reading.coverage, reading.started_at
        drift.store(stratum.data, name, account, reading.inventory, coverage, began, scan_id)
    marked = reading.coverage.with_columns(
        scan_id=pl.lit(scan_id),
        started_at=pl.lit(reading.started_at, TIMESTAMP),
        finished_at=pl.lit(reading.finished_at, TIMESTAMP),
    )
    stratum.data.write_part("coverage", name, account, marked)
    return True


def load(stratum: Deployment, module: Module, account: str) -> tuple[Reading, str] | None:
    """The stored reading and its scan_id; None if the account was never read."""
    marked = stratum.data.read_part("coverage", module.name, account)
    if marked is None:
        return None
    about = marked.row(0, named=True)
    reading = Reading(
        module=module,
        account_id=account,
        started_at=about["started_at"],
        finished_at=about["finished_at"],
        regions=(),
        inventory={},
        coverage=marked.select(Coverage.schema().names()),
    )
    if reading.outcome != "failed":  # else what lies there is of an earlier scan
        tables = [c.table for c in module.collectors]
        found = {t: stratum.data.read_table(module.name, t.label, account) for t in tables}
        rows = {t: t.frame() if rows is None else rows for t, rows in found.items()}
        reading = replace(reading, inventory=rows)
    return reading, about["scan_id"]
