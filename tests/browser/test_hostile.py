"""What AWS or a person wrote is shown as it is: no link, no image, no markup comes of it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from stratum_pipeline.serve import HOST, free_port

from ..app.fake import HOSTILE
from . import SECONDS, environment, visit

ROOT = Path(__file__).parents[2]
SERVE = """
import sys
from stratum_pipeline.triage.client import Client
from streamlit.web import cli
from tests.app.fake import HOSTILE, Fake
api = Fake(hostile=HOSTILE)
Client.connect = classmethod(lambda cls: cls(api))
cli.main(["run", "app/streamlit_app.py", "--server.port", sys.argv[1]])
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app over accounts, resources, tags and values that would all like to be markup."""
    port = free_port(0, "", set())
    command = [sys.executable, "-c", SERVE, str(port)]
    log = tmp_path_factory.mktemp("hostile") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(log.parent), stdout=output, stderr=output
        )
    try:
        url = f"http://{HOST}:{port}"
        deadline = time.monotonic() + SECONDS
        while not _answers(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(SECONDS)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/_stcore/health", trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    ("path", "shows"),
    [("/queue", True), ("/queue?group=resource", False), ("/finding?id=5feceb66", True)],
)
def test_no_markup_of_theirs_is_rendered(page: Page, app: str, path: str, shows: bool) -> None:
    # That nothing was fetched from elsewhere is asserted by the fixture `page`.
    visit(page, app + path)
    main = page.get_by_test_id("stMain")
    # Our own link to what changed on a resource says its ARN, whatever that is.
    theirs = "a[href*=evil]:not([href^='drift?'])"
    expect(main.locator(f"img:not([alt=Logo]), {theirs}")).to_have_count(0)
    if shows:
        expect(main.get_by_text(HOSTILE[:40]).first).to_be_visible()


def test_nor_in_dialogs_and_lists_to_choose_from(page: Page, app: str) -> None:
    visit(page, f"{app}/queue")
    page.get_by_role("combobox", name="Account").first.click()
    expect(page.get_by_role("option").first).to_be_visible()
    expect(page.locator("a[href*=evil], [role=option] img")).to_have_count(0)
