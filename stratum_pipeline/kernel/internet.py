"""What inbound rules open to the internet: which networks are the world, which ports meet it."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import polars as pl

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
PROTOCOLS = {"-1": "-1", "tcp": "tcp", "6": "tcp", "udp": "udp", "17": "udp"}
"""As rules spell those that have ports, and as RANGES does."""

# The world is more public addresses than any one owner holds: more than a /8 of IPv4, where
# Amazon S3 too draws the line for "public", or more than a /16 of IPv6, about the largest
# assignment to one owner. (S3's /32 would take the IPv6 ranges of one content network, a
# common allow-list, for the world.) Networks add up; private space counts for nothing.
WORLD = {4: 2**24, 6: 2**112}
RESERVED: dict[int, list[Any]] = {
    version: [ipaddress.ip_network(cidr) for cidr in cidrs.split()]
    for version, cidrs in {
        4: "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12"
        " 192.168.0.0/16 224.0.0.0/3",
        6: "::/3 4000::/2 8000::/1",  # all but 2000::/3
    }.items()
}
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
    "Jupyter": (("tcp", 8888, 8888),),
    "Kafka": (("tcp", 9092, 9098),),
    "Elasticsearch": (("tcp", 9200, 9200), ("tcp", 9300, 9300)),
    "kubelet": (("tcp", 10250, 10250), ("tcp", 10255, 10255)),
    "memcached": (("tcp", 11211, 11211), ("udp", 11211, 11211)),
    "MongoDB": (("tcp", 27017, 27020),),
}
"""Administration and data stores, and where they listen: none is meant to meet strangers."""


class Span(NamedTuple):
    """One inbound rule, as far as ports go."""

    protocol: str  # of PROTOCOLS
    low: int
    high: int  # inclusive
    cidrs: frozenset[str]


def world_ports(spans: Iterable[Span], version: int) -> list[dict[str, Any]]:
    """Ports that `spans` together open to the world of IP `version`: rows of RANGES, merged."""
    return [
        {"protocol": protocol, "from_port": low, "to_port": high, "ipv6": version == 6}
        for protocol, low, high in _world_ports(tuple(spans), version)
    ]


def services(opened: Iterable[tuple[str, int, int]]) -> list[str]:
    """Names of the SERVICES that listen within `opened`: protocol, first and last port."""
    return _services(tuple(opened))


@lru_cache(maxsize=2**14)
def is_world(cidrs: frozenset[str], version: int) -> bool:
    """Whether `cidrs` together are the world, of IP `version`; what is no network counts not."""
    networks: list[Any] = [n for n in map(network, cidrs) if n and n.version == version]
    if sum(n.num_addresses for n in networks) <= WORLD[version]:
        return False
    reserved = RESERVED[version]
    return _size([*networks, *reserved]) - _size(reserved) > WORLD[version]


@lru_cache(maxsize=2**14)
def network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """`cidr` read; None if it is no network."""
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=2**12)
def _world_ports(spans: tuple[Span, ...], version: int) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    for name in ("-1", "tcp", "udp"):
        runs = _runs([span for span in spans if span.protocol in ("-1", name)], version)
        found += [(name, low, high) for low, high in runs]
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
    return frozenset[str]().union(*(span.cidrs for span in spans))


def _size(networks: list[Any]) -> int:
    return sum(n.num_addresses for n in ipaddress.collapse_addresses(networks))


@lru_cache(maxsize=2**12)
def _services(opened: tuple[tuple[str, int, int], ...]) -> list[str]:
    return [
        name
        for name, ports in SERVICES.items()
        if any(
            protocol in ("-1", wanted) and low <= last and first <= high
            for wanted, first, last in ports
            for protocol, low, high in opened
        )
    ]
