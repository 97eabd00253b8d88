"""EC2's machines, disks and images, and the settings of a region; see ec2.py for networks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.instances import Instance
from moto.ec2.responses.amis import AmisResponse
from moto.ec2.responses.elastic_block_store import ElasticBlockStore
from moto.ec2.responses.settings import Settings

from ..tools.core import BORN, Json, days_ago
from ..tools.network import IMAGE
from .ec2 import in_pages

OLD_IMAGE, STRANGERS_IMAGE = "ami-0123456789abcdef0", "ami-0fedcba9876543210"
PUBLISHED: dict[str, Json] = {
    IMAGE: {"OwnerId": "137112412989", "ImageOwnerAlias": "amazon", "ImdsSupport": "v2.0"},
    OLD_IMAGE: {
        "OwnerId": "137112412989",
        "ImageOwnerAlias": "amazon",
        "DeprecationTime": "2024-06-30T00:00:00.000Z",
    },
    STRANGERS_IMAGE: {"OwnerId": "999988887777"},
}
"""Public images of others."""

BY_POLICY = [{"Key": "aws:dlm:lifecycle-policy-id", "Value": "policy-0123456789abcdef0"}]

moto_instance: Any = Instance.__init__
moto_snapshots: Any = ElasticBlockStore.describe_snapshots
moto_images: Any = AmisResponse.describe_images


@dataclass
class Held:
    """What EC2 holds in one account and region, and moto has no place for."""

    encrypts: bool = False
    snapshot_block: str = "unblocked"
    image_block: str = "unblocked"
    metadata: Json = field(default_factory=dict[str, Any])
    serial_console: bool = False
    without_backup: set[str] = field(default_factory=set[str])
    """Volumes in use of which the nightly policy makes no snapshots."""


@cache
def held(account_id: str, region: str) -> Held:
    return Held()


def apply() -> None:
    moto: Any = Settings
    moto.get_ebs_encryption_by_default = get_ebs_encryption_by_default
    moto.get_snapshot_block_public_access_state = get_snapshot_block_public_access_state
    moto.get_image_block_public_access_state = get_image_block_public_access_state
    moto.get_instance_metadata_defaults = get_instance_metadata_defaults
    moto.get_serial_console_access_status = get_serial_console_access_status
    volumes: Any = ElasticBlockStore
    volumes.describe_volumes = in_pages(volumes.describe_volumes, "Volumes")
    volumes.describe_snapshots = in_pages(describe_snapshots, "Snapshots")
    images: Any = AmisResponse
    images.describe_images = in_pages(describe_images, "Images")
    instance: Any = Instance
    instance.__init__ = make_instance


def get_ebs_encryption_by_default(self: Any) -> ActionResult:
    """moto keeps it with all that a region has, which a region without anything needn't have."""
    return ActionResult({"EbsEncryptionByDefault": _here(self).encrypts})


def get_snapshot_block_public_access_state(self: Any) -> ActionResult:
    """moto has no such setting, and none of the three below."""
    return ActionResult({"State": _here(self).snapshot_block, "ManagedBy": "account"})


def get_image_block_public_access_state(self: Any) -> ActionResult:
    state = _here(self).image_block
    return ActionResult({"ImageBlockPublicAccessState": state, "ManagedBy": "account"})


def get_instance_metadata_defaults(self: Any) -> ActionResult:
    return ActionResult({"AccountLevel": _here(self).metadata | {"ManagedBy": "account"}})


def get_serial_console_access_status(self: Any) -> ActionResult:
    return ActionResult({"SerialConsoleAccessEnabled": _here(self).serial_console})


def make_instance(self: Any, *args: Any, **options: Any) -> None:
    """moto takes an image it doesn't know for a paravirtual one.

    And as the clock stands still, long ago, while the organization is built: what runs was
    last started a month before today.
    """
    moto_instance(self, *args, **options)
    self.virtualization_type, self.launch_time = "hvm", days_ago(30)


def describe_snapshots(self: Any) -> ActionResult:
    """moto knows no owners, nobody who may restore, and no lifecycle policies."""
    found: list[Any] = list(moto_snapshots(self).result["Snapshots"])
    if "self" in self._get_param("OwnerIds", []):
        found = [one for one in found if one.owner_id == self.current_account]
    if "all" in self._get_param("RestorableByUserIds", []):
        found = [one for one in found if "all" in one.create_volume_permission_groups]
    elif not self._get_param("SnapshotIds") and not self._get_param("Filters"):
        found += _last_night(self)
    return ActionResult({"Snapshots": found})


def describe_images(self: Any) -> ActionResult:
    """moto's own public images are switched off: each makes a volume and a snapshot."""
    found: list[Any] = list(moto_images(self).result["Images"])
    asked = self._filters_from_querystring().get("image-id", [])
    found += [
        {"ImageId": image, "State": "available", "Public": True, "CreationDate": BORN}
        | PUBLISHED[image]
        for image in asked
        if image in PUBLISHED
    ]
    return ActionResult({"Images": found})


def _here(responses: Any) -> Held:
    return held(responses.current_account, responses.region)


def _last_night(responses: Any) -> Iterator[Json]:
    without = _here(responses).without_backup
    for volume in responses.ec2_backend.volumes.values():
        if volume.attachment and volume.encrypted and volume.id not in without:
            yield {
                "SnapshotId": volume.id.replace("vol-", "snap-"),
                "VolumeId": volume.id,
                "VolumeSize": volume.size,
                "StartTime": days_ago(1),
                "State": "completed",
                "Progress": "100%",
                "OwnerId": responses.current_account,
                "Encrypted": True,
                "KmsKeyId": volume.kms_key_id,
                "StorageTier": "standard",
                "Tags": BY_POLICY,
            }
