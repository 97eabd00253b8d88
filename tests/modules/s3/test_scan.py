"""S3 end to end against moto: what AWS refuses comes out unknown, with the reason."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import boto3
import botocore.client
import polars as pl
import pytest
from moto.s3.models import s3_backends
from polars.testing import assert_frame_equal

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.modules.s3 import MODULE, inventory
from stratum_pipeline.modules.s3.inventory import SETTINGS, AccountSettings, Buckets

from ...conftest import SCANNED_AT
from .samples import ANYONE, NO_HTTP, policy

ALL_ON = dict.fromkeys(SETTINGS.values(), True)
ACCOUNT_ARN = "arn:aws:s3::123456789012:setting/public-access-block"


def scan(account: Account) -> Verdicts:
    frames = collect(account, MODULE.collectors, ["eu-west-1", "us-east-1"])
    return evaluate("s3", MODULE.rules, frames, account.coverage(), SCANNED_AT)


def again(account: Account) -> Account:
    """The same account at its next scan."""
    return Account(account.session, account.account_id, account.operations)


def told(frame: pl.DataFrame, rule: str) -> list[str]:
    """Names of the buckets for which `frame` (fails or unknowns) has a row of `rule`."""
    rows = frame.filter(pl.col("rule_id") == f"s3.bucket.{rule}")
    return [arn.rpartition(":")[2] for arn in rows["resource_arn"]]


def calls(account: Account) -> dict[str, int]:
    return dict(account.coverage().group_by("operation").agg(pl.col("calls").sum()).rows())


@pytest.fixture
def buckets(account: Account) -> None:
    """`bare` in us-east-1 has nothing on; `kept` in eu-west-1 has all, and logs to `logbook`."""
    east, west = (boto3.client("s3", region_name=r) for r in ("us-east-1", "eu-west-1"))
    east.create_bucket(Bucket="bare", ACL="public-read")
    east.put_bucket_policy(Bucket="bare", Policy=policy(ANYONE))
    for name in ("kept", "logbook"):
        west.create_bucket(
            Bucket=name,
            CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
            ObjectOwnership="BucketOwnerEnforced",
        )
        west.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=ALL_ON)
    west.put_bucket_policy(Bucket="kept", Policy=policy(NO_HTTP))
    west.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    key = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    west.put_bucket_encryption(Bucket="kept", ServerSideEncryptionConfiguration={"Rules": [key]})
    deliver = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::logbook/*",
    }
    west.put_bucket_policy(Bucket="logbook", Policy=policy(deliver))
    west.put_bucket_logging(
        Bucket="kept",
        BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "logbook", "TargetPrefix": ""}},
    )


@pytest.fixture
def paged(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """paged(n): buckets are listed as AWS does, n to a page and with their regions."""
    real = botocore.client.BaseClient._make_api_call

    def call(client, operation: str, params: dict):
        if operation != "ListBuckets":
            return real(client, operation, params)
        assert client.meta.region_name == "us-east-1"  # creation dates are true only there
        found = real(client, operation, {})["Buckets"]
        for bucket in found:
            where = real(client, "GetBucketLocation", {"Bucket": bucket["Name"]})
            bucket["BucketRegion"] = where.get("LocationConstraint") or "us-east-1"
        start, size = int(params.get("ContinuationToken", 0)), params["MaxBuckets"]
        more = {"ContinuationToken": str(start + size)} if start + size < len(found) else {}
        return {"Buckets": found[start : start + size], **more}

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return lambda size: monkeypatch.setattr(inventory, "PAGE", {"PageSize": size})


def test_facts_become_verdicts(account, buckets):
    found = scan(account)
    fails = {
        rule.id: told(found.fails, rule.id.removeprefix("s3.bucket.")) for rule in MODULE.rules
    }
    assert fails == {
        "s3.account.public_access_block": [],  # asked of it below
        "s3.bucket.public_policy": ["bare"],
        "s3.bucket.public_acl": ["bare"],
        "s3.bucket.public_access_block": [],  # bare is public already
        "s3.bucket.versioning": ["bare", "logbook"],
        "s3.bucket.access_logging": ["bare"],  # and not the bucket that logs go to
        "s3.bucket.tls_only": ["bare", "logbook"],
        "s3.bucket.kms_encryption": ["bare"],
        "s3.bucket.acls_enabled": [],  # bare's ACL is public already
        "s3.bucket.confused_deputy": ["logbook"],
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
    bare, kept, _ = frame.to_dicts()
    everyone = "http://acs.amazonaws.com/groups/global/AllUsers"
    assert bare["grants"] == [{"grantee": everyone, "permission": "READ"}]  # the owner's is no news
    assert (bare["policy_status"], kept["policy_status"]) == ("public", "not public")
    assert (bare["ownership"], bare["encryption"], bare["log_bucket"]) == ("", "", "")
    assert (kept["grants"], kept["encryption"], kept["log_bucket"]) == ([], "aws:kms", "logbook")


@pytest.mark.parametrize(
    ("operation", "rules"),
    [
        ("GetBucketVersioning", {"versioning"}),
        ("GetBucketLogging", {"access_logging"}),
        ("GetBucketEncryption", {"kms_encryption"}),
        (
            "GetBucketPolicy",
            {"public_policy", "public_access_block", "tls_only", "confused_deputy"},
        ),
        ("GetBucketPolicyStatus", set()),  # no verdict hangs on it
        ("GetBucketOwnershipControls", {"public_acl", "public_access_block", "acls_enabled"}),
        ("GetBucketAcl", {"public_acl", "public_access_block", "acls_enabled"}),
        (
            "GetPublicAccessBlock",
            {"public_policy", "public_acl", "public_access_block", "acls_enabled"},
        ),
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


def test_a_bucket_that_vanished_is_unknown_and_nothing_else(account, buckets, refuse):
    for operation in {c.source.partition(":")[2] for c in Buckets.columns.values() if c.source}:
        if operation != "ListBuckets":
            refuse(operation, "NoSuchBucket", lambda _, params: params.get("Bucket") == "kept")
    found = scan(account)
    assert "arn:aws:s3:::kept" not in found.fails["resource_arn"]
    known = found.populations.filter(pl.col("region") == "eu-west-1")
    assert known["population"].sum() == 9 * 2
    rules = found.unknowns.filter(pl.col("resource_arn") == "arn:aws:s3:::kept")["rule_id"]
    assert rules.n_unique() == 9


def test_a_refused_account_block_is_unknown_only_where_it_matters(account, buckets, refuse):
    refuse("GetPublicAccessBlock", "AccessDenied", lambda _, params: "AccountId" in params)
    found = scan(account)
    assert told(found.unknowns, "public_policy") == ["bare"]
    assert told(found.unknowns, "public_acl") == ["bare"]
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
    assert found.observed["rule_id"].to_list() == ["s3.account.public_access_block"]


def test_a_listing_that_breaks_off_keeps_what_it_had(account, buckets, paged, refuse):
    paged(1)
    refuse("ListBuckets", "SlowDown", lambda _, params: params.get("ContinuationToken") == "2")
    found = scan(account)
    assert told(found.fails, "versioning") == ["bare"]  # kept is fine, logbook was never seen
    assert found.gaps["unlisted"].to_list() == [True]
    assert "s3.bucket.versioning" not in found.observed["rule_id"]


def test_calls_per_bucket(account, buckets, paged):
    """Six calls a bucket; one more where ACLs are in effect, one more where there is a policy."""
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
        ],
        4,
    )
    assert calls(account) == each | {
        "s3:ListBuckets": 2,
        "s3control:GetPublicAccessBlock": 1,
        "s3:GetBucketAcl": 1,
        "s3:GetBucketPolicyStatus": 3,
    }


def test_calls_go_to_the_buckets_region(account, buckets, paged):
    paged(1000)
    collect(account, MODULE.collectors, ["ap-south-1"])
    regions = Counter(
        account.coverage().filter(pl.col("operation") == "s3:GetBucketVersioning")["region"]
    )
    assert regions == {"us-east-1": 1, "eu-west-1": 1}
    assert "s3:GetBucketLocation" not in calls(account)


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
        if "Bucket" in params:
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
    monkeypatch.setattr(inventory, "CREATION_REGION", {})
    frame = collect(account, MODULE.collectors, ["us-east-1"])[Buckets]
    assert set(frame["incarnation"]) == {""}


def test_an_unchanged_estate_gives_equal_frames(account, buckets):
    first = collect(account, MODULE.collectors, ["us-east-1"])
    second = collect(again(account), MODULE.collectors, ["us-east-1"])
    for table in (AccountSettings, Buckets):
        assert_frame_equal(first[table], second[table])
