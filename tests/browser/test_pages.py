"""Pages in a browser: all are drawn, in both themes; what is pressed reaches the ledger."""

from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage.client import Client, Http

from . import FAILED, Served, kept_here, visit


@pytest.fixture
def first(served: Served) -> c.Row:
    """What is most urgent."""
    with Client(Http(served.api)) as stratum:
        return stratum.findings(c.FindingsQuery(status=("open",), limit=1)).items[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "path", ["/", "/queue", "/finding?id={id}", "/coverage", "/drift", "/activity"]
)
def test_page_is_drawn(
    page: Page, served: Served, first: c.Row, path: str, theme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=theme)
    visit(page, served.app + path.format(id=first.finding_id))
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(FAILED)).to_have_count(0)
    expect(page.get_by_test_id("stApp")).to_have_css("color-scheme", theme)


def test_acknowledging_reaches_the_ledger(page: Page, served: Served, first: c.Row) -> None:
    visit(page, f"{served.app}/finding?id={first.finding_id}")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("Acknowledged 1 finding")).to_be_visible()
    with Client(Http(served.api)) as stratum:
        known = stratum.finding(first.finding_id)
    assert known.acknowledged_by
    assert known.timeline[-1].kind == "acknowledged"


def test_what_leaves_this_machine_is_noticed(chromium: Browser) -> None:
    def stray() -> None:
        context = chromium.new_context()
        with kept_here(context):
            context.new_page().set_content("<img src='http://elsewhere.invalid/pixel'>")
            context.close()

    with pytest.raises(AssertionError, match=r"elsewhere\.invalid"):
        stray()
