"""What must hold of Lambda functions, layers and event source mappings."""

import polars as pl

from stratum_pipeline.kernel.rule import ALWAYS, SCANNED_AT, Rule, Severity
from stratum_pipeline.kernel.table import has

from .derive import one_zone
from .inventory import UNRESERVED, EventSources, Functions, Layers
from .recording import Regions

FUNCTION = "Lambda > Functions > {name} > Configuration > "
NAMED = " --region {region} --function-name {name}"
UPDATE = "aws lambda update-function-configuration" + NAMED
REMOVE = "aws lambda remove-permission" + NAMED + " --statement-id SID"
ADD = "aws lambda add-permission" + NAMED + " --statement-id SID"
ROLE = pl.concat_list("role")
TO_ALL = Functions.invokable | Functions.url_public

public_policy = Rule(
    id="lambda.function.public_policy",
    table=Functions,
    fails=Functions.invokable,
    severity=Severity.CRITICAL,
    exposed=ALWAYS,
    title="Function policy admits anyone",
    rationale="Whoever has an AWS account, in any organization, may do with the function what the"
    " policy allows: call it with input of their choice, or read or replace its code.",
    remediation="Remove the statement; name the principals that must call the function, or hold"
    " everyone to your organization with a condition on aws:PrincipalOrgID.",
    console=FUNCTION + "Permissions > Resource-based policy statements",
    cli=REMOVE,
    breaks="Callers that have no access by an identity policy of this account lose it at once.",
    undo=ADD + " --action lambda:InvokeFunction --principal PRINCIPAL",
    criteria=("CC6.1", "CC6.6"),
    related=ROLE,
)

public_url = Rule(
    id="lambda.function.public_url",
    table=Functions,
    when=~Functions.invokable,  # the statement that admits anyone is that finding
    fails=Functions.url_public,
    severity=Severity.HIGH,
    exposed=ALWAYS,
    title="Function URL answers anyone",
    rationale="Anyone on the internet may call the function with input of their choice, at the"
    " account's expense, with nothing in front that authenticates or filters. A URL without"
    " authentication whose function's or alias's policy admits nobody answers no one, and passes.",
    remediation="Change the auth type to AWS_IAM, or put CloudFront with origin access control, and"
    " a web ACL, in front; then take the statement for everyone out of the policy.",
    console=FUNCTION + "Function URL > Edit > Auth type",
    cli="aws lambda update-function-url-config" + NAMED + " --auth-type AWS_IAM",
    breaks="Callers that do not sign their requests are refused: browsers and webhooks first.",
    undo="aws lambda update-function-url-config" + NAMED + " --auth-type NONE",
    criteria=("CC6.1", "CC6.6"),
    related=ROLE,
)

url_cors = Rule(
    id="lambda.function.url_cors",
    table=Functions,
    when=Functions.urls.list.len() > 0,
    fails=has(Functions.origins, "*"),
    severity=Severity.LOW,
    title="Function URL may be called by scripts of any website",
    rationale="Whatever page a user has open can call the URL from that user's browser, network"
    " and address, and read the answer.",
    remediation="List the origins of your own sites in the CORS settings.",
    console=FUNCTION + "Function URL > Edit > Configure cross-origin resource sharing (CORS)",
    cli="aws lambda update-function-url-config"
    + NAMED
    + ' --cors \'{{"AllowOrigins": ["https://YOUR-SITE"]}}\'',
    breaks="Sites that are not listed can no longer call the URL from a browser.",
    undo="aws lambda update-function-url-config" + NAMED + ' --cors \'{{"AllowOrigins": ["*"]}}\'',
    criteria=("CC6.6",),
)

outside_organization = Rule(
    id="lambda.function.outside_organization",
    table=Functions,
    fails=Functions.outsiders.list.len() > 0,
    severity=Severity.HIGH,
    title="Function policy admits accounts outside the organization",
    rationale="Another company's account, or a service acting for it, may call the function, or"
    " read or change it, under rules that are not yours.",
    remediation="Remove the statements for accounts that have no agreement to rely on.",
    console=FUNCTION + "Permissions > Resource-based policy statements",
    cli=REMOVE,
    breaks="The accounts removed can no longer call the function.",
    undo=ADD + " --action lambda:InvokeFunction --principal ACCOUNT-ID",
    criteria=("CC6.1", "CC6.3"),
    related=ROLE,
)

confused_deputy = Rule(
    id="lambda.function.confused_deputy",
    table=Functions,
    fails=Functions.trusts_services,
    severity=Severity.MEDIUM,
    title="Function policy trusts an AWS service whoever it acts for",
    rationale="Anyone can have the service call the function from an account of their own, with"
    " events of their making: the confused deputy. A resource control policy of the organization"
    " may prevent that, and is not looked at here.",
    remediation="Put a statement with aws:SourceArn or aws:SourceAccount in its place; for a bucket"
    " give both, as its ARN names no account.",
    console=FUNCTION + "Permissions > Resource-based policy statements",
    cli=ADD + " --action lambda:InvokeFunction --principal SERVICE.amazonaws.com"
    " --source-arn SOURCE-ARN --source-account {account_id} && " + REMOVE,
    breaks="Calls that the service makes for a source you did not name are refused.",
    undo=ADD + " --action lambda:InvokeFunction --principal SERVICE.amazonaws.com",
    criteria=("CC6.1", "CC6.3"),
)

secrets = Rule(
    id="lambda.function.secrets",
    table=Functions,
    fails=Functions.secrets.list.len() > 0,
    severity=Severity.HIGH,
    title="Function's configuration holds a secret",
    rationale="Whoever may list functions reads them, and so does each tool that stores what they"
    " list; the secret stays in published versions and in the history of its stack.",
    remediation="Move the secret to Secrets Manager or Parameter Store, have the function fetch it"
    " and then replace the secret: it must count as known.",
    console=FUNCTION + "Environment variables > Edit",
    cli=UPDATE + ' --environment \'{{"Variables": {{"SECRET_ARN": "arn:..."}}}}\'',
    breaks="A function that does not yet fetch the secret fails. The command sets all variables"
    " anew: give those that stay, too.",
    undo=UPDATE + " --environment file://former-environment.json",
    criteria=("CC6.1",),
    related=ROLE,
)

environment_key = Rule(
    id="lambda.function.environment_key",
    table=Functions,
    when=Functions.has_variables,
    fails=Functions.key_arn == "",
    severity=Severity.LOW,
    title="Function's environment variables are under no customer managed key",
    rationale="Under the key that AWS manages, whoever may read the function's configuration reads"
    " its variables in plain text: there is no key policy to deny that, and no record of it.",
    remediation="Encrypt them with a customer managed key, which the function's role may use for"
    " decryption and its readers may not.",
    console=FUNCTION + "Environment variables > Edit > Encryption configuration",
    cli=UPDATE + " --kms-key-arn KEY-ARN",
    breaks="The function fails to start until its role may use the key; KMS bills its requests.",
    undo=UPDATE + " --kms-key-arn ''",
    criteria=("CC6.1",),
)

runtime = Rule(
    id="lambda.function.runtime",
    table=Functions,
    when=Functions.package == "Zip",  # an image brings its own
    fails=Functions.supported_until <= SCANNED_AT,
    severity=Severity.MEDIUM,
    title="Function runs on a deprecated runtime",
    rationale="AWS no longer patches the runtime, so that known holes in the language stay open;"
    " later on the function can be neither updated nor rolled back.",
    remediation="Move to a supported runtime, after a test of the function on it.",
    console="Lambda > Functions > {name} > Code > Runtime settings (now {runtime}) > Edit",
    cli=UPDATE + " --runtime RUNTIME",
    breaks="Code that relies on the old language version fails; try a published version first.",
    undo=UPDATE + " --runtime {runtime}",
    criteria=("CC7.1", "CC8.1"),
    related=ROLE,
)

outside_layers = Rule(
    id="lambda.function.outside_layers",
    table=Functions,
    fails=Functions.layer_owners.list.len() > 0,
    severity=Severity.MEDIUM,
    title="Function loads a layer of an account outside the organization",
    rationale="The layer's code runs with the function's role and sees all that it handles. A"
    " version cannot be changed, but it can be withdrawn, and the next one brings whatever its"
    " owner puts in. Layers that AWS publishes are known and pass.",
    remediation="Publish a reviewed copy of the layer in an account of yours, and load that.",
    console="Lambda > Functions > {name} > Code > Layers > Edit",
    cli=UPDATE + " --layers LAYER-VERSION-ARN",
    breaks="The function fails where the layer was needed and its copy differs. The command sets"
    " all layers anew: give those that stay, too.",
    undo=UPDATE + " --layers FORMER-LAYER-VERSION-ARN",
    criteria=("CC6.8", "CC9.2"),
)

code_signing = Rule(
    id="lambda.function.code_signing",
    table=Functions,
    when=Functions.package == "Zip",  # images are signed in their registry
    fails=Functions.code_signing != "Enforce",
    severity=Severity.LOW,
    title="Function accepts unsigned code",
    rationale="Whoever gets hold of a deployment key can put any code in the function's place; a"
    " code signing configuration that only warns lets it through, too.",
    remediation="Sign packages with AWS Signer in the pipeline, then attach a code signing"
    " configuration that enforces the signature.",
    console=FUNCTION + "Code signing > Edit",
    cli="aws lambda put-function-code-signing-config" + NAMED + " --code-signing-config-arn"
    " CONFIG-ARN",
    breaks="Deployments of unsigned packages and layers are refused; running code is not touched.",
    undo="aws lambda delete-function-code-signing-config" + NAMED,
    criteria=("CC6.8", "CC8.1"),
)

multi_az = Rule(
    id="lambda.function.multi_az",
    table=Functions,
    when=Functions.vpc != "",
    fails=one_zone(Functions.zones),
    severity=Severity.MEDIUM,
    title="Function in a VPC stands in one availability zone",
    rationale="When the zone fails, the function cannot run; outside a VPC Lambda spreads functions"
    " over zones by itself.",
    remediation="Add a subnet in another zone, with the same routes.",
    console=FUNCTION + "VPC > Edit > Subnets",
    cli=UPDATE + " --vpc-config SubnetIds=SUBNET-1,SUBNET-2,SecurityGroupIds=GROUP",
    breaks="Calls that land in a subnet without a route to what the function needs time out.",
    undo=UPDATE + " --vpc-config SubnetIds=SUBNET-1,SecurityGroupIds=GROUP",
    criteria=("A1.2",),
)

open_egress = Rule(
    id="lambda.function.open_egress",
    table=Functions,
    # A function that nobody else calls needs no VPC: nothing can connect to it either way.
    when=TO_ALL,
    fails=Functions.vpc == "",
    severity=Severity.LOW,
    title="Function that anyone may call has the whole internet open to it",
    rationale="Input of strangers that makes the function connect elsewhere, or run code, can send"
    " what it knows anywhere: outside a VPC nothing filters or records where it connects to.",
    remediation="Close the function to strangers; if it must stay open, attach it to a VPC whose"
    " routes and firewall let it reach what it needs and no more.",
    console=FUNCTION + "VPC > Edit",
    cli=UPDATE + " --vpc-config SubnetIds=SUBNET-1,SUBNET-2,SecurityGroupIds=GROUP",
    breaks="What the function reaches on the internet, AWS services included, needs a route.",
    undo=UPDATE + " --vpc-config SubnetIds=,SecurityGroupIds=",
    criteria=("CC6.6", "CC6.7"),
)

reserved_concurrency = Rule(
    id="lambda.function.reserved_concurrency",
    table=Functions,
    when=TO_ALL,
    fails=Functions.reserved_concurrency == UNRESERVED,
    severity=Severity.LOW,
    title="Function that anyone may call has no limit of its own",
    rationale="A flood of calls uses up the concurrency that all functions of the account share in"
    " the region, so that none of them runs, and is billed without a limit.",
    remediation="Reserve as much concurrency for the function as its honest load needs.",
    console=FUNCTION + "Concurrency > Edit > Reserve concurrency",
    cli="aws lambda put-function-concurrency" + NAMED + " --reserved-concurrent-executions 10",
    breaks="Calls above the limit are refused, and the other functions share what is left.",
    undo="aws lambda delete-function-concurrency" + NAMED,
    criteria=("A1.1",),
)

dead_letters = Rule(
    id="lambda.function.dead_letters",
    table=Functions,
    # Whoever waits for the answer sees the failure: only who doesn't loses the event.
    when=Functions.asynchronous,
    fails=Functions.failures_to == "",
    severity=Severity.MEDIUM,
    title="Function loses the events that it fails on",
    rationale="A service that does not wait for an answer calls it, and after two more tries Lambda"
    " drops the event without a trace.",
    remediation="Give failed events a destination, a queue or a topic, that somebody watches.",
    console=FUNCTION + "Destinations > Add destination > On failure",
    cli="aws lambda put-function-event-invoke-config"
    + NAMED
    + ' --destination-config \'{{"OnFailure": {{"Destination": "QUEUE-ARN"}}}}\'',
    breaks="Nothing is interrupted; the role needs sqs:SendMessage. The command sets retries and"
    " the destination of successes anew.",
    undo="aws lambda delete-function-event-invoke-config" + NAMED,
    criteria=("A1.2", "PI1.3"),
)

tracing = Rule(
    id="lambda.function.tracing",
    table=Functions,
    fails=Functions.tracing != "Active",
    severity=Severity.LOW,
    title="Function's calls are not traced",
    rationale="Which of its calls to other services fail or take long, and for whom, cannot be told"
    " from its log alone.",
    remediation="Turn on active tracing with AWS X-Ray.",
    console=FUNCTION + "Monitoring and operations tools > Edit > Active tracing",
    cli=UPDATE + " --tracing-config Mode=Active",
    breaks="Nothing is interrupted; the role needs xray:PutTraceSegments, and traces are billed.",
    undo=UPDATE + " --tracing-config Mode=PassThrough",
    criteria=("CC7.2",),
)

LAYER = " --region {region} --layer-name {name} --version-number {version}"
REMOVE_LAYER = "aws lambda remove-layer-version-permission" + LAYER + " --statement-id SID"
ADD_LAYER = (
    "aws lambda add-layer-version-permission" + LAYER + " --statement-id SID"
    " --action lambda:GetLayerVersion --principal "
)

layer_public_policy = Rule(
    id="lambda.layer.public_policy",
    table=Layers,
    fails=Layers.policy_public,
    severity=Severity.HIGH,
    exposed=ALWAYS,
    title="Layer can be read by anyone",
    rationale="Whoever has an AWS account may download the layer's code and whatever lies beside"
    " it: configuration, internal addresses, a forgotten key.",
    remediation="Share the layer with your organization instead, and look at earlier versions,"
    " which have policies of their own.",
    console="Lambda > Layers > {name} > Version {version}",
    cli=REMOVE_LAYER,
    breaks="Functions of other accounts cannot load the version any more; those that do keep it.",
    undo=ADD_LAYER + "'*'",
    criteria=("CC6.1", "CC6.6"),
)

layer_outside_organization = Rule(
    id="lambda.layer.outside_organization",
    table=Layers,
    fails=Layers.outsiders.list.len() > 0,
    severity=Severity.MEDIUM,
    title="Layer can be read by accounts outside the organization",
    rationale="Another company's account may download the layer's code, and keep it.",
    remediation="Remove the accounts that have no agreement to rely on, and look at earlier"
    " versions, which have policies of their own.",
    console="Lambda > Layers > {name} > Version {version}",
    cli=REMOVE_LAYER,
    breaks="Functions of those accounts cannot load the version any more; those that do keep it.",
    undo=ADD_LAYER + "ACCOUNT-ID",
    criteria=("CC6.1", "CC6.3"),
)

MAPPING = "aws lambda update-event-source-mapping --region {region} --uuid {uuid}"

failure_destination = Rule(
    id="lambda.event_source.failure_destination",
    table=EventSources,
    # A queue keeps its own dead letters; a stream's records pass by.
    when=~EventSources.source_arn.str.contains(":sqs:|:mq:") & (EventSources.state != "Disabled"),
    fails=EventSources.failures_to == "",
    severity=Severity.MEDIUM,
    title="Records of a stream that a function fails on are dropped",
    rationale="When retries or the record's age run out, Lambda goes on to the next batch and keeps"
    " no trace of the one that failed; until then the whole shard waits.",
    remediation="Give the mapping a destination for failures, and limits for retries and age.",
    console="Lambda > Functions > (the function) > Configuration > Triggers > {source_arn} > Edit",
    cli=MAPPING + ' --destination-config \'{{"OnFailure": {{"Destination": "QUEUE-ARN"}}}}\'',
    breaks="Nothing is interrupted; the function's role needs sqs:SendMessage.",
    undo=MAPPING + " --destination-config '{{}}'",
    criteria=("A1.2", "PI1.3"),
    related=pl.concat_list("function_arn"),
)

invocation_records = Rule(
    id="lambda.region.invocation_records",
    table=Regions,
    # The first two imply the third: they are named for the evidence, and for the reason.
    fails=(Regions.trails.list.len() == 0)
    | (Regions.logging.list.len() == 0)
    | (Regions.unrecorded.list.len() > 0),
    severity=Severity.LOW,
    title="No trail records who calls functions of the region",
    rationale="By default CloudTrail records changes to functions and no calls: who called one, and"
    " as whom, cannot be established afterwards. CloudTrail Lake is not looked at here.",
    remediation="Add data events of AWS::Lambda::Function to a trail, for all functions.",
    console="CloudTrail > Trails > (trail) > Data events > Edit",
    cli="aws cloudtrail put-event-selectors --region {region} --trail-name TRAIL"
    ' --advanced-event-selectors \'[{{"FieldSelectors": [{{"Field": "eventCategory", "Equals":'
    ' ["Data"]}}, {{"Field": "resources.type", "Equals": ["AWS::Lambda::Function"]}}]}}]\'',
    breaks="Nothing is interrupted; data events are billed by their number. The command sets all"
    " selectors of the trail anew: give those that stay, too.",
    undo="aws cloudtrail put-event-selectors --region {region} --trail-name TRAIL"
    " --advanced-event-selectors file://former-selectors.json",
    criteria=("CC7.2",),
    related=Regions.trails,
)

RULES = (
    public_policy,
    public_url,
    url_cors,
    outside_organization,
    confused_deputy,
    secrets,
    environment_key,
    runtime,
    outside_layers,
    code_signing,
    multi_az,
    open_egress,
    reserved_concurrency,
    dead_letters,
    tracing,
    layer_public_policy,
    layer_outside_organization,
    failure_destination,
    invocation_records,
)
