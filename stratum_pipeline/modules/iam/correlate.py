"""What IAM findings mean beside others."""

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.rule import Severity

CORRELATIONS = (
    Correlation(
        rule="iam.role.workload_administrator",
        beside=("iam.role.trust_oidc_subject",),
        on=("resource_arn",),
        because="Any workload that the identity provider vouches for can become administrator.",
        severity=Severity.CRITICAL,
    ),
    Correlation(
        rule="iam.user.mfa",
        beside=("iam.user.administrator",),
        on=("resource_arn",),
        because="The user is administrator by its own policies: its password alone, guessed or"
        " phished, is the whole account.",
        severity=Severity.CRITICAL,
    ),
    Correlation(
        rule="iam.role.trust_oidc_subject",
        beside=("iam.inline_policy.privilege_escalation",),
        on=("related",),
        because="Whoever gets any token of the provider can assume the role, and a policy written"
        " on it lets them go on to administrator.",
        severity=Severity.CRITICAL,
    ),
    Correlation(
        rule="iam.role.outside_no_external_id",
        beside=("iam.inline_policy.privilege_escalation",),
        on=("related",),
        because="An account outside the organization can assume the role, and a policy written on"
        " it lets it go on to administrator.",
        severity=Severity.CRITICAL,
    ),
)
