"""The peer's checks of IAM, Access Analyzer and Roles Anywhere: the rules that catch them."""

from datetime import datetime, timedelta
from typing import Any

from stratum_pipeline.kernel.table import NEVER
from stratum_pipeline.modules.iam.rules import account, outside, policies, roles, users

from ...conftest import SCANNED_AT
from ..parity import SIBLING, STRANGER, Case
from .samples import (
    ADMINISTRATOR,
    EC2,
    EXTERNAL_ID,
    READ_ONLY,
    READS,
    allow,
    document,
    trusting,
)


def ago(days: float) -> datetime:
    return SCANNED_AT - timedelta(days=days)


NONE = datetime.fromisoformat(NEVER)
NO_KEY = {"active": False, "last_rotated": NONE, "last_used": NONE, "last_service": ""}


def key(n: int, **facts: Any) -> dict[str, Any]:
    return {f"access_key_{n}_{name}": value for name, value in (NO_KEY | facts).items()}


USER = {
    "name": "amy",
    "path": "/",
    "created_at": ago(400),
    "groups": ["staff"],
    "attached_policies": [],
    "inline_policies": [],
    "boundary": "",
    "console_password": False,
    "mfa_active": False,
    "virtual_mfa": False,
    "password_last_used": NONE,
    "password_last_changed": NONE,
    "service_use": [],
    **key(1),
    **key(2),
}
SIGNS_IN = USER | {
    "console_password": True,
    "password_last_used": ago(1),
    "password_last_changed": ago(200),
}
GROUP = {"name": "staff", "path": "/", "attached_policies": [], "inline_policies": []}
ROLE = {
    "name": "web",
    "path": "/",
    "created_at": ago(400),
    "last_used": ago(1),
    "trust": document(EC2),
    "attached_policies": [],
    "inline_policies": [],
    "boundary": "",
    "instance_profile_arns": [],
    "service_use": [],
}
PEOPLE = ROLE | {"trust": document(trusting({"AWS": f"arn:aws:iam::{SIBLING}:root"}))}
STRANGERS = {"AWS": f"arn:aws:iam::{STRANGER}:root"}
POLICY = {"name": "p", "path": "/", "default_version": "v1", "attachment_count": 1}
INLINE = {"name": "p", "holder": "arn:aws:iam::1:role/web", "kind": "role", "holder_name": "web"}
STRONG = {
    "exists": True,
    "minimum_length": 14,
    "reuse_prevention": 24,
    "max_age_days": 90,
    "lowercase": True,
    "numbers": True,
    "symbols": True,
    "uppercase": True,
}
ROOT = {
    "mfa": True,
    "password": True,
    "access_keys": False,
    "virtual_mfa": False,
    "last_used": ago(300),
    "central_management": "on",
}
ACCESS = {"aws_policies": [], "saml_providers": [], "console_users": 3}
EVERYTHING = [{"name": "all", "document": document(allow())}]
A_ROLE = "arn:aws:iam::111111111111:role/app"


def weak(**less: Any) -> Case:
    return Case(account.password_policy_weak, STRONG | less, STRONG)


def written(
    managed: Any, inline: Any, broken: dict[str, Any], repaired: dict[str, Any] | None
) -> list[Case]:
    """A statement in a managed policy, in an inline one (a rule may be None), and its repair."""
    mended = document(repaired) if repaired else READS
    rows = ((managed, POLICY), (inline, INLINE))
    return [
        Case(rule, row | {"document": document(broken)}, row | {"document": mended})
        for rule, row in rows
        if rule
    ]


def trusted(rule: Any, broken: dict[str, Any], repaired: dict[str, Any], **facts: Any) -> Case:
    row = ROLE | facts
    return Case(rule, row | {"trust": document(broken)}, row | {"trust": document(repaired)})


FLOW_LOGS = {"Service": "vpc-flow-logs.amazonaws.com"}
OURS_ALONE = {"Condition": {"StringEquals": {"aws:SourceAccount": "111111111111"}}}
TO_AGENTS = {
    "Condition": {"StringEquals": {"iam:PassedToService": "bedrock-agentcore.amazonaws.com"}}
}
UNUSED_BEDROCK = {"service_use": [{"service": "bedrock", "last_used": ago(200)}]}
UNUSED_SAGEMAKER = {"service_use": [{"service": "sagemaker", "last_used": NONE}]}
UNSCOPED = (policies.policy_unscoped_actions, policies.inline_policy_unscoped_actions)
ESCALATION = (policies.policy_privilege_escalation, policies.inline_policy_privilege_escalation)
GUARDS = (policies.policy_guard_control, policies.inline_policy_guard_control)
ADMINISTRATORS = [
    Case(users.user_administrator, USER | {"attached_policies": [ADMINISTRATOR]}, USER),
    Case(users.group_administrator, GROUP | {"attached_policies": [ADMINISTRATOR]}, GROUP),
    Case(roles.role_administrator, PEOPLE | {"attached_policies": [ADMINISTRATOR]}, PEOPLE),
    Case(roles.role_workload_administrator, ROLE | {"attached_policies": [ADMINISTRATOR]}, ROLE),
]
INLINE_ADMINISTRATORS = [
    Case(case.rule, case.repaired | {"inline_policies": EVERYTHING}, case.repaired)
    for case in ADMINISTRATORS
]

CASES: dict[str, Case | list[Case]] = {
    "accessanalyzer_enabled": Case(
        outside.access_analyzer_off, {"external_analyzers": 0}, {"external_analyzers": 1}
    ),
    "accessanalyzer_enabled_without_findings": Case(
        outside.access_analyzer_findings,
        {"status": "ACTIVE", "active_findings": 2},
        {"status": "ACTIVE", "active_findings": 0},
    ),
    "iam_administrator_access_with_mfa": Case(
        users.user_mfa,
        SIGNS_IN | {"groups": ["administrators"]},
        SIGNS_IN | {"groups": ["administrators"], "mfa_active": True},
    ),
    "iam_avoid_root_usage": Case(account.root_recent_use, ROOT | {"last_used": ago(0.5)}, ROOT),
    "iam_aws_attached_policy_no_administrative_privileges": ADMINISTRATORS,
    "iam_check_saml_providers_sts": Case(
        account.account_federation,
        ACCESS,
        ACCESS | {"saml_providers": ["arn:aws:iam::111111111111:saml-provider/idp"]},
    ),
    "iam_customer_attached_policy_no_administrative_privileges": Case(
        policies.policy_full_admin,
        POLICY | {"document": document(allow())},
        POLICY | {"document": READS},
    ),
    "iam_customer_unattached_policy_no_administrative_privileges": Case(
        policies.policy_unattached_full_admin,
        POLICY | {"attachment_count": 0, "document": document(allow())},
        POLICY | {"attachment_count": 0, "document": READS},
    ),
    "iam_group_administrator_access_policy": ADMINISTRATORS[1],
    "iam_inline_policy_allows_privilege_escalation": written(
        None, ESCALATION[1], allow("iam:AttachUserPolicy"), None
    ),
    "iam_inline_policy_no_administrative_privileges": INLINE_ADMINISTRATORS,
    "iam_inline_policy_no_full_access_to_cloudtrail": written(
        None, GUARDS[1], allow("cloudtrail:*"), allow("cloudtrail:LookupEvents")
    ),
    "iam_inline_policy_no_full_access_to_kms": written(
        None, GUARDS[1], allow("kms:*"), allow("kms:Decrypt")
    ),
    "iam_inline_policy_no_wildcard_marketplace_subscribe": written(
        None, UNSCOPED[1], allow("aws-marketplace:Subscribe"), allow("aws-marketplace:View*")
    ),
    "iam_no_custom_policy_permissive_role_assumption": written(
        *UNSCOPED, allow("sts:AssumeRole"), allow("sts:AssumeRole", A_ROLE)
    ),
    "iam_no_expired_server_certificates_stored": Case(
        account.server_certificate_expiring,
        {"name": "web", "expires_at": ago(3)},
        {"name": "web", "expires_at": ago(-300)},
    ),
    "iam_no_root_access_key": Case(account.root_access_key, ROOT | {"access_keys": True}, ROOT),
    "iam_password_policy_expires_passwords_within_90_days_or_less": Case(
        account.password_policy_expiry, STRONG | {"max_age_days": 0}, STRONG
    ),
    "iam_password_policy_lowercase": weak(lowercase=False),
    "iam_password_policy_minimum_length_14": weak(minimum_length=8),
    "iam_password_policy_number": weak(numbers=False),
    "iam_password_policy_reuse_24": weak(reuse_prevention=3),
    "iam_password_policy_symbol": weak(symbols=False),
    "iam_password_policy_uppercase": weak(uppercase=False),
    "iam_policy_allows_privilege_escalation": written(
        ESCALATION[0], None, allow(["iam:PassRole", "lambda:*"]), allow("lambda:InvokeFunction")
    ),
    "iam_policy_attached_only_to_group_or_roles": Case(
        users.user_direct_policy, USER | {"attached_policies": [READ_ONLY]}, USER
    ),
    "iam_policy_cloudshell_admin_not_attached": Case(
        account.account_cloudshell, ACCESS | {"aws_policies": ["AWSCloudShellFullAccess"]}, ACCESS
    ),
    "iam_policy_no_agentcore_workload_access_token_wildcard": written(
        *UNSCOPED,
        allow("bedrock-agentcore:GetWorkloadAccessToken*"),
        allow(
            "bedrock-agentcore:GetWorkloadAccessToken*",
            "arn:aws:bedrock-agentcore:us-east-1:1:workload-identity-directory/default"
            "/workload-identity/agent",
        ),
    ),
    "iam_policy_no_full_access_to_cloudtrail": written(
        GUARDS[0], None, allow("cloudtrail:*"), allow("cloudtrail:LookupEvents")
    ),
    "iam_policy_no_full_access_to_kms": written(
        GUARDS[0], None, allow("kms:*"), allow("kms:Decrypt")
    ),
    "iam_policy_no_wildcard_marketplace_subscribe": written(
        UNSCOPED[0], None, allow("aws-marketplace:*"), allow("aws-marketplace:View*")
    ),
    "iam_policy_passrole_to_bedrock_agentcore_restricted": written(
        *UNSCOPED, allow("iam:PassRole", **TO_AGENTS), allow("iam:PassRole", A_ROLE, **TO_AGENTS)
    ),
    "iam_role_access_not_stale_to_bedrock": Case(
        roles.role_service_unused, ROLE | UNUSED_BEDROCK, ROLE
    ),
    "iam_role_administratoraccess_policy": ADMINISTRATORS[2:],
    "iam_role_cross_account_readonlyaccess_policy": trusted(
        roles.role_outside_wide,
        trusting(STRANGERS, Condition=EXTERNAL_ID),
        trusting({"AWS": f"arn:aws:iam::{SIBLING}:root"}),
        attached_policies=[READ_ONLY],
    ),
    "iam_role_cross_service_confused_deputy_prevention": trusted(
        roles.role_confused_deputy, trusting(FLOW_LOGS), trusting(FLOW_LOGS, **OURS_ALONE)
    ),
    "iam_role_service_trust_restricts_source_to_account": trusted(
        roles.role_confused_deputy,
        trusting(FLOW_LOGS, Condition={"StringLike": {"aws:SourceAccount": "*"}}),
        trusting(FLOW_LOGS, **OURS_ALONE),
    ),
    "iam_root_credentials_management_enabled": Case(
        account.root_central_management, ROOT | {"central_management": "off"}, ROOT
    ),
    "iam_root_hardware_mfa_enabled": Case(
        account.root_hardware_mfa, ROOT | {"virtual_mfa": True}, ROOT
    ),
    "iam_root_mfa_enabled": Case(account.root_mfa, ROOT | {"mfa": False}, ROOT),
    "iam_rotate_access_key_90_days": Case(
        users.user_access_key_age,
        USER | key(1, active=True, last_rotated=ago(120), last_used=ago(1), last_service="s3"),
        USER | key(1, active=True, last_rotated=ago(20), last_used=ago(1), last_service="s3"),
    ),
    "iam_securityaudit_role_created": Case(
        account.account_audit_role, ACCESS, ACCESS | {"aws_policies": ["SecurityAudit"]}
    ),
    "iam_support_role_created": Case(
        account.account_support_role, ACCESS, ACCESS | {"aws_policies": ["AWSSupportAccess"]}
    ),
    "iam_user_access_not_stale_to_bedrock": Case(
        users.user_service_unused, USER | UNUSED_BEDROCK, USER
    ),
    "iam_user_access_not_stale_to_sagemaker": Case(
        users.user_service_unused, USER | UNUSED_SAGEMAKER, USER
    ),
    "iam_user_accesskey_unused": Case(
        users.user_unused_credentials,
        USER | key(1, active=True, last_rotated=ago(300), last_used=ago(200), last_service="s3"),
        USER,
    ),
    "iam_user_administrator_access_policy": ADMINISTRATORS[0],
    "iam_user_console_access_unused": Case(
        users.user_unused_credentials, SIGNS_IN | {"password_last_used": ago(150)}, SIGNS_IN
    ),
    "iam_user_hardware_mfa_enabled": Case(
        users.user_hardware_mfa,
        SIGNS_IN | {"mfa_active": True, "virtual_mfa": True},
        SIGNS_IN | {"mfa_active": True},
    ),
    "iam_user_mfa_enabled_console_access": Case(
        users.user_mfa, SIGNS_IN, SIGNS_IN | {"mfa_active": True}
    ),
    "iam_user_no_setup_initial_access_key": Case(
        users.user_setup_key,
        SIGNS_IN | {"created_at": ago(10)} | key(1, active=True, last_rotated=ago(10)),
        SIGNS_IN | {"created_at": ago(10)},
    ),
    "iam_user_two_active_access_key": Case(
        users.user_two_keys,
        USER
        | key(1, active=True, last_rotated=ago(60), last_used=ago(1), last_service="s3")
        | key(2, active=True, last_rotated=ago(40), last_used=ago(1), last_service="s3"),
        USER | key(1, active=True, last_rotated=ago(60), last_used=ago(1), last_service="s3"),
    ),
    "iam_user_with_temporary_credentials": Case(
        users.user_long_lived_key,
        USER | key(1, active=True, last_rotated=ago(60), last_used=ago(1), last_service="s3"),
        USER | key(1, active=True, last_rotated=ago(60), last_used=ago(1), last_service="sts"),
    ),
    "rolesanywhere_profile_restricts_session_permissions": Case(
        outside.anywhere_profile_unrestricted,
        {"enabled": True, "session_policy": False, "managed_policy_arns": [], "role_arns": []},
        {"enabled": True, "session_policy": True, "managed_policy_arns": [], "role_arns": []},
    ),
    "rolesanywhere_trust_anchor_pqc_pki": Case(
        outside.trust_anchor_quantum,
        {"enabled": True, "post_quantum": False},
        {"enabled": True, "post_quantum": True},
    ),
}
