"""Each S3 rule on rows small enough to read."""

import json
from typing import Any

import polars as pl
import pytest

from stratum_pipeline.kernel.coverage import Coverage
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.kernel.table import Table
from stratum_pipeline.kernel.trust import Members
from stratum_pipeline.modules.s3.inventory import SETTINGS, AccessPoints, Buckets
from stratum_pipeline.modules.s3.rules import RULES, access_points, keeping, reach

from ...conftest import SCANNED_AT
from .samples import (
    ANYONE,
    DEPUTY,
    MASTER,
    NO_HTTP,
    NO_SSE_C,
    PARTNER,
    SIBLING,
    STRANGER,
    TO_ACCESS_POINTS,
    UPLOADER,
    policy,
)

Row = dict[str, Any]
COVERED = Coverage.frame([{"account_id": "1", "region": "r", "operation": "x", "outcome": "ok"}])
ALL_USERS = [{"grantee": reach.EVERYONE[0], "permission": "READ"}]
ANY_ACCOUNT = [{"grantee": reach.EVERYONE[1], "permission": "WRITE"}]
NEIGHBOUR = [{"grantee": "75aa", "permission": "FULL_CONTROL"}]
LOG_GROUP = [{"grantee": "http://acs.amazonaws.com/groups/s3/LogDelivery", "permission": "WRITE"}]
OFF = {f"{of}{name}": False for of in ("", "account_") for name in SETTINGS}
OWN = OFF | dict.fromkeys(SETTINGS, True)
ACCOUNT = OFF | {f"account_{name}": True for name in SETTINGS}
PRIVATE: Row = {
    "policy": "",
    "ownership": "BucketOwnerEnforced",
    "grants": [],
    "website": False,
}
OPEN: Row = PRIVATE | {"policy": policy(ANYONE)}
CLOUDFRONT = [{"grantee": reach.CLOUDFRONT, "permission": "FULL_CONTROL"}]
VERSIONED: Row = {
    "policy": "",
    "versioning": "Enabled",
    "object_lock": "",
    "mfa_delete": False,
    "replicas": [],
}
AUDIT: Row = VERSIONED | {"policy": policy(DEPUTY)}
LOCKED: Row = {"name": "app", "log_bucket": "", "object_lock": "on"}
TAKING: Row = OFF | {"policy": policy(UPLOADER), "events_to": []}
PUBLIC_ACL: Row = {"policy": "", "ownership": "ObjectWriter", "grants": ALL_USERS}


def copied(account: str | None) -> Row:
    return {"replicas": [{"bucket": "arn:aws:s3:::copy", "account": account}]}


def judge(rule: Rule, row: Row, *others: Row) -> Verdicts:
    """Verdicts of `rule` on `row`; `others` are there, but another account's to answer for."""
    rows = [{"account_id": "1", "arn": "0"} | row]
    rows += [{"account_id": "2", "arn": str(i)} | other for i, other in enumerate(others, 1)]
    frame = rule.table.frame({"region": "us-east-1"} | row for row in rows)
    members = Members.frame({"principal": one} for one in ("1", SIBLING))
    inventory: dict[type[Table], pl.DataFrame] = {rule.table: frame, Members: members}
    return evaluate("s3", [rule], inventory, COVERED, SCANNED_AT)


def verdict(rule: Rule, *rows: Row) -> str:
    """What becomes of the first of `rows`: fail | pass | unknown | n/a."""
    return said(judge(rule, *rows))


def said(found: Verdicts) -> str:
    (counts,) = found.populations.to_dicts() or [{"failed": 0, "unknown": 0, "passed": 0}]
    told = {"fail": counts["failed"], "unknown": counts["unknown"], "pass": counts["passed"]}
    return next((name for name, count in told.items() if count), "n/a")


@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        (reach.account_public_access_block, dict.fromkeys(SETTINGS, True), "pass"),
        (reach.account_public_access_block, dict.fromkeys(SETTINGS, False), "fail"),
        (reach.account_public_access_block, {}, "unknown"),
        *(
            (
                reach.account_public_access_block,
                dict.fromkeys(SETTINGS, True) | {off: False},
                "fail",
            )
            for off in SETTINGS
        ),
        (reach.public_policy, OPEN | OFF, "fail"),
        (reach.public_policy, OPEN | OFF | {"restricts_policy": True}, "pass"),
        (reach.public_policy, OPEN | OFF | {"account_restricts_policy": True}, "pass"),
        (reach.public_policy, OPEN | OFF | {"blocks_policy": True}, "fail"),  # came too late
        (reach.public_policy, OPEN | OFF | {"account_restricts_policy": None}, "unknown"),
        (reach.public_policy, {"policy": ""}, "pass"),  # nothing to block
        (reach.public_policy, OFF | {"policy": None, "restricts_policy": True}, "pass"),
        (reach.public_policy, OFF | {"policy": None}, "unknown"),
        (reach.public_policy, OFF | {"policy": "not json"}, "unknown"),
        (reach.public_policy, OPEN | OFF | {"policy_status": "not public"}, "fail"),  # ours counts
        (reach.public_policy, OPEN | OFF | {"policy_status": None}, "fail"),
        (reach.public_acl, PUBLIC_ACL | OFF, "fail"),
        (reach.public_acl, PUBLIC_ACL | OFF | {"grants": ANY_ACCOUNT}, "fail"),
        (reach.public_acl, PUBLIC_ACL | OFF | {"grants": NEIGHBOUR + ALL_USERS}, "fail"),
        (reach.public_acl, PUBLIC_ACL | OFF | {"grants": NEIGHBOUR}, "pass"),
        (reach.public_acl, PUBLIC_ACL | OFF | {"grants": LOG_GROUP}, "pass"),
        (reach.public_acl, PUBLIC_ACL | OFF | {"ownership": ""}, "fail"),  # never set: ObjectWriter
        (reach.public_acl, PUBLIC_ACL | OFF | {"ownership": "BucketOwnerEnforced"}, "pass"),
        (reach.public_acl, PUBLIC_ACL | OFF | {"ignores_acls": True}, "pass"),
        (reach.public_acl, PUBLIC_ACL | OFF | {"account_ignores_acls": True}, "pass"),
        (reach.public_acl, PUBLIC_ACL | OFF | {"blocks_acls": True}, "fail"),  # came too late
        (reach.public_acl, PUBLIC_ACL | OFF | {"grants": None}, "unknown"),
        (reach.public_acl, PUBLIC_ACL | OFF | {"ownership": None}, "unknown"),
        (reach.public_acl, PUBLIC_ACL | OFF | {"ignores_acls": None}, "unknown"),
        (reach.public_acl, PUBLIC_ACL | {"account_ignores_acls": True}, "pass"),
        (reach.public_access_block, PRIVATE | OWN, "pass"),
        (reach.public_access_block, PRIVATE | ACCOUNT, "pass"),
        (reach.public_access_block, PRIVATE | OFF, "fail"),
        *((reach.public_access_block, PRIVATE | OWN | {off: False}, "fail") for off in SETTINGS),
        (
            reach.public_access_block,  # what the bucket lacks, the account has
            PRIVATE | OWN | {"blocks_policy": False, "account_blocks_policy": True},
            "pass",
        ),
        (reach.public_access_block, PRIVATE | dict.fromkeys(SETTINGS, True), "pass"),
        (reach.public_access_block, PRIVATE | dict.fromkeys(SETTINGS, False), "unknown"),
        (reach.public_access_block, OWN, "pass"),  # nothing public gets past it
        (reach.public_access_block, OFF, "unknown"),  # it may be public, which is another finding
        (reach.public_access_block, OPEN | OFF, "n/a"),
        (reach.public_access_block, PUBLIC_ACL | OFF, "n/a"),
        (keeping.versioning, {"versioning": "Enabled"}, "pass"),
        (keeping.versioning, {"versioning": "Suspended"}, "fail"),
        (keeping.versioning, {"versioning": "Disabled"}, "fail"),
        (keeping.versioning, {"versioning": None}, "unknown"),
        (keeping.kms_encryption, {"name": "a", "log_bucket": "", "encryption": "AES256"}, "fail"),
        (keeping.kms_encryption, {"name": "a", "log_bucket": "", "encryption": ""}, "fail"),
        (keeping.kms_encryption, {"name": "a", "log_bucket": "", "encryption": "aws:kms"}, "pass"),
        (keeping.kms_encryption, {"encryption": "aws:kms:dsse"}, "pass"),
        (keeping.kms_encryption, {"name": "a", "encryption": "AES256"}, "fail"),  # logs to another
        (keeping.kms_encryption, {"name": "a", "log_bucket": "", "encryption": None}, "unknown"),
        (reach.acls_enabled, PRIVATE | OFF, "pass"),
        (reach.acls_enabled, {"ownership": "BucketOwnerEnforced"}, "pass"),
        (reach.acls_enabled, OWN | {"policy": "", "ownership": "", "grants": []}, "fail"),
        (reach.acls_enabled, PUBLIC_ACL | OWN, "fail"),
        (reach.acls_enabled, PUBLIC_ACL | OWN | {"ownership": "BucketOwnerPreferred"}, "fail"),
        (reach.acls_enabled, PUBLIC_ACL | OWN | {"ownership": None}, "unknown"),
        (reach.acls_enabled, PUBLIC_ACL | OWN | {"grants": None}, "unknown"),
        # The same change ends those findings.
        (reach.acls_enabled, PUBLIC_ACL | OFF, "n/a"),
        (reach.acls_enabled, PUBLIC_ACL | OFF | {"grants": []}, "n/a"),
        (reach.acls_enabled, PUBLIC_ACL | OWN | {"grants": NEIGHBOUR}, "n/a"),
        (reach.object_acls, PUBLIC_ACL | OFF | {"grants": []}, "fail"),
        (reach.object_acls, PUBLIC_ACL | OFF | {"grants": [], "blocks_acls": True}, "fail"),
        (reach.object_acls, PUBLIC_ACL | OFF | {"grants": [], "ignores_acls": True}, "pass"),
        (reach.object_acls, PUBLIC_ACL | OFF | {"grants": [], "ownership": None}, "unknown"),
        (reach.object_acls, PUBLIC_ACL | OFF, "n/a"),  # the bucket's own ACL is worse
        (reach.object_acls, PUBLIC_ACL | OFF | {"policy": policy(ANYONE)}, "n/a"),
        (reach.object_acls, PRIVATE | OFF, "pass"),
        (reach.foreign_acl, PUBLIC_ACL | OWN | {"grants": NEIGHBOUR}, "fail"),
        (reach.foreign_acl, PUBLIC_ACL | OWN | {"grants": ALL_USERS}, "pass"),
        (reach.foreign_acl, PUBLIC_ACL | OWN | {"grants": LOG_GROUP}, "pass"),
        (reach.foreign_acl, PUBLIC_ACL | OWN | {"grants": CLOUDFRONT}, "pass"),
        (reach.foreign_acl, PUBLIC_ACL | OWN | {"grants": None}, "unknown"),
        (reach.foreign_acl, PUBLIC_ACL | OFF | {"grants": ALL_USERS + NEIGHBOUR}, "n/a"),
        (reach.public_access_block, PUBLIC_ACL | OFF | {"grants": []}, "n/a"),
        (reach.reserved_names, {"taken": []}, "pass"),
        (reach.reserved_names, {"taken": ["sagemaker-us-east-1-1"]}, "fail"),
        (reach.reserved_names, {"taken": [None, "sagemaker-us-east-1-1"]}, "fail"),
        (reach.reserved_names, {"taken": [None]}, "unknown"),
        (reach.website, {"website": True, "policy": ""}, "fail"),
        (reach.website, {"website": True, "policy": policy(NO_HTTP)}, "pass"),
        (reach.website, {"website": True, "policy": None}, "unknown"),
        (reach.website, {"website": False}, "pass"),
        (reach.website, {"website": None, "policy": ""}, "unknown"),
        (reach.tls_only, PRIVATE | {"website": True}, "n/a"),
        (reach.replication_outside, copied(STRANGER), "fail"),
        (reach.replication_outside, copied(SIBLING), "pass"),
        (reach.replication_outside, copied("1"), "pass"),
        (reach.replication_outside, copied(""), "pass"),  # unpinned is its own finding
        (reach.replication_outside, {"replicas": []}, "pass"),
        (reach.replication_outside, copied(None), "unknown"),
        (reach.replication_unpinned, copied(""), "fail"),
        (reach.replication_unpinned, copied(SIBLING), "pass"),
        (reach.replication_unpinned, copied(None), "unknown"),
        (reach.outside_events, {"events_to": [f"arn:aws:sqs:r:{STRANGER}:q"]}, "fail"),
        (reach.outside_events, {"events_to": [f"arn:aws:sqs:r:{SIBLING}:q"]}, "pass"),
        (reach.outside_events, {"events_to": ["EventBridge"]}, "pass"),
        (reach.outside_events, {"events_to": None}, "unknown"),
        (keeping.audit_protection, AUDIT, "fail"),
        (keeping.audit_protection, AUDIT | {"object_lock": "COMPLIANCE"}, "pass"),
        (keeping.audit_protection, AUDIT | {"mfa_delete": True}, "pass"),
        (keeping.audit_protection, AUDIT | copied(SIBLING), "pass"),
        (keeping.audit_protection, AUDIT | {"object_lock": None}, "unknown"),
        (keeping.audit_protection, AUDIT | {"versioning": "Suspended"}, "n/a"),
        (keeping.audit_protection, AUDIT | {"policy": ""}, "n/a"),
        (keeping.audit_protection, AUDIT | {"policy": None}, "unknown"),
        (keeping.version_protection, VERSIONED, "fail"),
        (keeping.version_protection, VERSIONED | {"object_lock": "on"}, "pass"),
        (keeping.version_protection, VERSIONED | {"mfa_delete": True}, "pass"),
        (keeping.version_protection, VERSIONED | copied("1"), "pass"),
        (keeping.version_protection, VERSIONED | copied(None), "pass"),  # to wherever it is
        (keeping.version_protection, VERSIONED | {"replicas": None}, "unknown"),
        (keeping.version_protection, VERSIONED | {"versioning": "Disabled"}, "n/a"),
        (keeping.version_protection, AUDIT, "n/a"),
        (keeping.lock_retention, LOCKED, "fail"),
        (keeping.lock_retention, LOCKED | {"object_lock": "GOVERNANCE"}, "pass"),
        (keeping.lock_retention, LOCKED | {"object_lock": ""}, "n/a"),
        (keeping.lock_retention, LOCKED | {"object_lock": None}, "unknown"),
        (keeping.lifecycle, {"lifecycle_rules": 0}, "fail"),
        (keeping.lifecycle, {"lifecycle_rules": 2}, "pass"),
        (keeping.lifecycle, {"lifecycle_rules": None}, "unknown"),
        (keeping.log_bucket_missing, {"log_bucket": "l", "log_bucket_exists": False}, "fail"),
        (keeping.log_bucket_missing, {"log_bucket": "l", "log_bucket_exists": True}, "pass"),
        (keeping.log_bucket_missing, {"log_bucket": "l", "log_bucket_exists": None}, "unknown"),
        (keeping.log_bucket_missing, {"log_bucket": "", "log_bucket_exists": False}, "n/a"),
        (keeping.event_notifications, TAKING, "fail"),
        (keeping.event_notifications, TAKING | {"events_to": ["EventBridge"]}, "pass"),
        (keeping.event_notifications, TAKING | {"events_to": None}, "unknown"),
        (keeping.event_notifications, TAKING | {"policy": ""}, "n/a"),
        (keeping.event_notifications, TAKING | {"policy": policy(DEPUTY)}, "n/a"),
        (keeping.event_notifications, TAKING | {"policy": policy(ANYONE, UPLOADER)}, "n/a"),
        (keeping.outside_key, {"key": f"arn:aws:kms:us-east-1:{STRANGER}:key/1"}, "fail"),
        (keeping.outside_key, {"key": f"arn:aws:kms:us-east-1:{SIBLING}:key/1"}, "pass"),
        (keeping.outside_key, {"key": "alias/data"}, "pass"),
        (keeping.outside_key, {"key": ""}, "pass"),
        (keeping.outside_key, {"key": None}, "unknown"),
        (keeping.customer_keys, {"policy": "", "blocked_encryption": []}, "fail"),
        (keeping.customer_keys, {"policy": "", "blocked_encryption": ["SSE-C"]}, "pass"),
        (keeping.customer_keys, {"policy": policy(NO_SSE_C), "blocked_encryption": []}, "pass"),
        (keeping.customer_keys, {"policy": policy(NO_HTTP), "blocked_encryption": []}, "fail"),
        (keeping.customer_keys, {"policy": None, "blocked_encryption": []}, "unknown"),
        (keeping.customer_keys, {"policy": "", "blocked_encryption": None}, "unknown"),
    ],
)
def test_verdict(rule: Rule, row: Row, expected: str):
    assert verdict(rule, row) == expected


APP: Row = {"name": "app", "log_bucket": "", "encryption": "AES256"}
LOGS: Row = {"name": "logs", "log_bucket": "", "encryption": "AES256"}


@pytest.mark.parametrize(
    ("bucket", "others", "expected"),
    [
        (APP, [], "fail"),
        (APP | {"log_bucket": "logs"}, [LOGS], "pass"),
        (APP | {"log_bucket": None}, [], "unknown"),
        (LOGS, [APP | {"log_bucket": "logs"}], "n/a"),
        (LOGS | {"log_bucket": "logs2"}, [APP | {"log_bucket": "logs"}], "pass"),
        (LOGS | {"log_bucket": "logs"}, [], "pass"),  # logs to itself: unwise, but logged
        (LOGS, [APP | {"log_bucket": None}], "unknown"),  # perhaps to this one
        (LOGS, [APP | {"log_bucket": None, "region": "eu-west-1"}], "fail"),  # not to this one
        (LOGS, [APP | {"log_bucket": None, "region": None}], "unknown"),
        (LOGS | {"region": None}, [APP | {"log_bucket": None}], "unknown"),
        (LOGS, [APP | {"log_bucket": None}, APP | {"log_bucket": "logs"}], "n/a"),  # one is enough
    ],
)
def test_a_bucket_that_receives_logs_is_not_asked_to_log(bucket, others, expected):
    assert verdict(keeping.access_logging, bucket, *others) == expected
    if bucket["log_bucket"] == "":  # nor for KMS, which log delivery can't use
        assert verdict(keeping.kms_encryption, bucket, *others) == expected


BOTH = {"Resource": ["arn:aws:s3:::app", "arn:aws:s3:::app/*"]}
OLD_TLS = {"Condition": {"NumericLessThan": {"s3:TlsVersion": 1.2}}}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([NO_HTTP], "pass"),
        ([ANYONE, NO_HTTP], "pass"),
        ([NO_HTTP | {"Principal": {"AWS": "*"}}], "pass"),
        ([NO_HTTP | {"Action": ["s3:GetObject", "*"]}], "pass"),
        ([NO_HTTP | {"Resource": "*"}], "pass"),
        ([NO_HTTP | {"Resource": "arn:aws:s3:::app*"}], "pass"),
        ([NO_HTTP | {"Condition": {"BoolIfExists": {"AWS:securetransport": False}}}], "pass"),
        ([NO_HTTP | OLD_TLS], "pass"),
        ([NO_HTTP | {"Condition": {"NumericLessThan": {"s3:TlsVersion": ["1.3"]}}}], "pass"),
        ([NO_HTTP | {"Resource": arn} for arn in BOTH["Resource"]], "pass"),  # between them
        ([], "fail"),
        ([ANYONE], "fail"),
        ([NO_HTTP | {"Effect": "Allow"}], "fail"),
        ([NO_HTTP | {"Resource": "arn:aws:s3:::app/*"}], "fail"),  # the bucket may be listed
        ([NO_HTTP | {"Resource": "arn:aws:s3:::app"}], "fail"),
        ([NO_HTTP | {"Resource": ["arn:aws:s3:::app", "arn:aws:s3:::app/a/*"]}], "fail"),
        ([NO_HTTP | {"Action": "s3:GetObject"}], "fail"),
        ([NO_HTTP | {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}], "fail"),
        ([NO_HTTP | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}], "fail"),
        ([NO_HTTP | {"Condition": {"Null": {"aws:SecureTransport": "false"}}}], "fail"),
        ([NO_HTTP | {"Condition": {"NumericLessThan": {"s3:TlsVersion": "1.0"}}}], "fail"),
        ([NO_HTTP | {"Condition": {"NumericLessThan": {"s3:TlsVersion": "x"}}}], "fail"),
        (  # from one address only
            [NO_HTTP | {"Condition": NO_HTTP["Condition"] | {"IpAddress": {"aws:SourceIp": "::"}}}],
            "fail",
        ),
        (  # allows HTTP and denies old TLS: AWS's own example
            [
                NO_HTTP
                | {"Condition": OLD_TLS["Condition"] | {"Bool": {"aws:SecureTransport": "true"}}}
            ],
            "fail",
        ),
        (  # everyone but the administrator
            [
                {k: v for k, v in NO_HTTP.items() if k != "Principal"}
                | {"NotPrincipal": {"AWS": "arn:aws:iam::111122223333:role/admin"}}
            ],
            "fail",
        ),
        (
            [
                {k: v for k, v in NO_HTTP.items() if k != "Action"} | {"NotAction": "s3:GetObject"},
            ],
            "fail",
        ),
        (
            [
                {k: v for k, v in NO_HTTP.items() if k != "Resource"}
                | {"NotResource": "arn:aws:s3:::app/*"},
            ],
            "fail",
        ),
    ],
)
def test_tls(statements: list[dict], expected: str):
    assert verdict(reach.tls_only, {"website": False, "policy": policy(*statements)}) == expected


def test_tls_without_a_policy_or_without_knowing_it():
    assert verdict(reach.tls_only, {"website": False, "policy": ""}) == "fail"
    assert verdict(reach.tls_only, {"website": False, "policy": None}) == "unknown"
    assert verdict(reach.tls_only, {"website": False, "policy": "{"}) == "unknown"


def where(**conditions: dict) -> dict:
    return DEPUTY | {"Condition": conditions}


ELB = {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
ELB_PATH = {"Resource": "arn:aws:s3:::app/alb/AWSLogs/111122223333/*"}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (DEPUTY, "fail"),
        (DEPUTY | {"Principal": {"Service": ["sns.amazonaws.com"], "AWS": "111122223333"}}, "fail"),
        (DEPUTY | {"Principal": {"Service": "ec2.amazonaws.com.cn"}}, "fail"),
        (where(StringEquals={"s3:x-amz-acl": "bucket-owner-full-control"}), "fail"),
        (where(ArnLike={"aws:SourceArn": "arn:aws:cloudtrail:*:*:trail/*"}), "fail"),
        (where(StringLike={"aws:SourceAccount": "*"}), "fail"),
        (where(StringEqualsIfExists={"aws:SourceAccount": "111122223333"}), "fail"),
        (where(StringEquals={"aws:PrincipalOrgID": "o-abc1234567"}), "fail"),  # a service has none
        (where(StringEquals={"aws:SourceAccount": "111122223333"}), "pass"),
        (where(StringEquals={"AWS:SourceOrgID": "o-abc1234567"}), "pass"),
        (where(ArnLike={"aws:SourceArn": "arn:aws:cloudtrail:*:111122223333:trail/*"}), "pass"),
        (where(ArnEquals={"aws:SourceArn": "arn:aws:s3:::inventoried"}), "pass"),
        (where(**{"ForAnyValue:StringLike": {"aws:SourceOrgPaths": "o-a/r-b/ou-c/"}}), "pass"),
        (DEPUTY | {"Effect": "Deny"}, "pass"),
        (DEPUTY | {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}, "pass"),
        (DEPUTY | {"Principal": {"AWS": "arn:aws:iam::cloudfront:user/CloudFront E1"}}, "pass"),
        (DEPUTY | {"Principal": {"Federated": "cognito-identity.amazonaws.com"}}, "pass"),
        (DEPUTY | {"Principal": {"CanonicalUser": "75aa"}}, "pass"),
        (ANYONE, "pass"),  # public_policy's to tell
        (DEPUTY | {"Principal": ELB}, "fail"),
        (DEPUTY | {"Principal": ELB} | ELB_PATH, "pass"),  # ELB names no source, but its path does
        (DEPUTY | {"Principal": ELB, "Resource": "arn:aws:s3:::app/AWSLogs/*"}, "fail"),
        (DEPUTY | ELB_PATH, "fail"),
    ],
)
def test_confused_deputy(statement: dict, expected: str):
    assert verdict(reach.confused_deputy, {"policy": policy(statement)}) == expected


def test_confused_deputy_without_a_policy_or_without_knowing_it():
    assert verdict(reach.confused_deputy, {"policy": ""}) == "pass"
    assert verdict(reach.confused_deputy, {"policy": None}) == "unknown"


@pytest.mark.parametrize(
    ("statement", "writes"),
    [
        (ANYONE, False),
        (ANYONE | {"Action": ["s3:GetObject", "s3:PutObject"]}, True),
        (ANYONE | {"Action": "s3:*"}, True),
        (ANYONE | {"Action": "s3:Delete*"}, True),
        (ANYONE | {"Action": "s3:PutObjectTagging"}, False),
        ({k: v for k, v in ANYONE.items() if k != "Action"} | {"NotAction": "s3:Put*"}, True),
        ({k: v for k, v in ANYONE.items() if k != "Action"} | {"NotAction": "s3:*"}, False),
    ],
)
def test_evidence_tells_whether_anyone_may_write_and_what_aws_says(statement, writes):
    row = OPEN | OFF | {"name": "app", "policy": policy(statement), "policy_status": "public"}
    (finding,) = judge(reach.public_policy, row).fails.to_dicts()
    evidence = json.loads(finding["evidence"])
    assert evidence["public_write"] is writes
    assert evidence["policy_status"] == "public"
    assert finding["exposed"] is True
    assert "app" in finding["cli"]


def test_writing_is_public_only_where_everyone_may():
    row = {"policy": policy(ANYONE, DEPUTY)}  # one reads, another writes
    assert Buckets.judged({Buckets: Buckets.frame([row])})["public_write"].to_list() == [False]


@pytest.mark.parametrize("row", [PRIVATE, OPEN, PUBLIC_ACL], ids=["private", "policy", "acl"])
def test_one_root_cause_is_one_finding(row: Row):
    """Of what an open public access block lets through, only the worst is told."""
    told = [
        rule.id
        for rule in RULES
        if rule.table is Buckets
        and ("public" in rule.id or "acl" in rule.id)
        and verdict(rule, row | OFF) == "fail"
    ]
    assert len(told) == 1


ELB_ACCOUNT = {"Principal": {"AWS": "arn:aws:iam::127311923021:root"}}
IN_ORG = {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-stranger12"}}}


@pytest.mark.parametrize(
    ("statement", "access", "control"),
    [
        (PARTNER, "fail", "pass"),
        (MASTER, "n/a", "fail"),
        (PARTNER | {"Action": "s3:Put*"}, "n/a", "fail"),
        (PARTNER | {"Action": ["s3:PutBucketPolicy"]}, "n/a", "fail"),
        (PARTNER | {"Principal": {"AWS": STRANGER}}, "fail", "pass"),
        (PARTNER | {"Principal": {"AWS": f"arn:aws:iam::{SIBLING}:root"}}, "pass", "pass"),
        (PARTNER | {"Effect": "Deny"}, "pass", "pass"),
        (ANYONE | IN_ORG, "fail", "pass"),
        (ANYONE, "pass", "pass"),  # public_policy's to tell
        (PARTNER | ELB_ACCOUNT, "pass", "pass"),  # AWS's own, delivering logs
        (DEPUTY, "pass", "pass"),
    ],
)
def test_whom_a_policy_admits(statement: Row, access: str, control: str):
    row = {"policy": policy(dict(statement))}
    assert verdict(reach.outside_access, row) == access
    assert verdict(reach.outside_control, row) == control


def test_whom_a_policy_admits_where_it_is_not_known():
    for rule in (reach.outside_access, reach.outside_control):
        assert verdict(rule, {"policy": None}) == "unknown"
        assert verdict(rule, {"policy": "{"}) == "unknown"


OPEN_POINT: Row = OFF | {
    "policy": policy(ANYONE),
    "network_origin": "Internet",
    "bucket": "app",
    "bucket_account": "1",
}
YIELDING: Row = OFF | {"name": "app", "policy": policy(TO_ACCESS_POINTS)}


@pytest.mark.parametrize(
    ("point", "bucket", "public", "block"),
    [
        (OPEN_POINT, YIELDING, "fail", "n/a"),
        (OPEN_POINT, YIELDING | {"policy": policy(ANYONE)}, "fail", "n/a"),
        (OPEN_POINT, YIELDING | {"policy": ""}, "pass", "fail"),  # AWS wants the bucket's word too
        (OPEN_POINT, YIELDING | {"restricts_policy": True}, "pass", "fail"),
        (OPEN_POINT, YIELDING | {"policy": None}, "unknown", "unknown"),
        (OPEN_POINT, YIELDING | {"name": "other"}, "unknown", "unknown"),
        (OPEN_POINT | {"bucket_account": SIBLING}, {}, "fail", "n/a"),
        (OPEN_POINT | {"restricts_policy": True}, YIELDING, "pass", "fail"),
        (OPEN_POINT | {"account_restricts_policy": True}, YIELDING, "pass", "fail"),
        (OPEN_POINT | {"network_origin": "VPC"}, YIELDING, "pass", "n/a"),
        (OPEN_POINT | {"policy": ""}, YIELDING, "pass", "fail"),
        (OPEN_POINT | {"policy": None}, YIELDING, "unknown", "unknown"),
        (OPEN_POINT | dict.fromkeys(SETTINGS, True), YIELDING, "pass", "pass"),
        (OPEN_POINT | ACCOUNT, YIELDING, "pass", "pass"),
        (OPEN_POINT | {"policy": policy(PARTNER)}, YIELDING, "pass", "fail"),
    ],
)
def test_an_access_point(point: Row, bucket: Row, public: str, block: str):
    common: Row = {"account_id": "1", "region": "us-east-1"}
    inventory: dict[type[Table], pl.DataFrame] = {
        AccessPoints: AccessPoints.frame(
            [common | {"arn": "arn:aws:s3:r:1:accesspoint/p"} | point]
        ),
        Buckets: Buckets.frame([common | {"arn": "arn:aws:s3:::app"} | bucket]),
        Members: Members.frame([{"principal": "1"}]),
    }
    for rule, expected in (
        (access_points.public_policy, public),
        (access_points.public_access_block, block),
    ):
        found = evaluate("s3", [rule], inventory, COVERED, SCANNED_AT)
        assert said(found) == expected, rule.id
        assert set(found.fails["related"].explode(empty_as_null=True)) <= {"arn:aws:s3:::app"}


@pytest.mark.parametrize("rule", [access_points.outside_access, access_points.wide_outside_access])
def test_whom_an_access_point_admits(rule: Rule):
    assert verdict(rule, {"policy": policy(PARTNER)}) == "fail"
    assert verdict(rule, {"policy": policy(UPLOADER)}) == "pass"
    assert verdict(rule, {"policy": ""}) == "pass"
    assert verdict(rule, {"policy": None}) == "unknown"


@pytest.mark.parametrize(
    ("row", "public", "block"),
    [
        (OFF | {"policy": policy(ANYONE)}, "fail", "n/a"),
        (OWN | {"policy": policy(ANYONE)}, "pass", "pass"),
        (ACCOUNT | {"policy": policy(ANYONE)}, "pass", "pass"),
        (OFF | {"policy": policy(PARTNER)}, "pass", "fail"),
        (OFF | {"policy": None}, "unknown", "unknown"),
        (OWN | {"policy": None}, "pass", "pass"),
        ({"policy": ""}, "pass", "unknown"),
    ],
)
def test_a_multi_region_access_point(row: Row, public: str, block: str):
    assert verdict(access_points.wide_public_policy, row) == public
    assert verdict(access_points.wide_public_access_block, row) == block
