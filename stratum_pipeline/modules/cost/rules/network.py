"""Addresses, gateways, load balancers and endpoints that carry nothing."""

from stratum_pipeline.kernel.rule import Rule, Severity

from ..inventory.network import (
    Addresses,
    ClassicLoadBalancers,
    LoadBalancers,
    NatGateways,
    VpcEndpoints,
)
from .common import monthly

idle_address = Rule(
    id="cost.address.idle",
    table=Addresses,
    when=Addresses.pool == "amazon",  # the customer's own addresses cost nothing
    fails=~Addresses.associated | Addresses.instance_state.is_in(["stopped", "stopping"]),
    severity=Severity.LOW,
    title="Elastic IP address serves nothing",
    rationale="Every public IPv4 address is paid for by the hour. This one belongs to no interface,"
    " or to that of an instance which doesn't run.",
    remediation="Release the address, once no DNS record and no allow list names it.",
    console="VPC > Elastic IPs > {public_ip} > Actions > Release Elastic IP addresses",
    cli="aws ec2 release-address --allocation-id {allocation_id}",
    breaks="DNS records and partners' allow lists that still name the address then point to whoever"
    " gets it next; one that is associated must be disassociated first.",
    undo="Ask for the same address, if nobody has it yet: `aws ec2 allocate-address"
    " --domain vpc --address {public_ip}`",
    criteria=(),
    related=Addresses.instance_arns,
    monthly_usd=monthly(Addresses.usd, Addresses.price_source),
)

idle_nat_gateway = Rule(
    id="cost.nat_gateway.idle",
    table=NatGateways,
    when=NatGateways.watched,
    fails=NatGateways.bytes_out == 0,
    severity=Severity.MEDIUM,
    title="NAT gateway carries no traffic",
    rationale="For 14 days nothing went out through it, while every hour and its public address"
    " are paid for.",
    remediation="Delete the gateway, the routes to it, and its elastic IP.",
    console="VPC > NAT gateways > {gateway_id} > Actions > Delete NAT gateway",
    cli="aws ec2 delete-nat-gateway --nat-gateway-id {gateway_id}",
    breaks="Subnets that route through it lose their way to the internet, a standby path included;"
    " its routes stay as black holes.",
    undo="Make another with the same elastic IP and set the routes again: `aws ec2"
    " create-nat-gateway --subnet-id SUBNET-ID --allocation-id ALLOCATION-ID`",
    criteria=(),
    monthly_usd=monthly(NatGateways.usd, NatGateways.price_source),
)

idle_load_balancer = Rule(
    id="cost.load_balancer.idle",
    table=LoadBalancers,
    when=LoadBalancers.watched,
    fails=LoadBalancers.used == 0,
    severity=Severity.MEDIUM,
    title="Load balancer serves no requests",
    rationale="For 14 days it passed on no request or flow, while every hour of it and of its"
    " public addresses is paid for.",
    remediation="Delete the load balancer and its target groups.",
    console="EC2 > Load balancers > {name} > Actions > Delete load balancer",
    cli="aws elbv2 delete-load-balancer --load-balancer-arn {arn}",
    breaks="Its DNS name is gone for good; what is still configured with it fails.",
    undo="Make another, with listeners and target groups, and point DNS records to its new name:"
    " `aws elbv2 create-load-balancer --name {name} --type {kind} --subnets SUBNET-IDS`",
    criteria=(),
    monthly_usd=monthly(LoadBalancers.usd, LoadBalancers.price_source),
)

idle_classic_load_balancer = Rule(
    id="cost.classic_load_balancer.idle",
    table=ClassicLoadBalancers,
    when=ClassicLoadBalancers.watched,
    fails=ClassicLoadBalancers.used == 0,
    severity=Severity.MEDIUM,
    title="Classic Load Balancer serves no requests",
    rationale="For 14 days it passed on no request or connection, while every hour of it is paid"
    " for.",
    remediation="Delete the load balancer.",
    console="EC2 > Load balancers > {name} > Actions > Delete load balancer",
    cli="aws elb delete-load-balancer --load-balancer-name {name}",
    breaks="Its DNS name is gone for good; what is still configured with it fails.",
    undo="Make an Application or Network Load Balancer in its place, and point DNS records to it.",
    criteria=(),
    monthly_usd=monthly(ClassicLoadBalancers.usd, ClassicLoadBalancers.price_source),
)

idle_vpc_endpoint = Rule(
    id="cost.vpc_endpoint.idle",
    table=VpcEndpoints,
    when=VpcEndpoints.watched & ~VpcEndpoints.service_run,
    fails=VpcEndpoints.bytes_processed == 0,
    severity=Severity.LOW,
    title="Interface endpoint carries no traffic",
    rationale="For 14 days nothing passed through it, while it is paid for by the hour in each"
    " Availability Zone.",
    remediation="Delete the endpoint, or share one between VPCs through a transit gateway.",
    console="VPC > Endpoints > {endpoint_id} > Actions > Delete VPC endpoints",
    cli="aws ec2 delete-vpc-endpoints --vpc-endpoint-ids {endpoint_id}",
    breaks="What does need the service privately reaches it over the internet, or not at all.",
    undo="Make it again: `aws ec2 create-vpc-endpoint --vpc-endpoint-type Interface"
    " --vpc-id {vpc_id} --service-name {service_name} --subnet-ids SUBNET-IDS`",
    criteria=(),
    monthly_usd=monthly(VpcEndpoints.usd, VpcEndpoints.price_source),
)

RULES = (
    idle_address,
    idle_nat_gateway,
    idle_load_balancer,
    idle_classic_load_balancer,
    idle_vpc_endpoint,
)
