"""The library: one account, from a session to verdicts."""

import subprocess
import sys
from datetime import timedelta
from typing import Any

import boto3
import botocore.client
import polars as pl
import pytest
from botocore.exceptions import ClientError

from stratum_pipeline import scan_account
from stratum_pipeline.kernel.coverage import Coverage, Outcome
from stratum_pipeline.registry import MODULES, module
from stratum_pipeline.scan import Reading, judge, read_module, unread

ME = "123456789012"


@pytest.fixture
def session(aws: None, nothing_there: None) -> boto3.Session:
    session = boto3.Session(region_name="us-east-1")
    session.client("s3").create_bucket(Bucket="plain")
    return session


def test_an_account_from_session_to_verdicts(session):
    result = scan_account(session, ME, modules=["s3", "networking"], regions=["us-east-1"])
    assert result.account_id == ME
    assert timedelta(0) < result.finished_at - result.started_at < timedelta(minutes=5)
    assert result.inventory["s3.buckets"]["name"].to_list() == ["plain"]
    assert {name.partition(".")[0] for name in result.inventory} == {"s3", "networking"}
    assert set(result.coverage["outcome"]) == {"ok"}
    versioning = result.fails.filter(pl.col("rule_id") == "s3.bucket.versioning")
    assert versioning["resource_arn"].to_list() == ["arn:aws:s3:::plain"]
    assert {rule.partition(".")[0] for rule in result.fails["rule_id"]} == {"s3", "networking"}
    assert (result.gaps.height, result.unknowns.height) == (0, 0)
    counted = result.populations
    parts = counted["passed"] + counted["failed"] + counted["unknown"]
    assert parts.to_list() == counted["population"].to_list()
    assert counted["failed"].sum() == result.fails.height


def test_all_modules_in_all_enabled_regions_unless_told_otherwise(session):
    result = scan_account(session, ME)
    assert {name.partition(".")[0] for name in result.inventory} == {m.name for m in MODULES}
    asked = result.coverage.filter(Coverage.operation == "ec2:DescribeVpcs")
    assert asked["region"].n_unique() > 10
    regions = result.coverage.filter(Coverage.operation == "ec2:DescribeRegions")
    assert regions["calls"].sum() == 2  # by the first module for all, and by config for itself


def calls(result: Any, operation: str) -> list[int]:
    return result.coverage.filter(Coverage.operation == operation)["calls"].to_list()


def test_what_several_modules_need_is_asked_once(session):
    ec2 = session.client("ec2")
    image = ec2.register_image(Name="image")["ImageId"]
    ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)
    modules, regions = ["compute", "networking", "ssm"], ["us-east-1"]
    together = scan_account(session, ME, modules, regions)
    assert sorted(calls(together, "ec2:DescribeInstances")) == [0, 0, 1]
    for name in modules:
        alone = scan_account(session, ME, [name], regions)
        assert calls(alone, "ec2:DescribeInstances") == [1]
        assert alone.fails.equals(
            together.fails.filter(pl.col("rule_id").str.starts_with(f"{name}."))
        )
        for table, rows in alone.inventory.items():
            assert rows.equals(together.inventory[table])


def test_a_refusal_is_a_gap_of_every_module_that_asked(session, refuse):
    refuse("DescribeInstances", "UnauthorizedOperation")
    result = scan_account(session, ME, ["compute", "ssm"], ["us-east-1"])
    blind = result.gaps.filter(pl.col("operation") == "ec2:DescribeInstances")
    assert blind["module"].to_list() == ["compute", "ssm"]


def test_a_module_or_region_named_twice_is_read_once(session):
    once = scan_account(session, ME, modules=["networking"], regions=["us-east-1"])
    twice = scan_account(session, ME, modules=["networking"] * 2, regions=["us-east-1"] * 2)
    assert twice.fails.equals(once.fails)
    assert twice.populations.equals(once.populations)


def test_a_module_that_does_not_exist(session):
    with pytest.raises(KeyError, match=r"no module 's4'; there are .*iam.*s3"):
        scan_account(session, ME, modules=["s3", "s4"])


@pytest.fixture
def nothing_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def call(client: Any, operation: str, params: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)


def test_an_account_that_refuses_everything(session, nothing_allowed):
    result = scan_account(session, ME)
    assert result.fails.is_empty()
    assert result.populations["passed"].sum() == 0
    assert "ok" not in result.coverage["outcome"]
    blinded = set(result.gaps["rules"].explode(empty_as_null=True))
    assert {rule.id for m in MODULES for rule in m.rules} <= blinded


def test_regions_that_will_not_be_told_are_a_gap_of_modules_that_go_by_region(session, refuse):
    refuse("DescribeRegions", "UnauthorizedOperation")
    result = scan_account(session, ME, modules=["iam", "networking"])
    missing = result.gaps.filter(pl.col("code") == "RegionsUnknown")
    assert missing["module"].to_list() == ["iam", "networking"]
    assert result.populations["rule_id"].str.starts_with("iam.").any()
    blinded = set(missing["rules"].explode(empty_as_null=True))
    assert {rule.id for rule in module("networking").rules} <= blinded


def test_an_account_that_could_not_be_entered(aws):
    reading = unread(ME, module("s3"), Outcome.DENIED, "AccessDenied")
    assert (reading.outcome, reading.error) == (
        "failed",
        "sts:AssumeRole denied (AccessDenied)",
    )
    found = judge(reading)
    assert set(found.gaps["rules"].item()) == {rule.id for rule in module("s3").rules}
    assert found.observed.is_empty()


def outcome(**by_operation: str) -> str:
    reading = unread(ME, module("s3"), Outcome.OK, "")
    rows = [
        {"account_id": ME, "region": "r", "operation": f"s3:{operation}", "outcome": said}
        for operation, said in by_operation.items()
    ]
    return Reading(**{**vars(reading), "coverage": Coverage.frame(rows)}).outcome


def test_outcomes():
    assert outcome(ListBuckets="ok") == "complete"
    assert outcome(ListBuckets="ok", GetBucketAcl="denied") == "partial"
    assert outcome(ListBuckets="denied", GetBucketAcl="ok") == "failed"
    assert outcome(ListBuckets="unsupported") == "complete"  # not offered there: nothing to see
    assert outcome() == "failed"


def test_a_reading_can_be_judged_again(session):
    reading = read_module(session, ME, module("s3"), ["us-east-1"])
    assert judge(reading).fails.equals(judge(reading).fails)
    assert judge(reading).fails.height > 0


def test_importing_the_package_imports_neither_modules_nor_dagster():
    code = (
        "import sys, stratum_pipeline; before = {*sys.modules}; stratum_pipeline.scan_account\n"
        "print([n in before for n in names], [n in sys.modules for n in names])"
    )
    names = ["stratum_pipeline.modules", "stratum_pipeline.registry", "boto3", "polars", "dagster"]
    done = subprocess.run(
        [sys.executable, "-c", f"names = {names}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (
        done.stdout.strip() == "[False, False, False, False, False] [True, True, True, True, False]"
    )
