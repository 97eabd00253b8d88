"""ledger and queue: what changed, appended once; then what is so, in order of priority."""

from typing import Any

import dagster as dg
import polars as pl

from stratum_pipeline.kernel.module import Module
from stratum_pipeline.lifecycle.publish import refresh
from stratum_pipeline.lifecycle.record import record

from .deployment import Deployment
from .metadata import ROWS, preview
from .raw import BATCH_TAG


def ledger_asset(modules: tuple[Module, ...]) -> dg.AssetsDefinition:
    """The asset ledger, downstream of every findings/<module>."""

    @dg.asset(
        deps=[["findings", module.name] for module in modules],
        group_name="queue",
        kinds={"parquet"},
        description="The append-only, hash-chained history: one entry per run, with what it "
        "opened, resolved, reopened and changed, and the populations that prove it ran.",
    )
    def ledger(
        context: dg.AssetExecutionContext, stratum: dg.ResourceParam[Deployment]
    ) -> dg.MaterializeResult[Any]:
        scan_id = context.run.tags.get(BATCH_TAG, context.run.run_id)
        done = record(stratum.ledger, stratum.data, stratum.rules, scan_id, stratum.module_names)
        if done.entry is None:
            context.log.info("no scan is newer than what the ledger knows; nothing appended")
        kinds = dict(done.events["kind"].value_counts().iter_rows())
        shown = ["kind", "cause", "severity", "title", "account_id", "resource_arn"]
        return dg.MaterializeResult(
            metadata={
                "head": f"{done.state.head.seq}:{done.state.head.digest}",
                "dagster/row_count": done.state.head.seq,
                "preview": preview(done.events.select(shown)),
                **{str(kind): n for kind, n in sorted(kinds.items())},
            }
        )

    return ledger


@dg.asset(
    deps=["ledger", "accounts"],
    group_name="queue",
    kinds={"duckdb"},
    description="The read model: every finding with status, priority in points and the last "
    "time it was verified; gaps beside it. Can be thrown away and built again.",
)
def queue(
    context: dg.AssetExecutionContext, stratum: dg.ResourceParam[Deployment]
) -> dg.MaterializeResult[Any]:
    """Carry the read model to the ledger's head and publish it."""
    frames = refresh(
        stratum.ledger, stratum.data, stratum.rules, stratum.correlations, stratum.module_names
    )
    rows = frames["findings"]
    status = dict(rows["status"].value_counts().iter_rows())
    top = rows.filter(pl.col("status") == "open").head(ROWS)
    details = stratum.data.read_queue(
        "details", pl.col("finding_id").is_in(top["finding_id"].to_list())
    )
    if details is not None:
        top = top.join(
            details.select("finding_id", "title", "resource_arn"),
            on="finding_id",
            maintain_order="left",
        )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": rows.height,
            "preview": preview(
                top.select("priority", "severity", "title", "account_id", "resource_arn")
            ),
            "gaps": frames["gaps"].height,
            **{str(name): n for name, n in sorted(status.items())},
        }
    )
