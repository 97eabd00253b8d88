"""EC2's connections between networks: endpoints, VPNs, transit gateways."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.transit_gateway_attachments import TransitGatewayAttachment
from moto.ec2.models.vpn_connections import VPNConnection
from moto.ec2.responses import EC2Response

moto_create_vpc_endpoint: Any = EC2Backend.create_vpc_endpoint

CLIENT_VPNS: dict[tuple[str, str], list[dict[str, Any]]] = {}
"""Client VPN endpoints, of which moto knows nothing, by account and region."""


def apply() -> None:
    backend: Any = EC2Backend
    backend.create_vpc_endpoint = create_vpc_endpoint
    attachment: Any = TransitGatewayAttachment
    attachment.transit_gateway_owner_id = property(gateway_owner)
    vpn: Any = VPNConnection
    vpn.vgw_telemetry = property(telemetry)
    responses: Any = EC2Response
    responses.describe_client_vpn_endpoints = describe_client_vpn_endpoints
    responses.describe_vpc_endpoint_connections = describe_vpc_endpoint_connections


def create_vpc_endpoint(self: Any, *args: Any, **options: Any) -> Any:
    """moto gives an endpoint's interfaces the default group, and every kind a policy."""
    endpoint = moto_create_vpc_endpoint(self, *args, **options)
    groups = [self.get_security_group_from_id(one) for one in endpoint.security_group_ids or ()]
    for interface in endpoint.network_interface_ids or ():
        eni = self.get_network_interface(interface)
        eni._group_set, eni.requester_managed = groups, True
        eni.interface_type, eni._status = "vpc_endpoint", "in-use"
    if endpoint.vpc_endpoint_type == "GatewayLoadBalancer":
        endpoint.policy_document = None
    return endpoint


def gateway_owner(self: Any) -> str:
    """moto takes the owner of what is attached for the gateway's."""
    return self.owner_id


def telemetry(self: Any) -> list[dict[str, str]]:
    """moto says nothing of a VPN connection's tunnels; `down` is how many of them are."""
    down = getattr(self, "down", 0)
    return [
        {"OutsideIpAddress": f"203.0.113.{n}", "Status": "DOWN" if n < down else "UP"}
        for n in range(2)
    ]


def describe_client_vpn_endpoints(self: Any) -> ActionResult:
    found = CLIENT_VPNS.get((self.current_account, self.region), [])
    return ActionResult({"ClientVpnEndpoints": found})


def describe_vpc_endpoint_connections(self: Any) -> ActionResult:
    """moto lacks it: nobody is connected to the accounts' endpoint services."""
    return ActionResult({"VpcEndpointConnections": []})
