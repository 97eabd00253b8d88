"""Security groups and network interfaces."""

from collections import defaultdict
from collections.abc import Iterator

from stratum_pipeline.kernel.collect import Api, Collector

from ..inventory import NetworkInterfaces, SecurityGroups
from .listing import Raw, among, listed, row

ENTRIES_PAGE = 100


def read_security_groups(ec2: Api) -> Iterator[Raw]:
    groups = among(listed(ec2, "DescribeSecurityGroups", "SecurityGroups"))
    prefix_lists = {
        entry["PrefixListId"]
        for group in groups
        if group["OwnerId"] == ec2.account.account_id  # others' lists are not ours to read
        for permission in group.get("IpPermissions", ())
        for entry in permission.get("PrefixListIds", ())
    }
    content = {prefix_list: _entries(ec2, prefix_list) for prefix_list in sorted(prefix_lists)}

    interfaces = listed(ec2, "DescribeNetworkInterfaces", "NetworkInterfaces")
    attached: dict[str, list[str]] = defaultdict(list)
    for interface in among(interfaces):
        for group in interface.get("Groups", ()):
            attached[group["GroupId"]].append(interface["NetworkInterfaceId"])

    for group in groups:
        group_id = group["GroupId"]
        outbound = group.get("IpPermissionsEgress", ())
        yield row(ec2, group, f"security-group/{group_id}") | {
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
                    for permission in outbound
                    for pair in permission.get("UserIdGroupPairs", ())
                }
            ),
            "ingress_rules": sum(map(_rules, group.get("IpPermissions", ()))),
            "egress_rules": sum(map(_rules, outbound)),
            "interfaces": None if interfaces is None else sorted(attached[group_id]),
        }


def read_network_interfaces(ec2: Api) -> Iterator[Raw]:
    interfaces = among(listed(ec2, "DescribeNetworkInterfaces", "NetworkInterfaces"))
    profiles = _profiles(ec2, interfaces)
    for interface in interfaces:
        instance = interface.get("Attachment", {}).get("InstanceId", "")
        yield row(ec2, interface, f"network-interface/{interface['NetworkInterfaceId']}") | {
            "interface_id": interface["NetworkInterfaceId"],
            "vpc_id": interface.get("VpcId", ""),
            "subnet_id": interface.get("SubnetId", ""),
            "status": interface["Status"],
            "interface_type": interface.get("InterfaceType", "interface"),
            "requester_managed": interface.get("RequesterManaged", False),
            "denies_internet": interface.get("DenyAllIgwTraffic", False),
            "groups": sorted(group["GroupId"] for group in interface.get("Groups", ())),
            "instance_id": instance,
            "public_ips": _public_ips(interface),
            "ipv6_addresses": _ipv6_addresses(interface),
            "instance_profile": None if profiles is None else profiles.get(instance, ""),
        }


def _entries(ec2: Api, prefix_list: str) -> list[str] | None:
    """Networks in a prefix list, ours, shared with us or AWS's own; None if it won't say."""
    entries = ec2.all(
        "GetManagedPrefixListEntries",
        "Entries",
        PrefixListId=prefix_list,
        PaginationConfig={"PageSize": ENTRIES_PAGE},
    )
    return None if entries is None else sorted(entry["Cidr"] for entry in entries)


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


def _rules(permission: Raw) -> int:
    """How many rules AWS counts a permission as: one a source or destination."""
    kinds = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
    return sum(len(permission.get(kind, ())) for kind in kinds)


def _profiles(ec2: Api, interfaces: list[Raw]) -> dict[str, str] | None:
    """Instance profiles by instance; asked only if an instance may be met on the internet."""
    if not any(
        "InstanceId" in interface.get("Attachment", {})
        and (_public_ips(interface) or _ipv6_addresses(interface))
        for interface in interfaces
    ):
        return None
    reservations = listed(ec2, "DescribeInstances", "Reservations")
    return (
        None
        if reservations is None
        else {
            instance["InstanceId"]: instance["IamInstanceProfile"]["Arn"]
            for reservation in reservations
            for instance in reservation.get("Instances", ())
            if "IamInstanceProfile" in instance
        }
    )


def _public_ips(interface: Raw) -> list[str]:
    """Public IPv4 addresses, those of secondary private addresses included."""
    places = [interface, *interface.get("PrivateIpAddresses", ())]
    ips = {place.get("Association", {}).get("PublicIp", "") for place in places}
    return sorted(ips - {""})


def _ipv6_addresses(interface: Raw) -> list[str]:
    addresses = [entry["Ipv6Address"] for entry in interface.get("Ipv6Addresses", ())]
    return sorted(addresses + [entry["Ipv6Prefix"] for entry in interface.get("Ipv6Prefixes", ())])


COLLECTORS = (
    Collector(SecurityGroups, read_security_groups),
    Collector(NetworkInterfaces, read_network_interfaces),
)
