"""VPCs, subnets, network ACLs and flow logs."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from stratum_pipeline.kernel.collect import Api, Collector

from ..inventory import FlowLogs, NetworkAcls, Subnets, Vpcs
from .listing import Raw, among, listed, routing, row


def read_vpcs(ec2: Api) -> Iterator[Raw]:
    logs = listed(ec2, "DescribeFlowLogs", "FlowLogs")
    subnets = listed(ec2, "DescribeSubnets", "Subnets")
    interfaces = listed(ec2, "DescribeNetworkInterfaces", "NetworkInterfaces")
    endpoints = listed(ec2, "DescribeVpcEndpoints", "VpcEndpoints")
    logged: dict[str, list[str]] = defaultdict(list)
    for log in among(logs):
        logged[log["ResourceId"]].append(log["FlowLogId"])
    within: dict[str, list[Raw]] = defaultdict(list)
    for subnet in sorted(among(subnets), key=lambda subnet: subnet["SubnetId"]):
        within[subnet["VpcId"]].append(subnet)
    routes_of = routing(ec2)
    held = Counter(interface.get("VpcId") for interface in among(interfaces))
    for vpc in among(listed(ec2, "DescribeVpcs", "Vpcs")):
        vpc_id = vpc["VpcId"]
        mine = within[vpc_id]
        ids = [subnet["SubnetId"] for subnet in mine]
        layout = [{"subnet_id": s["SubnetId"], "routes": routes_of(s)} for s in mine]
        facts: Raw = {
            "vpc_id": vpc_id,
            "is_default": vpc.get("IsDefault", False),
            "interface_count": held[vpc_id],
            "flow_logs": sorted(logged[vpc_id]),
            "subnets": ids,
            "zones": sorted({subnet["AvailabilityZone"] for subnet in mine}),
            "unlogged_subnets": [subnet for subnet in ids if subnet not in logged],
            "layout": layout,
            "endpoint_services": _endpoints(endpoints, vpc_id, "Interface", "ServiceName"),
            "firewall_endpoints": _endpoints(
                endpoints, vpc_id, "GatewayLoadBalancer", "VpcEndpointId"
            ),
        }
        unseen: set[str] = set()
        for listing, columns in (
            (logs, ("flow_logs", "unlogged_subnets")),
            (subnets, ("subnets", "zones", "unlogged_subnets", "layout")),
            (interfaces, ("interface_count",)),
            (endpoints, ("endpoint_services", "firewall_endpoints")),
        ):
            unseen.update(columns if listing is None else ())
        yield row(ec2, vpc, f"vpc/{vpc_id}") | facts | dict.fromkeys(unseen)


def read_subnets(ec2: Api) -> Iterator[Raw]:
    routes_of = routing(ec2)
    for subnet in among(listed(ec2, "DescribeSubnets", "Subnets")):
        block = subnet.get("BlockPublicAccessStates", {})
        yield row(ec2, subnet, f"subnet/{subnet['SubnetId']}") | {
            "subnet_id": subnet["SubnetId"],
            "vpc_id": subnet["VpcId"],
            "zone": subnet["AvailabilityZone"],
            "is_default": subnet.get("DefaultForAz", False),
            "map_public_ip_on_launch": subnet.get("MapPublicIpOnLaunch", False),
            "assign_ipv6_on_creation": subnet.get("AssignIpv6AddressOnCreation", False),
            "internet_block": block.get("InternetGatewayBlockMode", "off"),
            "routes": routes_of(subnet),
        }


def read_network_acls(ec2: Api) -> Iterator[Raw]:
    vpcs = listed(ec2, "DescribeVpcs", "Vpcs")
    default = {vpc["VpcId"]: vpc.get("IsDefault", False) for vpc in among(vpcs)}
    routes_of = routing(ec2)
    for acl in among(listed(ec2, "DescribeNetworkAcls", "NetworkAcls")):
        guarded = sorted(a["SubnetId"] for a in acl.get("Associations", ()))
        met = [routes_of({"SubnetId": one, "VpcId": acl["VpcId"]}) for one in guarded]
        yield row(ec2, acl, f"network-acl/{acl['NetworkAclId']}") | {
            "acl_id": acl["NetworkAclId"],
            "vpc_id": acl["VpcId"],
            "is_default": acl.get("IsDefault", False),
            "in_default_vpc": default.get(acl["VpcId"]),
            "subnets": guarded,
            "ingress": sorted(
                (_entry(raw) for raw in acl.get("Entries", ()) if not raw["Egress"]),
                key=lambda entry: (entry["number"], entry["cidr"]),
            ),
            "routes": _together(met),
        }


def read_flow_logs(ec2: Api) -> Iterator[Raw]:
    for log in among(listed(ec2, "DescribeFlowLogs", "FlowLogs")):
        yield row(ec2, log, f"vpc-flow-log/{log['FlowLogId']}") | {
            "flow_log_id": log["FlowLogId"],
            "resource_id": log["ResourceId"],
            "status": log["FlowLogStatus"],
            "traffic": log.get("TrafficType", ""),
            "destination": log.get("LogDestination") or log.get("LogGroupName", ""),
            "delivery_status": log.get("DeliverLogsStatus", ""),
            "delivery_error": log.get("DeliverLogsErrorMessage", ""),
        }


def _endpoints(endpoints: list[Raw] | None, vpc_id: str, kind: str, field: str) -> list[str]:
    return sorted(
        endpoint[field]
        for endpoint in among(endpoints)
        if endpoint["VpcId"] == vpc_id and endpoint.get("VpcEndpointType") == kind
    )


def _entry(raw: Raw) -> Raw:
    ports = raw.get("PortRange", {})
    return {
        "number": raw["RuleNumber"],
        "action": raw["RuleAction"],
        "protocol": raw["Protocol"],
        "from_port": ports.get("From", -1),
        "to_port": ports.get("To", -1),
        "cidr": raw.get("CidrBlock") or raw.get("Ipv6CidrBlock", ""),
    }


def _together(many: list[list[Raw] | None]) -> list[Any]:
    """Each route of `many` lists once, and a null if one of them is not known."""
    known = {tuple(sorted(route.items())) for routes in many for route in routes or ()}
    return [dict(route) for route in sorted(known)] + [None] * (None in many)


COLLECTORS = (
    Collector(Vpcs, read_vpcs),
    Collector(Subnets, read_subnets),
    Collector(NetworkAcls, read_network_acls),
    Collector(FlowLogs, read_flow_logs),
)
