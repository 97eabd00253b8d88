"""What people say of findings: checked, then appended."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from stratum_pipeline.store.ledger import Entry, Head, Ledger

from .events import BY_PEOPLE, VIEW_DELETED, VIEW_SAVED, Kind, Reason

INLINE = 200
"""More findings than this stand in a payload instead of in the entry."""


class TriageError(Exception):
    """The event cannot be recorded; the message says why and what would be accepted."""


def check(
    kind: Kind,
    *,
    note: str = "",
    reason: str = "",
    until: datetime | None = None,
    now: datetime,
) -> None:
    """TriageError unless a person may say this now.

    reason and note are asked of a suppression, note of `noted`; `until` must lie ahead and
    have a time zone.
    """
    if kind not in BY_PEOPLE:
        raise TriageError(f"{kind} is not for people to say.")
    if kind == Kind.SUPPRESSED and reason not in set(Reason):
        raise TriageError(f"a suppression needs a reason: {', '.join(Reason)}.")
    if kind in (Kind.NOTED, Kind.SUPPRESSED) and not note.strip():
        raise TriageError("a note is needed: whoever reads this next will want to know why.")
    if until is not None and until.tzinfo is None:
        raise TriageError(f"{until:%Y-%m-%d %H:%M} names no moment: give it a UTC offset.")
    if until is not None and until <= now:
        raise TriageError(f"{until:%Y-%m-%d %H:%M} UTC is past: a suppression ends later than now.")


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
    head: Head | None = None,
    mark: str = "",
    request: str = "",
) -> Entry:
    """Append one event about `findings`, ids of findings that exist: none ever ceases to.

    actor: {kind: person, id, assurance}, from a verified identity, never from user input.
    to: of `assigned`, "" for nobody. The rest as `check`. head: an end of the chain already
    known. mark, request: id of the entry and digest of the request, where it can be repeated.
    """
    check(kind, note=note, reason=reason, until=until, now=now)
    if not findings:
        raise TriageError("name at least one finding: `stratum findings` lists their ids.")
    body: dict[str, Any] = {"note": note} | ({"request": request} if request else {})
    if kind == Kind.ASSIGNED:
        body["to"] = to
    if kind == Kind.SUPPRESSED:
        body |= {"reason": reason, "until": until.astimezone(UTC).isoformat() if until else ""}
    ids = sorted(set(findings))
    if len(ids) > INLINE:
        body["findings"] = ledger.vault.payload(pl.DataFrame({"finding_id": ids}))
    else:
        body["finding_ids"] = ids
    return _append(ledger, str(kind), actor, body, head, mark)


def save_view(
    ledger: Ledger,
    actor: dict[str, str],
    name: str,
    query: dict[str, list[str]],
    shared: bool,
    head: Head | None = None,
) -> Entry:
    """Append that `actor` saved a view: a set of filters, for all if `shared`."""
    body = {"name": name, "shared": shared, "query": query}
    return _append(ledger, VIEW_SAVED, actor, body, head)


def delete_view(
    ledger: Ledger, actor: dict[str, str], name: str, shared: bool, head: Head | None = None
) -> Entry:
    """Append that `actor` deleted an own view, or a shared one."""
    return _append(ledger, VIEW_DELETED, actor, {"name": name, "shared": shared}, head)


def _append(
    ledger: Ledger,
    kind: str,
    actor: dict[str, str],
    body: dict[str, Any],
    head: Head | None,
    mark: str = "",
) -> Entry:
    entry = ledger.append(kind, actor, lambda _: body, head, mark)
    assert entry is not None  # there was something to say
    return entry
