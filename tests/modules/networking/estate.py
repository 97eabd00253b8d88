"""Networks made in moto, and what a scan says of them."""

from collections import Counter
from typing import Any

import boto3
import polars as pl

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.modules.networking import MODULE

from ...conftest import SCANNED_AT

REGION = "us-east-1"
PROFILE = "arn:aws:iam::123456789012:instance-profile/web"

LISTINGS = {
    "DescribeClientVpnEndpoints": "ClientVpnEndpoints",
    "DescribeFlowLogs": "FlowLogs",
    "DescribeInstances": "Reservations",
    "DescribeNetworkAcls": "NetworkAcls",
    "DescribeNetworkInterfaces": "NetworkInterfaces",
    "DescribeRouteTables": "RouteTables",
    "DescribeSecurityGroups": "SecurityGroups",
    "DescribeSubnets": "Subnets",
    "DescribeTransitGatewayAttachments": "TransitGatewayAttachments",
    "DescribeTransitGateways": "TransitGateways",
    "DescribeVpcEndpointServiceConfigurations": "ServiceConfigurations",
    "DescribeVpcEndpoints": "VpcEndpoints",
    "DescribeVpcPeeringConnections": "VpcPeeringConnections",
    "DescribeVpcs": "Vpcs",
    "DescribeVpnConnections": "VpnConnections",
}
"""Of EC2, each asked once a region; of instances, only where one may be met."""

ELSEWHERE = {
    "DescribeConnections": 1,
    "DescribeLoadBalancers": 2,  # of either kind
    "DescribeVirtualInterfaces": 1,
    "ListFirewallPolicies": 1,
    "ListFirewalls": 1,
}
"""Calls a region of other services, where there is nothing."""


def scan(account: Account, *regions: str) -> dict[Any, pl.DataFrame]:
    return collect(account, MODULE.collectors, list(regions or (REGION,)))


def judged(account: Account, *regions: str) -> Verdicts:
    inventory = scan(account, *regions)
    return evaluate("networking", MODULE.rules, inventory, account.coverage(), SCANNED_AT)


def failing(found: Verdicts) -> set[tuple[str, str]]:
    """(rule without its module, resource id) of each finding."""
    return {
        (rule.removeprefix("networking."), arn.rpartition("/")[2])
        for rule, arn in found.fails.select("rule_id", "resource_arn").iter_rows()
    }


def unknown(found: Verdicts) -> dict[str, set[str]]:
    """Reasons per rule without its module."""
    reasons: dict[str, set[str]] = {}
    for rule, why in found.unknowns.select("rule_id", "because").iter_rows():
        reasons.setdefault(rule.removeprefix("networking."), set()).add(why)
    return reasons


def again(account: Account) -> Account:
    """The same account, as the next scan sees it."""
    return Account(account.session, account.account_id, account.operations)


def calls(account: Account) -> Counter[str]:
    rows = account.coverage().select("operation", "calls").iter_rows()
    return sum((Counter({name.partition(":")[2]: n}) for name, n in rows), Counter())


def make_group(ec2: Any, name: str, *, vpc: str = "", **permission: Any) -> str:
    home = {"VpcId": vpc} if vpc else {}
    group = ec2.create_security_group(GroupName=name, Description="x", **home)["GroupId"]
    if permission:
        ec2.authorize_security_group_ingress(
            GroupId=group, IpPermissions=[{"IpProtocol": "tcp"} | permission]
        )
    return group


def open_ssh(ec2: Any, name: str = "ssh", **where: str) -> str:
    return make_group(
        ec2, name, FromPort=22, ToPort=22, IpRanges=[{"CidrIp": "0.0.0.0/0"}], **where
    )


def launch(ec2: Any, group: str, subnet: str, *, public: bool) -> str:
    """An instance with the profile "web" and `group`; its interface's id."""
    iam = boto3.client("iam", region_name=REGION)
    if not iam.list_instance_profiles()["InstanceProfiles"]:
        iam.create_instance_profile(InstanceProfileName="web")
    (instance,) = ec2.run_instances(
        ImageId="ami-12345678",
        MinCount=1,
        MaxCount=1,
        IamInstanceProfile={"Name": "web"},
        NetworkInterfaces=[
            {
                "DeviceIndex": 0,
                "Groups": [group],
                "SubnetId": subnet,
                "AssociatePublicIpAddress": public,
            }
        ],
    )["Instances"]
    return instance["NetworkInterfaces"][0]["NetworkInterfaceId"]


def make_vpc(ec2: Any) -> tuple[str, str]:
    """A VPC of our own and its subnet, which an internet gateway makes public."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])[
        "RouteTables"
    ]
    for world in ({"DestinationCidrBlock": "0.0.0.0/0"}, {"DestinationIpv6CidrBlock": "::/0"}):
        ec2.create_route(RouteTableId=table["RouteTableId"], GatewayId=gateway, **world)
    return vpc, subnet


def log_flows(ec2: Any, kind: str, *ids: str) -> list[str]:
    s3 = boto3.client("s3", region_name=REGION)
    if not s3.list_buckets()["Buckets"]:
        s3.create_bucket(Bucket="flow-logs")
    return ec2.create_flow_logs(
        ResourceType=kind,
        ResourceIds=list(ids),
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::flow-logs",
    )["FlowLogIds"]


def default_network(ec2: Any) -> tuple[str, str, str]:
    """The default VPC, a subnet of it and its default group."""
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    return vpc, ec2.describe_subnets()["Subnets"][0]["SubnetId"], group


def group_of(ec2: Any, vpc: str) -> str:
    """The VPC's default security group."""
    return next(
        group["GroupId"]
        for group in ec2.describe_security_groups()["SecurityGroups"]
        if (group["VpcId"], group["GroupName"]) == (vpc, "default")
    )


def acl_of(ec2: Any, vpc: str) -> str:
    """The VPC's default network ACL."""
    return next(
        acl["NetworkAclId"]
        for acl in ec2.describe_network_acls()["NetworkAcls"]
        if acl["VpcId"] == vpc
    )
