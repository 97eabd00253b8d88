"""Somebody who may only read."""

import re

import pytest
from playwright.sync_api import Page, expect

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage.client import ApiError, Client, Http

from . import Served, visit
from .test_triage import click_row

ACTS = re.compile("Shortcut [AEKNOSUXZ]|Save view")


@pytest.fixture(scope="module")
def role() -> str:
    return "viewer"


def test_no_action_is_offered_and_none_is_taken(page: Page, served: Served) -> None:
    with Client(Http(served.api)) as api:
        worst = api.findings(c.FindingsQuery(status=("open",), limit=1)).items[0]
        with pytest.raises(ApiError) as refused:
            api.record(c.Record(kind="acknowledged", finding_ids=(worst.finding_id,)))
    assert refused.value.problem.status == 403
    visit(page, f"{served.app}/queue")
    click_row(page, 0, 17)
    expect(page.get_by_text("1 selected", exact=True)).to_be_visible()
    expect(page.get_by_text("viewer, not authenticated")).to_be_visible()
    expect(page.get_by_role("button", name=ACTS)).to_have_count(0)
    visit(page, f"{served.app}/finding?id={worst.finding_id}")
    expect(page.get_by_role("heading", name=worst.title)).to_be_visible()
    expect(page.get_by_role("button", name=ACTS)).to_have_count(0)
