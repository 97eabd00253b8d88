"""What findings on databases mean beside others."""

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.rule import Severity

IN_PLAIN_TEXT = (
    "The database answers anyone on the internet and takes connections without TLS: passwords and"
    " rows can be read on their way."
)
COPIED = (
    "Anyone can restore the snapshot in an account of their own, read its users and password"
    " hashes there, and log in to the database itself, which answers the internet."
)
CORRELATIONS = (
    Correlation(
        rule="rds.instance.transport_encryption",
        beside=("rds.instance.public",),
        on=("resource_arn",),
        because=IN_PLAIN_TEXT,
        severity=Severity.CRITICAL,
    ),
    Correlation(
        rule="rds.cluster.transport_encryption",
        beside=("rds.instance.public",),
        on=("related",),  # the cluster
        because=IN_PLAIN_TEXT,
        severity=Severity.CRITICAL,
    ),
    Correlation(
        rule="rds.snapshot.public",
        beside=("rds.instance.public",),
        on=("related",),  # the instance it was taken of
        because=COPIED,
        severity=Severity.CRITICAL,
    ),
    Correlation(
        rule="rds.cluster_snapshot.public",
        beside=("rds.instance.public",),
        on=("related",),  # the cluster it was taken of
        because=COPIED,
        severity=Severity.CRITICAL,
    ),
    Correlation(
        rule="rds.instance.deletion_protection",
        beside=("rds.instance.backups",),
        on=("resource_arn",),
        because="One mistaken call deletes the database, and there is no automated backup to"
        " bring it back.",
        severity=Severity.HIGH,
    ),
)
