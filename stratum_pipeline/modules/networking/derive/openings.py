"""What security groups open to the world or to parts of it, and which groups they name.

Everything here is monotone: a lost fact removes a range or a name and leaves a null
element ("there may be more"), so rules that ask "is there any?" turn to unknown.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa

RANGES = pl.List(
    pl.Struct(
        {
            "protocol": pl.String,  # "tcp", "udp"; "-1" is every protocol
            "from_port": pl.Int32,
            "to_port": pl.Int32,  # inclusive
            "ipv6": pl.Boolean,  # to the IPv6 world; otherwise to the IPv4 one
        }
    )
)
DERIVED = pa.schema(
    pl.Schema(
        {
            "world_ports": RANGES,
            "sensitive_services": pl.List(pl.String),
            "wide_sources": pl.List(pl.String),
            "named_sources": pl.List(pl.String),
            "foreign_groups": pl.List(pl.String),
            "referenced": pl.Boolean,
        }
    )
)
# Administration and data stores: none of them is meant to meet strangers.
SERVICES: dict[str, tuple[tuple[str, int, int], ...]] = {
    "FTP": (("tcp", 20, 21),),
    "SSH": (("tcp", 22, 22),),
    "Telnet": (("tcp", 23, 23),),
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
    "Jupyter": (("tcp", 8888, 8888),),
    "Kafka": (("tcp", 9092, 9098),),
    "Elasticsearch": (("tcp", 9200, 9200), ("tcp", 9300, 9300)),
    "kubelet": (("tcp", 10250, 10250), ("tcp", 10255, 10255)),
    "memcached": (("tcp", 11211, 11211), ("udp", 11211, 11211)),
    "MongoDB": (("tcp", 27017, 27019),),
}

# The world is more public addresses than any one owner holds: more than a /8 of IPv4, where
# Amazon S3 too draws the line for "public", or more than a /16 of IPv6, about the largest
# assignment to one owner. (S3's /32 would take the IPv6 ranges of one content network, a
# common allow-list, for the world.) Networks add up; private space counts for nothing.
WORLD = {4: 2**24, 6: 2**112}
SITE = {4: 24, 6: 48}
"""Prefix lengths of the networks that one site may be: what is shorter is wide."""
WEB = {(80, 80), (443, 443)}
PRIVATE = {
    4: "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12"
    " 192.168.0.0/16 224.0.0.0/3",
    6: "::/3 4000::/2 8000::/1",  # all but 2000::/3
}
RESERVED = {
    version: [ipaddress.ip_network(cidr) for cidr in cidrs.split()]
    for version, cidrs in PRIVATE.items()
}
PROTOCOLS = {"-1": "-1", "tcp": "tcp", "6": "tcp", "udp": "udp", "17": "udp"}

Row = dict[str, Any]


def with_openings(groups: pl.DataFrame) -> pl.DataFrame:
    """`groups` (security groups) with the columns of DERIVED; built through Arrow."""
    names = ("arn", "account_id", "region", "group_id", "ingress", "egress_groups")
    rows = groups.select(names).to_dicts()
    derived: list[Row] = []
    for row, is_referenced in zip(rows, referenced(rows), strict=True):
        opened = world_ports(row["ingress"])
        derived.append(
            {
                "world_ports": opened,
                "sensitive_services": sensitive_services(opened),
                "wide_sources": public_sources(row["ingress"], wide=True),
                "named_sources": public_sources(row["ingress"], wide=False),
                "foreign_groups": foreign_groups(row["ingress"], row["account_id"]),
                "referenced": is_referenced,
            }
        )
    return groups.hstack(pl.DataFrame(pa.Table.from_pylist(derived, schema=DERIVED)))


def world_ports(ingress: list[Row | None] | None) -> list[Row | None] | None:
    """Port ranges that `ingress` opens to the world, merged; ICMP has no ports.

    Ends in None if part of `ingress` is unknown; is None if all of it is.
    """
    if ingress is None:
        return None
    spans: list[Span] = []
    doubt = False
    for rule in ingress:
        if rule is None:
            doubt = True
            continue
        protocol: str | None = rule["protocol"]
        if protocol is not None and protocol not in PROTOCOLS:
            continue
        cidrs, complete = _sources(rule)
        ports = _ports(rule)
        doubt |= not complete or (ports is None and bool(cidrs))
        if protocol and ports:
            spans.append(Span(PROTOCOLS[protocol], *ports, cidrs))
    found: list[Row | None] = []
    for version in WORLD:
        for name in ("-1", "tcp", "udp"):
            runs = _open([s for s in spans if s.protocol in ("-1", name)], version)
            found += [
                {"protocol": name, "from_port": a, "to_port": b, "ipv6": version == 6}
                for a, b in runs
            ]
            if name == "-1" and runs:
                break  # says all there is to say
    return [*found, None] if doubt else found


def sensitive_services(opened: list[Row | None] | None) -> list[str | None] | None:
    """Names of the SERVICES within `opened`, ranges as `world_ports` gives them."""
    if opened is None:
        return None
    known = [r for r in opened if r]
    met = {name for r in known for name in _within(r["protocol"], r["from_port"], r["to_port"])}
    names: list[str | None] = [name for name in SERVICES if name in met] if met else []
    return names + [None] * (len(known) < len(opened))


@lru_cache(maxsize=2**14)
def _within(protocol: str, low: int, high: int) -> frozenset[str]:
    """Names of the SERVICES that a range of ports meets."""
    return frozenset(
        name
        for name, ports in SERVICES.items()
        if any(protocol in ("-1", p) and low <= b and a <= high for p, a, b in ports)
    )


def public_sources(ingress: list[Row | None] | None, *, wide: bool) -> list[str | None] | None:
    """Public networks that `ingress` lets in, each with protocol and ports.

    wide: those beyond one site's, on any port but the web's; else a site's, where it reaches
    one of SERVICES.
    """
    if ingress is None:
        return None
    found: set[str] = set()
    doubt = False
    for rule in ingress:
        if rule is None:
            doubt = True
            continue
        protocol: str | None = rule["protocol"]
        if protocol is not None and protocol not in PROTOCOLS:
            continue
        cidrs, complete = _sources(rule)
        ports = _ports(rule)
        public = {cidr for cidr in cidrs if _is_public(cidr, wide=wide)}
        doubt |= not complete or (ports is None and bool(public))
        if not (public and protocol and ports):
            continue
        if ports not in WEB if wide else _within(PROTOCOLS[protocol], *ports):
            found |= {f"{cidr} {PROTOCOLS[protocol]} {ports[0]}-{ports[1]}" for cidr in public}
    return [*sorted(found), *([None] if doubt else [])]


@lru_cache(maxsize=2**14)
def _is_public(cidr: str, *, wide: bool) -> bool:
    """Whether `cidr` is of public addresses, and larger than one site or not."""
    network: Any = _network(cidr)
    if (network.prefixlen < SITE[network.version]) is not wide:
        return False
    return not any(network.subnet_of(other) for other in RESERVED[network.version])


def foreign_groups(ingress: list[Row | None] | None, account_id: str) -> list[str | None] | None:
    """Groups of other accounts that `ingress` lets in, as "account/group"."""
    if ingress is None:
        return None
    found: list[str | None] = []
    for group in _named(ingress):
        owner = group and group["owner"]
        if group is None or owner is None:
            found.append(None)
        elif owner not in ("", account_id):
            found.append(f"{owner}/{group['id'] or '?'}")
    return found


def referenced(rows: list[Row]) -> list[bool | None]:
    """Per row, whether another group of `rows` in its region names it in a rule."""
    namers: dict[str | None, set[str]] = defaultdict(set)  # group id -> ARNs that name it
    unsure: set[str] = set()  # regions where a name is lost
    for row in rows:
        named = [None if g is None else g["id"] for g in _named(row["ingress"])]
        for group_id in (*named, *_items(row["egress_groups"])):
            namers[group_id].add(row["arn"])
            if group_id is None:
                unsure.add(row["region"])
    return [
        None
        if row["group_id"] is None
        else bool(namers.get(row["group_id"], set()) - {row["arn"]})
        or (None if row["region"] in unsure else False)
        for row in rows
    ]


class Span(NamedTuple):
    """One inbound rule, as far as ports go."""

    protocol: str  # of PROTOCOLS
    low: int
    high: int
    cidrs: frozenset[str]


@lru_cache(maxsize=2**14)
def is_world(cidrs: frozenset[str], version: int) -> bool:
    """Whether `cidrs` together are the world, of IP `version`."""
    networks: list[Any] = [n for n in map(_network, cidrs) if n and n.version == version]
    if sum(n.num_addresses for n in networks) <= WORLD[version]:
        return False
    reserved: list[Any] = RESERVED[version]
    return _size([*networks, *reserved]) - _size(reserved) > WORLD[version]


def _size(networks: list[Any]) -> int:
    return sum(n.num_addresses for n in ipaddress.collapse_addresses(networks))


@lru_cache(maxsize=2**14)
def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None


def _open(spans: list[Span], version: int) -> list[tuple[int, int]]:
    """Ports that `spans` together open to the world of `version`, as inclusive runs."""
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


def _ports(rule: Row) -> tuple[int, int] | None:
    """First and last port of `rule`; None if unknown. -1 stands for "all"."""
    if rule["protocol"] == "-1":
        return 0, 65535
    low, high = rule["from_port"], rule["to_port"]
    if None in (rule["protocol"], low, high):
        return None
    return max(low, 0), 65535 if high < 0 else high


def _sources(rule: Row) -> tuple[frozenset[str], bool]:
    """Networks that `rule` admits, and whether these are all of them."""
    lists = [rule["cidrs"], *(entry and entry["cidrs"] for entry in _items(rule["prefix_lists"]))]
    cidrs: list[str | None] = [cidr for one in lists for cidr in _items(one)]
    known = frozenset(cidr for cidr in cidrs if cidr is not None and _network(cidr))
    return known, known.issuperset(cidrs)


def _named(ingress: list[Row | None] | None) -> Iterable[Row | None]:
    """Groups that `ingress` names; None for each that is lost."""
    for rule in _items(ingress):
        yield from _items(rule and rule["groups"])


def _items(values: list[Any] | None) -> list[Any]:
    """`values`; where they are unknown, one unknown value."""
    return [None] if values is None else values
