"""The queue: what it asks the API, what it offers to whom, what it says when it cannot."""

import logging
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import problems
from stratum_pipeline.triage.client import Unreachable

from .conftest import Open, Serve
from .fake import Fake


def asked(api: Fake, name: str) -> Any:
    """The last question of that name."""
    return next(question for each, question in reversed(api.calls) if each == name)


def said(app: AppTest) -> str:
    """All text of the page."""
    parts = [*app.markdown, *app.caption, *app.error, *app.toast, *app.code]
    return "\n".join(str(part.value) for part in parts)


def tick(app: AppTest, *rows: int) -> AppTest:
    """Select rows of the table."""
    key = next(key for key in app.session_state if str(key).startswith("rows_"))
    selection = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    app.session_state[key] = selection
    return app.run()


def labels(app: AppTest) -> set[str]:
    return {button.label for button in app.button}


# --- what it asks ------------------------------------------------------------------------


def test_a_bare_address_is_the_open_queue(api: Fake, open_page: Open) -> None:
    app = open_page("queue")
    question = asked(api, "findings")
    assert question == c.FindingsQuery(status=("open",))
    assert app.query_params["status"] == "open"
    assert not app.exception


def test_a_deep_link_sets_every_filter(api: Fake, open_page: Open) -> None:
    open_page(
        "queue",
        status=["open", "suppressed"],
        severity="critical",
        account="111111111111",
        assignee="",
        unverified="yes",
        root_cause="Block Public Access is off in the account",
        entry="12",
        text="bucket",
        sort="oldest",
        scope="ou:Root/Workloads",
    )
    assert asked(api, "findings") == c.FindingsQuery(
        scope="ou:Root/Workloads",
        status=("open", "suppressed"),
        severity=("critical",),
        account=("111111111111",),
        assignee=("",),
        unverified=True,
        root_cause=("Block Public Access is off in the account",),
        entry=12,
        text="bucket",
        sort="age",
    )


def test_what_an_address_cannot_mean_is_left_out(api: Fake, open_page: Open) -> None:
    open_page("queue", severity=["dire", "high"], entry="x", sort="zodiac", group="zodiac")
    assert asked(api, "findings") == c.FindingsQuery(severity=("high",))


def test_the_address_follows_the_rail(api: Fake, open_page: Open) -> None:
    app = open_page("queue")
    app.pills(key="severity").set_value(["critical", "high"]).run()
    assert app.query_params["severity"] == ["critical", "high"]
    app.pills(key="severity").set_value([]).run()
    app.pills(key="status").set_value([]).run()
    assert app.query_params == {"status": "any"}
    assert asked(api, "findings") == c.FindingsQuery()


def test_a_page_asks_for_no_more_than_it_shows(serve: Serve, open_page: Open) -> None:
    api = serve(Fake(count=120))
    app = open_page("queue")
    assert len(app.dataframe[0].value) == 50
    assert "1 to 50 of 120" in said(app)
    app.button(key="queue_Next").click().run()
    app.button(key="queue_Next").click().run()
    assert "101 to 120 of 120" in said(app)
    assert app.button(key="queue_Next").disabled
    app.button(key="queue_Previous").click().run()
    assert "51 to 100 of 120" in said(app)
    app.pills(key="severity").set_value(["critical"]).run()
    assert "1 to 30 of 30" in said(app)
    assert {q.limit for name, q in api.calls if name == "findings"} == {50}


def test_equal_questions_are_asked_once_a_run(api: Fake, open_page: Open) -> None:
    app = open_page("queue")
    api.calls.clear()
    app.run()
    assert len(api.calls) == len(set(map(str, api.calls)))


def test_groups(api: Fake, open_page: Open) -> None:
    app = open_page("queue", group="rule", sort="findings")
    assert asked(api, "groups") == c.GroupsQuery(status=("open",), by="rule", sort="findings")
    assert "8 findings" in said(app)


# --- saved views -------------------------------------------------------------------------


def test_a_view_writes_the_rail_and_is_lit_by_it(api: Fake, open_page: Open) -> None:
    app = open_page("queue")
    assert app.pills(key="view").value == "built-in All open"
    app.pills(key="view").set_value("built-in Unassigned criticals").run()
    question = c.FindingsQuery(status=("open",), severity=("critical",), assignee=("",))
    assert asked(api, "findings") == question
    app.pills(key="severity").set_value([]).run()
    assert app.pills(key="view").value is None


@pytest.mark.parametrize(
    ("view", "asks"),
    [
        ("Assigned to me", {"assignee": ("ops",)}),
        ("Reopened", {"cause": ("regressed", "not_fixed")}),
        ("Could not be verified", {"unverified": True}),
        ("New this week", {"age": ("under_7_days",)}),
    ],
)
def test_built_in_views(api: Fake, open_page: Open, view: str, asks: dict[str, Any]) -> None:
    app = open_page("queue")
    app.pills(key="view").set_value(f"built-in {view}").run()
    assert asked(api, "findings") == c.FindingsQuery(status=("open",), **asks)


def test_an_own_view_comes_back_with_scope_and_grouping(api: Fake, open_page: Open) -> None:
    app = open_page("queue", severity="low", group="rule", scope="module:s3")
    app.text_input(key="view_name").set_value("S3 leftovers")
    app.button(key="view_save").click().run()
    assert api.saved == [
        c.View(
            name="S3 leftovers",
            query={"severity": ("low",), "group": ("rule",), "scope": ("module:s3",)},
            owner="ops",
        )
    ]
    other = open_page("queue")
    other.pills(key="view").set_value("own S3 leftovers").run()
    assert asked(api, "groups") == c.GroupsQuery(scope="module:s3", severity=("low",), by="rule")
    assert other.pills(key="view").value == "own S3 leftovers"


# --- who may what ------------------------------------------------------------------------

ACTS = {"Assign", "Note", "Acknowledge", "Suppress", "Mark resolved"}


def test_a_triager_is_offered_what_applies(api: Fake, open_page: Open) -> None:
    app = tick(open_page("queue"), 0, 1)
    assert labels(app) >= ACTS
    assert not {"Unsuppress", "Mark open"} & labels(app)
    assert "**2 selected**" in said(app)


def test_a_viewer_sees_no_actions(serve: Serve, open_page: Open) -> None:
    serve(Fake(role=c.Role.VIEWER))
    app = tick(open_page("queue"), 0)
    assert not ACTS & labels(app)
    assert "ops · viewer, not authenticated" in said(app)
    assert "Select rows" not in said(app)


@pytest.mark.parametrize(("role", "shares"), [(c.Role.TRIAGER, False), (c.Role.APPROVER, True)])
def test_sharing_is_for_approvers(
    serve: Serve, open_page: Open, role: c.Role, shares: bool
) -> None:
    serve(Fake(role=role))
    app = open_page("queue")
    assert bool([box for box in app.checkbox if box.label == "Share with everybody"]) == shares


# --- acting ------------------------------------------------------------------------------


def test_acknowledging_is_one_press(api: Fake, open_page: Open) -> None:
    app = tick(open_page("queue"), 0, 2)
    app.button(key="bulk_acknowledged").click().run()
    event = asked(api, "record")
    assert (event.kind, len(event.finding_ids)) == ("acknowledged", 2)
    assert "Acknowledged 2 findings" in said(app)
    assert not [button for button in app.button if button.label == "Undo"]


def test_a_group_is_all_its_findings(api: Fake, open_page: Open) -> None:
    app = tick(open_page("queue", group="rule"), 0, 1)
    assert "**4 selected**" in said(app)
    app.button(key="bulk_marked_resolved").click().run()
    event = asked(api, "record")
    assert event.dry_run
    rules = ("iam.role.trusts_anyone", "s3.bucket.public_policy")
    assert event.filter == c.Filter(status=("open",), rule=rules)
    assert "**4 findings.** Holds until the next complete scan" in said(app)


# --- what it says when it cannot ---------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Unreachable("no answer from the API. Start it with `stratum up`."), "does not answer"),
        (problems.no_queue(), "Nothing scanned yet"),
        (problems.unauthenticated("the session has expired."), "Who you are could not be verified"),
        (problems.forbidden("no group of yours has a role."), "Your role does not allow this"),
        (problems.storage("the vault is not there."), "Data or vault cannot be read"),
    ],
)
def test_a_fault_has_its_page(api: Fake, open_page: Open, fault: Exception, says: str) -> None:
    api.fault["seen"] = fault
    app = open_page("queue")
    assert says in said(app)
    assert not app.exception
    assert "Try again" in labels(app)
    api.fault.clear()
    app.button[0].click().run()
    assert says not in said(app)


def test_an_unexpected_fault_is_logged_under_its_reference(
    api: Fake, open_page: Open, caplog: pytest.LogCaptureFixture
) -> None:
    app = open_page("queue")
    api.fault["findings"] = KeyError("secret")
    with caplog.at_level(logging.ERROR, "stratum.app"):
        app.run()
    reference = caplog.records[-1].getMessage().split()[-1]
    assert reference in said(app)
    assert "secret" not in said(app)
    assert not app.exception


def test_an_expired_cursor_starts_at_the_first_page(serve: Serve, open_page: Open) -> None:
    api = serve(Fake(count=120))
    app = open_page("queue")

    def expired(question: c.FindingsQuery) -> c.Findings:
        if question.cursor:
            raise problems.cursor_expired()
        return Fake.findings(api, question)

    api.findings = expired  # type: ignore[method-assign]
    app.button(key="queue_Next").click().run()
    assert "1 to 50 of 120" in said(app)
    assert "this is the first page" in said(app)


def test_no_findings_is_not_all_is_well(serve: Serve, open_page: Open) -> None:
    serve(Fake(count=0))
    assert "What could not be seen is not counted as passed" in said(open_page("queue"))
