"""DynamoDB and DAX."""

from typing import Any

from moto.dynamodb.models import dynamodb_backends

from ..accounts import DATA, HOME, IRELAND, PRODUCTION, SANDBOX, STAGING
from ..repairs import backup
from ..tools import Workshop
from ..tools.core import Json, api, days_ago, policy

PARTNER = "999988887777"
"""An account of nobody's we know."""


def furnish(at: Workshop) -> None:
    """Tables where something is kept; no account has one for nothing."""
    if held := HELD.get(at.account):
        held(at)


def production(at: Workshop) -> None:
    key = _key(at, HOME)
    _table(at, "orders", key)
    _table(at, "carts", key, provisioned=True)
    _scale(at, "orders-by-day", key)
    _cluster(at, "orders")


def staging(at: Workshop) -> None:
    key = _key(at, HOME)
    _table(at, "fixtures", key, backed_up=False)
    orphan = _table(at, "orphaned", key)
    orphan.status = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
    _cluster(at, "fixtures", nodes=1, encrypted=False, tls=False)


def data(at: Workshop) -> None:
    key = _key(at, IRELAND)
    profiles = _table(at, "profiles", key, IRELAND, recoverable=False)
    _admit(at, profiles, {"Principal": {"AWS": PARTNER}, "Action": "dynamodb:GetItem"})
    events = _table(at, "events", key, IRELAND)
    _admit(
        at,
        events,
        {
            "Principal": {"Service": "redshift.amazonaws.com"},
            "Action": ["dynamodb:DescribeTable", "dynamodb:ExportTableToPointInTime"],
        },
    )
    replicated = _table(at, "reference", key, IRELAND)
    replicated.replicas = [{"RegionName": HOME, "ReplicaStatus": "REPLICATION_NOT_AUTHORIZED"}]


def sandbox(at: Workshop) -> None:
    key = _key(at, HOME)
    # Nothing would be left of it: the first of these findings is worth more for the others.
    _table(at, "scratch", "", recoverable=False, protected=False, backed_up=False)
    _admit(at, _table(at, "open", key), {"Principal": "*", "Action": "dynamodb:Query"})


HELD = {PRODUCTION: production, STAGING: staging, DATA: data, SANDBOX: sandbox}


def _key(at: Workshop, region: str) -> str:
    return api(at.account, "kms", region).create_key(Description="tables")["KeyMetadata"]["Arn"]


def _table(
    at: Workshop,
    name: str,
    key: str,
    region: str = HOME,
    *,
    recoverable: bool = True,
    protected: bool = True,
    backed_up: bool = True,
    provisioned: bool = False,
) -> Any:
    """moto's record of a new table, encrypted with `key`, or with AWS's own if ""."""
    dynamodb = api(at.account, "dynamodb", region)
    capacity: Json = {"BillingMode": "PAY_PER_REQUEST"}
    if provisioned:
        units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
        capacity = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units}
    encryption: Json = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        DeletionProtectionEnabled=protected,
        **capacity,
        **({"SSESpecification": encryption} if key else {}),
    )
    if recoverable:
        dynamodb.update_continuous_backups(
            TableName=name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
    made: Any = dynamodb_backends[at.account.id][region].tables[name]
    if backed_up:
        backup.protect(at.account.id, region, made.table_arn, "DynamoDB", days_ago(1))
    return made


def _scale(at: Workshop, name: str, key: str) -> None:
    """A table with provisioned capacity, and scaling policies that adjust it."""
    _table(at, name, key, provisioned=True)
    adjust(at, name, 5, 5)


def adjust(at: Workshop, table: str, read: int, write: int) -> None:
    """Have scaling policies adjust the table's capacity, from `read` and `write` units up."""
    scaling = api(at.account, "application-autoscaling")
    for kind, least in (("Read", read), ("Write", write)):
        what: Json = {
            "ServiceNamespace": "dynamodb",
            "ResourceId": f"table/{table}",
            "ScalableDimension": f"dynamodb:table:{kind}CapacityUnits",
        }
        scaling.register_scalable_target(**what, MinCapacity=least, MaxCapacity=100)
        metric = {"PredefinedMetricType": f"DynamoDB{kind}CapacityUtilization"}
        scaling.put_scaling_policy(
            **what,
            PolicyName=kind.lower(),
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 70.0,
                "PredefinedMetricSpecification": metric,
            },
        )


def _admit(at: Workshop, table: Any, statement: Json) -> None:
    """Put a resource policy on a table."""
    api(at.account, "dynamodb", table.region_name).put_resource_policy(
        ResourceArn=table.table_arn, Policy=policy(statement | {"Resource": table.table_arn})
    )


def _cluster(
    at: Workshop, name: str, *, nodes: int = 3, encrypted: bool = True, tls: bool = True
) -> None:
    api(at.account, "dax").create_cluster(
        ClusterName=name,
        NodeType="dax.t3.small",
        ReplicationFactor=nodes,
        IamRoleArn=f"arn:aws:iam::{at.account.id}:role/dax",
        SSESpecification={"Enabled": encrypted},
        ClusterEndpointEncryptionType="TLS" if tls else "NONE",
    )
