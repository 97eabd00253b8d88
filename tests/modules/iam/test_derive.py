"""The analyser of IAM documents, on the shapes people get wrong."""

from typing import Any

import pytest

from stratum_pipeline.kernel.policy import statements
from stratum_pipeline.modules.iam import derive

from .samples import CLUSTER, GITHUB, SUB, allow, document, trusting, trusting_tokens

ORG = {"aws:PrincipalOrgID": "o-abc1234567"}
GITLAB = "arn:aws:iam::1:oidc-provider/gitlab.com"
COGNITO = "cognito-identity.amazonaws.com"
EKS_SUB = "oidc.eks.eu-west-1.amazonaws.com/id/A1:sub"


def parsed(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    found = statements(document(*parts))
    assert found is not None
    return found


def when(**condition: Any) -> dict[str, Any]:
    return {"Condition": {test.replace("_", ":"): keys for test, keys in condition.items()}}


def denying(principal: Any = "*", **condition: Any) -> dict[str, Any]:
    return trusting(principal, **when(**condition)) | {"Effect": "Deny"}


@pytest.mark.parametrize(
    ("anyone", "trust"),
    [
        (True, [trusting("*")]),
        (True, [trusting({"AWS": "*"})]),
        (True, [trusting({"AWS": ["arn:aws:iam::1:root", "*"]}, "sts:*")]),
        (True, [trusting("*", ["sts:TagSession", "sts:Assume*"])]),
        (False, [trusting("*", "sts:TagSession")]),  # admits nobody by itself
        (False, [trusting({"AWS": "arn:aws:iam::1:root"})]),
        (False, [trusting({"Service": "lambda.amazonaws.com"})]),
        # An ExternalId is known to whoever was given it, and to whoever they told.
        (True, [trusting("*", **when(StringEquals={"sts:ExternalId": "s3cret"}))]),
        (True, [trusting("*", **when(Bool={"aws:MultiFactorAuthPresent": "true"}))]),
        (True, [trusting("*", **when(StringEquals={"aws:PrincipalTag/team": "us"}))]),
        (True, [trusting("*", **when(StringEqualsIfExists=ORG))]),
        (True, [trusting("*", **when(StringLike={"aws:PrincipalArn": "arn:aws:iam::*:role/x"}))]),
        (False, [trusting("*", **when(StringEquals=ORG))]),
        # An organization with a wildcard is any organization.
        (True, [trusting("*", **when(StringLike={"aws:PrincipalOrgID": "o-*"}))]),
        (True, [trusting("*", **when(StringLike={"aws:PrincipalOrgID": ["o-abc1234567", "*"]}))]),
        (True, [trusting("*", **when(StringNotEquals=ORG))]),
        (False, [trusting("*", **when(StringEquals=ORG | {"sts:ExternalId": "s3cret"}))]),
        (False, [trusting("*", **when(StringEquals={"aws:PrincipalAccount": "111122223333"}))]),
        (
            False,
            [trusting("*", **when(ForAnyValue_StringLike={"aws:PrincipalOrgPaths": "o-a/r-b/*"}))],
        ),
        (
            True,
            [trusting("*", **when(ForAnyValue_StringLike={"aws:PrincipalOrgPaths": "o-*/r-b/*"}))],
        ),
        (False, [trusting("*", **when(StringLike={"aws:userid": "AROAEXAMPLE:*"}))]),
        (True, [trusting("*", **when(StringLike={"aws:userid": "*:deployer"}))]),
        # The same pin written as a denial.
        (False, [trusting("*"), denying(StringNotEquals=ORG)]),
        (False, [trusting("*"), denying({"AWS": "*"}, StringNotEqualsIfExists=ORG)]),
        (True, [trusting("*"), denying(StringEquals=ORG)]),
        (True, [trusting("*"), denying(StringNotEquals=ORG, Bool={"aws:SecureTransport": "true"})]),
        (True, [trusting("*"), denying(StringNotEquals={"sts:ExternalId": "s3cret"})]),
        (True, [trusting("*"), denying(StringNotLike={"aws:PrincipalOrgID": "*"})]),
        (True, [trusting("*"), denying({"AWS": "arn:aws:iam::1:root"}, StringNotEquals=ORG)]),
        (True, [trusting("*"), denying(StringNotEquals=ORG) | {"Action": "sts:TagSession"}]),
        (True, [trusting("*"), denying(ForAnyValue_StringNotEquals=ORG)]),  # spares who has none
        (False, [trusting("*"), denying()]),
        (  # It spares whom it names, which the parser does not keep: rather a false alarm.
            True,
            [
                trusting("*"),
                {"Effect": "Deny", "NotPrincipal": {"AWS": "1"}, "Action": "sts:AssumeRole"},
            ],
        ),
        (False, [trusting("*", **when(StringEquals=ORG)), trusting({"AWS": "1"})]),
        (True, [trusting("*", **when(StringEquals=ORG)), trusting({"AWS": "*"})]),
    ],
)
def test_trust_in_anyone(anyone: bool, trust: list[dict[str, Any]]):
    assert derive.trust_anyone(parsed(*trust)) is anyone


@pytest.mark.parametrize(
    ("any_subject", "trust"),
    [
        (True, trusting_tokens(GITHUB)),
        (True, trusting({"Federated": GITHUB}, "sts:*")),
        (False, trusting({"Federated": GITHUB}, "sts:TagSession")),
        (False, trusting({"Federated": "arn:aws:iam::1:saml-provider/idp"}, "sts:*")),
        # An audience says whom the token is for, not whom it was issued to.
        (
            True,
            trusting_tokens(
                GITHUB, StringEquals=(SUB.replace(":sub", ":aud"), "sts.amazonaws.com")
            ),
        ),
        (True, trusting_tokens(GITHUB, StringLike=(SUB, "*"))),
        (True, trusting_tokens(GITHUB, StringLike=(SUB, "repo:*"))),
        (True, trusting_tokens(GITHUB, StringLike=(SUB, "repo:*/*:ref:refs/heads/main"))),
        (True, trusting_tokens(GITHUB, StringLike=(SUB, "repo:*/app:*"))),  # name it so
        (True, trusting_tokens(GITHUB, StringLike=(SUB, "repo:acme*"))),  # "acme-evil"
        (True, trusting_tokens(GITHUB, StringLike=(SUB, ["repo:acme/app:*", "repo:*"]))),
        (True, trusting_tokens(GITHUB, StringEqualsIfExists=(SUB, "repo:acme/app:x"))),
        (True, trusting_tokens(GITHUB, StringNotEquals=(SUB, "repo:evil/app:x"))),
        (True, trusting_tokens(GITHUB, ForAllValues_StringLike=(SUB, "repo:acme/app:*"))),
        (False, trusting_tokens(GITHUB, StringLike=(SUB, "repo:acme/*"))),
        (False, trusting_tokens(GITHUB, StringLike=(SUB, "repo:acme/app:*"))),
        (False, trusting_tokens(GITHUB, ForAnyValue_StringLike=(SUB, ["repo:acme/app:*"]))),
        (False, trusting_tokens(GITHUB, StringEquals=(SUB.upper(), "repo:acme/app:ref:x"))),
        (False, trusting_tokens(GITHUB, StringEquals=(SUB, "repo:*"))),  # literally: no one
        (False, trusting_tokens(GITHUB, StringEquals=(SUB.replace("sub", "repository_id"), "1"))),
        (False, trusting_tokens(GITHUB, StringLike=(SUB.replace("sub", "repository"), "acme/*"))),
        (True, trusting_tokens(GITHUB, StringEquals=(SUB.replace("sub", "ref"), "refs/heads/x"))),
        (True, trusting_tokens(GITLAB, StringLike=("gitlab.com:sub", "project_path:*"))),
        (False, trusting_tokens(GITLAB, StringLike=("gitlab.com:sub", "project_path:acme/*"))),
        (True, trusting_tokens(CLUSTER)),
        (True, trusting_tokens(CLUSTER, StringLike=(EKS_SUB, "system:serviceaccount:*"))),
        (True, trusting_tokens(CLUSTER, StringLike=(EKS_SUB, "system:serviceaccount:*:*"))),
        (False, trusting_tokens(CLUSTER, StringLike=(EKS_SUB, "system:serviceaccount:web:*"))),
        (False, trusting_tokens(CLUSTER, StringLike=(EKS_SUB, "system:serviceaccount:*:app"))),
        (True, trusting_tokens(COGNITO)),
        (True, trusting_tokens(COGNITO, StringLike=(f"{COGNITO}:aud", "us-east-1:*"))),
        (False, trusting_tokens(COGNITO, StringEquals=(f"{COGNITO}:aud", "us-east-1:1-2-3"))),
        (
            False,
            trusting_tokens(COGNITO, ForAnyValue_StringLike=(f"{COGNITO}:amr", "authenticated")),
        ),
        (True, trusting_tokens(GITHUB, StringEquals=(f"{GITLAB}:aud", "x"))),
        (
            False,
            trusting_tokens("accounts.google.com", StringEquals=("accounts.google.com:aud", "1")),
        ),
        (
            True,
            trusting_tokens("accounts.google.com", StringEquals=("accounts.google.com:oaud", "1")),
        ),
        (False, trusting_tokens("www.amazon.com", StringEquals=("www.amazon.com:app_id", "a"))),
    ],
)
def test_trust_in_any_subject(any_subject: bool, trust: dict[str, Any]):
    assert derive.trust_oidc_subject(parsed(trust)) is any_subject


def test_a_denial_of_other_subjects_pins_too():
    denial = trusting_tokens(GITHUB, StringNotLike=(SUB, "repo:acme/*")) | {"Effect": "Deny"}
    everyone = denial | {"Principal": "*"}
    assert derive.trust_oidc_subject(parsed(trusting_tokens(GITHUB), everyone)) is False
    spared = {"Effect": "Deny", "NotPrincipal": {"Federated": GITHUB}, "Action": "sts:*"}
    assert derive.trust_oidc_subject(parsed(trusting_tokens(GITHUB), spared)) is True


@pytest.mark.parametrize(
    ("admin", "policy"),
    [
        (True, [allow()]),
        (True, [allow("*:*")]),
        (True, [allow(["s3:GetObject", "*"], ["arn:aws:s3:::a", "*"])]),
        (True, [allow("s3:*"), allow("*")]),
        (True, [allow("*", Condition={})]),
        (False, [allow("s3:*")]),
        (False, [allow("*", "arn:aws:s3:::*")]),
        (False, [allow("*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})]),
        (False, [allow("*") | {"Effect": "Deny"}]),
        (False, [{"Effect": "Allow", "Action": "*", "NotResource": "*"}]),
        (False, [{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::a"}]),
        (False, [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]),
        (False, [{"Effect": "Allow", "NotAction": "*", "Resource": "*"}]),
        # What NotAction leaves out, the next statement gives back.
        (True, [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, allow("iam:*")]),
        (
            True,
            [
                {"Effect": "Allow", "NotAction": ["iam:*", "sts:Get*"], "Resource": "*"},
                allow(["IAM:*", "sts:*"]),
            ],
        ),
        (False, [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, allow("iam:Get*")]),
        (
            False,
            [
                {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
                allow("iam:*", "arn:aws:iam::1:role/x"),
            ],
        ),
        (True, [{"Effect": "Allow", "NotAction": [], "Resource": "*"}]),
    ],
)
def test_full_admin(admin: bool, policy: list[dict[str, Any]]):
    assert derive.full_admin(parsed(*policy)) is admin
