"""What goes wrong around a scan: each has its message, nothing is lost or falsely resolved."""

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import boto3
import dagster as dg
import polars as pl
import pytest

from stratum_pipeline import registry
from stratum_pipeline.kernel.coverage import Outcome
from stratum_pipeline.modules import s3
from stratum_pipeline.organization import Access, AccessError
from stratum_pipeline.runs import RunError, only_scan, run_scan
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.objects import LocalStore

from .conftest import REGION, entries


@pytest.mark.parametrize(
    ("operation", "code", "gap"),
    [
        ("ListBuckets", "AccessDenied", ("s3:ListBuckets", "denied", True)),
        ("GetBucketPolicy", "AccessDenied", ("s3:GetBucketPolicy", "denied", False)),
        ("GetBucketPolicy", "SlowDown", ("s3:GetBucketPolicy", "throttled", False)),
        ("ListBuckets", "InternalError", ("s3:ListBuckets", "error", True)),
    ],
)
def test_a_refused_call_is_a_gap_and_resolves_nothing(
    scan, refuse, queue, public, operation, code, gap
):
    scan()
    boto3.client("s3", region_name=REGION).delete_bucket_policy(Bucket="public")
    refuse(operation, code)
    summary = scan()
    assert summary.outcome == "partial"
    (row,) = queue("v1_gaps").to_dicts()
    assert (row["operation"], row["outcome"], row["unlisted"]) == gap
    assert "s3.bucket.public_policy" in row["rules"]
    assert public()["status"] == "open"
    assert public()["unverified"] != ""
    assert public()["verified_at"] is not None


def test_a_collector_that_raises_costs_only_its_rows(scan, monkeypatch, queue, public):
    scan()
    networking = queue().filter(pl.col("module") == "networking")
    (collector,) = [c for c in s3.MODULE.collectors if c.table.label == "buckets"]

    def broken(api):
        raise ZeroDivisionError

    monkeypatch.setattr(
        registry,
        "MODULES",
        tuple(
            replace(
                m,
                collectors=tuple(
                    replace(c, read=broken) if c is collector else c for c in m.collectors
                ),
            )
            for m in registry.MODULES
        ),
    )
    summary = scan()
    assert summary.outcome == "partial"
    assert summary.resolved == 0
    assert set(queue("v1_gaps")["code"]) == {"ZeroDivisionError"}
    assert public()["status"] == "open"
    assert (
        queue()
        .filter(pl.col("module") == "networking")["finding_id"]
        .equals(networking["finding_id"])
    )


def test_an_account_that_cannot_be_entered(scan, monkeypatch, queue, public):
    scan()

    def refused(self, account, module):
        raise AccessError("no such role", Outcome.DENIED, "AccessDenied")

    monkeypatch.setattr(Access, "enter", refused)
    summary = scan()
    assert summary.outcome == "failed"
    assert summary.accounts == {"failed": 1}
    assert summary.resolved == 0
    assert set(queue("v1_gaps")["operation"]) == {"sts:AssumeRole"}
    assert public()["status"] == "open"
    assert "sts:AssumeRole denied (AccessDenied)" in public()["unverified"]


def test_wrong_credentials_end_before_anything_is_started(scan, refuse, stratum, tmp_path):
    refuse("GetCallerIdentity", "InvalidClientTokenId")
    with pytest.raises(AccessError, match=r"InvalidClientTokenId.*AWS_PROFILE"):
        scan()
    assert entries(stratum) == []
    assert not (tmp_path / "data").exists()


def test_a_truncated_file_is_named_and_the_next_scan_heals_it(scan, stratum, tmp_path, public):
    scan()
    (file,) = (tmp_path / "data/verdicts/s3").glob("*.parquet")
    file.write_bytes(file.read_bytes()[:100])
    from stratum_pipeline.lifecycle.publish import publish
    from stratum_pipeline.lifecycle.record import current

    with pytest.raises(StoreError, match=rf"{file.name}.*scan"):
        publish(stratum.data, current(stratum.ledger), stratum.rules, [], stratum.module_names)
    assert scan().outcome == "complete"
    assert public()["status"] == "open"


def test_a_full_disk_says_so_and_loses_nothing(scan, monkeypatch, stratum, queue):
    scan()
    before = queue()
    real = LocalStore.put

    def full(self, key, data):
        if key.startswith("coverage/"):
            raise StoreError(f"no space left for {key}; free space and run again")
        real(self, key, data)

    monkeypatch.setattr(LocalStore, "put", full)
    monkeypatch.setattr("stratum_pipeline.assets.raw.RETRY", None)
    with pytest.raises(RunError, match="no space left"):
        scan()
    assert entries(stratum)[1:] == []
    assert queue().equals(before)
    monkeypatch.setattr(LocalStore, "put", real)
    assert scan().resolved == 0


def test_unknown_accounts_and_modules_are_named(scan):
    with pytest.raises(RunError, match="999999999999"):
        scan(accounts=["999999999999"])
    with pytest.raises(RunError, match=r"no module kinesis; there are networking"):
        scan(modules=["kinesis"])


def test_two_scans_at_once_are_not_let_in(scan, tmp_path):
    scan()
    with only_scan(tmp_path / "dagster"), pytest.raises(RunError, match="another"):
        scan()


KILLED = """
    import os
    from moto import mock_aws
    with mock_aws():
        from tests.pipeline.conftest import build_estate
        from stratum_pipeline import runs
        from stratum_pipeline.settings import Settings
        build_estate()
        died = lambda done, total, what: os._exit(9) if "s3" in what else None
        runs.run_scan(Settings(), on_account=died)
"""


def test_a_scan_killed_half_way_does_not_hold_up_the_next(settings, tmp_path, monkeypatch, queue):
    home = tmp_path / "dagster"
    home.mkdir()
    root = Path(__file__).parents[2]
    config = (root / "dagster.yaml").read_text().replace("default_limit: 4", "default_limit: 1")
    assert "default_limit: 1" in config
    (home / "dagster.yaml").write_text(config)
    monkeypatch.setenv("STRATUM_DATA", settings.data)
    monkeypatch.setenv("STRATUM_VAULT", settings.vault)
    monkeypatch.setenv("STRATUM_REGIONS", REGION)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED)], cwd=root, check=False, capture_output=True
    )
    assert done.returncode == 9, done.stderr.decode()
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs(dg.RunsFilter(job_name="scan"))
        assert run.status == dg.DagsterRunStatus.STARTED
        held = instance.event_log_storage.get_concurrency_info("aws_api")
        assert held.active_slot_count == 1
    summary = run_scan(settings)
    assert summary.outcome == "complete"
    assert queue().height == summary.opened > 0
    with dg.DagsterInstance.get() as instance:
        dead = instance.get_run_by_id(run.run_id)
        assert dead is not None
        assert dead.status == dg.DagsterRunStatus.FAILURE
