"""What the internet reaches: address, route, network ACL and group, each of them needed."""

from typing import Any

import pytest

from stratum_pipeline.kernel.correlate import Index, correlate
from stratum_pipeline.modules.networking import MODULE
from stratum_pipeline.modules.networking.derive.routing import acl_ports, to_internet
from stratum_pipeline.modules.networking.inventory import NetworkAcls, NetworkInterfaces, Subnets
from stratum_pipeline.modules.networking.rules import groups

from ..parity import ME, judge

V4, V6 = ["0.0.0.0/0"], ["::/0"]
PROFILE = f"arn:aws:iam::{ME}:instance-profile/web"
HERE = f"arn:aws:ec2:us-east-1:{ME}:"
BEHIND = [f"{HERE}instance/i-1", f"{HERE}vpc/vpc-1", PROFILE]
ALLOW_ALL = [
    {"number": n, "action": "allow", "protocol": "-1", "from_port": -1, "to_port": -1, "cidr": c}
    for n, (c,) in enumerate((V4, V6), 100)
]


def deny(port: int, cidr: str = "0.0.0.0/0", number: int = 1) -> dict[str, Any]:
    ports = {"from_port": port, "to_port": port}
    return {"number": number, "action": "deny", "protocol": "6", "cidr": cidr, **ports}


def route(destination: str, target: str, state: str = "active") -> dict[str, str]:
    return {"destination": destination, "target": target, "state": state}


OUT = [route("0.0.0.0/0", "igw-1"), route("::/0", "igw-1")]


def allow(port: int, cidrs: list[str]) -> dict[str, Any]:
    ports = {"from_port": port, "to_port": port}
    return {"protocol": "tcp", "cidrs": cidrs, "prefix_lists": [], "groups": [], **ports}


SSH, WEB_AND_SSH_V6 = [allow(22, V4)], [allow(443, V4), allow(22, V6)]


def finding(
    ingress: list[Any],
    interface: dict[str, Any] | None = None,
    subnet: dict[str, Any] | None = None,
    acl: dict[str, Any] | None = None,
    **group: Any,
) -> dict[str, Any]:
    """That of a group on one interface, in one subnet behind one network ACL."""
    row = {"group_id": "sg-1", "ingress": ingress, "interfaces": ["eni-1"]} | group
    beside: dict[Any, Any] = {
        NetworkInterfaces: [
            {
                "arn": f"{HERE}network-interface/eni-1",
                "interface_id": "eni-1",
                "vpc_id": "vpc-1",
                "subnet_id": "subnet-1",
                "status": "in-use",
                "denies_internet": False,
                "instance_id": "i-1",
                "instance_profile": PROFILE,
                "public_ips": ["3.0.0.1"],
                "ipv6_addresses": [],
            }
            | (interface or {})
        ],
        Subnets: [
            {"subnet_id": "subnet-1", "internet_block": "off", "routes": OUT} | (subnet or {})
        ],
        NetworkAcls: [{"subnets": ["subnet-1"], "ingress": ALLOW_ALL} | (acl or {})],
    }
    (found,) = judge(groups.sensitive_ports, row, beside).fails.to_dicts()
    return found


DUAL = {"ipv6_addresses": ["2600:1f18::1"]}
V6_ONLY = DUAL | {"public_ips": []}


@pytest.mark.parametrize(
    ("told", "exposed"),
    [
        ({}, True),
        # The address.
        ({"interface": {"public_ips": []}}, False),
        ({"interface": {"public_ips": None}}, None),
        ({"interface": {"status": "available"}}, False),
        ({"interface": {"denies_internet": True}}, False),
        ({"interface": V6_ONLY}, False),  # only IPv4 is open
        ({"interface": {"interface_id": "eni-2"}}, None),  # not listed
        ({"interfaces": []}, False),
        ({"interfaces": None}, None),
        # The route.
        ({"subnet": {"routes": [route("0.0.0.0/0", "nat-1")]}}, False),
        ({"subnet": {"routes": [route("0.0.0.0/0", "igw-1", "blackhole")]}}, False),
        ({"subnet": {"routes": [route("203.0.113.0/24", "igw-1")]}}, False),
        ({"subnet": {"routes": [route("0.0.0.0/0", "vpce-1")]}}, None),  # through a firewall
        ({"subnet": {"routes": None}}, None),
        ({"subnet": {"subnet_id": "subnet-2"}}, None),
        ({"subnet": {"internet_block": "block-ingress"}}, None),  # or excluded from it
        ({"subnet": {"internet_block": "block-ingress"}, "interface": {"public_ips": []}}, False),
        # The network ACL.
        ({"acl": {"ingress": [deny(22), *ALLOW_ALL]}}, False),
        ({"acl": {"ingress": [deny(22, number=200), *ALLOW_ALL]}}, True),  # too late
        ({"acl": {"ingress": [deny(22, "::/0"), *ALLOW_ALL]}}, True),
        ({"acl": {"ingress": [deny(22, "0.0.0.0/1"), *ALLOW_ALL]}}, True),  # half the world is left
        ({"acl": {"ingress": []}}, False),
        ({"acl": {"ingress": None}}, None),
        ({"acl": {"subnets": []}}, None),
    ],
)
def test_ssh_from_the_internet_needs_all_of_them(told: dict[str, Any], exposed: bool | None):
    found = finding(SSH, **told)
    assert (found["exposed"], found["related"]) == (exposed, BEHIND if exposed else [])


@pytest.mark.parametrize(
    ("interface", "acl", "exposed"),
    [
        ({}, {}, False),  # only the web over IPv4
        (DUAL, {}, True),
        ({"ipv6_addresses": ["fd00::1"]}, {}, False),
        ({"ipv6_addresses": ["2600:1f18::/80"]}, {}, True),  # a delegated prefix
        ({"ipv6_addresses": None}, {}, None),
        (DUAL, {"ingress": [deny(22, "::/0"), *ALLOW_ALL]}, False),
        (DUAL, {"ingress": [deny(22), *ALLOW_ALL]}, True),
    ],
)
def test_an_interface_is_reached_over_the_ip_version_that_is_open(
    interface: dict[str, Any], acl: dict[str, Any], exposed: bool | None
):
    assert finding(WEB_AND_SSH_V6, interface, acl=acl)["exposed"] == exposed


@pytest.mark.parametrize(
    ("interface", "related"),
    [
        ({"instance_profile": None}, BEHIND[:2]),  # lost, not wrong
        ({"instance_profile": ""}, BEHIND[:2]),
        ({"instance_id": "", "instance_profile": ""}, BEHIND[1:2]),
    ],
)
def test_what_is_behind_a_reachable_interface(interface: dict[str, Any], related: list[str]):
    assert finding(SSH, interface)["related"] == related


def test_an_open_port_that_is_reached_makes_missing_flow_logs_grave():
    vpc = f"{HERE}vpc/vpc-1"
    rows = [
        ("networking.vpc.flow_logs", [vpc]),
        ("networking.security_group.sensitive_ports", BEHIND),
    ]
    index = Index.frame(
        {"finding_id": rule, "rule_id": rule, "account_id": ME, "related": related}
        for rule, related in rows
    )
    (found,) = [
        context
        for correlation in MODULE.correlations
        for context in correlate(correlation, index).to_dicts()
    ]
    assert (found["finding_id"], found["severity"]) == ("networking.vpc.flow_logs", "high")


@pytest.mark.parametrize(
    ("routes", "leads"),
    [
        ([], False),
        ([route("0.0.0.0/0", "igw-1")], True),
        ([route("0.0.0.0/1", "igw-1"), route("128.0.0.0/1", "igw-1")], True),
        ([route("0.0.0.0/0", "eigw-1")], False),
        ([route("pl-1", "igw-1")], None),
        ([route("pl-1", "vpce-1")], False),  # a gateway endpoint
        ([None], None),
        ([None, route("0.0.0.0/0", "igw-1")], True),
        (None, None),
    ],
)
def test_routes_to_the_internet(routes: Any, leads: bool | None):
    assert to_internet(routes, 4) is leads


def ports(*entries: dict[str, Any] | None) -> Any:
    found = acl_ports([*entries])
    return found and [(r["protocol"], r["from_port"], r["to_port"], r["ipv6"]) for r in found]


def test_entries_of_an_acl_count_in_order():
    everything = ALLOW_ALL[0]
    assert ports(everything) == [("tcp", 0, 65535, False), ("udp", 0, 65535, False)]
    assert ports(deny(22), everything) == [
        ("tcp", 0, 21, False),
        ("tcp", 23, 65535, False),
        ("udp", 0, 65535, False),
    ]
    # What is denied to one network is still open to the rest of the world.
    assert ports(deny(22, "10.0.0.0/8"), everything) == ports(everything)
    icmp = everything | {"protocol": "1", "from_port": 22, "to_port": 22}
    assert ports(icmp) == []
    assert ports(everything, None) is None  # the lost one may deny
    assert ports(everything | {"action": None}) is None
