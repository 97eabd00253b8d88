"""Contract v1 over HTTP: `uvicorn --factory stratum_pipeline.triage.server:create`.

Run as a program it prints the OpenAPI document.
"""

import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

from fastapi import Body, Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from stratum_pipeline.settings import Settings

from . import contract as c
from . import problems
from .identity import Identity
from .web import PROBLEM, Download, Guard, add_docs, refuse_with_problems

JSON = "application/json"
FILES = {
    "csv": "text/csv",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
ABOUT = """Findings, how complete the picture is, and what people say of them.

Times are UTC, ISO 8601. Ids of findings are 64 hexadecimal digits. A list in a filter means
"any of"; an empty one does not filter. What is refused is explained as RFC 9457 says."""
REFUSALS = {
    400: "the body is no JSON",
    401: "who asks could not be verified",
    403: "their role does not allow it",
    404: "there is no such thing",
    409: "something changed in between",
    410: "the cursor is of a queue since rebuilt",
    413: "the body is too large",
    414: "the address is too long",
    415: "the body is not application/json",
    422: "the request is not valid; a parameter that is not known is refused too",
    500: "a fault of the server; its log has the reference",
    503: "nothing was scanned yet, or storage fails",
}
ALWAYS = (401, 403, 414, 422, 500, 503)
ALSO = {"finding": (404,), "record": (404, 409), "save_view": (409,), "delete_view": (404, 409)}


class Answers(Protocol):
    """What answers: service.Service."""

    def call(self, operation: c.Operation, me: c.Me, question: c.Model) -> c.Model: ...

    def tag(self, operation: c.Operation, me: c.Me, question: c.Model) -> str: ...

    def export(self, me: c.Me, question: c.ExportQuery) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class Health(c.Model):
    version: str


def create(
    service: Answers | None = None,
    identity: Identity | None = None,
    settings: Settings | None = None,
) -> FastAPI:
    """The application; what is not given is made from the settings. It closes the service.

    ValueError: the settings do not fit.
    """
    settings = settings or Settings()
    verifier = identity or Identity.of(settings)
    answers = service or _service(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        yield
        answers.close()

    def who(request: Request) -> c.Me:
        # Without an address (a Unix socket) it could be anybody: "" is not this machine's.
        return verifier.who(request.headers, request.client.host if request.client else "")

    zipped = Middleware(
        GZipMiddleware,
        minimum_size=2000,
        compresslevel=5,
        exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, FILES["parquet"]),
    )
    app = FastAPI(
        title="Stratum",
        version=c.VERSION,
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        lifespan=lifespan,
        middleware=[Middleware(Guard), zipped],
        openapi_tags=[
            {"name": c.Role.VIEWER, "description": "Reading"},
            {"name": c.Role.TRIAGER, "description": "Saying something of findings; saved views"},
        ],
    )
    refuse_with_problems(app)
    for operation in c.OPERATIONS:
        _add(app, operation, answers, who)

    @app.post(
        "/v1/session",
        operation_id="session",
        summary="A session for who just signed in",
        tags=[c.Role.VIEWER],
        response_model=c.Session,
        responses=_refusals(400, 413, 415),
        dependencies=BODY,
    )
    def session(question: c.Nothing, me: Annotated[c.Me, Depends(who)]) -> Response:
        return _json(verifier.session(me))

    @app.get(
        "/v1/export",
        operation_id="export",
        summary="Findings as a file, by priority",
        tags=[c.Role.VIEWER],
        response_class=StreamingResponse,
        responses=_refusals(410) | {200: {"description": "The file", "content": _FILES}},
        dependencies=TOKEN,
    )
    def export(
        question: Annotated[c.ExportQuery, Query()], me: Annotated[c.Me, Depends(who)]
    ) -> Response:
        name = f"stratum-findings-{datetime.now(UTC):%Y-%m-%d}.{question.format}"
        return Download(answers.export(me, question), name, FILES[question.format])

    @app.get(
        "/health", operation_id="health", summary="Whether the server answers", tags=["health"]
    )
    async def health() -> Health:  # not in a thread: it answers while all of them are busy
        return Health(version=c.VERSION)

    add_docs(app)
    # What the refusals refer to; no route gives it as its answer.
    app.openapi()["components"]["schemas"]["Problem"] = c.Problem.model_json_schema()
    return app


def openapi() -> dict[str, Any]:
    """The API's description, as /openapi.json gives it; neither data nor settings are read."""
    return create(_Nobody(), settings=Settings.model_construct()).openapi()


def _service(settings: Settings) -> Answers:
    from .service import Service  # the description needs no store

    return Service.of(settings)


def _add(
    app: FastAPI, operation: c.Operation, service: Answers, who: Callable[[Request], c.Me]
) -> None:
    posts = operation.method == "POST"
    asked = ASKED.get(operation.name) or (Body() if posts else Query())

    def write(question: Any, me: Any) -> Response:
        return _json(service.call(operation, me, question))

    def read(question: Any, me: Any, if_none_match: _Known = "") -> Response:
        if not (tag := service.tag(operation, me, question)):
            return _json(service.call(operation, me, question))
        # Weak: zipped and not, it is the same.
        headers = {"ETag": f'W/"{tag}"', "Cache-Control": "private, no-cache"}
        if _known(if_none_match, tag):
            return Response(status_code=304, headers=headers)
        return _json(service.call(operation, me, question), headers)

    answer = read if operation.method == "GET" else write
    answer.__annotations__ |= {
        "question": Annotated[operation.asks, asked],
        "me": Annotated[c.Me, Depends(who)],
    }
    also = (400, 413, 415) if posts else (410,) if "cursor" in operation.asks.model_fields else ()
    unchanged = {304: {"description": "as in the answer with that ETag"}}
    app.add_api_route(
        operation.path,
        answer,
        methods=[operation.method],
        operation_id=operation.name,
        summary=operation.doc,
        tags=[operation.role],
        response_model=operation.gives,
        responses=_refusals(*also, *ALSO.get(operation.name, ()))
        | (unchanged if operation.method == "GET" else {}),
        dependencies=BODY if posts else TOKEN,
    )


def _finding(
    finding_id: Annotated[
        str,
        Path(
            min_length=1,
            max_length=64,
            description=c.FindingQuery.model_fields["finding_id"].description,
        ),
    ],
    nothing: Annotated[c.Nothing, Query()],
) -> c.FindingQuery:
    return c.FindingQuery(finding_id=finding_id)


def _record(
    event: c.Record,
    idempotency_key: Annotated[
        str, Header(max_length=100, description="sent again with the same key, it is recorded once")
    ] = "",
) -> c.Record:
    if not idempotency_key:
        return event
    if event.idempotency_key not in ("", idempotency_key):
        raise problems.invalid("the header Idempotency-Key and idempotency_key differ: send one.")
    return event.model_copy(update={"idempotency_key": idempotency_key})


def _json_only(request: Request) -> None:
    # A page of another site may send forms and text unasked, but JSON only if we allowed it.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise HTTPException(415, f"the body must be {JSON}, and Content-Type say so.")


ASKED: dict[str, Any] = {"finding": Depends(_finding), "record": Depends(_record)}
"""Questions that are more than the query or the body."""
TOKEN = [Depends(HTTPBearer(auto_error=False, description="Not needed in mode local."))]
BODY = [*TOKEN, Depends(_json_only)]
_FILES = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in FILES.values()}


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": REFUSALS[status], "content": content}
        for status in sorted({*ALWAYS, *statuses})
    }


_Known = Annotated[
    str, Header(max_length=1000, description="ETag of an answer at hand: 304 if it still holds")
]


def _known(sent: str, tag: str) -> bool:
    known = {one.strip().removeprefix("W/") for one in sent.split(",")}
    return not known.isdisjoint({f'"{tag}"', "*"})


def _json(answer: c.Model, headers: Mapping[str, str] | None = None) -> Response:
    # Made here, in a thread and once: FastAPI would validate it again and hold up the loop.
    return Response(answer.model_dump_json(), headers=headers, media_type=JSON)


class _Nobody:
    """Answers nothing: a description needs no data."""

    def call(self, operation: c.Operation, me: c.Me, question: c.Model) -> c.Model:
        raise NotImplementedError

    def tag(self, operation: c.Operation, me: c.Me, question: c.Model) -> str:
        raise NotImplementedError

    def export(self, me: c.Me, question: c.ExportQuery) -> Iterator[bytes]:
        raise NotImplementedError

    def close(self) -> None: ...


if __name__ == "__main__":
    print(json.dumps(openapi(), indent=2))  # noqa: T201
