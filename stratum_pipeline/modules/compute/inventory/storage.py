"""EBS volumes, and the snapshots and images the account owns."""

from collections.abc import Iterator
from datetime import datetime

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector
from stratum_pipeline.kernel.table import NEVER, TIMESTAMP, Column, Inventory, Resource
from stratum_pipeline.kernel.trust import with_strangers

from .common import (
    GROUPS,
    IMAGE_SHARES,
    IMAGES,
    KEY,
    SNAPSHOT_BLOCK,
    SNAPSHOT_SHARES,
    SNAPSHOTS,
    VOLUMES,
    Raw,
    auto_scaling_groups,
    launched_in,
    listing,
    row,
    snapshot_block,
)

SCHEDULERS = ("aws:dlm:", "aws:backup:")
"""Heads of the tags that Data Lifecycle Manager and AWS Backup put on what they make."""


class Volumes(Resource, listed_by=VOLUMES):
    """One row per EBS volume."""

    volume_id = Column(pl.String, '"vol-..."', source=VOLUMES)
    state = Column(pl.String, "available (attached to nothing) | in-use | ...", source=VOLUMES)
    created_at = Column(TIMESTAMP, "When it was made.", source=VOLUMES)
    encrypted = Column(pl.Boolean, "With whatever key.", source=VOLUMES)
    instances = Column(pl.List(pl.String), "Ids of those it is attached to.", source=VOLUMES)
    disposable = Column(
        pl.Boolean,
        "Whether it goes with an instance that an Auto Scaling group replaces at will.",
        source=GROUPS,
    )
    newest_snapshot_at = Column(
        TIMESTAMP,
        "Of those that are the account's own; 1970 if none.",
        source=SNAPSHOTS,
        volatile=True,
    )
    newest_scheduled_at = Column(
        TIMESTAMP, "Of those that a schedule made; 1970 if none.", source=SNAPSHOTS, volatile=True
    )


class Snapshots(Resource, listed_by=SNAPSHOTS):
    """One row per EBS snapshot of the account's own."""

    snapshot_id = Column(pl.String, '"snap-..."', source=SNAPSHOTS)
    volume_id = Column(
        pl.String, 'The volume it was made of; "vol-ffffffff" of a copy.', source=SNAPSHOTS
    )
    started_at = Column(TIMESTAMP, "The moment whose data it holds.", source=SNAPSHOTS)
    encrypted = Column(pl.Boolean, "With whatever key.", source=SNAPSHOTS)
    public = Column(pl.Boolean, "Whether its permissions let anyone restore it.", source=SNAPSHOTS)
    block = Column(
        pl.String,
        "The region's: unblocked | block-new-sharing | block-all-sharing",
        source=SNAPSHOT_BLOCK,
    )
    volume_unencrypted = Column(
        pl.Boolean, "Whether its volume is still there and not encrypted.", source=VOLUMES
    )
    shared_with = Column(
        pl.List(pl.String),
        "Accounts that may restore it; none, and not asked, under the AWS managed key, which"
        " no other account can use.",
        source=SNAPSHOT_SHARES,
    )
    outsiders = Column(
        pl.List(pl.String), "Those not of the organization.", source=SNAPSHOT_SHARES, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_strangers(raw, inventory, "shared_with")


class Images(Resource, listed_by=IMAGES):
    """One row per machine image (AMI) of the account's own."""

    image_id = Column(pl.String, '"ami-..."', source=IMAGES)
    name = Column(pl.String, "Unique in the account's region.", source=IMAGES)
    state = Column(pl.String, "available | disabled | pending | ...", source=IMAGES)
    public = Column(pl.Boolean, "Whether anyone may launch it.", source=IMAGES)
    shared_with = Column(
        pl.List(pl.String),
        "Accounts, organizations and their units that may launch it.",
        source=IMAGE_SHARES,
    )
    outsiders = Column(
        pl.List(pl.String), "Those not of the organization.", source=IMAGE_SHARES, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_strangers(raw, inventory, "shared_with")


def read_volumes(ec2: Api) -> Iterator[Raw]:
    volumes = listing(ec2, "DescribeVolumes", "Volumes")
    if not volumes:
        return
    groups = auto_scaling_groups(ec2)
    held = None if groups is None else launched_in(groups)
    made = _made(_snapshots(ec2))
    for volume in volumes:
        attachments = volume.get("Attachments", [])
        goes = bool(attachments) and all(a.get("DeleteOnTermination") for a in attachments)
        instances = sorted({a.get("InstanceId", "") for a in attachments} - {""})
        yield row(ec2, {}, f"volume/{volume['VolumeId']}") | {
            "volume_id": volume["VolumeId"],
            "state": volume["State"],
            "created_at": volume["CreateTime"],
            "encrypted": volume.get("Encrypted", False),
            "instances": instances,
            "disposable": goes and (None if held is None else set(instances) <= held.keys()),
            **_newest(made, volume["VolumeId"]),
        }


def read_snapshots(ec2: Api) -> Iterator[Raw]:
    snapshots = _snapshots(ec2)
    if not snapshots:
        return
    public = _public(ec2)
    volumes = listing(ec2, "DescribeVolumes", "Volumes")
    unencrypted = {v["VolumeId"] for v in volumes or () if not v.get("Encrypted", False)}
    unshareable = _managed_key(ec2) if any(s.get("Encrypted") for s in snapshots) else ""

    def describe(snapshot: Raw) -> Raw:
        snapshot_id = snapshot["SnapshotId"]
        keys = row(ec2, snapshot, f"snapshot/{snapshot_id}")
        encrypted = snapshot.get("Encrypted", False)
        alone = encrypted and unshareable and snapshot.get("KmsKeyId") == unshareable
        return keys | {
            "snapshot_id": snapshot_id,
            "volume_id": snapshot.get("VolumeId", ""),
            "started_at": snapshot["StartTime"],
            "encrypted": encrypted,
            "public": None if public is None else snapshot_id in public,
            "block": snapshot_block(ec2),
            "volume_unencrypted": None
            if volumes is None
            else snapshot.get("VolumeId") in unencrypted,
            "shared_with": [] if alone else _restorers(ec2.on(about=keys["arn"]), snapshot_id),
        }

    yield from ec2.each(describe, snapshots)


def read_images(ec2: Api) -> Iterator[Raw]:
    def describe(image: Raw) -> Raw:
        keys = row(ec2, image, f"image/{image['ImageId']}")
        return keys | {
            "image_id": image["ImageId"],
            "name": image.get("Name", ""),
            "state": image["State"],
            "public": image.get("Public", False),
            "shared_with": _launchers(ec2.on(about=keys["arn"]), image["ImageId"]),
        }

    own = listing(ec2, "DescribeImages", "Images", Owners=["self"])
    yield from ec2.each(describe, own or ())


def _snapshots(ec2: Api) -> list[Raw] | None:
    return listing(ec2, "DescribeSnapshots", "Snapshots", OwnerIds=["self"])


def _public(ec2: Api) -> set[str] | None:
    """Ids of the account's snapshots that anyone may restore: one listing for all."""
    found = listing(
        ec2, "DescribeSnapshots", "Snapshots", OwnerIds=["self"], RestorableByUserIds=["all"]
    )
    return None if found is None else {snapshot["SnapshotId"] for snapshot in found}


Made = dict[str, list[tuple[datetime, bool]]]
"""By volume, when each of its complete snapshots was made, and whether by a schedule."""


def _made(snapshots: list[Raw] | None) -> Made | None:
    if snapshots is None:
        return None
    found: Made = {}
    for snapshot in snapshots:
        if snapshot["State"] == "completed":
            tags = [tag["Key"] for tag in snapshot.get("Tags", ())]
            scheduled = any(tag.startswith(SCHEDULERS) for tag in tags)
            mine = found.setdefault(snapshot.get("VolumeId", ""), [])
            mine.append((snapshot["StartTime"], scheduled))
    return found


def _newest(made: Made | None, volume_id: str) -> Raw:
    if made is None:
        return {}
    mine, never = made.get(volume_id, []), datetime.fromisoformat(NEVER)
    return {
        "newest_snapshot_at": max((at for at, _ in mine), default=never),
        "newest_scheduled_at": max((at for at, scheduled in mine if scheduled), default=never),
    }


def _managed_key(ec2: Api) -> str:
    """ARN of the region's AWS managed key for EBS; "" if there is none, or it won't be named."""
    kms = ec2.on(service="kms", about="")
    described = kms.call("DescribeKey", KeyId="alias/aws/ebs", absent=("NotFoundException",))
    return described.get("KeyMetadata.Arn", "") or ""


def _restorers(ec2: Api, snapshot_id: str) -> list[str] | None:
    permissions = ec2.call(
        "DescribeSnapshotAttribute", SnapshotId=snapshot_id, Attribute="createVolumePermission"
    )
    given: list[Raw] | None = permissions.get("CreateVolumePermissions", [])
    return None if given is None else sorted({g["UserId"] for g in given if "UserId" in g})


def _launchers(ec2: Api, image_id: str) -> list[str] | None:
    permissions = ec2.call("DescribeImageAttribute", ImageId=image_id, Attribute="launchPermission")
    given: list[Raw] | None = permissions.get("LaunchPermissions", [])
    if given is None:
        return None
    kinds = ("UserId", "OrganizationArn", "OrganizationalUnitArn")
    return sorted({g[kind] for g in given for kind in kinds if kind in g})


COLLECTORS = (
    Collector(Volumes, read_volumes),
    Collector(Snapshots, read_snapshots, calls=(KEY,)),
    Collector(Images, read_images),
)
