"""Access points, of one region and of several."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api, Reply
from stratum_pipeline.kernel.coverage import Outcome
from stratum_pipeline.kernel.policy import with_policy
from stratum_pipeline.kernel.table import Column, Inventory, Resource
from stratum_pipeline.kernel.trust import with_outsiders

from .. import derive
from .account import ACCOUNT_BLOCK, SETTINGS, account_block, settings
from .buckets import Buckets

POINTS, POINT = "s3control:ListAccessPoints", "s3control:GetAccessPoint"
POLICY = "s3control:GetAccessPointPolicy"
WIDE_POINTS = "s3control:ListMultiRegionAccessPoints"
WIDE_POLICY = "s3control:GetMultiRegionAccessPointPolicy"
# Requests about multi-Region access points are answered here; other partitions have none.
WIDE_REGION = {"aws": "us-west-2"}


class AccessPoints(Resource, listed_by=POINTS):
    """One row per access point of a bucket."""

    name = Column(pl.String, "Unique in account and region.", source=POINTS)
    bucket = Column(pl.String, 'Name of its bucket; "" if it serves a file system.', source=POINTS)
    bucket_account = Column(pl.String, "Owner of the bucket.", source=POINTS)
    network_origin = Column(pl.String, "Internet | VPC", source=POINTS)
    blocks_acls = Column(
        pl.Boolean,
        "Its own BlockPublicAcls; it and the three below are true, and not asked, where all four"
        " of the account's are on, or where only a VPC reaches it.",
        source=POINT,
    )
    ignores_acls = Column(pl.Boolean, "Its own IgnorePublicAcls.", source=POINT)
    blocks_policy = Column(pl.Boolean, "Its own BlockPublicPolicy.", source=POINT)
    restricts_policy = Column(pl.Boolean, "Its own RestrictPublicBuckets.", source=POINT)
    account_blocks_acls = Column(pl.Boolean, "The account's likewise.", source=ACCOUNT_BLOCK)
    account_ignores_acls = Column(pl.Boolean, "The account's likewise.", source=ACCOUNT_BLOCK)
    account_blocks_policy = Column(pl.Boolean, "The account's likewise.", source=ACCOUNT_BLOCK)
    account_restricts_policy = Column(pl.Boolean, "The account's likewise.", source=ACCOUNT_BLOCK)
    policy = Column(pl.String, 'Policy as JSON; "" if none.', source=POLICY)

    policy_public = Column(
        pl.Boolean, "Whether `policy` admits anyone.", source=POLICY, derived=True
    )
    outsiders = Column(
        pl.List(pl.String), "Whom it admits that are not ours.", source=POLICY, derived=True
    )
    bucket_yields = Column(
        pl.Boolean,
        "Whether the bucket leaves it to the access point to admit anyone. Another account's must"
        " have been opened to it, or the access point is of no use.",
        source="s3:GetBucketPolicy",
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        buckets = inventory.get(Buckets, Buckets.frame())
        buckets = buckets.with_columns(derive.judgements(buckets["policy"]))
        opened = (pl.col("delegates") | pl.col("policy_public")) & ~pl.col("restricts_policy")
        yielding = buckets.select("account_id", bucket="name", yields=opened)
        own = pl.col("bucket_account") == pl.col("account_id")
        judged = with_outsiders(with_policy(raw), inventory)
        return judged.join(
            yielding, on=["account_id", "bucket"], how="left", maintain_order="left"
        ).with_columns(bucket_yields=pl.when(own).then("yields").when(~own).then(True))


class MultiRegionAccessPoints(Resource, listed_by=WIDE_POINTS, regional=False):
    """One row per multi-Region access point."""

    name = Column(pl.String, "Unique in the account.", source=WIDE_POINTS)
    buckets = Column(pl.List(pl.String), "Names of its buckets.", source=WIDE_POINTS)
    blocks_acls = Column(pl.Boolean, "Its own BlockPublicAcls.", source=WIDE_POINTS)
    ignores_acls = Column(pl.Boolean, "Its own IgnorePublicAcls.", source=WIDE_POINTS)
    blocks_policy = Column(pl.Boolean, "Its own BlockPublicPolicy.", source=WIDE_POINTS)
    restricts_policy = Column(pl.Boolean, "Its own RestrictPublicBuckets.", source=WIDE_POINTS)
    account_blocks_acls = Column(pl.Boolean, "The account's likewise.", source=ACCOUNT_BLOCK)
    account_ignores_acls = Column(pl.Boolean, "The account's likewise.", source=ACCOUNT_BLOCK)
    account_blocks_policy = Column(pl.Boolean, "The account's likewise.", source=ACCOUNT_BLOCK)
    account_restricts_policy = Column(pl.Boolean, "The account's likewise.", source=ACCOUNT_BLOCK)
    policy = Column(pl.String, 'Policy in effect, as JSON; "" if none.', source=WIDE_POLICY)

    policy_public = Column(
        pl.Boolean, "Whether `policy` admits anyone.", source=WIDE_POLICY, derived=True
    )
    outsiders = Column(
        pl.List(pl.String), "Whom it admits that are not ours.", source=WIDE_POLICY, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_outsiders(with_policy(raw), inventory)


def read_points(s3control: Api) -> Iterator[dict[str, Any]]:
    account_id = s3control.account.account_id
    block = settings(account_block(s3control), "account_")

    def describe(point: dict[str, Any]) -> dict[str, Any]:
        about, name = s3control.on(about=point["AccessPointArn"]), point["Name"]
        asked: dict[str, Any] = {"AccountId": account_id, "Name": name}
        needless = all(block.values()) or point["NetworkOrigin"] == "VPC"
        policy = about.call("GetAccessPointPolicy", absent=("NoSuchAccessPointPolicy",), **asked)
        return {
            "arn": point["AccessPointArn"],
            "account_id": account_id,
            "region": s3control.region,
            "incarnation": point.get("Alias", ""),  # ends in letters drawn for this one
            "name": name,
            "bucket": point.get("Bucket", ""),
            "bucket_account": point.get("BucketAccountId", account_id),
            "network_origin": point["NetworkOrigin"],
            **(_all_on() if needless else settings(about.call("GetAccessPoint", **asked))),
            **block,
            "policy": policy.get("Policy", ""),
        }

    yield from s3control.each(describe, _pages(s3control, "ListAccessPoints", "AccessPointList"))


def read_wide_points(s3control: Api) -> Iterator[dict[str, Any]]:
    account = s3control.account
    region = WIDE_REGION.get(account.partition)
    if region is None:
        s3control.record("ListMultiRegionAccessPoints", Outcome.UNSUPPORTED, calls=0)
        return
    there = s3control.on(region=region)
    block = settings(account_block(s3control), "account_")

    def describe(point: dict[str, Any]) -> dict[str, Any]:
        arn = f"arn:{account.partition}:s3::{account.account_id}:accesspoint/{point['Alias']}"
        policy = there.on(about=arn).call(
            "GetMultiRegionAccessPointPolicy",
            absent=("NoSuchMultiRegionAccessPointPolicy",),
            AccountId=account.account_id,
            Name=point["Name"],
        )
        return {
            "arn": arn,
            "account_id": account.account_id,
            "region": "",
            "incarnation": point["CreatedAt"].isoformat(),
            "name": point["Name"],
            "buckets": sorted(one["Bucket"] for one in point["Regions"]),
            **settings(Reply({"PublicAccessBlockConfiguration": point["PublicAccessBlock"]})),
            **block,
            "policy": policy.get("Policy.Established.Policy", ""),
        }

    yield from there.each(describe, _pages(there, "ListMultiRegionAccessPoints", "AccessPoints"))


def _pages(s3control: Api, operation: str, key: str) -> Iterator[dict[str, Any]]:
    """Items of a listing for which botocore has no paginator; a failure ends it, recorded."""
    token: dict[str, Any] = {}
    while True:
        reply = s3control.call(operation, AccountId=s3control.account.account_id, **token)
        yield from reply.get(key, []) or ()
        following = reply.get("NextToken", "")
        if not following:
            return
        token = {"NextToken": following}


def _all_on() -> dict[str, bool]:
    return dict.fromkeys(SETTINGS, True)
