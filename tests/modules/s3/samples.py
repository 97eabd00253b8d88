"""Values worth trying in S3 tables, for the contract every rule keeps."""

import json
from typing import Any

from stratum_pipeline.modules.s3.rules import EVERYONE


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
DEPUTY = {
    "Effect": "Allow",
    "Principal": {"Service": "cloudtrail.amazonaws.com"},
    "Action": "s3:PutObject",
    "Resource": "arn:aws:s3:::app/*",
}

SAMPLES: dict[str, list[Any]] = {
    "name": ["app", "logs"],
    "policy": ["", policy(ANYONE), policy(NO_HTTP), policy(DEPUTY), policy(ANYONE, NO_HTTP)],
    "policy_status": ["", "public", "not public"],
    "ownership": ["", "ObjectWriter", "BucketOwnerPreferred", "BucketOwnerEnforced"],
    "grantee": [*EVERYONE, "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"],
    "permission": ["READ", "WRITE", "FULL_CONTROL"],
    "versioning": ["Enabled", "Suspended", "Disabled"],
    "log_bucket": ["", "logs"],
    "encryption": ["", "AES256", "aws:kms", "aws:kms:dsse"],
    "": [""],
}
