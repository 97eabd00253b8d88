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
)
