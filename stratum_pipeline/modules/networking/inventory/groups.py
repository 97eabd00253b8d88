"""Security groups and the network interfaces they guard."""

import polars as pl

from stratum_pipeline.kernel.internet import RANGES
from stratum_pipeline.kernel.table import Column, Inventory, Resource

from ..derive.openings import with_openings
from ..derive.reach import with_internet, with_reach
from .vpc import INTERFACES, TABLES, NetworkAcls, Subnets

GROUPS = "ec2:DescribeSecurityGroups"
INSTANCES = "ec2:DescribeInstances"
ENTRIES = "ec2:GetManagedPrefixListEntries"

PERMISSION = pl.Struct(
    {
        "protocol": pl.String,  # "tcp", "udp", "icmp", "icmpv6" or a number; "-1" is all
        "from_port": pl.Int32,  # of ICMP, the type; -1 where AWS gives none: all
        "to_port": pl.Int32,  # of ICMP, the code
        "cidrs": pl.List(pl.String),  # IPv4 and IPv6
        "prefix_lists": pl.List(pl.Struct({"id": pl.String, "cidrs": pl.List(pl.String)})),
        "groups": pl.List(pl.Struct({"id": pl.String, "owner": pl.String})),  # "": deleted
    }
)


class NetworkInterfaces(Resource, listed_by=INTERFACES):
    """One row per elastic network interface, those that services manage included.

    Whether the internet reaches one under VPC Block Public Access hangs on exclusions, which
    are not read: there, it is unknown.
    """

    interface_id = Column(pl.String, '"eni-..."', source=INTERFACES)
    vpc_id = Column(pl.String, "", source=INTERFACES)
    subnet_id = Column(pl.String, "", source=INTERFACES)
    status = Column(pl.String, "available (attached to nothing) | in-use | ...", source=INTERFACES)
    interface_type = Column(pl.String, "interface | lambda | nat_gateway | ...", source=INTERFACES)
    requester_managed = Column(pl.Boolean, "Whether a service runs it.", source=INTERFACES)
    denies_internet = Column(pl.Boolean, "DenyAllIgwTraffic.", source=INTERFACES)
    instance_id = Column(pl.String, 'Attached to; "" if none.', source=INTERFACES)
    public_ips = Column(pl.List(pl.String), "IPv4.", source=INTERFACES)
    ipv6_addresses = Column(pl.List(pl.String), "Delegated prefixes too.", source=INTERFACES)
    groups = Column(pl.List(pl.String), "Ids of its security groups.", source=INTERFACES)
    instance_profile = Column(
        pl.String,
        'ARN, of its instance; "" if none. Asked where the region has a public interface only.',
        source=INSTANCES,
    )

    internet_ipv4 = Column(
        pl.Boolean,
        "Whether the internet reaches it over IPv4, group and network ACL permitting.",
        source=TABLES,
        derived=True,
    )
    internet_ipv6 = Column(pl.Boolean, "The same of IPv6.", source=TABLES, derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_internet(raw, Subnets.judged(inventory))


class SecurityGroups(Resource, listed_by=GROUPS):
    """One row per security group."""

    group_id = Column(pl.String, '"sg-..."', source=GROUPS)
    name = Column(pl.String, "GroupName.", source=GROUPS)
    vpc_id = Column(pl.String, "", source=GROUPS)
    is_default = Column(pl.Boolean, "Whether it came with its VPC.", source=GROUPS)
    ingress = Column(pl.List(PERMISSION), "Inbound rules.", source=GROUPS)
    egress_groups = Column(pl.List(pl.String), "Groups its outbound rules name.", source=GROUPS)
    ingress_rules = Column(pl.Int64, "Inbound rules, one a source.", source=GROUPS)
    egress_rules = Column(pl.Int64, "Outbound rules, one a destination.", source=GROUPS)
    interfaces = Column(pl.List(pl.String), "Interfaces it is attached to.", source=INTERFACES)

    # DescribeSecurityGroups lists the rules; what can be missing is a prefix list's content.
    world_ports = Column(RANGES, "TCP and UDP open to the internet.", source=ENTRIES, derived=True)
    sensitive_services = Column(
        pl.List(pl.String),
        "Administration and data services within `world_ports`.",
        source=ENTRIES,
        derived=True,
    )
    wide_sources = Column(
        pl.List(pl.String),
        "Public networks larger than an IPv4 /24 or an IPv6 /48 that are let in, other than on"
        ' 80 and 443: "17.0.0.0/16 tcp 22-22".',
        source=ENTRIES,
        derived=True,
    )
    named_sources = Column(
        pl.List(pl.String),
        "Smaller ones that are let in to administration and data services.",
        source=ENTRIES,
        derived=True,
    )
    foreign_groups = Column(
        pl.List(pl.String), 'Other accounts\' let in: "account/group".', source=GROUPS, derived=True
    )
    referenced = Column(
        pl.Boolean, "Whether another group's rules name it.", source=GROUPS, derived=True
    )
    reachable = Column(
        pl.List(pl.String),
        "Interfaces where the internet does reach what the group opens, 80 and 443 aside:"
        " public address, route to an internet gateway and network ACL together; null, not known.",
        source=TABLES,
        derived=True,
    )
    behind = Column(
        pl.List(pl.String),
        "ARNs of VPC, instances and instance profiles of `reachable`.",
        source=INSTANCES,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_reach(
            with_openings(raw),
            NetworkInterfaces.judged(inventory),
            NetworkAcls.judged(inventory),
        )
