"""What must hold of the services that watch or open ways in from outside."""

import polars as pl

from stratum_pipeline.kernel.rule import Rule, Severity

from ..inventory import AccessAnalysis, Analyzers, AnywhereProfiles, TrustAnchors

access_analyzer_off = Rule(
    id="iam.access_analyzer.off",
    table=AccessAnalysis,
    fails=AccessAnalysis.external_analyzers == 0,
    severity=Severity.LOW,
    title="No Access Analyzer of this account looks for access from outside in the region",
    rationale="AWS would say for nothing which buckets, roles, keys and queues others can reach. "
    "An analyzer of the whole organization, in its security account, does as well and cannot be "
    "seen from here.",
    remediation="Create an analyzer of the organization in the security account and suppress this "
    "finding, or one of this account.",
    console="IAM > Access Analyzer > Analyzer settings > Create analyzer ({region})",
    cli="aws accessanalyzer create-analyzer --region {region} --type ACCOUNT "
    "--analyzer-name external-access",
    breaks="Nothing: analyzers of external access read policies, and cost nothing.",
    undo="aws accessanalyzer delete-analyzer --region {region} --analyzer-name external-access",
    criteria=("CC6.1", "CC7.1"),
    root_cause=pl.format("access analyzers of {}", AccessAnalysis.account_id),
)

access_analyzer_findings = Rule(
    id="iam.access_analyzer.findings",
    table=Analyzers,
    fails=Analyzers.active_findings > 0,
    severity=Severity.LOW,
    title="Access Analyzer reports access from outside that nobody has reviewed",
    rationale="AWS proved that somebody outside can reach the resources it names: what is meant "
    "is to be archived, so that what is not meant stands out.",
    remediation="Archive what is intended, best by archive rules, and narrow the policies of the "
    "rest.",
    console="IAM > Access Analyzer > External access > {name} ({region})",
    cli="aws accessanalyzer list-findings --region {region} --analyzer-arn {arn}",
    breaks="Archiving breaks nothing; narrowing a policy ends the access it speaks of.",
    undo="aws accessanalyzer update-findings --region {region} --analyzer-arn {arn} "
    "--status ACTIVE --ids FINDING_ID",
    criteria=("CC6.1", "CC7.1"),
)

trust_anchor_quantum = Rule(
    id="iam.trust_anchor.quantum",
    table=TrustAnchors,
    when=TrustAnchors.enabled,
    fails=~TrustAnchors.post_quantum,
    severity=Severity.LOW,
    title="Trust anchor's certificates can be forged by a quantum computer to come",
    rationale="Roles Anywhere believes any certificate that the authority signed; RSA and ECDSA "
    "signatures are expected to fall within the life of authorities set up today.",
    remediation="Set up an authority that signs with ML-DSA, trust it beside this one, and remove "
    "this one when its certificates have been replaced.",
    console="IAM > Roles > Roles Anywhere > Trust anchors > {name} ({region})",
    cli="aws acm-pca create-certificate-authority --region {region} "
    "--certificate-authority-type ROOT --certificate-authority-configuration "
    "KeyAlgorithm=ML_DSA_65,SigningAlgorithm=ML_DSA_65,Subject={{CommonName=workloads}}",
    breaks="Clients that cannot handle ML-DSA, once this anchor is removed; a private authority "
    "is billed by the month.",
    undo="aws acm-pca delete-certificate-authority --region {region} "
    "--certificate-authority-arn NEW_AUTHORITY_ARN",
    criteria=(),
)

anywhere_profile_unrestricted = Rule(
    id="iam.anywhere_profile.unrestricted",
    table=AnywhereProfiles,
    when=AnywhereProfiles.enabled,
    fails=~AnywhereProfiles.session_policy & (AnywhereProfiles.managed_policy_arns.list.len() == 0),
    severity=Severity.MEDIUM,
    title="Roles Anywhere profile gives its sessions all that their roles may do",
    rationale="Any certificate of a trusted authority opens the profile's roles from anywhere; a "
    "session policy bounds what a stolen one is good for.",
    remediation="Give the profile a session policy, inline or managed, with what its workloads do.",
    console="IAM > Roles > Roles Anywhere > Profiles > {name} > Edit ({region})",
    cli="aws rolesanywhere update-profile --region {region} --profile-id {profile_id} "
    "--session-policy file://policy.json",
    breaks="What workloads do by the roles and the session policy does not allow.",
    undo="aws rolesanywhere update-profile --region {region} --profile-id {profile_id} "
    '--session-policy ""',
    criteria=("CC6.1", "CC6.3"),
    related=AnywhereProfiles.role_arns,
)

RULES = (
    access_analyzer_off,
    access_analyzer_findings,
    trust_anchor_quantum,
    anywhere_profile_unrestricted,
)
