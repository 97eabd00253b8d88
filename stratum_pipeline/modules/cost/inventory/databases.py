"""RDS instances and snapshots, DynamoDB tables: what is provisioned, what is used."""

from collections.abc import Iterator

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Inventory, Resource

from ..metrics import HOUR, METRICS, Metric, busiest, measure, rounded, watched
from ..prices import replaced, with_prices
from .common import Raw, databases, row

DATABASES, SNAPSHOTS = "rds:DescribeDBInstances", "rds:DescribeDBSnapshots"
TABLES, TABLE = "dynamodb:ListTables", "dynamodb:DescribeTable"


class DbInstances(Resource, listed_by=DATABASES):
    """One row per database instance of RDS or Aurora."""

    name = Column(pl.String, "DBInstanceIdentifier.", source=DATABASES)
    instance_class = Column(pl.String, '"db.t3.micro"', source=DATABASES)
    engine = Column(pl.String, "mysql | postgres | aurora-mysql | ...", source=DATABASES)
    multi_az = Column(pl.Boolean, "Whether there is a standby.", source=DATABASES)
    status = Column(pl.String, "available | stopped | ...", source=DATABASES)
    created = Column(TIMESTAMP, "When it was made.", source=DATABASES)
    replica = Column(pl.Boolean, "Whether it is a read replica.", source=DATABASES)
    cluster = Column(pl.String, 'Aurora cluster; "" if none.', source=DATABASES)
    watched = Column(
        pl.Boolean,
        "Whether it is available, and was there all of the 14 days that metrics are of.",
        source=DATABASES,
        volatile=True,
    )
    connections = Column(
        pl.Float64,
        "Most DatabaseConnections at once; null unless `watched`.",
        source=METRICS,
        volatile=True,
    )

    cluster_connections = Column(
        pl.Float64, "The same of the busiest of its cluster.", source=METRICS, derived=True
    )
    usd = Column(pl.Float64, "On demand, a month, before storage.", derived=True)
    price_source = Column(pl.String, "Where `usd` comes from.", derived=True)
    successor = Column(
        pl.String, 'Class to take instead; "" if it is current.', source=DATABASES, derived=True
    )
    successor_usd = Column(pl.Float64, "What that saves; null if nothing.", derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        rows = raw.with_columns(successor=replaced(raw["instance_class"]))
        zones = (
            pl.when("multi_az")
            .then(pl.lit("multi"))
            .when(~pl.col("multi_az"))
            .then(pl.lit("single"))
        )
        rows = with_prices(
            rows,
            inventory,
            ("instance_class", "successor", "engine", "multi_az"),
            usd=pl.format("db:{}:{}:{}", "instance_class", "engine", zones),
            then=pl.format("db:{}:{}:{}", "successor", "engine", zones),
        )
        saved = pl.col("usd") - pl.col("then")
        cluster = ("region", "cluster")
        peak = pl.col("connections").max().over(cluster)
        seen_all = pl.col("connections").is_not_null().all().over(cluster)
        return rows.with_columns(
            cluster_connections=pl.when(pl.col("cluster") == "")
            .then(pl.col("connections"))
            .when((pl.col("cluster") != "") & ((peak > 0) | seen_all))
            .then(peak),
            successor_usd=pl.when(saved > 0).then(saved),
        )


class DbSnapshots(Resource, listed_by=SNAPSHOTS):
    """One row per manual snapshot of a database instance."""

    name = Column(pl.String, "DBSnapshotIdentifier.", source=SNAPSHOTS)
    database = Column(pl.String, "DBInstanceIdentifier.", source=SNAPSHOTS)
    created = Column(TIMESTAMP, "When it was made.", source=SNAPSHOTS)
    size_gb = Column(pl.Int64, "AllocatedStorage, GiB.", source=SNAPSHOTS)

    usd = Column(pl.Float64, "A month, at most.", derived=True)
    price_source = Column(pl.String, "Where `usd` comes from.", derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        rows = with_prices(raw, inventory, rate=pl.lit("db_snapshot"))
        return rows.with_columns(usd=pl.col("size_gb") * pl.col("rate"))


class DynamoTables(Resource, listed_by=TABLES):
    """One row per DynamoDB table; its secondary indexes count as part of it."""

    name = Column(pl.String, "As its owner calls it.", source=TABLES)
    billing = Column(pl.String, "PROVISIONED | PAY_PER_REQUEST", source=TABLE)
    created = Column(TIMESTAMP, "When it was made.", source=TABLE)
    read_units = Column(pl.Int64, "Provisioned; 0 if on demand.", source=TABLE)
    write_units = Column(pl.Int64, "Likewise.", source=TABLE)
    watched = Column(
        pl.Boolean,
        "Whether it is provisioned, and was there all of the 14 days that metrics are of.",
        source=TABLE,
        volatile=True,
    )
    read_peak = Column(
        pl.Float64,
        "Units a second consumed, mean of the busiest hour; null unless `watched`.",
        source=METRICS,
        volatile=True,
    )
    write_peak = Column(pl.Float64, "Likewise.", source=METRICS, volatile=True)

    usd = Column(pl.Float64, "Its capacity, a month.", derived=True)
    unused_usd = Column(pl.Float64, "What twice the peak, and no more, would save.", derived=True)
    price_source = Column(pl.String, "Where the amounts come from.", derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        read, write = pl.lit("dynamodb:read"), pl.lit("dynamodb:write")
        rows = with_prices(raw, inventory, read=read, write=write)
        unused = {
            kind: (pl.col(f"{kind}_units") - (2 * pl.col(f"{kind}_peak")).clip(1)).clip(0)
            for kind in ("read", "write")
        }
        return rows.with_columns(
            usd=pl.col("read_units") * pl.col("read") + pl.col("write_units") * pl.col("write"),
            unused_usd=unused["read"] * pl.col("read") + unused["write"] * pl.col("write"),
        )


def read_db_instances(rds: Api) -> Iterator[Raw]:
    found = databases(rds) or []
    seen = [
        d
        for d in found
        if d["DBInstanceStatus"] == "available" and watched(d.get("InstanceCreateTime"))
    ]
    series = measure(
        rds,
        [
            Metric(
                "AWS/RDS",
                "DatabaseConnections",
                (("DBInstanceIdentifier", d["DBInstanceIdentifier"]),),
                "Maximum",
            )
            for d in seen
        ],
    )
    used = {d["DBInstanceIdentifier"]: values for d, values in zip(seen, series, strict=True)}
    for database in found:
        name = database["DBInstanceIdentifier"]
        values = used.get(name)
        yield row(rds, database["DBInstanceArn"], database.get("DbiResourceId", "")) | {
            "name": name,
            "instance_class": database["DBInstanceClass"],
            "engine": database["Engine"],
            "multi_az": database.get("MultiAZ", False),
            "status": database["DBInstanceStatus"],
            "created": database.get("InstanceCreateTime"),
            "replica": bool(database.get("ReadReplicaSourceDBInstanceIdentifier")),
            "cluster": database.get("DBClusterIdentifier") or "",
            "watched": name in used,
            "connections": rounded(max(values)) if values else None,  # an idle one reports zeros
        }


def read_db_snapshots(rds: Api) -> Iterator[Raw]:
    for snapshot in rds.pages("DescribeDBSnapshots", "DBSnapshots", SnapshotType="manual"):
        if "SnapshotCreateTime" not in snapshot:
            continue  # still being made
        made = snapshot["SnapshotCreateTime"]
        yield row(rds, snapshot["DBSnapshotArn"], made.isoformat()) | {
            "name": snapshot["DBSnapshotIdentifier"],
            "database": snapshot["DBInstanceIdentifier"],
            "created": made,
            "size_gb": snapshot.get("AllocatedStorage", 0),
        }


def read_dynamo_tables(dynamodb: Api) -> Iterator[Raw]:
    account = dynamodb.account
    prefix = f"arn:{account.partition}:dynamodb:{dynamodb.region}:{account.account_id}:table/"

    def describe(name: str) -> Raw:
        arn = prefix + name
        reply = dynamodb.on(about=arn).call("DescribeTable", TableName=name)
        table: Raw | None = reply.get("Table", {})
        if table is None:
            return row(dynamodb, arn, "") | {"name": name}
        billing = table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
        indexes = table.get("GlobalSecondaryIndexes", [])
        capacity = [one.get("ProvisionedThroughput", {}) for one in (table, *indexes)]
        return row(dynamodb, arn, table.get("TableId", "")) | {
            "name": name,
            "billing": billing,
            "created": table["CreationDateTime"],
            "read_units": sum(one.get("ReadCapacityUnits", 0) for one in capacity),
            "write_units": sum(one.get("WriteCapacityUnits", 0) for one in capacity),
            "watched": billing == "PROVISIONED" and watched(table["CreationDateTime"]),
            "indexes": [index["IndexName"] for index in indexes],
        }

    names = dynamodb.all("ListTables", "TableNames") or []
    rows = list(dynamodb.each(describe, names))
    metrics = [_consumption(r["name"], r["indexes"]) if r.get("watched") else [] for r in rows]
    series = iter(measure(dynamodb, [metric for group in metrics for metric in group]))
    for described, group in zip(rows, metrics, strict=True):
        values = [next(series) for _ in group]  # reads and writes by turns
        described.pop("indexes", None)
        # A table reports only what was consumed.
        yield described | {
            "read_peak": busiest(*values[::2], per=HOUR) if values else None,
            "write_peak": busiest(*values[1::2], per=HOUR) if values else None,
        }


def _consumption(table: str, indexes: list[str]) -> list[Metric]:
    about = (("TableName", table),)
    return [
        Metric("AWS/DynamoDB", name, dimensions, period=HOUR)
        for dimensions in (about, *((*about, ("GlobalSecondaryIndexName", i)) for i in indexes))
        for name in ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")
    ]


COLLECTORS = (
    Collector(DbInstances, read_db_instances),
    Collector(DbSnapshots, read_db_snapshots),
    Collector(DynamoTables, read_dynamo_tables),
)
