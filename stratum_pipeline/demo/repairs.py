"""What moto lacks, or answers otherwise than AWS does. `apply` mends it, in this process.

Each function below stands in for one of moto's and says what was wrong with it.
"""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from moto.core import responses as core_responses
from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.ec2.models.security_groups import SecurityGroupBackend
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces
from moto.ec2.responses.flow_logs import FlowLogs
from moto.ec2.responses.internet_gateways import InternetGateways
from moto.ec2.responses.network_acls import NetworkACLs
from moto.ec2.responses.route_tables import RouteTables
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.responses.subnets import Subnets
from moto.ec2.responses.vpcs import VPCs
from moto.iam.exceptions import ReportNotPresentException
from moto.iam.models import AWSManagedPolicy, IAMBackend, Policy
from moto.iam.responses import IamResponse
from moto.organizations.utils import PAGINATION_MODEL
from moto.s3 import responses as s3_responses
from moto.s3.responses import S3Response

from .accounts import REGIONS

moto_create_default_vpc: Any = EC2Backend.create_default_vpc
moto_create_subnet: Any = EC2Backend.create_subnet
moto_add_source_group: Any = SecurityGroupBackend._add_source_group  # pyright: ignore[reportPrivateUsage]
moto_s3: Any = s3_responses
moto_policy_is_public: Any = moto_s3.bucket_policy_is_public


def apply() -> None:
    """Once, before anything is built."""
    moto: Any = IAMBackend
    moto._init_aws_policies = aws_managed_policies
    # GetAccountAuthorizationDetails lacks them: moto looks for them under these names.
    moto = Policy
    moto.policy_name = property(lambda policy: policy.name)
    moto.policy_id = property(lambda policy: policy.id)
    moto = IamResponse
    moto.get_credential_report = credential_report
    moto.get_account_authorization_details = account_authorization_details
    moto = EC2Backend
    moto.create_default_vpc = create_default_vpc
    moto.create_subnet = create_subnet
    moto._add_source_group = add_source_group
    RegionsAndZonesBackend.regions = [
        region for region in RegionsAndZonesBackend.regions if region.name in REGIONS
    ]
    for responses, operation, key in PAGELESS:
        setattr(responses, operation, in_pages(getattr(responses, operation), key))
    moto = S3Response
    moto.all_buckets = list_buckets
    moto_s3.bucket_policy_is_public = policy_is_public
    # Every request has moto list the methods of its class again, a tenth of the work.
    moto = core_responses
    moto.method_names_from_class = cache(moto.method_names_from_class)
    # Here moto resumes a listing at the first account with the same JoinedTimestamp.
    PAGINATION_MODEL["list_accounts"] |= {"unique_attribute": "Id", "limit_default": 20}


# --- IAM ------------------------------------------------------------------------------

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
    return [
        *("<root_account>", f"arn:aws:iam::{iam.account_id}:root", born),
        *("not_supported", "no_information", "not_supported", "not_supported"),
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


# --- EC2 ------------------------------------------------------------------------------


def create_default_vpc(self: Any) -> Any:
    """moto gives every region of every account a default VPC; accounts here start bare."""
    still_being_made = not hasattr(self, "default_vpc")
    return None if still_being_made else moto_create_default_vpc(self)


def create_subnet(self: Any, vpc_id: str, *args: Any, **options: Any) -> Any:
    """moto has the first subnet in a zone hand out public addresses, in any VPC."""
    subnet = moto_create_subnet(self, vpc_id, *args, **options)
    if not self.get_vpc(vpc_id).is_default:
        subnet.default_for_az = subnet.map_public_ip_on_launch = False
    return subnet


def add_source_group(self: Any, groups: list[dict[str, Any]] | None, vpc: str | None) -> Any:
    """moto doesn't find a group of another account, and refuses the rule."""
    groups = groups or []
    foreign = [g for g in groups if g.get("UserId", self.account_id) != self.account_id]
    own = [g for g in groups if g not in foreign]
    return moto_add_source_group(self, own, vpc) + foreign


PAGELESS = (
    (ElasticNetworkInterfaces, "describe_network_interfaces", "NetworkInterfaces"),
    (FlowLogs, "describe_flow_logs", "FlowLogs"),
    (InternetGateways, "describe_internet_gateways", "InternetGateways"),
    (NetworkACLs, "describe_network_acls", "NetworkAcls"),
    (RouteTables, "describe_route_tables", "RouteTables"),
    (SecurityGroups, "describe_security_groups", "SecurityGroups"),
    (Subnets, "describe_subnets", "Subnets"),
    (VPCs, "describe_vpcs", "Vpcs"),
)


def in_pages(describe: Callable[[Any], ActionResult], key: str) -> Callable[[Any], ActionResult]:
    """moto ignores MaxResults in these listings."""

    def page(self: Any) -> ActionResult:
        found: Any = describe(self).result
        items = list(found[key])
        start = int(self._get_param("NextToken") or 0)
        end = start + int(self._get_param("MaxResults") or len(items))
        found[key] = items[start:end]
        return ActionResult(found | ({"NextToken": str(end)} if end < len(items) else {}))

    return page


# --- S3 -------------------------------------------------------------------------------


def list_buckets(self: Any) -> Any:
    """moto knows no pages, and doesn't say in which region a bucket is."""
    self.data["Action"] = "ListBuckets"
    query = {name: self._get_param(name) for name in ("prefix", "bucket-region", "max-buckets")}
    found = self.backend.list_buckets(query["prefix"], query["bucket-region"], None)
    buckets = sorted(found, key=lambda bucket: bucket.name)
    token, size = self._get_param("continuation-token"), query["max-buckets"]
    start = int(token or 0)
    end = start + int(size or len(buckets))
    paged = token is not None or any(query.values())  # only then does AWS name the region
    return self.serialized(
        ActionResult(
            {
                "Owner": {"ID": self.current_account.rjust(64, "0")},
                "Buckets": [
                    {"Name": bucket.name, "CreationDate": bucket.creation_date_ISO8601}
                    | ({"BucketRegion": bucket.region_name} if paged else {})
                    for bucket in buckets[start:end]
                ],
            }
            | ({"Prefix": query["prefix"]} if query["prefix"] else {})
            | ({"ContinuationToken": str(end)} if end < len(buckets) else {})
        )
    )


def policy_is_public(policy: bytes | str) -> bool:
    """moto takes any condition for a restriction; one that holds for "*" restricts nobody."""
    document = json.loads(policy)
    for statement in document["Statement"]:
        if '"*"' in json.dumps(statement.get("Condition")):
            del statement["Condition"]
    return moto_policy_is_public(json.dumps(document))
