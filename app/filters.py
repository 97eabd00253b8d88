"""Which findings the queue shows: facet rail, saved views, address bar; one state for the three.

Widgets hold it under the names of the contract's Filter; all but text, group and sort are lists.
"""

from collections.abc import Mapping
from typing import get_args

import guard
import session
import streamlit as st
import ui

from stratum_pipeline.triage import contract as c

Query = dict[str, tuple[str, ...]]
LISTS = (*c.FACETS, "resource", "root_cause", "unverified", "entry")
DEFAULTS = {"text": "", "group": "none", "sort": "priority"}
WORDS = {
    "severity": get_args(c.Severity),
    "status": get_args(c.Status),
    "age": get_args(c.Age),
    "cause": get_args(c.Cause),
    "unverified": ("yes",),
    "group": ("none", "rule", "resource", "root_cause"),
}
PILLS = ("severity", "status", "module", "age")
LABELS = {"unverified": "Last scan", "root_cause": "Root cause", "entry": "Ledger entry"}
ANY = ("any",)  # status of a queue without any filter: a bare address means All open
OPEN: Query = {"status": ("open",)}


# --- state -------------------------------------------------------------------------------


def start() -> None:
    """State before the first widget: the address bar, else the default."""
    if "id" in st.query_params:
        # On its way to a finding st.switch_page leaves its address under our name in the browser's
        # history: whoever goes back wants the queue as it was.
        st.query_params.from_dict(st.session_state.get("queue_address", {}))
    known = {name: WORDS.get(name) for name in (*LISTS, *DEFAULTS)}
    session.start_from_url(known, single=tuple(DEFAULTS))
    if not any(map(str.isdecimal, st.session_state.get("entry", ()))):
        st.session_state.pop("entry", None)
    if not any(name in st.session_state or name in st.query_params for name in (*LISTS, "text")):
        st.session_state["status"] = list(OPEN["status"])
    for name, value in DEFAULTS.items():
        st.session_state.setdefault(name, value)


def asked() -> c.Filter:
    chosen = {name: tuple(st.session_state.get(name) or ()) for name in LISTS}
    entry = next(filter(str.isdecimal, chosen.pop("entry")), "")
    return c.Filter(
        scope=session.scope(),
        text=(st.session_state["text"] or "")[:200],
        entry=int(entry) if entry else None,
        unverified=bool(chosen.pop("unverified")) or None,
        **chosen,  # type: ignore[arg-type]
    )


def query() -> Query:
    """The state as it stands in the address bar."""
    found: Query = {name: tuple(st.session_state.get(name) or ()) for name in LISTS}
    found = {name: values for name, values in found.items() if values}
    if not found and not st.session_state["text"]:
        found["status"] = ANY
    for name, default in DEFAULTS.items():
        if (value := st.session_state[name]) and value != default:
            found[name] = (value,)
    if session.scope() != session.ORGANIZATION:
        found["scope"] = (session.scope(),)
    return found


def choose(wanted: Query) -> None:
    """Make it the state. Grouping, sorting and scope stay unless it speaks of them."""
    for name in LISTS:
        st.session_state[name] = [v for v in wanted.get(name, ()) if v in WORDS.get(name, (v,))]
    st.session_state["text"] = "".join(wanted.get("text", ()))
    for name in ("group", "sort"):
        if name in wanted:
            st.session_state[name] = wanted[name][0]
    if "scope" in wanted:
        session.set_scope(wanted["scope"][0])


def keep() -> None:
    """The address bar is a link to what is on the screen, and the way back from a finding."""
    st.session_state["queue_address"] = found = {n: list(v) for n, v in query().items()}
    if {n: st.query_params.get_all(n) for n in st.query_params} != found:
        st.query_params.from_dict(found)


# --- facet rail --------------------------------------------------------------------------


def rail(facets: c.Facets) -> None:
    with ui.rail():
        for name in LISTS:
            _facet(name, facets.counts.get(name, ()))


def _facet(name: str, values: tuple[c.FacetValue, ...]) -> None:
    chosen = st.session_state.get(name) or []
    if name not in (*c.FACETS, "unverified") and not chosen:
        return
    # The browser knows values by their labels, which have counts: said again on each run, a
    # value survives that its count changes.
    st.session_state[name] = chosen
    if name == "unverified":
        ui.rail_facet(name, {"yes": None}, {"yes": "Could not verify"}.__getitem__, LABELS[name])
    elif name in PILLS:
        counts = {value.value: value.count for value in values}
        options = WORDS.get(name) or sorted({*counts, *chosen})
        read = ui.words if name in WORDS else str
        ui.rail_facet(name, {value: counts.get(value, 0) for value in options}, read)
    else:
        label = LABELS.get(name, ui.words(name))
        named = {value: value for value in chosen} | _options(name, values)
        st.multiselect(
            label,
            list(named),
            format_func=named.__getitem__,
            key=name,
            placeholder=f"Any {label.lower()}",
        )


def _options(name: str, values: tuple[c.FacetValue, ...]) -> dict[str, str]:
    """Labels by value, no two alike: accounts may share a name, rules a title."""
    labels = [_label(name, value) for value in values]
    return {
        value.value: (label if labels.count(label) == 1 else f"{label} {value.value}")
        + f"  {ui.number(value.count)}"
        for value, label in zip(values, labels, strict=True)
    }


def _label(name: str, value: c.FacetValue) -> str:
    return ui.words(value.label) if name in WORDS or not value.value else value.label


# --- saved views -------------------------------------------------------------------------


def _built_in() -> dict[str, Query]:
    return {
        "All open": OPEN,
        "Critical and high": OPEN | {"severity": ("critical", "high")},
        "Assigned to me": OPEN | {"assignee": (session.me().id,)},
        "Unassigned criticals": OPEN | {"severity": ("critical",), "assignee": ("",)},
        "New this week": OPEN | {"age": ("under_7_days",)},
        "Reopened": OPEN | {"cause": ("regressed", "not_fixed")},
        "Could not be verified": OPEN | {"unverified": ("yes",)},
        "Suppressed": {"status": ("suppressed",)},
    }


def views_bar() -> None:
    """A view is a set of filters: choosing one writes the rail, and the one that fits is lit."""
    saved = session.client().views().items
    views = {f"built-in {name}": wanted for name, wanted in _built_in().items()}
    views |= {_id(view): dict(view.query) for view in saved}
    now = query()
    fitting = [name for name, wanted in views.items() if _fits(now, wanted)]
    st.session_state["view"] = max(fitting, key=lambda name: len(views[name]), default=None)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="views"):
        st.pills(
            "Saved views",
            list(views),
            format_func=_name,
            key="view",
            on_change=_choose_view,
            args=(views,),
            label_visibility="collapsed",
            wrap=True,
        )
        if session.may(c.Role.TRIAGER):
            _save(now, saved)


def _id(view: c.View) -> str:
    return f"{'shared' if view.shared else 'own'} {view.name}"


def _name(view_id: str) -> str:
    kind, _, name = view_id.partition(" ")
    return (":material/group: " if kind == "shared" else "") + ui.plain(name)


def _choose_view(views: Mapping[str, Query]) -> None:
    choose(views.get(st.session_state["view"] or "", {}))


def _fits(now: Query, wanted: Query) -> bool:
    """Of grouping, sorting and scope only what it speaks of counts."""
    free = {"group", "sort", "scope"} - wanted.keys()
    return {n: set(v) for n, v in now.items() if n not in free} == {
        n: set(v) for n, v in wanted.items()
    }


def _save(now: Query, saved: tuple[c.View, ...]) -> None:
    shares = session.may(c.Role.APPROVER)
    # A popover of another key begins closed: it closes once something is saved or deleted.
    key = f"save {[_id(view) for view in saved]}"
    with st.popover("Save view", icon=":material/bookmark_add:", key=key), guard.inline():
        st.caption("Filters, search, grouping, sorting and scope as they are now.")
        with st.form("save_view", border=False):
            name = st.text_input("Name", max_chars=60, key="view_name")
            shared = shares and st.checkbox("Share with everybody")
            if st.form_submit_button("Save", type="primary", key="view_save") and name.strip():
                view = c.View(name=name.strip(), query=now, shared=bool(shared))
                session.client().save_view(view)
                st.rerun()
        for view in saved:
            if shares or not view.shared:
                _saved(view)


def _saved(view: c.View) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.markdown(_name(_id(view)), width="content")
        if st.button(
            "Delete", icon=":material/delete:", type="tertiary", key=f"delete {_id(view)}"
        ):
            session.client().delete_view(c.ViewKey(name=view.name, shared=view.shared))
            st.rerun()
