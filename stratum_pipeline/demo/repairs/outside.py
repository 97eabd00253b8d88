"""IAM Access Analyzer and IAM Roles Anywhere, of which moto knows nothing."""

import json
import re
import sys
from types import ModuleType
from typing import Any

from moto import backend_index
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.responses import BaseResponse

BORN = "2023-03-06T09:00:00Z"

AUTHORITY = """\
-----BEGIN CERTIFICATE-----
MIIBGTCBv6ADAgECAgEBMAoGCCqGSM49BAMCMBYxFDASBgNVBAMMC2FjbWUga2lv
c2tzMB4XDTIzMDMwNjAwMDAwMFoXDTQzMDMwNjAwMDAwMFowFjEUMBIGA1UEAwwL
YWNtZSBraW9za3MwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATjxwjkkVUL0447
XppoN/bqc/WEQKzBfHkMpbqQwvPaXp7GwcdPRd7keM5GoI88nclwb4fqrzQMQo4x
GCAtNyfKMAoGCCqGSM49BAMCA0kAMEYCIQC2iZem0uOymekHA3C28AegaihgJ9NM
CESzCqcxsRLLWAIhANs+4+5m1hDiYpBv4PeDlWaYV0z4uRPp90PFhthnOuaQ
-----END CERTIFICATE-----
"""
"""A certificate on an elliptic curve, valid until 2043; its key was thrown away."""

UNWATCHED: set[tuple[str, str]] = set()
"""Accounts and regions without an analyzer; all others have one."""

REPORTED: dict[tuple[str, str], list[str]] = {}
"""ARNs that an account's analyzer in a region reports as reachable from outside."""

ANCHORS: dict[tuple[str, str], list[dict[str, Any]]] = {}
PROFILES: dict[tuple[str, str], list[dict[str, Any]]] = {}
"""What Roles Anywhere lists, by account and region."""


class AnalyzerResponse(BaseResponse):
    def __init__(self) -> None:
        super().__init__(service_name="accessanalyzer")

    def list_analyzers(self) -> str:
        account, region = self.current_account, self.region
        one = {
            "arn": f"arn:aws:access-analyzer:{region}:{account}:analyzer/external-access",
            "name": "external-access",
            "type": "ACCOUNT",
            "status": "ACTIVE",
            "createdAt": BORN,
        }
        return json.dumps({"analyzers": [] if (account, region) in UNWATCHED else [one]})

    def list_findings(self) -> str:
        found = [
            {
                "id": f"{number:08}-0000-4000-8000-000000000000",
                "resource": arn,
                "resourceType": "AWS::IAM::Role",
                "resourceOwnerAccount": self.current_account,
                "condition": {},
                "status": "ACTIVE",
                "isPublic": False,
                "createdAt": BORN,
                "analyzedAt": BORN,
                "updatedAt": BORN,
            }
            for number, arn in enumerate(REPORTED.get((self.current_account, self.region), []))
        ]
        return json.dumps({"findings": found})


class AnywhereResponse(BaseResponse):
    def __init__(self) -> None:
        super().__init__(service_name="rolesanywhere")

    def list_trust_anchors(self) -> str:
        return json.dumps({"trustAnchors": ANCHORS.get((self.current_account, self.region), [])})

    def list_profiles(self) -> str:
        return json.dumps({"profiles": PROFILES.get((self.current_account, self.region), [])})


def apply() -> None:
    add("accessanalyzer", "access-analyzer", AnalyzerResponse, "/analyzer", "/finding")
    add("rolesanywhere", "rolesanywhere", AnywhereResponse, "/trustanchors", "/profiles")


def add(name: str, host: str, responses: type[BaseResponse], *paths: str) -> None:
    """Have moto serve `paths` of a service: the name it goes by, and its endpoints' host."""
    module, served = ModuleType(name), dict.fromkeys(paths, responses.dispatch)
    backend: Any = type(name, (BaseBackend,), {"flask_paths": served})
    setattr(module, f"{name}_backends", BackendDict(backend, name))
    sys.modules[f"moto.{name}"] = module
    backend_index.backend_url_patterns.append(
        (name, re.compile(rf"https?://{host}\.(.+)\.amazonaws\.com"))
    )


def anchor(
    account_id: str, region: str, name: str, role_arn: str, authority: str = "", bound: str = ""
) -> None:
    """A trust anchor, and a profile that gives one role.

    authority: ARN of a private authority; "" for AUTHORITY.
    bound: the profile's session policy.
    """
    own = f"arn:aws:rolesanywhere:{region}:{account_id}"
    made = sum(map(len, ANCHORS.values()))
    number = f"{made:08}-0000-4000-8000-000000000000"  # as AWS's ids look
    common = {"name": name, "enabled": True, "createdAt": BORN, "updatedAt": BORN}
    source = {
        "sourceType": "AWS_ACM_PCA" if authority else "CERTIFICATE_BUNDLE",
        "sourceData": {"acmPcaArn": authority} if authority else {"x509CertificateData": AUTHORITY},
    }
    ANCHORS.setdefault((account_id, region), []).append(
        common
        | {"trustAnchorId": number, "source": source}
        | {"trustAnchorArn": f"{own}:trust-anchor/{number}"}
    )
    PROFILES.setdefault((account_id, region), []).append(
        common
        | {"profileId": number, "profileArn": f"{own}:profile/{number}"}
        | {"roleArns": [role_arn], "managedPolicyArns": []}
        | ({"sessionPolicy": bound} if bound else {})
    )
