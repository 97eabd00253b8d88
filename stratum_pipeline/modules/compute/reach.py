"""What of an instance the internet reaches. Pure.

A lost fact removes what hangs on it and leaves a null ("there may be more"), so rules that
ask "is there any?" turn to unknown.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import polars as pl
import pyarrow as pa

from stratum_pipeline.kernel.internet import (
    PROTOCOLS,
    RANGES,
    Span,
    network,
    services,
    world_ports,
)
from stratum_pipeline.kernel.table import each, some

DERIVED = pa.schema(
    pl.Schema(
        {
            "addressed": pl.Boolean,
            "routed": pl.Boolean,
            "unblocked": pl.Boolean,
            "open_ports": RANGES,
            "exposed_services": pl.List(pl.String),
            "opening_groups": pl.List(pl.String),
        }
    )
)
EVERY_PORT = "every port"
VERSIONS = {"ipv4": 4, "ipv6": 6}

# Where a route to the world leads: a gateway to the internet, or a firewall's endpoint before
# it; whether an appliance behind an interface ("eni-...") is one can't be told.
INWARD = ("igw-", "vpce-")
PERHAPS = ("eni-", "?")

Row = dict[str, Any]
Maybe = bool | None
Ruling = tuple[str, Span]
"""The group that has an inbound rule, and the rule."""

UNREACHED: Row = {
    **dict.fromkeys(("addressed", "routed", "unblocked"), False),
    **dict.fromkeys(("open_ports", "exposed_services", "opening_groups"), ()),
}
"""What `reach` says of an instance that is off, or at no public address."""


def with_reach(instances: pl.DataFrame) -> pl.DataFrame:
    """`instances` with the columns of DERIVED; built through Arrow."""
    names = ["arn", "state", "interfaces", "subnets", "gateways", "groups", "ingress"]
    public = (each("ipv4").list.len() > 0) | (each("ipv6").list.len() > 0)
    # Of most it is plain, and tells nothing of the rest: they need no look at each.
    dark = (pl.col("state") != "running") | ~some(pl.col("interfaces"), public)
    rows = instances.select(*names, dark=dark.fill_null(False))
    lit = iter(rows.filter(~pl.col("dark")).drop("dark").iter_rows(named=True))
    derived = [UNREACHED if is_dark else reach(next(lit)) for is_dark in rows["dark"]]
    return instances.hstack(pl.DataFrame(pa.Table.from_pylist(derived, schema=DERIVED)))


def reach(row: Row) -> Row:
    """Columns of DERIVED for one instance."""
    running = None if row["state"] is None else row["state"] == "running"
    spans, doubts = _spans(row["ingress"])
    known = set(_known(row["groups"]))
    facts: list[tuple[Maybe, Maybe, Maybe]] = []
    opened: list[Row | None] = []
    openers: set[tuple[bool, str]] = set()
    for interface in _items(row["interfaces"]):
        for name, version in VERSIONS.items():
            addressed = _both(running, _holds(interface, name))
            routed = _routed(row["gateways"], interface, name)
            unblocked = _unblocked(row["subnets"], interface)
            facts.append((addressed, routed, unblocked))
            reached = _both(addressed, _both(routed, unblocked))
            if reached is False:
                continue
            mine, complete = _groups(interface, known)
            rules = tuple((group, span) for group, span in spans if group in mine)
            ranges = world_ports((span for _, span in rules), version)
            unsure = not complete or doubts or (reached is None and bool(ranges))
            opened += [*(ranges if reached else []), *([None] if unsure else [])]
            if reached:
                openers |= _openers(rules, version)
    return {
        "addressed": _any(one[0] for one in facts),
        "routed": _any(_both(one[0], one[1]) for one in facts),
        "unblocked": _any(_both(one[0], one[2]) for one in facts),
        "open_ports": opened,
        "exposed_services": exposed(opened),
        "opening_groups": [*_arns(row["arn"], openers), *([None] if None in opened else [])],
    }


def exposed(opened: Sequence[Row | None]) -> list[str | None]:
    """Names of the services within `opened`; EVERY_PORT stands for all of them."""
    known = [(r["protocol"], r["from_port"], r["to_port"]) for r in opened if r]
    every = any(name != "udp" and low <= 1 and high == 65535 for name, low, high in known)
    names = [EVERY_PORT] if every else services(known)
    return [*names, *([None] if len(known) < len(opened) else [])]


def _spans(ingress: list[Row | None] | None) -> tuple[list[Ruling], bool]:
    """Inbound rules that speak of ports, and whether any is unknown in part."""
    found: list[Ruling] = []
    doubt = False
    for rule in _items(ingress):
        if rule is None or rule["protocol"] is None or rule["group_id"] is None:
            doubt = True
        elif rule["protocol"] in PROTOCOLS:
            cidrs: list[str | None] = _items(rule["cidrs"])
            known = frozenset(c for c in cidrs if c is not None and network(c))
            ports = _ports(rule)
            doubt |= not known.issuperset(cidrs) or (ports is None and bool(known))
            if ports is not None:
                span = Span(PROTOCOLS[rule["protocol"]], *ports, known)
                found.append((rule["group_id"], span))
    return found, doubt


def _ports(rule: Row) -> tuple[int, int] | None:
    if rule["protocol"] == "-1":
        return 0, 65535
    low, high = rule["from_port"], rule["to_port"]
    return None if None in (low, high) else (max(low, 0), 65535 if high < 0 else high)


@lru_cache(maxsize=2**12)
def _openers(rules: tuple[Ruling, ...], version: int) -> frozenset[tuple[bool, str]]:
    """Groups that open anything by themselves, or all if only together; False: `exposed`."""
    own = {
        group: world_ports((span for other, span in rules if other == group), version)
        for group in {group for group, _ in rules}
    }
    if not any(own.values()):
        own = dict.fromkeys(own, world_ports((span for _, span in rules), version))
    return frozenset((not exposed(ranges), group) for group, ranges in own.items() if ranges)


def _arns(instance: str | None, openers: set[tuple[bool, str]]) -> list[str]:
    """Of security groups; those that open services come first."""
    head = (instance or "").partition(":instance/")[0]
    return list(dict.fromkeys(f"{head}:security-group/{group}" for _, group in sorted(openers)))


def _groups(interface: Row | None, known: set[str]) -> tuple[set[str], bool]:
    """An interface's groups whose rules are known, and whether these are all."""
    groups: list[str | None] = _items(interface["groups"] if interface else None)
    return known & set(groups), known.issuperset(groups)


def _holds(interface: Row | None, version: str) -> Maybe:
    addresses = interface[version] if interface else None
    return None if addresses is None else bool(addresses)


def _routed(gateways: list[Row | None] | None, interface: Row | None, version: str) -> Maybe:
    gateway = _of_subnet(gateways, interface)
    target = gateway[version] if gateway else None
    if target is None or target.startswith(PERHAPS):
        return None
    return target.startswith(INWARD)


def _unblocked(subnets: list[Row | None] | None, interface: Row | None) -> Maybe:
    subnet = _of_subnet(subnets, interface)
    mode = subnet["internet_block"] if subnet else None
    return None if mode is None else mode == "off"


def _of_subnet(rows: list[Row | None] | None, interface: Row | None) -> Row | None:
    subnet = interface and interface["subnet_id"]
    known = [r for r in rows or () if r and r["subnet_id"]]
    if not subnet or len(known) < len(rows or ()):
        return None
    return next((r for r in known if r["subnet_id"] == subnet), None)


def _both(one: Maybe, other: Maybe) -> Maybe:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _any(values: Iterable[Maybe]) -> Maybe:
    found = set(values)
    return True if True in found else None if None in found else False


def _items(values: list[Any] | None) -> list[Any]:
    """`values`; where they are unknown, one unknown value."""
    return [None] if values is None else values


def _known(values: list[str | None] | None) -> list[str]:
    return [value for value in values or () if value is not None]
