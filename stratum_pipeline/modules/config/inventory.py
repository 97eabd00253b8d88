"""AWS Config as it reports itself: per region, and what the account makes of it altogether."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector, Reply
from stratum_pipeline.kernel.coverage import Outcome
from stratum_pipeline.kernel.table import Column, Inventory, Resource, setting_arn
from stratum_pipeline.kernel.trust import with_strangers

RECORDERS = "config:DescribeConfigurationRecorders"
RECORDER_STATUS = "config:DescribeConfigurationRecorderStatus"
CHANNELS, CHANNEL_STATUS = "config:DescribeDeliveryChannels", "config:DescribeDeliveryChannelStatus"
RETENTION = "config:DescribeRetentionConfigurations"
AGGREGATORS = "config:DescribeConfigurationAggregators"
AGGREGATED = "config:DescribeConfigurationAggregatorSourcesStatus"
AUTHORIZATIONS = "config:DescribeAggregationAuthorizations"
EVALUATIONS = "config:DescribeConfigRuleEvaluationStatus"
PACKS = "config:DescribeConformancePackStatus"
ORGANIZATION = "organizations:DescribeOrganization"
ADMINISTRATORS = "organizations:ListDelegatedAdministrators"

FOREVER = 2557
"""Days that AWS Config keeps configuration items where nothing else was set: seven years."""

GLOBAL_TYPES = ("AWS::IAM::Group", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::IAM::User")
"""What exists once per account; one region that records it is enough."""

EXCLUSION = "EXCLUSION_BY_RESOURCE_TYPES"
DELIVERIES = {
    "history": "configHistoryDeliveryInfo",
    "snapshot": "configSnapshotDeliveryInfo",
    "stream": "configStreamDeliveryInfo",
}


class Regions(Resource, listed_by=RECORDERS):
    """One row per region: the customer managed recorder there, and its delivery channel.

    What hangs on a recorder is neither asked nor judged where there is none.
    """

    recorder = Column(pl.String, 'Name of the recorder; "" if there is none.', source=RECORDERS)
    role = Column(pl.String, 'ARN of the role it reads with; "" if none.', source=RECORDERS)
    strategy = Column(
        pl.String,
        '"" | ALL_SUPPORTED_RESOURCE_TYPES | INCLUSION_... | EXCLUSION_...',
        source=RECORDERS,
    )
    all_types = Column(pl.Boolean, "Whether it records every supported type.", source=RECORDERS)
    excluded_types = Column(pl.List(pl.String), "Types that it leaves out.", source=RECORDERS)
    frequency = Column(pl.String, 'CONTINUOUS | DAILY; "" if there is none.', source=RECORDERS)
    recording = Column(pl.Boolean, "Whether it is started.", source=RECORDER_STATUS)
    last_status = Column(
        pl.String,
        'Pending | Success | Failure | NotApplicable; "" if none.',
        source=RECORDER_STATUS,
    )
    last_error = Column(pl.String, 'Code of the last failure; "" if none.', source=RECORDER_STATUS)
    bucket = Column(
        pl.String, 'Bucket that the delivery channel names; "" without a channel.', source=CHANNELS
    )
    undelivered = Column(
        pl.List(pl.String),
        "Deliveries whose last attempt failed: history | snapshot | stream.",
        source=CHANNEL_STATUS,
    )
    retention_days = Column(
        pl.Int64, "How long configuration items are kept; by default 2557.", source=RETENTION
    )


class Accounts(Resource, listed_by=RECORDERS, regional=False):
    """One row: the account over all its regions, and its part in the organization."""

    recorded_in = Column(
        pl.List(pl.String), "Regions with a recorder; null where unknown.", source=RECORDERS
    )
    global_in = Column(
        pl.List(pl.String),
        "Those whose recorder records IAM; null where unknown.",
        source=RECORDERS,
    )
    part = Column(
        pl.String,
        'management | delegated (for AWS Config) | member; "" outside of any organization.',
        source=ORGANIZATION,
    )
    administrators = Column(
        pl.List(pl.String),
        "Delegated administrators for AWS Config; none where the account is a mere member, whom"
        " AWS doesn't tell.",
        source=ADMINISTRATORS,
    )
    aggregator_in = Column(
        pl.List(pl.String),
        "Regions with an aggregator of the organization; null where unknown.",
        source=AGGREGATORS,
    )


class Aggregators(Resource, listed_by=AGGREGATORS):
    """One row per aggregator."""

    name = Column(pl.String, "Unique in account and region.", source=AGGREGATORS)
    organization = Column(
        pl.Boolean, "Whether it gathers from the whole organization.", source=AGGREGATORS
    )
    all_regions = Column(
        pl.Boolean, "Whether it takes in every region, of every source.", source=AGGREGATORS
    )
    unread = Column(
        pl.List(pl.String),
        "Accounts or organizations whose last update failed in some region.",
        source=AGGREGATED,
    )


class Authorizations(Resource, listed_by=AUTHORIZATIONS):
    """One row per account that may gather this one's data."""

    authorized = Column(pl.String, "Id of that account.", source=AUTHORIZATIONS)
    authorized_region = Column(pl.String, "Region of its aggregator.", source=AUTHORIZATIONS)

    outsiders = Column(
        pl.List(pl.String), "It, if it is not ours.", source=AUTHORIZATIONS, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        listed = raw.with_columns(accounts=pl.concat_list("authorized"))
        return with_strangers(listed, inventory, "accounts")


class ConfigRules(Resource, listed_by=EVALUATIONS):
    """One row per rule of AWS Config, in regions that have a recorder."""

    name = Column(pl.String, "Unique in account and region.", source=EVALUATIONS)
    failing = Column(
        pl.Boolean, "Whether the last invocation or evaluation failed.", source=EVALUATIONS
    )
    error = Column(pl.String, 'Code of the last failure; "" if none.', source=EVALUATIONS)


class ConformancePacks(Resource, listed_by=PACKS):
    """One row per conformance pack, in regions that have a recorder."""

    name = Column(pl.String, "Unique in account and region.", source=PACKS)
    state = Column(pl.String, "CREATE_COMPLETE, UPDATE_FAILED and the like.", source=PACKS)


def read_region(config: Api) -> Iterator[dict[str, Any]]:
    account, region = config.account, config.region
    arn = setting_arn(account.partition, "config", region, account.account_id, "recorder")
    recorder = _recorder(config)
    missing = recorder.body == {}
    group = "recordingGroup"
    yield {
        "arn": arn,
        "account_id": account.account_id,
        "region": region,
        "incarnation": "",
        "recorder": recorder.get("name", ""),
        "role": recorder.get("roleARN", ""),
        "strategy": recorder.get(f"{group}.recordingStrategy.useOnly", ""),
        "all_types": recorder.get(f"{group}.allSupported", False),
        "excluded_types": recorder.get(f"{group}.exclusionByResourceTypes.resourceTypes", []),
        "frequency": ""
        if missing
        else recorder.get("recordingMode.recordingFrequency", "CONTINUOUS"),
        **(NOTHING_RUNS if missing else _running(config)),
    }


NOTHING_RUNS: dict[str, Any] = {
    "recording": False,
    "last_status": "",
    "last_error": "",
    "bucket": "",
    "undelivered": [],
    "retention_days": FOREVER,
}


def _running(config: Api) -> dict[str, Any]:
    """Whether the recorder runs, and what becomes of its records."""
    told = config.call("DescribeConfigurationRecorderStatus")
    status = _customers(told, "ConfigurationRecordersStatus")
    channel = _first(config.call("DescribeDeliveryChannels"), "DeliveryChannels")
    kept: list[dict[str, Any]] | None = config.all(
        "DescribeRetentionConfigurations", "RetentionConfigurations"
    )
    days = [one["RetentionPeriodInDays"] for one in kept or ()]
    return {
        "recording": status.get("recording", False),
        "last_status": status.get("lastStatus", ""),
        "last_error": status.get("lastErrorCode", ""),
        "bucket": channel.get("s3BucketName", ""),
        "undelivered": [] if channel.body == {} else _undelivered(config),
        "retention_days": None if kept is None else min(days, default=FOREVER),
    }


def _undelivered(config: Api) -> list[str] | None:
    status = _first(config.call("DescribeDeliveryChannelStatus"), "DeliveryChannelsStatus")
    if status.body is None:
        return None
    last = {kind: status.get(f"{info}.lastStatus", "") for kind, info in DELIVERIES.items()}
    return [kind for kind, said in last.items() if said == "Failure"]


def read_account(config: Api) -> Iterator[dict[str, Any]]:
    account = config.account
    listed: list[dict[str, Any]] | None = (
        config.on(service="ec2").call("DescribeRegions").get("Regions", [])
    )
    regions = [config.region] if listed is None else sorted(one["RegionName"] for one in listed)

    def look(region: str) -> tuple[str | None, str | None, str | None]:
        there = config.on(region=region)
        recorder, gathered = _recorder(there), _aggregators(there)
        recorded = None if recorder.body is None else region if recorder.body else ""
        records_iam = None if recorder.body is None else region if _global(recorder.body) else ""
        aggregated = None if gathered is None else region if any(map(_wide, gathered)) else ""
        return recorded, records_iam, aggregated

    seen = list(config.each(look, regions))
    if listed is None:  # there may be others, of which we know nothing
        seen.append((None, None, None))
    recorded, records_iam, aggregated = (
        [one for one in column if one != ""] for column in zip(*seen, strict=True)
    )
    yield {
        "arn": setting_arn(account.partition, "config", "", account.account_id, "organization"),
        "account_id": account.account_id,
        "region": "",
        "incarnation": "",
        "recorded_in": recorded,
        "global_in": records_iam,
        "aggregator_in": aggregated,
        **_part(config.on(service="organizations")),
    }


def _part(organizations: Api) -> dict[str, Any]:
    """The account's part in the organization, and whom that has made administrators."""
    me = organizations.account.account_id
    found = organizations.call(
        "DescribeOrganization", absent=("AWSOrganizationsNotInUseException",)
    )
    management = found.get("Organization.MasterAccountId", "")
    if not management:
        return {"part": management, "administrators": None if management is None else []}
    # Every member may ask the question above and only administrators this one: whoever is
    # allowed to ask anything at all, and is refused here, is none.
    refused = () if management == me else ("AccessDeniedException",)
    answer = organizations.call(
        "ListDelegatedAdministrators", absent=refused, ServicePrincipal="config.amazonaws.com"
    )
    listed: list[dict[str, Any]] | None = answer.get("DelegatedAdministrators", [])
    ids = None if listed is None else sorted(one["Id"] for one in listed)
    if management == me:
        return {"part": "management", "administrators": ids}
    part = None if ids is None else "delegated" if me in ids else "member"
    return {"part": part, "administrators": ids}


def read_aggregators(config: Api) -> Iterator[dict[str, Any]]:
    def describe(aggregator: dict[str, Any]) -> dict[str, Any]:
        arn, name = (aggregator[f"ConfigurationAggregator{part}"] for part in ("Arn", "Name"))
        sources = [*aggregator.get("AccountAggregationSources", ()), _organization(aggregator)]
        failed = config.on(about=arn).all(
            "DescribeConfigurationAggregatorSourcesStatus",
            "AggregatedSourceStatusList",
            ConfigurationAggregatorName=name,
            UpdateStatus=["FAILED"],
        )
        return _own(config, arn, aggregator["CreationTime"].isoformat()) | {
            "name": name,
            "organization": _wide(aggregator),
            "all_regions": all(source.get("AllAwsRegions", False) for source in sources if source),
            "unread": None if failed is None else sorted({one["SourceId"] for one in failed}),
        }

    yield from config.each(describe, _aggregators(config) or ())


def read_authorizations(config: Api) -> Iterator[dict[str, Any]]:
    for one in config.pages("DescribeAggregationAuthorizations", "AggregationAuthorizations"):
        yield _own(config, one["AggregationAuthorizationArn"], one["CreationTime"].isoformat()) | {
            "authorized": one["AuthorizedAccountId"],
            "authorized_region": one["AuthorizedAwsRegion"],
        }


def read_rules(config: Api) -> Iterator[dict[str, Any]]:
    if _idle(config, "DescribeConfigRuleEvaluationStatus"):
        return
    for one in config.pages("DescribeConfigRuleEvaluationStatus", "ConfigRulesEvaluationStatus"):
        yield _own(config, one["ConfigRuleArn"], one["ConfigRuleId"]) | {
            "name": one["ConfigRuleName"],
            "failing": any(_failed_last(one, step) for step in ("Invocation", "Evaluation")),
            "error": one.get("LastErrorCode", ""),
        }


def read_packs(config: Api) -> Iterator[dict[str, Any]]:
    if _idle(config, "DescribeConformancePackStatus"):
        return
    for one in config.pages("DescribeConformancePackStatus", "ConformancePackStatusDetails"):
        yield _own(config, one["ConformancePackArn"], one["ConformancePackId"]) | {
            "name": one["ConformancePackName"],
            "state": one["ConformancePackState"],
        }


def _idle(config: Api, listing: str) -> bool:
    """Whether there is no recorder, and with it nothing that `listing` could tell."""
    idle = _recorder(config).body == {}
    if idle:
        config.record(listing, Outcome.OK, calls=0)
    return idle


def _own(config: Api, arn: str, incarnation: str) -> dict[str, Any]:
    return {
        "arn": arn,
        "account_id": config.account.account_id,
        "region": config.region,
        "incarnation": incarnation,
    }


def _recorder(config: Api) -> Reply:
    """The region's customer managed recorder, asked for once."""

    def ask() -> list[dict[str, Any]] | None:
        recorders = config.call("DescribeConfigurationRecorders")
        return None if recorders.body is None else [recorders.body]

    told = config.account.once((RECORDERS, config.region), ask)
    return _customers(Reply(None if told is None else told[0]), "ConfigurationRecorders")


def _aggregators(config: Api) -> list[dict[str, Any]] | None:
    return config.all("DescribeConfigurationAggregators", "ConfigurationAggregators")


def _customers(reply: Reply, key: str) -> Reply:
    """The recorder that is not an AWS service's own (Security Hub has one of its own)."""
    items: list[dict[str, Any]] | None = reply.get(key, [])
    if items is None:
        return Reply(None)
    own = [one for one in items if not one.get("servicePrincipal") and not one.get("connectorArn")]
    return Reply(own[0] if own else {})


def _first(reply: Reply, key: str) -> Reply:
    """The first of a list that has one at most."""
    items: list[dict[str, Any]] | None = reply.get(key, [])
    return Reply(None if items is None else items[0] if items else {})


def _global(recorder: dict[str, Any]) -> bool:
    """Whether a recorder records what exists once per account."""
    group = recorder.get("recordingGroup", {})
    excluded = group.get("exclusionByResourceTypes", {}).get("resourceTypes", [])
    if group.get("recordingStrategy", {}).get("useOnly") == EXCLUSION:
        return set(GLOBAL_TYPES).isdisjoint(excluded)
    named = set(GLOBAL_TYPES) <= set(group.get("resourceTypes", []))
    return group.get("includeGlobalResourceTypes", False) or named


def _organization(aggregator: dict[str, Any]) -> dict[str, Any]:
    return aggregator.get("OrganizationAggregationSource") or {}


def _wide(aggregator: dict[str, Any]) -> bool:
    return bool(_organization(aggregator))


def _failed_last(status: dict[str, Any], step: str) -> bool:
    failed, done = (status.get(f"Last{how}{step}Time") for how in ("Failed", "Successful"))
    return failed is not None and (done is None or failed > done)


COLLECTORS = (
    Collector(Regions, read_region),
    Collector(Accounts, read_account, calls=("ec2:DescribeRegions",)),
    Collector(Aggregators, read_aggregators),
    Collector(Authorizations, read_authorizations),
    Collector(ConfigRules, read_rules, calls=(RECORDERS,)),
    Collector(ConformancePacks, read_packs, calls=(RECORDERS,)),
)
