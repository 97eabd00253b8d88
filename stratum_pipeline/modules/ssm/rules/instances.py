"""What must hold of instances: that they are managed, patched and supported."""

import polars as pl

from stratum_pipeline.kernel.rule import SCANNED_AT, Rule, Severity, age_days, never

from ..inventory import ManagedInstances, RunningInstances

STALE_DAYS = 30
"""Patch scans older than this say nothing of today: makers publish monthly."""

NODE = "Systems Manager > Fleet Manager > {instance_id}"
PATCH_NOW = (
    "aws ssm send-command --region {region} --document-name AWS-RunPatchBaseline"
    " --parameters Operation={operation} --instance-ids {{instance_id}}"
)
INSTALL = PATCH_NOW.replace("{operation}", "Install")
SCAN = PATCH_NOW.replace("{operation}", "Scan")

_scanned = ~never(ManagedInstances.patch_time)
_amiss = ManagedInstances.missing + ManagedInstances.failed + ManagedInstances.rejected > 0
_grave = ManagedInstances.critical + ManagedInstances.security > 0

security_patches = Rule(
    id="ssm.instance.security_patches",
    table=ManagedInstances,
    when=_scanned,
    # What only awaits a reboot is `pending_reboot`'s to tell.
    fails=_amiss & _grave,
    severity=Severity.HIGH,
    title="Instance lacks security patches",
    rationale="The flaws that these patches close are public, and attacks on them are ready made.",
    remediation="Install what the baseline approves, in a maintenance window; see why the"
    " schedule that should have done it didn't.",
    console=NODE + " > Patches",
    cli=INSTALL,
    breaks="Services restart, and the instance reboots unless RebootOption is NoReboot; an update"
    " may not agree with the software on it.",
    undo="Roll the package back on the instance, or restore the snapshot taken before.",
    criteria=("CC7.1",),
)

patches = Rule(
    id="ssm.instance.patches",
    table=ManagedInstances,
    when=_scanned & ~security_patches.fails,
    fails=_amiss,
    severity=Severity.MEDIUM,
    title="Instance does not comply with its patch baseline",
    rationale="Approved patches are missing or failed, or a rejected one is installed: what runs"
    " is not what was decided.",
    remediation="Install what is missing, and remove what the baseline rejects.",
    console=NODE + " > Patches",
    cli=INSTALL,
    breaks="Services restart, and the instance reboots unless RebootOption is NoReboot.",
    undo="Roll the package back on the instance, or restore the snapshot taken before.",
    criteria=("CC7.1",),
)

pending_reboot = Rule(
    id="ssm.instance.pending_reboot",
    table=ManagedInstances,
    when=_scanned & ~_amiss,
    fails=ManagedInstances.pending_reboot > 0,
    severity=Severity.MEDIUM,
    title="Installed patches await a reboot",
    rationale="The old code runs on, flaws included, until the instance is restarted.",
    remediation="Reboot it in a maintenance window, and let patching reboot where it must"
    " (RebootOption RebootIfNeeded).",
    console=NODE + " > Node actions > Reboot node",
    cli=PATCH_NOW.replace("{operation}", "Install,RebootOption=RebootIfNeeded"),
    breaks="The instance is away for the minutes that a reboot takes.",
    undo="A reboot can't be taken back; the packages can be rolled back on the instance.",
    criteria=("CC7.1",),
)

patch_scan = Rule(
    id="ssm.instance.patch_scan",
    table=ManagedInstances,
    # One that is away can't be scanned, and one of today has not been yet.
    when=(ManagedInstances.ping == "Online") & (age_days(ManagedInstances.registered) >= 1),
    fails=age_days(ManagedInstances.patch_time) > STALE_DAYS,  # never is long ago too
    severity=Severity.MEDIUM,
    title=f"Instance was not scanned for patches in {STALE_DAYS} days",
    rationale="Nobody knows which patches it lacks, and no compliance report says so: what was"
    " never scanned is missing from them.",
    remediation="Cover it with a patch policy (Quick Setup), or an association that scans daily"
    " with AWS-RunPatchBaseline.",
    console="Systems Manager > Quick Setup > Patch Manager > Create",
    cli=SCAN,
    breaks="A scan costs the instance some minutes of CPU; it installs and restarts nothing.",
    undo="A scan changes nothing; an association is deleted with `aws ssm delete-association"
    " --region {region} --association-id <association-id>`",
    criteria=("CC7.1",),
)

unsupported_os = Rule(
    id="ssm.instance.unsupported_os",
    table=ManagedInstances,
    fails=~never(ManagedInstances.support_ends) & (age_days(ManagedInstances.support_ends) > 0),
    severity=Severity.MEDIUM,
    title="Instance runs an operating system without security updates",
    rationale="Flaws found since its maker's support ended stay open, and patch scans call the"
    " instance compliant because there is nothing to install.",
    remediation="Move the workload to a supported release; until then buy extended updates where"
    " the maker sells them (ESM, ELS, ESU, LTSS), and keep strangers away from it.",
    console=NODE + " ({os_name} {os_version})",
    cli="aws ssm describe-instance-information --region {region}"
    " --filters Key=InstanceIds,Values={instance_id}",
    breaks="Software built for the old release may not run on the new one.",
    undo="Keep the old instance, stopped, and its image until the new one has proved itself.",
    criteria=("CC7.1",),
)

offline = Rule(
    id="ssm.instance.offline",
    table=ManagedInstances,
    when=ManagedInstances.running,
    fails=ManagedInstances.ping != "Online",
    severity=Severity.MEDIUM,
    title="Running instance has lost its connection to Systems Manager",
    rationale="It can no longer be patched, reached by Session Manager or contained in an"
    " incident, and its last report stands as if it were today's.",
    remediation="See that the agent runs, that its role or the default host management allows it,"
    " and that it reaches the ssm and ssmmessages endpoints; deregister what no longer"
    " exists.",
    console=NODE,
    cli="aws ssm get-connection-status --region {region} --target {instance_id}",
    breaks="Restarting the agent ends the sessions and commands that it runs.",
    undo="The agent's former settings are taken back on the instance itself.",
    criteria=("CC7.1", "CC7.2"),
)

custom_compliance = Rule(
    id="ssm.instance.custom_compliance",
    table=ManagedInstances,
    fails=ManagedInstances.custom_failures.list.len() > 0,
    severity=Severity.LOW,
    title="Instance fails a compliance check of your own",
    rationale="A check that someone here wrote and reports to Systems Manager says that the"
    " instance is not as it must be.",
    remediation="Look up the failed items, and mend what they name.",
    console="Systems Manager > Compliance > {instance_id}",
    cli="aws ssm list-compliance-items --region {region} --resource-ids {instance_id}"
    " --resource-types ManagedInstance",
    breaks="That depends on the check: mending what it names may restart services.",
    undo="What was changed on the instance is taken back there.",
    criteria=("CC7.1",),
)

unmanaged = Rule(
    id="ssm.instance.unmanaged",
    table=RunningInstances,
    # An agent takes a while to register what was just started.
    when=SCANNED_AT - RunningInstances.launched > pl.duration(hours=1),
    fails=~RunningInstances.managed,
    related=pl.concat_list(pl.when(RunningInstances.profile != "").then(RunningInstances.profile)),
    severity=Severity.MEDIUM,
    title="Running instance is not managed by Systems Manager",
    rationale="Its patches are unknown, access to it needs open ports and keys, and in an incident"
    " no command can be run on it.",
    remediation="Let Systems Manager manage every instance of the region by Default Host"
    " Management Configuration, or attach AmazonSSMManagedInstanceCore to its role; see that"
    " the agent is installed and reaches the ssm and ssmmessages endpoints.",
    console="Systems Manager > Fleet Manager > Account management >"
    " Default Host Management Configuration",
    cli="aws ssm update-service-setting --region {region}"
    " --setting-id /ssm/managed-instance/default-ec2-instance-management-role"
    " --setting-value service-role/AWSSystemsManagerDefaultEC2InstanceManagementRole",
    breaks="Nothing stops; whoever may use Session Manager or Run Command in the account reaches"
    " the instance from then on.",
    undo="Turn it off again: `aws ssm reset-service-setting --region {region}"
    " --setting-id /ssm/managed-instance/default-ec2-instance-management-role`",
    criteria=("CC6.8", "CC7.1"),
)

RULES = (
    security_patches,
    patches,
    pending_reboot,
    patch_scan,
    unsupported_os,
    offline,
    custom_compliance,
    unmanaged,
)
