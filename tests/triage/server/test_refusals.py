"""What is refused: always a problem, that says what and why and nothing else."""

import json
import logging
import re
from collections.abc import Iterator

import httpx
import pytest

from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import problems, web
from stratum_pipeline.triage.client import ApiError, Client

from .served import ID, OPERATIONS, Served, problem

REFUSALS = [
    problems.invalid("that is wrong.", "a: wrong", "b: wrong"),
    problems.unauthenticated("sign in again."),
    problems.role_needed(c.Role.TRIAGER, c.Role.VIEWER),
    problems.not_found("there is no finding 0123."),
    problems.conflict("it matches 3 findings now."),
    problems.cursor_expired(),
    problems.no_queue(),
    problems.storage("the bucket is gone."),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one.problem.type)
def test_a_refusal_is_the_same_over_http(
    served: Served, client: Client, raw: httpx.Client, refusal: ApiError
):
    served.service.fault = refusal
    with pytest.raises(ApiError) as refused:
        client.record(c.Record(kind="acknowledged", finding_ids=(ID,)))
    assert refused.value.problem == refusal.problem
    response = raw.get("/v1/findings")
    assert problem(response, refusal.problem.status) == refusal.problem
    assert ("www-authenticate" in response.headers) == (response.status_code == 401)
    assert ("retry-after" in response.headers) == (response.status_code == 503)


def test_storage_that_fails_is_a_problem(served: Served, raw: httpx.Client):
    served.service.fault = StoreError("cannot read /vault: the disk is gone")
    response = raw.get("/v1/findings")
    assert (
        problem(response, 503) == problems.storage("cannot read /vault: the disk is gone").problem
    )
    assert int(response.headers["retry-after"]) > 0


def test_who_is_not_known_is_asked_to_sign_in(served: Served, raw: httpx.Client):
    for name, operation in OPERATIONS.items():
        path = operation.path.format(finding_id=ID)
        response = raw.request(operation.method, path, headers={"Authorization": ""}, json={})
        told = problem(response, 401)
        assert told == problems.unauthenticated("sign in again.").problem, name
        assert response.headers["www-authenticate"] == "Bearer"
    for path in ("/v1/export", "/v1/session"):
        method = "POST" if path == "/v1/session" else "GET"
        problem(raw.request(method, path, headers={"Authorization": ""}, json={}), 401)
    assert served.service.asked == []


@pytest.mark.parametrize(
    "method, path, body, wrong",
    [
        ("GET", "/v1/findings?severty=high", None, "severty"),
        ("GET", "/v1/me?x=1", None, "x"),
        ("GET", f"/v1/findings/{ID}?x=1", None, "x"),
        ("GET", f"/v1/findings/{ID}0", None, "finding_id"),
        ("GET", "/v1/findings?severity=high&severity=worst", None, "severity.1"),
        ("GET", "/v1/findings?limit=0", None, "limit"),
        ("GET", "/v1/findings?limit=ten", None, "limit"),
        ("GET", "/v1/findings?limit=1&limit=2&cursor=a&cursor=b&limit=zz", None, "limit"),
        ("GET", "/v1/findings?unverified=perhaps", None, "unverified"),
        ("GET", "/v1/seen?scope=everything", None, "scope"),
        ("GET", "/v1/activity?since=yesterday", None, "since"),
        ("GET", "/v1/export?format=xlsx", None, "format"),
        ("DELETE", "/v1/views", None, "name"),
        ("DELETE", "/v1/views?name=a&owner=b", None, "owner"),
        ("POST", "/v1/events", b"{}", "kind"),
        ("POST", "/v1/events", b'{"kind": "noted", "role": "operator"}', "role"),
        ("POST", "/v1/events", b'{"kind": "noted", "finding_ids": ["0123"]}', "finding_ids.0"),
        ("POST", "/v1/events", b'{"kind": "noted", "filter": {"x": 1}}', "filter.x"),
        ("POST", "/v1/events", b'{"kind": "noted", "note": 5}', "note"),
        ("POST", "/v1/events", b"{", "1"),
        ("POST", "/v1/events", b"[]", "body"),
        ("POST", "/v1/events", b"", "body"),
        ("POST", "/v1/session", b'{"role": "operator"}', "role"),
        ("POST", "/v1/views", b'{"name": "", "query": {}}', "name"),
    ],
)
def test_what_is_not_of_the_contract_is_refused(
    served: Served, raw: httpx.Client, method: str, path: str, body: bytes | None, wrong: str
):
    headers = {} if body is None else {"Content-Type": "application/json"}
    told = problem(raw.request(method, path, content=body, headers=headers), 422)
    assert told.type == problems.invalid("").problem.type
    assert wrong in [error.partition(":")[0] for error in told.errors]
    assert told.detail.startswith(told.errors[0])
    assert served.service.asked == []


def test_what_was_sent_is_not_repeated(raw: httpx.Client):
    response = raw.get("/v1/findings", params={"limit": "s3cret", "severity": "s3cret"})
    assert "s3cret" not in response.text
    assert "(and 1 more)" in problem(response, 422).detail


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"expected": ' + b"9" * 5000 + b"}", b"\xff"])
def test_a_body_no_parser_likes_is_refused(raw: httpx.Client, body: bytes):
    problem(raw.post("/v1/events", content=body, headers={"Content-Type": "application/json"}), 400)


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/", 404),
        ("GET", "/v2/findings", 404),
        ("GET", "/v1/findings/", 404),
        ("GET", "/v1/findings/a/b", 404),
        ("GET", "/v1/findings/a%2Fb", 404),
        ("GET", "/docs/static/%2e%2e/core.py", 404),
        ("PUT", "/v1/findings", 405),
        ("POST", "/v1/findings", 405),
        ("OPTIONS", "/v1/events", 405),
    ],
)
def test_what_is_not_there(raw: httpx.Client, method: str, path: str, status: int):
    told = problem(raw.request(method, path), status)
    assert method in told.detail


@pytest.mark.parametrize("finding_id", ["a/b", "/", "../me"])
def test_an_id_leads_nowhere_else(client: Client, finding_id: str):
    with pytest.raises(ApiError) as refused:
        client.finding(finding_id)
    assert refused.value.problem.status == 404


@pytest.mark.parametrize(
    "fault", [ZeroDivisionError("s3cret"), OSError("s3cret"), AssertionError("s3cret")]
)
def test_a_fault_tells_its_log_all_and_the_asker_where(
    served: Served, raw: httpx.Client, caplog: pytest.LogCaptureFixture, fault: Exception
):
    served.service.fault = fault
    response = raw.get("/v1/findings")
    told = problem(response, 500)
    assert "s3cret" not in response.text
    assert type(fault).__name__ not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"
    (reference,) = re.findall(r"[0-9a-f]{8}", told.detail)
    (record,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert reference in record.getMessage()
    assert record.exc_info
    assert record.exc_info[1] is fault


# --- writing ------------------------------------------------------------------------------


def test_the_idempotency_header_is_the_events_key(served: Served, raw: httpx.Client):
    event = {"kind": "acknowledged", "finding_ids": [ID]}
    for body, header in ((event, "k1"), (event | {"idempotency_key": "k1"}, "k1")):
        raw.post("/v1/events", json=body, headers={"Idempotency-Key": header}).raise_for_status()
    keys = [question.idempotency_key for _, _, question in served.service.asked]
    assert keys == ["k1", "k1"]


def test_two_different_keys_are_refused(served: Served, raw: httpx.Client):
    event = {"kind": "acknowledged", "finding_ids": [ID], "idempotency_key": "k1"}
    problem(raw.post("/v1/events", json=event, headers={"Idempotency-Key": "k2"}), 422)
    problem(raw.post("/v1/events", json=event, headers={"Idempotency-Key": "k" * 101}), 422)
    assert served.service.asked == []


@pytest.mark.parametrize("path", ["/v1/events", "/v1/views", "/v1/session"])
@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_page_of_another_site_cannot_write(
    served: Served, raw: httpx.Client, path: str, content_type: str
):
    body = json.dumps({"kind": "acknowledged", "finding_ids": [ID]})
    headers = {"Content-Type": content_type, "Origin": "https://other.example"}
    problem(raw.post(path, content=body, headers=headers), 415)
    assert served.service.asked == []


def test_json_may_say_its_charset(raw: httpx.Client):
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert raw.post("/v1/session", content=b"{}", headers=headers).status_code == 200


def test_a_body_has_a_limit(served: Served, raw: httpx.Client):
    def without_length() -> Iterator[bytes]:
        for _ in range(web.MOST_BYTES // 100_000 + 1):
            yield b" " * 100_000

    headers = {"Content-Type": "application/json"}
    for content in (b" " * (web.MOST_BYTES + 1), without_length()):
        problem(raw.post("/v1/events", content=content, headers=headers), 413)
    assert served.service.asked == []


def test_the_largest_event_is_within_the_limit(served: Served, client: Client):
    ids = tuple(f"{n:064x}" for n in range(10_000))
    event = c.Record(kind="suppressed", finding_ids=ids, note="\U0001f980" * 4000)
    client.record(event)
    assert served.service.asked[0][2] == event
