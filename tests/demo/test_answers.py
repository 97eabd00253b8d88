"""The answers: what moto lacks, and the planted faults, as boto3 understands them."""

import csv
import io
import math
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .listing import REGIONS, Aws


def test_the_organization_shows_units_tags_and_the_suspended_account(aws: Aws) -> None:
    organizations = aws.caller("organizations")
    accounts = organizations.list_accounts()["Accounts"]
    assert {a["Name"]: a["Status"] for a in accounts if a["Status"] != "ACTIVE"} == {
        "legacy": "SUSPENDED"
    }

    def units(child: str) -> list[str]:
        (parent,) = organizations.list_parents(ChildId=child)["Parents"]
        if parent["Type"] == "ROOT":
            return []
        unit = organizations.describe_organizational_unit(OrganizationalUnitId=parent["Id"])
        return [*units(parent["Id"]), unit["OrganizationalUnit"]["Name"]]

    assert {a["Name"]: "/".join(units(a["Id"])) for a in accounts} == {
        "management": "",
        "security": "Security",
        "production": "Workloads/Production",
        "staging": "Workloads/Staging",
        "data": "Workloads/Production",
        "sandbox": "Sandbox",
        "legacy": "Suspended",
    }
    for account in accounts:
        tags = organizations.list_tags_for_resource(ResourceId=account["Id"])["Tags"]
        assert {tag["Key"] for tag in tags} == {"environment", "owner", "criticality"}
    (root,) = organizations.list_roots()["Roots"]
    below = organizations.list_organizational_units_for_parent(ParentId=root["Id"])
    assert len(below["OrganizationalUnits"]) == 4
    described = organizations.describe_organization()["Organization"]
    assert described["MasterAccountId"] == aws.id("management")


def test_three_regions_are_enabled(aws: Aws) -> None:
    regions = aws.client("data", "ec2").describe_regions()["Regions"]
    assert sorted(r["RegionName"] for r in regions) == ["ap-southeast-2", "eu-west-1", "us-east-1"]
    assert {r["OptInStatus"] for r in regions} == {"opt-in-not-required"}


def test_the_credential_report_must_be_asked_for_and_begins_with_root(aws: Aws) -> None:
    iam = aws.client("sandbox", "iam")
    assert iam.generate_credential_report()["State"] in ("STARTED", "COMPLETE")
    content = iam.get_credential_report()["Content"].decode()
    rows = {row["user"]: row for row in csv.DictReader(io.StringIO(content))}
    assert next(iter(rows)) == "<root_account>"
    root, unused = rows["<root_account>"], rows["prototype"]
    assert (root["mfa_active"], root["access_key_1_active"]) == ("false", "true")
    assert root["password_enabled"] == "not_supported"
    assert unused["access_key_1_last_used_date"] == unused["password_last_used"] == "N/A"
    assert unused["access_key_1_last_rotated"] == "2024-01-15T09:00:00+00:00"


def test_authorization_details_come_in_pages_and_name_policies(aws: Aws) -> None:
    iam = aws.client("staging", "iam")
    whole = iam.get_account_authorization_details()
    assert not whole["IsTruncated"]
    pages = list(
        iam.get_paginator("get_account_authorization_details").paginate(
            PaginationConfig={"PageSize": 3}
        )
    )
    lists = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
    assert len(pages) == math.ceil(sum(len(whole[key]) for key in lists) / 3)
    for key in lists:
        assert [item for page in pages for item in page[key]] == whole[key]
    attached = {p["PolicyName"]: p["PolicyId"] for p in whole["Policies"]}
    assert attached["AdministratorAccess"] == "ANPAIWMBCKSKIEE64ZLYQ"
    assert "ReadOnlyAccess" not in attached
    only = iam.get_account_authorization_details(Filter=["LocalManagedPolicy"])
    own = ["platform-everything", "release-functions", "switch-instances"]
    assert [p["PolicyName"] for p in only["Policies"]] == own
    assert not only["RoleDetailList"]


def test_buckets_come_in_pages_that_name_their_region(aws: Aws) -> None:
    s3 = aws.client("production", "s3")
    whole = s3.list_buckets()["Buckets"]
    assert all("BucketRegion" not in bucket for bucket in whole)
    pages = list(s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 4}))
    assert [len(page["Buckets"]) for page in pages] == [4, 2]
    regions = {b["Name"]: b["BucketRegion"] for page in pages for b in page["Buckets"]}
    assert list(regions) == [bucket["Name"] for bucket in whole]
    assert regions["acme-production-session-recordings"] == "eu-west-1"


@pytest.mark.parametrize(
    "operation, key",
    [
        ("describe_security_groups", "SecurityGroups"),
        ("describe_network_interfaces", "NetworkInterfaces"),
        ("describe_subnets", "Subnets"),
    ],
)
def test_ec2_listings_come_in_pages(aws: Aws, operation: str, key: str) -> None:
    ec2 = aws.client("production", "ec2", parameter_validation=False)  # AWS's least page is 5
    whole = getattr(ec2, operation)()[key]
    assert len(whole) > 1
    pages = list(ec2.get_paginator(operation).paginate(PaginationConfig={"PageSize": 1}))
    assert [item for page in pages for item in page[key]] == whole


def test_an_account_does_not_see_into_another(aws: Aws) -> None:
    with pytest.raises(ClientError) as refusal:
        aws.client("staging", "s3").get_bucket_policy(Bucket="acme-data-lake")
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


FAULTS = {
    "security s3": ("security", "s3", "us-east-1", "list_buckets", {}),
    "security s3control": (
        *("security", "s3control", "us-east-1", "get_public_access_block"),
        {"AccountId": "222233334444"},
    ),
    "sandbox flow logs": ("sandbox", "ec2", "eu-west-1", "describe_flow_logs", {}),
    "production bucket policy": (
        *("production", "s3", "us-east-1", "get_bucket_policy"),
        {"Bucket": "acme-production-customer-exports"},
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_faults_are_answered_as_aws_would(aws: Aws, fault: tuple[Any, ...]) -> None:
    account, service, region, operation, asked = fault
    client = Aws(aws.organization, attempts=2).client(account, service, region)
    with pytest.raises(ClientError) as refusal:
        getattr(client, operation)(**asked)
    response = refusal.value.response
    throttled = operation == "describe_flow_logs"
    assert response["Error"]["Code"] == ("RequestLimitExceeded" if throttled else "AccessDenied")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == (503 if throttled else 403)
    assert response["ResponseMetadata"]["RetryAttempts"] == (1 if throttled else 0)
    assert "MaxAttemptsReached" in response["ResponseMetadata"] or not throttled


def test_faults_stay_where_they_were_planted(aws: Aws, listing: dict[str, Any]) -> None:
    assert isinstance(listing["sandbox us-east-1 describe_flow_logs"], dict)
    assert isinstance(listing["production us-east-1 describe_flow_logs"], dict)
    bucket = "acme-production-customer-exports"
    assert listing[f"production get_bucket_policy {bucket}"] == "AccessDenied"
    assert listing[f"production get_bucket_policy_status {bucket}"] == {
        "PolicyStatus": {"IsPublic": False}
    }
    refused = {where for where, answer in listing.items() if answer == "AccessDenied"}
    assert refused == {
        "security list_buckets",
        "security get_public_access_block 222233334444",
        "security list_multi_region_access_points 222233334444",
        *(f"security {region} list_access_points 222233334444" for region in REGIONS),
        f"production get_bucket_policy {bucket}",
    }
