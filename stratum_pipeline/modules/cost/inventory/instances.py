"""EC2 instances: how busy they are, what they and their storage cost."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Inventory, Resource

from ..metrics import METRICS, Metric, measure, rounded, watched
from ..prices import INSTANCES, replaced, with_prices
from .common import EPOCH, Raw, arn_of, instances, row, tagged
from .volumes import Volumes

STOPPED = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
MEGABYTE = 1_000_000


class Instances(Resource, listed_by=INSTANCES):
    """One row per instance that is not terminated."""

    instance_id = Column(pl.String, '"i-..."', source=INSTANCES)
    instance_type = Column(pl.String, '"t3.micro"', source=INSTANCES)
    state = Column(pl.String, "running | stopped | ...", source=INSTANCES)
    launched = Column(TIMESTAMP, "When it was last started.", source=INSTANCES)
    stopped = Column(
        TIMESTAMP, "When it was stopped; 1970 unless it is; null if not said.", source=INSTANCES
    )
    platform = Column(pl.String, "linux | windows", source=INSTANCES)
    market = Column(pl.String, "on-demand | spot | ...", source=INSTANCES)
    scaled = Column(pl.Boolean, "Whether an Auto Scaling group runs it.", source=INSTANCES)
    volume_ids = Column(pl.List(pl.String), "EBS volumes attached, sorted.", source=INSTANCES)
    related_arns = Column(pl.List(pl.String), "It, its volumes and groups.", source=INSTANCES)
    watched = Column(
        pl.Boolean,
        "Whether it ran all of the 14 days that metrics are of.",
        source=INSTANCES,
        volatile=True,
    )
    cpu_peak = Column(
        pl.Float64,
        "Highest CPUUtilization, percent; null unless `watched`.",
        source=METRICS,
        volatile=True,
    )
    network_mb = Column(
        pl.Float64, "Traffic of the busiest day, MB, likewise.", source=METRICS, volatile=True
    )

    usd = Column(pl.Float64, "On demand, a month.", derived=True)
    price_source = Column(pl.String, "Where `usd` comes from.", derived=True)
    half_usd = Column(pl.Float64, "What half the size saves.", derived=True)
    successor = Column(
        pl.String, 'Type to take instead; "" if it is current.', source=INSTANCES, derived=True
    )
    successor_usd = Column(pl.Float64, "What that saves; null if nothing.", derived=True)
    storage_usd = Column(pl.Float64, "Its volumes, a month.", derived=True)
    storage_source = Column(pl.String, "Where that comes from.", derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        rows = raw.with_columns(successor=replaced(raw["instance_type"]))
        rows = with_prices(
            rows,
            inventory,
            ("instance_type", "successor", "platform"),
            rate=pl.format("instance:{}:{}", "instance_type", "platform"),
            then=pl.format("instance:{}:{}", "successor", "platform"),
        )
        # What is spot is paid at a price of the hour, which the list does not know.
        listed = pl.when(pl.col("market") == "on-demand").then(pl.col("rate"))
        saved = listed - pl.col("then")
        storage = (
            rows.select("arn", "region", volume_id="volume_ids")
            .explode("volume_id", empty_as_null=True)
            .join(
                Volumes.judged(inventory).select("region", "volume_id", "usd", "price_source"),
                on=["region", "volume_id"],
            )
            .group_by("arn", maintain_order=True)
            .agg(
                # One whose price is not known makes the sum unknown.
                storage_usd=pl.when(pl.col("usd").is_not_null().all()).then(pl.col("usd").sum()),
                storage_source=pl.col("price_source").unique().sort().str.join("; "),
            )
        )
        return rows.with_columns(
            usd=listed,
            half_usd=listed / 2,
            successor_usd=pl.when(saved > 0).then(saved),
        ).join(storage, on="arn", how="left", maintain_order="left")


def read_instances(ec2: Api) -> Iterator[Raw]:
    found = instances(ec2) or []
    running = [i for i in found if i["State"]["Name"] == "running" and watched(i["LaunchTime"])]
    series = measure(ec2, [m for i in running for m in _metrics(i["InstanceId"])])
    used = {i["InstanceId"]: series[n * 3 : n * 3 + 3] for n, i in enumerate(running)}
    for instance in found:
        instance_id = instance["InstanceId"]
        cpu, received, sent = used.get(instance_id, (None, None, None))
        attached = sorted(
            mapping["Ebs"]["VolumeId"]
            for mapping in instance.get("BlockDeviceMappings", ())
            if "Ebs" in mapping
        )
        groups = sorted(group["GroupId"] for group in instance.get("SecurityGroups", ()))
        days = [sum(day) for day in zip(received or (), sent or (), strict=False)]
        arn = arn_of(ec2, "ec2", f"instance/{instance_id}")
        yield row(ec2, arn) | {
            "instance_id": instance_id,
            "instance_type": instance["InstanceType"],
            "state": instance["State"]["Name"],
            "launched": instance["LaunchTime"],
            "stopped": _stopped(instance),
            "platform": instance.get("Platform", "linux").lower(),
            "market": instance.get("InstanceLifecycle", "on-demand"),
            "scaled": tagged(instance, "aws:autoscaling:groupName"),
            "volume_ids": attached,
            "related_arns": [arn]
            + [arn_of(ec2, "ec2", f"volume/{v}") for v in attached]
            + [arn_of(ec2, "ec2", f"security-group/{g}") for g in groups],
            "watched": instance_id in used,
            # A running instance always has its hypervisor's metrics: none is no zero.
            "cpu_peak": rounded(max(cpu)) if cpu else None,
            "network_mb": rounded(max(days) / MEGABYTE) if days else None,
        }


def _metrics(instance_id: str) -> list[Metric]:
    about = (("InstanceId", instance_id),)
    return [
        Metric("AWS/EC2", "CPUUtilization", about, "Maximum"),
        Metric("AWS/EC2", "NetworkIn", about),
        Metric("AWS/EC2", "NetworkOut", about),
    ]


def _stopped(instance: Raw) -> datetime | None:
    """EC2 says it in a sentence: "User initiated (2024-01-15 09:00:00 GMT)"."""
    if instance["State"]["Name"] != "stopped":
        return EPOCH
    said = STOPPED.search(instance.get("StateTransitionReason", ""))
    return datetime.fromisoformat(said[1]).replace(tzinfo=UTC) if said else None


COLLECTORS = (Collector(Instances, read_instances),)
