"""From the overview into the rest: every first column and every figure opens something."""

import re

import pytest
from playwright.sync_api import Page, expect

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage.client import Client, Http

from . import Served, settled, visit

ROW, HEADER = 31, 34  # pixels
TABLES = ("oldest", "causes", "accounts")


@pytest.fixture(scope="module")
def shown(served: Served) -> c.Overview:
    with Client(Http(served.api)) as api:
        return api.overview(c.ScopeQuery())


def open_row(page: Page, table: str) -> None:
    # The grid is a canvas: there is nothing in it to find.
    grid = page.get_by_test_id("stDataFrame").nth(TABLES.index(table))
    grid.scroll_into_view_if_needed()
    grid.click(position={"x": 40, "y": HEADER + ROW // 2})


def found(page: Page, count: int) -> None:
    noun = "finding" if count == 1 else "findings"
    expect(page.get_by_text(f"{count} {noun}", exact=True)).to_be_visible()
    settled(page)


def test_the_oldest_opens_its_finding(page: Page, served: Served, shown: c.Overview) -> None:
    visit(page, served.app)
    open_row(page, "oldest")
    expect(page).to_have_url(re.compile(f"/finding.*id={shown.oldest[0].finding_id}"))
    expect(page.get_by_role("heading", name=shown.oldest[0].title)).to_be_visible()


def test_a_root_cause_opens_what_it_fixes(page: Page, served: Served, shown: c.Overview) -> None:
    visit(page, served.app)
    open_row(page, "causes")
    expect(page).to_have_url(re.compile(r"/queue\?.*root_cause="))
    found(page, shown.root_causes[0].findings)


def test_an_account_opens_its_findings(page: Page, served: Served, shown: c.Overview) -> None:
    visit(page, served.app)
    open_row(page, "accounts")
    account = shown.accounts[0]
    expect(page).to_have_url(re.compile(rf"/queue\?.*account={account.account_id}"))
    found(page, account.open)


def test_figures_open_what_they_count(page: Page, served: Served, shown: c.Overview) -> None:
    visit(page, served.app)
    page.get_by_role("link", name=f"Critical {shown.open['critical']}").click()
    found(page, shown.open["critical"])
    page.get_by_role("link", name="Overview").click()
    settled(page)
    page.get_by_role("link", name="Could not tell").click()
    expect(page).to_have_url(re.compile(r"/coverage\?.*show=every"))
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()


def test_a_phone_has_it_all(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    visit(page, served.app)
    assert not page.evaluate(
        "document.querySelector('[data-testid=stMain]').scrollWidth > window.innerWidth"
    )
    for name in ("Since yesterday", "One change", "Accounts by risk"):
        heading = page.get_by_role("heading", name=name)
        heading.scroll_into_view_if_needed()
        expect(heading).to_be_in_viewport()
