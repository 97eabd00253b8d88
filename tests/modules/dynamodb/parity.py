"""What the peer's DynamoDB checks are about, and our rules that catch it."""

from datetime import timedelta

from stratum_pipeline.modules.dynamodb import rules
from stratum_pipeline.modules.dynamodb.inventory import NEVER_BACKED_UP

from ...conftest import SCANNED_AT
from ..parity import Case
from .samples import ANYONE, PARTNER, SIBLING, policy

CLOSED = {"policy": "", "stream_policy": ""}

CASES: dict[str, Case | list[Case]] = {
    "dynamodb_accelerator_cluster_encryption_enabled": Case(
        rules.encryption_at_rest, broken={"encrypted": False}, repaired={"encrypted": True}
    ),
    "dynamodb_accelerator_cluster_in_transit_encryption_enabled": Case(
        rules.encryption_in_transit,
        broken={"endpoint_encryption": "NONE"},
        repaired={"endpoint_encryption": "TLS"},
    ),
    "dynamodb_accelerator_cluster_multi_az": Case(
        rules.multi_az,
        broken={"zones": ["us-east-1a"]},
        repaired={"zones": ["us-east-1a", "us-east-1b"]},
    ),
    "dynamodb_table_autoscaling_enabled": Case(
        rules.fixed_capacity,
        broken={"capacity_mode": "PROVISIONED", "fixed_capacity": ["write"]},
        repaired={"capacity_mode": "PROVISIONED", "fixed_capacity": []},
    ),
    "dynamodb_table_cross_account_access": [
        Case(rules.public_policy, broken=CLOSED | {"policy": policy(ANYONE)}, repaired=CLOSED),
        Case(
            rules.outside_organization,
            broken=CLOSED | {"policy": policy(PARTNER)},
            repaired=CLOSED | {"policy": policy(SIBLING)},
        ),
    ],
    "dynamodb_table_deletion_protection_enabled": Case(
        rules.deletion_protection,
        broken={"deletion_protection": False},
        repaired={"deletion_protection": True},
    ),
    "dynamodb_table_protected_by_backup_plan": Case(
        rules.backup_plan,
        broken={"last_backup": NEVER_BACKED_UP},
        repaired={"last_backup": SCANNED_AT - timedelta(days=1)},
    ),
    "dynamodb_tables_kms_cmk_encryption_enabled": Case(
        rules.customer_key, broken={"key_manager": ""}, repaired={"key_manager": "CUSTOMER"}
    ),
    "dynamodb_tables_pitr_enabled": Case(
        rules.point_in_time_recovery,
        broken={"point_in_time_recovery": False},
        repaired={"point_in_time_recovery": True},
    ),
}
