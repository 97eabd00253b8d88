"""Amazon VPC as Stratum keeps it: the tables."""

import polars as pl

from stratum_pipeline.kernel.table import Column, Inventory, Resource

from .derive import RANGES, with_openings

GROUPS = "ec2:DescribeSecurityGroups"
INTERFACES = "ec2:DescribeNetworkInterfaces"
INSTANCES = "ec2:DescribeInstances"
ENTRIES = "ec2:GetManagedPrefixListEntries"
VPCS = "ec2:DescribeVpcs"
SUBNETS = "ec2:DescribeSubnets"
LOGS = "ec2:DescribeFlowLogs"

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


class SecurityGroups(Resource, listed_by=GROUPS):
    """One row per security group.

    An interface at a public IPv4 address counts as reachable. Whether one at an IPv6 address
    is hangs on its subnet's route, and under Block Public Access on exclusions; neither is
    read, so such interfaces stand apart.
    """

    group_id = Column(pl.String, '"sg-..."', source=GROUPS)
    name = Column(pl.String, "GroupName.", source=GROUPS)
    vpc_id = Column(pl.String, "", source=GROUPS)
    is_default = Column(pl.Boolean, "Whether it came with its VPC.", source=GROUPS)
    ingress = Column(pl.List(PERMISSION), "Inbound rules.", source=GROUPS)
    egress_groups = Column(pl.List(pl.String), "Groups its outbound rules name.", source=GROUPS)
    interfaces = Column(pl.List(pl.String), "Interfaces it is attached to.", source=INTERFACES)
    public_interfaces = Column(
        pl.List(pl.String), "Those in use at a public IPv4 address.", source=INTERFACES
    )
    shielded_interfaces = Column(
        pl.List(pl.String), "The same, under VPC Block Public Access.", source=INTERFACES
    )
    ipv6_interfaces = Column(
        pl.List(pl.String), "Those in use at a global IPv6 address.", source=INTERFACES
    )
    instance_profiles = Column(
        pl.List(pl.String), "ARNs, of the instances behind `public_interfaces`.", source=INSTANCES
    )

    # DescribeSecurityGroups lists the rules; what can be missing is a prefix list's content.
    world_ports = Column(RANGES, "TCP and UDP open to the internet.", source=ENTRIES, derived=True)
    sensitive_services = Column(
        pl.List(pl.String),
        "Administration and data services within `world_ports`.",
        source=ENTRIES,
        derived=True,
    )
    foreign_groups = Column(
        pl.List(pl.String), 'Other accounts\' let in: "account/group".', source=GROUPS, derived=True
    )
    referenced = Column(
        pl.Boolean, "Whether another group's rules name it.", source=GROUPS, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_openings(raw)


class NetworkInterfaces(Resource, listed_by=INTERFACES):
    """One row per elastic network interface, those that services manage included."""

    interface_id = Column(pl.String, '"eni-..."', source=INTERFACES)
    vpc_id = Column(pl.String, "", source=INTERFACES)
    subnet_id = Column(pl.String, "", source=INTERFACES)
    status = Column(pl.String, "available (attached to nothing) | in-use | ...", source=INTERFACES)
    interface_type = Column(pl.String, "interface | lambda | nat_gateway | ...", source=INTERFACES)
    requester_managed = Column(pl.Boolean, "Whether a service runs it.", source=INTERFACES)
    instance_id = Column(pl.String, 'Attached to; "" if none.', source=INTERFACES)
    public_ips = Column(pl.List(pl.String), "IPv4.", source=INTERFACES)
    ipv6_addresses = Column(pl.List(pl.String), "Delegated prefixes too.", source=INTERFACES)
    groups = Column(pl.List(pl.String), "Ids of its security groups.", source=INTERFACES)


class Vpcs(Resource, listed_by=VPCS):
    """One row per VPC."""

    vpc_id = Column(pl.String, '"vpc-..."', source=VPCS)
    is_default = Column(pl.Boolean, "Whether AWS made it with the account.", source=VPCS)
    interface_count = Column(pl.Int64, "Network interfaces in it.", source=INTERFACES)
    flow_logs = Column(pl.List(pl.String), "Flow logs of the VPC itself.", source=LOGS)
    subnets = Column(pl.List(pl.String), "Ids of its subnets, sorted.", source=SUBNETS)
    unlogged_subnets = Column(pl.List(pl.String), "Without a flow log of their own.", source=LOGS)


class Subnets(Resource, listed_by=SUBNETS):
    """One row per subnet."""

    subnet_id = Column(pl.String, '"subnet-..."', source=SUBNETS)
    vpc_id = Column(pl.String, "", source=SUBNETS)
    is_default = Column(pl.Boolean, "Whether AWS made it for a default VPC.", source=SUBNETS)
    map_public_ip_on_launch = Column(
        pl.Boolean, "Whether a new interface gets a public IPv4 address.", source=SUBNETS
    )
    assign_ipv6_on_creation = Column(
        pl.Boolean, "Whether a new interface gets an IPv6 address.", source=SUBNETS
    )
    internet_block = Column(
        pl.String, "Block Public Access: off | block-ingress | block-bidirectional", source=SUBNETS
    )


class FlowLogs(Resource, listed_by=LOGS):
    """One row per flow log."""

    flow_log_id = Column(pl.String, '"fl-..."', source=LOGS)
    resource_id = Column(pl.String, "VPC, subnet, interface or gateway logged.", source=LOGS)
    status = Column(pl.String, "ACTIVE.", source=LOGS)
    traffic = Column(pl.String, 'ACCEPT | REJECT | ALL; "" of a gateway.', source=LOGS)
    destination = Column(pl.String, "ARN, or a log group's name.", source=LOGS)
    delivery_status = Column(
        pl.String, 'SUCCESS | FAILED; "" before the first delivery.', source=LOGS
    )
    delivery_error = Column(
        pl.String, 'Rate limited | Access error | Unknown error; "" if none.', source=LOGS
    )
