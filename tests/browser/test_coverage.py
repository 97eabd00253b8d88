"""The matrix under the mouse: hover, click, the address, the way to the findings."""

import re

import pytest
from playwright.sync_api import Locator, Page, Position, expect

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage.client import Client, Http

from . import Served, settled, visit

LEFT, TOP, ROW = 80, 13, 21  # pixels: account names, module names, one account


@pytest.fixture(scope="module")
def matrix(served: Served) -> c.Coverage:
    with Client(Http(served.api)) as api:
        return api.coverage(c.CoverageQuery())


def chart(page: Page) -> Locator:
    found = page.get_by_test_id("stVegaLiteChart")
    expect(found.locator("canvas, svg").first).to_be_visible()
    return found


def at(page: Page, matrix: c.Coverage, state: str) -> tuple[Position, c.AccountCoverage, c.Cell]:
    """Where a cell of that state is drawn: there is nothing in a canvas to find."""
    for row, account in enumerate(matrix.accounts):
        for column, cell in enumerate(account.cells):
            if cell.state == state and (box := chart(page).bounding_box()):
                width = (box["width"] - LEFT) / len(matrix.modules)
                there: Position = {
                    "x": LEFT + width * (column + 0.5),
                    "y": TOP + ROW * (row + 0.5),
                }
                return there, account, cell
    raise AssertionError(state)


def test_hover_says_why(page: Page, served: Served, matrix: c.Coverage) -> None:
    visit(page, f"{served.app}/coverage")
    there, account, cell = at(page, matrix, "partial")
    chart(page).hover(position=there)
    tooltip = page.locator("#vg-tooltip-element")
    expect(tooltip).to_contain_text(account.name)
    expect(tooltip).to_contain_text(cell.reason)


def test_a_click_keeps_a_cell_and_close_lets_go(
    page: Page, served: Served, matrix: c.Coverage
) -> None:
    visit(page, f"{served.app}/coverage")
    heading = page.get_by_role("heading", level=3)
    title = ""
    for state in ("failed", "partial", "complete", "off"):
        there, account, cell = at(page, matrix, state)
        chart(page).click(position=there)
        expect(page).to_have_url(re.compile(f"cell={account.account_id}%3A{cell.module}"))
        title = f"{cell.module} in {account.name}"
        expect(heading.get_by_text(title)).to_be_visible()
        settled(page)
    page.reload()
    expect(heading.get_by_text(title)).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Close").click()
    expect(heading.get_by_text(title)).to_have_count(0)
    expect(page).not_to_have_url(re.compile("cell="))


def test_from_a_cell_to_its_open_findings(page: Page, served: Served) -> None:
    with Client(Http(served.api)) as api:
        worst = api.findings(c.FindingsQuery(status=("open",), limit=1)).items[0]
        here = c.FindingsQuery(
            status=("open",), account=(worst.account_id,), module=(worst.module,), limit=1
        )
        count = api.findings(here).total
    visit(page, f"{served.app}/coverage?cell={worst.account_id}:{worst.module}")
    page.get_by_role("link", name=re.compile(rf"^.*{count} findings? open$")).click()
    expect(page.get_by_text(f"{count} finding", exact=False).first).to_be_visible()
    expect(page).to_have_url(
        re.compile(rf"/queue\?.*account={worst.account_id}.*module={worst.module}")
    )


def test_every_gap_opens_its_cell(page: Page, served: Served) -> None:
    with Client(Http(served.api)) as api:
        first = api.gaps(c.GapsQuery(limit=1)).items[0]
    visit(page, f"{served.app}/coverage?show=every")
    page.get_by_test_id("stDataFrame").click(position={"x": 40, "y": 34 + 16})
    expect(page).to_have_url(re.compile(f"cell={first.account_id}%3A{first.module}"))
    expect(page.get_by_text(f"{first.operation} was {first.outcome}").first).to_be_visible()


def test_a_phone_has_matrix_and_words(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    visit(page, f"{served.app}/coverage")
    assert not page.evaluate(
        "document.querySelector('[data-testid=stMain]').scrollWidth > window.innerWidth"
    )
    expect(chart(page)).to_be_in_viewport()
    page.get_by_role("heading", name="Gaps").scroll_into_view_if_needed()
    expect(page.get_by_role("heading", name="Gaps")).to_be_in_viewport()
