"""Working through the queue, by keyboard where it can be: what a person does, start to end."""

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Locator, Page, expect

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage.client import Client, Http

from . import Served, settled, visit

ROW, HEADER = 34, 34  # pixels
TITLE_AT = 260  # pixels from the left edge of the table


@pytest.fixture(scope="module")
def api(served: Served) -> Iterator[Client]:
    with Client(Http(served.api)) as client:
        yield client


def table(page: Page) -> Locator:
    return page.get_by_test_id("stDataFrame").first


def click_row(page: Page, row: int, x: int) -> None:
    # The grid is a canvas: there is nothing in it to find.
    table(page).click(position={"x": x, "y": HEADER + ROW * row + ROW // 2})


def tick(page: Page, *rows: int) -> None:
    for number, row in enumerate(rows, 1):
        click_row(page, row, 17)
        expect(page.get_by_text(f"{number} selected", exact=True)).to_be_visible()
    settled(page)


def press(page: Page, key: str) -> Locator:
    """The dialog that the key opens."""
    page.keyboard.press(key)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Ctrl + Enter")).to_be_visible()
    settled(page)
    return dialog


def hears(page: Page) -> None:
    """Wait until the page listens to its keys again, a dialog being gone."""
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Note Shortcut N")).to_be_visible()
    settled(page)


def confirm(page: Page) -> None:
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    settled(page)


def outcome(page: Page, text: str) -> None:
    expect(page.locator(".st-key-outcome")).to_contain_text(text)
    settled(page)


def undo(page: Page) -> None:
    page.keyboard.press("z")
    outcome(page, "Undone")


def found(page: Page, count: int) -> None:
    noun = "finding" if count == 1 else "findings"
    expect(page.get_by_text(f"{count} {noun}", exact=True)).to_be_visible()
    settled(page)


def choose_view(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).click()


def matching(api: Client, **filters: object) -> int:
    return api.findings(c.FindingsQuery.model_validate({"limit": 1} | filters)).total


# --- one finding -------------------------------------------------------------------------


def test_find_the_worst_understand_it_act_and_take_it_back(
    page: Page, served: Served, api: Client
) -> None:
    worst = api.findings(c.FindingsQuery(status=("open",), limit=1)).items[0]
    visit(page, f"{served.app}/queue")
    click_row(page, 0, TITLE_AT)
    expect(page.get_by_role("heading", name=worst.title)).to_be_visible()
    settled(page)
    for part in ("In combination", "Why it matters", "Evidence", "Remediation", "Timeline"):
        expect(page.get_by_role("heading", name=part)).to_be_visible()
    assert f"id={worst.finding_id}" in page.url

    press(page, "a")
    confirm(page)
    me = api.me().id
    outcome(page, f"Assigned 1 finding to {me}")
    assert api.finding(worst.finding_id).assignee == me

    dialog = press(page, "s")
    dialog.get_by_text("30 days").click()
    expect(dialog.get_by_text("Open again after")).to_be_visible()
    confirm_without_note = dialog.get_by_role("button", name="Suppress")
    confirm_without_note.click()
    expect(dialog.get_by_text("A note is needed")).to_be_visible()
    dialog.get_by_label("Note").fill("Decommissioned next week, agreed with the owner")
    confirm(page)
    outcome(page, "Suppressed 1 finding until")
    steps = page.get_by_test_id("stExpander")
    expect(steps.filter(has_text="Suppressed until").first).to_contain_text(f"by {me}")
    expect(page.get_by_text("Decommissioned next week").first).to_be_visible()
    expect(page.get_by_role("button", name="Unsuppress")).to_be_visible()
    assert api.finding(worst.finding_id).status == "suppressed"

    undo(page)
    expect(steps.filter(has_text="Suppression ended")).to_be_visible()
    assert api.finding(worst.finding_id).status == "open"

    page.get_by_role("link", name="Queue").last.click()
    found(page, matching(api, status=["open"]))


def test_the_next_finding_is_a_key_away(page: Page, served: Served, api: Client) -> None:
    rows = api.findings(c.FindingsQuery(status=("open",), sort="account", descending=False)).items
    visit(page, f"{served.app}/queue?status=open&sort=account")
    click_row(page, 0, TITLE_AT)
    for key, row in (("l", rows[1]), ("l", rows[2]), ("h", rows[1])):
        expect(page.get_by_role("heading", name="Remediation")).to_be_visible()
        settled(page)
        page.keyboard.press(key)
        expect(page).to_have_url(re.compile(row.finding_id))
        expect(page.get_by_role("heading", name=row.title)).to_be_visible()


def test_the_page_does_not_listen_through_a_dialog(page: Page, served: Served, api: Client) -> None:
    visit(page, f"{served.app}/queue?status=open&severity=high")
    mine = matching(api, assignee=[api.me().id])
    tick(page, 0)
    press(page, "a")
    confirm(page)
    outcome(page, "Assigned 1 finding")
    tick(page, 0)
    dialog = press(page, "s")
    dialog.get_by_text("No end", exact=True).click()
    expect(dialog.get_by_text("No end: it stays suppressed")).to_be_visible()
    settled(page)
    for key in "alxz":
        page.keyboard.press(key)
    settled(page)
    expect(dialog.get_by_text("No end: it stays suppressed")).to_be_visible()
    page.keyboard.press("Escape")
    hears(page)
    expect(press(page, "n")).to_contain_text("never edited")
    page.keyboard.press("Escape")
    hears(page)
    assert matching(api, assignee=[api.me().id]) == mine + 1
    undo(page)
    assert matching(api, assignee=[api.me().id]) == mine


# --- many --------------------------------------------------------------------------------


def test_bulk_by_selection(page: Page, served: Served, api: Client) -> None:
    visit(page, f"{served.app}/queue?status=open&severity=medium")
    before = matching(api, severity=["medium"], assignee=[api.me().id])
    tick(page, 0, 1, 2)
    press(page, "a")
    confirm(page)
    outcome(page, "Assigned 3 findings")
    assert matching(api, severity=["medium"], assignee=[api.me().id]) == before + 3
    undo(page)
    assert matching(api, severity=["medium"], assignee=[api.me().id]) == before


def test_bulk_by_filter_confirms_the_number(page: Page, served: Served, api: Client) -> None:
    low = matching(api, status=["open"], severity=["low"])
    visit(page, f"{served.app}/queue?status=open&severity=low")
    tick(page, 0)
    page.keyboard.press("x")
    expect(page.get_by_text(f"{low} selected", exact=True)).to_be_visible()
    settled(page)
    dialog = press(page, "s")
    expect(dialog).to_contain_text(f"{low} findings")
    dialog.get_by_text("No end", exact=True).click()
    expect(dialog.get_by_text("No end: it stays suppressed")).to_be_visible()
    dialog.get_by_label("Note").fill("Accepted for the sandbox")
    confirm(page)
    outcome(page, f"Suppressed {low} findings, without an end")
    expect(page.get_by_text("No findings match")).to_be_visible()
    assert matching(api, status=["suppressed"], severity=["low"]) == low
    undo(page)
    found(page, low)
    assert matching(api, status=["suppressed"], severity=["low"]) == 0


def test_what_changed_meanwhile_is_not_recorded(page: Page, served: Served, api: Client) -> None:
    high = api.findings(c.FindingsQuery(status=("open",), severity=("high",)))
    visit(page, f"{served.app}/queue?status=open&severity=high")
    tick(page, 0)
    page.keyboard.press("x")
    expect(page.get_by_text(f"{high.total} selected", exact=True)).to_be_visible()
    settled(page)
    dialog = press(page, "e")
    ids = (high.items[0].finding_id,)
    api.record(c.Record(kind="marked_resolved", finding_ids=ids))
    page.keyboard.press("Control+Enter")
    expect(dialog).to_contain_text(f"{high.total - 1} findings now, not {high.total}")
    assert matching(api, status=["open"], severity=["high"]) == high.total - 1
    api.record(c.Record(kind="marked_open", finding_ids=ids))


def test_a_group_is_acted_on_and_opened(page: Page, served: Served, api: Client) -> None:
    groups = api.groups(c.GroupsQuery(status=("open",), by="rule", sort="findings", limit=1))
    top = groups.items[0]
    visit(page, f"{served.app}/queue?status=open&group=rule&sort=findings")
    tick_text = f"{top.findings} selected"
    click_row(page, 0, 17)
    expect(page.get_by_text(tick_text, exact=True)).to_be_visible()
    settled(page)
    click_row(page, 0, 17)
    found(page, groups.findings)
    click_row(page, 0, TITLE_AT + 60)
    found(page, top.findings)
    expect(page).to_have_url(re.compile(f"rule={re.escape(top.key)}"))


# --- addresses, views, exports -----------------------------------------------------------


def test_a_deep_link_is_the_same_queue_for_anyone(page: Page, served: Served, api: Client) -> None:
    count = matching(api, status=["open"], module=["iam"], text="administrator")
    visit(page, f"{served.app}/queue?status=open&module=iam&text=administrator&sort=oldest")
    found(page, count)
    expect(page.get_by_role("searchbox")).to_have_value("administrator")
    page.reload()
    found(page, count)


def test_facets_and_search_write_the_address(page: Page, served: Served, api: Client) -> None:
    visit(page, f"{served.app}/queue")
    page.get_by_role("toolbar", name="Module").get_by_text("s3").click()
    found(page, matching(api, status=["open"], module=["s3"]))
    page.get_by_role("searchbox").fill("policy")
    page.keyboard.press("Enter")
    found(page, matching(api, status=["open"], module=["s3"], text="policy"))
    expect(page).to_have_url(re.compile(r"module=s3.*text=policy|text=policy.*module=s3"))


def test_scope_outlives_a_page(page: Page, served: Served, api: Client) -> None:
    account = api.accounts(c.AccountsQuery(sort="risk", limit=1)).items[0]
    visit(page, f"{served.app}/queue")
    page.get_by_role("radio", name="Account", exact=True).click()
    expect(page.get_by_placeholder("Which account?")).to_be_visible()
    settled(page)
    page.get_by_placeholder("Which account?").click()
    page.get_by_role("option", name=account.name).click()
    found(page, account.open)
    page.get_by_role("link", name="Coverage").click()
    expect(page).to_have_url(re.compile(f"/coverage.*scope=account%3A{account.account_id}"))
    settled(page)
    page.get_by_role("link", name="Queue").first.click()
    found(page, account.open)


def test_the_way_back_keeps_filters_and_the_way_in_has_none(
    page: Page, served: Served, api: Client
) -> None:
    high, everything = (
        matching(api, status=["open"], severity=["high"]),
        matching(api, status=["open"]),
    )
    visit(page, f"{served.app}/queue?status=open&severity=high")
    found(page, high)
    click_row(page, 0, TITLE_AT)
    expect(page.get_by_role("heading", name="Remediation")).to_be_visible()
    settled(page)
    page.go_back()
    found(page, high)
    page.get_by_role("link", name="Activity").click()
    expect(page).to_have_url(re.compile("/activity"))
    settled(page)
    page.get_by_role("link", name="Queue").first.click()
    found(page, everything)


def test_a_view_is_saved_used_and_deleted(page: Page, served: Served, api: Client) -> None:
    visit(page, f"{served.app}/queue?status=open&severity=critical&group=rule")
    page.get_by_role("button", name="Save view").click()
    page.get_by_label("Name").fill("Worst rules")
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="Worst rules")).to_be_checked()
    settled(page)
    assert [view.name for view in api.views().items] == ["Worst rules"]
    choose_view(page, "All open")
    found(page, matching(api, status=["open"]))
    choose_view(page, "Worst rules")
    found(page, matching(api, status=["open"], severity=["critical"]))
    page.get_by_role("button", name="Save view").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("radio", name="Worst rules")).to_have_count(0)


@pytest.mark.parametrize(
    ("label", "kind"), [("CSV", "csv"), ("JSON Lines", "jsonl"), ("Parquet", "parquet")]
)
def test_export_is_what_the_filters_show(
    page: Page, served: Served, api: Client, tmp_path: Path, label: str, kind: str
) -> None:
    visit(page, f"{served.app}/queue?status=open&severity=critical")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=label, exact=True).click()
    assert download.value.suggested_filename == f"stratum-findings.{kind}"
    download.value.save_as(tmp_path / "file")
    read = {"csv": pl.read_csv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}[kind]
    severities = read(tmp_path / "file")["severity"].to_list()
    assert severities == ["critical"] * matching(api, status=["open"], severity=["critical"])


# --- small screens -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/queue", "/finding?id={id}"])
def test_a_phone_has_it_all(page: Page, served: Served, api: Client, path: str) -> None:
    worst = api.findings(c.FindingsQuery(status=("open",), limit=1)).items[0]
    page.set_viewport_size({"width": 390, "height": 844})
    visit(page, served.app + path.format(id=worst.finding_id))
    wider = page.evaluate(
        "document.querySelector('[data-testid=stMain]').scrollWidth > window.innerWidth"
    )
    assert not wider
    if path == "/queue":
        click_row(page, 0, 17)
        expect(page.get_by_text("1 selected")).to_be_visible()
    page.get_by_role("button", name="Suppress Shortcut S").click()
    submit = page.get_by_role("dialog").get_by_role("button", name="Suppress")
    submit.scroll_into_view_if_needed()
    expect(submit).to_be_in_viewport()
