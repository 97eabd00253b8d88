"""The server: who is let in, that it starts the same twice, and that it ends."""

import itertools
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

from stratum_pipeline import demo

from .listing import Aws

ROOT = Path(demo.__file__).parents[2]


def answers(endpoint_url: str) -> bool:
    address = urlsplit(endpoint_url)
    try:
        socket.create_connection((address.hostname, address.port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_two_starts_give_the_same_organization(listing: dict[str, Any]) -> None:
    with demo.serve() as again:
        second = Aws(again).listing()
    assert second.keys() == listing.keys()
    assert {key: second[key] for key in second if second[key] != listing[key]} == {}
    assert not answers(again.endpoint_url)


def test_asking_changes_nothing(aws: Aws, listing: dict[str, Any]) -> None:
    assert aws.listing() == listing


def test_the_server_ends_with_its_parent() -> None:
    command = [sys.executable, "-m", "stratum_pipeline.demo"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        said = iter(parent.stdout.readline, "")
        exports = [line.removeprefix("export ") for line in itertools.islice(said, 7)]
        parent.kill()
    environment = dict(line.strip().split("=", 1) for line in exports)
    assert environment["AWS_REGION"] == "us-east-1"
    deadline = time.monotonic() + 5
    while answers(environment["AWS_ENDPOINT_URL"]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not answers(environment["AWS_ENDPOINT_URL"])


def test_the_environment_is_all_a_scanner_needs(
    organization: demo.Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in organization.credentials.items():
        monkeypatch.setenv(name, value)
    session = boto3.Session()
    me = session.client("sts", region_name="us-east-1").get_caller_identity()
    assert me["Arn"] == "arn:aws:sts::111122223333:assumed-role/stratum-tooling/demo"
    # boto3 puts the account id in front of this one service's host
    control = session.client("s3control", region_name="us-east-1")
    block = control.get_public_access_block(AccountId=me["Account"])
    assert all(block["PublicAccessBlockConfiguration"].values())


def test_a_scan_role_leads_into_its_account(aws: Aws) -> None:
    me = aws.client("staging", "sts").get_caller_identity()
    assert me["Account"] == aws.id("staging")
    assert me["Arn"] == f"arn:aws:sts::{aws.id('staging')}:assumed-role/scan-iam/tests"


@pytest.mark.parametrize(
    "asked",
    [
        {"account": "staging", "ExternalId": "guessed"},
        {"account": "staging", "RoleArn": "arn:aws:iam::444455556666:role/stratum/scan-nothing"},
        {"account": "staging", "RoleArn": "arn:aws:iam::999999999999:role/stratum/scan-iam"},
        {"account": "legacy"},
    ],
    ids=["external-id", "no-such-role", "no-such-account", "suspended"],
)
def test_aws_does_not_say_why_a_role_cannot_be_assumed(aws: Aws, asked: dict[str, str]) -> None:
    with pytest.raises(ClientError) as refusal:
        aws.assume(**asked)
    assert refusal.value.response["Error"]["Code"] == "AccessDenied"


def test_an_unknown_key_is_refused(organization: demo.Organization) -> None:
    iam = boto3.client(
        "iam",
        region_name="us-east-1",
        endpoint_url=organization.endpoint_url,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="unknown",
    )
    with pytest.raises(ClientError) as refusal:
        iam.list_users()
    assert refusal.value.response["Error"]["Code"] == "InvalidClientTokenId"


def test_as_many_accounts_as_asked_for() -> None:
    with demo.serve(accounts=25) as organization:
        aws = Aws(organization)
        pages = list(aws.caller("organizations").get_paginator("list_accounts").paginate())
        assert [len(page["Accounts"]) for page in pages] == [20, 5]
        names = [account["Name"] for page in pages for account in page["Accounts"]]
        assert names == [account.name for account in organization.accounts]
        assert len(aws.client("sandbox-0018", "ec2").describe_vpcs()["Vpcs"]) == 1
        assert {row["account"] for row in organization.truth} >= {"sandbox-0001", "sandbox-0018"}


def test_seven_accounts_are_the_least() -> None:
    with pytest.raises(ValueError, match="at least 7"), demo.serve(accounts=6):
        pass
