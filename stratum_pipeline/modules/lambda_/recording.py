"""Which CloudTrail trails record the invocations of a region's functions."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api
from stratum_pipeline.kernel.table import Column, Inventory, Resource, setting_arn

from .derive import never_recorded

FUNCTIONS, TRAILS = "lambda:ListFunctions", "cloudtrail:DescribeTrails"
STATUS, SELECTORS = "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"


class Regions(Resource, listed_by=FUNCTIONS):
    """One row per region that holds functions: which trails record their invocations."""

    functions = Column(pl.List(pl.String), "ARNs, sorted.", source=FUNCTIONS)
    trails = Column(
        pl.List(pl.String),
        "ARNs of the trails that cover the region and have event selectors, sorted. Without any"
        " a trail records management events alone.",
        source=TRAILS,
    )
    logging = Column(pl.List(pl.String), "Those that are switched on.", source=STATUS)
    selectors = Column(
        pl.String, "JSON: by trail, EventSelectors and AdvancedEventSelectors.", source=SELECTORS
    )

    unrecorded = Column(
        pl.List(pl.String),
        "Functions whose invocations no trail records.",
        source=SELECTORS,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        found = [never_recorded(row) for row in raw.iter_rows(named=True)]
        return raw.with_columns(pl.Series("unrecorded", found, pl.List(pl.String)))


def read_regions(aws: Api) -> Iterator[dict[str, Any]]:
    functions = aws.all("ListFunctions", "Functions")
    if not functions:
        return
    account = aws.account
    yield {
        "arn": setting_arn(
            account.partition, "lambda", aws.region, account.account_id, "invocation-records"
        ),
        "account_id": account.account_id,
        "region": aws.region,
        "incarnation": "",
        "functions": sorted(function["FunctionArn"] for function in functions),
        **_recording(aws),
    }


def _recording(aws: Api) -> dict[str, Any]:
    found = aws.on(service="cloudtrail").call("DescribeTrails").get("trailList", [])
    if found is None:
        return {}
    trails = {t["TrailARN"]: _trail(aws, t) for t in found if _covers(t, aws.region)}
    on = [logs for logs, _ in trails.values()]
    said = [selectors for _, selectors in trails.values()]
    return {
        "trails": sorted(trails),
        "logging": None if None in on else sorted(t for t, (logs, _) in trails.items() if logs),
        "selectors": None
        if None in said
        else json.dumps({t: s for t, (_, s) in trails.items()}, sort_keys=True),
    }


def _covers(trail: Mapping[str, Any], region: str) -> bool:
    here = trail.get("IsMultiRegionTrail") or trail.get("HomeRegion") == region
    return bool(here and trail.get("HasCustomEventSelectors"))


def _trail(aws: Api, trail: Mapping[str, Any]) -> tuple[bool | None, dict[str, Any] | None]:
    """Whether a trail is switched on, and its selectors: asked once, where it is at home."""
    arn = trail["TrailARN"]

    def ask() -> list[dict[str, Any]]:
        home = aws.on(service="cloudtrail", region=trail["HomeRegion"])
        status = home.call("GetTrailStatus", Name=arn)
        said = home.call("GetEventSelectors", TrailName=arn)
        kept = {k: said.get(k, []) for k in ("EventSelectors", "AdvancedEventSelectors")}
        selectors = None if said.body is None else kept
        return [{"on": status.get("IsLogging", False), "selectors": selectors}]

    (answer,) = aws.account.once((SELECTORS, arn), ask) or [{}]
    return answer.get("on"), answer.get("selectors")
