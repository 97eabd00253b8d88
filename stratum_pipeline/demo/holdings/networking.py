"""What stands in and between the VPCs of `estate`: load balancers, firewalls, endpoints, lines."""

from typing import Any

from moto.ec2.models import ec2_backends

from ..accounts import DATA, HOME, IRELAND, PRODUCTION, SANDBOX, SECURITY, STAGING
from ..repairs.directconnect import VIRTUAL_INTERFACES
from ..repairs.networks import CLIENT_VPNS
from ..tools import Network, Workshop
from ..tools.core import api, policy
from ..tools.edge import balancer, classic, firewall, forward, https, protect, redirect, service
from ..tools.network import tcp

STRANGER = "999988887777"
"""An account of nobody we know."""

TLS10 = "ELBSecurityPolicy-2016-08"
OUR_RULES = "stateful-rulegroup/outbound-domains"


def furnish(at: Workshop) -> None:
    if holds := HOLDINGS.get(at.account):
        holds(at)


def security(at: Workshop) -> None:
    inspection = at.known_network("inspection", HOME)
    firewall(inspection, "inspection", rules=[OUR_RULES])
    hub = _transit_gateway(at, "hub", accepts="disable")
    _attach(inspection, hub)
    _lines(at, HOME, "EqDC2", "EqDC2")
    _lines(at, IRELAND, "EqLD5", "TCSH")


def production(at: Workshop) -> None:
    orders = at.known_network("orders", HOME)
    names = orders.names
    shop = balancer(orders, "shop")
    https(orders, shop, 443)
    redirect(orders, shop)
    protect(orders, shop)
    inside = balancer(orders, "orders-api", Type="network", Scheme="internal")
    service(orders, "orders-api", inside, f"arn:aws:iam::{STRANGER}:root", asked=True)
    service(orders, "orders-events", inside, f"arn:aws:iam::{DATA.id}:root", asked=True)
    classic(orders, "former-shop")
    _peer(orders, at.known_network("recovery", IRELAND))
    _vpn(orders, "office", down=1)
    _vpn(orders, "warehouse", down=0)
    names["remote-work"] = _client_vpn(at, HOME, "remote-work", logged=True)


def staging(at: Workshop) -> None:
    network = at.known_network("staging", HOME)
    names = network.names
    network.interface("vendor", network.group("vendor", tcp(22, "198.51.100.7/32")))
    partners = [f"10.{n}.0.0/16" for n in range(20, 71)]
    network.interface("partners", network.group("partners", tcp(443, *partners)))
    network.endpoint("staging-s3", f"com.amazonaws.{HOME}.s3", VpcEndpointType="Gateway")
    shop = balancer(network, "shop", attributes={"routing.http.desync_mitigation_mode": "monitor"})
    forward(network, shop, "HTTP", 80)
    hub = _transit_gateway(at, "staging-hub", accepts="enable")
    attached = _attach(network, hub)
    names["contractor"] = attached
    moto: Any = ec2_backends[at.account.id][HOME]
    moto.transit_gateway_attachments[attached].resource_owner_id = STRANGER
    names["testers"] = _client_vpn(at, HOME, "testers", logged=False)


def data(at: Workshop) -> None:
    lake = at.known_network("lake", IRELAND)
    lake.interface("partner", lake.group("partner", tcp(8443, "17.32.0.0/16")))
    _guard(lake, lake.names["lake-private-b"])
    theirs = policy(
        {
            "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"},
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::acme-data-lake/*",
        }
    )
    lake.endpoint(
        "lake-s3",
        f"com.amazonaws.{IRELAND}.s3",
        VpcEndpointType="Gateway",
        PolicyDocument=theirs,
    )
    lake.endpoint(
        "lake-athena",
        f"com.amazonaws.{IRELAND}.athena",
        VpcEndpointType="Interface",
        SubnetIds=[lake.private],
        SecurityGroupIds=[lake.names["lake-endpoints"]],
        PolicyDocument=policy({"Principal": "*", "Action": "*", "Resource": _workgroup(at)}),
    )
    catalogue = balancer(
        lake,
        "catalogue",
        Scheme="internal",
        attributes={"routing.http.drop_invalid_header_fields.enabled": "false"},
    )
    https(lake, catalogue, 443)
    _peer_with_stranger(lake)
    firewall(lake, "lake", rules=[])
    classic(lake, "importer", zones=1, Scheme="internal")


def sandbox(at: Workshop) -> None:
    at.network("demo", HOME, endpoints=False)
    lab = at.known_network("lab", HOME)
    names = lab.names
    flat(lab, "demo")
    lab.interface("wizard", lab.group("launch-wizard-1", tcp(22, "10.0.0.0/8")))
    names["spare-acl"] = lab.api.create_network_acl(VpcId=lab.vpc)["NetworkAcl"]["NetworkAclId"]
    open_demo = balancer(
        lab,
        "open-demo",
        Type="network",
        Subnets=[lab.public],
        attributes={"access_logs.s3.enabled": "false", "deletion_protection.enabled": "false"},
    )
    forward(lab, open_demo, "TLS", 443, SslPolicy=TLS10)
    service(lab, "open-demo", open_demo, "*", asked=False)
    classic(
        lab,
        "old-demo",
        tls="TLSv1",
        plain=True,
        attributes={
            "CrossZoneLoadBalancing": {"Enabled": False},
            "AccessLog": {"Enabled": False},
            "AdditionalAttributes": [{"Key": "elb.http.desyncmitigationmode", "Value": "monitor"}],
        },
    )
    firewall(
        lab,
        "lab",
        rules=[OUR_RULES],
        fragments="aws:pass",
        logged=False,
        DeleteProtection=False,
        SubnetMappings=[{"SubnetId": lab.public}],
    )


def flat(beside: Network, name: str) -> None:
    """Leave the network `name` its public subnet alone, and its default group as it came."""
    names, ec2 = beside.names, beside.api
    for side in ("private", "private-b"):
        ec2.delete_subnet(SubnetId=names.pop(f"{name}-{side}"))
    anything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_egress(GroupId=names[f"{name}-default"], IpPermissions=[anything])


def _transit_gateway(at: Workshop, name: str, accepts: str) -> str:
    made = api(at.account, "ec2").create_transit_gateway(
        Description=name, Options={"AutoAcceptSharedAttachments": accepts}
    )["TransitGateway"]["TransitGatewayId"]
    at.names[at.account.name][name] = made
    return made


def _attach(network: Network, gateway: str) -> str:
    """Id of the attachment of `network` to the transit gateway."""
    return network.api.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway, VpcId=network.vpc, SubnetIds=[network.private]
    )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]


def _peer(network: Network, other: Network) -> None:
    """Peer two of the account's networks, and route all of the other from `network`."""
    peering = network.api.create_vpc_peering_connection(
        VpcId=network.vpc, PeerVpcId=other.vpc, PeerRegion=other.region
    )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    other.api.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    network.names["peering"] = peering
    (table,) = (
        one["RouteTableId"]
        for one in network.api.describe_route_tables(
            Filters=[{"Name": "vpc-id", "Values": [network.vpc]}]
        )["RouteTables"]
        if any(a.get("SubnetId") == network.public for a in one["Associations"])
    )
    network.api.create_route(
        RouteTableId=table,
        DestinationCidrBlock="10.1.0.0/16",
        VpcPeeringConnectionId=peering,
    )


def _peer_with_stranger(network: Network) -> None:
    """As if an account outside the organization had accepted."""
    moto: Any = ec2_backends[network.account.id][network.region]
    own = moto.get_vpc(network.vpc)
    peering = moto.create_vpc_peering_connection(own, _Stranger(moto))
    peering._status.accept()
    network.names["stranger-peering"] = peering.id


class _Stranger:
    """A VPC of an account that is not of the organization."""

    owner_id, id, cidr_block = STRANGER, "vpc-0123456789abcdef0", "10.9.0.0/16"

    def __init__(self, backend: Any) -> None:
        self.ec2_backend, self.region = backend, backend.region_name


def _guard(network: Network, subnet: str) -> None:
    """Give the subnet a network ACL of its own, which keeps everything out."""
    ec2 = network.api
    (old,) = (
        association["NetworkAclAssociationId"]
        for acl in ec2.describe_network_acls()["NetworkAcls"]
        for association in acl["Associations"]
        if association["SubnetId"] == subnet
    )
    made = ec2.create_network_acl(VpcId=network.vpc)["NetworkAcl"]["NetworkAclId"]
    ec2.replace_network_acl_association(AssociationId=old, NetworkAclId=made)


def _vpn(network: Network, name: str, down: int) -> None:
    """A connection to the office, with so many of its two tunnels down."""
    ec2 = network.api
    there = ec2.create_customer_gateway(Type="ipsec.1", PublicIp="198.51.100.1", BgpAsn=65000)
    here = ec2.create_vpn_gateway(Type="ipsec.1")
    made = ec2.create_vpn_connection(
        Type="ipsec.1",
        CustomerGatewayId=there["CustomerGateway"]["CustomerGatewayId"],
        VpnGatewayId=here["VpnGateway"]["VpnGatewayId"],
    )["VpnConnection"]["VpnConnectionId"]
    network.names[name] = made
    moto: Any = ec2_backends[network.account.id][network.region]
    moto.vpn_connections[made].down = down


def _client_vpn(at: Workshop, region: str, name: str, *, logged: bool) -> str:
    made = f"cvpn-endpoint-{sum(map(ord, name)):017x}"
    CLIENT_VPNS.setdefault((at.account.id, region), []).append(
        {
            "ClientVpnEndpointId": made,
            "Status": {"Code": "available"},
            "ConnectionLogOptions": {"Enabled": logged},
        }
    )
    return made


def _lines(at: Workshop, region: str, *locations: str) -> None:
    """A Direct Connect connection to each location, all of one gateway.

    Where they end at the same place, only the first has a virtual interface.
    """
    names = at.names[at.account.name]
    dx = api(at.account, "directconnect", region)
    for number, location in enumerate(locations):
        line = dx.create_connection(
            location=location, bandwidth="1Gbps", connectionName=f"{region}-{number}"
        )["connectionId"]
        names.setdefault(f"line-{region}", line)
        names[f"line-{region}"] = min(names[f"line-{region}"], line)
        if number and len({*locations}) == 1:
            continue
        vif = f"dxvif-{line.removeprefix('dxcon-')}"
        names[f"vif-{region}"] = min(names.get(f"vif-{region}", vif), vif)
        VIRTUAL_INTERFACES.setdefault((at.account.id, region), []).append(
            {
                "virtualInterfaceId": vif,
                "ownerAccount": at.account.id,
                "connectionId": line,
                "virtualInterfaceType": "private",
                "virtualInterfaceState": "available",
                "virtualGatewayId": f"vgw-{region}",
            }
        )


def _workgroup(at: Workshop) -> str:
    return f"arn:aws:athena:{IRELAND}:{at.account.id}:workgroup/lake"


HOLDINGS = {
    SECURITY: security,
    PRODUCTION: production,
    STAGING: staging,
    DATA: data,
    SANDBOX: sandbox,
}
