"""What of an instance the internet reaches. Pure.

A lost fact removes what hangs on it and leaves a null ("there may be more"), so rules that
ask "is there any?" turn to unknown.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa

from stratum_pipeline.kernel.table import each, some

RANGES = pl.List(
    pl.Struct(
        {
            "protocol": pl.String,  # "tcp", "udp"; "-1" is both
            "from_port": pl.Int32,
            "to_port": pl.Int32,  # inclusive
            "ipv6": pl.Boolean,  # over IPv6; otherwise over IPv4
        }
    )
)
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
# Administration and data stores: none of them is meant to meet strangers.
SERVICES: dict[str, tuple[tuple[str, int, int], ...]] = {
    "FTP": (("tcp", 20, 21),),
    "SSH": (("tcp", 22, 22),),
    "Telnet": (("tcp", 23, 23),),
    "Kerberos": (
        *(("tcp", 88, 88), ("udp", 88, 88), ("tcp", 464, 464), ("udp", 464, 464)),
        *(("tcp", 749, 750), ("udp", 749, 750)),
    ),
    "Windows RPC": (("tcp", 135, 135),),
    "NetBIOS": (("tcp", 137, 139), ("udp", 137, 138)),
    "SNMP": (("udp", 161, 161),),
    "LDAP": (("tcp", 389, 389), ("udp", 389, 389), ("tcp", 636, 636)),
    "SMB": (("tcp", 445, 445),),
    "rsh": (("tcp", 512, 514),),
    "SQL Server": (("tcp", 1433, 1434), ("udp", 1434, 1434)),
    "Oracle": (("tcp", 1521, 1521), ("tcp", 2483, 2484)),
    "NFS": (("tcp", 2049, 2049), ("udp", 2049, 2049)),
    "ZooKeeper": (("tcp", 2181, 2181),),
    "Docker": (("tcp", 2375, 2376),),
    "etcd": (("tcp", 2379, 2380),),
    "MySQL": (("tcp", 3306, 3306),),
    "RDP": (("tcp", 3389, 3389), ("udp", 3389, 3389)),
    "PostgreSQL": (("tcp", 5432, 5432),),
    "Redshift": (("tcp", 5439, 5439),),
    "Kibana": (("tcp", 5601, 5601),),
    "RabbitMQ": (("tcp", 5671, 5672), ("tcp", 15671, 15672)),
    "VNC": (("tcp", 5800, 5800), ("tcp", 5900, 5910)),
    "CouchDB": (("tcp", 5984, 5984),),
    "WinRM": (("tcp", 5985, 5986),),
    "Redis": (("tcp", 6379, 6380),),
    "Kubernetes API": (("tcp", 6443, 6443),),
    "Cassandra": (
        *(("tcp", 7000, 7001), ("tcp", 7199, 7199)),
        *(("tcp", 9042, 9042), ("tcp", 9160, 9160)),
    ),
    "Kafka": (("tcp", 9092, 9098),),
    "Elasticsearch": (("tcp", 9200, 9200), ("tcp", 9300, 9300)),
    "kubelet": (("tcp", 10250, 10250), ("tcp", 10255, 10255)),
    "memcached": (("tcp", 11211, 11211), ("udp", 11211, 11211)),
    "MongoDB": (("tcp", 27017, 27020),),
}
PROTOCOLS = {"-1": "-1", "tcp": "tcp", "6": "tcp", "udp": "udp", "17": "udp"}
VERSIONS = {"ipv4": 4, "ipv6": 6}

# The world is more public addresses than any one owner holds: more than a /8 of IPv4, where
# Amazon S3 too draws the line for "public", or more than a /16 of IPv6. Networks add up;
# private space counts for nothing.
WORLD = {4: 2**24, 6: 2**112}
RESERVED: dict[int, list[Any]] = {
    version: [ipaddress.ip_network(cidr) for cidr in cidrs.split()]
    for version, cidrs in {
        4: "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12"
        " 192.168.0.0/16 224.0.0.0/3",
        6: "::/3 4000::/2 8000::/1",  # all but 2000::/3
    }.items()
}
# Where a route to the world leads: a gateway to the internet, or a firewall's endpoint before
# it; whether an appliance behind an interface ("eni-...") is one can't be told.
INWARD = ("igw-", "vpce-")
PERHAPS = ("eni-", "?")

Row = dict[str, Any]
Maybe = bool | None

UNREACHED: Row = {
    **dict.fromkeys(("addressed", "routed", "unblocked"), False),
    **dict.fromkeys(("open_ports", "exposed_services", "opening_groups"), ()),
}
"""What `reach` says of an instance that is off, or at no public address."""


class Span(NamedTuple):
    """One inbound rule, as far as ports go."""

    group: str
    protocol: str  # of PROTOCOLS
    low: int
    high: int
    cidrs: frozenset[str]


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
            rules = tuple(span for span in spans if span.group in mine)
            ranges = _ranges(rules, version)
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
    """Names of the SERVICES within `opened`; EVERY_PORT stands for all of them."""
    known = tuple((r["protocol"], r["from_port"], r["to_port"]) for r in opened if r)
    return [*_services(known), *([None] if len(known) < len(opened) else [])]


@lru_cache(maxsize=2**12)
def _services(opened: tuple[tuple[str, int, int], ...]) -> list[str]:
    if any(protocol != "udp" and low <= 1 and high == 65535 for protocol, low, high in opened):
        return [EVERY_PORT]
    return [
        name
        for name, ports in SERVICES.items()
        if any(
            protocol in ("-1", wanted) and low <= last and first <= high
            for wanted, first, last in ports
            for protocol, low, high in opened
        )
    ]


@lru_cache(maxsize=2**14)
def is_world(cidrs: frozenset[str], version: int) -> bool:
    """Whether `cidrs` together are the world, of IP `version`."""
    networks: list[Any] = [n for n in map(_network, cidrs) if n and n.version == version]
    if sum(n.num_addresses for n in networks) <= WORLD[version]:
        return False
    reserved = RESERVED[version]
    return _size([*networks, *reserved]) - _size(reserved) > WORLD[version]


def _size(networks: list[Any]) -> int:
    return sum(n.num_addresses for n in ipaddress.collapse_addresses(networks))


@lru_cache(maxsize=2**14)
def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None


def _spans(ingress: list[Row | None] | None) -> tuple[list[Span], bool]:
    """Inbound rules that speak of ports, and whether any is unknown in part."""
    found: list[Span] = []
    doubt = False
    for rule in _items(ingress):
        if rule is None or rule["protocol"] is None or rule["group_id"] is None:
            doubt = True
        elif rule["protocol"] in PROTOCOLS:
            cidrs: list[str | None] = _items(rule["cidrs"])
            known = frozenset(c for c in cidrs if c is not None and _network(c))
            ports = _ports(rule)
            doubt |= not known.issuperset(cidrs) or (ports is None and bool(known))
            if ports is not None:
                found.append(Span(rule["group_id"], PROTOCOLS[rule["protocol"]], *ports, known))
    return found, doubt


def _ports(rule: Row) -> tuple[int, int] | None:
    if rule["protocol"] == "-1":
        return 0, 65535
    low, high = rule["from_port"], rule["to_port"]
    return None if None in (low, high) else (max(low, 0), 65535 if high < 0 else high)


@lru_cache(maxsize=2**12)
def _ranges(spans: tuple[Span, ...], version: int) -> list[Row]:
    """Ports that `spans` together open to the world of `version`, merged."""
    found: list[Row] = []
    for name in ("-1", "tcp", "udp"):
        runs = _runs([s for s in spans if s.protocol in ("-1", name)], version)
        found += [
            {"protocol": name, "from_port": a, "to_port": b, "ipv6": version == 6} for a, b in runs
        ]
        if name == "-1" and runs:
            break  # says all there is to say
    return found


def _runs(spans: list[Span], version: int) -> list[tuple[int, int]]:
    if not is_world(_union(spans), version):
        return []
    edges = sorted({s.low for s in spans} | {s.high + 1 for s in spans})
    runs: list[tuple[int, int]] = []
    for low, end in pairwise(edges):
        if is_world(_union(s for s in spans if s.low <= low <= s.high), version):
            joined = bool(runs) and runs[-1][1] == low - 1
            runs.append((runs.pop()[0] if joined else low, end - 1))
    return runs


def _union(spans: Iterable[Span]) -> frozenset[str]:
    return frozenset[str]().union(*(s.cidrs for s in spans))


@lru_cache(maxsize=2**12)
def _openers(spans: tuple[Span, ...], version: int) -> frozenset[tuple[bool, str]]:
    """Groups that open anything by themselves, or all if only together; False: `exposed`."""
    own = {
        group: _ranges(tuple(s for s in spans if s.group == group), version)
        for group in {span.group for span in spans}
    }
    if not any(own.values()):
        own = dict.fromkeys(own, _ranges(spans, version))
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
