"""What joins a VPC to other networks: endpoints, peering, transit gateways, VPNs."""

from collections import defaultdict
from collections.abc import Iterator

from stratum_pipeline.kernel.collect import Api, Collector

from ..inventory import (
    ClientVpnEndpoints,
    EndpointServices,
    PeeringConnections,
    TransitGatewayAttachments,
    TransitGateways,
    VpcEndpoints,
    VpnConnections,
)
from .listing import Raw, among, destination, listed, row, unpaged

CONNECTED = ("available", "partial")
"""States of an endpoint through which traffic may flow; AWS spells them in two ways."""


def read_endpoints(ec2: Api) -> Iterator[Raw]:
    for endpoint in among(listed(ec2, "DescribeVpcEndpoints", "VpcEndpoints")):
        yield row(ec2, endpoint, f"vpc-endpoint/{endpoint['VpcEndpointId']}") | {
            "endpoint_id": endpoint["VpcEndpointId"],
            "vpc_id": endpoint["VpcId"],
            "type": endpoint.get("VpcEndpointType", "Gateway"),
            "service": endpoint.get("ServiceName", ""),
            "state": endpoint["State"],
            "subnets": sorted(endpoint.get("SubnetIds", ())),
            "policy": endpoint.get("PolicyDocument", ""),
        }


def read_endpoint_services(ec2: Api) -> Iterator[Raw]:
    services = among(
        listed(ec2, "DescribeVpcEndpointServiceConfigurations", "ServiceConfigurations")
    )
    connections = (
        listed(ec2, "DescribeVpcEndpointConnections", "VpcEndpointConnections") if services else []
    )
    owners: dict[str, set[str]] = defaultdict(set)
    for connection in among(connections):
        if connection.get("VpcEndpointState", "").lower() in CONNECTED:
            owners[connection["ServiceId"]].add(connection["VpcEndpointOwner"])

    def describe(service: Raw) -> Raw:
        service_id = service["ServiceId"]
        keys = row(ec2, service, f"vpc-endpoint-service/{service_id}")
        allowed = ec2.on(about=keys["arn"]).all(
            "DescribeVpcEndpointServicePermissions", "AllowedPrincipals", ServiceId=service_id
        )
        return keys | {
            "service_id": service_id,
            "name": service["ServiceName"],
            "acceptance_required": service.get("AcceptanceRequired", False),
            "principals": None if allowed is None else sorted(a["Principal"] for a in allowed),
            "connected": None if connections is None else sorted(owners[service_id]),
        }

    yield from ec2.each(describe, services)


def read_peerings(ec2: Api) -> Iterator[Raw]:
    tables = listed(ec2, "DescribeRouteTables", "RouteTables")
    routed: dict[str, set[str]] = defaultdict(set)
    for table in among(tables):
        for route in table.get("Routes", ()):
            routed[route.get("VpcPeeringConnectionId", "")].add(destination(route))
    for peering in among(listed(ec2, "DescribeVpcPeeringConnections", "VpcPeeringConnections")):
        peering_id = peering["VpcPeeringConnectionId"]
        sides = [peering.get("RequesterVpcInfo", {}), peering.get("AccepterVpcInfo", {})]
        yield row(ec2, {}, f"vpc-peering-connection/{peering_id}") | {
            "peering_id": peering_id,
            "status": peering["Status"]["Code"],
            "parties": sorted({side["OwnerId"] for side in sides if "OwnerId" in side}),
            "vpcs": sorted(_vpc_arn(ec2, side) for side in sides if "VpcId" in side),
            "cidrs": sorted({cidr for side in sides for cidr in _cidrs(side)}),
            "destinations": None if tables is None else sorted(routed[peering_id]),
        }


def read_transit_gateways(ec2: Api) -> Iterator[Raw]:
    for gateway in among(listed(ec2, "DescribeTransitGateways", "TransitGateways")):
        options = gateway.get("Options", {})
        yield row(ec2, gateway, f"transit-gateway/{gateway['TransitGatewayId']}") | {
            "gateway_id": gateway["TransitGatewayId"],
            "auto_accept": options.get("AutoAcceptSharedAttachments") == "enable",
            "default_association": options.get("DefaultRouteTableAssociation") == "enable",
            "default_propagation": options.get("DefaultRouteTablePropagation") == "enable",
        }


def read_attachments(ec2: Api) -> Iterator[Raw]:
    for attachment in among(
        listed(ec2, "DescribeTransitGatewayAttachments", "TransitGatewayAttachments")
    ):
        attachment_id = attachment["TransitGatewayAttachmentId"]
        keeper = attachment.get("TransitGatewayOwnerId", ec2.account.account_id)
        gateway = row(ec2, {"OwnerId": keeper}, f"transit-gateway/{attachment['TransitGatewayId']}")
        yield row(ec2, {}, f"transit-gateway-attachment/{attachment_id}") | {
            "attachment_id": attachment_id,
            "gateway_id": attachment["TransitGatewayId"],
            "gateway_arn": gateway["arn"],
            "resource_type": attachment["ResourceType"],
            "resource_id": attachment.get("ResourceId", ""),
            "state": attachment["State"],
            "parties": sorted({keeper, attachment.get("ResourceOwnerId", keeper)}),
        }


def read_vpns(ec2: Api) -> Iterator[Raw]:
    # The answer holds the tunnels' pre-shared keys: nothing but what stands here is taken.
    for vpn in among(unpaged(ec2, "DescribeVpnConnections", "VpnConnections")):
        yield row(ec2, {}, f"vpn-connection/{vpn['VpnConnectionId']}") | {
            "connection_id": vpn["VpnConnectionId"],
            "state": vpn["State"],
            "tunnels": sorted(tunnel["Status"] for tunnel in vpn.get("VgwTelemetry", ())),
        }


def read_client_vpns(ec2: Api) -> Iterator[Raw]:
    for endpoint in among(listed(ec2, "DescribeClientVpnEndpoints", "ClientVpnEndpoints")):
        endpoint_id = endpoint["ClientVpnEndpointId"]
        yield row(ec2, {}, f"client-vpn-endpoint/{endpoint_id}") | {
            "endpoint_id": endpoint_id,
            "vpc_id": endpoint.get("VpcId", ""),
            "logs_connections": endpoint.get("ConnectionLogOptions", {}).get("Enabled", False),
        }


def _vpc_arn(ec2: Api, side: Raw) -> str:
    region = side.get("Region", ec2.region)
    return f"arn:{ec2.account.partition}:ec2:{region}:{side['OwnerId']}:vpc/{side['VpcId']}"


def _cidrs(side: Raw) -> list[str]:
    found = [block["CidrBlock"] for block in side.get("CidrBlockSet", ())]
    found += [block["Ipv6CidrBlock"] for block in side.get("Ipv6CidrBlockSet", ())]
    return found or ([side["CidrBlock"]] if "CidrBlock" in side else [])


COLLECTORS = (
    Collector(VpcEndpoints, read_endpoints),
    Collector(EndpointServices, read_endpoint_services),
    Collector(PeeringConnections, read_peerings),
    Collector(TransitGateways, read_transit_gateways),
    Collector(TransitGatewayAttachments, read_attachments),
    Collector(VpnConnections, read_vpns),
    Collector(ClientVpnEndpoints, read_client_vpns),
)
