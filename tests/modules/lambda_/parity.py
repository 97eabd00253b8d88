"""What the peer's Lambda checks are about, and our rules that catch it."""

import json
from typing import Any

from stratum_pipeline.modules.lambda_ import rules

from ..parity import Case
from .samples import (
    ALL_FUNCTIONS,
    ANYONE,
    FOR_URL,
    FUNCTION,
    PARTNER,
    PINNED_SNS,
    SIBLING,
    THROUGH_URL,
    TRAIL,
    policy,
)

KEY = "arn:aws:kms:us-east-1:111111111111:key/1234"
QUEUE = "arn:aws:sqs:us-east-1:111111111111:dead-letters"


def url(auth: str, guard: str) -> dict[str, Any]:
    return {"urls": [{"arn": FUNCTION, "auth": auth, "policy": guard}], "policy": guard}


OPEN_URL = url("NONE", policy(FOR_URL, THROUGH_URL))
ASYNCHRONOUS = {"policy": policy(PINNED_SNS)}


def layer(owner: str) -> dict[str, Any]:
    return {"layers": [f"arn:aws:lambda:us-east-1:{owner}:layer:deps:7"]}


CASES: dict[str, Case | list[Case]] = {
    "awslambda_function_env_vars_not_encrypted_with_cmk": Case(
        rules.environment_key,
        broken={"has_variables": True, "key_arn": ""},
        repaired={"has_variables": True, "key_arn": KEY},
    ),
    # Not a fault of every function: of one that strangers may call, which could reach anything.
    "awslambda_function_inside_vpc": Case(
        rules.open_egress,
        broken=OPEN_URL | {"vpc": ""},
        repaired=OPEN_URL | {"vpc": "vpc-1"},
    ),
    "awslambda_function_invoke_api_operations_cloudtrail_logging_enabled": Case(
        rules.invocation_records,
        broken={"functions": [FUNCTION], "trails": [], "logging": [], "selectors": "{}"},
        repaired={
            "functions": [FUNCTION],
            "trails": [TRAIL],
            "logging": [TRAIL],
            "selectors": json.dumps({TRAIL: ALL_FUNCTIONS}),
        },
    ),
    "awslambda_function_no_dead_letter_queue": Case(
        rules.dead_letters,
        broken=ASYNCHRONOUS | {"failures_to": ""},
        repaired=ASYNCHRONOUS | {"failures_to": QUEUE},
    ),
    "awslambda_function_no_secrets_in_variables": Case(
        rules.secrets,
        broken={"secrets": ["AWS Access Key"]},
        repaired={"secrets": []},
    ),
    "awslambda_function_not_publicly_accessible": [
        Case(
            rules.public_policy,
            broken={"policy": policy(ANYONE)},
            repaired={"policy": policy(PINNED_SNS)},
        ),
        Case(
            rules.outside_organization,
            broken={"policy": policy(PARTNER)},
            repaired={"policy": policy(SIBLING)},
        ),
    ],
    "awslambda_function_url_cors_policy": Case(
        rules.url_cors,
        broken=OPEN_URL | {"origins": ["*"]},
        repaired=OPEN_URL | {"origins": ["https://acme.example"]},
    ),
    "awslambda_function_url_public": Case(
        rules.public_url,
        broken=OPEN_URL,
        repaired=url("AWS_IAM", policy(FOR_URL, THROUGH_URL)),
    ),
    "awslambda_function_using_cross_account_layers": Case(
        rules.outside_layers, broken=layer("999999999999"), repaired=layer("222222222222")
    ),
    "awslambda_function_using_supported_runtimes": Case(
        rules.runtime,
        broken={"package": "Zip", "runtime": "python3.8"},
        repaired={"package": "Zip", "runtime": "python3.13"},
    ),
    "awslambda_function_vpc_multi_az": Case(
        rules.multi_az,
        broken={"vpc": "vpc-1", "zones": ["us-east-1a", "us-east-1a"]},
        repaired={"vpc": "vpc-1", "zones": ["us-east-1a", "us-east-1b"]},
    ),
}
