"""One demonstration organization for all these tests, and what it lists of itself."""

from collections.abc import Iterator
from typing import Any

import pytest

from stratum_pipeline import demo

from .listing import Aws


@pytest.fixture(scope="session")
def organization() -> Iterator[demo.Organization]:
    with demo.serve() as organization:
        yield organization


@pytest.fixture(scope="session")
def aws(organization: demo.Organization) -> Aws:
    return Aws(organization)


@pytest.fixture(scope="session")
def listing(aws: Aws) -> dict[str, Any]:
    """Everything that a scan may read, by account, region and operation."""
    return aws.listing()
