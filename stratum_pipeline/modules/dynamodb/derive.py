"""What table policies, scaling policies and zones amount to. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from stratum_pipeline.kernel.policy import Statement, allows, pinned

SERVICE = re.compile(r"(?!cognito-identity\.).+\.amazonaws\.com(\.cn)?")  # Cognito federates people


def trusts_services(parsed: list[Statement]) -> bool:
    """Whether a policy admits an AWS service whoever the service acts for."""
    return any(
        any(SERVICE.fullmatch(principal) for principal in statement["principals"])
        and not pinned(statement)
        for statement in allows(parsed)
        if "*" not in statement["principals"]  # everyone is another finding
    )


def fixed_capacity(table: Mapping[str, Any], policies: Iterable[Mapping[str, Any]]) -> list[str]:
    """Which provisioned capacity of a table no scaling policy adjusts: ["read", "by-date write"].

    table: as DescribeTable has it; policies: as DescribeScalingPolicies. A global index has
    capacity of its own and is named in front.
    """
    scaled = {(p["ResourceId"], p["ScalableDimension"]) for p in policies}
    name = f"table/{table['TableName']}"
    indexes = [index["IndexName"] for index in table.get("GlobalSecondaryIndexes", ())]
    parts = [("", name, "table")] + [(f"{i} ", f"{name}/index/{i}", "index") for i in indexes]
    return [
        f"{label}{kind.lower()}"
        for label, resource, of in parts
        for kind in ("Read", "Write")
        if (resource, f"dynamodb:{of}:{kind}CapacityUnits") not in scaled
    ]


def one_zone(zones: pl.Expr) -> pl.Expr:
    """Whether a list of zones names fewer than two; null where one unknown may be the second."""
    known = zones.list.drop_nulls()
    several = known.list.n_unique() > 1
    return pl.when(several).then(False).when(known.list.len() == zones.list.len()).then(True)
