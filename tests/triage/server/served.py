"""The application on a port, over a service and people who only stand in."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from enum import EnumType
from typing import Any, Literal, get_args, get_origin

import httpx
import uvicorn
from pydantic import BaseModel

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import problems
from stratum_pipeline.triage.server import create

ID = "0123456789abcdef" * 4
AT = datetime(2026, 2, 3, 4, 5, 6, 789000, UTC)
ME = c.Me(id="ann@example.com", role=c.Role.OPERATOR, assurance="oidc", mode="oidc")
SESSION = c.Session(token="a.b.c", expires_at=AT)
NASTY = "arn:aws:s3:::é/ü + 50% & a=b#c?d;e"
OPERATIONS = {operation.name: operation for operation in c.OPERATIONS}
EXPORT = c.Operation("export", "GET", "/v1/export", c.ExportQuery, c.Me, c.Role.VIEWER, "")


def sample(kind: Any) -> Any:
    """Some value of that type; of a model, with every field set."""
    arguments = get_args(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = kind.model_fields
        known: dict[str, Any] = {name: ID for name in fields if name == "finding_id"}
        return kind(**{n: sample(f.annotation) for n, f in fields.items()} | known)
    if isinstance(kind, EnumType) or get_origin(kind) is Literal:
        return (arguments or list(kind))[-1]
    if get_origin(kind) is tuple:
        return (sample(arguments[0]),) * 2
    if get_origin(kind) is dict:
        return {"é": sample(arguments[1])}
    if arguments:  # of a union
        return sample(arguments[0])
    plain = {str: NASTY, int: 7, float: 2.5, bool: True, datetime: AT, date: AT.date()}
    return plain.get(kind, {"any": [1, None, 2.5, "é"]})


class StandIn:
    """A service that says what it was asked, answers with samples, and fails on demand."""

    def __init__(self) -> None:
        self.asked: list[tuple[c.Operation, c.Me, c.Model]] = []
        self.fault: Exception | None = None
        self.tags: dict[str, str] = {}
        self.pieces: Callable[[], Iterator[bytes]] = lambda: iter([b"a,b\n", b"1,2\n"])
        self.closed = False

    def call(self, operation: c.Operation, me: c.Me, question: c.Model) -> c.Model:
        self.asked.append((operation, me, question))
        if self.fault:
            raise self.fault
        return sample(operation.gives)

    def tag(self, operation: c.Operation, me: c.Me, question: c.Model) -> str:
        return self.tags.get(operation.name, "")

    def export(self, me: c.Me, question: c.ExportQuery) -> Iterator[bytes]:
        self.asked.append((EXPORT, me, question))
        if self.fault:
            raise self.fault
        return self.pieces()

    def close(self) -> None:
        self.closed = True


class Doorkeeper:
    """Knows one person, by the token "ann"."""

    mode = "oidc"

    def __init__(self) -> None:
        self.addresses: list[str | None] = []

    def who(self, headers: Mapping[str, str], address: str | None) -> c.Me:
        self.addresses.append(address)
        if headers.get("authorization") != "Bearer ann":
            raise problems.unauthenticated("sign in again.")
        return ME

    def session(self, me: c.Me) -> c.Session:
        assert me == ME
        return SESSION


class Served:
    """The application on a port, and what reached it."""

    def __init__(self) -> None:
        self.service, self.doorkeeper = StandIn(), Doorkeeper()
        self.queries: list[str] = []
        self._app = create(self.service, self.doorkeeper)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(self._listening, interface="asgi3", log_config=None)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()

    async def _listening(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.queries.append(scope["query_string"].decode())
        await self._app(scope, receive, send)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


def problem(response: httpx.Response, status: int) -> c.Problem:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = c.Problem.model_validate_json(response.content)
    assert problem.status == status
    assert problem.title
    assert problem.detail
    return problem
