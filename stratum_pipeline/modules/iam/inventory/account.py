"""What holds for the account as a whole: its root user, passwords, federation, policies in use."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api, Reply
from stratum_pipeline.kernel.coverage import REFUSALS, Outcome, classify
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Resource, setting_arn

from .details import moment
from .report import REPORT, VIRTUAL_MFA, credential_report, virtual_mfa

PASSWORDS = "iam:GetAccountPasswordPolicy"
SUMMARY = "iam:GetAccountSummary"
ROOT_FEATURES = "iam:ListOrganizationsFeatures"
MANAGED = "iam:ListPolicies"
SAML = "iam:ListSAMLProviders"
CERTIFICATES = "iam:ListServerCertificates"

DEMANDS = {
    "lowercase": "RequireLowercaseCharacters",
    "numbers": "RequireNumbers",
    "symbols": "RequireSymbols",
    "uppercase": "RequireUppercaseCharacters",
}
"""Kinds of character a password policy may demand: our name, AWS's name."""


class PasswordPolicy(Resource, listed_by=PASSWORDS, regional=False):
    """One row: what the account demands of IAM users' passwords."""

    exists = Column(pl.Boolean, "False: IAM's default applies.", source=PASSWORDS)
    minimum_length = Column(pl.Int64, "IAM's default is 8.", source=PASSWORDS)
    reuse_prevention = Column(
        pl.Int64, "Earlier passwords that are refused; 0 if none.", source=PASSWORDS
    )
    lowercase = Column(pl.Boolean, "RequireLowercaseCharacters.", source=PASSWORDS)
    numbers = Column(pl.Boolean, "RequireNumbers.", source=PASSWORDS)
    symbols = Column(pl.Boolean, "RequireSymbols.", source=PASSWORDS)
    uppercase = Column(pl.Boolean, "RequireUppercaseCharacters.", source=PASSWORDS)
    max_age_days = Column(pl.Int64, "MaxPasswordAge; 0 if passwords never end.", source=PASSWORDS)


class RootUser(Resource, listed_by=SUMMARY, regional=False):
    """One row: the account's root user."""

    mfa = Column(pl.Boolean, "Whether it has an MFA device.", source=SUMMARY)
    password = Column(
        pl.Boolean, "False where root's credentials were removed centrally.", source=SUMMARY
    )
    access_keys = Column(pl.Boolean, "Whether it has access keys.", source=SUMMARY)
    virtual_mfa = Column(pl.Boolean, "Whether it has an authenticator app.", source=VIRTUAL_MFA)
    last_used = Column(
        TIMESTAMP, "Its password or a key, whichever was last.", source=REPORT, volatile=True
    )
    central_management = Column(
        pl.String,
        'Whether the organization can remove members\' root credentials: on | off; "" where'
        " that is not this account's to say.",
        source=ROOT_FEATURES,
    )


class AccountAccess(Resource, listed_by=MANAGED, regional=False):
    """One row: how people get into the account, and which of AWS's policies are in use."""

    aws_policies = Column(
        pl.List(pl.String), "Names of AWS managed policies that someone holds.", source=MANAGED
    )
    saml_providers = Column(pl.List(pl.String), "ARNs, sorted.", source=SAML)
    console_users = Column(pl.Int64, "IAM users with a password.", source=REPORT)


class SamlProviders(Resource, listed_by=SAML, regional=False):
    """One row per SAML identity provider."""

    name = Column(pl.String, "The end of its ARN.", source=SAML)
    valid_until = Column(TIMESTAMP, "ValidUntil, of its metadata's certificate.", source=SAML)


class ServerCertificates(Resource, listed_by=CERTIFICATES, regional=False):
    """One row per certificate uploaded to IAM."""

    name = Column(pl.String, "ServerCertificateName.", source=CERTIFICATES)
    expires_at = Column(TIMESTAMP, "Expiration.", source=CERTIFICATES)


def read_password_policy(iam: Api) -> Iterator[dict[str, Any]]:
    answer = iam.call("GetAccountPasswordPolicy", absent=("NoSuchEntity",))
    policy = answer.get("PasswordPolicy", {})
    yield {
        **_setting(iam, "password-policy"),
        "exists": None if policy is None else bool(policy),
        "minimum_length": answer.get("PasswordPolicy.MinimumPasswordLength", 8),
        "reuse_prevention": answer.get("PasswordPolicy.PasswordReusePrevention", 0),
        "max_age_days": answer.get("PasswordPolicy.MaxPasswordAge", 0),
        **{ours: answer.get(f"PasswordPolicy.{theirs}", False) for ours, theirs in DEMANDS.items()},
    }


def read_root_user(iam: Api) -> Iterator[dict[str, Any]]:
    account = iam.account
    arn = f"arn:{account.partition}:iam::{account.account_id}:root"
    summary = iam.call("GetAccountSummary")
    seen, virtual = credential_report(iam).get(arn), virtual_mfa(iam)
    uses = ("password_last_used", "access_key_1_last_used_date", "access_key_2_last_used_date")
    yield {
        "arn": arn,
        "account_id": account.account_id,
        "region": "",
        "incarnation": "",
        "mfa": _counted(summary, "AccountMFAEnabled", 0),
        "password": _counted(summary, "AccountPasswordPresent", 1),  # until 2024 it always was
        "access_keys": _counted(summary, "AccountAccessKeysPresent", 0),
        "virtual_mfa": None if virtual is None else arn in virtual,
        "last_used": max(filter(None, (moment(seen[use]) for use in uses))) if seen else None,
        "central_management": _central_management(iam),
    }


def read_access(iam: Api) -> Iterator[dict[str, Any]]:
    held = iam.all("ListPolicies", "Policies", Scope="AWS", OnlyAttached=True)
    providers: list[dict[str, Any]] | None = _saml_providers(iam)
    passwords = [row["password_enabled"] for row in credential_report(iam).values()]
    yield {
        **_setting(iam, "access"),
        "aws_policies": None if held is None else sorted(p["PolicyName"] for p in held),
        "saml_providers": None if providers is None else sorted(p["Arn"] for p in providers),
        "console_users": passwords.count("true") if passwords else None,
    }


def read_saml_providers(iam: Api) -> Iterator[dict[str, Any]]:
    for provider in _saml_providers(iam) or ():
        yield {
            "arn": provider["Arn"],
            "account_id": iam.account.account_id,
            "region": "",
            "incarnation": provider["CreateDate"].isoformat(),
            "name": provider["Arn"].rpartition("/")[2],
            "valid_until": provider["ValidUntil"],
        }


def read_server_certificates(iam: Api) -> Iterator[dict[str, Any]]:
    for found in iam.pages("ListServerCertificates", "ServerCertificateMetadataList"):
        yield {
            "arn": found["Arn"],
            "account_id": iam.account.account_id,
            "region": "",
            "incarnation": found["ServerCertificateId"],
            "name": found["ServerCertificateName"],
            "expires_at": found["Expiration"],
        }


def _setting(iam: Api, name: str) -> dict[str, str]:
    account = iam.account
    return {
        "arn": setting_arn(account.partition, "iam", "", account.account_id, name),
        "account_id": account.account_id,
        "region": "",
        "incarnation": "",
    }


def _counted(summary: Reply, name: str, absent: int) -> bool | None:
    count = summary.get(f"SummaryMap.{name}", absent)
    return None if count is None else count > 0


def _saml_providers(iam: Api) -> list[dict[str, Any]] | None:
    def ask() -> list[dict[str, Any]] | None:
        return iam.call("ListSAMLProviders").get("SAMLProviderList", [])

    return iam.account.once((SAML,), ask)


NOT_OURS = ("AccountNotManagementOrDelegatedAdministrator", "OrganizationNotFound")
OFF = ("OrganizationNotInAllFeaturesMode", "ServiceAccessNotEnabled")


def _central_management(iam: Api) -> str | None:
    """`RootUser.central_management`. Two kinds of refusal are answers here, and differ."""
    operation = ROOT_FEATURES.partition(":")[2]
    try:
        body = iam.account.client(iam.service, iam.region).list_organizations_features()
    except REFUSALS as error:
        outcome, code = classify(error)
        said = code.removesuffix("Exception")
        if said not in NOT_OURS + OFF:
            iam.record(operation, outcome, code)
            return None
        iam.record(operation, Outcome.OK)
        return "off" if said in OFF else ""
    iam.record(operation, Outcome.OK)
    return "on" if "RootCredentialsManagement" in body.get("EnabledFeatures", ()) else "off"
