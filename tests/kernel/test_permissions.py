"""IAM actions from operations; that each exists is checked in tests/contract."""

import pytest

from stratum_pipeline.kernel.permissions import action, actions, policy


@pytest.mark.parametrize(
    ("operation", "needed"),
    [
        ("iam:ListUsers", "iam:ListUsers"),
        ("s3:ListBuckets", "s3:ListAllMyBuckets"),
        ("s3:GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
        ("s3control:GetPublicAccessBlock", "s3:GetAccountPublicAccessBlock"),
        ("s3control:ListAccessPoints", "s3:ListAccessPoints"),
    ],
)
def test_an_operation_needs_the_action_of_its_name_but_for_a_few(operation, needed):
    assert action(operation) == needed


def test_a_policy_names_each_action_once_in_order():
    wanted = ["s3:ListBuckets", "iam:ListUsers", "iam:GetUser", "iam:ListUsers"]
    assert actions(wanted) == ["iam:GetUser", "iam:ListUsers", "s3:ListAllMyBuckets"]


def test_a_policy_document_has_a_statement_per_module():
    document = policy({"s3": ["s3:ListBuckets", "s3:GetBucketAcl", "s3:ListBuckets"], "iam": []})
    assert document["Statement"] == [
        {
            "Sid": "ScanS3",
            "Effect": "Allow",
            "Action": ["s3:GetBucketAcl", "s3:ListAllMyBuckets"],
            "Resource": "*",
        },
        {"Sid": "ScanIam", "Effect": "Allow", "Action": [], "Resource": "*"},
    ]
