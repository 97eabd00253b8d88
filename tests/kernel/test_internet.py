"""Which networks are the world, and which ports meet it."""

from typing import Any

import pytest

from stratum_pipeline.kernel.internet import SERVICES, Span, is_world, services, world_ports

V4, V6 = frozenset({"0.0.0.0/0"}), frozenset({"::/0"})
ONE, OTHER = frozenset({"3.0.0.0/8"}), frozenset({"4.0.0.0/8"})  # together the world


@pytest.mark.parametrize(
    ("cidrs", "expected"),
    [
        ({"0.0.0.0/0"}, True),
        ({"0.0.0.0/1", "128.0.0.0/1"}, True),
        ({"3.0.0.0/7"}, True),
        ({"3.0.0.0/8"}, False),  # one owner's
        ({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"}, False),
        ({"203.0.113.7/32"}, False),
        (set[str](), False),
    ],
)
def test_the_world(cidrs: set[str], expected: bool):
    assert is_world(frozenset(cidrs), 4) is expected


@pytest.mark.parametrize(
    ("cidr", "expected"), [("::/0", True), ("2000::/3", True), ("2001:db8::/32", False)]
)
def test_the_world_of_ipv6(cidr: str, expected: bool):
    assert is_world(frozenset({cidr}), 6) is expected
    assert not is_world(frozenset({cidr}), 4)


def test_what_is_no_network_opens_nothing():
    assert not is_world(frozenset({"pl-1", ""}), 4)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], []),
        ([Span("tcp", 22, 22, V4)], [("tcp", 22, 22)]),
        ([Span("tcp", 22, 22, V6)], []),
        ([Span("tcp", 22, 22, V4), Span("tcp", 23, 25, V4)], [("tcp", 22, 25)]),
        ([Span("tcp", 22, 30, ONE), Span("tcp", 25, 40, OTHER)], [("tcp", 25, 30)]),
        ([Span("-1", 0, 65535, ONE), Span("udp", 53, 53, OTHER)], [("udp", 53, 53)]),
        ([Span("-1", 0, 65535, V4), Span("tcp", 22, 22, V4)], [("-1", 0, 65535)]),
    ],
)
def test_ports_that_rules_open_together(spans: list[Span], expected: list[Any]):
    rows = world_ports(spans, 4)
    assert [(r["protocol"], r["from_port"], r["to_port"]) for r in rows] == expected
    assert not any(row["ipv6"] for row in rows)


def test_services_within_ports():
    assert services([]) == services([("tcp", 443, 443)]) == services([("udp", 22, 22)]) == []
    assert services([("tcp", 20, 22)]) == ["FTP", "SSH"]
    assert services([("-1", 0, 65535)]) == list(SERVICES)
    assert all(a <= b and p in ("tcp", "udp") for s in SERVICES.values() for p, a, b in s)
