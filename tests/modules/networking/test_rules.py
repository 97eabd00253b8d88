"""Each networking rule on rows small enough to read."""

import json
from typing import Any

import polars as pl
import pytest

from stratum_pipeline.kernel.correlate import Index, correlate
from stratum_pipeline.kernel.coverage import Coverage
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.modules.networking import MODULE
from stratum_pipeline.modules.networking.derive import openings
from stratum_pipeline.modules.networking.inventory import NetworkInterfaces
from stratum_pipeline.modules.networking.rules import groups, vpc

from ...conftest import SCANNED_AT

WORLD_RULES = (groups.all_traffic, groups.sensitive_ports, groups.public_port)
COVERED = Coverage.frame([{"account_id": "1", "region": "r", "operation": "x", "outcome": "ok"}])
V4, V6 = ["0.0.0.0/0"], ["::/0"]
HALVES = ["0.0.0.0/1", "128.0.0.0/1"]
PARTS = ["17.0.0.0/8", "18.0.0.0/8"]  # neither alone is the world
PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]
CLOUDFLARE = [
    *("104.16.0.0/13", "104.24.0.0/14", "162.158.0.0/15", "172.64.0.0/13", "141.101.64.0/18"),
    *("2400:cb00::/32", "2606:4700::/32", "2803:f800::/32", "2405:b500::/32", "2a06:98c0::/29"),
]
LOST: Any = None


def judge(rule: Rule, *rows: dict) -> Verdicts:
    common = {"account_id": "1", "region": "r", "incarnation": ""}
    filled = [common | {"arn": f"arn:{i}"} | row for i, row in enumerate(rows)]
    inventory = {rule.table: rule.table.frame(filled)}
    return evaluate("networking", [rule], inventory, COVERED, SCANNED_AT)


def verdict(rule: Rule, *rows: dict) -> str:
    """Of the first of `rows`."""
    found = judge(rule, *rows)
    if "arn:0" in found.fails["resource_arn"]:
        return "fail"
    if "arn:0" in found.unknowns["resource_arn"]:
        return "unknown"
    population = found.populations["population"].sum() if len(rows) == 1 else 1
    return "pass" if population else "n/a"


def allow(protocol: Any, low: Any, high: Any, cidrs: Any, lists: Any = (), groups: Any = ()):
    return {
        "protocol": protocol,
        "from_port": low,
        "to_port": high,
        "cidrs": cidrs,
        "prefix_lists": lists if lists is None else [{"id": "pl-1", "cidrs": c} for c in lists],
        "groups": groups if groups is None else [{"id": i, "owner": o} for o, i in groups],
    }


@pytest.mark.parametrize(
    ("ingress", "failing"),
    [
        ([], None),
        ([allow("-1", -1, -1, V4)], groups.all_traffic),
        ([allow("-1", -1, -1, V6)], groups.all_traffic),
        ([allow("tcp", 0, 65535, V4)], groups.all_traffic),
        ([allow("tcp", 1, 65535, V4)], groups.all_traffic),
        ([allow("tcp", 2, 65535, V4)], groups.sensitive_ports),
        ([allow("tcp", -1, -1, V4)], groups.all_traffic),
        ([allow("6", 0, 65535, V4)], groups.all_traffic),
        ([allow("udp", 0, 65535, V4)], groups.sensitive_ports),
        ([allow("-1", -1, -1, HALVES)], groups.all_traffic),
        # Pieces of one whole, by port and by network.
        ([allow("tcp", 0, 22, V4), allow("tcp", 23, 65535, V4)], groups.all_traffic),
        ([allow("-1", -1, -1, PARTS[:1]), allow("tcp", 0, 65535, PARTS[1:])], groups.all_traffic),
        (
            [allow("tcp", 22, 22, PARTS[:1]), allow("tcp", 20, 25, PARTS[1:])],
            groups.sensitive_ports,
        ),
        ([allow("tcp", 22, 22, PARTS[:1]), allow("udp", 22, 22, PARTS[1:])], None),
        ([allow("tcp", 22, 22, PARTS[:1]), allow("tcp", 8080, 8080, PARTS[1:])], None),
        ([allow("tcp", 22, 22, ["0.0.0.0/2"])], groups.sensitive_ports),
        ([allow("tcp", 22, 22, V4)], groups.sensitive_ports),
        ([allow("tcp", 1024, 65535, V4)], groups.sensitive_ports),
        ([allow("udp", 11211, 11211, V6)], groups.sensitive_ports),
        ([allow("udp", 22, 22, V4)], groups.public_port),  # SSH is TCP
        ([allow("tcp", 8080, 8080, V4)], groups.public_port),
        ([allow("tcp", 80, 443, V4)], groups.sensitive_ports),  # LDAP and more lie between
        ([allow("tcp", 443, 444, V4)], groups.public_port),
        ([allow("tcp", 443, 443, V4), allow("tcp", 80, 80, V6), allow("udp", 443, 443, V4)], None),
        # ICMP's numbers are types and codes, and ESP has no ports.
        ([allow("icmp", 22, 22, V4), allow("icmpv6", -1, -1, V6), allow("50", -1, -1, V4)], None),
        # Wide, but not the world.
        ([allow("-1", -1, -1, PRIVATE)], None),
        ([allow("-1", -1, -1, ["17.0.0.0/8", "fc00::/7", "2630::/16"])], None),
        ([allow("-1", -1, -1, CLOUDFLARE)], None),
        ([allow("tcp", 22, 22, ["16.0.0.0/7"])], groups.sensitive_ports),
        ([allow("tcp", 22, 22, ["17.0.0.0/8", "17.0.0.0/9", "10.0.0.0/8"])], None),
        # Prefix lists are read.
        ([allow("tcp", 22, 22, [], lists=[["10.0.0.0/8"], HALVES])], groups.sensitive_ports),
        ([allow("tcp", 22, 22, PARTS[:1], lists=[PARTS[1:]])], groups.sensitive_ports),
        ([allow("tcp", 22, 22, [], lists=[CLOUDFLARE])], None),
        # Groups are not networks.
        ([allow("-1", -1, -1, [], groups=[("1", "sg-0")])], None),
    ],
)
def test_what_the_world_may_reach(ingress: list, failing: Rule | None):
    """One group fails at most one of the three rules."""
    group = {"group_id": "sg-0", "ingress": ingress}
    verdicts = {rule: verdict(rule, group) for rule in WORLD_RULES}
    assert [rule for rule, v in verdicts.items() if v == "fail"] == [failing] * bool(failing)
    assert "unknown" not in verdicts.values()


@pytest.mark.parametrize(
    ("ingress", "expected"),
    [
        (LOST, ["unknown", "unknown", "unknown"]),
        ([LOST], ["unknown", "unknown", "unknown"]),
        ([allow(LOST, 22, 22, V4)], ["unknown", "unknown", "unknown"]),
        ([allow("tcp", LOST, 22, V4)], ["unknown", "unknown", "unknown"]),
        ([allow("tcp", 22, 22, LOST)], ["unknown", "unknown", "unknown"]),
        ([allow("tcp", 22, 22, [LOST])], ["unknown", "unknown", "unknown"]),
        ([allow("tcp", 22, 22, ["what"])], ["unknown", "unknown", "unknown"]),
        ([allow("tcp", 22, 22, [], lists=LOST)], ["unknown", "unknown", "unknown"]),
        ([allow("tcp", 22, 22, [], lists=[LOST])], ["unknown", "unknown", "unknown"]),
        ([allow("-1", LOST, LOST, V4)], ["fail", "n/a", "n/a"]),
        ([allow("-1", -1, -1, V4), LOST], ["fail", "n/a", "n/a"]),
        ([allow("tcp", 22, 22, V4), LOST], ["unknown", "unknown", "n/a"]),
        ([allow("icmp", LOST, LOST, LOST)], ["pass", "pass", "pass"]),  # no ports, whoever it is
        ([allow("tcp", 22, 22, [], groups=LOST)], ["pass", "pass", "pass"]),
    ],
)
def test_what_is_lost_is_unknown(ingress: list, expected: list[str]):
    group = {"group_id": "sg-0", "ingress": ingress}
    assert [verdict(rule, group) for rule in WORLD_RULES] == expected


def test_open_services_are_named():
    group = {"ingress": [allow("tcp", 3300, 3400, V4), allow("tcp", 27018, 27018, V6)]}
    (finding,) = judge(groups.sensitive_ports, group).fails.to_dicts()
    evidence = json.loads(finding["evidence"])
    assert evidence["sensitive_services"] == ["MySQL", "RDP", "MongoDB"]
    assert evidence["world_ports"] == [
        {"protocol": "tcp", "from_port": 3300, "to_port": 3400, "ipv6": False},
        {"protocol": "tcp", "from_port": 27018, "to_port": 27018, "ipv6": True},
    ]


def test_services_are_as_unsure_as_the_ports():
    assert openings.sensitive_services(None) is None
    ssh = openings.world_ports([allow("tcp", 22, 22, V4), LOST])
    assert openings.sensitive_services(ssh) == ["SSH", None]


PORTS = "20 21 22 23 445 1433 1521 2375 2376 2379 2380 3306 3389 5432 5900 5985 5986 6379 7000"
PORTS += " 9042 9092 9200 9300 10250 11211 27017 27018 27019"


@pytest.mark.parametrize("port", [int(port) for port in PORTS.split()])
def test_a_sensitive_port(port: int):
    group = {"ingress": [allow("tcp", port, port, V4)]}
    assert verdict(groups.sensitive_ports, group) == "fail"
    assert [verdict(rule, group) for rule in WORLD_RULES].count("fail") == 1


@pytest.mark.parametrize("rule", [groups.all_traffic, groups.sensitive_ports])
def test_an_exposed_administrator_is_critical(rule: Rule):
    index = Index.frame(
        {"finding_id": rule_id, "rule_id": rule_id, "account_id": "1", "related": profiles}
        for rule_id, profiles in (
            (rule.id, ["profile"]),
            ("iam.role.workload_administrator", ["other", "profile"]),
        )
    )
    (correlation,) = [c for c in MODULE.correlations if c.rule == rule.id]
    (context,) = correlate(correlation, index).to_dicts()
    assert (context["finding_id"], context["severity"]) == (rule.id, "critical")
    assert correlate(
        correlation, index.with_columns(related=pl.lit([], pl.List(pl.String)))
    ).is_empty()


OWN = {
    "group_id": "sg-0",
    "is_default": False,
    "interfaces": [],
    "ingress": [],
    "egress_groups": [],
}


def naming(*ids: Any, region: str = "r", **columns: Any) -> dict:
    """Another group, whose inbound rules name `ids`."""
    rule = allow("tcp", 22, 22, [], groups=[("1", i) for i in ids])
    return OWN | {"group_id": "sg-9", "region": region, "ingress": [rule], **columns}


@pytest.mark.parametrize(
    ("group", "others", "expected"),
    [
        ({}, [], "fail"),
        ({}, [naming("sg-8")], "fail"),
        ({}, [naming("sg-0")], "pass"),
        ({}, [naming(egress_groups=["sg-0"])], "pass"),
        ({"ingress": [allow("-1", -1, -1, [], groups=[("1", "sg-0")])]}, [], "fail"),  # itself
        ({"interfaces": ["eni-1"]}, [], "pass"),
        ({"interfaces": None}, [], "unknown"),
        ({"interfaces": None}, [naming("sg-0")], "pass"),
        ({"is_default": True}, [], "n/a"),
        ({"is_default": None}, [], "unknown"),
        ({"group_id": None}, [], "unknown"),
        ({}, [naming(None)], "unknown"),
        ({}, [naming(None), naming("sg-0")], "pass"),
        ({}, [naming(ingress=None)], "unknown"),
        ({}, [naming(egress_groups=None)], "unknown"),
        ({}, [naming(ingress=None, region="elsewhere")], "fail"),
    ],
)
def test_unused(group: dict, others: list[dict], expected: str):
    assert verdict(groups.unused, OWN | group, *others) == expected


WIDE, SITE = "17.0.0.0/16", "198.51.100.0/24"
QUIET = {"group_id": "sg-0", "name": "web", "is_default": False, "interfaces": ["eni-1"]}


@pytest.mark.parametrize(
    ("ingress", "wide", "named"),
    [
        ([allow("tcp", 8443, 8443, [WIDE])], "fail", "n/a"),
        ([allow("tcp", 8443, 8443, [SITE])], "pass", "pass"),
        ([allow("tcp", 22, 22, [SITE])], "pass", "fail"),
        ([allow("-1", -1, -1, ["198.51.100.7/32"])], "pass", "fail"),
        ([allow("tcp", 5432, 5432, ["2001:db8::/48", "2600:1f18::/48"])], "pass", "fail"),
        ([allow("tcp", 8443, 8443, ["2600::/32"])], "fail", "n/a"),
        ([allow("tcp", 443, 443, CLOUDFLARE)], "pass", "pass"),  # the web's own ports
        ([allow("tcp", 22, 22, PRIVATE), allow("icmp", -1, -1, [WIDE])], "pass", "pass"),
        ([allow("tcp", 22, 22, [], lists=[[WIDE]])], "fail", "n/a"),
        ([allow("tcp", 22, 22, V4)], "n/a", "n/a"),  # the world is another finding
        ([allow("tcp", 22, 22, [], lists=[None])], "unknown", "unknown"),
        ([allow("tcp", 22, 22, [SITE]), LOST], "unknown", "unknown"),
        (LOST, "unknown", "unknown"),
    ],
)
def test_public_networks_that_are_not_the_world(ingress: list, wide: str, named: str):
    group = QUIET | {"ingress": ingress}
    assert verdict(groups.wide_source, group) == wide
    assert verdict(groups.named_source, group) == named


DEFAULT = {"is_default": True, "interfaces": [], "ingress_rules": 0, "egress_rules": 0}
MANY = {"ingress_rules": 50, "egress_rules": 50}

VPC = {"flow_logs": [], "subnets": ["a", "b"], "unlogged_subnets": ["b"]}


def of_groups(*pairs: tuple[Any, Any]) -> dict:
    return {"ingress": [allow("tcp", 22, 22, [], groups=pairs)]}


@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        (groups.foreign_group, of_groups(("2", "sg-0")), "fail"),
        (groups.foreign_group, of_groups(("2", None)), "fail"),
        (groups.foreign_group, of_groups(("1", "sg-0"), ("", "sg-deleted")), "pass"),
        (groups.foreign_group, of_groups((None, "sg-0")), "unknown"),
        (groups.foreign_group, of_groups((None, "sg-0"), ("2", "sg-0")), "fail"),
        (groups.foreign_group, {"ingress": [allow("tcp", 22, 22, V4, groups=None)]}, "unknown"),
        (groups.foreign_group, {"ingress": []}, "pass"),
        (groups.default_in_use, {"is_default": True, "interfaces": ["eni-1"]}, "fail"),
        (groups.default_in_use, {"is_default": True, "interfaces": []}, "pass"),
        (groups.default_in_use, {"is_default": True, "interfaces": None}, "unknown"),
        (groups.default_in_use, {"is_default": False, "interfaces": ["eni-1"]}, "n/a"),
        (groups.default_rules, DEFAULT | {"ingress_rules": 1}, "fail"),
        (groups.default_rules, DEFAULT | {"egress_rules": 1}, "fail"),
        (groups.default_rules, DEFAULT, "pass"),
        (groups.default_rules, DEFAULT | {"egress_rules": None}, "unknown"),
        (groups.default_rules, DEFAULT | {"interfaces": ["eni-1"]}, "n/a"),
        (groups.default_rules, DEFAULT | {"interfaces": None}, "unknown"),
        (groups.default_rules, {"is_default": False, "ingress_rules": 1}, "n/a"),
        (groups.launch_wizard, QUIET | {"ingress": [], "name": "launch-wizard-12"}, "fail"),
        (groups.launch_wizard, QUIET | {"ingress": []}, "pass"),
        (groups.launch_wizard, QUIET | {"ingress": [], "name": None}, "unknown"),
        (groups.launch_wizard, QUIET | {"ingress": [allow("tcp", 22, 22, V4)]}, "n/a"),
        (groups.launch_wizard, QUIET | {"ingress": [], "interfaces": []}, "n/a"),
        (groups.many_rules, MANY, "pass"),
        (groups.many_rules, MANY | {"ingress_rules": 51}, "fail"),
        (groups.many_rules, MANY | {"egress_rules": 51, "ingress_rules": None}, "fail"),
        (groups.many_rules, MANY | {"egress_rules": None}, "unknown"),
        (vpc.vpc_flow_logs, VPC, "fail"),
        (vpc.vpc_flow_logs, VPC | {"flow_logs": ["fl-1"]}, "pass"),
        (vpc.vpc_flow_logs, VPC | {"unlogged_subnets": []}, "pass"),
        (vpc.vpc_flow_logs, VPC | {"subnets": [], "unlogged_subnets": []}, "fail"),
        (vpc.vpc_flow_logs, VPC | {"flow_logs": None, "unlogged_subnets": None}, "unknown"),
        (vpc.vpc_flow_logs, VPC | {"subnets": None, "unlogged_subnets": None}, "unknown"),
        (vpc.vpc_flow_logs, {"flow_logs": ["fl-1"]}, "pass"),  # whatever its subnets do
        (vpc.flow_log_delivery_failed, {"delivery_status": "FAILED"}, "fail"),
        (vpc.flow_log_delivery_failed, {"delivery_status": "SUCCESS"}, "pass"),
        (vpc.flow_log_delivery_failed, {"delivery_status": ""}, "pass"),
        (vpc.flow_log_delivery_failed, {"delivery_status": None}, "unknown"),
        (vpc.default_vpc_in_use, {"is_default": True, "interface_count": 1}, "fail"),
        (vpc.default_vpc_in_use, {"is_default": True, "interface_count": 0}, "pass"),
        (vpc.default_vpc_in_use, {"is_default": True, "interface_count": None}, "unknown"),
        (vpc.default_vpc_in_use, {"is_default": False, "interface_count": 1}, "n/a"),
        (vpc.auto_public_ip, {"is_default": False, "map_public_ip_on_launch": True}, "fail"),
        (vpc.auto_public_ip, {"is_default": False, "map_public_ip_on_launch": False}, "pass"),
        (vpc.auto_public_ip, {"is_default": False, "map_public_ip_on_launch": None}, "unknown"),
        (vpc.auto_public_ip, {"is_default": True, "map_public_ip_on_launch": True}, "n/a"),
    ],
)
def test_verdict(rule: Rule, row: dict, expected: str):
    assert verdict(rule, row) == expected


def test_another_accounts_resource_is_its_owners_to_answer_for():
    assert (
        verdict(vpc.auto_public_ip, {"account_id": "2", "map_public_ip_on_launch": True}) == "n/a"
    )


def test_every_table_is_judged_but_for_interfaces():
    tables = {collector.table for collector in MODULE.collectors}
    assert tables - {rule.table for rule in MODULE.rules} == {NetworkInterfaces}
