"""What must hold of documents, and of the associations that run them."""

from stratum_pipeline.kernel.rule import ALWAYS, Rule, Severity
from stratum_pipeline.kernel.table import has

from ..inventory import Associations, Documents

DETAILS = "Systems Manager > Documents > Owned by me > {name} > Details > Permissions > Edit"
EDITOR = (
    "Systems Manager > Documents > Owned by me > {name} ({kind}) > Actions > Create new version"
)
NEW_VERSION = (
    "aws ssm update-document --region {region} --name {name} --document-version '$LATEST'"
    " --content file://document.json"
)
OLD_VERSION = (
    "Make the version before it the default again: `aws ssm update-document-default-version"
    " --region {region} --name {name} --document-version <version>`"
)

public = Rule(
    id="ssm.document.public",
    table=Documents,
    fails=has(Documents.shared_with, "*"),
    severity=Severity.HIGH,
    exposed=ALWAYS,
    title="Document is public",
    rationale="Every AWS account can find it, read it, and learn from its scripts how your"
    " machines are set up; whoever runs it trusts what you put in it.",
    remediation="Stop sharing it with all accounts, and name those that need it.",
    console=DETAILS + " > Private",
    cli="aws ssm modify-document-permission --region {region} --name {name}"
    " --permission-type Share --account-ids-to-remove all",
    breaks="Accounts that run it without being named lose it, and their associations with it fail.",
    undo="Share it with all again: `aws ssm modify-document-permission --region {region}"
    " --name {name} --permission-type Share --account-ids-to-add all`",
    criteria=("CC6.1", "CC6.6"),
)

outsiders = Rule(
    id="ssm.document.outsiders",
    table=Documents,
    # Where it is public, the strangers named beside are no news.
    when=~public.fails,
    fails=Documents.outsiders.list.len() > 0,
    severity=Severity.MEDIUM,
    title="Document is shared with accounts outside the organization",
    rationale="The other accounts read its scripts, now and in every version to come, and nobody"
    " here is told when one of them changes hands.",
    remediation="Confirm what each account is for; stop sharing with those that no one vouches"
    " for.",
    console=DETAILS,
    cli="aws ssm modify-document-permission --region {region} --name {name}"
    " --permission-type Share --account-ids-to-remove <account-id>",
    breaks="The account taken off can no longer run the document, and its associations with it"
    " fail.",
    undo="Add it again: `aws ssm modify-document-permission --region {region} --name {name}"
    " --permission-type Share --account-ids-to-add <account-id>`",
    criteria=("CC6.1", "CC9.2"),
)

secrets = Rule(
    id="ssm.document.secrets",
    table=Documents,
    fails=Documents.secrets.list.len() > 0,
    severity=Severity.HIGH,
    title="Document holds a secret in plain text",
    rationale="Whoever may call ssm:GetDocument reads it, as do all with whom the document is"
    " shared, and every older version keeps it.",
    remediation="Replace the secret where it is used, then have the document fetch it at run time"
    " from Secrets Manager or a SecureString parameter; delete the versions that hold it.",
    console=EDITOR,
    cli=NEW_VERSION,
    breaks="Runs that still use the replaced secret fail until document and secret agree; the"
    " role that runs the document needs permission to read it.",
    undo=OLD_VERSION,
    criteria=("CC6.1",),
)

plain_http = Rule(
    id="ssm.document.plain_http",
    table=Documents,
    fails=Documents.plain_http.list.len() > 0,
    severity=Severity.MEDIUM,
    title="Document downloads over plain HTTP",
    rationale="Anyone on the way can replace what is downloaded, and documents run as root or"
    " SYSTEM on every instance they target.",
    remediation="Download over HTTPS, better from a bucket of your own, and check a hash or a"
    " signature before anything is run.",
    console=EDITOR,
    cli=NEW_VERSION,
    breaks="The download fails where the host offers no HTTPS, or the instance doesn't trust its"
    " certificate.",
    undo=OLD_VERSION,
    criteria=("CC6.7", "CC6.8"),
)

unchecked_parameters = Rule(
    id="ssm.document.unchecked_parameters",
    table=Documents,
    fails=Documents.unchecked.list.len() > 0,
    severity=Severity.MEDIUM,
    title="Document pastes parameters into its script unchecked",
    rationale="Whoever may run this document, and nothing else, can run any command as root by"
    " putting it into a parameter: the limit that the document was meant to set isn't one.",
    remediation="Give each of the parameters an allowedPattern or allowedValues, or pass it as an"
    " environment variable with interpolationType ENV_VAR.",
    console=EDITOR,
    cli=NEW_VERSION,
    breaks="Runs with values that the pattern doesn't match are refused; ENV_VAR needs a recent"
    " agent, and scripts that read the variable.",
    undo=OLD_VERSION,
    criteria=("CC6.1", "CC6.8"),
)

foreign_document = Rule(
    id="ssm.association.foreign_document",
    table=Associations,
    # A version by number can't be changed under us.
    fails=(Associations.outsiders.list.len() > 0)
    & Associations.document_version.is_in(["", "$DEFAULT", "$LATEST"]),
    severity=Severity.HIGH,
    title="Association runs a document that strangers can change",
    rationale="The document belongs to an account outside the organization: with its next version"
    " that account runs what it likes, as root, on every instance the association targets.",
    remediation="Copy the document into an account of yours, after reading it, and run that; at"
    " least name a version by its number.",
    console="Systems Manager > State Manager > {association_id} > Edit > Document version",
    cli="aws ssm update-association --region {region} --association-id {association_id}"
    " --document-version <number>",
    breaks="Fixes that the other account publishes no longer arrive by themselves.",
    undo="Name the moving version again: `aws ssm update-association --region {region}"
    " --association-id {association_id} --document-version '$DEFAULT'`",
    criteria=("CC6.8", "CC8.1", "CC9.2"),
)

failing = Rule(
    id="ssm.association.failing",
    table=Associations,
    fails=(Associations.status == "Failed") | (Associations.failures > 0),
    severity=Severity.MEDIUM,
    title="Association fails on its targets",
    rationale="What it keeps in place there (patches, agents, settings) is not kept, and nothing"
    " says so but this status.",
    remediation="Look up the failed executions' output, mend the cause, and apply the"
    " association again.",
    console="Systems Manager > State Manager > {association_id} ({document}) > Execution history",
    cli="aws ssm start-associations-once --region {region} --association-ids {association_id}",
    breaks="The association's document runs at once on all its targets, outside its schedule.",
    undo="What the document did on the instances stays; nothing else needs to be taken back.",
    criteria=("CC7.1", "CC7.2"),
)

RULES = (
    public,
    outsiders,
    secrets,
    plain_http,
    unchecked_parameters,
    foreign_document,
    failing,
)
