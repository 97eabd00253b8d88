"""EBS snapshots and machine images, and whether anything still needs them."""

from collections.abc import Iterator
from datetime import datetime

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Inventory, Resource

from ..prices import INSTANCES, with_prices
from .common import EPOCH, PAGE, Raw, arn_of, images, instances, row, tagged, volumes

SNAPSHOTS, IMAGES, VOLUMES = "ec2:DescribeSnapshots", "ec2:DescribeImages", "ec2:DescribeVolumes"
GIB = 2**30
COPY = "vol-ffffffff"
"""The volume that a copied snapshot is said to be of."""

BACKUPS = ("aws:backup:", "aws:dlm:", "dlm:")
"""Tags by which AWS Backup and Data Lifecycle Manager know what they will expire."""


class Snapshots(Resource, listed_by=SNAPSHOTS):
    """One row per EBS snapshot of the account's own."""

    snapshot_id = Column(pl.String, '"snap-..."', source=SNAPSHOTS)
    volume_id = Column(pl.String, "Taken of, be it there or not.", source=SNAPSHOTS)
    stored_gb = Column(
        pl.Float64, "GiB written, or the volume's size where EC2 doesn't say.", source=SNAPSHOTS
    )
    started = Column(TIMESTAMP, "When it was made.", source=SNAPSHOTS)
    tier = Column(pl.String, "standard | archive", source=SNAPSHOTS)
    managed = Column(
        pl.Boolean, "Whether AWS Backup or a lifecycle policy expires it.", source=SNAPSHOTS
    )
    copied = Column(pl.Boolean, "Whether it is a copy, of which no volume is.", source=SNAPSHOTS)
    volume_exists = Column(pl.Boolean, "Whether the volume is still there.", source=VOLUMES)
    image_ids = Column(pl.List(pl.String), "The account's images made of it.", source=IMAGES)

    usd = Column(pl.Float64, "A month, if it shares no block with another.", derived=True)
    price_source = Column(pl.String, "Where `usd` comes from.", derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        rate = pl.format("snapshot:{}", "tier")
        rows = with_prices(raw, inventory, ("tier",), rate=rate)
        return rows.with_columns(usd=pl.col("stored_gb") * pl.col("rate"))


class Images(Resource, listed_by=IMAGES):
    """One row per machine image of the account's own."""

    image_id = Column(pl.String, '"ami-..."', source=IMAGES)
    name = Column(pl.String, "As its owner calls it.", source=IMAGES)
    created = Column(TIMESTAMP, "When it was made.", source=IMAGES)
    launched = Column(
        TIMESTAMP, "When an instance was last launched from it; 1970 if never.", source=IMAGES
    )
    public = Column(pl.Boolean, "Whether anyone may launch it.", source=IMAGES)
    managed = Column(
        pl.Boolean, "Whether AWS Backup or a lifecycle policy expires it.", source=IMAGES
    )
    size_gb = Column(pl.Int64, "GiB of its volumes.", source=IMAGES)
    snapshot_arns = Column(pl.List(pl.String), "The snapshots it keeps.", source=IMAGES)
    in_use = Column(pl.Boolean, "Whether an instance here was launched from it.", source=INSTANCES)

    usd = Column(pl.Float64, "Its snapshots, a month, if full.", derived=True)
    price_source = Column(pl.String, "Where `usd` comes from.", derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        rows = with_prices(raw, inventory, rate=pl.lit("snapshot:standard"))
        return rows.with_columns(usd=pl.col("size_gb") * pl.col("rate"))


def read_snapshots(ec2: Api) -> Iterator[Raw]:
    found = ec2.all("DescribeSnapshots", "Snapshots", OwnerIds=["self"], PaginationConfig=PAGE)
    if not found:
        return
    there, own = volumes(ec2), images(ec2)
    existing = None if there is None else {volume["VolumeId"] for volume in there}
    made: dict[str, list[str]] = {}
    for image in own or ():
        for disk in _disks(image):
            made.setdefault(disk.get("SnapshotId", ""), []).append(image["ImageId"])
    for snapshot in found:
        snapshot_id, volume = snapshot["SnapshotId"], snapshot.get("VolumeId", COPY)
        written = snapshot.get("FullSnapshotSizeInBytes")
        yield row(ec2, arn_of(ec2, "ec2", f"snapshot/{snapshot_id}")) | {
            "snapshot_id": snapshot_id,
            "volume_id": volume,
            "stored_gb": round(written / GIB, 2) if written else float(snapshot["VolumeSize"]),
            "started": snapshot["StartTime"],
            "tier": snapshot.get("StorageTier", "standard"),
            "managed": tagged(snapshot, *BACKUPS),
            "copied": volume == COPY,
            "volume_exists": None if existing is None else volume in existing,
            "image_ids": None if own is None else sorted(made.get(snapshot_id, ())),
        }


def read_images(ec2: Api) -> Iterator[Raw]:
    found = images(ec2)
    if not found:
        return
    running = instances(ec2)
    used = None if running is None else {instance["ImageId"] for instance in running}
    for image in found:
        launched = image.get("LastLaunchedTime")
        disks = _disks(image)
        yield row(ec2, arn_of(ec2, "ec2", f"image/{image['ImageId']}")) | {
            "image_id": image["ImageId"],
            "name": image.get("Name", ""),
            "created": datetime.fromisoformat(image["CreationDate"]),
            "launched": datetime.fromisoformat(launched) if launched else EPOCH,
            "public": image.get("Public", False),
            "managed": tagged(image, *BACKUPS),
            "size_gb": sum(disk.get("VolumeSize", 0) for disk in disks),
            "snapshot_arns": sorted(
                arn_of(ec2, "ec2", f"snapshot/{disk['SnapshotId']}")
                for disk in disks
                if disk.get("SnapshotId")
            ),
            "in_use": None if used is None else image["ImageId"] in used,
        }


def _disks(image: Raw) -> list[Raw]:
    return [m["Ebs"] for m in image.get("BlockDeviceMappings", ()) if "Ebs" in m]


COLLECTORS = (Collector(Snapshots, read_snapshots), Collector(Images, read_images))
