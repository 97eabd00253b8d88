"""Addresses, gateways, load balancers and endpoints: paid by the hour, used or not."""

from collections.abc import Iterator

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Inventory, Resource

from ..metrics import METRICS, Metric, measure, total, watched
from ..prices import INSTANCES, with_prices
from .common import PAGE, Raw, arn_of, instances, row

ADDRESSES, GATEWAYS = "ec2:DescribeAddresses", "ec2:DescribeNatGateways"
BALANCERS, CLASSIC = "elbv2:DescribeLoadBalancers", "elb:DescribeLoadBalancers"
ENDPOINTS = "ec2:DescribeVpcEndpoints"

USED = "over the 14 days; null unless `watched`"
WATCHED = "Whether it was there all of the 14 days that metrics are of."


class Addresses(Resource, listed_by=ADDRESSES):
    """One row per elastic IP address."""

    allocation_id = Column(pl.String, '"eipalloc-..."', source=ADDRESSES)
    public_ip = Column(pl.String, "IPv4.", source=ADDRESSES)
    pool = Column(pl.String, '"amazon", or one of the customer\'s own addresses.', source=ADDRESSES)
    associated = Column(pl.Boolean, "Whether it belongs to an interface.", source=ADDRESSES)
    instance_id = Column(pl.String, 'Instance behind it; "" if none.', source=ADDRESSES)
    instance_arns = Column(pl.List(pl.String), "The same as ARN.", source=ADDRESSES)
    instance_state = Column(pl.String, 'running | stopped | ...; "" if none.', source=INSTANCES)

    usd = Column(pl.Float64, "A month.", derived=True)
    price_source = Column(pl.String, "Where `usd` comes from.", derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_prices(raw, inventory, usd=pl.lit("address"))


class NatGateways(Resource, listed_by=GATEWAYS):
    """One row per NAT gateway that is available."""

    gateway_id = Column(pl.String, '"nat-..."', source=GATEWAYS)
    vpc_id = Column(pl.String, '"vpc-..."', source=GATEWAYS)
    created = Column(TIMESTAMP, "When it was made.", source=GATEWAYS)
    watched = Column(pl.Boolean, WATCHED, source=GATEWAYS, volatile=True)
    bytes_out = Column(
        pl.Float64, f"Sent on for its clients {USED}.", source=METRICS, volatile=True
    )

    usd = Column(pl.Float64, "A month, before traffic.", derived=True)
    price_source = Column(pl.String, "Where `usd` comes from.", derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_prices(raw, inventory, usd=pl.lit("nat_gateway"))


class LoadBalancers(Resource, listed_by=BALANCERS):
    """One row per application, network or gateway load balancer."""

    name = Column(pl.String, "As its owner calls it.", source=BALANCERS)
    kind = Column(pl.String, "application | network | gateway", source=BALANCERS)
    created = Column(TIMESTAMP, "When it was made.", source=BALANCERS)
    watched = Column(pl.Boolean, WATCHED, source=BALANCERS, volatile=True)
    used = Column(
        pl.Float64, f"Requests answered, or flows, {USED}.", source=METRICS, volatile=True
    )

    usd = Column(pl.Float64, "A month, before traffic.", derived=True)
    price_source = Column(pl.String, "Where `usd` comes from.", derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_prices(raw, inventory, ("kind",), usd=pl.format("load_balancer:{}", "kind"))


class ClassicLoadBalancers(Resource, listed_by=CLASSIC):
    """One row per Classic Load Balancer."""

    name = Column(pl.String, "As its owner calls it.", source=CLASSIC)
    created = Column(TIMESTAMP, "When it was made.", source=CLASSIC)
    instances = Column(pl.Int64, "Registered with it.", source=CLASSIC)
    watched = Column(pl.Boolean, WATCHED, source=CLASSIC, volatile=True)
    used = Column(pl.Float64, f"Requests or connections {USED}.", source=METRICS, volatile=True)

    usd = Column(pl.Float64, "A month, before traffic.", derived=True)
    price_source = Column(pl.String, "Where `usd` comes from.", derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_prices(raw, inventory, usd=pl.lit("load_balancer:classic"))


class VpcEndpoints(Resource, listed_by=ENDPOINTS):
    """One row per interface endpoint; gateway endpoints are free."""

    endpoint_id = Column(pl.String, '"vpce-..."', source=ENDPOINTS)
    service_name = Column(pl.String, '"com.amazonaws.us-east-1.ssm"', source=ENDPOINTS)
    vpc_id = Column(pl.String, '"vpc-..."', source=ENDPOINTS)
    zones = Column(pl.Int64, "Subnets it is in, of an Availability Zone each.", source=ENDPOINTS)
    created = Column(TIMESTAMP, "When it was made.", source=ENDPOINTS)
    service_run = Column(pl.Boolean, "Whether an AWS service made it.", source=ENDPOINTS)
    watched = Column(pl.Boolean, WATCHED, source=ENDPOINTS, volatile=True)
    bytes_processed = Column(pl.Float64, f"Through it, {USED}.", source=METRICS, volatile=True)

    usd = Column(pl.Float64, "A month, before traffic.", derived=True)
    price_source = Column(pl.String, "Where `usd` comes from.", derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        rows = with_prices(raw, inventory, rate=pl.lit("endpoint"))
        return rows.with_columns(usd=pl.col("zones") * pl.col("rate"))


def read_addresses(ec2: Api) -> Iterator[Raw]:
    found = ec2.call("DescribeAddresses").get("Addresses", []) or []  # it has no pages
    known = instances(ec2) if found else []
    states = None if known is None else {i["InstanceId"]: i["State"]["Name"] for i in known}
    for address in found:
        if "AllocationId" not in address:
            continue
        instance_id = address.get("InstanceId") or ""
        yield row(ec2, arn_of(ec2, "ec2", f"elastic-ip/{address['AllocationId']}")) | {
            "allocation_id": address["AllocationId"],
            "public_ip": address["PublicIp"],
            "pool": address.get("PublicIpv4Pool", "amazon"),
            "associated": bool(address.get("AssociationId")),
            "instance_id": instance_id,
            "instance_arns": [arn_of(ec2, "ec2", f"instance/{instance_id}")] if instance_id else [],
            "instance_state": ""
            if not instance_id
            else None
            if states is None
            else states.get(instance_id, ""),
        }


def read_nat_gateways(ec2: Api) -> Iterator[Raw]:
    available = [{"Name": "state", "Values": ["available"]}]
    found = ec2.all("DescribeNatGateways", "NatGateways", Filter=available, PaginationConfig=PAGE)
    seen = [g for g in found or () if watched(g["CreateTime"])]
    series = measure(
        ec2,
        [
            Metric(
                "AWS/NATGateway", "BytesOutToDestination", (("NatGatewayId", g["NatGatewayId"]),)
            )
            for g in seen
        ],
    )
    used = {g["NatGatewayId"]: values for g, values in zip(seen, series, strict=True)}
    for gateway in found or ():
        gateway_id = gateway["NatGatewayId"]
        values = used.get(gateway_id)
        yield row(ec2, arn_of(ec2, "ec2", f"natgateway/{gateway_id}")) | {
            "gateway_id": gateway_id,
            "vpc_id": gateway.get("VpcId", ""),
            "created": gateway["CreateTime"],
            "watched": gateway_id in used,
            "bytes_out": total(values) if values else None,  # an idle one reports zeros
        }


# What each kind counts, and under which namespace. An application load balancer reports what
# happened, and nothing where nothing did; the others report zeros.
COUNTED = {
    "application": (
        "AWS/ApplicationELB",
        ("RequestCount", "HTTP_Redirect_Count", "HTTP_Fixed_Response_Count"),
    ),
    "network": ("AWS/NetworkELB", ("NewFlowCount",)),
    "gateway": ("AWS/GatewayELB", ("NewFlowCount",)),
}


def read_load_balancers(elbv2: Api) -> Iterator[Raw]:
    found = elbv2.all("DescribeLoadBalancers", "LoadBalancers") or []
    seen = [b for b in found if b["Type"] in COUNTED and watched(b["CreatedTime"])]
    metrics = [_balancer_metrics(balancer) for balancer in seen]
    series = iter(measure(elbv2, [metric for group in metrics for metric in group]))
    used = {
        balancer["LoadBalancerArn"]: [next(series) for _ in group]
        for balancer, group in zip(seen, metrics, strict=True)
    }
    for balancer in found:
        counted = used.get(balancer["LoadBalancerArn"])
        silent = balancer["Type"] != "application" and counted == [[]]
        yield row(elbv2, balancer["LoadBalancerArn"]) | {
            "name": balancer["LoadBalancerName"],
            "kind": balancer["Type"],
            "created": balancer["CreatedTime"],
            "watched": counted is not None,
            "used": total(*counted) if counted and not silent else None,
        }


def read_classic_load_balancers(elb: Api) -> Iterator[Raw]:
    found = elb.all("DescribeLoadBalancers", "LoadBalancerDescriptions") or []
    seen = [b for b in found if watched(b["CreatedTime"])]
    series = measure(
        elb,
        [
            Metric("AWS/ELB", "RequestCount", (("LoadBalancerName", b["LoadBalancerName"]),))
            for b in seen
        ],
    )
    used = dict(zip((b["LoadBalancerName"] for b in seen), series, strict=True))
    for balancer in found:
        name, made = balancer["LoadBalancerName"], balancer["CreatedTime"]
        arn = arn_of(elb, "elasticloadbalancing", f"loadbalancer/{name}")
        yield row(elb, arn, made.isoformat()) | {
            "name": name,
            "created": made,
            "instances": len(balancer.get("Instances", ())),
            "watched": name in used,
            # It reports nothing while no instance is registered, or nothing is asked of it.
            "used": total(used[name]) if name in used else None,
        }


def read_vpc_endpoints(ec2: Api) -> Iterator[Raw]:
    found = ec2.all("DescribeVpcEndpoints", "VpcEndpoints", PaginationConfig=PAGE)
    paid = [e for e in found or () if e.get("VpcEndpointType") == "Interface"]
    alive = [e for e in paid if e["State"].lower() == "available"]
    seen = [e for e in alive if watched(e["CreationTimestamp"])]
    series = measure(ec2, [_endpoint_metric(endpoint) for endpoint in seen])
    used = {e["VpcEndpointId"]: values for e, values in zip(seen, series, strict=True)}
    for endpoint in alive:
        endpoint_id = endpoint["VpcEndpointId"]
        yield row(ec2, arn_of(ec2, "ec2", f"vpc-endpoint/{endpoint_id}")) | {
            "endpoint_id": endpoint_id,
            "service_name": endpoint["ServiceName"],
            "vpc_id": endpoint["VpcId"],
            "zones": len(endpoint.get("SubnetIds", ())),
            "created": endpoint["CreationTimestamp"],
            "service_run": endpoint.get("RequesterManaged", False),
            "watched": endpoint_id in used,
            # It reports only what it processed.
            "bytes_processed": total(used[endpoint_id]) if endpoint_id in used else None,
        }


def _balancer_metrics(balancer: Raw) -> list[Metric]:
    namespace, names = COUNTED[balancer["Type"]]
    # "...:loadbalancer/app/web/0123456789abcdef"
    about = (("LoadBalancer", balancer["LoadBalancerArn"].partition("loadbalancer/")[2]),)
    return [Metric(namespace, name, about) for name in names]


def _endpoint_metric(endpoint: Raw) -> Metric:
    about = (
        ("Endpoint Type", "Interface"),
        ("Service Name", endpoint["ServiceName"]),
        ("VPC Endpoint Id", endpoint["VpcEndpointId"]),
        ("VPC Id", endpoint["VpcId"]),
    )
    return Metric("AWS/PrivateLinkEndpoints", "BytesProcessed", about)


COLLECTORS = (
    Collector(Addresses, read_addresses, calls=(INSTANCES,)),
    Collector(NatGateways, read_nat_gateways),
    Collector(LoadBalancers, read_load_balancers),
    Collector(ClassicLoadBalancers, read_classic_load_balancers),
    Collector(VpcEndpoints, read_vpc_endpoints),
)
