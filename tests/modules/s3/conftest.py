"""Buckets to scan, and what moto answers otherwise than AWS."""

from collections.abc import Callable
from typing import Any

import boto3
import botocore.client
import polars as pl
import pytest

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.modules.s3 import MODULE
from stratum_pipeline.modules.s3.inventory import (
    SETTINGS,
)
from stratum_pipeline.modules.s3.inventory import (
    account as settings,
)

from ...conftest import SCANNED_AT
from .samples import ANYONE, NO_HTTP, policy

ACLS = {"public_acl", "object_acls", "public_access_block", "foreign_acl", "acls_enabled"}
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
    return lambda size: monkeypatch.setitem(settings.PAGES, "PaginationConfig", {"PageSize": size})


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What AWS answers in moto's stead, by operation: a body, or a function of its parameters."""
    real = botocore.client.BaseClient._make_api_call
    said: dict[str, Any] = {}

    def call(client, operation: str, params: dict):
        answer = said.get(operation)
        if answer is None:
            return real(client, operation, params)
        return answer(client.meta.region_name, params) if callable(answer) else answer

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return said
