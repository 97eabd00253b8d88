"""The app in a real browser, over the scanned demonstration. The fixtures are in conftest.py.

def test_queue(page: Page, served: Served) -> None:
    visit(page, served.app + "/queue")
"""

import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from stratum_pipeline.serve import HOST, answers, free_port, servers, start, stop

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --disable-quic --no-first-run"
)
# Nothing outside this machine is even looked up.
ONLY_HERE = f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}"
WIDE: ViewportSize = {"width": 1440, "height": 900}
SECONDS = 30
FAILED = ".st-key-trouble, [data-testid=stException]"
"""What a page that failed shows instead."""


@dataclass(frozen=True)
class Served:
    """URLs without a slash at the end; folder: what was scanned, and the logs."""

    app: str
    api: str
    folder: Path


def scan_demonstration(folder: Path) -> None:
    """`stratum demo --no-serve` into `folder`, about 15 s."""
    command = [str(Path(sys.executable).with_name("stratum")), "demo", "--no-serve"]
    scan = subprocess.run(command, env=environment(folder), capture_output=True, text=True)
    assert scan.returncode == 0, scan.stdout + scan.stderr


def environment(folder: Path) -> dict[str, str]:
    """In which `stratum` finds what was scanned into `folder`, and none of our own settings."""
    ours = ("AWS_", "DAGSTER_", "STRATUM_", "STREAMLIT_")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | {
        "STRATUM_DATA": str(folder / "data"),
        "STRATUM_VAULT": str(folder / "vault"),
        "STRATUM_DAGSTER_HOME": str(folder / "dagster"),
    }


@contextmanager
def serving(folder: Path, settings: Mapping[str, str]) -> Generator[Served]:
    """The API and the app over `folder`, as `stratum up` starts them, until exit."""
    api = free_port(0, "", set())
    app = free_port(0, "", {api})
    chosen = [s for s in servers(folder, 0, api, app) if s.port in (api, app)]
    processes = [start(server, {**environment(folder), **settings}) for server in chosen]
    try:
        deadline = time.monotonic() + SECONDS
        for server, process in zip(chosen, processes, strict=True):
            while not answers(server):
                alive = process.poll() is None and time.monotonic() < deadline
                assert alive, server.log.read_text()
                time.sleep(0.1)
        yield Served(f"http://{HOST}:{app}", f"http://{HOST}:{api}", folder)
    finally:
        stop(processes)


@contextmanager
def browsing() -> Generator[Browser]:
    """Chromium with an empty profile. Until exit nothing else in this thread may use asyncio."""
    expect.set_options(timeout=SECONDS * 1000)
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
    addresses = [urlsplit(url) for url in asked if not url.startswith(("blob:", "data:"))]
    strangers = {address.hostname for address in addresses} - {HOST}
    assert not strangers, f"asked {strangers}"


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
