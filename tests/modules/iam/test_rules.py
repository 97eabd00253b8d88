"""Each IAM rule on rows small enough to read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stratum_pipeline.kernel.coverage import Coverage
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.kernel.table import NEVER
from stratum_pipeline.modules.iam.inventory import Roles
from stratum_pipeline.modules.iam.rules import account, policies, roles, users

from ...conftest import SCANNED_AT
from .samples import (
    ADMINISTRATOR,
    CLUSTER,
    EC2,
    GITHUB,
    READ_ONLY,
    READS,
    allow,
    document,
    trusting,
    trusting_tokens,
)

Row = dict[str, Any]
COVERED = Coverage.frame([{"account_id": "1", "region": "r", "operation": "x", "outcome": "ok"}])


def ago(days: int) -> datetime:
    return SCANNED_AT - timedelta(days=days)


def key(n: int, active: bool | None, rotated: Any, used: Any) -> Row:
    named = {"active": active, "last_rotated": rotated, "last_used": used}
    return {f"access_key_{n}_{name}": value for name, value in named.items()}


def password(active: bool | None, changed: Any, used: Any) -> Row:
    return {
        "console_password": active,
        "password_last_changed": changed,
        "password_last_used": used,
    }


NONE = datetime.fromisoformat(NEVER)
NO_KEYS = key(1, False, NONE, NONE) | key(2, False, NONE, NONE)
NO_PASSWORD = password(False, NONE, NONE)
IDLE = NO_PASSWORD | NO_KEYS
STRONG = dict.fromkeys(("lowercase", "numbers", "symbols", "uppercase"), True) | {
    "exists": True,
    "minimum_length": 14,
    "reuse_prevention": 24,
}
ROLE = {"path": "/", "boundary": "", "attached_policies": [], "inline_policies": []}
RUNS = ROLE | {"trust": document(EC2)}
INLINE_ADMIN = [{"name": "read", "document": READS}, {"name": "all", "document": document(allow())}]
UNREAD = [{"name": "read", "document": READS}, {"name": "all", "document": "not json"}]


def judge(rule: Rule, row: Row) -> Verdicts:
    frame = rule.table.frame([{"arn": "0", "account_id": "1", "region": "", **row}])
    return evaluate("iam", [rule], {rule.table: frame}, COVERED, SCANNED_AT)


def verdict(rule: Rule, row: Row) -> str:
    """fail | pass | unknown | n/a."""
    (counts,) = judge(rule, row).populations.to_dicts() or [{}]
    said = {"failed": "fail", "unknown": "unknown", "passed": "pass"}
    return next((word for name, word in said.items() if counts.get(name)), "n/a")


@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        (account.root_access_key, {"access_keys": True}, "fail"),
        (account.root_access_key, {"access_keys": False}, "pass"),
        (account.root_access_key, {"access_keys": None}, "unknown"),
        (account.root_mfa, {"mfa": False, "password": True}, "fail"),
        (account.root_mfa, {"mfa": True, "password": True}, "pass"),
        (account.root_mfa, {"mfa": False, "password": False}, "pass"),  # removed centrally
        (account.root_mfa, {"mfa": False, "password": None}, "unknown"),
        (account.root_mfa, {"mfa": None, "password": True}, "unknown"),
        (users.user_mfa, {"console_password": True, "mfa_active": False}, "fail"),
        (users.user_mfa, {"console_password": True, "mfa_active": True}, "pass"),
        (users.user_mfa, {"console_password": False, "mfa_active": False}, "pass"),
        (users.user_mfa, {"console_password": False, "mfa_active": None}, "pass"),
        (users.user_mfa, {"console_password": None, "mfa_active": False}, "unknown"),
        (users.user_access_key_age, NO_KEYS, "pass"),
        (users.user_access_key_age, NO_KEYS | key(1, True, ago(90), ago(1)), "pass"),
        (users.user_access_key_age, NO_KEYS | key(1, True, ago(91), ago(1)), "fail"),
        (users.user_access_key_age, NO_KEYS | key(2, True, ago(400), ago(90)), "fail"),
        (users.user_access_key_age, NO_KEYS | key(2, False, ago(400), ago(1)), "pass"),
        (users.user_access_key_age, NO_KEYS | key(1, True, ago(400), NONE), "pass"),  # unused
        (users.user_access_key_age, NO_KEYS | key(1, True, None, ago(1)), "unknown"),
        (users.user_access_key_age, NO_KEYS | key(1, None, ago(91), ago(1)), "unknown"),
        (
            users.user_access_key_age,
            key(1, None, None, None) | key(2, True, ago(91), ago(1)),
            "fail",
        ),
        (users.user_unused_credentials, IDLE, "pass"),
        (users.user_unused_credentials, IDLE | key(1, True, ago(400), ago(91)), "fail"),
        (users.user_unused_credentials, IDLE | key(1, True, ago(400), ago(90)), "pass"),
        (users.user_unused_credentials, IDLE | key(2, True, ago(91), NONE), "fail"),
        (users.user_unused_credentials, IDLE | key(2, True, ago(90), NONE), "pass"),
        (users.user_unused_credentials, IDLE | key(2, False, ago(400), NONE), "pass"),
        (users.user_unused_credentials, IDLE | password(True, ago(400), ago(91)), "fail"),
        (users.user_unused_credentials, IDLE | password(True, ago(400), NONE), "fail"),
        (users.user_unused_credentials, IDLE | password(True, ago(5), NONE), "pass"),
        (users.user_unused_credentials, IDLE | password(True, ago(400), None), "unknown"),
        (users.user_unused_credentials, IDLE | password(True, ago(5), None), "pass"),
        (users.user_unused_credentials, IDLE | password(None, ago(400), ago(400)), "unknown"),
        (users.user_direct_policy, {"attached_policies": [], "inline_policies": []}, "pass"),
        (users.user_direct_policy, {"attached_policies": [READ_ONLY]}, "fail"),
        (
            users.user_direct_policy,
            {"attached_policies": [], "inline_policies": [{"name": "own", "document": READS}]},
            "fail",
        ),
        (users.user_direct_policy, {"attached_policies": []}, "unknown"),
        (
            account.password_policy_weak,
            STRONG | {"minimum_length": 14, "reuse_prevention": 24},
            "pass",
        ),
        (
            account.password_policy_weak,
            STRONG | {"minimum_length": 13, "reuse_prevention": 24},
            "fail",
        ),
        (
            account.password_policy_weak,
            STRONG | {"minimum_length": 14, "reuse_prevention": 23},
            "fail",
        ),
        (
            account.password_policy_weak,
            STRONG | {"exists": False, "minimum_length": 8, "reuse_prevention": 0},
            "fail",
        ),
        (account.password_policy_weak, {"exists": True, "minimum_length": 14}, "unknown"),
        (
            policies.policy_full_admin,
            {"attachment_count": 1, "document": document(allow())},
            "fail",
        ),
        (
            policies.policy_full_admin,
            {"attachment_count": 0, "document": document(allow())},
            "pass",
        ),
        (policies.policy_full_admin, {"attachment_count": 1, "document": READS}, "pass"),
        (policies.policy_full_admin, {"attachment_count": 0, "document": None}, "pass"),
        (policies.policy_full_admin, {"attachment_count": 1, "document": "not json"}, "unknown"),
        (policies.policy_full_admin, {"document": document(allow())}, "unknown"),
        (roles.role_trust_anyone, {"path": "/", "trust": document(trusting("*"))}, "fail"),
        (roles.role_trust_anyone, {"path": "/", "trust": document(EC2)}, "pass"),
        (roles.role_trust_anyone, {"path": "/", "trust": None}, "unknown"),
        (roles.role_trust_anyone, {"path": None, "trust": document(trusting("*"))}, "unknown"),
        (
            roles.role_trust_anyone,
            {"path": "/aws-service-role/x/", "trust": document(trusting("*"))},
            "n/a",
        ),
        (
            roles.role_trust_oidc_subject,
            {"path": "/", "trust": document(trusting_tokens(GITHUB))},
            "fail",
        ),
        (roles.role_trust_oidc_subject, {"path": "/", "trust": document(EC2)}, "pass"),
        (roles.role_trust_oidc_subject, {"path": "/", "trust": None}, "unknown"),
        (roles.role_workload_administrator, RUNS, "pass"),
        (
            roles.role_workload_administrator,
            RUNS | {"attached_policies": [READ_ONLY, ADMINISTRATOR]},
            "fail",
        ),
        (
            roles.role_workload_administrator,
            RUNS | {"attached_policies": ["arn:aws-cn:iam::aws:policy/AdministratorAccess"]},
            "fail",
        ),
        (
            roles.role_workload_administrator,  # a customer's namesake is policy_full_admin's
            RUNS | {"attached_policies": ["arn:aws:iam::1:policy/AdministratorAccess"]},
            "pass",
        ),
        (roles.role_workload_administrator, RUNS | {"inline_policies": INLINE_ADMIN}, "fail"),
        (roles.role_workload_administrator, RUNS | {"inline_policies": UNREAD}, "unknown"),
        (
            roles.role_workload_administrator,
            RUNS | {"attached_policies": [ADMINISTRATOR], "boundary": "arn:aws:iam::1:policy/b"},
            "pass",
        ),
        (
            roles.role_workload_administrator,  # a boundary that bounds nothing
            RUNS | {"attached_policies": [ADMINISTRATOR], "boundary": ADMINISTRATOR},
            "fail",
        ),
        (
            roles.role_workload_administrator,
            RUNS | {"attached_policies": [ADMINISTRATOR], "boundary": None},
            "unknown",
        ),
        (
            roles.role_workload_administrator,
            ROLE | {"attached_policies": [ADMINISTRATOR], "trust": document(trusting("*"))},
            "pass",
        ),
        (
            roles.role_workload_administrator,
            ROLE | {"attached_policies": [ADMINISTRATOR], "trust": None},
            "unknown",
        ),
        (roles.role_workload_administrator, RUNS | {"attached_policies": None}, "unknown"),
    ],
)
def test_verdict(rule: Rule, row: Row, expected: str):
    assert verdict(rule, row) == expected


@pytest.mark.parametrize("used", [NONE, ago(1), ago(89), ago(91), ago(400)])
@pytest.mark.parametrize("rotated", [ago(1), ago(91), ago(400)])
def test_one_key_is_one_finding(rotated: datetime, used: datetime):
    """A key to be deleted is not also to be rotated."""
    row = IDLE | key(1, True, rotated, used)
    both = (users.user_access_key_age, users.user_unused_credentials)
    assert [verdict(rule, row) for rule in both].count("fail") <= 1


def test_two_keys_may_be_two_findings():
    row = NO_PASSWORD | key(1, True, ago(400), ago(1)) | key(2, True, ago(400), ago(300))
    assert verdict(users.user_access_key_age, row) == "fail"
    assert verdict(users.user_unused_credentials, row) == "fail"


def test_a_workload_is_related_to_its_role_and_instance_profiles():
    profile = "arn:aws:iam::1:instance-profile/web"
    row = RUNS | {"attached_policies": [ADMINISTRATOR], "instance_profile_arns": [profile]}
    (fail,) = judge(roles.role_workload_administrator, row).fails.to_dicts()
    assert fail["related"] == sorted([fail["resource_arn"], profile])


def test_a_trust_is_exposed_where_anyone_can_get_a_token():
    for provider, exposed in ((GITHUB, True), (CLUSTER, False)):
        row = {"path": "/", "trust": document(trusting_tokens(provider))}
        assert judge(roles.role_trust_oidc_subject, row).fails["exposed"].to_list() == [exposed]


def test_no_roles_at_all():
    assert Roles.judged({}).is_empty()


def test_rules_know_no_other_time_than_the_scan():
    row = IDLE | key(1, True, datetime(2025, 12, 1, tzinfo=UTC), NONE)
    assert verdict(users.user_unused_credentials, row) == "pass"  # whatever today is


def test_of_the_oidc_providers_only_a_cluster_is_compute():
    judged = [
        Roles.judged({Roles: Roles.frame([{"trust": document(trusting_tokens(of))}])})
        for of in (GITHUB, CLUSTER)
    ]
    assert [frame["trust_compute"].item() for frame in judged] == [False, True]


def test_only_assuming_counts_as_trust():
    tagging = document(trusting({"Service": "ec2.amazonaws.com"}, "sts:TagSession"))
    frame = Roles.judged({Roles: Roles.frame([{"trust": tagging}])})
    assert frame["trust_compute"].item() is False
