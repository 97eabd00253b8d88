"""What the internet does reach: public address, route, network ACL and group together."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from .openings import WEB

UNKNOWN = pl.lit(None, dtype=pl.Boolean)
LISTS = pl.List(pl.String)

FACTS = (
    *("arn", "interface_id", "vpc_id", "subnet_id", "internet_ipv4", "internet_ipv6"),
    *("instance_id", "instance_profile"),
)

Row = dict[str, Any]


def with_internet(interfaces: pl.DataFrame, subnets: pl.DataFrame) -> pl.DataFrame:
    """`interfaces` with `internet_ipv4` and `internet_ipv6`; a subnet not seen is unknown."""
    where = subnets.select("subnet_id", "internet_block", "public_ipv4", "public_ipv6")
    live = (pl.col("status") != "available") & ~pl.col("denies_internet")
    unblocked = pl.when(pl.col("internet_block") == "off").then(True).otherwise(UNKNOWN)
    addressed = {
        "ipv4": pl.col("public_ips").list.len() > 0,
        "ipv6": pl.col("ipv6_addresses")
        .list.eval(pl.element().str.contains("^[23]"))  # 2000::/3, the global addresses
        .list.any(ignore_nulls=False),
    }
    return (
        interfaces.join(
            where.unique("subnet_id"), on="subnet_id", how="left", maintain_order="left"
        )
        .with_columns(
            (live & has & pl.col(f"public_{version}") & unblocked).alias(f"internet_{version}")
            for version, has in addressed.items()
        )
        .drop("internet_block", "public_ipv4", "public_ipv6")
    )


def with_reach(groups: pl.DataFrame, interfaces: pl.DataFrame, acls: pl.DataFrame) -> pl.DataFrame:
    """`groups` with `reachable` and `behind`, given judged `interfaces` and `acls`."""
    facts = {row["interface_id"]: row for row in interfaces.select(FACTS).to_dicts()}
    admitted = {
        subnet: ports
        for subnets, ports in acls.select("subnets", "world_ports").iter_rows()
        for subnet in subnets or ()
    }
    reachable: list[list[str | None] | None] = []
    behind: list[list[str | None] | None] = []
    names = ("interfaces", "world_ports")
    for attached, opened in groups.select(names).iter_rows():
        if attached is None:
            reachable.append(None)
            behind.append(None)
            continue
        found: list[str | None] = []
        arns: set[str | None] = set()
        # Most groups open nothing that matters here.
        for interface in attached if opened is None or list(_beside_web(opened)) else ():
            row = facts.get(interface)
            reached = row and _reached(opened, row, admitted.get(row["subnet_id"]))
            if reached is not False:
                found.append(interface if reached else None)
            if reached and row:
                arns |= set(_arns(row))
        reachable.append(found)
        behind.append(sorted(arns - {None}, key=str) + [None] * (None in arns))
    return groups.with_columns(
        pl.Series("reachable", reachable, LISTS), pl.Series("behind", behind, LISTS)
    )


def _beside_web(opened: list[Row | None]) -> Iterator[Row | None]:
    return (r for r in opened if r is None or (r["from_port"], r["to_port"]) not in WEB)


def _reached(opened: list[Row | None] | None, row: Row, acl: list[Row] | None) -> bool | None:
    """Whether the internet reaches on the interface `row` a port of `opened`."""
    internet = {False: row["internet_ipv4"], True: row["internet_ipv6"]}
    answers: list[bool | None] = []
    for run in [None] if opened is None else _beside_web(opened):
        if run is None:
            answers.append(False if set(internet.values()) == {False} else None)
            continue
        via = internet[run["ipv6"]]
        let_in = None if acl is None else any(_overlap(run, other) for other in acl)
        answers.append(False if False in (via, let_in) else None if None in (via, let_in) else True)
    return True if True in answers else None if None in answers else False


def _overlap(run: Row, other: Row) -> bool:
    return (
        run["ipv6"] == other["ipv6"]
        and run["protocol"] in ("-1", other["protocol"])
        and run["from_port"] <= other["to_port"]
        and other["from_port"] <= run["to_port"]
    )


def _arns(row: Row) -> Iterator[str | None]:
    """ARNs of what stands at an interface: its VPC, its instance and that one's profile."""
    start = row["arn"].partition("network-interface/")[0]
    yield f"{start}vpc/{row['vpc_id']}"
    if row["instance_id"]:
        yield f"{start}instance/{row['instance_id']}"
        if row["instance_profile"] != "":
            yield row["instance_profile"]
