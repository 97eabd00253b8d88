"""What instances are started from: launch templates and configurations, Auto Scaling groups."""

from collections.abc import Iterator

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector
from stratum_pipeline.kernel.table import Column, Inventory, Resource

from ..launches import with_lax_versions
from ..user_data import user_data_secrets
from .common import (
    CONFIGURATIONS,
    GROUPS,
    IMAGES,
    INSTANCES,
    METADATA_DEFAULTS,
    TEMPLATES,
    VERSIONS,
    Raw,
    auto_scaling_groups,
    launch_configurations,
    launch_template,
    listing,
    metadata_defaults,
    row,
    template_versions,
    templates_of,
    used_images,
)

VERSION = pl.Struct(
    {
        "number": pl.Int64,
        "live": pl.Boolean,  # the default or the latest
        "image_id": pl.String,  # "", or "resolve:ssm:..." as well
        "http_tokens": pl.String,  # required | optional; "" leaves it to region and image
        "metadata_endpoint": pl.String,  # enabled | disabled; "" leaves it to the region
        "public_ip": pl.Boolean,  # whether it asks for a public address
        "market": pl.String,  # spot, capacity-block; "" is on demand
        "secrets": pl.List(pl.String),  # kinds, in its user data
    }
)
IMAGE = pl.Struct({"image_id": pl.String, "imds_v2": pl.Boolean})


class LaunchTemplates(Resource, listed_by=TEMPLATES):
    """One row per launch template, all its versions within."""

    template_id = Column(pl.String, '"lt-..."', source=TEMPLATES)
    name = Column(pl.String, "Unique in the account's region.", source=TEMPLATES)
    versions = Column(pl.List(VERSION), "By number.", source=VERSIONS)
    images = Column(
        pl.List(IMAGE), "Images of its versions: whether they bring IMDSv2.", source=IMAGES
    )
    default_tokens = Column(
        pl.String,
        'HttpTokens by default in the region: required | optional; "" if none is set.',
        source=METADATA_DEFAULTS,
    )
    lax_versions = Column(
        pl.List(pl.Int64),
        "Live versions whose instances answer IMDSv1.",
        source=IMAGES,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_lax_versions(raw)


class LaunchConfigurations(Resource, listed_by=CONFIGURATIONS):
    """One row per launch configuration, the predecessor of launch templates."""

    name = Column(pl.String, "Unique in the account's region.", source=CONFIGURATIONS)
    image_id = Column(pl.String, '"ami-..."', source=CONFIGURATIONS)
    http_tokens = Column(
        pl.String, 'required | optional; "" leaves it to region and image.', source=CONFIGURATIONS
    )
    metadata_endpoint = Column(
        pl.String, 'enabled | disabled; "" leaves it to the region.', source=CONFIGURATIONS
    )
    public_ip = Column(pl.Boolean, "Whether it asks for a public address.", source=CONFIGURATIONS)
    secrets = Column(pl.List(pl.String), "Kinds of secret in its user data.", source=CONFIGURATIONS)
    groups = Column(pl.List(pl.String), "ARNs of the groups that use it.", source=GROUPS)
    image_imds_v2 = Column(pl.Boolean, "Whether its image brings IMDSv2.", source=IMAGES)
    default_tokens = Column(
        pl.String,
        'HttpTokens by default in the region: required | optional; "" if none is set.',
        source=METADATA_DEFAULTS,
    )


class AutoScalingGroups(Resource, listed_by=GROUPS):
    """One row per Auto Scaling group."""

    name = Column(pl.String, "Unique in the account's region.", source=GROUPS)
    zones = Column(pl.List(pl.String), "Availability zones it launches in.", source=GROUPS)
    launch_configuration = Column(
        pl.String, 'Name; "" if it uses a launch template.', source=GROUPS
    )
    health_checks = Column(pl.List(pl.String), "EC2, ELB, EBS or VPC_LATTICE.", source=GROUPS)
    balanced = Column(pl.Boolean, "Whether it stands behind a load balancer.", source=GROUPS)
    instance_types = Column(
        pl.List(pl.String), "Of its overrides; none if the template names the one.", source=GROUPS
    )
    by_requirements = Column(
        pl.Boolean, "Whether it picks types by what they must have.", source=GROUPS
    )
    spot = Column(
        pl.Boolean, "Whether its mixed instances policy takes Spot Instances.", source=GROUPS
    )
    market = Column(
        pl.String, 'What its launch template asks for: spot; "" otherwise.', source=VERSIONS
    )
    capacity_rebalance = Column(
        pl.Boolean, "Whether it replaces Spot Instances before they go.", source=GROUPS
    )


def read_launch_templates(ec2: Api) -> Iterator[Raw]:
    templates = listing(ec2, "DescribeLaunchTemplates", "LaunchTemplates")
    if not templates:
        return
    versions, images, defaults = template_versions(ec2), used_images(ec2), metadata_defaults(ec2)
    for template in templates:
        template_id = template["LaunchTemplateId"]
        ends = {template["DefaultVersionNumber"], template["LatestVersionNumber"]}
        mine = [
            _version(version, ends)
            for version in versions or ()
            if version["LaunchTemplateId"] == template_id
        ]
        ids = {version["image_id"] for version in mine}
        yield row(ec2, {}, "") | {
            "arn": launch_template(ec2, template_id),
            "template_id": template_id,
            "name": template["LaunchTemplateName"],
            "versions": None if versions is None else mine,
            "images": None
            if images is None or versions is None
            else [
                {"image_id": image, "imds_v2": images.get(image, {}).get("ImdsSupport") == "v2.0"}
                for image in sorted(ids)
                if not image.startswith("resolve:")
            ],
            "default_tokens": None if defaults is None else defaults.get("HttpTokens", ""),
        }


def read_launch_configurations(autoscaling: Api) -> Iterator[Raw]:
    ec2 = autoscaling.on(service="ec2")
    configurations = launch_configurations(ec2)
    if not configurations:
        return
    groups, images, defaults = auto_scaling_groups(ec2), used_images(ec2), metadata_defaults(ec2)
    for configuration in configurations:
        name, image = configuration["LaunchConfigurationName"], configuration.get("ImageId", "")
        metadata = configuration.get("MetadataOptions", {})
        yield row(ec2, {}, "") | {
            "arn": configuration["LaunchConfigurationARN"],
            "name": name,
            "image_id": image,
            "http_tokens": metadata.get("HttpTokens", ""),
            "metadata_endpoint": metadata.get("HttpEndpoint", ""),
            "public_ip": configuration.get("AssociatePublicIpAddress", False),
            "secrets": user_data_secrets(configuration.get("UserData", "")),
            "groups": None
            if groups is None
            else sorted(
                group["AutoScalingGroupARN"]
                for group in groups
                if group.get("LaunchConfigurationName") == name
            ),
            "image_imds_v2": None
            if images is None
            else images.get(image, {}).get("ImdsSupport") == "v2.0",
            "default_tokens": None if defaults is None else defaults.get("HttpTokens", ""),
        }


def read_auto_scaling_groups(autoscaling: Api) -> Iterator[Raw]:
    ec2 = autoscaling.on(service="ec2")
    for group in auto_scaling_groups(ec2) or ():
        mixed = group.get("MixedInstancesPolicy", {})
        overrides = mixed.get("LaunchTemplate", {}).get("Overrides", [])
        on_demand = mixed.get("InstancesDistribution", {})
        yield row(ec2, {}, "") | {
            "arn": group["AutoScalingGroupARN"],
            "name": group["AutoScalingGroupName"],
            "zones": sorted(group.get("AvailabilityZones", ())),
            "launch_configuration": group.get("LaunchConfigurationName", ""),
            "health_checks": sorted(group.get("HealthCheckType", "EC2").split(",")),
            "balanced": any(
                group.get(kind)
                for kind in ("LoadBalancerNames", "TargetGroupARNs", "TrafficSources")
            ),
            "instance_types": sorted({o["InstanceType"] for o in overrides if "InstanceType" in o}),
            "by_requirements": any("InstanceRequirements" in o for o in overrides),
            "spot": bool(mixed) and on_demand.get("OnDemandPercentageAboveBaseCapacity", 100) < 100,
            "market": _market(ec2, templates_of(group)),
            "capacity_rebalance": group.get("CapacityRebalance", False),
        }


def _version(raw: Raw, ends: set[int]) -> Raw:
    data = raw["LaunchTemplateData"]
    metadata = data.get("MetadataOptions", {})
    return {
        "number": raw["VersionNumber"],
        "live": raw["VersionNumber"] in ends,
        "image_id": data.get("ImageId", ""),
        "http_tokens": metadata.get("HttpTokens", ""),
        "metadata_endpoint": metadata.get("HttpEndpoint", ""),
        "public_ip": any(
            interface.get("AssociatePublicIpAddress", False)
            for interface in data.get("NetworkInterfaces", ())
        ),
        "market": data.get("InstanceMarketOptions", {}).get("MarketType", ""),
        "secrets": user_data_secrets(data.get("UserData", "")),
    }


def _market(ec2: Api, templates: list[Raw]) -> str | None:
    """The market of the version that a group launches from."""
    if not templates:
        return ""
    versions = template_versions(ec2)
    if versions is None:
        return None
    used = templates[0]
    mine = [v for v in versions if v["LaunchTemplateId"] == used["LaunchTemplateId"]]
    number = used.get("Version", "$Default")
    for version in mine:
        latest = version["VersionNumber"] == max(v["VersionNumber"] for v in mine)
        names = {str(version["VersionNumber"])}
        names |= {"$Default"} if version.get("DefaultVersion") else set()
        names |= {"$Latest"} if latest else set()
        if number in names:
            data = version["LaunchTemplateData"]
            return data.get("InstanceMarketOptions", {}).get("MarketType", "")
    return ""


COLLECTORS = (
    Collector(LaunchTemplates, read_launch_templates, calls=(INSTANCES, CONFIGURATIONS)),
    Collector(
        LaunchConfigurations, read_launch_configurations, calls=(INSTANCES, TEMPLATES, VERSIONS)
    ),
    Collector(AutoScalingGroups, read_auto_scaling_groups, calls=(TEMPLATES,)),
)
