"""DynamoDB tables and DAX clusters, as AWS reports them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector, Reply
from stratum_pipeline.kernel.coverage import Outcome
from stratum_pipeline.kernel.policy import with_policy
from stratum_pipeline.kernel.table import NEVER, TIMESTAMP, Column, Inventory, Resource
from stratum_pipeline.kernel.trust import with_outsiders

from .derive import fixed_capacity, trusts_services

REPLICA = pl.Struct({"region": pl.String, "status": pl.String})

TABLES, TABLE = "dynamodb:ListTables", "dynamodb:DescribeTable"
POLICY, BACKUPS = "dynamodb:GetResourcePolicy", "dynamodb:DescribeContinuousBackups"
SCALING = "application-autoscaling:DescribeScalingPolicies"
PROTECTED, KEY = "backup:ListProtectedResources", "kms:DescribeKey"
CLUSTERS = "dax:DescribeClusters"


class Tables(Resource, listed_by=TABLES):
    """One row per table; of a global table, the replica of the region."""

    name = Column(pl.String, "Unique in the account and region.", source=TABLES)
    status = Column(pl.String, "TableStatus: ACTIVE, ARCHIVED ...", source=TABLE)
    policy = Column(pl.String, 'Resource policy as JSON; "" if none.', source=POLICY)
    stream = Column(pl.String, 'ARN of its stream; "" if it has none enabled.', source=TABLE)
    stream_policy = Column(pl.String, 'The stream\'s policy as JSON; "" if none.', source=POLICY)
    deletion_protection = Column(pl.Boolean, "DeletionProtectionEnabled.", source=TABLE)
    point_in_time_recovery = Column(pl.Boolean, "Whether it is enabled.", source=BACKUPS)
    last_backup = Column(
        TIMESTAMP,
        "Last recovery point made by AWS Backup; NEVER if none.",
        source=PROTECTED,
        volatile=True,
    )
    key_arn = Column(
        pl.String, 'KMS key; "" where it is one that AWS owns, outside the account.', source=TABLE
    )
    key_manager = Column(
        pl.String,
        'KeyManager of that key: CUSTOMER | AWS; "" if AWS owns it. A key of another account'
        " is a customer's, and not asked about.",
        source=KEY,
    )
    capacity_mode = Column(pl.String, "PROVISIONED | PAY_PER_REQUEST", source=TABLE)
    fixed_capacity = Column(
        pl.List(pl.String),
        'Provisioned capacity that no scaling policy adjusts: "read", "write", "<index> read";'
        " none (and not asked) in mode PAY_PER_REQUEST.",
        source=SCALING,
    )
    replicas = Column(
        pl.List(REPLICA),
        "Replicas of a global table in other regions, and their ReplicaStatus.",
        source=TABLE,
    )

    policy_public = Column(
        pl.Boolean, "Whether `policy` admits anyone.", source=POLICY, derived=True
    )
    stream_policy_public = Column(
        pl.Boolean, "Whether `stream_policy` admits anyone.", source=POLICY, derived=True
    )
    trusts_services = Column(
        pl.Boolean,
        "Whether `policy` admits a service acting for anyone.",
        source=POLICY,
        derived=True,
    )
    stream_trusts_services = Column(
        pl.Boolean, "Whether `stream_policy` does.", source=POLICY, derived=True
    )
    outsiders = Column(
        pl.List(pl.String),
        "Accounts and organizations that `policy` admits though they are not ours.",
        source=POLICY,
        derived=True,
    )
    stream_outsiders = Column(
        pl.List(pl.String), "Those that `stream_policy` admits.", source=POLICY, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        judged = with_policy(raw, trusts_services=trusts_services)
        judged = with_policy(
            judged, "stream_policy", "stream_", stream_trusts_services=trusts_services
        )
        judged = with_outsiders(judged, inventory)
        return with_outsiders(judged, inventory, "stream_policy", "stream_outsiders")


class Clusters(Resource, listed_by=CLUSTERS):
    """One row per DAX cluster: the cache in front of tables."""

    name = Column(pl.String, "Unique in the account and region.", source=CLUSTERS)
    encrypted = Column(pl.Boolean, "Whether it is encrypted at rest.", source=CLUSTERS)
    endpoint_encryption = Column(
        pl.String, "ClusterEndpointEncryptionType: NONE | TLS", source=CLUSTERS
    )
    zones = Column(
        pl.List(pl.String),
        "Availability zone of each node, sorted; none while the cluster is being created.",
        source=CLUSTERS,
    )
    node_type = Column(pl.String, "NodeType.", source=CLUSTERS)
    subnet_group = Column(pl.String, "SubnetGroup.", source=CLUSTERS)
    role = Column(pl.String, "ARN of the role it reads and writes tables as.", source=CLUSTERS)


ENCRYPTED = {"ENABLING", "ENABLED", "UPDATING"}
NEVER_BACKED_UP = datetime.fromisoformat(NEVER)
NO_POLICY = ("PolicyNotFoundException",)
# What the endpoint answers in a region without DAX ("Access Denied to API Version: DAX_V3"; what
# we send is valid everywhere), and where the account never had a cluster.
NO_DAX = ("InvalidParameterValueException", "ServiceLinkedRoleNotFoundFault")


def read_tables(dynamodb: Api) -> Iterator[dict[str, Any]]:
    account, region = dynamodb.account, dynamodb.region
    names: list[Any] = list(dynamodb.pages("ListTables", "TableNames"))
    if not names:
        return
    backups = _last_backups(dynamodb)

    def describe(name: str) -> dict[str, Any]:
        arn = f"arn:{account.partition}:dynamodb:{region}:{account.account_id}:table/{name}"
        api = dynamodb.on(about=arn)
        table = Reply(api.call("DescribeTable", TableName=name).get("Table", {}))
        streaming = table.get("StreamSpecification.StreamEnabled", False)
        stream = table.get("LatestStreamArn", "") if streaming else "" if table.body else None
        key = _key(table)
        mode = table.get("BillingModeSummary.BillingMode", "PROVISIONED")
        return {
            "arn": arn,
            "account_id": account.account_id,
            "region": region,
            "incarnation": table.get("TableId", "") or "",
            "name": name,
            "status": table.get("TableStatus", ""),
            "policy": _policy(api, arn),
            "stream": stream,
            "stream_policy": stream and _policy(api, stream),
            "deletion_protection": table.get("DeletionProtectionEnabled", False),
            "point_in_time_recovery": _recoverable(api, name),
            "last_backup": None if backups is None else backups.get(arn, NEVER_BACKED_UP),
            "key_arn": key,
            "key_manager": key and _key_manager(dynamodb, key),
            "capacity_mode": mode,
            "fixed_capacity": _fixed(dynamodb, table) if mode == "PROVISIONED" else mode and [],
            "replicas": _replicas(table),
        }

    yield from dynamodb.each(describe, names)


def read_clusters(dax: Api) -> Iterator[dict[str, Any]]:
    if dax.region not in dax.account.session.get_available_regions("dax", dax.account.partition):
        dax.record("DescribeClusters", Outcome.UNSUPPORTED, "NoEndpoint")
        return
    for cluster in _clusters(dax):
        yield {
            "arn": cluster["ClusterArn"],
            "account_id": dax.account.account_id,
            "region": dax.region,
            "incarnation": "",
            "name": cluster["ClusterName"],
            "encrypted": cluster.get("SSEDescription", {}).get("Status") in ENCRYPTED,
            "endpoint_encryption": cluster.get("ClusterEndpointEncryptionType", "NONE"),
            "zones": sorted(node["AvailabilityZone"] for node in cluster.get("Nodes", ())),
            "node_type": cluster["NodeType"],
            "subnet_group": cluster.get("SubnetGroup", ""),
            "role": cluster["IamRoleArn"],
        }


def _clusters(dax: Api) -> Iterator[dict[str, Any]]:
    more: dict[str, str] | None = {}
    while more is not None:
        reply = dax.call("DescribeClusters", absent=NO_DAX, MaxResults=100, **more)
        yield from reply.get("Clusters", []) or ()
        token = reply.get("NextToken", "")
        more = {"NextToken": token} if token else None


def _policy(api: Api, arn: str) -> str | None:
    return api.call("GetResourcePolicy", absent=NO_POLICY, ResourceArn=arn).get("Policy", "")


def _recoverable(api: Api, name: str) -> bool | None:
    backups = api.call("DescribeContinuousBackups", TableName=name)
    status = backups.get(
        "ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus",
        "DISABLED",
    )
    return None if status is None else status == "ENABLED"


def _last_backups(api: Api) -> dict[str, datetime] | None:
    """By ARN of all that AWS Backup protects in the region."""
    protected = api.on(service="backup").all("ListProtectedResources", "Results")
    if protected is None:
        return None
    return {p["ResourceArn"]: p.get("LastBackupTime", NEVER_BACKED_UP) for p in protected}


def _key(table: Reply) -> str | None:
    """ARN of the KMS key in the account; AWS's own is behind no SSEDescription at all."""
    status = table.get("SSEDescription.Status", "")
    return table.get("SSEDescription.KMSMasterKeyArn", "") if status in ENCRYPTED else status and ""


def _key_manager(api: Api, key: str) -> str | None:
    """Who manages a key, asked once for all the tables under it."""
    if f":{api.account.account_id}:" not in key:
        return "CUSTOMER"  # only those may be shared

    def ask() -> list[dict[str, Any]] | None:
        found = api.on(service="kms").call("DescribeKey", KeyId=key)
        return None if found.body is None else [found.body]

    return Reply((api.account.once((KEY, key), ask) or [None])[0]).get("KeyMetadata.KeyManager", "")


def _fixed(api: Api, table: Reply) -> list[str] | None:
    scaling = api.on(service="application-autoscaling")
    policies = scaling.all(
        "DescribeScalingPolicies", "ScalingPolicies", ServiceNamespace="dynamodb"
    )
    return fixed_capacity(table.body or {}, policies) if policies is not None else None


def _replicas(table: Reply) -> list[dict[str, str]] | None:
    replicas: list[dict[str, Any]] | None = table.get("Replicas", [])
    if replicas is None:
        return None
    pairs = sorted((r["RegionName"], r.get("ReplicaStatus", "")) for r in replicas)
    return [{"region": region, "status": status} for region, status in pairs]


COLLECTORS = (Collector(Tables, read_tables), Collector(Clusters, read_clusters))
