"""Databases of RDS and Aurora as Stratum keeps them: the tables."""

import polars as pl

from stratum_pipeline.kernel.table import TIMESTAMP, Column, Inventory, Resource, has
from stratum_pipeline.kernel.trust import ANYONE, with_strangers

from .derive import requires_tls, tls_wanted, with_opening, with_unwatched

INSTANCES, CLUSTERS = "rds:DescribeDBInstances", "rds:DescribeDBClusters"
SNAPSHOTS, CLUSTER_SNAPSHOTS = "rds:DescribeDBSnapshots", "rds:DescribeDBClusterSnapshots"
SHARES = "rds:DescribeDBSnapshotAttributes"
CLUSTER_SHARES = "rds:DescribeDBClusterSnapshotAttributes"
SUBSCRIPTIONS = "rds:DescribeEventSubscriptions"
PARAMETERS = "rds:DescribeDBParameters"
CLUSTER_PARAMETERS = "rds:DescribeDBClusterParameters"
VERSIONS, MAJORS = "rds:DescribeDBEngineVersions", "rds:DescribeDBMajorEngineVersions"
PROTECTED = "backup:ListProtectedResources"
GROUPS, ROUTES = "ec2:DescribeSecurityGroups", "ec2:DescribeRouteTables"
SUBNETS, ENTRIES = "ec2:DescribeSubnets", "ec2:GetManagedPrefixListEntries"

RULE = pl.Struct(
    {
        "protocol": pl.String,  # "tcp", "udp" or a number; "-1" is all
        "from_port": pl.Int32,  # 0 to 65535 where AWS names no ports
        "to_port": pl.Int32,
        "cidrs": pl.List(pl.String),  # null within: a prefix list that can't be read
    }
)
SUBSCRIPTION = pl.Struct(
    {
        "name": pl.String,
        "source_type": pl.String,  # "": every type
        "source_ids": pl.List(pl.String),  # empty: every resource of the type
        "categories": pl.List(pl.String),  # empty: every category
        "enabled": pl.Boolean,
        "status": pl.String,  # active | no-permission | topic-not-exist | ...
    }
)


class Instances(Resource, listed_by=INSTANCES):
    """One row per DB instance, members of clusters included.

    What a cluster's members have in common is judged in Clusters alone. The network is asked
    about, and is not blank, only where an instance is publicly accessible.
    """

    name = Column(pl.String, "DBInstanceIdentifier.", source=INSTANCES)
    engine = Column(pl.String, "mysql | postgres | aurora-mysql | ...", source=INSTANCES)
    engine_version = Column(pl.String, "EngineVersion.", source=INSTANCES)
    cluster_id = Column(pl.String, 'DBClusterIdentifier; "" if of none.', source=INSTANCES)
    cluster_arn = Column(pl.String, 'ARN of that cluster; "" if of none.', source=INSTANCES)
    replica_source = Column(
        pl.String, 'What it is a read replica of; "" if of nothing.', source=INSTANCES
    )
    replicas = Column(pl.List(pl.String), "Its read replicas.", source=INSTANCES)
    port = Column(pl.Int32, "Listened on; 0 while it is being created.", source=INSTANCES)
    master_username = Column(pl.String, "MasterUsername.", source=INSTANCES)
    password_managed = Column(
        pl.Boolean, "Whether Secrets Manager holds the master password.", source=INSTANCES
    )
    iam_authentication = Column(pl.Boolean, "IAMDatabaseAuthenticationEnabled.", source=INSTANCES)
    storage_encrypted = Column(
        pl.Boolean, "StorageEncrypted, or a StorageEncryptionType.", source=INSTANCES
    )
    backup_days = Column(
        pl.Int32, "BackupRetentionPeriod; 0: no automated backups.", source=INSTANCES
    )
    copy_tags = Column(pl.Boolean, "CopyTagsToSnapshot.", source=INSTANCES)
    deletion_protection = Column(pl.Boolean, "DeletionProtection.", source=INSTANCES)
    multi_az = Column(pl.Boolean, "MultiAZ.", source=INSTANCES)
    minor_upgrades = Column(pl.Boolean, "AutoMinorVersionUpgrade.", source=INSTANCES)
    log_exports = Column(pl.List(pl.String), "Logs exported to CloudWatch Logs.", source=INSTANCES)
    monitoring_seconds = Column(
        pl.Int32, "MonitoringInterval of Enhanced Monitoring; 0: off.", source=INSTANCES
    )
    certificate_authority = Column(pl.String, "CACertificateIdentifier.", source=INSTANCES)
    certificate_expires = Column(
        TIMESTAMP, "End of its server certificate; NEVER if AWS names none.", source=INSTANCES
    )
    lifecycle = Column(
        pl.String,
        "EngineLifecycleSupport: open-source-rds-extended-support[-disabled]; "
        '"" where the engine has none.',
        source=INSTANCES,
    )
    engine_status = Column(
        pl.String,
        "Of its engine version: available | deprecated | withdrawn (AWS no longer lists it).",
        source=VERSIONS,
    )
    exportable_logs = Column(
        pl.List(pl.String), "Logs its engine version can export.", source=VERSIONS
    )
    support_ends = Column(
        TIMESTAMP,
        "End of standard support of its major version; NEVER if AWS names none.",
        source=MAJORS,
    )
    last_backup = Column(
        TIMESTAMP,
        "Latest backup by AWS Backup; NEVER if there is none.",
        source=PROTECTED,
        volatile=True,
    )
    tls_parameter = Column(
        pl.String,
        'Parameter by which its engine can refuse connections without TLS; "" if none.',
        source=INSTANCES,
    )
    parameter_group = Column(pl.String, "Its DB parameter group.", source=INSTANCES)
    tls_value = Column(
        pl.String, 'Value of `tls_parameter` there; "" if not set.', source=PARAMETERS
    )
    tls_pending = Column(
        pl.Boolean, "Whether it may have been changed and awaits a restart.", source=PARAMETERS
    )
    publicly_accessible = Column(pl.Boolean, "PubliclyAccessible.", source=INSTANCES)
    dual_stack = Column(pl.Boolean, "Whether it also has an IPv6 address.", source=INSTANCES)
    vpc_id = Column(pl.String, "The VPC of its subnet group.", source=INSTANCES)
    security_groups = Column(pl.List(pl.String), "ARNs of its groups.", source=INSTANCES)
    internet_route = Column(
        pl.Boolean, "Whether a subnet of it routes the world to an internet gateway.", source=ROUTES
    )
    internet_blocked = Column(
        pl.Boolean, "Whether VPC Block Public Access shuts those subnets.", source=SUBNETS
    )
    ingress = Column(pl.List(RULE), "Inbound rules of its groups.", source=GROUPS)

    # DescribeSecurityGroups lists the rules; what can be missing is a prefix list's content.
    open_to_world = Column(
        pl.Boolean, "Whether `ingress` lets the world in at `port`.", source=ENTRIES, derived=True
    )
    requires_tls = Column(
        pl.Boolean, "Whether it refuses connections without TLS.", source=PARAMETERS, derived=True
    )
    tls_wanted = Column(pl.String, "The value with which it would.", source=INSTANCES, derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_opening(raw).with_columns(requires_tls=requires_tls(), tls_wanted=tls_wanted())


class Clusters(Resource, listed_by=CLUSTERS):
    """One row per DB cluster: Aurora, Multi-AZ, Neptune, DocumentDB."""

    name = Column(pl.String, "DBClusterIdentifier.", source=CLUSTERS)
    engine = Column(pl.String, "aurora-mysql | postgres | neptune | ...", source=CLUSTERS)
    engine_version = Column(pl.String, "EngineVersion.", source=CLUSTERS)
    engine_mode = Column(
        pl.String, "provisioned | serverless (Aurora Serverless v1) | ...", source=CLUSTERS
    )
    global_cluster = Column(pl.String, 'GlobalClusterIdentifier; "" if none.', source=CLUSTERS)
    replica_source = Column(
        pl.String, 'What it is a replica of; "" if of nothing.', source=CLUSTERS
    )
    replicas = Column(pl.List(pl.String), "Its read replicas.", source=CLUSTERS)
    port = Column(pl.Int32, "Listened on; 0 while it is being created.", source=CLUSTERS)
    master_username = Column(pl.String, "MasterUsername.", source=CLUSTERS)
    password_managed = Column(
        pl.Boolean, "Whether Secrets Manager holds the master password.", source=CLUSTERS
    )
    iam_authentication = Column(pl.Boolean, "IAMDatabaseAuthenticationEnabled.", source=CLUSTERS)
    storage_encrypted = Column(
        pl.Boolean, "StorageEncrypted, or a StorageEncryptionType.", source=CLUSTERS
    )
    backup_days = Column(pl.Int32, "BackupRetentionPeriod.", source=CLUSTERS)
    copy_tags = Column(pl.Boolean, "CopyTagsToSnapshot.", source=CLUSTERS)
    deletion_protection = Column(pl.Boolean, "DeletionProtection.", source=CLUSTERS)
    multi_az = Column(pl.Boolean, "Whether instances stand in several zones.", source=CLUSTERS)
    minor_upgrades = Column(
        pl.Boolean,
        "AutoMinorVersionUpgrade; where the cluster has none, of all its instances.",
        source=CLUSTERS,
    )
    log_exports = Column(pl.List(pl.String), "Logs exported to CloudWatch Logs.", source=CLUSTERS)
    backtrack_seconds = Column(pl.Int64, "BacktrackWindow; 0: off.", source=CLUSTERS)
    internet_gateway = Column(
        pl.Boolean, "InternetAccessGatewayEnabled (express configuration).", source=CLUSTERS
    )
    in_vpc = Column(
        pl.Boolean, "VPCNetworkingEnabled; true of all but express configuration.", source=CLUSTERS
    )
    lifecycle = Column(pl.String, "As of Instances.", source=CLUSTERS)
    engine_status = Column(pl.String, "As of Instances.", source=VERSIONS)
    exportable_logs = Column(pl.List(pl.String), "As of Instances.", source=VERSIONS)
    support_ends = Column(TIMESTAMP, "As of Instances.", source=MAJORS)
    last_backup = Column(TIMESTAMP, "As of Instances.", source=PROTECTED, volatile=True)
    tls_parameter = Column(pl.String, "As of Instances.", source=CLUSTERS)
    parameter_group = Column(pl.String, "Its DB cluster parameter group.", source=CLUSTERS)
    tls_value = Column(
        pl.String, 'Value of `tls_parameter` there; "" if not set.', source=CLUSTER_PARAMETERS
    )
    tls_pending = Column(
        pl.Boolean, "Whether a member still awaits a restart.", source=CLUSTER_PARAMETERS
    )

    requires_tls = Column(
        pl.Boolean,
        "Whether it refuses connections without TLS.",
        source=CLUSTER_PARAMETERS,
        derived=True,
    )
    tls_wanted = Column(pl.String, "The value with which it would.", source=CLUSTERS, derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return raw.with_columns(requires_tls=requires_tls(), tls_wanted=tls_wanted())


class Snapshots(Resource, listed_by=SNAPSHOTS):
    """One row per manual DB snapshot: automated ones can't be shared, and go with their source."""

    name = Column(pl.String, "DBSnapshotIdentifier.", source=SNAPSHOTS)
    source_arn = Column(pl.String, "The instance it was taken of.", source=SNAPSHOTS)
    encrypted = Column(pl.Boolean, "Encrypted, or a StorageEncryptionType.", source=SNAPSHOTS)
    shared_with = Column(
        pl.List(pl.String), 'Accounts that may copy and restore it; "*": all.', source=SHARES
    )

    public = Column(pl.Boolean, "Whether any account may.", source=SHARES, derived=True)
    outsiders = Column(
        pl.List(pl.String), "Those not of our organization.", source=SHARES, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_strangers(raw, inventory, "shared_with").with_columns(public=_PUBLIC)


class ClusterSnapshots(Resource, listed_by=CLUSTER_SNAPSHOTS):
    """One row per manual DB cluster snapshot."""

    name = Column(pl.String, "DBClusterSnapshotIdentifier.", source=CLUSTER_SNAPSHOTS)
    source_arn = Column(pl.String, "The cluster it was taken of.", source=CLUSTER_SNAPSHOTS)
    encrypted = Column(
        pl.Boolean, "StorageEncrypted, or a StorageEncryptionType.", source=CLUSTER_SNAPSHOTS
    )
    shared_with = Column(
        pl.List(pl.String),
        'Accounts that may copy and restore it; "*": all.',
        source=CLUSTER_SHARES,
    )

    public = Column(pl.Boolean, "Whether any account may.", source=CLUSTER_SHARES, derived=True)
    outsiders = Column(
        pl.List(pl.String), "Those not of our organization.", source=CLUSTER_SHARES, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_strangers(raw, inventory, "shared_with").with_columns(public=_PUBLIC)


class EventNotices(Resource, listed_by=INSTANCES):
    """One row per region that has databases: who is told of their events."""

    sources = Column(
        pl.List(pl.String), "Types of source that exist there: db-instance | ...", source=CLUSTERS
    )
    subscriptions = Column(pl.List(SUBSCRIPTION), "All of the region.", source=SUBSCRIPTIONS)

    unwatched = Column(
        pl.List(pl.String),
        'Critical events that reach nobody: "db-instance: failure".',
        source=SUBSCRIPTIONS,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_unwatched(raw)


_PUBLIC = has(pl.col("shared_with"), ANYONE)
