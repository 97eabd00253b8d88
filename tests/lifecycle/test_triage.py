"""What people say is checked against what is so."""

import json
from datetime import timedelta, timezone
from typing import Any

import pytest

from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.lifecycle.triage import TriageError, delete_view, save_view, triage

from .conftest import Place
from .make import ANN, fail, fid, hour


@pytest.fixture
def place(place: Place) -> Place:
    place.scan(1, *(fail(f"n{n}") for n in range(20)))
    place.record()
    return place


REFUSED: dict[str, tuple[Kind, list[str], dict[str, Any], str]] = {
    "no id": (Kind.ACKNOWLEDGED, [], {}, "name at least one finding"),
    "no note": (Kind.NOTED, [fid("n1")], {}, "a note is needed"),
    "blank note": (Kind.NOTED, [fid("n1")], {"note": " \n"}, "a note is needed"),
    "suppressed without a note": (
        Kind.SUPPRESSED,
        [fid("n1")],
        {"reason": "accepted_risk"},
        "a note is needed",
    ),
    "suppressed without a reason": (
        Kind.SUPPRESSED,
        [fid("n1")],
        {"note": "x"},
        "needs a reason: accepted_risk, false_positive, compensating_control, not_applicable",
    ),
    "another reason": (
        Kind.SUPPRESSED,
        [fid("n1")],
        {"note": "x", "reason": "tired"},
        "needs a reason",
    ),
    "until yesterday": (
        Kind.SUPPRESSED,
        [fid("n1")],
        {"note": "x", "reason": "accepted_risk", "until": hour(24)},
        "2026-01-02 00:00 UTC is past",
    ),
    "until now": (
        Kind.SUPPRESSED,
        [fid("n1")],
        {"note": "x", "reason": "accepted_risk", "until": hour(50)},
        "is past",
    ),
    "until a time of no zone": (
        Kind.SUPPRESSED,
        [fid("n1")],
        {"note": "x", "reason": "accepted_risk", "until": hour(60).replace(tzinfo=None)},
        "names no moment: give it a UTC offset",
    ),
    "not for people": (Kind.RESOLVED, [fid("n1")], {}, "resolved is not for people to say"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_says_why_not(place: Place, case: str):
    kind, findings, details, match = REFUSED[case]
    with pytest.raises(TriageError, match=match):
        triage(place.ledger, ANN, kind, findings, now=hour(50), **details)
    assert place.kinds() == ["scanned"]


def test_findings_are_named_once_and_in_order(place: Place):
    entry = place.says(Kind.ASSIGNED, fid("n2"), fid("n1"), fid("n1"), to="bob")
    assert entry.body == {
        "finding_ids": sorted([fid("n1"), fid("n2")]),
        "note": "",
        "to": "bob",
    }
    assert (entry.actor, entry.kind) == (ANN, "assigned")
    assert place.queue("n1")["assignee"] == "bob"


def test_an_end_in_another_time_zone_is_the_same_moment(place: Place):
    elsewhere = hour(60).astimezone(timezone(timedelta(hours=-7)))
    place.says(Kind.SUPPRESSED, fid("n1"), reason="accepted_risk", note="x", until=elsewhere)
    assert place.queue("n1", as_of=hour(59))["suppressed_until"] == hour(60)


def test_many_findings_stand_in_a_payload(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stratum_pipeline.lifecycle.triage.INLINE", 3)
    ids = [fid(f"n{n}") for n in range(20)]
    entry = place.says(Kind.ASSIGNED, *ids, to="bob")
    assert "finding_ids" not in entry.body
    frames = place.publish()
    assert frames["findings"]["assignee"].to_list() == ["bob"] * 20
    assert frames["entries"].row(-1, named=True)["findings"] == 20


def test_marked_open_takes_marked_resolved_back(place: Place):
    place.says(Kind.MARKED_RESOLVED, fid("n1"))
    assert place.queue("n1")["status"] == "resolved"
    place.says(Kind.MARKED_OPEN, fid("n1"))
    row = place.queue("n1")
    assert (row["status"], row["marked_by"]) == ("open", None)


def test_views_are_kept_by_owner_and_name(place: Place):
    bob = ANN | {"id": "bob"}

    def kept() -> list[tuple[str, str, bool, str]]:
        rows = place.publish()["views"]
        return [(r["owner"], r["name"], r["shared"], r["query"]) for r in rows.to_dicts()]

    save_view(place.ledger, ANN, "mine", {"severity": ["high"]}, shared=False)
    save_view(place.ledger, bob, "mine", {}, shared=False)
    save_view(place.ledger, bob, "ours", {}, shared=True)
    save_view(place.ledger, ANN, "ours", {"text": ["x"]}, shared=True)
    save_view(place.ledger, ANN, "mine", {"severity": ["low"]}, shared=False)
    ours = (ANN["id"], "ours", True, '{"text":["x"]}')
    assert kept() == [
        (ANN["id"], "mine", False, '{"severity":["low"]}'),
        ("bob", "mine", False, "{}"),
        ours,
    ]
    delete_view(place.ledger, ANN, "mine", shared=False)
    assert kept() == [("bob", "mine", False, "{}"), ours]
    delete_view(place.ledger, bob, "ours", shared=True)
    assert kept() == [("bob", "mine", False, "{}")]


def test_every_entry_is_listed_with_what_it_speaks_of(place: Place):
    place.says(Kind.NOTED, fid("n1"), fid("n2"), note="look")
    rows = place.publish()["entries"].to_dicts()
    assert [(r["seq"], r["kind"], r["findings"], r["actor_kind"]) for r in rows] == [
        (1, "scanned", 20, "system"),
        (2, "noted", 2, "person"),
    ]
    assert rows[1]["body"] == '{"note":"look"}'
    assert set(json.loads(rows[0]["body"])) == {"scan_id", "outcomes", "changes"}


def test_a_suppression_lands_whole(place: Place):
    place.says(Kind.SUPPRESSED, fid("n1"), reason="accepted_risk", note="for now", until=hour(60))
    row = place.queue("n1", as_of=hour(59))
    assert (row["status"], row["suppressed_until"]) == ("suppressed", hour(60))
    assert (row["suppressed_reason"], row["suppressed_note"]) == ("accepted_risk", "for now")
    assert place.queue("n1", as_of=hour(61))["status"] == "open"
    place.says(Kind.SUPPRESSED, fid("n2"), reason="false_positive", note="x")
    assert place.queue("n2")["suppressed_until"] is None
