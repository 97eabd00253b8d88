"""What joins a VPC to other networks: endpoints, peering, transit gateways, VPNs."""

import polars as pl

from stratum_pipeline.kernel.policy import with_policy
from stratum_pipeline.kernel.table import Column, Inventory, Resource
from stratum_pipeline.kernel.trust import with_outsiders, with_strangers

from ..derive.endpoints import passes_anything
from ..derive.routing import with_whole_peer
from .vpc import ENDPOINTS, TABLES

SERVICES = "ec2:DescribeVpcEndpointServiceConfigurations"
PERMISSIONS = "ec2:DescribeVpcEndpointServicePermissions"
CONNECTIONS = "ec2:DescribeVpcEndpointConnections"
PEERINGS = "ec2:DescribeVpcPeeringConnections"
GATEWAYS = "ec2:DescribeTransitGateways"
ATTACHMENTS = "ec2:DescribeTransitGatewayAttachments"
VPNS = "ec2:DescribeVpnConnections"
CLIENT_VPNS = "ec2:DescribeClientVpnEndpoints"


class VpcEndpoints(Resource, listed_by=ENDPOINTS):
    """One row per VPC endpoint."""

    endpoint_id = Column(pl.String, '"vpce-..."', source=ENDPOINTS)
    vpc_id = Column(pl.String, "", source=ENDPOINTS)
    type = Column(
        pl.String,
        "Interface | Gateway | GatewayLoadBalancer | Resource | ServiceNetwork | Tunnel",
        source=ENDPOINTS,
    )
    service = Column(pl.String, '"com.amazonaws.us-east-1.s3"', source=ENDPOINTS)
    state = Column(pl.String, "available | pendingAcceptance | ...", source=ENDPOINTS)
    subnets = Column(pl.List(pl.String), "An interface endpoint's, one a zone.", source=ENDPOINTS)
    policy = Column(pl.String, 'Policy as JSON; "" where it has none.', source=ENDPOINTS)

    passes_anything = Column(
        pl.Boolean,
        "Whether `policy` lets any principal reach any resource of any account.",
        source=ENDPOINTS,
        derived=True,
    )
    outsiders = Column(
        pl.List(pl.String),
        "Accounts and organizations admitted that are not ours.",
        source=ENDPOINTS,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_outsiders(with_policy(raw, passes_anything=passes_anything), inventory)


class EndpointServices(Resource, listed_by=SERVICES):
    """One row per endpoint service that the account offers (AWS PrivateLink)."""

    service_id = Column(pl.String, '"vpce-svc-..."', source=SERVICES)
    name = Column(pl.String, '"com.amazonaws.vpce.us-east-1.vpce-svc-..."', source=SERVICES)
    acceptance_required = Column(
        pl.Boolean, "Whether each new endpoint must be accepted.", source=SERVICES
    )
    principals = Column(
        pl.List(pl.String), 'Who may connect: ARNs; "*" is anyone.', source=PERMISSIONS
    )
    connected = Column(
        pl.List(pl.String),
        "Owner accounts of the endpoints that are connected.",
        source=CONNECTIONS,
    )

    admitted_outsiders = Column(
        pl.List(pl.String),
        "Accounts among `principals` that are not ours.",
        source=PERMISSIONS,
        derived=True,
    )
    connected_outsiders = Column(
        pl.List(pl.String),
        "Accounts among `connected` that are not ours.",
        source=CONNECTIONS,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        admitted = with_strangers(raw, inventory, "principals", "admitted_outsiders")
        return with_strangers(admitted, inventory, "connected", "connected_outsiders")


class PeeringConnections(Resource, listed_by=PEERINGS):
    """One row per VPC peering connection, as seen from this account's side."""

    peering_id = Column(pl.String, '"pcx-..."', source=PEERINGS)
    status = Column(pl.String, "active | pending-acceptance | deleted | ...", source=PEERINGS)
    parties = Column(pl.List(pl.String), "The two VPCs' accounts.", source=PEERINGS)
    vpcs = Column(pl.List(pl.String), "ARNs of the two VPCs.", source=PEERINGS)
    cidrs = Column(pl.List(pl.String), "Networks of the two VPCs.", source=PEERINGS)
    destinations = Column(
        pl.List(pl.String), "What our route tables send through it.", source=TABLES
    )

    outsiders = Column(
        pl.List(pl.String), "Of `parties`, who is not ours.", source=PEERINGS, derived=True
    )
    whole_peer = Column(
        pl.List(pl.String),
        "Of `destinations`, those that take in all of a peer's network.",
        source=TABLES,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_strangers(with_whole_peer(raw), inventory, "parties")


class TransitGateways(Resource, listed_by=GATEWAYS):
    """One row per transit gateway, others' that are shared with us included."""

    gateway_id = Column(pl.String, '"tgw-..."', source=GATEWAYS)
    auto_accept = Column(
        pl.Boolean, "Whether attachments of other accounts need no acceptance.", source=GATEWAYS
    )
    default_association = Column(
        pl.Boolean, "Whether a new attachment joins the default route table.", source=GATEWAYS
    )
    default_propagation = Column(
        pl.Boolean, "Whether a new attachment announces its routes there.", source=GATEWAYS
    )


class TransitGatewayAttachments(Resource, listed_by=ATTACHMENTS):
    """One row per attachment to a transit gateway of ours, or of ours to another's."""

    attachment_id = Column(pl.String, '"tgw-attach-..."', source=ATTACHMENTS)
    gateway_id = Column(pl.String, '"tgw-..."', source=ATTACHMENTS)
    gateway_arn = Column(pl.String, "ARN of the gateway, at its owner's.", source=ATTACHMENTS)
    resource_type = Column(pl.String, "vpc | vpn | peering | ...", source=ATTACHMENTS)
    resource_id = Column(pl.String, "What is attached.", source=ATTACHMENTS)
    state = Column(pl.String, "available | pendingAcceptance | deleted | ...", source=ATTACHMENTS)
    parties = Column(
        pl.List(pl.String), "Accounts of the gateway and of what is attached.", source=ATTACHMENTS
    )

    outsiders = Column(
        pl.List(pl.String), "Of `parties`, who is not ours.", source=ATTACHMENTS, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_strangers(raw, inventory, "parties")


class VpnConnections(Resource, listed_by=VPNS):
    """One row per site-to-site VPN connection; its pre-shared keys are never kept."""

    connection_id = Column(pl.String, '"vpn-..."', source=VPNS)
    state = Column(pl.String, "pending | available | deleting | deleted", source=VPNS)
    tunnels = Column(pl.List(pl.String), "UP | DOWN, of each tunnel.", source=VPNS)


class ClientVpnEndpoints(Resource, listed_by=CLIENT_VPNS):
    """One row per client VPN endpoint."""

    endpoint_id = Column(pl.String, '"cvpn-endpoint-..."', source=CLIENT_VPNS)
    vpc_id = Column(pl.String, '"" if associated with none.', source=CLIENT_VPNS)
    logs_connections = Column(pl.Boolean, "ConnectionLogOptions.Enabled.", source=CLIENT_VPNS)
