"""Regional services that watch or open ways in from outside: Access Analyzer, Roles Anywhere."""

from collections.abc import Iterator
from typing import Any

import polars as pl
from cryptography import x509

from stratum_pipeline.kernel.collect import Api
from stratum_pipeline.kernel.coverage import Outcome
from stratum_pipeline.kernel.table import Column, Resource, setting_arn

ANALYZERS = "accessanalyzer:ListAnalyzers"
FINDINGS = "accessanalyzer:ListFindings"
ANCHORS = "rolesanywhere:ListTrustAnchors"
PROFILES = "rolesanywhere:ListProfiles"
AUTHORITY = "acm-pca:DescribeCertificateAuthority"

EXTERNAL = ("ACCOUNT", "ORGANIZATION")
"""Types of analyzer that look for access from outside; they cost nothing."""

POST_QUANTUM = "2.16.840.1.101.3.4.3."
"""OIDs of the NIST signature algorithms: 17 and up are ML-DSA and SLH-DSA (csrc.nist.gov)."""


class AccessAnalysis(Resource, listed_by=ANALYZERS):
    """One row per region: whether IAM Access Analyzer looks there for access from outside."""

    external_analyzers = Column(
        pl.Int64, "Active analyzers of type ACCOUNT or ORGANIZATION.", source=ANALYZERS
    )


class Analyzers(Resource, listed_by=ANALYZERS):
    """One row per analyzer of access from outside."""

    name = Column(pl.String, "name.", source=ANALYZERS)
    status = Column(pl.String, "ACTIVE | CREATING | DISABLED | FAILED", source=ANALYZERS)
    active_findings = Column(
        pl.Int64, "Findings neither archived nor resolved; 100 may be more.", source=FINDINGS
    )


class TrustAnchors(Resource, listed_by=ANCHORS):
    """One row per trust anchor: a certificate authority whose certificates AWS accepts."""

    name = Column(pl.String, "name.", source=ANCHORS)
    enabled = Column(pl.Boolean, "enabled.", source=ANCHORS)
    post_quantum = Column(
        pl.Boolean, "Whether it signs with ML-DSA or SLH-DSA throughout.", source=AUTHORITY
    )


class AnywhereProfiles(Resource, listed_by=PROFILES):
    """One row per Roles Anywhere profile; read only where there is a trust anchor."""

    name = Column(pl.String, "name.", source=PROFILES)
    profile_id = Column(pl.String, "profileId.", source=PROFILES)
    enabled = Column(pl.Boolean, "enabled.", source=PROFILES)
    role_arns = Column(pl.List(pl.String), "Roles it gives, sorted.", source=PROFILES)
    session_policy = Column(pl.Boolean, "Whether it has an inline one.", source=PROFILES)
    managed_policy_arns = Column(
        pl.List(pl.String), "Policies that limit its sessions, sorted.", source=PROFILES
    )


def read_access_analysis(analyzer: Api) -> Iterator[dict[str, Any]]:
    account, found = analyzer.account, _external(analyzer)
    yield {
        "arn": setting_arn(
            account.partition,
            "access-analyzer",
            analyzer.region,
            account.account_id,
            "external-access",
        ),
        "account_id": account.account_id,
        "region": analyzer.region,
        "incarnation": "",
        "external_analyzers": None
        if found is None
        else sum(a["status"] == "ACTIVE" for a in found),
    }


def read_analyzers(analyzer: Api) -> Iterator[dict[str, Any]]:
    def describe(found: dict[str, Any]) -> dict[str, Any]:
        arn, active = found["arn"], {"status": {"eq": ["ACTIVE"]}}
        listed = analyzer.on(about=arn).call("ListFindings", analyzerArn=arn, filter=active)
        findings: list[Any] | None = listed.get("findings", [])
        return {
            "arn": arn,
            "account_id": analyzer.account.account_id,
            "region": analyzer.region,
            "incarnation": found["createdAt"].isoformat(),
            "name": found["name"],
            "status": found["status"],
            "active_findings": None if findings is None else len(findings),
        }

    yield from analyzer.each(describe, _external(analyzer) or ())


def read_trust_anchors(anywhere: Api) -> Iterator[dict[str, Any]]:
    def describe(anchor: dict[str, Any]) -> dict[str, Any]:
        return {
            "arn": anchor["trustAnchorArn"],
            "account_id": anywhere.account.account_id,
            "region": anywhere.region,
            "incarnation": anchor["trustAnchorId"],
            "name": anchor["name"],
            "enabled": anchor.get("enabled", False),
            "post_quantum": _post_quantum(anywhere.on(about=anchor["trustAnchorArn"]), anchor),
        }

    yield from anywhere.each(describe, _anchors(anywhere) or ())


def read_profiles(anywhere: Api) -> Iterator[dict[str, Any]]:
    anchors = _anchors(anywhere)
    if anchors is not None and not anchors:
        anywhere.record("ListProfiles", Outcome.OK, calls=0)  # without an anchor nobody can use one
        return
    for profile in anywhere.pages("ListProfiles", "profiles"):
        yield {
            "arn": profile["profileArn"],
            "account_id": anywhere.account.account_id,
            "region": anywhere.region,
            "incarnation": profile["profileId"],
            "name": profile["name"],
            "profile_id": profile["profileId"],
            "enabled": profile.get("enabled", False),
            "role_arns": sorted(profile.get("roleArns", ())),
            "session_policy": bool(profile.get("sessionPolicy")),
            "managed_policy_arns": sorted(profile.get("managedPolicyArns", ())),
        }


def _external(analyzer: Api) -> list[dict[str, Any]] | None:
    found = analyzer.all("ListAnalyzers", "analyzers")
    return None if found is None else [a for a in found if a["type"] in EXTERNAL]


def _anchors(anywhere: Api) -> list[dict[str, Any]] | None:
    return anywhere.all("ListTrustAnchors", "trustAnchors")


def _post_quantum(anywhere: Api, anchor: dict[str, Any]) -> bool | None:
    source: dict[str, Any] = anchor["source"]
    data: dict[str, str] = source.get("sourceData", {})
    if authority := data.get("acmPcaArn"):
        pca = anywhere.on(service="acm-pca", region=authority.split(":")[3])
        described = pca.call("DescribeCertificateAuthority", CertificateAuthorityArn=authority)
        path = "CertificateAuthority.CertificateAuthorityConfiguration.KeyAlgorithm"
        algorithm: str | None = described.get(path, "")
        return None if algorithm is None else algorithm.startswith("ML_DSA")
    if bundle := data.get("x509CertificateData"):
        found = x509.load_pem_x509_certificates(bundle.encode())
        return all(_signs_post_quantum(certificate) for certificate in found)
    return None


def _signs_post_quantum(certificate: x509.Certificate) -> bool:
    family, _, number = certificate.public_key_algorithm_oid.dotted_string.rpartition(".")
    return f"{family}." == POST_QUANTUM and int(number) >= 17
