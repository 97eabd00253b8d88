"""What must hold where a VPC is joined to other networks."""

import polars as pl

from stratum_pipeline.kernel.rule import Rule, Severity
from stratum_pipeline.kernel.table import has, some

from ..inventory import (
    ClientVpnEndpoints,
    EndpointServices,
    PeeringConnections,
    TransitGatewayAttachments,
    TransitGateways,
    VpcEndpoints,
    VpnConnections,
)


def _some(names: pl.Expr) -> pl.Expr:
    return some(names, pl.element() != "")


ENDPOINT_POLICY = "VPC > Endpoints > {endpoint_id} > Actions > Manage policy"
MODIFY_ENDPOINT = (
    "aws ec2 modify-vpc-endpoint --region {region} --vpc-endpoint-id {endpoint_id}"
    " --policy-document file://policy.json"
)
RESET_POLICY = (
    "Put the policy back from a copy, or the default one:"
    " `aws ec2 modify-vpc-endpoint --region {region} --vpc-endpoint-id {endpoint_id}"
    " --reset-policy`."
)

endpoint_open_policy = Rule(
    id="networking.vpc_endpoint.open_policy",
    table=VpcEndpoints,
    fails=VpcEndpoints.passes_anything,
    severity=Severity.LOW,
    title="VPC endpoint's policy lets anyone reach anything",
    rationale="With it, somebody else's credentials work from inside the VPC, against somebody"
    " else's bucket or queue: the way data leaves where the internet is closed.",
    remediation="Hold the policy to our own with conditions on aws:PrincipalOrgID and"
    " aws:ResourceOrgID, allowing AWS's own buckets that the VPC needs by name.",
    console=ENDPOINT_POLICY,
    cli=MODIFY_ENDPOINT,
    breaks="Calls that are neither by nor to the organization fail at once: package"
    " repositories, layers and images in AWS's and vendors' buckets among them.",
    undo=RESET_POLICY,
    criteria=("CC6.6", "CC6.7"),
)

endpoint_outsiders = Rule(
    id="networking.vpc_endpoint.outsiders",
    table=VpcEndpoints,
    fails=_some(VpcEndpoints.outsiders),
    severity=Severity.MEDIUM,
    title="VPC endpoint's policy admits accounts outside the organization",
    rationale="Principals of an account that we do not govern may act through the endpoint from"
    " inside the VPC.",
    remediation="Confirm who the accounts are and why they are named; otherwise remove them.",
    console=ENDPOINT_POLICY,
    cli=MODIFY_ENDPOINT,
    breaks="Calls by principals of those accounts from within the VPC fail at once.",
    undo=RESET_POLICY,
    criteria=("CC6.1", "CC6.6"),
)

endpoint_single_zone = Rule(
    id="networking.vpc_endpoint.single_zone",
    table=VpcEndpoints,
    when=VpcEndpoints.type == "Interface",
    fails=VpcEndpoints.subnets.list.len() < 2,
    severity=Severity.LOW,
    title="Interface endpoint stands in one Availability Zone",
    rationale="When the zone fails, the service behind the endpoint is out of reach for all of"
    " the VPC.",
    remediation="Add a subnet of another zone to the endpoint.",
    console="VPC > Endpoints > {endpoint_id} > Actions > Manage subnets",
    cli="aws ec2 modify-vpc-endpoint --region {region} --vpc-endpoint-id {endpoint_id}"
    " --add-subnet-ids <subnet-id>",
    breaks="Nothing. A further zone is billed by the hour.",
    undo="Remove the subnet: `aws ec2 modify-vpc-endpoint --region {region}"
    " --vpc-endpoint-id {endpoint_id} --remove-subnet-ids <subnet-id>`.",
    criteria=("A1.2",),
)

_anyone = has(EndpointServices.principals, "*")
_uninvited = _anyone & ~EndpointServices.acceptance_required
ALLOWED = "VPC > Endpoint services > {service_id} > Allow principals"
REMOVE_PRINCIPAL = (
    "aws ec2 modify-vpc-endpoint-service-permissions --region {region}"
    " --service-id {service_id} --remove-allowed-principals <principal-arn>"
)
ADD_PRINCIPAL = (
    "Admit the principal again: `aws ec2 modify-vpc-endpoint-service-permissions"
    " --region {region} --service-id {service_id} --add-allowed-principals <principal-arn>`."
)

service_anyone = Rule(
    id="networking.endpoint_service.anyone",
    table=EndpointServices,
    fails=_uninvited,
    severity=Severity.HIGH,
    title="Endpoint service connects any AWS account unasked",
    rationale="Whoever learns the service's name reaches what is behind it from a VPC of their"
    " own, past every security group that trusts the load balancer.",
    remediation="Name the principals that may connect, and require acceptance.",
    console=ALLOWED,
    cli=REMOVE_PRINCIPAL,
    breaks="New connections of principals that are not named are refused; connected endpoints"
    " stay until they are rejected.",
    undo=ADD_PRINCIPAL,
    criteria=("CC6.1", "CC6.6"),
)

service_outsiders = Rule(
    id="networking.endpoint_service.outsiders",
    table=EndpointServices,
    when=~_uninvited,
    fails=_anyone
    | _some(EndpointServices.admitted_outsiders)
    | _some(EndpointServices.connected_outsiders),
    severity=Severity.MEDIUM,
    title="Endpoint service admits accounts outside the organization",
    rationale="From a VPC that we do not govern, the service can be reached as if from inside.",
    remediation="Confirm who the accounts are; otherwise remove them from the allowed"
    " principals and reject their endpoints.",
    console=ALLOWED,
    cli=REMOVE_PRINCIPAL,
    breaks="The accounts' new endpoints are refused; connected ones stay until they are rejected.",
    undo=ADD_PRINCIPAL,
    criteria=("CC6.1", "CC6.6"),
)

_active = PeeringConnections.status == "active"

peering_outsider = Rule(
    id="networking.peering.outsider",
    table=PeeringConnections,
    when=_active,
    fails=_some(PeeringConnections.outsiders),
    severity=Severity.MEDIUM,
    title="VPC is peered with a VPC of an account outside the organization",
    rationale="The other VPC's hosts are one permissive rule away, and nobody here decides what"
    " runs there.",
    remediation="Confirm who the account is; offer single services through PrivateLink instead"
    " of joining the networks, and delete the connection.",
    console="VPC > Peering connections > {peering_id} > Actions > Delete peering connection",
    cli="aws ec2 delete-vpc-peering-connection --region {region}"
    " --vpc-peering-connection-id {peering_id}",
    breaks="All traffic between the two VPCs stops at once.",
    undo="Request a new one and have it accepted: `aws ec2 create-vpc-peering-connection"
    " --region {region} --vpc-id <vpc-id> --peer-vpc-id <vpc-id> --peer-owner-id <account-id>`;"
    " routes must name its new id.",
    related=PeeringConnections.vpcs,
    criteria=("CC6.1", "CC6.6"),
)

peering_broad_routes = Rule(
    id="networking.peering.broad_routes",
    table=PeeringConnections,
    when=_active,
    fails=_some(PeeringConnections.whole_peer),
    severity=Severity.LOW,
    title="Routes through a peering connection lead to all of the peer's network",
    rationale="Every host of either VPC can address every host of the other, though mostly a"
    " subnet or two have something to say to one another.",
    remediation="Route only the networks of the subnets that must be reached, from the route"
    " tables of the subnets that need them.",
    console="VPC > Peering connections > {peering_id} > Route tables",
    cli="aws ec2 delete-route --region {region} --route-table-id <table-id>"
    " --destination-cidr-block <network>",
    breaks="Traffic to networks of the peer that have no route any more fails at once.",
    undo="Add the route again: `aws ec2 create-route --region {region}"
    " --route-table-id <table-id> --destination-cidr-block <network>"
    " --vpc-peering-connection-id {peering_id}`.",
    criteria=("CC6.6",),
)

gateway_auto_accept = Rule(
    id="networking.transit_gateway.auto_accept",
    table=TransitGateways,
    fails=TransitGateways.auto_accept,
    severity=Severity.MEDIUM,
    title="Transit gateway accepts other accounts' attachments unasked",
    rationale="Whoever it is shared with joins a VPC to our networks without anyone here"
    " deciding; with default association and propagation it is routed at once.",
    remediation="Turn off automatic acceptance, and accept each attachment by hand or by a"
    " process that knows what it is.",
    console="VPC > Transit gateways > {gateway_id} > Actions > Modify transit gateway",
    cli="aws ec2 modify-transit-gateway --region {region} --transit-gateway-id {gateway_id}"
    " --options AutoAcceptSharedAttachments=disable",
    breaks="Attachments that exist stay; automation that makes new ones waits for acceptance.",
    undo="Turn it on again: `aws ec2 modify-transit-gateway --region {region}"
    " --transit-gateway-id {gateway_id} --options AutoAcceptSharedAttachments=enable`.",
    related=pl.concat_list("arn"),
    criteria=("CC6.1", "CC6.6"),
)

attachment_outsider = Rule(
    id="networking.transit_gateway_attachment.outsider",
    table=TransitGatewayAttachments,
    when=TransitGatewayAttachments.state.is_in(["available", "modifying"]),
    fails=_some(TransitGatewayAttachments.outsiders),
    severity=Severity.MEDIUM,
    title="Transit gateway joins us with an account outside the organization",
    rationale="Networks that we do not govern are routed to ours, or ours hang on a gateway"
    " whose routes somebody else writes.",
    remediation="Confirm who the account is, and give the attachment a route table of its own"
    " with the few networks it needs; otherwise delete it.",
    console="VPC > Transit gateway attachments > {attachment_id} > Actions > Delete",
    cli="aws ec2 delete-transit-gateway-vpc-attachment --region {region}"
    " --transit-gateway-attachment-id {attachment_id}",
    breaks="All traffic through the attachment stops at once.",
    undo="Attach it again: `aws ec2 create-transit-gateway-vpc-attachment --region {region}"
    " --transit-gateway-id {gateway_id} --vpc-id <vpc-id> --subnet-ids <subnet-id>`; routes"
    " must name its new id.",
    related=pl.concat_list(TransitGatewayAttachments.gateway_arn),
    criteria=("CC6.1", "CC6.6"),
)

vpn_tunnel_down = Rule(
    id="networking.vpn_connection.tunnel_down",
    table=VpnConnections,
    when=VpnConnections.state == "available",
    fails=has(VpnConnections.tunnels, "DOWN"),
    severity=Severity.MEDIUM,
    title="A tunnel of the VPN connection is down",
    rationale="AWS gives each connection two tunnels so that one may fail or be maintained. On"
    " one, the next fault cuts the networks apart.",
    remediation="Bring up the second tunnel on the customer gateway: pre-shared key, IKE"
    " settings, and BGP or static routes for both.",
    console="VPC > Site-to-Site VPN connections > {connection_id} > Tunnel details",
    cli="aws ec2 describe-vpn-connections --region {region} --vpn-connection-ids {connection_id}"
    " --query VpnConnections[].VgwTelemetry",
    breaks="Nothing on AWS's side; on the customer gateway, asymmetric routing may surprise a"
    " firewall once both tunnels are up.",
    undo="Shut the tunnel down on the customer gateway.",
    criteria=("A1.2",),
)

client_vpn_logging = Rule(
    id="networking.client_vpn_endpoint.connection_logging",
    table=ClientVpnEndpoints,
    fails=~ClientVpnEndpoints.logs_connections,
    severity=Severity.LOW,
    title="Client VPN endpoint does not log connections",
    rationale="Who was connected, when and from which address cannot be established after an"
    " incident.",
    remediation="Turn on connection logging to a CloudWatch log group.",
    console="VPC > Client VPN endpoints > {endpoint_id} > Actions > Modify client VPN endpoint",
    cli="aws ec2 modify-client-vpn-endpoint --region {region}"
    " --client-vpn-endpoint-id {endpoint_id}"
    " --connection-log-options Enabled=true,CloudwatchLogGroup=<log-group>",
    breaks="Connections are not touched. Log storage is billed.",
    undo="Turn it off again: `aws ec2 modify-client-vpn-endpoint --region {region}"
    " --client-vpn-endpoint-id {endpoint_id} --connection-log-options Enabled=false`.",
    criteria=("CC7.2",),
)

RULES = (
    endpoint_open_policy,
    endpoint_outsiders,
    endpoint_single_zone,
    service_anyone,
    service_outsiders,
    peering_outsider,
    peering_broad_routes,
    gateway_auto_accept,
    attachment_outsider,
    vpn_tunnel_down,
    client_vpn_logging,
)
