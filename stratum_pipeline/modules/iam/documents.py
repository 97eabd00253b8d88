"""What identity policies amount to: paths to administrator, guards laid open, nothing scoped. Pure.

Paths are cloudsplaining's, with those of pathfinding.cloud. It is handed each document made
plain, in the actions its paths are made of: by itself it sees nothing in "*:*" or in "role/*",
takes a denial under a condition for a whole one, and expands "*" for a quarter of a second.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import polars as pl
import pyarrow as pa

from stratum_pipeline.kernel.policy import Statement, allows, statements, with_policy

from .derive import COMPUTE, full_admin, speaks_of, takes_in

Held = Mapping[str | None, tuple[Any, Any]]
"""Attached ARNs and inline policies of groups, by name."""

UNKNOWN = (None, None)

PASS_ROLE, PASSED_TO = "iam:passrole", "iam:passedtoservice"

GUARDS = (
    *("access-analyzer", "cloudtrail", "config", "guardduty", "kms"),
    *("organizations", "securityhub"),
)
"""Services that record, detect or hold keys: whoever may do all there can blind the others."""

SENSITIVE = (
    "aws-marketplace:subscribe",
    "bedrock-agentcore:getworkloadaccesstoken",
    "bedrock-agentcore:getworkloadaccesstokenforjwt",
    "bedrock-agentcore:getworkloadaccesstokenforuserid",
    PASS_ROLE,
    "sts:assumerole",
)
"""Actions that lend another's power or spend money, and so belong to named resources."""

LENT_TO = {"ecs-tasks": "ecs", "tasks": "apprunner", "build": "apprunner"}
"""Services whose principal ("ecs-tasks.amazonaws.com") is not named as their actions are."""


def judge(raw: pl.DataFrame) -> pl.DataFrame:
    """`raw` with all that is derived of its `document`; each distinct one is read once."""
    documents: list[str] = raw["document"].drop_nulls().unique().to_list()
    parsed = [statements(document) for document in documents]
    judged: dict[str, pa.Array] = {"document": pa.array(documents, pa.large_string())}
    for verdict in (escalations, guards, unscoped):
        found = [None if p is None else verdict(p) for p in parsed]
        judged[verdict.__name__] = pa.array(found, pa.large_list(pa.large_string()))
    return with_policy(raw, "document", full_admin=full_admin).join(
        pl.DataFrame(pa.table(judged)), on="document", how="left", maintain_order="left"
    )


def escalations(parsed: list[Statement]) -> list[str]:
    """Names of the ways in which a holder becomes administrator: ["AttachUserPolicy"]."""
    actions, find = _catalogue()
    grants = [s for s in allows(parsed) if not s["conditions"]]
    free = {a for s in grants for a in actions if _everywhere(s, a)}
    lent = {service for s in allows(parsed) for service in _lends(s)}
    denials = [s for s in parsed if s["effect"] == "Deny" and not s["conditions"]]
    denied = {a for s in denials for a in actions if _everywhere(s, a)}
    # A role lent to one service alone is of use only to what is done there.
    ways = [free, *({PASS_ROLE, *(a for a in free if a.startswith(f"{s}:"))} for s in lent)]
    return sorted({name for way in ways if way - denied for name in find(way - denied)})


def together(
    raw: pl.DataFrame, managed: Mapping[str, str | None], groups: Held | None = None
) -> pl.Series:
    """Ways that a row's policies, and its groups', open together and none of them alone.

    managed: documents of customer managed policies by ARN; AWS's own are not looked at.
    Null where a policy is not known or cannot be read.
    """

    @cache
    def read(document: str) -> tuple[list[Statement], set[str]] | None:
        parsed = statements(document)
        return None if parsed is None else (parsed, set(escalations(parsed)))

    @cache
    def of(held: frozenset[str]) -> list[str] | None:
        known = [found for document in held if (found := read(document))]
        if len(known) < len(held):
            return None
        ways = escalations([s for parsed, _ in known for s in parsed])
        return sorted(set(ways).difference(*(alone for _, alone in known)))

    def row(attached: Any, inline: Any, member: Any) -> list[str] | None:
        if member is None:
            return None
        documents: list[str | None] = []
        for arns, policies in [
            (attached, inline),
            *((groups or {}).get(g, UNKNOWN) for g in member),
        ]:
            if arns is None or policies is None:
                return None
            documents += [
                managed.get(arn or "") for arn in arns if ":aws:policy/" not in (arn or "")
            ]
            documents += [policy and policy["document"] for policy in policies]
        known = [document for document in documents if document is not None]
        return of(frozenset(known)) if len(known) == len(documents) else None

    names = ("attached_policies", "inline_policies")
    columns = [raw[name].to_list() for name in names]
    columns.append([[]] * raw.height if groups is None else raw["groups"].to_list())
    found = [row(*parts) for parts in zip(*columns, strict=True)]
    return pl.Series("together", found, pl.List(pl.String))


def guards(parsed: list[Statement]) -> list[str]:
    """GUARDS of which everything is allowed, on everything, under no condition."""
    grants = [s for s in allows(parsed) if not s["conditions"] and "*" in s["resources"]]
    allowed = [a for s in grants if not s["not_action"] for a in s["actions"]]
    return [
        service
        for service in GUARDS
        if (
            takes_in(allowed, f"{service}:*")
            or any(s["not_action"] and not _touches(s["actions"], service) for s in grants)
        )
        and not any(_denies_some(s, service) for s in parsed)
    ]


def unscoped(parsed: list[Statement]) -> list[str]:
    """SENSITIVE actions allowed on whatever there is of their kind."""
    denials = [s for s in parsed if s["effect"] == "Deny" and not s["conditions"]]
    return [
        action
        for action in SENSITIVE
        if any(
            _everywhere(s, action) and (not s["conditions"] or (action == PASS_ROLE and _lends(s)))
            for s in allows(parsed)
        )
        and not any(_everywhere(s, action) for s in denials)
    ]


def _lends(statement: Statement) -> set[str]:
    """Prefixes of the services that any role may be passed to, if only they hold it to anything.

    Only of services where a role's credentials, or what they can do, reach whoever passed it.
    """
    conditions = statement["conditions"]
    if {c["key"] for c in conditions} != {PASSED_TO} or not _everywhere(statement, PASS_ROLE):
        return set()
    named = {value for c in conditions for value in c["values"]}
    return {
        LENT_TO.get(host.split(".")[0], host.split(".")[0])
        for host in COMPUTE | {"cloudformation.amazonaws.com", "datapipeline.amazonaws.com"}
        if any(fnmatchcase(host, pattern) for pattern in named)
    }


def _everywhere(statement: Statement, action: str) -> bool:
    """Whether `statement` speaks of `action` on all there is of one kind that it can be done to."""
    if not speaks_of(statement, action):
        return False
    resources: list[str] = statement["resources"]
    return _all_of_a_kind(resources, action) != statement["not_resource"]


def _all_of_a_kind(resources: list[str], action: str) -> bool:
    # ARN patterns have six parts; the account is not looked at, as there is but one to escalate in.
    patterns = {r.split(":", 5)[5] if r.count(":") > 4 else r for r in resources}
    return "*" in patterns or any(
        fnmatchcase(sample, pattern) for sample in _samples(action) for pattern in patterns
    )


@cache
def _samples(action: str) -> tuple[str, ...]:
    """The sixth part of an ARN of each kind `action` can be done to, names out of this world."""
    from policy_sentry.querying.actions import get_action_data  # slow to load: 0.2 s

    service, _, name = action.partition(":")
    rows = (get_action_data(service, name) or {}).get(service, [])
    kinds = {row["resource_arn_format"] for row in rows} - {"*"}
    return tuple(re.sub(r"\$\{\w+\}", "\0", kind).split(":", 5)[5] for kind in sorted(kinds))


@cache
def _catalogue() -> tuple[list[str], Callable[[set[str]], Iterable[str]]]:
    """The actions that paths are made of, and what names the paths that some of them open."""
    from cloudsplaining.scan.policy_document import PolicyDocument  # slow to load: 0.2 s
    from cloudsplaining.shared.constants import PRIVILEGE_ESCALATION_METHODS

    def find(allowed: set[str]) -> list[str]:
        statement = {"Effect": "Allow", "Action": sorted(allowed), "Resource": "*"}
        document: Any = PolicyDocument({"Version": "2012-10-17", "Statement": [statement]})
        return [path["type"] for path in document.allows_privilege_escalation]

    return sorted({a for way in PRIVILEGE_ESCALATION_METHODS.values() for a in way}), find


def _touches(actions: list[str], service: str) -> bool:
    """Whether any of these patterns can speak of an action of `service`."""
    return any(fnmatchcase(service, action.partition(":")[0]) for action in actions)


def _denies_some(statement: Statement, service: str) -> bool:
    """Whether some action of `service` is denied outright."""
    return (
        statement["effect"] == "Deny"
        and not statement["conditions"]
        and "*" in statement["resources"]
        and not statement["not_action"]
        and _touches(statement["actions"], service)
    )
