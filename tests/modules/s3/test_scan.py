"""S3 end to end against moto: what AWS refuses comes out unknown, with the reason."""

from collections import Counter
from datetime import timedelta

import boto3
import botocore.client
import polars as pl
import pytest
from moto.s3.models import s3_backends
from polars.testing import assert_frame_equal

from stratum_pipeline.kernel.collect import collect
from stratum_pipeline.modules.s3 import MODULE
from stratum_pipeline.modules.s3.inventory import (
    Buckets,
)
from stratum_pipeline.modules.s3.inventory import (
    account as settings,
)

from .conftest import ACCOUNT_ARN, ACLS, ALL_ON, again, calls, scan, told
from .samples import STRANGER


def test_facts_become_verdicts(account, buckets):
    found = scan(account)
    fails = {
        rule.id: names
        for rule in MODULE.rules
        if (names := told(found.fails, rule.id.removeprefix("s3.bucket.")))
    }
    assert fails == {
        "s3.bucket.public_policy": ["bare"],
        "s3.bucket.public_acl": ["bare"],
        # Not public_access_block, object_acls, acls_enabled: bare is public already.
        "s3.bucket.confused_deputy": ["logbook"],
        "s3.bucket.tls_only": ["bare", "logbook"],
        "s3.bucket.versioning": ["bare", "logbook"],
        "s3.bucket.version_protection": ["kept"],  # the others keep no versions at all
        "s3.bucket.lifecycle": ["bare", "kept", "logbook"],
        "s3.bucket.access_logging": ["bare"],  # and not the bucket that logs go to
        "s3.bucket.kms_encryption": ["bare"],
        "s3.bucket.customer_keys": ["bare", "kept", "logbook"],
    }
    assert found.unknowns.is_empty()
    assert found.gaps.is_empty()
    regions = found.fails.filter(pl.col("rule_id") == "s3.bucket.tls_only")["region"].to_list()
    assert regions == ["us-east-1", "eu-west-1"]
    account_row = found.fails.filter(pl.col("resource_arn") == ACCOUNT_ARN).to_dicts()
    assert [row["rule_id"] for row in account_row] == ["s3.account.public_access_block"]
    assert "--account-id 123456789012 " in account_row[0]["cli"]


def test_the_accounts_block_covers_every_bucket(account, buckets):
    boto3.client("s3control", region_name="us-east-1").put_public_access_block(
        AccountId="123456789012", PublicAccessBlockConfiguration=ALL_ON
    )
    found = scan(account)
    failed = set(found.fails["rule_id"])
    assert not {rule for rule in failed if "public" in rule}
    assert told(found.fails, "acls_enabled") == ["bare"]


def test_facts_as_stored(account, buckets):
    frame = collect(account, MODULE.collectors, ["eu-west-1"])[Buckets]
    bare, kept, logbook = frame.to_dicts()
    everyone = "http://acs.amazonaws.com/groups/global/AllUsers"
    assert bare["grants"] == [{"grantee": everyone, "permission": "READ"}]  # the owner's is no news
    statuses = [bucket["policy_status"] for bucket in (bare, kept, logbook)]
    assert statuses == ["public", "", ""]  # nobody else allows everyone anything
    assert (bare["ownership"], bare["encryption"], bare["log_bucket"]) == ("", "", "")
    assert (kept["grants"], kept["encryption"], kept["log_bucket"]) == ([], "aws:kms", "logbook")
    assert (bare["log_bucket_exists"], kept["log_bucket_exists"]) == (False, True)
    assert (bare["website"], kept["website"], kept["lifecycle_rules"]) == (False, False, 0)
    assert (kept["object_lock"], kept["replicas"], kept["events_to"]) == ("", [], [])
    assert (kept["mfa_delete"], kept["key"], kept["blocked_encryption"]) == (False, "", [])


def test_what_a_bucket_may_have_beside(account, buckets):
    """Lock, replication, website and lifecycle, as AWS reports them when they are on."""
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="held", ObjectLockEnabledForBucket=True)
    retention = {"Mode": "COMPLIANCE", "Days": 30}
    s3.put_object_lock_configuration(
        Bucket="held",
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": retention},
        },
    )
    s3.create_bucket(Bucket="copied", ObjectLockEnabledForBucket=True)
    targets = {"held": {}, "elsewhere": {}, "partners": {"Account": STRANGER}, "off": {}}
    s3.put_bucket_replication(
        Bucket="copied",
        ReplicationConfiguration={
            "Role": "arn:aws:iam::123456789012:role/copy",
            "Rules": [
                {
                    "ID": name,
                    "Priority": number,
                    "Status": "Disabled" if name == "off" else "Enabled",
                    "Filter": {"Prefix": ""},
                    "DeleteMarkerReplication": {"Status": "Disabled"},
                    "Destination": {"Bucket": f"arn:aws:s3:::{name}"} | more,
                }
                for number, (name, more) in enumerate(targets.items())
            ],
        },
    )
    site = {"IndexDocument": {"Suffix": "index.html"}}
    s3.put_bucket_website(Bucket="bare", WebsiteConfiguration=site)
    days = {"NoncurrentVersionExpiration": {"NoncurrentDays": 90}, "Filter": {"Prefix": ""}}
    rules = [days | {"ID": state, "Status": state} for state in ("Enabled", "Disabled")]
    s3.put_bucket_lifecycle_configuration(Bucket="held", LifecycleConfiguration={"Rules": rules})
    frame = collect(account, MODULE.collectors, ["us-east-1"])[Buckets]
    row = {bucket["name"]: bucket for bucket in frame.to_dicts()}
    assert row["held"]["object_lock"] == "COMPLIANCE"
    assert row["held"]["lifecycle_rules"] == 1
    assert row["copied"]["object_lock"] == "on"
    assert row["copied"]["replicas"] == [
        {"bucket": "arn:aws:s3:::elsewhere", "account": ""},
        {"bucket": "arn:aws:s3:::held", "account": "123456789012"},
        {"bucket": "arn:aws:s3:::partners", "account": STRANGER},
    ]
    assert row["bare"]["website"] is True


def test_events_and_encryption_as_aws_documents_them(account, buckets, answers):
    rule = {
        "ApplyServerSideEncryptionByDefault": {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": f"arn:aws:kms:us-east-1:{STRANGER}:key/1",
        },
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
    }
    answers["GetBucketEncryption"] = {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}
    answers["GetBucketVersioning"] = {"Status": "Enabled", "MFADelete": "Enabled"}
    answers["GetBucketNotificationConfiguration"] = {
        "TopicConfigurations": [{"TopicArn": "arn:aws:sns:us-east-1:1:t", "Events": []}],
        "QueueConfigurations": [{"QueueArn": "arn:aws:sqs:us-east-1:1:q", "Events": []}] * 2,
        "LambdaFunctionConfigurations": [
            {"LambdaFunctionArn": "arn:aws:lambda:us-east-1:1:function:f", "Events": []}
        ],
        "EventBridgeConfiguration": {},
    }
    bucket = collect(account, MODULE.collectors, ["us-east-1"])[Buckets].row(0, named=True)
    assert bucket["key"] == f"arn:aws:kms:us-east-1:{STRANGER}:key/1"
    assert bucket["blocked_encryption"] == ["SSE-C"]
    assert bucket["mfa_delete"] is True
    assert bucket["events_to"] == [
        "EventBridge",
        "arn:aws:lambda:us-east-1:1:function:f",
        "arn:aws:sns:us-east-1:1:t",
        "arn:aws:sqs:us-east-1:1:q",
    ]


@pytest.mark.parametrize(
    ("operation", "rules"),
    [
        ("GetBucketVersioning", {"versioning", "version_protection"}),
        ("GetBucketLogging", {"access_logging", "log_bucket_missing"}),
        ("GetBucketEncryption", {"kms_encryption", "outside_key", "customer_keys"}),
        ("GetBucketLifecycleConfiguration", {"lifecycle"}),
        ("GetBucketNotificationConfiguration", {"outside_events"}),
        ("GetBucketWebsite", {"website", "tls_only"}),
        (
            "GetBucketPolicy",
            {
                "public_policy",
                "public_access_block",
                "tls_only",
                "confused_deputy",
                "outside_access",
                "outside_control",
                "customer_keys",
                "event_notifications",
            },
        ),
        ("GetBucketPolicyStatus", set()),  # no verdict hangs on it
        ("GetBucketOwnershipControls", ACLS),
        ("GetBucketAcl", ACLS),
        ("GetPublicAccessBlock", ACLS | {"public_policy", "event_notifications"}),
    ],
)
@pytest.mark.parametrize(
    ("code", "outcome"),
    [("AccessDenied", "denied"), ("SlowDown", "throttled"), ("NoSuchBucket", "error")],
)
def test_a_refused_detail_is_unknown_for_that_bucket_only(
    account, buckets, refuse, operation, rules, code, outcome
):
    refuse(operation, code, lambda _, params: params.get("Bucket") == "bare")
    found = scan(account)
    unknown = set(found.unknowns["rule_id"])
    assert unknown <= {f"s3.bucket.{rule}" for rule in rules}
    assert bool(unknown) == bool(rules)
    assert set(found.unknowns["resource_arn"]) <= {"arn:aws:s3:::bare"}
    assert set(found.unknowns["because"]) <= {f"s3:{operation} {outcome} ({code})"}
    assert found.gaps.select("operation", "outcome", "unlisted").rows() == [
        (f"s3:{operation}", outcome, False)
    ]


@pytest.mark.parametrize(
    ("operation", "rules"),
    [
        ("GetObjectLockConfiguration", {"version_protection", "lock_retention"}),
        (
            "GetBucketReplication",
            {"version_protection", "replication_outside", "replication_unpinned"},
        ),
    ],
)
def test_what_only_a_versioned_bucket_is_asked(account, buckets, refuse, operation, rules):
    refuse(operation, "AccessDenied")
    found = scan(account)
    assert set(found.unknowns["rule_id"]) == {f"s3.bucket.{rule}" for rule in rules}
    assert set(found.unknowns["resource_arn"]) == {"arn:aws:s3:::kept"}
    assert set(found.unknowns["because"]) == {f"s3:{operation} denied (AccessDenied)"}


def test_a_bucket_that_vanished_is_unknown_and_nothing_else(account, buckets, refuse):
    for operation in {c.source.partition(":")[2] for c in Buckets.columns.values() if c.source}:
        if operation != "ListBuckets":
            refuse(operation, "NoSuchBucket", lambda _, params: params.get("Bucket") == "kept")
    found = scan(account)
    assert "arn:aws:s3:::kept" not in found.fails["resource_arn"]
    about = [rule.id for rule in MODULE.rules if rule.table is Buckets]
    rules = found.unknowns.filter(pl.col("resource_arn") == "arn:aws:s3:::kept")["rule_id"]
    assert set(rules) == set(about)


def test_a_refused_account_block_is_unknown_only_where_it_matters(account, buckets, refuse):
    refuse("GetPublicAccessBlock", "AccessDenied", lambda _, params: "AccountId" in params)
    found = scan(account)
    assert told(found.unknowns, "public_policy") == ["bare"]
    assert told(found.unknowns, "public_acl") == ["bare"]
    assert told(found.unknowns, "object_acls") == ["bare"]
    assert told(found.unknowns, "public_access_block") == ["bare"]
    setting = found.unknowns.filter(pl.col("resource_arn") == ACCOUNT_ARN)
    assert setting["rule_id"].to_list() == ["s3.account.public_access_block"]
    assert set(found.unknowns["because"]) == {
        "s3control:GetPublicAccessBlock denied (AccessDenied)"
    }
    assert "s3.account.public_access_block" not in found.observed["rule_id"]
    assert calls(account)["s3control:GetPublicAccessBlock"] == 1


def test_a_refused_listing_blinds_all_bucket_rules(account, buckets, refuse):
    refuse("ListBuckets", "AccessDenied")
    found = scan(account)
    (gap,) = found.gaps.to_dicts()
    assert (gap["operation"], gap["unlisted"]) == ("s3:ListBuckets", True)
    assert set(gap["rules"]) == {r.id for r in MODULE.rules if r.table is Buckets}
    assert not set(found.observed["rule_id"]) & {r.id for r in MODULE.rules if r.table is Buckets}
    assert "s3.account.public_access_block" in set(found.observed["rule_id"])


def test_a_listing_that_breaks_off_keeps_what_it_had(account, buckets, paged, refuse):
    paged(1)
    refuse("ListBuckets", "SlowDown", lambda _, params: params.get("ContinuationToken") == "2")
    found = scan(account)
    assert told(found.fails, "versioning") == ["bare"]  # kept is fine, logbook was never seen
    assert found.gaps["unlisted"].to_list() == [True]
    assert "s3.bucket.versioning" not in found.observed["rule_id"]


def test_calls_per_bucket(account, buckets, paged):
    """Eight calls for the plainest bucket; Prowler makes thirteen for any.

    Two more with versions, one more where ACLs are in effect, and a second (the website) there or
    where the policy allows everyone anything, and then a third: AWS's verdict on the policy.
    """
    paged(2)
    boto3.client("s3", region_name="us-east-1").create_bucket(
        Bucket="plain", ObjectOwnership="BucketOwnerEnforced"
    )
    assert collect(account, MODULE.collectors, ["eu-west-1", "us-east-1"])[Buckets].height == 4
    each = dict.fromkeys(
        [
            "s3:GetPublicAccessBlock",
            "s3:GetBucketPolicy",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketVersioning",
            "s3:GetBucketLogging",
            "s3:GetBucketEncryption",
            "s3:GetBucketLifecycleConfiguration",
            "s3:GetBucketNotificationConfiguration",
        ],
        4,
    )
    assert calls(account) == each | {
        "s3:ListBuckets": 2,
        "s3control:GetPublicAccessBlock": 1,
        "s3:GetObjectLockConfiguration": 1,
        "s3:GetBucketReplication": 1,
        "s3:GetBucketAcl": 1,
        "s3:GetBucketWebsite": 1,
        "s3:GetBucketPolicyStatus": 1,
        "s3:GetBucketLocation": 2 * len(settings.RESERVED),
        "s3control:ListAccessPoints": 2,
        "s3control:ListMultiRegionAccessPoints": 1,
    }


def test_a_block_of_the_whole_account_spares_asking_each_bucket(account, buckets):
    boto3.client("s3control", region_name="us-east-1").put_public_access_block(
        AccountId="123456789012", PublicAccessBlockConfiguration=ALL_ON
    )
    frame = collect(account, MODULE.collectors, ["us-east-1"])[Buckets]
    assert "s3:GetPublicAccessBlock" not in calls(account)
    assert frame["restricts_policy"].to_list() == [True, True, True]


def test_calls_go_to_the_buckets_region(account, buckets, paged):
    paged(1000)
    collect(account, MODULE.collectors, ["ap-south-1"])
    regions = Counter(
        account.coverage().filter(pl.col("operation") == "s3:GetBucketVersioning")["region"]
    )
    assert regions == {"us-east-1": 1, "eu-west-1": 1}
    assert calls(account)["s3:GetBucketLocation"] == len(settings.RESERVED)


@pytest.mark.parametrize(
    ("constraint", "region"),
    [(None, "us-east-1"), ("", "us-east-1"), ("EU", "eu-west-1"), ("eu-west-3", "eu-west-3")],
)
def test_regions_that_the_listing_does_not_name(account, buckets, monkeypatch, constraint, region):
    real = botocore.client.BaseClient._make_api_call

    def call(client, operation: str, params: dict):
        if operation == "GetBucketLocation":
            return {"LocationConstraint": constraint}
        return real(client, operation, params)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    frame = collect(account, MODULE.collectors, ["us-east-1"])[Buckets]
    assert set(frame["region"]) == {region}


def test_a_region_that_stays_unknown_costs_no_finding(account, buckets, refuse):
    before = scan(account)
    refuse("GetBucketLocation", "AccessDenied")
    after = scan(again(account))
    assert after.fails["finding_id"].to_list() == before.fails["finding_id"].to_list()
    assert after.populations["population"].sum() == before.populations["population"].sum()


def test_another_owners_bucket_is_not_read(account, buckets, monkeypatch):
    real = botocore.client.BaseClient._make_api_call

    def call(client, operation: str, params: dict):
        if "Bucket" in params and operation != "CreateBucket":
            assert params["ExpectedBucketOwner"] == "123456789012"
        return real(client, operation, params)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    assert scan(account).gaps.is_empty()


def test_a_bucket_made_again_under_its_name_is_another(account, buckets, paged):
    paged(1000)
    first = collect(account, MODULE.collectors, ["us-east-1"])[Buckets]
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.delete_bucket(Bucket="bare")
    s3.create_bucket(Bucket="bare")
    s3_backends["123456789012"]["aws"].buckets["bare"].creation_date += timedelta(minutes=1)
    second = collect(again(account), MODULE.collectors, ["us-east-1"])[Buckets]
    assert first["arn"].to_list() == second["arn"].to_list()
    changed = (first["incarnation"] != second["incarnation"]).to_list()
    assert changed == [True, False, False]


def test_where_dates_move_there_is_no_incarnation(account, buckets, monkeypatch):
    monkeypatch.setattr(settings, "CREATION_REGION", {})
    frame = collect(account, MODULE.collectors, ["us-east-1"])[Buckets]
    assert set(frame["incarnation"]) == {""}


def test_an_unchanged_estate_gives_equal_frames(account, buckets):
    first = collect(account, MODULE.collectors, ["us-east-1"])
    second = collect(again(account), MODULE.collectors, ["us-east-1"])
    for table in first:
        assert_frame_equal(first[table], second[table])
