"""What IAM is asked of beyond its own listings: use of models, analyzers, trust anchors."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.kernel.evaluate import evaluate
from stratum_pipeline.modules.iam import MODULE
from stratum_pipeline.modules.iam.inventory import (
    AccessAnalysis,
    AnywhereProfiles,
    Roles,
    TrustAnchors,
)

from ...conftest import SCANNED_AT
from .conftest import ME, calls, frames, scan, told
from .samples import (
    READ_ONLY,
    allow,
    document,
)


def used(namespace: str, *when: datetime) -> dict[str, Any]:
    found: dict[str, Any] = {"ServiceName": namespace, "ServiceNamespace": namespace}
    return found | ({"LastAuthenticated": when[0]} if when else {})


@pytest.fixture
def last_used(answer) -> dict[str, list[dict[str, Any]]]:
    """By ARN, what GetServiceLastAccessedDetails says; each job is in progress at first."""
    seen: dict[str, list[dict[str, Any]]] = {}
    asked: set[str] = set()

    def tell(real: Callable[[], dict], params: dict) -> dict:
        if params["JobId"] not in asked:
            asked.add(params["JobId"])
            return {"JobStatus": "IN_PROGRESS"}
        return {"JobStatus": "COMPLETED", "ServicesLastAccessed": seen[params["JobId"]]}

    answer("GenerateServiceLastAccessedDetails", lambda real, params: {"JobId": params["Arn"]})
    answer("GetServiceLastAccessedDetails", tell)
    return seen


def test_the_use_of_models_is_asked_of_whom_policies_name_them_for(
    account: Account, estate: Any, last_used, waited
):
    bedrock = document(allow("bedrock:InvokeModel"))
    long_ago, lately = SCANNED_AT - timedelta(days=200), SCANNED_AT - timedelta(days=2)
    estate.put_group_policy(GroupName="staff", PolicyName="ai", PolicyDocument=bedrock)
    made = estate.create_policy(PolicyName="learn", PolicyDocument=document(allow("sagemaker:*")))
    estate.attach_role_policy(RoleName="web", PolicyArn=made["Policy"]["Arn"])
    estate.put_role_policy(RoleName="ci", PolicyName="ai", PolicyDocument=bedrock)
    last_used |= {
        f"{ME}:user/amy": [used("s3", lately), used("bedrock")],
        f"{ME}:role/web": [used("sagemaker", long_ago), used("bedrock", long_ago)],
        f"{ME}:role/ci": [used("bedrock", lately)],
    }
    tables = frames(account)
    assert dict(tables[Roles].select("name", "service_use").rows()) == {
        "ci": [{"service": "bedrock", "last_used": lately}],
        "open": [],
        "web": [{"service": "sagemaker", "last_used": long_ago}],
    }
    assert calls(account)["iam:GenerateServiceLastAccessedDetails"] == 3
    found = evaluate("iam", MODULE.rules, tables, account.coverage(), SCANNED_AT)
    assert "iam.user.service_unused" in told(found.fails, "user/amy")
    assert "iam.role.service_unused" in told(found.fails, "role/web")
    assert "iam.role.service_unused" not in told(found.fails, "role/ci")


@pytest.mark.parametrize(
    "operation", ["GenerateServiceLastAccessedDetails", "GetServiceLastAccessedDetails"]
)
def test_a_refused_use_is_unknown(account, estate, last_used, refuse, operation):
    estate.put_role_policy(
        RoleName="ci", PolicyName="ai", PolicyDocument=document(allow("bedrock:InvokeModel"))
    )
    last_used[f"{ME}:role/ci"] = [used("bedrock")]
    refuse(operation, "AccessDenied")
    found = scan(account)
    assert told(found.unknowns, "role/ci") == ["iam.role.service_unused"]
    assert told(found.unknowns, "role/web") == []
    assert found.gaps["operation"].to_list() == [f"iam:{operation}"]


def test_who_may_use_models_is_unknown_where_policies_were_not_listed(account, estate, refuse):
    refuse(
        "GetAccountAuthorizationDetails",
        "AccessDenied",
        lambda _, params: params["Filter"] == ["LocalManagedPolicy"],
    )
    found = scan(account)
    assert "iam.role.service_unused" in told(found.unknowns, "role/web")
    assert "iam.user.service_unused" in told(found.unknowns, "user/amy")


def analyzer(region: str, kind: str = "ACCOUNT", status: str = "ACTIVE") -> dict[str, Any]:
    arn = f"arn:aws:access-analyzer:{region}:123456789012:analyzer/{kind.lower()}"
    made = {"name": kind.lower(), "type": kind, "status": status, "createdAt": SCANNED_AT}
    return {"arn": arn, **made}


def test_analyzers_region_by_region(account: Account, answer):
    """From the service's own shapes: a wrong field name in an answer would not pass here."""
    for operation in ("ListAnalyzers", "ListTrustAnchors"):
        answer(operation, lambda real, params: real())
    there = {
        "eu-west-1": [analyzer("eu-west-1"), analyzer("eu-west-1", "ACCOUNT_UNUSED_ACCESS")],
        "us-east-1": [analyzer("us-east-1", status="DISABLED")],
    }
    with ExitStack() as stubs:
        for region, analyzers in there.items():
            for service, operation, said in (
                ("accessanalyzer", "list_analyzers", {"analyzers": analyzers}),
                ("rolesanywhere", "list_trust_anchors", {"trustAnchors": []}),
            ):
                stub = stubs.enter_context(Stubber(account.client(service, region)))
                stub.add_response(operation, said)
                if service == "accessanalyzer":
                    finding = {
                        "id": "1",
                        "condition": {},
                        "createdAt": SCANNED_AT,
                        "analyzedAt": SCANNED_AT,
                        "updatedAt": SCANNED_AT,
                        "status": "ACTIVE",
                        "resourceType": "AWS::S3::Bucket",
                        "resourceOwnerAccount": "123456789012",
                    }
                    findings = [finding] if region == "eu-west-1" else []
                    stub.add_response(
                        "list_findings",
                        {"findings": findings},
                        {
                            "analyzerArn": analyzers[0]["arn"],
                            "filter": {"status": {"eq": ["ACTIVE"]}},
                        },
                    )
        regional = [c for c in MODULE.collectors if c.table.regional]
        tables = collect(account, regional, ["eu-west-1", "us-east-1"])
    assert dict(tables[AccessAnalysis].select("region", "external_analyzers").rows()) == {
        "eu-west-1": 1,
        "us-east-1": 0,
    }
    found = evaluate("iam", MODULE.rules, tables, account.coverage(), SCANNED_AT)
    off = found.fails.filter(rule_id="iam.access_analyzer.off")
    assert off["region"].to_list() == ["us-east-1"]
    reported = found.fails.filter(rule_id="iam.access_analyzer.findings")
    assert reported["resource_arn"].to_list() == [analyzer("eu-west-1")["arn"]]


def test_a_refused_analyzer_list_is_unknown_in_its_region(account: Account, refuse):
    refuse("ListAnalyzers", "AccessDeniedException", lambda region, _: region == "us-east-1")
    found = scan(account)
    (lost,) = found.unknowns.filter(rule_id="iam.access_analyzer.off").to_dicts()
    assert lost["region"] == "us-east-1"
    assert lost["because"] == "accessanalyzer:ListAnalyzers denied (AccessDeniedException)"
    assert found.fails.filter(rule_id="iam.access_analyzer.off")["region"].to_list() == [
        "eu-west-1"
    ]


def anchor(name: str, **data: str) -> dict[str, Any]:
    arn = f"arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/{name}"
    source = {"sourceType": "AWS_ACM_PCA", "sourceData": data}
    made = {"trustAnchorArn": arn, "trustAnchorId": name, "name": name, "enabled": True}
    return {**made, "source": source}


def certificate() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(SCANNED_AT)
        .not_valid_after(SCANNED_AT + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def test_trust_anchors_and_profiles(account: Account, answer):
    pca = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/"
    anchors = [
        anchor("new", acmPcaArn=pca + "ML_DSA_65"),
        anchor("old", acmPcaArn=pca + "RSA_2048"),
        anchor("own", x509CertificateData=certificate()),
    ]
    profile = {"enabled": True, "roleArns": [f"{ME}:role/edge"]}
    profiles = [
        profile
        | {
            "profileArn": f"arn:aws:rolesanywhere:eu-west-1:1:profile/{n}",
            "profileId": n,
            "name": n,
        }
        | limits
        for n, limits in (
            ("wide", {"managedPolicyArns": []}),
            ("inline", {"sessionPolicy": "{}"}),
            ("managed", {"managedPolicyArns": [READ_ONLY]}),
        )
    ]
    asked: list[str] = []

    def describe(real: Callable[[], dict], params: dict) -> dict:
        asked.append(params["CertificateAuthorityArn"])
        algorithm = params["CertificateAuthorityArn"].rpartition("/")[2]
        configured = {"KeyAlgorithm": algorithm}
        return {"CertificateAuthority": {"CertificateAuthorityConfiguration": configured}}

    answer("ListTrustAnchors", lambda real, params: {"trustAnchors": anchors})
    answer("ListProfiles", lambda real, params: {"profiles": profiles})
    answer("DescribeCertificateAuthority", describe)
    tables = collect(account, MODULE.collectors, ["eu-west-1"])
    assert dict(tables[TrustAnchors].select("name", "post_quantum").rows()) == {
        "new": True,
        "old": False,
        "own": False,
    }
    assert len(asked) == 2
    found = evaluate("iam", MODULE.rules, tables, account.coverage(), SCANNED_AT)
    wide = found.fails.filter(rule_id="iam.anywhere_profile.unrestricted")
    assert wide["resource_arn"].to_list() == [profiles[0]["profileArn"]]
    assert wide["related"].to_list() == [[f"{ME}:role/edge"]]
    assert tables[AnywhereProfiles].height == 3


def test_a_refused_authority_is_unknown(account: Account, answer, refuse):
    anchors = [anchor("new", acmPcaArn="arn:aws:acm-pca:eu-west-1:1:certificate-authority/1")]
    answer("ListTrustAnchors", lambda real, params: {"trustAnchors": anchors})
    refuse("DescribeCertificateAuthority", "AccessDenied")
    refuse("ListProfiles", "AccessDeniedException")
    found = evaluate(
        "iam",
        MODULE.rules,
        collect(account, MODULE.collectors, ["eu-west-1"]),
        account.coverage(),
        SCANNED_AT,
    )
    (lost,) = found.unknowns.filter(rule_id="iam.trust_anchor.quantum").to_dicts()
    assert lost["because"] == "acm-pca:DescribeCertificateAuthority denied (AccessDenied)"
    gap = next(g for g in found.gaps.to_dicts() if g["operation"] == "rolesanywhere:ListProfiles")
    assert gap["rules"] == ["iam.anywhere_profile.unrestricted"]
    assert gap["unlisted"]
