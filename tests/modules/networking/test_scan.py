"""Networks end to end against moto: what AWS refuses comes out unknown, with the reason."""

import boto3
import botocore.client
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from stratum_pipeline.kernel.evaluate import evaluate
from stratum_pipeline.modules.networking import MODULE
from stratum_pipeline.modules.networking.inventory import (
    FlowLogs,
    NetworkAcls,
    NetworkInterfaces,
    SecurityGroups,
    Subnets,
    Vpcs,
)

from ...conftest import SCANNED_AT
from .estate import (
    ELSEWHERE,
    LISTINGS,
    REGION,
    acl_of,
    again,
    calls,
    default_network,
    failing,
    group_of,
    judged,
    launch,
    log_flows,
    make_group,
    make_vpc,
    open_ssh,
    scan,
    unknown,
)


def test_facts_become_verdicts(ec2, account):
    default_vpc, default_subnet, default_group = default_network(ec2)
    vpc, subnet = make_vpc(ec2)
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    log_flows(ec2, "VPC", vpc)
    ssh = open_ssh(ec2, vpc=vpc)
    launch(ec2, ssh, subnet, public=True)
    launch(ec2, default_group, default_subnet, public=False)
    friend = make_group(ec2, "friend", vpc=vpc, FromPort=5432, ToPort=5432,
                        UserIdGroupPairs=[{"GroupId": ssh, "UserId": "999999999999"}])  # fmt: skip
    assert failing(judged(account)) == {
        ("security_group.sensitive_ports", ssh),
        ("security_group.default_in_use", default_group),
        ("security_group.foreign_group", friend),
        ("security_group.unused", friend),
        ("security_group.default_rules", group_of(ec2, vpc)),
        ("vpc.default_in_use", default_vpc),
        ("vpc.flow_logs", default_vpc),
        ("vpc.no_private_subnet", vpc),
        ("vpc.single_zone", vpc),
        ("vpc.no_firewall", vpc),
        ("vpc.no_ec2_endpoint", vpc),
        ("subnet.auto_public_ip", subnet),
        ("network_acl.admin_ports", acl_of(ec2, vpc)),
    }


def test_an_untouched_account_lacks_only_flow_logs_and_keeps_its_default_group_open(ec2, account):
    vpc, _, group = default_network(ec2)
    found = judged(account)
    assert failing(found) == {("vpc.flow_logs", vpc), ("security_group.default_rules", group)}
    assert found.unknowns.is_empty()
    assert found.gaps.is_empty()


def test_flow_logs_of_every_subnet_will_do(ec2, account, edit):
    vpc, subnet = make_vpc(ec2)
    log_flows(ec2, "Subnet", subnet)
    (broken,) = log_flows(ec2, "VPC", default_network(ec2)[0])
    edit(
        "DescribeFlowLogs",
        lambda log: (
            log["FlowLogId"] != broken
            or log.update(DeliverLogsStatus="FAILED", DeliverLogsErrorMessage="Access error")
        ),
    )
    assert {(rule, it) for rule, it in failing(judged(account)) if "flow_log" in rule} == {
        ("flow_log.delivery_failed", broken)
    }
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")
    assert ("vpc.flow_logs", vpc) in failing(judged(again(account)))


@pytest.fixture
def group_of_lists(ec2) -> str:
    """A group that opens SSH to the two halves of the internet, by a prefix list."""
    prefix_list = ec2.create_managed_prefix_list(
        PrefixListName="x",
        MaxEntries=5,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "0.0.0.0/1"}, {"Cidr": "128.0.0.0/1"}],
    )["PrefixList"]["PrefixListId"]
    return make_group(
        ec2, "g", FromPort=22, ToPort=22, PrefixListIds=[{"PrefixListId": prefix_list}]
    )


def test_prefix_lists_are_read(account, group_of_lists):
    assert ("security_group.sensitive_ports", group_of_lists) in failing(judged(account))
    assert calls(account)["GetManagedPrefixListEntries"] == 1


def test_a_prefix_list_not_read_is_unknown(account, refuse, group_of_lists):
    refuse("GetManagedPrefixListEntries", "UnauthorizedOperation")
    found = judged(account)
    why = {"ec2:GetManagedPrefixListEntries denied (UnauthorizedOperation)"}
    assert unknown(found) == {
        f"security_group.{name}": why
        for name in (
            *("all_traffic", "sensitive_ports", "public_port"),
            *("wide_source", "named_source"),
        )
    }
    assert ("security_group.unused", group_of_lists) in failing(found)


def test_prefix_lists_of_others_are_not_asked_for(account, edit, group_of_lists):
    edit("DescribeSecurityGroups", lambda group: group.update(OwnerId="999999999999"))
    assert judged(account).gaps.is_empty()
    assert "GetManagedPrefixListEntries" not in calls(account)


INTERFACE_RULES = {
    "security_group.default_in_use",
    "security_group.default_rules",
    "security_group.unused",
    "security_group.launch_wizard",
    "vpc.default_in_use",
    "vpc.no_firewall",
    "vpc.no_ec2_endpoint",
}
SUBNET_RULES = {
    "vpc.flow_logs",
    "vpc.single_zone",
    "vpc.no_private_subnet",
    "vpc.no_firewall",
}
ROUTE_RULES = {"vpc.no_private_subnet", "vpc.no_firewall", "network_acl.admin_ports"}


@pytest.mark.parametrize(
    ("operation", "blind", "code", "outcome"),
    [
        ("DescribeNetworkInterfaces", INTERFACE_RULES, "UnauthorizedOperation", "denied"),
        ("DescribeNetworkInterfaces", INTERFACE_RULES, "RequestLimitExceeded", "throttled"),
        ("DescribeNetworkInterfaces", INTERFACE_RULES, "InternalError", "error"),
        ("DescribeFlowLogs", {"vpc.flow_logs"}, "RequestLimitExceeded", "throttled"),
        ("DescribeSubnets", SUBNET_RULES, "UnauthorizedOperation", "denied"),
        ("DescribeRouteTables", ROUTE_RULES, "RequestLimitExceeded", "throttled"),
        (
            "DescribeVpcEndpoints",
            {"vpc.no_firewall", "vpc.no_ec2_endpoint"},
            "UnauthorizedOperation",
            "denied",
        ),
        ("DescribeInstances", set(), "UnauthorizedOperation", "denied"),
        # No row is left to be unknown: the gap says so.
        ("DescribeSecurityGroups", set(), "UnauthorizedOperation", "denied"),
        ("DescribeVpcs", {"network_acl.admin_ports"}, "InternalError", "error"),
        ("DescribeNetworkAcls", set(), "UnauthorizedOperation", "denied"),
    ],
)
def test_a_refused_listing(ec2, account, refuse, operation, blind, code, outcome):
    _, subnet = make_vpc(ec2)
    launch(ec2, open_ssh(ec2), subnet, public=True)
    refuse(operation, code)
    found = judged(account)
    assert unknown(found) == {rule: {f"ec2:{operation} {outcome} ({code})"} for rule in blind}
    (gap,) = found.gaps.to_dicts()
    assert (gap["operation"], gap["outcome"]) == (f"ec2:{operation}", outcome)


def test_a_page_lost_is_a_listing_lost(ec2, account, small_pages, refuse):
    for i in range(6):
        open_ssh(ec2, str(i))
    refuse("DescribeSecurityGroups", "RequestLimitExceeded", lambda _, p: "NextToken" in p)
    found = judged(account)
    assert found.gaps["operation"].to_list() == ["ec2:DescribeSecurityGroups"]
    assert "networking.security_group.unused" not in found.observed["rule_id"]


def test_a_region_that_refuses_blinds_only_itself(account, refuse):
    group = open_ssh(boto3.client("ec2", region_name="eu-west-1"))
    refuse("DescribeSecurityGroups", "UnauthorizedOperation", lambda r, _: r == REGION)
    found = judged(account, REGION, "eu-west-1")
    assert ("security_group.sensitive_ports", group) in failing(found)
    seen = found.observed.filter(rule_id="networking.security_group.unused")["region"].to_list()
    assert seen == ["eu-west-1"]


def test_calls_are_per_region_whatever_there_is(ec2, account):
    scan(account)
    # No interface is public: no need to know which instance has which profile.
    empty = dict.fromkeys(LISTINGS.keys() - {"DescribeInstances"}, 1) | ELSEWHERE
    assert calls(account) == empty
    for _ in range(5):  # and ten pages would not do, of route tables alone
        vpc, subnet = make_vpc(ec2)
        launch(ec2, open_ssh(ec2, subnet, vpc=vpc), subnet, public=True)
    account = again(account)
    scan(account)
    assert calls(account) == empty | {"DescribeInstances": 1}
    account = again(account)
    scan(account, REGION, "eu-west-1")
    assert calls(account).total() == 2 * sum(empty.values()) + 1


def test_no_page_is_larger_than_ec2_allows(ec2, account, monkeypatch):
    real = botocore.client.BaseClient._make_api_call
    asked: dict[str, int] = {}

    def call(client, operation: str, params: dict):
        shape = client.meta.service_model.operation_model(operation).input_shape
        most = shape.members["MaxResults"].metadata.get("max") if "MaxResults" in params else None
        asked[operation] = params.get("MaxResults", 0)
        assert most is None or asked[operation] <= most, operation
        return real(client, operation, params)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    assert judged(account).gaps.is_empty()
    assert (asked["DescribeRouteTables"], asked["DescribeSubnets"]) == (100, 1000)


def test_pages_add_up(ec2, account, small_pages):
    vpcs, subnets = zip(*(make_vpc(ec2) for _ in range(6)), strict=True)
    for subnet in subnets:
        launch(ec2, open_ssh(ec2, subnet), subnet, public=True)
    log_flows(ec2, "VPC", *vpcs)
    inventory = scan(account)
    # With the default VPC's own: 1 VPC, 6 subnets, 1 group; and a default group per VPC.
    assert {table: frame.height for table, frame in inventory.items() if frame.height} == {
        SecurityGroups: 13,
        NetworkInterfaces: 6,
        Vpcs: 7,
        Subnets: 12,
        NetworkAcls: 7,
        FlowLogs: 6,
    }
    assert {name: n for name, n in calls(account).items() if n > 1 and name in LISTINGS} == {
        "DescribeSecurityGroups": 3,
        "DescribeNetworkInterfaces": 2,
        "DescribeVpcs": 2,
        "DescribeSubnets": 3,
        "DescribeFlowLogs": 2,
        "DescribeInstances": 2,
        "DescribeNetworkAcls": 2,
        "DescribeRouteTables": 2,
    }


def test_an_unchanged_estate_gives_equal_frames(ec2, account, edit):
    _, subnet = make_vpc(ec2)
    group = open_ssh(ec2)
    for port in (443, 80):
        ranges = [{"CidrIp": f"10.0.{i}.0/24"} for i in range(3)]
        ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges}
            ],
        )
    launch(ec2, group, subnet, public=True)
    launch(ec2, group, subnet, public=False)
    before = scan(account)

    def shuffle(item: dict) -> None:
        for value in item.values():
            if isinstance(value, list):
                value.reverse()
        for permission in item.get("IpPermissions", ()):
            permission["IpRanges"].reverse()

    for operation in LISTINGS:
        edit(operation, shuffle)
    after = scan(again(account))
    for table, frame in before.items():
        assert_frame_equal(frame, after[table])


def test_a_group_made_again_under_its_name_is_another(ec2, account):
    first = open_ssh(ec2)
    before = judged(account).fails
    ec2.delete_security_group(GroupId=first)
    second = open_ssh(ec2)
    after = judged(again(account)).fails
    ids = [
        set(found.filter(pl.col("resource_arn").str.ends_with(group))["finding_id"])
        for found, group in ((before, first), (after, second))
    ]
    assert first != second
    assert all(ids)
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("operation", ["DescribeSubnets", "DescribeVpcs", "DescribeSecurityGroups"])
def test_what_is_shared_with_us_is_its_owners(ec2, account, edit, operation):
    _, subnet = make_vpc(ec2)
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    open_ssh(ec2)
    edit(operation, lambda item: item.update(OwnerId="999999999999"))
    table = {c.table.listed_by: c.table for c in MODULE.collectors}[f"ec2:{operation}"]
    inventory = scan(account)
    assert set(inventory[table]["account_id"]) == {"999999999999"}
    assert all(":999999999999:" in arn for arn in inventory[table]["arn"])
    rules = [rule for rule in MODULE.rules if rule.table is table]
    found = evaluate("networking", rules, inventory, account.coverage(), SCANNED_AT)
    assert found.fails.is_empty()
