"""EBS volumes: what they are, how busy, and what they would cost as another type."""

from collections.abc import Iterator

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Inventory, Resource

from ..metrics import HOUR, METRICS, Metric, busiest, measure, watched
from ..prices import with_prices
from .common import Raw, arn_of, row, volumes

VOLUMES = "ec2:DescribeVolumes"
INCLUDED_IOPS, INCLUDED_THROUGHPUT = 3000, 125
"""What every gp3 volume has without paying for it."""

PROVISIONED = ("io1", "io2", "gp3")


class Volumes(Resource, listed_by=VOLUMES):
    """One row per EBS volume."""

    volume_id = Column(pl.String, '"vol-..."', source=VOLUMES)
    volume_type = Column(pl.String, "gp3 | gp2 | io1 | io2 | st1 | sc1 | standard", source=VOLUMES)
    size_gb = Column(pl.Int64, "GiB.", source=VOLUMES)
    iops = Column(pl.Int64, "Provisioned, or gp2's baseline; 0 if it has none.", source=VOLUMES)
    throughput = Column(pl.Int64, "MiB/s provisioned; 0 if not gp3.", source=VOLUMES)
    state = Column(pl.String, "in-use | available | ...", source=VOLUMES)
    created = Column(TIMESTAMP, "When it was made.", source=VOLUMES)
    instance_ids = Column(pl.List(pl.String), "Attached to, sorted.", source=VOLUMES)
    multi_attach = Column(pl.Boolean, "Whether several instances may.", source=VOLUMES)
    watched = Column(
        pl.Boolean,
        "Whether it pays for IOPS, attached all of the 14 days that metrics are of.",
        source=VOLUMES,
        volatile=True,
    )
    iops_peak = Column(
        pl.Float64,
        "Operations a second, mean of the busiest hour; null unless `watched`.",
        source=METRICS,
        volatile=True,
    )

    usd = Column(pl.Float64, "A month.", derived=True)
    price_source = Column(pl.String, "Where the amounts come from.", derived=True)
    gp3_usd = Column(pl.Float64, "What it saves as gp3 that does as much.", derived=True)
    unused_iops_usd = Column(
        pl.Float64, "What it saves with twice the IOPS it was seen to use.", derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        kind, size, iops = pl.col("volume_type"), pl.col("size_gb"), pl.col("iops")
        rows = with_prices(
            raw,
            inventory,
            ("volume_type",),
            gb=pl.format("volume:{}", "volume_type"),
            io=pl.format("iops:{}", "volume_type"),
            gp3_gb=pl.lit("volume:gp3"),
            gp3_io=pl.lit("iops:gp3"),
            gp3_mb=pl.lit("throughput:gp3"),
        )
        included = pl.when(kind == "gp3").then(INCLUDED_IOPS).otherwise(0)
        paid = (iops - included).clip(0)
        rate = pl.when(kind.is_in(PROVISIONED)).then(pl.col("io")).otherwise(0.0)
        extra = pl.when(kind == "gp3").then(
            (pl.col("throughput") - INCLUDED_THROUGHPUT).clip(0) * pl.col("gp3_mb")
        )
        usd = size * pl.col("gb") + paid * rate + extra.fill_null(0.0)
        # gp2 reaches 250 MiB/s from 334 GiB on, 128 below 170.
        does = pl.when((kind != "gp2") | (size >= 334)).then(250).otherwise(128)
        as_gp3 = (
            size * pl.col("gp3_gb")
            + (iops - INCLUDED_IOPS).clip(0) * pl.col("gp3_io")
            + (does - INCLUDED_THROUGHPUT) * pl.col("gp3_mb")
        )
        needed = pl.max_horizontal(2 * pl.col("iops_peak"), included)
        return rows.with_columns(
            usd=usd,
            gp3_usd=usd - as_gp3,
            unused_iops_usd=(iops - needed).clip(0) * rate,
        )


def read_volumes(ec2: Api) -> Iterator[Raw]:
    found = volumes(ec2) or []
    paying = [v for v in found if _pays_for_iops(v) and _attached_throughout(v)]
    series = measure(ec2, [m for v in paying for m in _metrics(v["VolumeId"])])
    used = {v["VolumeId"]: series[n * 2 : n * 2 + 2] for n, v in enumerate(paying)}
    for volume in found:
        volume_id = volume["VolumeId"]
        seen = used.get(volume_id)
        yield row(ec2, arn_of(ec2, "ec2", f"volume/{volume_id}")) | {
            "volume_id": volume_id,
            "volume_type": volume["VolumeType"],
            "size_gb": volume["Size"],
            "iops": volume.get("Iops") or 0,
            "throughput": volume.get("Throughput") or 0,
            "state": volume["State"],
            "created": volume["CreateTime"],
            "instance_ids": sorted(a.get("InstanceId", "") for a in volume.get("Attachments", ())),
            "multi_attach": volume.get("MultiAttachEnabled", False),
            "watched": seen is not None,
            # A volume that nothing is read from or written to reports nothing.
            "iops_peak": busiest(*seen, per=HOUR) if seen else None,
        }


def _pays_for_iops(volume: Raw) -> bool:
    included = INCLUDED_IOPS if volume["VolumeType"] == "gp3" else 0
    return volume["VolumeType"] in PROVISIONED and volume.get("Iops", 0) > included


def _attached_throughout(volume: Raw) -> bool:
    attached = [a["AttachTime"] for a in volume.get("Attachments", ()) if "AttachTime" in a]
    return volume["State"] == "in-use" and bool(attached and watched(max(attached)))


def _metrics(volume_id: str) -> list[Metric]:
    about = (("VolumeId", volume_id),)
    return [
        Metric("AWS/EBS", name, about, period=HOUR) for name in ("VolumeReadOps", "VolumeWriteOps")
    ]


COLLECTORS = (Collector(Volumes, read_volumes),)
