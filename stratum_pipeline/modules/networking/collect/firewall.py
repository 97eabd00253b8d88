"""AWS Network Firewall."""

from collections.abc import Iterator

from stratum_pipeline.kernel.collect import Api, Collector

from ..inventory import FirewallPolicies, Firewalls
from .listing import Raw

PAGING = {"PageSize": 100}


def read_firewalls(firewalls: Api) -> Iterator[Raw]:
    def describe(firewall: Raw) -> Raw:
        arn = firewall["FirewallArn"]
        about = firewalls.on(about=arn)
        reply = about.call("DescribeFirewall", FirewallArn=arn)
        logging = about.call("DescribeLoggingConfiguration", FirewallArn=arn)
        subnets: list[Raw] | None = reply.get("Firewall.SubnetMappings", [])
        zones: list[Raw] | None = reply.get("Firewall.AvailabilityZoneMappings", [])
        logged: list[Raw] | None = logging.get("LoggingConfiguration.LogDestinationConfigs", [])
        return _keys(firewalls, arn) | {
            "incarnation": reply.get("Firewall.FirewallId", ""),
            "name": firewall["FirewallName"],
            "vpc_id": reply.get("Firewall.VpcId", ""),
            "policy_arn": reply.get("Firewall.FirewallPolicyArn", ""),
            "endpoint_count": None
            if subnets is None or zones is None
            else len(subnets) or len(zones),
            "deletion_protection": reply.get("Firewall.DeleteProtection", False),
            "log_types": None if logged is None else sorted({one["LogType"] for one in logged}),
        }

    found = firewalls.pages("ListFirewalls", "Firewalls", PaginationConfig=PAGING)
    yield from firewalls.each(describe, found)


def read_policies(firewalls: Api) -> Iterator[Raw]:
    def describe(policy: Raw) -> Raw:
        arn = policy["Arn"]
        reply = firewalls.on(about=arn).call("DescribeFirewallPolicy", FirewallPolicyArn=arn)
        kinds = ("StatelessRuleGroupReferences", "StatefulRuleGroupReferences")
        groups: list[list[Raw] | None] = [reply.get(f"FirewallPolicy.{kind}", []) for kind in kinds]
        return _keys(firewalls, arn) | {
            "incarnation": reply.get("FirewallPolicyResponse.FirewallPolicyId", ""),
            "name": policy["Name"],
            "association_count": reply.get("FirewallPolicyResponse.NumberOfAssociations", 0),
            "stateless_defaults": reply.get("FirewallPolicy.StatelessDefaultActions", []),
            "fragment_defaults": reply.get("FirewallPolicy.StatelessFragmentDefaultActions", []),
            "stateful_defaults": reply.get("FirewallPolicy.StatefulDefaultActions", []),
            "rule_groups": None
            if reply.body is None
            else sorted(one["ResourceArn"] for listed in groups for one in listed or ()),
        }

    own = (
        policy
        for policy in firewalls.pages(
            "ListFirewallPolicies", "FirewallPolicies", PaginationConfig=PAGING
        )
        if policy["Arn"].split(":")[4] == firewalls.account.account_id  # or it is shared with us
    )
    yield from firewalls.each(describe, own)


def _keys(firewalls: Api, arn: str) -> Raw:
    return {"arn": arn, "account_id": arn.split(":")[4], "region": firewalls.region}


COLLECTORS = (
    Collector(Firewalls, read_firewalls),
    Collector(FirewallPolicies, read_policies),
)
