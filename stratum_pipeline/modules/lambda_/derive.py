"""What function policies, URLs and trails amount to. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import polars as pl

from stratum_pipeline.kernel.policy import Statement, allows, pinned, statements

from .publishers import PUBLISHERS

INVOKE_URL = "lambda:invokefunctionurl"
# Conditions that only a call through a function URL meets.
THROUGH_URL = {"lambda:functionurlauthtype": "stringequals", "lambda:invokedviafunctionurl": "bool"}
SERVICE = re.compile(r"(?!cognito-identity\.).+\.amazon(aws)?\.com(\.cn)?")  # Alexa's is amazon.com
# Load balancers take no function of another account for a target. Lambda itself adds the
# permission by which it copies a function to CloudFront's edges.
NO_DEPUTY = re.compile(
    r"(elasticloadbalancing|(replicator|edgelambda)\.lambda|edgelambda)\.amazonaws\.com(\.cn)?"
)
TOKEN = "lambda:eventsourcetoken"
# "Invoking Lambda with events from other AWS services", AWS Lambda Developer Guide.
ASYNCHRONOUS = re.compile(
    r"(codecommit|codepipeline|config|events|iot|logs(\.[a-z0-9-]+)?|s3|ses|sns)"
    r"\.amazonaws\.com(\.cn)?"
)


def invokable(parsed: list[Statement]) -> bool:
    """Whether a policy lets anyone at the function otherwise than through its URL."""
    return any("*" in s["principals"] and not pinned(s) and not _for_url(s) for s in allows(parsed))


def trusts_services(parsed: list[Statement]) -> bool:
    """Whether a policy admits an AWS service whoever the service acts for."""
    return any(
        any(SERVICE.fullmatch(p) and not NO_DEPUTY.fullmatch(p) for p in statement["principals"])
        and not pinned(statement)
        and not any(condition["key"] == TOKEN for condition in statement["conditions"])
        for statement in allows(parsed)
        if "*" not in statement["principals"]  # everyone is another finding
    )


def asynchronous(parsed: list[Statement]) -> bool:
    """Whether a policy admits a service that hands over its events and does not wait."""
    return any(ASYNCHRONOUS.fullmatch(p) for s in allows(parsed) for p in s["principals"])


def url_public(urls: Sequence[Mapping[str, Any] | None] | None) -> bool | None:
    """Whether anyone may call one of `urls`; None where that is not known.

    Of each its auth type, and the policy of the function or alias that it is for. Without
    authentication it still takes a policy to be let in.
    """
    if urls is None:
        return None
    opened = [_open(url) for url in urls]
    return True if True in opened else None if None in opened else False


def open_to_all(policy: str | None, urls: Sequence[Mapping[str, Any] | None] | None) -> bool | None:
    """Whether anyone may call a function, one way or the other; None where it is not known."""
    parsed = None if policy is None else statements(policy)
    ways = (None if parsed is None else invokable(parsed), url_public(urls))
    return True if True in ways else None if None in ways else False


def foreign_layers(layers: pl.Expr) -> pl.Expr:
    """`layers` (ARNs) without those that AWS publishes; an unknown one stays unknown."""
    owner = pl.element().str.split(":").list.get(4, null_on_oob=True)
    return layers.list.eval(pl.element().filter(~owner.is_in(PUBLISHERS).fill_null(False)))


def unrecorded(functions: Sequence[str | None], selectors: Mapping[str, Any]) -> list[str]:
    """Those of `functions` (ARNs) whose invocations no event selector takes in.

    selectors: by trail, as GetEventSelectors has them.
    """
    arns = sorted(arn for arn in functions if arn is not None)
    return [arn for arn in arns if not any(_records(said, arn) for said in selectors.values())]


def never_recorded(row: Mapping[str, Any]) -> list[str] | None:
    """Of one row of Regions the functions that no trail records; None where it is not known."""
    functions, logging, selectors = row["functions"], row["logging"], row["selectors"]
    if functions is None or logging is None or selectors is None or None in (*functions, *logging):
        return None
    try:
        said: dict[str, Any] = json.loads(selectors)
    except ValueError:
        return None
    return unrecorded(functions, {trail: said[trail] for trail in logging if trail in said})


def one_zone(zones: pl.Expr) -> pl.Expr:
    """Whether a list of zones names fewer than two; null where one unknown may be the second."""
    known = zones.list.drop_nulls()
    several = known.list.n_unique() > 1
    return pl.when(several).then(False).when(known.list.len() == zones.list.len()).then(True)


def _for_url(statement: Statement) -> bool:
    only = not statement["not_action"] and set(statement["actions"]) == {INVOKE_URL}
    return only or any(
        THROUGH_URL.get(condition["key"]) == condition["test"] and condition["values"] != ["false"]
        for condition in statement["conditions"]
    )


def _open(url: Mapping[str, Any] | None) -> bool | None:
    if url is None or url["auth"] is None or url["policy"] is None:
        return None
    return _opens(url["policy"], url["auth"].lower())


@lru_cache
def _opens(policy: str, auth: str) -> bool | None:
    parsed = statements(policy)
    if parsed is None:
        return None
    return any(
        "*" in statement["principals"]
        and not pinned(statement)
        and _speaks_of(statement, INVOKE_URL)
        and all(_allows_auth(**c, auth=auth) for c in statement["conditions"])
        for statement in allows(parsed)
    )


def _speaks_of(statement: Statement, action: str) -> bool:
    named = any(fnmatchcase(action, pattern) for pattern in statement["actions"])
    return named != statement["not_action"]


def _allows_auth(test: str, key: str, values: list[str], auth: str) -> bool:
    return key != "lambda:functionurlauthtype" or (auth in values) != ("not" in test)


def _records(said: Mapping[str, Any], arn: str) -> bool:
    """Whether event selectors take in the invocations of a function, all of them."""
    event = {
        "eventCategory": "Data",
        "eventName": "Invoke",
        "eventSource": "lambda.amazonaws.com",
        "readOnly": "false",
        "resources.ARN": arn,
        "resources.type": "AWS::Lambda::Function",
    }
    return any(_basic(selector, arn) for selector in said.get("EventSelectors") or ()) or any(
        all(_field(event.get(f["Field"]), f) for f in selector["FieldSelectors"])
        for selector in said.get("AdvancedEventSelectors") or ()
    )


def _basic(selector: Mapping[str, Any], arn: str) -> bool:
    everything = ":".join(arn.split(":")[:3])  # "arn:aws:lambda": all functions in all regions
    return selector.get("ReadWriteType", "All") != "ReadOnly" and any(
        resource["Type"] == "AWS::Lambda::Function" and {everything, arn} & {*resource["Values"]}
        for resource in selector.get("DataResources", ())
    )


def _field(value: str | None, said: Mapping[str, Any]) -> bool:
    """Whether an event passes one field selector; not if it asks what not all events have."""
    if value is None:
        return False

    def met(prefix: str) -> bool:
        return (
            value in said.get(f"{prefix}Equals", ())
            or value.startswith(tuple(said.get(f"{prefix}StartsWith", ())))
            or value.endswith(tuple(said.get(f"{prefix}EndsWith", ())))
        )

    wanted = any(said.get(test) for test in ("Equals", "StartsWith", "EndsWith"))
    return (met("") or not wanted) and not met("Not")
