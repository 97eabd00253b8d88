"""Which rule of ours catches what each S3 check of the peer is about."""

from typing import Any

from stratum_pipeline.modules.s3.inventory import SETTINGS
from stratum_pipeline.modules.s3.rules import access_points, keeping, reach

from ..parity import SIBLING, Case
from .samples import ANYONE, MASTER, NO_HTTP, PARTNER, UPLOADER, policy

Row = dict[str, Any]
OFF: Row = {f"{of}{name}": False for of in ("", "account_") for name in SETTINGS}
ON: Row = OFF | dict.fromkeys(SETTINGS, True)
PRIVATE: Row = {
    "policy": "",
    "ownership": "BucketOwnerEnforced",
    "grants": [],
    "website": False,
}
OPEN: Row = OFF | PRIVATE | {"policy": policy(ANYONE)}
ACLS: Row = OFF | PRIVATE | {"ownership": "ObjectWriter"}
ALL_USERS, ANY_ACCOUNT = reach.EVERYONE
VERSIONED: Row = {
    "policy": "",
    "versioning": "Enabled",
    "object_lock": "",
    "mfa_delete": False,
    "replicas": [],
}
REPLICA = {"bucket": "arn:aws:s3:::copy-in-ireland", "account": SIBLING}
APP: Row = {"name": "app", "log_bucket": "", "encryption": "AES256"}
POINT: Row = OFF | {
    "policy": policy(ANYONE),
    "network_origin": "Internet",
    "bucket": "app",
    "bucket_account": SIBLING,
}


def granting(grantee: str, permission: str) -> Row:
    return ACLS | {"grants": [{"grantee": grantee, "permission": permission}]}


CASES: dict[str, Case | list[Case]] = {
    "s3_access_point_public_access_block": [
        Case(access_points.public_access_block, POINT | {"policy": ""}, POINT | ON),
        Case(access_points.public_policy, POINT, POINT | ON),
    ],
    "s3_account_level_public_access_blocks": Case(
        reach.account_public_access_block,
        dict.fromkeys(SETTINGS, False),
        dict.fromkeys(SETTINGS, True),
    ),
    "s3_bucket_acl_prohibited": Case(
        reach.acls_enabled, ACLS | ON | {"ownership": "BucketOwnerPreferred"}, PRIVATE | ON
    ),
    "s3_bucket_cross_account_access": [
        Case(reach.outside_access, {"policy": policy(PARTNER)}, {"policy": policy(UPLOADER)}),
        Case(reach.outside_control, {"policy": policy(MASTER)}, {"policy": ""}),
        Case(reach.foreign_acl, ON | granting("75aa57f0", "READ"), PRIVATE | ON),
    ],
    "s3_bucket_cross_region_replication": Case(
        keeping.version_protection, VERSIONED, VERSIONED | {"replicas": [REPLICA]}
    ),
    "s3_bucket_event_notifications_enabled": Case(
        keeping.event_notifications,
        OFF | {"policy": policy(UPLOADER), "events_to": []},
        OFF | {"policy": policy(UPLOADER), "events_to": ["EventBridge"]},
    ),
    "s3_bucket_kms_encryption": Case(keeping.kms_encryption, APP, APP | {"encryption": "aws:kms"}),
    "s3_bucket_level_public_access_block": Case(
        reach.public_access_block, PRIVATE | OFF, PRIVATE | ON
    ),
    "s3_bucket_lifecycle_enabled": Case(
        keeping.lifecycle, {"lifecycle_rules": 0}, {"lifecycle_rules": 1}
    ),
    "s3_bucket_no_mfa_delete": Case(
        keeping.version_protection, VERSIONED, VERSIONED | {"mfa_delete": True}
    ),
    "s3_bucket_object_lock": Case(
        keeping.version_protection, VERSIONED, VERSIONED | {"object_lock": "COMPLIANCE"}
    ),
    "s3_bucket_object_public": Case(
        reach.object_acls, ACLS, ACLS | {"ownership": "BucketOwnerEnforced"}
    ),
    "s3_bucket_object_versioning": Case(
        keeping.versioning, {"versioning": "Disabled"}, {"versioning": "Enabled"}
    ),
    "s3_bucket_policy_public_write_access": Case(
        reach.public_policy,
        OPEN | {"policy": policy(ANYONE | {"Action": "s3:PutObject"})},
        OPEN | {"policy": policy(UPLOADER)},
    ),
    "s3_bucket_public_access": [
        Case(reach.public_policy, OPEN, OPEN | ON),
        Case(reach.public_acl, granting(ALL_USERS, "READ"), ACLS),
    ],
    "s3_bucket_public_list_acl": Case(
        reach.public_acl,
        granting(ALL_USERS, "READ"),
        granting(ALL_USERS, "READ") | {"ignores_acls": True},
    ),
    "s3_bucket_public_write_acl": Case(
        reach.public_acl,
        granting(ANY_ACCOUNT, "WRITE"),
        granting(ANY_ACCOUNT, "WRITE") | {"ownership": "BucketOwnerEnforced"},
    ),
    "s3_bucket_secure_transport_policy": Case(
        reach.tls_only, PRIVATE, PRIVATE | {"policy": policy(NO_HTTP)}
    ),
    "s3_bucket_server_access_logging_enabled": Case(
        keeping.access_logging, APP, APP | {"log_bucket": "logs"}
    ),
    "s3_bucket_shadow_resource_vulnerability": Case(
        reach.reserved_names, {"taken": ["sagemaker-us-east-1-111111111111"]}, {"taken": []}
    ),
    "s3_multi_region_access_point_public_access_block": [
        Case(access_points.wide_public_access_block, OFF | {"policy": ""}, ON | {"policy": ""}),
        Case(
            access_points.wide_public_policy,
            OFF | {"policy": policy(ANYONE)},
            OFF | {"policy": policy(PARTNER)},
        ),
    ],
}
