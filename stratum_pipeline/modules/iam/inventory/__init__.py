"""IAM as AWS reports it: a few calls per account, none per group, policy or plain identity."""

from stratum_pipeline.kernel.collect import Collector

from .account import (
    AccountAccess,
    PasswordPolicy,
    RootUser,
    SamlProviders,
    ServerCertificates,
    read_access,
    read_password_policy,
    read_root_user,
    read_saml_providers,
    read_server_certificates,
)
from .outside import (
    AccessAnalysis,
    Analyzers,
    AnywhereProfiles,
    TrustAnchors,
    read_access_analysis,
    read_analyzers,
    read_profiles,
    read_trust_anchors,
)
from .policies import InlinePolicies, Policies, read_inline_policies, read_policies
from .report import GENERATE as GENERATE_REPORT
from .roles import Roles, read_roles
from .services import GENERATE as GENERATE_SERVICE_USE
from .users import Groups, Users, read_groups, read_users

COLLECTORS = (
    Collector(Users, read_users, calls=(GENERATE_REPORT, GENERATE_SERVICE_USE)),
    Collector(Groups, read_groups),
    Collector(Roles, read_roles, calls=(GENERATE_SERVICE_USE,)),
    Collector(Policies, read_policies),
    Collector(InlinePolicies, read_inline_policies),
    Collector(PasswordPolicy, read_password_policy),
    Collector(RootUser, read_root_user, calls=(GENERATE_REPORT,)),
    Collector(AccountAccess, read_access, calls=(GENERATE_REPORT,)),
    Collector(SamlProviders, read_saml_providers),
    Collector(ServerCertificates, read_server_certificates),
    Collector(AccessAnalysis, read_access_analysis),
    Collector(Analyzers, read_analyzers),
    Collector(TrustAnchors, read_trust_anchors),
    Collector(AnywhereProfiles, read_profiles, calls=("rolesanywhere:ListTrustAnchors",)),
)

__all__ = [
    "COLLECTORS",
    "AccessAnalysis",
    "AccountAccess",
    "Analyzers",
    "AnywhereProfiles",
    "Groups",
    "InlinePolicies",
    "PasswordPolicy",
    "Policies",
    "Roles",
    "RootUser",
    "SamlProviders",
    "ServerCertificates",
    "TrustAnchors",
    "Users",
]
