"""What must hold of IAM roles."""

import polars as pl

from stratum_pipeline.kernel.rule import Rule, Severity
from stratum_pipeline.kernel.table import some

from ..inventory import Roles
from .users import DAYS, TOGETHER, old

WIDE = r"^arn:[a-z-]+:iam::aws:policy/(ReadOnlyAccess|PowerUserAccess)$"
TRUST = "IAM > Roles > {name} > Trust relationships > Edit trust policy"
PERMISSIONS = "IAM > Roles > {name} > Permissions > Permissions policies"
EDIT_TRUST = (
    "aws iam update-assume-role-policy --role-name {name} --policy-document file://trust.json"
)
UNDO_TRUST = "Put back the policy that the finding shows: " + EDIT_TRUST
UNDO_BOUNDARY = "aws iam delete-role-permissions-boundary --role-name {name}"

MADE_BY_AWS = ["AWSControlTowerExecution", "OrganizationAccountAccessRole"]
"""Administrators that AWS makes in member accounts, for the management account to enter by."""

RESERVED = "/aws-reserved/"  # IAM Identity Center's, where it is to be changed

role_trust_anyone = Rule(
    id="iam.role.trust_anyone",
    table=Roles,
    when=~Roles.service_linked,
    fails=Roles.trust_anyone,
    severity=Severity.CRITICAL,
    title="Role can be assumed from any AWS account",
    rationale="Anyone with an AWS account gets the role's permissions; an external id does not "
    "say who calls, nor does an organization's id with a wildcard.",
    remediation="Name the trusted accounts or roles as principals, or require aws:PrincipalOrgID.",
    console=TRUST,
    cli=EDIT_TRUST,
    breaks="Callers of accounts that the new policy leaves out, once their sessions end.",
    undo=UNDO_TRUST,
    criteria=("CC6.1", "CC6.6"),
    exposed=pl.lit(True),
    related=pl.concat_list("arn"),
)

role_trust_oidc_subject = Rule(
    id="iam.role.trust_oidc_subject",
    table=Roles,
    when=~Roles.service_linked,
    fails=Roles.trust_oidc_subject,
    severity=Severity.HIGH,
    title="Role accepts any subject of an OIDC provider",
    rationale="A trusted provider vouches for all its tenants: without a condition on the "
    "subject, a stranger's pipeline, pod or app can assume the role.",
    remediation="Add a condition on the provider's sub claim that names your organization and "
    "repository, or namespace and service account.",
    console=TRUST,
    cli=EDIT_TRUST,
    breaks="Pipelines, pods or apps whose subject the condition does not name.",
    undo=UNDO_TRUST,
    criteria=("CC6.1", "CC6.6"),
    exposed=Roles.trust_oidc_shared,
    related=pl.concat_list("arn"),
)

role_confused_deputy = Rule(
    id="iam.role.confused_deputy",
    table=Roles,
    when=~Roles.service_linked,
    fails=Roles.trust_services,
    severity=Severity.LOW,
    title="Role trusts an AWS service whoever it acts for",
    rationale="The service may be made to use the role on behalf of another account: the "
    "confused deputy. That only roles of one's own account can be passed to a service prevents "
    "most of it; the service's guide asks for the condition all the same.",
    remediation="Add a condition on aws:SourceAccount, or aws:SourceArn, to the statement that "
    "trusts the service.",
    console=TRUST,
    cli=EDIT_TRUST,
    breaks="The service, if the condition names another account or resource than it acts for.",
    undo=UNDO_TRUST,
    criteria=("CC6.1", "CC6.3"),
)

_outside = Roles.outsiders.list.len() > 0

role_outside_wide = Rule(
    id="iam.role.outside_wide",
    table=Roles,
    when=~Roles.service_linked & _outside,
    fails=Roles.administrator | some(Roles.attached_policies, pl.element().str.contains(WIDE)),
    severity=Severity.HIGH,
    title="Role lets an account outside the organization read or change nearly everything",
    rationale="Who can assume it there is decided there. ReadOnlyAccess alone reads the objects "
    "of every bucket and the items of every table.",
    remediation="Give the outsider the actions it needs, on named resources: SecurityAudit or "
    "ViewOnlyAccess suffice to look at settings.",
    console=PERMISSIONS,
    cli="aws iam attach-role-policy --role-name {name} --policy-arn "
    "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
    breaks="What the outsider does with the permissions that are taken away.",
    undo="aws iam attach-role-policy --role-name {name} --policy-arn "
    "arn:aws:iam::aws:policy/ReadOnlyAccess",
    criteria=("CC6.1", "CC6.3", "CC9.2"),
    exposed=pl.lit(True),
    related=pl.concat_list("arn"),
)

role_outside_no_external_id = Rule(
    id="iam.role.outside_no_external_id",
    table=Roles,
    when=~Roles.service_linked & ~(_outside & role_outside_wide.fails),
    fails=Roles.outsiders_unheld.list.len() > 0,
    severity=Severity.MEDIUM,
    title="Role trusts an account outside the organization without an external id",
    rationale="A vendor that serves many customers from that account can be told by one of them "
    "to use another's role: only an external id of your own prevents it.",
    remediation="If the account is yours, bring it into the organization; if it is a vendor's, "
    "require the external id it gave you; if nobody knows it, delete the role.",
    console=TRUST,
    cli=EDIT_TRUST,
    breaks="The outsider's access, until it sends the external id.",
    undo=UNDO_TRUST,
    criteria=("CC6.1", "CC6.6", "CC9.2"),
    exposed=pl.lit(True),
    related=pl.concat_list("arn"),
)

role_outside = Rule(
    id="iam.role.outside",
    table=Roles,
    when=~Roles.service_linked
    & ~(_outside & role_outside_wide.fails)
    & ~role_outside_no_external_id.fails,
    fails=_outside,
    severity=Severity.LOW,
    title="Role trusts an account outside the organization, by an external id",
    rationale="It is done as it should be, and still a way in that others guard: every one needs "
    "an owner who knows why it is there.",
    remediation="Make sure that the relationship goes on and the permissions are those it needs, "
    "and suppress the finding with the owner's name; otherwise delete the role.",
    console="IAM > Roles > {name} > Trust relationships",
    cli="aws iam get-role --role-name {name}",
    breaks="Deleting the role ends the outsider's access.",
    undo="Create it again with the trust policy that the finding shows.",
    criteria=("CC6.1", "CC9.2"),
    exposed=pl.lit(True),
)

# A customer managed policy that allows everything is a finding of its own, not ours.
role_workload_administrator = Rule(
    id="iam.role.workload_administrator",
    version=2,
    table=Roles,
    when=~Roles.service_linked,
    fails=Roles.trust_compute & Roles.administrator,
    severity=Severity.HIGH,
    title="Workload runs as administrator",
    rationale="Any code execution or request forgery in the workload takes over the account.",
    remediation="Give the role only the actions its workload uses, as last-accessed data "
    "shows, and a permissions boundary until then.",
    console=PERMISSIONS,
    cli="aws iam put-role-permissions-boundary --role-name {name} --permissions-boundary "
    "BOUNDARY_POLICY_ARN",
    breaks="What the workload does and the boundary does not allow.",
    undo=UNDO_BOUNDARY,
    criteria=("CC6.3",),
    related=pl.concat_list("arn", Roles.instance_profile_arns),
)

role_administrator = Rule(
    id="iam.role.administrator",
    table=Roles,
    when=~Roles.service_linked
    & ~Roles.path.str.starts_with(RESERVED)
    & ~Roles.name.is_in(MADE_BY_AWS)
    & ~Roles.trust_compute  # a workload's is another finding, and so is an outsider's
    & ~_outside,
    fails=Roles.administrator,
    severity=Severity.MEDIUM,
    title="Role is administrator",
    rationale="Whoever may assume it can do anything here: people, pipelines or other accounts, "
    "as its trust policy says.",
    remediation="Narrow it to the actions that last-accessed data shows, or keep it for "
    "emergencies: require MFA in its trust policy and alert when it is assumed.",
    console=PERMISSIONS,
    cli="aws iam put-role-permissions-boundary --role-name {name} --permissions-boundary "
    "BOUNDARY_POLICY_ARN",
    breaks="What those who assume it do and the boundary does not allow.",
    undo=UNDO_BOUNDARY,
    criteria=("CC6.1", "CC6.3"),
    related=pl.concat_list("arn"),
)

role_combined_escalation = Rule(
    id="iam.role.combined_escalation",
    table=Roles,
    when=~Roles.service_linked & (Roles.boundary == ""),
    fails=Roles.together.list.len() > 0,
    severity=Severity.HIGH,
    title="Role's policies, taken together, let it become administrator",
    rationale=TOGETHER,
    remediation="Take one part of each way that the finding names out of the role's policies, or "
    "name the resources it may be done to.",
    console=PERMISSIONS,
    cli="aws iam put-role-permissions-boundary --role-name {name} --permissions-boundary "
    "BOUNDARY_POLICY_ARN",
    breaks="What the role does by the part that is taken away.",
    undo=UNDO_BOUNDARY,
    criteria=("CC6.1", "CC6.3"),
    related=pl.concat_list("arn"),
)

role_unused = Rule(
    id="iam.role.unused",
    table=Roles,
    when=~Roles.service_linked
    & ~Roles.path.str.starts_with(RESERVED)
    & ~Roles.name.is_in(MADE_BY_AWS),
    fails=old(Roles.created_at) & old(Roles.last_used),
    severity=Severity.LOW,
    title=f"Role was not used for {DAYS} days",
    rationale="Nobody would miss it, and whoever its trust policy lets in can still become it.",
    remediation="Deny its use for a while, then delete it; a role kept for emergencies is to be "
    "suppressed here, and tried out.",
    console="IAM > Roles > {name} > Last Accessed",
    cli="aws iam put-role-policy --role-name {name} --policy-name retired --policy-document "
    '\'{{"Version": "2012-10-17", "Statement": [{{"Effect": "Deny", "Action": "*", '
    '"Resource": "*"}}]}}\'',
    breaks="What uses the role less than once in three months.",
    undo="aws iam delete-role-policy --role-name {name} --policy-name retired",
    criteria=("CC6.2", "CC6.3"),
)

role_service_unused = Rule(
    id="iam.role.service_unused",
    table=Roles,
    when=~Roles.service_linked & ~role_unused.fails & (Roles.service_use.list.len() > 0),
    fails=old(Roles.service_idle_since),
    severity=Severity.LOW,
    title=f"Role may use Bedrock or SageMaker and has not for {DAYS} days",
    rationale="Models see data and cost money by the call: stolen credentials that may invoke "
    "them are resold.",
    remediation="Take the service out of the role's policies.",
    console="IAM > Roles > {name} > Last Accessed",
    cli="aws iam generate-service-last-accessed-details --arn {arn}",
    breaks="What the role does there less than once in three months.",
    undo="Put the actions back: aws iam set-default-policy-version --policy-arn POLICY_ARN "
    "--version-id OLD_VERSION",
    criteria=("CC6.3",),
)

RULES = (
    role_trust_anyone,
    role_trust_oidc_subject,
    role_confused_deputy,
    role_outside_wide,
    role_outside_no_external_id,
    role_outside,
    role_workload_administrator,
    role_administrator,
    role_combined_escalation,
    role_unused,
    role_service_unused,
)
