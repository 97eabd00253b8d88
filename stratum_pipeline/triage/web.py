"""How any answer leaves the server: its headers, refusals as problems, files, the docs page."""

import base64
import hashlib
import logging
import re
import uuid
from collections.abc import Generator, Iterator, Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stratum_pipeline.store.errors import StoreError

from . import problems
from .contract import Problem
from .problems import ApiError

PROBLEM = "application/problem+json"
MOST_BYTES = 2_000_000  # of a body; ten thousand ids, the most Record takes, are 0.7 MB
MOST_ADDRESS = 60_000  # of the query in it; uvicorn takes 64 KiB of address and headers
RETRY_SECONDS = 5
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

log = logging.getLogger(__name__)


class Guard:
    """Around everything: HEADERS on every answer, limits of address and body, no fault untold."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        taken, begun = 0, False
        said = dict(scope["headers"]).get(b"content-length", b"")
        too_much = said.isdigit() and int(said[:20]) > MOST_BYTES

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if too_much or taken > MOST_BYTES:
                raise HTTPException(413, f"a body is at most {MOST_BYTES:,} bytes.")
            return message

        async def secured(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if len(scope["query_string"]) > MOST_ADDRESS:
            detail = f"an address is at most {MOST_ADDRESS:,} bytes: ask for less at a time."
            await _sent(_plain(414, detail))(scope, receive, secured)
            return
        try:
            await self._app(scope, limited, secured)
        except Exception:
            reference = uuid.uuid4().hex[:8]
            # %r: a path with line breaks must not write lines of its own.
            log.exception("%s %r failed, reference %s", scope["method"], scope["path"], reference)
            if begun:
                raise  # the connection breaks: nobody must take half an answer for the whole
            detail = f"a fault of the server; its log has the whole of it under {reference}."
            await _sent(_plain(500, detail))(scope, receive, secured)


def refuse_with_problems(app: FastAPI) -> None:
    """Make every refusal, the framework's own included, an RFC 9457 problem."""
    for kind in (ApiError, HTTPException, RequestValidationError, StoreError):
        app.add_exception_handler(kind, _refused)


async def _refused(request: Request, error: Exception) -> Response:
    return _sent(_explained(request, error), getattr(error, "headers", None))


def _explained(request: Request, error: Exception) -> Problem:
    match error:
        case ApiError():
            return error.problem
        case RequestValidationError():
            # Names and what is wrong with them; not the values, which may be anything.
            wrong = [_wrong(one["loc"], one["msg"]) for one in error.errors()]
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            return problems.invalid(wrong[0] + more, *wrong).problem
        case HTTPException(status_code=404 | 405):
            asked = f"{request.method} {request.url.path}"
            return _plain(error.status_code, f"the API has no {asked}: /docs lists what it has.")
        case HTTPException():
            return _plain(error.status_code, error.detail)
        case _:
            return problems.storage(str(error)).problem


def _wrong(where: tuple[str | int, ...], message: str) -> str:
    """`where`: "query" or "body", then names and places in lists."""
    return f"{'.'.join(map(str, where[1:])) or where[0]}: {message}"


def _plain(status: int, detail: str) -> Problem:
    title = HTTPStatus(status).phrase
    return Problem(type="about:blank", title=title, status=status, detail=detail)


def _sent(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    headers = dict(headers or {})
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if problem.status == 503:
        headers["Retry-After"] = str(RETRY_SECONDS)
    return Response(problem.model_dump_json(), problem.status, headers, PROBLEM)


class Download(StreamingResponse):
    """A file in pieces; whoever goes away before its end ends what makes them.

    The first piece is made here, in the caller's thread: what refuses by raising still can.
    """

    def __init__(self, pieces: Iterator[bytes], name: str, media_type: str) -> None:
        self._pieces = _begun(pieces)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        super().__init__(self._pieces, headers=headers, media_type=media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pieces.close()


def _begun(pieces: Iterator[bytes]) -> Generator[bytes]:
    first = next(pieces, b"")

    def all_of_them() -> Generator[bytes]:
        yield first
        yield from pieces

    return all_of_them()


def add_docs(app: FastAPI) -> None:
    """/docs, from files of our own: it asks no other host for anything."""
    # Addresses are relative: a proxy may serve all this under a prefix. The null keeps Swagger
    # UI from sending the document to its makers to validate.
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=f"{app.title} API",
        swagger_js_url="docs/static/swagger-ui-bundle.js",
        swagger_css_url="docs/static/swagger-ui.css",
        swagger_favicon_url="docs/static/favicon.png",
        swagger_ui_parameters={"validatorUrl": None},
    )
    html = bytes(page.body).decode()
    (script,) = re.findall("<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; connect-src 'self'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    app.mount("/docs/static", StaticFiles(packages=[("fastapi_offline", "static")]))
