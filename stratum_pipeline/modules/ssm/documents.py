"""What a document's content amounts to: judged as it is read, and then dropped. Pure."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypedDict
from urllib.parse import urlsplit

from stratum_pipeline.kernel.secrets import kinds

Json = dict[str, Any]

SHELL = "Standard_Stream"
"""The session type that opens a shell; others forward ports or run one command."""

IDLE_MINUTES = 20
"""AWS's default, where a document names no idle timeout."""

SCRIPTS = ("runCommand", "commands")
"""Keys under which Command, Session and Automation documents have their scripts."""

PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_.]+)\s*\}\}")
ANYTHING = re.compile(r"\^?\(?\.[*+]\)?\$?")
"""An allowedPattern that allows everything."""

DOWNLOAD = re.compile(
    r"\b(curl|wget|invoke-webrequest|iwr|invoke-restmethod|irm|start-bitstransfer|downloadfile"
    r"|downloadstring|yum|dnf|rpm|pip3?)\b|\"(sourceInfo|url)\"",
    re.IGNORECASE,
)
PLAIN = re.compile(r"http://[^\s'\"\\<>|;)]+", re.IGNORECASE)
HERE = re.compile(r"localhost|127\..*|169\.254\..*|::1|fd00:.*")


class Session(TypedDict):
    """Session preferences, as SessionDocuments has them."""

    log_bucket: str
    bucket_encrypted: bool
    log_group: str
    group_encrypted: bool
    kms_key: str
    run_as: bool
    idle_minutes: int | None
    max_minutes: int | None


class Content(TypedDict):
    """What is kept of a document's content."""

    secrets: list[str]
    plain_http: list[str]
    unchecked: list[str]
    session: Session | None  # None unless it opens a shell


def judge(text: str) -> Content:
    """What is kept of `text`, the content of a document: JSON where the document is structured."""
    document: Any = None
    with suppress(ValueError):  # a calendar, a template: text
        document = json.loads(text)
    if not isinstance(document, dict):
        return Content(
            secrets=kinds(text), plain_http=_plain_http(text), unchecked=[], session=None
        )
    lines = "\n".join(_lines(document))
    return Content(
        secrets=kinds(lines),
        plain_http=_plain_http(lines),
        unchecked=_unchecked(document),
        session=session(document) if document.get("sessionType") == SHELL else None,
    )


def session(document: Json) -> Session:
    """The preferences in `document`; of `{}`, AWS's defaults."""
    inputs: Json = document.get("inputs") or {}
    parameters: Json = document.get("parameters") or {}

    def told(key: str) -> Any:
        value = inputs.get(key, "")
        named = PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
        return parameters.get(named[1], {}).get("default", "") if named else value

    def on(key: str, default: bool) -> bool:
        return str(told(key) if key in inputs else default).lower() == "true"

    def minutes(key: str, default: int) -> int | None:
        value = str(told(key)).strip()
        return int(value) if value.isdecimal() else None if value else default

    return Session(
        log_bucket=str(told("s3BucketName")),
        bucket_encrypted=on("s3EncryptionEnabled", True),
        log_group=str(told("cloudWatchLogGroupName")),
        group_encrypted=on("cloudWatchEncryptionEnabled", True),
        kms_key=str(told("kmsKeyId")),
        run_as=on("runAsEnabled", False),
        idle_minutes=minutes("idleSessionTimeout", IDLE_MINUTES),
        max_minutes=minutes("maxSessionDuration", 0),
    )


def _lines(value: Any, key: str = "") -> Iterator[str]:
    """Each text in a document as a line `"key": "text"`, scripts line by line.

    A parameter's default goes by the parameter's name: that is what tells a secret.
    """
    if isinstance(value, dict):
        parts: Json = value
        for name, part in parts.items():
            yield from _lines(part, key if name in ("default", "Default") else name)
    elif isinstance(value, list):
        items: list[Any] = value
        for item in items:
            yield from _lines(item, "" if key in SCRIPTS else key)
    elif isinstance(value, str):
        if key == "description":
            yield re.sub(r"[:=]", " ", value)  # prose: "password: yours", which sets nothing
        elif key and "\n" not in value:
            yield f'"{key}": {json.dumps(value, ensure_ascii=False)}'
        else:
            yield from value.splitlines()


def _plain_http(text: str) -> list[str]:
    found: set[str] = set()
    for line in text.splitlines():
        if DOWNLOAD.search(line):
            found.update(map(_host, PLAIN.findall(line)))
    return sorted(host for host in found if not HERE.fullmatch(host))


def _host(url: str) -> str:
    """The host of `url`, without the user name and password that may stand before it."""
    try:
        return urlsplit(url).hostname or "?"
    except ValueError:
        return "?"


def _unchecked(document: Json) -> list[str]:
    """Parameters that a script is put together from, though a caller may put anything there.

    A command that is one parameter and nothing else is meant to be whatever the caller says.
    """
    parameters: Json = document.get("parameters") or {}
    pasted = {
        name
        for script in _scripts(document)
        if not PLACEHOLDER.fullmatch(script.strip())
        for name in PLACEHOLDER.findall(script)
    }
    return sorted(n for n in pasted if n in parameters and not _checked(parameters[n]))


def _scripts(value: Any, inside: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        parts: Json = value
        for name, part in parts.items():
            yield from _scripts(part, inside or name in SCRIPTS)
    elif isinstance(value, list):
        items: list[Any] = value
        for item in items:
            yield from _scripts(item, inside)
    elif isinstance(value, str) and inside:
        yield value


def _checked(parameter: Json) -> bool:
    """Whether SSM or the agent keeps a parameter's value from being read as part of a script."""
    pattern = str(parameter.get("allowedPattern", ""))
    return (
        parameter.get("type", "String") not in ("String", "StringList")
        or bool(parameter.get("allowedValues"))
        or parameter.get("interpolationType") == "ENV_VAR"
        or bool(pattern and not ANYTHING.fullmatch(pattern))
    )
