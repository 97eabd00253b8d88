"""AWS Network Firewall: firewall policies, of which moto knows nothing."""

from typing import Any

from moto.core.responses import ActionResult
from moto.networkfirewall.responses import NetworkFirewallResponse

POLICIES: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
"""By account and region, then by ARN."""


def apply() -> None:
    responses: Any = NetworkFirewallResponse
    responses.create_firewall_policy = create_firewall_policy
    responses.list_firewall_policies = list_firewall_policies
    responses.describe_firewall_policy = describe_firewall_policy


def create_firewall_policy(self: Any) -> ActionResult:
    name = self._get_param("FirewallPolicyName")
    arn = f"arn:aws:network-firewall:{self.region}:{self.current_account}:firewall-policy/{name}"
    _policies(self)[arn] = {"Name": name, "Policy": self._get_param("FirewallPolicy")}
    return ActionResult({"UpdateToken": "1", "FirewallPolicyResponse": _response(self, arn)})


def list_firewall_policies(self: Any) -> ActionResult:
    found = [{"Name": kept["Name"], "Arn": arn} for arn, kept in _policies(self).items()]
    return ActionResult({"FirewallPolicies": found})


def describe_firewall_policy(self: Any) -> ActionResult:
    arn = self._get_param("FirewallPolicyArn")
    return ActionResult(
        {
            "UpdateToken": "1",
            "FirewallPolicyResponse": _response(self, arn),
            "FirewallPolicy": _policies(self)[arn]["Policy"],
        }
    )


def _policies(self: Any) -> dict[str, dict[str, Any]]:
    return POLICIES.setdefault((self.current_account, self.region), {})


def _response(self: Any, arn: str) -> dict[str, Any]:
    firewalls = self.networkfirewall_backend.firewalls.values()
    return {
        "FirewallPolicyName": _policies(self)[arn]["Name"],
        "FirewallPolicyArn": arn,
        "FirewallPolicyId": arn,
        "FirewallPolicyStatus": "ACTIVE",
        "NumberOfAssociations": sum(one.firewall_policy_arn == arn for one in firewalls),
    }
