"""What must hold of the account: its root user, its passwords, the ways people get in."""

from stratum_pipeline.kernel.rule import Rule, Severity, age_days
from stratum_pipeline.kernel.table import has

from ..inventory import (
    AccountAccess,
    PasswordPolicy,
    RootUser,
    SamlProviders,
    ServerCertificates,
)

LENGTH, REMEMBERED, MAX_AGE_DAYS = 14, 24, 90
ROOT_IDLE_DAYS, NOTICE_DAYS = 7, 30
ROOT_TASK = (
    "aws sts assume-root --target-principal {account_id} --task-policy-arn "
    "arn=arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials"
)
ROOT_MFA = "Root user > Security credentials > Multi-factor authentication > Assign MFA device"

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
    cli=ROOT_TASK,
    breaks="Whatever still signs requests with the key stops working at once.",
    undo="A deleted key cannot be restored: as root, create a new one. Deactivate the key for a "
    "while before deleting it, which can be taken back.",
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
    console=ROOT_MFA,
    cli=ROOT_TASK,
    breaks="Nothing that runs; whoever signs in as root needs a device from then on.",
    undo="Sign in as root and remove the device; credentials removed centrally come back with "
    "the privileged action Allow password recovery.",
    criteria=("CC6.1",),
)

root_hardware_mfa = Rule(
    id="iam.root.hardware_mfa",
    table=RootUser,
    when=RootUser.password & RootUser.mfa,
    fails=RootUser.virtual_mfa,
    severity=Severity.MEDIUM,
    title="Root user's second factor is an authenticator app",
    rationale="The code of an app can be phished, and its seed copied with the phone's backup; "
    "a security key answers only the real sign-in page.",
    remediation="Register two FIDO2 security keys or passkeys for root, then remove the app.",
    console=ROOT_MFA + " > Passkey or security key",
    cli="aws iam list-virtual-mfa-devices --assignment-status Assigned",
    breaks="Nothing that runs; lose all keys, and only AWS Support can let root in.",
    undo="Sign in as root and assign an authenticator app again.",
    criteria=("CC6.1",),
)

root_recent_use = Rule(
    id="iam.root.recent_use",
    table=RootUser,
    fails=age_days(RootUser.last_used) <= ROOT_IDLE_DAYS,
    severity=Severity.MEDIUM,
    title=f"Root user was used in the last {ROOT_IDLE_DAYS} days",
    rationale="Root cannot be restricted nor told apart by person, and few tasks need it: its "
    "use is either one of those or somebody who should not be there.",
    remediation="Find in CloudTrail what root did and who it was; do it by a role from now on.",
    console="CloudTrail > Event history > User name: root",
    cli="aws cloudtrail lookup-events --lookup-attributes "
    "AttributeKey=Username,AttributeValue=root",
    breaks="Nothing: it is a question to be answered.",
    undo="There is nothing to take back.",
    criteria=("CC6.1", "CC7.2"),
)

root_central_management = Rule(
    id="iam.root.central_management",
    table=RootUser,
    when=RootUser.central_management != "",
    fails=RootUser.central_management != "on",
    severity=Severity.MEDIUM,
    title="Organization does not manage its members' root users centrally",
    rationale="Every member account keeps a root password or a way to reset one, each a way into "
    "the whole account that has to be guarded by itself.",
    remediation="Enable centralized root access for the organization, then delete the root "
    "credentials of member accounts.",
    console="IAM > Root access management > Enable > Root credentials management",
    cli="aws organizations enable-aws-service-access --service-principal iam.amazonaws.com && "
    "aws iam enable-organizations-root-credentials-management",
    breaks="Nothing yet; member accounts whose root credentials are then deleted can no longer "
    "sign in as root.",
    undo="aws iam disable-organizations-root-credentials-management",
    criteria=("CC6.1", "CC6.3"),
)

password_policy_weak = Rule(
    id="iam.password_policy.weak",
    version=2,
    table=PasswordPolicy,
    fails=~PasswordPolicy.exists
    | (PasswordPolicy.minimum_length < LENGTH)
    | (PasswordPolicy.reuse_prevention < REMEMBERED)
    | ~PasswordPolicy.lowercase
    | ~PasswordPolicy.numbers
    | ~PasswordPolicy.symbols
    | ~PasswordPolicy.uppercase,
    severity=Severity.MEDIUM,
    title="Account accepts weak passwords of IAM users",
    rationale="Short, simple or recycled passwords can be guessed, or found in the leaks of "
    "others.",
    remediation=f"Demand {LENGTH} characters of all four kinds and refuse the last {REMEMBERED} "
    "passwords; the command replaces the whole policy, so give every option you rely on.",
    console="IAM > Account settings > Password policy > Edit",
    cli=f"aws iam update-account-password-policy --minimum-password-length {LENGTH} "
    f"--password-reuse-prevention {REMEMBERED} --require-symbols --require-numbers "
    "--require-uppercase-characters --require-lowercase-characters "
    "--allow-users-to-change-password",
    breaks="No password in use stops working; the next one that a user sets must comply.",
    undo="Put the old numbers back with aws iam update-account-password-policy "
    "--minimum-password-length {minimum_length} --password-reuse-prevention {reuse_prevention}",
    criteria=("CC6.1",),
)

password_policy_expiry = Rule(
    id="iam.password_policy.expiry",
    table=PasswordPolicy,
    when=PasswordPolicy.exists,  # without a policy, that is the finding
    fails=(PasswordPolicy.max_age_days == 0) | (PasswordPolicy.max_age_days > MAX_AGE_DAYS),
    severity=Severity.LOW,
    title=f"Passwords of IAM users outlive {MAX_AGE_DAYS} days",
    rationale="A stolen password works until it is changed. NIST advises against expiry where "
    "MFA and leak checks are in place, PCI DSS demands it where the password is all there is: "
    "suppress this where the former is your policy.",
    remediation="Put people behind an identity provider, or let passwords expire; the command "
    "replaces the whole policy, so give every option you rely on.",
    console="IAM > Account settings > Password policy > Edit > Turn on password expiration",
    cli=f"aws iam update-account-password-policy --max-password-age {MAX_AGE_DAYS} "
    "--minimum-password-length {minimum_length} --password-reuse-prevention {reuse_prevention}",
    breaks="Users whose password is older must set a new one when they next sign in.",
    undo="Run the command without --max-password-age: passwords then never expire.",
    criteria=("CC6.1",),
)

account_federation = Rule(
    id="iam.account.federation",
    table=AccountAccess,
    fails=(AccountAccess.saml_providers.list.len() == 0) & (AccountAccess.console_users > 0),
    severity=Severity.LOW,
    title="People sign in as IAM users alone: no identity provider is trusted",
    rationale="Passwords kept in each account have to be revoked in each, and outlive the people "
    "who leave; an identity provider ends all access in one place, with its own MFA.",
    remediation="Let people in through IAM Identity Center, or a SAML provider of the account, "
    "then delete their passwords here.",
    console="IAM Identity Center > Enable; or IAM > Identity providers > Add provider > SAML",
    cli="aws iam create-saml-provider --name IDP --saml-metadata-document file://metadata.xml",
    breaks="Nothing by itself; sessions change to roles, so scripts that name users must follow.",
    undo="aws iam delete-saml-provider --saml-provider-arn PROVIDER_ARN",
    criteria=("CC6.1", "CC6.2"),
)

account_support_role = Rule(
    id="iam.account.support_role",
    table=AccountAccess,
    fails=~has(AccountAccess.aws_policies, "AWSSupportAccess"),
    severity=Severity.LOW,
    title="Nobody is given AWS Support access by name",
    rationale="In an incident somebody must be able to open a case; where no role has just that, "
    "it is done by an administrator or by root, if anyone is found.",
    remediation="Attach AWSSupportAccess to a role that responders may assume.",
    console="IAM > Roles > Create role > AWSSupportAccess",
    cli="aws iam attach-role-policy --role-name ROLE --policy-arn "
    "arn:aws:iam::aws:policy/AWSSupportAccess",
    breaks="Nothing: the role can open and read support cases, whose text may be sensitive.",
    undo="aws iam detach-role-policy --role-name ROLE --policy-arn "
    "arn:aws:iam::aws:policy/AWSSupportAccess",
    criteria=("CC7.4",),
)

account_audit_role = Rule(
    id="iam.account.audit_role",
    table=AccountAccess,
    fails=~has(AccountAccess.aws_policies, "SecurityAudit"),
    severity=Severity.LOW,
    title="Nobody may look at the account's security settings and no more",
    rationale="Without a role that holds SecurityAudit, whoever investigates the account needs "
    "wider permissions, or waits for them.",
    remediation="Attach SecurityAudit to a role that the security team may assume.",
    console="IAM > Roles > Create role > SecurityAudit",
    cli="aws iam attach-role-policy --role-name ROLE --policy-arn "
    "arn:aws:iam::aws:policy/SecurityAudit",
    breaks="Nothing: the role reads configuration, and no data.",
    undo="aws iam detach-role-policy --role-name ROLE --policy-arn "
    "arn:aws:iam::aws:policy/SecurityAudit",
    criteria=("CC4.1", "CC7.3"),
)

account_cloudshell = Rule(
    id="iam.account.cloudshell",
    table=AccountAccess,
    fails=has(AccountAccess.aws_policies, "AWSCloudShellFullAccess"),
    severity=Severity.LOW,
    title="Somebody may move files through CloudShell without restraint",
    rationale="AWSCloudShellFullAccess lets its holders download files from a shell that has "
    "their permissions and its own internet access, past the proxies of your network.",
    remediation="Replace it by a policy that denies cloudshell:GetFileDownloadUrls and "
    "cloudshell:GetFileUploadUrls.",
    console="IAM > Policies > AWSCloudShellFullAccess > Entities attached",
    cli="aws iam list-entities-for-policy --policy-arn "
    "arn:aws:iam::aws:policy/AWSCloudShellFullAccess",
    breaks="Its holders can no longer carry files into or out of CloudShell.",
    undo="aws iam attach-role-policy --role-name ROLE --policy-arn "
    "arn:aws:iam::aws:policy/AWSCloudShellFullAccess",
    criteria=("CC6.7",),
)

saml_provider_expiring = Rule(
    id="iam.saml_provider.expiring",
    table=SamlProviders,
    fails=age_days(SamlProviders.valid_until) > -NOTICE_DAYS,
    severity=Severity.LOW,
    title=f"SAML provider's metadata has expired or does so within {NOTICE_DAYS} days",
    rationale="Once it has expired nobody can sign in through the provider, and what is left are "
    "the ways kept for emergencies.",
    remediation="Fetch the provider's current metadata and replace the document.",
    console="IAM > Identity providers > {name} > Replace metadata document",
    cli="aws iam update-saml-provider --saml-provider-arn {arn} "
    "--saml-metadata-document file://metadata.xml",
    breaks="Nobody can sign in while the document names a certificate that is not in use.",
    undo="Save the document before (aws iam get-saml-provider --saml-provider-arn {arn}) and put "
    "it back with the same command.",
    criteria=("A1.1", "CC6.1"),
)

server_certificate_expiring = Rule(
    id="iam.server_certificate.expiring",
    table=ServerCertificates,
    fails=age_days(ServerCertificates.expires_at) > -NOTICE_DAYS,
    severity=Severity.MEDIUM,
    title=f"Server certificate has expired or does so within {NOTICE_DAYS} days",
    rationale="Clients refuse a load balancer or distribution that presents it, or are taught to "
    "ignore the warning; nothing renews a certificate uploaded to IAM.",
    remediation="Move its users to a certificate of ACM, which renews itself, then delete it.",
    console="AWS Certificate Manager > Request certificate; IAM has no page for these",
    cli="aws iam delete-server-certificate --server-certificate-name {name}",
    breaks="A load balancer that still refers to it fails its next TLS handshakes.",
    undo="Upload it again from your copy: aws iam upload-server-certificate "
    "--server-certificate-name {name} --certificate-body file://cert.pem "
    "--private-key file://key.pem",
    criteria=("CC6.7",),
)

RULES = (
    root_access_key,
    root_mfa,
    root_hardware_mfa,
    root_recent_use,
    root_central_management,
    password_policy_weak,
    password_policy_expiry,
    account_federation,
    account_support_role,
    account_audit_role,
    account_cloudshell,
    saml_provider_expiring,
    server_certificate_expiring,
)
