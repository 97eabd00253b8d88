"""EC2 in moto, its answers edited or cut into pages."""

from collections.abc import Callable
from typing import Any

import boto3
import botocore.client
import pytest

from stratum_pipeline.modules.networking.collect import listing

from .estate import LISTINGS, REGION

MOTO_LACKS = {
    "DescribeClientVpnEndpoints": "ClientVpnEndpoints",
    "DescribeVirtualInterfaces": "virtualInterfaces",
    "DescribeVpcEndpointConnections": "VpcEndpointConnections",
    "ListFirewallPolicies": "FirewallPolicies",
}


@pytest.fixture(autouse=True)
def nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty listings for MOTO_LACKS."""
    real = botocore.client.BaseClient._make_api_call

    def call(client, operation: str, params: dict):
        empty = {MOTO_LACKS[operation]: []} if operation in MOTO_LACKS else None
        return real(client, operation, params) if empty is None else empty

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)


@pytest.fixture
def ec2(aws: None) -> Any:
    return boto3.client("ec2", region_name=REGION)


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """edit("DescribeSubnets", change): `change` each item that moto lists."""
    real = botocore.client.BaseClient._make_api_call
    changes: dict[str, Callable[[dict], object]] = {}

    def call(client, operation: str, params: dict):
        body = real(client, operation, params)
        for item in body[LISTINGS[operation]] if operation in changes else ():
            changes[operation](item)
        return body

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return changes.__setitem__


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> int:
    """Five to a page, the least EC2 allows, also where moto does not paginate."""
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
    monkeypatch.setattr(listing, "PAGE", 5)
    return 5


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """answer("DescribeFirewall", body): AWS's answer, in place of moto's; or body(params)."""
    real = botocore.client.BaseClient._make_api_call
    answers: dict[str, Any] = {}

    def call(client, operation: str, params: dict):
        if operation not in answers:
            return real(client, operation, params)
        given = answers[operation]
        return given(params) if callable(given) else given

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return answers.__setitem__
