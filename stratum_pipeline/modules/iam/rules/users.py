"""What must hold of IAM users and groups."""

from functools import reduce
from operator import or_

import polars as pl

from stratum_pipeline.kernel.rule import Rule, Severity, age_days, never
from stratum_pipeline.kernel.table import some

from ..derive import ADMINISTRATOR
from ..inventory import Groups, Users

DAYS, ROTATION_DAYS = 90, 30
SETUP_MINUTES = 1
TOKENS = ["iam", "sts"]  # a key used for these alone may be there to obtain temporary ones


def old(since: pl.Expr) -> pl.Expr:
    return age_days(since) > DAYS


def _stale(active: pl.Expr, used: pl.Expr, issued: pl.Expr) -> pl.Expr:
    """Neither used nor issued lately; one never used is as old as its issue."""
    return active & old(used) & old(issued)


KEYS = (
    (Users.access_key_1_active, Users.access_key_1_last_used, Users.access_key_1_last_rotated),
    (Users.access_key_2_active, Users.access_key_2_last_used, Users.access_key_2_last_rotated),
)
SERVICES = (Users.access_key_1_last_service, Users.access_key_2_last_service)
CREDENTIALS = "IAM > Users > {name} > Security credentials"
REACTIVATE = "aws iam update-access-key --user-name {name} --access-key-id KEY_ID --status Active"

user_mfa = Rule(
    id="iam.user.mfa",
    table=Users,
    fails=Users.console_password & ~Users.mfa_active,
    severity=Severity.HIGH,
    title="User signs in to the console without MFA",
    rationale="A guessed, reused or phished password is enough to sign in as this user.",
    remediation="Register an MFA device, or delete the password and sign in through IAM "
    "Identity Center.",
    console=CREDENTIALS + " > Multi-factor authentication > Assign MFA device",
    cli="aws iam delete-login-profile --user-name {name}",
    breaks="The command ends the user's way into the console; access keys go on working.",
    undo="aws iam create-login-profile --user-name {name} --password PASSWORD "
    "--password-reset-required",
    criteria=("CC6.1",),
)

user_hardware_mfa = Rule(
    id="iam.user.hardware_mfa",
    table=Users,
    when=Users.console_password & Users.mfa_active,
    fails=Users.virtual_mfa,
    severity=Severity.LOW,
    title="User's second factor is an authenticator app",
    rationale="A page that looks like the real one gets the app's code along with the password; "
    "a passkey or security key answers the real one alone.",
    remediation="Register a passkey or security key for the user, then remove the app.",
    console=CREDENTIALS + " > Multi-factor authentication > Assign MFA device > Passkey",
    cli="aws iam list-mfa-devices --user-name {name}",
    breaks="Scripts that ask for a code (sts:GetSessionToken) cannot use a passkey.",
    undo="aws iam enable-mfa-device --user-name {name} --serial-number SERIAL "
    "--authentication-code1 CODE --authentication-code2 NEXT_CODE",
    criteria=("CC6.1",),
)

# A key that nobody uses is to be deleted, not rotated: unused_credentials speaks of it.
user_access_key_age = Rule(
    id="iam.user.access_key_age",
    table=Users,
    fails=pl.any_horizontal([active & old(issued) & ~old(used) for active, used, issued in KEYS]),
    severity=Severity.MEDIUM,
    title=f"User works with an access key older than {DAYS} days",
    rationale="The longer a key lives, the more places it has been copied to, and a leak goes "
    "on working until it is rotated.",
    remediation="Replace the key by a role; failing that, create a second key, switch over, "
    "deactivate the first and delete it once nothing breaks.",
    console=CREDENTIALS + " > Access keys > Create access key",
    cli="aws iam create-access-key --user-name {name}",
    breaks="Nothing until the old key is deactivated; then whatever still uses it.",
    undo=REACTIVATE,
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
    console=CREDENTIALS,
    cli="aws iam list-access-keys --user-name {name}",
    breaks="What runs less than once in three months and signs with the key.",
    undo=REACTIVATE,
    criteria=("CC6.2", "CC6.3"),
)

user_setup_key = Rule(
    id="iam.user.setup_key",
    table=Users,
    when=~user_unused_credentials.fails,
    fails=Users.console_password
    & pl.any_horizontal(
        [
            active & never(used) & ((issued - Users.created_at).dt.total_minutes() <= SETUP_MINUTES)
            for active, used, issued in KEYS
        ]
    ),
    severity=Severity.LOW,
    title="User was given an access key when it was created, and never used it",
    rationale="A person who signs in to the console was handed a key by habit: it lies about in "
    "a mail or a download and works.",
    remediation="Delete the key; let whoever needs one ask for a role first.",
    console=CREDENTIALS + " > Access keys > Actions > Delete",
    cli="aws iam list-access-keys --user-name {name}",
    breaks="Nothing: it was never used.",
    undo="aws iam create-access-key --user-name {name}",
    criteria=("CC6.1", "CC6.3"),
)

user_two_keys = Rule(
    id="iam.user.two_keys",
    table=Users,
    # Where one is to be deleted or replaced anyway, that is the finding.
    when=~(user_access_key_age.fails | user_unused_credentials.fails),
    fails=reduce(
        lambda a, b: a & b,
        [active & (age_days(issued) > ROTATION_DAYS) for active, _, issued in KEYS],
    ),
    severity=Severity.LOW,
    title=f"User has had two active access keys for {ROTATION_DAYS} days",
    rationale="A second key is there to replace the first; where both live on there are two to "
    "lose, and which one a system uses is forgotten.",
    remediation="Move what uses the older key to the newer, then deactivate and delete the older.",
    console=CREDENTIALS + " > Access keys > Actions > Deactivate",
    cli="aws iam update-access-key --user-name {name} --access-key-id KEY_ID --status Inactive",
    breaks="Whatever still signs requests with the deactivated key.",
    undo=REACTIVATE,
    criteria=("CC6.1",),
)

user_long_lived_key = Rule(
    id="iam.user.long_lived_key",
    table=Users,
    when=~user_access_key_age.fails,  # which says to replace the key by a role as well
    fails=reduce(
        or_,
        [
            active & ~old(used) & (service != "") & ~service.is_in(TOKENS)
            for (active, used, _), service in zip(KEYS, SERVICES, strict=True)
        ],
    ),
    severity=Severity.LOW,
    title="User works with a long-lived access key",
    rationale="Such a key works from anywhere until somebody revokes it, and is what leaks in "
    "repositories and on laptops; a role's credentials end within hours.",
    remediation="Let workloads in AWS use a role, those outside an OIDC provider or IAM Roles "
    "Anywhere, and people aws configure sso; then delete the key.",
    console=CREDENTIALS + " > Access keys",
    cli="aws iam list-access-keys --user-name {name}",
    breaks="Nothing until the key is deactivated; then whatever still uses it.",
    undo=REACTIVATE,
    criteria=("CC6.1", "CC6.2"),
)

_is_administrator = pl.element().str.contains(ADMINISTRATOR)

user_administrator = Rule(
    id="iam.user.administrator",
    table=Users,
    fails=Users.administrator,
    severity=Severity.HIGH,
    title="User is administrator by its own policies",
    rationale="Credentials that do not expire let whoever gets them do anything here, and no "
    "review of groups or roles shows it.",
    remediation="Let the person assume an administrator's role, with MFA and for as long as it "
    "takes; give a workload the actions it uses. Then detach or delete the user's policies.",
    console="IAM > Users > {name} > Permissions > Permissions policies > Remove",
    cli="aws iam detach-user-policy --user-name {name} --policy-arn "
    "arn:aws:iam::aws:policy/AdministratorAccess",
    breaks="All that the user does and other policies of its do not allow.",
    undo="aws iam attach-user-policy --user-name {name} --policy-arn "
    "arn:aws:iam::aws:policy/AdministratorAccess",
    criteria=("CC6.1", "CC6.3"),
    related=pl.concat_list("arn"),
)

TOGETHER = (
    "Each policy looks harmless in review; one part of a published way to administrator is in "
    "this one, the rest in another. AWS managed policies were not looked at."
)

user_combined_escalation = Rule(
    id="iam.user.combined_escalation",
    table=Users,
    when=Users.boundary == "",
    fails=Users.together.list.len() > 0,
    severity=Severity.HIGH,
    title="User's policies, taken together, let it become administrator",
    rationale=TOGETHER,
    remediation="Take one part of each way that the finding names out of the user's policies or "
    "its groups', or name the resources it may be done to.",
    console="IAM > Users > {name} > Permissions",
    cli="aws iam list-attached-user-policies --user-name {name}",
    breaks="What the user does by the part that is taken away.",
    undo="aws iam set-default-policy-version --policy-arn POLICY_ARN --version-id OLD_VERSION",
    criteria=("CC6.1", "CC6.3"),
    related=pl.concat_list("arn"),
)

user_direct_policy = Rule(
    id="iam.user.direct_policy",
    version=2,
    table=Users,
    # What makes it administrator is that finding's; what it holds besides is this one's.
    when=some(Users.attached_policies, ~_is_administrator) | ~Users.administrator,
    fails=(Users.attached_policies.list.len() > 0) | (Users.inline_policies.list.len() > 0),
    severity=Severity.LOW,
    title="User holds permissions of its own",
    rationale="Permissions given to one user escape the review of groups and roles, and stay "
    "when the person changes jobs.",
    remediation="Grant the permissions to a group or role, then detach and delete the user's "
    "own policies.",
    console="IAM > Users > {name} > Permissions > Permissions policies > Remove",
    cli="aws iam detach-user-policy --user-name {name} --policy-arn POLICY_ARN",
    breaks="What the user does by those permissions, unless a group or role gives them first.",
    undo="aws iam attach-user-policy --user-name {name} --policy-arn POLICY_ARN",
    criteria=("CC6.3",),
)

user_service_unused = Rule(
    id="iam.user.service_unused",
    table=Users,
    when=Users.service_use.list.len() > 0,
    fails=old(Users.service_idle_since),
    severity=Severity.LOW,
    title=f"User may use Bedrock or SageMaker and has not for {DAYS} days",
    rationale="Models see data and cost money by the call: stolen credentials that may invoke "
    "them are resold.",
    remediation="Take the service out of the policies that the user or its groups hold.",
    console="IAM > Users > {name} > Last Accessed",
    cli="aws iam generate-service-last-accessed-details --arn {arn}",
    breaks="What the user does there less than once in three months.",
    undo="Put the actions back: aws iam set-default-policy-version --policy-arn POLICY_ARN "
    "--version-id OLD_VERSION",
    criteria=("CC6.3",),
)

group_administrator = Rule(
    id="iam.group.administrator",
    table=Groups,
    fails=Groups.administrator,
    severity=Severity.MEDIUM,
    title="Group makes its members administrators",
    rationale="Members can do anything at any time with their daily password and keys; whoever "
    "may change the group's membership can as well.",
    remediation="Let members assume an administrator's role when they need it, and give the group "
    "what they need every day.",
    console="IAM > User groups > {name} > Permissions > Remove",
    cli="aws iam detach-group-policy --group-name {name} --policy-arn "
    "arn:aws:iam::aws:policy/AdministratorAccess",
    breaks="All that members do and no other policy of theirs allows.",
    undo="aws iam attach-group-policy --group-name {name} --policy-arn "
    "arn:aws:iam::aws:policy/AdministratorAccess",
    criteria=("CC6.1", "CC6.3"),
)

RULES = (
    user_mfa,
    user_hardware_mfa,
    user_access_key_age,
    user_unused_credentials,
    user_setup_key,
    user_two_keys,
    user_long_lived_key,
    user_administrator,
    user_combined_escalation,
    user_direct_policy,
    user_service_unused,
    group_administrator,
)
