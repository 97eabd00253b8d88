"""An estate in two regions, and what moto lacks answered as AWS documents it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import botocore.client
import pytest

EAST, WEST = "us-east-1", "eu-west-1"
STRANGER = "999999999999"
LIFECYCLE = "open-source-rds-standard-support"


def versions(params: dict[str, Any]) -> dict[str, Any]:
    """DescribeDBEngineVersions: 16.1 is deprecated, 9.9.9 no longer listed."""
    assert params["IncludeAll"] is True
    wanted = {f["Name"]: f["Values"] for f in params["Filters"]}
    known = [
        ("postgres", "16.8", "available", ["postgresql", "upgrade"]),
        ("postgres", "16.1", "deprecated", ["postgresql", "upgrade"]),
        ("aurora-mysql", "8.0.mysql_aurora.3.08.0", "available", ["audit", "error"]),
    ]
    return {
        "DBEngineVersions": [
            {"Engine": engine, "EngineVersion": version, "Status": status}
            | {"ExportableLogTypes": logs}
            for engine, version, status, logs in known
            if engine in wanted["engine"] and version in wanted["engine-version"]
        ]
    }


def majors(params: dict[str, Any]) -> dict[str, Any]:
    ends = {("postgres", "16"): 2029, ("postgres", "1"): 2010, ("aurora-mysql", "8.0"): 2025}
    return {
        "DBMajorEngineVersions": [
            {
                "Engine": engine,
                "MajorEngineVersion": major,
                "SupportedEngineLifecycles": [
                    {
                        "LifecycleSupportName": name,
                        "LifecycleSupportStartDate": datetime(2020, 1, 1, tzinfo=UTC),
                        "LifecycleSupportEndDate": datetime(year + more, 1, 1, tzinfo=UTC),
                    }
                    for name, more in (
                        (LIFECYCLE, 0),
                        ("open-source-rds-extended-support", 3),
                    )
                ],
            }
            for (engine, major), year in ends.items()
        ]
    }


def protected(params: dict[str, Any]) -> dict[str, Any]:
    arn = f"arn:aws:rds:{WEST}:123456789012:cluster:orders"
    taken = datetime(2025, 12, 31, tzinfo=UTC)
    return {"Results": [{"ResourceArn": arn, "ResourceType": "Aurora", "LastBackupTime": taken}]}


LACKING: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "DescribeDBEngineVersions": versions,
    "DescribeDBMajorEngineVersions": majors,
    "ListProtectedResources": protected,
}


@pytest.fixture
def databases(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """`open` in us-east-1 has nothing right; the cluster `orders` in eu-west-1 nearly all."""
    real: Any = botocore.client.BaseClient._make_api_call

    def call(client: Any, operation: str, params: dict[str, Any]) -> Any:
        if operation in LACKING:
            return LACKING[operation](params)
        found = real(client, operation, params)
        if operation == "DescribeDBParameters":  # moto ignores the filter
            assert params["Filters"] == [{"Name": "parameter-name", "Values": ["rds.force_ssl"]}]
        if operation == "DescribeDBInstances":
            for one in found["DBInstances"]:
                one["CertificateDetails"] = {
                    "CAIdentifier": "rds-ca-rsa2048-g1",
                    "ValidTill": datetime(
                        2026, 2 if one["Engine"] == "postgres" else 12, 1, tzinfo=UTC
                    ),
                }
        return found

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    furnish_east(boto3.client("rds", region_name=EAST))
    furnish_west(boto3.client("rds", region_name=WEST))


def subnet_group(region: str, *, public: bool) -> dict[str, Any]:
    """A subnet group named main in a new VPC; a group that opens 5432 to the world."""
    ec2 = boto3.client("ec2", region_name=region)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{region}{az}")[
            "Subnet"
        ]["SubnetId"]
        for n, az in enumerate("ab")
    ]
    if public:
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])
    group = ec2.create_security_group(GroupName="db", Description="db", VpcId=vpc)["GroupId"]
    world = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[world | {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    boto3.client("rds", region_name=region).create_db_subnet_group(
        DBSubnetGroupName="main", DBSubnetGroupDescription="main", SubnetIds=subnets
    )
    return {"DBSubnetGroupName": "main", "VpcSecurityGroupIds": [group]}


def furnish_east(rds: Any) -> None:
    rds.create_db_parameter_group(
        DBParameterGroupName="lax", DBParameterGroupFamily="postgres16", Description="lax"
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName="lax",
        Parameters=[
            {"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyType": "dynamic"},
            {"ParameterName": "log_statement", "ParameterValue": "all"},
        ],
    )
    rds.create_db_instance(
        DBInstanceIdentifier="open",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        EngineVersion="16.1",
        MasterUsername="postgres",
        MasterUserPassword="Correct-Horse-9",
        AllocatedStorage=20,
        BackupRetentionPeriod=0,
        PubliclyAccessible=True,
        AutoMinorVersionUpgrade=False,
        AvailabilityZone=f"{EAST}a",
        DBParameterGroupName="lax",
        **subnet_group(EAST, public=True),
    )
    for name in ("for-all", "for-one", "own"):
        rds.create_db_snapshot(DBInstanceIdentifier="open", DBSnapshotIdentifier=name)
    for name, to in (("for-all", "all"), ("for-one", STRANGER)):
        rds.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=[to]
        )


def furnish_west(rds: Any) -> None:
    subnet_group(WEST, public=False)
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="strict",
        DBParameterGroupFamily="aurora-mysql8.0",
        Description="strict",
    )
    rds.modify_db_cluster_parameter_group(
        DBClusterParameterGroupName="strict",
        Parameters=[
            {
                "ParameterName": "require_secure_transport",
                "ParameterValue": "ON",
                "ApplyType": "dynamic",
            }
        ],
    )
    rds.create_db_cluster(
        DBClusterIdentifier="orders",
        Engine="aurora-mysql",
        EngineVersion="8.0.mysql_aurora.3.08.0",
        MasterUsername="owner",
        ManageMasterUserPassword=True,
        DBClusterParameterGroupName="strict",
        StorageEncrypted=True,
        BackupRetentionPeriod=14,
        DeletionProtection=True,
        CopyTagsToSnapshot=True,
        EnableIAMDatabaseAuthentication=True,
        EnableCloudwatchLogsExports=["audit"],
        Port=3307,
    )
    for n, az in enumerate("ab"):
        rds.create_db_instance(
            DBInstanceIdentifier=f"orders-{n}",
            DBInstanceClass="db.r8g.large",
            Engine="aurora-mysql",
            DBClusterIdentifier="orders",
            AvailabilityZone=f"{WEST}{az}",
            MonitoringInterval=60,
            MonitoringRoleArn="arn:aws:iam::123456789012:role/rds-monitoring",
        )
    rds.create_db_cluster_snapshot(
        DBClusterIdentifier="orders", DBClusterSnapshotIdentifier="before-upgrade"
    )
    rds.create_event_subscription(
        SubscriptionName="ops", SnsTopicArn=f"arn:aws:sns:{WEST}:123456789012:ops", Enabled=True
    )
