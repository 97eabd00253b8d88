"""What must hold of a region's settings of Systems Manager."""

from functools import partial

from stratum_pipeline.kernel.rule import Rule, Severity

from ..inventory import Regions

_rule = partial(Rule, table=Regions)
SET = "aws ssm update-service-setting --region {region} --setting-id "
SHARING = "/ssm/documents/console/public-sharing-permission"
LOGS = "/ssm/automation/customer-script-log-destination"

public_sharing = _rule(
    id="ssm.region.public_sharing",
    fails=Regions.public_sharing != "Disable",
    severity=Severity.MEDIUM,
    title="Documents can be made public",
    rationale="One call by anyone who may share documents publishes a script, and what it tells of"
    " your machines, to every AWS account; this setting forbids it.",
    remediation="Block public sharing, in each region. Documents that are public already stay so.",
    console="Systems Manager > Documents > Preferences > Block public sharing > Edit",
    cli=f"{SET}{SHARING} --setting-value Disable",
    breaks="Nobody can make a document public in this region any more.",
    undo=f"Allow it again: `{SET}{SHARING} --setting-value Enable`",
    criteria=("CC6.1", "CC6.6"),
)

script_log = _rule(
    id="ssm.region.script_log",
    when=Regions.runbooks > 0,
    fails=Regions.script_log != "CloudWatch",
    severity=Severity.LOW,
    title="Output of Automation scripts is not logged",
    rationale="Runbooks change the account with a role of their own; what their scripts"
    " (aws:executeScript) did and said is lost with the execution.",
    remediation="Send script output to CloudWatch Logs.",
    console="Systems Manager > Automation > Preferences > Edit > Send output to CloudWatch Logs",
    cli=f"{SET}{LOGS} --setting-value CloudWatch",
    breaks="Runbooks whose role may not create and write log streams fail at their script steps;"
    " CloudWatch Logs bills what is stored.",
    undo=f"Stop it: `aws ssm reset-service-setting --region {{region}} --setting-id {LOGS}`",
    criteria=("CC7.2",),
)

agent_updates = _rule(
    id="ssm.region.agent_updates",
    when=Regions.instances > 0,
    fails=(Regions.outdated_agents > 0) & ~Regions.updates_agents,
    severity=Severity.LOW,
    title="Agents are outdated and nothing updates them",
    rationale="The agent runs as root and takes orders from the network; its fixes, and features"
    " such as safe parameters, arrive with updates alone.",
    remediation="Have State Manager update the agent on all instances, every two weeks or so.",
    console="Systems Manager > Fleet Manager > Account management > Auto update SSM Agent",
    cli="aws ssm create-association --region {region} --name AWS-UpdateSSMAgent"
    " --targets Key=InstanceIds,Values=* --schedule-expression 'rate(14 days)'",
    breaks="The agent restarts when it is updated, which ends sessions on that instance.",
    undo="Delete the association: `aws ssm delete-association --region {region}"
    " --association-id <association-id>`",
    criteria=("CC7.1",),
)

RULES = (public_sharing, script_log, agent_updates)
