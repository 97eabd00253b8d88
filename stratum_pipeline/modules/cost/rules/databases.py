"""Databases and tables with more provisioned than used."""

import polars as pl

from stratum_pipeline.kernel.rule import Rule, Severity, age_days

from ..inventory.databases import DbInstances, DbSnapshots, DynamoTables
from .common import monthly

OLD_DAYS = 180
BUSY_SHARE, WORTH_UNITS = 0.2, 5

idle = Rule(
    id="cost.db_instance.idle",
    table=DbInstances,
    when=DbInstances.watched & ~DbInstances.replica,
    # A reader that only waits for its cluster's writer to fail is no waste.
    fails=DbInstances.cluster_connections == 0,
    severity=Severity.MEDIUM,
    title="Database has had no connection",
    rationale="For 14 days nobody connected to it, nor to another of its cluster, while every hour"
    " and its storage are paid for.",
    remediation="Stop the instance (it starts again by itself after seven days), then delete it"
    " with a final snapshot.",
    console="RDS > Databases > {name} > Actions > Stop temporarily, or Delete",
    cli="aws rds delete-db-instance --db-instance-identifier {name}"
    " --final-db-snapshot-identifier {name}-final",
    breaks="The endpoint is gone, as are automated backups unless they are retained; what connects"
    " once a month fails.",
    undo="Restore the final snapshot: `aws rds restore-db-instance-from-db-snapshot"
    " --db-instance-identifier {name} --db-snapshot-identifier {name}-final`",
    criteria=(),
    root_cause=pl.when(DbInstances.cluster == "")
    .then(pl.col("arn"))
    .otherwise(pl.format("{}:cluster:{}", pl.col("arn").str.extract("^(.*):db:"), "cluster")),
    monthly_usd=monthly(DbInstances.usd, DbInstances.price_source),
)

previous_generation = Rule(
    id="cost.db_instance.previous_generation",
    table=DbInstances,
    when=DbInstances.status == "available",
    fails=DbInstances.successor != "",
    severity=Severity.LOW,
    title="Database runs on a previous generation class",
    rationale="Its successor does more for the same or less, and takes the engine versions that"
    " the old class no longer does.",
    remediation="Change the class to its successor in a maintenance window.",
    console="RDS > Databases > {name} > Modify > DB instance class > {successor}",
    cli="aws rds modify-db-instance --db-instance-identifier {name}"
    " --db-instance-class {successor} --no-apply-immediately",
    breaks="The database restarts, with a failover where there is a standby; a reservation for the"
    " old class no longer covers it.",
    undo="Change the class back: `aws rds modify-db-instance --db-instance-identifier {name}"
    " --db-instance-class {instance_class} --no-apply-immediately`",
    criteria=(),
    monthly_usd=monthly(DbInstances.successor_usd, DbInstances.price_source),
)

old_snapshot = Rule(
    id="cost.db_snapshot.old",
    table=DbSnapshots,
    fails=age_days(DbSnapshots.created) >= OLD_DAYS,
    severity=Severity.LOW,
    title="Manual database snapshot is over half a year old",
    rationale="Manual snapshots never expire. The amount is of the allocated storage: less goes"
    " where it was not full, or where backups of a live database are within what is free.",
    remediation="Export it to S3 if the data must be kept, then delete the snapshot.",
    console="RDS > Snapshots > Manual > {name} > Actions > Delete snapshot",
    cli="aws rds delete-db-snapshot --db-snapshot-identifier {name}",
    breaks="The data as of that day is gone for good, as it is for accounts it is shared with.",
    undo="There is no way back, but from a copy made before: `aws rds copy-db-snapshot"
    " --source-db-snapshot-identifier {name} --target-db-snapshot-identifier {name}-copy`",
    criteria=(),
    monthly_usd=monthly(DbSnapshots.usd, DbSnapshots.price_source),
)

_ON_DEMAND = "aws dynamodb update-table --table-name {name} --billing-mode PAY_PER_REQUEST"
_BACK = (
    "Provision capacity again, a day later at the earliest: `aws dynamodb update-table"
    " --table-name {name} --billing-mode PROVISIONED --provisioned-throughput"
    " ReadCapacityUnits={read_units},WriteCapacityUnits={write_units}`"
)

idle_table = Rule(
    id="cost.table.idle",
    table=DynamoTables,
    when=DynamoTables.watched,
    fails=(DynamoTables.read_peak == 0) & (DynamoTables.write_peak == 0),
    severity=Severity.LOW,
    title="Table pays for capacity that nobody uses",
    rationale="For 14 days nothing was read from it or written to it, indexes included, while its"
    " provisioned capacity is paid for by the hour.",
    remediation="Change the table to on-demand capacity, which costs nothing while idle, or delete"
    " it after a backup.",
    console="DynamoDB > Tables > {name} > Additional settings > Read/write capacity > On-demand",
    cli=_ON_DEMAND,
    breaks="Nothing is interrupted; scheduled scaling policies of the table end, and a later load"
    " costs more per request than well used provisioned capacity.",
    undo=_BACK,
    criteria=(),
    monthly_usd=monthly(DynamoTables.usd, DynamoTables.price_source),
)

over_provisioned_table = Rule(
    id="cost.table.over_provisioned",
    table=DynamoTables,
    when=DynamoTables.watched & ~idle_table.fails,
    fails=(
        (DynamoTables.read_units > WORTH_UNITS)
        & (DynamoTables.read_peak < BUSY_SHARE * DynamoTables.read_units)
    )
    | (
        (DynamoTables.write_units > WORTH_UNITS)
        & (DynamoTables.write_peak < BUSY_SHARE * DynamoTables.write_units)
    ),
    severity=Severity.LOW,
    title="Table has many times the capacity it uses",
    rationale="In its busiest hour of 14 days it consumed less than a fifth of the reads or writes"
    " it pays for. The amount is of what lies beyond twice that hour's use.",
    remediation="Let auto scaling set the capacity, or change the table to on-demand.",
    console="DynamoDB > Tables > {name} > Additional settings > Read/write capacity > Edit",
    cli=_ON_DEMAND,
    breaks="Nothing is interrupted; on-demand costs more per request than well used provisioned"
    " capacity.",
    undo=_BACK,
    criteria=(),
    monthly_usd=monthly(DynamoTables.unused_usd, DynamoTables.price_source),
)

RULES = (idle, previous_generation, old_snapshot, idle_table, over_provisioned_table)
