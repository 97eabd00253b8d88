"""moto, and what it lacks."""

from typing import Any

import botocore.client
import pytest
from botocore.exceptions import ClientError

from .answers import Answers


@pytest.fixture
def answers(aws: None, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Prepare it before the calls; it is asked in moto's place."""
    told = Answers()
    real: Any = botocore.client.BaseClient._make_api_call  # pyright: ignore[reportAttributeAccessIssue]

    def call(client: Any, operation: str, params: Any) -> Any:
        region = client.meta.region_name
        if operation == "GetMetricData":
            return told.get_metric_data(params)
        if operation == "GetProducts":
            assert region == "us-east-1"
            return told.get_products(params)
        if operation == "GetAnomalyMonitors":
            told.monitors_asked += 1
            return {"AnomalyMonitors": told.monitors}
        if operation == "GetEnrollmentStatus":
            return {"status": "Active" if told.enrolled else "Inactive"}
        if operation == "GetLambdaFunctionRecommendations":
            if not told.enrolled:
                code = {"Error": {"Code": "OptInRequiredException", "Message": "not enrolled"}}
                raise ClientError(code, operation)
            return {"lambdaFunctionRecommendations": told.advice.get(region, [])}
        return real(client, operation, params)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return told
