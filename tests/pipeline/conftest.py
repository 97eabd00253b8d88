"""The whole pipeline in this process: emulated AWS, real Dagster, real store."""

import json
from collections.abc import Callable
from pathlib import Path

import boto3
import polars as pl
import pytest

from stratum_pipeline.assets.deployment import Deployment
from stratum_pipeline.runs import Summary, run_scan
from stratum_pipeline.settings import Settings
from stratum_pipeline.triage.read_model import Queue

REGION = "us-east-1"


def build_estate() -> None:
    """Two buckets, one of them public, and a group open to the world."""
    s3 = boto3.client("s3", region_name=REGION)
    for name in ("kept", "public"):
        s3.create_bucket(Bucket=name)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    statement["Resource"] = "arn:aws:s3:::public/*"
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket="public", Policy=policy)
    ec2 = boto3.client("ec2", region_name=REGION)
    group = ec2.create_security_group(GroupName="ssh", Description="x")["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
    )


@pytest.fixture
def settings(
    aws: None, nothing_there: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    monkeypatch.setenv("DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS", "1")
    build_estate()
    return Settings(
        data=str(tmp_path / "data"),
        vault=str(tmp_path / "vault"),
        dagster_home=str(tmp_path / "dagster"),
        regions=(REGION,),
        modules=("networking", "s3"),
    )


@pytest.fixture
def scan(settings: Settings) -> Callable[..., Summary]:
    """scan(): one `stratum scan`."""
    return lambda **options: run_scan(settings, **options)


@pytest.fixture
def stratum(settings: Settings) -> Deployment:
    return Deployment.of(settings)


@pytest.fixture
def queue(stratum: Deployment) -> Callable[..., pl.DataFrame]:
    """queue("v1_gaps"): all rows of a view, by default the findings."""

    def shown(view: str = "v1_findings") -> pl.DataFrame:
        with Queue.load(stratum.data) as queue:
            return queue.rows(f"FROM {view}")

    return shown


@pytest.fixture
def public(queue: Callable[..., pl.DataFrame]) -> Callable[[], dict]:
    """public(): the finding of the public bucket, as the queue shows it."""

    def find() -> dict:
        found = queue().filter(pl.col("rule_id") == "s3.bucket.public_policy").to_dicts()
        assert len(found) == 1
        return found[0]

    return find


def entries(stratum: Deployment) -> list[tuple[str, dict]]:
    """(kind, changes) of each ledger entry."""
    return [(e.kind, e.body.get("changes", {})) for e in stratum.ledger.entries()]
