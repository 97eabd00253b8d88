"""AWS Backup."""

import json
from datetime import datetime
from typing import Any

from moto.backup import urls
from moto.backup.responses import BackupResponse

LAST_BACKUPS: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
"""By account and region, by ARN: what ListProtectedResources says of it."""


def apply() -> None:
    moto: Any = BackupResponse
    moto.list_protected_resources = list_protected_resources
    urls.url_paths["{0}/resources/$"] = BackupResponse.dispatch


def protect(account_id: str, region: str, arn: str, kind: str, last_backup: datetime) -> None:
    """Have AWS Backup hold a recovery point of a resource of `kind` ("DynamoDB")."""
    LAST_BACKUPS.setdefault((account_id, region), {})[arn] = {
        "ResourceArn": arn,
        "ResourceType": kind,
        "LastBackupTime": last_backup.timestamp(),
    }


def list_protected_resources(self: Any) -> str:
    """moto has plans and vaults, and nothing in them."""
    here = LAST_BACKUPS.get((self.current_account, self.region), {})
    return json.dumps({"Results": [*here.values()]})
