"""IAM end to end against moto: a handful of calls, and what is refused comes out unknown."""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import boto3
import botocore.client
import polars as pl
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.iam.models import iam_backends
from polars.testing import assert_frame_equal

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.modules.iam import MODULE
from stratum_pipeline.modules.iam.inventory import (
    AccessAnalysis,
    AccountAccess,
    Analyzers,
    AnywhereProfiles,
    Groups,
    InlinePolicies,
    PasswordPolicy,
    Policies,
    Roles,
    RootUser,
    SamlProviders,
    ServerCertificates,
    TrustAnchors,
    Users,
    report,
    services,
)
from stratum_pipeline.modules.iam.inventory.details import canonical

from ...conftest import SCANNED_AT
from .samples import (
    ADMINISTRATOR,
    EC2,
    GITHUB,
    READ_ONLY,
    READS,
    allow,
    document,
    trusting,
    trusting_tokens,
)

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
    for module in (report, services):
        monkeypatch.setattr(module, "sleep", seconds.append)
    return seconds


ROOT = {
    "user": "<root_account>",
    "arn": f"{ME}:root",
    "user_creation_time": "2020-01-01T00:00:00+00:00",
    "password_enabled": "not_supported",
    "password_last_used": "no_information",
}


def with_root(real: Callable[[], dict], params: dict) -> dict:
    """moto leaves the root user out of the report."""
    body = real()
    head, *rows = body["Content"].decode().splitlines()
    root = ",".join(ROOT.get(column, "N/A") for column in head.split(","))
    return body | {"Content": "\n".join([head, root, *rows]).encode()}


def member_account(real: Callable[[], dict], params: dict) -> dict:
    code = "AccountNotManagementOrDelegatedAdministratorException"
    raise ClientError({"Error": {"Code": code}}, "ListOrganizationsFeatures")


@pytest.fixture(autouse=True)
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[..., dict]], None]:
    """answer("GetAccountSummary", lambda real, params: {...}): what moto can't say."""
    said: dict[str, Callable[..., dict]] = {
        "GetCredentialReport": with_root,
        "ListAnalyzers": lambda real, params: {"analyzers": []},
        "ListOrganizationsFeatures": member_account,
        "ListTrustAnchors": lambda real, params: {"trustAnchors": []},
    }

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


AMY = ["iam.user.direct_policy", "iam.user.mfa", "iam.user.setup_key"]


def test_facts_become_verdicts(account: Account, estate: Any):
    found = scan(account)
    assert told(found.fails, "user/amy") == AMY
    assert told(found.fails, "user/ben") == []
    assert told(found.fails, "role/web") == ["iam.role.workload_administrator"]
    assert told(found.fails, "role/ci") == ["iam.role.trust_oidc_subject"]
    assert told(found.fails, "role/open") == ["iam.role.trust_anyone"]
    assert told(found.fails, "policy/all") == ["iam.policy.full_admin"]
    assert told(found.fails, "policy/spare") == ["iam.policy.unattached_full_admin"]
    assert told(found.fails, "setting/password-policy") == ["iam.password_policy.weak"]
    assert told(found.fails, "root") == ["iam.root.mfa"]
    assert found.unknowns.is_empty()
    assert found.gaps.is_empty()
    related = found.fails.filter(pl.col("resource_arn") == f"{ME}:role/web")["related"]
    assert related.to_list() == [[f"{ME}:instance-profile/web", f"{ME}:role/web"]]


def test_rows_say_what_aws_says(account: Account, estate: Any):
    tables = frames(account)
    amy, ben = tables[Users].to_dicts()
    assert amy["groups"] == ["night", "staff"]
    assert amy["attached_policies"] == [f"{ME}:policy/lists", f"{ME}:policy/reads"]
    assert [p["name"] for p in amy["inline_policies"]] == ["own"]
    assert (amy["console_password"], amy["access_key_1_active"]) == (True, True)
    assert (ben["console_password"], ben["access_key_1_active"]) == (False, False)
    regional = {t: rows for t, rows in tables.items() if t.regional}
    assert {t["region"] for r in (tables.keys() - regional) for t in tables[r].to_dicts()} == {""}
    assert set(regional) == {AccessAnalysis, Analyzers, AnywhereProfiles, TrustAnchors}
    assert all(tables[t]["incarnation"].is_unique().all() for t in (Users, Roles, Policies))


def test_a_root_with_keys_and_one_without_credentials(account: Account, answer):
    said = {"AccountAccessKeysPresent": 1, "AccountMFAEnabled": 1, "AccountPasswordPresent": 1}
    answer("GetAccountSummary", lambda real, params: {"SummaryMap": said})
    assert told(scan(account).fails, "root") == ["iam.root.access_key"]
    said.update(AccountAccessKeysPresent=0, AccountMFAEnabled=0, AccountPasswordPresent=0)
    assert told(scan(again(account)).fails, "root") == []


def test_a_strong_password_policy(account: Account):
    iam = boto3.client("iam")
    strong: dict[str, Any] = {"MinimumPasswordLength": 14, "PasswordReusePrevention": 24}
    kinds = ("Lowercase", "Uppercase")
    strong |= {f"Require{kind}Characters": True for kind in kinds}
    strong |= {"RequireNumbers": True, "RequireSymbols": True}
    iam.update_account_password_policy(**strong)
    assert told(scan(account).fails, "setting/password-policy") == ["iam.password_policy.expiry"]
    iam.update_account_password_policy(**strong, MaxPasswordAge=90)
    assert told(scan(again(account)).fails, "setting/password-policy") == []
    iam.update_account_password_policy(**strong | {"RequireSymbols": False}, MaxPasswordAge=90)
    assert told(scan(again(account)).fails, "setting/password-policy") == [
        "iam.password_policy.weak"
    ]


def test_calls_do_not_grow_with_the_estate(account: Account, estate: Any):
    for i in range(30):
        estate.create_user(UserName=f"u{i}")
        estate.create_role(RoleName=f"r{i}", AssumeRolePolicyDocument=document(EC2))
    scan(account)
    assert calls(account) == {
        DETAILS: 4,  # users, groups, roles, policies
        "iam:GenerateCredentialReport": 2,  # started, complete
        "iam:GetCredentialReport": 1,
        "iam:GetAccountPasswordPolicy": 1,
        "iam:GetAccountSummary": 1,
        "iam:ListOrganizationsFeatures": 1,
        "iam:ListPolicies": 1,
        "iam:ListSAMLProviders": 1,
        "iam:ListServerCertificates": 1,
        "iam:ListVirtualMFADevices": 1,
        "accessanalyzer:ListAnalyzers": 2,  # one a region
        "rolesanywhere:ListTrustAnchors": 2,
        "rolesanywhere:ListProfiles": 0,  # without an anchor nobody could use one
    }
    asked = account.coverage().filter(pl.col("operation").str.starts_with("iam:"))
    assert set(asked["region"]) == {"eu-west-1"}  # once, not per region


def test_all_pages_are_read(account: Account, estate: Any, paged):
    whole = frames(account)
    paged(1)
    following = again(account)
    for table, rows in frames(following).items():
        assert_frame_equal(rows, whole[table])
    assert calls(following)[DETAILS] == 2 + 2 + 3 + 4


def test_what_a_failing_page_leaves_is_kept_and_the_rest_unlisted(account, estate, paged, refuse):
    paged(1)
    refuse("GetAccountAuthorizationDetails", "Throttling", lambda _, params: "Marker" in params)
    found = scan(account)
    assert told(found.fails, "user/amy") == AMY
    (gap,) = found.gaps.to_dicts()
    assert (gap["outcome"], gap["unlisted"]) == ("throttled", True)
    assert not set(found.observed["rule_id"]) & {"iam.user.mfa", "iam.role.trust_anyone"}
    assert set(found.observed["rule_id"]) > {"iam.root.mfa", "iam.password_policy.weak"}


def test_refused_details_leave_the_account_settings(account: Account, estate: Any, refuse):
    refuse("GetAccountAuthorizationDetails", "AccessDenied")
    found = scan(account)
    assert Counter(found.fails["rule_id"]) == {
        "iam.root.mfa": 1,
        "iam.password_policy.weak": 1,
        "iam.account.support_role": 1,
        "iam.account.audit_role": 1,
        "iam.account.federation": 1,
        "iam.access_analyzer.off": 2,
    }
    (gap,) = found.gaps.to_dicts()
    assert gap["unlisted"]
    of = (Users, Groups, Roles, Policies, InlinePolicies)
    assert set(gap["rules"]) == {r.id for r in MODULE.rules if r.table in of}


FROM_REPORT = [
    "iam.user.access_key_age",
    "iam.user.hardware_mfa",
    "iam.user.long_lived_key",
    "iam.user.mfa",
    "iam.user.setup_key",
    "iam.user.two_keys",
    "iam.user.unused_credentials",
]


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
    assert sum(waited) == sum(report.WAITS) < 60
    assert calls(account)["iam:GenerateCredentialReport"] == 1 + len(report.WAITS)


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
        (
            "GetAccountSummary",
            "root",
            ["iam.root.access_key", "iam.root.hardware_mfa", "iam.root.mfa"],
        ),
        (
            "GetAccountPasswordPolicy",
            "setting/password-policy",
            ["iam.password_policy.expiry", "iam.password_policy.weak"],
        ),
        ("GetCredentialReport", "root", ["iam.root.recent_use"]),
        ("GetCredentialReport", "setting/access", ["iam.account.federation"]),
        ("ListOrganizationsFeatures", "root", ["iam.root.central_management"]),
        ("ListSAMLProviders", "setting/access", ["iam.account.federation"]),
        (
            "ListPolicies",
            "setting/access",
            ["iam.account.audit_role", "iam.account.cloudshell", "iam.account.support_role"],
        ),
    ],
)
def test_a_refused_account_setting_is_unknown(account, estate, refuse, operation, arn, rules):
    refuse(operation, "AccessDenied")
    found = scan(account)
    assert told(found.unknowns, arn) == rules
    assert not {*told(found.fails, arn)} & {*rules}
    assert {gap["operation"] for gap in found.gaps.to_dicts()} == {f"iam:{operation}"}


def reversed_lists(value: Any) -> Any:
    """The same facts in another order; the statements of a document keep theirs."""
    if isinstance(value, dict):
        return {k: v if k == "Statement" else reversed_lists(v) for k, v in value.items()}
    return [reversed_lists(v) for v in value][::-1] if isinstance(value, list) else value


def test_two_scans_of_an_unchanged_estate_are_equal(account: Account, estate: Any, answer):
    before = frames(account)
    answer("GetAccountAuthorizationDetails", lambda real, params: reversed_lists(real()))
    after = frames(again(account))
    for table in (Users, Groups, Roles, Policies, InlinePolicies, PasswordPolicy, RootUser):
        assert_frame_equal(before[table], after[table])
        assert before[table].height


def test_documents_have_one_spelling():
    one = {"Statement": [trusting({"AWS": ["b", "a"]}), allow(["s3:b", "s3:a"])]}
    two = {"Statement": [trusting({"AWS": ["a", "b"]}), allow(["s3:a", "s3:b"])]}
    assert canonical(one) == canonical(two)
    swapped = {"Statement": two["Statement"][::-1]}
    assert canonical(one) != canonical(swapped)
    assert canonical("{not json") == "{not json"


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
    by_trust = {name for name in Roles.columns if name.startswith(("trust_", "outsiders"))}
    assert told(found.unknowns, "role/ci") == sorted(
        rule.id
        for rule in MODULE.rules
        if by_trust & {*rule.reads} and rule.id != "iam.role.workload_administrator"
    )
    assert told(found.fails, "role/open") == ["iam.role.trust_anyone"]


def test_inline_policies_are_rows_of_their_own(account: Account, estate: Any):
    estate.put_group_policy(
        GroupName="staff", PolicyName="grow", PolicyDocument=document(allow("iam:PutUserPolicy"))
    )
    estate.create_role(Path="/team/", RoleName="ops", AssumeRolePolicyDocument=document(EC2))
    estate.put_role_policy(
        RoleName="ops", PolicyName="grow", PolicyDocument=document(allow(["kms:*", "s3:*"]))
    )
    rows = frames(account)[InlinePolicies]
    assert dict(rows.select("arn", "holder").rows()) == {
        f"{ME}:setting/inline-policy/user/amy/own": f"{ME}:user/amy",
        f"{ME}:setting/inline-policy/group/staff/grow": f"{ME}:group/staff",
        f"{ME}:setting/inline-policy/role/web/all": f"{ME}:role/web",
        f"{ME}:setting/inline-policy/role/team/ops/grow": f"{ME}:role/team/ops",
    }
    assert rows["incarnation"].is_unique().all()
    found = scan(again(account))
    assert told(found.fails, "setting/inline-policy/group/staff/grow") == [
        "iam.inline_policy.privilege_escalation"
    ]
    assert told(found.fails, "setting/inline-policy/role/team/ops/grow") == [
        "iam.inline_policy.guard_control"
    ]
    # Allowing everything is a finding about the role.
    assert told(found.fails, "setting/inline-policy/role/web/all") == []
    related = found.fails.filter(rule_id="iam.inline_policy.guard_control")["related"]
    assert related.to_list() == [[f"{ME}:role/team/ops"]]


def test_a_group_of_administrators(account: Account, estate: Any):
    estate.put_group_policy(
        GroupName="staff", PolicyName="all", PolicyDocument=document(allow("*:*"))
    )
    found = scan(account)
    assert told(found.fails, "group/staff") == ["iam.group.administrator"]
    assert told(found.fails, "group/night") == []


def test_who_holds_an_authenticator_app(account: Account, estate: Any, answer):
    for user in ("amy", "ben"):
        estate.create_virtual_mfa_device(VirtualMFADeviceName=user)
    estate.enable_mfa_device(
        UserName="amy",
        SerialNumber=f"{ME}:mfa/amy",
        AuthenticationCode1="123456",
        AuthenticationCode2="654321",
    )
    devices = boto3.client("iam").list_virtual_mfa_devices()["VirtualMFADevices"]
    root = {"SerialNumber": f"{ME}:mfa/root-account-mfa-device", "User": {"Arn": f"{ME}:root"}}
    answer("ListVirtualMFADevices", lambda real, params: {"VirtualMFADevices": [root, *devices]})
    summary = {"AccountMFAEnabled": 1, "AccountPasswordPresent": 1, "AccountAccessKeysPresent": 0}
    answer("GetAccountSummary", lambda real, params: {"SummaryMap": summary})
    found = scan(account)
    assert "iam.user.hardware_mfa" in told(found.fails, "user/amy")
    assert told(found.fails, "root") == ["iam.root.hardware_mfa"]
    assert dict(frames(again(account))[Users].select("name", "virtual_mfa").rows()) == {
        "amy": True,
        "ben": False,
    }


def test_a_refused_list_of_devices_leaves_their_kind_unknown(account, estate, answer, refuse):
    summary = {"AccountMFAEnabled": 1, "AccountPasswordPresent": 1}
    answer("GetAccountSummary", lambda real, params: {"SummaryMap": summary})
    refuse("ListVirtualMFADevices", "AccessDenied")
    found = scan(account)
    assert told(found.unknowns, "root") == ["iam.root.hardware_mfa"]
    assert set(found.unknowns["because"]) == {"iam:ListVirtualMFADevices denied (AccessDenied)"}


def test_root_was_here(account: Account, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(ROOT, "password_last_used", "2025-12-30T09:00:00+00:00")
    assert "iam.root.recent_use" in told(scan(account).fails, "root")
    monkeypatch.setitem(ROOT, "password_last_used", "2025-12-20T09:00:00+00:00")
    assert "iam.root.recent_use" not in told(scan(again(account)).fails, "root")
    monkeypatch.setitem(ROOT, "access_key_2_last_used_date", "2025-12-31T09:00:00+00:00")
    assert "iam.root.recent_use" in told(scan(again(account)).fails, "root")


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"EnabledFeatures": ["RootCredentialsManagement", "RootSessions"]}, "on"),
        ({"EnabledFeatures": ["RootSessions"]}, "off"),
        ({}, "off"),
        ("ServiceAccessNotEnabledException", "off"),
        ("OrganizationNotInAllFeaturesModeException", "off"),
        ("OrganizationNotFoundException", ""),
        ("AccountNotManagementOrDelegatedAdministratorException", ""),
        ("AccessDenied", None),
        ("Throttling", None),
    ],
)
def test_whether_members_roots_are_managed_centrally(account, answer, said, verdict):
    def tell(real: Callable[[], dict], params: dict) -> dict:
        if isinstance(said, dict):
            return said
        raise ClientError({"Error": {"Code": said}}, "ListOrganizationsFeatures")

    answer("ListOrganizationsFeatures", tell)
    assert frames(account)[RootUser]["central_management"].to_list() == [verdict]
    gaps = account.coverage().filter(pl.col("outcome") != "ok")
    assert gaps["operation"].to_list() == (
        ["iam:ListOrganizationsFeatures"] if verdict is None else []
    )


def test_certificates_and_providers(account: Account, answer):
    soon, later = SCANNED_AT + timedelta(days=10), SCANNED_AT + timedelta(days=300)
    answer(
        "ListSAMLProviders",
        lambda real, params: {
            "SAMLProviderList": [
                {"Arn": f"{ME}:saml-provider/{name}", "CreateDate": SCANNED_AT, "ValidUntil": until}
                for name, until in (("idp", later), ("old", soon))
            ]
        },
    )
    answer(
        "ListServerCertificates",
        lambda real, params: {
            "ServerCertificateMetadataList": [
                {
                    "Arn": f"{ME}:server-certificate/{name}",
                    "Path": "/",
                    "ServerCertificateName": name,
                    "ServerCertificateId": f"ASCA{name}",
                    "Expiration": until,
                }
                for name, until in (("web", later), ("shop", soon))
            ]
        },
    )
    tables = frames(account)
    assert tables[AccountAccess]["saml_providers"].to_list() == [
        [f"{ME}:saml-provider/idp", f"{ME}:saml-provider/old"]
    ]
    assert (tables[SamlProviders].height, tables[ServerCertificates].height) == (2, 2)
    found = scan(again(account))
    assert told(found.fails, "saml-provider/old") == ["iam.saml_provider.expiring"]
    assert told(found.fails, "server-certificate/shop") == ["iam.server_certificate.expiring"]
    assert told(found.fails, "saml-provider/idp") == []
    assert told(found.fails, "server-certificate/web") == []


def used(namespace: str, *when: datetime) -> dict[str, Any]:
    found: dict[str, Any] = {"ServiceName": namespace, "ServiceNamespace": namespace}
    return found | ({"LastAuthenticated": when[0]} if when else {})


@pytest.fixture
def last_used(answer) -> dict[str, list[dict[str, Any]]]:
    """By ARN, what GetServiceLastAccessedDetails says; each job is in progress at first."""
    seen: dict[str, list[dict[str, Any]]] = {}
    asked: set[str] = set()

    def tell(real: Callable[[], dict], params: dict) -> dict:
        if params["JobId"] not in asked:
            asked.add(params["JobId"])
            return {"JobStatus": "IN_PROGRESS"}
        return {"JobStatus": "COMPLETED", "ServicesLastAccessed": seen[params["JobId"]]}

    answer("GenerateServiceLastAccessedDetails", lambda real, params: {"JobId": params["Arn"]})
    answer("GetServiceLastAccessedDetails", tell)
    return seen


def test_the_use_of_models_is_asked_of_whom_policies_name_them_for(
    account: Account, estate: Any, last_used, waited
):
    bedrock = document(allow("bedrock:InvokeModel"))
    long_ago, lately = SCANNED_AT - timedelta(days=200), SCANNED_AT - timedelta(days=2)
    estate.put_group_policy(GroupName="staff", PolicyName="ai", PolicyDocument=bedrock)
    made = estate.create_policy(PolicyName="learn", PolicyDocument=document(allow("sagemaker:*")))
    estate.attach_role_policy(RoleName="web", PolicyArn=made["Policy"]["Arn"])
    estate.put_role_policy(RoleName="ci", PolicyName="ai", PolicyDocument=bedrock)
    last_used |= {
        f"{ME}:user/amy": [used("s3", lately), used("bedrock")],
        f"{ME}:role/web": [used("sagemaker", long_ago), used("bedrock", long_ago)],
        f"{ME}:role/ci": [used("bedrock", lately)],
    }
    tables = frames(account)
    assert dict(tables[Roles].select("name", "service_use").rows()) == {
        "ci": [{"service": "bedrock", "last_used": lately}],
        "open": [],
        "web": [{"service": "sagemaker", "last_used": long_ago}],
    }
    assert calls(account)["iam:GenerateServiceLastAccessedDetails"] == 3
    found = evaluate("iam", MODULE.rules, tables, account.coverage(), SCANNED_AT)
    assert "iam.user.service_unused" in told(found.fails, "user/amy")
    assert "iam.role.service_unused" in told(found.fails, "role/web")
    assert "iam.role.service_unused" not in told(found.fails, "role/ci")


@pytest.mark.parametrize(
    "operation", ["GenerateServiceLastAccessedDetails", "GetServiceLastAccessedDetails"]
)
def test_a_refused_use_is_unknown(account, estate, last_used, refuse, operation):
    estate.put_role_policy(
        RoleName="ci", PolicyName="ai", PolicyDocument=document(allow("bedrock:InvokeModel"))
    )
    last_used[f"{ME}:role/ci"] = [used("bedrock")]
    refuse(operation, "AccessDenied")
    found = scan(account)
    assert told(found.unknowns, "role/ci") == ["iam.role.service_unused"]
    assert told(found.unknowns, "role/web") == []
    assert found.gaps["operation"].to_list() == [f"iam:{operation}"]


def test_who_may_use_models_is_unknown_where_policies_were_not_listed(account, estate, refuse):
    refuse(
        "GetAccountAuthorizationDetails",
        "AccessDenied",
        lambda _, params: params["Filter"] == ["LocalManagedPolicy"],
    )
    found = scan(account)
    assert "iam.role.service_unused" in told(found.unknowns, "role/web")
    assert "iam.user.service_unused" in told(found.unknowns, "user/amy")


def analyzer(region: str, kind: str = "ACCOUNT", status: str = "ACTIVE") -> dict[str, Any]:
    arn = f"arn:aws:access-analyzer:{region}:123456789012:analyzer/{kind.lower()}"
    made = {"name": kind.lower(), "type": kind, "status": status, "createdAt": SCANNED_AT}
    return {"arn": arn, **made}


def test_analyzers_region_by_region(account: Account, answer):
    """From the service's own shapes: a wrong field name in an answer would not pass here."""
    for operation in ("ListAnalyzers", "ListTrustAnchors"):
        answer(operation, lambda real, params: real())
    there = {
        "eu-west-1": [analyzer("eu-west-1"), analyzer("eu-west-1", "ACCOUNT_UNUSED_ACCESS")],
        "us-east-1": [analyzer("us-east-1", status="DISABLED")],
    }
    with ExitStack() as stubs:
        for region, analyzers in there.items():
            for service, operation, said in (
                ("accessanalyzer", "list_analyzers", {"analyzers": analyzers}),
                ("rolesanywhere", "list_trust_anchors", {"trustAnchors": []}),
            ):
                stub = stubs.enter_context(Stubber(account.client(service, region)))
                stub.add_response(operation, said)
                if service == "accessanalyzer":
                    finding = {
                        "id": "1",
                        "condition": {},
                        "createdAt": SCANNED_AT,
                        "analyzedAt": SCANNED_AT,
                        "updatedAt": SCANNED_AT,
                        "status": "ACTIVE",
                        "resourceType": "AWS::S3::Bucket",
                        "resourceOwnerAccount": "123456789012",
                    }
                    findings = [finding] if region == "eu-west-1" else []
                    stub.add_response(
                        "list_findings",
                        {"findings": findings},
                        {
                            "analyzerArn": analyzers[0]["arn"],
                            "filter": {"status": {"eq": ["ACTIVE"]}},
                        },
                    )
        regional = [c for c in MODULE.collectors if c.table.regional]
        tables = collect(account, regional, ["eu-west-1", "us-east-1"])
    assert dict(tables[AccessAnalysis].select("region", "external_analyzers").rows()) == {
        "eu-west-1": 1,
        "us-east-1": 0,
    }
    found = evaluate("iam", MODULE.rules, tables, account.coverage(), SCANNED_AT)
    off = found.fails.filter(rule_id="iam.access_analyzer.off")
    assert off["region"].to_list() == ["us-east-1"]
    reported = found.fails.filter(rule_id="iam.access_analyzer.findings")
    assert reported["resource_arn"].to_list() == [analyzer("eu-west-1")["arn"]]


def test_a_refused_analyzer_list_is_unknown_in_its_region(account: Account, refuse):
    refuse("ListAnalyzers", "AccessDeniedException", lambda region, _: region == "us-east-1")
    found = scan(account)
    (lost,) = found.unknowns.filter(rule_id="iam.access_analyzer.off").to_dicts()
    assert lost["region"] == "us-east-1"
    assert lost["because"] == "accessanalyzer:ListAnalyzers denied (AccessDeniedException)"
    assert found.fails.filter(rule_id="iam.access_analyzer.off")["region"].to_list() == [
        "eu-west-1"
    ]


def anchor(name: str, **data: str) -> dict[str, Any]:
    arn = f"arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/{name}"
    source = {"sourceType": "AWS_ACM_PCA", "sourceData": data}
    made = {"trustAnchorArn": arn, "trustAnchorId": name, "name": name, "enabled": True}
    return {**made, "source": source}


def certificate() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(SCANNED_AT)
        .not_valid_after(SCANNED_AT + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def test_trust_anchors_and_profiles(account: Account, answer):
    pca = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/"
    anchors = [
        anchor("new", acmPcaArn=pca + "ML_DSA_65"),
        anchor("old", acmPcaArn=pca + "RSA_2048"),
        anchor("own", x509CertificateData=certificate()),
    ]
    profile = {"enabled": True, "roleArns": [f"{ME}:role/edge"]}
    profiles = [
        profile
        | {
            "profileArn": f"arn:aws:rolesanywhere:eu-west-1:1:profile/{n}",
            "profileId": n,
            "name": n,
        }
        | limits
        for n, limits in (
            ("wide", {"managedPolicyArns": []}),
            ("inline", {"sessionPolicy": "{}"}),
            ("managed", {"managedPolicyArns": [READ_ONLY]}),
        )
    ]
    asked: list[str] = []

    def describe(real: Callable[[], dict], params: dict) -> dict:
        asked.append(params["CertificateAuthorityArn"])
        algorithm = params["CertificateAuthorityArn"].rpartition("/")[2]
        configured = {"KeyAlgorithm": algorithm}
        return {"CertificateAuthority": {"CertificateAuthorityConfiguration": configured}}

    answer("ListTrustAnchors", lambda real, params: {"trustAnchors": anchors})
    answer("ListProfiles", lambda real, params: {"profiles": profiles})
    answer("DescribeCertificateAuthority", describe)
    tables = collect(account, MODULE.collectors, ["eu-west-1"])
    assert dict(tables[TrustAnchors].select("name", "post_quantum").rows()) == {
        "new": True,
        "old": False,
        "own": False,
    }
    assert len(asked) == 2
    found = evaluate("iam", MODULE.rules, tables, account.coverage(), SCANNED_AT)
    wide = found.fails.filter(rule_id="iam.anywhere_profile.unrestricted")
    assert wide["resource_arn"].to_list() == [profiles[0]["profileArn"]]
    assert wide["related"].to_list() == [[f"{ME}:role/edge"]]
    assert tables[AnywhereProfiles].height == 3


def test_a_refused_authority_is_unknown(account: Account, answer, refuse):
    anchors = [anchor("new", acmPcaArn="arn:aws:acm-pca:eu-west-1:1:certificate-authority/1")]
    answer("ListTrustAnchors", lambda real, params: {"trustAnchors": anchors})
    refuse("DescribeCertificateAuthority", "AccessDenied")
    refuse("ListProfiles", "AccessDeniedException")
    found = evaluate(
        "iam",
        MODULE.rules,
        collect(account, MODULE.collectors, ["eu-west-1"]),
        account.coverage(),
        SCANNED_AT,
    )
    (lost,) = found.unknowns.filter(rule_id="iam.trust_anchor.quantum").to_dicts()
    assert lost["because"] == "acm-pca:DescribeCertificateAuthority denied (AccessDenied)"
    gap = next(g for g in found.gaps.to_dicts() if g["operation"] == "rolesanywhere:ListProfiles")
    assert gap["rules"] == ["iam.anywhere_profile.unrestricted"]
    assert gap["unlisted"]
