"""When the queue is rebuilt: people said something, or scans ended."""

import dagster as dg

from stratum_pipeline.assets.deployment import Deployment
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.ledger import Head

from .schedules import refresh, scan

BUSY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dg.sensor(
    job=refresh,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def triage_events(
    context: dg.SensorEvaluationContext, stratum: dg.ResourceParam[Deployment]
) -> dg.RunRequest | dg.SkipReason:
    """Rebuilds the queue when the ledger is ahead of it."""
    try:
        shown = stratum.data.current_queue()
        known = Head(shown["seq"], shown["digest"]) if shown else None
        head = stratum.ledger.head(known)
    except StoreError as error:
        return dg.SkipReason(str(error))
    if shown is None or head.seq <= shown["seq"]:
        return dg.SkipReason(f"the queue shows the ledger to its head, {head.seq}")
    if busy(context.instance, refresh.name):
        return dg.SkipReason("the queue is being rebuilt")
    return dg.RunRequest(run_key=f"ledger/{head.seq}")


@dg.sensor(
    job=refresh,
    minimum_interval_seconds=180,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def scans_ended(
    context: dg.SensorEvaluationContext,
) -> dg.SensorResult | dg.SkipReason:
    """Records and rebuilds when a batch of scans ended, and every few minutes while one runs."""
    ended = context.instance.get_run_records(
        dg.RunsFilter(
            job_name=scan.name,
            statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE],
        ),
        limit=1,
        order_by="update_timestamp",
    )
    if not ended:
        return dg.SkipReason("nothing was scanned yet")
    mark = f"{ended[0].dagster_run.run_id}/{ended[0].update_timestamp.isoformat()}"
    if mark == context.cursor:
        return dg.SkipReason("no scan ended since")
    if busy(context.instance, refresh.name):
        return dg.SkipReason("the queue is being rebuilt")
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=mark)


def busy(instance: dg.DagsterInstance, job: str) -> bool:
    """Whether a run of `job` is queued or under way."""
    return instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=BUSY)) > 0
