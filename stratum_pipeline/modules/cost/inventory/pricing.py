"""The Price List API: what the types in use cost, asked for all of a region at once."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stratum_pipeline.kernel.collect import Api, Collector
from stratum_pipeline.kernel.table import setting_arn

from ..prices import HOURS, Prices, successor
from .common import Raw, databases, instances, row, volumes

ENDPOINT = "us-east-1"
"""Where the Price List API of every region is asked."""

MOST_TYPES = 50
"""Asked for at once: the value of a filter has at most 1,024 characters."""

GP3 = "gp3"
ENGINES = {
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "postgres": "PostgreSQL",
    "aurora-mysql": "Aurora MySQL",
    "aurora-postgresql": "Aurora PostgreSQL",
}
PLATFORMS = {"linux": "Linux", "windows": "Windows"}
ZONES = {"single": "Single-AZ", "multi": "Multi-AZ"}


def read_prices(ec2: Api) -> Iterator[Raw]:
    """A row per item: of volumes per GB a month, of machines the month's hours."""
    found = {
        **_volumes(ec2, {v["VolumeType"] for v in volumes(ec2) or ()}),
        **_instances(ec2, {i["InstanceType"] for i in instances(ec2) or ()}),
        **_databases(ec2, {d["DBInstanceClass"] for d in databases(ec2.on(service="rds")) or ()}),
    }
    account = ec2.account
    for item, (usd, published) in sorted(found.items()):
        arn = setting_arn(account.partition, "pricing", ec2.region, account.account_id, item)
        yield row(ec2, arn) | {"item": item, "usd": usd, "published": published}


Found = dict[str, tuple[float, str]]


def _volumes(ec2: Api, kinds: set[str]) -> Found:
    if not kinds:
        return {}
    products = _products(ec2, "AmazonEC2", {"productFamily": "Storage"})
    return {
        f"volume:{about['volumeApiName']}": price
        for about, price in products
        if about.get("volumeApiName") in {*kinds, GP3}
    }


def _instances(ec2: Api, types: set[str]) -> Found:
    ours = {theirs: name for name, theirs in PLATFORMS.items()}
    return {
        f"instance:{about['instanceType']}:{ours[about['operatingSystem']]}": _monthly(price)
        for portion in portions(types)
        for about, price in _products(
            ec2,
            "AmazonEC2",
            {
                "tenancy": "Shared",
                "capacitystatus": "Used",
                "preInstalledSw": "NA",
                "licenseModel": "No License required",
            },
            {"instanceType": portion, "operatingSystem": PLATFORMS.values()},
        )
        if about.get("operatingSystem") in ours
    }


def _databases(ec2: Api, classes: set[str]) -> Found:
    engines = {theirs: name for name, theirs in ENGINES.items()}
    zones = {theirs: name for name, theirs in ZONES.items()}
    return {
        f"db:{about['instanceType']}:{engines[engine]}:{zones[place]}": _monthly(price)
        for portion in portions(classes)
        for about, price in _products(
            ec2,
            "AmazonRDS",
            {"productFamily": "Database Instance"},
            {
                "instanceType": portion,
                "databaseEngine": ENGINES.values(),
                "deploymentOption": ZONES.values(),
            },
        )
        if (engine := about.get("databaseEngine")) in engines
        and (place := about.get("deploymentOption")) in zones
        and "IOOptimized" not in about.get("usagetype", "")
    }


def _products(
    ec2: Api,
    service: str,
    exactly: Mapping[str, str],
    any_of: Mapping[str, Iterable[str]] | None = None,
) -> list[tuple[Mapping[str, str], tuple[float, str]]]:
    """Attributes and on-demand price of each product in the region; none where it is silent."""
    region = {"regionCode": ec2.region}
    filters = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in (region | dict(exactly)).items()
    ] + [
        {"Type": "ANY_OF", "Field": field, "Value": ",".join(sorted(values))}
        for field, values in (any_of or {}).items()
    ]
    pricing = ec2.on(service="pricing", region=ENDPOINT)
    found: Any = pricing.all("GetProducts", "PriceList", ServiceCode=service, Filters=filters)
    priced: list[tuple[Mapping[str, str], tuple[float, str]]] = []
    for text in found or ():
        entry: Raw = json.loads(text)
        for term in entry["terms"].get("OnDemand", {}).values():
            for dimension in term["priceDimensions"].values():
                usd = float(dimension["pricePerUnit"].get("USD", 0))
                if usd and dimension.get("beginRange", "0") == "0":
                    price = (usd, entry["publicationDate"][:10])
                    priced.append((entry["product"]["attributes"], price))
    return priced


def portions(types: set[str]) -> list[list[str]]:
    """`types` and their successors, sorted, no more at a time than may be asked for."""
    wanted = sorted({*types, *map(successor, types)} - {""})
    return [wanted[i : i + MOST_TYPES] for i in range(0, len(wanted), MOST_TYPES)]


def _monthly(price: tuple[float, str]) -> tuple[float, str]:
    return round(price[0] * HOURS, 6), price[1]


COLLECTORS = (
    Collector(Prices, read_prices, calls=("ec2:DescribeVolumes", "rds:DescribeDBInstances")),
)
