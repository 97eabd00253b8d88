"""Access points end to end against moto, of several regions also."""

from datetime import UTC, datetime
from typing import Any

import boto3
import polars as pl
import pytest

from stratum_pipeline.kernel.collect import collect
from stratum_pipeline.modules.s3 import MODULE
from stratum_pipeline.modules.s3.inventory import (
    SETTINGS,
    AccessPoints,
    MultiRegionAccessPoints,
)

from .conftest import calls, scan
from .samples import ANYONE, NO_HTTP, TO_ACCESS_POINTS, policy

# --- access points -------------------------------------------------------------------


def point(region: str, name: str, origin: str = "Internet") -> dict[str, Any]:
    return {
        "Name": name,
        "NetworkOrigin": origin,
        "Bucket": "kept",
        "BucketAccountId": "123456789012",
        "AccessPointArn": f"arn:aws:s3:{region}:123456789012:accesspoint/{name}",
        "Alias": f"{name}-x1-s3alias",
    }


@pytest.fixture
def points(account, buckets, answers) -> None:
    """In each region two access points, a page each, one open and one of a VPC; and a wide one."""
    boto3.client("s3", region_name="eu-west-1").put_bucket_policy(
        Bucket="kept", Policy=policy(NO_HTTP, TO_ACCESS_POINTS)
    )
    boto3.client("s3", region_name="eu-west-1").delete_public_access_block(Bucket="kept")

    def listed(region: str, params: dict) -> dict[str, Any]:
        if "NextToken" in params:
            return {"AccessPointList": [point(region, "inside", "VPC")]}
        return {"AccessPointList": [point(region, "open")], "NextToken": "2"}

    def listed_wide(region: str, params: dict) -> dict[str, Any]:
        assert region == "us-west-2"
        one = {
            "Name": "wide",
            "Alias": "abc.mrap",
            "CreatedAt": datetime(2026, 1, 1, tzinfo=UTC),
            "PublicAccessBlock": dict.fromkeys(SETTINGS.values(), False),
            "Status": "READY",
            "Regions": [{"Bucket": "kept", "Region": "eu-west-1"}],
        }
        return {"AccessPoints": [one]}

    answers["ListAccessPoints"] = listed
    answers["GetAccessPoint"] = {
        "PublicAccessBlockConfiguration": dict.fromkeys(SETTINGS.values(), False)
    }
    answers["GetAccessPointPolicy"] = {"Policy": policy(ANYONE)}
    answers["ListMultiRegionAccessPoints"] = listed_wide
    answers["GetMultiRegionAccessPointPolicy"] = {
        "Policy": {"Established": {"Policy": policy(ANYONE)}, "Proposed": {"Policy": "x"}}
    }


WIDE = "arn:aws:s3::123456789012:accesspoint/abc.mrap"


def test_access_points_of_every_region_and_page(account, points):
    found = scan(account)
    public = found.fails.filter(pl.col("rule_id") == "s3.access_point.public_policy")
    assert public.select("region", "resource_arn", "related").rows() == [
        (region, f"arn:aws:s3:{region}:123456789012:accesspoint/open", ["arn:aws:s3:::kept"])
        for region in ("eu-west-1", "us-east-1")
    ]
    wide = found.fails.filter(pl.col("rule_id") == "s3.multi_region_access_point.public_policy")
    assert wide.select("resource_arn", "related").rows() == [(WIDE, ["arn:aws:s3:::kept"])]
    assert not {r for r in found.fails["rule_id"] if r.endswith("point.public_access_block")}
    assert found.gaps.is_empty()


def test_calls_per_access_point(account, points):
    frames = collect(account, MODULE.collectors, ["eu-west-1", "us-east-1"])
    assert (frames[AccessPoints].height, frames[MultiRegionAccessPoints].height) == (4, 1)
    made = calls(account)
    assert made["s3control:ListAccessPoints"] == 4
    assert made["s3control:GetAccessPointPolicy"] == 4
    assert made["s3control:GetAccessPoint"] == 2  # a VPC's need not be asked
    assert made["s3control:GetMultiRegionAccessPointPolicy"] == 1


@pytest.mark.parametrize(
    ("operation", "rules"),
    [
        ("GetAccessPointPolicy", ("public_policy", "public_access_block", "outside_access")),
        ("GetAccessPoint", ("public_policy", "public_access_block")),
    ],
)
def test_a_refused_detail_of_an_access_point(account, points, refuse, operation, rules):
    refuse(operation, "AccessDenied", lambda region, _: region == "us-east-1")
    found = scan(account)
    assert set(found.unknowns["rule_id"]) == {f"s3.access_point.{rule}" for rule in rules}
    assert set(found.unknowns["region"]) == {"us-east-1"}
    assert set(found.unknowns["because"]) == {f"s3control:{operation} denied (AccessDenied)"}


def test_a_refused_policy_of_a_multi_region_access_point(account, points, refuse):
    refuse("GetMultiRegionAccessPointPolicy", "AccessDenied")
    found = scan(account)
    assert set(found.unknowns["resource_arn"]) == {WIDE}


@pytest.mark.parametrize("operation", ["ListAccessPoints", "ListMultiRegionAccessPoints"])
def test_access_points_that_cannot_be_listed(account, points, refuse, operation):
    refuse(operation, "AccessDenied")
    found = scan(account)
    table = AccessPoints if operation == "ListAccessPoints" else MultiRegionAccessPoints
    blind = {rule.id for rule in MODULE.rules if rule.table is table}
    assert set(found.gaps["rules"].explode(empty_as_null=True)) == blind
    assert not blind & set(found.observed["rule_id"])
