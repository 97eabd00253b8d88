"""EC2 in moto: what it lacks answered as AWS answers, its listings cut into pages."""

from collections.abc import Callable
from typing import Any

import boto3
import botocore.client
import pytest
from moto.ec2.models import ec2_backends

from stratum_pipeline.modules.compute.inventory import common

REGION, OTHER = "us-east-1", "eu-west-1"
ME = "123456789012"

DEFAULTS: dict[str, Any] = {
    "GetSnapshotBlockPublicAccessState": {"State": "unblocked", "ManagedBy": "account"},
    "GetImageBlockPublicAccessState": {
        "ImageBlockPublicAccessState": "unblocked",
        "ManagedBy": "account",
    },
    "GetInstanceMetadataDefaults": {"AccountLevel": {"ManagedBy": "account"}},
    "GetSerialConsoleAccessStatus": {"SerialConsoleAccessEnabled": False},
}
"""As a region answers that nobody set up."""

LISTINGS = {
    "DescribeImages": "Images",
    "DescribeInstances": "Reservations",
    "DescribeLaunchTemplates": "LaunchTemplates",
    "DescribeLaunchTemplateVersions": "LaunchTemplateVersions",
    "DescribeRouteTables": "RouteTables",
    "DescribeSecurityGroups": "SecurityGroups",
    "DescribeSnapshots": "Snapshots",
    "DescribeSubnets": "Subnets",
    "DescribeVolumes": "Volumes",
}
Edit = Callable[[dict[str, Any]], object]


@pytest.fixture(autouse=True)
def edit(monkeypatch: pytest.MonkeyPatch) -> dict[str, Edit]:
    """edit["DescribeImages"] = change: `change` each item listed, or the answer of a Get."""
    real = botocore.client.BaseClient._make_api_call
    changes: dict[str, Edit] = {}

    def call(client, operation: str, params: dict):
        known = operation in DEFAULTS
        body = {**DEFAULTS[operation]} if known else real(client, operation, params)
        if operation == "DescribeSnapshots":  # moto knows neither owners nor whom it is open to
            kept = ec2_backends[ME][client.meta.region_name].snapshots
            body["Snapshots"] = [
                one
                for one in body["Snapshots"]
                if one["OwnerId"] == ME
                and (
                    "RestorableByUserIds" not in params
                    or kept[one["SnapshotId"]].create_volume_permission_groups
                )
            ]
        for item in body[LISTINGS[operation]] if operation in LISTINGS else [body]:
            changes.get(operation, lambda item: None)(item)
        return body

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return changes


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch, edit: dict[str, Edit]) -> int:
    """Five to a page, also where moto does not paginate."""
    real = botocore.client.BaseClient._make_api_call

    def call(client, operation: str, params: dict):
        if operation not in LISTINGS or "MaxResults" not in params:
            return real(client, operation, params)
        start, size = int(params.get("NextToken", 0)), params["MaxResults"]
        params = {k: v for k, v in params.items() if k not in ("MaxResults", "NextToken")}
        items = real(client, operation, params)[LISTINGS[operation]]
        more = {"NextToken": str(start + size)} if start + size < len(items) else {}
        return {LISTINGS[operation]: items[start : start + size]} | more

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    monkeypatch.setattr(common, "PAGE", common.PAGE | dict.fromkeys(LISTINGS, 5))
    return 5


@pytest.fixture
def ec2(aws: None) -> Any:
    return boto3.client("ec2", region_name=REGION)


@pytest.fixture
def scaling(aws: None) -> Any:
    return boto3.client("autoscaling", region_name=REGION)
