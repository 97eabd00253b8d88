"""The one client of contract v1: in this process, or over HTTP.

    with Client.connect() as stratum:
        page = stratum.findings(FindingsQuery(status=("open",)))

The app imports this and the contract, and nothing else of the package.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from . import contract as c
from .problems import ApiError

__all__ = ["ApiError", "Client", "Unreachable"]

API_URL = "STRATUM_API_URL"
SECONDS = 30.0
Answer = TypeVar("Answer", bound=c.Model)


class Unreachable(Exception):
    """No API answers; the message says where it was looked for and what to do."""


class Transport(Protocol):
    """How a question gets its answer."""

    def call(
        self, operation: c.Operation, question: c.Model, headers: Mapping[str, str]
    ) -> c.Model: ...

    def session(self, headers: Mapping[str, str]) -> c.Session: ...

    def export(self, question: c.ExportQuery, headers: Mapping[str, str]) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class Client:
    """One method per operation; ApiError if refused, Unreachable if nobody answers.

    headers: who asks, as the identity mode wants it: {} locally, else {"Authorization":
    "Bearer ..."} with the token of `session`.
    """

    def __init__(self, transport: Transport, headers: Mapping[str, str] | None = None) -> None:
        self._transport = transport
        self._headers = dict(headers or {})

    @classmethod
    def connect(cls) -> "Client":
        """To STRATUM_API_URL, or to the data and vault of this machine's settings."""
        if url := os.environ.get(API_URL):
            return cls(Http(url))
        from .service import embedded  # a client over HTTP needs no store

        return cls(embedded())

    def acting_as(self, headers: Mapping[str, str]) -> "Client":
        """This client for somebody else; both share the connection."""
        return Client(self._transport, headers)

    def session(self) -> c.Session:
        """A session for whoever the headers speak of: what vouches for them soon expires."""
        return self._transport.session(self._headers)

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, name: str, question: c.Model, gives: type[Answer]) -> Answer:
        answer = self._transport.call(_BY_NAME[name], question, self._headers)
        assert isinstance(answer, gives)
        return answer

    def me(self) -> c.Me:
        return self._ask("me", c.Nothing(), c.Me)

    def seen(self, question: c.ScopeQuery) -> c.Seen:
        return self._ask("seen", question, c.Seen)

    def findings(self, question: c.FindingsQuery) -> c.Findings:
        return self._ask("findings", question, c.Findings)

    def facets(self, question: c.Filter) -> c.Facets:
        return self._ask("facets", question, c.Facets)

    def groups(self, question: c.GroupsQuery) -> c.Groups:
        return self._ask("groups", question, c.Groups)

    def finding(self, finding_id: str) -> c.Finding:
        return self._ask("finding", c.FindingQuery(finding_id=finding_id), c.Finding)

    def coverage(self, question: c.CoverageQuery) -> c.Coverage:
        return self._ask("coverage", question, c.Coverage)

    def gaps(self, question: c.GapsQuery) -> c.Gaps:
        return self._ask("gaps", question, c.Gaps)

    def accounts(self, question: c.AccountsQuery) -> c.Accounts:
        return self._ask("accounts", question, c.Accounts)

    def rules(self, question: c.ScopeQuery) -> c.Rules:
        return self._ask("rules", question, c.Rules)

    def overview(self, question: c.ScopeQuery) -> c.Overview:
        return self._ask("overview", question, c.Overview)

    def activity(self, question: c.ActivityQuery) -> c.Activities:
        return self._ask("activity", question, c.Activities)

    def drift(self, question: c.DriftQuery) -> c.Drift:
        return self._ask("drift", question, c.Drift)

    def people(self) -> c.People:
        return self._ask("people", c.Nothing(), c.People)

    def views(self) -> c.Views:
        return self._ask("views", c.Nothing(), c.Views)

    def record(self, event: c.Record) -> c.Recorded:
        return self._ask("record", event, c.Recorded)

    def save_view(self, view: c.View) -> c.Views:
        return self._ask("save_view", view, c.Views)

    def delete_view(self, view: c.ViewKey) -> c.Views:
        return self._ask("delete_view", view, c.Views)

    def export(self, question: c.ExportQuery) -> Iterator[bytes]:
        """The file in pieces, as it is made; a piece is at most a few megabytes."""
        return self._transport.export(question, self._headers)


_BY_NAME = {operation.name: operation for operation in c.OPERATIONS}


class Http:
    """Transport to a server somewhere else."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # The API is named by an address of our own: no proxy of the environment's between.
        self._http = httpx.Client(base_url=self._url, timeout=SECONDS, trust_env=False)

    def call(
        self, operation: c.Operation, question: c.Model, headers: Mapping[str, str]
    ) -> c.Model:
        asked, path = question.model_dump(mode="json", exclude_defaults=True), operation.path
        if "{" in path:
            path, asked = path.format(**{k: _step(str(v)) for k, v in asked.items()}), {}
        where = "json" if operation.method == "POST" else "params"
        response = self._send(operation.method, path, headers, **{where: asked})
        return _answer(response, operation.gives)

    def session(self, headers: Mapping[str, str]) -> c.Session:
        return _answer(self._send("POST", "/v1/session", headers, json={}), c.Session)

    def export(self, question: c.ExportQuery, headers: Mapping[str, str]) -> Iterator[bytes]:
        asked = question.model_dump(mode="json", exclude_defaults=True)
        try:
            with self._http.stream(
                "GET", "/v1/export", params=asked, headers=dict(headers)
            ) as response:
                if not response.is_success:
                    response.read()
                    raise ApiError(_problem(response))
                yield from response.iter_bytes()
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def close(self) -> None:
        self._http.close()

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], **content: Any
    ) -> httpx.Response:
        try:
            response = self._http.request(method, path, headers=dict(headers), **content)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if not response.is_success:
            raise ApiError(_problem(response))
        return response

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        return Unreachable(
            f"no answer from the API at {self._url} ({type(error).__name__}). Start it with "
            f"`stratum up`, or set {API_URL} to where it is."
        )


def _step(text: str) -> str:
    """`text` as one step of a path, which "." and "/" would lead out of."""
    return quote(text, safe="").replace(".", "%2E")


def _answer(response: httpx.Response, gives: type[Answer]) -> Answer:
    try:
        return gives.model_validate_json(response.content)
    except ValidationError as error:
        raise ApiError(_stranger(response)) from error


def _problem(response: httpx.Response) -> c.Problem:
    try:
        return c.Problem.model_validate_json(response.content)
    except ValidationError:
        return _stranger(response)


def _stranger(response: httpx.Response) -> c.Problem:
    return c.Problem(
        type="about:blank",
        title="That was not Stratum's API",
        status=response.status_code,
        detail=f"{response.url.host} answered {response.status_code} {response.reason_phrase} with "
        f"what contract {c.VERSION} does not know: is it Stratum's API, and of this version?",
    )
