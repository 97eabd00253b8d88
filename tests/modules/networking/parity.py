"""Each of the peer's networking checks: what it is about fails one of ours, its repair passes."""

import json
from typing import Any

from stratum_pipeline.modules.cost.rules.network import idle_address
from stratum_pipeline.modules.networking.rules import (
    connectivity,
    directconnect,
    firewall,
    groups,
    vpc,
)

from ..parity import ME, SIBLING, STRANGER, Case

EVERYWHERE = ["0.0.0.0/0", "::/0"]
OFFICE = "198.51.100.7/32"
LOCAL = {"destination": "10.0.0.0/16", "target": "local", "state": "active"}
OUT = {"destination": "0.0.0.0/0", "target": "igw-1", "state": "active"}


def allow(protocol: str, low: int, high: int, *cidrs: str) -> dict[str, Any]:
    return {
        "protocol": protocol,
        "from_port": low,
        "to_port": high,
        "cidrs": list(cidrs),
        "prefix_lists": [],
        "groups": [],
    }


def group(*ingress: dict[str, Any], **columns: Any) -> dict[str, Any]:
    return {
        "group_id": "sg-1",
        "name": "web",
        "is_default": False,
        "ingress": list(ingress),
        "egress_groups": [],
        "ingress_rules": len(ingress),
        "egress_rules": 1,
        "interfaces": ["eni-1"],
    } | columns


CLOSED = group(allow("tcp", 443, 443, *EVERYWHERE), allow("tcp", 22, 22, "10.0.0.0/8"))


def ports(*each: int) -> list[Case]:
    """A group that opens each of the ports to the world; the repair opens none of them."""
    return [
        Case(groups.sensitive_ports, group(allow("tcp", port, port, cidr)), CLOSED)
        for port in each
        for cidr in EVERYWHERE
    ]


def entry(number: int, action: str, protocol: str, low: int, high: int) -> dict[str, Any]:
    ports = {"from_port": low, "to_port": high}
    return {
        "number": number,
        "action": action,
        "protocol": protocol,
        "cidr": EVERYWHERE[0],
        **ports,
    }


def acl(*ingress: dict[str, Any], **columns: Any) -> dict[str, Any]:
    return {
        "is_default": False,
        "in_default_vpc": False,
        "subnets": ["subnet-1"],
        "ingress": list(ingress),
        "routes": [OUT, LOCAL],
    } | columns


def acl_case(*broken: dict[str, Any]) -> Case:
    deny = [entry(1, "deny", "6", 22, 22), entry(2, "deny", "6", 3389, 3389)]
    return Case(vpc.acl_admin_ports, acl(*broken), acl(*deny, *broken))


def network(**columns: Any) -> dict[str, Any]:
    return {
        "is_default": False,
        "interface_count": 1,
        "flow_logs": ["fl-1"],
        "subnets": ["subnet-1", "subnet-2"],
        "zones": ["us-east-1a", "us-east-1b"],
        "unlogged_subnets": ["subnet-1", "subnet-2"],
        "layout": [
            {"subnet_id": "subnet-1", "routes": [OUT, LOCAL]},
            {"subnet_id": "subnet-2", "routes": [LOCAL]},
        ],
        "endpoint_services": ["com.amazonaws.us-east-1.ec2"],
        "firewall_endpoints": ["vpce-1"],
    } | columns


def endpoint(principal: Any, **columns: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*"}
    return {
        "type": "Interface",
        "subnets": ["subnet-1", "subnet-2"],
        "policy": json.dumps({"Statement": [statement]}),
    } | columns


def service(*principals: str, acceptance: bool = True) -> dict[str, Any]:
    return {"principals": [*principals], "acceptance_required": acceptance, "connected": []}


def root(account: str) -> str:
    return f"arn:aws:iam::{account}:root"


def peering(*destinations: str) -> dict[str, Any]:
    return {
        "status": "active",
        "parties": [ME],
        "vpcs": [],
        "cidrs": ["10.0.0.0/16", "10.1.0.0/16"],
        "destinations": [*destinations],
    }


def a_firewall(**columns: Any) -> dict[str, Any]:
    good = {"endpoint_count": 2, "deletion_protection": True, "log_types": ["ALERT", "FLOW"]}
    return good | columns


def a_policy(**columns: Any) -> dict[str, Any]:
    return {
        "association_count": 1,
        "stateless_defaults": ["aws:forward_to_sfe"],
        "fragment_defaults": ["aws:forward_to_sfe"],
        "rule_groups": ["arn:aws:network-firewall:us-east-1:111111111111:stateful-rulegroup/x"],
    } | columns


def lines(*locations: str) -> dict[str, Any]:
    ids = [f"dxcon-{n}" for n, _ in enumerate(locations)]
    return {"connection_id": ids[0], "siblings": ids, "locations": sorted({*locations})}


def vif(*connections: str) -> dict[str, Any]:
    ids = [f"dxvif-{n}" for n, _ in enumerate(connections)]
    return {
        "interface_id": ids[0],
        "gateway_id": "vgw-1",
        "siblings": ids,
        "connections": [*connections],
    }


SG = "ec2_securitygroup_allow_ingress_from_internet_to"

CASES: dict[str, Case | list[Case]] = {
    "directconnect_connection_redundancy": [
        Case(directconnect.single_location, lines("EqDC2"), lines("EqDC2", "EqDA2")),
        Case(directconnect.single_location, lines("EqDC2", "EqDC2"), lines("EqDC2", "EqDA2")),
    ],
    "directconnect_virtual_interface_redundancy": [
        Case(directconnect.single_path, vif("dxcon-1"), vif("dxcon-1", "dxcon-2")),
        Case(directconnect.single_path, vif("dxcon-1", "dxcon-1"), vif("dxcon-1", "dxcon-2")),
    ],
    "ec2_client_vpn_endpoint_connection_logging_enabled": Case(
        connectivity.client_vpn_logging, {"logs_connections": False}, {"logs_connections": True}
    ),
    "ec2_elastic_ip_unassigned": Case(
        idle_address,
        {"pool": "amazon", "associated": False, "instance_state": ""},
        {"pool": "amazon", "associated": True, "instance_state": "running"},
    ),
    "ec2_networkacl_allow_ingress_any_port": acl_case(entry(100, "allow", "-1", -1, -1)),
    "ec2_networkacl_allow_ingress_tcp_port_22": acl_case(entry(100, "allow", "6", 22, 22)),
    "ec2_networkacl_allow_ingress_tcp_port_3389": acl_case(entry(100, "allow", "6", 3000, 4000)),
    "ec2_networkacl_unused": Case(vpc.acl_unused, acl(subnets=[]), acl()),
    f"{SG}_all_ports": [
        Case(groups.all_traffic, group(allow("-1", -1, -1, cidr)), CLOSED) for cidr in EVERYWHERE
    ],
    f"{SG}_any_port": [
        Case(groups.public_port, group(allow("tcp", 8080, 8080, cidr)), CLOSED)
        for cidr in EVERYWHERE
    ],
    f"{SG}_any_port_from_ip": [
        Case(groups.named_source, group(allow("tcp", 22, 22, OFFICE)), CLOSED),
        Case(groups.wide_source, group(allow("tcp", 8080, 8080, "17.0.0.0/16")), CLOSED),
    ],
    f"{SG}_high_risk_tcp_ports": [
        *ports(135, 445),
        *(
            Case(groups.public_port, group(allow("tcp", port, port, EVERYWHERE[0])), CLOSED)
            for port in (25, 110, 143, 3000, 4333, 5000, 5500, 8080, 8088)
        ),
    ],
    f"{SG}_tcp_port_22": ports(22),
    f"{SG}_tcp_port_3389": ports(3389),
    f"{SG}_tcp_port_cassandra_7199_9160_8888": ports(7199, 9160, 8888),
    f"{SG}_tcp_port_elasticsearch_kibana_9200_9300_5601": ports(9200, 9300, 5601),
    f"{SG}_tcp_port_ftp_20_21": ports(20, 21),
    f"{SG}_tcp_port_kafka_9092": ports(9092),
    f"{SG}_tcp_port_memcached_11211": ports(11211),
    f"{SG}_tcp_port_mongodb_27017_27018": ports(27017, 27018),
    f"{SG}_tcp_port_mysql_3306": ports(3306),
    f"{SG}_tcp_port_oracle_1521_2483": ports(1521, 2483),
    f"{SG}_tcp_port_postgres_5432": ports(5432),
    f"{SG}_tcp_port_redis_6379": ports(6379),
    f"{SG}_tcp_port_sql_server_1433_1434": ports(1433, 1434),
    f"{SG}_tcp_port_telnet_23": ports(23),
    "ec2_securitygroup_allow_wide_open_public_ipv4": Case(
        groups.wide_source, group(allow("tcp", 8443, 8443, "82.122.0.0/16")), CLOSED
    ),
    "ec2_securitygroup_default_restrict_traffic": [
        Case(
            groups.default_rules,
            group(is_default=True, interfaces=[], ingress_rules=1),
            group(is_default=True, interfaces=[], egress_rules=0),
        ),
        Case(
            groups.default_in_use,
            group(is_default=True),
            group(is_default=True, interfaces=[], egress_rules=0),
        ),
    ],
    "ec2_securitygroup_from_launch_wizard": Case(
        groups.launch_wizard, group(name="launch-wizard-1"), group()
    ),
    "ec2_securitygroup_not_used": Case(groups.unused, group(interfaces=[]), group()),
    "ec2_securitygroup_with_many_ingress_egress_rules": [
        Case(groups.many_rules, group(ingress_rules=51), group(ingress_rules=50)),
        Case(groups.many_rules, group(egress_rules=51), group(egress_rules=50)),
    ],
    "ec2_transitgateway_auto_accept_vpc_attachments": Case(
        connectivity.gateway_auto_accept, {"auto_accept": True}, {"auto_accept": False}
    ),
    "networkfirewall_deletion_protection": Case(
        firewall.no_deletion_protection, a_firewall(deletion_protection=False), a_firewall()
    ),
    "networkfirewall_in_all_vpc": Case(vpc.no_firewall, network(firewall_endpoints=[]), network()),
    "networkfirewall_logging_enabled": Case(
        firewall.no_logging, a_firewall(log_types=[]), a_firewall()
    ),
    "networkfirewall_multi_az": Case(
        firewall.single_zone, a_firewall(endpoint_count=1), a_firewall()
    ),
    "networkfirewall_policy_default_action_fragmented_packets": Case(
        firewall.passes_unmatched, a_policy(fragment_defaults=["aws:pass"]), a_policy()
    ),
    "networkfirewall_policy_default_action_full_packets": Case(
        firewall.passes_unmatched, a_policy(stateless_defaults=["aws:pass"]), a_policy()
    ),
    "networkfirewall_policy_rule_group_associated": Case(
        firewall.no_rule_group, a_policy(rule_groups=[]), a_policy()
    ),
    "vpc_endpoint_connections_trust_boundaries": [
        Case(connectivity.endpoint_open_policy, endpoint("*"), endpoint({"AWS": root(ME)})),
        Case(
            connectivity.endpoint_outsiders,
            endpoint({"AWS": root(STRANGER)}),
            endpoint({"AWS": root(SIBLING)}),
        ),
    ],
    "vpc_endpoint_for_ec2_enabled": Case(
        vpc.no_ec2_endpoint, network(endpoint_services=["com.amazonaws.us-east-1.s3"]), network()
    ),
    "vpc_endpoint_multi_az_enabled": Case(
        connectivity.endpoint_single_zone, endpoint("*", subnets=["subnet-1"]), endpoint("*")
    ),
    "vpc_endpoint_services_allowed_principals_trust_boundaries": [
        Case(connectivity.service_outsiders, service(root(STRANGER)), service(root(SIBLING))),
        Case(connectivity.service_outsiders, service("*"), service(root(SIBLING))),
        Case(
            connectivity.service_anyone,
            service("*", acceptance=False),
            service(root(SIBLING), acceptance=False),
        ),
    ],
    "vpc_flow_logs_enabled": Case(vpc.vpc_flow_logs, network(flow_logs=[]), network()),
    "vpc_peering_routing_tables_with_least_privilege": [
        Case(connectivity.peering_broad_routes, peering(to), peering("10.1.2.0/24"))
        for to in ("0.0.0.0/0", "10.1.0.0/16")
    ],
    "vpc_subnet_different_az": Case(vpc.single_zone, network(zones=["us-east-1a"]), network()),
    "vpc_subnet_no_public_ip_by_default": Case(
        vpc.auto_public_ip,
        {"is_default": False, "map_public_ip_on_launch": True},
        {"is_default": False, "map_public_ip_on_launch": False},
    ),
    "vpc_subnet_separate_private_public": Case(
        vpc.no_private_subnet,
        network(layout=[{"subnet_id": "subnet-1", "routes": [OUT, LOCAL]}]),
        network(),
    ),
    "vpc_vpn_connection_tunnels_up": Case(
        connectivity.vpn_tunnel_down,
        {"state": "available", "tunnels": ["UP", "DOWN"]},
        {"state": "available", "tunnels": ["UP", "UP"]},
    ),
}
