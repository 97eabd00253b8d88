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
)
