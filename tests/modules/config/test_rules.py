"""Each rule on AWS Config, on rows as AWS really answers."""

from typing import Any

import pytest

from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.modules.config import rules
from stratum_pipeline.modules.config.inventory import EXCLUSION, NOTHING_RUNS
from stratum_pipeline.modules.config.rules import RULES

from ..parity import ME, SIBLING, STRANGER, verdict

Row = dict[str, Any]
LINKED = f"arn:aws:iam::{ME}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
GOOD: Row = {
    "recorder": "default",
    "role": LINKED,
    "strategy": "ALL_SUPPORTED_RESOURCE_TYPES",
    "all_types": True,
    "excluded_types": [],
    "frequency": "CONTINUOUS",
    "recording": True,
    "last_status": "Success",
    "last_error": "",
    "bucket": "logs",
    "undelivered": [],
    "retention_days": 2557,
}
NONE: Row = NOTHING_RUNS | {
    "recorder": "",
    "role": "",
    "strategy": "",
    "all_types": False,
    "excluded_types": [],
    "frequency": "",
}
EXCLUDING: Row = GOOD | {"strategy": EXCLUSION, "all_types": False}
ALONE: Row = {
    "recorded_in": ["us-east-1"],
    "global_in": ["us-east-1"],
    "part": "management",
    "administrators": [],
    "aggregator_in": ["us-east-1"],
}


@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        (rules.recorder, GOOD, "pass"),
        (rules.recorder, NONE, "fail"),
        (rules.recorder, {"recorder": None}, "unknown"),
        (rules.delivery_channel, GOOD, "pass"),
        (rules.delivery_channel, GOOD | {"bucket": "", "recording": False}, "fail"),
        (rules.delivery_channel, GOOD | {"bucket": None}, "unknown"),
        (rules.recording, GOOD, "pass"),
        (rules.recording, GOOD | {"recording": False}, "fail"),
        (rules.recording, GOOD | {"recording": None}, "unknown"),
        (rules.recording, GOOD | {"bucket": "", "recording": False}, "n/a"),
        (rules.recorder_failing, GOOD, "pass"),
        (rules.recorder_failing, GOOD | {"last_status": "Pending"}, "pass"),
        (rules.recorder_failing, GOOD | {"last_status": "Failure"}, "fail"),
        (rules.recorder_failing, GOOD | {"last_status": None}, "unknown"),
        (rules.recorder_failing, GOOD | {"recording": False, "last_status": "Failure"}, "n/a"),
        (rules.delivery_failing, GOOD, "pass"),
        (rules.delivery_failing, GOOD | {"undelivered": ["history"]}, "fail"),
        (rules.delivery_failing, GOOD | {"undelivered": None}, "unknown"),
        (
            rules.delivery_failing,
            GOOD | {"undelivered": ["history"], "last_status": "Failure"},
            "n/a",
        ),
        (rules.some_types, GOOD, "pass"),
        (
            rules.some_types,
            GOOD | {"strategy": "INCLUSION_BY_RESOURCE_TYPES", "all_types": False},
            "fail",
        ),
        (rules.some_types, GOOD | {"strategy": "", "all_types": False}, "fail"),  # of before 2023
        (rules.some_types, GOOD | {"all_types": None}, "unknown"),
        (rules.some_types, EXCLUDING, "n/a"),
        (rules.excluded_types, EXCLUDING | {"excluded_types": ["AWS::EC2::Subnet"]}, "fail"),
        (rules.excluded_types, EXCLUDING | {"excluded_types": ["AWS::IAM::Role"]}, "pass"),
        (
            rules.excluded_types,
            EXCLUDING | {"excluded_types": ["AWS::Config::ResourceCompliance"]},
            "pass",
        ),
        (rules.excluded_types, EXCLUDING | {"excluded_types": None}, "unknown"),
        (rules.excluded_types, GOOD, "n/a"),
        (rules.daily_recording, GOOD, "pass"),
        (rules.daily_recording, GOOD | {"frequency": "DAILY"}, "fail"),
        (rules.daily_recording, GOOD | {"frequency": None}, "unknown"),
        (rules.recorder_role, GOOD, "pass"),
        (rules.recorder_role, GOOD | {"role": f"arn:aws:iam::{ME}:role/config"}, "fail"),
        (rules.recorder_role, GOOD | {"role": None}, "unknown"),
        (rules.retention, GOOD, "pass"),
        (rules.retention, GOOD | {"retention_days": 365}, "pass"),
        (rules.retention, GOOD | {"retention_days": 90}, "fail"),
        (rules.retention, GOOD | {"retention_days": None}, "unknown"),
        (rules.global_types, ALONE, "pass"),
        (rules.global_types, ALONE | {"global_in": []}, "fail"),
        (rules.global_types, ALONE | {"global_in": [None]}, "unknown"),
        (rules.global_types, ALONE | {"global_in": [None, "us-east-1"]}, "pass"),
        (rules.global_types, ALONE | {"recorded_in": [], "global_in": []}, "n/a"),
        (rules.global_types, ALONE | {"recorded_in": [None], "global_in": []}, "unknown"),
        (rules.organization_aggregator, ALONE, "pass"),
        (rules.organization_aggregator, ALONE | {"aggregator_in": []}, "fail"),
        (rules.organization_aggregator, ALONE | {"aggregator_in": [None]}, "unknown"),
        (rules.organization_aggregator, ALONE | {"part": "member", "aggregator_in": []}, "n/a"),
        (rules.organization_aggregator, ALONE | {"part": "", "aggregator_in": []}, "n/a"),
        (
            rules.organization_aggregator,
            ALONE | {"administrators": [SIBLING], "aggregator_in": []},
            "n/a",
        ),
        (
            rules.organization_aggregator,
            ALONE | {"part": "delegated", "administrators": [ME], "aggregator_in": []},
            "fail",
        ),
        (rules.organization_aggregator, ALONE | {"part": None, "aggregator_in": []}, "unknown"),
        (rules.management_aggregator, ALONE, "fail"),
        (rules.management_aggregator, ALONE | {"administrators": [SIBLING]}, "fail"),
        (rules.management_aggregator, ALONE | {"aggregator_in": []}, "pass"),
        (rules.management_aggregator, ALONE | {"aggregator_in": [None]}, "unknown"),
        (rules.management_aggregator, ALONE | {"part": "member"}, "n/a"),
        (rules.management_aggregator, ALONE | {"part": None}, "unknown"),
        (rules.aggregator_regions, {"organization": True, "all_regions": False}, "fail"),
        (rules.aggregator_regions, {"organization": True, "all_regions": True}, "pass"),
        (rules.aggregator_regions, {"organization": True, "all_regions": None}, "unknown"),
        (rules.aggregator_regions, {"organization": False, "all_regions": False}, "n/a"),
        (rules.aggregator_failing, {"unread": [SIBLING]}, "fail"),
        (rules.aggregator_failing, {"unread": []}, "pass"),
        (rules.aggregator_failing, {"unread": None}, "unknown"),
        (rules.outside_authorization, {"authorized": STRANGER}, "fail"),
        (rules.outside_authorization, {"authorized": SIBLING}, "pass"),
        (rules.outside_authorization, {"authorized": None}, "unknown"),
        (rules.rule_failing, {"failing": True}, "fail"),
        (rules.rule_failing, {"failing": False}, "pass"),
        (rules.rule_failing, {"failing": None}, "unknown"),
        (rules.pack_failed, {"state": "CREATE_FAILED"}, "fail"),
        (rules.pack_failed, {"state": "UPDATE_COMPLETE"}, "pass"),
        (rules.pack_failed, {"state": None}, "unknown"),
    ],
)
def test_verdict(rule: Rule, row: Row, expected: str):
    assert verdict(rule, row) == expected


@pytest.mark.parametrize(
    "row",
    [
        NONE,
        GOOD | {"bucket": "", "recording": False, "last_status": ""},
        GOOD | {"recording": False},
        GOOD | {"last_status": "Failure", "undelivered": ["history", "stream"]},
    ],
    ids=["no recorder", "no channel", "stopped", "failing"],
)
def test_what_follows_from_a_finding_is_not_told_again(row: Row):
    regional = [rule for rule in RULES if rule.id.startswith("config.region.")]
    assert [rule.id for rule in regional if verdict(rule, row) == "fail"] in [
        ["config.region.recorder"],
        ["config.region.delivery_channel"],
        ["config.region.recording"],
        ["config.region.recorder_failing"],
    ]


def test_no_aggregator_is_one_finding_of_the_management_account():
    row = ALONE | {"aggregator_in": []}
    failed = [
        rule.id for rule in RULES if rule.table is rules.Accounts and verdict(rule, row) == "fail"
    ]
    assert failed == ["config.account.organization_aggregator"]
