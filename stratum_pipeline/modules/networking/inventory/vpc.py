"""VPCs, their subnets, network ACLs and flow logs."""

import polars as pl

from stratum_pipeline.kernel.table import Column, Inventory, Resource

from ..derive.openings import RANGES
from ..derive.routing import ROUTES, leads_to_internet, with_acl_ports, with_sides

VPCS = "ec2:DescribeVpcs"
SUBNETS = "ec2:DescribeSubnets"
TABLES = "ec2:DescribeRouteTables"
ACLS = "ec2:DescribeNetworkAcls"
LOGS = "ec2:DescribeFlowLogs"
ENDPOINTS = "ec2:DescribeVpcEndpoints"
INTERFACES = "ec2:DescribeNetworkInterfaces"

ACL_ENTRY = pl.Struct(
    {
        "number": pl.Int32,  # evaluated in ascending order; the first that matches decides
        "action": pl.String,  # allow | deny
        "protocol": pl.String,  # a number: "6" is TCP, "17" UDP; "-1" is every protocol
        "from_port": pl.Int32,  # -1 where AWS gives none: all
        "to_port": pl.Int32,
        "cidr": pl.String,  # IPv4 or IPv6
    }
)
SUBNET = pl.Struct({"subnet_id": pl.String, "routes": pl.List(ROUTES)})


class Vpcs(Resource, listed_by=VPCS):
    """One row per VPC."""

    vpc_id = Column(pl.String, '"vpc-..."', source=VPCS)
    is_default = Column(pl.Boolean, "Whether AWS made it with the account.", source=VPCS)
    interface_count = Column(
        pl.Int64, "Network interfaces in it.", source=INTERFACES, volatile=True
    )
    flow_logs = Column(pl.List(pl.String), "Flow logs of the VPC itself.", source=LOGS)
    subnets = Column(pl.List(pl.String), "Ids of its subnets, sorted.", source=SUBNETS)
    zones = Column(pl.List(pl.String), "Availability Zones of its subnets.", source=SUBNETS)
    unlogged_subnets = Column(pl.List(pl.String), "Without a flow log of their own.", source=LOGS)
    layout = Column(pl.List(SUBNET), "The routes in force in each subnet.", source=TABLES)
    endpoint_services = Column(
        pl.List(pl.String), "Services its interface endpoints lead to.", source=ENDPOINTS
    )
    firewall_endpoints = Column(
        pl.List(pl.String),
        "Endpoints of AWS Network Firewall or of another firewall behind a gateway load balancer.",
        source=ENDPOINTS,
    )

    public_subnets = Column(
        pl.List(pl.String),
        "Subnets whose routes lead to an internet gateway.",
        source=TABLES,
        derived=True,
    )
    private_subnets = Column(pl.List(pl.String), "The others.", source=TABLES, derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_sides(raw)


class Subnets(Resource, listed_by=SUBNETS):
    """One row per subnet."""

    subnet_id = Column(pl.String, '"subnet-..."', source=SUBNETS)
    vpc_id = Column(pl.String, "", source=SUBNETS)
    zone = Column(pl.String, "Availability Zone.", source=SUBNETS)
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
    routes = Column(
        pl.List(ROUTES),
        "Of its route table, which is the VPC's main one unless it has its own.",
        source=TABLES,
    )

    public_ipv4 = Column(
        pl.Boolean,
        "Whether its routes lead IPv4 to an internet gateway; null where through a firewall.",
        source=TABLES,
        derived=True,
    )
    public_ipv6 = Column(pl.Boolean, "The same of IPv6.", source=TABLES, derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return raw.with_columns(
            leads_to_internet(raw["routes"], 4).alias("public_ipv4"),
            leads_to_internet(raw["routes"], 6).alias("public_ipv6"),
        )


class NetworkAcls(Resource, listed_by=ACLS):
    """One row per network ACL; what it lets out is not looked at."""

    acl_id = Column(pl.String, '"acl-..."', source=ACLS)
    vpc_id = Column(pl.String, "", source=ACLS)
    is_default = Column(pl.Boolean, "Whether it came with its VPC.", source=ACLS)
    in_default_vpc = Column(pl.Boolean, "Whether its VPC is the default one.", source=VPCS)
    subnets = Column(pl.List(pl.String), "Ids of the subnets it guards.", source=ACLS)
    ingress = Column(pl.List(ACL_ENTRY), "Inbound rules, by number.", source=ACLS)
    routes = Column(pl.List(ROUTES), "Those of the subnets it guards, together.", source=TABLES)

    world_ports = Column(
        RANGES, "TCP and UDP that it lets in from the internet.", source=ACLS, derived=True
    )
    public = Column(
        pl.Boolean,
        "Whether a subnet it guards leads to an internet gateway.",
        source=TABLES,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        either = leads_to_internet(raw["routes"], 4) | leads_to_internet(raw["routes"], 6)
        return with_acl_ports(raw).with_columns(either.alias("public"))


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
