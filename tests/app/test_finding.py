"""The finding page: what is known of one finding, and what can be done to it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import triage
from streamlit.testing.v1 import AppTest

from stratum_pipeline.triage import contract as c

from .conftest import Open, Serve
from .fake import Fake
from .test_queue import labels, said


def first(api: Fake, **changed: Any) -> c.Finding:
    """The most urgent finding, changed."""
    row = next(iter(api.rows.values())).model_copy(update=changed)
    api.rows[row.finding_id] = row
    return row


def cells(app: AppTest) -> str:
    return "\n".join(table.value.to_string() for table in app.table)


def test_it_reads_in_the_order_of_a_decision(api: Fake, open_page: Open) -> None:
    row = first(api)
    app = open_page("finding", id=row.finding_id)
    text = said(app)
    order = ["Priority 120", "In combination", "Why it matters", "Evidence", "Remediation"]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    assert row.cli in [block.value for block in app.code]
    assert "Root/Workloads/Prod" in cells(app).replace("\\", "")
    looked = {question.scope for name, question in api.calls if name == "seen"}
    assert looked == {"organization", f"account:{row.account_id}"}


def test_the_beginning_of_an_id_is_enough(api: Fake, open_page: Open) -> None:
    row = first(api)
    assert row.title in said(open_page("finding", id=row.finding_id[:8].upper()))


@pytest.mark.parametrize("query", [{"id": "ffff"}, {"id": "not an id"}, {}])
def test_an_unknown_id_is_an_empty_page(api: Fake, open_page: Open, query: dict[str, str]) -> None:
    app = open_page("finding", **query)
    assert "No finding with this id" in said(app)
    assert not app.exception


def test_what_could_not_be_verified_says_why(api: Fake, open_page: Open) -> None:
    row = first(api, unverified="s3:GetBucketPolicy was denied")
    app = open_page("finding", id=row.finding_id)
    assert "Unverified" in said(app)
    assert "GetBucketPolicy was denied" in cells(app).replace("\\", "")


def test_a_suppression_says_who_why_and_until(api: Fake, open_page: Open) -> None:
    at, until = datetime(2026, 1, 2, tzinfo=UTC), datetime(2027, 3, 31, 23, 59, tzinfo=UTC)
    held = c.Suppression(reason="accepted_risk", note="agreed", by="mara", at=at, until=until)
    row = first(api, status="suppressed", suppression=held)
    app = open_page("finding", id=row.finding_id)
    for part in ("Accepted risk", "agreed", "mara", "31 Mar 2027, 23:59 UTC"):
        assert part in cells(app).replace("\\", "")
    assert "Unsuppress" in labels(app)
    assert "Suppress" not in labels(app)


def test_only_what_a_person_resolved_can_be_taken_back(api: Fake, open_page: Open) -> None:
    row = first(api, status="resolved", cause="fixed")
    assert "Mark open" not in labels(open_page("finding", id=row.finding_id))
    row = first(api, status="resolved", cause="new", marked_by="mara")
    assert "Mark open" in labels(open_page("finding", id=row.finding_id))


def test_a_viewer_reads_and_no_more(serve: Serve, open_page: Open) -> None:
    api = serve(Fake(role=c.Role.VIEWER))
    app = open_page("finding", id=first(api).finding_id)
    assert not {"Assign", "Note", "Suppress", "Mark resolved", "Acknowledge"} & labels(app)


def test_the_timeline_is_newest_first_with_who_vouches(api: Fake, open_page: Open) -> None:
    row = first(api)
    app = open_page("finding", id=row.finding_id)
    app.button(key="finding_acknowledged").click().run()
    steps = [step.label for step in app.expander if step.label.startswith("**")]
    assert steps[0].startswith("**Acknowledged** :gray[by ops, not authenticated")
    assert steps[-1].startswith("**Opened")


def test_previous_and_next_are_those_of_the_queue(api: Fake, open_page: Open) -> None:
    app = open_page("queue", sort="oldest")
    ids = app.session_state["queue_ids"]
    app.switch_page("views/finding.py")
    app.query_params["id"] = ids[1]
    app.run()
    app.button(key="neighbour_L").click().run()
    assert app.query_params["id"] == ids[2]
    assert api.rows[ids[2]].title in said(app)


@pytest.mark.parametrize(
    ("term", "day", "ends"),
    [
        ("30", date(2026, 11, 24), date(2026, 12, 24)),
        ("90", date(2026, 11, 24), date(2027, 2, 22)),
        ("quarter", date(2026, 11, 24), date(2026, 12, 31)),
        ("quarter", date(2026, 3, 31), date(2026, 3, 31)),
        ("quarter", date(2024, 1, 1), date(2024, 3, 31)),
        ("date", date(2026, 12, 1), date(2026, 12, 1)),
        ("", date(2026, 12, 1), None),
    ],
)
def test_ends_of_suppressions(term: str, day: date, ends: date | None) -> None:
    ended = triage.ends(term, day)
    assert (ended.date() if ended else None) == ends
