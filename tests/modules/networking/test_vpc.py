"""Each rule on VPCs, subnets and network ACLs, on rows small enough to read."""

from typing import Any

import pytest

from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.modules.networking.rules import vpc

from ..parity import verdict
from .parity import LOCAL, OUT, acl, entry, network

FLAT = [{"subnet_id": "subnet-1", "routes": [OUT, LOCAL]}]
LOST = [*FLAT, {"subnet_id": "subnet-2", "routes": None}]
PRIVATE = [{"subnet_id": "subnet-2", "routes": [LOCAL]}]
INSPECTED = [{"subnet_id": "subnet-1", "routes": [OUT | {"target": "vpce-1"}, LOCAL]}]
ALL, SSH = entry(100, "allow", "-1", -1, -1), entry(1, "deny", "6", 22, 22)
RDP = entry(2, "deny", "6", 3389, 3389)
WEB = [entry(1, "allow", "6", 443, 443), entry(2, "allow", "6", 80, 80)]


@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        (vpc.no_private_subnet, network(layout=FLAT), "fail"),
        (vpc.no_private_subnet, network(), "pass"),
        (vpc.no_private_subnet, network(layout=LOST), "unknown"),
        (vpc.no_private_subnet, network(layout=[*LOST, *PRIVATE]), "pass"),
        (vpc.no_private_subnet, network(layout=None), "unknown"),
        (vpc.no_private_subnet, network(layout=PRIVATE), "n/a"),  # the peer fails it
        (vpc.no_private_subnet, network(layout=INSPECTED), "unknown"),
        (vpc.no_private_subnet, network(layout=FLAT, is_default=True), "n/a"),
        (vpc.single_zone, network(zones=["us-east-1a"]), "fail"),
        (vpc.single_zone, network(), "pass"),
        (vpc.single_zone, network(zones=None), "unknown"),
        (vpc.single_zone, network(subnets=[], zones=[]), "n/a"),
        (vpc.no_firewall, network(firewall_endpoints=[]), "fail"),
        (vpc.no_firewall, network(), "pass"),
        (vpc.no_firewall, network(firewall_endpoints=None), "unknown"),
        (vpc.no_firewall, network(firewall_endpoints=[], layout=PRIVATE), "n/a"),
        (vpc.no_firewall, network(firewall_endpoints=[], interface_count=0), "n/a"),
        (vpc.no_firewall, network(firewall_endpoints=[], interface_count=None), "unknown"),
        (vpc.no_ec2_endpoint, network(endpoint_services=[]), "fail"),
        (vpc.no_ec2_endpoint, network(endpoint_services=["x.ec2messages"]), "fail"),
        (vpc.no_ec2_endpoint, network(), "pass"),
        (vpc.no_ec2_endpoint, network(endpoint_services=[None]), "unknown"),
        (vpc.no_ec2_endpoint, network(endpoint_services=[], interface_count=0), "n/a"),
        (vpc.acl_admin_ports, acl(ALL), "fail"),
        (vpc.acl_admin_ports, acl(SSH, ALL), "fail"),  # RDP is left
        (vpc.acl_admin_ports, acl(SSH, RDP, ALL), "pass"),
        (vpc.acl_admin_ports, acl(*WEB), "pass"),
        (vpc.acl_admin_ports, acl(ALL | {"cidr": "10.0.0.0/8"}), "pass"),
        (vpc.acl_admin_ports, acl(ALL, routes=[LOCAL]), "pass"),  # the internet gets not so far
        (vpc.acl_admin_ports, acl(ALL, routes=[LOCAL, None]), "unknown"),
        (vpc.acl_admin_ports, acl(ALL, routes=[OUT, None]), "fail"),
        (vpc.acl_admin_ports, acl(ALL, None), "unknown"),
        (vpc.acl_admin_ports, acl(ALL, in_default_vpc=None), "unknown"),
        (vpc.acl_admin_ports, acl(ALL, in_default_vpc=True), "n/a"),
        (vpc.acl_admin_ports, acl(ALL, subnets=[]), "n/a"),
        (vpc.acl_unused, acl(subnets=[]), "fail"),
        (vpc.acl_unused, acl(), "pass"),
        (vpc.acl_unused, acl(subnets=None), "unknown"),
        (vpc.acl_unused, acl(subnets=[], is_default=True), "n/a"),
    ],
)
def test_verdict(rule: Rule, row: dict[str, Any], expected: str):
    assert verdict(rule, row) == expected
