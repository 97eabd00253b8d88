"""Customer managed and inline policies: what their documents amount to."""

from collections.abc import Iterator
from datetime import UTC
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api
from stratum_pipeline.kernel.policy import STATEMENTS
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Inventory, Resource, setting_arn

from .. import documents
from .details import DETAILS, canonical, details, entity

INLINE_KEYS = {"User": "UserPolicyList", "Group": "GroupPolicyList", "Role": "RolePolicyList"}


def _judged(dtype: Any, doc: str) -> Column:
    return Column(dtype, doc, source=DETAILS, derived=True)


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

    statements = _judged(STATEMENTS, "`document`, parsed.")
    full_admin = _judged(pl.Boolean, "It allows everything, unconditionally.")
    escalations = _judged(pl.List(pl.String), "Ways to administrator it opens, as cloudsplaining.")
    guards = _judged(pl.List(pl.String), "Services guarding the account that it allows whole.")
    unscoped = _judged(pl.List(pl.String), "Sensitive actions it allows on whatever there is.")

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return documents.judge(raw)


class InlinePolicies(Resource, listed_by=DETAILS, regional=False):
    """One row per inline policy of a user, group or role."""

    name = Column(pl.String, "PolicyName.", source=DETAILS)
    holder = Column(pl.String, "ARN of the user, group or role.", source=DETAILS)
    kind = Column(pl.String, "user | group | role", source=DETAILS)
    holder_name = Column(pl.String, "Its name.", source=DETAILS)
    document = Column(pl.String, "As JSON.", source=DETAILS)

    statements = _judged(STATEMENTS, "`document`, parsed.")
    full_admin = _judged(pl.Boolean, "It allows everything, unconditionally.")
    escalations = _judged(pl.List(pl.String), "Ways to administrator it opens, as cloudsplaining.")
    guards = _judged(pl.List(pl.String), "Services guarding the account that it allows whole.")
    unscoped = _judged(pl.List(pl.String), "Sensitive actions it allows on whatever there is.")

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return documents.judge(raw)


def managed(inventory: Inventory) -> dict[str, str | None]:
    """Documents of the customer managed policies, by ARN."""
    rows = inventory.get(Policies, Policies.frame())
    return dict(rows.select("arn", "document").iter_rows())


def read_policies(iam: Api) -> Iterator[dict[str, Any]]:
    def describe(policy: dict[str, Any]) -> dict[str, Any]:
        default = [v for v in policy["PolicyVersionList"] if v["IsDefaultVersion"]]
        return {
            **entity(iam, policy, policy["CreateDate"].astimezone(UTC).isoformat()),
            "default_version": policy["DefaultVersionId"],
            "document": canonical(default[0]["Document"]),
            "attachment_count": policy["AttachmentCount"],
        }

    yield from iam.each(describe, details(iam, "LocalManagedPolicy"))


def read_inline_policies(iam: Api) -> Iterator[dict[str, Any]]:
    account = iam.account
    for kind, key in INLINE_KEYS.items():
        for holder in details(iam, kind):
            of = holder["Arn"].split(":", 5)[5]  # "role/team/web"
            for policy in holder.get(key, ()):
                setting = f"inline-policy/{of}/{policy['PolicyName']}"
                yield {
                    "arn": setting_arn(account.partition, "iam", "", account.account_id, setting),
                    "account_id": account.account_id,
                    "region": "",
                    "incarnation": holder[f"{kind}Id"],
                    "name": policy["PolicyName"],
                    "holder": holder["Arn"],
                    "kind": kind.lower(),
                    "holder_name": holder[f"{kind}Name"],
                    "document": canonical(policy["PolicyDocument"]),
                }
