"""What collectors make of replies that moto can't give: AWS's documented shapes."""

from datetime import UTC, datetime
from typing import Any

import boto3
import botocore.client
import pytest

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.modules.rds import MODULE
from stratum_pipeline.modules.rds.inventory import Clusters, Instances, Snapshots
from stratum_pipeline.modules.rds.network import Network

Row = dict[str, Any]
HOME, ME = "us-east-1", "123456789012"


@pytest.fixture
def replies(aws: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """By operation, what AWS answers; of the rest there is nothing."""
    answers: dict[str, Any] = {}

    def call(client: Any, operation: str, params: Row) -> Any:
        found = answers.get(operation, {})
        return found(params) if callable(found) else found

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return answers


def read(table: Any) -> list[Row]:
    account = Account(boto3.Session(region_name=HOME), ME, MODULE.operations)
    frames = collect(account, MODULE.collectors, [HOME])
    assert set(account.coverage()["outcome"]) == {"ok"}
    return frames[table].to_dicts()


def instance(**more: Any) -> Row:
    return {
        "DBInstanceIdentifier": "orders",
        "DBInstanceArn": f"arn:aws:rds:{HOME}:{ME}:db:orders",
        "DbiResourceId": "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "Engine": "mysql",
        "EngineVersion": "8.4.7",
        "AutoMinorVersionUpgrade": True,
        **more,
    }


def cluster(**more: Any) -> Row:
    return {
        "DBClusterIdentifier": "graph",
        "DBClusterArn": f"arn:aws:rds:{HOME}:{ME}:cluster:graph",
        "DbClusterResourceId": "cluster-ABCDEFGHIJKLMNOPQRSTUVWXY",
        "Engine": "neptune",
        "EngineVersion": "1.4.5.1",
        **more,
    }


def test_what_aws_leaves_out_is_off_or_none(replies):
    replies["DescribeDBInstances"] = {"DBInstances": [instance()]}
    replies["DescribeDBParameters"] = {"Parameters": []}
    (one,) = read(Instances)
    assert {name for name, value in one.items() if value is None} == set()
    assert one["incarnation"] == "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert (one["cluster_id"], one["replica_source"], one["port"]) == ("", "", 0)
    assert (one["backup_days"], one["password_managed"], one["tls_value"]) == (0, False, "")
    assert one["engine_status"] == "withdrawn"  # AWS names no such version


@pytest.mark.parametrize(
    ("said", "encrypted"),
    [
        ({}, False),
        ({"StorageEncrypted": False, "StorageEncryptionType": "none"}, False),
        ({"StorageEncrypted": True, "StorageEncryptionType": "sse-kms"}, True),
        ({"StorageEncrypted": False, "StorageEncryptionType": "sse-rds"}, True),
        ({"StorageEncrypted": True}, True),
    ],
)
def test_a_key_that_aws_owns_encrypts_too(replies, said, encrypted):
    replies["DescribeDBClusters"] = {"DBClusters": [cluster(**said)]}
    (one,) = read(Clusters)
    assert one["storage_encrypted"] is encrypted


@pytest.mark.parametrize(
    ("status", "kind", "pending"),
    [
        ("in-sync", "static", False),
        ("pending-reboot", "dynamic", False),
        ("pending-reboot", "static", True),
    ],
)
def test_a_static_parameter_waits_for_a_restart(replies, status, kind, pending):
    parameter = {"ParameterName": "rds.force_ssl", "ParameterValue": "1", "ApplyType": kind}
    group = {"DBParameterGroupName": "tls", "ParameterApplyStatus": status}
    replies["DescribeDBInstances"] = {
        "DBInstances": [instance(Engine="sqlserver-se", DBParameterGroups=[group])]
    }
    replies["DescribeDBParameters"] = {"Parameters": [parameter]}
    (one,) = read(Instances)
    assert (one["tls_parameter"], one["tls_value"]) == ("rds.force_ssl", "1")
    assert one["tls_pending"] is pending


def test_parameters_of_a_group_are_asked_for_once(replies):
    asked: list[Row] = []
    group = {"DBParameterGroupName": "shared", "ParameterApplyStatus": "in-sync"}
    replies["DescribeDBInstances"] = {
        "DBInstances": [
            instance(DBParameterGroups=[group], DBInstanceArn=f"arn:aws:rds:{HOME}:{ME}:db:{n}")
            for n in range(20)
        ]
    }
    replies["DescribeDBParameters"] = lambda params: asked.append(params) or {"Parameters": []}
    assert len(read(Instances)) == 20
    (one,) = asked
    assert one["Filters"] == [{"Name": "parameter-name", "Values": ["require_secure_transport"]}]


def test_a_cluster_without_the_setting_is_patched_as_its_instances_are(replies):
    replies["DescribeDBClusters"] = {"DBClusters": [cluster()]}
    members = [
        instance(
            Engine="neptune",
            DBClusterIdentifier="graph",
            DBInstanceArn=f"arn:aws:rds:{HOME}:{ME}:db:graph-{n}",
            AutoMinorVersionUpgrade=on,
        )
        for n, on in enumerate([True, False])
    ]
    replies["DescribeDBInstances"] = {"DBInstances": members}
    assert read(Clusters)[0]["minor_upgrades"] is False
    replies["DescribeDBInstances"] = {"DBInstances": members[:1]}
    assert read(Clusters)[0]["minor_upgrades"] is True
    replies["DescribeDBClusters"] = {"DBClusters": [cluster(AutoMinorVersionUpgrade=False)]}
    assert read(Clusters)[0]["minor_upgrades"] is False


def test_a_cluster_outside_any_vpc(replies):
    outside = {"VPCNetworkingEnabled": False, "InternetAccessGatewayEnabled": True}
    replies["DescribeDBClusters"] = {"DBClusters": [cluster(**outside)]}
    (one,) = read(Clusters)
    assert (one["in_vpc"], one["internet_gateway"]) == (False, True)


@pytest.mark.parametrize(
    ("version", "year"), [("5.7.44", 2024), ("8.0.40", 2026), ("8.4.7", 1970), ("5.70.1", 1970)]
)
def test_support_ends_with_that_of_the_major_version(replies, version, year):
    replies["DescribeDBInstances"] = {"DBInstances": [instance(EngineVersion=version)]}
    replies["DescribeDBMajorEngineVersions"] = {
        "DBMajorEngineVersions": [
            {
                "Engine": "mysql",
                "MajorEngineVersion": major,
                "SupportedEngineLifecycles": [
                    {
                        "LifecycleSupportName": f"open-source-rds-{kind}-support",
                        "LifecycleSupportEndDate": datetime(ends + more, 7, 31, tzinfo=UTC),
                    }
                    for kind, more in (("standard", 0), ("extended", 3))
                ],
            }
            for major, ends in (("5.7", 2024), ("8.0", 2026), ("8", 2020))
        ]
        + [{"Engine": "mysql", "MajorEngineVersion": "8.4", "SupportedEngineLifecycles": []}]
    }
    (one,) = read(Instances)
    assert one["support_ends"].year == year


def test_a_snapshot_that_is_being_taken_is_not_there_yet(replies):
    replies["DescribeDBSnapshots"] = {
        "DBSnapshots": [
            {
                "DBSnapshotIdentifier": "now",
                "DBSnapshotArn": f"arn:aws:rds:{HOME}:{ME}:snapshot:now",
                "DBInstanceIdentifier": "orders",
                "Status": "creating",
            }
        ]
    }
    assert read(Snapshots) == []


SUBNETS = [
    {"SubnetIdentifier": f"subnet-{az}", "SubnetAvailabilityZone": {"Name": f"{HOME}{az}"}}
    for az in "abc"
]
RULES = {"sg-1": [{"protocol": "-1", "from_port": 0, "to_port": 65535, "cidrs": ["10.0.0.0/8"]}]}


def reach(network: Network, **more: Any) -> Row:
    return network.of(
        {
            "PubliclyAccessible": True,
            "AvailabilityZone": f"{HOME}a",
            "DBSubnetGroup": {"VpcId": "vpc-1", "Subnets": SUBNETS},
            "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1", "Status": "active"}],
            **more,
        }
    )


OPEN = dict.fromkeys(("subnet-a", "subnet-b", "subnet-c"), False)


@pytest.mark.parametrize(
    ("routed", "more", "expected"),
    [
        ({"subnet-a": True}, {}, True),
        ({"vpc-1": True}, {}, True),  # the main route table, where a subnet has none of its own
        ({"subnet-a": False, "vpc-1": True}, {}, False),
        ({"subnet-a": False, "subnet-b": True}, {}, False),  # it doesn't stand there
        ({"subnet-a": False, "subnet-b": True}, {"SecondaryAvailabilityZone": f"{HOME}b"}, True),
        ({"vpc-1": False, "subnet-c": True}, {"AvailabilityZone": "us-east-1z"}, True),
        ({}, {}, None),  # a VPC whose route tables are not shown
        (None, {}, None),
    ],
)
def test_subnets_that_lead_to_the_internet(routed, more, expected):
    assert reach(Network(routed, OPEN, RULES), **more)["internet_route"] is expected


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        (OPEN, False),
        (OPEN | {"subnet-a": True}, True),
        (OPEN | {"subnet-b": True}, False),  # it doesn't stand there
        ({}, None),
        (None, None),
    ],
)
def test_subnets_that_block_public_access_shuts(blocks, expected):
    network = Network({"subnet-a": True, "vpc-1": False}, blocks, RULES)
    assert reach(network)["internet_blocked"] is expected


def test_groups_of_another_account_are_unknown():
    network = Network({"vpc-1": True}, OPEN, RULES)
    assert reach(network)["ingress"] == RULES["sg-1"]
    theirs = [{"VpcSecurityGroupId": "sg-9"}, {"VpcSecurityGroupId": "sg-1"}]
    assert reach(network, VpcSecurityGroups=theirs)["ingress"] is None
    assert reach(Network({"vpc-1": True}, OPEN, None))["ingress"] is None
    assert reach(Network(None, None, None), PubliclyAccessible=False)["ingress"] == []
