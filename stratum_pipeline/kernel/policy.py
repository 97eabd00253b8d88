"""Resource policies: parsed to a column, and judged public or not.

"Public" is Amazon S3's definition: an Allow to everyone that no condition pins to
fixed values. https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

import ipaddress
import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pyarrow as pa

STATEMENTS = pl.List(
    pl.Struct(
        {
            "effect": pl.String,
            "principals": pl.List(pl.String),  # "*" is everyone, NotPrincipal included
            "actions": pl.List(pl.String),  # lower case
            "not_action": pl.Boolean,  # `actions` are those it does not speak of (NotAction)
            "resources": pl.List(pl.String),
            "not_resource": pl.Boolean,  # likewise for NotResource
            "conditions": pl.List(
                pl.Struct({"test": pl.String, "key": pl.String, "values": pl.List(pl.String)})
            ),
        }
    )
)
Statement = dict[str, Any]
"""One row of STATEMENTS."""
Verdict = Callable[[list[Statement]], bool]
PARSED = pa.schema(pl.Schema({"statements": STATEMENTS}))
# Keys that name who or where the caller is. Lower case, as condition keys ignore case.
PINS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "kms:calleraccount",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
    }
)
# Ids whose head is unique in AWS: the rest may be a wildcard ("o-1/r-2/*", "AROA1:*").
TAILS = {"aws:principalorgpaths": "/", "aws:userid": ":"}
# Tests that hold only if the key is present and matches. ...IfExists and ForAllValues
# also hold when it is missing, and every negated test holds for strangers.
MATCHES = {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"}


def statements(policy: str) -> list[Statement] | None:
    """`policy` (JSON, or "" for none) as rows of STATEMENTS; None if it cannot be read."""
    try:
        document: dict[str, Any] = json.loads(policy) if policy else {}
        return [_statement(s) for s in _list(document.get("Statement"))]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def is_public(policy: str) -> bool | None:
    """Whether `policy` lets anyone in; None if it cannot be read."""
    parsed = statements(policy)
    return None if parsed is None else admits_anyone(parsed)


def admits_anyone(parsed: list[Statement]) -> bool:
    """Whether any statement allows everyone something, pinned by no condition."""
    return any("*" in s["principals"] and not pinned(s) for s in allows(parsed))


def allows(parsed: list[Statement]) -> list[Statement]:
    return [s for s in parsed if s["effect"] == "Allow"]


def pinned(statement: Statement, keys: frozenset[str] = PINS) -> bool:
    """Whether a condition holds the caller to fixed values of one of `keys`."""
    return bool(pins(statement, keys))


def pins(statement: Statement, keys: frozenset[str] = PINS) -> list[dict[str, Any]]:
    """The conditions that do: of STATEMENTS."""
    return [condition for condition in statement["conditions"] if _pins(condition, keys)]


def with_policy(
    raw: pl.DataFrame, policy: str = "policy", prefix: str = "", **verdicts: Verdict
) -> pl.DataFrame:
    """`raw` with `<prefix>statements`, `<prefix>policy_public` and `verdicts` from its `policy`.

    policy: the column with the JSON. verdicts: further Boolean columns, each a function of
    the parsed statements. A policy that cannot be read leaves all of them null.
    Each distinct policy is read once; built through Arrow, five times map_elements' speed.
    """
    policies: list[str] = raw[policy].drop_nulls().unique().to_list()
    parsed = [statements(p) for p in policies]
    wanted: dict[str, Verdict] = {f"{prefix}policy_public": admits_anyone, **verdicts}
    judged = {
        policy: pa.array(policies, pa.large_string()),
        f"{prefix}statements": pa.array(parsed, PARSED.field(0).type),
    } | {
        name: pa.array([None if p is None else judge(p) for p in parsed], pa.bool_())
        for name, judge in wanted.items()
    }
    return raw.join(pl.DataFrame(pa.table(judged)), on=policy, how="left", maintain_order="left")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _statement(raw: dict[str, Any]) -> dict[str, Any]:
    # Everyone but a few: for an Allow that is anyone; a Deny must not count as "to everyone".
    others = "*" if "NotPrincipal" in raw and raw["Effect"] == "Allow" else []
    who: Any = raw.get("Principal", others)
    named: dict[str, Any] = who if isinstance(who, dict) else {"AWS": who}
    return {
        "effect": raw["Effect"],
        "principals": [p for ids in named.values() for p in _list(ids)],
        "actions": [a.lower() for a in _list(raw.get("Action", raw.get("NotAction", "*")))],
        "not_action": "NotAction" in raw,
        "resources": _list(raw.get("Resource", raw.get("NotResource", "*"))),
        "not_resource": "NotResource" in raw,
        "conditions": [
            {
                "test": test.lower(),
                "key": key.lower(),
                "values": [str(v).lower() for v in _list(vs)],
            }
            for test, keys in raw.get("Condition", {}).items()
            for key, vs in keys.items()
        ],
    }


def _pins(condition: dict[str, Any], keys: frozenset[str]) -> bool:
    test, key, values = condition["test"], condition["key"], condition["values"]
    if key not in keys or not values:
        return False
    if test == "ipaddress":
        return all(_narrow(v) for v in values)
    tail = TAILS.get(key)
    heads = [v.partition(tail)[0] if tail else v for v in values]
    return test.removeprefix("foranyvalue:") in MATCHES and all(map(_fixed, heads))


def _fixed(value: str) -> bool:
    """Whether `value` names one account or id: in an ARN only the account must be fixed."""
    parts = value.split(":")
    subject = parts[4] if value.startswith("arn:") and len(parts) > 5 and parts[4] else value
    return "*" not in subject and "?" not in subject


def _narrow(cidr: str) -> bool:
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:  # a policy variable, or nonsense: it holds nobody
        return False
    return network.prefixlen >= (8 if network.version == 4 else 32)
