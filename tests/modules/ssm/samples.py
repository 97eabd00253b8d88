"""Values worth trying in Systems Manager's tables, for the contract every rule keeps."""

import json
from typing import Any

OTHER = "arn:aws:ssm:us-east-1:999999999999:document/Harden"


def policy(principal: str) -> str:
    """A parameter's resource policy, as Resource Access Manager writes it."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": {"AWS": principal},
                "Action": ["ssm:GetParameter", "ssm:GetParameters"],
                "Resource": "arn:aws:ssm:us-east-1:111111111111:parameter/app/config",
            },
        }
    )


SAMPLES: dict[str, list[Any]] = {
    "public_sharing": ["Enable", "Disable"],
    "runbooks": [0, 2],
    "script_log": ["", "CloudWatch"],
    "instances": [0, 3],
    "outdated_agents": [0, 1],
    "name": ["SSM-SessionManagerRunShell", "/app/db-password", "/app/region"],
    "kind": ["Command", "Session", "String", "StringList", "SecureString"],
    "shared_with": [[], ["*"], ["222222222222"], ["999999999999"], ["*", "999999999999"]],
    "secrets": [[], ["AWS Access Key"]],
    "plain_http": [[], ["mirror.example.com"]],
    "unchecked": [[], ["Path"]],
    "log_bucket": ["", "session-logs"],
    "log_group": ["", "/ssm/sessions"],
    "kms_key": ["", "alias/sessions"],
    "idle_minutes": [5, 20, 60],
    "max_minutes": [0, 480],
    "instance_id": ["i-0a1b2c3d", "mi-0a1b2c3d"],
    "os_name": ["Amazon Linux", "Ubuntu", "Microsoft Windows Server 2012 R2 Standard"],
    "os_version": ["2023", "2", "18.04", "24.04", "6.3.9600"],
    "ping": ["Online", "ConnectionLost"],
    **{n: [0, 0, 2] for n in ("missing", "failed", "rejected", "pending_reboot")},
    **{n: [0, 0, 1] for n in ("critical", "security")},
    "custom_failures": [[], ["Custom:Cis"]],
    "profile": ["", "arn:aws:iam::111111111111:instance-profile/web"],
    "association_id": ["6d6a4a0c-5f0d-4a37-9d6e-0d3a0f1f7a10"],
    "document": ["AWS-RunPatchBaseline", OTHER],
    "document_version": ["", "$DEFAULT", "3"],
    "status": ["", "Success", "Pending", "Failed"],
    "failures": [0, 2],
    "policy": ["", policy("222222222222"), policy("999999999999"), policy("*")],
    "": [""],
}


def command(script: str, parameters: dict[str, Any] | None = None) -> str:
    """The content of a Command document that runs `script`."""
    step = {"action": "aws:runShellScript", "name": "run", "inputs": {"runCommand": [script]}}
    return json.dumps({"schemaVersion": "2.2", "parameters": parameters or {}, "mainSteps": [step]})
