"""When an identity last used a service it was given: asked of few, as it takes two calls each."""

import re
from time import sleep
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api
from stratum_pipeline.kernel.coverage import Coverage, Outcome
from stratum_pipeline.kernel.table import NEVER, TIMESTAMP

from .details import DETAILS, canonical, details, moment

GENERATE = "iam:GenerateServiceLastAccessedDetails"
LAST_USED = "iam:GetServiceLastAccessedDetails"
SERVICE_USE = pl.List(pl.Struct({"service": pl.String, "last_used": TIMESTAMP}))
SERVICE_USE_DOC = (
    "When it last used Bedrock and SageMaker, as far as policies it holds name them; others,"
    " and whoever may do everything, are not asked about."
)

NAMED = re.compile(r'"(bedrock|sagemaker):', re.IGNORECASE)
MANAGED = re.compile(r":aws:policy/.*(bedrock|sagemaker)", re.IGNORECASE)
"""Services whose disuse is worth the calls: models cost money, and see data."""

WAITS = (0.2, 0.5, 1, 2, 4)
"""Seconds between looks at a job that is under way."""


def service_use(iam: Api, raw: dict[str, Any], inline: str) -> list[dict[str, Any]] | None:
    """Of one user or role as AWS details it; `inline` is its key for inline policies."""
    groups = [g for g in details(iam, "Group") if g["GroupName"] in raw.get("GroupList", ())]
    holders = ((raw, inline), *((group, "GroupPolicyList") for group in groups))
    held = {p["PolicyArn"] for one, _ in holders for p in one.get("AttachedManagedPolicies", ())}
    documents = [p["PolicyDocument"] for one, key in holders for p in one.get(key, ())]
    documents += [
        version["Document"]
        for policy in details(iam, "LocalManagedPolicy")
        if policy["Arn"] in held
        for version in policy["PolicyVersionList"]
        if version["IsDefaultVersion"]
    ]
    if not _all_detailed(iam):
        return None
    named = {name for d in documents for name in NAMED.findall(canonical(d))}
    named |= {name for arn in held for name in MANAGED.findall(arn)}
    return _ask(iam.on(about=raw["Arn"]), raw["Arn"], {n.lower() for n in named}) if named else []


def _all_detailed(iam: Api) -> bool:
    """Whether no listing of details was refused, as far as they were asked."""

    def ask() -> list[dict[str, Any]] | None:
        refused = (Coverage.operation == DETAILS) & (Coverage.outcome != Outcome.OK)
        return [] if iam.account.coverage().filter(refused).is_empty() else None

    return iam.account.once((DETAILS, "whole"), ask) is not None


def _ask(iam: Api, arn: str, services: set[str]) -> list[dict[str, Any]] | None:
    job = iam.call("GenerateServiceLastAccessedDetails", Arn=arn).get("JobId", "")
    if not job:
        return None
    answer = iam.call("GetServiceLastAccessedDetails", JobId=job, MaxItems=1000)
    for seconds in WAITS:
        if answer.get("JobStatus", "") != "IN_PROGRESS":
            break
        sleep(seconds)
        answer = iam.call("GetServiceLastAccessedDetails", JobId=job, MaxItems=1000)
    if answer.get("JobStatus", "") != "COMPLETED":
        return None
    seen = {s["ServiceNamespace"]: s for s in answer.get("ServicesLastAccessed", []) or ()}
    return [
        {"service": name, "last_used": seen[name].get("LastAuthenticated") or moment(NEVER)}
        for name in sorted(services & seen.keys())
    ]
