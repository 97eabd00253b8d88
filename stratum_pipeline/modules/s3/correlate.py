"""What S3 findings mean beside others."""

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.rule import Severity

CORRELATIONS = (
    Correlation(
        rule="s3.bucket.versioning",
        beside=("s3.bucket.public_policy",),
        on=("resource_arn",),
        # True whether the policy lets anyone write or only read: that is in its evidence.
        because="The bucket policy admits anyone, and an object overwritten or deleted there"
        " cannot be recovered.",
        severity=Severity.HIGH,
    ),
    Correlation(
        rule="s3.bucket.access_logging",
        beside=("s3.bucket.public_policy",),
        on=("resource_arn",),
        because="The bucket policy admits anyone, and no access log tells who came and what they"
        " took.",
        severity=Severity.HIGH,
    ),
    Correlation(
        rule="s3.bucket.access_logging",
        beside=("s3.access_point.public_policy",),
        on=("related",),
        because="An access point lets anyone into the bucket, and no access log tells who came"
        " and what they took.",
        severity=Severity.HIGH,
    ),
    Correlation(
        rule="s3.bucket.version_protection",
        beside=("s3.bucket.outside_control",),
        on=("resource_arn",),
        because="An account outside the organization controls the bucket, and nothing keeps it"
        " from deleting every version of every object.",
        severity=Severity.HIGH,
    ),
)
