"""Values worth trying in RDS tables, for the contract every rule keeps; and sound rows."""

from datetime import datetime, timedelta
from typing import Any

from stratum_pipeline.kernel.table import NEVER

from ...conftest import SCANNED_AT

NEVER_COME = datetime.fromisoformat(NEVER)
FAR = SCANNED_AT + timedelta(days=900)
PAST = SCANNED_AT - timedelta(days=30)
WORLD = ["0.0.0.0/0"]
CRITICAL = ["configuration change", "failure", "maintenance"]


def rule(*cidrs: str | None, protocol: str = "tcp", low: int = 5432, high: int = 5432) -> Any:
    return {"protocol": protocol, "from_port": low, "to_port": high, "cidrs": list(cidrs)}


def told(source_type: str = "", **changed: Any) -> dict[str, Any]:
    """A subscription to everything, or to one type of source."""
    return {
        "name": "ops",
        "source_type": source_type,
        "source_ids": [],
        "categories": [],
        "enabled": True,
        "status": "active",
    } | changed


DATABASE: dict[str, Any] = {
    "name": "orders",
    "engine": "postgres",
    "engine_version": "16.8",
    "replica_source": "",
    "replicas": [],
    "port": 6432,
    "master_username": "orders_owner",
    "password_managed": True,
    "iam_authentication": True,
    "storage_encrypted": True,
    "backup_days": 14,
    "copy_tags": True,
    "deletion_protection": True,
    "multi_az": True,
    "minor_upgrades": True,
    "log_exports": ["postgresql"],
    "lifecycle": "open-source-rds-extended-support",
    "engine_status": "available",
    "exportable_logs": ["postgresql", "upgrade"],
    "support_ends": FAR,
    "last_backup": SCANNED_AT - timedelta(days=1),
    "tls_parameter": "rds.force_ssl",
    "parameter_group": "orders-16",
    "tls_value": "1",
    "tls_pending": False,
}
INSTANCE: dict[str, Any] = DATABASE | {
    "cluster_id": "",
    "cluster_arn": "",
    "monitoring_seconds": 60,
    "certificate_authority": "rds-ca-rsa2048-g1",
    "certificate_expires": FAR,
    "publicly_accessible": False,
    "dual_stack": False,
    "vpc_id": "vpc-0a1b2c3d",
    "security_groups": ["arn:aws:ec2:us-east-1:111111111111:security-group/sg-1"],
    "internet_route": False,
    "internet_blocked": False,
    "ingress": [],
}
CLUSTER: dict[str, Any] = DATABASE | {
    "engine": "aurora-postgresql",
    "engine_mode": "provisioned",
    "global_cluster": "",
    "backtrack_seconds": 0,
    "internet_gateway": False,
    "in_vpc": True,
}
SNAPSHOT: dict[str, Any] = {
    "name": "before-migration",
    "source_arn": "arn:aws:rds:us-east-1:111111111111:db:orders",
    "encrypted": True,
    "shared_with": [],
}
NOTICES: dict[str, Any] = {
    "sources": ["db-instance", "db-cluster", "db-parameter-group"],
    "subscriptions": [told()],
}

SAMPLES: dict[str, list[Any]] = {
    "engine": ["postgres", "aurora-mysql", "aurora-postgresql", "oracle-ee", "neptune", "docdb"],
    "engine_mode": ["provisioned", "provisioned", "serverless"],
    "cluster_id": ["", "", "orders"],
    "cluster_arn": ["", "arn:aws:rds:us-east-1:1:cluster:orders"],
    "global_cluster": ["", "", "world"],
    "replica_source": ["", "", "main"],
    "replicas": [[], [], ["reader"]],
    "port": [0, 3306, 5432, 6432],
    "master_username": ["admin", "postgres", "owner"],
    "backup_days": [0, 1, 7, 14],
    "log_exports": [[], ["error"]],
    "exportable_logs": [[], ["error", "audit"]],
    "monitoring_seconds": [0, 60],
    "backtrack_seconds": [0, 86400],
    "certificate_expires": [FAR, PAST, SCANNED_AT + timedelta(days=40), NEVER_COME],
    "lifecycle": ["", "open-source-rds-extended-support"],
    "engine_status": ["available", "available", "deprecated", "withdrawn"],
    "support_ends": [FAR, FAR, PAST, NEVER_COME],
    "tls_parameter": ["", "rds.force_ssl", "require_secure_transport", "tls", "DB2COMM"],
    "tls_value": ["", "0", "1", "ON", "enabled", "disabled", "SSL", "TCPIP"],
    "protocol": ["tcp", "-1", "udp"],
    "from_port": [0, 5432],
    "to_port": [5432, 65535],
    "cidrs": [[], WORLD, ["10.0.0.0/8"], ["0.0.0.0/1", "128.0.0.0/1"], ["::/0"]],
    "shared_with": [[], [], ["*"], ["222222222222"], ["999999999999"], ["*", "999999999999"]],
    "sources": [["db-instance", "db-parameter-group"], NOTICES["sources"]],
    "subscriptions": [
        [],
        [told()],
        [told("db-instance"), told("db-cluster"), told("db-parameter-group")],
        [told("db-instance", categories=["failure"])],
        [told(enabled=False)],
        [told(status="topic-not-exist"), told(source_ids=["orders"])],
    ],
    "": [""],
}
