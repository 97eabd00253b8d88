"""Lambda end to end against moto: what AWS refuses comes out unknown, with the reason."""

import json
import logging
from typing import Any

import boto3
import botocore.client
import polars as pl
import pytest
from moto.awslambda.models import LambdaFunction
from polars.testing import assert_frame_equal

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.kernel.correlate import Index, correlate
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.kernel.trust import Members
from stratum_pipeline.modules.lambda_ import MODULE
from stratum_pipeline.modules.lambda_.inventory import EventSources, Functions, Layers
from stratum_pipeline.modules.lambda_.recording import Regions

from ...conftest import SCANNED_AT
from .samples import ALL_FUNCTIONS, FOR_URL, THROUGH_URL, policy

ME, EAST, WEST = "123456789012", "us-east-1", "eu-west-1"
ROLE = f"arn:aws:iam::{ME}:role/functions"
SIGNING = f"arn:aws:lambda:{EAST}:{ME}:code-signing-config:csc-0123456789abcdef0"
SECRET = "AKIA2E0A8F3B244C9986"
QUEUE = f"arn:aws:sqs:{EAST}:{ME}:dead-letters"


def function_arn(name: str, region: str = EAST) -> str:
    return f"arn:aws:lambda:{region}:{ME}:function:{name}"


def scan(account: Account) -> Verdicts:
    frames: dict[Any, Any] = dict(collect(account, MODULE.collectors, [EAST, WEST]))
    frames[Members] = Members.frame([{"principal": ME}])
    return evaluate("lambda", MODULE.rules, frames, account.coverage(), SCANNED_AT)


def again(account: Account) -> Account:
    return Account(account.session, account.account_id, account.operations)


def told(frame: pl.DataFrame) -> dict[str, list[str]]:
    """Names of what `frame` (fails or unknowns) is about, by rule."""
    names: dict[str, list[str]] = {}
    for row in frame.sort("resource_arn").to_dicts():
        name = row["resource_arn"].rpartition(":")[2]
        names.setdefault(row["rule_id"].removeprefix("lambda."), []).append(name)
    return names


def calls(account: Account) -> dict[str, int]:
    return dict(account.coverage().group_by("operation").agg(pl.col("calls").sum()).rows())


class Answers:
    """What moto lacks, as AWS answers it."""

    def __init__(self) -> None:
        self.urls: dict[str, list[dict[str, Any]]] = {}  # by the function's name
        self.aliases: dict[str, str] = {}  # policies, by alias
        self.queues: dict[str, str] = {}  # dead letter queues, by the function's name
        self.withheld: set[str] = set()  # functions whose variables a key keeps from us
        self.page = 50

    def url(self, name: str, auth: str, alias: str = "", **cors: Any) -> None:
        arn = function_arn(name) + (f":{alias}" if alias else "")
        config = {"FunctionArn": arn, "AuthType": auth, "FunctionUrl": "https://x.on.aws/"}
        self.urls.setdefault(name, []).append(config | ({"Cors": cors} if cors else {}))

    def __call__(self, real: Any, client: Any, operation: str, params: dict[str, Any]) -> Any:
        east = client.meta.region_name == EAST
        match operation:
            case "ListFunctionUrlConfigs":
                return {
                    "FunctionUrlConfigs": self.urls.get(params["FunctionName"], []) if east else []
                }
            case "ListCodeSigningConfigs":
                policies = {"UntrustedArtifactOnDeployment": "Enforce"}
                config = {"CodeSigningConfigArn": SIGNING, "CodeSigningPolicies": policies}
                return {"CodeSigningConfigs": [config] if east else []}
            case "ListFunctionsByCodeSigningConfig":
                assert params["CodeSigningConfigArn"] == SIGNING
                return {"FunctionArns": [function_arn("batch")]}
            case "GetPolicy" if "Qualifier" in params:
                return {"Policy": self.aliases[params["Qualifier"]]}
            case "DescribeTrails":
                found = real(client, operation, params)["trailList"]
                return {"trailList": [t | {"HasCustomEventSelectors": True} for t in found]}
            case "ListFunctions":
                return self.functions(real(client, operation, {})["Functions"], params)
        return real(client, operation, params)

    def functions(self, found: list[dict[str, Any]], params: dict[str, Any]) -> dict[str, Any]:
        for function in found:
            name = function["FunctionName"]
            if name in self.queues:
                function["DeadLetterConfig"] = {"TargetArn": self.queues[name]}
            if name in self.withheld:
                error = {"ErrorCode": "AccessDeniedException", "Message": "kms:Decrypt"}
                function["Environment"] = {"Error": error}
        start = int(params.get("Marker", 0))
        end = start + self.page
        more = {"NextMarker": str(end)} if end < len(found) else {}
        return {"Functions": found[start:end], **more}


@pytest.fixture
def answers(account: Account, monkeypatch: pytest.MonkeyPatch) -> Answers:
    real, made = botocore.client.BaseClient._make_api_call, Answers()
    monkeypatch.setattr(
        botocore.client.BaseClient,
        "_make_api_call",
        lambda client, operation, params: made(real, client, operation, params),
    )
    trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    boto3.client("iam").create_role(
        RoleName="functions",
        AssumeRolePolicyDocument=json.dumps({"Statement": trusted | {"Action": "sts:AssumeRole"}}),
    )
    return made


def create(region: str, name: str, **settings: Any) -> None:
    boto3.client("lambda", region_name=region).create_function(
        **{
            "FunctionName": name,
            "Role": ROLE,
            "Handler": "app.handler",
            "Code": {"ZipFile": b"code"},
            "Runtime": "python3.13",
            **settings,
        }
    )


def allow(name: str, principal: str, **more: Any) -> None:
    boto3.client("lambda", region_name=EAST).add_permission(
        FunctionName=name,
        StatementId=principal.partition(".")[0].replace("*", "all"),
        Action="lambda:InvokeFunction",
        Principal=principal,
        **more,
    )


def record(region: str, *regions: str) -> str:
    """A trail at home in `region`, over all regions, that records all calls; its ARN."""
    boto3.client("s3", region_name=EAST).create_bucket(Bucket="trail")
    trail = boto3.client("cloudtrail", region_name=region)
    made = trail.create_trail(Name="main", S3BucketName="trail", IsMultiRegionTrail=True)
    trail.put_event_selectors(TrailName="main", EventSelectors=ALL_FUNCTIONS["EventSelectors"])
    trail.start_logging(Name="main")
    return made["TrailARN"]


@pytest.fixture
def functions(answers: Answers) -> Answers:
    """`batch` is fine; `web` is not, and is in both regions, in one of them as bad as can be."""
    record(EAST)
    create(
        EAST,
        "batch",
        TracingConfig={"Mode": "Active"},
        Environment={"Variables": {"STAGE": "production"}},
        KMSKeyArn=f"arn:aws:kms:{EAST}:{ME}:key/1",
    )
    allow("batch", "s3.amazonaws.com", SourceAccount=ME)
    answers.queues["batch"] = QUEUE
    create(
        EAST,
        "web",
        Runtime="python3.8",
        Description="talks to the warehouse",
        Environment={"Variables": {"STAGE": "test", "KEY_ID": SECRET}},
    )
    allow("web", "sns.amazonaws.com")
    answers.url("web", "NONE", "live", AllowOrigins=["*"])
    answers.aliases["live"] = policy(FOR_URL, THROUGH_URL)
    create(WEST, "web", TracingConfig={"Mode": "Active"})
    return answers


def test_facts_become_verdicts(account, functions):
    found = scan(account)
    assert told(found.fails) == {
        "function.public_url": ["web"],  # by the policy of its alias alone
        "function.url_cors": ["web"],
        "function.confused_deputy": ["web"],
        "function.secrets": ["web"],
        "function.environment_key": ["web"],
        "function.runtime": ["web"],
        "function.code_signing": ["web", "web"],
        "function.open_egress": ["web"],
        "function.reserved_concurrency": ["web"],
        "function.dead_letters": ["web"],
        "function.tracing": ["web"],
    }
    assert found.unknowns.is_empty()
    assert found.gaps.is_empty()


def test_facts_as_stored(account, functions):
    frame = collect(account, MODULE.collectors, [EAST, WEST])[Functions]
    west, batch, web = frame.to_dicts()
    assert (batch["code_signing"], web["code_signing"], west["code_signing"]) == ("Enforce", "", "")
    assert (batch["failures_to"], web["failures_to"]) == (QUEUE, "")
    assert web["urls"] == [
        {
            "arn": function_arn("web") + ":live",
            "auth": "NONE",
            "policy": policy(FOR_URL, THROUGH_URL),
        }
    ]
    assert (web["origins"], batch["origins"]) == (["*"], [])
    assert (batch["has_variables"], west["has_variables"]) == (True, False)
    assert (batch["secrets"], web["secrets"]) == ([], ["AWS Access Key"])
    assert (batch["vpc"], batch["zones"], batch["reserved_concurrency"]) == ("", [], -1)


def test_no_text_of_environment_or_description_is_kept(account, functions, caplog):
    with caplog.at_level(logging.DEBUG, "stratum_pipeline"):
        frames = collect(account, MODULE.collectors, [EAST, WEST])
        found = scan(again(account))
    kept = [frame.write_json() for frame in frames.values()]
    kept += [frame.write_json() for frame in (found.fails, found.unknowns, found.gaps)]
    for text in (SECRET, "KEY_ID", "production", "warehouse"):
        assert not any(text in one for one in [*kept, caplog.text])
    held = repr([answer.result() for answer in account._answers.values()])
    assert SECRET not in held  # nor in memory, where tables share the listing


@pytest.mark.parametrize(
    ("operation", "rules"),
    [
        (
            "GetPolicy",
            {
                *("public_policy", "public_url", "outside_organization", "confused_deputy"),
                *("open_egress", "reserved_concurrency", "dead_letters"),
            },
        ),
        (
            "ListFunctionUrlConfigs",
            {"public_url", "url_cors", "open_egress", "reserved_concurrency"},
        ),
        ("ListFunctionEventInvokeConfigs", {"dead_letters"}),
        ("GetFunctionConcurrency", {"reserved_concurrency"}),
    ],
)
@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("AccessDeniedException", "denied"),
        ("TooManyRequestsException", "throttled"),
        ("ServiceException", "error"),
    ],
)
def test_a_refused_detail_is_unknown_for_that_function_only(
    account, functions, refuse, operation, rules, code, outcome
):
    refuse(
        operation,
        code,
        lambda region, params: region == EAST and params.get("FunctionName") == "web",
    )
    found = scan(account)
    assert set(told(found.unknowns)) == {f"function.{rule}" for rule in rules}
    assert set(found.unknowns["resource_arn"]) == {function_arn("web")}
    because = f"lambda:{operation} {outcome} ({code})"
    assert set(found.unknowns["because"]) <= {because, ""}
    assert because in set(found.unknowns["because"])
    assert "function.runtime" in told(found.fails)  # the rest stays
    assert found.gaps.select("operation", "outcome", "unlisted").rows() == [
        (f"lambda:{operation}", outcome, False)
    ]


@pytest.mark.parametrize(
    "operation", ["ListCodeSigningConfigs", "ListFunctionsByCodeSigningConfig"]
)
def test_refused_code_signing_blinds_its_region(account, functions, refuse, operation):
    refuse(operation, "AccessDeniedException", lambda region, _: region == EAST)
    found = scan(account)
    assert told(found.unknowns) == {"function.code_signing": ["batch", "web"]}
    assert told(found.fails)["function.code_signing"] == ["web"]  # the other region's
    assert found.gaps["operation"].to_list() == [f"lambda:{operation}"]


@pytest.mark.parametrize("operation", ["DescribeTrails", "GetTrailStatus", "GetEventSelectors"])
def test_refused_trails_leave_open_what_is_recorded(account, functions, refuse, operation):
    refuse(operation, "AccessDeniedException")
    found = scan(account)
    assert set(told(found.unknowns)) == {"region.invocation_records"}
    assert found.unknowns.height == 2
    assert f"cloudtrail:{operation} denied (AccessDeniedException)" in set(
        found.unknowns["because"]
    )


def test_variables_that_a_key_keeps_from_us_are_unknown(account, functions):
    functions.withheld.add("batch")
    found = scan(account)
    assert told(found.unknowns) == {"function.secrets": ["batch"]}
    assert found.unknowns["because"].to_list() == [
        "lambda:ListFunctions denied (AccessDeniedException)"
    ]
    assert found.gaps["unlisted"].to_list() == [False]  # of one function, not of the listing
    assert set(found.observed["rule_id"]) == {rule.id for rule in MODULE.rules}


@pytest.mark.parametrize(
    ("operation", "tables"),
    [
        ("ListFunctions", {Functions, Regions}),
        ("ListLayers", {Layers}),
        ("ListEventSourceMappings", {EventSources}),
    ],
)
def test_a_refused_listing_blinds_its_tables(account, functions, refuse, operation, tables):
    refuse(operation, "AccessDeniedException", lambda region, _: region == EAST)
    found = scan(account)
    (gap,) = found.gaps.to_dicts()
    assert (gap["operation"], gap["unlisted"]) == (f"lambda:{operation}", True)
    assert set(gap["rules"]) == {rule.id for rule in MODULE.rules if rule.table in tables}


def test_functions_are_listed_over_all_pages(account, functions):
    functions.page = 1
    assert collect(account, MODULE.collectors, [EAST, WEST])[Functions].height == 3
    assert calls(account)["lambda:ListFunctions"] == 3


def test_a_listing_that_breaks_off_is_a_gap(account, functions, refuse):
    functions.page = 1
    refuse("ListFunctions", "TooManyRequestsException", lambda _, params: params.get("Marker"))
    found = scan(account)
    assert found.gaps["unlisted"].to_list() == [True]
    assert EAST not in set(found.observed.filter(rule_id="lambda.function.runtime")["region"])


def test_calls_per_function(account, functions):
    """Two a function; more only where its policy gives cause. The rest once a region."""
    collect(account, MODULE.collectors, [EAST, WEST])
    assert calls(account) == {
        "lambda:ListFunctions": 2,
        "lambda:ListLayers": 2,
        "lambda:ListEventSourceMappings": 2,
        "lambda:GetPolicy": 4,  # one of them an alias's, which has a URL
        "lambda:ListFunctionUrlConfigs": 3,
        "lambda:ListFunctionEventInvokeConfigs": 1,  # SNS calls it, and it has no queue
        "lambda:GetFunctionConcurrency": 1,  # anyone may call it
        "lambda:ListCodeSigningConfigs": 2,
        "lambda:ListFunctionsByCodeSigningConfig": 1,
        "cloudtrail:DescribeTrails": 2,
        "cloudtrail:GetTrailStatus": 1,  # one trail, over both regions
        "cloudtrail:GetEventSelectors": 1,
    }


def test_an_empty_region_costs_one_call_a_listing(account):
    collect(account, MODULE.collectors, [WEST])
    listings = ("ListFunctions", "ListLayers", "ListEventSourceMappings")
    assert calls(account) == {f"lambda:{operation}": 1 for operation in listings}


def test_zones_come_from_one_listing_of_subnets(account, answers, refuse, monkeypatch):
    ec2 = boto3.client("ec2", region_name=EAST)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=EAST + zone)
        for n, zone in enumerate("aab")
    ]
    first, second, third = (s["Subnet"]["SubnetId"] for s in subnets)
    # moto has every function in a VPC that does not exist.
    where = property(lambda f: f._vpc_config and f._vpc_config | {"VpcId": vpc})
    monkeypatch.setattr(LambdaFunction, "vpc_config", where)
    for name, chosen in (("one", [first, second]), ("two", [first, third])):
        create(EAST, name, VpcConfig={"SubnetIds": chosen, "SecurityGroupIds": ["sg-1"]})
    frame = collect(account, MODULE.collectors, [EAST])[Functions]
    assert frame["zones"].to_list() == [[EAST + "a", EAST + "a"], [EAST + "a", EAST + "b"]]
    assert calls(account)["ec2:DescribeSubnets"] == 1
    assert told(scan(again(account)).fails)["function.multi_az"] == ["one"]
    refuse("DescribeSubnets", "UnauthorizedOperation")
    found = scan(again(account))
    assert told(found.unknowns) == {"function.multi_az": ["one", "two"]}


def test_layers_and_event_sources(account, answers):
    aws = boto3.client("lambda", region_name=EAST)
    for name in ("open", "shut"):
        aws.publish_layer_version(LayerName=name, Content={"ZipFile": b"code"})
    aws.publish_layer_version(LayerName="open", Content={"ZipFile": b"newer"})
    aws.add_layer_version_permission(
        LayerName="open",
        VersionNumber=2,
        StatementId="all",
        Action="lambda:GetLayerVersion",
        Principal="*",
    )
    create(EAST, "reader")
    boto3.client("kinesis", region_name=EAST).create_stream(StreamName="clicks", ShardCount=1)
    stream = f"arn:aws:kinesis:{EAST}:{ME}:stream/clicks"
    uuid = aws.create_event_source_mapping(EventSourceArn=stream, FunctionName="reader")["UUID"]
    frames = collect(account, MODULE.collectors, [EAST])
    assert frames[Layers].select("name", "version").rows() == [("open", 2), ("shut", 1)]
    assert frames[EventSources].select("uuid", "source_arn", "failures_to").rows() == [
        (uuid, stream, "")
    ]
    fails = told(scan(again(account)).fails)
    assert fails["layer.public_policy"] == ["open"]
    assert fails["event_source.failure_destination"] == [uuid]


def test_a_refused_layer_policy_is_unknown_for_that_layer_only(account, answers, refuse):
    aws = boto3.client("lambda", region_name=EAST)
    for name in ("one", "two"):
        aws.publish_layer_version(LayerName=name, Content={"ZipFile": b"code"})
    refuse(
        "GetLayerVersionPolicy",
        "AccessDeniedException",
        lambda _, params: params["LayerName"] == "one",
    )
    found = scan(account)
    assert told(found.unknowns) == {
        "layer.public_policy": ["one"],
        "layer.outside_organization": ["one"],
    }


def test_a_region_that_no_trail_covers(account, answers):
    arn = record(EAST)
    boto3.client("cloudtrail", region_name=EAST).update_trail(Name="main", IsMultiRegionTrail=False)
    for region in (EAST, WEST):
        create(region, "web")
    found = scan(account)
    setting = f"arn:aws:lambda:{WEST}:{ME}:setting/invocation-records"
    failed = found.fails.filter(pl.col("rule_id") == "lambda.region.invocation_records")
    assert failed["resource_arn"].to_list() == [setting]
    frame = collect(again(account), MODULE.collectors, [EAST, WEST])[Regions]
    assert frame["trails"].to_list() == [[], [arn]]


def test_an_open_function_is_worse_with_a_secret_or_an_administrators_role(account, functions):
    index = scan(account).fails.select(Index.schema().names())
    role = {"rule_id": "iam.role.workload_administrator", "account_id": ME, "resource_arn": ROLE}
    index = pl.concat([index, Index.frame([role | {"finding_id": "f", "related": [ROLE]}])])
    raised = [(c.rule, correlate(c, index)) for c in MODULE.correlations]
    found = {rule: context["severity"].to_list() for rule, context in raised if context.height}
    assert found == {
        "lambda.function.public_url": ["critical"],
        "lambda.function.secrets": ["critical"],
        "lambda.function.runtime": ["high"],
    }


def test_an_unchanged_estate_gives_equal_frames(account, functions):
    first = collect(account, MODULE.collectors, [EAST, WEST])
    second = collect(again(account), MODULE.collectors, [EAST, WEST])
    for table in (Functions, Layers, EventSources, Regions):
        assert_frame_equal(first[table], second[table])
