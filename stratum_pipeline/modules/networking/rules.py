"""What must hold of networks."""

from functools import partial

import polars as pl

from stratum_pipeline.kernel.rule import NO_ARNS, Rule, Severity
from stratum_pipeline.kernel.table import each, some

from .inventory import FlowLogs, SecurityGroups, Subnets, Vpcs

UNKNOWN = pl.lit(None, dtype=pl.Boolean)

_every_port = (
    each("protocol").is_in(["-1", "tcp"]) & (each("from_port") <= 1) & (each("to_port") == 65535)
)
_web = (each("from_port") == each("to_port")) & each("from_port").is_in([80, 443])

_all_traffic = some(SecurityGroups.world_ports, _every_port)
_sensitive = some(SecurityGroups.sensitive_services, pl.element() != "")
_public_port = some(SecurityGroups.world_ports, ~_web)


def _any(items: pl.Expr) -> pl.Expr:
    return items.list.len() > 0


# Only interfaces of the IP version that is open, beyond the web's ports, are exposed by it.
_exposed = (
    some(SecurityGroups.world_ports, ~each("ipv6") & ~_web)
    & (_any(SecurityGroups.public_interfaces) | _any(SecurityGroups.shielded_interfaces) & UNKNOWN)
) | (
    some(SecurityGroups.world_ports, each("ipv6") & ~_web)
    & _any(SecurityGroups.ipv6_interfaces)
    & UNKNOWN
)
_world_rule = partial(
    Rule,
    table=SecurityGroups,
    exposed=_exposed,
    related=pl.when(_exposed).then(SecurityGroups.instance_profiles).fill_null(NO_ARNS),
    console="EC2 > Security Groups > {group_id} > Inbound rules > Edit inbound rules",
    cli="aws ec2 revoke-security-group-ingress --region {region} --group-id {group_id}"
    " --security-group-rule-ids <rule-id>",
    criteria=("CC6.1", "CC6.6"),
)

all_traffic = _world_rule(
    id="networking.security_group.all_traffic",
    fails=_all_traffic,
    severity=Severity.HIGH,
    title="Security group opens every port to the internet",
    rationale="Whatever listens behind the group, now or later, can be reached and attacked.",
    remediation="Replace the rule by one for each port that strangers must reach, most often 443.",
)

sensitive_ports = _world_rule(
    id="networking.security_group.sensitive_ports",
    when=~_all_traffic,
    fails=_sensitive,
    severity=Severity.HIGH,
    title="Security group opens administration or database ports to the internet",
    rationale="Such services are found and attacked within minutes of being exposed; a weak"
    " password or an unpatched flaw then yields the host or its data.",
    remediation="Remove the rule. Reach hosts through Systems Manager Session Manager or a VPN,"
    " and data stores from the security groups of their clients.",
)

public_port = _world_rule(
    id="networking.security_group.public_port",
    when=~_all_traffic & ~_sensitive,
    fails=_public_port,
    severity=Severity.MEDIUM,
    title="Security group opens a port other than 80 and 443 to the internet",
    rationale="Services beside the web's own ports seldom stand behind a load balancer or a"
    " firewall that authenticates, filters and logs what strangers send.",
    remediation="Narrow the rule to the networks that need it, or serve it behind a load"
    " balancer on 443.",
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
    console="EC2 > Security Groups > {group_id} > Inbound rules > Edit inbound rules",
    cli="aws ec2 revoke-security-group-ingress --region {region} --group-id {group_id}"
    " --security-group-rule-ids <rule-id>",
    criteria=("CC6.1", "CC6.6"),
)

default_in_use = Rule(
    id="networking.security_group.default_in_use",
    table=SecurityGroups,
    when=SecurityGroups.is_default,
    fails=_any(SecurityGroups.interfaces),
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
    criteria=("CC6.6",),
)

unused = Rule(
    id="networking.security_group.unused",
    table=SecurityGroups,
    when=~SecurityGroups.is_default,
    fails=~_any(SecurityGroups.interfaces) & ~SecurityGroups.referenced,
    severity=Severity.LOW,
    title="Security group is attached to nothing",
    rationale="A forgotten group is attached again one day with rules that no one reviewed.",
    remediation="Delete the group, unless a launch template, a stopped service or a group of"
    " a peered VPC still names it.",
    console="EC2 > Security Groups > {group_id} > Actions > Delete security groups",
    cli="aws ec2 delete-security-group --region {region} --group-id {group_id}",
    criteria=("CC6.6",),
)

vpc_flow_logs = Rule(
    id="networking.vpc.flow_logs",
    table=Vpcs,
    # A flow log on every subnet does as well as one on the VPC.
    fails=~_any(Vpcs.flow_logs) & (~_any(Vpcs.subnets) | _any(Vpcs.unlogged_subnets)),
    severity=Severity.MEDIUM,
    title="VPC records no flow logs",
    rationale="Without them, what was reached, from where and how much left cannot be"
    " established after an incident.",
    remediation="Create a flow log of the VPC for all traffic, kept as long as incidents may"
    " take to surface.",
    console="VPC > Your VPCs > {vpc_id} > Flow logs > Create flow log",
    cli="aws ec2 create-flow-logs --region {region} --resource-type VPC --resource-ids {vpc_id}"
    " --traffic-type ALL --log-destination-type s3 --log-destination <bucket-arn>",
    criteria=("CC7.2",),
)

flow_log_delivery_failed = Rule(
    id="networking.flow_log.delivery_failed",
    table=FlowLogs,
    fails=FlowLogs.delivery_status == "FAILED",
    severity=Severity.MEDIUM,
    title="Flow log records are not delivered",
    rationale="The flow log looks enabled, but its records are lost.",
    remediation="Let the delivery role, or the destination's policy, write again; on rate"
    " limiting, aggregate longer or deliver to S3.",
    console="VPC > Your VPCs, Subnets or Network interfaces > {resource_id} > Flow logs",
    cli="aws ec2 describe-flow-logs --region {region} --flow-log-ids {flow_log_id}",
    criteria=("CC7.2",),
)

default_vpc_in_use = Rule(
    id="networking.vpc.default_in_use",
    table=Vpcs,
    when=Vpcs.is_default,
    fails=Vpcs.interface_count > 0,
    severity=Severity.LOW,
    title="Default VPC is in use",
    rationale="Every subnet of a default VPC routes to the internet and hands out public"
    " addresses, so what lands there is exposed unless someone takes care.",
    remediation="Move what it holds to a VPC laid out for it, then delete the default VPC.",
    console="VPC > Your VPCs > {vpc_id} > Actions > Delete VPC",
    cli="aws ec2 describe-network-interfaces --region {region}"
    " --filters Name=vpc-id,Values={vpc_id}",
    criteria=("CC6.6",),
)

auto_public_ip = Rule(
    id="networking.subnet.auto_public_ip",
    table=Subnets,
    when=~Subnets.is_default,  # that is the default VPC's nature: default_vpc_in_use speaks of it
    fails=Subnets.map_public_ip_on_launch,
    severity=Severity.LOW,
    title="Subnet gives every new instance a public address",
    rationale="Instances become reachable from the internet without anyone asking for it.",
    remediation="Turn off auto-assignment, and ask for a public address where one is needed.",
    console="VPC > Subnets > {subnet_id} > Actions > Edit subnet settings",
    cli="aws ec2 modify-subnet-attribute --region {region} --subnet-id {subnet_id}"
    " --no-map-public-ip-on-launch",
    criteria=("CC6.6",),
)

RULES = (
    all_traffic,
    sensitive_ports,
    public_port,
    foreign_group,
    default_in_use,
    unused,
    vpc_flow_logs,
    flow_log_delivery_failed,
    default_vpc_in_use,
    auto_public_ip,
)
