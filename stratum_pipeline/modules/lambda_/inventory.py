"""Lambda functions, layers and event source mappings, as AWS reports them."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from stratum_pipeline.kernel import secrets
from stratum_pipeline.kernel.collect import Api, Collector
from stratum_pipeline.kernel.coverage import Outcome
from stratum_pipeline.kernel.policy import statements, with_policy
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Inventory, Resource
from stratum_pipeline.kernel.trust import with_outsiders, with_strangers

from .derive import (
    asynchronous,
    foreign_layers,
    invokable,
    open_to_all,
    trusts_services,
    url_public,
)
from .recording import Regions, read_regions
from .runtimes import RUNTIMES

URL = pl.Struct({"arn": pl.String, "auth": pl.String, "policy": pl.String})

FUNCTIONS, POLICY = "lambda:ListFunctions", "lambda:GetPolicy"
URLS, CONCURRENCY = "lambda:ListFunctionUrlConfigs", "lambda:GetFunctionConcurrency"
DESTINATIONS = "lambda:ListFunctionEventInvokeConfigs"
SIGNED, SUBNETS = "lambda:ListFunctionsByCodeSigningConfig", "ec2:DescribeSubnets"
LAYERS, LAYER_POLICY = "lambda:ListLayers", "lambda:GetLayerVersionPolicy"
MAPPINGS = "lambda:ListEventSourceMappings"


class Functions(Resource, listed_by=FUNCTIONS):
    """One row per function, as its unpublished version is configured."""

    name = Column(pl.String, "Unique in the account and region.", source=FUNCTIONS)
    role = Column(pl.String, "ARN of the role it runs as.", source=FUNCTIONS)
    runtime = Column(pl.String, 'Identifier; "" for a container image.', source=FUNCTIONS)
    package = Column(pl.String, "PackageType: Zip | Image", source=FUNCTIONS)
    has_variables = Column(pl.Boolean, "Whether environment variables are set.", source=FUNCTIONS)
    key_arn = Column(
        pl.String,
        'KMS key of the environment variables; "" for the one that AWS manages.',
        source=FUNCTIONS,
    )
    secrets = Column(
        pl.List(pl.String),
        "Kinds of secret in environment variables and description, whose text is not kept.",
        source=FUNCTIONS,
    )
    layers = Column(pl.List(pl.String), "ARNs of the layer versions it loads.", source=FUNCTIONS)
    vpc = Column(pl.String, 'VPC it is attached to; "" if none.', source=FUNCTIONS)
    zones = Column(
        pl.List(pl.String),
        "Availability zone of each of its subnets, sorted; none without a VPC.",
        source=SUBNETS,
    )
    tracing = Column(pl.String, "TracingConfig.Mode: Active | PassThrough", source=FUNCTIONS)
    code_signing = Column(
        pl.String,
        'UntrustedArtifactOnDeployment: Enforce | Warn; "" without a configuration, and for a'
        " container image, which cannot have one.",
        source=SIGNED,
    )
    policy = Column(pl.String, 'Resource policy as JSON; "" if none.', source=POLICY)
    urls = Column(
        pl.List(URL),
        "Its URLs: the function or alias each is for, the auth type (NONE | AWS_IAM) and the"
        " resource policy of that function or alias.",
        source=URLS,
    )
    origins = Column(
        pl.List(pl.String), "AllowOrigins of its URLs' CORS settings, sorted.", source=URLS
    )
    failures_to = Column(
        pl.String,
        'Where events go that it fails on when called asynchronously, an ARN; "" if nowhere. Not'
        " asked beyond the dead letter queue where no service calls it so.",
        source=DESTINATIONS,
    )
    reserved_concurrency = Column(
        pl.Int64,
        "Its share of the account's concurrency, and its limit; -1 if none is reserved. Only"
        " asked where anyone may call it.",
        source=CONCURRENCY,
    )

    supported_until = Column(
        TIMESTAMP,
        "From then on `runtime` gets no security patches.",
        source=FUNCTIONS,
        derived=True,
    )
    invokable = Column(
        pl.Boolean,
        "Whether `policy` lets anyone in, otherwise than through a URL.",
        source=POLICY,
        derived=True,
    )
    url_public = Column(
        pl.Boolean, "Whether anyone may call one of its URLs.", source=URLS, derived=True
    )
    trusts_services = Column(
        pl.Boolean,
        "Whether `policy` admits a service acting for anyone.",
        source=POLICY,
        derived=True,
    )
    asynchronous = Column(
        pl.Boolean,
        "Whether `policy` admits a service that does not wait for an answer.",
        source=POLICY,
        derived=True,
    )
    outsiders = Column(
        pl.List(pl.String),
        "Accounts and organizations that `policy` admits though they are not ours.",
        source=POLICY,
        derived=True,
    )
    layer_owners = Column(
        pl.List(pl.String),
        "Accounts whose layers it loads though they are neither ours nor AWS's.",
        source=FUNCTIONS,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        judged = with_policy(
            raw, invokable=invokable, trusts_services=trusts_services, asynchronous=asynchronous
        )
        judged = with_outsiders(judged, inventory)
        foreign = judged.with_columns(foreign_layers(pl.col("layers")))
        open_urls = [url_public(urls) for urls in raw["urls"].to_list()]
        return judged.with_columns(
            with_strangers(foreign, inventory, "layers", "layer_owners")["layer_owners"],
            pl.Series("url_public", open_urls, pl.Boolean),
            supported_until=pl.col("runtime").replace_strict(
                RUNTIMES, default=None, return_dtype=TIMESTAMP
            ),
        )


class Layers(Resource, listed_by=LAYERS):
    """One row per layer, judged by its latest version."""

    name = Column(pl.String, "Unique in the account and region.", source=LAYERS)
    version = Column(pl.Int64, "The latest.", source=LAYERS)
    policy = Column(pl.String, 'Policy of that version as JSON; "" if none.', source=LAYER_POLICY)

    policy_public = Column(
        pl.Boolean, "Whether `policy` admits anyone.", source=LAYER_POLICY, derived=True
    )
    outsiders = Column(
        pl.List(pl.String),
        "Accounts and organizations that `policy` admits though they are not ours.",
        source=LAYER_POLICY,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_outsiders(with_policy(raw), inventory)


class EventSources(Resource, listed_by=MAPPINGS):
    """One row per event source mapping: Lambda polls a queue or stream for a function."""

    uuid = Column(pl.String, "What its commands take.", source=MAPPINGS)
    function_arn = Column(pl.String, "The function called.", source=MAPPINGS)
    source_arn = Column(
        pl.String, 'Queue, stream or cluster; "" for a Kafka of the customer\'s.', source=MAPPINGS
    )
    state = Column(pl.String, "Enabled | Disabled | Creating ...", source=MAPPINGS)
    failures_to = Column(pl.String, 'OnFailure destination, an ARN; "" if none.', source=MAPPINGS)


NO_POLICY = ("ResourceNotFoundException",)
UNRESERVED = -1


def read_functions(aws: Api) -> Iterator[dict[str, Any]]:
    functions = aws.all("ListFunctions", "Functions")
    if not functions:
        return
    zones = _zones(aws, functions)
    signing = _code_signing(aws, functions)

    def describe(function: dict[str, Any]) -> dict[str, Any]:
        name, arn = function["FunctionName"], function["FunctionArn"]
        vpc: dict[str, Any] = function.get("VpcConfig") or {}
        api = aws.on(about=arn)
        policy = _policy(api, name)
        configs = api.all("ListFunctionUrlConfigs", "FunctionUrlConfigs", FunctionName=name)
        urls = None if configs is None else [_url(api, name, policy, c) for c in configs]
        subnets: list[str] = vpc.get("SubnetIds", [])
        image = function.get("PackageType") == "Image"
        return {
            "arn": arn,
            "account_id": aws.account.account_id,
            "region": aws.region,
            "incarnation": "",
            "name": name,
            "role": function["Role"],
            "runtime": function.get("Runtime") or "",
            "package": "Image" if image else "Zip",
            **_environment(api, function),
            "layers": sorted(layer["Arn"] for layer in function.get("Layers") or ()),
            "vpc": vpc.get("VpcId", ""),
            "zones": None if zones is None else _sorted([zones.get(s) for s in subnets]),
            "tracing": (function.get("TracingConfig") or {}).get("Mode", "PassThrough"),
            "code_signing": "" if image else None if signing is None else signing.get(arn, ""),
            "policy": policy,
            "urls": urls,
            "origins": None if configs is None else _origins(configs),
            "failures_to": _failures_to(api, function, policy),
            "reserved_concurrency": _reserved(api, name, open_to_all(policy, urls)),
        }

    yield from aws.each(describe, functions)


def read_layers(aws: Api) -> Iterator[dict[str, Any]]:
    def describe(layer: dict[str, Any]) -> dict[str, Any]:
        name, version = layer["LayerName"], layer["LatestMatchingVersion"]["Version"]
        ask = aws.on(about=layer["LayerArn"]).call
        asked = {"LayerName": name, "VersionNumber": version}
        return {
            "arn": layer["LayerArn"],
            "account_id": aws.account.account_id,
            "region": aws.region,
            "incarnation": "",
            "name": name,
            "version": version,
            "policy": ask("GetLayerVersionPolicy", absent=NO_POLICY, **asked).get("Policy", ""),
        }

    yield from aws.each(describe, aws.pages("ListLayers", "Layers"))


def read_event_sources(aws: Api) -> Iterator[dict[str, Any]]:
    account = aws.account
    home = f"arn:{account.partition}:lambda:{aws.region}:{account.account_id}"
    for mapping in aws.pages("ListEventSourceMappings", "EventSourceMappings"):
        uuid = mapping["UUID"]
        failed = (mapping.get("DestinationConfig") or {}).get("OnFailure") or {}
        yield {
            "arn": mapping.get("EventSourceMappingArn") or f"{home}:event-source-mapping:{uuid}",
            "account_id": account.account_id,
            "region": aws.region,
            "incarnation": "",
            "uuid": uuid,
            "function_arn": mapping["FunctionArn"],
            "source_arn": mapping.get("EventSourceArn", ""),
            "state": mapping.get("State", ""),
            "failures_to": failed.get("Destination", ""),
        }


def _environment(api: Api, function: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a function's environment; the rest goes, from the shared listing too."""
    environment: dict[str, Any] = function.pop("Environment", None) or {}
    withheld: dict[str, Any] = environment.get("Error") or {}
    variables: dict[str, str] = environment.get("Variables") or {}
    lines = [f"{name}={value}" for name, value in variables.items()]
    lines.append(function.pop("Description", None) or "")
    if withheld:  # its key keeps them from whoever may read no more than the configuration
        api.record("ListFunctions", Outcome.DENIED, withheld.get("ErrorCode", ""))
    return {
        "has_variables": bool(variables or withheld),
        "key_arn": function.get("KMSKeyArn") or "",
        "secrets": None if withheld else secrets.kinds("\n".join(lines)),
    }


def _policy(api: Api, name: str, **qualifier: str) -> str | None:
    reply = api.call("GetPolicy", absent=NO_POLICY, FunctionName=name, **qualifier)
    return reply.get("Policy", "")


def _url(api: Api, name: str, policy: str | None, config: dict[str, Any]) -> dict[str, str | None]:
    """A URL and the policy that guards it: an alias has one of its own."""
    arn: str = config["FunctionArn"]
    alias = arn.split(":")[7:]
    guard = _policy(api, name, Qualifier=alias[0]) if alias else policy
    return {"arn": arn, "auth": config["AuthType"], "policy": guard}


def _origins(configs: list[dict[str, Any]]) -> list[str]:
    return sorted({o for c in configs for o in (c.get("Cors") or {}).get("AllowOrigins") or ()})


def _failures_to(api: Api, function: dict[str, Any], policy: str | None) -> str | None:
    queue: str = (function.get("DeadLetterConfig") or {}).get("TargetArn", "")
    parsed = None if policy is None else statements(policy)
    if queue or (parsed is not None and not asynchronous(parsed)):
        return queue
    name = function["FunctionName"]
    configs = api.all(
        "ListFunctionEventInvokeConfigs", "FunctionEventInvokeConfigs", FunctionName=name
    )
    if configs is None:
        return None
    own = [c for c in configs if c["FunctionArn"].split(":")[7:] in ([], ["$LATEST"])]
    to = [c.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination") for c in own]
    return next(filter(None, to), "")


def _reserved(api: Api, name: str, to_all: bool | None) -> int | None:
    if not to_all:
        return None if to_all is None else UNRESERVED
    reply = api.call("GetFunctionConcurrency", FunctionName=name)
    return reply.get("ReservedConcurrentExecutions", UNRESERVED)


def _zones(aws: Api, functions: list[dict[str, Any]]) -> dict[str, str] | None:
    """Availability zones, by subnet, of the VPCs that functions are attached to."""
    vpcs = sorted({v for f in functions if (v := (f.get("VpcConfig") or {}).get("VpcId"))})
    if not vpcs:
        return {}
    subnets = aws.on(service="ec2").all(
        "DescribeSubnets", "Subnets", Filters=[{"Name": "vpc-id", "Values": vpcs}]
    )
    return None if subnets is None else {s["SubnetId"]: s["AvailabilityZone"] for s in subnets}


def _sorted(zones: list[str | None]) -> list[str | None]:
    known = sorted(zone for zone in zones if zone is not None)
    return [*known, *([None] * (len(zones) - len(known)))]


def _code_signing(aws: Api, functions: list[dict[str, Any]]) -> dict[str, str] | None:
    """What becomes of unsigned code, by function: two calls where there is one configuration."""
    if all(function.get("PackageType") == "Image" for function in functions):
        return {}
    configs = aws.all("ListCodeSigningConfigs", "CodeSigningConfigs")
    if configs is None:
        return None
    modes: dict[str, str] = {}
    for config in configs:
        arn = config["CodeSigningConfigArn"]
        signed: list[Any] | None = aws.all(
            "ListFunctionsByCodeSigningConfig", "FunctionArns", CodeSigningConfigArn=arn
        )
        if signed is None:
            return None
        mode = config["CodeSigningPolicies"]["UntrustedArtifactOnDeployment"]
        modes.update(dict.fromkeys(signed, mode))
    return modes


COLLECTORS = (
    Collector(Functions, read_functions, calls=("lambda:ListCodeSigningConfigs",)),
    Collector(Layers, read_layers),
    Collector(EventSources, read_event_sources),
    Collector(Regions, read_regions),
)
