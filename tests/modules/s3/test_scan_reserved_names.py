"""Bucket names that AWS services take for ours, and whose they are."""

import boto3
import polars as pl

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.modules.s3 import MODULE
from stratum_pipeline.modules.s3.inventory import (
    ReservedNames,
)
from stratum_pipeline.modules.s3.inventory import (
    account as settings,
)

from .conftest import again, scan

# --- reserved names ------------------------------------------------------------------


GLUE = "aws-glue-assets-123456789012-eu-west-1"


def names(account: Account) -> dict[str, list[str | None]]:
    frame = collect(account, MODULE.collectors, ["us-east-1", "eu-west-1"])[ReservedNames]
    return dict(frame.select("region", "taken").rows())


def test_a_name_that_another_account_took(account, buckets, refuse):
    """S3 refuses whoever asks about a bucket that is not theirs, and tells that others are free."""
    refuse("GetBucketLocation", "AccessDenied", lambda _, params: params["Bucket"] == GLUE)
    assert names(account) == {"us-east-1": [], "eu-west-1": [GLUE]}
    found = scan(again(account))
    (fail,) = found.fails.filter(pl.col("rule_id") == "s3.region.reserved_names").to_dicts()
    assert (fail["region"], found.gaps.height) == ("eu-west-1", 0)


def test_a_reserved_name_of_our_own_is_not_taken(account, buckets):
    boto3.client("s3", region_name="us-east-1").create_bucket(
        Bucket="sagemaker-us-east-1-123456789012"
    )
    assert names(account) == {"us-east-1": [], "eu-west-1": []}


def test_a_refusal_that_falls_on_us_says_nothing_of_others(account, buckets, refuse):
    refuse("GetBucketLocation", "AccessDenied", lambda _, params: params["Bucket"] != "logbook")
    unknown = [None] * len(settings.RESERVED)
    assert names(account) == {"us-east-1": unknown, "eu-west-1": unknown}
    found = scan(again(account))
    assert "s3.region.reserved_names" not in set(found.fails["rule_id"])
    asked = found.unknowns.filter(pl.col("rule_id") == "s3.region.reserved_names")
    assert set(asked["because"]) == {"s3:GetBucketLocation denied (AccessDenied)"}


def test_a_refusal_in_an_account_without_buckets_is_unknown(account, refuse):
    refuse("GetBucketLocation", "AccessDenied")
    assert names(account)["us-east-1"] == [None] * len(settings.RESERVED)


def test_a_throttled_question_is_unknown(account, buckets, refuse):
    refuse("GetBucketLocation", "SlowDown", lambda _, params: params["Bucket"] == GLUE)
    assert names(account) == {"us-east-1": [], "eu-west-1": [None]}
