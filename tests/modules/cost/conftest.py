"""moto, and what it lacks."""

from typing import Any

import boto3
import botocore.client
import pytest
from botocore.exceptions import ClientError
from botocore.loaders import Loader

from stratum_pipeline.kernel.collect import Account
from stratum_pipeline.modules.cost import MODULE

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


LOADER = Loader()
"""Of AWS's models: fifteen services in two regions, for each of many tests."""


def session() -> boto3.Session:
    made = boto3.Session("testing", "testing", region_name="us-east-1")
    inner: Any = made._session  # pyright: ignore[reportPrivateUsage]
    inner.register_component("data_loader", LOADER)
    return made


@pytest.fixture
def account(aws: None) -> Account:
    return Account(session(), "123456789012", MODULE.operations)
