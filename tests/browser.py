"""The app in a real browser, over the scanned demonstration; fixtures for tests/app.

    from ..browser import chromium, demonstration, page, served  # in conftest.py

    def test_queue(page: Page, served: Served) -> None:
        visit(page, served.app + "/queue")

A module that acts as somebody else defines `role`. One worker runs all of it (xdist_group), and
no test writes into another module's data.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from stratum_pipeline.serve import HOST, answers, free_port, servers, start, stop

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --disable-quic --no-first-run"
)
# Nothing outside this machine is even looked up.
ONLY_HERE = f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}"
VIEWPORT = {"width": 1440, "height": 900}
SECONDS = 30


@dataclass(frozen=True)
class Served:
    """URLs without a slash at the end; environment: where the data is, for `stratum`."""

    app: str
    api: str
    environment: Mapping[str, str]


def scan_demonstration(folder: Path) -> dict[str, str]:
    """`stratum demo --no-serve` into `folder`; the environment that leads there."""
    environment = _environment(folder)
    stratum = str(Path(sys.executable).with_name("stratum"))
    scan = subprocess.run(
        [stratum, "demo", "--no-serve"], env=environment, capture_output=True, text=True
    )
    assert scan.returncode == 0, scan.stdout + scan.stderr
    return environment


def _environment(folder: Path) -> dict[str, str]:
    ours = ("AWS_", "DAGSTER_", "STRATUM_", "STREAMLIT_")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | {
        "STRATUM_DATA": str(folder / "data"),
        "STRATUM_VAULT": str(folder / "vault"),
        "STRATUM_DAGSTER_HOME": str(folder / "dagster"),
    }


@contextmanager
def serving(environment: Mapping[str, str], logs: Path) -> Generator[Served]:
    """The API and the app, as `stratum up` starts them, until exit."""
    api = free_port(0, "", set())
    app = free_port(0, "", {api})
    chosen = [s for s in servers(logs, 0, api, app) if s.port in (api, app)]
    processes = [start(server, environment) for server in chosen]
    try:
        deadline = time.monotonic() + SECONDS
        for server, process in zip(chosen, processes, strict=True):
            while not answers(server):
                alive = process.poll() is None and time.monotonic() < deadline
                assert alive, server.log.read_text()
                time.sleep(0.1)
        yield Served(f"http://{HOST}:{app}", f"http://{HOST}:{api}", environment)
    finally:
        stop(processes)


@contextmanager
def browsing() -> Generator[Browser]:
    """Chromium with an empty profile."""
    with sync_playwright() as playwright:
        arguments = [*QUIET.split(), ONLY_HERE]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def kept_here(context: BrowserContext) -> Generator[None]:
    """Asserts at exit that nothing but this machine was asked for anything."""
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    context.on("page", lambda page: page.on("websocket", lambda it: asked.append(it.url)))
    yield
    addresses = [urlsplit(url) for url in asked]
    strangers = {a.netloc for a in addresses if a.scheme not in ("blob", "data")} - {""}
    assert {one for one in strangers if one.partition(":")[0] != HOST} == set()


def visit(page: Page, url: str) -> None:
    """Open it and wait until it stands still."""
    page.goto(url)
    settled(page)


def settled(page: Page) -> None:
    """Wait until the script has run and all that it drew is in place."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-connection-state", "CONNECTED")
    expect(app).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.locator("[data-stale=true], [data-testid=stSkeleton]")).to_have_count(0)


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the scanned demonstration. Not to be written to."""
    folder = tmp_path_factory.mktemp("demonstration")
    scan_demonstration(folder)
    return folder


@pytest.fixture(scope="module")
def role() -> str:
    """Who looks: viewer, triager, approver or operator."""
    return "operator"


@pytest.fixture(scope="module")
def served(
    demonstration: Path, role: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(demonstration, folder, dirs_exist_ok=True)
    with serving(_environment(folder) | {"STRATUM_LOCAL_ROLE": role}, folder) as urls:
        yield urls


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Not for the whole session: while Playwright runs, nothing else may use asyncio.
    expect.set_options(timeout=SECONDS * 1000)
    with browsing() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty page of a person who was never here; what it asks for stays on this machine."""
    context = chromium.new_context(viewport=VIEWPORT, reduced_motion="reduce")
    context.set_default_timeout(SECONDS * 1000)
    with kept_here(context):
        yield context.new_page()
        context.close()
