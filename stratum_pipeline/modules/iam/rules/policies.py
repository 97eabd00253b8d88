"""What must hold of policies: customer managed ones, and those written on one identity."""

from typing import Any

import polars as pl

from stratum_pipeline.kernel.rule import Rule, Severity

from ..inventory import InlinePolicies, Policies

IN_USE = Policies.attachment_count > 0
# What allows everything is a finding of its own: inline, that of the identity that holds it.
SOME = ~Policies.full_admin

EDIT = "IAM > Policies > {name} > Permissions > Edit"
MANAGED: dict[str, Any] = {
    "table": Policies,
    "console": EDIT,
    "cli": "aws iam create-policy-version --policy-arn {arn} --policy-document "
    "file://policy.json --set-as-default",
    "undo": "aws iam set-default-policy-version --policy-arn {arn} --version-id {default_version}",
}
INLINE: dict[str, Any] = {
    "table": InlinePolicies,
    "console": "IAM > {kind} {holder_name} > Permissions > {name} > Edit",
    "cli": "aws iam create-policy --policy-name {name} --policy-document file://policy.json",
    "undo": "Write the document that the finding shows on {holder_name} again, as {name}.",
    "related": pl.concat_list("holder"),
}

policy_full_admin = Rule(
    id="iam.policy.full_admin",
    table=Policies,
    fails=IN_USE & Policies.full_admin,
    severity=Severity.HIGH,
    title="Customer managed policy in use allows every action on every resource",
    rationale="Whoever holds it is an administrator, under a name that reviews may overlook.",
    remediation="Replace it by the actions its holders use, as last-accessed data shows; where "
    "an administrator is meant, attach AdministratorAccess, which says so.",
    console=EDIT,
    cli="aws iam list-entities-for-policy --policy-arn {arn}",
    breaks="All that its holders do and the new version does not allow.",
    undo="aws iam set-default-policy-version --policy-arn {arn} --version-id {default_version}",
    criteria=("CC6.1", "CC6.3"),
)

policy_unattached_full_admin = Rule(
    id="iam.policy.unattached_full_admin",
    table=Policies,
    when=Policies.attachment_count == 0,
    fails=Policies.full_admin,
    severity=Severity.LOW,
    title="Customer managed policy that nobody holds allows every action on every resource",
    rationale="Whoever may attach a policy becomes administrator by it, where the AWS managed one "
    "may be denied to them.",
    remediation="Delete the policy.",
    console="IAM > Policies > {name} > Delete",
    cli="aws iam delete-policy --policy-arn {arn}",
    breaks="Nothing, unless it serves as a permissions boundary.",
    undo="aws iam create-policy --policy-name {name} --policy-document file://policy.json",
    criteria=("CC6.3",),
)

ESCALATION: dict[str, Any] = {
    "fails": Policies.escalations.list.len() > 0,
    "severity": Severity.HIGH,
    "rationale": "One of the ways that the finding names is enough, each published and automated: "
    "giving oneself a policy, a key of another user, or code that runs as a stronger role. "
    "Resources and conditions of the statements were looked at, a permissions boundary and the "
    "organization's policies were not.",
    "breaks": "Deployments that create or pass roles beyond the resources that are still named.",
    "criteria": ("CC6.1", "CC6.3"),
}

policy_privilege_escalation = Rule(
    **MANAGED,
    **ESCALATION,
    id="iam.policy.privilege_escalation",
    when=IN_USE & SOME,
    title="Customer managed policy lets its holders become administrator",
    remediation="Name the resources: roles that may be passed, and to which service; users, "
    "groups and policies that may be changed. Or demand a permissions boundary of all that its "
    "holders create.",
)

inline_policy_privilege_escalation = Rule(
    **INLINE,
    **ESCALATION,
    id="iam.inline_policy.privilege_escalation",
    when=SOME,
    title="Inline policy lets its holder become administrator",
    remediation="Name the resources: roles that may be passed, and to which service; users, "
    "groups and policies that may be changed. Best in a managed policy, attached in its stead.",
)

GUARDED: dict[str, Any] = {
    "fails": Policies.guards.list.len() > 0,
    "severity": Severity.MEDIUM,
    "rationale": "Who may do everything in CloudTrail, Config, GuardDuty, Security Hub, Access "
    "Analyzer, Organizations or KMS may stop the record of what they do, or destroy the keys that "
    "data is encrypted with.",
    "breaks": "What the holder administers there and the new statements leave out.",
    "criteria": ("CC6.1", "CC6.3", "CC7.2"),
}
_NAME_ACTIONS = "Name the actions that are used, and leave stopping, deleting and disabling to few."

policy_guard_control = Rule(
    **MANAGED,
    **GUARDED,
    id="iam.policy.guard_control",
    when=IN_USE & SOME,
    title="Customer managed policy gives full control of what guards the account",
    remediation=_NAME_ACTIONS,
)

inline_policy_guard_control = Rule(
    **INLINE,
    **GUARDED,
    id="iam.inline_policy.guard_control",
    when=SOME,
    title="Inline policy gives full control of what guards the account",
    remediation=_NAME_ACTIONS,
)

UNSCOPED: dict[str, Any] = {
    "fails": Policies.unscoped.list.len() > 0,
    "severity": Severity.MEDIUM,
    "rationale": "Assuming or passing any role, speaking for any agent's user, or subscribing to "
    "any product is as much as the most powerful of them: whatever is created later is included.",
    "breaks": "Uses of roles, agents or products that the new statements do not name.",
    "criteria": ("CC6.1", "CC6.3"),
}
_NAME_RESOURCES = (
    "Name the roles or agents in Resource, and for iam:PassRole the service in "
    "iam:PassedToService; let a private marketplace approve products."
)

policy_unscoped_actions = Rule(
    **MANAGED,
    **UNSCOPED,
    id="iam.policy.unscoped_actions",
    when=IN_USE & SOME & ~ESCALATION["fails"],  # the same statements, and graver
    title="Customer managed policy allows sensitive actions on whatever there is",
    remediation=_NAME_RESOURCES,
)

inline_policy_unscoped_actions = Rule(
    **INLINE,
    **UNSCOPED,
    id="iam.inline_policy.unscoped_actions",
    when=SOME & ~ESCALATION["fails"],
    title="Inline policy allows sensitive actions on whatever there is",
    remediation=_NAME_RESOURCES,
)

RULES = (
    policy_full_admin,
    policy_unattached_full_admin,
    policy_privilege_escalation,
    policy_guard_control,
    policy_unscoped_actions,
    inline_policy_privilege_escalation,
    inline_policy_guard_control,
    inline_policy_unscoped_actions,
)
