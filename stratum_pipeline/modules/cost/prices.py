"""What AWS charges, in USD a month: from the Price List API, else the dated table below. Pure.

An item is named by what is paid for: "volume:gp3" (per GB), "iops:io1" (per provisioned IOPS),
"instance:m5.large:linux", "nat_gateway". Hourly prices are for a month of 730 hours. On-demand
list prices: what Savings Plans, reservations or agreements take off is not known here.
"""

from collections.abc import Sequence

import polars as pl

from stratum_pipeline.kernel.table import Column, Inventory, Resource

HOURS = 730
"""In a month, by AWS's own convention (the AWS Pricing Calculator)."""

INSTANCES, PRODUCTS = "ec2:DescribeInstances", "pricing:GetProducts"


class Prices(Resource, listed_by=INSTANCES):
    """One row per item in use whose price the Price List API told; others have the table's."""

    item = Column(pl.String, '"volume:gp3", "instance:m5.large:linux", ...', source=PRODUCTS)
    usd = Column(
        pl.Float64, "A month: per GB, or for the whole thing.", source=PRODUCTS, volatile=True
    )
    published = Column(
        pl.String, "Day that AWS published the list.", source=PRODUCTS, volatile=True
    )


KNOWN = "November 2026"
"""When the tables were compared with public copies of AWS's price lists; "?" was found in none."""

SERVICES: dict[str, dict[str, float]] = {
    "us-east-1": {
        # aws.amazon.com/ebs/pricing: per GB, provisioned IOPS, MiB/s
        "volume:gp3": 0.08,
        "volume:gp2": 0.10,
        "volume:io1": 0.125,
        "volume:io2": 0.125,
        "volume:st1": 0.045,
        "volume:sc1": 0.015,
        "volume:standard": 0.05,
        "iops:gp3": 0.005,
        "iops:io1": 0.065,
        "iops:io2": 0.065,  # of the first 32,000
        "throughput:gp3": 0.04,
        "snapshot:standard": 0.05,
        "snapshot:archive": 0.0125,
        # aws.amazon.com/vpc/pricing, privatelink/pricing, elasticloadbalancing/pricing
        "address": 0.005 * HOURS,
        "nat_gateway": 0.045 * HOURS,
        "endpoint": 0.01 * HOURS,  # per Availability Zone
        "load_balancer:application": 0.0225 * HOURS,
        "load_balancer:network": 0.0225 * HOURS,
        "load_balancer:gateway": 0.0125 * HOURS,
        "load_balancer:classic": 0.025 * HOURS,
        # aws.amazon.com/s3/pricing, cloudwatch/pricing: per GB
        "s3:standard": 0.023,
        "s3:standard_ia": 0.0125,
        "logs": 0.03,
        # aws.amazon.com/dynamodb/pricing/provisioned: per capacity unit
        "dynamodb:read": 0.00013 * HOURS,
        "dynamodb:write": 0.00065 * HOURS,
        # aws.amazon.com/rds/mysql/pricing: backup storage, per GB
        "db_snapshot": 0.095,
        # aws.amazon.com/secrets-manager/pricing
        "secret": 0.40,
    },
    "eu-west-1": {
        "volume:gp3": 0.088,
        "volume:gp2": 0.11,
        "volume:io1": 0.138,
        "volume:io2": 0.138,
        "volume:st1": 0.05,
        "volume:sc1": 0.0168,
        "volume:standard": 0.055,
        "iops:gp3": 0.0055,  # ?
        "iops:io1": 0.072,
        "iops:io2": 0.072,  # ?
        "throughput:gp3": 0.044,  # ?
        "snapshot:standard": 0.05,
        "snapshot:archive": 0.0125,  # ?
        "address": 0.005 * HOURS,
        "nat_gateway": 0.048 * HOURS,
        "endpoint": 0.011 * HOURS,
        "load_balancer:application": 0.0252 * HOURS,
        "load_balancer:network": 0.0252 * HOURS,  # ?
        "load_balancer:classic": 0.028 * HOURS,
        "s3:standard": 0.023,
        "s3:standard_ia": 0.0125,  # ?
        "logs": 0.03,  # ?
        "dynamodb:read": 0.000147 * HOURS,
        "dynamodb:write": 0.000735 * HOURS,
        "db_snapshot": 0.095,  # ?
        "secret": 0.40,  # ?
    },
    "ap-southeast-2": {
        "volume:gp3": 0.096,
        "volume:gp2": 0.12,
        "volume:io1": 0.138,
        "volume:io2": 0.138,  # ?
        "volume:st1": 0.054,
        "volume:sc1": 0.018,
        "volume:standard": 0.08,
        "iops:gp3": 0.006,  # ?
        "iops:io1": 0.072,
        "iops:io2": 0.072,  # ?
        "throughput:gp3": 0.048,  # ?
        "snapshot:standard": 0.055,
        "snapshot:archive": 0.01375,
        "address": 0.005 * HOURS,  # ?
        "nat_gateway": 0.059 * HOURS,
        "endpoint": 0.013 * HOURS,  # ?
        "load_balancer:application": 0.0252 * HOURS,
        "load_balancer:network": 0.0252 * HOURS,  # ?
        "load_balancer:classic": 0.028 * HOURS,  # ?
        "s3:standard": 0.025,
        "s3:standard_ia": 0.0138,  # ?
        "logs": 0.033,  # ?
        "secret": 0.40,  # ?
    },
}
SAME_AS = {"us-east-2": "us-east-1", "us-west-2": "us-east-1"}
"""Regions that charge, for all of the above, what another does."""

FAMILIES = {
    # Linux, us-east-1: USD an hour for the size `large`; the other sizes are in proportion.
    "t1": 0.16,
    "t2": 0.0928,
    "t3": 0.0832,
    "t3a": 0.0752,
    "t4g": 0.0672,
    "m1": 0.175,
    "m3": 0.133,
    "m4": 0.10,
    "m5": 0.096,
    "m5a": 0.086,
    "m5d": 0.113,
    "m6a": 0.0864,
    "m6g": 0.077,
    "m6i": 0.096,
    "m7g": 0.0816,
    "m7i": 0.1008,
    "c1": 0.26,
    "c3": 0.105,
    "c4": 0.0995,
    "c5": 0.085,
    "c5a": 0.077,
    "c6a": 0.0765,
    "c6g": 0.068,
    "c6i": 0.085,
    "c7g": 0.0725,
    "c7i": 0.08925,
    "m2": 0.1225,
    "r3": 0.1663,
    "r4": 0.133,
    "r5": 0.126,
    "r5a": 0.113,
    "r6a": 0.1134,
    "r6g": 0.1008,
    "r6i": 0.126,
    "r7g": 0.1071,
    "r7i": 0.1323,
    "i2": 0.4263,
    "i3": 0.156,
    "i3en": 0.226,
    "i4i": 0.1716,
    "d2": 0.345,
    "d3": 0.2497,
}
DB_FAMILIES = {
    # RDS for MySQL and MariaDB, Single-AZ, us-east-1: likewise.
    "db.t2": 0.136,
    "db.t3": 0.136,
    "db.t4g": 0.129,
    "db.m4": 0.175,
    "db.m5": 0.171,
    "db.m6g": 0.152,
    "db.m6i": 0.171,
    "db.r4": 0.24,  # ?
    "db.r5": 0.24,
    "db.r6g": 0.215,
    "db.m3": 0.185,  # ?
    "db.r3": 0.24,  # ?
    "db.r6i": 0.24,
    "db.m7g": 0.168,
    "db.r7g": 0.239,
}
SIZES: dict[str, float] = {
    "nano": 1 / 16,
    "micro": 1 / 8,
    "small": 1 / 4,
    "medium": 1 / 2,
    "large": 1,
    "xlarge": 2,
    **{f"{n}xlarge": 2 * n for n in (2, 3, 4, 6, 8, 9, 10, 12, 16, 18, 24, 32, 48)},
}
SUCCESSORS = {
    # aws.amazon.com/ec2/previous-generation: to the same vendor's processors, no port needed.
    "t1": "t3",
    "t2": "t3",
    "m1": "m6i",
    "m3": "m6i",
    "m4": "m6i",
    "c1": "c6i",
    "c3": "c6i",
    "c4": "c6i",
    "m2": "r6i",
    "r3": "r6i",
    "r4": "r6i",
    "i2": "i4i",
    "d2": "d3",
    "db.t2": "db.t3",
    "db.m3": "db.m6i",
    "db.m4": "db.m6i",
    "db.r3": "db.r6i",
    "db.r4": "db.r6i",
}


def listed(region: str, item: str) -> tuple[float, str] | None:
    """What the table says of `item` in `region`, and how it calls itself; None if nothing."""
    base = SAME_AS.get(region, region)
    kind, *named = item.split(":")
    if kind not in ("instance", "db"):
        usd = SERVICES.get(base, {}).get(item)
        return None if usd is None else (usd, _table(region))
    if base != "us-east-1":
        return None
    usd = _machine(kind, named)
    return None if usd is None else (usd, _table(region))


def with_prices(
    rows: pl.DataFrame, inventory: Inventory, by: Sequence[str] = (), **items: pl.Expr
) -> pl.DataFrame:
    """`rows` with the price of each of `items`, in a column of its name, and `price_source`.

    USD a month per unit, null if unknown. The items are told by the region and the columns
    `by`: each distinct combination is looked up once.
    """
    about = ["region", *by]
    known = rows.select(about).unique(maintain_order=True)
    for name, item in items.items():
        known = _priced(known, inventory, item, name)
    known = known.select(*about, *items, price_source=_sources(*items))
    return rows.join(known, on=about, how="left", nulls_equal=True, maintain_order="left")


def successor(machine: str) -> str:
    """The current type or class that takes the place of an old one: "t3.micro" of "t2.micro".

    "" of one that is current. General purpose types have no successor below `large` but T3.
    """
    family, _, size = machine.rpartition(".")
    follows = SUCCESSORS.get(family, "")
    if not follows:
        return ""
    if SIZES.get(size, 1) < 1 and not follows.endswith("t3"):
        follows = "db.t3" if family.startswith("db.") else "t3"
    return f"{follows}.{'12xlarge' if size == '10xlarge' else size}"


def replaced(machine: pl.Series) -> pl.Series:
    """As `successor`, of a column."""
    known = {one: successor(one) for one in machine.unique().drop_nulls()}
    return machine.replace_strict(known, default=None, return_dtype=pl.String)


def _priced(rows: pl.DataFrame, inventory: Inventory, item: pl.Expr, name: str) -> pl.DataFrame:
    """`rows` with `name`, the price of `item`, and `<name>_source`."""
    told: dict[tuple[str, str], tuple[float, str]] = {
        (row["region"], row["item"]): (row["usd"], f"AWS Price List API, {row['published']}")
        for row in inventory.get(Prices, Prices.frame()).to_dicts()
    }
    wanted = rows.select("region", item=item).rows()
    prices = [told.get(pair) or (listed(*pair) if None not in pair else None) for pair in wanted]
    return rows.with_columns(
        pl.Series(name, [price and price[0] for price in prices], pl.Float64),
        pl.Series(f"{name}_source", [price and price[1] for price in prices], pl.String),
    )


def _sources(*names: str) -> pl.Expr:
    """Where the prices of these names come from, each said once."""
    said = pl.concat_list(f"{name}_source" for name in names).list.drop_nulls()
    told = said.list.unique(maintain_order=True).list.join("; ")
    return pl.when(told != "").then(told).otherwise(pl.lit("no list price known for this region"))


def _table(region: str) -> str:
    return f"Stratum price table, {region} list prices as known in {KNOWN}"


def _machine(kind: str, named: list[str]) -> float | None:
    family, _, size = named[0].rpartition(".")
    factor = SIZES.get(size)
    if kind == "instance":
        hour = FAMILIES.get(family)
        if named[1] != "linux":
            hour = None
    else:
        hour = DB_FAMILIES.get(family)
        if named[1] not in ("mysql", "mariadb"):
            hour = None
        factor = None if factor is None else factor * (2 if named[2] == "multi" else 1)
    return None if hour is None or factor is None else hour * factor * HOURS
