"""Whatever is sent, by the committed contract or against it: an answer of the contract."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.config import (
    CoveragePhaseConfig,
    GenerationConfig,
    PhasesConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from stratum_pipeline.triage import server
from stratum_pipeline.triage.current import Pace
from stratum_pipeline.triage.service import Service

from .conftest import NOW, made
from .house import Door

COMMITTED = Path(server.__file__).with_name("openapi.json")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


class Served:
    """The application, once there is one, and until its fixture ends it."""

    app: Any

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"  # its lifespan would end with the first operation
        await self.app(scope, receive, send)


served = Served()
project = ProjectConfig(
    generation=GenerationConfig(deterministic=True, database="none"),
    # It would send thousands.
    phases=PhasesConfig(coverage=CoveragePhaseConfig(enabled=False)),
)
schema = schemathesis.openapi.from_path(
    COMMITTED, config=SchemathesisConfig(seed=1, projects=ProjectsConfig(default=project))
)
schema.app = served


@pytest.fixture(scope="module", autouse=True)
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    estate = made(tmp_path_factory.mktemp("fuzzed"))
    estate.publish(NOW)
    service = Service(estate.data, estate.ledger, lambda: NOW, Pace(every=1000, first=60))
    served.app = server.create(service, Door())  # type: ignore[arg-type]
    yield
    service.close()


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_of_the_contract(case: Case):
    case.call_and_validate(headers={"Authorization": "Bearer abe"}, checks=CHECKS)
