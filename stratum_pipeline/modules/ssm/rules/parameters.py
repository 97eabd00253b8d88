"""What must hold of parameters, as far as all but their values tells."""

from stratum_pipeline.kernel.rule import Rule, Severity

from ..inventory import Parameters

plain_secret = Rule(
    id="ssm.parameter.plain_secret",
    table=Parameters,
    when=Parameters.names_secret,
    fails=Parameters.kind != "SecureString",
    severity=Severity.MEDIUM,
    title="Parameter named like a secret is not encrypted",
    rationale="Its value is plain text to whoever may read parameters, in its history and in"
    " CloudFormation too; a SecureString asks for the right to use its key as well.",
    remediation="Store it anew as a SecureString, replace the secret, and delete this parameter,"
    " whose history keeps the old value.",
    console="Systems Manager > Parameter Store > {name}",
    cli="aws ssm put-parameter --region {region} --name {name}-secure --type SecureString"
    " --value file://secret",
    breaks="Readers must ask with WithDecryption and need kms:Decrypt on its key; templates"
    " must resolve it as ssm-secure, which few resources take.",
    undo="Keep reading the old parameter until it is deleted.",
    criteria=("CC6.1",),
)

outsiders = Rule(
    id="ssm.parameter.outsiders",
    table=Parameters,
    fails=Parameters.policy_public | (Parameters.outsiders.list.len() > 0),
    severity=Severity.HIGH,
    title="Parameter is shared outside the organization",
    rationale="Its resource policy lets accounts that are not yours read its value, present and"
    " future.",
    remediation="Confirm what each account is for; end the resource share, or take from the"
    " policy whom no one vouches for.",
    console="Systems Manager > Parameter Store > {name} > Sharing",
    cli="aws ssm get-resource-policies --region {region} --resource-arn {arn}",
    breaks="Applications in the other accounts can no longer read the parameter.",
    undo="Share it again through Resource Access Manager, or with `aws ssm put-resource-policy"
    " --region {region} --resource-arn {arn} --policy file://policy.json`",
    criteria=("CC6.1", "CC9.2"),
)

RULES = (plain_secret, outsiders)
