"""deploy/data_reads.csv lists every permission of ours by which AWS hands out secrets."""

import csv
from pathlib import Path

from stratum_pipeline.kernel.permissions import actions
from stratum_pipeline.registry import MODULES

LISTED = Path(__file__).parents[2] / "deploy" / "data_reads.csv"

RETURN_DATA_OR_SECRETS = frozenset(
    {
        "apigateway:GET",
        "appstream:GetExportImageTask",
        "autoscaling:DescribeLaunchConfigurations",
        "cloudformation:DescribeStacks",
        "cloudformation:GetTemplate",
        "cloudfront:GetDistributionConfig",
        "cloudtrail:LookupEvents",
        "codebuild:BatchGetProjects",
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:GetRecords",
        "dynamodb:Query",
        "dynamodb:Scan",
        "ec2:DescribeInstanceAttribute",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:DescribeVpnConnections",
        "ec2:GetConsoleOutput",
        "ec2:GetConsoleScreenshot",
        "ec2:GetLaunchTemplateData",
        "ec2:GetPasswordData",
        "ecs:DescribeTaskDefinition",
        "ecs:DescribeTasks",
        "glue:GetConnection",
        "glue:GetConnections",
        "lambda:GetFunction",
        "lambda:GetFunctionConfiguration",
        "lambda:GetLayerVersion",
        "lambda:GetLayerVersionByArn",
        "lambda:ListFunctions",
        "lambda:ListVersionsByFunction",
        "logs:FilterLogEvents",
        "logs:GetLogEvents",
        "rds:DownloadDBLogFilePortion",
        "redshift:GetClusterCredentials",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "secretsmanager:BatchGetSecretValue",
        "secretsmanager:GetSecretValue",
        "sqs:ReceiveMessage",
        "ssm:GetCommandInvocation",
        "ssm:GetDocument",
        "ssm:GetInventory",
        "ssm:GetParameter",
        "ssm:GetParameterHistory",
        "ssm:GetParameters",
        "ssm:GetParametersByPath",
        "ssm:ListCommandInvocations",
        "ssm:ListCommands",
        "sts:GetFederationToken",
        "sts:GetSessionToken",
    }
)
"""Of our services and their neighbours, by AWS's reference of each operation, November 2026."""


def rows() -> list[dict[str, str]]:
    with LISTED.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_every_such_read_is_listed_and_none_that_is_not_made():
    made = {(a, m.name) for m in MODULES for a in actions(m.operations)}
    listed = {(row["action"], row["module"]) for row in rows()}
    assert listed <= made
    assert {one for one in made if one[0] in RETURN_DATA_OR_SECRETS} <= listed


def test_each_says_why_and_what_is_dropped():
    for row in rows():
        assert row["reason"].endswith(".")
        assert row["dropped"]
