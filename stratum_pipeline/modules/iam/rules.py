"""What must hold of identities."""

import polars as pl

from stratum_pipeline.kernel.rule import Rule, Severity, age_days
from stratum_pipeline.kernel.table import some

from .inventory import PasswordPolicy, Policies, Roles, RootUser, Users

DAYS = 90
LENGTH, REMEMBERED = 14, 24
ADMINISTRATOR = r"^arn:[a-z-]+:iam::aws:policy/AdministratorAccess$"


def _old(since: pl.Expr) -> pl.Expr:
    return age_days(since) > DAYS


def _stale(active: pl.Expr, used: pl.Expr, issued: pl.Expr) -> pl.Expr:
    """Neither used nor issued lately; one never used is as old as its issue."""
    return active & _old(used) & _old(issued)


KEYS = (
    (Users.access_key_1_active, Users.access_key_1_last_used, Users.access_key_1_last_rotated),
    (Users.access_key_2_active, Users.access_key_2_last_used, Users.access_key_2_last_rotated),
)

root_access_key = Rule(
    id="iam.root.access_key",
    table=RootUser,
    fails=RootUser.access_keys,
    severity=Severity.CRITICAL,
    title="Root user has access keys",
    rationale="A leaked root key is the whole account: no IAM policy can restrict it.",
    remediation="Move what uses the key to a role, then delete the key; in an organization, "
    "centralized root access deletes it without signing in as root: the command gives the "
    "credentials for it.",
    console="IAM > Root access management > {account_id} > Take privileged action > "
    "Delete root user credentials",
    cli="aws sts assume-root --target-principal {account_id} --task-policy-arn "
    "arn=arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials",
    criteria=("CC6.1", "CC6.3"),
)

root_mfa = Rule(
    id="iam.root.mfa",
    table=RootUser,
    fails=RootUser.password & ~RootUser.mfa,
    severity=Severity.CRITICAL,
    title="Root user signs in without MFA",
    rationale="Whoever has root's password, or its mailbox to reset it, has the account.",
    remediation="Register at least two MFA devices for root; in an organization, better remove "
    "root's credentials altogether through centralized root access.",
    console="Root user > Security credentials > Multi-factor authentication > Assign MFA device",
    cli="aws sts assume-root --target-principal {account_id} --task-policy-arn "
    "arn=arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials",
    criteria=("CC6.1",),
)

user_mfa = Rule(
    id="iam.user.mfa",
    table=Users,
    fails=Users.console_password & ~Users.mfa_active,
    severity=Severity.HIGH,
    title="User signs in to the console without MFA",
    rationale="A guessed, reused or phished password is enough to sign in as this user.",
    remediation="Register an MFA device, or delete the password and sign in through IAM "
    "Identity Center.",
    console="IAM > Users > {name} > Security credentials > Multi-factor authentication > "
    "Assign MFA device",
    cli="aws iam delete-login-profile --user-name {name}",
    criteria=("CC6.1",),
)

# A key that nobody uses is to be deleted, not rotated: unused_credentials speaks of it.
user_access_key_age = Rule(
    id="iam.user.access_key_age",
    table=Users,
    fails=pl.any_horizontal([active & _old(issued) & ~_old(used) for active, used, issued in KEYS]),
    severity=Severity.MEDIUM,
    title=f"User works with an access key older than {DAYS} days",
    rationale="The longer a key lives, the more places it has been copied to, and a leak goes "
    "on working until it is rotated.",
    remediation="Replace the key by a role; failing that, create a second key, switch over, "
    "deactivate the first and delete it once nothing breaks.",
    console="IAM > Users > {name} > Security credentials > Access keys > Create access key",
    cli="aws iam create-access-key --user-name {name}",
    criteria=("CC6.1", "CC6.2"),
)

user_unused_credentials = Rule(
    id="iam.user.unused_credentials",
    table=Users,
    fails=pl.any_horizontal(
        _stale(Users.console_password, Users.password_last_used, Users.password_last_changed),
        *(_stale(*key) for key in KEYS),
    ),
    severity=Severity.MEDIUM,
    title=f"User has a password or access key unused for {DAYS} days",
    rationale="Nobody would notice its theft, and its owner may have left.",
    remediation="Deactivate the key or delete the password, and delete the user if it has no "
    "other use.",
    console="IAM > Users > {name} > Security credentials",
    cli="aws iam list-access-keys --user-name {name}",
    criteria=("CC6.2", "CC6.3"),
)

user_direct_policy = Rule(
    id="iam.user.direct_policy",
    table=Users,
    fails=(Users.attached_policies.list.len() > 0) | (Users.inline_policies.list.len() > 0),
    severity=Severity.LOW,
    title="User holds permissions of its own",
    rationale="Permissions given to one user escape the review of groups and roles, and stay "
    "when the person changes jobs.",
    remediation="Grant the permissions to a group or role, then detach and delete the user's "
    "own policies.",
    console="IAM > Users > {name} > Permissions > Permissions policies > Remove",
    cli="aws iam detach-user-policy --user-name {name} --policy-arn POLICY_ARN",
    criteria=("CC6.3",),
)

password_policy_weak = Rule(
    id="iam.password_policy.weak",
    table=PasswordPolicy,
    fails=~PasswordPolicy.exists
    | (PasswordPolicy.minimum_length < LENGTH)
    | (PasswordPolicy.reuse_prevention < REMEMBERED),
    severity=Severity.MEDIUM,
    title="Account accepts weak passwords of IAM users",
    rationale="Short or recycled passwords can be guessed, or found in the leaks of others.",
    remediation=f"Demand {LENGTH} characters and refuse the last {REMEMBERED} passwords; the "
    "command replaces the whole policy, so give every option you rely on.",
    console="IAM > Account settings > Password policy > Edit",
    cli=f"aws iam update-account-password-policy --minimum-password-length {LENGTH} "
    f"--password-reuse-prevention {REMEMBERED} --require-symbols --require-numbers "
    "--require-uppercase-characters --require-lowercase-characters "
    "--allow-users-to-change-password",
    criteria=("CC6.1",),
)

policy_full_admin = Rule(
    id="iam.policy.full_admin",
    table=Policies,
    fails=(Policies.attachment_count > 0) & Policies.full_admin,
    severity=Severity.HIGH,
    title="Customer managed policy in use allows every action on every resource",
    rationale="Whoever holds it is an administrator, under a name that reviews may overlook.",
    remediation="Replace it by the actions its holders use, as last-accessed data shows; where "
    "an administrator is meant, attach AdministratorAccess, which says so.",
    console="IAM > Policies > {name} > Permissions > Edit",
    cli="aws iam list-entities-for-policy --policy-arn {arn}",
    criteria=("CC6.1", "CC6.3"),
)

role_trust_anyone = Rule(
    id="iam.role.trust_anyone",
    table=Roles,
    when=~Roles.service_linked,
    fails=Roles.trust_anyone,
    severity=Severity.CRITICAL,
    title="Role can be assumed from any AWS account",
    rationale="Anyone with an AWS account gets the role's permissions; an external id does not "
    "say who calls.",
    remediation="Name the trusted accounts or roles as principals, or require aws:PrincipalOrgID.",
    console="IAM > Roles > {name} > Trust relationships > Edit trust policy",
    cli="aws iam update-assume-role-policy --role-name {name} --policy-document file://trust.json",
    criteria=("CC6.1", "CC6.6"),
    exposed=pl.lit(True),
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
    console="IAM > Roles > {name} > Trust relationships > Edit trust policy",
    cli="aws iam update-assume-role-policy --role-name {name} --policy-document file://trust.json",
    criteria=("CC6.1", "CC6.6"),
    exposed=Roles.trust_oidc_shared,
)

# A customer managed policy that allows everything is policy_full_admin's finding, not ours.
role_workload_administrator = Rule(
    id="iam.role.workload_administrator",
    table=Roles,
    when=~Roles.service_linked,
    fails=Roles.trust_compute
    & (
        some(Roles.attached_policies, pl.element().str.contains(ADMINISTRATOR))
        | Roles.inline_administrator
    )
    & ((Roles.boundary == "") | Roles.boundary.str.contains(ADMINISTRATOR)),
    severity=Severity.HIGH,
    title="Workload runs as administrator",
    rationale="Any code execution or request forgery in the workload takes over the account.",
    remediation="Give the role only the actions its workload uses, as last-accessed data "
    "shows, and a permissions boundary until then.",
    console="IAM > Roles > {name} > Permissions > Permissions policies",
    cli="aws iam put-role-permissions-boundary --role-name {name} --permissions-boundary "
    "BOUNDARY_POLICY_ARN",
    criteria=("CC6.3",),
    related=Roles.instance_profile_arns,
)

RULES = (
    root_access_key,
    root_mfa,
    user_mfa,
    user_access_key_age,
    user_unused_credentials,
    user_direct_policy,
    password_policy_weak,
    policy_full_admin,
    role_trust_anyone,
    role_trust_oidc_subject,
    role_workload_administrator,
)
