"""What policies amount to: each published way to administrator is found, and none that is shut."""

import subprocess
import sys
from typing import Any

import pytest
from cloudsplaining.shared.constants import PRIVILEGE_ESCALATION_METHODS

from stratum_pipeline.kernel.policy import statements
from stratum_pipeline.modules.iam import documents
from stratum_pipeline.modules.iam.inventory import Policies

from .samples import READS, allow, document

WAYS = sorted(PRIVILEGE_ESCALATION_METHODS)
CLASSIC = {  # Rhino Security Labs' list, which must stay whole whatever the library does
    "AddUserToGroup",
    "AttachGroupPolicy",
    "AttachRolePolicy",
    "AttachUserPolicy",
    "CreateAccessKey",
    "CreateEC2WithExistingIP",
    "CreateLoginProfile",
    "CreateNewPolicyVersion",
    "EditExistingLambdaFunctionWithRole",
    "PassExistingRoleToCloudFormation",
    "PassExistingRoleToNewDataPipeline",
    "PassExistingRoleToNewGlueDevEndpoint",
    "PassExistingRoleToNewLambdaThenInvoke",
    "PassExistingRoleToNewLambdaThenTriggerWithExistingDynamo",
    "PassExistingRoleToNewLambdaThenTriggerWithNewDynamo",
    "PutGroupPolicy",
    "PutRolePolicy",
    "PutUserPolicy",
    "SetExistingDefaultPolicyVersion",
    "UpdateExistingGlueDevEndpoint",
    "UpdateLoginProfile",
    "UpdateRolePolicyToAssumeIt",
}
ME = "arn:aws:iam::111111111111"


def parsed(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    found = statements(document(*parts))
    assert found is not None
    return found


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return allow(action, resource, **more) | {"Effect": "Deny"}


def passed_to(*services: str) -> dict[str, Any]:
    named = [f"{service}.amazonaws.com" for service in services]
    return {"Condition": {"StringEquals": {"iam:PassedToService": named}}}


def test_the_classic_ways_are_known():
    assert set(WAYS) >= CLASSIC


@pytest.mark.parametrize("way", WAYS)
def test_each_way_is_found(way: str):
    needed = PRIVILEGE_ESCALATION_METHODS[way]
    assert way in documents.escalations(parsed(allow(needed)))
    apart = [allow(action) for action in needed]
    assert way in documents.escalations(parsed(*apart))
    for missing in needed:
        rest = [action for action in needed if action != missing]
        assert not rest or way not in documents.escalations(parsed(allow(rest)))
    assert way not in documents.escalations(parsed(allow(needed), deny(needed[-1])))


@pytest.mark.parametrize("everything", ["*", "*:*", ["s3:Get*", "*:*"], "**"])
def test_everything_is_every_way(everything: Any):
    assert documents.escalations(parsed(allow(everything))) == WAYS


MFA = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}


@pytest.mark.parametrize(
    ("way", "policy"),
    [
        ("AttachUserPolicy", [allow("IAM:Attach*")]),
        ("AttachUserPolicy", [allow("*:AttachUserPolicy")]),
        ("AttachUserPolicy", [allow("i?m:AttachUserPolicy")]),
        ("AttachUserPolicy", [{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}]),
        ("", [{"Effect": "Allow", "NotAction": "iam:*", "Resource": f"{ME}:user/*"}]),
        # All users is as good as all resources; other kinds, and oneself, are not.
        ("AttachUserPolicy", [allow("iam:AttachUserPolicy", f"{ME}:user/*")]),
        ("AttachUserPolicy", [allow("iam:AttachUserPolicy", "arn:aws:iam::*:*")]),
        ("AttachUserPolicy", [allow("iam:*", ["arn:aws:s3:::a", f"{ME}:user/*"])]),
        ("", [allow("iam:AttachUserPolicy", f"{ME}:user/bots/*")]),
        ("", [allow("iam:CreateAccessKey", f"{ME}:user/${{aws:username}}")]),
        ("", [allow("iam:AttachUserPolicy", f"{ME}:role/*")]),
        ("", [allow("iam:*", f"{ME}:mfa/*")]),
        (
            "AttachUserPolicy",
            [{"Effect": "Allow", "Action": "iam:*", "NotResource": f"{ME}:user/admin"}],
        ),
        ("", [allow("iam:AttachUserPolicy", **MFA)]),
        # A denial shuts a way only if it holds always and for all.
        ("", [allow("iam:*"), deny("iam:*")]),
        ("", [allow("iam:AttachUserPolicy"), deny("iam:Attach*")]),
        ("AttachUserPolicy", [allow("iam:AttachUserPolicy"), deny("iam:*", f"{ME}:user/admin")]),
        ("AttachUserPolicy", [allow("iam:AttachUserPolicy"), deny("iam:*", **MFA)]),
        (
            "",
            [
                allow("iam:AttachUserPolicy"),
                {"Effect": "Deny", "NotAction": ["s3:*", "ec2:*"], "Resource": "*"},
            ],
        ),
        # A role lent to one service is of use there alone.
        ("CreateEC2WithExistingIP", [allow("ec2:*"), allow("iam:PassRole", f"{ME}:role/*")]),
        ("CreateEC2WithExistingIP", [allow(["iam:PassRole", "ec2:*"], "*")]),
        ("CreateEC2WithExistingIP", [allow("ec2:*"), allow("iam:PassRole", **passed_to("ec2"))]),
        ("CreateEC2WithExistingIP", [allow("ec2:*"), allow("iam:PassRole", **passed_to("*"))]),
        (
            "PassExistingRoleToNewECSTaskViaRunTask",
            [allow("ecs:*"), allow("iam:PassRole", **passed_to("ecs-tasks", "lambda"))],
        ),
        ("", [allow("iam:PassRole", **passed_to("ecs-tasks")), allow("ec2:RunInstances")]),
        ("", [allow("iam:PassRole", f"{ME}:role/app"), allow("ec2:RunInstances")]),
        (
            "",
            [
                allow("iam:PassRole", **passed_to("ec2")),
                allow("ec2:RunInstances"),
                deny("iam:PassRole"),
            ],
        ),
    ],
)
def test_what_opens_a_way_and_what_does_not(way: str, policy: list[dict[str, Any]]):
    found = documents.escalations(parsed(*policy))
    assert way in found if way else not found


@pytest.mark.parametrize(
    ("guards", "policy"),
    [
        (["kms"], [allow("kms:*")]),
        (["cloudtrail", "kms"], [allow(["KMS:*", "cloudtrail:*", "s3:*"])]),
        (["cloudtrail"], [allow("cloudtrail:**")]),
        ([], [allow(["kms:Decrypt", "kms:Create*"])]),
        ([], [allow("kms:*", "arn:aws:kms:us-east-1:1:key/1")]),
        ([], [allow("kms:*", **MFA)]),
        ([], [allow("kms:*"), deny("kms:ScheduleKeyDeletion")]),
        (["kms"], [allow("kms:*"), deny("kms:Disable*", **MFA)]),
        (["kms"], [allow("kms:*"), deny("cloudtrail:*")]),
        (
            [guard for guard in documents.GUARDS if guard != "kms"],
            [{"Effect": "Allow", "NotAction": ["iam:*", "kms:Delete*"], "Resource": "*"}],
        ),
        (list(documents.GUARDS), [allow("*")]),
    ],
)
def test_full_control_of_what_guards_the_account(guards, policy):
    assert documents.guards(parsed(*policy)) == guards


@pytest.mark.parametrize(
    ("actions", "policy"),
    [
        (["sts:assumerole"], [allow("sts:AssumeRole")]),
        (["sts:assumerole"], [allow("sts:*", "arn:aws:iam::*:role/*")]),
        (["iam:passrole"], [allow("iam:Pass*", f"{ME}:role/*")]),
        (["iam:passrole"], [allow("iam:PassRole", **passed_to("ec2"))]),
        ([], [allow("iam:PassRole", **passed_to("config"))]),  # its use of a role is AWS's own
        ([], [allow("iam:PassRole", f"{ME}:role/app", **passed_to("ec2"))]),
        ([], [allow("iam:PassRole", **MFA)]),
        ([], [allow("sts:AssumeRole", "arn:aws:iam::*:role/scan-*")]),
        ([], [allow("sts:AssumeRole", **MFA)]),
        ([], [allow("sts:AssumeRole"), deny("sts:AssumeRole")]),
        (["sts:assumerole"], [allow("sts:AssumeRole"), deny("sts:AssumeRole", f"{ME}:role/a")]),
        (["aws-marketplace:subscribe"], [allow("aws-marketplace:*")]),
        (
            ["bedrock-agentcore:getworkloadaccesstokenforjwt"],
            [allow("bedrock-agentcore:GetWorkloadAccessTokenForJWT")],
        ),
        ([], [allow("s3:*")]),
    ],
)
def test_sensitive_actions_on_whatever_there_is(actions, policy):
    assert documents.unscoped(parsed(*policy)) == actions


def test_one_document_is_read_once(monkeypatch: pytest.MonkeyPatch):
    read: list[Any] = []
    real = documents.escalations
    monkeypatch.setattr(documents, "escalations", lambda p: read.append(p) or real(p))
    documents.escalations.__name__ = "escalations"
    rows = [{"arn": f"{i}", "document": READS} for i in range(50)] + [{"arn": "x"}]
    judged = Policies.judged({Policies: Policies.frame(rows)})
    assert len(read) == 1
    assert judged["escalations"].to_list() == [[]] * 50 + [None]


def test_the_library_is_loaded_only_where_there_is_something_to_judge():
    """It takes a third of a second, which a command that scans nothing need not wait for."""
    code = "import sys, stratum_pipeline.modules.iam; print('cloudsplaining' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
