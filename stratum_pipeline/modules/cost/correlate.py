"""What cost findings mean beside others."""

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.rule import Severity

CORRELATIONS = (
    Correlation(
        rule="cost.instance.stopped",
        beside=("cost.address.idle",),
        on=("related",),
        because="The stopped instance pays for its volumes and keeps an elastic IP address for"
        " itself: it goes together, and nothing else is lost.",
        severity=Severity.MEDIUM,
    ),
)
