"""What must hold of VPCs, subnets, network ACLs and flow logs."""

import polars as pl

from stratum_pipeline.kernel.rule import Rule, Severity
from stratum_pipeline.kernel.table import each, some

from ..inventory import FlowLogs, NetworkAcls, Subnets, Vpcs


def _any(items: pl.Expr) -> pl.Expr:
    return items.list.len() > 0


def _spans(port: int) -> pl.Expr:
    return (each("from_port") <= port) & (each("to_port") >= port)


_ours = ~Vpcs.is_default  # of a default VPC, default_vpc_in_use speaks
_in_use = Vpcs.interface_count > 0
_has_public = _any(Vpcs.subnets) & some(Vpcs.public_subnets, pl.element() != "")

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
    breaks="No traffic is touched. Delivery and storage are billed by the gigabyte.",
    undo="Delete the flow log: `aws ec2 delete-flow-logs --region {region}"
    " --flow-log-ids <flow-log-id>`.",
    criteria=("CC7.2",),
    related=pl.concat_list("arn"),
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
    breaks="No traffic is touched; the records that arrive again are billed.",
    undo="Take the permission back from the delivery role or the destination's policy.",
    criteria=("CC7.2",),
)

default_vpc_in_use = Rule(
    id="networking.vpc.default_in_use",
    table=Vpcs,
    when=Vpcs.is_default,
    fails=_in_use,
    severity=Severity.LOW,
    title="Default VPC is in use",
    rationale="Every subnet of a default VPC routes to the internet and hands out public"
    " addresses, so what lands there is exposed unless someone takes care.",
    remediation="Move what it holds to a VPC laid out for it, then delete the default VPC.",
    console="VPC > Your VPCs > {vpc_id} > Actions > Delete VPC",
    cli="aws ec2 describe-network-interfaces --region {region}"
    " --filters Name=vpc-id,Values={vpc_id}",
    breaks="What moves gets new addresses and must be launched anew; launches that name no"
    " subnet fail once the default VPC is gone.",
    undo="Make a new default VPC: `aws ec2 create-default-vpc --region {region}`.",
    criteria=("CC6.6",),
)

no_private_subnet = Rule(
    id="networking.vpc.no_private_subnet",
    table=Vpcs,
    when=_ours & _has_public,
    fails=~some(Vpcs.private_subnets, pl.element() != ""),
    severity=Severity.LOW,
    title="VPC has public subnets only",
    rationale="There is no place in it from which the internet is not one wrong address or rule"
    " away: databases and application servers stand where load balancers belong.",
    remediation="Add subnets whose route table has no route to the internet gateway, and move"
    " there what strangers need not reach.",
    console="VPC > Your VPCs > {vpc_id} > Resource map",
    cli="aws ec2 create-subnet --region {region} --vpc-id {vpc_id} --cidr-block <network>"
    " --availability-zone <zone>",
    breaks="New subnets disturb nothing; what moves into them loses its way out, unless a NAT"
    " gateway or endpoints give it one, at a price.",
    undo="Move it back, and delete the subnet: `aws ec2 delete-subnet --region {region}"
    " --subnet-id <subnet-id>`.",
    criteria=("CC6.6",),
)

single_zone = Rule(
    id="networking.vpc.single_zone",
    table=Vpcs,
    when=_any(Vpcs.subnets),
    fails=Vpcs.zones.list.len() < 2,
    severity=Severity.LOW,
    title="All subnets of the VPC are in one Availability Zone",
    rationale="When that zone fails, everything in the VPC fails with it; no load balancer or"
    " database can stand in two zones there.",
    remediation="Add subnets in a second zone, and let load balancers, databases and groups of"
    " instances span both.",
    console="VPC > Subnets > Create subnet > VPC: {vpc_id}",
    cli="aws ec2 create-subnet --region {region} --vpc-id {vpc_id} --cidr-block <network>"
    " --availability-zone <another-zone>",
    breaks="Nothing. Traffic between zones is billed.",
    undo="Delete the subnet: `aws ec2 delete-subnet --region {region} --subnet-id <subnet-id>`.",
    criteria=("A1.2",),
)

no_firewall = Rule(
    id="networking.vpc.no_firewall",
    table=Vpcs,
    when=_ours & _in_use & _has_public,
    fails=~_any(Vpcs.firewall_endpoints),
    severity=Severity.LOW,
    title="VPC meets the internet without a network firewall",
    rationale="Groups and ACLs see addresses and ports only. What leaves for a stranger's domain,"
    " or hides an exploit in allowed traffic, is neither seen nor stopped.",
    remediation="Route traffic to and from the internet gateway through an endpoint of AWS"
    " Network Firewall or of another firewall behind a gateway load balancer; or take the gateway"
    " away and leave through an inspected VPC.",
    console="VPC > Network Firewall > Firewalls > Create firewall > VPC: {vpc_id}",
    cli="aws network-firewall create-firewall --region {region} --firewall-name <name>"
    " --firewall-policy-arn <arn> --vpc-id {vpc_id} --subnet-mappings SubnetId=<subnet-id>",
    breaks="Nothing until routes lead to it; then what its policy drops fails. Each endpoint is"
    " billed by the hour and the gigabyte.",
    undo="Route to the internet gateway again: `aws ec2 replace-route --region {region}"
    " --route-table-id <table-id> --destination-cidr-block 0.0.0.0/0 --gateway-id <gateway-id>`.",
    criteria=("CC6.6",),
)

no_ec2_endpoint = Rule(
    id="networking.vpc.no_ec2_endpoint",
    table=Vpcs,
    when=_ours & _in_use,
    fails=~some(Vpcs.endpoint_services, pl.element().str.ends_with(".ec2")),
    severity=Severity.LOW,
    title="VPC reaches the EC2 API over the internet",
    rationale="Without an endpoint for it, calls to the API need a way out to the internet, and"
    " no endpoint policy holds them to our own accounts.",
    remediation="Create an interface endpoint for EC2 with private DNS, in a subnet of each zone"
    " in use, with a policy that names our organization.",
    console="VPC > Endpoints > Create endpoint > com.amazonaws.{region}.ec2 > VPC: {vpc_id}",
    cli="aws ec2 create-vpc-endpoint --region {region} --vpc-endpoint-type Interface"
    " --vpc-id {vpc_id} --service-name com.amazonaws.{region}.ec2 --subnet-ids <subnet-id>"
    " --security-group-ids <group-id>",
    breaks="With private DNS all calls to the EC2 API in the VPC go through it at once, and fail"
    " where its group or policy refuses them. It is billed by the hour and zone.",
    undo="Delete it: `aws ec2 delete-vpc-endpoints --region {region}"
    " --vpc-endpoint-ids <endpoint-id>`.",
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
    breaks="Instances keep their addresses; new ones that counted on one, an auto scaling"
    " group's above all, come up without a way out.",
    undo="Turn it on again: `aws ec2 modify-subnet-attribute --region {region}"
    " --subnet-id {subnet_id} --map-public-ip-on-launch`.",
    criteria=("CC6.6",),
)

acl_admin_ports = Rule(
    id="networking.network_acl.admin_ports",
    table=NetworkAcls,
    when=~NetworkAcls.in_default_vpc & _any(NetworkAcls.subnets),
    # Where no route leads to an internet gateway, the internet does not get as far as the ACL.
    fails=NetworkAcls.public
    & some(NetworkAcls.world_ports, (each("protocol") == "tcp") & (_spans(22) | _spans(3389))),
    severity=Severity.LOW,
    title="Network ACL of a public subnet lets the internet reach SSH or RDP",
    rationale="The ACL is the second line behind security groups: while it lets everything in,"
    " one wrong rule in any group of the subnet puts a host's administration before everyone.",
    remediation="Deny TCP 22 and 3389 from 0.0.0.0/0 and ::/0 by rules of a lower number than"
    " the one that allows.",
    console="VPC > Network ACLs > {acl_id} > Inbound rules > Edit inbound rules",
    cli="aws ec2 create-network-acl-entry --region {region} --network-acl-id {acl_id} --ingress"
    " --rule-number <n> --protocol 6 --port-range From=22,To=22 --cidr-block 0.0.0.0/0"
    " --rule-action deny",
    breaks="Whoever administers hosts of these subnets from outside is cut off, and so are"
    " answers to the few connections that leave from port 3389.",
    undo="Delete the entry: `aws ec2 delete-network-acl-entry --region {region}"
    " --network-acl-id {acl_id} --ingress --rule-number <n>`.",
    criteria=("CC6.6",),
)

acl_unused = Rule(
    id="networking.network_acl.unused",
    table=NetworkAcls,
    when=~NetworkAcls.is_default,
    fails=~_any(NetworkAcls.subnets),
    severity=Severity.LOW,
    title="Network ACL guards no subnet",
    rationale="Someone wrote rules and took them for being in force; and one day it is attached"
    " with rules that no one reviewed.",
    remediation="Associate it with the subnets it was meant for, or delete it.",
    console="VPC > Network ACLs > {acl_id} > Actions > Delete network ACLs",
    cli="aws ec2 delete-network-acl --region {region} --network-acl-id {acl_id}",
    breaks="Nothing: no subnet is behind it.",
    undo="Create another with its rules: `aws ec2 create-network-acl --region {region}"
    " --vpc-id {vpc_id}`.",
    criteria=("CC6.6",),
)

RULES = (
    vpc_flow_logs,
    flow_log_delivery_failed,
    default_vpc_in_use,
    no_private_subnet,
    single_zone,
    no_firewall,
    no_ec2_endpoint,
    auto_public_ip,
    acl_admin_ports,
    acl_unused,
)
