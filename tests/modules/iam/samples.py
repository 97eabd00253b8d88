"""Values worth trying in IAM tables, for the contract every rule keeps."""

import json
from typing import Any

GITHUB = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
CLUSTER = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A1"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trusting(principal: Any, action: Any = "sts:AssumeRole", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": action, **more}


def trusting_tokens(of: str, **condition: Any) -> dict[str, Any]:
    """Trust in an OIDC provider; condition: test=(key, value)."""
    named = {test.replace("_", ":"): dict([pair]) for test, pair in condition.items()}
    return trusting({"Federated": of}, "sts:AssumeRoleWithWebIdentity", Condition=named)


SUB = "token.actions.githubusercontent.com:sub"
EC2 = trusting({"Service": "ec2.amazonaws.com"})
READS = document(allow("s3:Get*"))

SAMPLES: dict[str, list[Any]] = {
    "": ["", "x"],
    "path": ["/", "/", "/team/", "/aws-service-role/config.amazonaws.com/"],
    "trust": [
        document(trusting("*")),
        document(trusting({"AWS": "arn:aws:iam::111122223333:root"})),
        document(trusting_tokens(GITHUB)),
        document(trusting_tokens(GITHUB, StringLike=(SUB, "repo:acme/app:*"))),
        document(EC2),
        document(EC2, trusting_tokens(CLUSTER)),
        "not json",
    ],
    "document": [document(allow()), READS, document(allow("*", "arn:aws:s3:::a")), "not json"],
    "attached_policies": [[], [READ_ONLY], [ADMINISTRATOR], [READ_ONLY, ADMINISTRATOR]],
    "boundary": ["", "", "arn:aws:iam::123456789012:policy/bound", ADMINISTRATOR],
    "instance_profile_arns": [[], ["arn:aws:iam::123456789012:instance-profile/web"]],
    "attachment_count": [0, 1, 3],
    "minimum_length": [8, 13, 14, 20],
    "reuse_prevention": [0, 23, 24],
}
