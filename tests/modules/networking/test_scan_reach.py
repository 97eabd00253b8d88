"""Reachability end to end against moto."""

import polars as pl
import pytest

from stratum_pipeline.modules.networking.inventory import (
    NetworkAcls,
    NetworkInterfaces,
    SecurityGroups,
    Vpcs,
)

from .estate import PROFILE, REGION, judged, launch, make_vpc, open_ssh, scan


def test_exposure_and_what_is_behind_it(ec2, account):
    vpc, subnet = make_vpc(ec2)
    groups = {public: open_ssh(ec2, str(public), vpc=vpc) for public in (True, False)}
    eni = {public: launch(ec2, group, subnet, public=public) for public, group in groups.items()}
    inventory = scan(account)
    rows = SecurityGroups.judged(inventory).rows_by_key("group_id", named=True, unique=True)
    facts = inventory[NetworkInterfaces].rows_by_key("interface_id", named=True, unique=True)
    start = f"arn:aws:ec2:{REGION}:123456789012"
    found = {
        f["resource_arn"]: f for f in judged(account).fails.to_dicts() if "ports" in f["rule_id"]
    }
    for public, group in groups.items():
        fact = facts[eni[public]]
        assert fact["instance_profile"] == PROFILE
        assert rows[group]["interfaces"] == [eni[public]]
        assert rows[group]["reachable"] == [eni[public]] * public
        behind = [f"{start}:instance/{fact['instance_id']}", f"{start}:vpc/{vpc}", PROFILE]
        finding = found[f"{start}:security-group/{group}"]
        assert (finding["exposed"], finding["related"]) == (public, behind * public)


@pytest.mark.parametrize(
    ("operation", "change", "reached"),
    [
        ("DescribeNetworkInterfaces", lambda i: None, (True, False)),
        ("DescribeNetworkInterfaces", lambda i: i.update(Status="available"), (False, False)),
        ("DescribeNetworkInterfaces", lambda i: i.update(DenyAllIgwTraffic=True), (False, False)),
        (
            "DescribeNetworkInterfaces",
            lambda i: i.update(Ipv6Addresses=[{"Ipv6Address": "2600:1f18::1"}]),
            (True, True),
        ),
        (
            "DescribeNetworkInterfaces",
            lambda i: i.update(Ipv6Prefixes=[{"Ipv6Prefix": "2600:1f18::/80"}]),
            (True, True),
        ),
        (
            "DescribeNetworkInterfaces",
            lambda i: i.update(Ipv6Addresses=[{"Ipv6Address": "fd00::1"}]),
            (True, False),
        ),
        (  # an Elastic IP on a secondary private address
            "DescribeNetworkInterfaces",
            lambda i: i.update(PrivateIpAddresses=[{"Association": i.pop("Association")}]),
            (True, False),
        ),
        (
            "DescribeNetworkInterfaces",
            lambda i: i.update(Association={"CarrierIp": "155.146.0.1"}, PrivateIpAddresses=[]),
            (False, False),
        ),
        (
            "DescribeSubnets",
            lambda s: s.update(
                BlockPublicAccessStates={"InternetGatewayBlockMode": "block-ingress"}
            ),
            (None, False),
        ),
        ("DescribeRouteTables", lambda t: t.update(Routes=[]), (False, False)),
        (  # a table of its own, whose gateway is gone
            "DescribeRouteTables",
            lambda t: [r.update(State="blackhole") for r in t["Routes"]],
            (False, False),
        ),
    ],
)
def test_how_an_interface_is_reached(ec2, account, edit, operation, change, reached):
    _, subnet = make_vpc(ec2)
    group = open_ssh(ec2)
    eni = launch(ec2, group, subnet, public=True)
    edit(operation, change)
    row = NetworkInterfaces.judged(scan(account)).row(
        by_predicate=pl.col("interface_id") == eni, named=True
    )
    assert (row["internet_ipv4"], row["internet_ipv6"]) == reached


def test_a_subnets_own_route_table_comes_before_the_main_one(ec2, account):
    vpc, subnet = make_vpc(ec2)
    own = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=own, SubnetId=subnet)
    other = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    inventory = scan(account)
    row = Vpcs.judged(inventory).row(by_predicate=pl.col("vpc_id") == vpc, named=True)
    assert (row["public_subnets"], row["private_subnets"]) == ([other], [subnet])
    acl = NetworkAcls.judged(inventory).row(by_predicate=pl.col("vpc_id") == vpc, named=True)
    assert acl["public"]  # it guards both
    assert acl["subnets"] == sorted([subnet, other])


@pytest.mark.parametrize(
    ("operation", "exposed", "related"),
    [
        ("DescribeNetworkInterfaces", None, []),
        ("DescribeSubnets", None, []),
        ("DescribeRouteTables", None, []),
        ("DescribeNetworkAcls", None, []),
        ("DescribeInstances", True, ["instance", "vpc"]),
    ],
)
def test_exposure_not_seen_is_unknown(ec2, account, refuse, operation, exposed, related):
    _, subnet = make_vpc(ec2)
    launch(ec2, open_ssh(ec2), subnet, public=True)
    refuse(operation, "UnauthorizedOperation")
    fails = judged(account).fails
    (finding,) = fails.filter(rule_id="networking.security_group.sensitive_ports").to_dicts()
    kinds = [arn.split(":")[5].partition("/")[0] for arn in finding["related"]]
    assert (finding["exposed"], kinds) == (exposed, related)
