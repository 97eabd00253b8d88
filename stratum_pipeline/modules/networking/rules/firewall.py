"""What must hold of AWS Network Firewall."""

from stratum_pipeline.kernel.rule import Rule, Severity
from stratum_pipeline.kernel.table import has

from ..inventory import FirewallPolicies, Firewalls

_followed = FirewallPolicies.association_count > 0
POLICY = "VPC > Network Firewall > Firewall policies > {name}"
UPDATE_POLICY = (
    "aws network-firewall update-firewall-policy --region {region} --firewall-policy-arn {arn}"
    " --firewall-policy file://policy.json --update-token <token>"
)
OLD_POLICY = (
    "Put the policy back as `aws network-firewall describe-firewall-policy --region {region}"
    " --firewall-policy-arn {arn}` showed it before."
)

no_logging = Rule(
    id="networking.firewall.logging",
    table=Firewalls,
    fails=Firewalls.log_types.list.len() == 0,
    severity=Severity.MEDIUM,
    title="Network firewall logs nothing",
    rationale="What it dropped or alerted on, and what it let pass, is seen by nobody: an attack"
    " in progress, or a rule that breaks something, stays unnoticed.",
    remediation="Send alert logs, and flow logs, to S3, CloudWatch Logs or Firehose.",
    console="VPC > Network Firewall > Firewalls > {name} > Firewall details > Logging > Edit",
    cli="aws network-firewall update-logging-configuration --region {region}"
    " --firewall-arn {arn} --logging-configuration file://logging.json",
    breaks="No traffic is touched. Vended logs are billed by the gigabyte.",
    undo="Remove the destinations again: `aws network-firewall update-logging-configuration"
    " --region {region} --firewall-arn {arn} --logging-configuration"
    " LogDestinationConfigs=[]`.",
    criteria=("CC7.2",),
)

no_deletion_protection = Rule(
    id="networking.firewall.deletion_protection",
    table=Firewalls,
    fails=~Firewalls.deletion_protection,
    severity=Severity.LOW,
    title="Network firewall can be deleted by one call",
    rationale="Its routes would lead nowhere, or traffic around it, until someone notices.",
    remediation="Turn on deletion protection.",
    console="VPC > Network Firewall > Firewalls > {name} > Firewall details > Change protections",
    cli="aws network-firewall update-firewall-delete-protection --region {region}"
    " --firewall-arn {arn} --delete-protection",
    breaks="Automation that replaces the firewall must turn it off first.",
    undo="Turn it off: `aws network-firewall update-firewall-delete-protection --region {region}"
    " --firewall-arn {arn} --no-delete-protection`.",
    criteria=("A1.2",),
)

single_zone = Rule(
    id="networking.firewall.single_zone",
    table=Firewalls,
    fails=Firewalls.endpoint_count < 2,
    severity=Severity.MEDIUM,
    title="Network firewall stands in one Availability Zone",
    rationale="When the zone fails, all that is routed through the firewall is cut off.",
    remediation="Add a firewall subnet in each zone in use, and route each zone through its own.",
    console="VPC > Network Firewall > Firewalls > {name} > Firewall details > Associated"
    " subnets > Edit",
    cli="aws network-firewall associate-subnets --region {region} --firewall-arn {arn}"
    " --subnet-mappings SubnetId=<subnet-id>",
    breaks="Nothing until routes lead to the new endpoint, which is billed by the hour.",
    undo="Remove it: `aws network-firewall disassociate-subnets --region {region}"
    " --firewall-arn {arn} --subnet-ids <subnet-id>`.",
    criteria=("A1.2",),
)

passes_unmatched = Rule(
    id="networking.firewall_policy.passes_unmatched",
    table=FirewallPolicies,
    when=_followed,
    fails=has(FirewallPolicies.stateless_defaults, "aws:pass")
    | has(FirewallPolicies.fragment_defaults, "aws:pass"),
    severity=Severity.MEDIUM,
    title="Firewall policy passes packets or fragments that no stateless rule matches",
    rationale="They never reach the stateful rules: whatever nobody foresaw goes through"
    " uninspected, and fragments are a known way around inspection.",
    remediation="Make both default actions aws:forward_to_sfe, or aws:drop.",
    console=POLICY + " > Stateless default actions > Edit",
    cli=UPDATE_POLICY,
    breaks="Traffic that passed unseen meets the stateful rules, and is dropped where they drop;"
    " connections that are open may be reset.",
    undo=OLD_POLICY,
    criteria=("CC6.6",),
)

no_rule_group = Rule(
    id="networking.firewall_policy.no_rules",
    table=FirewallPolicies,
    when=_followed,
    fails=FirewallPolicies.rule_groups.list.len() == 0,
    severity=Severity.MEDIUM,
    title="Firewall policy in force has no rule group",
    rationale="The firewall does the same with every packet: traffic takes the detour, and"
    " nothing is inspected.",
    remediation="Add rule groups of our own or AWS's managed ones, first in alert mode.",
    console=POLICY + " > Stateful rule groups > Add",
    cli=UPDATE_POLICY,
    breaks="What the rule groups drop fails at once; in alert mode it is logged only.",
    undo=OLD_POLICY,
    criteria=("CC6.6",),
)

RULES = (no_logging, no_deletion_protection, single_zone, passes_unmatched, no_rule_group)
