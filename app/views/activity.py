"""Activity: the ledger, as people and scans wrote it, and the way back from what was said."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import guard
import session
import streamlit as st
import triage
import ui

from stratum_pipeline.triage import contract as c

SIZE = 50
TABLE_HEIGHT = 616
ROW_HEIGHT = 34
FACETS = ("kind", "actor")
VOUCHED = {"unauthenticated": "not authenticated", "alb": "ALB", "oidc": "OIDC"}
OUTCOMES = ("complete", "partial", "failed")
CHANGES = {word: word for word in ("opened", "reopened", "resolved", "changed")} | {
    "account_changed": "accounts changed"
}
# What takes an entry back, and of its findings those it still holds for: later entries may have
# said something else of the others.
BACK: dict[str, tuple[c.Action, str, dict[str, Any]]] = {
    "suppressed": ("unsuppressed", "Unsuppress {}", {"status": ("suppressed",)}),
    "marked_resolved": (
        "marked_open",
        "Mark {} open again",
        {"status": ("resolved",), "cause": triage.STILL_THERE},
    ),
}


# --- an entry in words -------------------------------------------------------------------


def who(entry: c.Activity) -> str:
    """An id is worth as much as who vouched for it."""
    if entry.actor_kind == "system":
        return entry.actor
    return f"{entry.actor}, {VOUCHED.get(entry.assurance, entry.assurance)}"


def what(entry: c.Activity) -> str:
    body, some = entry.body, ui.plural(entry.findings, "finding")
    match entry.kind:
        case "scanned":
            return scanned(body)
        case "acknowledged":
            return f"Acknowledged {some}"
        case "assigned":
            return f"Assigned {some} to {to}" if (to := body.get("to")) else f"Unassigned {some}"
        case "noted":
            return f"Noted on {some}"
        case "suppressed":
            until = body.get("until")
            end = f" until {ui.day(datetime.fromisoformat(until))}" if until else ", no end"
            return f"Suppressed {some}{end}: {ui.words(body.get('reason', '')).lower()}"
        case "unsuppressed":
            return f"Unsuppressed {some}"
        case "marked_resolved":
            return f"Marked {some} resolved"
        case "marked_open":
            return f"Marked {some} open again"
        case "view_saved" | "view_deleted":
            verb = "Saved" if entry.kind == "view_saved" else "Deleted"
            shared = "shared " if body.get("shared") else ""
            return f'{verb} {shared}view "{body.get("name", "")}"'
        case _:
            return entry.kind


def scanned(body: dict[str, Any]) -> str:
    outcomes, changes = body.get("outcomes", {}), body.get("changes", {})
    ended = (f"{ui.number(outcomes[word])} {word}" for word in ordered(outcomes, OUTCOMES))
    changed = (
        f"{CHANGES.get(word, word)} {ui.number(changes[word])}"
        for word in ordered(changes, CHANGES)
    )
    return f"Scanned: {', '.join(ended) or 'nothing'}; {', '.join(changed) or 'nothing changed'}"


def ordered(found: Iterable[str], known: Iterable[str]) -> list[str]:
    """In the order of the known words, and after them what is new."""
    places = {word: place for place, word in enumerate(known)}
    return sorted(found, key=lambda word: places.get(word, len(places)))


def about(entry: c.Activity) -> str:
    return entry.title or (ui.plural(entry.findings, "finding") if entry.findings else "")


# --- list --------------------------------------------------------------------------------


def controls(page: c.Activities) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="toolbar"):
        for name, known, read in (("kind", page.kinds, ui.words), ("actor", page.actors, str)):
            chosen = st.session_state.get(name) or []
            st.session_state[name] = chosen  # said again: it survives that the options change
            st.multiselect(
                ui.words(name),
                sorted({*known, *chosen}),
                format_func=read,
                key=name,
                placeholder=f"Any {name}",
                label_visibility="collapsed",
                width=240,
            )
        st.caption(
            f"{ui.number(page.total)} {'entry' if page.total == 1 else 'entries'} of the ledger, "
            "append-only, newest first",
            width="content",
        )


def entries(page: c.Activities) -> None:
    main, side = st.columns([3.1, 1], gap="medium")
    with main:
        picked = table(page.items)
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.caption("Select an entry to read all of it.", width="content")
            ui.pager("activity", len(page.items), page.total, page.next, SIZE)
    with side, st.container(key="facts", gap="small"):
        whole(page.items[picked])
    if (entry := ui.clicked(page.items, "about")) is not None:
        if entry.finding_id:
            ui.open_finding(entry.finding_id)
        elif entry.findings:
            ui.open_queue(**findings_of(entry))


def table(items: Sequence[c.Activity]) -> int:
    event: Any = st.dataframe(
        [
            {
                "at": ui.when(entry.at).removesuffix(" UTC"),
                "what": what(entry),
                "who": who(entry),
                "about": about(entry),
                "note": entry.body.get("note", ""),
                "seq": entry.seq,
            }
            for entry in items
        ],
        # Another page, or something recorded: the selection is of another list.
        key=f"rows_{items[0].seq}_{items[-1].seq}_{st.session_state.get('selection', 0)}",
        on_select="rerun",
        selection_mode="single-row-required",
        height=ui.table_height(len(items), ROW_HEIGHT, TABLE_HEIGHT),
        row_height=ROW_HEIGHT,
        hide_index=True,
        alt="Ledger entries, one a row",
        column_config={
            "at": st.column_config.TextColumn("Time, UTC", width=128),
            "what": st.column_config.TextColumn("What", width=384),
            "who": st.column_config.TextColumn("Who", width=146),
            "about": ui.link_column("Finding", key="about", width=176),
            "note": st.column_config.TextColumn("Note", width=112),
            "seq": st.column_config.NumberColumn("Entry", width=52),
        },
    )
    return next((row for row in event.selection.rows if row < len(items)), 0)


def findings_of(entry: c.Activity) -> dict[str, str]:
    """All of them, whatever scope the other pages are in: this page is about all accounts."""
    return {"entry": str(entry.seq), "scope": session.ORGANIZATION}


# --- one entry ---------------------------------------------------------------------------


def whole(entry: c.Activity) -> None:
    ui.section(ui.plain(what(entry)))
    if note := entry.body.get("note"):
        st.markdown(ui.plain(note))
    one = {"Finding": ui.plain(entry.title)} if entry.title else {}
    ui.facts(
        {
            "By": ui.plain(who(entry)),
            "At": ui.when(entry.at),
            "Ledger entry": ui.number(entry.seq),
        }
        | one
    )
    where, query = "views/queue.py", ui.queue_params(**findings_of(entry))
    if entry.finding_id:
        where, query = "views/finding.py", {"id": entry.finding_id}
    if entry.findings:
        label = f"Open {ui.plural(entry.findings, 'finding')}"
        st.page_link(where, label=label, icon=":material/arrow_forward:", query_params=query)
    if entry.kind in BACK and session.may(c.Role.TRIAGER):
        with guard.inline():
            back(entry)
    with st.expander("Raw JSON", type="compact"):
        raw = json.dumps(entry.body, indent=2, ensure_ascii=False)
        st.code(raw, language="json", wrap_lines=True)


def back(entry: c.Activity) -> None:
    kind, label, still = BACK[entry.kind]
    those = c.Filter.model_validate({"entry": entry.seq} | still)
    counted = session.client().record(c.Record(kind=kind, filter=those, dry_run=True)).matched
    if not counted:
        st.caption("It no longer holds for any finding.")
        return
    action = next(action for action in triage.ACTIONS if action.kind == kind)
    these = "this finding" if counted == 1 else f"these {ui.number(counted)} findings"
    if st.button(label.format(these), icon=f":material/{action.icon}:", key="back"):
        triage.start(action, triage.of_filter(those, counted))


# --- nothing to show ---------------------------------------------------------------------


def nothing(filtered: bool) -> None:
    if not filtered:
        ui.empty_state("The ledger is empty", "No scan has ended and nobody has said anything.")
        return
    with ui.empty_state("No entries match", "The ledger holds none of this kind by this actor."):
        st.button("Show all", on_click=show_all)


def show_all() -> None:
    for name in FACETS:
        st.session_state[name] = []


session.start_from_url(dict.fromkeys(FACETS))
chosen = {name: tuple(st.session_state.get(name) or ()) for name in FACETS}
question = c.ActivityQuery(kind=chosen["kind"], actor=chosen["actor"], limit=SIZE)
ui.page_header("Activity")
at = ui.cursor("activity", question)
found = session.client().activity(question.model_copy(update={"cursor": at}))
controls(found)
if found.items:
    entries(found)
else:
    nothing(any(chosen.values()))
session.keep_in_url(FACETS)
