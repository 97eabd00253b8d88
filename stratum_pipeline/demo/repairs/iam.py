"""IAM."""

import csv
import io
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.iam.exceptions import ReportNotPresentException
from moto.iam.models import AWSManagedPolicy, IAMBackend, Policy
from moto.iam.responses import IamResponse

from ..accounts import MANAGEMENT


def apply() -> None:
    moto: Any = IAMBackend
    moto._init_aws_policies = aws_managed_policies
    # GetAccountAuthorizationDetails lacks them: moto looks for them under these names.
    moto = Policy
    moto.policy_name = property(lambda policy: policy.name)
    moto.policy_id = property(lambda policy: policy.id)
    moto = IamResponse
    moto.get_credential_report = credential_report
    moto.get_account_authorization_details = account_authorization_details
    moto.list_server_certificates = list_server_certificates
    moto.list_virtual_mfa_devices = list_virtual_mfa_devices
    moto.list_organizations_features = list_organizations_features
    moto.generate_service_last_accessed_details = generate_service_last_accessed_details
    moto.get_service_last_accessed_details = get_service_last_accessed_details


AWS_MANAGED: dict[str, tuple[str, dict[str, Any]]] = {
    "AdministratorAccess": ("ANPAIWMBCKSKIEE64ZLYQ", {"Action": "*"}),
    "PowerUserAccess": (
        "ANPAJYRXTHIB4FOVS3ZXS",
        {"NotAction": ["iam:*", "organizations:*", "account:*"]},
    ),
    "ReadOnlyAccess": (
        "ANPAILL3HVNFSB6DCOWYQ",
        {"Action": ["ec2:Describe*", "iam:Get*", "iam:List*", "s3:Get*", "s3:List*"]},
    ),
    "SecurityAudit": (
        "ANPAIX2T3QCXHR2OGGCTO",
        {"Action": ["ec2:Describe*", "iam:Get*", "iam:List*", "s3:GetBucket*"]},
    ),
    "AWSSupportAccess": ("ANPAJSNKQX2OW67GF4S7E", {"Action": "support:*"}),
    "AWSCloudShellFullAccess": ("ANPAZKAPJZG4HFSLN3CZQ", {"Action": "cloudshell:*"}),
}
"""Those in use here: AWS's id of each, and the gist of its statement."""


def aws_managed_policies(self: IAMBackend) -> list[AWSManagedPolicy]:
    """moto has all of them or none, takes seconds to load all, and draws their ids."""
    policies: list[AWSManagedPolicy] = []
    for name, (policy_id, allowed) in AWS_MANAGED.items():
        statement = {"Effect": "Allow", "Resource": "*", **allowed}
        data = {
            "Path": "/",
            "DefaultVersionId": "v1",
            "Document": {"Version": "2012-10-17", "Statement": [statement]},
            "CreateDate": "2015-02-06T18:39:46+00:00",
            "UpdateDate": "2015-02-06T18:39:46+00:00",
        }
        policy = AWSManagedPolicy.from_data(name, self.account_id, self.region_name, data)
        policy.id = policy_id
        policies.append(policy)
    return policies


def account_authorization_details(self: Any) -> ActionResult:
    """moto has one page for everything, and lists AWS's policies even if unattached."""
    wanted = self._get_param("Filter", [])
    iam = self.backend
    details = {
        "User": ("UserDetailList", iam.users.values()),
        "Group": ("GroupDetailList", iam.groups.values()),
        "Role": ("RoleDetailList", iam.roles.values()),
        "LocalManagedPolicy": (
            "Policies",
            [p for p in iam.managed_policies.values() if not isinstance(p, AWSManagedPolicy)],
        ),
        "AWSManagedPolicy": (
            "Policies",
            [p for p in iam.aws_managed_policies if p.attachment_count],
        ),
    }
    everything = [
        (key, item)
        for kind, (key, items) in details.items()
        for item in items
        if kind in wanted or not wanted
    ]
    start, size = int(self._get_param("Marker") or 0), int(self._get_param("MaxItems") or 100)
    page: dict[str, Any] = {key: [] for key, _ in details.values()}
    for key, item in everything[start : start + size]:
        page[key].append(item)
    more = start + size < len(everything)
    return ActionResult(
        page | {"IsTruncated": more} | ({"Marker": str(start + size)} if more else {})
    )


def list_server_certificates(self: Any) -> ActionResult:
    """moto has every certificate expire on the same day of 2012, under one id."""
    return ActionResult(
        {
            "ServerCertificateMetadataList": [
                {
                    "ServerCertificateName": certificate.cert_name,
                    "Path": certificate.path,
                    "Arn": certificate.arn,
                    "ServerCertificateId": f"ASCA{uuid5(NAMESPACE_URL, certificate.arn).hex[:16]}",
                    "Expiration": certificate.expires_at,
                }
                for certificate in self.backend.list_server_certificates()
            ],
            "IsTruncated": False,
        }
    )


def list_virtual_mfa_devices(self: Any) -> ActionResult:
    """moto gives away the devices' seeds, which AWS tells once."""
    devices, _ = self.backend.list_virtual_mfa_devices(
        self._get_param("AssignmentStatus", "Any"), None, 1000
    )
    return ActionResult(
        {
            "VirtualMFADevices": [
                {"SerialNumber": device.serial_number}
                | ({"User": device.user, "EnableDate": device.enable_date} if device.user else {})
                for device in devices
            ],
            "IsTruncated": False,
        }
    )


class NotTheManagementAccount(ServiceException):
    code = "AccountNotManagementOrDelegatedAdministratorException"


def list_organizations_features(self: Any) -> ActionResult:
    """moto lacks it. Privileged sessions are on here, removal of members' credentials is not."""
    if self.current_account != MANAGEMENT.id:
        raise NotTheManagementAccount("The account is not the management account.")
    return ActionResult({"EnabledFeatures": ["RootSessions"]})


SERVICE_USE: dict[str, dict[str, datetime | None]] = {}
"""When an identity last used a service, by ARN and namespace; None for never."""


def generate_service_last_accessed_details(self: Any) -> ActionResult:
    """moto lacks it."""
    return ActionResult({"JobId": str(uuid5(NAMESPACE_URL, self._get_param("Arn")))})


def get_service_last_accessed_details(self: Any) -> ActionResult:
    """moto lacks it."""
    job = self._get_param("JobId")
    used = next((u for arn, u in SERVICE_USE.items() if str(uuid5(NAMESPACE_URL, arn)) == job), {})
    return ActionResult(
        {
            "JobStatus": "COMPLETED",
            "JobCreationDate": datetime.now(UTC),
            "JobCompletionDate": datetime.now(UTC),
            "ServicesLastAccessed": [
                {"ServiceName": name.title(), "ServiceNamespace": name}
                | ({"LastAuthenticated": when} if when else {})
                for name, when in used.items()
            ],
        }
    )


KEY_COLUMNS = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
REPORT_COLUMNS = (
    *("user", "arn", "user_creation_time"),
    *("password_enabled", "password_last_used", "password_last_changed", "password_next_rotation"),
    "mfa_active",
    *(f"access_key_{n}_{column}" for n in (1, 2) for column in KEY_COLUMNS),
    *("cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated"),
)
NO_KEY = ("false", "N/A", "N/A", "N/A", "N/A")
NO_CERTIFICATES = ("false", "N/A", "false", "N/A")


def credential_report(self: Any) -> ActionResult:
    """moto leaves out the root user, and calls "not_supported" what AWS calls "N/A"."""
    iam = self.backend
    if not iam.report_generated():
        raise ReportNotPresentException("Credential report not present")
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        [REPORT_COLUMNS, _root(iam), *(_user(user) for user in iam.users.values())]
    )
    return ActionResult(
        {
            "Content": out.getvalue().rstrip("\n").encode(),
            "ReportFormat": "text/csv",
            "GeneratedTime": datetime.now(UTC),
        }
    )


def _root(iam: Any) -> list[str]:
    born, summary = "2020-01-01T00:00:00+00:00", iam.account_summary.summary_map
    key = ("true", born, *NO_KEY[2:]) if summary["AccountAccessKeysPresent"] else NO_KEY
    signed_in: datetime | None = getattr(iam.account_summary, "root_signed_in", None)
    return [
        *("<root_account>", f"arn:aws:iam::{iam.account_id}:root", born),
        *("not_supported", _date(signed_in) if signed_in else "no_information"),
        *("not_supported", "not_supported"),
        _flag(summary["AccountMFAEnabled"]),
        *(*key, *NO_KEY, *NO_CERTIFICATES),
    ]


def _user(user: Any) -> list[str]:
    password = ("false", "N/A", "N/A", "N/A")
    if user.password:
        used = user.password_last_used
        password = (
            "true",
            _date(used) if used else "no_information",
            _date(user.create_date),
            "N/A",
        )
    keys = [_key(key) for key in user.access_keys] + [NO_KEY, NO_KEY]
    return [
        *(user.name, user.arn, _date(user.create_date)),
        *password,
        _flag(user.mfa_devices),
        *(*keys[0], *keys[1], *NO_CERTIFICATES),
    ]


def _key(key: Any) -> tuple[str, ...]:
    used = ("N/A", "N/A", "N/A")
    if key.last_used:
        used = (_date(key.last_used.timestamp), key.last_used.region, key.last_used.service)
    return (_flag(key.status == "Active"), _date(key.create_date), *used)


def _flag(value: object) -> str:
    return str(bool(value)).lower()


def _date(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S+00:00")
