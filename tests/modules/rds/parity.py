"""Cases that show our rules to catch what the peer's rds checks are about."""

from typing import Any

from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.modules.rds import MODULE

from ..parity import Case
from .samples import CLUSTER, INSTANCE, NEVER_COME, NOTICES, PAST, SNAPSHOT, rule, told

RULES = {one.id: one for one in MODULE.rules}
SOUND: dict[str, dict[str, Any]] = {
    "instance": INSTANCE,
    "cluster": CLUSTER,
    "snapshot": SNAPSHOT,
    "cluster_snapshot": SNAPSHOT,
    "region": NOTICES,
}


def case(name: str, **broken: Any) -> Case:
    """A sound row with `broken` in it; repaired, it is the sound row again."""
    sound = SOUND[name.partition(".")[0]]
    return Case(named(name), broken=sound | broken, repaired=sound)


def named(name: str) -> Rule:
    return RULES[f"rds.{name}"]


REACHED = {
    "port": 5432,
    "publicly_accessible": True,
    "internet_route": True,
    "ingress": [rule("0.0.0.0/0")],
}
AURORA_MYSQL = {"engine": "aurora-mysql", "tls_parameter": "require_secure_transport"}
UNTOLD = "region.event_subscriptions"
SNAPSHOTS = ("snapshot", "cluster_snapshot")

CASES: dict[str, Case | list[Case]] = {
    "rds_cluster_backtrack_enabled": Case(
        named("cluster.backtrack"),
        broken=CLUSTER | AURORA_MYSQL,
        repaired=CLUSTER | AURORA_MYSQL | {"backtrack_seconds": 86400},
    ),
    "rds_cluster_copy_tags_to_snapshots": case("cluster.copy_tags", copy_tags=False),
    "rds_cluster_critical_event_subscription": [
        case(UNTOLD, subscriptions=[told("db-instance"), told("db-parameter-group")]),
        case(UNTOLD, subscriptions=[told(categories=["failure", "configuration change"])]),
    ],
    "rds_cluster_default_admin": case("cluster.default_admin", master_username="postgres"),
    "rds_cluster_deletion_protection": case(
        "cluster.deletion_protection", deletion_protection=False
    ),
    "rds_cluster_iam_authentication_enabled": case(
        "cluster.iam_authentication", iam_authentication=False
    ),
    "rds_cluster_integration_cloudwatch_logs": case("cluster.log_exports", log_exports=[]),
    "rds_cluster_minor_version_upgrade_enabled": case(
        "cluster.minor_upgrades", minor_upgrades=False
    ),
    "rds_cluster_multi_az": case("cluster.multi_az", multi_az=False),
    "rds_cluster_non_default_port": case("cluster.default_port", port=5432),
    "rds_cluster_protected_by_backup_plan": case("cluster.backup_plan", last_backup=NEVER_COME),
    "rds_cluster_storage_encrypted": case("cluster.storage_encryption", storage_encrypted=False),
    "rds_instance_backup_enabled": case("instance.backups", backup_days=0),
    "rds_instance_certificate_expiration": case("instance.certificate", certificate_expires=PAST),
    "rds_instance_copy_tags_to_snapshots": case("instance.copy_tags", copy_tags=False),
    "rds_instance_critical_event_subscription": [
        case(UNTOLD, subscriptions=[]),
        case(UNTOLD, subscriptions=[told(enabled=False)]),
        case(UNTOLD, subscriptions=[told(categories=["maintenance", "configuration change"])]),
    ],
    "rds_instance_default_admin": case("instance.default_admin", master_username="admin"),
    "rds_instance_deletion_protection": case(
        "instance.deletion_protection", deletion_protection=False
    ),
    "rds_instance_deprecated_engine_version": [
        case("instance.engine_version", engine_status="deprecated"),
        case("cluster.engine_version", engine_status="withdrawn"),
    ],
    "rds_instance_enhanced_monitoring_enabled": case(
        "instance.enhanced_monitoring", monitoring_seconds=0
    ),
    "rds_instance_event_subscription_parameter_groups": case(
        UNTOLD, subscriptions=[told("db-instance"), told("db-cluster")]
    ),
    "rds_instance_extended_support": [
        case("instance.extended_support", support_ends=PAST),
        case("cluster.extended_support", support_ends=PAST),
    ],
    "rds_instance_iam_authentication_enabled": case(
        "instance.iam_authentication", iam_authentication=False
    ),
    "rds_instance_inside_vpc": case(
        "cluster.internet_gateway", in_vpc=False, internet_gateway=True
    ),
    "rds_instance_integration_cloudwatch_logs": case("instance.log_exports", log_exports=[]),
    "rds_instance_minor_version_upgrade_enabled": case(
        "instance.minor_upgrades", minor_upgrades=False
    ),
    "rds_instance_multi_az": case("instance.multi_az", multi_az=False),
    "rds_instance_no_public_access": [
        case("instance.public", **REACHED),
        case("instance.publicly_accessible", publicly_accessible=True),
    ],
    "rds_instance_non_default_port": case("instance.default_port", port=5432),
    "rds_instance_protected_by_backup_plan": case("instance.backup_plan", last_backup=NEVER_COME),
    "rds_instance_storage_encrypted": case("instance.storage_encryption", storage_encrypted=False),
    "rds_instance_transport_encrypted": [
        case("instance.transport_encryption", tls_value="0"),
        case("cluster.transport_encryption", tls_value="0"),
    ],
    "rds_snapshots_encrypted": [case(f"{one}.encryption", encrypted=False) for one in SNAPSHOTS],
    "rds_snapshots_public_access": [
        *(case(f"{one}.public", shared_with=["*"]) for one in SNAPSHOTS),
    ],
}
