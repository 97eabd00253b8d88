"""What must hold of AWS Config, so that it can be said later what was configured when."""

import polars as pl

from stratum_pipeline.kernel.rule import Rule, Severity
from stratum_pipeline.kernel.table import some

from .inventory import (
    EXCLUSION,
    GLOBAL_TYPES,
    Accounts,
    Aggregators,
    Authorizations,
    ConfigRules,
    ConformancePacks,
    Regions,
)

SERVICE_ROLE = "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
# Left out without losing sight of anything: IAM, where another region records it (which is a
# rule of its own), and the history of the rules' own verdicts.
SPARED = [*GLOBAL_TYPES, "AWS::Config::ResourceCompliance"]
YEAR = 365
RECORDER_PAGE = "AWS Config ({region}) > Settings > Edit"
PUT_RECORDER = (
    "aws configservice put-configuration-recorder --region {region} --configuration-recorder"
)
EVERYTHING = (
    ",recordingGroup={{allSupported=true,"
    "recordingStrategy={{useOnly=ALL_SUPPORTED_RESOURCE_TYPES}}}}"
)
UNDO_RECORDER = (
    "Keep the recorder as it is now (`aws configservice describe-configuration-recorders --region"
    " {region}`) and put that back."
)
COSTS = "AWS Config charges for each configuration item, which shows where resources change often"
AGGREGATORS = "AWS Config ({region}) > Aggregators > {name} > Edit"

_exists = Regions.recorder != ""
_regions = pl.element() != ""

recorder = Rule(
    id="config.region.recorder",
    table=Regions,
    fails=~_exists,
    severity=Severity.MEDIUM,
    title="AWS Config records nothing in the region",
    rationale="What was configured here at a given time, and who changed it, cannot be said"
    " afterwards; rules of AWS Config and of Security Hub judge nothing. An intruder picks the"
    " region where nobody looks.",
    remediation="Create a recorder of all resource types with the service-linked role, and a"
    " delivery channel to the log archive; across an organization by Control Tower or a StackSet."
    " A region that nobody uses is better disabled or denied.",
    console="AWS Config ({region}) > Get started > 1-click setup",
    cli=PUT_RECORDER
    + f" name=default,roleARN=arn:aws:iam::{{account_id}}:{SERVICE_ROLE}"
    + EVERYTHING,
    breaks=f"Nothing is interrupted. {COSTS}.",
    undo="Delete it with `aws configservice delete-configuration-recorder --region {region}"
    " --configuration-recorder-name default`.",
    criteria=("CC7.1", "CC7.2", "CC8.1"),
)

delivery_channel = Rule(
    id="config.region.delivery_channel",
    table=Regions,
    when=_exists,
    fails=Regions.bucket == "",
    severity=Severity.MEDIUM,
    title="Recorder has no delivery channel",
    rationale="Without one it cannot be started: nothing is recorded, though the recorder is"
    " there.",
    remediation="Give it a delivery channel to the log archive's bucket, and start it.",
    console=RECORDER_PAGE + " > Delivery method",
    cli="aws configservice put-delivery-channel --region {region} --delivery-channel"
    " name=default,s3BucketName=BUCKET && aws configservice start-configuration-recorder"
    " --region {region} --configuration-recorder-name {recorder}",
    breaks=f"Nothing is interrupted. {COSTS}.",
    undo="Stop the recorder, then `aws configservice delete-delivery-channel --region {region}"
    " --delivery-channel-name default`.",
    criteria=("CC7.1", "CC7.2"),
)

recording = Rule(
    id="config.region.recording",
    table=Regions,
    when=_exists & (Regions.bucket != ""),  # without a channel it cannot be started
    fails=~Regions.recording,
    severity=Severity.MEDIUM,
    title="Recorder is stopped",
    rationale="Nothing has been recorded since, and rules go on showing their last verdicts. To"
    " stop the recorder is a known first step of an intruder.",
    remediation="Look up in CloudTrail who stopped it and why (StopConfigurationRecorder), then"
    " start it.",
    console=RECORDER_PAGE + " > Recording is off > Turn on",
    cli="aws configservice start-configuration-recorder --region {region}"
    " --configuration-recorder-name {recorder}",
    breaks=f"Nothing is interrupted. {COSTS}.",
    undo="Stop it with `aws configservice stop-configuration-recorder --region {region}"
    " --configuration-recorder-name {recorder}`.",
    criteria=("CC7.1", "CC7.2"),
)

recorder_failing = Rule(
    id="config.region.recorder_failing",
    table=Regions,
    when=Regions.recording,
    fails=Regions.last_status == "Failure",
    severity=Severity.MEDIUM,
    title="Recorder fails to record",
    rationale="It is started, and its last attempt failed: what changes meanwhile is lost.",
    remediation="Read the error, then mend the recorder's role, which the service-linked role"
    " replaces, or the policy of bucket, key or topic.",
    console=RECORDER_PAGE + " (last error: {last_error})",
    cli="aws configservice describe-configuration-recorder-status --region {region}",
    breaks="The command only reads; a change of the role alters what the recorder sees.",
    undo="Nothing to take back after reading; name the earlier role again after a change of it.",
    criteria=("CC7.1", "CC7.2"),
)

delivery_failing = Rule(
    id="config.region.delivery_failing",
    table=Regions,
    when=Regions.recording & (Regions.last_status != "Failure"),
    fails=Regions.undelivered.list.len() > 0,
    severity=Severity.MEDIUM,
    title="AWS Config cannot deliver what it records",
    rationale="The last delivery to bucket or topic failed: history and snapshots do not reach"
    " the log archive, and whoever is to be told of changes is not.",
    remediation="Let config.amazonaws.com write to the bucket, use its key and publish to the"
    " topic, each for this account (aws:SourceAccount).",
    console="S3 > Buckets > {bucket} > Permissions > Bucket policy > Edit",
    cli="aws configservice describe-delivery-channel-status --region {region}",
    breaks="The command only reads; a wider policy lets AWS Config write to the bucket.",
    undo="Take the added statements out of the policy again.",
    criteria=("CC7.2",),
)

some_types = Rule(
    id="config.region.some_types",
    table=Regions,
    when=_exists & (Regions.strategy != EXCLUSION),
    fails=~Regions.all_types,
    severity=Severity.MEDIUM,
    title="Recorder records only some resource types",
    rationale="Types that are not on the list, all that AWS adds later among them, change without"
    " a trace, and rules about them judge nothing.",
    remediation="Record all supported types; leave out single ones by exclusion where they cost"
    " more than they tell.",
    console=RECORDER_PAGE + " > Recording strategy > All resource types",
    cli=PUT_RECORDER + " name={recorder},roleARN={role}" + EVERYTHING,
    breaks=f"Nothing is interrupted. {COSTS}.",
    undo=UNDO_RECORDER,
    criteria=("CC7.1", "CC8.1"),
)

excluded_types = Rule(
    id="config.region.excluded_types",
    table=Regions,
    when=_exists & (Regions.strategy == EXCLUSION),
    fails=some(Regions.excluded_types, ~pl.element().is_in(SPARED)),
    severity=Severity.LOW,
    title="Recorder leaves resource types out",
    rationale="Resources of the excluded types change without a trace, and rules about them judge"
    " nothing. IAM's types don't count here, as one region that records them is enough.",
    remediation="Take types off the list unless somebody accepted to lose sight of them; record"
    " those that change very often daily instead of not at all.",
    console=RECORDER_PAGE + " > Recording strategy > Excluded resource types",
    cli=PUT_RECORDER + " name={recorder},roleARN={role}" + EVERYTHING,
    breaks=f"Nothing is interrupted. {COSTS}.",
    undo=UNDO_RECORDER,
    criteria=("CC7.1", "CC8.1"),
)

daily_recording = Rule(
    id="config.region.daily_recording",
    table=Regions,
    when=_exists,
    fails=Regions.frequency == "DAILY",
    severity=Severity.LOW,
    title="Recorder records once a day only",
    rationale="A change that is taken back within the day leaves no trace, and rules see a change"
    " up to a day late.",
    remediation="Record continuously, with daily recording for those types that change too often.",
    console=RECORDER_PAGE + " > Recording frequency > Continuous",
    cli=PUT_RECORDER + " name={recorder},roleARN={role},"
    "recordingMode={{recordingFrequency=CONTINUOUS}}",
    breaks=f"Nothing is interrupted. {COSTS}.",
    undo=UNDO_RECORDER,
    criteria=("CC7.1", "CC7.2"),
)

recorder_role = Rule(
    id="config.region.recorder_role",
    table=Regions,
    when=_exists,
    fails=~Regions.role.str.contains(SERVICE_ROLE, literal=True),
    severity=Severity.LOW,
    title="Recorder does not use the service-linked role",
    rationale="A role of one's own can lack the reads that new types need, so that resources go"
    " unrecorded, and can be altered or removed; the service-linked role can't.",
    remediation="Name AWSServiceRoleForConfig in the recorder; remove the old role if nothing"
    " else uses it.",
    console=RECORDER_PAGE + " > IAM role for AWS Config > Service-linked role",
    cli=PUT_RECORDER + f" name={{recorder}},roleARN=arn:aws:iam::{{account_id}}:{SERVICE_ROLE}",
    breaks="Delivery to a bucket, key or topic that admits only the old role fails: let"
    " config.amazonaws.com in first.",
    undo=UNDO_RECORDER,
    criteria=("CC6.3", "CC7.1"),
)

retention = Rule(
    id="config.region.retention",
    table=Regions,
    when=_exists,
    fails=Regions.retention_days < YEAR,
    severity=Severity.LOW,
    title="AWS Config keeps the history for less than a year",
    rationale="An intrusion is often found months later, and an audit looks back a year: by then"
    " it cannot be said what was configured. Without a setting it is seven years.",
    remediation="Keep configuration items as long as the audit period, at least a year.",
    console=RECORDER_PAGE + " > Data retention period",
    cli="aws configservice put-retention-configuration --region {region}"
    " --retention-period-in-days 2557",
    breaks="Nothing is interrupted; what is already deleted does not come back.",
    undo="Set it back: `aws configservice put-retention-configuration --region {region}"
    " --retention-period-in-days DAYS`, which deletes what is older.",
    criteria=("CC7.2", "CC7.3"),
)

global_types = Rule(
    id="config.account.global_types",
    table=Accounts,
    when=some(Accounts.recorded_in, _regions),  # with no recorder at all, that is the finding
    fails=~some(Accounts.global_in, _regions),
    severity=Severity.MEDIUM,
    title="No region records the account's users, roles and policies",
    rationale="IAM exists once per account and is recorded only where a recorder is told to: who"
    " was allowed what at a given time cannot be said, and rules about IAM judge nothing.",
    remediation="Include global resource types in one region, best the one where most is.",
    console="AWS Config > Settings > Edit > Include globally recorded resource types",
    cli="aws configservice put-configuration-recorder --configuration-recorder"
    f" name=default,roleARN=arn:aws:iam::{{account_id}}:{SERVICE_ROLE},"
    "recordingGroup={{allSupported=true,includeGlobalResourceTypes=true}}",
    breaks=f"Nothing is interrupted. {COSTS}.",
    undo="Put the recorder back without includeGlobalResourceTypes.",
    criteria=("CC6.2", "CC7.1", "CC8.1"),
)

_gathered_here = some(Accounts.aggregator_in, _regions)
_no_administrator = Accounts.administrators.list.len() == 0

organization_aggregator = Rule(
    id="config.account.organization_aggregator",
    table=Accounts,
    when=(Accounts.part == "delegated") | ((Accounts.part == "management") & _no_administrator),
    fails=~_gathered_here,
    severity=Severity.MEDIUM,
    title="Nothing gathers the organization's AWS Config data",
    rationale="This account is the one to have the aggregator, and has none: what is configured"
    " where, and which accounts record nothing, can be asked only account by account.",
    remediation="Create an aggregator of the whole organization and all regions, in the account"
    " delegated for AWS Config.",
    console="AWS Config > Aggregators > Create aggregator > Add my organization",
    cli="aws configservice put-configuration-aggregator --configuration-aggregator-name"
    " organization --organization-aggregation-source RoleArn=ROLE-ARN,AllAwsRegions=true",
    breaks="Nothing is interrupted, and gathering costs nothing.",
    undo="Delete it with `aws configservice delete-configuration-aggregator"
    " --configuration-aggregator-name organization`.",
    criteria=("CC7.1", "CC7.2"),
)

management_aggregator = Rule(
    id="config.account.management_aggregator",
    table=Accounts,
    when=Accounts.part == "management",
    fails=_gathered_here,
    severity=Severity.LOW,
    title="The organization's AWS Config data is gathered in the management account",
    rationale="Whoever reads the organization's configuration has to sign in to the one account"
    " that no policy of the organization can restrain.",
    remediation="Delegate AWS Config to the security account, create the aggregator there and"
    " delete the one here.",
    console="AWS Config > Aggregators > Create aggregator, in the delegated account",
    cli="aws organizations register-delegated-administrator --account-id SECURITY-ACCOUNT"
    " --service-principal config.amazonaws.com",
    breaks="Nothing is interrupted; queries and dashboards must move to the new aggregator before"
    " the old is deleted.",
    undo="Keep the aggregator here until the other is in use; end the delegation with"
    " `aws organizations deregister-delegated-administrator --account-id SECURITY-ACCOUNT"
    " --service-principal config.amazonaws.com`.",
    criteria=("CC6.3",),
)

aggregator_regions = Rule(
    id="config.aggregator.regions",
    table=Aggregators,
    when=Aggregators.organization,
    fails=~Aggregators.all_regions,
    severity=Severity.LOW,
    title="The organization's aggregator leaves regions out",
    rationale="What is configured in a region that is not on its list, or that is enabled later,"
    " is missing from every query over the organization.",
    remediation="Let it take in all regions, future ones included.",
    console=AGGREGATORS,
    cli="aws configservice put-configuration-aggregator --region {region}"
    " --configuration-aggregator-name {name} --organization-aggregation-source"
    " RoleArn=ROLE-ARN,AllAwsRegions=true",
    breaks="Nothing is interrupted, and gathering costs nothing.",
    undo="Put the list of regions back as it was.",
    criteria=("CC7.1",),
)

aggregator_failing = Rule(
    id="config.aggregator.failing",
    table=Aggregators,
    fails=Aggregators.unread.list.len() > 0,
    severity=Severity.LOW,
    title="Aggregator fails to read some of its sources",
    rationale="What it shows of the accounts under `unread` is old or missing, and looks like"
    " accounts in which there is nothing.",
    remediation="For an organization mend the aggregator's role and trusted access; a single"
    " account must authorize the aggregator itself.",
    console=AGGREGATORS,
    cli="aws configservice describe-configuration-aggregator-sources-status --region {region}"
    " --configuration-aggregator-name {name} --update-status FAILED",
    breaks="The command only reads.",
    undo="Nothing to take back.",
    criteria=("CC7.1",),
)

outside_authorization = Rule(
    id="config.authorization.outside",
    table=Authorizations,
    fails=Authorizations.outsiders.list.len() > 0,
    severity=Severity.MEDIUM,
    title="An account outside the organization may gather this account's AWS Config data",
    rationale="It sees every resource of the region and how each is configured: a map for whoever"
    " looks for a way in.",
    remediation="Confirm with whoever runs the account what it gathers for, or delete the"
    " authorization.",
    console="AWS Config ({region}) > Authorizations > {authorized} > Delete",
    cli="aws configservice delete-aggregation-authorization --region {region}"
    " --authorized-account-id {authorized} --authorized-aws-region {authorized_region}",
    breaks="The aggregator there loses this account at once.",
    undo="Give it again: `aws configservice put-aggregation-authorization --region {region}"
    " --authorized-account-id {authorized} --authorized-aws-region {authorized_region}`.",
    criteria=("CC6.1", "CC6.3"),
)

rule_failing = Rule(
    id="config.rule.failing",
    table=ConfigRules,
    fails=ConfigRules.failing,
    severity=Severity.LOW,
    title="Rule of AWS Config fails to run",
    rationale="Its verdicts are as old as its last run, and look like any other verdict.",
    remediation="Read the error; mend the function or the role of a custom rule, or the"
    " parameters of a managed one, then evaluate it again.",
    console="AWS Config ({region}) > Rules > {name} (last error: {error})",
    cli="aws configservice start-config-rules-evaluation --region {region}"
    " --config-rule-names {name}",
    breaks="Each evaluation is charged, and a remediation that the rule starts by itself may"
    " follow.",
    undo="An evaluation cannot be taken back; delete the rule if nobody needs it.",
    criteria=("CC4.1", "CC7.1"),
)

pack_failed = Rule(
    id="config.conformance_pack.failed",
    table=ConformancePacks,
    fails=ConformancePacks.state.str.ends_with("_FAILED"),
    severity=Severity.LOW,
    title="Conformance pack could not be deployed",
    rationale="Some of its rules are missing or are an earlier version, while the pack is listed"
    " as if it were in force.",
    remediation="Read why in the pack's status and deploy it again.",
    console="AWS Config ({region}) > Conformance packs > {name}",
    cli="aws configservice describe-conformance-pack-status --region {region}"
    " --conformance-pack-names {name}",
    breaks="The command only reads; to deploy the pack again evaluates all its rules, which is"
    " charged.",
    undo="Put the earlier template of the pack again.",
    criteria=("CC4.1", "CC7.1"),
)

RULES = (
    recorder,
    delivery_channel,
    recording,
    recorder_failing,
    delivery_failing,
    some_types,
    excluded_types,
    daily_recording,
    recorder_role,
    retention,
    global_types,
    organization_aggregator,
    management_aggregator,
    aggregator_regions,
    aggregator_failing,
    outside_authorization,
    rule_failing,
    pack_failed,
)
