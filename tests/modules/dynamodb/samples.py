"""Values worth trying in DynamoDB tables, for the contract every rule keeps."""

import json
from datetime import timedelta
from typing import Any

from ...conftest import SCANNED_AT


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


TABLE_ARN = "arn:aws:dynamodb:us-east-1:111111111111:table/orders"
ANYONE = {"Effect": "Allow", "Principal": "*", "Action": "dynamodb:*", "Resource": TABLE_ARN}
PARTNER = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
    "Action": "dynamodb:GetItem",
    "Resource": TABLE_ARN,
}
SIBLING = PARTNER | {"Principal": {"AWS": "222222222222"}}
SERVICE = {
    "Effect": "Allow",
    "Principal": {"Service": "redshift.amazonaws.com"},
    "Action": ["dynamodb:ExportTableToPointInTime", "dynamodb:DescribeTable"],
    "Resource": TABLE_ARN,
}
PINNED = SERVICE | {"Condition": {"StringEquals": {"aws:SourceAccount": "111111111111"}}}

POLICIES = ["", *(policy(s) for s in (ANYONE, PARTNER, SIBLING, SERVICE, PINNED))]

SAMPLES: dict[str, list[Any]] = {
    "name": ["orders", "carts"],
    "policy": POLICIES,
    "stream_policy": POLICIES,
    "last_backup": [SCANNED_AT - timedelta(days=days) for days in (1, 34, 36, 400)],
    "status": ["ACTIVE", "UPDATING", "INACCESSIBLE_ENCRYPTION_CREDENTIALS", "REGION_DISABLED"],
    "key_manager": ["", "AWS", "CUSTOMER"],
    "capacity_mode": ["PROVISIONED", "PAY_PER_REQUEST"],
    "fixed_capacity": [[], ["read"], ["read", "by-date write"]],
    "endpoint_encryption": ["NONE", "TLS"],
    "zones": [[], ["a"], ["a", "a"], ["a", "b"], ["a", "b", "c"]],
    "": ["", "x"],
}
