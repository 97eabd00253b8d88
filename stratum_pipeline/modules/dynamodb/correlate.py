"""What DynamoDB findings mean beside others."""

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.rule import Severity

CORRELATIONS = (
    Correlation(
        rule="dynamodb.table.deletion_protection",
        beside=("dynamodb.table.point_in_time_recovery", "dynamodb.table.backup_plan"),
        on=("resource_arn",),
        because="One call deletes this table, and no copy of its items would be left anywhere.",
        severity=Severity.HIGH,
    ),
    *(
        Correlation(
            rule="dynamodb.table.point_in_time_recovery",
            beside=(opened,),
            on=("resource_arn",),
            because="A policy lets strangers at this table, and what they overwrite or delete"
            " cannot be brought back to the moment before.",
            severity=Severity.HIGH,
        )
        for opened in ("dynamodb.table.public_policy", "dynamodb.table.outside_organization")
    ),
)
