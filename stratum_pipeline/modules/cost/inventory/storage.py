"""S3 buckets and log groups: what is kept, and for how long."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector, Reply
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Inventory, Resource

from ..metrics import DAY, METRICS, Metric, measure, rounded, window
from ..prices import with_prices
from .common import Raw, row

BUCKETS, LOG_GROUPS = "s3:ListBuckets", "logs:DescribeLogGroups"
LIFECYCLE = "s3:GetBucketLifecycleConfiguration"
UPLOADS, PARTS = "s3:ListMultipartUploads", "s3:ListParts"
GB, GIB = 10**9, 2**30
LARGE_GB = 1000
"""From where on it is asked whether a bucket's objects ever leave the Standard class."""

STALE_DAYS = 7
"""Days after which nobody completes a multipart upload any more."""

MEASURED_UPLOADS = 50
"""Uploads of a bucket whose parts are counted: a call each."""

BY_NAME = {"PageSize": 1000}  # AWS names each bucket's region only when the request is paginated
CREATION_REGION = {"aws": "us-east-1"}
"""Where a bucket's creation date is true, and does not move with its settings."""


class Buckets(Resource, listed_by=BUCKETS, regional=False):
    """One row per general purpose bucket."""

    name = Column(pl.String, "As its owner calls it.", source=BUCKETS)
    standard_gb = Column(
        pl.Float64,
        "GiB in the Standard class, current versions and others.",
        source=METRICS,
        volatile=True,
    )
    tiers = Column(
        pl.Boolean,
        "Whether a lifecycle rule moves or expires objects; null (not asked) of one below 1,000.",
        source=LIFECYCLE,
    )
    stale_uploads = Column(
        pl.Int64,
        "Multipart uploads begun over 7 days ago and never completed.",
        source=UPLOADS,
        volatile=True,
    )
    stale_gb = Column(
        pl.Float64,
        "GiB of their parts, of the first 50; null if not told.",
        source=PARTS,
        volatile=True,
    )

    ia_usd = Column(pl.Float64, "What Standard-IA would save, a month.", derived=True)
    stale_usd = Column(pl.Float64, "The stale parts, a month.", derived=True)
    price_source = Column(pl.String, "Where the amounts come from.", derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        standard, ia = pl.lit("s3:standard"), pl.lit("s3:standard_ia")
        rows = with_prices(raw, inventory, standard=standard, ia=ia)
        return rows.with_columns(
            ia_usd=pl.col("standard_gb") * (pl.col("standard") - pl.col("ia")),
            stale_usd=pl.col("stale_gb") * pl.col("standard"),
        )


class LogGroups(Resource, listed_by=LOG_GROUPS):
    """One row per CloudWatch log group."""

    name = Column(pl.String, "As its owner calls it.", source=LOG_GROUPS)
    retention_days = Column(
        pl.Int64, "Days after which events expire; 0: never.", source=LOG_GROUPS
    )
    stored_gb = Column(
        pl.Float64, "GB, compressed, up to one significant digit.", source=LOG_GROUPS, volatile=True
    )
    created = Column(TIMESTAMP, "When it was made.", source=LOG_GROUPS)

    usd = Column(pl.Float64, "Its storage, a month.", derived=True)
    price_source = Column(pl.String, "Where `usd` comes from.", derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        rows = with_prices(raw, inventory, rate=pl.lit("logs"))
        return rows.with_columns(usd=pl.col("stored_gb") * pl.col("rate"))


def read_buckets(s3: Api) -> Iterator[Raw]:
    account = s3.account
    born_in = CREATION_REGION.get(account.partition)
    listing = s3.on(region=born_in or s3.region)
    found = listing.all("ListBuckets", "Buckets", PaginationConfig=BY_NAME) or []
    regions = {bucket["Name"]: bucket.get("BucketRegion") for bucket in found}
    for name in [name for name, region in regions.items() if region is None]:
        where = s3.on(about=f"arn:{account.partition}:s3:::{name}").call(
            "GetBucketLocation", Bucket=name, ExpectedBucketOwner=account.account_id
        )
        place = where.get("LocationConstraint", "us-east-1")
        regions[name] = {"": "us-east-1", "EU": "eu-west-1"}.get(place or "", place)
    sizes = _sizes(s3, regions)

    def describe(bucket: Raw) -> Raw:
        name = bucket["Name"]
        arn = f"arn:{account.partition}:s3:::{name}"
        home = s3.on(region=regions[name] or s3.region, about=arn)
        asked: dict[str, Any] = {"Bucket": name, "ExpectedBucketOwner": account.account_id}
        size = sizes.get(name)
        tiers = None
        if size is not None and size >= LARGE_GB:
            tiers = _tiers(
                home.call(
                    "GetBucketLifecycleConfiguration",
                    absent=("NoSuchLifecycleConfiguration",),
                    **asked,
                )
            )
        stale = _stale(home.call("ListMultipartUploads", **asked))
        return {
            **row(home, arn, bucket["CreationDate"].isoformat() if born_in else ""),
            "region": regions[name],
            "name": name,
            "standard_gb": size,
            "tiers": tiers,
            "stale_uploads": None if stale is None else len(stale),
            "stale_gb": None if stale is None else _parts(home, asked, stale),
        }

    yield from s3.each(describe, found)


def read_log_groups(logs: Api) -> Iterator[Raw]:
    for group in logs.pages("DescribeLogGroups", "logGroups"):
        made = datetime.fromtimestamp(group["creationTime"] / 1000, UTC)
        yield row(logs, group["arn"].removesuffix(":*"), made.isoformat()) | {
            "name": group["logGroupName"],
            "retention_days": group.get("retentionInDays", 0),
            "stored_gb": rounded(group.get("storedBytes", 0) / GB),
            "created": made,
        }


def _sizes(s3: Api, regions: dict[str, str | None]) -> dict[str, float | None]:
    """GiB in the Standard class, as S3 told CloudWatch last: none at all is zero."""
    sizes: dict[str, float | None] = {}
    for region in sorted({region for region in regions.values() if region}):
        names = [name for name, place in regions.items() if place == region]
        series = measure(
            s3.on(region=region),
            [
                Metric(
                    "AWS/S3",
                    "BucketSizeBytes",
                    (("BucketName", name), ("StorageType", "StandardStorage")),
                    "Average",
                    DAY,
                )
                for name in names
            ],
        )
        for name, values in zip(names, series, strict=True):
            sizes[name] = None if values is None else rounded((values or [0.0])[-1] / GIB)
    return sizes


def _tiers(reply: Reply) -> bool | None:
    rules: list[Raw] | None = reply.get("Rules", [])
    moves = ("Transitions", "NoncurrentVersionTransitions", "NoncurrentVersionExpiration")
    return (
        None
        if rules is None
        else any(
            rule["Status"] == "Enabled"
            and (any(rule.get(move) for move in moves) or _expires(rule.get("Expiration", {})))
            for rule in rules
        )
    )


def _expires(expiration: Raw) -> bool:
    """Whether objects do, and not merely the markers of deleted ones."""
    return "Days" in expiration or "Date" in expiration


def _stale(reply: Reply) -> list[Raw] | None:
    uploads: list[Raw] | None = reply.get("Uploads", [])
    before = window()[1] - timedelta(days=STALE_DAYS)
    return uploads and [upload for upload in uploads if upload["Initiated"] < before]


def _parts(home: Api, asked: dict[str, Any], stale: list[Raw]) -> float | None:
    size = 0
    for upload in stale[:MEASURED_UPLOADS]:
        named = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
        parts: list[Raw] | None = home.call("ListParts", **asked, **named).get("Parts", [])
        if parts is None:
            return None
        size += sum(part["Size"] for part in parts)
    return round(size / GIB, 3)


COLLECTORS = (
    Collector(Buckets, read_buckets, calls=("s3:GetBucketLocation",)),
    Collector(LogGroups, read_log_groups),
)
