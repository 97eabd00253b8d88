"""What stands in and between the VPCs of `estate`: load balancers, firewalls, endpoints, lines."""

from typing import Any

from moto.ec2.models import ec2_backends

from ..accounts import DATA, HOME, IRELAND, PRODUCTION, SANDBOX, SECURITY, STAGING
from ..repairs.directconnect import VIRTUAL_INTERFACES
from ..repairs.networks import CLIENT_VPNS
from ..tools import Network, Workshop
from ..tools.core import Json, api, policy
from ..tools.network import WORLD, tcp

STRANGER = "999988887777"
"""An account of nobody we know."""

TLS12, TLS10 = "ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-2016-08"
FORWARD = "aws:forward_to_sfe"
OUR_RULES = "stateful-rulegroup/outbound-domains"


def furnish(at: Workshop) -> None:
    if holds := HOLDINGS.get(at.account):
        holds(at)


def security(at: Workshop) -> None:
    inspection = at.known_network("inspection", HOME)
    firewall(inspection, "inspection", rules=[OUR_RULES])
    _transit_gateway(at, "hub", accepts="disable")
    _lines(at, HOME, "EqDC2", "EqDC2")
    _lines(at, IRELAND, "EqLD5", "TCSH")


def production(at: Workshop) -> None:
    orders = at.known_network("orders", HOME)
    names = orders.names
    shop = balancer(orders, "shop")
    https(orders, shop, 443)
    redirect(orders, shop)
    protect(at, HOME, shop)
    inside = balancer(orders, "orders-api", Type="network", Scheme="internal")
    service(at, HOME, "orders-api", inside, f"arn:aws:iam::{STRANGER}:root", asked=True)
    _peer(orders, at.known_network("recovery", IRELAND))
    _vpn(orders, "office", down=1)
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
    attached = network.api.create_transit_gateway_vpc_attachment(
        TransitGatewayId=hub, VpcId=network.vpc, SubnetIds=[network.private]
    )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    names["contractor"] = attached
    moto: Any = ec2_backends[at.account.id][HOME]
    moto.transit_gateway_attachments[attached].resource_owner_id = STRANGER
    names["testers"] = _client_vpn(at, HOME, "testers", logged=False)


def data(at: Workshop) -> None:
    lake = at.known_network("lake", IRELAND)
    lake.interface("partner", lake.group("partner", tcp(8443, "17.32.0.0/16")))
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
    service(at, HOME, "open-demo", open_demo, "*", asked=False)
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


def balancer(
    network: Network, name: str, attributes: dict[str, str] | None = None, **options: Any
) -> str:
    """ARN of an application load balancer in two zones, logged and protected."""
    group = network.names.get("load-balancers") or network.group("load-balancers", tcp(443, *WORLD))
    network.interface(name, group)  # as Elastic Load Balancing would
    elb = _elb(network)
    wanted: Json = {
        "Type": "application",
        "Scheme": "internet-facing",
        "Subnets": [network.public, network.names.get(_second(network), network.private)],
        "SecurityGroups": [group],
    }
    made = elb.create_load_balancer(Name=name, **wanted | options)
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]
    well = {
        "access_logs.s3.enabled": "true",
        "access_logs.s3.bucket": f"acme-{network.account.name}-logs",
        "deletion_protection.enabled": "true",
    }
    if options.get("Type") != "network":
        well |= {
            "routing.http.desync_mitigation_mode": "defensive",
            "routing.http.drop_invalid_header_fields.enabled": "true",
        }
    wished = well | (attributes or {})
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{"Key": k, "Value": v} for k, v in wished.items()]
    )
    network.names[f"{name}-balancer"] = arn
    return arn


def forward(network: Network, balancer: str, protocol: str, port: int, **options: Any) -> None:
    kind = "TCP" if "/net/" in balancer else "HTTP"
    made = _elb(network).create_target_group(
        Name=f"{balancer.split('/')[2]}-{port}", Protocol=kind, Port=8080, VpcId=network.vpc
    )
    target = made["TargetGroups"][0]["TargetGroupArn"]
    _listen(
        network, balancer, protocol, port, {"Type": "forward", "TargetGroupArn": target}, options
    )


def https(network: Network, balancer: str, port: int) -> None:
    forward(network, balancer, "HTTPS", port, SslPolicy=TLS12)


def redirect(network: Network, balancer: str) -> None:
    to = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    _listen(network, balancer, "HTTP", 80, {"Type": "redirect", "RedirectConfig": to}, {})


def protect(at: Workshop, region: str, balancer: str) -> None:
    """Put a web ACL before it."""
    waf = api(at.account, "wafv2", region)
    seen = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "shop"}
    acl = waf.create_web_acl(
        Name="shop", Scope="REGIONAL", DefaultAction={"Allow": {}}, Rules=[], VisibilityConfig=seen
    )["Summary"]["ARN"]
    waf.associate_web_acl(WebACLArn=acl, ResourceArn=balancer)


def classic(
    network: Network,
    name: str,
    zones: int = 2,
    tls: str = "TLSv1.2",
    plain: bool = False,
    attributes: Json | None = None,
    **options: Any,
) -> None:
    """A classic load balancer on 443, logged, with the one version of TLS."""
    elb = api(network.account, "elb", network.region)
    group = network.names["load-balancers"]
    subnets = [network.public, network.names[_second(network)]][:zones]
    listener = {"Protocol": "HTTPS", "LoadBalancerPort": 443, "InstancePort": 8080}
    listeners = [listener | {"SSLCertificateId": _certificate(network)}]
    if plain:
        listeners.append({"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 8080})
    elb.create_load_balancer(
        LoadBalancerName=name,
        Listeners=listeners,
        Subnets=subnets,
        SecurityGroups=[group],
        **options,
    )
    elb.create_load_balancer_policy(
        LoadBalancerName=name,
        PolicyName="tls",
        PolicyTypeName="SSLNegotiationPolicyType",
        PolicyAttributes=[{"AttributeName": f"Protocol-{tls}", "AttributeValue": "true"}],
    )
    elb.set_load_balancer_policies_of_listener(
        LoadBalancerName=name, LoadBalancerPort=443, PolicyNames=["tls"]
    )
    well: Json = {
        "CrossZoneLoadBalancing": {"Enabled": True},
        "ConnectionDraining": {"Enabled": True, "Timeout": 300},
        "AccessLog": {"Enabled": True, "S3BucketName": f"acme-{network.account.name}-logs"},
    }
    elb.modify_load_balancer_attributes(
        LoadBalancerName=name, LoadBalancerAttributes=well | (attributes or {})
    )


def firewall(
    network: Network,
    name: str,
    rules: list[str],
    fragments: str = FORWARD,
    logged: bool = True,
    **options: Any,
) -> None:
    """A firewall in two zones that logs, and its policy."""
    at = api(network.account, "network-firewall", network.region)
    start = f"arn:aws:network-firewall:{network.region}:{network.account.id}:"
    followed = at.create_firewall_policy(
        FirewallPolicyName=name,
        FirewallPolicy={
            "StatelessDefaultActions": [FORWARD],
            "StatelessFragmentDefaultActions": [fragments],
            "StatefulRuleGroupReferences": [{"ResourceArn": start + rule} for rule in rules],
        },
    )["FirewallPolicyResponse"]["FirewallPolicyArn"]
    subnets = [network.public, network.names[_second(network)]]
    wanted: Json = {
        "VpcId": network.vpc,
        "SubnetMappings": [{"SubnetId": subnet} for subnet in subnets],
        "DeleteProtection": True,
    }
    made = at.create_firewall(FirewallName=name, FirewallPolicyArn=followed, **wanted | options)
    to = {"LogType": "ALERT", "LogDestinationType": "S3", "LogDestination": {"bucketName": "logs"}}
    at.update_logging_configuration(
        FirewallArn=made["Firewall"]["FirewallArn"],
        LoggingConfiguration={"LogDestinationConfigs": [to] if logged else []},
    )


def service(
    at: Workshop, region: str, name: str, balancer: str, principal: str, *, asked: bool
) -> None:
    """An endpoint service to which `principal` may connect, unasked or not."""
    ec2 = api(at.account, "ec2", region)
    made = ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[balancer], AcceptanceRequired=asked
    )["ServiceConfiguration"]["ServiceId"]
    ec2.modify_vpc_endpoint_service_permissions(ServiceId=made, AddAllowedPrincipals=[principal])
    at.names[at.account.name][f"{name}-service"] = made


def _elb(network: Network) -> Any:
    return api(network.account, "elbv2", network.region)


def _second(network: Network) -> str:
    """Our name for the network's subnet in another zone."""
    private = next(name for name, one in network.names.items() if one == network.private)
    return f"{private}-b"


def _certificate(network: Network) -> str:
    return f"arn:aws:acm:{network.region}:{network.account.id}:certificate/shop"


def _listen(
    network: Network, balancer: str, protocol: str, port: int, action: Json, options: Json
) -> None:
    if protocol in ("HTTPS", "TLS"):
        options = options | {"Certificates": [{"CertificateArn": _certificate(network)}]}
    _elb(network).create_listener(
        LoadBalancerArn=balancer,
        Protocol=protocol,
        Port=port,
        DefaultActions=[action],
        **options,
    )


def _transit_gateway(at: Workshop, name: str, accepts: str) -> str:
    made = api(at.account, "ec2").create_transit_gateway(
        Description=name, Options={"AutoAcceptSharedAttachments": accepts}
    )["TransitGateway"]["TransitGatewayId"]
    at.names[at.account.name][name] = made
    return made


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
