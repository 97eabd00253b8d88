"""Each S3 rule on rows small enough to read."""

import json
from typing import Any

import pytest

from stratum_pipeline.kernel.coverage import Coverage
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.modules.s3 import rules
from stratum_pipeline.modules.s3.inventory import SETTINGS, Buckets

from ...conftest import SCANNED_AT
from .samples import ANYONE, DEPUTY, NO_HTTP, policy

Row = dict[str, Any]
COVERED = Coverage.frame([{"account_id": "1", "region": "r", "operation": "x", "outcome": "ok"}])
ALL_USERS = [{"grantee": rules.EVERYONE[0], "permission": "READ"}]
ANY_ACCOUNT = [{"grantee": rules.EVERYONE[1], "permission": "WRITE"}]
NEIGHBOUR = [{"grantee": "75aa", "permission": "FULL_CONTROL"}]
LOG_GROUP = [{"grantee": "http://acs.amazonaws.com/groups/s3/LogDelivery", "permission": "WRITE"}]
OFF = {f"{of}{name}": False for of in ("", "account_") for name in SETTINGS}
OWN = OFF | dict.fromkeys(SETTINGS, True)
ACCOUNT = OFF | {f"account_{name}": True for name in SETTINGS}
PRIVATE: Row = {"policy": "", "ownership": "BucketOwnerEnforced", "grants": []}
OPEN: Row = PRIVATE | {"policy": policy(ANYONE)}
PUBLIC_ACL: Row = {"policy": "", "ownership": "ObjectWriter", "grants": ALL_USERS}


def judge(rule: Rule, row: Row, *others: Row) -> Verdicts:
    """Verdicts of `rule` on `row`; `others` are there, but another account's to answer for."""
    rows = [{"account_id": "1", "arn": "0"} | row]
    rows += [{"account_id": "2", "arn": str(i)} | other for i, other in enumerate(others, 1)]
    frame = rule.table.frame({"region": "us-east-1"} | row for row in rows)
    return evaluate("s3", [rule], {rule.table: frame}, COVERED, SCANNED_AT)


def verdict(rule: Rule, *rows: Row) -> str:
    """What becomes of the first of `rows`: fail | pass | unknown | n/a."""
    found = judge(rule, *rows)
    (counts,) = found.populations.to_dicts() or [{"failed": 0, "unknown": 0, "passed": 0}]
    said = {"fail": counts["failed"], "unknown": counts["unknown"], "pass": counts["passed"]}
    return next((name for name, count in said.items() if count), "n/a")


@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        (rules.account_public_access_block, dict.fromkeys(SETTINGS, True), "pass"),
        (rules.account_public_access_block, dict.fromkeys(SETTINGS, False), "fail"),
        (rules.account_public_access_block, {}, "unknown"),
        *(
            (
                rules.account_public_access_block,
                dict.fromkeys(SETTINGS, True) | {off: False},
                "fail",
            )
            for off in SETTINGS
        ),
        (rules.public_policy, OPEN | OFF, "fail"),
        (rules.public_policy, OPEN | OFF | {"restricts_policy": True}, "pass"),
        (rules.public_policy, OPEN | OFF | {"account_restricts_policy": True}, "pass"),
        (rules.public_policy, OPEN | OFF | {"blocks_policy": True}, "fail"),  # came too late
        (rules.public_policy, OPEN | OFF | {"account_restricts_policy": None}, "unknown"),
        (rules.public_policy, {"policy": ""}, "pass"),  # nothing to block
        (rules.public_policy, OFF | {"policy": None, "restricts_policy": True}, "pass"),
        (rules.public_policy, OFF | {"policy": None}, "unknown"),
        (rules.public_policy, OFF | {"policy": "not json"}, "unknown"),
        (rules.public_policy, OPEN | OFF | {"policy_status": "not public"}, "fail"),  # ours counts
        (rules.public_policy, OPEN | OFF | {"policy_status": None}, "fail"),
        (rules.public_acl, PUBLIC_ACL | OFF, "fail"),
        (rules.public_acl, PUBLIC_ACL | OFF | {"grants": ANY_ACCOUNT}, "fail"),
        (rules.public_acl, PUBLIC_ACL | OFF | {"grants": NEIGHBOUR + ALL_USERS}, "fail"),
        (rules.public_acl, PUBLIC_ACL | OFF | {"grants": NEIGHBOUR}, "pass"),
        (rules.public_acl, PUBLIC_ACL | OFF | {"grants": LOG_GROUP}, "pass"),
        (rules.public_acl, PUBLIC_ACL | OFF | {"ownership": ""}, "fail"),  # never set: ObjectWriter
        (rules.public_acl, PUBLIC_ACL | OFF | {"ownership": "BucketOwnerEnforced"}, "pass"),
        (rules.public_acl, PUBLIC_ACL | OFF | {"ignores_acls": True}, "pass"),
        (rules.public_acl, PUBLIC_ACL | OFF | {"account_ignores_acls": True}, "pass"),
        (rules.public_acl, PUBLIC_ACL | OFF | {"blocks_acls": True}, "fail"),  # came too late
        (rules.public_acl, PUBLIC_ACL | OFF | {"grants": None}, "unknown"),
        (rules.public_acl, PUBLIC_ACL | OFF | {"ownership": None}, "unknown"),
        (rules.public_acl, PUBLIC_ACL | OFF | {"ignores_acls": None}, "unknown"),
        (rules.public_acl, PUBLIC_ACL | {"account_ignores_acls": True}, "pass"),
        (rules.public_access_block, PRIVATE | OWN, "pass"),
        (rules.public_access_block, PRIVATE | ACCOUNT, "pass"),
        (rules.public_access_block, PRIVATE | OFF, "fail"),
        *((rules.public_access_block, PRIVATE | OWN | {off: False}, "fail") for off in SETTINGS),
        (
            rules.public_access_block,  # what the bucket lacks, the account has
            PRIVATE | OWN | {"blocks_policy": False, "account_blocks_policy": True},
            "pass",
        ),
        (rules.public_access_block, PRIVATE | dict.fromkeys(SETTINGS, True), "pass"),
        (rules.public_access_block, PRIVATE | dict.fromkeys(SETTINGS, False), "unknown"),
        (rules.public_access_block, OWN, "pass"),  # nothing public gets past it
        (rules.public_access_block, OFF, "unknown"),  # it may be public, which is another finding
        (rules.public_access_block, OPEN | OFF, "n/a"),
        (rules.public_access_block, PUBLIC_ACL | OFF, "n/a"),
        (rules.versioning, {"versioning": "Enabled"}, "pass"),
        (rules.versioning, {"versioning": "Suspended"}, "fail"),
        (rules.versioning, {"versioning": "Disabled"}, "fail"),
        (rules.versioning, {"versioning": None}, "unknown"),
        (rules.kms_encryption, {"name": "a", "log_bucket": "", "encryption": "AES256"}, "fail"),
        (rules.kms_encryption, {"name": "a", "log_bucket": "", "encryption": ""}, "fail"),
        (rules.kms_encryption, {"name": "a", "log_bucket": "", "encryption": "aws:kms"}, "pass"),
        (rules.kms_encryption, {"encryption": "aws:kms:dsse"}, "pass"),
        (rules.kms_encryption, {"name": "a", "encryption": "AES256"}, "fail"),  # logs to another
        (rules.kms_encryption, {"name": "a", "log_bucket": "", "encryption": None}, "unknown"),
        (rules.acls_enabled, PRIVATE | OFF, "pass"),
        (rules.acls_enabled, {"ownership": "BucketOwnerEnforced"}, "pass"),
        (rules.acls_enabled, OFF | {"ownership": "ObjectWriter", "grants": NEIGHBOUR}, "fail"),
        (rules.acls_enabled, OFF | {"ownership": "BucketOwnerPreferred", "grants": []}, "fail"),
        (rules.acls_enabled, OWN | {"ownership": "", "grants": ALL_USERS}, "fail"),
        (rules.acls_enabled, OFF | {"ownership": None, "grants": []}, "unknown"),
        (rules.acls_enabled, PUBLIC_ACL | OFF, "n/a"),  # the same change ends that finding
        (rules.acls_enabled, PUBLIC_ACL | OFF | {"grants": None}, "unknown"),
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
    assert verdict(rules.access_logging, bucket, *others) == expected
    if bucket["log_bucket"] == "":  # nor for KMS, which log delivery can't use
        assert verdict(rules.kms_encryption, bucket, *others) == expected


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
    assert verdict(rules.tls_only, {"policy": policy(*statements)}) == expected


def test_tls_without_a_policy_or_without_knowing_it():
    assert verdict(rules.tls_only, {"policy": ""}) == "fail"
    assert verdict(rules.tls_only, {"policy": None}) == "unknown"
    assert verdict(rules.tls_only, {"policy": "{"}) == "unknown"


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
    assert verdict(rules.confused_deputy, {"policy": policy(statement)}) == expected


def test_confused_deputy_without_a_policy_or_without_knowing_it():
    assert verdict(rules.confused_deputy, {"policy": ""}) == "pass"
    assert verdict(rules.confused_deputy, {"policy": None}) == "unknown"


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
    (finding,) = judge(rules.public_policy, row).fails.to_dicts()
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
        for rule in (rules.public_policy, rules.public_acl, rules.public_access_block)
        if verdict(rule, row | OFF) == "fail"
    ]
    assert len(told) == 1
