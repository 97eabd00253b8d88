"""What people do to findings: actions with their keys, dialogs, recording, the way back."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, get_args

import guard
import session
import streamlit as st
import ui

from stratum_pipeline.triage import contract as c

UNDO_FOR = timedelta(minutes=5)
STILL_THERE = ("new", "baseline", "regressed", "not_fixed")  # no scan has seen it gone
UNTIL = {
    "30": "30 days",
    "90": "90 days",
    "quarter": "Quarter end",
    "date": "Date",
    "": "No end",
}


# --- of what -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """Findings to say something of: by id, or by filter and how many it matched when asked."""

    count: int
    states: frozenset[str]
    ids: tuple[str, ...] = ()
    filter: c.Filter | None = None
    assignees: frozenset[str] = frozenset()


def of_rows(rows: Iterable[c.Row]) -> Target:
    rows = list(rows)
    return Target(
        count=len(rows),
        states=frozenset(map(_state, rows)),
        ids=tuple(row.finding_id for row in rows),
        assignees=frozenset(row.assignee for row in rows),
    )


def of_filter(asked: c.Filter, count: int) -> Target:
    states = {"marked" if s == "resolved" else s for s in asked.status or get_args(c.Status)}
    return Target(count, frozenset(states), filter=asked)


def _state(row: c.Row) -> str:
    """Resolved as a person says it, while no scan has, can be taken back: "marked"."""
    marked = row.status == "resolved" and row.cause in STILL_THERE
    return "marked" if marked else row.status


# --- what --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Action:
    """One thing to say. `asks` draws what else it needs and gives it as fields of Record."""

    kind: c.Action
    label: str
    done: str
    icon: str
    key: str
    states: frozenset[str]
    next: str
    asks: Callable[[], dict[str, Any]]
    undo: c.Action | None = None


def _note(label: str = "Note", placeholder: str = "Optional") -> dict[str, Any]:
    return {"note": st.text_area(label, placeholder=placeholder, height=90, max_chars=4000)}


def _needed_note() -> dict[str, Any]:
    return _note(placeholder="What whoever reads this next should know")


def _assignee() -> dict[str, Any]:
    me = session.me().id
    others = [person for person in session.client().people().items if person != me]
    person = st.selectbox(
        "Assignee",
        [me, *others, ""],
        format_func=lambda each: each or "Nobody",
        accept_new_options=True,
        help="Somebody who is not listed: type the name",
    )
    return {"to": person or ""}


def _suppression() -> dict[str, Any]:
    reason = st.radio("Reason", get_args(c.Reason), format_func=ui.words, horizontal=True)
    term = st.pills(
        "Until", list(UNTIL), format_func=UNTIL.__getitem__, default="90", required=True
    )
    until = ends(term, _last_day() if term == "date" else datetime.now(UTC).date())
    if until is None:
        st.caption("No end: it stays suppressed until somebody ends it.")
    else:
        st.caption(f"Open again after {ui.day(until)}, at the end of that day in UTC.")
    note = _note(placeholder="What makes this acceptable, and who agreed")
    return {"reason": reason, "until": until} | note


def _last_day() -> date:
    today = datetime.now(UTC).date()
    return st.date_input(
        "Last day", value=today + timedelta(days=14), min_value=today, format="YYYY-MM-DD"
    )


def ends(term: str, day: date) -> datetime | None:
    """The end of the last day of a term that begins on `day`."""
    if not term:
        return None
    if term == "quarter":
        month = (day.month + 2) // 3 * 3
        day = date(day.year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    elif term != "date":
        day += timedelta(days=int(term))
    return datetime.combine(day, time(23, 59, 59), UTC)


def _nothing() -> dict[str, Any]:
    return {}


ACTIONS = (
    Action(
        "assigned",
        "Assign",
        "Assigned",
        "person",
        "A",
        frozenset({"open", "suppressed", "resolved", "marked"}),
        "They find it under Assigned to me.",
        _assignee,
        "assigned",
    ),
    Action(
        "noted",
        "Note",
        "Noted on",
        "edit_note",
        "N",
        frozenset({"open", "suppressed", "resolved", "marked"}),
        "It stays in the timeline and is never edited.",
        _needed_note,
    ),
    Action(
        "acknowledged",
        "Acknowledge",
        "Acknowledged",
        "visibility",
        "K",
        frozenset({"open"}),
        "Says that somebody has seen it. It stays open.",
        _nothing,
    ),
    Action(
        "suppressed",
        "Suppress",
        "Suppressed",
        "volume_off",
        "S",
        frozenset({"open"}),
        "It leaves the open queue. Scans go on looking at it.",
        _suppression,
        "unsuppressed",
    ),
    Action(
        "unsuppressed",
        "Unsuppress",
        "Ended the suppression of",
        "volume_up",
        "U",
        frozenset({"suppressed"}),
        "It is open again at once.",
        _note,
    ),
    Action(
        "marked_resolved",
        "Mark resolved",
        "Marked resolved:",
        "check",
        "E",
        frozenset({"open"}),
        "Holds until the next complete scan. If the condition is still there, it reopens.",
        _note,
        "marked_open",
    ),
    Action(
        "marked_open",
        "Mark open",
        "Marked open:",
        "undo",
        "O",
        frozenset({"marked"}),
        "Takes back what somebody said, before a scan decides.",
        _note,
    ),
)


def keys() -> str:
    """ "A assign, N note, ..." """
    return ", ".join(f"{a.key} {a.label.lower()}" for a in ACTIONS if a.kind != "marked_open")


def buttons(target: Callable[[], Target] | Target, key: str, states: frozenset[str]) -> None:
    """What can be done to findings in these `states`, if the person may; target: asked for when
    one is pressed. The letter in a button is its key.
    """
    if not session.may(c.Role.TRIAGER):
        return
    for action in ACTIONS:
        if action.states & states and st.button(
            action.label,
            icon=f":material/{action.icon}:",
            shortcut=ui.keyed(action.key),
            key=f"{key}_{action.kind}",
            on_click=_keys_off,
        ):
            with guard.inline():
                start(action, target() if callable(target) else target)


def _keys_off() -> None:
    st.session_state["keys_off_next"] = True


def start(action: Action, target: Target) -> None:
    once = uuid.uuid4().hex  # a second press of the same button is the same request
    if action.asks is _nothing and target.filter is None:
        _record(action, target, {}, once)
    else:
        # Dismissed, the page is drawn anew: with its keys.
        dialog = st.dialog(action.label, icon=f":material/{action.icon}:", on_dismiss="rerun")
        dialog(_dialog)(action, target, once)


def _dialog(action: Action, target: Target, once: str) -> None:
    st.caption(f"**{ui.plural(target.count, 'finding')}.** {action.next}")
    with guard.inline():
        fields = action.asks()
        if st.button(
            f"{action.label} {ui.number(target.count)}" if target.count > 1 else action.label,
            type="primary",
            shortcut="Mod+Enter",
            key="dialog_submit",
        ):
            _record(action, target, fields, once)


# --- recording, and the way back ---------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What was just recorded, and what would take it back."""

    text: str
    at: datetime
    undo: c.Record | None = None


def _record(action: Action, target: Target, fields: dict[str, Any], once: str) -> None:
    before = _assignee_before(target) if action.kind == "assigned" else None
    recorded = session.client().record(
        c.Record(
            kind=action.kind,
            finding_ids=target.ids,
            filter=target.filter,
            expected=target.count if target.filter else None,
            idempotency_key=once,
            **fields,
        )
    )
    text = f"{action.done} {ui.plural(recorded.matched, 'finding')}{_ending(action, fields)}"
    undo = None
    if action.undo and recorded.entry and not (action.undo == "assigned" and before is None):
        undo = c.Record(
            kind=action.undo,
            filter=c.Filter(entry=recorded.entry),
            expected=recorded.matched,
            to=before or "",
            note=f"Undoes ledger entry {recorded.entry}.",
        )
    st.session_state["outcome"] = Outcome(text, datetime.now(UTC), undo)
    st.session_state["selection"] = st.session_state.get("selection", 0) + 1
    st.rerun()


def _assignee_before(target: Target) -> str | None:
    """Whose they all were; None if not of one."""
    whose = target.assignees
    if target.filter is not None:
        counted = session.client().facets(target.filter.model_copy(update={"assignee": ()}))
        wanted = target.filter.assignee
        whose = {f.value for f in counted.counts["assignee"] if not wanted or f.value in wanted}
    return next(iter(whose)) if len(whose) == 1 else None


def _ending(action: Action, fields: dict[str, Any]) -> str:
    if action.kind == "assigned":
        return f" to {ui.plain(fields['to'] or 'nobody')}"
    if action.kind == "suppressed":
        return f" until {ui.day(fields['until'])}" if fields["until"] else ", without an end"
    return ""


@st.fragment
def outcome() -> None:
    """What was just recorded, and Undo where there is a way back."""
    if notice := st.session_state.pop("notice", None):
        st.toast(notice)
    done: Outcome | None = st.session_state.get("outcome")
    if done is None or datetime.now(UTC) - done.at > UNDO_FOR:
        return
    with st.container(
        key="outcome", horizontal=True, vertical_alignment="center", width="content", gap="small"
    ):
        st.markdown(done.text, width="content")
        # Drawn before a dialog was opened, the button is heard through it.
        if (
            done.undo
            and st.button("Undo", icon=":material/undo:", shortcut="Z")
            and not st.session_state["keys_off"]
        ):
            _undo(done.undo)
        st.button("Dismiss", type="tertiary", on_click=st.session_state.pop, args=("outcome", None))


def _undo(record: c.Record) -> None:
    try:
        undone = session.client().record(record)
        text = f"Undone for {ui.plural(undone.matched, 'finding')}"
    except guard.FAULTS as error:
        text = f"Not undone: {ui.plain(str(error))}"
    st.session_state["outcome"] = Outcome(text, datetime.now(UTC))
    st.session_state["selection"] = st.session_state.get("selection", 0) + 1
    st.rerun()
