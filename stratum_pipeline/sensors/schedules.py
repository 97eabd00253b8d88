"""The jobs, and the daily scan in chunks of accounts."""

from collections.abc import Iterator, Sequence

import dagster as dg

from stratum_pipeline.assets.accounts import PARTITIONS, scannable
from stratum_pipeline.assets.deployment import Deployment
from stratum_pipeline.assets.raw import BATCH_TAG

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


discover = dg.define_asset_job(
    "discover", selection=["accounts"], description="Find the organization's accounts."
)
scan = dg.define_asset_job(
    "scan",
    # raw/* and findings/*: what stands between the accounts and the ledger.
    selection=dg.AssetSelection.assets("accounts").downstream(include_self=False)
    & dg.AssetSelection.assets("ledger").upstream(include_self=False),
    executor_def=dg.in_process_executor,
    description="Read a contiguous range of accounts with every module, and judge it.",
)
refresh = dg.define_asset_job(
    "refresh",
    selection=["ledger", "queue"],
    description="Record what scans changed, then rebuild the queue.",
)


def chunks(keys: Sequence[str], wanted: set[str], size: int) -> Iterator[tuple[str, str, int]]:
    """(first, last, how many) of contiguous ranges of `keys` that cover `wanted`, no others.

    Ranges, since Dagster makes a run for each key where keys are scattered.
    """
    run: list[str] = []
    for key in keys:
        if run and (key not in wanted or len(run) == size):
            yield run[0], run[-1], len(run)
            run = []
        if key in wanted:
            run.append(key)
    if run:
        yield run[0], run[-1], len(run)


def range_tags(first: str, last: str, scan_id: str) -> dict[str, str]:
    """Tags that make a run of the scan job cover the partitions from `first` to `last`."""
    return {RANGE_START: first, RANGE_END: last, BATCH_TAG: scan_id}


@dg.schedule(cron_schedule="0 3 * * *", job=scan)
def daily_scan(
    context: dg.ScheduleEvaluationContext, stratum: dg.ResourceParam[Deployment]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Scan every active account each day at 03:00 UTC, one run per contiguous chunk."""
    # The order Dagster keeps them in: a range means that order.
    keys = list(context.instance.get_dynamic_partitions(PARTITIONS))
    day = f"{context.scheduled_execution_time:%Y-%m-%dT%H%M}"
    ranges = list(chunks(keys, set(scannable(stratum, keys)), stratum.accounts_per_run))
    if not ranges:
        yield dg.SkipReason("no account is known yet: account_discovery finds them")
    for first, last, _ in ranges:
        yield dg.RunRequest(run_key=f"{day}/{first}", tags=range_tags(first, last, day))
