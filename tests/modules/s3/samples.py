"""Values worth trying in S3 tables, for the contract every rule keeps."""

import json
from typing import Any

from stratum_pipeline.modules.s3.rules.reach import EVERYONE

SIBLING, STRANGER = "222222222222", "999999999999"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


ANYONE = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::app/*",
}
NO_HTTP = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::app", "arn:aws:s3:::app/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
NO_SSE_C = NO_HTTP | {
    "Action": "s3:PutObject",
    "Condition": {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
}
DEPUTY = {
    "Effect": "Allow",
    "Principal": {"Service": "cloudtrail.amazonaws.com"},
    "Action": "s3:PutObject",
    "Resource": "arn:aws:s3:::app/*",
}
UPLOADER = DEPUTY | {"Principal": {"AWS": f"arn:aws:iam::{SIBLING}:role/upload"}}
PARTNER = ANYONE | {"Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}}
MASTER = PARTNER | {"Action": "s3:*", "Resource": ["arn:aws:s3:::app", "arn:aws:s3:::app/*"]}
TO_ACCESS_POINTS = ANYONE | {
    "Action": "s3:*",
    "Condition": {"StringEquals": {"s3:DataAccessPointAccount": "1"}},
}

SAMPLES: dict[str, list[Any]] = {
    "name": ["app", "logs"],
    "policy": [
        "",
        *(policy(one) for one in (ANYONE, NO_HTTP, NO_SSE_C, DEPUTY, UPLOADER, PARTNER, MASTER)),
        policy(ANYONE, NO_HTTP),
    ],
    "policy_status": ["", "public", "not public"],
    "ownership": ["", "ObjectWriter", "BucketOwnerPreferred", "BucketOwnerEnforced"],
    "grantee": [*EVERYONE, "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"],
    "permission": ["READ", "WRITE", "FULL_CONTROL"],
    "versioning": ["Enabled", "Suspended", "Disabled"],
    "object_lock": ["", "on", "GOVERNANCE", "COMPLIANCE"],
    "replicas": [
        [],
        *([{"bucket": "arn:aws:s3:::copy", "account": a}] for a in ("", "1", SIBLING, STRANGER)),
    ],
    "events_to": [
        [],
        ["EventBridge"],
        [f"arn:aws:sns:us-east-1:{SIBLING}:new"],
        [f"arn:aws:lambda:us-east-1:{STRANGER}:function:take"],
    ],
    "log_bucket": ["", "logs"],
    "encryption": ["", "AES256", "aws:kms", "aws:kms:dsse"],
    "key": ["", "alias/data", f"arn:aws:kms:us-east-1:{STRANGER}:key/1"],
    "blocked_encryption": [[], ["SSE-C"]],
    "taken": [[], ["sagemaker-us-east-1-1"]],
    "network_origin": ["Internet", "VPC"],
    "bucket": ["app"],
    "bucket_account": ["1", SIBLING],
    "buckets": [["app", "app-west"]],
    "": [""],
}
