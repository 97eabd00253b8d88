"""Lambda."""

from collections.abc import Sequence
from typing import Any

from moto.awslambda.models import lambda_backends

from ..accounts import DATA, HOME, PRODUCTION, SANDBOX, STAGING
from ..tools import Workshop
from ..tools.core import Json, api, trust

PARTNER = "999988887777"
"""An account of nobody's we know."""

CODE: Json = {"ZipFile": b"def handler(event, context): ..."}
ACCESS_KEY = "AKIA2E0A8F3B244C9986"
"""In form; it opens nothing."""


def furnish(at: Workshop) -> None:
    """Functions where something happens; no account has one for nothing."""
    if held := HELD.get(at.account):
        held(at)


def production(at: Workshop) -> None:
    at.iam.role("functions", trust("lambda"))
    signed = _baseline(at)
    _function(at, "confirm-orders", signed, topic="orders")
    in_one_zone = {"SubnetIds": [at.names["production"]["orders-private"]], "SecurityGroupIds": []}
    _function(at, "read-orders", signed, VpcConfig=in_one_zone)
    _function(at, "unsigned", None)


def staging(at: Workshop) -> None:
    at.iam.role("functions", trust("lambda"))
    signed = _baseline(at)
    _function(at, "preview", signed)
    _url(at, "preview", "AWS_IAM", origins=["*"])
    _function(at, "notify", signed, DeadLetterConfig=_queue(at))
    _allow(at, "notify", "sns.amazonaws.com")  # on behalf of any account
    _function(at, "import", signed, topic="imports", DeadLetterConfig={})
    _function(at, "render", signed)
    record: Any = lambda_backends[at.account.id][HOME].get_function("render")
    record.layers = [
        {"Arn": f"arn:aws:lambda:{HOME}:{owner}:layer:{name}:3", "CodeSize": 1}
        for owner, name in ((PARTNER, "fonts"), ("580247275435", "LambdaInsightsExtension"))
    ]


def data(at: Workshop) -> None:
    signed = _baseline(at)
    # The toxic combination: anyone may call it, and its role may do everything.
    _function(at, "partner-hook", signed, role="etl", ReservedConcurrentExecutions=10)
    _url(at, "partner-hook", "NONE")
    _allow(at, "partner-hook", "*", "lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE")
    _allow(at, "partner-hook", "*", InvokedViaFunctionUrl=True)
    at.iam.role("functions", trust("lambda"))
    _function(at, "export", signed)
    _allow(at, "export", PARTNER)
    _stream(at, "clicks")
    _stream(at, "purchases", {"OnFailure": {"Destination": _queue(at)["TargetArn"]}})
    _layer(at, "common")
    _layer(at, "models", PARTNER)


def sandbox(at: Workshop) -> None:
    """Where nobody looks: without a trail, and without the baseline."""
    at.iam.role("functions", trust("lambda"))
    signed = _signing(at)
    _function(
        at,
        "experiment",
        signed,
        Runtime="python3.8",
        TracingConfig={"Mode": "PassThrough"},
        Environment={"Variables": {"STAGE": "test", "AWS_KEY": ACCESS_KEY}},
        KMSKeyArn=None,
    )
    # Anyone may call it, yet it reaches no further than the network lets it.
    lab = at.names["sandbox"]
    both_zones = [lab["lab-private"], lab["lab-private-b"]]
    confined = {"SubnetIds": both_zones, "SecurityGroupIds": [lab["anything"]]}
    _function(at, "open", signed, VpcConfig=confined)
    _allow(at, "open", "*")
    _layer(at, "published", "*")


HELD = {PRODUCTION: production, STAGING: staging, DATA: data, SANDBOX: sandbox}


def _baseline(at: Workshop) -> str:
    """A trail that records all calls of functions, and the account's code signing; its ARN."""
    trail = api(at.account, "cloudtrail")
    trail.create_trail(
        Name="activity", S3BucketName=f"acme-{at.account.name}-logs", IsMultiRegionTrail=True
    )
    functions = {"Type": "AWS::Lambda::Function", "Values": ["arn:aws:lambda"]}
    trail.put_event_selectors(
        TrailName="activity",
        EventSelectors=[
            {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [functions]}
        ],
    )
    trail.start_logging(Name="activity")
    return _signing(at)


def _signing(at: Workshop) -> str:
    profile = f"arn:aws:signer:{HOME}:{at.account.id}:/signing-profiles/release/1a2b3c4d5e"
    made = api(at.account, "lambda").create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": [profile]},
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"},
    )
    return made["CodeSigningConfig"]["CodeSigningConfigArn"]


def _function(
    at: Workshop,
    name: str,
    signing: str | None,
    *,
    role: str = "functions",
    topic: str = "",
    **settings: Any,
) -> None:
    """A function; with a `topic` of the account that calls it, and a queue for what fails."""
    asked: Json = {
        "FunctionName": name,
        "Runtime": "python3.13",
        "Handler": "app.handler",
        "Role": f"arn:aws:iam::{at.account.id}:role/{role}",
        "Code": CODE,
        "TracingConfig": {"Mode": "Active"},
        "Environment": {"Variables": {"STAGE": at.account.environment}},
        "KMSKeyArn": f"arn:aws:kms:{HOME}:{at.account.id}:alias/functions",
        **({"CodeSigningConfigArn": signing} if signing else {}),
        **({"DeadLetterConfig": _queue(at)} if topic else {}),
    }
    reserved = settings.pop("ReservedConcurrentExecutions", None)
    functions = api(at.account, "lambda")
    functions.create_function(**asked | settings)
    if reserved:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    if topic:
        source = f"arn:aws:sns:{HOME}:{at.account.id}:{topic}"
        _allow(at, name, "sns.amazonaws.com", SourceArn=source)


def _queue(at: Workshop) -> Json:
    return {"TargetArn": f"arn:aws:sqs:{HOME}:{at.account.id}:dead-letters"}


def _stream(at: Workshop, name: str, destinations: Json | None = None) -> None:
    """A stream that the function `export` reads; `destinations` of what it fails on."""
    api(at.account, "kinesis").create_stream(StreamName=name, ShardCount=1)
    mapping = api(at.account, "lambda").create_event_source_mapping(
        EventSourceArn=f"arn:aws:kinesis:{HOME}:{at.account.id}:stream/{name}",
        FunctionName="export",
        StartingPosition="LATEST",
        DestinationConfig=destinations or {},
    )
    at.names.setdefault(at.account.name, {})[f"{name}-mapping"] = mapping["UUID"]


def _allow(
    at: Workshop, name: str, principal: str, action: str = "lambda:InvokeFunction", **more: Any
) -> None:
    """A statement of the function's policy, named after what it allows to whom."""
    sid = "".join(filter(str.isalnum, f"{principal}{action}{''.join(more)}"))
    api(at.account, "lambda").add_permission(
        FunctionName=name, StatementId=sid, Action=action, Principal=principal, **more
    )


def _url(at: Workshop, name: str, auth: str, origins: Sequence[str] = ()) -> None:
    cors: Json = {"Cors": {"AllowOrigins": [*origins]}} if origins else {}
    api(at.account, "lambda").create_function_url_config(FunctionName=name, AuthType=auth, **cors)


def _layer(at: Workshop, name: str, shared_with: str = "") -> None:
    functions = api(at.account, "lambda")
    functions.publish_layer_version(LayerName=name, Content=CODE)
    if shared_with:
        functions.add_layer_version_permission(
            LayerName=name,
            VersionNumber=1,
            StatementId="shared",
            Action="lambda:GetLayerVersion",
            Principal=shared_with,
        )
