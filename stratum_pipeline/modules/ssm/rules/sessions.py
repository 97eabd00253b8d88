"""What must hold of Session Manager's preferences, where there are instances to log in to."""

from functools import partial

from stratum_pipeline.kernel.rule import Rule, Severity

from ..documents import IDLE_MINUTES
from ..inventory import SessionDocuments as Sessions

EDITOR = "Systems Manager > Session Manager > Preferences > Edit (document {name})"
UPDATE = (
    "aws ssm update-document --region {region} --name {name} --document-version '$LATEST'"
    " --content file://preferences.json"
)

preferences = Rule(
    id="ssm.session.preferences",
    table=Sessions,
    when=Sessions.instances > 0,
    fails=~Sessions.exists,
    severity=Severity.MEDIUM,
    title="Session Manager runs on its defaults",
    rationale="Until preferences are set, no session is recorded, everybody becomes ssm-user, who"
    " may do everything by sudo, and sessions have no end.",
    remediation="Set the preferences: logging to a bucket or log group, a KMS key, Run As, idle"
    " timeout and maximum duration.",
    console="Systems Manager > Session Manager > Preferences > Edit",
    cli="aws ssm create-document --region {region} --name {name} --document-type Session"
    " --document-format JSON --content file://preferences.json",
    breaks="Sessions fail to start where the instance's role may not write to the log or use the"
    " key, or where the Run As user doesn't exist on it.",
    undo="Delete the preferences: `aws ssm delete-document --region {region} --name {name}`",
    criteria=("CC6.1", "CC7.2"),
)

_rule = partial(
    Rule,
    table=Sessions,
    console=EDITOR,
    cli=UPDATE,
    undo="Make the version before it the default again: `aws ssm update-document-default-version"
    " --region {region} --name {name} --document-version <version>`",
)
_set = Sessions.exists & (Sessions.instances > 0)  # else `preferences` says it all
_logged = (Sessions.log_bucket != "") | (Sessions.log_group != "")

logging = _rule(
    id="ssm.session.logging",
    when=_set,
    fails=~_logged,
    severity=Severity.MEDIUM,
    title="Sessions are not recorded",
    rationale="Who logged in is in CloudTrail, but nothing tells what they typed and saw.",
    remediation="Send the session's output to a log group or a bucket that its users can't change.",
    breaks="Sessions fail to start on instances whose role may not write to the log.",
    criteria=("CC7.2", "CC7.3"),
)

log_encryption = _rule(
    id="ssm.session.log_encryption",
    when=_set & _logged,
    fails=((Sessions.log_bucket != "") & ~Sessions.bucket_encrypted)
    | ((Sessions.log_group != "") & ~Sessions.group_encrypted),
    severity=Severity.LOW,
    title="Session logs may go to an unencrypted place",
    rationale="Session logs hold what administrators see, passwords they type into prompts"
    " included; nothing checks that the bucket or log group is encrypted.",
    remediation="Encrypt the bucket or the log group with a KMS key, then demand it"
    " (s3EncryptionEnabled, cloudWatchEncryptionEnabled).",
    breaks="Sessions fail to start while the bucket or log group is not encrypted, or the"
    " instance's role may not use the key.",
    criteria=("CC6.1", "CC6.7"),
)

encryption = _rule(
    id="ssm.session.encryption",
    when=_set,
    fails=Sessions.kms_key == "",
    severity=Severity.LOW,
    title="Session data is not encrypted with a KMS key",
    rationale="Sessions have TLS alone; with a key, only those who may use it can open one, and"
    " every use of it is in CloudTrail.",
    remediation="Name a KMS key in the preferences, and let users and instance roles use it.",
    breaks="Users and instances without kms:GenerateDataKey or kms:Decrypt on the key can't start"
    " a session.",
    criteria=("CC6.1", "CC6.7"),
)

run_as = _rule(
    id="ssm.session.run_as",
    when=_set,
    fails=~Sessions.run_as,
    severity=Severity.MEDIUM,
    title="Everybody's session runs as ssm-user",
    rationale="ssm-user may do everything by sudo, and is the same for all: whoever may open a"
    " session is root, and on the instance nobody can tell one from another.",
    remediation="Turn on Run As, and tag roles and users with SSMSessionRunAs, the operating"
    " system's user that each shall be.",
    breaks="Sessions of people for whom no user is named, or whose user doesn't exist on the"
    " instance, fail; Windows is left alone.",
    criteria=("CC6.1", "CC6.3"),
)

idle_timeout = _rule(
    id="ssm.session.idle_timeout",
    when=_set,
    fails=Sessions.idle_minutes > IDLE_MINUTES,
    severity=Severity.LOW,
    title=f"Idle sessions stay open for more than {IDLE_MINUTES} minutes",
    rationale="A shell that was left open is anyone's who comes to the keyboard or the browser.",
    remediation=f"Let sessions end after {IDLE_MINUTES} minutes without input, or sooner.",
    breaks="Commands watched without typing are cut off with the session.",
    criteria=("CC6.1",),
)

max_duration = _rule(
    id="ssm.session.max_duration",
    when=_set,
    fails=Sessions.max_minutes == 0,
    severity=Severity.LOW,
    title="Sessions have no maximum duration",
    rationale="A session outlives the right to open it: whoever lost access, or stole it, stays in"
    " as long as something is typed.",
    remediation="Set maxSessionDuration, to a working day at most.",
    breaks="Sessions that last longer, long jobs in the foreground above all, are cut off.",
    criteria=("CC6.1", "CC6.2"),
)

RULES = (
    preferences,
    logging,
    log_encryption,
    encryption,
    run_as,
    idle_timeout,
    max_duration,
)
