"""New accounts of the organization become partitions, and are scanned from then on."""

import dagster as dg

from stratum_pipeline.assets.accounts import ACCOUNTS, PARTITIONS
from stratum_pipeline.assets.deployment import Deployment
from stratum_pipeline.organization import AccessError

from .schedules import discover


@dg.sensor(
    job=discover,
    minimum_interval_seconds=300,
)
def account_discovery(
    context: dg.SensorEvaluationContext, stratum: dg.ResourceParam[Deployment]
) -> dg.SensorResult | dg.SkipReason:
    """Finds accounts that joined, left or were suspended.

    Adds their partitions at once; keeps those of accounts that left, for their history.
    """
    try:
        listed = stratum.access.listing()
    except AccessError as error:
        return dg.SkipReason(str(error))
    known = set(context.instance.get_dynamic_partitions(PARTITIONS))
    fresh = sorted(set(listed) - known)
    mark = ",".join(f"{account}:{status}" for account, status in sorted(listed.items()))
    if mark == context.cursor and not fresh:
        return dg.SkipReason(f"{len(listed)} accounts, as before")
    return dg.SensorResult(
        run_requests=[dg.RunRequest()],
        dynamic_partitions_requests=[ACCOUNTS.build_add_request(fresh)] if fresh else [],
        cursor=mark,
    )
