"""Where routes lead, and what network ACLs let in.

Monotone, as all of `derive`: a lost route or entry makes an answer unknown, never another.
"""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Any

import polars as pl
import pyarrow as pa

from stratum_pipeline.kernel.internet import RANGES, is_world

ROUTES = pl.Struct(
    {
        "destination": pl.String,  # CIDR, or the id of a prefix list
        "target": pl.String,  # "local", or the id of a gateway, endpoint, interface, ...
        "state": pl.String,  # active | blackhole | filtered
    }
)
# By IANA's numbers, as AWS gives them.
ACL_PROTOCOLS = {"-1": ("tcp", "udp"), "6": ("tcp",), "17": ("udp",)}
EVERY_PORT = (0, 65535)

Row = dict[str, Any]


def leads_to_internet(routes: pl.Series, version: int) -> pl.Series:
    """Per list of ROUTES, whether it leads the IP `version` world to an internet gateway."""
    seen: dict[str, bool | None] = {}
    answers: list[bool | None] = []
    for one in routes.to_list():
        key = repr(one)
        if key not in seen:
            seen[key] = to_internet(one, version)
        answers.append(seen[key])
    return pl.Series(routes.name, answers, pl.Boolean)


def to_internet(routes: list[Row | None] | None, version: int) -> bool | None:
    """Whether `routes` lead the world of IP `version` to an internet gateway.

    None where that is not known, and where they lead through the endpoint of a firewall,
    which may let anything in or nothing.
    """
    if routes is None:
        return None
    direct: set[str] = set()
    other: set[str] = set()
    doubt = False
    for route in routes:
        if route is None or route["state"] is None or route["target"] is None:
            doubt = True
        elif route["state"] == "active" and route["target"].startswith(("igw-", "vpce-")):
            if route["destination"] is None or route["destination"].startswith("pl-"):
                doubt |= not (route["destination"] and route["target"].startswith("vpce-"))
            else:
                (direct if route["target"].startswith("igw-") else other).add(route["destination"])
    if is_world(frozenset(direct), version):
        return True
    return None if doubt or is_world(frozenset(direct | other), version) else False


def with_sides(vpcs: pl.DataFrame) -> pl.DataFrame:
    """`vpcs` with `public_subnets` and `private_subnets`; null elements are on neither side."""
    sides: dict[str, list[list[str | None] | None]] = {"public": [], "private": []}
    for layout in vpcs["layout"].to_list():
        public: list[str | None] = []
        private: list[str | None] = []
        for subnet in layout or ():
            answers = [to_internet(subnet and subnet["routes"], version) for version in (4, 6)]
            if True in answers:
                public.append(subnet["subnet_id"])
            elif None in answers:
                public.append(None)
                private.append(None)
            else:
                private.append(subnet["subnet_id"])
        sides["public"].append(None if layout is None else public)
        sides["private"].append(None if layout is None else private)
    return vpcs.with_columns(
        pl.Series(f"{side}_subnets", found, pl.List(pl.String)) for side, found in sides.items()
    )


def with_acl_ports(acls: pl.DataFrame) -> pl.DataFrame:
    """`acls` with the `world_ports` (of RANGES) that their inbound rules let in."""
    schema = pa.schema(pl.Schema({"world_ports": RANGES}))
    rows = [{"world_ports": acl_ports(entries)} for entries in acls["ingress"].to_list()]
    return acls.hstack(pl.DataFrame(pa.Table.from_pylist(rows, schema=schema)))


def acl_ports(entries: list[Row | None] | None) -> list[Row] | None:
    """Port ranges let in from the world, by protocol and IP version; None if not all is known.

    A lost entry may allow or deny: nothing can be said without it.
    """
    known = [e for e in entries or () if e is not None and None not in e.values()]
    if entries is None or len(known) < len(entries):
        return None
    ordered = sorted(known, key=lambda entry: entry["number"])
    found: list[Row] = []
    for version in (4, 6):
        for protocol in ("tcp", "udp"):
            rules = [
                Entry((_ports(e), e["action"] == "allow", network))
                for e in ordered
                if protocol in ACL_PROTOCOLS.get(e["protocol"], ())
                and (network := ipaddress.ip_network(e["cidr"], strict=False)).version == version
            ]
            found += [
                {"protocol": protocol, "from_port": a, "to_port": b, "ipv6": version == 6}
                for a, b in _let_in(rules, version)
            ]
    return found


Entry = tuple[tuple[int, int], bool, Any]
"""Ports, whether allowed, network."""


def _ports(entry: Row) -> tuple[int, int]:
    low, high = entry["from_port"], entry["to_port"]
    whole = entry["protocol"] == "-1" or low < 0 or high < 0
    return EVERY_PORT if whole else (low, high)


def _let_in(rules: list[Entry], version: int) -> list[tuple[int, int]]:
    """Runs of ports on which `rules`, in order, let in the world of IP `version`."""
    edges = sorted({ports[0] for ports, _, _ in rules} | {ports[1] + 1 for ports, _, _ in rules})
    runs: list[tuple[int, int]] = []
    for low, end in pairwise(edges):
        decided = tuple((allow, str(network)) for (a, b), allow, network in rules if a <= low <= b)
        if _admits_world(decided, version):
            joined = bool(runs) and runs[-1][1] == low - 1
            runs.append((runs.pop()[0] if joined else low, end - 1))
    return runs


@lru_cache(maxsize=2**12)
def _admits_world(rules: tuple[tuple[bool, str], ...], version: int) -> bool:
    """Whether (allow, network) `rules`, the first match deciding, let in the world."""
    decided: list[Any] = []
    admitted: set[str] = set()
    for allow, cidr in rules:
        network = ipaddress.ip_network(cidr)
        if allow:
            admitted.update(map(str, _without(network, decided)))
        decided.append(network)
    return is_world(frozenset(admitted), version)


def _without(network: Any, others: Iterable[Any]) -> list[Any]:
    """`network` less `others`; two networks nest or have nothing in common."""
    left = [network]
    for other in others:
        left = [
            part
            for one in left
            if not one.subnet_of(other)
            for part in (one.address_exclude(other) if other.subnet_of(one) else [one])
        ]
    return left


def with_whole_peer(peerings: pl.DataFrame) -> pl.DataFrame:
    """`peerings` with `whole_peer`: destinations that take in one of `cidrs` whole."""
    found: list[list[str | None] | None] = []
    for cidrs, destinations in peerings.select("cidrs", "destinations").iter_rows():
        if destinations is None or cidrs is None:
            found.append(None)
            continue
        whole = [d for d in destinations if d and any(c and _covers(d, c) for c in cidrs)]
        unsure = None in destinations or (None in cidrs and len(whole) < len(destinations))
        found.append([*whole, *([None] if unsure else [])])
    return peerings.with_columns(pl.Series("whole_peer", found, pl.List(pl.String)))


def _covers(destination: str, cidr: str) -> bool:
    if destination.startswith("pl-"):  # a prefix list is a choice of networks already
        return False
    a: Any = ipaddress.ip_network(destination, strict=False)
    b: Any = ipaddress.ip_network(cidr, strict=False)
    return a.version == b.version and b.subnet_of(a)
