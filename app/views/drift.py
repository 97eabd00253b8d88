"""Drift: what changed from scan to scan, resource by resource, from what to what."""

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, get_args

import session
import streamlit as st
import ui

from stratum_pipeline.triage import contract as c

SIZE = 100
TABLE_HEIGHT = 616
ROW_HEIGHT = 34
SHORT = 40  # characters of a value that is shown in its line
WINDOWS = {"1": "1 day", "7": "7 days", "30": "30 days", "90": "90 days"}
DEFAULTS: dict[str, Any] = {"days": "7", "change": [], "arn": ""}


@dataclass(frozen=True)
class Moved:
    """One resource in one scan: what modules saw of it, once each."""

    changes: tuple[c.Drifted, ...]

    @property
    def first(self) -> c.Drifted:
        return self.changes[0]

    @property
    def columns(self) -> list[c.Drifted]:
        return [change for change in self.changes if change.what == "changed"]


def by_resource(items: Sequence[c.Drifted]) -> list[Moved]:
    """In the order of the page; what two modules say alike of a resource is said once."""
    groups: dict[tuple[str, str], dict[tuple[str, ...], c.Drifted]] = {}
    for item in items:
        values = (item.was, item.now) if item.what == "changed" else ()
        said = groups.setdefault((item.scan_id, item.resource_arn), {})
        said.setdefault((item.what, item.column, *values), item)
    return [Moved(tuple(said.values())) for said in groups.values()]


# --- in words ----------------------------------------------------------------------------


def what(moved: Moved) -> str:
    """Came, went, or which columns; of one short change, from what to what."""
    kinds = [ui.words(each.what) for each in moved.changes if each.what != "changed"]
    columns = moved.columns
    if len(columns) == 1 and short(columns[0]):
        kinds.append(f"{columns[0].column}: {columns[0].was} → {columns[0].now}")
    elif columns:
        kinds.append(f"{', '.join(each.column for each in columns)} changed")
    return "; ".join(kinds)


def short(change: c.Drifted) -> bool:
    return len(change.was) <= SHORT and len(change.now) <= SHORT


def pretty(text: str) -> str:
    """JSON over several lines, documents inside of it too; what was cut off as it is."""
    try:
        value: Any = json.loads(text)
        if isinstance(value, str) and value.startswith(("{", "[")):
            value = json.loads(value)
    except ValueError:
        return text
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def compared(change: c.Drifted) -> str:
    """The lines that differ, with two around them."""
    was, now = (pretty(side).splitlines() for side in (change.was, change.now))
    return "\n".join(list(difflib.unified_diff(was, now, n=2, lineterm=""))[3:])


# --- list --------------------------------------------------------------------------------


def controls() -> None:
    for name, default in DEFAULTS.items():
        # Said again: a keyed widget comes back empty after a switch of pages.
        st.session_state[name] = st.session_state.get(name) or default
    with st.container(horizontal=True, vertical_alignment="center", key="toolbar"):
        st.segmented_control(
            "Window",
            list(WINDOWS),
            format_func=WINDOWS.__getitem__,
            required=True,
            key="days",
            label_visibility="collapsed",
        )
        st.multiselect(
            "Change",
            get_args(c.What),
            format_func=ui.words,
            key="change",
            placeholder="Any change",
            label_visibility="collapsed",
            width=220,
        )
        st.text_input(
            "Resource",
            key="arn",
            placeholder="Any resource: paste an ARN",
            label_visibility="collapsed",
            max_chars=2048,
            width=280,
        )


def changes(page: c.Drift) -> None:
    moved = by_resource(page.items)
    main, side = st.columns([1.9, 1], gap="medium")
    with main:
        picked = table(moved)
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.caption(
                f"{ui.plural(len(page.items), 'change')} of {ui.plural(len(moved), 'resource')}, "
                "newest scan first.",
                width="content",
            )
            ui.pager("drift", len(page.items), None, page.next, SIZE)
    with side, st.container(key="facts", gap="small"):
        whole(moved[picked])


def table(moved: Sequence[Moved]) -> int:
    first, last = moved[0].first, moved[-1].first
    event: Any = st.dataframe(
        [
            {
                "at": ui.when(each.first.at).removesuffix(" UTC"),
                "resource": each.first.resource,
                "what": what(each),
                "account": each.first.account_name,
                "module": ", ".join(dict.fromkeys(one.module for one in each.changes)),
            }
            for each in moved
        ],
        # Another page: the selection is of another list.
        key=f"rows_{first.at}_{first.resource_arn}_{last.at}_{last.resource_arn}_{len(moved)}",
        on_select="rerun",
        selection_mode="single-row-required",
        height=ui.table_height(len(moved), ROW_HEIGHT, TABLE_HEIGHT),
        row_height=ROW_HEIGHT,
        hide_index=True,
        alt="Changed resources, one a row",
        column_config={
            "at": st.column_config.TextColumn("Scan, UTC", width=128),
            "resource": st.column_config.TextColumn("Resource", width=244),
            "what": st.column_config.TextColumn("What changed", width=284),
            "account": st.column_config.TextColumn("Account", width=112),
            "module": st.column_config.TextColumn("Module", width=86),
        },
    )
    return next((row for row in event.selection.rows if row < len(moved)), 0)


# --- one resource ------------------------------------------------------------------------


def whole(moved: Moved) -> None:
    one = moved.first
    ui.section(ui.plain(one.resource))
    for change in moved.changes:
        difference(change)
    ui.facts(
        {
            "Found": ui.when(one.at),
            "Account": ui.plain(one.account_name),
            "Region": ui.plain(one.region) or "none",
            "Table": ui.code(f"{one.module}.{one.table}"),
            "ARN": ui.code(one.resource_arn),
        }
    )
    # All of them, whatever scope this page is in.
    query = ui.queue_params(resource=one.resource_arn, scope=session.ORGANIZATION)
    st.page_link(
        "views/queue.py",
        label="Findings of this resource",
        icon=":material/arrow_forward:",
        query_params=query,
    )
    if st.session_state["arn"] != one.resource_arn:
        st.button(
            "Only this resource",
            icon=":material/filter_alt:",
            on_click=only,
            args=(one.resource_arn,),
        )


def difference(change: c.Drifted) -> None:
    if change.what == "changed":
        if short(change):
            st.markdown(
                f"{ui.code(change.column)} :gray[from] {ui.code(change.was)} "
                f":gray[to] {ui.code(change.now)}"
            )
            return
        st.markdown(ui.code(change.column), width="content")
        if lines := compared(change):
            st.code(lines, language="diff", wrap_lines=True)
    elif change.what == "replaced":
        st.markdown(
            "**Replaced** :gray[by another one of the same name:] "
            f"{ui.code(change.was)} :gray[is now] {ui.code(change.now)}"
        )
    else:
        came = change.what == "appeared"
        st.markdown(f"**{ui.words(change.what)}**")
        with st.expander("What is known of it" if came else "What was known of it", type="compact"):
            text = pretty(change.now if came else change.was)
            st.code(text, language="json", wrap_lines=True)
    if change.cut:
        st.caption("Cut off here; the files of the data folder have the whole of it.")


# --- nothing to show ---------------------------------------------------------------------


def nothing(page: c.Drift, filtered: bool) -> None:
    unseen = "What a scan could not see it says nothing of."
    if page.next:
        title = f"Nothing found back to {ui.day(page.searched_to)}"
        with ui.empty_state(title, f"The window goes on before that. {unseen}"):
            ui.pager("drift", 0, None, page.next, SIZE)
    elif filtered:
        with ui.empty_state("No changes match", f"None since {ui.day(page.since)}. {unseen}"):
            st.button("Show all", on_click=show_all)
    else:
        ui.empty_state(
            "Nothing changed",
            f"No scan since {ui.day(page.since)} found a difference to the one before. {unseen}",
        )


def only(arn: str) -> None:
    st.session_state["arn"] = arn


def show_all() -> None:
    st.session_state.update(change=[], arn="")


session.start_from_url(
    {"days": tuple(WINDOWS), "change": get_args(c.What), "arn": None}, single=("days", "arn")
)
ui.page_header("Drift", scoped=True)
controls()
days = timedelta(days=int(st.session_state["days"]))
question = c.DriftQuery(
    scope=session.scope(),
    since=datetime.combine((datetime.now(UTC) - days).date(), time(), UTC),
    what=tuple(st.session_state["change"]),
    resource=st.session_state["arn"].strip(),
    limit=SIZE,
)
at = ui.cursor("drift", question)
found = session.client().drift(question.model_copy(update={"cursor": at}))
if found.items:
    changes(found)
else:
    nothing(found, bool(question.what or question.resource))
session.keep_in_url(tuple(DEFAULTS), DEFAULTS)
