"""Networks as Stratum keeps them: the tables, a file per service."""

from .balancers import ClassicLoadBalancers, LoadBalancers
from .connectivity import (
    ClientVpnEndpoints,
    EndpointServices,
    PeeringConnections,
    TransitGatewayAttachments,
    TransitGateways,
    VpcEndpoints,
    VpnConnections,
)
from .directconnect import DirectConnections, VirtualInterfaces
from .firewall import FirewallPolicies, Firewalls
from .groups import NetworkInterfaces, SecurityGroups
from .vpc import FlowLogs, NetworkAcls, Subnets, Vpcs

__all__ = [
    "ClassicLoadBalancers",
    "ClientVpnEndpoints",
    "DirectConnections",
    "EndpointServices",
    "FirewallPolicies",
    "Firewalls",
    "FlowLogs",
    "LoadBalancers",
    "NetworkAcls",
    "NetworkInterfaces",
    "PeeringConnections",
    "SecurityGroups",
    "Subnets",
    "TransitGatewayAttachments",
    "TransitGateways",
    "VirtualInterfaces",
    "VpcEndpoints",
    "Vpcs",
    "VpnConnections",
]
