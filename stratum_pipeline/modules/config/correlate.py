"""What findings about AWS Config mean beside others."""

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.rule import Severity

CORRELATIONS = (
    Correlation(
        rule="config.region.recording",
        beside=("config.region.retention",),
        on=("resource_arn",),
        because="The recorder is stopped, and what it had recorded is deleted before a year is"
        " over: the history is running out.",
        severity=Severity.HIGH,
    ),
    Correlation(
        rule="config.region.recorder_failing",
        beside=("config.region.recorder_role",),
        on=("resource_arn",),
        because="The recorder fails, and reads with a role of one's own: most likely the role"
        " lacks what the service-linked role has.",
        severity=Severity.MEDIUM,
    ),
)
