"""What people say is checked against what is so."""

from typing import Any

import polars as pl
import pytest

from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.lifecycle.triage import TriageError, triage
from stratum_pipeline.store.vault import Vault

from .conftest import Place
from .make import ANN, fail, fid, hour


@pytest.fixture
def place(place: Place) -> Place:
    """Twenty findings: two of them begin alike."""
    place.scan(1, *(fail(f"n{n}") for n in range(20)))
    place.record()
    return place


def alike(place: Place) -> str:
    ids = place.publish()["findings"]["finding_id"].sort()
    first = ids.str.slice(0, 1)
    return str(first.filter(first.is_duplicated())[0])


REFUSED: dict[str, tuple[Kind, list[str], dict[str, Any], str]] = {
    "unknown id": (Kind.ACKNOWLEDGED, ["beef" * 16], {}, "no finding 'beef.*stratum findings"),
    "one of them unknown": (Kind.ACKNOWLEDGED, [fid("n1"), "x"], {}, "no finding 'x'"),
    "empty id": (Kind.ACKNOWLEDGED, [""], {}, "name a finding"),
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
    "not for people": (Kind.RESOLVED, [fid("n1")], {}, "resolved is not for people to say"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_says_why_not(place: Place, case: str):
    kind, findings, details, match = REFUSED[case]
    with pytest.raises(TriageError, match=match):
        triage(place.ledger, ANN, kind, findings, now=hour(50), **details)
    assert place.kinds() == ["scanned"]


def test_an_ambiguous_beginning(place: Place):
    with pytest.raises(TriageError, match=r"begins the ids of \d+ findings: give more of it"):
        place.says(Kind.ACKNOWLEDGED, alike(place))
    assert place.kinds() == ["scanned"]


def test_beginnings_are_enough(place: Place):
    entry = place.says(Kind.ASSIGNED, fid("n2")[:12], fid("n1")[:12], fid("n1"), to="bob")
    assert entry.body == {
        "finding_ids": sorted([fid("n1"), fid("n2")]),
        "note": "",
        "to": "bob",
    }
    assert (entry.actor, entry.kind) == (ANN, "assigned")
    assert place.queue("n1")["assignee"] == "bob"


def test_a_suppression_lands_whole(place: Place):
    place.says(Kind.SUPPRESSED, fid("n1"), reason="accepted_risk", note="for now", until=hour(60))
    row = place.queue("n1", as_of=hour(59))
    assert (row["status"], row["suppressed_until"]) == ("suppressed", hour(60))
    assert (row["suppressed_reason"], row["suppressed_note"]) == ("accepted_risk", "for now")
    assert place.queue("n1", as_of=hour(61))["status"] == "open"
    place.says(Kind.SUPPRESSED, fid("n2"), reason="false_positive", note="x")
    assert place.queue("n2")["suppressed_until"] is None


def test_it_is_checked_again_on_the_newer_head(place: Place):
    """A beginning that another writer's findings made ambiguous is refused, not guessed."""
    letter = fid("n1")[:2]
    names = (f"m{n}" for n in range(10**6))
    twin = next(name for name in names if fid(name).startswith(letter))
    ids = place.publish()["findings"].filter(pl.col("finding_id").str.starts_with(letter))
    assert ids.height == 1

    class Racing(Vault):
        def create(self, key: str, data: bytes) -> None:
            if place.kinds() == ["scanned"]:
                place.scan(2, *(fail(f"n{n}") for n in range(20)), fail(twin))
                place.record()
            super().create(key, data)

    with pytest.raises(TriageError, match="begins the ids of 2 findings"):
        place.with_vault(Racing(place.ledger.vault._store)).says(Kind.ACKNOWLEDGED, letter)
    assert place.kinds() == ["scanned", "scanned"]
