"""AWS Config end to end: moto where it knows the operation, else AWS's documented shapes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import botocore.client
import polars as pl
import pytest
from botocore.exceptions import ClientError
from moto.config.models import config_backends

from stratum_pipeline.kernel.collect import Account
from stratum_pipeline.kernel.evaluate import Verdicts
from stratum_pipeline.modules.config import MODULE
from stratum_pipeline.modules.config.inventory import (
    FOREVER,
    Accounts,
    Aggregators,
    Authorizations,
    ConfigRules,
    ConformancePacks,
    Regions,
)
from stratum_pipeline.scan import Reading, judge, read_module

ME, MANAGER, STRANGER = "123456789012", "111122223333", "999999999999"
HOME, IRELAND = REGIONS = ["us-east-1", "eu-west-1"]
LINKED = "aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
EARLIER, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
Answers = dict[str, Any]


@pytest.fixture
def answers(aws: None, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """What AWS answers in moto's stead, by operation: a body, or a function of region, parameters.

    To begin with: two regions, and an organization of which this account is a member.
    """
    real = botocore.client.BaseClient._make_api_call
    said: Answers = {
        "DescribeRegions": {"Regions": [{"RegionName": region} for region in REGIONS]},
        "DescribeOrganization": {"Organization": {"MasterAccountId": MANAGER}},
        "ListDelegatedAdministrators": refusing("AccessDeniedException"),
        "DescribeConfigRuleEvaluationStatus": {"ConfigRulesEvaluationStatus": []},
        "DescribeConformancePackStatus": {"ConformancePackStatusDetails": []},
        "DescribeDeliveryChannelStatus": {"DeliveryChannelsStatus": []},
    }

    def call(client, operation: str, params: dict):
        answer = said.get(operation)
        if answer is None:
            return real(client, operation, params)
        return answer(client.meta.region_name, params) if callable(answer) else answer

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return said


def refusing(code: str, where: str = "") -> Callable[..., Any]:
    def refuse(region: str, params: dict) -> Any:
        if where in ("", region):
            raise ClientError({"Error": {"Code": code, "Message": "refused"}}, "Operation")
        return {}

    return refuse


@pytest.fixture
def recorded(answers: Answers) -> None:
    """A recorder of everything that runs, in both regions."""
    for region in REGIONS:
        config = boto3.client("config", region_name=region)
        config.put_configuration_recorder(
            ConfigurationRecorder={
                "name": "default",
                "roleARN": f"arn:aws:iam::{ME}:role/{LINKED}",
                "recordingGroup": {
                    "allSupported": True,
                    "includeGlobalResourceTypes": region == HOME,
                },
            }
        )
        config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "logs"})
        config.start_configuration_recorder(ConfigurationRecorderName="default")
        # moto leaves it at "PENDING", which AWS spells otherwise.
        config_backends[ME][region].recorders["default"].status.last_status = "Success"


def read() -> Reading:
    return read_module(boto3.Session(region_name=HOME), ME, MODULE, REGIONS)


def verdicts() -> Verdicts:
    return judge(read())


def failed(found: Verdicts) -> set[tuple[str, str]]:
    return set(found.fails.select("rule_id", "region").rows())


def calls(reading: Reading) -> dict[str, int]:
    counted = reading.coverage.group_by("operation").agg(pl.col("calls").sum()).rows()
    return {operation.partition(":")[2]: count for operation, count in counted if count}


def test_a_region_without_a_recorder_is_one_finding(answers):
    reading = read()
    found = judge(reading)
    assert failed(found) == {("config.region.recorder", region) for region in REGIONS}
    assert set(found.fails["resource_arn"]) == {
        f"arn:aws:config:{region}:{ME}:setting/recorder" for region in REGIONS
    }
    assert found.gaps.is_empty()
    # Three calls in an empty region, and three for the account.
    assert calls(reading) == {
        "DescribeConfigurationRecorders": 2,
        "DescribeConfigurationAggregators": 2,
        "DescribeAggregationAuthorizations": 2,
        "DescribeRegions": 1,
        "DescribeOrganization": 1,
        "ListDelegatedAdministrators": 1,
    }
    # What was found before the recorder was deleted is over.
    observed = found.observed.filter(pl.col("rule_id") == "config.rule.failing")
    assert sorted(observed["region"]) == sorted(REGIONS)


def test_a_region_that_is_recorded(recorded):
    reading = read()
    assert failed(judge(reading)) == set()
    row = reading.inventory[Regions].filter(pl.col("region") == HOME).row(0, named=True)
    assert row["recorder"] == "default"
    assert row["recording"]
    assert row["all_types"]
    assert row["last_status"] == "Success"
    assert (row["bucket"], row["undelivered"]) == ("logs", [])
    assert (row["retention_days"], row["frequency"]) == (FOREVER, "CONTINUOUS")
    account = reading.inventory[Accounts].row(0, named=True)
    assert account["recorded_in"] == sorted(REGIONS)
    assert account["global_in"] == [HOME]
    assert account["part"] == "member"
    assert set(calls(reading).values()) == {1, 2}
    assert sum(calls(reading).values()) == 9 * 2 + 3


def test_facts_become_findings(recorded, answers):
    config = boto3.client("config", region_name=HOME)
    config.stop_configuration_recorder(ConfigurationRecorderName="default")
    config.put_retention_configuration(RetentionPeriodInDays=30)
    answers["DescribeDeliveryChannelStatus"] = {
        "DeliveryChannelsStatus": [
            {
                "name": "default",
                "configHistoryDeliveryInfo": {"lastStatus": "Failure", "lastErrorCode": "x"},
                "configSnapshotDeliveryInfo": {"lastStatus": "Not_Applicable"},
                "configStreamDeliveryInfo": {"lastStatus": "Success"},
            }
        ]
    }
    found = verdicts()
    assert failed(found) == {
        ("config.region.recording", HOME),
        ("config.region.retention", HOME),
        ("config.region.delivery_failing", IRELAND),
    }


RECORDER = {
    "name": "default",
    "roleARN": f"arn:aws:iam::{ME}:role/config",
    "recordingGroup": {
        "allSupported": False,
        "includeGlobalResourceTypes": False,
        "recordingStrategy": {"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
        "exclusionByResourceTypes": {"resourceTypes": ["AWS::IAM::Role", "AWS::EC2::Subnet"]},
    },
    "recordingMode": {"recordingFrequency": "DAILY"},
}


def test_a_recorder_as_aws_documents_it(recorded, answers):
    of_a_service = {"name": "x", "servicePrincipal": "securityhub.amazonaws.com"}
    answers["DescribeConfigurationRecorders"] = {"ConfigurationRecorders": [of_a_service, RECORDER]}
    answers["DescribeConfigurationRecorderStatus"] = {
        "ConfigurationRecordersStatus": [
            {"name": "x", "servicePrincipal": "securityhub.amazonaws.com", "recording": False},
            {"name": "default", "recording": True, "lastStatus": "Failure", "lastErrorCode": "E"},
        ]
    }
    found = verdicts()
    regional = {rule for rule, region in failed(found) if region == HOME}
    assert regional == {
        "config.region.recorder_failing",
        "config.region.excluded_types",
        "config.region.daily_recording",
        "config.region.recorder_role",
    }
    assert ("config.account.global_types", "") in failed(found)  # IAM is among what is left out


@pytest.mark.parametrize(
    ("group", "counts"),
    [
        ({"allSupported": True, "includeGlobalResourceTypes": True}, True),
        ({"allSupported": True, "includeGlobalResourceTypes": False}, False),
        ({"resourceTypes": ["AWS::IAM::User"]}, False),
        (
            {
                "resourceTypes": [
                    "AWS::IAM::Group",
                    "AWS::IAM::Policy",
                    "AWS::IAM::Role",
                    "AWS::IAM::User",
                ]
            },
            True,
        ),
        (
            {
                "recordingStrategy": {"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
                "exclusionByResourceTypes": {"resourceTypes": ["AWS::EC2::Subnet"]},
            },
            True,
        ),
    ],
)
def test_which_recorders_record_iam(recorded, answers, group, counts):
    answers["DescribeConfigurationRecorders"] = {
        "ConfigurationRecorders": [RECORDER | {"recordingGroup": group}]
    }
    assert read().inventory[Accounts]["global_in"].to_list() == [sorted(REGIONS) if counts else []]


@pytest.mark.parametrize(
    ("operation", "rules"),
    [
        (
            "DescribeConfigurationRecorderStatus",
            {"region.recording", "region.recorder_failing", "region.delivery_failing"},
        ),
        (
            "DescribeDeliveryChannels",
            {"region.delivery_channel", "region.recording", "region.delivery_failing"},
        ),
        ("DescribeDeliveryChannelStatus", {"region.delivery_failing"}),
        ("DescribeRetentionConfigurations", {"region.retention"}),
        (
            "DescribeConfigurationRecorders",
            {
                *("region.recorder", "region.delivery_channel", "region.recording"),
                *("region.some_types", "region.excluded_types", "region.daily_recording"),
                *("region.recorder_role", "region.retention"),
                "account.global_types",
            },
        ),
        ("DescribeConfigurationAggregators", set()),  # a member need not have any
        (
            "DescribeOrganization",
            {"account.organization_aggregator", "account.management_aggregator"},
        ),
    ],
)
def test_a_refusal_is_unknown_and_the_rest_stays(recorded, answers, operation, rules):
    answers[operation] = refusing("AccessDeniedException")
    found = verdicts()
    unknown = set(found.unknowns["rule_id"])
    assert unknown <= {f"config.{rule}" for rule in rules}
    assert len(unknown) >= len(rules) - 2  # some are settled all the same
    assert found.fails.is_empty()
    assert {gap.rpartition(":")[2] for gap in found.gaps["operation"]} == {operation}
    why = f"{operation} denied (AccessDeniedException)"
    assert all(why in because for because in found.unknowns["because"])


@pytest.mark.parametrize(
    "operation",
    [
        "DescribeConfigurationAggregators",
        "DescribeAggregationAuthorizations",
        "DescribeConfigRuleEvaluationStatus",
        "DescribeConformancePackStatus",
    ],
)
def test_a_refused_listing_blinds_its_rules(recorded, answers, operation):
    answers[operation] = refusing("ThrottlingException", IRELAND)
    found = verdicts()
    (gap,) = found.gaps.to_dicts()
    assert (gap["region"], gap["outcome"], gap["unlisted"]) == (IRELAND, "throttled", True)
    tables = [c.table for c in MODULE.collectors if c.table.listed_by.endswith(f":{operation}")]
    mine = [rule.id for rule in MODULE.rules if rule.table in tables]
    assert mine
    assert set(mine) <= set(gap["rules"])
    watched = found.observed.filter(pl.col("rule_id").is_in(mine))
    assert set(watched["region"]) == {HOME}


def test_regions_that_are_not_known_leave_the_account_unknown(recorded, answers):
    answers["DescribeRegions"] = refusing("UnauthorizedOperation")
    account = read().inventory[Accounts].row(0, named=True)
    assert account["recorded_in"] == [HOME, None]


# --- the organization -------------------------------------------------------------------

GATHERING = {
    "ConfigurationAggregatorName": "everything",
    "ConfigurationAggregatorArn": f"arn:aws:config:{HOME}:{ME}:config-aggregator/a1",
    "OrganizationAggregationSource": {"RoleArn": "x", "AllAwsRegions": True},
    "CreationTime": EARLIER,
}


@pytest.mark.parametrize(
    ("manager", "delegated", "part", "rules"),
    [
        (ME, [], "management", {"organization_aggregator"}),
        (ME, ["222222222222"], "management", set()),
        (MANAGER, [ME], "delegated", {"organization_aggregator"}),
        (MANAGER, ["222222222222"], "member", set()),
    ],
)
def test_which_account_should_have_the_aggregator(
    recorded, answers, manager, delegated, part, rules
):
    def administrators(region: str, params: dict) -> Any:
        assert params["ServicePrincipal"] == "config.amazonaws.com"
        return {"DelegatedAdministrators": [{"Id": one} for one in delegated]}

    answers["DescribeOrganization"] = {"Organization": {"MasterAccountId": manager}}
    answers["ListDelegatedAdministrators"] = administrators
    reading = read()
    assert reading.inventory[Accounts]["part"].to_list() == [part]
    assert failed(judge(reading)) == {(f"config.account.{rule}", "") for rule in rules}
    answers["DescribeConfigurationAggregators"] = {"ConfigurationAggregators": [GATHERING]}
    answers["DescribeConfigurationAggregatorSourcesStatus"] = {"AggregatedSourceStatusList": []}
    after = {rule for rule, _ in failed(verdicts())}
    assert after == ({"config.account.management_aggregator"} if manager == ME else set())


def test_the_management_account_is_not_taken_for_a_member_where_it_is_refused(recorded, answers):
    answers["DescribeOrganization"] = {"Organization": {"MasterAccountId": ME}}
    found = verdicts()
    assert set(found.unknowns["rule_id"]) == {"config.account.organization_aggregator"}
    assert found.gaps["operation"].to_list() == ["organizations:ListDelegatedAdministrators"]


def test_an_account_outside_of_any_organization(recorded, answers):
    answers["DescribeOrganization"] = refusing("AWSOrganizationsNotInUseException")
    reading = read()
    assert reading.inventory[Accounts]["part"].to_list() == [""]
    assert reading.outcome == "complete"
    assert "ListDelegatedAdministrators" not in calls(reading)


def test_aggregators(recorded, answers):
    some_regions = {
        "ConfigurationAggregatorName": "some",
        "ConfigurationAggregatorArn": f"arn:aws:config:{HOME}:{ME}:config-aggregator/a2",
        "AccountAggregationSources": [{"AccountIds": ["1"], "AwsRegions": [HOME]}],
        "CreationTime": EARLIER,
    }

    def listed(region: str, params: dict) -> Any:
        if region != HOME:
            return {"ConfigurationAggregators": []}
        if "NextToken" in params:
            return {"ConfigurationAggregators": [some_regions]}
        return {"ConfigurationAggregators": [GATHERING], "NextToken": "2"}

    def sources(region: str, params: dict) -> Any:
        assert params["UpdateStatus"] == ["FAILED"]
        if params["ConfigurationAggregatorName"] == "some":
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "Operation")
        failing = [{"SourceId": one, "AwsRegion": r} for one in ("2", "1") for r in REGIONS]
        return {"AggregatedSourceStatusList": failing}

    answers["DescribeConfigurationAggregators"] = listed
    answers["DescribeConfigurationAggregatorSourcesStatus"] = sources
    reading = read()
    rows = reading.inventory[Aggregators].select("name", "organization", "all_regions", "unread")
    assert rows.rows() == [
        ("everything", True, True, ["1", "2"]),
        ("some", False, False, None),
    ]
    assert calls(reading)["DescribeConfigurationAggregators"] == 3
    found = judge(reading)
    assert found.unknowns.select("rule_id", "resource_arn").rows() == [
        ("config.aggregator.failing", some_regions["ConfigurationAggregatorArn"])
    ]


def test_authorizations(recorded, answers):
    config = boto3.client("config", region_name=IRELAND)
    config.put_aggregation_authorization(AuthorizedAccountId=STRANGER, AuthorizedAwsRegion=HOME)
    rows = read().inventory[Authorizations].select("region", "authorized", "authorized_region")
    assert rows.rows() == [(IRELAND, STRANGER, HOME)]


def evaluated(name: str, **times: datetime) -> dict[str, Any]:
    return {
        "ConfigRuleName": name,
        "ConfigRuleArn": f"arn:aws:config:{HOME}:{ME}:config-rule/config-rule-{name}",
        "ConfigRuleId": f"config-rule-{name}",
        **times,
    }


def test_rules_and_packs(recorded, answers):
    def statuses(region: str, params: dict) -> Any:
        if region != HOME:
            return {"ConfigRulesEvaluationStatus": []}
        if "NextToken" in params:
            broken = evaluated("d", LastFailedInvocationTime=EARLIER) | {"LastErrorCode": "Denied"}
            return {"ConfigRulesEvaluationStatus": [broken]}
        return {
            "ConfigRulesEvaluationStatus": [
                evaluated("a"),
                evaluated(
                    "b", LastFailedEvaluationTime=LATER, LastSuccessfulEvaluationTime=EARLIER
                ),
                evaluated(
                    "c", LastFailedEvaluationTime=EARLIER, LastSuccessfulEvaluationTime=LATER
                ),
            ],
            "NextToken": "2",
        }

    def packs(region: str, params: dict) -> Any:
        one = {
            "ConformancePackName": "cis",
            "ConformancePackArn": f"arn:aws:config:{region}:{ME}:conformance-pack/cis/1",
            "ConformancePackId": "conformance-pack-1",
            "ConformancePackState": "CREATE_FAILED" if region == HOME else "CREATE_COMPLETE",
        }
        return {"ConformancePackStatusDetails": [one]}

    answers["DescribeConfigRuleEvaluationStatus"] = statuses
    answers["DescribeConformancePackStatus"] = packs
    reading = read()
    assert reading.inventory[ConfigRules].select("name", "failing", "error").rows() == [
        ("a", False, ""),
        ("b", True, ""),
        ("c", False, ""),
        ("d", True, "Denied"),
    ]
    assert reading.inventory[ConformancePacks].height == 2
    assert failed(judge(reading)) == {
        ("config.rule.failing", HOME),
        ("config.conformance_pack.failed", HOME),
    }


def test_nothing_is_asked_twice(recorded):
    account = Account(boto3.Session(region_name=HOME), ME, MODULE.operations)
    assert account.coverage().is_empty()
    assert calls(read())["DescribeConfigurationRecorders"] == len(REGIONS)
