"""The scope switch: what pages that obey it are about."""

import session
import streamlit as st

from stratum_pipeline.triage import contract as c

SCOPES = {"organization": "Organization", "ou": "OU", "account": "Account", "module": "Module"}


def switch() -> None:
    kind, _, value = session.scope().partition(":")
    # A keyed widget of two pages comes back empty after a switch: set anew on each run.
    st.session_state["scope_kind"] = st.session_state.pop("scope_asked", kind)
    with st.container(horizontal=True, width="content", vertical_alignment="center", gap="xsmall"):
        if (kind := st.session_state["scope_kind"]) != session.ORGANIZATION:
            _scope_value(kind, value if session.scope().startswith(f"{kind}:") else None)
        st.segmented_control(
            "Scope",
            list(SCOPES),
            format_func=SCOPES.__getitem__,
            required=True,
            key="scope_kind",
            on_change=_ask_scope,
            label_visibility="collapsed",
        )


def _ask_scope() -> None:
    """The organization at once; of anything else, which one is asked first."""
    kind = st.session_state["scope_kind"]
    if kind == session.ORGANIZATION:
        session.set_scope(kind)
    else:
        st.session_state["scope_asked"] = kind


def _scope_value(kind: str, value: str | None) -> None:
    named = _scope_names(kind)
    if value is not None:
        named.setdefault(value, value)
    key = f"scope_{kind}"
    st.session_state[key] = value
    st.selectbox(
        SCOPES[kind],
        list(named),
        format_func=lambda each: str(named.get(each, each)),
        key=key,
        on_change=_choose_scope,
        args=(kind,),
        placeholder=f"Which {SCOPES[kind] if kind == 'ou' else kind}?",
        label_visibility="collapsed",
        width=170,
    )


def _choose_scope(kind: str) -> None:
    if chosen := st.session_state[f"scope_{kind}"]:
        session.set_scope(f"{kind}:{chosen}")


def _scope_names(kind: str) -> dict[str, str]:
    if kind == "module":
        modules = session.client().coverage(c.CoverageQuery(limit=1)).modules
        return {name: name for name in modules}
    known = session.client().accounts(c.AccountsQuery(limit=10_000))
    if kind == "ou":
        return {ou: ou for ou in known.ous}
    return {a.account_id: f"{a.name} ({a.account_id})" for a in known.items}
