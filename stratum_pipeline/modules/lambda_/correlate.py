"""What Lambda findings mean beside others."""

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.rule import Severity

OPEN = {
    "lambda.function.public_url": "anyone on the internet may call through its URL",
    "lambda.function.public_policy": "anyone with an AWS account may call",
}

CORRELATIONS = (
    *(
        Correlation(
            rule=rule,
            beside=("iam.role.workload_administrator",),
            on=("related",),  # the function's role
            because=f"This function, which {whoever}, acts as an administrator of the account: a"
            " flaw in its code is a takeover.",
            severity=Severity.CRITICAL,
        )
        for rule, whoever in (
            *OPEN.items(),
            ("lambda.function.outside_organization", "strangers may call"),
        )
    ),
    *(
        Correlation(
            rule="lambda.function.secrets",
            beside=(rule,),
            on=("resource_arn",),
            because=f"A function that {whoever} carries the secret: a flaw in its code, or an error"
            " that prints the environment, gives it away.",
            severity=Severity.CRITICAL,
        )
        for rule, whoever in OPEN.items()
    ),
    *(
        Correlation(
            rule="lambda.function.runtime",
            beside=(rule,),
            on=("resource_arn",),
            because=f"A function that {whoever} runs on software that gets no security patches.",
            severity=Severity.HIGH,
        )
        for rule, whoever in OPEN.items()
    ),
)
