"""Elastic Load Balancing: attributes and listeners are asked of each load balancer there is."""

from collections.abc import Iterator
from typing import Any

from stratum_pipeline.kernel.collect import Api, Collector, Reply

from ..inventory import ClassicLoadBalancers, LoadBalancers
from .listing import Raw, among, row, unpaged

PAGING = {"PageSize": 400}
ALB = "APPLICATION_LOAD_BALANCER"
ENCRYPTED = ("HTTPS", "TLS", "SSL")
DESYNC, CLASSIC_DESYNC = "routing.http.desync_mitigation_mode", "elb.http.desyncmitigationmode"
DROPS = "routing.http.drop_invalid_header_fields.enabled"


def read_balancers(elb: Api) -> Iterator[Raw]:
    found = list(elb.pages("DescribeLoadBalancers", "LoadBalancers", PaginationConfig=PAGING))
    protected = _web_acls(elb) if any(b["Type"] == "application" for b in found) else {}

    def describe(balancer: Raw) -> Raw:
        arn = balancer["LoadBalancerArn"]
        about = elb.on(about=arn)
        listeners = about.all("DescribeListeners", "Listeners", LoadBalancerArn=arn)
        attributes = _attributes(
            about.call("DescribeLoadBalancerAttributes", LoadBalancerArn=arn), "Attributes"
        )
        return {
            "arn": arn,
            "account_id": elb.account.account_id,
            "region": elb.region,
            "incarnation": "",  # the ARN ends in an id that is never reused
            "name": balancer["LoadBalancerName"],
            "type": balancer["Type"],
            "scheme": balancer.get("Scheme", ""),
            "vpc_id": balancer.get("VpcId", ""),
            "zones": sorted(zone["ZoneName"] for zone in balancer.get("AvailabilityZones", ())),
            "security_groups": sorted(balancer.get("SecurityGroups", ())),
            "listeners": listeners and _by_port(map(_listener, listeners)),
            "tls_versions": _versions(elb, listeners),
            "access_logs": _is_on(attributes, "access_logs.s3.enabled"),
            "deletion_protection": _is_on(attributes, "deletion_protection.enabled"),
            "desync_mode": None if attributes is None else attributes.get(DESYNC, ""),
            "drops_invalid_headers": _is_on(attributes, DROPS),
            "web_acls": None if protected is None else sorted(protected.get(arn, ())),
        }

    yield from elb.each(describe, found)


def read_classic(elb: Api) -> Iterator[Raw]:
    def describe(balancer: Raw) -> Raw:
        name = balancer["LoadBalancerName"]
        keys = row(elb, {}, f"loadbalancer/{name}", "elasticloadbalancing")
        about = elb.on(about=keys["arn"])
        descriptions = balancer.get("ListenerDescriptions", ())
        encrypted = [d for d in descriptions if d["Listener"]["Protocol"] in ENCRYPTED]
        reply = about.call("DescribeLoadBalancerAttributes", LoadBalancerName=name)
        attributes = _attributes(reply, "LoadBalancerAttributes.AdditionalAttributes")
        return keys | {
            "incarnation": balancer["CreatedTime"].isoformat(),
            "name": name,
            "scheme": balancer.get("Scheme", ""),
            "vpc_id": balancer.get("VPCId", ""),
            "zones": sorted(balancer.get("AvailabilityZones", ())),
            "security_groups": sorted(balancer.get("SecurityGroups", ())),
            "listeners": _by_port(_classic_listener(d["Listener"]) for d in descriptions),
            "tls_versions": _classic_versions(about, name, encrypted) if encrypted else [],
            "access_logs": reply.get("LoadBalancerAttributes.AccessLog.Enabled", False),
            "cross_zone": reply.get("LoadBalancerAttributes.CrossZoneLoadBalancing.Enabled", False),
            "connection_draining": reply.get(
                "LoadBalancerAttributes.ConnectionDraining.Enabled", False
            ),
            # Where it was never set, it is the default.
            "desync_mode": None
            if attributes is None
            else attributes.get(CLASSIC_DESYNC, "defensive"),
        }

    found = elb.pages("DescribeLoadBalancers", "LoadBalancerDescriptions", PaginationConfig=PAGING)
    yield from elb.each(describe, found)


def _attributes(reply: Reply, path: str) -> dict[str, str] | None:
    pairs: list[Raw] | None = reply.get(path, [])
    return None if pairs is None else {pair["Key"]: pair["Value"] for pair in pairs}


def _is_on(attributes: dict[str, str] | None, name: str) -> bool | None:
    return None if attributes is None else attributes.get(name) == "true"


def _by_port(listeners: Any) -> list[Raw]:
    return sorted(listeners, key=lambda listener: (listener["port"], listener["protocol"]))


def _listener(raw: Raw) -> Raw:
    actions = raw.get("DefaultActions", ())
    to_https = bool(actions) and all(
        action["Type"] == "redirect" and action["RedirectConfig"].get("Protocol") == "HTTPS"
        for action in actions
    )
    # A gateway load balancer listens to everything, on no port.
    protocol = raw.get("Protocol", "GENEVE")
    return {"port": raw.get("Port", 0), "protocol": protocol, "to_https": to_https}


def _classic_listener(raw: Raw) -> Raw:
    return {"port": raw["LoadBalancerPort"], "protocol": raw["Protocol"], "to_https": False}


def _versions(elb: Api, listeners: list[Raw] | None) -> list[str | None] | None:
    """TLS versions that `listeners` accept; a policy that AWS doesn't list is unknown."""
    if listeners is None:
        return None
    used = {one["SslPolicy"] for one in listeners if one.get("Protocol") in ENCRYPTED}
    if not used:
        return []
    policies = elb.on(about="").all("DescribeSSLPolicies", "SslPolicies", PaginationConfig=PAGING)
    if policies is None:
        return None
    known = {policy["Name"]: policy.get("SslProtocols", ()) for policy in policies}
    found = {version for name in used for version in known.get(name, (None,))}
    return [*sorted(version for version in found if version), *([None] if None in found else [])]


def _classic_versions(about: Api, name: str, encrypted: list[Raw]) -> list[str] | None:
    used = {policy for description in encrypted for policy in description.get("PolicyNames", ())}
    found: list[Raw] | None = about.call("DescribeLoadBalancerPolicies", LoadBalancerName=name).get(
        "PolicyDescriptions", []
    )
    if found is None:
        return None
    attributes = [
        attribute
        for policy in found
        if policy["PolicyName"] in used
        for attribute in policy.get("PolicyAttributeDescriptions", ())
    ]
    return sorted(
        {
            attribute["AttributeName"].removeprefix("Protocol-")
            for attribute in attributes
            if attribute["AttributeName"].startswith("Protocol-")
            and attribute["AttributeValue"] == "true"
        }
    )


def _web_acls(elb: Api) -> dict[str, list[str]] | None:
    """ARNs of the region's web ACLs by load balancer: a call an ACL, none a load balancer."""
    waf = elb.on(service="wafv2", about="")
    acls = unpaged(waf, "ListWebACLs", "WebACLs", "NextMarker", Scope="REGIONAL", Limit=100)
    protected: dict[str, list[str]] = {}
    for acl in among(acls):
        answer = waf.call("ListResourcesForWebACL", WebACLArn=acl["ARN"], ResourceType=ALB)
        resources: list[str] | None = answer.get("ResourceArns", [])
        if resources is None:
            return None
        for arn in resources:
            protected.setdefault(arn, []).append(acl["ARN"])
    return None if acls is None else protected


COLLECTORS = (
    Collector(LoadBalancers, read_balancers, calls=("wafv2:ListWebACLs",)),
    Collector(ClassicLoadBalancers, read_classic),
)
