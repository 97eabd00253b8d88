"""What compute findings mean beside others."""

from functools import partial

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.rule import Severity

_exposed = partial(Correlation, rule="compute.instance.exposed_services")

CORRELATIONS = (
    _exposed(
        beside=("iam.role.workload_administrator",),
        on=("related",),  # the instance's profile
        because="Whoever gets into this instance from the internet administers the account: its"
        " instance profile carries administrator rights.",
        severity=Severity.CRITICAL,
    ),
    _exposed(
        beside=("compute.instance.imdsv1",),
        on=("resource_arn",),
        because="The instance is reachable on an administration or data port and answers IMDSv1,"
        " so a single forged request takes the credentials of its role.",
        severity=Severity.CRITICAL,
    ),
    Correlation(
        rule="compute.instance.imdsv1",
        beside=("compute.instance.reachable_profile",),
        on=("resource_arn",),
        because="The instance serves the internet, has a role and answers IMDSv1: one server-side"
        " request forgery in what it serves gives the role's credentials away.",
        severity=Severity.HIGH,
    ),
    Correlation(
        rule="compute.volume.unencrypted",
        beside=("compute.snapshot.public",),
        on=("related",),  # the volume
        because="A public snapshot of this volume exists: take its content for known to strangers,"
        " and look for credentials in it.",
        severity=Severity.CRITICAL,
    ),
)
