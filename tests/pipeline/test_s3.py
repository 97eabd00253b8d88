"""The same pipeline with data and vault in S3."""

import boto3
import pytest

from stratum_pipeline.assets.deployment import Deployment
from stratum_pipeline.runs import run_scan
from stratum_pipeline.triage.read_model import Queue

from .conftest import REGION, entries


@pytest.fixture
def in_s3(settings):
    boto3.client("s3", region_name=REGION).create_bucket(Bucket="stratum")
    places = {"data": "s3://stratum/data", "vault": "s3://stratum/vault"}
    return settings.model_copy(update=places)


def test_scans_to_s3_keep_history_and_queue_there(in_s3, tmp_path):
    first = run_scan(in_s3)
    assert first.opened > 0
    boto3.client("s3", region_name=REGION).delete_bucket_policy(Bucket="public")
    second = run_scan(in_s3)
    assert (second.opened, second.resolved) == (1, 1)  # public no more, but not blocked either
    stratum = Deployment.of(in_s3)
    assert [kind for kind, _ in entries(stratum)] == ["scanned", "scanned"]
    with Queue.load(stratum.data) as queue:
        assert queue.rows("FROM v1_findings").height == first.opened + 1
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "vault").exists()
