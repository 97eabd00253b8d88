"""What networking findings mean beside others."""

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.rule import Severity

CORRELATIONS = tuple(
    Correlation(
        rule=rule,
        beside=("iam.role.workload_administrator",),
        on=("related",),  # an instance profile behind the group's public interfaces
        because="An instance reachable from the internet on an administration or database port"
        " runs with administrator rights.",
        severity=Severity.CRITICAL,
    )
    for rule in (
        "networking.security_group.all_traffic",
        "networking.security_group.sensitive_ports",
    )
)
