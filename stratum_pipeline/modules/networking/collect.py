"""Amazon VPC as AWS reports it: a few listings per region, each read once and shared."""

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from stratum_pipeline.kernel.collect import Api, Collector

from .inventory import SUBNETS, FlowLogs, NetworkInterfaces, SecurityGroups, Subnets, Vpcs

PAGE, ENTRIES_PAGE = 1000, 100
"""The most EC2 returns at once. It refuses to list a large account without a size."""

GLOBAL = ipaddress.ip_network("2000::/3")

Raw = dict[str, Any]


def read_security_groups(ec2: Api) -> Iterator[Raw]:
    groups = _all(ec2, "DescribeSecurityGroups", "SecurityGroups") or []
    prefix_lists = {
        entry["PrefixListId"]
        for group in groups
        if group["OwnerId"] == ec2.account.account_id  # others' lists are not ours to read
        for permission in group.get("IpPermissions", ())
        for entry in permission.get("PrefixListIds", ())
    }
    content = {prefix_list: _entries(ec2, prefix_list) for prefix_list in sorted(prefix_lists)}

    interfaces = _all(ec2, "DescribeNetworkInterfaces", "NetworkInterfaces")
    attached: dict[str, list[str]] = defaultdict(list)
    for interface in interfaces or ():
        for group in interface.get("Groups", ()):
            attached[group["GroupId"]].append(interface["NetworkInterfaceId"])
    reach = _reach(ec2, interfaces)
    profiles = _profiles(ec2, interfaces, reach["public_interfaces"])

    for group in groups:
        group_id = group["GroupId"]
        mine = None if interfaces is None else sorted(attached[group_id])
        reached = {name: _among(mine, members) for name, members in reach.items()}
        yield _row(ec2, group, f"security-group/{group_id}") | {
            "group_id": group_id,
            "name": group["GroupName"],
            "vpc_id": group.get("VpcId", ""),
            "is_default": group["GroupName"] == "default",  # a reserved name
            "ingress": sorted(
                (_permission(p, content) for p in group.get("IpPermissions", ())),
                key=lambda p: (p["protocol"], p["from_port"], p["to_port"]),
            ),
            "egress_groups": sorted(
                {
                    pair.get("GroupId", "")
                    for permission in group.get("IpPermissionsEgress", ())
                    for pair in permission.get("UserIdGroupPairs", ())
                }
            ),
            "interfaces": mine,
            "instance_profiles": _values(reached["public_interfaces"], profiles),
            **reached,
        }


def read_network_interfaces(ec2: Api) -> Iterator[Raw]:
    for interface in _all(ec2, "DescribeNetworkInterfaces", "NetworkInterfaces") or ():
        yield _row(ec2, interface, f"network-interface/{interface['NetworkInterfaceId']}") | {
            "interface_id": interface["NetworkInterfaceId"],
            "vpc_id": interface.get("VpcId", ""),
            "subnet_id": interface.get("SubnetId", ""),
            "status": interface["Status"],
            "interface_type": interface.get("InterfaceType", "interface"),
            "requester_managed": interface.get("RequesterManaged", False),
            "groups": sorted(group["GroupId"] for group in interface.get("Groups", ())),
            "instance_id": _instance(interface),
            "public_ips": _public_ips(interface),
            "ipv6_addresses": _ipv6_addresses(interface),
        }


def read_vpcs(ec2: Api) -> Iterator[Raw]:
    vpcs = _all(ec2, "DescribeVpcs", "Vpcs") or ()
    logs = _all(ec2, "DescribeFlowLogs", "FlowLogs")
    subnets = _all(ec2, "DescribeSubnets", "Subnets")
    interfaces = _all(ec2, "DescribeNetworkInterfaces", "NetworkInterfaces")
    logged: dict[str, list[str]] = defaultdict(list)
    for log in logs or ():
        logged[log["ResourceId"]].append(log["FlowLogId"])
    within: dict[str, list[str]] = defaultdict(list)
    for subnet in subnets or ():
        within[subnet["VpcId"]].append(subnet["SubnetId"])
    held = Counter(interface.get("VpcId") for interface in interfaces or ())
    for vpc in vpcs:
        vpc_id = vpc["VpcId"]
        mine = None if subnets is None else sorted(within[vpc_id])
        yield _row(ec2, vpc, f"vpc/{vpc_id}") | {
            "vpc_id": vpc_id,
            "is_default": vpc.get("IsDefault", False),
            "interface_count": None if interfaces is None else held[vpc_id],
            "flow_logs": None if logs is None else sorted(logged[vpc_id]),
            "subnets": mine,
            "unlogged_subnets": None
            if logs is None or mine is None
            else [subnet for subnet in mine if subnet not in logged],
        }


def read_subnets(ec2: Api) -> Iterator[Raw]:
    for subnet in _all(ec2, "DescribeSubnets", "Subnets") or ():
        yield _row(ec2, subnet, f"subnet/{subnet['SubnetId']}") | {
            "subnet_id": subnet["SubnetId"],
            "vpc_id": subnet["VpcId"],
            "is_default": subnet.get("DefaultForAz", False),
            "map_public_ip_on_launch": subnet.get("MapPublicIpOnLaunch", False),
            "assign_ipv6_on_creation": subnet.get("AssignIpv6AddressOnCreation", False),
            "internet_block": _internet_block(subnet),
        }


def read_flow_logs(ec2: Api) -> Iterator[Raw]:
    for log in _all(ec2, "DescribeFlowLogs", "FlowLogs") or ():
        yield _row(ec2, log, f"vpc-flow-log/{log['FlowLogId']}") | {
            "flow_log_id": log["FlowLogId"],
            "resource_id": log["ResourceId"],
            "status": log["FlowLogStatus"],
            "traffic": log.get("TrafficType", ""),
            "destination": log.get("LogDestination") or log.get("LogGroupName", ""),
            "delivery_status": log.get("DeliverLogsStatus", ""),
            "delivery_error": log.get("DeliverLogsErrorMessage", ""),
        }


def _all(ec2: Api, operation: str, key: str) -> list[Raw] | None:
    return ec2.all(operation, key, PaginationConfig={"PageSize": PAGE})


def _entries(ec2: Api, prefix_list: str) -> list[str] | None:
    """Networks in a prefix list, ours, shared with us or AWS's own; None if it won't say."""
    entries = ec2.all(
        "GetManagedPrefixListEntries",
        "Entries",
        PrefixListId=prefix_list,
        PaginationConfig={"PageSize": ENTRIES_PAGE},
    )
    return None if entries is None else sorted(entry["Cidr"] for entry in entries)


def _row(ec2: Api, raw: Raw, path: str) -> Raw:
    """Keys of a row. EC2 ids are never reused; flow logs name no owner, being our own."""
    owner = raw.get("OwnerId", ec2.account.account_id)
    arn = f"arn:{ec2.account.partition}:ec2:{ec2.region}:{owner}:{path}"
    return {"arn": arn, "account_id": owner, "region": ec2.region, "incarnation": ""}


def _permission(raw: Raw, content: dict[str, list[str] | None]) -> Raw:
    return {
        "protocol": raw["IpProtocol"],
        "from_port": raw.get("FromPort", -1),
        "to_port": raw.get("ToPort", -1),
        "cidrs": sorted(
            [entry["CidrIp"] for entry in raw.get("IpRanges", ())]
            + [entry["CidrIpv6"] for entry in raw.get("Ipv6Ranges", ())]
        ),
        "prefix_lists": [
            {"id": prefix_list, "cidrs": content.get(prefix_list)}
            for prefix_list in sorted(p["PrefixListId"] for p in raw.get("PrefixListIds", ()))
        ],
        "groups": sorted(
            (
                {"id": pair.get("GroupId", ""), "owner": pair.get("UserId", "")}
                for pair in raw.get("UserIdGroupPairs", ())
            ),
            key=lambda group: (group["owner"], group["id"]),
        ),
    }


def _reach(ec2: Api, interfaces: list[Raw] | None) -> dict[str, set[str] | None]:
    """Ids of interfaces by how the internet may reach them; None where that is unknown."""
    subnets = _all(ec2, "DescribeSubnets", "Subnets")
    if interfaces is None or subnets is None:
        names = ("public_interfaces", "shielded_interfaces", "ipv6_interfaces")
        return dict.fromkeys(names)
    shielded = {s["SubnetId"] for s in subnets if _internet_block(s) != "off"}
    live = [
        interface
        for interface in interfaces
        if interface["Status"] != "available" and not interface.get("DenyAllIgwTraffic")
    ]
    public = {i["NetworkInterfaceId"]: i.get("SubnetId") for i in live if _public_ips(i)}
    return {
        "public_interfaces": {i for i, subnet in public.items() if subnet not in shielded},
        "shielded_interfaces": {i for i, subnet in public.items() if subnet in shielded},
        "ipv6_interfaces": {
            i["NetworkInterfaceId"] for i in live if any(map(_is_global, _ipv6_addresses(i)))
        },
    }


def _profiles(
    ec2: Api, interfaces: list[Raw] | None, public: set[str] | None
) -> dict[str, str] | None:
    """Instance profile behind each of the `public` interfaces; asked only if there are any."""
    if interfaces is None or public is None:
        return None
    behind = {
        interface["NetworkInterfaceId"]: _instance(interface)
        for interface in interfaces
        if interface["NetworkInterfaceId"] in public and _instance(interface)
    }
    reservations = _all(ec2, "DescribeInstances", "Reservations") if behind else []
    if reservations is None:
        return None
    profiles = {
        instance["InstanceId"]: instance["IamInstanceProfile"]["Arn"]
        for reservation in reservations
        for instance in reservation.get("Instances", ())
        if "IamInstanceProfile" in instance
    }
    return {i: profiles[instance] for i, instance in behind.items() if instance in profiles}


def _among(ids: list[str] | None, chosen: set[str] | None) -> list[str] | None:
    return None if ids is None or chosen is None else [i for i in ids if i in chosen]


def _values(ids: list[str] | None, values: dict[str, str] | None) -> list[str] | None:
    return (
        None if ids is None or values is None else sorted({values[i] for i in ids if i in values})
    )


def _public_ips(interface: Raw) -> list[str]:
    """Public IPv4 addresses, those of secondary private addresses included."""
    places = [interface, *interface.get("PrivateIpAddresses", ())]
    ips = {place.get("Association", {}).get("PublicIp", "") for place in places}
    return sorted(ips - {""})


def _ipv6_addresses(interface: Raw) -> list[str]:
    addresses = [entry["Ipv6Address"] for entry in interface.get("Ipv6Addresses", ())]
    return sorted(addresses + [entry["Ipv6Prefix"] for entry in interface.get("Ipv6Prefixes", ())])


def _is_global(ipv6: str) -> bool:
    return ipaddress.ip_network(ipv6, strict=False).subnet_of(GLOBAL)  # pyright: ignore


def _instance(interface: Raw) -> str:
    return interface.get("Attachment", {}).get("InstanceId", "")


def _internet_block(subnet: Raw) -> str:
    return subnet.get("BlockPublicAccessStates", {}).get("InternetGatewayBlockMode", "off")


COLLECTORS = (
    Collector(SecurityGroups, read_security_groups, calls=(SUBNETS,)),
    Collector(NetworkInterfaces, read_network_interfaces),
    Collector(Vpcs, read_vpcs),
    Collector(Subnets, read_subnets),
    Collector(FlowLogs, read_flow_logs),
)
