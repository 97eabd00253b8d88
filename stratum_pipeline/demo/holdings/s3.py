"""S3, beyond the buckets that `estate` makes: sharing, access points, replication, names."""

from ..accounts import DATA, IRELAND, PRODUCTION, SANDBOX, STAGING, SYDNEY
from ..tools import Workshop
from ..tools.storage import UNBLOCKED

STRANGER = "999988887777"
VENDOR = "9d1f0c5be2a7463f8c5a94de10b7f2c6a83e5d7149fb02c8e6d35a1f7b904c2e"
"""A canonical user id of some other account."""

PARTNER = {"Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}}
ANYONE = {"Principal": "*", "Action": "s3:GetObject"}


def furnish(at: Workshop) -> None:
    if build := BY_ACCOUNT.get(at.account):
        build(at)


def production(at: Workshop) -> None:
    copies = {"Bucket": "arn:aws:s3:::vendor-analytics", "Account": STRANGER}
    at.s3.replicate("session-recordings", copies, IRELAND)
    at.s3.lose_log_bucket("uploads")


def staging(at: Workshop) -> None:
    at.s3.replicate("fixtures", {"Bucket": "arn:aws:s3:::acme-fixtures-copy"})
    at.s3.bucket("vendor-reports", ownership="ObjectWriter")
    at.s3.grant_read("vendor-reports", VENDOR)
    office = {"Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}
    at.s3.bucket("handbook", ANYONE | office, tls_only=False)
    at.s3.website("handbook")


def data(at: Workshop) -> None:
    at.s3.bucket("partner-inbox", PARTNER | {"Action": "s3:PutObject"})
    ours = {"Principal": {"AWS": f"arn:aws:iam::{PRODUCTION.id}:root"}, "Action": "s3:PutObject"}
    at.s3.bucket("production-inbox", ours)
    at.s3.notify("production-inbox", f"arn:aws:sns:us-east-1:{at.account.id}:new-objects")
    managing = PARTNER | {"Action": ["s3:GetObject", "s3:PutBucketPolicy"]}
    at.s3.bucket("partner-managed", managing, lock="")
    at.s3.bucket("curated", key=f"arn:aws:kms:us-east-1:{STRANGER}:key/3f1c")

    by_point = {"StringEquals": {"s3:DataAccessPointAccount": at.account.id}}
    delegating = {"Principal": "*", "Action": "s3:*", "Condition": by_point}
    # Its own policy is not public; two of its access points are.
    at.s3.bucket("published", delegating, block=UNBLOCKED)
    at.s3.access_point("readers", "published", ANYONE, blocked=False)
    at.s3.access_point("vendors", "curated", PARTNER | {"Action": "s3:GetObject"})
    names = at.names.setdefault(at.account.name, {})
    names["everywhere"] = at.s3.wide_access_point("everywhere", "published", ANYONE, blocked=False)
    shared = PARTNER | {"Action": "s3:GetObject"}
    names["abroad"] = at.s3.wide_access_point("abroad", "curated", shared)


def sandbox(at: Workshop) -> None:
    at.s3.bucket("uploads", block=UNBLOCKED, ownership="ObjectWriter")
    at.s3.bucket("events")
    at.s3.notify("events", f"arn:aws:sns:us-east-1:{STRANGER}:new-objects")
    at.s3.access_point("anything", "uploads", blocked=False)
    names = at.names.setdefault(at.account.name, {})
    names["anywhere"] = at.s3.wide_access_point("anywhere", "uploads", blocked=False)
    at.s3.take_name(STRANGER, f"aws-glue-assets-{at.account.id}-{SYDNEY}", SYDNEY)


BY_ACCOUNT = {PRODUCTION: production, STAGING: staging, DATA: data, SANDBOX: sandbox}
