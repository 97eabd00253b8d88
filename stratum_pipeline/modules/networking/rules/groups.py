"""What must hold of security groups."""

from functools import partial

import polars as pl

from stratum_pipeline.kernel.rule import NO_ARNS, Rule, Severity
from stratum_pipeline.kernel.table import each, some

from ..inventory import SecurityGroups

MANY = 50
"""Rules one way; AWS's own quota is 60."""

_every_port = (
    each("protocol").is_in(["-1", "tcp"]) & (each("from_port") <= 1) & (each("to_port") == 65535)
)
_web = (each("from_port") == each("to_port")) & each("from_port").is_in([80, 443])

_all_traffic = some(SecurityGroups.world_ports, _every_port)
_sensitive = some(SecurityGroups.sensitive_services, pl.element() != "")
_public_port = some(SecurityGroups.world_ports, ~_web)
_wide = some(SecurityGroups.wide_sources, pl.element() != "")
_closed = ~_all_traffic & ~_sensitive & ~_public_port
_attached = SecurityGroups.interfaces.list.len() > 0

_exposed = some(SecurityGroups.reachable, pl.element() != "")

INBOUND = "EC2 > Security Groups > {group_id} > Inbound rules > Edit inbound rules"
REVOKE = (
    "aws ec2 revoke-security-group-ingress --region {region} --group-id {group_id}"
    " --security-group-rule-ids <rule-id>"
)
AUTHORIZE = (
    "Add the rule again: `aws ec2 authorize-security-group-ingress --region {region}"
    " --group-id {group_id} --ip-permissions <the rule as it was>`; describe it first."
)
_inbound = partial(
    Rule,
    table=SecurityGroups,
    console=INBOUND,
    cli=REVOKE,
    breaks="Clients that come through the rule are cut off: new connections at once, tracked"
    " ones when they end. The VPC's flow logs tell who they are.",
    undo=AUTHORIZE,
    criteria=("CC6.1", "CC6.6"),
    exposed=_exposed,
    related=pl.when(_exposed).then(SecurityGroups.behind).fill_null(NO_ARNS),
)

all_traffic = _inbound(
    id="networking.security_group.all_traffic",
    fails=_all_traffic,
    severity=Severity.HIGH,
    title="Security group opens every port to the internet",
    rationale="Whatever listens behind the group, now or later, can be reached and attacked.",
    remediation="Replace the rule by one for each port that strangers must reach, most often 443.",
)

sensitive_ports = _inbound(
    id="networking.security_group.sensitive_ports",
    version=2,
    when=~_all_traffic,
    fails=_sensitive,
    severity=Severity.HIGH,
    title="Security group opens administration or database ports to the internet",
    rationale="Such services are found and attacked within minutes of being exposed; a weak"
    " password or an unpatched flaw then yields the host or its data.",
    remediation="Remove the rule. Reach hosts through Systems Manager Session Manager or a VPN,"
    " and data stores from the security groups of their clients.",
)

public_port = _inbound(
    id="networking.security_group.public_port",
    version=2,
    when=~_all_traffic & ~_sensitive,
    fails=_public_port,
    severity=Severity.MEDIUM,
    title="Security group opens a port other than 80 and 443 to the internet",
    rationale="Services beside the web's own ports seldom stand behind a load balancer or a"
    " firewall that authenticates, filters and logs what strangers send.",
    remediation="Narrow the rule to the networks that need it, or serve it behind a load"
    " balancer on 443.",
)

wide_source = _inbound(
    id="networking.security_group.wide_source",
    when=_closed,
    fails=_wide,
    severity=Severity.MEDIUM,
    title="Security group lets in a large public network",
    rationale="A public range of more than 256 addresses belongs to many: customers of one"
    " provider, tenants of one cloud. Any of them passes, and who they are changes.",
    remediation="Name the addresses that need it, an IPv4 /24 or an IPv6 /48 at most, or meet"
    " the peer over a VPN, a peering connection or PrivateLink.",
)

named_source = _inbound(
    id="networking.security_group.named_source",
    when=_closed & ~_wide,
    fails=some(SecurityGroups.named_sources, pl.element() != ""),
    severity=Severity.LOW,
    title="Security group lets public addresses reach administration or database ports",
    rationale="An address says where somebody is, not who. Office and provider addresses are"
    " shared, handed on and forgotten in rules, which then admit their next holder.",
    remediation="Reach hosts through Session Manager or a VPN, data stores through PrivateLink;"
    " where the address must stay, review it regularly.",
)

foreign_group = Rule(
    id="networking.security_group.foreign_group",
    table=SecurityGroups,
    fails=some(SecurityGroups.foreign_groups, pl.element() != ""),
    severity=Severity.MEDIUM,
    title="Security group lets in members of another account's group",
    rationale="Whoever administers the other account decides what may connect here.",
    remediation="Confirm that the other account is trusted with this access; otherwise remove"
    " the rule or name the addresses that need it.",
    console=INBOUND,
    cli=REVOKE,
    breaks="Members of the other account's group can no longer connect.",
    undo=AUTHORIZE,
    criteria=("CC6.1", "CC6.6"),
)

default_in_use = Rule(
    id="networking.security_group.default_in_use",
    table=SecurityGroups,
    when=SecurityGroups.is_default,
    fails=_attached,
    severity=Severity.MEDIUM,
    title="Default security group is in use",
    rationale="It is what resources get when no one chose: its members trust one another,"
    " and a rule added for one of them opens all.",
    remediation="Give each interface a group made for its purpose, then remove every rule of"
    " the default group.",
    console="EC2 > Network Interfaces > Security group: {group_id} > Actions >"
    " Change security groups",
    cli="aws ec2 modify-network-interface-attribute --region {region}"
    " --network-interface-id <interface-id> --groups <group-id>",
    breaks="Members reach one another only as far as their new groups allow: connections that"
    " nobody wrote down fail.",
    undo="Attach the default group again: `aws ec2 modify-network-interface-attribute"
    " --region {region} --network-interface-id <interface-id> --groups {group_id}`.",
    criteria=("CC6.6",),
)

default_rules = Rule(
    id="networking.security_group.default_rules",
    table=SecurityGroups,
    when=SecurityGroups.is_default & ~_attached,  # in use, that comes first
    fails=(SecurityGroups.ingress_rules > 0) | (SecurityGroups.egress_rules > 0),
    severity=Severity.LOW,
    title="Default security group allows traffic",
    rationale="A resource that is launched without a group of its own gets this one, and with it"
    " whatever the group allows. Without rules it is isolated until someone chooses.",
    remediation="Remove all inbound and outbound rules of the group; nothing uses it.",
    console="EC2 > Security Groups > {group_id} > Inbound rules, and Outbound rules > Edit",
    cli="aws ec2 revoke-security-group-egress --region {region} --group-id {group_id}"
    " --security-group-rule-ids <rule-id>",
    breaks="What is launched without naming a group will have no network until it is given one.",
    undo="Add AWS's own rules again: all traffic from the group itself, all traffic to"
    " 0.0.0.0/0: `aws ec2 authorize-security-group-egress --region {region}"
    " --group-id {group_id} --ip-permissions IpProtocol=-1`.",
    criteria=("CC6.6",),
)

unused = Rule(
    id="networking.security_group.unused",
    table=SecurityGroups,
    when=~SecurityGroups.is_default,
    fails=~_attached & ~SecurityGroups.referenced,
    severity=Severity.LOW,
    title="Security group is attached to nothing",
    rationale="A forgotten group is attached again one day with rules that no one reviewed.",
    remediation="Delete the group, unless a launch template, a stopped service or a group of"
    " a peered VPC still names it.",
    console="EC2 > Security Groups > {group_id} > Actions > Delete security groups",
    cli="aws ec2 delete-security-group --region {region} --group-id {group_id}",
    breaks="Whatever names the group without using it yet (a launch template, a function, a"
    " peered VPC's group) fails the next time it is started.",
    undo="Create it anew under its name, with its rules; its id is lost:"
    " `aws ec2 create-security-group --region {region} --vpc-id {vpc_id} --group-name {name}"
    " --description <text>`.",
    criteria=("CC6.6",),
)

launch_wizard = Rule(
    id="networking.security_group.launch_wizard",
    table=SecurityGroups,
    when=_closed & _attached,  # open or unused, that is what is wrong with it
    fails=SecurityGroups.name.str.contains("launch-wizard"),
    severity=Severity.LOW,
    title="Security group was made by the launch wizard",
    rationale="The wizard makes a group for one launch, with SSH or RDP open unless someone"
    " objects; its name says nothing of what it is for, so nobody dares to narrow it.",
    remediation="Give its members a group that is named and written for their purpose, then"
    " delete this one.",
    console="EC2 > Network Interfaces > Security group: {group_id} > Actions >"
    " Change security groups",
    cli="aws ec2 modify-network-interface-attribute --region {region}"
    " --network-interface-id <interface-id> --groups <group-id>",
    breaks="Connections that the new group does not allow fail.",
    undo="Attach it again: `aws ec2 modify-network-interface-attribute --region {region}"
    " --network-interface-id <interface-id> --groups {group_id}`.",
    criteria=("CC6.6",),
)

many_rules = Rule(
    id="networking.security_group.many_rules",
    table=SecurityGroups,
    fails=(SecurityGroups.ingress_rules > MANY) | (SecurityGroups.egress_rules > MANY),
    severity=Severity.LOW,
    title=f"Security group has more than {MANY} rules one way",
    rationale="Nobody can tell any more what such a group allows, and the rule that should not"
    " be there is not noticed.",
    remediation="Put networks that belong together into a managed prefix list, replace"
    " addresses of our own by groups, and split the group by purpose.",
    console=INBOUND,
    cli="aws ec2 create-managed-prefix-list --region {region} --prefix-list-name <name>"
    " --max-entries <n> --address-family IPv4 --entries Cidr=<network>,Description=<whose>",
    breaks="Nothing, if each old rule is removed only once the new one is in force; a prefix"
    " list counts against the quota with its maximum of entries.",
    undo="Restore the rules from a copy: `aws ec2 describe-security-group-rules"
    " --region {region} --filters Name=group-id,Values={group_id}` before the change.",
    criteria=("CC6.6",),
)

RULES = (
    all_traffic,
    sensitive_ports,
    public_port,
    wide_source,
    named_source,
    foreign_group,
    default_in_use,
    default_rules,
    unused,
    launch_wizard,
    many_rules,
)
