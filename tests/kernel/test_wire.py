"""What goes over the wire, and what is made of an answer that is none."""

import socket
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from stratum_pipeline.kernel.collect import Account, Api, Collector, collect, enabled_regions
from stratum_pipeline.kernel.table import Resource

from .wire import wire

LIST = "iam:ListUsers"
ME = "123456789012"


class Users(Resource, listed_by=LIST):
    pass


def row(name: str) -> dict[str, Any]:
    return {"arn": f"arn:{name}", "account_id": ME, "region": "us-east-1"}


def fresh(operations: set[str]) -> Account:
    return Account(boto3.Session("key", "secret", region_name="us-east-1"), ME, operations)


def filed(account: Account) -> set[tuple[Any, ...]]:
    names = ("region", "operation", "resource_arn", "outcome", "code", "calls")
    return set(account.coverage().select(names).rows())


def test_an_undeclared_operation_is_not_sent(monkeypatch):
    with wire(lambda request: (200, "<ListAllMyBucketsResult/>")) as (url, seen):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        account = fresh({"s3:ListBuckets"})

        def read(s3: Api) -> Iterator[dict[str, Any]]:
            yield row("before")
            s3.call("DeleteBucket", Bucket="precious")
            yield row("after")

        class Buckets(Resource, listed_by="s3:ListBuckets"):
            pass

        frame = collect(account, [Collector(Buckets, read)], ["eu-west-1"])[Buckets]
        assert seen == []
        assert Api(account, "s3", "eu-west-1", "").call("ListBuckets").body is not None
        assert len(seen) == 1  # the guard lets through what is declared
    assert frame["arn"].to_list() == ["arn:before"]
    assert filed(account) == {
        ("eu-west-1", "s3:DeleteBucket", "", "error", "UndeclaredOperation", 1),
        ("eu-west-1", "s3:ListBuckets", "", "error", "UndeclaredOperation", 1),
        ("eu-west-1", "s3:ListBuckets", "", "ok", "", 1),
    }


def nobody_listens() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_region_that_does_not_answer_is_a_gap(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", nobody_listens())
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    account = fresh({LIST})
    read = Collector(Users, lambda api: api.pages("ListUsers", "Users"))
    collect(account, [read], ["us-east-1"])
    assert filed(account) == {("us-east-1", LIST, "", "error", "EndpointConnectionError", 1)}


def test_an_answer_that_is_not_aws_own_is_a_gap(monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with wire(lambda request: (200, "<html>Blocked by proxy<br>")) as (url, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        account = fresh({LIST, "iam:GetUser", "ec2:DescribeRegions"})
        api = Api(account, "iam", "us-east-1", LIST)
        assert api.call("GetUser").body is None
        assert api.all("ListUsers", "Users") is None
        assert list(api.pages("ListUsers", "Users")) == []
        assert enabled_regions(account, "us-east-1") == ["us-east-1"]
    assert {(op, outcome, code) for _, op, _, outcome, code, _ in filed(account)} == {
        ("iam:GetUser", "error", "ResponseParserError"),
        (LIST, "error", "ResponseParserError"),
        ("ec2:DescribeRegions", "error", "ResponseParserError"),
        ("ec2:DescribeRegions", "error", "RegionsUnknown"),
    }


BUSY = "<Error><Code>SlowDown</Code><Message/></Error>"


@pytest.mark.parametrize("attempts", [1, 3])
def test_retries_stop_where_the_sdk_is_told_to(monkeypatch, attempts):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", str(attempts))
    monkeypatch.setattr("time.sleep", lambda _: None)
    with wire(lambda request: (503, BUSY)) as (url, seen):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        account = fresh({"s3:ListBuckets"})
        assert Api(account, "s3", "us-east-1", "").call("ListBuckets").body is None
    assert len(seen) == attempts
    assert filed(account) == {("us-east-1", "s3:ListBuckets", "", "throttled", "SlowDown", 1)}


def test_retries_adapt_and_are_eight_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("AWS_MAX_ATTEMPTS", raising=False)
    retries = fresh(set()).client("s3", "us-east-1").meta.config.retries
    assert retries["mode"] == "adaptive"
    assert retries["total_max_attempts"] == 8
