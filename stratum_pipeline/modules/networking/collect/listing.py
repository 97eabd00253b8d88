"""What the collectors share: listings asked once a region, rows' keys, routes."""

from collections.abc import Callable
from typing import Any

from stratum_pipeline.kernel.collect import Api

PAGE = 1000
"""The most EC2 returns at once. It refuses to list a large account without a size."""
FEWER = {"DescribeRouteTables": 100}
"""Listings of which it returns less."""

Raw = dict[str, Any]

TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "NetworkInterfaceId",
    "EgressOnlyInternetGatewayId",
    "CarrierGatewayId",
    "LocalGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
)
DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")


def listed(ec2: Api, operation: str, key: str) -> list[Raw] | None:
    """A whole EC2 listing of the region, shared by all tables; None where any of it failed."""
    page = min(PAGE, FEWER.get(operation, PAGE))
    return ec2.all(operation, key, PaginationConfig={"PageSize": page})


def unpaged(api: Api, operation: str, key: str, token: str = "", **params: Any) -> list[Raw] | None:
    """`listed` where botocore knows no pages; `token` names the key by which AWS goes on."""

    def ask() -> list[Raw] | None:
        items: list[Raw] = []
        further: Raw = {}
        while True:
            body = api.call(operation, **params, **further).body
            if body is None:
                return None
            items.extend(body.get(key, ()))
            if not body.get(token):
                return items
            further = {token: body[token]}

    return api.account.once((api.service, api.region, operation, key, repr(params)), ask)


def row(api: Api, raw: Raw, path: str, service: str = "ec2") -> Raw:
    """Keys of a row. The ids in `path` are never reused; what names no owner is our own."""
    owner = raw.get("OwnerId", api.account.account_id)
    arn = f"arn:{api.account.partition}:{service}:{api.region}:{owner}:{path}"
    return {"arn": arn, "account_id": owner, "region": api.region, "incarnation": ""}


def among(items: list[Raw] | None) -> list[Raw]:
    """`items` to go through, where not knowing them is told elsewhere."""
    return items or []


def routing(ec2: Api) -> Callable[[Raw], list[Raw] | None]:
    """A function of a subnet, as AWS lists it, to the routes in force there."""
    tables = listed(ec2, "DescribeRouteTables", "RouteTables")
    own: dict[str, list[Raw]] = {}
    main: dict[str, list[Raw]] = {}
    for table in among(tables):
        routes = sorted(
            (_route(raw) for raw in table.get("Routes", ())),
            key=lambda route: (route["destination"], route["target"]),
        )
        for association in table.get("Associations", ()):
            if association.get("Main"):
                main[table["VpcId"]] = routes
            elif "SubnetId" in association:
                own[association["SubnetId"]] = routes
    return lambda subnet: own.get(subnet["SubnetId"], main.get(subnet["VpcId"]))


def destination(raw: Raw) -> str:
    """What a route, as AWS lists it, leads to: a CIDR or the id of a prefix list."""
    return next((raw[name] for name in DESTINATIONS if raw.get(name)), "")


def _route(raw: Raw) -> Raw:
    return {
        "destination": destination(raw),
        "target": next((raw[name] for name in TARGETS if raw.get(name)), ""),
        "state": raw.get("State", "active"),
    }
