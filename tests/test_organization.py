"""Reaching accounts: who we are, which there are, a session in each."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import boto3
import botocore.client
import pytest

from stratum_pipeline.kernel.coverage import Outcome
from stratum_pipeline.organization import Access, AccessError

ME = "123456789012"
ROLE = "stratum/Scan-{module}"


@pytest.fixture
def access(aws: None) -> Access:
    return Access(ROLE)


@pytest.fixture
def accounts(aws: None) -> dict[str, str]:
    """Two accounts, one of them nested two OUs deep, tagged, and one closed; ids by name."""
    client = boto3.client("organizations", region_name="us-east-1")
    client.create_organization(FeatureSet="ALL")
    (root,) = client.list_roots()["Roots"]

    def unit(parent: str, name: str) -> str:
        made = client.create_organizational_unit(ParentId=parent, Name=name)
        return made["OrganizationalUnit"]["Id"]

    production = unit(unit(root["Id"], "Workloads"), "Production")
    ids: dict[str, str] = {}
    for name in ("shop", "old"):
        made = client.create_account(Email=f"{name}@example.com", AccountName=name)
        ids[name] = made["CreateAccountStatus"]["AccountId"]
    client.move_account(
        AccountId=ids["shop"], SourceParentId=root["Id"], DestinationParentId=production
    )
    tags = [{"Key": "team", "Value": "web"}, {"Key": "criticality", "Value": "high"}]
    client.tag_resource(ResourceId=ids["shop"], Tags=tags)
    client.close_account(AccountId=ids["old"])
    return ids


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Every call made, in order."""
    real = botocore.client.BaseClient._make_api_call
    calls: list[tuple[str, dict[str, Any]]] = []

    def call(client: Any, operation: str, params: dict[str, Any]) -> Any:
        calls.append((operation, params))
        return real(client, operation, params)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return calls


def test_who_we_are(access):
    caller = access.caller()
    assert (caller.account_id, caller.region) == (ME, "us-east-1")
    assert caller.arn.startswith("arn:aws:")


def test_every_account_with_its_unit_and_tags(access, accounts):
    found = access.discover()
    assert (found.organization, found.note) == (True, "")
    rows = {row["account_id"]: row for row in found.accounts.to_dicts()}
    assert rows.keys() == {ME, *accounts.values()}
    assert found.accounts["account_id"].is_sorted()
    organization = boto3.client("organizations").describe_organization()["Organization"]["Id"]
    assert set(found.members["principal"]) == {organization, ME, *accounts.values()}
    shop, old = rows[accounts["shop"]], rows[accounts["old"]]
    assert (shop["name"], shop["status"], shop["ou"]) == (
        "shop",
        "ACTIVE",
        "Root/Workloads/Production",
    )
    assert shop["tags"] == [
        {"key": "criticality", "value": "high"},
        {"key": "team", "value": "web"},
    ]
    assert old["status"] == "SUSPENDED"
    assert (old["ou"], old["tags"]) == ("Root", [])


def test_the_short_listing_says_the_same_of_status(access, accounts):
    discovered = access.discover().accounts.select("account_id", "status")
    assert access.listing() == dict(discovered.iter_rows())


def test_without_an_organization_the_callers_account_alone(access):
    found = access.discover()
    assert found.accounts["account_id"].to_list() == [ME]
    assert found.accounts["status"].to_list() == ["ACTIVE"]
    assert not found.organization
    assert found.note == "AWS Organizations: AWSOrganizationsNotInUseException"
    assert found.members["principal"].to_list() == [ME]


def test_whoever_may_not_ask_who_belongs_to_the_organization_does_not_know(access, refuse):
    refuse("ListAccounts", "AccessDeniedException")
    assert access.discover().members is None


def test_the_short_listing_is_then_the_callers_account(access, refuse):
    refuse("ListAccounts", "AWSOrganizationsNotInUseException")  # moto lists none instead
    assert access.listing() == {ME: "ACTIVE"}


def test_without_permission_to_list_the_callers_account_alone(access, accounts, refuse):
    refuse("ListAccounts", "AccessDeniedException")
    found = access.discover()
    assert found.accounts["account_id"].to_list() == [ME]
    assert (found.organization, found.note) == (False, "AWS Organizations: AccessDeniedException")


DETAILS = ["ListRoots", "ListAccountsForParent", "ListOrganizationalUnitsForParent"]


@pytest.mark.parametrize("operation", [*DETAILS, "ListTagsForResource", "DescribeOrganization"])
def test_an_organization_without_its_tags_is_not_taken_for_one_account(
    access, accounts, refuse, operation
):
    refuse(operation, "AccessDeniedException")
    with pytest.raises(AccessError, match=r"OUs and tags .*organizations:List") as caught:
        access.discover()
    assert (caught.value.outcome, caught.value.code) == (Outcome.DENIED, "AccessDeniedException")


def test_a_listing_that_breaks_off_is_no_listing(access, accounts, refuse):
    refuse("ListAccounts", "TooManyRequestsException")
    for ask in (access.discover, access.listing):
        with pytest.raises(AccessError, match="cannot be listed") as caught:
            ask()
        assert caught.value.outcome == Outcome.THROTTLED


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId"])
def test_credentials_aws_does_not_take(access, refuse, code):
    refuse("GetCallerIdentity", code)
    with pytest.raises(AccessError, match=rf"{code}.*AWS_PROFILE.*aws sso login") as caught:
        access.caller()
    assert caught.value.code == code
    for ask in (access.discover, access.listing, lambda: access.enter(ME, "s3")):
        with pytest.raises(AccessError, match=code):
            ask()


def test_no_credentials_at_all(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(AccessError, match=r"NoCredentialsError.*AWS_PROFILE"):
        Access(ROLE).caller()


def test_a_profile_that_does_not_exist(monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(AccessError, match=r"ProfileNotFound.*AWS_PROFILE"):
        Access(ROLE).caller()


def test_entering_an_account_is_assuming_the_modules_role_there(access, accounts):
    session = access.enter(accounts["shop"], "s3")
    identity = session.client("sts").get_caller_identity()
    assert identity["Account"] == accounts["shop"]
    assert f"arn:aws:sts::{accounts['shop']}:assumed-role/Scan-s3/" in identity["Arn"]
    assert session.region_name == "us-east-1"


@pytest.mark.parametrize("external_id", ["", "our-secret"])
def test_the_external_id_is_passed_if_there_is_one(aws, sent, external_id):
    Access(ROLE, external_id).enter("210987654321", "iam")
    ((_, params),) = [call for call in sent if call[0] == "AssumeRole"]
    assert params["RoleArn"] == "arn:aws:iam::210987654321:role/stratum/Scan-iam"
    assert params.get("ExternalId", "") == external_id


def test_a_role_that_cannot_be_assumed_elsewhere(access, refuse):
    refuse("AssumeRole", "AccessDenied")
    with pytest.raises(AccessError, match=r"role/stratum/Scan-s3 .*STRATUM_ROLE") as caught:
        access.enter("210987654321", "s3")
    assert (caught.value.outcome, caught.value.code) == (Outcome.DENIED, "AccessDenied")


def test_in_the_callers_own_account_its_own_credentials_do(access, refuse):
    refuse("AssumeRole", "AccessDenied")
    session = access.enter(ME, "s3")
    assert session.get_credentials() == access.session.get_credentials()
    assert session.client("sts").get_caller_identity()["Arn"] == access.caller().arn


def test_but_not_where_aws_only_asked_to_wait(access, refuse):
    refuse("AssumeRole", "Throttling")
    with pytest.raises(AccessError) as caught:
        access.enter(ME, "s3")
    assert caught.value.outcome == Outcome.THROTTLED


def test_credentials_are_renewed_when_they_expire(access, sent):
    session = access.enter("210987654321", "s3")
    credentials = session.get_credentials()
    first = credentials.get_frozen_credentials()
    assert credentials.get_frozen_credentials() == first
    credentials._expiry_time = datetime(2020, 1, 1, tzinfo=UTC)
    credentials.get_frozen_credentials()
    assert [operation for operation, _ in sent].count("AssumeRole") == 2


def test_accounts_are_entered_at_once_through_one_client(access, monkeypatch):
    made: list[str] = []
    real = boto3.Session.client

    def client(session: Any, service: str, **more: Any) -> Any:
        made.append(service)
        return real(session, service, **more)

    monkeypatch.setattr(boto3.Session, "client", client)
    with ThreadPoolExecutor(8) as pool:
        ids = [f"{n:012}" for n in range(1, 17)]
        sessions = list(pool.map(lambda account: access.enter(account, "s3"), ids))
    assert len({id(session) for session in sessions}) == 16
    assert made == ["sts"]


def test_sessions_share_what_botocore_knows_of_aws(access):
    loaders = {
        id(access.enter(account, "s3")._session.get_component("data_loader"))
        for account in ("210987654321", "210987654322")
    }
    assert len(loaders) == 1
