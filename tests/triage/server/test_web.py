"""Browsers, this machine's own user, and clients of a server that is not there."""

import asyncio
import re
import socket
from typing import Any

import httpx
import pytest

from stratum_pipeline.settings import Settings
from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage.client import ApiError, Client, Http, Unreachable
from stratum_pipeline.triage.identity import Identity
from stratum_pipeline.triage.server import create

from .served import Served, StandIn

# --- browsers -----------------------------------------------------------------------------


def test_no_other_site_is_let_in(raw: httpx.Client):
    headers = {"Origin": "https://other.example", "Access-Control-Request-Method": "POST"}
    answers = [raw.options("/v1/events", headers=headers)]
    answers += [raw.get(path, headers=headers) for path in ("/v1/me", "/health", "/nowhere")]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "path", ["/v1/me", "/v1/export", "/health", "/docs", "/x", "/openapi.json"]
)
def test_every_answer_carries_the_headers(raw: httpx.Client, path: str):
    headers = raw.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_the_docs_need_no_other_host_and_no_token(served: Served):
    with httpx.Client(base_url=served.url, trust_env=False) as anybody:
        page = anybody.get("/docs")
        assert page.status_code == 200
        assert not re.search(r"""(https?:)?//[^\s'"/]+\.[^\s'"/]""", page.text)
        needs = re.findall(r"""(?:src|href)="([^"]+)"|url: '([^']+)'""", page.text)
        assert len(needs) == 4  # script, style, icon, description
        for one in map("".join, needs):
            assert anybody.get(httpx.URL(page.url).join(one)).status_code == 200, one
    policy = page.headers["content-security-policy"]
    assert "http" not in policy
    assert "unsafe" not in policy.replace("style-src 'self' 'unsafe-inline'", "")
    assert served.doorkeeper.addresses == []


def test_health_says_the_version_to_anybody(served: Served):
    assert httpx.get(f"{served.url}/health", trust_env=False).json() == {"version": c.VERSION}
    assert served.doorkeeper.addresses == []


# --- this machine's own user --------------------------------------------------------------


@pytest.mark.parametrize(
    "address, sent, status",
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.0.0.9", {}, 403),
        (None, {}, 403),
        ("127.0.0.1", {"Host": "rebound.example"}, 403),
        ("127.0.0.1", {"Origin": "https://other.example"}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "10.0.0.9"}, 403),
    ],
)
def test_mode_local_answers_this_machine_only(
    address: str | None, sent: dict[str, str], status: int
):
    app = create(StandIn(), Identity.of(Settings.model_construct()))

    async def peer(scope: Any, receive: Any, send: Any) -> None:
        await app(scope | {"client": address and (address, 50_000)}, receive, send)

    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(peer)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as asks:
            return await asks.get("/v1/me", headers=sent)

    assert asyncio.run(get()).status_code == status


# --- when it is not there -----------------------------------------------------------------


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with Client(Http(url)) as client:
        with pytest.raises(Unreachable, match="stratum up"):
            client.me()
        with pytest.raises(Unreachable, match="STRATUM_API_URL"):
            next(client.export(c.ExportQuery()))


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, html="<h1>It works!</h1>"),
        httpx.Response(200, json={"id": "ann", "role": "emperor"}),
        httpx.Response(302, headers={"Location": "https://login.example"}),
        httpx.Response(502, html="<h1>Bad Gateway</h1>"),
    ],
)
def test_somebody_else_listens(response: httpx.Response, monkeypatch: pytest.MonkeyPatch):
    def answer(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        return response

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
    with Client(Http("http://api.example")) as client, pytest.raises(ApiError) as refused:
        client.me()
    assert refused.value.problem.status == response.status_code
    assert "api.example" in refused.value.problem.detail
