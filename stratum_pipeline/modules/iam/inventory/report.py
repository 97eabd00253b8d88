"""The credential report, and who holds a virtual MFA device: asked once for several tables."""

import csv
from time import sleep
from typing import Any

from stratum_pipeline.kernel.collect import Api

GENERATE = "iam:GenerateCredentialReport"
REPORT = "iam:GetCredentialReport"
VIRTUAL_MFA = "iam:ListVirtualMFADevices"
WAITS = (0.5, 1, 2, 4, 5, 5, 5, 10, 10, 10)
"""Seconds between looks at a credential report that is being generated."""


def credential_report(iam: Api) -> dict[str, dict[str, str]]:
    """Rows of the report, as AWS writes them, by the user's ARN; empty where there is none."""

    def ask() -> list[dict[str, Any]]:
        state = _generate(iam)
        for seconds in WAITS:
            if state not in ("STARTED", "INPROGRESS"):
                break
            sleep(seconds)
            state = _generate(iam)
        # Whatever was said: a report of the last four hours may be there.
        content: bytes = iam.call("GetCredentialReport").get("Content", b"") or b""
        return list(csv.DictReader(content.decode().splitlines()))

    return {row["arn"]: row for row in iam.account.once((REPORT,), ask) or []}


def virtual_mfa(iam: Api) -> set[str] | None:
    """ARNs of the users, root among them, who hold a virtual MFA device; None if unknown."""
    # AWS leaves the devices' seeds out of this listing; nothing but the holder is read of it.
    devices = iam.all("ListVirtualMFADevices", "VirtualMFADevices", AssignmentStatus="Assigned")
    return None if devices is None else {d["User"]["Arn"] for d in devices if d.get("User")}


def _generate(iam: Api) -> str | None:
    return iam.call("GenerateCredentialReport").get("State", "")
