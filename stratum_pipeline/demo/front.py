"""The front door of the emulated AWS: who is calling, and what is refused.

moto decides neither. The front reads the account from the caller's key, answers STS
itself, plants the faults of faults.csv, and hands everything else to moto.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.responses import ACTION_MAP

from .accounts import Account
from .sessions import account_of, session_arn, session_keys, session_of

Answer = tuple[str, str, bytes]  # status line, content type, body
StartResponse = Callable[..., Any]

AUTHORIZATION = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")


@dataclass(frozen=True)
class Call:
    """One request, as far as its address and headers tell."""

    account_id: str
    session: str  # ARN of the assumed role's session
    region: str
    service: str  # as faults.csv and IAM name it
    operation: str
    resource: str  # the bucket's ARN, for S3
    parameters: Mapping[str, str]  # of the query protocol


class Front:
    """A WSGI application around moto."""

    def __init__(self, accounts: Iterable[Account], faults: Iterable[Mapping[str, str]]) -> None:
        self.active = {account.id for account in accounts if not account.suspended}
        self.faults = list(faults)
        self.moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        call = read(environ)
        answer = self.refuse(call) or (self.sts(call) if call.service == "sts" else None)
        if answer is None:
            environ["HTTP_X_MOTO_ACCOUNT_ID"] = call.account_id
            return self.moto(environ, start_response)
        status, content_type, body = answer
        start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]

    def refuse(self, call: Call) -> Answer | None:
        """The planted fault that this call meets; nobody is let in without one of our keys."""
        if call.account_id not in self.active:
            return error(call.service, "InvalidClientTokenId", "The security token is invalid.")
        for fault in self.faults:
            if (
                fault["account_id"] == call.account_id
                and fnmatchcase(f"{call.service}:{call.operation}", fault["operation"])
                and fault["region"] in ("", call.region)
                and fault["resource_arn"] in ("", call.resource)
            ):
                return error(call.service, fault["code"], *SAID[fault["outcome"]])
        return None

    def sts(self, call: Call) -> Answer | None:
        """AssumeRole and GetCallerIdentity; None if the call is another."""
        if call.operation == "GetCallerIdentity":
            return query_answer(
                call,
                f"<Arn>{call.session}</Arn><UserId>AROADEMO:{call.session.rpartition('/')[2]}"
                f"</UserId><Account>{call.account_id}</Account>",
            )
        if call.operation == "AssumeRole":
            return self.assume_role(call)
        return None

    def assume_role(self, call: Call) -> Answer:
        """As AWS: no difference between a role that isn't there and one that doesn't trust you."""
        asked = call.parameters
        arn = asked["RoleArn"]
        account_id, name = arn.split(":")[4], arn.partition(":role/")[2]
        if account_id not in self.active or not _admits(account_id, name, call, asked):
            message = f"User: {call.session} is not authorized to perform: sts:AssumeRole on {arn}"
            return error("sts", "AccessDenied", message)
        session = session_arn(account_id, name, asked["RoleSessionName"])
        until = datetime.now(UTC) + timedelta(seconds=int(asked.get("DurationSeconds", "3600")))
        keys = session_keys(account_id, session) | {"Expiration": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
        return query_answer(
            call,
            f"<Credentials>{''.join(f'<{k}>{v}</{k}>' for k, v in keys.items())}</Credentials>"
            f"<AssumedRoleUser><Arn>{session}</Arn><AssumedRoleId>AROADEMO:"
            f"{asked['RoleSessionName']}</AssumedRoleId></AssumedRoleUser>",
        )


def _admits(account_id: str, name: str, call: Call, asked: Mapping[str, str]) -> bool:
    """Whether the role's trust names the caller's account or role, and the ExternalId is right."""
    iam: Any = iam_backends[account_id]["aws"]
    role = next((r for r in iam.roles.values() if f"{r.path}{r.name}" == f"/{name}"), None)
    if role is None:
        return False
    caller_role = call.session.split("/")[1]
    callers = {
        f"arn:aws:iam::{call.account_id}:root",
        f"arn:aws:iam::{call.account_id}:role/{caller_role}",
        "*",
    }
    for statement in json.loads(role.assume_role_policy_document)["Statement"]:
        demanded = statement.get("Condition", {}).get("StringEquals", {}).get("sts:ExternalId")
        trusted = statement["Principal"].get("AWS") in callers
        if trusted and demanded in (None, asked.get("ExternalId")):
            return True
    return False


def read(environ: dict[str, Any]) -> Call:
    """The request's call; of no account if it isn't signed with one of our keys."""
    signed = AUTHORIZATION.search(environ.get("HTTP_AUTHORIZATION", ""))
    key, region, service = signed.groups() if signed else ("", "", "")
    resource, parameters = "", dict[str, str]()
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        operation = target.rpartition(".")[2]
    elif service == "s3":
        service, operation, resource = _s3(environ)
    else:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)  # for moto to read again
        fields = parse_qs(body.decode(errors="replace"))
        parameters = {name: values[0] for name, values in fields.items()}
        operation = parameters.get("Action", "")
    session = session_of(environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""))
    return Call(account_of(key), session, region, service, operation, resource, parameters)


def _s3(environ: dict[str, Any]) -> tuple[str, str, str]:
    """Service, operation and bucket ARN of a call to S3, which has them in the address."""
    path, query = environ["PATH_INFO"], parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    if path.startswith("/v20180820/"):
        return "s3control", "GetPublicAccessBlock" if path.endswith("AccessBlock") else "", ""
    bucket, _, key = path.removeprefix("/").partition("/")
    if not bucket:
        return "s3", "ListBuckets", ""
    arn = f"arn:aws:s3:::{bucket}"
    if key:
        return "s3", "", arn
    names = ACTION_MAP["BUCKET"].get(environ["REQUEST_METHOD"], {})
    return "s3", next((name for part, name in names.items() if part in query), ""), arn


def query_answer(call: Call, result: str) -> Answer:
    """A result in the query protocol."""
    name = call.operation
    body = (
        f'<{name}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<{name}Result>{result}</{name}Result>{REQUEST}</{name}Response>"
    )
    return "200 OK", "text/xml", body.encode()


REQUEST_ID = "00000000-0000-4000-8000-000000000000"
REQUEST = f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>"
SAID = {
    "denied": ("Access Denied", "403 Forbidden"),
    "throttled": ("Request limit exceeded.", "503 Service Unavailable"),
}
JSON_SERVICES = ("organizations", "logs", "dynamodb", "ssm", "config", "kms")


WRAPPERS = {
    "s3": f"<Error>{{}}<RequestId>{REQUEST_ID}</RequestId></Error>",
    "ec2": "<Response><Errors><Error>{}</Error></Errors>"
    f"<RequestID>{REQUEST_ID}</RequestID></Response>",
    "": "<ErrorResponse><Error><Type>Sender</Type>{}</Error>"
    f"<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>",
}


def error(service: str, code: str, message: str, status: str = "403 Forbidden") -> Answer:
    """An error in the words of `service`: each of AWS's protocols has its own."""
    said = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if service in JSON_SERVICES:
        body = json.dumps({"__type": code, "message": message})
        return "400 Bad Request", "application/x-amz-json-1.1", body.encode()
    wrap = WRAPPERS.get(service, WRAPPERS[""])
    return status, "text/xml", wrap.format(said).encode()
