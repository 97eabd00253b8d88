"""`stratum scan`, again and again: what it adds, and what it must not."""

from dataclasses import replace

import boto3
import dagster as dg
import polars as pl

from stratum_pipeline.assets.findings import judge_account
from stratum_pipeline.assets.raw import load, read_account, store
from stratum_pipeline.lifecycle.record import record
from stratum_pipeline.registry import module
from stratum_pipeline.store.ledger import Head

from .conftest import REGION, entries


def test_a_scan_opens_what_is_wrong_as_baseline(scan, queue, public, stratum):
    summary = scan()
    assert summary.outcome == "complete"
    assert summary.opened == summary.open == queue().height
    assert (public()["severity"], public()["status"], public()["cause"]) == (
        "critical",
        "open",
        "baseline",
    )
    first = queue().row(0, named=True)
    assert first["priority"] == queue()["priority"].max()


def test_a_scan_that_changes_nothing_adds_one_entry_and_rewrites_no_inventory(
    scan, stratum, tmp_path
):
    scan()
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "data/inventory").rglob("*.parquet")}
    assert files
    again = scan()
    assert (again.opened, again.resolved, again.reopened) == (0, 0, 0)
    assert entries(stratum)[1:] == [("scanned", {})]
    assert files == {p: p.stat().st_mtime_ns for p in files}


def test_fixed_gone_and_regressed(scan, public, queue):
    scan()
    s3 = boto3.client("s3", region_name=REGION)
    policy = s3.get_bucket_policy(Bucket="public")["Policy"]
    s3.delete_bucket_policy(Bucket="public")
    assert scan().resolved > 0
    assert (public()["status"], public()["cause"]) == ("resolved", "fixed")
    s3.put_bucket_policy(Bucket="public", Policy=policy)
    scan()
    assert (public()["status"], public()["cause"]) == ("open", "regressed")
    s3.delete_bucket(Bucket="public")
    scan()
    assert (public()["status"], public()["cause"]) == ("resolved", "gone")


def test_a_scan_of_one_module_says_nothing_of_the_others(scan, queue):
    scan()
    before = queue().filter(pl.col("module") != "s3")
    boto3.client("s3", region_name=REGION).delete_bucket(Bucket="kept")
    summary = scan(modules=["s3"])
    assert summary.resolved > 0
    assert queue().filter(pl.col("module") != "s3").equals(before)


def test_an_account_suspended_since_is_skipped_and_its_findings_stay(
    scan, stratum, public, monkeypatch
):
    scan()
    real = type(stratum.access).discover

    def suspended(self):
        found = real(self)
        rows = found.accounts.with_columns(status=pl.lit("SUSPENDED"))
        return replace(found, accounts=rows)

    monkeypatch.setattr(type(stratum.access), "discover", suspended)
    summary = scan()
    assert (summary.accounts, summary.calls, summary.resolved) == ({"skipped": 1}, 0, 0)
    assert public()["status"] == "open"
    assert "SUSPENDED" in public()["unverified"]


def test_a_scan_of_another_region_resolves_nothing(settings, scan, queue):
    scan()
    before = set(queue().filter(pl.col("status") == "open")["finding_id"])
    from stratum_pipeline.runs import run_scan

    summary = run_scan(settings.model_copy(update={"regions": ("eu-west-1",)}))
    assert summary.resolved == 0
    assert before <= set(queue().filter(pl.col("status") == "open")["finding_id"])


def test_a_late_older_scan_changes_nothing(scan, stratum, public, settings):
    """An observation begun before the newest one is dropped, wherever it comes in."""
    scan()
    account = boto3.client("sts").get_caller_identity()["Account"]
    late = read_account(stratum, account, module("s3"))
    boto3.client("s3", region_name=REGION).delete_bucket_policy(Bucket="public")
    scan()
    assert public()["status"] == "resolved"
    assert not store(stratum, late, "late")
    judge_account(stratum, late, "late", None)
    found = record(stratum.ledger, stratum.data, stratum.rules, "late", stratum.module_names)
    assert found.entry is None
    stored = load(stratum, module("s3"), account)
    assert stored is not None
    assert stored[0].started_at > late.started_at
    scan()
    assert public()["status"] == "resolved"


def test_verdicts_that_a_later_scan_is_replacing_wait_for_it(scan, stratum, public, monkeypatch):
    """A scan killed between its verdicts and its status must not lend them to the one before."""
    scan()
    account = boto3.client("sts").get_caller_identity()["Account"]
    whole = read_account(stratum, account, module("s3"))
    assert store(stratum, whole, "whole")
    judge_account(stratum, whole, "whole", None)
    boto3.client("s3", region_name=REGION).delete_bucket_policy(Bucket="public")
    cut_short = read_account(stratum, account, module("s3"))
    assert store(stratum, cut_short, "cut short")
    with monkeypatch.context() as patch:
        patch.setattr(type(stratum.data), "write_status", lambda *_: False)
        judge_account(stratum, cut_short, "cut short", None)

    def fold():
        return record(stratum.ledger, stratum.data, stratum.rules, "x", stratum.module_names)

    assert fold().entry is None
    judge_account(stratum, cut_short, "cut short", None)
    assert "resolved" in fold().events["kind"].to_list()


def test_runs_are_in_dagster_with_what_they_covered(scan, stratum):
    scan()
    with dg.DagsterInstance.get() as instance:
        jobs = [run.job_name for run in instance.get_runs()]
        assert jobs == ["refresh", "scan", "discover"]
        latest = instance.get_latest_materialization_event(dg.AssetKey(["raw", "s3"]))
        assert latest is not None
        assert latest.asset_materialization is not None
        metadata = latest.asset_materialization.metadata
        assert metadata["accounts"].value == 1
        assert "| account" in str(metadata["preview"].value)
        done = instance.get_materialized_partitions(dg.AssetKey(["findings", "networking"]))
        assert done == set(instance.get_dynamic_partitions("aws_account"))
    assert stratum.ledger.head() != Head()
