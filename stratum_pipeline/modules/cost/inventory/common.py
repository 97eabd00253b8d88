"""What the collectors share: rows, and listings that several tables are filled from."""

from datetime import datetime
from typing import Any

from stratum_pipeline.kernel.collect import Api
from stratum_pipeline.kernel.table import NEVER

PAGE = {"PageSize": 1000}
"""EC2 refuses to list a large account without a size."""

EPOCH = datetime.fromisoformat(NEVER)
Raw = dict[str, Any]
Listing = list[Raw] | None


def row(api: Api, arn: str, incarnation: str = "") -> Raw:
    return {
        "arn": arn,
        "account_id": api.account.account_id,
        "region": api.region,
        "incarnation": incarnation,
    }


def arn_of(api: Api, service: str, resource: str) -> str:
    account = api.account
    return f"arn:{account.partition}:{service}:{api.region}:{account.account_id}:{resource}"


def instances(ec2: Api) -> Listing:
    """All instances that are not gone for good; None if they cannot be listed whole."""
    reservations = ec2.all("DescribeInstances", "Reservations", PaginationConfig=PAGE)
    return reservations and [
        instance
        for reservation in reservations
        for instance in reservation["Instances"]
        if instance["State"]["Name"] not in ("terminated", "shutting-down")
    ]


def volumes(ec2: Api) -> Listing:
    return ec2.all("DescribeVolumes", "Volumes", PaginationConfig=PAGE)


def images(ec2: Api) -> Listing:
    """The account's own."""
    return ec2.all("DescribeImages", "Images", Owners=["self"], PaginationConfig=PAGE)


def databases(rds: Api) -> Listing:
    """Those of RDS and Aurora: the listing has Neptune's and DocumentDB's as well."""
    found = rds.all("DescribeDBInstances", "DBInstances", PaginationConfig={"PageSize": 100})
    return found and [one for one in found if one["Engine"] not in ("neptune", "docdb")]


def tagged(item: Raw, *prefixes: str) -> bool:
    """Whether a tag of AWS's own, by the beginning of its key, is on `item`."""
    return any(tag["Key"].startswith(prefixes) for tag in item.get("Tags", ()))
