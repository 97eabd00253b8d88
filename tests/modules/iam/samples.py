"""Values worth trying in IAM tables, for the contract every rule keeps."""

import json
from datetime import timedelta
from typing import Any

from ...conftest import SCANNED_AT

GITHUB = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
CLUSTER = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A1"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
VENDOR = "arn:aws:iam::999999999999:root"
"""Of an account that is nobody's we know."""


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
EXTERNAL_ID = {"StringEquals": {"sts:ExternalId": "s3cret"}}
FLOW_LOGS = trusting({"Service": "vpc-flow-logs.amazonaws.com"})

SAMPLES: dict[str, list[Any]] = {
    "": ["", "x"],
    "path": ["/", "/", "/team/", "/aws-service-role/config.amazonaws.com/"],
    "trust": [
        document(trusting("*")),
        document(trusting({"AWS": "arn:aws:iam::111122223333:root"})),
        document(trusting({"AWS": VENDOR}, Condition=EXTERNAL_ID)),
        document(trusting({"AWS": VENDOR}), EC2),
        document(trusting({"AWS": "arn:aws:iam::222222222222:root"})),
        document(FLOW_LOGS),
        document(trusting_tokens(GITHUB)),
        document(trusting_tokens(GITHUB, StringLike=(SUB, "repo:acme/app:*"))),
        document(EC2),
        document(EC2, trusting_tokens(CLUSTER)),
        "not json",
    ],
    "document": [
        document(allow()),
        READS,
        document(allow("*", "arn:aws:s3:::a")),
        document(allow("iam:AttachUserPolicy")),
        document(allow(["kms:*", "iam:PassRole"])),
        document(allow("ec2:RunInstances")),
        "not json",
    ],
    "attached_policies": [[], [READ_ONLY], [ADMINISTRATOR], [READ_ONLY, ADMINISTRATOR]],
    "boundary": ["", "", "arn:aws:iam::123456789012:policy/bound", ADMINISTRATOR],
    "instance_profile_arns": [[], ["arn:aws:iam::123456789012:instance-profile/web"]],
    "attachment_count": [0, 1, 3],
    "minimum_length": [8, 13, 14, 20],
    "reuse_prevention": [0, 23, 24],
    "lowercase": [True, True, True, False],
    "numbers": [True, True, True, False],
    "symbols": [True, True, True, False],
    "uppercase": [True, True, True, False],
    "exists": [True, True, True, False],
    "max_age_days": [0, 60, 90, 365],
    "central_management": ["", "on", "off"],
    "aws_policies": [[], ["AWSSupportAccess"], ["AWSCloudShellFullAccess", "SecurityAudit"]],
    "saml_providers": [[], ["arn:aws:iam::123456789012:saml-provider/idp"]],
    "console_users": [0, 2],
    "access_key_1_last_service": ["", "s3", "sts"],
    "access_key_2_last_service": ["", "s3", "sts"],
    "external_analyzers": [0, 1],
    "active_findings": [0, 3],
    "managed_policy_arns": [[], [READ_ONLY]],
    "valid_until": [SCANNED_AT + timedelta(days=d) for d in (-5, 10, 400)],
    "expires_at": [SCANNED_AT + timedelta(days=d) for d in (-5, 10, 400)],
    "service": ["bedrock"],
}
