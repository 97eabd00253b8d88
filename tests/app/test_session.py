"""Who the app speaks for, and whom it refuses."""

from datetime import UTC, datetime, timedelta

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import problems

from .conftest import APP, SECONDS, Open, Visit
from .fake import Fake
from .test_queue import said

SIGNED = {"x-amzn-oidc-data": "signed", "x-amzn-oidc-accesstoken": "access", "cookie": "no"}


@pytest.mark.parametrize("address", [None, "127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_locally_this_machine_is_served(
    api: Fake, open_page: Open, visit: Visit, address: str | None
) -> None:
    visit(address)
    assert "# Queue" in said(open_page("queue"))
    assert api.sent == []


@pytest.mark.parametrize(
    ("address", "headers"),
    [("10.0.0.7", {}), ("not an address", {}), (None, {"X-Forwarded-For": "10.0.0.7"})],
)
def test_locally_nobody_else_is(
    api: Fake, open_page: Open, visit: Visit, address: str | None, headers: dict[str, str]
) -> None:
    visit(address, headers)
    app = open_page("queue")
    assert "Who you are could not be verified" in said(app)
    assert "another machine" in said(app)
    assert api.calls == []


def test_the_load_balancers_word_is_exchanged_once(
    api: Fake, open_page: Open, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATUM_IDENTITY", "alb")
    visit("10.0.0.7", SIGNED)
    app = open_page("queue")
    app.run()
    assert api.sent == [{name: SIGNED[name] for name in list(SIGNED)[:2]}]
    assert api.headers[-1] == {"Authorization": "Bearer t0k3n"}
    assert "# Queue" in said(app)


def test_a_session_that_ends_is_asked_for_anew(
    api: Fake, open_page: Open, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATUM_IDENTITY", "alb")
    visit("10.0.0.7", SIGNED)
    app = open_page("queue")
    app.session_state["session_ends"] = datetime.now(UTC) - timedelta(seconds=1)
    app.run()
    assert len(api.sent) == 2
    app.session_state["session_ends"] = datetime.now(UTC) - timedelta(seconds=1)
    api.fault["session"] = problems.unauthenticated("the token has expired: reload the page.")
    app.run()
    assert "Who you are could not be verified" in said(app)
    assert not app.dataframe


def test_a_role_taken_away_is_noticed(api: Fake, open_page: Open) -> None:
    app = open_page("queue")
    api.fault["findings"] = problems.unauthenticated("the session has expired.")
    app.run()
    api.fault.clear()
    api.role = c.Role.VIEWER
    app.run()
    assert "viewer" in said(app)


def test_without_a_login_there_is_only_the_login(
    api: Fake, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATUM_IDENTITY", "oidc")
    user = type(st.user)
    monkeypatch.setattr(user, "is_logged_in", False, raising=False)
    monkeypatch.setattr(user, "tokens", {"id": "an id token"}, raising=False)
    app = AppTest.from_file(APP, default_timeout=SECONDS).run()
    assert [button.label for button in app.button] == ["Log in"]
    assert api.calls == []
    monkeypatch.setattr(user, "is_logged_in", True, raising=False)
    assert "# Queue" in said(open_page("queue"))
    assert api.sent == [{"Authorization": "Bearer an id token"}]
