"""The ledger: what was said is there to read, to open, and to take back."""

import re

import pytest
from playwright.sync_api import Page, expect

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage.client import Client, Http

from . import Served, settled, visit

ROW, HEADER = 34, 34  # pixels
LOW = c.Filter(severity=("low",), status=("open",))


@pytest.fixture
def suppressed(served: Served) -> int:
    """How many findings the newest entry suppresses."""
    with Client(Http(served.api)) as api:
        said = c.Record(
            kind="suppressed", filter=LOW, reason="accepted_risk", note="Agreed for this quarter"
        )
        return api.record(said).matched


def held(served: Served) -> int:
    with Client(Http(served.api)) as api:
        return api.findings(c.FindingsQuery(status=("suppressed",), limit=1)).total


def test_a_bulk_suppression_is_read_opened_and_taken_back(
    page: Page, served: Served, suppressed: int
) -> None:
    says = f"Suppressed {suppressed} findings, no end: accepted risk"
    visit(page, f"{served.app}/activity?kind=suppressed")
    expect(page.get_by_role("heading", name=says)).to_be_visible()
    expect(page.get_by_role("paragraph").get_by_text("Agreed for this quarter")).to_be_visible()

    page.get_by_role("link", name=f"Open {suppressed} findings").click()
    expect(page).to_have_url(re.compile(r"/queue\?.*entry=\d+"))
    expect(page.get_by_text(f"{suppressed} findings", exact=True)).to_be_visible()
    settled(page)

    visit(page, f"{served.app}/activity?kind=suppressed")
    page.get_by_role("button", name=f"Unsuppress these {suppressed} findings").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{suppressed} findings")
    page.keyboard.press("Control+Enter")
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("It no longer holds for any finding.")).to_be_visible()
    assert held(served) == 0


def test_an_entry_is_selected_and_the_first_scan_opened(page: Page, served: Served) -> None:
    visit(page, f"{served.app}/activity")
    with Client(Http(served.api)) as api:
        entries = api.activity(c.ActivityQuery())
    scan = next(n for n, entry in enumerate(entries.items) if entry.kind == "scanned")
    table = page.get_by_test_id("stDataFrame")
    table.click(position={"x": 17, "y": HEADER + ROW * scan + ROW // 2})
    expect(page.get_by_role("heading", name="Scanned:")).to_be_visible()
    settled(page)
    page.get_by_role("link", name=f"Open {entries.items[scan].findings} findings").click()
    expect(page).to_have_url(re.compile(r"/queue\?.*entry=1"))
    found = f"{entries.items[scan].findings} findings"
    expect(page.get_by_text(found, exact=True)).to_be_visible()


def test_a_phone_reads_the_ledger(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    visit(page, f"{served.app}/activity")
    assert not page.evaluate(
        "document.querySelector('[data-testid=stMain]').scrollWidth > window.innerWidth"
    )
    expect(page.get_by_test_id("stDataFrame")).to_be_in_viewport()
