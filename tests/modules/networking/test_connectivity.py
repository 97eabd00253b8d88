"""Endpoints, peering, transit gateways, VPNs and Direct Connect: rules, and scans of them."""

import json
from typing import Any

import boto3
import botocore.client
import pytest

from stratum_pipeline.kernel.correlate import Index, correlate
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.kernel.trust import Members
from stratum_pipeline.modules.networking import MODULE
from stratum_pipeline.modules.networking.inventory import (
    EndpointServices,
    PeeringConnections,
    TransitGatewayAttachments,
    VirtualInterfaces,
    VpcEndpoints,
    VpnConnections,
)
from stratum_pipeline.modules.networking.rules import connectivity, directconnect

from ..parity import ME, SIBLING, STRANGER, verdict
from .estate import again, calls, failing, judged, make_vpc, scan, unknown
from .parity import endpoint, lines, peering, root, service, vif

EVERYTHING = endpoint("*")
ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-ours123456"}}
RESOURCES = {"StringEquals": {"aws:ResourceOrgID": "o-ours123456"}}


def policy(**changed: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"} | changed
    return EVERYTHING | {"policy": json.dumps({"Statement": [statement]})}


def attachment(*parties: Any, state: str = "available") -> dict[str, Any]:
    return {"state": state, "parties": [*parties], "gateway_arn": "arn:tgw"}


@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        (connectivity.endpoint_open_policy, EVERYTHING, "fail"),
        (connectivity.endpoint_open_policy, policy(Principal={"AWS": "*"}), "fail"),
        (connectivity.endpoint_open_policy, policy(Condition=ORGANIZATION), "pass"),
        (connectivity.endpoint_open_policy, policy(Condition=RESOURCES), "pass"),
        (connectivity.endpoint_open_policy, policy(Resource="arn:aws:s3:::ours/*"), "pass"),
        (connectivity.endpoint_open_policy, EVERYTHING | {"policy": ""}, "pass"),
        (connectivity.endpoint_open_policy, EVERYTHING | {"policy": None}, "unknown"),
        (connectivity.endpoint_open_policy, EVERYTHING | {"policy": "{"}, "unknown"),
        (connectivity.endpoint_outsiders, endpoint({"AWS": root(STRANGER)}), "fail"),
        (connectivity.endpoint_outsiders, endpoint({"AWS": root(SIBLING)}), "pass"),
        (connectivity.endpoint_outsiders, EVERYTHING | {"policy": None}, "unknown"),
        (connectivity.endpoint_single_zone, endpoint("*", subnets=["a"]), "fail"),
        (connectivity.endpoint_single_zone, EVERYTHING, "pass"),
        (connectivity.endpoint_single_zone, endpoint("*", subnets=None), "unknown"),
        (connectivity.endpoint_single_zone, endpoint("*", type="Gateway", subnets=[]), "n/a"),
        (connectivity.service_anyone, service("*", acceptance=False), "fail"),
        (connectivity.service_anyone, service("*"), "pass"),
        (connectivity.service_anyone, service(root(STRANGER), acceptance=False), "pass"),
        (connectivity.service_anyone, service() | {"principals": None}, "pass"),  # it is asked
        (
            connectivity.service_anyone,
            service(acceptance=False) | {"principals": None},
            "unknown",
        ),
        (connectivity.service_outsiders, service("*"), "fail"),
        (connectivity.service_outsiders, service("*", acceptance=False), "n/a"),
        (connectivity.service_outsiders, service(root(STRANGER)), "fail"),
        (connectivity.service_outsiders, service() | {"connected": [STRANGER]}, "fail"),
        (connectivity.service_outsiders, service(root(SIBLING)), "pass"),
        (connectivity.service_outsiders, service(root(SIBLING)) | {"connected": None}, "unknown"),
        (connectivity.peering_outsider, peering() | {"parties": [ME, STRANGER]}, "fail"),
        (connectivity.peering_outsider, peering() | {"parties": [ME, SIBLING]}, "pass"),
        (connectivity.peering_outsider, peering() | {"parties": [ME, None]}, "unknown"),
        (
            connectivity.peering_outsider,
            peering() | {"parties": [ME, STRANGER], "status": "pending-acceptance"},
            "n/a",
        ),
        (connectivity.peering_broad_routes, peering("10.1.0.0/16"), "fail"),
        (connectivity.peering_broad_routes, peering("10.0.0.0/8"), "fail"),
        (connectivity.peering_broad_routes, peering("10.1.2.0/24", "pl-1"), "pass"),
        (connectivity.peering_broad_routes, peering("::/0"), "pass"),  # they have no IPv6
        (connectivity.peering_broad_routes, peering() | {"destinations": None}, "unknown"),
        (connectivity.gateway_auto_accept, {"auto_accept": True}, "fail"),
        (connectivity.gateway_auto_accept, {"auto_accept": False}, "pass"),
        (connectivity.gateway_auto_accept, {"auto_accept": None}, "unknown"),
        (connectivity.attachment_outsider, attachment(ME, STRANGER), "fail"),
        (connectivity.attachment_outsider, attachment(ME, SIBLING), "pass"),
        (connectivity.attachment_outsider, attachment(ME, None), "unknown"),
        (connectivity.attachment_outsider, attachment(ME, STRANGER, state="deleted"), "n/a"),
        (connectivity.vpn_tunnel_down, {"state": "available", "tunnels": ["DOWN", "UP"]}, "fail"),
        (connectivity.vpn_tunnel_down, {"state": "available", "tunnels": ["UP", "UP"]}, "pass"),
        (connectivity.vpn_tunnel_down, {"state": "available", "tunnels": [None]}, "unknown"),
        (connectivity.vpn_tunnel_down, {"state": "deleted", "tunnels": ["DOWN"]}, "n/a"),
        (connectivity.client_vpn_logging, {"logs_connections": False}, "fail"),
        (connectivity.client_vpn_logging, {"logs_connections": True}, "pass"),
        (connectivity.client_vpn_logging, {"logs_connections": None}, "unknown"),
        (directconnect.single_location, lines("A", "A"), "fail"),
        (directconnect.single_location, lines("A", "B"), "pass"),
        (directconnect.single_location, lines("A") | {"locations": None}, "unknown"),
        (directconnect.single_location, lines("A", "A") | {"connection_id": "dxcon-1"}, "n/a"),
        (directconnect.single_path, vif("line"), "fail"),
        (directconnect.single_path, vif("line", "line"), "fail"),
        (directconnect.single_path, vif("line", "other"), "pass"),
        (directconnect.single_path, vif("line", None), "unknown"),
        (directconnect.single_path, vif("line", "other", None), "pass"),
        (directconnect.single_path, vif("line") | {"siblings": None}, "unknown"),
        (directconnect.single_path, vif("line", "line") | {"interface_id": "dxvif-1"}, "n/a"),
    ],
)
def test_verdict(rule: Rule, row: dict[str, Any], expected: str):
    assert verdict(rule, row) == expected


def test_an_outsider_on_a_gateway_that_accepts_all_is_grave():
    rules = ("transit_gateway.auto_accept", "transit_gateway_attachment.outsider")
    index = Index.frame(
        {"finding_id": r, "rule_id": f"networking.{r}", "account_id": "1", "related": ["arn:tgw"]}
        for r in rules
    )
    (found,) = [c for one in MODULE.correlations for c in correlate(one, index).to_dicts()]
    assert (found["finding_id"], found["severity"]) == (rules[0], "high")


@pytest.fixture
def endpoints(ec2) -> dict[str, str]:
    """Endpoints of three kinds in one VPC; ids by name."""
    vpc, subnet = make_vpc(ec2)
    made = {"vpc": vpc}
    for name, kind, reached in (
        ("s3", "Gateway", "com.amazonaws.us-east-1.s3"),
        ("ec2", "Interface", "com.amazonaws.us-east-1.ec2"),
        ("firewall", "GatewayLoadBalancer", "com.amazonaws.vpce.us-east-1.vpce-svc-1"),
    ):
        options = {"SubnetIds": [subnet]} if kind == "Interface" else {}
        made[name] = ec2.create_vpc_endpoint(
            VpcId=vpc, VpcEndpointType=kind, ServiceName=reached, **options
        )["VpcEndpoint"]["VpcEndpointId"]
    return made


def test_endpoints_are_told_apart(account, endpoints):
    inventory = scan(account)
    rows = {row["endpoint_id"]: row for row in inventory[VpcEndpoints].to_dicts()}
    assert {rows[endpoints[name]]["type"] for name in ("s3", "ec2", "firewall")} == {
        *("Gateway", "Interface", "GatewayLoadBalancer")
    }
    found = failing(judged(again(account)))
    assert ("vpc_endpoint.open_policy", endpoints["s3"]) in found
    assert ("vpc_endpoint.single_zone", endpoints["ec2"]) in found
    assert not {rule for rule, _ in found} & {"vpc.no_firewall", "vpc.no_ec2_endpoint"}


SERVICE = {"ServiceId": "vpce-svc-1", "ServiceName": "x", "AcceptanceRequired": False}


@pytest.fixture
def offered(answer) -> None:
    """Two services, one of them to anyone, and a stranger connected to the other."""
    second = SERVICE | {"ServiceId": "vpce-svc-2", "AcceptanceRequired": True}
    answer("DescribeVpcEndpointServiceConfigurations", {"ServiceConfigurations": [SERVICE, second]})
    answer(
        "DescribeVpcEndpointServicePermissions",
        lambda params: {
            "AllowedPrincipals": [{"Principal": "*", "PrincipalType": "All"}]
            if params["ServiceId"] == "vpce-svc-1"
            else []
        },
    )
    answer(
        "DescribeVpcEndpointConnections",
        {
            "VpcEndpointConnections": [
                {
                    "ServiceId": "vpce-svc-2",
                    "VpcEndpointId": f"vpce-{state}",
                    "VpcEndpointOwner": owner,
                    "VpcEndpointState": state,
                }
                for owner, state in ((STRANGER, "available"), (SIBLING, "rejected"))
            ]
        },
    )


def test_endpoint_services(account, offered):
    inventory = scan(account)
    assert inventory[EndpointServices].select("principals", "connected").rows() == [
        (["*"], []),
        ([], [STRANGER]),
    ]
    members = Members.frame([{"principal": "123456789012"}, {"principal": SIBLING}])
    judged_rows = EndpointServices.judged({**inventory, Members: members})
    assert judged_rows["connected_outsiders"].to_list() == [[], [STRANGER]]
    asked = calls(account)
    assert asked["DescribeVpcEndpointConnections"] == 1
    assert asked["DescribeVpcEndpointServicePermissions"] == 2


@pytest.mark.parametrize(
    ("operation", "blind"),
    [
        (
            "DescribeVpcEndpointServicePermissions",
            {"endpoint_service.anyone", "endpoint_service.outsiders"},
        ),
        ("DescribeVpcEndpointConnections", {"endpoint_service.outsiders"}),
    ],
)
def test_what_a_service_will_not_say_is_unknown(account, offered, refuse, operation, blind):
    refuse(operation, "UnauthorizedOperation")
    found = judged(account)
    why = {f"ec2:{operation} denied (UnauthorizedOperation)"}
    reasons = unknown(found)
    for rule in blind - {"endpoint_service.anyone"}:
        assert why <= {part for reason in reasons[rule] for part in reason.split(", ")}
    assert {gap["operation"] for gap in found.gaps.to_dicts()} == {f"ec2:{operation}"}
    assert blind <= reasons.keys()


def test_peering_has_a_row_on_each_side_with_its_own_routes(ec2, account):
    west = boto3.client("ec2", region_name="eu-west-1")
    vpc, _ = make_vpc(ec2)
    other = west.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    peering_id = ec2.create_vpc_peering_connection(
        VpcId=vpc, PeerVpcId=other, PeerRegion="eu-west-1"
    )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    west.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    (table,) = (t for t in ec2.describe_route_tables()["RouteTables"] if t["VpcId"] == vpc)
    ec2.create_route(
        RouteTableId=table["RouteTableId"],
        DestinationCidrBlock="10.1.0.0/16",
        VpcPeeringConnectionId=peering_id,
    )
    rows = scan(account, "us-east-1", "eu-west-1")[PeeringConnections].to_dicts()
    assert {row["region"]: row["destinations"] for row in rows} == {
        "us-east-1": ["10.1.0.0/16"],
        "eu-west-1": [],
    }
    assert {tuple(row["cidrs"]) for row in rows} == {("10.0.0.0/16", "10.1.0.0/16")}
    found = judged(again(account), "us-east-1", "eu-west-1").fails
    broad = found.filter(rule_id="networking.peering.broad_routes")
    assert broad["region"].to_list() == ["us-east-1"]


def test_a_transit_gateway_and_what_is_attached(ec2, account, answer):
    vpc, _ = make_vpc(ec2)
    gateway = ec2.create_transit_gateway(Options={"AutoAcceptSharedAttachments": "enable"})
    gateway_id = gateway["TransitGateway"]["TransitGatewayId"]
    answer(
        "DescribeTransitGatewayAttachments",
        {
            "TransitGatewayAttachments": [
                {
                    "TransitGatewayAttachmentId": "tgw-attach-1",
                    "TransitGatewayId": gateway_id,
                    "TransitGatewayOwnerId": "123456789012",
                    "ResourceOwnerId": STRANGER,
                    "ResourceType": "vpc",
                    "ResourceId": vpc,
                    "State": "available",
                }
            ]
        },
    )
    inventory = scan(account)
    (row,) = inventory[TransitGatewayAttachments].to_dicts()
    assert row["parties"] == ["123456789012", STRANGER]
    assert row["gateway_arn"].endswith(f":123456789012:transit-gateway/{gateway_id}")
    found = judged(again(account))
    assert ("transit_gateway.auto_accept", gateway_id) in failing(found)
    # Who is ours is not known here: no outsider can be told.
    assert "transit_gateway_attachment.outsider" in unknown(found)


VPN = {
    "VpnConnectionId": "vpn-1",
    "State": "available",
    "Type": "ipsec.1",
    "CustomerGatewayConfiguration": "<pre_shared_key>S3cr3tKeyOfTunnelOne</pre_shared_key>",
    "Options": {"TunnelOptions": [{"PreSharedKey": "S3cr3tKeyOfTunnelOne"}]},
    "VgwTelemetry": [{"Status": "UP"}, {"Status": "DOWN"}],
}


def test_no_key_of_a_tunnel_is_kept(account, answer):
    answer("DescribeVpnConnections", {"VpnConnections": [VPN]})
    answer("DescribeVirtualInterfaces", {"virtualInterfaces": [VIF | BGP]})
    inventory = scan(account)
    assert inventory[VpnConnections]["tunnels"].to_list() == [["DOWN", "UP"]]
    assert inventory[VirtualInterfaces].height == 1
    kept = json.dumps([frame.to_dicts() for frame in inventory.values()], default=str)
    assert "S3cr3t" not in kept
    assert ("vpn_connection.tunnel_down", "vpn-1") in failing(judged(again(account)))


LINE = {
    "connectionId": "dxcon-1",
    "ownerAccount": "123456789012",
    "connectionState": "available",
    "location": "EqDC2",
}
VIF = {
    "virtualInterfaceId": "dxvif-1",
    "ownerAccount": "123456789012",
    "connectionId": "dxcon-1",
    "virtualInterfaceState": "available",
    "virtualInterfaceType": "transit",
    "directConnectGatewayId": "dxgw-1",
}


BGP = {
    "directConnectGatewayId": "",
    "virtualGatewayId": "vgw-1",
    "authKey": "S3cr3tKeyOfBgp",
    "bgpPeers": [{"authKey": "S3cr3tKeyOfBgp"}],
}


def attached(vif_id: str, region: str) -> dict[str, str]:
    return {
        "virtualInterfaceId": vif_id,
        "virtualInterfaceRegion": region,
        "attachmentState": "attached",
    }


def test_lines_to_one_location_are_one_finding(account, answer):
    second = LINE | {"connectionId": "dxcon-2"}
    gone = LINE | {"connectionId": "dxcon-3", "location": "TCSH", "connectionState": "deleted"}
    answer("DescribeConnections", {"connections": [second, LINE, gone]})
    assert {it for rule, it in failing(judged(account)) if "direct" in rule} == {"dxcon-1"}
    elsewhere = second | {"location": "TCSH"}
    answer("DescribeConnections", {"connections": [LINE, elsewhere]})
    assert not {it for rule, it in failing(judged(again(account))) if "direct" in rule}


def test_connections_come_in_pages(account, answer):
    second = LINE | {"connectionId": "dxcon-2", "location": "TCSH"}
    answer(
        "DescribeConnections",
        lambda params: (
            {"connections": [second]}
            if "nextToken" in params
            else {"connections": [LINE], "nextToken": "more"}
        ),
    )
    assert not {it for rule, it in failing(judged(account)) if "direct" in rule}
    assert calls(account)["DescribeConnections"] == 2


@pytest.mark.parametrize(
    ("siblings", "expected"),
    [
        ([("dxvif-1", "us-east-1")], {"dxvif-1"}),
        ([("dxvif-1", "us-east-1"), ("dxvif-2", "eu-west-1")], set()),
        # Of another account: no telling which line it runs over.
        ([("dxvif-1", "us-east-1"), ("dxvif-9", "us-east-1")], None),
    ],
)
def test_a_gateways_other_path_may_be_in_another_region(monkeypatch, account, siblings, expected):
    real = botocore.client.BaseClient._make_api_call
    far = VIF | {"virtualInterfaceId": "dxvif-2", "connectionId": "dxcon-2"}
    there = {"us-east-1": [VIF], "eu-west-1": [far]}

    def call(client, operation: str, params: dict):
        if operation == "DescribeVirtualInterfaces":
            return {"virtualInterfaces": there[client.meta.region_name]}
        if operation == "DescribeDirectConnectGatewayAttachments":
            return {"directConnectGatewayAttachments": [attached(*one) for one in siblings]}
        return real(client, operation, params)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    found = judged(account, "us-east-1")
    told = {it for rule, it in failing(found) if "virtual" in rule}
    assert told == (expected or set())
    assert ("virtual_interface.single_path" in unknown(found)) is (expected is None)
    listed = calls(account)["DescribeVirtualInterfaces"]
    assert listed == 1 + (("dxvif-2", "eu-west-1") in siblings)
