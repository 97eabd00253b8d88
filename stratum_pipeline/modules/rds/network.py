"""Whether the internet finds its way to an instance: routes, blocks and security groups."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stratum_pipeline.kernel.collect import Api
from stratum_pipeline.kernel.internet import WORLD, is_world

Raw = dict[str, Any]
BLANK = {"internet_route": False, "internet_blocked": False, "ingress": []}
"""Of an instance that has no public address, whatever the network is like."""

PAGE, ROUTES_PAGE = 1000, 100
"""The most EC2 returns at once."""


@dataclass(frozen=True)
class Network:
    """Listings of the VPCs in which instances have public addresses; None where refused."""

    routed: dict[str, bool] | None  # by subnet, or by VPC for its main route table
    blocks: dict[str, bool] | None  # by subnet: whether Block Public Access shuts it
    groups: dict[str, list[Raw]] | None  # inbound rules by security group

    @classmethod
    def around(cls, ec2: Api, vpcs: Iterable[str]) -> "Network":
        """The network of `vpcs`; asks nothing where there are none."""
        wanted = [{"Name": "vpc-id", "Values": sorted(vpcs)}]
        if not wanted[0]["Values"]:
            return cls({}, {}, {})

        def listing(operation: str, key: str, page: int = PAGE) -> list[Raw] | None:
            size = {"PageSize": page}
            return ec2.all(operation, key, Filters=wanted, PaginationConfig=size)

        tables = listing("DescribeRouteTables", "RouteTables", ROUTES_PAGE)
        subnets = listing("DescribeSubnets", "Subnets")
        groups = listing("DescribeSecurityGroups", "SecurityGroups")
        return cls(
            routed=None if tables is None else _routed(tables),
            blocks=None if subnets is None else {s["SubnetId"]: _shut(s) for s in subnets},
            groups=None if groups is None else _rules(ec2, groups),
        )

    def of(self, instance: Raw) -> Raw:
        """The columns of `instance` (as DescribeDBInstances gives it) that tell its reach."""
        if not instance.get("PubliclyAccessible"):
            return BLANK
        group = instance.get("DBSubnetGroup", {})
        subnets = _standing(instance, group.get("Subnets", []))
        return {
            "internet_route": _any(self._routed(s, group.get("VpcId", "")) for s in subnets),
            "internet_blocked": self._shut(subnets, group.get("VpcId", "")),
            "ingress": self._ingress(group_ids(instance)),
        }

    def _routed(self, subnet: str, vpc: str) -> bool | None:
        routed = self.routed
        return None if routed is None else routed.get(subnet, routed.get(vpc))

    def _shut(self, subnets: list[str], vpc: str) -> bool | None:
        """Whether every one of `subnets` with a way to the internet is shut."""
        if self.blocks is None:
            return None
        leading = [s for s in subnets if self._routed(s, vpc) is not False]
        shut = [self.blocks.get(s) for s in leading]
        return None if None in shut else bool(shut) and all(shut)

    def _ingress(self, ids: list[str]) -> list[Raw] | None:
        if self.groups is None or not self.groups.keys() >= set(ids):
            return None
        return [rule for one in ids for rule in self.groups[one]]


def group_ids(instance: Raw) -> list[str]:
    return sorted(g["VpcSecurityGroupId"] for g in instance.get("VpcSecurityGroups", ()))


def _standing(instance: Raw, subnets: list[Raw]) -> list[str]:
    """Subnets in the zones that hold the instance and its standby; all, if that says nothing."""
    zones = {instance.get("AvailabilityZone"), instance.get("SecondaryAvailabilityZone")}
    ids = [s["SubnetIdentifier"] for s in subnets]
    near = [
        s["SubnetIdentifier"]
        for s in subnets
        if s.get("SubnetAvailabilityZone", {}).get("Name") in zones
    ]
    return near or ids


def _any(facts: Iterable[bool | None]) -> bool | None:
    known = list(facts)
    return True if True in known else None if None in known else False


def _routed(tables: list[Raw]) -> dict[str, bool]:
    """Whether the world goes through an internet gateway, by subnet and by VPC (main table)."""
    found: dict[str, bool] = {}
    for table in tables:
        world = frozenset(
            cidr
            for route in table.get("Routes", ())
            if route.get("GatewayId", "").startswith("igw-") and route.get("State") != "blackhole"
            for cidr in (route.get("DestinationCidrBlock"), route.get("DestinationIpv6CidrBlock"))
            if cidr
        )
        leads = any(is_world(world, version) for version in WORLD)
        for association in table.get("Associations", ()):
            if subnet := association.get("SubnetId"):
                found[subnet] = leads
            elif association.get("Main"):
                found[table["VpcId"]] = leads
    return found


def _shut(subnet: Raw) -> bool:
    mode = subnet.get("BlockPublicAccessStates", {}).get("InternetGatewayBlockMode", "off")
    return mode != "off"


def _rules(ec2: Api, groups: list[Raw]) -> dict[str, list[Raw]]:
    return {
        group["GroupId"]: [_rule(ec2, raw) for raw in group.get("IpPermissions", ())]
        for group in groups
    }


def _rule(ec2: Api, raw: Raw) -> Raw:
    low, high = raw.get("FromPort", -1), raw.get("ToPort", -1)
    cidrs: list[str | None] = [entry["CidrIp"] for entry in raw.get("IpRanges", ())]
    cidrs += [entry["CidrIpv6"] for entry in raw.get("Ipv6Ranges", ())]
    for prefix_list in raw.get("PrefixListIds", ()):
        cidrs += _entries(ec2, prefix_list["PrefixListId"])
    return {
        "protocol": raw["IpProtocol"],
        "from_port": max(low, 0),
        "to_port": 65535 if high < 0 else high,
        "cidrs": cidrs,
    }


def _entries(ec2: Api, prefix_list: str) -> list[str | None]:
    entries = ec2.all("GetManagedPrefixListEntries", "Entries", PrefixListId=prefix_list)
    return [None] if entries is None else [entry["Cidr"] for entry in entries]
