"""What counts as a secret in text, and that none of it is kept."""

import pytest

from stratum_pipeline.kernel.secrets import kinds

KEYWORD = ["Secret Keyword"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("#!/bin/bash\nyum update -y\n", []),
        ("LOG_LEVEL=debug", []),
        ("export DB_PASSWORD=hunter2secret", KEYWORD),
        ("db_password: hunter2secret", KEYWORD),
        ('{"DB_PASSWORD": "hunter2secret"}', KEYWORD),
        ("API_KEY=9f86d081884c7d659a2feaa0c55ad015", KEYWORD),
        ("key = AKIAIOSFODNN7EXAMPLE", ["AWS Access Key"]),
        ("-----BEGIN RSA PRIVATE KEY-----", ["Private Key"]),
        ("postgres://app:p4ssw0rdx@db.internal/app", ["Basic Auth Credentials"]),
        ("a\nb\nDB_PASSWORD=hunter2secret\nAKIAIOSFODNN7EXAMPLE", ["AWS Access Key", *KEYWORD]),
        # Where a secret is kept, or what it must look like, is none.
        ("DB_PASSWORD=${PASSWORD}", []),
        ("DB_PASSWORD=$(aws ssm get-parameter --name x)", []),
        ("DB_PASSWORD={{resolve:secretsmanager:prod/db}}", []),
        ("DB_SECRET_ARN=arn:aws:secretsmanager:eu-west-1:111111111111:secret:db", []),
        ("SECRET_NAME=prod/db", []),
        ("PASSWORD_LENGTH=14", []),
    ],
)
def test_kinds(text: str, expected: list[str]):
    assert kinds(text) == expected
