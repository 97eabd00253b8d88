"""What is asked arrives, what is answered comes back: over a socket, through the client."""

from typing import Any

import httpx
import pytest

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage.client import ApiError, Client

from .served import AT, ID, ME, NASTY, OPERATIONS, SESSION, Served, sample

FILTER: dict[str, Any] = {
    "scope": "ou:Root/Work loads & more",
    "severity": ("critical", "low"),
    "module": ("s3",),
    "account": ("111111111111", "222222222222"),
    "region": ("", "us-east-1"),
    "assignee": ("",),
    "resource": (NASTY, "a,b"),
    "unverified": False,
    "entry": 0,
    "text": NASTY,
}
QUESTIONS: list[tuple[str, c.Model]] = [
    ("me", c.Nothing()),
    ("people", c.Nothing()),
    ("views", c.Nothing()),
    ("seen", c.ScopeQuery()),
    ("seen", c.ScopeQuery(scope="account:111111111111")),
    ("findings", c.FindingsQuery()),
    ("findings", c.FindingsQuery(assignee=("",))),
    ("findings", c.FindingsQuery(unverified=True, descending=False, limit=500, cursor="a+b/c==")),
    ("findings", c.FindingsQuery(**FILTER)),
    ("facets", c.Filter(**FILTER)),
    ("groups", c.GroupsQuery(by="resource", **FILTER)),
    ("finding", c.FindingQuery(finding_id=ID)),
    ("finding", c.FindingQuery(finding_id="01?x=1#é %41")),
    ("finding", c.FindingQuery(finding_id=".")),
    ("finding", c.FindingQuery(finding_id="..")),
    ("coverage", c.CoverageQuery(order="name")),
    ("gaps", c.GapsQuery(module=("s3", "iam"))),
    ("accounts", c.AccountsQuery(limit=10_000, text=" ")),
    ("rules", c.ScopeQuery(scope="module:s3")),
    ("overview", c.ScopeQuery(scope="ou:Root")),
    ("activity", c.ActivityQuery(since=AT, kind=("noted",))),
    ("drift", c.DriftQuery(since=AT, account=("111111111111",), what=("changed", "vanished"))),
    ("record", c.Record(kind="noted", finding_ids=(ID,), note=f"{NASTY}\n\U0001f980\x00")),
    ("record", c.Record(kind="suppressed", filter=c.Filter(), expected=0, until=AT)),
    ("record", c.Record(kind="assigned", filter=c.Filter(**FILTER), dry_run=True)),
    ("save_view", c.View(name="é", query={"severity": ("high", ""), "none": ()}, shared=True)),
    ("delete_view", c.ViewKey(name=NASTY, shared=True)),
]


def ask(client: Client, name: str, question: c.Model) -> c.Model:
    match question:
        case c.Nothing():
            return getattr(client, name)()
        case c.FindingQuery():
            return client.finding(question.finding_id)
        case _:
            return getattr(client, name)(question)


@pytest.mark.parametrize("name, question", QUESTIONS, ids=lambda one: str(one)[:40])
def test_a_question_arrives_and_its_answer_comes_back(
    served: Served, client: Client, name: str, question: c.Model
):
    answer = ask(client, name, question)
    assert served.service.asked == [(OPERATIONS[name], ME, question)]
    assert type(served.service.asked[0][2]) is OPERATIONS[name].asks
    assert answer == sample(OPERATIONS[name].gives)


def test_every_operation_is_asked_above():
    assert {name for name, _ in QUESTIONS} == OPERATIONS.keys()


@pytest.mark.parametrize(
    "question, query",
    [
        (c.FindingsQuery(), ""),
        (c.FindingsQuery(limit=50, sort="priority", status=(), text=""), ""),
        (c.FindingsQuery(assignee=("",)), "assignee="),
        (c.FindingsQuery(unverified=False, entry=0), "unverified=false&entry=0"),
        (c.FindingsQuery(module=("s3", "iam")), "module=s3&module=iam"),
    ],
)
def test_only_what_is_not_usual_is_sent(
    served: Served, client: Client, question: c.FindingsQuery, query: str
):
    client.findings(question)
    assert served.queries == [query]


def test_a_session_is_given_to_whom_the_headers_speak_of(client: Client):
    assert client.session() == SESSION
    with pytest.raises(ApiError, match="sign in again"):
        client.acting_as({}).session()


def test_who_asks_is_found_by_headers_and_address(served: Served, client: Client):
    client.me()
    assert served.doorkeeper.addresses == ["127.0.0.1"]


def test_large_answers_are_zipped(served: Served, raw: httpx.Client):
    small, large = raw.get("/v1/me"), raw.get("/v1/overview")
    assert "content-encoding" not in small.headers
    assert large.headers["content-encoding"] == "gzip"
    assert c.Overview.model_validate_json(large.content) == sample(c.Overview)
