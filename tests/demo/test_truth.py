"""truth.csv against the estate: all its resources are there, and nothing grave is left out."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from ipaddress import collapse_addresses, ip_network
from typing import Any

import pytest

from stratum_pipeline import demo
from stratum_pipeline.registry import RULES as ALL_RULES

from .listing import EC2, IAM, NETWORKS, OUTSIDE, REGIONAL, REGIONS, Aws


@pytest.fixture
def planted(organization: demo.Organization) -> dict[str, set[str]]:
    """By rule, the resources that must fail it."""
    by_rule: dict[str, set[str]] = {}
    for row in organization.truth:
        by_rule.setdefault(row["rule_id"], set()).add(row["resource_arn"])
    return by_rule


def test_every_rule_is_planted_and_no_row_twice(
    organization: demo.Organization, planted: dict[str, set[str]]
) -> None:
    assert planted.keys() == {rule.id for rule in ALL_RULES}
    rows = [(row["rule_id"], row["resource_arn"]) for row in organization.truth]
    assert len(rows) == len(set(rows))


def test_every_resource_exists(organization: demo.Organization, aws: Aws, listing: Any) -> None:
    there = {*arns(aws, listing), *aws.standing()}
    for row in organization.truth:
        arn = row["resource_arn"]
        assert row["account_id"] in arn or arn.startswith("arn:aws:s3:::acme-" + row["account"])
        assert (
            arn in there
            or ":setting/" in arn
            or arn.endswith(":root")
            or (
                row["rule_id"] == "ssm.session.preferences"  # that it isn't there is what is wrong
            )
        ), row


def arns(aws: Aws, listing: dict[str, Any]) -> Iterator[str]:
    kinds = {
        "FlowLogId": "vpc-flow-log",
        "GroupId": "security-group",
        "ServiceId": "vpc-endpoint-service",
        "TransitGatewayAttachmentId": "transit-gateway-attachment",
        "TransitGatewayId": "transit-gateway",
        "VpcEndpointId": "vpc-endpoint",
        "VpcPeeringConnectionId": "vpc-peering-connection",
        "VpnConnectionId": "vpn-connection",
        "ClientVpnEndpointId": "client-vpn-endpoint",
        "NetworkAclId": "network-acl",
        "SubnetId": "subnet",
        "VpcId": "vpc",
    }
    for account in aws.scanned:
        details = listing[f"{account} get_account_authorization_details"]
        for key in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"):
            yield from (item["Arn"] for item in details[key])
        for operation, key in IAM.items():
            yield from (item["Arn"] for item in listing[f"{account} {operation}"][key])
        for region in REGIONS:
            for _, operation, key, arn in (*OUTSIDE, *REGIONAL):
                yield from (item[arn] for item in listing[f"{account} {region} {operation}"][key])
            for name in listing[f"{account} {region} list_tables"]["TableNames"]:
                yield f"arn:aws:dynamodb:{region}:{aws.id(account)}:table/{name}"
        yield from (f"arn:aws:s3:::{name}" for name in buckets(account, listing))
        yield from (arn for arn, _, _ in access_points(account, aws, listing))
        for region in REGIONS:
            for operation, key in EC2.items():
                found = listing[f"{account} {region} {operation}"]
                for item in () if found == "RequestLimitExceeded" else found[key]:
                    name = next((name for name in kinds if name in item), None)
                    if name:
                        yield f"arn:aws:ec2:{region}:{aws.id(account)}:{kinds[name]}/{item[name]}"
            for (service, operation), (key, arn) in NETWORKS.items():
                for item in listing[f"{account} {region} {service} {operation}"][key]:
                    yield arn.format_map({**item, "region": region, "account": aws.id(account)})


def buckets(account: str, listing: dict[str, Any]) -> list[str]:
    found = listing[f"{account} list_buckets"]
    return [] if found == "AccessDenied" else [bucket["Name"] for bucket in found["Buckets"]]


def access_points(
    account: str, aws: Aws, listing: dict[str, Any]
) -> Iterator[tuple[str, dict[str, bool], str]]:
    """ARN, own public access block and policy of each access point, of several regions also."""
    me = aws.id(account)
    for region in REGIONS:
        found = listing[f"{account} {region} list_access_points {me}"]
        for point in () if found == "AccessDenied" else found["AccessPointList"]:
            where, about = f"{account} {region}", f"{me} {point['Name']}"
            own = block(listing[f"{where} get_access_point {about}"])
            yield point["AccessPointArn"], own, said(listing, f"{where} get_access_point", about)
    found = listing[f"{account} list_multi_region_access_points {me}"]
    for point in () if found == "AccessDenied" else found["AccessPoints"]:
        arn = f"arn:aws:s3::{me}:accesspoint/{point['Alias']}"
        asked = f"{account} get_multi_region_access_point"
        yield arn, point["PublicAccessBlock"], said(listing, asked, f"{me} {point['Name']}")


def said(listing: dict[str, Any], asked: str, about: str) -> str:
    """An access point's policy; "" where the answer was that there is none."""
    answer = listing[f"{asked}_policy {about}"]
    if isinstance(answer, str):
        return ""
    policy = answer["Policy"]
    return policy if isinstance(policy, str) else policy["Established"]["Policy"]


# --- nothing of severity high or critical but what is planted ---------------------------


def test_root_users(aws: Aws, listing: Any, planted: Any) -> None:
    summaries = {
        f"arn:aws:iam::{aws.id(a)}:root": listing[f"{a} get_account_summary"]["SummaryMap"]
        for a in aws.scanned
    }
    assert {r for r, s in summaries.items() if not s["AccountMFAEnabled"]} == planted[
        "iam.root.mfa"
    ]
    assert {r for r, s in summaries.items() if s["AccountAccessKeysPresent"]} == planted[
        "iam.root.access_key"
    ]


def test_users(aws: Aws, listing: Any, planted: Any) -> None:
    """Also the rules on age, whose dates must stay on their side of 90 days."""
    no_mfa, old, unused = set[str](), set[str](), set[str]()
    app, administrators, pairs = set[str](), set[str](), set[str]()
    limit = (datetime.now(UTC) - timedelta(days=90)).isoformat()
    for account in aws.scanned:
        report = listing[f"{account} get_credential_report"]["Content"].decode()
        for user in list(csv.DictReader(io.StringIO(report)))[1:]:
            if user["password_enabled"] == "true":
                no_mfa |= {user["arn"]} if user["mfa_active"] == "false" else set()
                unused |= {user["arn"]} if user["password_last_used"] < limit else set()
            if user["access_key_1_active"] == "true":
                made, used = user["access_key_1_last_rotated"], user["access_key_1_last_used_date"]
                idle = max(made, used.replace("N/A", "")) < limit
                unused |= {user["arn"]} if idle else set()
                old |= {user["arn"]} if made < limit and not idle else set()
            pairs |= {user["arn"]} if user["access_key_2_active"] == "true" else set()
        devices = listing[f"{account} list_virtual_mfa_devices"]["VirtualMFADevices"]
        app |= {device["User"]["Arn"] for device in devices}
        for user in listing[f"{account} get_account_authorization_details"]["UserDetailList"]:
            held = [p["PolicyName"] for p in user["AttachedManagedPolicies"]]
            if "AdministratorAccess" in held or any(map(allows_all, inline(user, "User"))):
                administrators.add(user["Arn"])
    assert administrators == planted["iam.user.administrator"]
    assert app == planted["iam.user.hardware_mfa"] | planted["iam.root.hardware_mfa"]
    assert pairs == planted["iam.user.two_keys"]
    assert no_mfa == planted["iam.user.mfa"]
    assert old == planted["iam.user.access_key_age"]
    assert unused == planted["iam.user.unused_credentials"]


def test_roles_and_policies(aws: Aws, listing: Any, planted: Any) -> None:
    anyone, oidc, administrators, full = set[str](), set[str](), set[str](), set[str]()
    escalating, written, outside = set[str](), set[str](), set[str]()
    ours = {account.id for account in aws.organization.accounts}
    for account in aws.scanned:
        details = listing[f"{account} get_account_authorization_details"]
        for policy in details["Policies"]:
            if ":aws:policy/" not in policy["Arn"] and policy["AttachmentCount"]:
                documents = [v["Document"] for v in policy["PolicyVersionList"]]
                full |= {policy["Arn"]} if any(map(allows_all, documents)) else set()
                escalating |= {policy["Arn"]} if any(map(escalates, documents)) else set()
        for kind in ("User", "Group", "Role"):
            for holder in details[f"{kind}DetailList"]:
                if any(map(escalates, inline(holder, kind))):
                    written.add(holder["Arn"].rpartition("/")[2])
        for role in details["RoleDetailList"]:
            (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
            principal, condition = trust["Principal"], json.dumps(trust.get("Condition"))
            if principal.get("AWS") == "*" and "PrincipalOrgID" not in condition:
                anyone.add(role["Arn"])
            if "Federated" in principal and ":sub" not in condition:
                oidc.add(role["Arn"])
            held = [p["PolicyName"] for p in role["AttachedManagedPolicies"]]
            if "Service" in principal and (
                "AdministratorAccess" in held or any(map(allows_all, inline(role, "Role")))
            ):
                administrators.add(role["Arn"])
            foreign = set(re.findall(r"\d{12}", json.dumps(principal.get("AWS", "")))) - ours
            if foreign and {"AdministratorAccess", "PowerUserAccess", "ReadOnlyAccess"} & {*held}:
                outside.add(role["Arn"])
    assert anyone == planted["iam.role.trust_anyone"]
    assert oidc == planted["iam.role.trust_oidc_subject"]
    assert administrators == planted["iam.role.workload_administrator"]
    assert full == planted["iam.policy.full_admin"]
    assert outside == planted["iam.role.outside_wide"]
    assert escalating == planted["iam.policy.privilege_escalation"]
    holders = {arn.split("/")[-2] for arn in planted["iam.inline_policy.privilege_escalation"]}
    assert written == holders


CLASSIC = (
    *(
        {f"iam:{verb}{who}policy"}
        for verb in ("attach", "put")
        for who in ("user", "group", "role")
    ),
    *({f"iam:{name}"} for name in ("createpolicyversion", "updateassumerolepolicy")),
    *({f"iam:{name}"} for name in ("createaccesskey", "createloginprofile", "addusertogroup")),
    {"iam:passrole", "ec2:runinstances"},
    {"iam:passrole", "lambda:createfunction"},
    {"iam:passrole", "cloudformation:createstack"},
    {"lambda:updatefunctioncode"},
)


def escalates(document: Any) -> bool:
    """Whether a document opens one of the classic ways to administrator, short of everything."""
    allowed: list[str] = []
    for statement in document["Statement"]:
        resource = statement["Resource"]
        if statement["Effect"] == "Allow" and "Condition" not in statement:
            wide = resource == "*" or str(resource).endswith(":role/*")
            action = statement.get("Action", [])
            allowed += ([action] if isinstance(action, str) else action) if wide else []
    ways = (all(any(fnmatchcase(a, p.lower()) for p in allowed) for a in way) for way in CLASSIC)
    return not allows_all(document) and any(ways)


def inline(holder: Any, kind: str) -> list[Any]:
    return [p["PolicyDocument"] for p in holder.get(f"{kind}PolicyList", ())]


def allows_all(document: Any) -> bool:
    return any(s.get("Action") == "*" and s["Resource"] == "*" for s in document["Statement"])


def test_buckets(aws: Aws, listing: Any, planted: Any) -> None:
    policies, acls, accounts = set[str](), set[str](), set[str]()
    for account in aws.scanned:
        shared = listing[f"{account} get_public_access_block {aws.id(account)}"]
        if shared == "AccessDenied":
            continue
        shared = block(shared)
        if not all(shared.values()) or not shared:
            accounts.add(f"arn:aws:s3::{aws.id(account)}:setting/public-access-block")
        for name in buckets(account, listing):
            own = block(listing[f"{account} get_public_access_block {name}"])
            status = listing[f"{account} get_bucket_policy_status {name}"]
            public = "PolicyStatus" in status and status["PolicyStatus"]["IsPublic"]
            if (
                public
                and not (own | shared)["RestrictPublicBuckets"] | own["RestrictPublicBuckets"]
            ):
                policies.add(f"arn:aws:s3:::{name}")
            grants = json.dumps(listing[f"{account} get_bucket_acl {name}"]["Grants"])
            ignored = own["IgnorePublicAcls"] or shared.get("IgnorePublicAcls")
            if "AllUsers" in grants and not ignored:
                acls.add(f"arn:aws:s3:::{name}")
    assert policies == planted["s3.bucket.public_policy"]
    assert acls == planted["s3.bucket.public_acl"]
    assert accounts == planted["s3.account.public_access_block"]


def test_buckets_and_strangers(aws: Aws, listing: Any, planted: Any) -> None:
    """Whom no account of the organization is: in control of a bucket, its copies and its key."""
    ours = {account.id for account in aws.organization.accounts}
    controls, copies, keys = set[str](), set[str](), set[str]()
    for account in aws.scanned:
        for name in buckets(account, listing):
            arn = f"arn:aws:s3:::{name}"
            answer = listing[f"{account} get_bucket_policy {name}"]
            policy = "{}" if isinstance(answer, str) else answer["Policy"]
            for statement in json.loads(policy).get("Statement", []):
                named = set(re.findall(r"::(\d{12}):", json.dumps(statement["Principal"])))
                may = [statement["Action"]] if named - ours else []
                controls |= {arn} if "s3:PutBucketPolicy" in str(may) else set()
            copied = json.dumps(listing[f"{account} get_bucket_replication {name}"])
            copies |= {arn} if set(re.findall(r'"Account": "(\d+)"', copied)) - ours else set()
            key = json.dumps(listing[f"{account} get_bucket_encryption {name}"])
            keys |= {arn} if set(re.findall(r":(\d{12}):", key)) - ours else set()
    assert controls == planted["s3.bucket.outside_control"]
    assert copies == planted["s3.bucket.replication_outside"]
    assert keys == planted["s3.bucket.outside_key"]


def test_access_points(aws: Aws, listing: Any, planted: Any) -> None:
    public = set[str]()
    for account in aws.scanned:
        for arn, own, policy in access_points(account, aws, listing):
            if '"*"' in policy and not own["RestrictPublicBuckets"]:
                public.add(arn)
    assert public == (
        planted["s3.access_point.public_policy"]
        | planted["s3.multi_region_access_point.public_policy"]
    )


def block(answer: Any) -> dict[str, bool]:
    absent = answer == "NoSuchPublicAccessBlockConfiguration"
    return {} if absent else answer["PublicAccessBlockConfiguration"]


def test_security_groups(aws: Aws, listing: Any, planted: Any) -> None:
    everything, ports, other = set[str](), set[str](), set[str]()
    sensitive = {22, 3306, 3389, 5432, 6379, 9200, 27017}
    for account in aws.scanned:
        for region in REGIONS:
            for group in listing[f"{account} {region} describe_security_groups"]["SecurityGroups"]:
                opened = [r for r in group["IpPermissions"] if to_the_world(r)]
                if any(rule["IpProtocol"] == "-1" for rule in opened):
                    everything.add(group["SecurityGroupArn"])
                elif found := {rule["FromPort"] for rule in opened} - {80, 443}:
                    (ports if found & sensitive else other).add(group["SecurityGroupArn"])
    assert everything == planted["networking.security_group.all_traffic"]
    assert ports == planted["networking.security_group.sensitive_ports"]
    assert other == planted["networking.security_group.public_port"]


def to_the_world(rule: dict[str, Any]) -> bool:
    v4 = collapse_addresses(ip_network(r["CidrIp"]) for r in rule["IpRanges"])
    v6 = collapse_addresses(ip_network(r["CidrIpv6"]) for r in rule["Ipv6Ranges"])
    return any(network.prefixlen == 0 for network in [*v4, *v6])


def test_endpoint_services(aws: Aws, listing: Any, planted: Any) -> None:
    anyone, outsiders = set[str](), set[str]()
    ours = {account.id for account in aws.organization.accounts}
    for account in aws.scanned:
        for region in REGIONS:
            ec2 = aws.client(account, "ec2", region)
            where = f"{account} {region} describe_vpc_endpoint_service_configurations"
            for service in listing[where]["ServiceConfigurations"]:
                allowed = ec2.describe_vpc_endpoint_service_permissions(
                    ServiceId=service["ServiceId"]
                )["AllowedPrincipals"]
                who = {one["Principal"] for one in allowed}
                arn = (
                    f"arn:aws:ec2:{region}:{aws.id(account)}:vpc-endpoint-service"
                    f"/{service['ServiceId']}"
                )
                if "*" in who and not service["AcceptanceRequired"]:
                    anyone.add(arn)
                elif "*" in who or {one.split(":")[4] for one in who} - ours:
                    outsiders.add(arn)
    assert anyone == planted["networking.endpoint_service.anyone"]
    assert outsiders == planted["networking.endpoint_service.outsiders"]


def test_the_toxic_combination_is_whole(aws: Aws, listing: Any, planted: Any) -> None:
    """An instance with a public address, open on SSH, whose profile's role is administrator."""
    (reservation,) = (
        r
        for r in listing["production us-east-1 describe_instances"]["Reservations"]
        if r["Instances"][0]["IamInstanceProfile"]["Arn"].endswith("/bastion")
    )
    (instance,) = reservation["Instances"]
    assert instance["PublicIpAddress"]
    (interface,) = (
        i
        for i in listing["production us-east-1 describe_network_interfaces"]["NetworkInterfaces"]
        if i.get("Attachment", {}).get("InstanceId") == instance["InstanceId"]
    )
    assert interface["Association"]["PublicIp"] == instance["PublicIpAddress"]
    (group,) = interface["Groups"]
    start = f"arn:aws:ec2:us-east-1:{aws.id('production')}:security-group/"
    assert start + group["GroupId"] in planted["networking.security_group.sensitive_ports"]
    (role,) = (
        r
        for r in listing["production get_account_authorization_details"]["RoleDetailList"]
        for profile in r["InstanceProfileList"]
        if profile["Arn"] == instance["IamInstanceProfile"]["Arn"]
    )
    assert role["Arn"] in planted["iam.role.workload_administrator"]
