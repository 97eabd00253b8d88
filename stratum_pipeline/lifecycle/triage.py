"""What people say of findings: checked against what is so, then appended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from stratum_pipeline.store.ledger import Entry, Head, Ledger

from .events import BY_PEOPLE, Kind, Reason
from .fold import State
from .record import current


class TriageError(Exception):
    """The event cannot be recorded; the message says why and what would be accepted."""


def matching(state: State, prefix: str) -> str:
    """The one finding whose id begins with `prefix`; TriageError if none or several do."""
    if not prefix:
        raise TriageError("name a finding: `stratum findings` lists their ids.")
    ids = state.bodies.filter(pl.col("finding_id").str.starts_with(prefix))["finding_id"]
    if len(ids) == 1:
        return str(ids[0])
    if len(ids) == 0:
        raise TriageError(f"there is no finding {prefix!r}; `stratum findings` lists their ids.")
    raise TriageError(f"{prefix!r} begins the ids of {len(ids)} findings: give more of it.")


def triage(
    ledger: Ledger,
    actor: dict[str, str],
    kind: Kind,
    findings: Sequence[str],
    *,
    note: str = "",
    to: str = "",
    reason: str = "",
    until: datetime | None = None,
    now: datetime,
) -> Entry:
    """Append one event about `findings` (ids or their beginnings).

    actor: {kind: person, id, assurance}, from a verified identity, never from user input.
    reason and note are asked of a suppression, note of `noted`, to of `assigned` ("" for
    nobody); `until` must lie ahead. Checked again if another entry comes first.
    """
    if kind not in BY_PEOPLE:
        raise TriageError(f"{kind} is not for people to say.")
    if kind == Kind.SUPPRESSED and reason not in set(Reason):
        raise TriageError(f"a suppression needs a reason: {', '.join(Reason)}.")
    if kind in (Kind.NOTED, Kind.SUPPRESSED) and not note.strip():
        raise TriageError("a note is needed: whoever reads this next will want to know why.")
    if until is not None and until <= now:
        raise TriageError(f"{until:%Y-%m-%d %H:%M} UTC is past: a suppression ends later than now.")
    if not findings:
        raise TriageError("name at least one finding: `stratum findings` lists their ids.")
    details: dict[Kind, dict[str, Any]] = {
        Kind.ASSIGNED: {"to": to},
        Kind.SUPPRESSED: {"reason": reason, "until": until.isoformat() if until else ""},
    }
    known = current(ledger)

    def compose(head: Head) -> dict[str, Any]:
        nonlocal known
        known = current(ledger, known)
        ids = sorted({matching(known, prefix) for prefix in findings})
        return {"finding_ids": ids, "note": note} | details.get(kind, {})

    entry = ledger.append(str(kind), actor, compose, known.head)
    if entry is None:  # compose always has something to say
        raise TriageError("nothing was recorded; run again.")
    return entry
