"""AWS Config: a recorder of everything in each region, but for what was let slip."""

from collections.abc import Callable
from typing import Any

from moto.config.models import config_backends

from ..accounts import (
    DATA,
    HOME,
    IRELAND,
    MANAGEMENT,
    PRODUCTION,
    REGIONS,
    SANDBOX,
    SECURITY,
    STAGING,
    SYDNEY,
)
from ..repairs import config as repairs
from ..tools import Workshop
from ..tools.core import Json, api

STRANGER = "999988887777"
ROLE = "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
IAM_TYPES = [f"AWS::IAM::{kind}" for kind in ("Group", "Policy", "Role", "User")]
UNRECORDED = {(SANDBOX, SYDNEY)}
UNDELIVERABLE = {(SANDBOX, IRELAND)}
STOPPED = {(STAGING, SYDNEY)}
RECORDS: dict[Any, Json] = {
    (PRODUCTION, IRELAND): {
        "allSupported": False,
        "resourceTypes": ["AWS::EC2::Instance", "AWS::S3::Bucket"],
        "recordingStrategy": {"useOnly": "INCLUSION_BY_RESOURCE_TYPES"},
    },
    (MANAGEMENT, IRELAND): {
        "allSupported": False,
        "exclusionByResourceTypes": {"resourceTypes": ["AWS::EC2::NetworkInterface"]},
        "recordingStrategy": {"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
    },
    # HOME records IAM: to leave it out elsewhere loses nothing.
    (SECURITY, IRELAND): {
        "allSupported": False,
        "exclusionByResourceTypes": {"resourceTypes": IAM_TYPES},
        "recordingStrategy": {"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
    },
    (STAGING, HOME): {"allSupported": True},  # and no region of it records IAM
}
ROLES = {(DATA, IRELAND): "role/config-recorder"}


def furnish(at: Workshop) -> None:
    for region in REGIONS:
        if (at.account, region) not in UNRECORDED:
            _record(at, region)
    if build := BY_ACCOUNT.get(at.account):
        build(at)


def _record(at: Workshop, region: str) -> None:
    config, here = api(at.account, "config", region), (at.account, region)
    everything = {"allSupported": True, "includeGlobalResourceTypes": region == HOME}
    config.put_configuration_recorder(
        ConfigurationRecorder={
            "name": "default",
            "roleARN": f"arn:aws:iam::{at.account.id}:{ROLES.get(here, ROLE)}",
            "recordingGroup": RECORDS.get(here, everything),
        }
    )
    if here in UNDELIVERABLE:
        return
    config.put_delivery_channel(
        DeliveryChannel={"name": "default", "s3BucketName": "acme-security-config"}
    )
    if here not in STOPPED:
        config.start_configuration_recorder(ConfigurationRecorderName="default")


def management(at: Workshop) -> None:
    """Delegates to the security account, and to data; goes on gathering here, from one region."""
    for delegate in (SECURITY, DATA):
        api(at.account, "organizations").register_delegated_administrator(
            AccountId=delegate.id, ServicePrincipal="config.amazonaws.com"
        )
    _aggregate(at, "organization", OrganizationAggregationSource=_source(at, AwsRegions=[HOME]))


def production(at: Workshop) -> None:
    repairs.UNDELIVERED.add((at.account.id, SYDNEY))
    sources = [{"AccountIds": [STAGING.id], "AllAwsRegions": True}]
    _aggregate(at, "releases", AccountAggregationSources=sources)
    repairs.UNREAD[at.account.id, HOME] = [STAGING.id]
    config = api(at.account, "config")
    for name, source in (("tags", "REQUIRED_TAGS"), ("root-keys", "IAM_ROOT_ACCESS_KEY_CHECK")):
        rule: Json = {
            "ConfigRuleName": name,
            "Source": {"Owner": "AWS", "SourceIdentifier": source},
        }
        rule |= {"InputParameters": '{"tag1Key": "owner"}'} if name == "tags" else {}
        config.put_config_rule(ConfigRule=rule)
    repairs.FAILED_RULES[at.account.id, HOME] = {"tags"}
    for rule in config.describe_config_rules()["ConfigRules"]:
        _names(at)[f"rule-{rule['ConfigRuleName']}"] = rule["ConfigRuleId"]


def staging(at: Workshop) -> None:
    # In HOME it authorizes nobody, which is why production cannot read that region.
    api(at.account, "config", IRELAND).put_aggregation_authorization(
        AuthorizedAccountId=PRODUCTION.id, AuthorizedAwsRegion=HOME
    )
    repairs.FREQUENCY[at.account.id, IRELAND] = "DAILY"
    api(at.account, "config", SYDNEY).put_retention_configuration(RetentionPeriodInDays=30)
    repairs.PACKS[at.account.id, HOME] = {"cis": "CREATE_COMPLETE", "release": "UPDATE_FAILED"}


def data(at: Workshop) -> None:
    """Takes stock of the whole organization."""
    _aggregate(at, "inventory", OrganizationAggregationSource=_source(at, AllAwsRegions=True))
    api(at.account, "config", IRELAND).put_aggregation_authorization(
        AuthorizedAccountId=STRANGER, AuthorizedAwsRegion=HOME
    )
    failing: Any = config_backends[at.account.id][SYDNEY].recorders["default"].status
    failing.last_status, failing.last_error_code = "Failure", "AccessDenied"


BY_ACCOUNT: dict[Any, Callable[[Workshop], None]] = {
    MANAGEMENT: management,
    PRODUCTION: production,
    STAGING: staging,
    DATA: data,
}


def _source(at: Workshop, **regions: Any) -> Json:
    return {"RoleArn": f"arn:aws:iam::{at.account.id}:role/aggregator", **regions}


def _aggregate(at: Workshop, name: str, **source: Any) -> None:
    made = api(at.account, "config").put_configuration_aggregator(
        ConfigurationAggregatorName=name, **source
    )
    arn = made["ConfigurationAggregator"]["ConfigurationAggregatorArn"]
    _names(at)[f"aggregator-{name}"] = arn.rpartition("/")[2]


def _names(at: Workshop) -> dict[str, str]:
    return at.names.setdefault(at.account.name, {})
