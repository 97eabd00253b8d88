"""Values worth trying in Lambda tables, for the contract every rule keeps."""

import json
from typing import Any

ACCOUNT = "111111111111"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:api"
TRAIL = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/main"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": statements})


def allow(principal: Any, action: str = "lambda:InvokeFunction", **conditions: Any) -> dict:
    """A statement as AddPermission writes it; conditions: {"StringEquals": {...}}."""
    said = {"Sid": "s", "Effect": "Allow", "Principal": principal, "Action": action}
    return said | {"Resource": FUNCTION} | ({"Condition": conditions} if conditions else {})


def service(name: str, **conditions: Any) -> dict:
    return allow({"Service": f"{name}.amazonaws.com"}, **conditions)


ANYONE = allow("*")
FOR_URL = allow(
    "*", "lambda:InvokeFunctionUrl", StringEquals={"lambda:FunctionUrlAuthType": "NONE"}
)
# What AWS adds beside it since October 2025.
THROUGH_URL = allow("*", Bool={"lambda:InvokedViaFunctionUrl": "true"})
PARTNER = allow({"AWS": "arn:aws:iam::999999999999:root"})
SIBLING = allow({"AWS": "arn:aws:iam::222222222222:root"})
SNS = service("sns")
PINNED_SNS = service("sns", ArnLike={"AWS:SourceArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:orders"})
POLICIES = ["", *map(policy, (ANYONE, FOR_URL, PARTNER, SIBLING, SNS, PINNED_SNS))]

ALL_FUNCTIONS = {
    "EventSelectors": [
        {
            "ReadWriteType": "All",
            "IncludeManagementEvents": True,
            "DataResources": [{"Type": "AWS::Lambda::Function", "Values": ["arn:aws:lambda"]}],
        }
    ],
    "AdvancedEventSelectors": [],
}
NO_FUNCTION = {"EventSelectors": [], "AdvancedEventSelectors": []}

SAMPLES: dict[str, list[Any]] = {
    "name": ["api", "etl"],
    "runtime": ["", "python3.13", "python3.8", "nodejs99.x"],
    "package": ["Zip", "Image"],
    "policy": POLICIES,
    "auth": ["NONE", "AWS_IAM"],
    "origins": [[], ["*"], ["https://example.com"]],
    "key_arn": ["", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"],
    "secrets": [[], ["AWS Access Key"]],
    "layers": [
        [f"arn:aws:lambda:us-east-1:{owner}:layer:deps:1"]
        for owner in (ACCOUNT, "222222222222", "999999999999", "580247275435")
    ],
    "vpc": ["", "vpc-1"],
    "zones": [[], ["a"], ["a", "a"], ["a", "b"]],
    "tracing": ["Active", "PassThrough"],
    "code_signing": ["", "Warn", "Enforce"],
    "reserved_concurrency": [-1, 0, 100],
    "failures_to": ["", f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead"],
    "source_arn": [
        f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders",
        f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/clicks",
    ],
    "state": ["Enabled", "Disabled"],
    "functions": [[FUNCTION]],
    "trails": [[], [TRAIL]],
    "logging": [[], [TRAIL]],
    "selectors": ["{}", json.dumps({TRAIL: ALL_FUNCTIONS}), json.dumps({TRAIL: NO_FUNCTION})],
    "": ["", "x"],
}
