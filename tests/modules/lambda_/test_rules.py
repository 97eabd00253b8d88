"""Each Lambda rule on rows small enough to read."""

import json
from typing import Any

import pytest

from stratum_pipeline.kernel.coverage import Coverage
from stratum_pipeline.kernel.evaluate import evaluate
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.modules.lambda_ import rules
from stratum_pipeline.modules.lambda_.derive import unrecorded
from stratum_pipeline.modules.lambda_.inventory import Functions
from stratum_pipeline.modules.lambda_.recording import Regions

from ...conftest import SCANNED_AT
from ..parity import OURS, verdict
from .samples import (
    ALL_FUNCTIONS,
    ANYONE,
    FOR_URL,
    FUNCTION,
    NO_FUNCTION,
    PARTNER,
    PINNED_SNS,
    SIBLING,
    SNS,
    THROUGH_URL,
    TRAIL,
    allow,
    policy,
    service,
)

Row = dict[str, Any]
NO_URL: Row = {"policy": "", "urls": []}


def url(auth: str | None, guard: str | None, own: str = "", alias: str = "") -> Row:
    """A function with policy `own` and one URL, of an alias that `guard` is the policy of."""
    arn = FUNCTION + (f":{alias}" if alias else "")
    return {"policy": own, "urls": [{"arn": arn, "auth": auth, "policy": guard}]}


OPEN = url("NONE", policy(FOR_URL, THROUGH_URL), policy(FOR_URL, THROUGH_URL))


def said(*statements: Row) -> Row:
    return {"policy": policy(*statements), "urls": []}


def layers(*owners: str | None) -> Row:
    arns = [o and f"arn:aws:lambda:us-east-1:{o}:layer:deps:1" for o in owners]
    return {"layers": arns}


@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        (rules.public_policy, NO_URL, "pass"),
        (rules.public_policy, said(ANYONE), "fail"),
        (rules.public_policy, said(allow({"AWS": "*"}, "lambda:*")), "fail"),
        (rules.public_policy, said(allow("*", "lambda:GetFunction")), "fail"),
        (
            rules.public_policy,
            said(allow("*", StringEquals={"aws:PrincipalOrgID": OURS})),
            "pass",
        ),
        (rules.public_policy, said(FOR_URL, THROUGH_URL), "pass"),  # that is the URL's finding
        (  # holds for calls past the URL, too
            rules.public_policy,
            said(allow("*", StringEqualsIfExists={"lambda:FunctionUrlAuthType": "NONE"})),
            "fail",
        ),
        (
            rules.public_policy,
            said(allow("*", Bool={"lambda:InvokedViaFunctionUrl": "false"})),
            "fail",
        ),
        (rules.public_policy, said(SNS), "pass"),
        (rules.public_policy, {"policy": None}, "unknown"),
        (rules.public_policy, {"policy": "not json"}, "unknown"),
        (rules.public_url, NO_URL, "pass"),
        (rules.public_url, OPEN, "fail"),
        (rules.public_url, url("NONE", policy(FOR_URL)), "fail"),  # as until October 2025
        (rules.public_url, url("NONE", ""), "pass"),  # the URL answers 403 to all
        (rules.public_url, url("NONE", policy(PINNED_SNS)), "pass"),
        (rules.public_url, url("AWS_IAM", policy(FOR_URL)), "pass"),  # a statement left over
        (  # any AWS account may sign
            rules.public_url,
            url("AWS_IAM", policy(allow("*", "lambda:InvokeFunctionUrl"))),
            "fail",
        ),
        (
            rules.public_url,
            url(
                "AWS_IAM",
                policy(
                    allow(
                        "*",
                        "lambda:InvokeFunctionUrl",
                        StringEquals={"aws:PrincipalOrgID": OURS},
                    )
                ),
            ),
            "pass",
        ),
        (rules.public_url, url("NONE", policy(FOR_URL), alias="live"), "fail"),
        (rules.public_url, url("NONE", None, alias="live"), "unknown"),
        (rules.public_url, url(None, policy(FOR_URL)), "unknown"),
        (rules.public_url, {"policy": "", "urls": None}, "unknown"),
        (rules.public_url, url("NONE", policy(ANYONE), policy(ANYONE)), "n/a"),  # said already
        (rules.url_cors, OPEN | {"origins": ["*"]}, "fail"),
        (rules.url_cors, OPEN | {"origins": ["https://acme.example"]}, "pass"),
        (rules.url_cors, OPEN | {"origins": []}, "pass"),
        (rules.url_cors, OPEN | {"origins": None}, "unknown"),
        (rules.url_cors, NO_URL | {"origins": []}, "n/a"),
        (rules.outside_organization, said(PARTNER), "fail"),
        (rules.outside_organization, said(SIBLING), "pass"),
        (
            rules.outside_organization,
            said(service("s3", StringEquals={"AWS:SourceAccount": "999999999999"})),
            "fail",
        ),
        (rules.outside_organization, said(PINNED_SNS), "pass"),
        (rules.outside_organization, said(ANYONE), "pass"),
        (rules.outside_organization, {}, "unknown"),
        (rules.confused_deputy, said(SNS), "fail"),
        (rules.confused_deputy, said(PINNED_SNS), "pass"),
        (rules.confused_deputy, said(service("apigateway")), "fail"),  # it takes others' functions
        (
            rules.confused_deputy,
            said(
                service(
                    "apigateway",
                    ArnLike={
                        "AWS:SourceArn": "arn:aws:execute-api:us-east-1:111111111111:a1b2c3/*/GET/"
                    },
                )
            ),
            "pass",
        ),
        (
            rules.confused_deputy,
            said(
                service(
                    "events", ArnLike={"AWS:SourceArn": "arn:aws:events:us-east-1:*:rule/nightly"}
                )
            ),
            "fail",
        ),
        (rules.confused_deputy, said(service("elasticloadbalancing")), "pass"),
        (rules.confused_deputy, said(service("replicator.lambda")), "pass"),
        (rules.confused_deputy, said(allow({"Service": "alexa-appkit.amazon.com"})), "fail"),
        (
            rules.confused_deputy,
            said(
                allow(
                    {"Service": "alexa-appkit.amazon.com"},
                    StringEquals={"lambda:EventSourceToken": "amzn1.ask.skill.1"},
                )
            ),
            "pass",
        ),
        (rules.confused_deputy, said(ANYONE), "pass"),  # another finding
        (rules.confused_deputy, {}, "unknown"),
        (rules.secrets, {"secrets": []}, "pass"),
        (rules.secrets, {"secrets": ["Private Key"]}, "fail"),
        (rules.secrets, {}, "unknown"),  # a key of the customer's keeps them from us, too
        (rules.environment_key, {"has_variables": True, "key_arn": ""}, "fail"),
        (rules.environment_key, {"has_variables": True, "key_arn": "arn:aws:kms:::k"}, "pass"),
        (rules.environment_key, {"has_variables": False, "key_arn": ""}, "n/a"),
        (rules.environment_key, {"key_arn": ""}, "unknown"),
        (rules.runtime, {"package": "Zip", "runtime": "nodejs18.x"}, "fail"),
        (rules.runtime, {"package": "Zip", "runtime": "python3.13"}, "pass"),
        (rules.runtime, {"package": "Zip", "runtime": "java17.al2023"}, "pass"),
        (rules.runtime, {"package": "Zip", "runtime": "nodejs99.x"}, "unknown"),
        (rules.runtime, {"package": "Zip", "runtime": None}, "unknown"),
        (rules.runtime, {"package": "Image", "runtime": ""}, "n/a"),
        # Deprecated in March 2026: after the day of the scan.
        (rules.runtime, {"package": "Zip", "runtime": "ruby3.2"}, "pass"),
        (rules.outside_layers, layers(), "pass"),
        (rules.outside_layers, layers("111111111111", "222222222222"), "pass"),
        (rules.outside_layers, layers("999999999999"), "fail"),
        (rules.outside_layers, layers("580247275435"), "pass"),  # AWS's own
        (rules.outside_layers, layers("580247275435", None), "unknown"),
        (rules.code_signing, {"package": "Zip", "code_signing": "Enforce"}, "pass"),
        (rules.code_signing, {"package": "Zip", "code_signing": "Warn"}, "fail"),
        (rules.code_signing, {"package": "Zip", "code_signing": ""}, "fail"),
        (rules.code_signing, {"package": "Zip"}, "unknown"),
        (rules.code_signing, {"package": "Image", "code_signing": ""}, "n/a"),
        (rules.multi_az, {"vpc": "vpc-1", "zones": ["a", "b"]}, "pass"),
        (rules.multi_az, {"vpc": "vpc-1", "zones": ["a"]}, "fail"),
        (rules.multi_az, {"vpc": "vpc-1", "zones": ["a", None]}, "unknown"),
        (rules.multi_az, {"vpc": "", "zones": []}, "n/a"),
        (rules.open_egress, OPEN | {"vpc": ""}, "fail"),
        (rules.open_egress, OPEN | {"vpc": "vpc-1"}, "pass"),
        (rules.open_egress, OPEN, "unknown"),
        (rules.open_egress, NO_URL | {"vpc": ""}, "n/a"),  # outside a VPC, and nothing wrong
        (rules.reserved_concurrency, OPEN | {"reserved_concurrency": -1}, "fail"),
        (rules.reserved_concurrency, OPEN | {"reserved_concurrency": 50}, "pass"),
        (rules.reserved_concurrency, OPEN | {"reserved_concurrency": 0}, "pass"),  # shut off
        (rules.reserved_concurrency, OPEN, "unknown"),
        (rules.reserved_concurrency, NO_URL | {"reserved_concurrency": -1}, "n/a"),
        (rules.dead_letters, said(PINNED_SNS) | {"failures_to": ""}, "fail"),
        (
            rules.dead_letters,
            said(service("logs.eu-west-1")) | {"failures_to": ""},
            "fail",
        ),
        (rules.dead_letters, said(PINNED_SNS) | {"failures_to": "arn:aws:sqs:::q"}, "pass"),
        (rules.dead_letters, said(PINNED_SNS), "unknown"),
        (rules.dead_letters, said(service("apigateway")) | {"failures_to": ""}, "n/a"),
        (rules.tracing, {"tracing": "Active"}, "pass"),
        (rules.tracing, {"tracing": "PassThrough"}, "fail"),
        (rules.tracing, {}, "unknown"),
        (rules.layer_public_policy, said(ANYONE) | {"urls": None}, "fail"),
        (rules.layer_public_policy, {"policy": ""}, "pass"),
        (rules.layer_public_policy, {}, "unknown"),
        (rules.layer_outside_organization, {"policy": policy(PARTNER)}, "fail"),
        (
            rules.layer_outside_organization,
            {"policy": policy(allow("*", StringEquals={"aws:PrincipalOrgID": "o-theirs1234"}))},
            "fail",
        ),
        (
            rules.layer_outside_organization,
            {"policy": policy(allow("*", StringEquals={"aws:PrincipalOrgID": OURS}))},
            "pass",
        ),
        (rules.layer_outside_organization, {}, "unknown"),
    ],
)
def test_verdict(rule: Rule, row: Row, expected: str):
    fitting = {name: value for name, value in row.items() if name in rule.table.schema()}
    assert verdict(rule, fitting) == expected


STREAM = {"source_arn": "arn:aws:kinesis:us-east-1:1:stream/s", "state": "Enabled"}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (STREAM | {"failures_to": ""}, "fail"),
        (STREAM | {"source_arn": "arn:aws:dynamodb:::table/t/stream/1", "failures_to": ""}, "fail"),
        (STREAM | {"source_arn": "", "failures_to": ""}, "fail"),  # a Kafka of the customer's
        (STREAM | {"failures_to": "arn:aws:sqs:::q"}, "pass"),
        (STREAM | {"source_arn": "arn:aws:sqs:us-east-1:1:q", "failures_to": ""}, "n/a"),
        (STREAM | {"state": "Disabled", "failures_to": ""}, "n/a"),
        (STREAM, "unknown"),
    ],
)
def test_records_of_a_stream(row: Row, expected: str):
    assert verdict(rules.failure_destination, row) == expected


RECORDED = {
    "functions": [FUNCTION],
    "trails": [TRAIL],
    "logging": [TRAIL],
    "selectors": json.dumps({TRAIL: ALL_FUNCTIONS}),
}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (RECORDED, "pass"),
        (RECORDED | {"trails": [], "logging": [], "selectors": "{}"}, "fail"),
        (RECORDED | {"logging": []}, "fail"),  # there, and switched off
        (RECORDED | {"selectors": json.dumps({TRAIL: NO_FUNCTION})}, "fail"),
        (RECORDED | {"functions": [FUNCTION, FUNCTION + "-2"]}, "pass"),
        (RECORDED | {"trails": None}, "unknown"),
        (RECORDED | {"logging": None}, "unknown"),
        (RECORDED | {"selectors": None}, "unknown"),
        (RECORDED | {"selectors": None, "logging": []}, "fail"),  # whatever they say
    ],
)
def test_invocations_recorded(row: Row, expected: str):
    assert rules.invocation_records.table is Regions
    assert verdict(rules.invocation_records, row) == expected


def basic(kind: str, *values: str) -> Row:
    resource = {"Type": "AWS::Lambda::Function", "Values": [*values]}
    return {"EventSelectors": [{"ReadWriteType": kind, "DataResources": [resource]}]}


def advanced(**fields: Row) -> Row:
    named = {"category": "eventCategory", "type": "resources.type", "arn": "resources.ARN"}
    given = {
        "category": {"Equals": ["Data"]},
        "type": {"Equals": ["AWS::Lambda::Function"]},
    } | fields
    selectors = [{"Field": named.get(f, f), **tests} for f, tests in given.items()]
    return {"AdvancedEventSelectors": [{"Name": "n", "FieldSelectors": selectors}]}


@pytest.mark.parametrize(
    ("selectors", "recorded"),
    [
        (basic("All", "arn:aws:lambda"), True),
        (basic("WriteOnly", "arn:aws:lambda"), True),  # Invoke counts as writing
        (basic("ReadOnly", "arn:aws:lambda"), False),
        (basic("All", FUNCTION), True),
        (basic("All", FUNCTION + "-2"), False),
        (advanced(), True),
        (advanced(type={"Equals": ["AWS::S3::Object"]}), False),
        (advanced(category={"Equals": ["Management"]}), False),
        (advanced(readOnly={"Equals": ["false"]}), True),
        (advanced(readOnly={"Equals": ["true"]}), False),
        (advanced(arn={"StartsWith": ["arn:aws:lambda:us-east-1:111111111111:"]}), True),
        (advanced(arn={"EndsWith": [":function:batch"]}), False),
        (advanced(arn={"NotEquals": [FUNCTION]}), False),
        (advanced(arn={"NotStartsWith": ["arn:aws:lambda:eu-west-1:"]}), True),
        (advanced(eventName={"Equals": ["Invoke"]}), True),
        (advanced(**{"userIdentity.arn": {"NotEndsWith": ["/ci"]}}), False),  # not all of them
        ({"EventSelectors": None, "AdvancedEventSelectors": None}, False),
    ],
)
def test_what_event_selectors_record(selectors: Row, recorded: bool):
    assert unrecorded([FUNCTION], {TRAIL: selectors}) == ([] if recorded else [FUNCTION])


def test_who_is_ours_is_unknown_where_the_organization_is():
    """Two of AWS's layers need no organization to be known; a stranger's does."""
    row = {"account_id": "1", "arn": "0", "region": "r", "incarnation": ""}
    rows = [row | layers("580247275435"), row | layers("222222222222") | {"arn": "1"}]
    covered = Coverage.frame(
        [{"account_id": "1", "region": "r", "operation": "x", "outcome": "ok"}]
    )
    frames = {Functions: Functions.frame(rows)}
    found = evaluate("lambda", [rules.outside_layers], frames, covered, SCANNED_AT)
    assert found.populations.select("passed", "failed", "unknown").rows() == [(1, 0, 1)]
