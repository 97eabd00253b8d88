"""Amazon RDS as AWS reports it: four listings per region; the rest only where there is something.

Of passwords nothing is read: AWS returns none. Of parameters the one that a rule reads.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from stratum_pipeline.kernel.collect import Api, Collector
from stratum_pipeline.kernel.table import NEVER
from stratum_pipeline.kernel.trust import ANYONE

from .inventory import (
    CLUSTERS,
    ENTRIES,
    INSTANCES,
    Clusters,
    ClusterSnapshots,
    EventNotices,
    Instances,
    Snapshots,
)
from .network import Network, group_ids

Raw = dict[str, Any]
PAGE, PROTECTED_PAGE = 100, 1000
"""The most RDS and AWS Backup return at once."""

NEVER_COME = datetime.fromisoformat(NEVER)
STANDARD_SUPPORT = "open-source-rds-standard-support"
TLS_PARAMETERS = (
    ("postgres", "rds.force_ssl"),
    ("aurora-postgresql", "rds.force_ssl"),
    ("sqlserver-", "rds.force_ssl"),
    ("mysql", "require_secure_transport"),
    ("mariadb", "require_secure_transport"),
    ("aurora-mysql", "require_secure_transport"),
    ("db2-", "DB2COMM"),
    ("docdb", "tls"),
)
"""By the engine's beginning. Oracle sets TLS up in an option group, beside the plain listener;
Neptune has taken nothing but TLS since engine 1.0.4.0."""


def read_instances(rds: Api) -> Iterator[Raw]:
    instances = _instances(rds) or []
    engines = Engines(rds)
    public = [i for i in instances if i.get("PubliclyAccessible")]
    vpcs = {i.get("DBSubnetGroup", {}).get("VpcId", "") for i in public} - {""}
    network = Network.around(rds.on(service="ec2"), vpcs)

    def describe(raw: Raw) -> Raw:
        cluster = raw.get("DBClusterIdentifier", "")
        group = next(iter(raw.get("DBParameterGroups", ())), {})
        parameter = "" if cluster else _tls_parameter(raw["Engine"])
        return {
            "arn": raw["DBInstanceArn"],
            "account_id": rds.account.account_id,
            "region": rds.region,
            "incarnation": raw["DbiResourceId"],
            "name": raw["DBInstanceIdentifier"],
            "cluster_id": cluster,
            "cluster_arn": cluster and _arn(rds, f"cluster:{cluster}"),
            "replica_source": raw.get("ReadReplicaSourceDBInstanceIdentifier")
            or raw.get("ReadReplicaSourceDBClusterIdentifier", ""),
            "replicas": [
                *raw.get("ReadReplicaDBInstanceIdentifiers", ()),
                *raw.get("ReadReplicaDBClusterIdentifiers", ()),
            ],
            "port": raw.get("Endpoint", {}).get("Port") or raw.get("DbInstancePort", 0),
            "minor_upgrades": raw.get("AutoMinorVersionUpgrade", False),
            "monitoring_seconds": raw.get("MonitoringInterval", 0),
            "certificate_authority": raw.get("CACertificateIdentifier", ""),
            "certificate_expires": raw.get("CertificateDetails", {}).get("ValidTill", NEVER_COME),
            "publicly_accessible": raw.get("PubliclyAccessible", False),
            "dual_stack": raw.get("NetworkType") == "DUAL",
            "vpc_id": raw.get("DBSubnetGroup", {}).get("VpcId", ""),
            "security_groups": [
                f"arn:{rds.account.partition}:ec2:{rds.region}:{rds.account.account_id}"
                f":security-group/{one}"
                for one in group_ids(raw)
            ],
            **_common(raw),
            **engines.of(raw, raw["DBInstanceArn"]),
            "parameter_group": group.get("DBParameterGroupName", ""),
            **_tls(
                partial(rds.all, "DescribeDBParameters", "Parameters"),
                {"DBParameterGroupName": group.get("DBParameterGroupName", "")},
                parameter,
                group.get("ParameterApplyStatus") == "pending-reboot",
            ),
            **network.of(raw),
        }

    yield from rds.each(describe, instances)


def read_clusters(rds: Api) -> Iterator[Raw]:
    engines = Engines(rds)

    def describe(raw: Raw) -> Raw:
        members = raw.get("DBClusterMembers", ())
        return {
            "arn": raw["DBClusterArn"],
            "account_id": rds.account.account_id,
            "region": rds.region,
            "incarnation": raw["DbClusterResourceId"],
            "name": raw["DBClusterIdentifier"],
            "engine_mode": raw.get("EngineMode", "provisioned"),
            "global_cluster": raw.get("GlobalClusterIdentifier", ""),
            "replica_source": raw.get("ReplicationSourceIdentifier", ""),
            "replicas": list(raw.get("ReadReplicaIdentifiers", ())),
            "port": raw.get("Port", 0),
            "minor_upgrades": _minor_upgrades(rds, raw),
            "backtrack_seconds": raw.get("BacktrackWindow", 0),
            "internet_gateway": raw.get("InternetAccessGatewayEnabled", False),
            "in_vpc": raw.get("VPCNetworkingEnabled", True),
            **_common(raw),
            **engines.of(raw, raw["DBClusterArn"]),
            "parameter_group": raw.get("DBClusterParameterGroup", ""),
            **_tls(
                partial(rds.all, "DescribeDBClusterParameters", "Parameters"),
                {"DBClusterParameterGroupName": raw.get("DBClusterParameterGroup", "")},
                _tls_parameter(raw["Engine"]),
                any(m.get("DBClusterParameterGroupStatus") == "pending-reboot" for m in members),
            ),
        }

    yield from rds.each(describe, _clusters(rds) or [])


def read_snapshots(rds: Api) -> Iterator[Raw]:
    def describe(raw: Raw) -> Raw:
        source = f"db:{raw['DBInstanceIdentifier']}"
        attributes = rds.on(about=raw["DBSnapshotArn"]).call(
            "DescribeDBSnapshotAttributes", DBSnapshotIdentifier=raw["DBSnapshotIdentifier"]
        )
        shares = attributes.get("DBSnapshotAttributesResult.DBSnapshotAttributes", [])
        return _snapshot(rds, raw, "DBSnapshot", source, shares)

    found = rds.pages("DescribeDBSnapshots", "DBSnapshots", **MANUAL)
    yield from rds.each(describe, (one for one in found if one["Status"] != "creating"))


def read_cluster_snapshots(rds: Api) -> Iterator[Raw]:
    def describe(raw: Raw) -> Raw:
        source = f"cluster:{raw['DBClusterIdentifier']}"
        attributes = rds.on(about=raw["DBClusterSnapshotArn"]).call(
            "DescribeDBClusterSnapshotAttributes",
            DBClusterSnapshotIdentifier=raw["DBClusterSnapshotIdentifier"],
        )
        shares = attributes.get("DBClusterSnapshotAttributesResult.DBClusterSnapshotAttributes", [])
        return _snapshot(rds, raw, "DBClusterSnapshot", source, shares)

    found = rds.pages("DescribeDBClusterSnapshots", "DBClusterSnapshots", **MANUAL)
    yield from rds.each(describe, (one for one in found if one["Status"] != "creating"))


def read_event_notices(rds: Api) -> Iterator[Raw]:
    instances, clusters = _instances(rds), _clusters(rds)
    sources: list[str | None] = ["db-instance"] if instances else []
    sources += [None] if clusters is None else ["db-cluster"] if clusters else []
    if not sources:
        return
    found = rds.all("DescribeEventSubscriptions", "EventSubscriptionsList", **PAGED)
    yield {
        "arn": _arn(rds, "setting/event-subscriptions"),
        "account_id": rds.account.account_id,
        "region": rds.region,
        "incarnation": "",
        # If there may be no database there at all, nothing needs watching for sure.
        "sources": [*sources, "db-parameter-group"] if any(sources) else None,
        "subscriptions": None if found is None else [_subscription(one) for one in found],
    }


PAGED = {"PaginationConfig": {"PageSize": PAGE}}
MANUAL = {"SnapshotType": "manual", **PAGED}


def _instances(rds: Api) -> list[Raw] | None:
    return rds.all("DescribeDBInstances", "DBInstances", **PAGED)


def _clusters(rds: Api) -> list[Raw] | None:
    return rds.all("DescribeDBClusters", "DBClusters", **PAGED)


def _arn(rds: Api, name: str) -> str:
    return f"arn:{rds.account.partition}:rds:{rds.region}:{rds.account.account_id}:{name}"


class Engines:
    """What AWS says, region by region, of the engine versions in use and of their backups."""

    def __init__(self, rds: Api) -> None:
        databases = [*(_instances(rds) or ()), *(_clusters(rds) or ())]
        in_use = {(one["Engine"], one["EngineVersion"]) for one in databases}
        self.versions = self._versions(rds, in_use) if in_use else []
        self.majors = (
            rds.all("DescribeDBMajorEngineVersions", "DBMajorEngineVersions", **PAGED)
            if in_use
            else []
        )
        self.protected = (
            rds.on(service="backup").all(
                "ListProtectedResources", "Results", PaginationConfig={"PageSize": PROTECTED_PAGE}
            )
            if in_use
            else []
        )

    @staticmethod
    def _versions(rds: Api, in_use: set[tuple[str, str]]) -> list[Raw] | None:
        engines, versions = (sorted(set(column)) for column in zip(*in_use, strict=True))
        return rds.all(
            "DescribeDBEngineVersions",
            "DBEngineVersions",
            IncludeAll=True,  # deprecated ones too
            Filters=[
                {"Name": "engine", "Values": engines},
                {"Name": "engine-version", "Values": versions},
            ],
            **PAGED,
        )

    def of(self, database: Raw, arn: str) -> Raw:
        """The columns of an instance or cluster that hang on these listings."""
        engine, version = database["Engine"], database["EngineVersion"]
        same = [
            one
            for one in self.versions or ()
            if (one["Engine"], one["EngineVersion"]) == (engine, version)
        ]
        logs = {log for one in same for log in one.get("ExportableLogTypes", ())}
        return {
            "engine_status": None
            if self.versions is None
            else next((one.get("Status", "available") for one in same), "withdrawn"),
            "exportable_logs": None if self.versions is None else sorted(logs),
            "support_ends": None if self.majors is None else self._support_ends(engine, version),
            "last_backup": None
            if self.protected is None
            else next(
                (p.get("LastBackupTime", NEVER_COME) for p in self.protected if _is(p, arn)),
                NEVER_COME,
            ),
        }

    def _support_ends(self, engine: str, version: str) -> datetime:
        """End of standard support of the major version that `version` belongs to."""
        mine = [
            one
            for one in self.majors or ()
            if one["Engine"] == engine and f"{version}.".startswith(f"{one['MajorEngineVersion']}.")
        ]
        major = max(mine, key=lambda one: len(one["MajorEngineVersion"]), default={})
        ends = [
            one["LifecycleSupportEndDate"]
            for one in major.get("SupportedEngineLifecycles", ())
            if one["LifecycleSupportName"] == STANDARD_SUPPORT and "LifecycleSupportEndDate" in one
        ]
        return max(ends, default=NEVER_COME)


def _is(protected: Raw, arn: str) -> bool:
    return protected.get("ResourceArn") == arn


def _common(raw: Raw) -> Raw:
    """Columns that AWS spells alike for instances and clusters."""
    return {
        "engine": raw["Engine"],
        "engine_version": raw["EngineVersion"],
        "master_username": raw.get("MasterUsername", ""),
        "password_managed": "MasterUserSecret" in raw,
        "iam_authentication": raw.get("IAMDatabaseAuthenticationEnabled", False),
        "storage_encrypted": _encrypted(raw, "StorageEncrypted"),
        "backup_days": raw.get("BackupRetentionPeriod", 0),
        "copy_tags": raw.get("CopyTagsToSnapshot", False),
        "deletion_protection": raw.get("DeletionProtection", False),
        "multi_az": raw.get("MultiAZ", False),
        "log_exports": sorted(raw.get("EnabledCloudwatchLogsExports", ())),
        "lifecycle": raw.get("EngineLifecycleSupport", ""),
    }


def _encrypted(raw: Raw, flag: str) -> bool:
    """Also with a key that AWS owns (sse-rds), of which the flag itself need not tell."""
    return raw.get(flag, False) or raw.get("StorageEncryptionType", "none") != "none"


def _minor_upgrades(rds: Api, cluster: Raw) -> bool | None:
    if "AutoMinorVersionUpgrade" in cluster:
        return cluster["AutoMinorVersionUpgrade"]
    instances, own = _instances(rds), cluster["DBClusterIdentifier"]
    members = [i for i in instances or () if i.get("DBClusterIdentifier") == own]
    return None if instances is None else all(m["AutoMinorVersionUpgrade"] for m in members)


def _tls_parameter(engine: str) -> str:
    return next((name for start, name in TLS_PARAMETERS if engine.startswith(start)), "")


def _tls(
    parameters: Callable[..., list[Raw] | None], group: dict[str, str], name: str, pending: bool
) -> Raw:
    """Value of the parameter `name` in `group`, the only one asked for."""
    if not name:
        return {"tls_parameter": "", "tls_value": "", "tls_pending": False}
    found = parameters(**group, Filters=[{"Name": "parameter-name", "Values": [name]}], **PAGED)
    one = next((p for p in found or () if p["ParameterName"] == name), {})
    known = found is not None
    return {
        "tls_parameter": name,
        "tls_value": one.get("ParameterValue", "") if known else None,
        "tls_pending": pending and one.get("ApplyType") == "static" if known else None,
    }


def _snapshot(rds: Api, raw: Raw, kind: str, source: str, attributes: list[Raw] | None) -> Raw:
    shares = {
        value
        for attribute in attributes or ()
        if attribute["AttributeName"] == "restore"
        for value in attribute.get("AttributeValues", ())
    }
    return {
        "arn": raw[f"{kind}Arn"],
        "account_id": rds.account.account_id,
        "region": rds.region,
        "incarnation": raw["SnapshotCreateTime"].isoformat(),
        "name": raw[f"{kind}Identifier"],
        "source_arn": _arn(rds, source),
        "encrypted": _encrypted(raw, "Encrypted") or raw.get("StorageEncrypted", False),
        "shared_with": None
        if attributes is None
        else sorted(ANYONE if value == "all" else value for value in shares),
    }


def _subscription(raw: Raw) -> Raw:
    return {
        "name": raw["CustSubscriptionId"],
        "source_type": raw.get("SourceType", ""),
        "source_ids": sorted(raw.get("SourceIdsList", ())),
        "categories": sorted(raw.get("EventCategoriesList", ())),
        "enabled": raw.get("Enabled", False),
        "status": raw["Status"],
    }


COLLECTORS = (
    Collector(Instances, read_instances, calls=(CLUSTERS, ENTRIES)),
    Collector(Clusters, read_clusters, calls=(INSTANCES,)),
    Collector(Snapshots, read_snapshots),
    Collector(ClusterSnapshots, read_cluster_snapshots),
    Collector(EventNotices, read_event_notices),
)
