"""Text made safe for Markdown, and readable for people."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import ui

from stratum_pipeline.triage import contract as c

from .conftest import Open
from .fake import Fake
from .test_queue import said


@pytest.mark.parametrize(
    "text",
    [
        "![x](http://evil.invalid/a.png)",
        "<img src=//evil.invalid/a.png>",
        "[x](javascript:alert(1))",
        "www.evil.invalid",
        "mara@evil.invalid",
        ":material/delete: :red[x] $x^2$",
        "# title",
        "a -> b -- c >= d",
        "2001:db8::/32",
        "role/*_`x`|",
    ],
)
def test_plain_loses_nothing_and_means_nothing(text: str) -> None:
    safe = ui.plain(text)
    broken = r":gray\[([^]]+)\]"
    assert re.sub(r"\\(.)", r"\1", re.sub(broken, r"\1", safe)) == text
    bare = re.sub(r"\\.", "", re.sub(broken, "", safe))
    assert not re.search(r"[!-/:-@\[-`{-~]", bare)


@pytest.mark.parametrize("text", ["plain", "has `one`", "``", "`", "a ``` b"])
def test_a_code_span_holds_any_backticks(text: str) -> None:
    span = ui.code(text)
    fence = re.match("`+", span)
    assert fence
    inside = span[len(fence[0]) : -len(fence[0])]
    assert inside.strip(" ") == text
    assert fence[0] not in re.findall("`+", inside)


def test_prose_keeps_code_and_nothing_else() -> None:
    assert ui.prose("within `world_ports`, *all*.") == "within `world_ports`\\, \\*all\\*\\."


@pytest.mark.parametrize(
    ("since", "reads"),
    [
        (timedelta(seconds=5), "0 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=2), "2 d"),
        (timedelta(days=400), "400 d"),
        (timedelta(days=-1), "0 min"),
    ],
)
def test_ages(since: timedelta, reads: str) -> None:
    assert ui.ago(datetime.now(UTC) - since) == reads


def test_words_of_the_contract_read_as_sentences() -> None:
    assert ui.words("not_fixed") == "Not fixed"
    assert ui.words("under_7_days") == "Under 7 days"
    assert ui.plural(1, "finding") == "1 finding"
    assert ui.plural(1200, "finding") == "1,200 findings"


@pytest.mark.parametrize("page", ["queue", "overview", "activity"])
def test_what_may_be_behind_says_so(api: Fake, open_page: Open, page: str) -> None:
    since = datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
    why = "cannot reach ![the](http://evil.invalid) bucket"
    assert "is not shown" not in said(open_page(page))
    api.stale = c.Stale(since=since, why=why)
    shown = said(open_page(page))
    assert "As of 01 Mar 2026, 14:05 UTC: what was found or said since is not shown." in shown
    assert ui.prose(ui.sentence(why)) in shown
