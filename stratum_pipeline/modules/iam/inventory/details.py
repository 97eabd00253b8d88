"""What several tables are read from: authorization details, asked once, and how a row begins."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api
from stratum_pipeline.kernel.table import NEVER

DETAILS = "iam:GetAccountAuthorizationDetails"
INLINE = pl.List(pl.Struct({"name": pl.String, "document": pl.String}))
NO_NEWS = {"N/A", "no_information", "not_supported"}
LISTS = {
    "User": "UserDetailList",
    "Group": "GroupDetailList",
    "Role": "RoleDetailList",
    "LocalManagedPolicy": "Policies",
}


def details(iam: Api, kind: str) -> list[dict[str, Any]]:
    """Users, groups, roles or policies with all they hold; what was read before a page failed."""
    # One kind a listing: asked for all, the four lists arrive interleaved over the pages.
    operation, paging = DETAILS.partition(":")[2], {"PageSize": 1000}

    def ask() -> list[dict[str, Any]]:
        return list(iam.pages(operation, LISTS[kind], Filter=[kind], PaginationConfig=paging))

    return iam.account.once((DETAILS, kind), ask) or []


def entity(iam: Api, raw: dict[str, Any], incarnation: str) -> dict[str, Any]:
    return {
        "arn": raw["Arn"],
        "account_id": iam.account.account_id,
        "region": "",
        "incarnation": incarnation,
        "name": raw["Arn"].rpartition("/")[2],
        "path": raw["Path"],
        "created_at": raw["CreateDate"],
    }


def arns(items: Iterable[dict[str, Any]], key: str) -> list[str]:
    return sorted(item[key] for item in items)


def inline(policies: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    named = {p["PolicyName"]: canonical(p["PolicyDocument"]) for p in policies}
    return [{"name": name, "document": named[name]} for name in sorted(named)]


def boundary(raw: dict[str, Any]) -> str:
    return raw.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")


def canonical(document: Any) -> str:
    """A policy as JSON in one fixed spelling; what botocore could not read stays as it was."""
    if isinstance(document, str):
        return document
    return json.dumps(_ordered(document), sort_keys=True, separators=(",", ":"))


def moment(value: str | None) -> datetime | None:
    """A time of the credential report; NEVER where it has no news of any."""
    return None if value is None else datetime.fromisoformat(NEVER if value in NO_NEWS else value)


def flag(value: str | None) -> bool | None:
    return None if value is None else value.lower() == "true"


def _ordered(value: Any) -> Any:
    """Lists of strings sorted: they are sets to IAM, which need not keep their order."""
    if isinstance(value, dict):
        return {key: _ordered(part) for key, part in value.items()}
    if isinstance(value, list):
        parts = [_ordered(part) for part in value]
        return sorted(parts) if all(isinstance(part, str) for part in parts) else parts
    return value
