"""IAM end to end against moto: a handful of calls, and what is refused comes out unknown."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import polars as pl
import pytest
from botocore.exceptions import ClientError
from moto.iam.models import iam_backends
from polars.testing import assert_frame_equal

from stratum_pipeline.kernel.collect import Account
from stratum_pipeline.kernel.evaluate import evaluate
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
)
from stratum_pipeline.modules.iam.inventory.details import canonical

from ...conftest import SCANNED_AT
from .conftest import DETAILS, ME, ROOT, again, calls, frames, scan, told
from .samples import (
    ADMINISTRATOR,
    EC2,
    GITHUB,
    allow,
    document,
    trusting,
    trusting_tokens,
)

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
