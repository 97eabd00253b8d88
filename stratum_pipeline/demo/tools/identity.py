"""IAM: the root user, users, groups, policies and roles of one account."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.iam.models import AccessKeyLastUsed, iam_backends

from ..accounts import EXTERNAL_ID, HOME, MANAGEMENT, MODULES, SCANNER_ROLE, Account
from .core import api, policy, trust

SCAN_READS = {
    "iam": ["iam:Get*", "iam:List*", "iam:GenerateCredentialReport"],
    "s3": ["s3:Get*Configuration", "s3:GetBucket*", "s3:ListAllMyBuckets"],
    "networking": ["ec2:Describe*", "ec2:Get*", "elasticloadbalancing:Describe*"],
    "compute": ["ec2:Describe*", "ec2:Get*", "autoscaling:Describe*"],
    "rds": ["rds:Describe*", "rds:ListTagsForResource"],
    "dynamodb": ["dynamodb:Describe*", "dynamodb:List*", "dax:Describe*"],
    "lambda": ["lambda:Get*", "lambda:List*"],
    "config": ["config:Describe*", "config:List*"],
    "ssm": ["ssm:Describe*", "ssm:Get*", "ssm:List*"],
    "cost": ["ec2:Describe*", "cloudwatch:GetMetricData", "budgets:ViewBudget"],
}


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

    def root(self, *, mfa: bool = True, access_key: bool = False) -> None:
        self.moto.account_summary._account_mfa_enabled = int(mfa)
        self.moto.account_summary._account_access_keys_present = int(access_key)

    def password_policy(self, length: int = 14, remembered: int = 24) -> None:
        self.api.update_account_password_policy(
            MinimumPasswordLength=length,
            PasswordReusePrevention=remembered,
            MaxPasswordAge=90,
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

    def customer_policy(self, name: str, document: str) -> str:
        """ARN of a new customer managed policy."""
        return self.api.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]

    def identity_provider(self, host: str) -> dict[str, str]:
        """The principal by which a trust policy names a new OIDC provider."""
        made = self.api.create_open_id_connect_provider(
            Url=f"https://{host}", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["f" * 40]
        )
        return {"Federated": made["OpenIDConnectProviderArn"]}

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
        signed_in: datetime | None = None,
        mfa: bool = True,
        key_made: datetime | None = None,
        key_used: datetime | None = None,
        key_active: bool = True,
    ) -> None:
        """A user in `group`: with a password if ever `signed_in`, with a key if `key_made`."""
        self.api.create_user(UserName=name)
        self.api.add_user_to_group(GroupName=group, UserName=name)
        record = self.moto.users[name]
        if signed_in:
            self.api.create_login_profile(UserName=name, Password="Correct-Horse-9-Battery")
            record.password_last_used = signed_in
            if mfa:
                self._mfa_device(name)
        if key_made:
            self.api.create_access_key(UserName=name)
            (key,) = record.access_keys
            key.create_date = key_made
            key.status = "Active" if key_active else "Inactive"
            key.last_used = AccessKeyLastUsed(key_used, "s3", HOME) if key_used else None

    def _mfa_device(self, user: str) -> None:
        device = self.api.create_virtual_mfa_device(VirtualMFADeviceName=user)
        self.api.enable_mfa_device(
            UserName=user,
            SerialNumber=device["VirtualMFADevice"]["SerialNumber"],
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
    ) -> None:
        """A role; with `profile`, also the instance profile of that name which holds it."""
        self.api.create_role(RoleName=name, AssumeRolePolicyDocument=trusted, Path=path)
        for arn in managed:
            self.api.attach_role_policy(RoleName=name, PolicyArn=arn)
        if inline:
            self.api.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=inline)
        if profile:
            self.api.create_instance_profile(InstanceProfileName=name)
            self.api.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)

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
