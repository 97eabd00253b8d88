from collections.abc import Iterator

import httpx
import pytest

from stratum_pipeline.triage.client import Client, Http

from .served import Served


@pytest.fixture(scope="module")
def one_server() -> Iterator[Served]:
    served = Served()
    yield served
    served.stop()
    assert served.service.closed


@pytest.fixture
def served(one_server: Served) -> Served:
    one_server.service.__init__()
    one_server.doorkeeper.__init__()
    one_server.queries.clear()
    return one_server


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(Http(served.url), {"Authorization": "Bearer ann"}) as client:
        yield client


@pytest.fixture
def raw(served: Served) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer ann"}
    with httpx.Client(base_url=served.url, headers=headers, trust_env=False) as raw:
        yield raw
