"""IAM roles: who may assume them, and with what power."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api
from stratum_pipeline.kernel.policy import STATEMENTS, with_policy
from stratum_pipeline.kernel.table import NEVER, TIMESTAMP, Column, Inventory, Resource
from stratum_pipeline.kernel.trust import with_outsiders

from .. import derive, documents
from .details import DETAILS, INLINE, arns, boundary, canonical, details, entity, inline, moment
from .policies import managed
from .services import LAST_USED, SERVICE_USE, SERVICE_USE_DOC, service_use


class Roles(Resource, listed_by=DETAILS, regional=False):
    """One row per IAM role, service-linked ones included."""

    name = Column(pl.String, "RoleName.", source=DETAILS)
    path = Column(pl.String, '"/" unless it was given one.', source=DETAILS)
    created_at = Column(TIMESTAMP, "CreateDate.", source=DETAILS)
    last_used = Column(
        TIMESTAMP, "In the last 400 days, as far as AWS tracks.", source=DETAILS, volatile=True
    )
    trust = Column(pl.String, "AssumeRolePolicyDocument as JSON.", source=DETAILS)
    attached_policies = Column(pl.List(pl.String), "Managed policy ARNs, sorted.", source=DETAILS)
    inline_policies = Column(INLINE, "By name; JSON documents.", source=DETAILS)
    boundary = Column(pl.String, 'Permissions boundary ARN; "" if none.', source=DETAILS)
    instance_profile_arns = Column(pl.List(pl.String), "Sorted.", source=DETAILS)
    service_use = Column(SERVICE_USE, SERVICE_USE_DOC, source=LAST_USED, volatile=True)

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
    trust_services = Column(
        pl.Boolean,
        "A service that says for whom it acts may assume it, whoever that is.",
        source=DETAILS,
        derived=True,
    )
    outsiders = Column(
        pl.List(pl.String),
        "Accounts and organizations, not ours, that may assume it.",
        source=DETAILS,
        derived=True,
    )
    outsiders_unheld = Column(
        pl.List(pl.String), "Those of whom no external id is asked.", source=DETAILS, derived=True
    )
    service_idle_since = Column(
        TIMESTAMP, "The least recent use of `service_use`.", source=LAST_USED, derived=True
    )
    administrator = Column(
        pl.Boolean,
        "A policy, attached or inline, lets it do anything, and no boundary holds it.",
        source=DETAILS,
        derived=True,
    )

    together = Column(
        pl.List(pl.String),
        "Ways to administrator that its policies open together, and none alone.",
        source=DETAILS,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        judged = with_policy(
            raw,
            "trust",
            "trust_",
            trust_anyone=derive.trust_anyone,
            trust_oidc_subject=derive.trust_oidc_subject,
            trust_oidc_shared=derive.trust_oidc_shared,
            trust_compute=derive.trust_compute,
            trust_services=derive.trust_services,
        ).with_columns(
            documents.together(raw, managed(inventory)),
            unheld=derive.without_external_id(raw),
            service_linked=cls.path.str.starts_with("/aws-service-role/"),
            administrator=derive.administrator(raw) & derive.unbounded(),
            service_idle_since=derive.idle_since(),
        )
        judged = with_outsiders(judged, inventory, "trust")
        return with_outsiders(judged, inventory, "unheld", "outsiders_unheld")


def read_roles(iam: Api) -> Iterator[dict[str, Any]]:
    def describe(role: dict[str, Any]) -> dict[str, Any]:
        return {
            **entity(iam, role, role["RoleId"]),
            "last_used": role.get("RoleLastUsed", {}).get("LastUsedDate") or moment(NEVER),
            "trust": canonical(role["AssumeRolePolicyDocument"]),
            "attached_policies": arns(role.get("AttachedManagedPolicies", ()), "PolicyArn"),
            "inline_policies": inline(role.get("RolePolicyList", ())),
            "boundary": boundary(role),
            "instance_profile_arns": arns(role.get("InstanceProfileList", ()), "Arn"),
            "service_use": service_use(iam, role, "RolePolicyList"),
        }

    yield from iam.each(describe, details(iam, "Role"))
