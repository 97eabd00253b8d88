"""Systems Manager: what it manages, and the documents, associations and parameters it keeps."""

import json
from collections.abc import Callable
from typing import Any

from ..accounts import (
    DATA,
    HOME,
    IRELAND,
    NAMED,
    PRODUCTION,
    REGIONS,
    SANDBOX,
    STAGING,
    Account,
)
from ..repairs.ssm import held
from ..tools import Workshop
from ..tools.core import Json, api, policy

SHARING = "/ssm/documents/console/public-sharing-permission"
SCRIPT_LOG = "/ssm/automation/customer-script-log-destination"
PREFERENCES = "SSM-SessionManagerRunShell"
VENDOR = "999988887777"
"""An account of nobody in the organization."""

GOOD_SESSIONS: Json = {
    "s3BucketName": "acme-session-logs",
    "s3EncryptionEnabled": True,
    "kmsKeyId": "alias/sessions",
    "runAsEnabled": True,
    "runAsDefaultUser": "operator",
    "idleSessionTimeout": "20",
    "maxSessionDuration": "480",
}
BAD_SESSIONS: Json = {"idleSessionTimeout": "60", "runAsEnabled": False, "kmsKeyId": ""}
UPDATES: Json = {"Name": "AWS-UpdateSSMAgent", "AssociationId": "agents"}
SUCCESS: Json = {"Overview": {"Status": "Success", "DetailedStatus": "Success"}}
FAILED: Json = {
    "Overview": {
        "Status": "Failed",
        "DetailedStatus": "Failed",
        "AssociationStatusAggregatedCount": {"Failed": 2},
    }
}


def furnish(at: Workshop) -> None:
    for region in REGIONS:
        held(at.account.id, region).settings[SHARING] = "Disable"
        if at.account in NAMED and (at.account, region) != (SANDBOX, HOME):
            sessions = EXCEPTIONAL_SESSIONS.get((at.account, region), GOOD_SESSIONS)
            _document(at, region, PREFERENCES, "Session", _shell(sessions))
    if furnish_more := HOLDINGS.get(at.account):
        furnish_more(at)


def production(at: Workshop) -> None:
    mine, here = at.names["production"], held(at.account.id, HOME)
    here.unmanaged.add(mine["bastion-1"])
    here.patches[mine["web-1"]] = {"MissingCount": 4, "SecurityNonCompliantCount": 2}
    here.settings[SCRIPT_LOG] = "CloudWatch"
    here.associations.append(UPDATES | SUCCESS)
    _document(at, HOME, "Restart-Orders", "Automation", {"schemaVersion": "0.3", "mainSteps": []})
    _document(at, HOME, "Deploy-Orders", "Command", _command("systemctl restart orders"))
    _share(at, HOME, "Deploy-Orders", STAGING.id)
    _ssm(at, HOME).put_parameter(Name="/orders/db-password", Type="SecureString", Value="-")


def staging(at: Workshop) -> None:
    """Servers outside AWS, which a patch association fails to keep up to date."""
    here = held(at.account.id, HOME)
    here.nodes |= {
        "mi-00000000000000a01": {"IsLatestVersion": False},
        "mi-00000000000000a02": {},
        "mi-00000000000000a03": {"PlatformName": "Ubuntu", "PlatformVersion": "18.04"},
    }
    here.patches |= {
        "mi-00000000000000a01": {"MissingCount": 2},
        "mi-00000000000000a02": {"InstalledPendingRebootCount": 1, "SecurityNonCompliantCount": 1},
    }
    here.associations.append({"Name": "AWS-RunPatchBaseline", "AssociationId": "patches"} | FAILED)
    fetch = "curl -sf http://mirror.example.com/agent.rpm -o /tmp/agent.rpm"
    _document(at, HOME, "Install-Agent", "Command", _command(fetch))
    path: Json = {"Path": {"type": "String", "description": "Where the report goes"}}
    _document(at, HOME, "Write-Report", "Command", _command("report > {{ Path }}", path))
    path["Path"]["allowedPattern"] = "^/var/reports/[a-z0-9-]+$"
    _document(at, HOME, "Read-Report", "Command", _command("cat {{ Path }}", path))
    _document(at, HOME, "Rotate-Logs", "Automation", {"schemaVersion": "0.3", "mainSteps": []})


def data(at: Workshop) -> None:
    here = held(at.account.id, IRELAND)
    here.nodes |= {
        "mi-00000000000000b01": {"PingStatus": "ConnectionLost"},
        "mi-00000000000000b02": {},
        "mi-00000000000000b03": {},
    }
    here.compliance.append(
        {
            "ComplianceType": "Custom:DiskEncryption",
            "ResourceType": "ManagedInstance",
            "ResourceId": "mi-00000000000000b02",
            "Status": "NON_COMPLIANT",
        }
    )
    here.patches["mi-00000000000000b03"] = {}  # was never scanned
    theirs = {"Name": f"arn:aws:ssm:{IRELAND}:{VENDOR}:document/Harden", "AssociationId": "vendor"}
    pinned = theirs | {"AssociationId": "vendor-pinned", "DocumentVersion": "7"}
    here.associations += [theirs | {"DocumentVersion": "$DEFAULT"} | SUCCESS, pinned | SUCCESS]
    _document(at, IRELAND, "Load-Lake", "Command", _command("/opt/lake/load"))
    _share(at, IRELAND, "Load-Lake", VENDOR)
    for name, account_id in (("endpoint", VENDOR), ("catalog", PRODUCTION.id)):
        _ssm(at, IRELAND).put_parameter(
            Name=f"/lake/{name}", Type="String", Tier="Advanced", Value="-"
        )
        arn = f"arn:aws:ssm:{IRELAND}:{at.account.id}:parameter/lake/{name}"
        reader = {"AWS": f"arn:aws:iam::{account_id}:root"}
        here.policies[arn] = policy(
            {"Principal": reader, "Action": "ssm:GetParameter", "Resource": arn}
        )


def sandbox(at: Workshop) -> None:
    """Nobody set Session Manager up here, and somebody published a script with a key in it."""
    here = held(at.account.id, HOME)
    here.nodes["mi-00000000000000c01"] = {}
    here.settings[SHARING] = "Enable"
    key = "aws configure set aws_access_key_id AKIAIOSFODNN7EXAMPLE"
    _document(at, HOME, "Bootstrap-Lab", "Command", _command(key))
    _share(at, HOME, "Bootstrap-Lab", "all")
    _ssm(at, HOME).put_parameter(Name="/prototype/db-password", Type="String", Value="-")


HOLDINGS: dict[Account, Callable[[Workshop], None]] = {
    PRODUCTION: production,
    STAGING: staging,
    DATA: data,
    SANDBOX: sandbox,
}
EXCEPTIONAL_SESSIONS: dict[tuple[Account, str], Json] = {
    (STAGING, HOME): BAD_SESSIONS,
    (DATA, IRELAND): GOOD_SESSIONS | {"s3EncryptionEnabled": False},
}


def _ssm(at: Workshop, region: str) -> Any:
    return api(at.account, "ssm", region)


def _document(at: Workshop, region: str, name: str, kind: str, content: Json) -> None:
    _ssm(at, region).create_document(Name=name, DocumentType=kind, Content=json.dumps(content))


def _share(at: Workshop, region: str, name: str, account_id: str) -> None:
    _ssm(at, region).modify_document_permission(
        Name=name, PermissionType="Share", AccountIdsToAdd=[account_id]
    )


def _shell(inputs: Json) -> Json:
    return {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": inputs}


def _command(script: str, parameters: Json | None = None) -> Json:
    step = {"action": "aws:runShellScript", "name": "run", "inputs": {"runCommand": [script]}}
    return {"schemaVersion": "2.2", "parameters": parameters or {}, "mainSteps": [step]}
