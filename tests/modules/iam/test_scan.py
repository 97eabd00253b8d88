"""IAM end to end against moto: a handful of calls, and what is refused comes out unknown."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3
import botocore.client
import polars as pl
import pytest
from botocore.exceptions import ClientError
from moto.iam.models import iam_backends
from polars.testing import assert_frame_equal

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.modules.iam import MODULE, inventory
from stratum_pipeline.modules.iam.inventory import (
    PasswordPolicy,
    Policies,
    Roles,
    RootUser,
    Users,
)

from ...conftest import SCANNED_AT
from .samples import ADMINISTRATOR, EC2, GITHUB, READS, allow, document, trusting, trusting_tokens

REAL = botocore.client.BaseClient._make_api_call
ME = "arn:aws:iam::123456789012"
DETAILS = "iam:GetAccountAuthorizationDetails"


def frames(account: Account) -> dict[Any, pl.DataFrame]:
    return collect(account, MODULE.collectors, ["eu-west-1", "us-east-1"])


def scan(account: Account) -> Verdicts:
    found = frames(account)
    return evaluate("iam", MODULE.rules, found, account.coverage(), SCANNED_AT)


def again(account: Account) -> Account:
    """The same account at its next scan."""
    return Account(account.session, account.account_id, account.operations)


def told(rows: pl.DataFrame, arn: str) -> list[str]:
    return sorted(rows.filter(pl.col("resource_arn") == f"{ME}:{arn}")["rule_id"])


def calls(account: Account) -> dict[str, int]:
    return dict(account.coverage().group_by("operation").agg(pl.col("calls").sum()).rows())


@pytest.fixture(autouse=True)
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds slept, of which none pass."""
    seconds: list[float] = []
    monkeypatch.setattr(inventory, "sleep", seconds.append)
    return seconds


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[..., dict]], None]:
    """answer("GetAccountSummary", lambda real, params: {...}): what moto can't say."""
    said: dict[str, Callable[..., dict]] = {}

    def call(client, operation: str, params: dict):
        real = lambda: REAL(client, operation, params)  # noqa: E731
        return said[operation](real, params) if operation in said else real()

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return said.__setitem__


@pytest.fixture
def paged(answer) -> Callable[[int], None]:
    """paged(n): details come n to a page, of their four lists each in turn, as AWS does."""

    def turn(real: Callable[[], dict], params: dict) -> dict:
        kinds = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
        body = real()
        whole = [(kind, item) for kind in kinds for item in body.pop(kind, ())]
        start = int(params.get("Marker", 0))
        more = start + size[-1] < len(whole)
        for kind in kinds:
            body[kind] = [item for k, item in whole[start : start + size[-1]] if k == kind]
        return body | {"IsTruncated": more} | ({"Marker": str(start + size[-1])} if more else {})

    size = [1000]
    answer("GetAccountAuthorizationDetails", turn)
    return size.append


@pytest.fixture
def estate(account: Account) -> Any:
    """Users amy (all wrong) and ben (nothing), roles web, ci and open, a policy and its user."""
    iam = boto3.client("iam")
    iam.create_user(UserName="amy")
    iam.create_login_profile(UserName="amy", Password="Tr0ub4dor&3-horse")
    iam.create_access_key(UserName="amy")
    for name in ("lists", "reads"):
        iam.create_policy(PolicyName=name, PolicyDocument=READS)
        iam.attach_user_policy(UserName="amy", PolicyArn=f"{ME}:policy/{name}")
    iam.put_user_policy(UserName="amy", PolicyName="own", PolicyDocument=document(allow("s3:*")))
    for name in ("night", "staff"):
        iam.create_group(GroupName=name)
        iam.add_user_to_group(GroupName=name, UserName="amy")
    iam.create_user(UserName="ben")
    iam.create_role(RoleName="web", AssumeRolePolicyDocument=document(EC2))
    iam.put_role_policy(RoleName="web", PolicyName="all", PolicyDocument=document(allow()))
    iam.create_instance_profile(InstanceProfileName="web")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="web")
    iam.create_role(RoleName="ci", AssumeRolePolicyDocument=document(trusting_tokens(GITHUB)))
    iam.create_role(RoleName="open", AssumeRolePolicyDocument=document(trusting("*")))
    policy = iam.create_policy(PolicyName="all", PolicyDocument=document(allow()))["Policy"]
    iam.create_policy(PolicyName="spare", PolicyDocument=document(allow()))
    iam.attach_role_policy(RoleName="open", PolicyArn=policy["Arn"])
    return iam


def test_facts_become_verdicts(account: Account, estate: Any):
    found = scan(account)
    assert told(found.fails, "user/amy") == ["iam.user.direct_policy", "iam.user.mfa"]
    assert told(found.fails, "user/ben") == []
    assert told(found.fails, "role/web") == ["iam.role.workload_administrator"]
    assert told(found.fails, "role/ci") == ["iam.role.trust_oidc_subject"]
    assert told(found.fails, "role/open") == ["iam.role.trust_anyone"]
    assert told(found.fails, "policy/all") == ["iam.policy.full_admin"]
    assert told(found.fails, "policy/spare") == []
    assert told(found.fails, "setting/password-policy") == ["iam.password_policy.weak"]
    assert told(found.fails, "root") == ["iam.root.mfa"]
    assert found.unknowns.is_empty()
    assert found.gaps.is_empty()
    related = found.fails.filter(pl.col("resource_arn") == f"{ME}:role/web")["related"]
    assert related.to_list() == [[f"{ME}:instance-profile/web"]]


def test_rows_say_what_aws_says(account: Account, estate: Any):
    tables = frames(account)
    amy, ben = tables[Users].to_dicts()
    assert amy["groups"] == ["night", "staff"]
    assert amy["attached_policies"] == [f"{ME}:policy/lists", f"{ME}:policy/reads"]
    assert [p["name"] for p in amy["inline_policies"]] == ["own"]
    assert (amy["console_password"], amy["access_key_1_active"]) == (True, True)
    assert (ben["console_password"], ben["access_key_1_active"]) == (False, False)
    assert {t["region"] for rows in tables.values() for t in rows.to_dicts()} == {""}
    assert all(tables[t]["incarnation"].is_unique().all() for t in (Users, Roles, Policies))


def test_a_root_with_keys_and_one_without_credentials(account: Account, answer):
    said = {"AccountAccessKeysPresent": 1, "AccountMFAEnabled": 1, "AccountPasswordPresent": 1}
    answer("GetAccountSummary", lambda real, params: {"SummaryMap": said})
    assert told(scan(account).fails, "root") == ["iam.root.access_key"]
    said.update(AccountAccessKeysPresent=0, AccountMFAEnabled=0, AccountPasswordPresent=0)
    assert told(scan(again(account)).fails, "root") == []


def test_a_strong_password_policy(account: Account):
    boto3.client("iam").update_account_password_policy(
        MinimumPasswordLength=14, PasswordReusePrevention=24
    )
    assert told(scan(account).fails, "setting/password-policy") == []


def test_calls_do_not_grow_with_the_estate(account: Account, estate: Any):
    for i in range(30):
        estate.create_user(UserName=f"u{i}")
        estate.create_role(RoleName=f"r{i}", AssumeRolePolicyDocument=document(EC2))
    scan(account)
    assert calls(account) == {
        DETAILS: 3,  # users, roles, policies
        "iam:GenerateCredentialReport": 2,  # started, complete
        "iam:GetCredentialReport": 1,
        "iam:GetAccountPasswordPolicy": 1,
        "iam:GetAccountSummary": 1,
    }
    assert set(account.coverage()["region"]) == {"eu-west-1"}  # asked once, not per region


def test_all_pages_are_read(account: Account, estate: Any, paged):
    whole = frames(account)
    paged(1)
    following = again(account)
    for table, rows in frames(following).items():
        assert_frame_equal(rows, whole[table])
    assert calls(following)[DETAILS] == 2 + 3 + 4


def test_what_a_failing_page_leaves_is_kept_and_the_rest_unlisted(account, estate, paged, refuse):
    paged(1)
    refuse("GetAccountAuthorizationDetails", "Throttling", lambda _, params: "Marker" in params)
    found = scan(account)
    assert told(found.fails, "user/amy") == ["iam.user.direct_policy", "iam.user.mfa"]
    (gap,) = found.gaps.to_dicts()
    assert (gap["outcome"], gap["unlisted"]) == ("throttled", True)
    assert not set(found.observed["rule_id"]) & {"iam.user.mfa", "iam.role.trust_anyone"}
    assert set(found.observed["rule_id"]) > {"iam.root.mfa", "iam.password_policy.weak"}


def test_refused_details_leave_the_account_settings(account: Account, estate: Any, refuse):
    refuse("GetAccountAuthorizationDetails", "AccessDenied")
    found = scan(account)
    assert Counter(found.fails["rule_id"]) == {"iam.root.mfa": 1, "iam.password_policy.weak": 1}
    (gap,) = found.gaps.to_dicts()
    assert gap["unlisted"]
    assert len(gap["rules"]) == 8


FROM_REPORT = ["iam.user.access_key_age", "iam.user.mfa", "iam.user.unused_credentials"]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [("AccessDenied", "denied"), ("Throttling", "throttled"), ("ReportExpired", "error")],
)
def test_without_the_report_users_are_listed_still(account, estate, refuse, code, outcome):
    refuse("GetCredentialReport", code)
    found = scan(account)
    assert told(found.fails, "user/amy") == ["iam.user.direct_policy"]
    assert told(found.unknowns, "user/amy") == told(found.unknowns, "user/ben") == FROM_REPORT
    assert set(found.unknowns["because"]) == {f"iam:GetCredentialReport {outcome} ({code})"}


def test_without_leave_to_generate_an_existing_report_will_do(account, estate, refuse):
    estate.generate_credential_report()
    refuse("GenerateCredentialReport", "AccessDenied")
    found = scan(account)
    assert "iam.user.mfa" in told(found.fails, "user/amy")
    assert found.unknowns.is_empty()
    assert found.gaps["operation"].to_list() == ["iam:GenerateCredentialReport"]


def test_neither_a_report_nor_leave_to_generate_one(account, estate, refuse):
    refuse("GenerateCredentialReport", "AccessDenied")
    found = scan(account)
    assert told(found.unknowns, "user/amy") == FROM_REPORT
    assert set(found.unknowns["because"]) == {"iam:GetCredentialReport error (ReportNotPresent)"}


def test_waiting_for_the_report_ends(account, estate, answer, waited):
    answer("GenerateCredentialReport", lambda real, params: {"State": "INPROGRESS"})

    def not_yet(real: Callable[[], dict], params: dict) -> dict:
        raise ClientError({"Error": {"Code": "ReportInProgress"}}, "GetCredentialReport")

    answer("GetCredentialReport", not_yet)
    found = scan(account)
    assert told(found.unknowns, "user/amy") == FROM_REPORT
    assert sum(waited) == sum(inventory.WAITS) < 60
    assert calls(account)["iam:GenerateCredentialReport"] == 1 + len(inventory.WAITS)


def test_the_report_may_lag_behind_the_users(account: Account, estate: Any, answer):
    """A user made since, and one made again under its name, are not what the report saw."""
    stale = estate.generate_credential_report() and estate.get_credential_report()
    answer("GetCredentialReport", lambda real, params: stale | {"Content": aged})
    aged = stale["Content"].replace(b"user/amy,20", b"user/amy,19")
    estate.create_user(UserName="zoe")
    found = scan(account)
    assert told(found.unknowns, "user/amy") == told(found.unknowns, "user/zoe") == FROM_REPORT
    assert told(found.unknowns, "user/ben") == []


@pytest.mark.parametrize(
    ("operation", "arn", "rules"),
    [
        ("GetAccountSummary", "root", ["iam.root.access_key", "iam.root.mfa"]),
        ("GetAccountPasswordPolicy", "setting/password-policy", ["iam.password_policy.weak"]),
    ],
)
def test_a_refused_account_setting_is_unknown(account, refuse, operation, arn, rules):
    refuse(operation, "AccessDenied")
    found = scan(account)
    assert told(found.unknowns, arn) == rules
    assert told(found.fails, arn) == []


def reversed_lists(value: Any) -> Any:
    """The same facts in another order; the statements of a document keep theirs."""
    if isinstance(value, dict):
        return {k: v if k == "Statement" else reversed_lists(v) for k, v in value.items()}
    return [reversed_lists(v) for v in value][::-1] if isinstance(value, list) else value


def test_two_scans_of_an_unchanged_estate_are_equal(account: Account, estate: Any, answer):
    before = frames(account)
    answer("GetAccountAuthorizationDetails", lambda real, params: reversed_lists(real()))
    after = frames(again(account))
    for table in (Users, Roles, Policies, PasswordPolicy, RootUser):
        assert_frame_equal(before[table], after[table])
        assert before[table].height


def test_documents_have_one_spelling():
    one = {"Statement": [trusting({"AWS": ["b", "a"]}), allow(["s3:b", "s3:a"])]}
    two = {"Statement": [trusting({"AWS": ["a", "b"]}), allow(["s3:a", "s3:b"])]}
    assert inventory._canonical(one) == inventory._canonical(two)
    swapped = {"Statement": two["Statement"][::-1]}
    assert inventory._canonical(one) != inventory._canonical(swapped)
    assert inventory._canonical("{not json") == "{not json"


def test_a_namesake_is_another_incarnation(account: Account, estate: Any):
    before = frames(account)
    estate.delete_user(UserName="ben")
    estate.delete_role(RoleName="ci")
    estate.delete_policy(PolicyArn=f"{ME}:policy/spare")
    estate.create_user(UserName="ben")
    estate.create_role(RoleName="ci", AssumeRolePolicyDocument=document(trusting_tokens(GITHUB)))
    estate.create_policy(PolicyName="spare", PolicyDocument=document(allow()))
    after = frames(again(account))
    for table, name in ((Users, "ben"), (Roles, "ci"), (Policies, "spare")):
        of = pl.col("name") == name
        assert before[table].filter(of)["arn"].item() == after[table].filter(of)["arn"].item()
        ids = [rows[table].filter(of)["incarnation"].item() for rows in (before, after)]
        assert len(set(ids)) == 2
    assert_frame_equal(before[Users].filter(name="amy"), after[Users].filter(name="amy"))


def test_a_boundary_and_last_use_are_read(account: Account, estate: Any, answer):
    def bounded(real: Callable[[], dict], params: dict) -> dict:
        body = real()
        for role in body["RoleDetailList"]:
            role["PermissionsBoundary"] = {"PermissionsBoundaryArn": f"{ME}:policy/bound"}
            role["RoleLastUsed"] = {"LastUsedDate": SCANNED_AT, "Region": "eu-west-1"}
            role["AttachedManagedPolicies"] = [{"PolicyArn": ADMINISTRATOR}]
        return body

    answer("GetAccountAuthorizationDetails", bounded)
    tables = frames(account)
    assert set(tables[Roles]["boundary"]) == {f"{ME}:policy/bound"}
    assert set(tables[Roles]["last_used"]) == {SCANNED_AT}
    found = evaluate("iam", MODULE.rules, tables, account.coverage(), SCANNED_AT)
    assert "iam.role.workload_administrator" not in set(found.fails["rule_id"])


def test_a_row_that_cannot_be_read_loses_itself_alone(account: Account, estate: Any):
    (backend,) = [iam_backends["123456789012"]["aws"]]
    role = next(r for r in backend.roles.values() if r.name == "ci")
    role.assume_role_policy_document = document(EC2).replace("Effect", "Affect")
    found = scan(account)
    assert told(found.unknowns, "role/ci") == sorted(
        r.id for r in MODULE.rules if r.table is Roles and r.id != "iam.role.workload_administrator"
    )
    assert told(found.fails, "role/open") == ["iam.role.trust_anyone"]
