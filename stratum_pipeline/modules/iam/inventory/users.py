"""IAM users and groups."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Inventory, Resource

from .. import derive, documents
from .details import DETAILS, INLINE, NO_NEWS, arns, boundary, details, entity, flag, inline, moment
from .policies import managed
from .report import REPORT, VIRTUAL_MFA, credential_report, virtual_mfa
from .services import LAST_USED, SERVICE_USE, SERVICE_USE_DOC, service_use


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
    boundary = Column(pl.String, 'Permissions boundary ARN; "" if none.', source=DETAILS)
    console_password = Column(pl.Boolean, "Whether it can sign in to the console.", source=REPORT)
    mfa_active = Column(pl.Boolean, "Whether it has an MFA device of any kind.", source=REPORT)
    virtual_mfa = Column(pl.Boolean, "Whether it has an authenticator app.", source=VIRTUAL_MFA)
    password_last_used = Column(TIMESTAMP, "Last console sign-in.", source=REPORT, volatile=True)
    password_last_changed = Column(TIMESTAMP, "When it was set.", source=REPORT)
    access_key_1_active = Column(pl.Boolean, "False if there is none.", source=REPORT)
    access_key_1_last_rotated = Column(TIMESTAMP, "When it was created.", source=REPORT)
    access_key_1_last_used = Column(TIMESTAMP, "Last signed request.", source=REPORT, volatile=True)
    access_key_1_last_service = Column(
        pl.String, 'Service of that request: "s3"; "" if none.', source=REPORT, volatile=True
    )
    access_key_2_active = Column(pl.Boolean, "False if there is none.", source=REPORT)
    access_key_2_last_rotated = Column(TIMESTAMP, "When it was created.", source=REPORT)
    access_key_2_last_used = Column(TIMESTAMP, "Last signed request.", source=REPORT, volatile=True)
    access_key_2_last_service = Column(
        pl.String, 'Service of that request: "s3"; "" if none.', source=REPORT, volatile=True
    )
    service_use = Column(SERVICE_USE, SERVICE_USE_DOC, source=LAST_USED, volatile=True)

    service_idle_since = Column(
        TIMESTAMP, "The least recent use of `service_use`.", source=LAST_USED, derived=True
    )
    administrator = Column(
        pl.Boolean,
        "Its own policies, attached or inline, let it do anything, and no boundary holds it.",
        source=DETAILS,
        derived=True,
    )

    together = Column(
        pl.List(pl.String),
        "Ways to administrator that its policies and its groups' open together, and none alone.",
        source=DETAILS,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        groups = inventory.get(Groups, Groups.frame())
        held = groups.select("name", "attached_policies", "inline_policies").iter_rows()
        return raw.with_columns(
            documents.together(raw, managed(inventory), {name: (a, i) for name, a, i in held}),
            administrator=derive.administrator(raw) & derive.unbounded(),
            service_idle_since=derive.idle_since(),
        )


class Groups(Resource, listed_by=DETAILS, regional=False):
    """One row per IAM group."""

    name = Column(pl.String, "GroupName.", source=DETAILS)
    path = Column(pl.String, '"/" unless it was given one.', source=DETAILS)
    created_at = Column(TIMESTAMP, "CreateDate.", source=DETAILS)
    attached_policies = Column(pl.List(pl.String), "Managed policy ARNs, sorted.", source=DETAILS)
    inline_policies = Column(INLINE, "By name; JSON documents.", source=DETAILS)

    administrator = Column(
        pl.Boolean, "Its policies let members do anything.", source=DETAILS, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return raw.with_columns(administrator=derive.administrator(raw))


def read_users(iam: Api) -> Iterator[dict[str, Any]]:
    users = details(iam, "User")
    report, virtual = credential_report(iam), virtual_mfa(iam)

    def describe(user: dict[str, Any]) -> dict[str, Any]:
        seen = report.get(user["Arn"], {})
        if seen and datetime.fromisoformat(seen["user_creation_time"]) != _whole_second(user):
            seen = {}  # the report knows a namesake that is gone
        return {
            **entity(iam, user, user["UserId"]),
            "groups": sorted(user.get("GroupList", ())),
            "attached_policies": arns(user.get("AttachedManagedPolicies", ()), "PolicyArn"),
            "inline_policies": inline(user.get("UserPolicyList", ())),
            "boundary": boundary(user),
            "console_password": flag(seen.get("password_enabled")),
            "mfa_active": flag(seen.get("mfa_active")),
            "virtual_mfa": None if virtual is None else user["Arn"] in virtual,
            "password_last_used": moment(seen.get("password_last_used")),
            "password_last_changed": moment(seen.get("password_last_changed")),
            **_key(seen, "access_key_1"),
            **_key(seen, "access_key_2"),
            "service_use": service_use(iam, user, "UserPolicyList"),
        }

    yield from iam.each(describe, users)


def read_groups(iam: Api) -> Iterator[dict[str, Any]]:
    def describe(group: dict[str, Any]) -> dict[str, Any]:
        return {
            **entity(iam, group, group["GroupId"]),
            "attached_policies": arns(group.get("AttachedManagedPolicies", ()), "PolicyArn"),
            "inline_policies": inline(group.get("GroupPolicyList", ())),
        }

    yield from iam.each(describe, details(iam, "Group"))


def _key(seen: dict[str, str], key: str) -> dict[str, Any]:
    service = seen.get(f"{key}_last_used_service")
    return {
        f"{key}_active": flag(seen.get(f"{key}_active")),
        f"{key}_last_rotated": moment(seen.get(f"{key}_last_rotated")),
        f"{key}_last_used": moment(seen.get(f"{key}_last_used_date")),
        f"{key}_last_service": "" if service in NO_NEWS else service,
    }


def _whole_second(user: dict[str, Any]) -> datetime:
    return user["CreateDate"].replace(microsecond=0)
