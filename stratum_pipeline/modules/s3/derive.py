"""What bucket policies and logging settings amount to. Pure."""

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import polars as pl
import pyarrow as pa

from stratum_pipeline.kernel.policy import (
    Statement,
    Verdict,
    admits_anyone,
    allows,
    pinned,
    statements,
)
from stratum_pipeline.kernel.trust import ANYONE, admitted

from .aws_accounts import AWS_ACCOUNTS

WRITES = (  # what changes or destroys objects, or lets the caller grant itself that
    "s3:deleteobject",
    "s3:deleteobjectversion",
    "s3:putbucketpolicy",
    "s3:putlifecycleconfiguration",
    "s3:putobject",
    "s3:replicatedelete",
    "s3:replicateobject",
)
CONTROLS = (  # what decides who reaches a bucket, or whether what it held can be had back
    "s3:bypassgovernanceretention",
    "s3:deletebucketpolicy",
    "s3:putbucketacl",
    "s3:putbucketownershipcontrols",
    "s3:putbucketpolicy",
    "s3:putbucketpublicaccessblock",
    "s3:putbucketversioning",
    "s3:putencryptionconfiguration",
    "s3:putlifecycleconfiguration",
    "s3:putreplicationconfiguration",
)
AUDITORS = frozenset({"cloudtrail.amazonaws.com", "config.amazonaws.com"})
CUSTOMER_KEY = "s3:x-amz-server-side-encryption-customer-algorithm"
# Keys by which a bucket leaves it to access points whom to admit.
POINT_KEYS = frozenset({"s3:dataaccesspointaccount", "s3:dataaccesspointarn"})
# Keys by which a service says for whom it acts.
SOURCES = frozenset({"aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths"})
SERVICE = re.compile(r"(?!cognito-identity\.).+\.amazonaws\.com(\.cn)?")  # Cognito federates people
# Elastic Load Balancing's access logs carry no source, by AWS's own example policy. They land
# under AWSLogs/<account of the load balancer>/, so it is the resource that names the account.
ELB = re.compile(r"logdelivery\.(elb|elasticloadbalancing)\.amazonaws\.com(\.cn)?")
ONE_ACCOUNT = re.compile(r".*/AWSLogs/\d{12}/.*")


def public_write(parsed: list[Statement]) -> bool:
    """Whether a policy lets anyone overwrite or delete objects."""
    public = [s for s in allows(parsed) if "*" in s["principals"] and not pinned(s)]
    return any(_speaks_of(s, *WRITES) for s in public)


def names_everyone(policy: str) -> bool:
    """Whether `policy` allows everyone anything, conditions aside, or cannot be read."""
    parsed = statements(policy)
    return parsed is None or any(ANYONE in s["principals"] for s in allows(parsed))


def enforces_tls(parsed: list[Statement]) -> bool:
    """Whether a policy denies every plain-text request to the bucket and to its objects."""
    return _covers([s for s in parsed if _denies_plain_text(s)]) == (True, True)


def refuses_customer_keys(parsed: list[Statement]) -> bool:
    """Whether a policy denies everyone to write objects under keys of their own (SSE-C)."""
    return _covers([s for s in parsed if _denies_customer_keys(s)])[1]


def receives_audit(parsed: list[Statement]) -> bool:
    """Whether a policy lets CloudTrail or AWS Config deliver here."""
    return any(
        not AUDITORS.isdisjoint(s["principals"]) and _speaks_of(s, "s3:putobject")
        for s in allows(parsed)
    )


def delegates(parsed: list[Statement]) -> bool:
    """Whether a bucket's policy leaves it to access points whom to admit."""
    return any(ANYONE in s["principals"] and pinned(s, POINT_KEYS) for s in allows(parsed))


def judgements(policies: pl.Series) -> list[pl.Series]:
    """What bucket policies (JSON, "" for none) amount to: a column per verdict, null if unreadable.

    `admits` and, of those, `uploaders` and `masters` list accounts and organizations, "*" for
    anyone; AWS's own accounts are left out. Each distinct policy is read once.
    """
    found = {policy: _judge(policy) for policy in policies.unique().drop_nulls()}
    rows = [found.get(policy) or {} for policy in policies]
    return [
        pl.Series(name, pa.array([row.get(name) for row in rows], kind))
        for name, kind in KINDS.items()
    ]


def trusts_services(parsed: list[Statement]) -> bool:
    """Whether a policy admits an AWS service whoever the service acts for."""
    return any(
        _serves_anyone(s) and not pinned(s, SOURCES)
        for s in allows(parsed)
        if "*" not in s["principals"]  # everyone is another finding
    )


def receives_logs() -> pl.Expr:
    """Whether another bucket logs to this one; null where one whose logging is unknown may.

    S3 delivers access logs only within an account and region.
    """
    log, name, region = pl.col("log_bucket"), pl.col("name"), pl.col("region")
    hidden = log.is_null().cast(pl.Int64)
    near = hidden.sum().over("region") + (hidden * region.is_null()).sum()
    others = pl.when(region.is_null()).then(hidden.sum()).otherwise(near) - hidden
    targets = log.filter(log.ne_missing(name)).implode()
    return name.is_in(targets) | pl.when(others == 0).then(False)


def _judge(policy: str) -> dict[str, Any] | None:
    parsed = denying = statements(policy)
    if "NotPrincipal" in policy:
        # The kernel reads it as everyone: right of an Allow, too much of a Deny.
        denying = statements(policy.replace('"NotPrincipal"', '"Principal"'))
    if parsed is None or denying is None:
        return None
    allowed = allows(parsed)
    whom = {
        "admits": allowed,
        "uploaders": [s for s in allowed if _speaks_of(s, "s3:putobject")],
        "masters": [s for s in allowed if _speaks_of(s, *CONTROLS)],
    }
    listed = {name: sorted({*admitted(some)} - AWS_ACCOUNTS) for name, some in whom.items()}
    verdicts = {name: judge(parsed) for name, judge in VERDICTS.items()}
    return listed | verdicts | {name: judge(denying) for name, judge in DENIALS.items()}


def _covers(parsed: list[Statement]) -> tuple[bool, bool]:
    """Whether the resources of `parsed` take in the bucket, and all its objects."""
    # S3 takes no policy that speaks of another bucket: the name needs no look.
    paths = [r.rpartition(":::")[2].partition("/") for s in parsed for r in s["resources"]]
    bucket = any(not slash for _, slash, _ in paths)
    objects = any(key == "*" if slash else name.endswith("*") for name, slash, key in paths)
    return bucket, objects


def _speaks_of(statement: Statement, *actions: str) -> bool:
    """Whether a statement is about any of `actions`."""
    named = _named(tuple(statement["actions"]), actions)
    return len(named) < len(actions) if statement["not_action"] else bool(named)


@lru_cache(maxsize=10_000)  # buckets differ in whom they let in, hardly in what they let do
def _named(patterns: tuple[str, ...], actions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(a for a in actions if any(fnmatchcase(a, pattern) for pattern in patterns))


def _denies_plain_text(statement: Statement) -> bool:
    return (
        statement["effect"] == "Deny"
        and "*" in statement["principals"]
        and not statement["not_action"]
        and not {"*", "s3:*"}.isdisjoint(statement["actions"])
        and not statement["not_resource"]
        and all(_plain_text(**c) for c in statement["conditions"])
    )


def _denies_customer_keys(statement: Statement) -> bool:
    return (
        statement["effect"] == "Deny"
        and "*" in statement["principals"]
        and _speaks_of(statement, "s3:putobject")
        and not statement["not_resource"]
        and statement["conditions"] == [{"test": "null", "key": CUSTOMER_KEY, "values": ["false"]}]
    )


def _plain_text(test: str, key: str, values: list[str]) -> bool:
    """Whether a condition holds for all plain HTTP; AWS and CIS take a minimum TLS for one too."""
    test = test.removesuffix("ifexists")
    if key == "aws:securetransport":
        return test == "bool" and "false" in values
    return key == "s3:tlsversion" and test == "numericlessthan" and bool({"1.2", "1.3"} & {*values})


def _serves_anyone(statement: Statement) -> bool:
    services = [p for p in statement["principals"] if SERVICE.fullmatch(p)]
    own_logs = not statement["not_resource"] and all(
        ONE_ACCOUNT.fullmatch(resource) for resource in statement["resources"]
    )
    return any(not (own_logs and ELB.fullmatch(service)) for service in services)


VERDICTS: dict[str, Verdict] = {
    "policy_public": admits_anyone,
    "public_write": public_write,
    "receives_audit": receives_audit,
    "trusts_services": trusts_services,
    "delegates": delegates,
}
DENIALS: dict[str, Verdict] = {
    "enforces_tls": enforces_tls,
    "refuses_customer_keys": refuses_customer_keys,
}
KINDS: dict[str, Any] = {
    **dict.fromkeys(("admits", "uploaders", "masters"), pa.large_list(pa.large_string())),
    **dict.fromkeys((*VERDICTS, *DENIALS), pa.bool_()),
}
