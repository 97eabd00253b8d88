"""Who asks, of whom and about what: client, identity, scope, address bar."""

import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import streamlit as st

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import problems
from stratum_pipeline.triage.client import Answer, Client, Transport

ORGANIZATION = "organization"
# What the load balancer signs; Cognito tells groups in the second alone.
VOUCHERS = ("x-amzn-oidc-data", "x-amzn-oidc-accesstoken")
EARLY = timedelta(seconds=30)  # a session this near its end is asked for anew

_READS = {operation.name for operation in c.OPERATIONS if operation.method == "GET"}
_SCOPE = re.compile(r"organization|ou:.+|account:\d{12}|module:[a-z0-9_]+")


class Asking(Client):
    """A client that asks equal questions of one run once."""

    def __init__(self, transport: Transport, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(transport, headers)
        self._answers: dict[tuple[str, c.Model], c.Model] = {}

    def acting_as(self, headers: Mapping[str, str]) -> "Asking":
        return Asking(self._transport, headers)

    def forget(self) -> None:
        self._answers.clear()

    def _ask(self, name: str, question: c.Model, gives: type[Answer]) -> Answer:
        if name not in _READS:
            self.forget()
            return super()._ask(name, question, gives)
        if (name, question) not in self._answers:
            self._answers[name, question] = super()._ask(name, question, gives)
        return cast(Answer, self._answers[name, question])


@st.cache_resource(show_spinner=False)
def connection() -> Asking:
    """One for all sessions of this process."""
    return cast(Asking, Asking.connect())


# --- who ---------------------------------------------------------------------------------


def begin() -> None:
    """A run begins: what the one before was answered may have changed."""
    client().forget()
    st.session_state["run_begun"] = True
    st.session_state["keys_off"] = st.session_state.pop("keys_off_next", False)
    if _SCOPE.fullmatch(asked := st.query_params.get("scope", "")):
        st.session_state["scope"] = asked
    _scope_in_url()


def begin_alone() -> None:
    """A part of a page begins: a run of its own, unless the page has just begun one."""
    if not st.session_state.pop("run_begun", False):
        begin()
        del st.session_state["run_begun"]


def client() -> Asking:
    """The connection, speaking for whoever looks at this page; ApiError if nobody vouches."""
    ends = st.session_state.get("session_ends")
    if "client" not in st.session_state or (ends and datetime.now(UTC) >= ends):
        st.session_state["client"] = connection().acting_as(_headers())
        st.session_state.pop("me", None)
    return st.session_state["client"]


def me() -> c.Me:
    asks = client()
    if "me" not in st.session_state:
        st.session_state["me"] = asks.me()
    return st.session_state["me"]


def may(role: c.Role) -> bool:
    """Whether to offer it; the API decides again when it is done."""
    return me().role.may(role)


def end() -> None:
    """The next run asks anew who this is."""
    for name in ("client", "me", "session_ends"):
        st.session_state.pop(name, None)


def mode() -> str:
    return os.environ.get("STRATUM_IDENTITY") or "local"


def login_needed() -> bool:
    # Without a section [auth] in secrets.toml st.user knows nothing of logins.
    return mode() == "oidc" and not getattr(st.user, "is_logged_in", False)


def _headers() -> dict[str, str]:
    sent = st.context.headers
    if mode() == "local":
        _only_this_machine(sent)
        return {}
    if mode() == "alb":
        vouched = {name: sent[name] for name in VOUCHERS if name in sent}
    else:
        vouched = {"Authorization": f"Bearer {_id_token()}"}
    session = connection().acting_as(vouched).session()
    st.session_state["session_ends"] = session.expires_at - EARLY
    return {"Authorization": f"Bearer {session.token}"}


def _id_token() -> str:
    if token := st.user.tokens.get("id"):
        return token
    raise problems.unauthenticated(
        'the login gave no ID token: set expose_tokens = "id" in section [auth] of secrets.toml.'
    )


def _only_this_machine(sent: Mapping[str, str]) -> None:
    """Locally whoever asks is the operating system's user: nobody from elsewhere may."""
    address = st.context.ip_address  # None is localhost
    proxied = any(name.lower().startswith("x-forwarded-") for name in sent)
    if proxied or (address and not _loopback(address)):
        raise problems.unauthenticated(
            "you come from another machine or through a proxy, and this app knows no people: "
            "STRATUM_IDENTITY=alb or oidc lets it serve others."
        )


def _loopback(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


# --- scope -------------------------------------------------------------------------------


def scope() -> str:
    """What pages that obey it are about; it outlives a page switch."""
    return st.session_state.get("scope", ORGANIZATION)


def set_scope(chosen: str) -> None:
    st.session_state["scope"] = chosen
    _scope_in_url()


def _scope_in_url() -> None:
    if scope() != ORGANIZATION:
        st.query_params["scope"] = scope()
    elif "scope" in st.query_params:
        del st.query_params["scope"]


# --- address bar -------------------------------------------------------------------------


def start_from_url(allowed: Mapping[str, Sequence[str] | None], single: Sequence[str] = ()) -> None:
    """On entering a page widgets start from the URL; after that the widgets lead.

    allowed: by key the values it may take, None for any. single: keys that hold one value.
    Not `bind="query-params"`: it writes the formatted label, counts and all.
    """
    for name, values in allowed.items():
        if name in st.session_state or name not in st.query_params:
            continue
        given = [v for v in st.query_params.get_all(name) if values is None or v in values]
        if given:
            st.session_state[name] = given[0] if name in single else given


def keep_in_url(names: Sequence[str], defaults: Mapping[str, Any] | None = None) -> None:
    """The address bar always holds a link to what is on the screen."""
    for name in names:
        value = st.session_state.get(name)
        if value and value != (defaults or {}).get(name):
            st.query_params[name] = value
        elif name in st.query_params:
            del st.query_params[name]
