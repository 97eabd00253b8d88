"""IAM: the root user, users, groups, policies and roles of one account."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from moto.iam.models import AccessKeyLastUsed, iam_backends

from ..accounts import EXTERNAL_ID, HOME, MANAGEMENT, MODULES, SCANNER_ROLE, Account
from ..repairs import outside
from ..repairs.iam import SERVICE_USE
from .core import BORN, api, days_ago, policy, trust

SCAN_READS = {
    "iam": [
        *("iam:Get*", "iam:List*", "iam:GenerateCredentialReport"),
        *("iam:GenerateServiceLastAccessedDetails", "ec2:DescribeRegions"),
        *("access-analyzer:List*", "rolesanywhere:List*", "acm-pca:DescribeCertificateAuthority"),
    ],
    "s3": [
        *("s3:Get*Configuration", "s3:GetBucket*", "s3:GetAccessPoint*", "s3:GetMultiRegion*"),
        *("s3:GetAccountPublicAccessBlock", "s3:ListAllMyBuckets", "s3:ListAccessPoints"),
        *("s3:ListMultiRegionAccessPoints", "ec2:DescribeRegions"),
    ],
    "networking": [
        *("ec2:Describe*", "ec2:Get*", "elasticloadbalancing:Describe*", "wafv2:List*"),
        *("directconnect:Describe*", "network-firewall:Describe*", "network-firewall:List*"),
    ],
    "compute": ["ec2:Describe*", "ec2:Get*", "autoscaling:Describe*", "kms:DescribeKey"],
    "rds": [
        *("rds:Describe*", "backup:ListProtectedResources", "ec2:GetManagedPrefixListEntries"),
        *("ec2:DescribeRegions", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups"),
        "ec2:DescribeSubnets",
    ],
    "dynamodb": [
        *("dynamodb:Describe*", "dynamodb:List*", "dynamodb:GetResourcePolicy", "dax:Describe*"),
        *("application-autoscaling:Describe*", "backup:ListProtectedResources", "kms:DescribeKey"),
        "ec2:DescribeRegions",
    ],
    "lambda": [
        *("lambda:GetPolicy", "lambda:GetLayerVersionPolicy", "lambda:GetFunctionConcurrency"),
        *("lambda:List*", "ec2:DescribeRegions", "ec2:DescribeSubnets"),
        *("cloudtrail:DescribeTrails", "cloudtrail:GetEventSelectors", "cloudtrail:GetTrailStatus"),
    ],
    "config": [
        *("config:Describe*", "config:List*", "ec2:DescribeRegions"),
        *("organizations:DescribeOrganization", "organizations:ListDelegatedAdministrators"),
    ],
    "ssm": ["ssm:Describe*", "ssm:Get*", "ssm:List*", "ec2:DescribeInstances"],
    "cost": [
        *("ec2:Describe*", "elasticloadbalancing:Describe*", "rds:Describe*", "logs:Describe*"),
        *("dynamodb:DescribeTable", "dynamodb:ListTables", "secretsmanager:ListSecrets"),
        *("s3:ListAllMyBuckets", "s3:GetBucketLocation", "s3:GetLifecycleConfiguration"),
        *("s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts"),
        *("cloudwatch:GetMetricData", "compute-optimizer:Get*", "pricing:GetProducts"),
        *("budgets:ViewBudget", "ce:GetAnomalyMonitors", "organizations:DescribeOrganization"),
    ],
}


SOURCED = frozenset(
    {"config", "ecs-tasks", "events", "monitoring.rds", "sagemaker", "ssm", "vpc-flow-logs"}
)
"""Services that say for whom they act when they assume a role."""


@dataclass(frozen=True)
class Identity:
    account: Account

    @property
    def api(self) -> Any:
        return api(self.account, "iam")

    @property
    def moto(self) -> Any:
        """moto's own records, for what no AWS call can set."""
        return iam_backends[self.account.id]["aws"]

    def root(
        self,
        *,
        mfa: bool = True,
        app: bool = False,
        access_key: bool = False,
        signed_in: datetime | None = None,
    ) -> None:
        """The root user, whose second factor is a security key, or an authenticator `app`."""
        summary = self.moto.account_summary
        summary._account_mfa_enabled = int(mfa)
        summary._account_access_keys_present = int(access_key)
        summary.root_signed_in = signed_in
        if app:
            name, arn = "root-account-mfa-device", f"arn:aws:iam::{self.account.id}:root"
            self.api.create_virtual_mfa_device(VirtualMFADeviceName=name)
            device = self.moto.virtual_mfa_devices[f"arn:aws:iam::{self.account.id}:mfa/{name}"]
            device.enable_date = BORN
            device.user = SimpleNamespace(arn=arn, user_id=self.account.id, create_date=BORN)

    def password_policy(
        self, length: int = 14, remembered: int = 24, max_age: int | None = 90
    ) -> None:
        self.api.update_account_password_policy(
            MinimumPasswordLength=length,
            PasswordReusePrevention=remembered,
            **{"MaxPasswordAge": max_age} if max_age else {},
            RequireSymbols=True,
            RequireNumbers=True,
            RequireUppercaseCharacters=True,
            RequireLowercaseCharacters=True,
            AllowUsersToChangePassword=True,
        )

    def group(self, name: str, *policy_arns: str) -> None:
        self.api.create_group(GroupName=name)
        for arn in policy_arns:
            self.api.attach_group_policy(GroupName=name, PolicyArn=arn)

    def join(self, user: str, group: str) -> None:
        self.api.add_user_to_group(GroupName=group, UserName=user)

    def write_on_group(self, group: str, document: str) -> None:
        """An inline policy."""
        self.api.put_group_policy(GroupName=group, PolicyName="inline", PolicyDocument=document)

    def customer_policy(self, name: str, document: str) -> str:
        """ARN of a new customer managed policy."""
        return self.api.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]

    def identity_provider(self, host: str) -> dict[str, str]:
        """The principal by which a trust policy names a new OIDC provider."""
        made = self.api.create_open_id_connect_provider(
            Url=f"https://{host}", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["f" * 40]
        )
        return {"Federated": made["OpenIDConnectProviderArn"]}

    def saml_provider(self, name: str, until: datetime | None = None) -> None:
        """An identity provider, whose metadata is valid `until`: into the next decade if None."""
        self.api.create_saml_provider(Name=name, SAMLMetadataDocument="<xml/>" * 200)
        if until:
            self.moto.saml_providers[name].valid_until = until

    def server_certificate(self, name: str, expires: datetime) -> None:
        self.api.upload_server_certificate(
            ServerCertificateName=name, CertificateBody="certificate", PrivateKey="key"
        )
        self.moto.get_server_certificate(name).expires_at = expires

    def attach_to_user(self, user: str, policy_arn: str) -> None:
        self.api.attach_user_policy(UserName=user, PolicyArn=policy_arn)

    def write_on_user(self, user: str, document: str) -> None:
        """An inline policy."""
        self.api.put_user_policy(UserName=user, PolicyName="inline", PolicyDocument=document)

    def user(
        self,
        name: str,
        group: str,
        *,
        born: datetime | None = None,
        signed_in: datetime | None = None,
        mfa: bool = True,
        app: bool = False,
        key_made: datetime | None = None,
        key_used: datetime | None = None,
        key_active: bool = True,
    ) -> None:
        """A user in `group`: with a password if ever `signed_in`, with a key if `key_made`.

        The second factor is a security key, or an authenticator `app`.
        """
        self.api.create_user(UserName=name)
        self.api.add_user_to_group(GroupName=group, UserName=name)
        record = self.moto.users[name]
        record.create_date = born or record.create_date
        if signed_in:
            self.api.create_login_profile(UserName=name, Password="Correct-Horse-9-Battery")
            record.password_last_used = signed_in
            if mfa:
                self._mfa_device(name, app)
        if key_made:
            self.access_key(name, key_made, key_used, active=key_active)

    def access_key(
        self,
        user: str,
        made: datetime,
        used: datetime | None = None,
        *,
        service: str = "s3",
        active: bool = True,
    ) -> None:
        """Another key of `user`, last used for `service`."""
        self.api.create_access_key(UserName=user)
        key = self.moto.users[user].access_keys[-1]
        key.create_date = made
        key.status = "Active" if active else "Inactive"
        key.last_used = AccessKeyLastUsed(used, service, HOME) if used else None

    def _mfa_device(self, user: str, app: bool) -> None:
        serial = f"arn:aws:iam::{self.account.id}:u2f/user/{user}/key"
        if app:
            made = self.api.create_virtual_mfa_device(VirtualMFADeviceName=user)
            serial = made["VirtualMFADevice"]["SerialNumber"]
        self.api.enable_mfa_device(
            UserName=user,
            SerialNumber=serial,
            AuthenticationCode1="123456",
            AuthenticationCode2="654321",
        )

    def role(
        self,
        name: str,
        trusted: str,
        *,
        path: str = "/",
        managed: Sequence[str] = (),
        inline: str = "",
        profile: bool = False,
        sourced: bool = True,
        used: bool = True,
    ) -> None:
        """A role; with `profile`, also the instance profile of that name which holds it.

        sourced: its trust in a service that says for whom it acts is held to this account.
        used: it was assumed yesterday; otherwise never.
        """
        trusted = self._sourced(trusted) if sourced else trusted
        self.api.create_role(RoleName=name, AssumeRolePolicyDocument=trusted, Path=path)
        if used:
            role = next(r for r in self.moto.roles.values() if r.name == name)
            role.last_used, role.last_used_region = days_ago(1), HOME
        for arn in managed:
            self.api.attach_role_policy(RoleName=name, PolicyArn=arn)
        if inline:
            self.api.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=inline)
        if profile:
            self.api.create_instance_profile(InstanceProfileName=name)
            self.api.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)

    def _sourced(self, trusted: str) -> str:
        document = json.loads(trusted)
        for statement in document["Statement"]:
            service = statement["Principal"].get("Service", "").removesuffix(".amazonaws.com")
            if service in SOURCED:
                held = {"StringEquals": {"aws:SourceAccount": self.account.id}}
                statement.setdefault("Condition", held)
        return json.dumps(document)

    def last_used(self, arn_end: str, **services: datetime | None) -> None:
        """When the user or role ("user/amy") last used `services`; None for never."""
        SERVICE_USE[f"arn:aws:iam::{self.account.id}:{arn_end}"] = services

    def no_analyzer(self, region: str) -> None:
        """Delete the analyzer of access from outside that every region has."""
        outside.UNWATCHED.add((self.account.id, region))

    def reported(self, region: str, *roles: str) -> None:
        """Have that analyzer report `roles`."""
        arns = [f"arn:aws:iam::{self.account.id}:role/{role}" for role in roles]
        outside.REPORTED[self.account.id, region] = arns

    def trust_anchor(
        self, name: str, region: str, role: str, *, post_quantum: bool = False, bound: str = ""
    ) -> None:
        """Roles Anywhere for `role`, with an authority on an elliptic curve or `post_quantum`.

        bound: the session policy of its profile.
        """
        role_arn = f"arn:aws:iam::{self.account.id}:role/{role}"
        authority = self._private_authority(name, region) if post_quantum else ""
        outside.anchor(self.account.id, region, name, role_arn, authority, bound)

    def _private_authority(self, name: str, region: str) -> str:
        """ARN of a new authority of AWS Private CA, which signs with ML-DSA."""
        made = api(self.account, "acm-pca", region).create_certificate_authority(
            CertificateAuthorityType="ROOT",
            CertificateAuthorityConfiguration={
                "KeyAlgorithm": "ML_DSA_65",
                "SigningAlgorithm": "ML_DSA_65",
                "Subject": {"CommonName": name},
            },
        )
        return made["CertificateAuthorityArn"]

    def scan_roles(self) -> None:
        """A read-only role per module, for Stratum in the management account to assume."""
        scanner = {"AWS": f"arn:aws:iam::{MANAGEMENT.id}:role/{SCANNER_ROLE}"}
        for module in MODULES:
            self.role(
                f"scan-{module}",
                trust(scanner, {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}),
                path="/stratum/",
                inline=policy({"Action": SCAN_READS[module], "Resource": "*"}),
            )
