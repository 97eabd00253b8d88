"""The account: its public access block, and the bucket names that its services will use."""

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api, Reply
from stratum_pipeline.kernel.coverage import REFUSALS, Outcome, classify
from stratum_pipeline.kernel.table import Column, Resource, setting_arn

SETTINGS = {
    "blocks_acls": "BlockPublicAcls",
    "ignores_acls": "IgnorePublicAcls",
    "blocks_policy": "BlockPublicPolicy",
    "restricts_policy": "RestrictPublicBuckets",
}
"""The four settings of a public access block: our name, AWS's name."""

LOCATION, ACCOUNT_BLOCK = "s3:GetBucketLocation", "s3control:GetPublicAccessBlock"
NO_BLOCK = ("NoSuchPublicAccessBlockConfiguration",)
# AWS names each bucket's region only when the request is paginated.
PAGES = {"PaginationConfig": {"PageSize": 1000}}
# A bucket's creation date is true only here; elsewhere it moves with every change of the
# bucket's settings (github.com/aws/aws-cli/issues/3597). Other partitions have no such place.
CREATION_REGION = {"aws": "us-east-1"}

# Whoever holds such a name before the account does is handed what is stored under it: research
# by Aqua Security, "Bucket Monopoly" and "AWS CDK Risk". CodeStar, named there, is no more.
RESERVED = (
    "aws-glue-assets-{account}-{region}",
    "sagemaker-{region}-{account}",
    "aws-emr-studio-{account}-{region}",
    "cdk-hnb659fds-assets-{account}-{region}",
)


class AccountSettings(Resource, listed_by=ACCOUNT_BLOCK, regional=False):
    """One row per account: its public access block, an organization's S3 policy included."""

    blocks_acls = Column(pl.Boolean, "BlockPublicAcls.", source=ACCOUNT_BLOCK)
    ignores_acls = Column(pl.Boolean, "IgnorePublicAcls.", source=ACCOUNT_BLOCK)
    blocks_policy = Column(pl.Boolean, "BlockPublicPolicy.", source=ACCOUNT_BLOCK)
    restricts_policy = Column(pl.Boolean, "RestrictPublicBuckets.", source=ACCOUNT_BLOCK)


class ReservedNames(Resource, listed_by=LOCATION):
    """One row per region: the bucket names that services and tools make of account and region."""

    taken = Column(
        pl.List(pl.String),
        "Those that belong to another account; null among them where that is not known.",
        source=LOCATION,
    )


def read_account(s3control: Api) -> Iterator[dict[str, Any]]:
    account = s3control.account
    yield {
        "arn": setting_arn(account.partition, "s3", "", account.account_id, "public-access-block"),
        "account_id": account.account_id,
        "region": "",
        "incarnation": "",
        **settings(account_block(s3control)),
    }


def read_names(s3: Api) -> Iterator[dict[str, Any]]:
    account, region = s3.account, s3.region
    arn = setting_arn(account.partition, "s3", region, account.account_id, "reserved-bucket-names")
    names = [made.format(account=account.account_id, region=region) for made in RESERVED]
    found = zip(names, s3.each(lambda name: _foreign(s3.on(about=arn), name), names), strict=True)
    yield {
        "arn": arn,
        "account_id": account.account_id,
        "region": region,
        "incarnation": "",
        "taken": [name if foreign else None for name, foreign in found if foreign is not False],
    }


def account_block(api: Api) -> Reply:
    """The account's public access block, asked once for all tables."""

    def ask() -> list[dict[str, Any]] | None:
        control = api.on(service="s3control", about="")
        reply = control.call(
            "GetPublicAccessBlock", AccountId=control.account.account_id, absent=NO_BLOCK
        )
        return None if reply.body is None else [reply.body]

    found = api.account.once((ACCOUNT_BLOCK,), ask)
    return Reply(None if found is None else found[0])


def settings(block: Reply, prefix: str = "") -> dict[str, bool | None]:
    """The four settings of a public access block, those that are not set being off."""
    return {
        f"{prefix}{ours}": block.get(f"PublicAccessBlockConfiguration.{theirs}", False)
        for ours, theirs in SETTINGS.items()
    }


def own_buckets(s3: Api) -> Iterable[dict[str, Any]]:
    """All the account's buckets, or as many as could be listed."""
    listed, there = _listing(s3)
    return listed if listed is not None else there.pages("ListBuckets", "Buckets", **PAGES)


def own_names(s3: Api) -> set[str] | None:
    """Names of all the account's buckets; None where any page of the listing failed."""
    listed, _ = _listing(s3)
    return None if listed is None else {bucket["Name"] for bucket in listed}


def _listing(s3: Api) -> tuple[list[dict[str, Any]] | None, Api]:
    there = s3.on(region=CREATION_REGION.get(s3.account.partition, s3.region), about="")
    return there.all("ListBuckets", "Buckets", **PAGES), there


def _foreign(s3: Api, name: str) -> bool | None:
    """Whether the bucket `name` is another account's; None where S3 does not tell.

    Anyone is told that a name is free. For a bucket of somebody else the answer is a refusal,
    and so it is where a policy forbids us the question: then a bucket of our own is no better.
    """
    client = s3.account.client("s3", s3.region)
    me = s3.account.account_id
    try:
        client.get_bucket_location(Bucket=name, ExpectedBucketOwner=me)
    except REFUSALS as error:
        outcome, code = classify(error)
        if code != "NoSuchBucket":
            names = own_names(s3) if outcome == Outcome.DENIED else None
            if not names or name in names:
                s3.record("GetBucketLocation", outcome, code)
                return None
            asked = s3.call("GetBucketLocation", Bucket=min(names), ExpectedBucketOwner=me)
            return None if asked.body is None else True
    s3.record("GetBucketLocation", Outcome.OK)
    return False
