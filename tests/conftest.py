"""A scan against moto, with calls refused on demand."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import botocore.client
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from stratum_pipeline.kernel.collect import Account
from stratum_pipeline.registry import MODULES

SCANNED_AT = datetime(2026, 1, 1, tzinfo=UTC)
MOTO_LACKS: set[str] = {
    *("ec2:DescribeClientVpnEndpoints", "directconnect:DescribeVirtualInterfaces"),  # networking
    "network-firewall:ListFirewallPolicies",  # networking
    *("ec2:GetSnapshotBlockPublicAccessState", "ec2:GetImageBlockPublicAccessState"),  # compute
    *("ec2:GetInstanceMetadataDefaults", "ec2:GetSerialConsoleAccessStatus"),  # compute
    *("ssm:DescribeInstanceInformation", "ssm:GetServiceSetting", "ssm:ListAssociations"),  # ssm
    *("rds:DescribeDBEngineVersions", "rds:DescribeDBMajorEngineVersions"),  # rds
    "backup:ListProtectedResources",  # rds
    *("accessanalyzer:ListAnalyzers", "rolesanywhere:ListTrustAnchors"),  # iam
    "iam:ListOrganizationsFeatures",  # iam
    *("pricing:GetProducts", "ce:GetAnomalyMonitors"),  # cost
    "compute-optimizer:GetLambdaFunctionRecommendations",  # cost
    "compute-optimizer:GetEnrollmentStatus",  # cost
}
"""Operations moto does not implement: answered here, as AWS answers where there is nothing."""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty emulated AWS, account 123456789012."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        yield


@pytest.fixture
def account(aws: None) -> Account:
    operations = frozenset[str]().union(*(module.operations for module in MODULES))
    return Account(boto3.Session(region_name="us-east-1"), "123456789012", operations)


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """refuse("GetBucketPolicy", "AccessDenied"[, where]): AWS says no to that operation.

    where(region, params) -> bool narrows it.
    """
    real = botocore.client.BaseClient._make_api_call
    refused: dict[str, tuple[str, Callable[[str, dict], bool]]] = {}

    def call(client, operation: str, params: dict):
        code, where = refused.get(operation, ("", lambda region, params: False))
        if where(client.meta.region_name, params):
            raise ClientError({"Error": {"Code": code, "Message": "refused"}}, operation)
        return real(client, operation, params)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)

    def add(operation: str, code: str, where=lambda region, params: True) -> None:
        refused[operation] = (code, where)

    return add


@pytest.fixture
def nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty lists and structures for MOTO_LACKS."""
    real: Any = botocore.client.BaseClient._make_api_call  # pyright: ignore[reportAttributeAccessIssue]

    def call(client: Any, operation: str, params: Any) -> Any:
        model = client.meta.service_model
        if f"{model.service_name}:{operation}" not in MOTO_LACKS:
            return real(client, operation, params)
        empty: dict[str, Any] = {"list": [], "structure": {}, "map": {}}
        members: dict[str, Any] = model.operation_model(operation).output_shape.members
        return {n: empty[m.type_name] for n, m in members.items() if m.type_name in empty}

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
