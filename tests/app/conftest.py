"""The app run by Streamlit's AppTest over an API in memory."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from stratum_pipeline.triage.client import Client

from .fake import Fake

APP = Path(__file__).parents[2] / "app" / "streamlit_app.py"
sys.path.insert(0, str(APP.parent))  # as Streamlit does
SECONDS = 60  # a run that takes longer hangs

Visit = Callable[..., None]
Serve = Callable[[Fake], Fake]
Open = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def visit(monkeypatch: pytest.MonkeyPatch) -> Visit:
    """visit(address, headers): from where the browser comes; None is this machine."""

    def visited(address: str | None, headers: Mapping[str, str] | None = None) -> None:
        context = type(st.context)
        monkeypatch.setattr(context, "ip_address", property(lambda _: address))
        monkeypatch.setattr(context, "headers", property(lambda _: headers or {}))

    visited(None)
    return visited


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """serve(api): the app asks that one."""

    def connect(api: Fake) -> Fake:
        st.cache_resource.clear()
        monkeypatch.setattr(Client, "connect", classmethod(lambda cls: cls(api)))
        return api

    return connect


@pytest.fixture
def api(serve: Serve) -> Fake:
    return serve(Fake())


@pytest.fixture
def open_page() -> Open:
    """open_page("queue", severity="critical"): that page at that address, in a new session."""

    def opened(name: str, **query: str | list[str]) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=SECONDS).run()
        app.switch_page(f"views/{name}.py")
        app.query_params.update(query)
        return app.run()

    return opened
