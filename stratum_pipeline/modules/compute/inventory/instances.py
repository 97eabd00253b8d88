"""EC2 instances, and what decides whether the internet reaches them."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector
from stratum_pipeline.kernel.internet import RANGES
from stratum_pipeline.kernel.table import NEVER, TIMESTAMP, Column, Inventory, Resource
from stratum_pipeline.kernel.trust import with_strangers

from ..reach import with_reach
from ..user_data import user_data_secrets
from .common import (
    CONFIGURATIONS,
    GROUPS,
    IMAGES,
    INSTANCES,
    PREFIX_LISTS,
    ROUTES,
    SECURITY_GROUPS,
    SUBNETS,
    TEMPLATES,
    USER_DATA,
    VERSIONS,
    Raw,
    auto_scaling_groups,
    instances,
    is_global,
    launch_configurations,
    launch_template,
    launched_in,
    row,
    some_of,
    template_versions,
    used_images,
)

INTERFACE = pl.Struct(
    {
        "interface_id": pl.String,
        "subnet_id": pl.String,
        "groups": pl.List(pl.String),
        "ipv4": pl.List(pl.String),  # public addresses, those of secondary ones included
        "ipv6": pl.List(pl.String),  # global addresses and prefixes
    }
)
SUBNET = pl.Struct({"subnet_id": pl.String, "internet_block": pl.String})
GATEWAY = pl.Struct(  # targets of the routes to the world, "" if there is none
    {"subnet_id": pl.String, "ipv4": pl.String, "ipv6": pl.String}
)
PERMISSION = pl.Struct(
    {
        "group_id": pl.String,
        "protocol": pl.String,  # "tcp", "udp", "icmp" or a number; "-1" is all
        "from_port": pl.Int32,  # -1 where AWS gives none: all
        "to_port": pl.Int32,
        "cidrs": pl.List(pl.String),  # IPv4 and IPv6
    }
)


class Instances(Resource, listed_by=INSTANCES):
    """One row per instance that is not terminated.

    What the internet reaches is a public address on an interface in a subnet that routes to
    an internet gateway, and a security group that lets the world in. Network ACLs, and what
    a firewall on the way lets through, are not read.
    """

    instance_id = Column(pl.String, '"i-..."', source=INSTANCES)
    state = Column(pl.String, "pending | running | stopping | stopped", source=INSTANCES)
    instance_type = Column(pl.String, '"t3.micro"', source=INSTANCES)
    launched_at = Column(TIMESTAMP, "When it was last started.", source=INSTANCES)
    virtualization = Column(pl.String, "hvm | paravirtual", source=INSTANCES)
    monitoring = Column(pl.String, "Detailed monitoring: enabled | disabled", source=INSTANCES)
    enclaves = Column(pl.Boolean, "Whether it may host Nitro Enclaves.", source=INSTANCES)
    metadata_endpoint = Column(pl.String, "IMDS: enabled | disabled", source=INSTANCES)
    http_tokens = Column(
        pl.String, "required (IMDSv2 only) | optional (IMDSv1 as well)", source=INSTANCES
    )
    profile = Column(pl.String, 'ARN of its instance profile; "" if none.', source=INSTANCES)
    launched_by = Column(
        pl.String,
        "ARN of the launch template or configuration that an Auto Scaling group started it"
        ' from; "" if none did, or if that is gone.',
        source=GROUPS,
    )
    user_data_secrets = Column(
        pl.List(pl.String),
        "Kinds of secret in its user data; not asked, and none, where `launched_by` holds the"
        " same user data and is judged.",
        source=USER_DATA,
    )
    image_id = Column(pl.String, '"ami-..."', source=INSTANCES)
    image_exists = Column(
        pl.Boolean, "Whether its image is still there for the account.", source=IMAGES
    )
    image_owners = Column(
        pl.List(pl.String),
        "Account that owns its image; none if that is gone, or AWS vouches for the owner: Amazon,"
        " a verified provider, a seller of the Marketplace.",
        source=IMAGES,
    )
    image_deprecated_at = Column(
        TIMESTAMP, "When its image is deprecated; 1970 if never.", source=IMAGES
    )
    interfaces = Column(pl.List(INTERFACE), "Its network interfaces.", source=INSTANCES)
    subnets = Column(
        pl.List(SUBNET),
        "Of interfaces at public addresses, Block Public Access in force: off |"
        " block-ingress | block-bidirectional",
        source=SUBNETS,
    )
    gateways = Column(
        pl.List(GATEWAY), "Where those subnets' routes to the world lead.", source=ROUTES
    )
    groups = Column(
        pl.List(pl.String), "Those interfaces' groups that AWS lists.", source=SECURITY_GROUPS
    )
    ingress = Column(pl.List(PERMISSION), "Their inbound rules.", source=PREFIX_LISTS)

    image_outsiders = Column(
        pl.List(pl.String),
        "Those of `image_owners` not of the organization.",
        source=IMAGES,
        derived=True,
    )
    addressed = Column(
        pl.Boolean, "Whether it runs at a public address.", source=INSTANCES, derived=True
    )
    routed = Column(
        pl.Boolean, "Whether the internet has a route to it.", source=ROUTES, derived=True
    )
    unblocked = Column(
        pl.Boolean, "Whether no Block Public Access is in the way.", source=SUBNETS, derived=True
    )
    open_ports = Column(
        RANGES, "TCP and UDP that the internet reaches.", source=SECURITY_GROUPS, derived=True
    )
    exposed_services = Column(
        pl.List(pl.String),
        "Administration and data services within `open_ports`.",
        source=PREFIX_LISTS,
        derived=True,
    )
    opening_groups = Column(
        pl.List(pl.String),
        "ARNs of the security groups that open them; those that open services first.",
        source=PREFIX_LISTS,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_strangers(with_reach(raw), inventory, "image_owners", "image_outsiders")


def read_instances(ec2: Api) -> Iterator[Raw]:
    found = instances(ec2)
    if not found:
        return
    starters = _starters(ec2)
    images = used_images(ec2)
    reach = _Reach(ec2, found)

    def describe(instance: Raw) -> Raw:
        instance_id = instance["InstanceId"]
        keys = row(ec2, instance, f"instance/{instance_id}")
        starter = None if starters is None else starters.get(instance_id, "")
        metadata = instance.get("MetadataOptions", {})
        return keys | {
            "instance_id": instance_id,
            "state": instance["State"]["Name"],
            "instance_type": instance.get("InstanceType", ""),
            "launched_at": instance["LaunchTime"],
            "virtualization": instance.get("VirtualizationType", ""),
            "monitoring": instance.get("Monitoring", {}).get("State", "disabled"),
            "enclaves": instance.get("EnclaveOptions", {}).get("Enabled", False),
            "metadata_endpoint": metadata.get("HttpEndpoint", "enabled"),
            "http_tokens": metadata.get("HttpTokens", "optional"),
            "profile": instance.get("IamInstanceProfile", {}).get("Arn", ""),
            "launched_by": starter,
            "user_data_secrets": []
            if starter
            else _secrets(ec2.on(about=keys["arn"]), instance_id),
            "image_id": instance.get("ImageId", ""),
            **_image(images, instance.get("ImageId", "")),
            **reach.of(instance),
        }

    yield from ec2.each(describe, found)


def _starters(ec2: Api) -> dict[str, str] | None:
    """By instance id, what an Auto Scaling group started it from, if that is still there."""
    groups = auto_scaling_groups(ec2)
    if not groups:
        return None if groups is None else {}
    versions, configurations = template_versions(ec2), launch_configurations(ec2)
    if versions is None or configurations is None:
        return None
    numbers = {(v["LaunchTemplateId"], str(v["VersionNumber"])) for v in versions}
    arns = {c["LaunchConfigurationName"]: c["LaunchConfigurationARN"] for c in configurations}
    found: dict[str, str] = {}
    for instance_id, held in launched_in(groups).items():
        template = held.get("LaunchTemplate", {})
        name, number = template.get("LaunchTemplateId", ""), template.get("Version", "")
        if (name, number) in numbers:
            found[instance_id] = launch_template(ec2, name)
        elif held.get("LaunchConfigurationName") in arns:
            found[instance_id] = arns[held["LaunchConfigurationName"]]
    return found


def _secrets(ec2: Api, instance_id: str) -> list[str] | None:
    data = ec2.call("DescribeInstanceAttribute", InstanceId=instance_id, Attribute="userData")
    encoded = data.get("UserData.Value", "")
    return None if encoded is None else user_data_secrets(encoded)


def _image(images: dict[str, Raw] | None, image_id: str) -> Raw:
    if images is None:
        return {}
    image = images.get(image_id, {})
    vouched = image.get("ImageOwnerAlias", "self") != "self"
    return {
        "image_exists": bool(image) and image.get("State") != "deregistered",
        "image_owners": [] if vouched or not image else [image["OwnerId"]],
        "image_deprecated_at": datetime.fromisoformat(image.get("DeprecationTime") or NEVER),
    }


class _Reach:
    """What stands between the internet and instances; asked only of those at public addresses."""

    def __init__(self, ec2: Api, found: list[Raw]) -> None:
        public = [i for one in found for i in map(_interface, _interfaces(one)) if _public(i)]
        subnets = {interface["subnet_id"] for interface in public}
        self.subnets = some_of(ec2, "DescribeSubnets", "Subnets", "subnet-id", subnets)
        vpcs = {one["VpcId"] for one in found if "VpcId" in one and public}
        self.tables = some_of(ec2, "DescribeRouteTables", "RouteTables", "vpc-id", vpcs)
        groups = {group for interface in public for group in interface["groups"]}
        self.groups = some_of(ec2, "DescribeSecurityGroups", "SecurityGroups", "group-id", groups)
        self.lists = {
            entry["PrefixListId"]: _entries(ec2, entry["PrefixListId"])
            for group in self.groups or ()
            for permission in group.get("IpPermissions", ())
            for entry in permission.get("PrefixListIds", ())
        }

    def of(self, instance: Raw) -> Raw:
        """Columns `interfaces` to `ingress`."""
        interfaces = [_interface(raw) for raw in _interfaces(instance)]
        public = [interface for interface in interfaces if _public(interface)]
        subnets = sorted({interface["subnet_id"] for interface in public})
        groups = {group for interface in public for group in interface["groups"]}
        mine = [g for g in self.groups or () if g["GroupId"] in groups]
        return {
            "interfaces": interfaces,
            "subnets": None
            if self.subnets is None
            else [
                {"subnet_id": subnet["SubnetId"], "internet_block": _block(subnet)}
                for subnet in self.subnets
                if subnet["SubnetId"] in subnets
            ],
            "gateways": None
            if self.tables is None
            else [
                {"subnet_id": subnet, **_gateways(table)}
                for subnet in subnets
                if (table := _table(self.tables, subnet, instance.get("VpcId", ""))) is not None
            ],
            "groups": None if self.groups is None else sorted(g["GroupId"] for g in mine),
            "ingress": None
            if self.groups is None
            else sorted(
                (self._permission(g["GroupId"], p) for g in mine for p in g["IpPermissions"]),
                key=lambda p: (p["group_id"], p["protocol"], p["from_port"], p["to_port"]),
            ),
        }

    def _permission(self, group_id: str, raw: Raw) -> Raw:
        lists = [self.lists.get(entry["PrefixListId"]) for entry in raw.get("PrefixListIds", ())]
        cidrs = sorted(
            [entry["CidrIp"] for entry in raw.get("IpRanges", ())]
            + [entry["CidrIpv6"] for entry in raw.get("Ipv6Ranges", ())]
            + [cidr for content in lists for cidr in content or ()]
        )
        return {
            "group_id": group_id,
            "protocol": raw["IpProtocol"],
            "from_port": raw.get("FromPort", -1),
            "to_port": raw.get("ToPort", -1),
            # What a prefix list holds that we may not read is an unknown network.
            "cidrs": [*cidrs, *([None] if None in lists else [])],
        }


def _entries(ec2: Api, prefix_list: str) -> list[str] | None:
    entries = ec2.all(
        "GetManagedPrefixListEntries",
        "Entries",
        PrefixListId=prefix_list,
        PaginationConfig={"PageSize": 100},
    )
    return None if entries is None else [entry["Cidr"] for entry in entries]


def _interfaces(instance: Raw) -> list[Raw]:
    return instance.get("NetworkInterfaces", [])


def _interface(raw: Raw) -> Raw:
    places = [raw, *raw.get("PrivateIpAddresses", ())]
    ipv6 = [entry["Ipv6Address"] for entry in raw.get("Ipv6Addresses", ())]
    ipv6 += [entry["Ipv6Prefix"] for entry in raw.get("Ipv6Prefixes", ())]
    return {
        "interface_id": raw["NetworkInterfaceId"],
        "subnet_id": raw.get("SubnetId", ""),
        "groups": sorted(group["GroupId"] for group in raw.get("Groups", ())),
        "ipv4": sorted(
            {place.get("Association", {}).get("PublicIp", "") for place in places} - {""}
        ),
        "ipv6": sorted(address for address in ipv6 if is_global(address)),
    }


def _public(interface: Raw) -> bool:
    return bool(interface["ipv4"] or interface["ipv6"])


def _block(subnet: Raw) -> str:
    return subnet.get("BlockPublicAccessStates", {}).get("InternetGatewayBlockMode", "off")


def _table(tables: list[Raw], subnet: str, vpc: str) -> Raw | None:
    """The route table in force in `subnet`: its own, else its VPC's main one."""
    main: Raw | None = None
    for table in tables:
        for association in table.get("Associations", ()):
            if association.get("SubnetId") == subnet:
                return table
            if association.get("Main") and table.get("VpcId") == vpc:
                main = table
    return main


def _gateways(table: Raw) -> dict[str, str]:
    """Where a table's routes to the whole world, or to half of it, lead; a gateway goes first."""
    targets: dict[str, list[str]] = defaultdict(list)
    for route in table.get("Routes", ()):
        if route.get("State") != "blackhole":
            to: str = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock", "")
            if to.endswith(("/0", "/1")):
                targets["ipv6" if ":" in to else "ipv4"].append(_target(route))
    return {
        version: min(targets[version], key=lambda t: (not t.startswith("igw-"), t), default="")
        for version in ("ipv4", "ipv6")
    }


def _target(route: dict[str, Any]) -> str:
    keys = (
        "GatewayId",
        "NatGatewayId",
        "NetworkInterfaceId",
        "TransitGatewayId",
        "VpcPeeringConnectionId",
        "EgressOnlyInternetGatewayId",
        "LocalGatewayId",
        "CarrierGatewayId",
        "CoreNetworkArn",
    )
    return next((route[key] for key in keys if route.get(key)), "?")


COLLECTORS = (Collector(Instances, read_instances, calls=(CONFIGURATIONS, TEMPLATES, VERSIONS)),)
