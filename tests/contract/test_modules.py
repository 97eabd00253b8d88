"""Promises every module keeps; a new one is covered by being registered."""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import polars as pl
import pytest
from policy_sentry.querying.actions import get_action_data

import stratum_pipeline.modules
from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.kernel.coverage import GAPS, Coverage
from stratum_pipeline.kernel.module import Module
from stratum_pipeline.kernel.permissions import action
from stratum_pipeline.kernel.table import Resource
from stratum_pipeline.registry import MODULES
from stratum_pipeline.scan import judge, read_module

ME, HOME = "123456789012", "us-east-1"
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
IDS = {"arn", "account_id", "region", "incarnation"}

READ = {"Read", "List"}
READ_ALL_THE_SAME: dict[str, str] = {}
"""Actions that alter nothing, though AWS files them under another level: which, and why here."""


def tables(module: Module) -> list[type[Resource]]:
    return [collector.table for collector in module.collectors]


@cache
def service(name: str) -> Any:
    return botocore.session.get_session().get_service_model(name)


@each_module
def test_every_operation_exists(module: Module):
    for operation in module.operations:
        name, _, call = operation.partition(":")
        assert call in service(name).operation_names, operation


@each_module
def test_every_operation_needs_a_known_read_action_and_no_other(module: Module):
    for operation in module.operations:
        needed = action(operation)
        known = get_action_data(*needed.split(":"))
        assert known, f"{operation}: AWS has no action {needed}"
        rows = known[needed.partition(":")[0]]  # one per kind of resource it may be asked about
        assert {row["action"] for row in rows} == {needed}
        levels = {row["access_level"] for row in rows} - {READ_ALL_THE_SAME.get(needed)}
        assert levels <= READ, f"{needed} is {levels}"


@each_module
def test_every_column_says_what_it_is_and_where_it_comes_from(module: Module):
    for table in tables(module):
        assert table.__doc__
        for name, column in table.columns.items():
            assert column.doc or name.endswith(("_id", "_ids")), f"{table.label}.{name}"
            if name not in IDS and not column.derived:
                assert column.source, f"{table.label}.{name}"


@each_module
def test_what_a_table_reads_is_declared(module: Module):
    for table in tables(module):
        assert table.listed_by in table.operations() <= module.operations


@each_module
def test_tables_have_a_collector_and_a_name_each(module: Module):
    labels = Counter(table.label for table in tables(module))
    assert set(labels.values()) == {1}
    assert {rule.table for rule in module.rules} <= set(tables(module))


def test_modules_are_named_as_their_folders():
    here = Path(stratum_pipeline.modules.__path__[0])
    folders = {path.parent.name for path in here.glob("*/__init__.py")}
    assert {module.name for module in MODULES} <= {name.rstrip("_") for name in folders}
    for module in MODULES:
        for collector in module.collectors:
            package = collector.table.__module__.split(".")[2]
            assert package.rstrip("_") == module.name


def session() -> boto3.Session:
    return boto3.Session(region_name=HOME)


@pytest.fixture(autouse=True)
def _nothing_there(nothing_there: None) -> None: ...


@each_module
def test_an_empty_account_is_read_without_a_gap(aws: None, module: Module):
    reading = read_module(session(), ME, module, [HOME, "eu-west-1"])
    gaps = reading.coverage.filter(Coverage.outcome.is_in(GAPS))
    assert gaps.rows() == []
    assert reading.outcome == "complete"
    listed = set(reading.coverage["operation"])
    assert {table.listed_by for table in tables(module)} <= listed
    assert judge(reading).gaps.is_empty()


@pytest.fixture
def estate(aws: None) -> None:
    """Two of a few things, in two regions: the same name, where AWS lets it be the same."""
    iam = session().client("iam")
    for name in ("one", "two"):
        iam.create_user(UserName=name)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument='{"Statement": []}')
    for region in (HOME, "eu-west-1"):
        s3, ec2 = (session().client(s, region_name=region) for s in ("s3", "ec2"))
        where = {} if region == HOME else {"LocationConstraint": region}
        bucket: dict[str, Any] = {"CreateBucketConfiguration": where} if where else {}
        s3.create_bucket(Bucket=f"bucket-{region}", **bucket)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")
        ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)
        session().client("rds", region_name=region).create_db_instance(
            DBInstanceIdentifier="orders", DBInstanceClass="db.t4g.micro", Engine="oracle-ee"
        )
        session().client("dynamodb", region_name=region).create_table(
            TableName="orders",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        session().client("lambda", region_name=region).publish_layer_version(
            LayerName="common", Content={"ZipFile": b"none"}
        )


@each_module
def test_arns_are_unique_and_rows_are_the_accounts_own(estate: None, module: Module):
    account = Account(session(), ME, module.operations)
    frames = collect(account, module.collectors, [HOME, "eu-west-1"])
    assert sum(frame.height for frame in frames.values()) > 0
    for table, frame in frames.items():
        assert frame["arn"].is_duplicated().sum() == 0, table
        assert frame["arn"].str.starts_with("arn:aws:").all(), table
        assert set(frame["account_id"]) <= {ME}, table
        assert frame["incarnation"].null_count() == 0, table


@each_module
def test_an_unchanged_account_gives_equal_frames(estate: None, module: Module):
    first, second = (read_module(session(), ME, module, [HOME, "eu-west-1"]) for _ in range(2))
    for table, rows in first.inventory.items():
        assert rows.equals(second.inventory[table]), table


@each_module
def test_an_account_that_refuses_everything_is_unknown_not_clean(
    estate: None, module: Module, monkeypatch: pytest.MonkeyPatch
):
    def refused(client: Any, operation: str, params: Any) -> None:
        raise botocore.exceptions.ClientError({"Error": {"Code": "AccessDenied"}}, operation)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", refused)
    reading = read_module(session(), ME, module, [HOME, "eu-west-1"])
    found = judge(reading)
    assert reading.outcome == "failed"
    assert "AccessDenied" in reading.error
    assert set(reading.coverage["outcome"]) == {"denied"}
    assert found.fails.is_empty()
    assert found.observed.is_empty()
    assert found.populations["passed"].sum() == 0
    blinded = set(found.gaps["rules"].explode(empty_as_null=True))
    assert {rule.id for rule in module.rules} <= blinded
    assert found.gaps.filter(pl.col("unlisted")).height > 0
