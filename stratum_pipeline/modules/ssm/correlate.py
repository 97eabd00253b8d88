"""What Systems Manager findings mean beside others."""

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.rule import Severity

CORRELATIONS = (
    Correlation(
        rule="ssm.document.secrets",
        beside=("ssm.document.public",),
        on=("resource_arn",),
        because="Every AWS account can read this document, and the secret in it.",
        severity=Severity.CRITICAL,
    ),
    Correlation(
        rule="ssm.document.secrets",
        beside=("ssm.document.outsiders",),
        on=("resource_arn",),
        because="Accounts outside the organization can read this document, and the secret in it.",
        severity=Severity.CRITICAL,
    ),
    Correlation(
        rule="ssm.session.run_as",
        beside=("ssm.session.logging",),
        on=("resource_arn",),
        because="Whoever opens a session is root, as a user that all share, and nothing records"
        " what they do.",
        severity=Severity.HIGH,
    ),
    *(
        Correlation(
            rule="ssm.instance.security_patches",
            beside=(reached,),
            on=("resource_arn",),
            because=f"The internet reaches {what}; patches for flaws that are public are missing.",
            severity=Severity.CRITICAL,
        )
        for reached, what in (
            ("compute.instance.exposed_services", "this instance's administration or data ports"),
            ("compute.instance.reachable_profile", "this instance, which carries a role"),
        )
    ),
)
