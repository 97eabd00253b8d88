"""IAM actions, derived from the operations a module declares.

Source: the Service Authorization Reference. Most operations are the action of the same
name; only the exceptions stand here, and a test checks every result against a table of
read actions.
"""

from collections.abc import Iterable, Mapping
from typing import Any

SERVICES = {
    "accessanalyzer": "access-analyzer",
    "s3control": "s3",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
}

ACTIONS = {
    "budgets:DescribeBudgets": "budgets:ViewBudget",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:ListParts": "s3:ListMultipartUploadParts",
    "s3control:GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
}


def action(operation: str) -> str:
    """The IAM action that lets `operation` ("s3:GetBucketAcl") be called."""
    service, _, name = operation.partition(":")
    return ACTIONS.get(operation, f"{SERVICES.get(service, service)}:{name}")


def actions(operations: Iterable[str]) -> list[str]:
    """Those of all `operations`, sorted, each once: the policy a module's role needs."""
    return sorted({action(operation) for operation in operations})


def policy(modules: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """An IAM policy document with a statement per module, from the operations of each."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": f"Scan{name.capitalize()}",
                "Effect": "Allow",
                "Action": actions(operations),
                "Resource": "*",
            }
            for name, operations in modules.items()
        ],
    }
