"""Each DynamoDB rule on rows small enough to read."""

from datetime import timedelta
from typing import Any

import pytest

from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.modules.dynamodb import rules
from stratum_pipeline.modules.dynamodb.derive import fixed_capacity
from stratum_pipeline.modules.dynamodb.inventory import NEVER_BACKED_UP

from ...conftest import SCANNED_AT
from ..parity import verdict
from .samples import ANYONE, PARTNER, PINNED, SERVICE, SIBLING, policy

CLOSED = {"policy": "", "stream_policy": ""}
ORGANIZATION = ANYONE | {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-ours123456"}}}
PROVISIONED = {"capacity_mode": "PROVISIONED"}


def days(count: int) -> dict[str, Any]:
    return {"last_backup": SCANNED_AT - timedelta(days=count)}


def replicas(*statuses: str | None) -> dict[str, Any]:
    return {"replicas": [{"region": f"eu-west-{n}", "status": s} for n, s in enumerate(statuses)]}


@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        (rules.public_policy, CLOSED, "pass"),
        (rules.public_policy, CLOSED | {"policy": policy(ANYONE)}, "fail"),
        (rules.public_policy, CLOSED | {"stream_policy": policy(ANYONE)}, "fail"),
        (rules.public_policy, CLOSED | {"policy": policy(ORGANIZATION)}, "pass"),
        (rules.public_policy, CLOSED | {"policy": policy(PARTNER)}, "pass"),  # another finding
        (rules.public_policy, {"policy": policy(ANYONE)}, "fail"),  # whatever the stream's says
        (rules.public_policy, {"policy": ""}, "unknown"),
        (rules.public_policy, CLOSED | {"policy": "not json"}, "unknown"),
        (rules.outside_organization, CLOSED, "pass"),
        (rules.outside_organization, CLOSED | {"policy": policy(PARTNER)}, "fail"),
        (rules.outside_organization, CLOSED | {"stream_policy": policy(PARTNER)}, "fail"),
        (rules.outside_organization, CLOSED | {"policy": policy(SIBLING)}, "pass"),
        (rules.outside_organization, CLOSED | {"policy": policy(ORGANIZATION)}, "pass"),
        (rules.outside_organization, CLOSED | {"policy": policy(ANYONE)}, "pass"),
        (rules.outside_organization, {"stream_policy": ""}, "unknown"),
        (rules.confused_deputy, CLOSED, "pass"),
        (rules.confused_deputy, CLOSED | {"policy": policy(SERVICE)}, "fail"),
        (rules.confused_deputy, CLOSED | {"policy": policy(PINNED)}, "pass"),
        (rules.confused_deputy, CLOSED | {"policy": policy(ANYONE)}, "pass"),
        (rules.confused_deputy, {"policy": policy(PINNED)}, "unknown"),
        (rules.point_in_time_recovery, {"point_in_time_recovery": True}, "pass"),
        (rules.point_in_time_recovery, {"point_in_time_recovery": False}, "fail"),
        (rules.point_in_time_recovery, {}, "unknown"),
        (rules.deletion_protection, {"deletion_protection": True}, "pass"),
        (rules.deletion_protection, {"deletion_protection": False}, "fail"),
        (rules.deletion_protection, {}, "unknown"),
        (rules.backup_plan, days(35), "pass"),
        (rules.backup_plan, days(36), "fail"),
        (rules.backup_plan, {"last_backup": NEVER_BACKED_UP}, "fail"),
        (rules.backup_plan, {}, "unknown"),
        (rules.customer_key, {"key_manager": ""}, "fail"),
        (rules.customer_key, {"key_manager": "AWS"}, "fail"),
        (rules.customer_key, {"key_manager": "CUSTOMER"}, "pass"),
        (rules.customer_key, {}, "unknown"),
        (rules.key_inaccessible, {"status": "ACTIVE"}, "pass"),
        (rules.key_inaccessible, {"status": "INACCESSIBLE_ENCRYPTION_CREDENTIALS"}, "fail"),
        (rules.key_inaccessible, {"status": "ARCHIVED"}, "fail"),
        (rules.key_inaccessible, {}, "unknown"),
        (rules.fixed_capacity, PROVISIONED | {"fixed_capacity": ["by-date write"]}, "fail"),
        (rules.fixed_capacity, PROVISIONED | {"fixed_capacity": []}, "pass"),
        (rules.fixed_capacity, PROVISIONED, "unknown"),
        (rules.fixed_capacity, {"capacity_mode": "PAY_PER_REQUEST", "fixed_capacity": []}, "n/a"),
        (rules.replica_broken, replicas(), "pass"),  # no global table
        (rules.replica_broken, replicas("ACTIVE", "UPDATING"), "pass"),
        (rules.replica_broken, replicas("ACTIVE", "REGION_DISABLED"), "fail"),
        (rules.replica_broken, replicas("ACTIVE", None), "unknown"),
        (rules.replica_broken, replicas("REPLICATION_NOT_AUTHORIZED", None), "fail"),
        (rules.encryption_at_rest, {"encrypted": True}, "pass"),
        (rules.encryption_at_rest, {"encrypted": False}, "fail"),
        (rules.encryption_at_rest, {}, "unknown"),
        (rules.encryption_in_transit, {"endpoint_encryption": "TLS"}, "pass"),
        (rules.encryption_in_transit, {"endpoint_encryption": "NONE"}, "fail"),
        (rules.encryption_in_transit, {}, "unknown"),
        (rules.multi_az, {"zones": ["a", "a", "b"]}, "pass"),
        (rules.multi_az, {"zones": ["a"]}, "fail"),
        (rules.multi_az, {"zones": ["a", "a"]}, "fail"),
        (rules.multi_az, {"zones": ["a", None]}, "unknown"),
        (rules.multi_az, {"zones": []}, "n/a"),  # still being created
        (rules.multi_az, {}, "unknown"),
    ],
)
def test_verdict(rule: Rule, row: dict[str, Any], expected: str):
    assert verdict(rule, row) == expected


def scaling(resource: str, dimension: str) -> dict[str, str]:
    return {"ResourceId": resource, "ScalableDimension": f"dynamodb:{dimension}CapacityUnits"}


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], ["read", "write", "by-date read", "by-date write"]),
        (
            [scaling("table/orders", "table:Read"), scaling("table/orders", "table:Write")],
            ["by-date read", "by-date write"],
        ),
        (
            [
                scaling("table/orders", "table:Read"),
                scaling("table/orders/index/by-date", "index:Read"),
                scaling("table/others", "table:Write"),
            ],
            ["write", "by-date write"],
        ),
    ],
)
def test_capacity_that_nothing_scales(policies: list[dict[str, str]], expected: list[str]):
    table = {"TableName": "orders", "GlobalSecondaryIndexes": [{"IndexName": "by-date"}]}
    assert fixed_capacity(table, policies) == expected
