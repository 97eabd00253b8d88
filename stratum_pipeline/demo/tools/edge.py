"""What stands at the edge of a VPC: load balancers, firewalls and endpoint services."""

from typing import Any

from .core import Json, api
from .network import WORLD, Network, tcp

TLS12 = "ELBSecurityPolicy-TLS13-1-2-2021-06"
FORWARD = "aws:forward_to_sfe"


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


def protect(network: Network, balancer: str) -> None:
    """Put a web ACL before it."""
    waf = api(network.account, "wafv2", network.region)
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


def service(network: Network, name: str, balancer: str, principal: str, *, asked: bool) -> None:
    """An endpoint service to which `principal` may connect, unasked or not."""
    ec2 = network.api
    made = ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[balancer], AcceptanceRequired=asked
    )["ServiceConfiguration"]["ServiceId"]
    ec2.modify_vpc_endpoint_service_permissions(ServiceId=made, AddAllowedPrincipals=[principal])
    network.names[f"{name}-service"] = made


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
