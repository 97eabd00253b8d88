"""Each rule of Systems Manager on rows small enough to read."""

import json
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from stratum_pipeline.kernel.correlate import Index, correlate
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.kernel.table import NEVER
from stratum_pipeline.modules.ssm import MODULE
from stratum_pipeline.modules.ssm.derive import SUPPORT, names_secret
from stratum_pipeline.modules.ssm.documents import judge, session
from stratum_pipeline.modules.ssm.rules import (
    documents,
    instances,
    parameters,
    regions,
    sessions,
)

from ...conftest import SCANNED_AT
from ..parity import ME, SIBLING, STRANGER, verdict
from .parity import PATCHED
from .samples import OTHER, command, policy

Row = dict[str, Any]
NEVER_CAME = datetime.fromisoformat(NEVER)
KEPT: Row = {"name": "SSM-SessionManagerRunShell", "exists": True, "instances": 2} | {
    "log_bucket": "session-logs",
    "bucket_encrypted": True,
    "log_group": "",
    "group_encrypted": False,  # of no group
    "kms_key": "alias/sessions",
    "run_as": True,
    "idle_minutes": 20,
    "max_minutes": 480,
}
NONE_SET: Row = KEPT | dict(session({})) | {"exists": False}
REGION: Row = {"public_sharing": "Disable", "runbooks": 1, "script_log": "CloudWatch"} | {
    "instances": 2,
    "outdated_agents": 0,
    "updates_agents": False,
}
ONLINE: Row = PATCHED | {"ping": "Online", "registered": SCANNED_AT - timedelta(days=90)}
FOREIGN: Row = {"document": OTHER, "document_version": "$DEFAULT"}
UP: Row = {"launched": SCANNED_AT - timedelta(days=1)}


def days_ago(days: float) -> datetime:
    return SCANNED_AT - timedelta(days=days)


@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        (documents.public, {"shared_with": ["*"]}, "fail"),
        (documents.public, {"shared_with": [STRANGER]}, "pass"),
        (documents.public, {"shared_with": []}, "pass"),
        (documents.public, {"shared_with": None}, "unknown"),
        (documents.outsiders, {"shared_with": [SIBLING, STRANGER]}, "fail"),
        (documents.outsiders, {"shared_with": [SIBLING, ME]}, "pass"),
        (documents.outsiders, {"shared_with": ["*", STRANGER]}, "n/a"),  # public is worse
        (documents.outsiders, {"shared_with": None}, "unknown"),
        (documents.secrets, {"secrets": ["AWS Access Key"]}, "fail"),
        (documents.secrets, {"secrets": []}, "pass"),
        (documents.secrets, {"secrets": None}, "unknown"),
        (documents.plain_http, {"plain_http": ["a.example"]}, "fail"),
        (documents.plain_http, {"plain_http": []}, "pass"),
        (documents.plain_http, {"plain_http": None}, "unknown"),
        (documents.unchecked_parameters, {"unchecked": ["Path"]}, "fail"),
        (documents.unchecked_parameters, {"unchecked": []}, "pass"),
        (documents.unchecked_parameters, {"unchecked": None}, "unknown"),
        (documents.foreign_document, FOREIGN, "fail"),
        (documents.foreign_document, FOREIGN | {"document_version": "$LATEST"}, "fail"),
        (documents.foreign_document, FOREIGN | {"document_version": ""}, "fail"),
        (documents.foreign_document, FOREIGN | {"document_version": "3"}, "pass"),
        (documents.foreign_document, FOREIGN | {"document": "AWS-RunPatchBaseline"}, "pass"),
        (
            documents.foreign_document,
            FOREIGN | {"document": OTHER.replace(STRANGER, SIBLING)},
            "pass",
        ),
        (documents.foreign_document, FOREIGN | {"document": None}, "unknown"),
        (documents.failing, {"status": "Failed", "failures": 0}, "fail"),
        (documents.failing, {"status": "Success", "failures": 1}, "fail"),
        (documents.failing, {"status": "Success", "failures": 0}, "pass"),
        (documents.failing, {"status": "Pending", "failures": 0}, "pass"),
        (documents.failing, {"status": "", "failures": 0}, "pass"),
        (documents.failing, {"status": "Success", "failures": None}, "unknown"),
        (instances.security_patches, PATCHED | {"missing": 1, "critical": 1}, "fail"),
        (instances.security_patches, PATCHED | {"failed": 1, "security": 1}, "fail"),
        (instances.security_patches, PATCHED | {"missing": 1}, "pass"),
        (instances.security_patches, PATCHED | {"pending_reboot": 1, "critical": 1}, "pass"),
        (instances.security_patches, PATCHED | {"patch_time": NEVER_CAME}, "n/a"),
        (instances.security_patches, {"patch_time": None}, "unknown"),
        (instances.patches, PATCHED | {"missing": 1}, "fail"),
        (instances.patches, PATCHED | {"rejected": 1}, "fail"),
        (instances.patches, PATCHED, "pass"),
        (instances.patches, PATCHED | {"missing": 1, "security": 1}, "n/a"),
        (instances.patches, PATCHED | {"failed": None}, "unknown"),
        (instances.pending_reboot, PATCHED | {"pending_reboot": 3, "security": 1}, "fail"),
        (instances.pending_reboot, PATCHED, "pass"),
        (instances.pending_reboot, PATCHED | {"pending_reboot": 3, "missing": 1}, "n/a"),
        (instances.pending_reboot, PATCHED | {"pending_reboot": None}, "unknown"),
        (instances.patch_scan, ONLINE | {"patch_time": days_ago(31)}, "fail"),
        (instances.patch_scan, ONLINE | {"patch_time": NEVER_CAME}, "fail"),
        (instances.patch_scan, ONLINE | {"patch_time": days_ago(30)}, "pass"),
        (instances.patch_scan, ONLINE | {"ping": "ConnectionLost"}, "n/a"),
        (
            instances.patch_scan,
            ONLINE | {"patch_time": NEVER_CAME, "registered": days_ago(0.5)},
            "n/a",
        ),
        (instances.patch_scan, ONLINE | {"patch_time": None}, "unknown"),
        (instances.unsupported_os, {"os_name": "Ubuntu", "os_version": "18.04"}, "fail"),
        (instances.unsupported_os, {"os_name": "Ubuntu", "os_version": "24.04"}, "pass"),
        (instances.unsupported_os, {"os_name": "Bottlerocket", "os_version": "1.2"}, "pass"),
        (instances.unsupported_os, {"os_name": "Ubuntu", "os_version": None}, "unknown"),
        (instances.unsupported_os, {"os_name": None, "os_version": "7.9"}, "unknown"),
        (instances.offline, {"running": True, "ping": "ConnectionLost"}, "fail"),
        (instances.offline, {"running": True, "ping": "Inactive"}, "fail"),
        (instances.offline, {"running": True, "ping": "Online"}, "pass"),
        (instances.offline, {"running": False, "ping": "ConnectionLost"}, "n/a"),
        (instances.offline, {"running": None, "ping": "ConnectionLost"}, "unknown"),
        (instances.custom_compliance, {"custom_failures": ["Custom:Cis"]}, "fail"),
        (instances.custom_compliance, {"custom_failures": []}, "pass"),
        (instances.custom_compliance, {"custom_failures": None}, "unknown"),
        (instances.unmanaged, UP | {"managed": False}, "fail"),
        (instances.unmanaged, UP | {"managed": True}, "pass"),
        (instances.unmanaged, {"managed": False, "launched": days_ago(1 / 48)}, "n/a"),
        (instances.unmanaged, UP | {"managed": None}, "unknown"),
        (sessions.preferences, NONE_SET, "fail"),
        (sessions.preferences, KEPT, "pass"),
        (sessions.preferences, NONE_SET | {"instances": 0}, "n/a"),
        (sessions.preferences, NONE_SET | {"instances": None}, "unknown"),
        *((rule, NONE_SET, "n/a") for rule in sessions.RULES[1:]),  # one root cause
        *((rule, KEPT | {"instances": 0}, "n/a") for rule in sessions.RULES[1:]),
        *((rule, KEPT, "pass") for rule in sessions.RULES[1:]),
        (sessions.logging, KEPT | {"log_bucket": ""}, "fail"),
        (sessions.logging, KEPT | {"log_bucket": "", "log_group": "/ssm"}, "pass"),
        (sessions.logging, KEPT | {"log_bucket": None}, "unknown"),
        (sessions.log_encryption, KEPT | {"bucket_encrypted": False}, "fail"),
        (sessions.log_encryption, KEPT | {"log_group": "/ssm"}, "fail"),
        (sessions.log_encryption, KEPT | {"log_bucket": ""}, "n/a"),
        (sessions.log_encryption, KEPT | {"bucket_encrypted": None}, "unknown"),
        (sessions.encryption, KEPT | {"kms_key": ""}, "fail"),
        (sessions.encryption, KEPT | {"kms_key": None}, "unknown"),
        (sessions.run_as, KEPT | {"run_as": False}, "fail"),
        (sessions.run_as, KEPT | {"run_as": None}, "unknown"),
        (sessions.idle_timeout, KEPT | {"idle_minutes": 21}, "fail"),
        (sessions.idle_timeout, KEPT | {"idle_minutes": None}, "unknown"),
        (sessions.max_duration, KEPT | {"max_minutes": 0}, "fail"),
        (sessions.max_duration, KEPT | {"max_minutes": None}, "unknown"),
        (regions.public_sharing, REGION | {"public_sharing": "Enable"}, "fail"),
        (regions.public_sharing, REGION, "pass"),
        (regions.public_sharing, REGION | {"public_sharing": None}, "unknown"),
        (regions.script_log, REGION | {"script_log": ""}, "fail"),
        (regions.script_log, REGION, "pass"),
        (regions.script_log, REGION | {"runbooks": 0, "script_log": ""}, "n/a"),
        (regions.script_log, REGION | {"script_log": None}, "unknown"),
        (regions.agent_updates, REGION | {"outdated_agents": 1}, "fail"),
        (regions.agent_updates, REGION | {"outdated_agents": 1, "updates_agents": True}, "pass"),
        (regions.agent_updates, REGION, "pass"),
        (regions.agent_updates, REGION | {"instances": 0}, "n/a"),
        (regions.agent_updates, REGION | {"outdated_agents": 1, "updates_agents": None}, "unknown"),
        (parameters.plain_secret, {"name": "/app/db-password", "kind": "String"}, "fail"),
        (parameters.plain_secret, {"name": "/app/db-password", "kind": "SecureString"}, "pass"),
        (parameters.plain_secret, {"name": "/app/region", "kind": "String"}, "n/a"),
        (parameters.plain_secret, {"name": "/app/db-password", "kind": None}, "unknown"),
        (parameters.outsiders, {"policy": policy(STRANGER)}, "fail"),
        (parameters.outsiders, {"policy": policy("*")}, "fail"),
        (parameters.outsiders, {"policy": policy(SIBLING)}, "pass"),
        (parameters.outsiders, {"policy": ""}, "pass"),
        (parameters.outsiders, {"policy": None}, "unknown"),
        (parameters.outsiders, {"policy": "not json"}, "unknown"),
    ],
)
def test_verdict(rule: Rule, row: Row, expected: str):
    assert verdict(rule, row) == expected


def test_every_rule_is_tried():
    marks: Any = test_verdict
    tried = {(rule.id, said) for rule, _, said in marks.pytestmark[0].args[1]}
    assert {
        (rule.id, said) for rule in MODULE.rules for said in ("fail", "pass", "unknown")
    } <= tried


@pytest.mark.parametrize(
    ("name", "version", "ends"),
    [
        ("Amazon Linux", "2", "2026-06-30"),
        ("Amazon Linux", "2023", "never"),
        ("Amazon Linux AMI", "2018.03", "2023-12-31"),
        ("Ubuntu", "20.04", "2025-05-29"),
        ("Ubuntu", "25.04", "2026-01-15"),
        ("CentOS Linux", "7", "2024-06-30"),
        ("CentOS Stream", "8", "2024-05-31"),
        ("Red Hat Enterprise Linux Server", "7.9", "2024-06-30"),
        ("Red Hat Enterprise Linux", "9.4", "never"),
        ("Debian GNU/Linux", "10", "2024-06-30"),
        ("Microsoft Windows Server 2012 R2 Standard", "6.3.9600", "2023-10-10"),
        ("Microsoft Windows Server 2022 Datacenter", "10.0.20348", "never"),
        ("", "", "never"),
    ],
)
def test_end_of_support(name: str, version: str, ends: str):
    table = instances.unsupported_os.table
    rows = table.frame([{"os_name": name, "os_version": version}])
    (told,) = table.judged({table: rows})["support_ends"].to_list()
    assert f"{told:%Y-%m-%d}" == (NEVER[:10] if ends == "never" else ends)


def test_days_of_support_are_days():
    assert all(
        datetime.fromisoformat(d) for versions in SUPPORT.values() for d in versions.values()
    )


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("/app/prod/db-password", True),
        ("/app/DbPassword", True),
        ("STRIPE_API_KEY", True),
        ("/app/private.key", True),
        ("token", True),
        ("/app/client-secret", True),
        ("/app/secrets", True),
        ("github.access_token", True),
        ("/app/db-password-arn", False),
        ("/app/password-length", False),
        ("/app/tokenizer", False),
        ("/app/passwordless", False),
        ("/app/kms-key", False),
        ("/app/secret/name", False),
        ("/app/region", False),
    ],
)
def test_names_of_secrets(name: str, secret: bool):
    assert pl.select(names_secret(pl.lit(name))).item() is secret


PASSWORD = "Tr0ub4dor-and-3"


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        (command("echo hello"), []),
        (command("export AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLQ"), ["AWS Access Key"]),
        (command(f"export DB_PASSWORD={PASSWORD}"), ["Secret Keyword"]),
        (command(f"set -e\nexport DB_PASSWORD='{PASSWORD}'\nrun"), ["Secret Keyword"]),
        (command("-----BEGIN RSA PRIVATE KEY-----\nMII"), ["Private Key"]),
        (
            command("x", {"AdminPassword": {"type": "String", "default": PASSWORD}}),
            ["Secret Keyword"],
        ),
        (command("x", {"AdminPassword": {"default": "{{ssm-secure:/app/x}}"}}), []),
        (command("x", {"Password": {"type": "String", "description": "Password: yours"}}), []),
        (command("curl -H 'password: {{ Password }}' https://a.example"), []),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR", []),
        ("key: AKIAIOSFODNN7EXAMPLQ", ["AWS Access Key"]),  # text, and no structure
        (json.dumps(["AKIAIOSFODNN7EXAMPLQ"]), ["AWS Access Key"]),
    ],
)
def test_secrets_in_documents(content: str, kinds: list[str]):
    assert judge(content)["secrets"] == kinds


@pytest.mark.parametrize(
    ("content", "hosts"),
    [
        (command("curl -sf http://mirror.example.com/a | sh"), ["mirror.example.com"]),
        (command("wget 'http://u:p@B.example:8080/x'"), ["b.example"]),
        (command("Invoke-WebRequest -Uri http://a.example/x.msi"), ["a.example"]),
        (command("curl https://mirror.example.com/a | sh"), []),
        (command("curl http://169.254.169.254/latest/meta-data/"), []),
        (command("curl -fs http://localhost:8080/health"), []),
        (command("echo see http://wiki.example.com/runbook"), []),
        (command("curl http://[broken/x"), ["?"]),
        (
            json.dumps({"mainSteps": [{"inputs": {"sourceInfo": '{"url":"http://a.example/x"}'}}]}),
            ["a.example"],
        ),
        ("wget http://a.example/x", ["a.example"]),
    ],
)
def test_plain_downloads_in_documents(content: str, hosts: list[str]):
    assert judge(content)["plain_http"] == hosts


@pytest.mark.parametrize(
    ("script", "parameter", "unchecked"),
    [
        ("ls {{ Path }}", {"type": "String"}, ["Path"]),
        ("ls {{Path}}", {"type": "StringList"}, ["Path"]),
        ("ls {{ Path }}", {"type": "String", "allowedPattern": ".*"}, ["Path"]),
        ("ls {{ Path }}", {"type": "String", "allowedPattern": "^(.+)$"}, ["Path"]),
        ("ls {{ Path }}", {"type": "String", "allowedPattern": "^[a-z/]+$"}, []),
        ("ls {{ Path }}", {"type": "String", "allowedValues": ["/", "/tmp"]}, []),
        ("ls {{ Path }}", {"type": "String", "interpolationType": "ENV_VAR"}, []),
        ("ls {{ Path }}", {"type": "Boolean"}, []),
        ("ls /", {"type": "String"}, []),
        ("{{ Path }}", {"type": "StringList"}, []),  # meant to be any command
        ("ls {{ ssm.x }}", {"type": "String"}, []),  # no parameter of the document
    ],
)
def test_unchecked_parameters(script: str, parameter: Row, unchecked: list[str]):
    assert judge(command(script, {"Path": parameter}))["unchecked"] == unchecked


def test_scripts_of_sessions_and_runbooks_count():
    parameters = {"Log": {"type": "String"}}
    interactive = {
        "schemaVersion": "1.0",
        "sessionType": "InteractiveCommands",
        "parameters": parameters,
        "properties": {"linux": {"commands": "tail -f {{ Log }}", "runAsElevated": True}},
    }
    runbook = {
        "schemaVersion": "0.3",
        "parameters": parameters,
        "mainSteps": [
            {
                "action": "aws:runCommand",
                "inputs": {
                    "DocumentName": "AWS-RunShellScript",
                    "Parameters": {"commands": ["tail {{ Log }}"]},
                },
            }
        ],
    }
    for document in (interactive, runbook):
        assert judge(json.dumps(document))["unchecked"] == ["Log"]


def test_session_preferences():
    inputs = {
        "s3BucketName": "{{ Bucket }}",
        "s3EncryptionEnabled": False,
        "cloudWatchLogGroupName": "/ssm",
        "kmsKeyId": "",
        "runAsEnabled": "true",
        "idleSessionTimeout": "60",
        "maxSessionDuration": "soon",
    }
    document = {
        "schemaVersion": "1.0",
        "sessionType": "Standard_Stream",
        "parameters": {"Bucket": {"type": "String", "default": "logs"}},
        "inputs": inputs,
    }
    assert judge(json.dumps(document))["session"] == {
        "log_bucket": "logs",
        "bucket_encrypted": False,
        "log_group": "/ssm",
        "group_encrypted": True,
        "kms_key": "",
        "run_as": True,
        "idle_minutes": 60,
        "max_minutes": None,
    }
    assert judge(json.dumps(document | {"sessionType": "Port"}))["session"] is None
    assert session({})["idle_minutes"] == 20


SHELL = f"arn:aws:ssm:us-east-1:{ME}:document/SSM-SessionManagerRunShell"
DEPLOY = f"arn:aws:ssm:us-east-1:{ME}:document/Deploy"
HOST = f"arn:aws:ec2:us-east-1:{ME}:instance/i-0a1b2c3d"


@pytest.mark.parametrize(
    ("rule", "beside", "arn", "severity"),
    [
        (documents.secrets, "ssm.document.public", DEPLOY, "critical"),
        (documents.secrets, "ssm.document.outsiders", DEPLOY, "critical"),
        (sessions.run_as, "ssm.session.logging", SHELL, "high"),
        (instances.security_patches, "compute.instance.exposed_services", HOST, "critical"),
        (instances.security_patches, "compute.instance.reachable_profile", HOST, "critical"),
    ],
)
def test_correlations_are_of_one_resource(rule: Rule, beside: str, arn: str, severity: str):
    def told(companion: str) -> list[str]:
        rows = [
            {"finding_id": "0", "rule_id": rule.id, "account_id": ME, "resource_arn": arn},
            {"finding_id": "1", "rule_id": beside, "account_id": ME, "resource_arn": companion},
        ]
        index = Index.frame(rows)
        return [s for c in MODULE.correlations for s in correlate(c, index)["severity"].to_list()]

    assert told(arn) == [severity]
    assert told(f"{arn}-other") == []
