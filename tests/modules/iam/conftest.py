"""An estate to scan, and what moto answers otherwise than AWS."""

from collections.abc import Callable
from typing import Any

import boto3
import botocore.client
import polars as pl
import pytest
from botocore.exceptions import ClientError

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.modules.iam import MODULE
from stratum_pipeline.modules.iam.inventory import (
    report,
    services,
)

from ...conftest import SCANNED_AT
from .samples import (
    EC2,
    GITHUB,
    READS,
    allow,
    document,
    trusting,
    trusting_tokens,
)

REAL = botocore.client.BaseClient._make_api_call
ME = "arn:aws:iam::123456789012"
DETAILS = "iam:GetAccountAuthorizationDetails"


def frames(account: Account) -> dict[Any, pl.DataFrame]:
    return collect(account, MODULE.collectors, ["eu-west-1", "us-east-1"])


def scan(account: Account) -> Verdicts:
    found = frames(account)
    return evaluate("iam", MODULE.rules, found, account.coverage(), SCANNED_AT)


def again(account: Account) -> Account:
    """The same account at its next scan."""
    return Account(account.session, account.account_id, account.operations)


def told(rows: pl.DataFrame, arn: str) -> list[str]:
    return sorted(rows.filter(pl.col("resource_arn") == f"{ME}:{arn}")["rule_id"])


def calls(account: Account) -> dict[str, int]:
    return dict(account.coverage().group_by("operation").agg(pl.col("calls").sum()).rows())


@pytest.fixture(autouse=True)
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds slept, of which none pass."""
    seconds: list[float] = []
    for module in (report, services):
        monkeypatch.setattr(module, "sleep", seconds.append)
    return seconds


ROOT = {
    "user": "<root_account>",
    "arn": f"{ME}:root",
    "user_creation_time": "2020-01-01T00:00:00+00:00",
    "password_enabled": "not_supported",
    "password_last_used": "no_information",
}


def with_root(real: Callable[[], dict], params: dict) -> dict:
    """moto leaves the root user out of the report."""
    body = real()
    head, *rows = body["Content"].decode().splitlines()
    root = ",".join(ROOT.get(column, "N/A") for column in head.split(","))
    return body | {"Content": "\n".join([head, root, *rows]).encode()}


def member_account(real: Callable[[], dict], params: dict) -> dict:
    code = "AccountNotManagementOrDelegatedAdministratorException"
    raise ClientError({"Error": {"Code": code}}, "ListOrganizationsFeatures")


@pytest.fixture(autouse=True)
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[..., dict]], None]:
    """answer("GetAccountSummary", lambda real, params: {...}): what moto can't say."""
    said: dict[str, Callable[..., dict]] = {
        "GetCredentialReport": with_root,
        "ListAnalyzers": lambda real, params: {"analyzers": []},
        "ListOrganizationsFeatures": member_account,
        "ListTrustAnchors": lambda real, params: {"trustAnchors": []},
    }

    def call(client, operation: str, params: dict):
        real = lambda: REAL(client, operation, params)  # noqa: E731
        return said[operation](real, params) if operation in said else real()

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return said.__setitem__


@pytest.fixture
def paged(answer) -> Callable[[int], None]:
    """paged(n): details come n to a page, of their four lists each in turn, as AWS does."""

    def turn(real: Callable[[], dict], params: dict) -> dict:
        kinds = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
        body = real()
        whole = [(kind, item) for kind in kinds for item in body.pop(kind, ())]
        start = int(params.get("Marker", 0))
        more = start + size[-1] < len(whole)
        for kind in kinds:
            body[kind] = [item for k, item in whole[start : start + size[-1]] if k == kind]
        return body | {"IsTruncated": more} | ({"Marker": str(start + size[-1])} if more else {})

    size = [1000]
    answer("GetAccountAuthorizationDetails", turn)
    return size.append


@pytest.fixture
def estate(account: Account) -> Any:
    """Users amy (all wrong) and ben (nothing), roles web, ci and open, a policy and its user."""
    iam = boto3.client("iam")
    iam.create_user(UserName="amy")
    iam.create_login_profile(UserName="amy", Password="Tr0ub4dor&3-horse")
    iam.create_access_key(UserName="amy")
    for name in ("lists", "reads"):
        iam.create_policy(PolicyName=name, PolicyDocument=READS)
        iam.attach_user_policy(UserName="amy", PolicyArn=f"{ME}:policy/{name}")
    iam.put_user_policy(UserName="amy", PolicyName="own", PolicyDocument=document(allow("s3:*")))
    for name in ("night", "staff"):
        iam.create_group(GroupName=name)
        iam.add_user_to_group(GroupName=name, UserName="amy")
    iam.create_user(UserName="ben")
    iam.create_role(RoleName="web", AssumeRolePolicyDocument=document(EC2))
    iam.put_role_policy(RoleName="web", PolicyName="all", PolicyDocument=document(allow()))
    iam.create_instance_profile(InstanceProfileName="web")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="web")
    iam.create_role(RoleName="ci", AssumeRolePolicyDocument=document(trusting_tokens(GITHUB)))
    iam.create_role(RoleName="open", AssumeRolePolicyDocument=document(trusting("*")))
    policy = iam.create_policy(PolicyName="all", PolicyDocument=document(allow()))["Policy"]
    iam.create_policy(PolicyName="spare", PolicyDocument=document(allow()))
    iam.attach_role_policy(RoleName="open", PolicyArn=policy["Arn"])
    return iam
