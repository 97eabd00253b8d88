"""What IAM's documents amount to: who may assume a role, and who may do anything.

Sources: the IAM User Guide on principals, condition operators and the condition keys of
web identity federation; the Cognito Developer Guide on trust in identity pools.
"""

import json
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import Any

import polars as pl

from stratum_pipeline.kernel.policy import MATCHES, Statement, allows, pinned, statements
from stratum_pipeline.kernel.table import each, some

Test = Callable[[Statement], bool]

COMPUTE = frozenset(
    {
        "bedrock-agentcore.amazonaws.com",
        "build.apprunner.amazonaws.com",
        "codebuild.amazonaws.com",
        "ec2.amazonaws.com",
        "ec2.amazonaws.com.cn",
        "ecs-tasks.amazonaws.com",
        "edgelambda.amazonaws.com",
        "elasticmapreduce.amazonaws.com",
        "emr-serverless.amazonaws.com",
        "gamelift.amazonaws.com",
        "glue.amazonaws.com",
        "kinesisanalytics.amazonaws.com",
        "lambda.amazonaws.com",
        "pods.eks.amazonaws.com",
        "sagemaker.amazonaws.com",
        "ssm.amazonaws.com",
        "tasks.apprunner.amazonaws.com",
    }
)
"""Services that hand a role's credentials to code their customer runs."""

EKS = "oidc.eks."  # a cluster's own provider: IAM roles for service accounts

SHARED = frozenset(
    {
        "accounts.google.com",
        "agent.buildkite.com",
        "api.pulumi.com/oidc",
        "app.terraform.io",
        "cognito-identity.amazonaws.com",
        "gitlab.com",
        "graph.facebook.com",
        "oidc.codefresh.io",
        "oidc.vercel.com",
        "token.actions.githubusercontent.com",
        "www.amazon.com",
    }
)
"""OIDC providers from which anyone can obtain a token."""

SOURCED = frozenset(
    {
        "amplify",
        "bedrock",
        "bedrock-agentcore",
        "codebuild",
        "cognito-idp",
        "comprehend",
        "config",
        "dms",
        "ecs-tasks",
        "elasticmapreduce",
        "events",
        "export.rds",
        "firehose",
        "fis",
        "iot",
        "kinesisanalytics",
        "logs",
        "monitoring.rds",
        "pipes",
        "sagemaker",
        "scheduler",
        "ssm",
        "states",
        "transcribe",
        "transfer",
        "vpc-flow-logs",
    }
)
"""Services whose guides ask for aws:SourceAccount or aws:SourceArn in the trust of their roles.

Others, EC2 and Lambda among them, send neither: a condition on it would lock them out.
"""

SERVICE = re.compile(r"(.+?)(\.[a-z]{2}(-[a-z]+)+-\d)?\.amazonaws\.com(\.cn)?")
SOURCES = frozenset({"aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths"})
"""Keys by which a service says for whom it acts."""

SUBJECTS = frozenset({"repository", "sub"})  # structured: "repo:owner/name:ref:..."
IDENTIFIERS = frozenset({"enterprise_id", "repository_id"})  # GitHub's, since January 2026
TENANTS = {
    # STS refuses pools of other accounts unless `aud` names theirs, so `amr` alone will do.
    "cognito-identity": frozenset({"amr", "aud"}),
    "accounts.google.com": frozenset({"aud"}),  # holds `azp`, which the bearer cannot choose
    "graph.facebook.com": frozenset({"app_id", "id"}),
    "www.amazon.com": frozenset({"app_id", "user_id"}),
}
"""Claims by which providers without a subject of their own name whose token it is."""

LABELS = frozenset(
    {
        "",
        "org",
        "organization",
        "project",
        "project_path",
        "repo",
        "repository",
        "repository_owner",
        "serviceaccount",
        "system",
        "workspace",
    }
)
"""Words in a subject that say what the next word is, and name nobody."""


def trust_anyone(parsed: list[Statement]) -> bool:
    """Whether any AWS principal of any account may assume the role.

    An ExternalId does not hold it: it is shared, not secret, and says nothing of who calls.
    """
    return _admits(parsed, "sts:assumerole", lambda who: who == "*", pinned)


def trust_oidc_subject(parsed: list[Statement]) -> bool:
    """Whether any token of an OIDC provider will do, whoever it was issued to."""
    return _admits(parsed, WEB_IDENTITY, lambda who: _provider(who) != "", _pins_subject)


def trust_oidc_shared(parsed: list[Statement]) -> bool:
    """Whether `trust_oidc_subject` holds of a provider that gives anyone a token."""
    return _admits(parsed, WEB_IDENTITY, lambda who: _provider(who) in SHARED, _pins_subject)


def trust_compute(parsed: list[Statement]) -> bool:
    """Whether code running in a compute service may get the role's credentials."""
    return any(
        (speaks_of(s, "sts:assumerole") and not COMPUTE.isdisjoint(s["principals"]))
        or (speaks_of(s, WEB_IDENTITY) and any(map(_is_cluster, s["principals"])))
        for s in allows(parsed)
    )


def trust_services(parsed: list[Statement]) -> bool:
    """Whether a service that would say for whom it acts is trusted whoever that is."""
    return _admits(parsed, "sts:assumerole", _is_sourced, lambda s: pinned(s, SOURCES))


def full_admin(parsed: list[Statement]) -> bool:
    """Whether every action is allowed on every resource, under no condition.

    NotAction amounts to that only where what it leaves out is allowed beside it.
    """
    grants = [
        s
        for s in allows(parsed)
        if not s["conditions"] and not s["not_resource"] and "*" in s["resources"]
    ]
    allowed = [a for s in grants if not s["not_action"] for a in s["actions"]]
    return any(set(a) <= set("*:") for a in allowed) or any(
        s["not_action"] and all(takes_in(allowed, a) for a in s["actions"]) for s in grants
    )


ADMINISTRATOR = r"^arn:[a-z-]+:iam::aws:policy/(AdministratorAccess|IAMFullAccess)$"
"""AWS's policies that are administrator, or can make themselves so."""


def administrator(raw: pl.DataFrame) -> pl.Expr:
    """Whether a policy of a row's own, attached or inline, lets it do anything.

    A customer managed policy that does is a finding of its own. Each distinct inline document
    is read once.
    """
    documents: list[str] = (
        raw["inline_policies"].explode().struct.field("document").drop_nulls().unique().to_list()
    )
    parsed = [statements(document) for document in documents]
    verdicts = [None if p is None else full_admin(p) for p in parsed]
    inline = each("document").replace_strict(
        documents or [""], verdicts or [False], default=None, return_dtype=pl.Boolean
    )
    attached = some(pl.col("attached_policies"), pl.element().str.contains(ADMINISTRATOR))
    return attached | some(pl.col("inline_policies"), inline)


def unbounded() -> pl.Expr:
    """Whether no permissions boundary holds a row: there is none, or it allows everything."""
    boundary = pl.col("boundary")
    return (boundary == "") | boundary.str.contains(ADMINISTRATOR)


def idle_since() -> pl.Expr:
    """The least recent use in `service_use`; null where there is none, or one is unknown."""
    used = pl.col("service_use").list.eval(each("last_used"))
    return pl.when(~some(used, pl.element().is_null())).then(used.list.min())


def without_external_id(raw: pl.DataFrame) -> pl.Series:
    """`trust` less the statements that ask for an external id, as JSON; unread ones unchanged."""
    documents: list[str] = raw["trust"].drop_nulls().unique().to_list()
    less = {document: _unheld(document) for document in documents}
    return pl.Series("unheld", [less.get(trust) for trust in raw["trust"]], pl.String)


EXTERNAL_ID = frozenset({"sts:externalid"})
WEB_IDENTITY = "sts:assumerolewithwebidentity"


def _admits(parsed: list[Statement], action: str, who: Callable[[str], bool], pins: Test) -> bool:
    """Whether `action` is open to principals that are `who`, held by no condition that `pins`."""
    about = [s for s in parsed if speaks_of(s, action)]
    denied = any(
        _shuts_out(s, pins) for s in about if s["effect"] == "Deny" and "*" in s["principals"]
    )
    return not denied and any(any(map(who, s["principals"])) and not pins(s) for s in allows(about))


def _shuts_out(denial: Statement, pins: Test) -> bool:
    """Whether `denial`, of everyone, spares only those whom `pins` would have admitted.

    "Deny all but our organization" is a pin written the other way round; under a second
    condition it would deny less.
    """
    conditions = denial["conditions"]
    if len(conditions) != 1:
        return not conditions
    test: str = conditions[0]["test"]
    if "not" not in test or test.startswith("foranyvalue:"):  # which spares who lacks the key
        return False
    turned = test.removeprefix("forallvalues:").removesuffix("ifexists").replace("not", "")
    return pins({"conditions": [conditions[0] | {"test": turned}]})


def speaks_of(statement: Statement, action: str) -> bool:
    named = any(fnmatchcase(action, pattern) for pattern in statement["actions"])
    return named != statement["not_action"]


def takes_in(allowed: list[str], pattern: str) -> bool:
    """Whether one of `allowed` takes in all that `pattern` does."""
    return any("?" not in wider and fnmatchcase(pattern, wider) for wider in allowed)


def _is_sourced(principal: str) -> bool:
    service = SERVICE.fullmatch(principal)
    return service is not None and service[1] in SOURCED


def _unheld(document: str) -> str:
    """`document` without the statements that hold the caller to an external id."""
    parsed = statements(document)
    if not parsed:
        return document
    listed: Any = json.loads(document)["Statement"]
    pairs = zip(listed if isinstance(listed, list) else [listed], parsed, strict=True)
    return json.dumps({"Statement": [raw for raw, s in pairs if not pinned(s, EXTERNAL_ID)]})


def _provider(principal: str) -> str:
    """Host and path of an OIDC provider; "" if `principal` is none."""
    _, _, named = principal.lower().rpartition(":oidc-provider/")
    is_one = ":oidc-provider/" in principal or named.startswith(tuple(TENANTS))
    return named if is_one else ""


def _is_cluster(principal: str) -> bool:
    return _provider(principal).startswith(EKS)


def _pins_subject(statement: Statement) -> bool:
    # A key of another provider than the token's is absent, and then matches nothing.
    return any(_names_subject(condition) for condition in statement["conditions"])


def _names_subject(condition: dict[str, Any]) -> bool:
    test: str = condition["test"].removeprefix("foranyvalue:")
    host, _, claim = condition["key"].rpartition(":")
    values: list[str] = condition["values"]
    if test not in MATCHES or not values or not all(values):
        return False
    wild = any(re.search(r"[*?]", v) for v in values)
    if host and claim in SUBJECTS:
        exact = not wild or test.startswith("stringequals")
        return exact or all(_names_someone(v, host in SHARED) for v in values)
    tenants = {c for name, claims in TENANTS.items() if host.startswith(name) for c in claims}
    return claim in tenants | IDENTIFIERS and not wild


def _names_someone(subject: str, shared: bool) -> bool:
    """Whether a pattern holds the subject to someone in particular.

    Of a shared provider the owner must be whole and come before any wildcard: others can
    register "acme-evil" to match "repo:acme*", and call a repository what they like.
    """
    words = re.split("[:/]", subject)
    kept = takewhile(lambda w: not re.search(r"[*?]", w), words) if shared else words
    return any(word.strip("*?") not in LABELS for word in kept)
