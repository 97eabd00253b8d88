"""What IAM's documents amount to: who may assume a role, and who may do anything.

Sources: the IAM User Guide on principals, condition operators and the condition keys of
web identity federation; the Cognito Developer Guide on trust in identity pools.
"""

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
        (_speaks_of(s, "sts:assumerole") and not COMPUTE.isdisjoint(s["principals"]))
        or (_speaks_of(s, WEB_IDENTITY) and any(map(_is_cluster, s["principals"])))
        for s in allows(parsed)
    )


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
        s["not_action"] and all(_includes(allowed, a) for a in s["actions"]) for s in grants
    )


def any_full_admin(raw: pl.DataFrame, inline: str = "inline_policies") -> pl.Expr:
    """`full_admin` of any of a row's inline policies; each distinct document is read once."""
    documents: list[str] = (
        raw[inline].explode().struct.field("document").drop_nulls().unique().to_list()
    )
    parsed = [statements(document) for document in documents]
    verdicts = [None if p is None else full_admin(p) for p in parsed]
    judged = each("document").replace_strict(
        documents or [""], verdicts or [False], default=None, return_dtype=pl.Boolean
    )
    return some(pl.col(inline), judged)


WEB_IDENTITY = "sts:assumerolewithwebidentity"


def _admits(parsed: list[Statement], action: str, who: Callable[[str], bool], pins: Test) -> bool:
    """Whether `action` is open to principals that are `who`, held by no condition that `pins`."""
    about = [s for s in parsed if _speaks_of(s, action)]
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


def _speaks_of(statement: Statement, action: str) -> bool:
    named = any(fnmatchcase(action, pattern) for pattern in statement["actions"])
    return named != statement["not_action"]


def _includes(allowed: list[str], pattern: str) -> bool:
    """Whether one of `allowed` takes in all that `pattern` does."""
    return any("?" not in wider and fnmatchcase(pattern, wider) for wider in allowed)


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
