"""IAM as AWS reports it: a few calls per account, none per user, role or policy."""

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from time import sleep
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector, Reply
from stratum_pipeline.kernel.policy import STATEMENTS, with_policy
from stratum_pipeline.kernel.table import (
    NEVER,
    TIMESTAMP,
    Column,
    Inventory,
    Resource,
    setting_arn,
)

from . import derive

DETAILS = "iam:GetAccountAuthorizationDetails"
REPORT = "iam:GetCredentialReport"
PASSWORDS = "iam:GetAccountPasswordPolicy"
SUMMARY = "iam:GetAccountSummary"
INLINE = pl.List(pl.Struct({"name": pl.String, "document": pl.String}))


class Users(Resource, listed_by=DETAILS, regional=False):
    """One row per IAM user. Times are as old as the credential report: up to four hours."""

    name = Column(pl.String, "UserName.", source=DETAILS)
    path = Column(pl.String, '"/" unless it was given one.', source=DETAILS)
    created_at = Column(TIMESTAMP, "CreateDate.", source=DETAILS)
    groups = Column(pl.List(pl.String), "Names, sorted.", source=DETAILS)
    attached_policies = Column(
        pl.List(pl.String), "ARNs of managed policies on the user itself, sorted.", source=DETAILS
    )
    inline_policies = Column(INLINE, "The user's own, by name; JSON documents.", source=DETAILS)
    console_password = Column(pl.Boolean, "Whether it can sign in to the console.", source=REPORT)
    mfa_active = Column(pl.Boolean, "Whether it has an MFA device of any kind.", source=REPORT)
    password_last_used = Column(TIMESTAMP, "Last console sign-in.", source=REPORT)
    password_last_changed = Column(TIMESTAMP, "When it was set.", source=REPORT)
    access_key_1_active = Column(pl.Boolean, "False if there is none.", source=REPORT)
    access_key_1_last_rotated = Column(TIMESTAMP, "When it was created.", source=REPORT)
    access_key_1_last_used = Column(TIMESTAMP, "Last signed request.", source=REPORT)
    access_key_2_active = Column(pl.Boolean, "False if there is none.", source=REPORT)
    access_key_2_last_rotated = Column(TIMESTAMP, "When it was created.", source=REPORT)
    access_key_2_last_used = Column(TIMESTAMP, "Last signed request.", source=REPORT)


class Roles(Resource, listed_by=DETAILS, regional=False):
    """One row per IAM role, service-linked ones included."""

    name = Column(pl.String, "RoleName.", source=DETAILS)
    path = Column(pl.String, '"/" unless it was given one.', source=DETAILS)
    created_at = Column(TIMESTAMP, "CreateDate.", source=DETAILS)
    last_used = Column(TIMESTAMP, "In the last 400 days, as far as AWS tracks.", source=DETAILS)
    trust = Column(pl.String, "AssumeRolePolicyDocument as JSON.", source=DETAILS)
    attached_policies = Column(pl.List(pl.String), "Managed policy ARNs, sorted.", source=DETAILS)
    inline_policies = Column(INLINE, "By name; JSON documents.", source=DETAILS)
    boundary = Column(pl.String, 'Permissions boundary ARN; "" if none.', source=DETAILS)
    instance_profile_arns = Column(pl.List(pl.String), "Sorted.", source=DETAILS)

    service_linked = Column(
        pl.Boolean, "AWS's own, in the path /aws-service-role/.", source=DETAILS, derived=True
    )
    trust_statements = Column(STATEMENTS, "`trust`, parsed.", source=DETAILS, derived=True)
    trust_anyone = Column(
        pl.Boolean, "Any AWS principal may assume it.", source=DETAILS, derived=True
    )
    trust_oidc_subject = Column(
        pl.Boolean, "Any token of an OIDC provider will do.", source=DETAILS, derived=True
    )
    trust_oidc_shared = Column(
        pl.Boolean, "... of one that gives anyone a token.", source=DETAILS, derived=True
    )
    trust_compute = Column(
        pl.Boolean, "A compute service may assume it.", source=DETAILS, derived=True
    )
    inline_administrator = Column(
        pl.Boolean, "An inline policy allows everything.", source=DETAILS, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_policy(
            raw,
            "trust",
            "trust_",
            trust_anyone=derive.trust_anyone,
            trust_oidc_subject=derive.trust_oidc_subject,
            trust_oidc_shared=derive.trust_oidc_shared,
            trust_compute=derive.trust_compute,
        ).with_columns(
            service_linked=cls.path.str.starts_with("/aws-service-role/"),
            inline_administrator=derive.any_full_admin(raw),
        )


class Policies(Resource, listed_by=DETAILS, regional=False):
    """One row per customer managed policy."""

    name = Column(pl.String, "PolicyName.", source=DETAILS)
    path = Column(pl.String, '"/" unless it was given one.', source=DETAILS)
    created_at = Column(TIMESTAMP, "CreateDate.", source=DETAILS)
    default_version = Column(pl.String, '"v1"', source=DETAILS)
    document = Column(pl.String, "Default version, as JSON.", source=DETAILS)
    attachment_count = Column(
        pl.Int64, "Users, groups and roles that hold it; boundaries don't count.", source=DETAILS
    )

    statements = Column(STATEMENTS, "`document`, parsed.", source=DETAILS, derived=True)
    full_admin = Column(
        pl.Boolean, "It allows everything, unconditionally.", source=DETAILS, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_policy(raw, "document", full_admin=derive.full_admin)


class PasswordPolicy(Resource, listed_by=PASSWORDS, regional=False):
    """One row: what the account demands of IAM users' passwords."""

    exists = Column(pl.Boolean, "False: IAM's default applies.", source=PASSWORDS)
    minimum_length = Column(pl.Int64, "IAM's default is 8.", source=PASSWORDS)
    reuse_prevention = Column(
        pl.Int64, "Earlier passwords that are refused; 0 if none.", source=PASSWORDS
    )


class RootUser(Resource, listed_by=SUMMARY, regional=False):
    """One row: the account's root user."""

    mfa = Column(pl.Boolean, "Whether it has an MFA device.", source=SUMMARY)
    password = Column(
        pl.Boolean, "False where root's credentials were removed centrally.", source=SUMMARY
    )
    access_keys = Column(pl.Boolean, "Whether it has access keys.", source=SUMMARY)


WAITS = (0.5, 1, 2, 4, 5, 5, 5, 10, 10, 10)
"""Seconds between looks at a credential report that is being generated."""
NO_NEWS = {"N/A", "no_information", "not_supported"}


def read_users(iam: Api) -> Iterator[dict[str, Any]]:
    state = _generate(iam)
    users = list(_details(iam, "User", "UserDetailList"))  # while IAM generates the report
    for seconds in WAITS:
        if state not in ("STARTED", "INPROGRESS"):
            break
        sleep(seconds)
        state = _generate(iam)
    # Whatever was said: a report of the last four hours may be there. Without one, null.
    content: bytes = iam.call("GetCredentialReport").get("Content", b"") or b""
    report = {row["arn"]: row for row in csv.DictReader(content.decode().splitlines())}

    def describe(user: dict[str, Any]) -> dict[str, Any]:
        seen = report.get(user["Arn"], {})
        if seen and datetime.fromisoformat(seen["user_creation_time"]) != _whole_second(user):
            seen = {}  # the report knows a namesake that is gone
        return {
            **_entity(iam, user, user["UserId"]),
            "groups": sorted(user.get("GroupList", ())),
            "attached_policies": _arns(user.get("AttachedManagedPolicies", ()), "PolicyArn"),
            "inline_policies": _inline(user.get("UserPolicyList", ())),
            "console_password": _flag(seen.get("password_enabled")),
            "mfa_active": _flag(seen.get("mfa_active")),
            "password_last_used": _time(seen.get("password_last_used")),
            "password_last_changed": _time(seen.get("password_last_changed")),
            "access_key_1_active": _flag(seen.get("access_key_1_active")),
            "access_key_1_last_rotated": _time(seen.get("access_key_1_last_rotated")),
            "access_key_1_last_used": _time(seen.get("access_key_1_last_used_date")),
            "access_key_2_active": _flag(seen.get("access_key_2_active")),
            "access_key_2_last_rotated": _time(seen.get("access_key_2_last_rotated")),
            "access_key_2_last_used": _time(seen.get("access_key_2_last_used_date")),
        }

    yield from iam.each(describe, users)


def read_roles(iam: Api) -> Iterator[dict[str, Any]]:
    def describe(role: dict[str, Any]) -> dict[str, Any]:
        return {
            **_entity(iam, role, role["RoleId"]),
            "last_used": role.get("RoleLastUsed", {}).get("LastUsedDate") or _time("N/A"),
            "trust": _canonical(role["AssumeRolePolicyDocument"]),
            "attached_policies": _arns(role.get("AttachedManagedPolicies", ()), "PolicyArn"),
            "inline_policies": _inline(role.get("RolePolicyList", ())),
            "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
            "instance_profile_arns": _arns(role.get("InstanceProfileList", ()), "Arn"),
        }

    yield from iam.each(describe, _details(iam, "Role", "RoleDetailList"))


def read_policies(iam: Api) -> Iterator[dict[str, Any]]:
    def describe(policy: dict[str, Any]) -> dict[str, Any]:
        default = [v for v in policy["PolicyVersionList"] if v["IsDefaultVersion"]]
        return {
            **_entity(iam, policy, policy["CreateDate"].astimezone(UTC).isoformat()),
            "default_version": policy["DefaultVersionId"],
            "document": _canonical(default[0]["Document"]),
            "attachment_count": policy["AttachmentCount"],
        }

    yield from iam.each(describe, _details(iam, "LocalManagedPolicy", "Policies"))


def read_password_policy(iam: Api) -> Iterator[dict[str, Any]]:
    account = iam.account
    answer = iam.call("GetAccountPasswordPolicy", absent=("NoSuchEntity",))
    policy = answer.get("PasswordPolicy", {})
    yield {
        "arn": setting_arn(account.partition, "iam", "", account.account_id, "password-policy"),
        "account_id": account.account_id,
        "region": "",
        "incarnation": "",
        "exists": None if policy is None else bool(policy),
        "minimum_length": answer.get("PasswordPolicy.MinimumPasswordLength", 8),
        "reuse_prevention": answer.get("PasswordPolicy.PasswordReusePrevention", 0),
    }


def read_root_user(iam: Api) -> Iterator[dict[str, Any]]:
    account = iam.account
    summary = iam.call("GetAccountSummary")
    yield {
        "arn": f"arn:{account.partition}:iam::{account.account_id}:root",
        "account_id": account.account_id,
        "region": "",
        "incarnation": "",
        "mfa": _counted(summary, "AccountMFAEnabled", 0),
        "password": _counted(summary, "AccountPasswordPresent", 1),  # until 2024 it always was
        "access_keys": _counted(summary, "AccountAccessKeysPresent", 0),
    }


def _details(iam: Api, kind: str, key: str) -> Iterator[dict[str, Any]]:
    # One kind a listing: asked for all, its four lists arrive interleaved over the pages.
    paging = {"PageSize": 1000}
    return iam.pages(DETAILS.partition(":")[2], key, Filter=[kind], PaginationConfig=paging)


def _generate(iam: Api) -> str | None:
    return iam.call("GenerateCredentialReport").get("State", "")


def _entity(iam: Api, raw: dict[str, Any], incarnation: str) -> dict[str, Any]:
    return {
        "arn": raw["Arn"],
        "account_id": iam.account.account_id,
        "region": "",
        "incarnation": incarnation,
        "name": raw["Arn"].rpartition("/")[2],
        "path": raw["Path"],
        "created_at": raw["CreateDate"],
    }


def _arns(items: Iterable[dict[str, Any]], key: str) -> list[str]:
    return sorted(item[key] for item in items)


def _inline(policies: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    named = {p["PolicyName"]: _canonical(p["PolicyDocument"]) for p in policies}
    return [{"name": name, "document": named[name]} for name in sorted(named)]


def _canonical(document: Any) -> str:
    """A policy as JSON in one fixed spelling; what botocore could not read stays as it was."""
    if isinstance(document, str):
        return document
    return json.dumps(_ordered(document), sort_keys=True, separators=(",", ":"))


def _ordered(value: Any) -> Any:
    """Lists of strings sorted: they are sets to IAM, which need not keep their order."""
    if isinstance(value, dict):
        return {key: _ordered(part) for key, part in value.items()}
    if isinstance(value, list):
        parts = [_ordered(part) for part in value]
        return sorted(parts) if all(isinstance(part, str) for part in parts) else parts
    return value


def _whole_second(user: dict[str, Any]) -> datetime:
    return user["CreateDate"].replace(microsecond=0)


def _flag(value: str | None) -> bool | None:
    return None if value is None else value.lower() == "true"


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(NEVER if value in NO_NEWS else value)


def _counted(summary: Reply, name: str, absent: int) -> bool | None:
    count = summary.get(f"SummaryMap.{name}", absent)
    return None if count is None else count > 0


COLLECTORS = (
    Collector(Users, read_users, calls=("iam:GenerateCredentialReport",)),
    Collector(Roles, read_roles),
    Collector(Policies, read_policies),
    Collector(PasswordPolicy, read_password_policy),
    Collector(RootUser, read_root_user),
)
