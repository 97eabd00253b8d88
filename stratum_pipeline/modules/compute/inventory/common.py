"""What the collectors share: operations, listings asked once, and rows."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

from stratum_pipeline.kernel.collect import Api

INSTANCES = "ec2:DescribeInstances"
USER_DATA = "ec2:DescribeInstanceAttribute"
SUBNETS, ROUTES = "ec2:DescribeSubnets", "ec2:DescribeRouteTables"
SECURITY_GROUPS = "ec2:DescribeSecurityGroups"
PREFIX_LISTS = "ec2:GetManagedPrefixListEntries"
VOLUMES, SNAPSHOTS, IMAGES = "ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:DescribeImages"
SNAPSHOT_SHARES, IMAGE_SHARES = "ec2:DescribeSnapshotAttribute", "ec2:DescribeImageAttribute"
TEMPLATES = "ec2:DescribeLaunchTemplates"
VERSIONS = "ec2:DescribeLaunchTemplateVersions"
CONFIGURATIONS = "autoscaling:DescribeLaunchConfigurations"
GROUPS = "autoscaling:DescribeAutoScalingGroups"
ENCRYPTION = "ec2:GetEbsEncryptionByDefault"
SNAPSHOT_BLOCK = "ec2:GetSnapshotBlockPublicAccessState"
IMAGE_BLOCK = "ec2:GetImageBlockPublicAccessState"
METADATA_DEFAULTS = "ec2:GetInstanceMetadataDefaults"
SERIAL_CONSOLE = "ec2:GetSerialConsoleAccessStatus"
KEY = "kms:DescribeKey"

PAGE = {
    "DescribeLaunchTemplateVersions": 200,
    "DescribeAutoScalingGroups": 100,
    "DescribeLaunchConfigurations": 100,
}
"""The most AWS returns at once, where that is not 1,000. EC2 refuses large accounts without."""

FILTER = 200
"""The most values that EC2 takes in one filter."""

GLOBAL = ipaddress.ip_network("2000::/3")

Raw = dict[str, Any]


def listing(api: Api, operation: str, key: str, **params: Any) -> list[Raw] | None:
    """All items of a paginated listing, asked once; None where part of it was refused."""
    size = PAGE.get(operation, 1000)
    return api.all(operation, key, PaginationConfig={"PageSize": size}, **params)


def some_of(api: Api, operation: str, key: str, name: str, values: Iterable[str], **params: Any):
    """Those items of a listing whose `name` (an EC2 filter) is one of `values`; none, no call."""
    wanted = sorted(set(values))
    found: list[Raw] = []
    for start in range(0, len(wanted), FILTER):
        chosen = [{"Name": name, "Values": wanted[start : start + FILTER]}]
        part = listing(api, operation, key, Filters=chosen, **params)
        if part is None:
            return None
        found += part
    return found


def row(ec2: Api, raw: Raw, path: str) -> Raw:
    """Keys of a row. EC2 never gives an id again."""
    owner = raw.get("OwnerId", ec2.account.account_id)
    arn = f"arn:{ec2.account.partition}:ec2:{ec2.region}:{owner}:{path}"
    return {"arn": arn, "account_id": owner, "region": ec2.region, "incarnation": ""}


def instances(ec2: Api) -> list[Raw] | None:
    """Instances that are not terminated; `OwnerId` is their reservation's."""
    reservations = listing(ec2, "DescribeInstances", "Reservations")
    if reservations is None:
        return None
    return [
        instance | {"OwnerId": reservation.get("OwnerId", ec2.account.account_id)}
        for reservation in reservations
        for instance in reservation.get("Instances", ())
        if instance["State"]["Name"] not in ("shutting-down", "terminated")
    ]


def auto_scaling_groups(ec2: Api) -> list[Raw] | None:
    autoscaling = ec2.on(service="autoscaling")
    return listing(autoscaling, "DescribeAutoScalingGroups", "AutoScalingGroups")


def launch_configurations(ec2: Api) -> list[Raw] | None:
    autoscaling = ec2.on(service="autoscaling")
    return listing(autoscaling, "DescribeLaunchConfigurations", "LaunchConfigurations")


def launch_template(ec2: Api, template_id: str) -> str:
    """Its ARN."""
    return row(ec2, {}, f"launch-template/{template_id}")["arn"]


def template_versions(ec2: Api) -> list[Raw] | None:
    """Every version of every launch template.

    One listing gives the default and the latest of all; only templates with more than these
    are asked by themselves.
    """
    templates = listing(ec2, "DescribeLaunchTemplates", "LaunchTemplates")
    if not templates:
        return templates
    versions = _versions(ec2, Versions=["$Default", "$Latest"])
    for template in templates:
        ends = {template["DefaultVersionNumber"], template["LatestVersionNumber"]}
        if versions is not None and not {*range(1, max(ends))} <= ends:
            older = _versions(ec2, LaunchTemplateId=template["LaunchTemplateId"])
            versions = None if older is None else [*versions, *older]
    if versions is None:
        return None
    once = {(v["LaunchTemplateId"], v["VersionNumber"]): v for v in versions}
    return [once[key] for key in sorted(once)]


def _versions(ec2: Api, **which: Any) -> list[Raw] | None:
    return listing(ec2, "DescribeLaunchTemplateVersions", "LaunchTemplateVersions", **which)


def launched_in(groups: Iterable[Raw]) -> dict[str, Raw]:
    """By instance id, what the Auto Scaling group that holds it says of it."""
    return {
        instance["InstanceId"]: instance
        for group in groups
        for instance in group.get("Instances", ())
    }


def templates_of(group: Raw) -> list[Raw]:
    """The launch templates a group uses: LaunchTemplateId and Version of each."""
    mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    named = [
        group.get("LaunchTemplate"),
        mixed.get("LaunchTemplateSpecification"),
        *(o.get("LaunchTemplateSpecification") for o in mixed.get("Overrides", ())),
    ]
    return [one for one in named if one and one.get("LaunchTemplateId")]


def used_images(ec2: Api) -> dict[str, Raw] | None:
    """By id, the images that instances and launch templates name, as far as they still exist."""
    named = {instance.get("ImageId", "") for instance in instances(ec2) or ()}
    named |= {v["LaunchTemplateData"].get("ImageId", "") for v in template_versions(ec2) or ()}
    named |= {c.get("ImageId", "") for c in launch_configurations(ec2) or ()}
    ids = {image for image in named if re.fullmatch(r"ami-[0-9a-f]+", image)}
    # An owner sees his deprecated images in any case; of others' they must be asked for.
    found = some_of(ec2, "DescribeImages", "Images", "image-id", ids, IncludeDeprecated=True)
    return None if found is None else {image["ImageId"]: image for image in found}


def metadata_defaults(ec2: Api) -> Raw | None:
    """The region's defaults of the instance metadata service; None where it won't say."""

    def ask() -> list[Raw] | None:
        body = ec2.on(about="").call("GetInstanceMetadataDefaults").body
        return None if body is None else [body.get("AccountLevel", {})]

    found = ec2.account.once((METADATA_DEFAULTS, ec2.region), ask)
    return None if found is None else found[0]


def snapshot_block(ec2: Api) -> str | None:
    """The region's block of public access to snapshots; None where it won't say."""

    def ask() -> list[Raw] | None:
        body = ec2.on(about="").call("GetSnapshotBlockPublicAccessState").body
        return None if body is None else [body]

    found = ec2.account.once((SNAPSHOT_BLOCK, ec2.region), ask)
    return None if found is None else found[0].get("State", "unblocked")


def is_global(ipv6: str) -> bool:
    return ipaddress.ip_network(ipv6, strict=False).subnet_of(GLOBAL)  # pyright: ignore
