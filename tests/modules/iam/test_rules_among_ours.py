"""IAM rules judged where it is known who belongs to us, and what findings mean together."""

from typing import Any

import pytest

from stratum_pipeline.kernel.correlate import Index, correlate
from stratum_pipeline.kernel.evaluate import evaluate
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.modules.iam import MODULE
from stratum_pipeline.modules.iam.inventory import Groups, Policies, Roles
from stratum_pipeline.modules.iam.rules import account, outside, policies, roles, users

from ...conftest import SCANNED_AT
from ..parity import OURS, SIBLING, STRANGER
from ..parity import judge as judge_among_ours
from ..parity import verdict as verdict_among_ours
from . import parity
from .samples import (
    ADMINISTRATOR,
    EXTERNAL_ID,
    FLOW_LOGS,
    GITHUB,
    READ_ONLY,
    allow,
    document,
    trusting,
    trusting_tokens,
)
from .test_rules import COVERED, INLINE_ADMIN, NONE, STRONG, UNREAD, Row, ago
from .test_rules import test_verdict as judged_alone

U, G, R = parity.USER, parity.GROUP, parity.ROLE
PEOPLE, SIGNS_IN = parity.PEOPLE, parity.SIGNS_IN
MANAGED = parity.POLICY
INLINE = parity.INLINE
ONLY_KEY = U | parity.key(1, active=True, last_rotated=ago(60), last_used=ago(1), last_service="s3")
TWO = ONLY_KEY | parity.key(
    2, active=True, last_rotated=ago(40), last_used=ago(1), last_service="s3"
)
NEW = SIGNS_IN | {"created_at": ago(5)}
SETUP = NEW | parity.key(1, active=True, last_rotated=ago(5))


def trust(*parts: Any) -> Row:
    return {"trust": document(*parts)}


def of(account_id: str, **more: Any) -> Row:
    return trusting({"AWS": f"arn:aws:iam::{account_id}:root"}, **more)


def doc(*parts: Any) -> Row:
    return {"document": document(*parts)}


def used(service: str, when: Any) -> Row:
    return {"service_use": [{"service": service, "last_used": when}]}


ESCALATING, GUARDING, PASSING = allow("iam:PutRolePolicy"), allow("kms:*"), allow("iam:PassRole")
NOT_JSON = {"document": "not json"}

PARTS = ("ec2:ModifyInstanceAttribute", "ec2:StopInstances", "ec2:StartInstances")
APART = [{"name": part, "document": document(allow(part))} for part in PARTS]

DEPTH: list[tuple[Rule, Row, str]] = [
    (account.root_hardware_mfa, parity.ROOT | {"virtual_mfa": True}, "fail"),
    (account.root_hardware_mfa, parity.ROOT, "pass"),
    (account.root_hardware_mfa, parity.ROOT | {"virtual_mfa": None}, "unknown"),
    (account.root_hardware_mfa, parity.ROOT | {"mfa": False, "virtual_mfa": None}, "n/a"),
    (account.root_hardware_mfa, parity.ROOT | {"password": False}, "n/a"),
    (account.root_recent_use, parity.ROOT | {"last_used": ago(7)}, "fail"),
    (account.root_recent_use, parity.ROOT | {"last_used": ago(8)}, "pass"),
    (account.root_recent_use, parity.ROOT | {"last_used": NONE}, "pass"),
    (account.root_recent_use, parity.ROOT | {"last_used": None}, "unknown"),
    (account.root_central_management, parity.ROOT | {"central_management": "off"}, "fail"),
    (account.root_central_management, parity.ROOT, "pass"),
    (account.root_central_management, parity.ROOT | {"central_management": ""}, "n/a"),
    (account.root_central_management, parity.ROOT | {"central_management": None}, "unknown"),
    (account.password_policy_expiry, STRONG | {"max_age_days": 0}, "fail"),
    (account.password_policy_expiry, STRONG | {"max_age_days": 91}, "fail"),
    (account.password_policy_expiry, STRONG | {"max_age_days": 90}, "pass"),
    (account.password_policy_expiry, STRONG, "unknown"),
    (account.password_policy_expiry, {"exists": False, "max_age_days": 0}, "n/a"),
    *(
        (account.password_policy_weak, STRONG | {kind: missing}, verdict)
        for kind in ("lowercase", "numbers", "symbols", "uppercase")
        for missing, verdict in ((False, "fail"), (None, "unknown"))
    ),
    (account.account_federation, parity.ACCESS, "fail"),
    (account.account_federation, parity.ACCESS | {"console_users": 0}, "pass"),
    (account.account_federation, parity.ACCESS | {"saml_providers": ["idp"]}, "pass"),
    (account.account_federation, parity.ACCESS | {"console_users": None}, "unknown"),
    (account.account_support_role, parity.ACCESS, "fail"),
    (account.account_support_role, {"aws_policies": ["AWSSupportAccess"]}, "pass"),
    (account.account_support_role, {"aws_policies": None}, "unknown"),
    (account.account_audit_role, {"aws_policies": ["AWSSupportAccess"]}, "fail"),
    (account.account_audit_role, {"aws_policies": ["SecurityAudit"]}, "pass"),
    (account.account_audit_role, {"aws_policies": None}, "unknown"),
    (account.account_cloudshell, {"aws_policies": ["AWSCloudShellFullAccess"]}, "fail"),
    (account.account_cloudshell, {"aws_policies": []}, "pass"),
    (account.account_cloudshell, {"aws_policies": None}, "unknown"),
    (account.saml_provider_expiring, {"valid_until": ago(1)}, "fail"),
    (account.saml_provider_expiring, {"valid_until": ago(-29)}, "fail"),
    (account.saml_provider_expiring, {"valid_until": ago(-30)}, "pass"),
    (account.saml_provider_expiring, {"valid_until": None}, "unknown"),
    (account.server_certificate_expiring, {"expires_at": ago(400)}, "fail"),
    (account.server_certificate_expiring, {"expires_at": ago(-31)}, "pass"),
    (account.server_certificate_expiring, {"expires_at": None}, "unknown"),
    (users.user_hardware_mfa, SIGNS_IN | {"mfa_active": True, "virtual_mfa": True}, "fail"),
    (users.user_hardware_mfa, SIGNS_IN | {"mfa_active": True}, "pass"),
    (users.user_hardware_mfa, SIGNS_IN | {"mfa_active": True, "virtual_mfa": None}, "unknown"),
    (users.user_hardware_mfa, SIGNS_IN | {"virtual_mfa": None}, "n/a"),  # has none: user_mfa
    (users.user_hardware_mfa, U | {"mfa_active": True, "virtual_mfa": True}, "n/a"),
    (users.user_setup_key, SETUP, "fail"),
    (users.user_setup_key, SETUP | {"console_password": False}, "pass"),
    (users.user_setup_key, SETUP | {"access_key_1_last_used": ago(1)}, "pass"),
    (users.user_setup_key, SETUP | {"access_key_1_last_rotated": ago(4)}, "pass"),
    (users.user_setup_key, SETUP | {"access_key_1_last_used": None}, "unknown"),
    (users.user_setup_key, SETUP | {"access_key_1_last_rotated": ago(100)}, "n/a"),  # unused
    (users.user_two_keys, TWO, "fail"),
    (users.user_two_keys, TWO | {"access_key_2_last_rotated": ago(30)}, "pass"),  # a rotation
    (users.user_two_keys, TWO | {"access_key_2_active": False}, "pass"),
    (users.user_two_keys, TWO | {"access_key_2_active": None}, "unknown"),
    (users.user_two_keys, TWO | {"access_key_1_last_rotated": ago(100)}, "n/a"),  # too old
    (users.user_long_lived_key, ONLY_KEY, "fail"),
    (users.user_long_lived_key, ONLY_KEY | {"access_key_1_last_service": "sts"}, "pass"),
    (users.user_long_lived_key, ONLY_KEY | {"access_key_1_last_used": ago(91)}, "pass"),
    (users.user_long_lived_key, U, "pass"),
    (users.user_long_lived_key, ONLY_KEY | {"access_key_1_last_service": None}, "unknown"),
    (users.user_long_lived_key, ONLY_KEY | {"access_key_1_last_rotated": ago(100)}, "n/a"),
    (users.user_administrator, U | {"attached_policies": [ADMINISTRATOR]}, "fail"),
    (
        users.user_administrator,
        U | {"attached_policies": ["arn:aws:iam::aws:policy/IAMFullAccess"]},
        "fail",
    ),
    (users.user_administrator, U | {"inline_policies": INLINE_ADMIN}, "fail"),
    (users.user_administrator, U | {"attached_policies": [READ_ONLY]}, "pass"),
    (
        users.user_administrator,
        U | {"attached_policies": [ADMINISTRATOR], "boundary": "arn:aws:iam::1:policy/b"},
        "pass",
    ),
    (users.user_administrator, U | {"inline_policies": UNREAD}, "unknown"),
    (users.user_administrator, U | {"attached_policies": None}, "unknown"),
    # One finding where administrator is all it holds, two where it holds more.
    (users.user_direct_policy, U | {"attached_policies": [ADMINISTRATOR]}, "n/a"),
    (users.user_direct_policy, U | {"inline_policies": INLINE_ADMIN}, "n/a"),
    (users.user_direct_policy, U | {"attached_policies": [ADMINISTRATOR, READ_ONLY]}, "fail"),
    (users.user_service_unused, U | used("bedrock", ago(91)), "fail"),
    (users.user_service_unused, U | used("sagemaker", NONE), "fail"),
    (users.user_service_unused, U | used("bedrock", ago(90)), "pass"),
    (users.user_service_unused, U, "n/a"),
    (users.user_service_unused, U | used("bedrock", None), "unknown"),
    (users.user_service_unused, U | {"service_use": None}, "unknown"),
    (users.group_administrator, G | {"attached_policies": [ADMINISTRATOR]}, "fail"),
    (users.group_administrator, G | {"inline_policies": INLINE_ADMIN}, "fail"),
    (users.group_administrator, G | {"attached_policies": [READ_ONLY]}, "pass"),
    (users.group_administrator, G | {"inline_policies": UNREAD}, "unknown"),
    (roles.role_confused_deputy, R | trust(FLOW_LOGS), "fail"),
    (
        roles.role_confused_deputy,
        R | trust(trusting({"Service": "logs.eu-west-1.amazonaws.com"})),
        "fail",
    ),
    (
        roles.role_confused_deputy,
        R | trust(trusting({"Service": ["ec2.amazonaws.com", "config.amazonaws.com"]})),
        "fail",
    ),
    (roles.role_confused_deputy, R | trust(FLOW_LOGS | parity.OURS_ALONE), "pass"),
    (
        roles.role_confused_deputy,
        R
        | trust(
            FLOW_LOGS
            | {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:ec2:*:1:vpc-flow-log/*"}}}
        ),
        "pass",
    ),
    (
        roles.role_confused_deputy,
        R | trust(FLOW_LOGS | {"Condition": {"StringEquals": {"aws:SourceOrgID": OURS}}}),
        "pass",
    ),
    (
        roles.role_confused_deputy,  # no service sends one
        R | trust(FLOW_LOGS | {"Condition": EXTERNAL_ID}),
        "fail",
    ),
    (roles.role_confused_deputy, R, "pass"),  # EC2 says for nobody
    (roles.role_confused_deputy, R | {"trust": "not json"}, "unknown"),
    (roles.role_confused_deputy, R | {"path": "/aws-service-role/x/"}, "n/a"),
    (roles.role_outside_wide, R | trust(of(STRANGER)) | {"attached_policies": [READ_ONLY]}, "fail"),
    (roles.role_outside_wide, R | trust(of(STRANGER)) | {"inline_policies": INLINE_ADMIN}, "fail"),
    (roles.role_outside_wide, R | trust(of(STRANGER)), "pass"),
    (roles.role_outside_wide, R | trust(of(SIBLING)) | {"attached_policies": [READ_ONLY]}, "n/a"),
    (roles.role_outside_wide, R | trust(of(STRANGER)) | {"attached_policies": None}, "unknown"),
    (roles.role_outside_wide, R | {"trust": None}, "unknown"),
    (roles.role_outside_no_external_id, R | trust(of(STRANGER)), "fail"),
    (
        roles.role_outside_no_external_id,  # one of two statements holds it: the other does not
        R | trust(of(STRANGER, Condition=EXTERNAL_ID), of("888888888888")),
        "fail",
    ),
    (
        roles.role_outside_no_external_id,
        R | trust(trusting({"AWS": f"arn:aws:sts::{STRANGER}:assumed-role/x/y"})),
        "fail",
    ),
    (
        roles.role_outside_no_external_id,  # anyone, but from there
        R
        | trust(trusting("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-theirs12345"}})),
        "fail",
    ),
    (roles.role_outside_no_external_id, R | trust(of(STRANGER, Condition=EXTERNAL_ID)), "pass"),
    (roles.role_outside_no_external_id, R | trust(of(SIBLING)), "pass"),
    (
        roles.role_outside_no_external_id,
        R | trust(trusting("*", Condition={"StringEquals": {"aws:PrincipalOrgID": OURS}})),
        "pass",
    ),
    (roles.role_outside_no_external_id, R | {"trust": "not json"}, "unknown"),
    (
        roles.role_outside_no_external_id,
        R | trust(of(STRANGER)) | {"attached_policies": [READ_ONLY]},
        "n/a",
    ),
    (roles.role_outside, R | trust(of(STRANGER, Condition=EXTERNAL_ID)), "fail"),
    (roles.role_outside, R | trust(of(STRANGER)), "n/a"),
    (roles.role_outside, R | trust(of(SIBLING)), "pass"),
    (roles.role_outside, R | {"trust": None}, "unknown"),
    (roles.role_administrator, PEOPLE | {"attached_policies": [ADMINISTRATOR]}, "fail"),
    (roles.role_administrator, PEOPLE | {"attached_policies": [READ_ONLY]}, "pass"),
    (roles.role_administrator, PEOPLE | {"inline_policies": UNREAD}, "unknown"),
    (roles.role_administrator, R | {"attached_policies": [ADMINISTRATOR]}, "n/a"),  # a workload
    (
        roles.role_administrator,
        R | trust(of(STRANGER)) | {"attached_policies": [ADMINISTRATOR]},
        "n/a",
    ),
    *(
        (roles.role_administrator, PEOPLE | {"attached_policies": [ADMINISTRATOR]} | made, "n/a")
        for made in (
            {"name": "OrganizationAccountAccessRole"},
            {"path": "/aws-reserved/sso.amazonaws.com/"},
        )
    ),
    *(
        (rule, row | facts, verdict)
        for rule, row in (
            (roles.role_combined_escalation, R),
            (users.user_combined_escalation, U | {"groups": []}),
        )
        for facts, verdict in (
            ({"inline_policies": APART}, "fail"),
            ({"inline_policies": APART[:1]}, "pass"),
            ({"inline_policies": [*APART[:1], *INLINE_ADMIN]}, "pass"),  # that one alone does
            ({"inline_policies": [*APART, *UNREAD]}, "unknown"),
            ({"inline_policies": None}, "unknown"),
            ({"attached_policies": ["arn:aws:iam::1:policy/not-listed"]}, "unknown"),
            ({"attached_policies": [READ_ONLY]}, "pass"),
            ({"inline_policies": APART, "boundary": "arn:aws:iam::1:policy/b"}, "n/a"),
        )
    ),
    (users.user_combined_escalation, U | {"groups": ["not-listed"]}, "unknown"),
    (roles.role_unused, R | {"last_used": ago(91)}, "fail"),
    (roles.role_unused, R | {"last_used": NONE}, "fail"),
    (roles.role_unused, R | {"last_used": NONE, "created_at": ago(90)}, "pass"),
    (roles.role_unused, R, "pass"),
    (roles.role_unused, R | {"last_used": None}, "unknown"),
    (roles.role_unused, R | {"last_used": NONE, "path": "/aws-reserved/x/"}, "n/a"),
    (roles.role_service_unused, R | used("bedrock", NONE), "fail"),
    (roles.role_service_unused, R | used("bedrock", ago(3)), "pass"),
    (roles.role_service_unused, R | {"service_use": None}, "unknown"),
    (roles.role_service_unused, R | used("bedrock", NONE) | {"last_used": NONE}, "n/a"),
    (
        policies.policy_unattached_full_admin,
        MANAGED | {"attachment_count": 0} | doc(allow()),
        "fail",
    ),
    (
        policies.policy_unattached_full_admin,
        MANAGED | {"attachment_count": 0} | doc(PASSING),
        "pass",
    ),
    (
        policies.policy_unattached_full_admin,
        MANAGED | {"attachment_count": 0} | NOT_JSON,
        "unknown",
    ),
    (policies.policy_unattached_full_admin, MANAGED | doc(allow()), "n/a"),
    *(
        (rule, row | facts, verdict)
        for managed, inline, part, other in (
            (*parity.ESCALATION, ESCALATING, GUARDING),
            (*parity.GUARDS, GUARDING, ESCALATING),
            (*parity.UNSCOPED, PASSING, GUARDING),
        )
        for rule, row in ((managed, MANAGED), (inline, INLINE))
        for facts, verdict in (
            (doc(part), "fail"),
            (doc(other), "pass"),
            (NOT_JSON, "unknown"),
            ({"document": None}, "unknown"),
            (doc(allow()), "n/a"),  # allows everything: another finding
        )
    ),
    (parity.ESCALATION[0], MANAGED | {"attachment_count": 0} | doc(ESCALATING), "n/a"),
    (parity.UNSCOPED[0], MANAGED | doc(PASSING, ESCALATING), "n/a"),  # the graver one speaks
    (outside.access_analyzer_off, {"external_analyzers": 0}, "fail"),
    (outside.access_analyzer_off, {"external_analyzers": 1}, "pass"),
    (outside.access_analyzer_off, {"external_analyzers": None}, "unknown"),
    (outside.access_analyzer_findings, {"active_findings": 1}, "fail"),
    (outside.access_analyzer_findings, {"active_findings": 0}, "pass"),
    (outside.access_analyzer_findings, {"active_findings": None}, "unknown"),
    (outside.trust_anchor_quantum, {"enabled": True, "post_quantum": False}, "fail"),
    (outside.trust_anchor_quantum, {"enabled": True, "post_quantum": True}, "pass"),
    (outside.trust_anchor_quantum, {"enabled": True, "post_quantum": None}, "unknown"),
    (outside.trust_anchor_quantum, {"enabled": False, "post_quantum": False}, "n/a"),
    *(
        (
            outside.anywhere_profile_unrestricted,
            {"enabled": True, "session_policy": inline, "managed_policy_arns": managed},
            verdict,
        )
        for inline, managed, verdict in (
            (False, [], "fail"),
            (True, [], "pass"),
            (False, [READ_ONLY], "pass"),
            (None, [], "unknown"),
            (False, None, "unknown"),
        )
    ),
]


@pytest.mark.parametrize(
    ("rule", "row", "expected"), DEPTH, ids=[f"{rule.id}-{word}" for rule, _, word in DEPTH]
)
def test_verdict_among_ours(rule: Rule, row: Row, expected: str):
    assert verdict_among_ours(rule, row) == expected


def test_every_rule_was_seen_to_fail_to_pass_and_to_not_know():
    (marked,) = (m for m in judged_alone.pytestmark if m.name == "parametrize")
    seen: dict[str, set[str]] = {rule.id: set() for rule in MODULE.rules}
    for rule, _, word in [*marked.args[1], *DEPTH]:
        seen[rule.id].add(word)
    assert {
        name for name, words in seen.items() if not words >= {"fail", "pass", "unknown"}
    } == set()


def test_who_is_ours_must_be_known_to_call_one_a_stranger():
    """Without the organization's list a role that trusts others is unknown, and no other."""
    frame = Roles.frame(
        common | {"arn": name, "account_id": "1", "region": ""}
        for name, common in (
            ("theirs", R | trust(of(STRANGER))),
            ("own", R | trust(of("1"))),
            ("ec2", R),
        )
    )
    found = evaluate(
        "iam", [roles.role_outside_no_external_id], {Roles: frame}, COVERED, SCANNED_AT
    )
    assert found.unknowns["resource_arn"].to_list() == ["theirs"]
    assert found.populations["passed"].sum() == 2


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"attached_policies": [READ_ONLY]},
        {"attached_policies": [ADMINISTRATOR]},
        {"inline_policies": INLINE_ADMIN},
    ],
)
@pytest.mark.parametrize("condition", [{}, {"Condition": EXTERNAL_ID}])
def test_a_strangers_role_is_one_finding(facts: Row, condition: Row):
    row = R | trust(of(STRANGER, **condition)) | facts
    by_stranger = (
        roles.role_outside_wide,
        roles.role_outside_no_external_id,
        roles.role_outside,
        roles.role_administrator,
    )
    assert [verdict_among_ours(rule, row) for rule in by_stranger].count("fail") == 1


def open_finding(rule: Rule, row: Row) -> Row:
    (fail,) = judge_among_ours(rule, row).fails.to_dicts()
    return {
        "finding_id": f"{rule.id} {fail['resource_arn']}",
        "rule_id": rule.id,
        "account_id": fail["account_id"],
        "resource_arn": fail["resource_arn"],
        "related": fail["related"],
    }


HERE = "arn:aws:iam::111111111111:role/survey"
GROWS = INLINE | doc(ESCALATING)
COMBINED = [
    (
        (users.user_mfa, SIGNS_IN),
        (users.user_administrator, SIGNS_IN | {"attached_policies": [ADMINISTRATOR]}),
    ),
    (
        (roles.role_trust_oidc_subject, R | {"arn": HERE} | trust(trusting_tokens(GITHUB))),
        (parity.ESCALATION[1], GROWS | {"holder": HERE}),
    ),
    (
        (roles.role_outside_no_external_id, R | {"arn": HERE} | trust(of(STRANGER))),
        (parity.ESCALATION[1], GROWS | {"holder": HERE}),
    ),
]


@pytest.mark.parametrize(("mine", "beside"), COMBINED)
def test_what_a_finding_means_beside_another(mine, beside):
    correlation = next(
        c for c in MODULE.correlations if (c.rule, c.beside) == (mine[0].id, (beside[0].id,))
    )
    index = Index.frame([open_finding(*mine), open_finding(*beside)])
    (context,) = correlate(correlation, index).to_dicts()
    assert context["finding_id"].startswith(mine[0].id)
    assert context["severity"] == "critical"
    assert correlate(correlation, index.head(1)).is_empty()


def test_a_policy_on_another_role_means_nothing():
    index = Index.frame(
        [
            open_finding(
                roles.role_trust_oidc_subject, R | {"arn": HERE} | trust(trusting_tokens(GITHUB))
            ),
            open_finding(parity.ESCALATION[1], GROWS | {"holder": HERE + "-other"}),
        ]
    )
    assert all(correlate(c, index).is_empty() for c in MODULE.correlations)


def test_a_way_may_lead_through_a_managed_policy_and_a_group():
    arn = "arn:aws:iam::1:policy/restart"
    restarts = {"arn": arn, "name": "restart", "document": document(allow(list(PARTS[1:])))}
    beside = {
        Policies: [MANAGED | restarts],
        Groups: [G | {"name": "ops", "attached_policies": [arn]}],
    }
    user = U | {"groups": ["ops"], "inline_policies": APART[:1]}
    assert verdict_among_ours(users.user_combined_escalation, user, beside) == "fail"
    assert (
        verdict_among_ours(users.user_combined_escalation, user | {"inline_policies": []}, beside)
        == "pass"
    )
    role = R | {"attached_policies": [arn], "inline_policies": APART[:1]}
    assert verdict_among_ours(roles.role_combined_escalation, role, beside) == "fail"
    (fail,) = judge_among_ours(roles.role_combined_escalation, role, beside).fails.to_dicts()
    assert "ModifyEC2InstanceUserDataThenRestart" in fail["evidence"]
