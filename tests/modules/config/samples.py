"""Values worth trying in AWS Config's tables, for the contract every rule keeps."""

from typing import Any

SIBLING, STRANGER = "222222222222", "999999999999"

SAMPLES: dict[str, list[Any]] = {
    "recorder": ["", "default"],
    "role": [
        "",
        "arn:aws:iam::1:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig",
        "arn:aws:iam::1:role/config",
    ],
    "strategy": [
        "",
        "ALL_SUPPORTED_RESOURCE_TYPES",
        "INCLUSION_BY_RESOURCE_TYPES",
        "EXCLUSION_BY_RESOURCE_TYPES",
    ],
    "excluded_types": [[], ["AWS::IAM::Role"], ["AWS::IAM::Role", "AWS::EC2::Subnet"]],
    "frequency": ["", "CONTINUOUS", "DAILY"],
    "last_status": ["", "Pending", "Success", "Failure"],
    "bucket": ["", "logs"],
    "undelivered": [[], ["history"], ["history", "stream"]],
    "retention_days": [30, 364, 365, 2557],
    "recorded_in": [[], ["us-east-1"], ["eu-west-1", "us-east-1"]],
    "global_in": [[], ["us-east-1"]],
    "part": ["", "management", "delegated", "member"],
    "administrators": [[], [SIBLING]],
    "aggregator_in": [[], ["us-east-1"]],
    "unread": [[], ["o-abc1234567"]],
    "authorized": ["1", SIBLING, STRANGER],
    "state": ["CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_FAILED", "CREATE_FAILED"],
    "": [""],
}
