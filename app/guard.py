"""What a page shows when it cannot be shown: what is wrong and how to mend it, no traceback."""

import functools
import logging
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import ParamSpec

import session
import streamlit as st
import ui

from stratum_pipeline.triage.client import Unreachable
from stratum_pipeline.triage.problems import NAMES, ApiError

FAULTS = (Unreachable, ApiError)
log = logging.getLogger("stratum.app")
Args = ParamSpec("Args")


@contextmanager
def guarded() -> Generator[None]:
    """Around everything that asks the API and draws the answer."""
    try:
        yield
    except Unreachable as error:
        _trouble("The API does not answer", str(error))
    except ApiError as error:
        _refused(error)
    except Exception as error:
        reference = uuid.uuid4().hex[:8]
        log.exception("page failed, reference %s", reference)
        _trouble(
            "This page failed",
            f"It is a fault of the app ({type(error).__name__}), not of your data. "
            f"The server's log has the whole of it under reference {reference}.",
        )
    else:
        return
    st.stop()  # the page too, if it was a part of it that failed


def fragment(draw: Callable[Args, None]) -> Callable[Args, None]:
    """A part of a page that reruns alone: asked anew and guarded, as a page is."""

    @st.fragment
    @functools.wraps(draw)
    def alone(*args: Args.args, **kwargs: Args.kwargs) -> None:
        with guarded():
            session.begin_alone()
            draw(*args, **kwargs)

    return alone


@contextmanager
def inline() -> Generator[None]:
    """Around what is asked in a dialog or a popover: it stays open and says what is wrong."""
    try:
        yield
    except FAULTS as error:
        st.error(ui.prose(ui.sentence(str(error))))


def _refused(error: ApiError) -> None:
    problem = error.problem
    match problem.type.removeprefix(NAMES):
        case "no-queue":
            _nothing_scanned()
        case "cursor-expired":
            session.client().forget()
            ui.first_pages()
            st.session_state["notice"] = "The queue was rebuilt meanwhile: this is the first page."
            st.rerun()
        case "unauthenticated" | "forbidden":
            session.end()
            _trouble(problem.title, problem.detail)
            if session.mode() == "oidc" and st.button("Log in again", type="primary"):
                st.login()
        case _:
            _trouble(problem.title, problem.detail, *problem.errors)


def _nothing_scanned() -> None:
    detail = "The first scan makes the queue. Until then nothing is known, and nothing has passed."
    with ui.empty_state("Nothing scanned yet", detail).container():
        st.code("stratum scan   # your organization, read-only\nstratum demo   # an invented one")
        _again()


def _trouble(title: str, *details: str) -> None:
    with st.container(border=True, key="trouble"):
        st.markdown(f"**{ui.plain(title)}**")
        for detail in details:
            st.markdown(ui.prose(ui.sentence(detail)))
        _again()


def _again() -> None:
    st.button("Try again", icon=":material/refresh:")
