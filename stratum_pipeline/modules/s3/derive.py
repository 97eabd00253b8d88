"""What bucket policies and logging settings amount to. Pure."""

import re
from fnmatch import fnmatchcase

import polars as pl

from stratum_pipeline.kernel.policy import Statement, allows, pinned, statements
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
    return any(_speaks_of(s, action) for s in public for action in WRITES)


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


def admissions(policies: pl.Series) -> list[pl.Series]:
    """Whom each policy admits at all (`admits`), to put objects, and to the bucket's control.

    Accounts and organizations, "*" for anyone; AWS's own accounts left out.
    """
    names = ("admits", "uploaders", "masters")
    unreadable = dict.fromkeys(names)
    found = {policy: _admissions(policy) or unreadable for policy in policies.unique().drop_nulls()}
    rows = [found.get(policy, unreadable) for policy in policies]
    return [pl.Series(name, [row[name] for row in rows], pl.List(pl.String)) for name in names]


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


def _admissions(policy: str) -> dict[str, list[str] | None] | None:
    parsed = statements(policy)
    if parsed is None:
        return None
    whom = {
        "admits": parsed,
        "uploaders": [s for s in parsed if _speaks_of(s, "s3:putobject")],
        "masters": [s for s in parsed if any(_speaks_of(s, action) for action in CONTROLS)],
    }
    listed = {name: {*admitted(some)} - AWS_ACCOUNTS for name, some in whom.items()}
    listed["uploaders"].discard(ANYONE)  # which is a finding of its own
    return {name: sorted(ids) for name, ids in listed.items()}


def _covers(parsed: list[Statement]) -> tuple[bool, bool]:
    """Whether the resources of `parsed` take in the bucket, and all its objects."""
    # S3 takes no policy that speaks of another bucket: the name needs no look.
    paths = [r.rpartition(":::")[2].partition("/") for s in parsed for r in s["resources"]]
    bucket = any(not slash for _, slash, _ in paths)
    objects = any(key == "*" if slash else name.endswith("*") for name, slash, key in paths)
    return bucket, objects


def _speaks_of(statement: Statement, action: str) -> bool:
    named = any(fnmatchcase(action, pattern) for pattern in statement["actions"])
    return named != statement["not_action"]


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
