"""RDS and Aurora.

Instances stand in groups that the network has already: one that only a database used would
look unused, as moto gives databases no interface.
"""

from dataclasses import dataclass
from typing import Any

from moto.rds.models import rds_backends

from ..accounts import DATA, HOME, IRELAND, PRODUCTION, SANDBOX, STAGING
from ..repairs import backup
from ..tools import Workshop
from ..tools.core import TODAY, Json, api, days_ago

PARTNER = "899988889999"
"""An account of nobody we know."""

POSTGRES, MYSQL = "postgres16", "mysql8.4"


def furnish(at: Workshop) -> None:
    if holds := HOLDINGS.get(at.account):
        holds(at)


@dataclass(frozen=True)
class Databases:
    """RDS in one account and region: what is made is configured well unless told otherwise."""

    at: Workshop
    region: str

    @classmethod
    def prepare(cls, at: Workshop, region: str, network: str, *, told: bool = True) -> "Databases":
        """With a subnet group for each side of `network`; `told`: and subscribed to events."""
        made, names = cls(at, region), at.names[at.account.name]
        for side in ("public", "private"):
            made.api.create_db_subnet_group(
                DBSubnetGroupName=side,
                DBSubnetGroupDescription=side,
                SubnetIds=[names[f"{network}-{side}"]],
            )
        if told:
            made.api.create_event_subscription(
                SubscriptionName="databases",
                SnsTopicArn=f"arn:aws:sns:{region}:{at.account.id}:operations",
                Enabled=True,
            )
        return made

    @property
    def api(self) -> Any:
        return api(self.at.account, "rds", self.region)

    @property
    def moto(self) -> Any:
        """moto's own records, for what no AWS call can set."""
        return rds_backends[self.at.account.id][self.region]

    def parameters(self, family: str, tls: str, *, cluster: bool = False) -> str:
        """Name of a parameter group for `family` in which TLS is required ("1") or not ("0")."""
        name = f"{family.replace('.', '-')}-tls-{tls}"
        parameter = "require_secure_transport" if "mysql" in family else "rds.force_ssl"
        value = {"ParameterName": parameter, "ParameterValue": tls, "ApplyType": "dynamic"}
        kind, prefix = ("cluster_", "DBCluster") if cluster else ("", "DB")
        group = {f"{prefix}ParameterGroupName": name}
        getattr(self.api, f"create_db_{kind}parameter_group")(
            **group, DBParameterGroupFamily=family, Description=name
        )
        getattr(self.api, f"modify_db_{kind}parameter_group")(**group, Parameters=[value])
        return name

    def instance(
        self,
        name: str,
        group: str,
        *,
        backed_up: bool = True,
        monitored: bool = True,
        **changed: Any,
    ) -> None:
        """A PostgreSQL instance with the security group that is called `group`."""
        made = self.api.create_db_instance(
            **WELL
            | {
                "DBInstanceIdentifier": name,
                "DBInstanceClass": "db.m7g.large",
                "Engine": "postgres",
                "EngineVersion": "16.8",
                "AllocatedStorage": 100,
                "MultiAZ": True,
                "PubliclyAccessible": False,
                "DBSubnetGroupName": "private",
                "AvailabilityZone": f"{self.region}a",
                "VpcSecurityGroupIds": [self.at.names[self.at.account.name][group]],
            }
            | (self._monitored() if monitored else {})
            | changed,
        )
        if backed_up:
            self._protect(made["DBInstance"]["DBInstanceArn"], "RDS")

    def cluster(self, name: str, zones: str, *, backed_up: bool = True, **changed: Any) -> None:
        """An Aurora PostgreSQL cluster, with an instance in each of `zones` ("ab")."""
        wanted = WELL | {"Engine": "aurora-postgresql", "EngineVersion": "16.8"} | changed
        made = self.api.create_db_cluster(DBClusterIdentifier=name, **wanted)
        for number, zone in enumerate(zones, 1):
            self.api.create_db_instance(
                DBInstanceIdentifier=f"{name}-{number}",
                DBInstanceClass="db.r8g.large",
                Engine=wanted["Engine"],
                DBClusterIdentifier=name,
                AvailabilityZone=f"{self.region}{zone}",
                **self._monitored(),
            )
        if backed_up:
            self._protect(made["DBCluster"]["DBClusterArn"], "Aurora")

    def snapshot(self, name: str, of: str, *shared_with: str) -> None:
        self.api.create_db_snapshot(DBInstanceIdentifier=of, DBSnapshotIdentifier=name)
        self.api.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=list(shared_with)
        )

    def cluster_snapshot(self, name: str, of: str, *shared_with: str) -> None:
        self.api.create_db_cluster_snapshot(
            DBClusterIdentifier=of, DBClusterSnapshotIdentifier=name
        )
        self.api.modify_db_cluster_snapshot_attribute(
            DBClusterSnapshotIdentifier=name,
            AttributeName="restore",
            ValuesToAdd=list(shared_with),
        )

    def _monitored(self) -> Json:
        role = f"arn:aws:iam::{self.at.account.id}:role/rds-monitoring"
        return {"MonitoringInterval": 60, "MonitoringRoleArn": role}

    def _protect(self, arn: str, kind: str) -> None:
        backup.protect(self.at.account.id, self.region, arn, kind, days_ago(1))


WELL: Json = {
    "MasterUsername": "owner",
    "ManageMasterUserPassword": True,
    "EnableIAMDatabaseAuthentication": True,
    "StorageEncrypted": True,
    "BackupRetentionPeriod": 14,
    "CopyTagsToSnapshot": True,
    "DeletionProtection": True,
    "AutoMinorVersionUpgrade": True,
    "EnableCloudwatchLogsExports": ["postgresql"],
    "Port": 6432,
}


def production(at: Workshop) -> None:
    rds = Databases.prepare(at, HOME, "orders")
    strict = rds.parameters("aurora-postgresql16", "1", cluster=True)
    rds.cluster("orders", "ab", DBClusterParameterGroupName=strict)
    # Shared within the organization.
    rds.cluster_snapshot("orders-for-data", "orders", DATA.id)
    # As well as an Aurora MySQL cluster can be; it can be rewound by a day.
    rds.cluster(
        "catalog",
        "ab",
        Engine="aurora-mysql",
        EngineVersion="8.0.mysql_aurora.3.10.0",
        DBClusterParameterGroupName=rds.parameters("aurora-mysql8.0", "1", cluster=True),
        EnableCloudwatchLogsExports=["audit", "error", "slowquery"],
        BacktrackWindow=24 * 3600,
    )
    rds.instance("billing", "database", DBParameterGroupName=rds.parameters(POSTGRES, "1"))
    rds.snapshot("billing-before-upgrade", "billing")


def staging(at: Workshop) -> None:
    rds = Databases.prepare(at, HOME, "staging")
    rds.instance(
        "reports",
        "staging-default",
        monitored=False,
        Engine="mysql",
        EngineVersion="8.4.7",
        DBParameterGroupName=rds.parameters(MYSQL, "1"),
        MultiAZ=False,
        AutoMinorVersionUpgrade=False,
        CopyTagsToSnapshot=False,
        EnableIAMDatabaseAuthentication=False,
        EnableCloudwatchLogsExports=[],
        Port=3306,
    )
    expiring = rds.moto.databases["reports"].certificate_details
    expiring["ValidTill"] = TODAY - (days_ago(30) - TODAY)  # in thirty days
    rds.instance(
        "legacy",
        "staging-default",
        backed_up=False,
        Engine="mysql",
        EngineVersion="5.7.44",
        EnableCloudwatchLogsExports=["error"],
        DBParameterGroupName=rds.parameters("mysql5.7", "1"),
        BackupRetentionPeriod=3,
        PubliclyAccessible=True,  # from a private subnet, with a group that lets nobody in
    )


def data(at: Workshop) -> None:
    rds = Databases.prepare(at, IRELAND, "lake")
    rds.cluster(
        "warehouse",
        "a",
        backed_up=False,
        Engine="aurora-mysql",
        EngineVersion="5.7.mysql_aurora.2.12.5",
        DBClusterParameterGroupName=rds.parameters("aurora-mysql5.7", "0", cluster=True),
        MasterUsername="admin",
        ManageMasterUserPassword=False,
        MasterUserPassword="Correct-Horse-9-Battery",
        EnableIAMDatabaseAuthentication=False,
        StorageEncrypted=False,
        BackupRetentionPeriod=1,
        CopyTagsToSnapshot=False,
        DeletionProtection=False,
        AutoMinorVersionUpgrade=False,
        EnableCloudwatchLogsExports=[],
        Port=3306,
    )
    rds.cluster_snapshot("warehouse-sample", "warehouse", "all")
    rds.cluster_snapshot("warehouse-for-partner", "warehouse", PARTNER)


def sandbox(at: Workshop) -> None:
    """The toxic combinations: on the internet, in plain text, and its snapshot is anyone's."""
    rds = Databases.prepare(at, HOME, "lab", told=False)
    rds.instance(
        "prototype",
        "anything",
        EngineVersion="16.1",
        DBParameterGroupName=rds.parameters(POSTGRES, "0"),
        DBSubnetGroupName="public",
        PubliclyAccessible=True,
        MasterUsername="postgres",
        ManageMasterUserPassword=False,
        MasterUserPassword="Correct-Horse-9-Battery",
        StorageEncrypted=False,
        BackupRetentionPeriod=0,
        DeletionProtection=False,
    )
    rds.snapshot("prototype-demo", "prototype", "all")
    rds.snapshot("prototype-for-partner", "prototype", PARTNER)
    rds.cluster(
        "express",
        "a",
        EngineVersion="17.4",
        WithExpressConfiguration=True,
        DBClusterParameterGroupName=rds.parameters("aurora-postgresql17", "1", cluster=True),
    )


HOLDINGS = {PRODUCTION: production, STAGING: staging, DATA: data, SANDBOX: sandbox}
