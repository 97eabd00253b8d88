"""Load balancers and firewalls: rules, and scans of them."""

from typing import Any

import boto3
import pytest

from stratum_pipeline.kernel.correlate import Index, correlate
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.modules.networking import MODULE
from stratum_pipeline.modules.networking.collect.balancers import _listener
from stratum_pipeline.modules.networking.inventory import (
    ClassicLoadBalancers,
    FirewallPolicies,
    Firewalls,
    LoadBalancers,
)
from stratum_pipeline.modules.networking.rules import balancers, firewall

from ..parity import verdict
from .estate import again, calls, failing, judged, make_vpc, scan, unknown
from .parity import a_firewall, a_policy


def listener(protocol: str, *, to_https: bool | None = False) -> dict[str, Any]:
    return {"port": 80, "protocol": protocol, "to_https": to_https}


def balancer(**columns: Any) -> dict[str, Any]:
    return {
        "type": "application",
        "scheme": "internet-facing",
        "zones": ["a", "b"],
        "listeners": [listener("HTTPS"), listener("HTTP", to_https=True)],
        "tls_versions": ["TLSv1.2", "TLSv1.3"],
        "access_logs": True,
        "deletion_protection": True,
        "desync_mode": "defensive",
        "drops_invalid_headers": True,
        "web_acls": ["arn:acl"],
    } | columns


def classic(**columns: Any) -> dict[str, Any]:
    return {
        "scheme": "internet-facing",
        "zones": ["a", "b"],
        "listeners": [listener("HTTPS"), listener("TCP")],
        "tls_versions": ["TLSv1.2"],
        "access_logs": True,
        "cross_zone": True,
        "connection_draining": True,
        "desync_mode": "defensive",
    } | columns


TLS, TCP = [listener("TLS")], [listener("TCP")]
PLAIN = [listener("HTTP")]
NETWORK = {"type": "network", "listeners": TLS}


@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        (balancers.access_logs, balancer(access_logs=False), "fail"),
        (balancers.access_logs, balancer(), "pass"),
        (balancers.access_logs, balancer(access_logs=None), "unknown"),
        (balancers.access_logs, balancer(access_logs=False, **NETWORK), "fail"),
        (balancers.access_logs, balancer(access_logs=False, type="network", listeners=TCP), "n/a"),
        (balancers.access_logs, balancer(access_logs=False, type="gateway"), "n/a"),
        (balancers.deletion_protection, balancer(deletion_protection=False), "fail"),
        (balancers.deletion_protection, balancer(), "pass"),
        (balancers.deletion_protection, balancer(deletion_protection=None), "unknown"),
        (balancers.plaintext, balancer(listeners=PLAIN), "fail"),
        (balancers.plaintext, balancer(), "pass"),
        (balancers.plaintext, balancer(listeners=None), "unknown"),
        (balancers.plaintext, balancer(listeners=PLAIN, scheme="internal"), "n/a"),
        (balancers.tls_policy, balancer(tls_versions=["TLSv1.1", "TLSv1.2"]), "fail"),
        (balancers.tls_policy, balancer(), "pass"),
        (balancers.tls_policy, balancer(tls_versions=["TLSv1.2", None]), "unknown"),
        (balancers.desync, balancer(desync_mode="monitor"), "fail"),
        (balancers.desync, balancer(desync_mode="strictest"), "pass"),
        (balancers.desync, balancer(desync_mode=None), "unknown"),
        (balancers.invalid_headers, balancer(drops_invalid_headers=False), "fail"),
        (balancers.invalid_headers, balancer(), "pass"),
        (balancers.invalid_headers, balancer(drops_invalid_headers=None), "unknown"),
        (
            balancers.invalid_headers,
            balancer(drops_invalid_headers=False, desync_mode="monitor"),
            "n/a",
        ),
        (balancers.no_web_acl, balancer(web_acls=[]), "fail"),
        (balancers.no_web_acl, balancer(), "pass"),
        (balancers.no_web_acl, balancer(web_acls=None), "unknown"),
        (balancers.no_web_acl, balancer(web_acls=[], scheme="internal"), "n/a"),
        (balancers.single_zone, balancer(zones=["a"]), "fail"),
        (balancers.single_zone, balancer(), "pass"),
        (balancers.single_zone, balancer(zones=None), "unknown"),
        (balancers.classic_access_logs, classic(access_logs=False), "fail"),
        (balancers.classic_access_logs, classic(), "pass"),
        (balancers.classic_access_logs, classic(access_logs=None), "unknown"),
        (balancers.classic_plaintext, classic(listeners=PLAIN), "fail"),
        (balancers.classic_plaintext, classic(), "pass"),
        (balancers.classic_plaintext, classic(listeners=[None]), "unknown"),
        (balancers.classic_tls_policy, classic(tls_versions=["TLSv1"]), "fail"),
        (balancers.classic_tls_policy, classic(), "pass"),
        (balancers.classic_tls_policy, classic(tls_versions=None), "unknown"),
        (balancers.classic_desync, classic(desync_mode="monitor"), "fail"),
        (balancers.classic_desync, classic(), "pass"),
        (balancers.classic_desync, classic(desync_mode=None), "unknown"),
        (balancers.classic_single_zone, classic(zones=["a"]), "fail"),
        (balancers.classic_single_zone, classic(), "pass"),
        (balancers.classic_single_zone, classic(zones=None), "unknown"),
        (balancers.classic_uneven, classic(cross_zone=False), "fail"),
        (balancers.classic_uneven, classic(connection_draining=False, cross_zone=None), "fail"),
        (balancers.classic_uneven, classic(), "pass"),
        (balancers.classic_uneven, classic(cross_zone=None), "unknown"),
        (balancers.classic_uneven, classic(cross_zone=False, zones=["a"]), "n/a"),
        (firewall.no_logging, a_firewall(log_types=[]), "fail"),
        (firewall.no_logging, a_firewall(log_types=["FLOW"]), "pass"),
        (firewall.no_logging, a_firewall(log_types=None), "unknown"),
        (firewall.no_deletion_protection, a_firewall(deletion_protection=False), "fail"),
        (firewall.no_deletion_protection, a_firewall(), "pass"),
        (firewall.no_deletion_protection, a_firewall(deletion_protection=None), "unknown"),
        (firewall.single_zone, a_firewall(endpoint_count=1), "fail"),
        (firewall.single_zone, a_firewall(), "pass"),
        (firewall.single_zone, a_firewall(endpoint_count=None), "unknown"),
        (firewall.passes_unmatched, a_policy(stateless_defaults=["aws:pass"]), "fail"),
        (firewall.passes_unmatched, a_policy(fragment_defaults=["metric", "aws:pass"]), "fail"),
        (firewall.passes_unmatched, a_policy(), "pass"),
        (firewall.passes_unmatched, a_policy(fragment_defaults=None), "unknown"),
        (firewall.passes_unmatched, a_policy(association_count=0), "n/a"),
        (firewall.no_rule_group, a_policy(rule_groups=[]), "fail"),
        (firewall.no_rule_group, a_policy(), "pass"),
        (firewall.no_rule_group, a_policy(rule_groups=None), "unknown"),
        (firewall.no_rule_group, a_policy(rule_groups=[], association_count=0), "n/a"),
    ],
)
def test_verdict(rule: Rule, row: dict[str, Any], expected: str):
    assert verdict(rule, row) == expected


def test_malformed_requests_past_no_web_acl_are_grave():
    rules = ("load_balancer.desync_mode", "load_balancer.no_web_acl")
    index = Index.frame(
        {"finding_id": r, "rule_id": f"networking.{r}", "resource_arn": "arn:lb", "related": []}
        for r in rules
    )
    (found,) = [c for one in MODULE.correlations for c in correlate(one, index).to_dicts()]
    assert (found["finding_id"], found["severity"]) == (rules[0], "high")


@pytest.mark.parametrize(
    ("actions", "to_https"),
    [
        ([{"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS"}}], True),
        ([{"Type": "redirect", "RedirectConfig": {"Protocol": "#{protocol}"}}], False),
        ([{"Type": "redirect", "RedirectConfig": {"Host": "elsewhere"}}], False),
        ([{"Type": "forward", "TargetGroupArn": "arn"}], False),
        ([], False),
    ],
)
def test_what_a_listener_does(actions: list, to_https: bool):
    raw = {"Port": 80, "Protocol": "HTTP", "DefaultActions": actions}
    assert _listener(raw)["to_https"] is to_https


@pytest.fixture
def application(ec2, answer) -> str:
    """An application load balancer in one zone, as created; behind a web ACL."""
    elb = boto3.client("elbv2", region_name="us-east-1")
    vpc, subnet = make_vpc(ec2)
    arn = elb.create_load_balancer(Name="shop", Subnets=[subnet], Scheme="internet-facing")[
        "LoadBalancers"
    ][0]["LoadBalancerArn"]
    target = elb.create_target_group(Name="shop", Protocol="HTTP", Port=80, VpcId=vpc)
    elb.create_listener(
        LoadBalancerArn=arn,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[
            {"Type": "forward", "TargetGroupArn": target["TargetGroups"][0]["TargetGroupArn"]}
        ],
    )
    answer("ListWebACLs", {"WebACLs": [{"ARN": "arn:acl", "Name": "shop"}]})
    answer("ListResourcesForWebACL", {"ResourceArns": [arn]})
    return arn


def of_balancers(found: Any) -> set[str]:
    return {rule for rule, _ in failing(found) if "balancer" in rule}


def test_a_load_balancer_is_asked_for_what_no_listing_tells(account, application):
    (row,) = scan(account)[LoadBalancers].to_dicts()
    assert (row["arn"], row["web_acls"]) == (application, ["arn:acl"])
    assert row["listeners"] == [listener("HTTP")]
    assert (row["desync_mode"], row["tls_versions"]) == ("", [])
    asked = calls(account)
    assert (asked["DescribeListeners"], asked["DescribeLoadBalancerAttributes"]) == (1, 1)
    assert (asked["ListWebACLs"], asked["ListResourcesForWebACL"]) == (1, 1)
    assert asked["DescribeSSLPolicies"] == 0
    assert of_balancers(judged(again(account))) == {
        "load_balancer.access_logs",
        "load_balancer.deletion_protection",
        "load_balancer.invalid_headers",
        "load_balancer.plaintext",
        "load_balancer.single_zone",
    }


@pytest.mark.parametrize(
    ("operation", "blind"),
    [
        ("DescribeListeners", {"plaintext", "tls_policy"}),
        (
            "DescribeLoadBalancerAttributes",
            {"access_logs", "deletion_protection", "desync_mode", "invalid_headers"},
        ),
        ("ListWebACLs", {"no_web_acl"}),
        ("ListResourcesForWebACL", {"no_web_acl"}),
    ],
)
def test_what_a_load_balancer_will_not_say_is_unknown(
    account, application, refuse, operation, blind
):
    refuse(operation, "AccessDenied")
    found = judged(account)
    assert unknown(found).keys() == {f"load_balancer.{rule}" for rule in blind}
    (gap,) = found.gaps.to_dicts()
    assert gap["operation"].endswith(operation)


def test_versions_of_tls_are_those_of_the_policy(account, application, edit, answer):
    answer(
        "DescribeListeners",
        {"Listeners": [{"Port": 443, "Protocol": "HTTPS", "SslPolicy": "ours"}]},
    )
    answer(
        "DescribeSSLPolicies",
        {"SslPolicies": [{"Name": "ours", "SslProtocols": ["TLSv1.2", "TLSv1.1"]}]},
    )
    assert scan(account)[LoadBalancers]["tls_versions"].to_list() == [["TLSv1.1", "TLSv1.2"]]
    answer("DescribeSSLPolicies", {"SslPolicies": []})  # newer than the listing
    assert scan(again(account))[LoadBalancers]["tls_versions"].to_list() == [[None]]


@pytest.fixture
def old(ec2, answer) -> str:
    """A classic load balancer on HTTPS with TLS 1.0 and on HTTP."""
    elb = boto3.client("elb", region_name="us-east-1")
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}
    elb.create_load_balancer(
        LoadBalancerName="old",
        Listeners=[listener],
        AvailabilityZones=["us-east-1a", "us-east-1b"],
        SecurityGroups=[group],
    )
    return "old"


def test_a_classic_load_balancer(account, old):
    (row,) = scan(account)[ClassicLoadBalancers].to_dicts()
    assert row["arn"].endswith(":loadbalancer/old")
    assert row["incarnation"]  # its name may be reused
    assert row["zones"] == ["us-east-1a", "us-east-1b"]
    assert "DescribeLoadBalancerPolicies" not in calls(account)  # nothing is encrypted
    assert of_balancers(judged(again(account))) == {
        "classic_load_balancer.access_logs",
        "classic_load_balancer.cuts_off",
        "classic_load_balancer.plaintext",
    }


def test_versions_of_tls_of_a_classic_one(account, answer, refuse, old):
    (described,) = boto3.client("elb", region_name="us-east-1").describe_load_balancers()[
        "LoadBalancerDescriptions"
    ]
    described["ListenerDescriptions"] = [
        {
            "Listener": {"Protocol": "SSL", "LoadBalancerPort": 443},
            "PolicyNames": ["tls"],
        }
    ]

    def attribute(name: str, value: str) -> dict[str, str]:
        return {"AttributeName": name, "AttributeValue": value}

    policy = [
        attribute("Reference-Security-Policy", "ELBSecurityPolicy-2015-05"),
        attribute("Protocol-TLSv1", "true"),
        attribute("Protocol-SSLv3", "false"),
        attribute("Server-Defined-Cipher-Order", "true"),
    ]
    answer("DescribeLoadBalancers", {"LoadBalancerDescriptions": [described], "LoadBalancers": []})
    answer(
        "DescribeLoadBalancerPolicies",
        {
            "PolicyDescriptions": [
                {"PolicyName": "tls", "PolicyAttributeDescriptions": policy},
                {"PolicyName": "unused", "PolicyAttributeDescriptions": []},
            ]
        },
    )
    assert scan(account)[ClassicLoadBalancers]["tls_versions"].to_list() == [["TLSv1"]]
    refuse("DescribeLoadBalancerPolicies", "AccessDenied")
    assert unknown(judged(again(account))) == {
        "classic_load_balancer.tls_policy": {
            "elb:DescribeLoadBalancerPolicies denied (AccessDenied)"
        }
    }


START = "arn:aws:network-firewall:us-east-1:123456789012"
POLICY = {
    "StatelessDefaultActions": ["aws:pass"],
    "StatelessFragmentDefaultActions": ["aws:forward_to_sfe"],
}


@pytest.fixture
def firewalls(ec2, answer) -> str:
    """A firewall in one zone that logs nothing; its policy, and another account's."""
    vpc, subnet = make_vpc(ec2)
    arn = boto3.client("network-firewall", region_name="us-east-1").create_firewall(
        FirewallName="edge",
        FirewallPolicyArn=f"{START}:firewall-policy/edge",
        VpcId=vpc,
        SubnetMappings=[{"SubnetId": subnet}],
        DeleteProtection=False,
    )["Firewall"]["FirewallArn"]
    shared = f"{START}:firewall-policy/shared".replace("123456789012", "999999999999")
    own = {"Name": "edge", "Arn": f"{START}:firewall-policy/edge"}
    answer("ListFirewallPolicies", {"FirewallPolicies": [own, {"Name": "shared", "Arn": shared}]})
    answer(
        "DescribeFirewallPolicy",
        {
            "FirewallPolicyResponse": {"FirewallPolicyId": "p-1", "NumberOfAssociations": 1},
            "FirewallPolicy": POLICY,
        },
    )
    return arn


def test_firewalls(account, firewalls):
    inventory = scan(account)
    (row,) = inventory[Firewalls].to_dicts()
    assert (row["arn"], row["endpoint_count"], row["log_types"]) == (firewalls, 1, [])
    (policy,) = inventory[FirewallPolicies].to_dicts()  # another's is its owner's
    assert (policy["name"], policy["incarnation"]) == ("edge", "p-1")
    assert {rule for rule, _ in failing(judged(again(account))) if "firewall" in rule} == {
        *("firewall.deletion_protection", "firewall.logging", "firewall.single_zone"),
        *("firewall_policy.no_rules", "firewall_policy.passes_unmatched"),
    }


@pytest.mark.parametrize(
    ("operation", "blind"),
    [
        ("DescribeFirewall", {"firewall.deletion_protection", "firewall.single_zone"}),
        ("DescribeLoggingConfiguration", {"firewall.logging"}),
        (
            "DescribeFirewallPolicy",
            {"firewall_policy.no_rules", "firewall_policy.passes_unmatched"},
        ),
        ("ListFirewalls", set()),
        ("ListFirewallPolicies", set()),
    ],
)
def test_what_a_firewall_will_not_say_is_unknown(account, firewalls, refuse, operation, blind):
    refuse(operation, "AccessDeniedException")
    found = judged(account)
    why = f"network-firewall:{operation} denied (AccessDeniedException)"
    assert unknown(found) == {rule: {why} for rule in blind}
    (gap,) = found.gaps.to_dicts()
    assert gap["operation"] == f"network-firewall:{operation}"
    told = {rule for rule, _ in failing(found)}
    assert told & {"firewall.logging", "firewall_policy.no_rules"}  # the rest stays
