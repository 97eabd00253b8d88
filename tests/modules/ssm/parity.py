"""What the peer checks in Systems Manager, and which rule of ours catches it."""

from datetime import timedelta
from typing import Any

from stratum_pipeline.modules.ssm.documents import judge
from stratum_pipeline.modules.ssm.rules import documents, instances

from ...conftest import SCANNED_AT
from ..parity import Case
from .samples import command

KEY = judge(command("aws configure set aws_access_key_id AKIAIOSFODNN7EXAMPLQ"))["secrets"]
NO_KEY = judge(command("aws configure list"))["secrets"]
COUNTS = ("missing", "failed", "rejected", "pending_reboot", "critical", "security")
PATCHED: dict[str, Any] = {
    "patch_time": SCANNED_AT - timedelta(days=2),
    **dict.fromkeys(COUNTS, 0),
}

CASES: dict[str, Case | list[Case]] = {
    "ssm_document_secrets": Case(documents.secrets, {"secrets": KEY}, {"secrets": NO_KEY}),
    "ssm_documents_set_as_public": Case(
        documents.public, {"shared_with": ["*"]}, {"shared_with": ["222222222222"]}
    ),
    # The peer calls an instance compliant by whichever summary, patches' or associations', it
    # read last: here each has a rule, and so have the other things that may be amiss.
    "ssm_managed_compliant_patching": [
        Case(instances.security_patches, PATCHED | {"missing": 2, "security": 1}, PATCHED),
        Case(instances.patches, PATCHED | {"missing": 1}, PATCHED),
        Case(instances.pending_reboot, PATCHED | {"pending_reboot": 1}, PATCHED),
        Case(
            documents.failing,
            {"status": "Failed", "failures": 1},
            {"status": "Success", "failures": 0},
        ),
        Case(
            instances.custom_compliance,
            {"custom_failures": ["Custom:Cis"]},
            {"custom_failures": []},
        ),
    ],
    "ec2_instance_managed_by_ssm": Case(
        instances.unmanaged,
        {"launched": SCANNED_AT - timedelta(days=3), "managed": False},
        {"launched": SCANNED_AT - timedelta(days=3), "managed": True},
    ),
}
