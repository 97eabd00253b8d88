"""Instances and their surroundings made in moto, and what a scan says of them."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import polars as pl

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.kernel.table import Inventory
from stratum_pipeline.kernel.trust import Members
from stratum_pipeline.modules.compute import MODULE

from .conftest import ME, REGION

LATER = datetime.now(UTC) + timedelta(days=3)
"""When the scan is judged: moto dates what it makes by the real clock."""

IMAGE = "ami-0abcdef1234567890"
READY: dict[str, Any] = {"MetadataOptions": {"HttpTokens": "required"}}


def scan(account: Account, *regions: str) -> Inventory:
    return collect(account, MODULE.collectors, list(regions or (REGION,)))


def judged(account: Account, *regions: str) -> Verdicts:
    inventory = {**scan(account, *regions), Members: Members.frame([{"principal": ME}])}
    return evaluate("compute", MODULE.rules, inventory, account.coverage(), LATER)


def failing(found: Verdicts) -> set[tuple[str, str]]:
    """(rule without its module, resource id) of each finding, region settings aside."""
    return {
        (rule.removeprefix("compute."), arn.rpartition("/")[2])
        for rule, arn in found.fails.select("rule_id", "resource_arn").iter_rows()
        if ".region." not in rule
    }


def unknown(found: Verdicts) -> dict[str, set[str]]:
    """Reasons per rule without its module."""
    reasons: dict[str, set[str]] = {}
    for rule, why in found.unknowns.select("rule_id", "because").iter_rows():
        reasons.setdefault(rule.removeprefix("compute."), set()).add(why)
    return reasons


def again(account: Account) -> Account:
    """The same account, as the next scan sees it."""
    return Account(account.session, account.account_id, account.operations)


def calls(account: Account) -> dict[str, int]:
    rows = account.coverage().group_by("operation").agg(pl.col("calls").sum()).iter_rows()
    return dict(Counter({name.partition(":")[2]: n for name, n in rows}))


def public_subnet(ec2: Any) -> str:
    """A subnet that routes to the internet, and the VPC's group "open": SSH from everywhere."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    return subnet


def open_group(ec2: Any, subnet: str, **source: Any) -> str:
    (where,) = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
    group = ec2.create_security_group(
        GroupName=f"open-{len(source)}", Description="x", VpcId=where["VpcId"]
    )["GroupId"]
    source = source or {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, **source}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[ssh])
    return group


def launch(
    ec2: Any, subnet: str = "", group: str = "", *, public: bool = False, **options: Any
) -> str:
    """Id of an instance; in a VPC's default subnet at a public address unless told where."""
    interface: dict[str, Any] = {"DeviceIndex": 0, "AssociatePublicIpAddress": public}
    interface |= {"SubnetId": subnet} if subnet else {}
    interface |= {"Groups": [group]} if group else {}
    (made,) = ec2.run_instances(
        MinCount=1,
        MaxCount=1,
        **{"ImageId": IMAGE, "NetworkInterfaces": [interface], **options},
    )["Instances"]
    return made["InstanceId"]


def profile(name: str = "web") -> dict[str, str]:
    boto3.client("iam", region_name=REGION).create_instance_profile(InstanceProfileName=name)
    return {"Name": name}


def disk(ec2: Any, **options: Any) -> str:
    return ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=8, **options)["VolumeId"]


def snapshot(ec2: Any, volume: str) -> str:
    return ec2.create_snapshot(VolumeId=volume, Description="x")["SnapshotId"]


def share(ec2: Any, snapshot_id: str, **whom: list[str]) -> None:
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot_id,
        Attribute="createVolumePermission",
        OperationType="add",
        **whom,
    )
