"""Who asks: a request's headers as a verified person with a role, or a refusal.

local: the operating system's user, heard on the loopback only. alb: the JWT an Application
Load Balancer signs. oidc: the ID token of the app's own login. What vouches for a person in
the last two soon expires while a page stays open for hours: a login is exchanged for a
session, a JWT of our own. Nothing else that a request says of a person is believed.
"""

import getpass
import ipaddress
import os
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Literal

import httpx
import jwt

from stratum_pipeline.settings import Settings

from . import problems
from .contract import Me, Role, Session
from .logins import LEEWAY, LOOPBACK, Claims, Headers, bearer, login, strict, verifying

KEY_BYTES = 32  # RFC 7518 3.2: an HS256 key is no shorter than its hash
SESSION = "stratum-session+jwt"  # RFC 8725 3.11: a type of its own, so no token passes for another
OURS = "stratum"
_ORIGIN = re.compile(rf"https?://{LOOPBACK.pattern}", re.IGNORECASE)


class _SignedIn(Me):
    """A person a login vouches for: only they are given a session.

    Who comes by a session is a plain Me, so that no session can extend itself.
    """


class Identity:
    """Turns headers into people, by the settings' mode. Safe for threads.

    alb_keys, transport: see logins.login. ValueError says which settings do not fit.
    """

    mode: Literal["local", "alb", "oidc"]

    def __init__(
        self, settings: Settings, alb_keys: str = "", transport: httpx.BaseTransport | None = None
    ) -> None:
        self.mode = settings.identity
        self._local_role = Role(settings.local_role)
        self._claim = settings.groups_claim
        self._roles = _roles(settings.group_roles)
        self._lifetime = timedelta(minutes=settings.session_minutes)
        key = settings.session_key.get_secret_value().encode()
        if key and len(key) < KEY_BYTES:
            raise ValueError(
                f"STRATUM_SESSION_KEY is too short: give it {KEY_BYTES} bytes or more."
            )
        self._key = key or secrets.token_bytes(KEY_BYTES)
        self._login = login(settings, alb_keys, transport)

    @classmethod
    def of(cls, settings: Settings) -> "Identity":
        return cls(settings)

    def who(self, headers: Headers, address: str | None) -> Me:
        """The person the headers prove; ApiError (401 or 403) says what to do if they do not.

        address: IP address of the peer; None: this process itself.
        """
        sent = {name.lower(): value for name, value in headers.items()}
        if self._login is None:
            _only_this_machine(sent, address)
            return Me(id=_user(), role=self._local_role, assurance="unauthenticated", mode="local")
        if _is_session(token := bearer(sent)):
            return self._resumed(token)
        claims = self._login.claims(sent)
        person = _id(claims)
        return self._me(_SignedIn, person, self._role(person, claims))

    def session(self, me: Me) -> Session:
        """A session for a person as `who` found them at a login; ApiError (401) for others."""
        if self.mode != "local" and not isinstance(me, _SignedIn):
            raise problems.unauthenticated(
                "a session does not extend itself: reload the page to sign in again."
            )
        now = datetime.now(UTC).replace(microsecond=0)  # JWT counts whole seconds
        until = now + self._lifetime
        claims = {"iss": OURS, "aud": OURS, "sub": me.id, "iat": now, "exp": until}
        claims |= {"role": me.role, "mode": self.mode}
        token = jwt.encode(claims, self._key, "HS256", headers={"typ": SESSION})
        return Session(token=token, expires_at=until)

    def _resumed(self, token: str) -> Me:
        with verifying("session"):
            claims = jwt.decode(
                token,
                self._key,
                ["HS256"],
                audience=OURS,
                issuer=OURS,
                leeway=LEEWAY,
                options=strict("aud", "role", "mode"),
            )
            if claims["mode"] != self.mode or claims["role"] not in list(Role):
                raise jwt.InvalidTokenError("it was given under other settings")
        return self._me(Me, claims["sub"], Role(claims["role"]))

    def _me(self, kind: type[Me], person: str, role: Role) -> Me:
        assert self.mode != "local"
        return kind(id=person, role=role, assurance=self.mode, mode=self.mode)

    def _role(self, person: str, claims: Claims) -> Role:
        groups = _groups(claims.get(self._claim)) | {"*"}
        roles = [self._roles[group] for group in groups & self._roles.keys()]
        if not roles:
            lacks = "" if claims.get(self._claim) else ", and this login has none"
            raise problems.forbidden(
                f"{person} is signed in, but has no role here: ask for a group that "
                f"STRATUM_GROUP_ROLES names. Groups are read from the claim {self._claim!r} "
                f"(STRATUM_GROUPS_CLAIM){lacks}."
            )
        return max(roles, key=list(Role).index)


def check_bind(mode: str, host: str) -> None:
    """ValueError if serving on that address would let others be the operating system's user."""
    if mode == "local" and host.lower() != "localhost" and not _loopback(host):
        raise ValueError(
            f"mode local knows no people: it is not served on {host or 'all addresses'}. Serve "
            "it on 127.0.0.1, or set STRATUM_IDENTITY to alb or oidc."
        )


def check_host(host: str, mode: str) -> None:
    """ApiError (403) if a Host header names another machine, in mode local.

    A page may point a name of its own at 127.0.0.1 (DNS rebinding): what it asks comes from
    this machine's browser, but carries that name.
    """
    if mode == "local" and not LOOPBACK.fullmatch(host):
        raise problems.forbidden(
            f"Stratum answers to localhost, not to {host or 'no name'}: open it at "
            "http://localhost or http://127.0.0.1, with the port it is served on."
        )


def _only_this_machine(sent: Headers, address: str | None) -> None:
    if address is not None and not _loopback(address):
        raise problems.forbidden(
            "mode local knows no people and answers this machine only: set STRATUM_IDENTITY to "
            "alb or oidc to serve others."
        )
    for name in sent:
        if name == "forwarded" or name.startswith("x-forwarded-"):
            raise problems.forbidden(
                f"the header {name} says that a proxy stands before Stratum; in mode local all "
                "who come through it would be the operating system's user. Set STRATUM_IDENTITY "
                "to alb or oidc, or ask without the proxy."
            )
    if address is not None or "host" in sent:
        check_host(sent.get("host", ""), "local")
    if "origin" in sent and not _ORIGIN.fullmatch(sent["origin"]):
        raise problems.forbidden(f"a page of {sent['origin']} may not ask in your name.")


def _loopback(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def _is_session(token: str) -> bool:
    """What the token says it is: it only chooses the key and algorithm it is verified with."""
    try:
        return jwt.get_unverified_header(token).get("typ") == SESSION
    except jwt.PyJWTError:
        return False


def _id(claims: Claims) -> str:
    """The e-mail address, which colleagues recognise, unless the provider doubts it.

    Else the subject. Cognito writes booleans as strings.
    """
    doubted = str(claims.get("email_verified", True)).lower() == "false"
    email = "" if doubted else str(claims.get("email") or "").strip().lower()
    if not (person := email or claims["sub"].strip()):
        raise problems.unauthenticated("the login names nobody: it has neither email nor sub.")
    return person


def _groups(value: object) -> set[str]:
    """A list, or a string: "a, b", "a b", or as Cognito writes a list of SAML's, "[a, b]"."""
    if isinstance(value, str):
        return set(re.split(r"[,\s\[\]]+", value))
    if isinstance(value, list):
        return {group for group in value if isinstance(group, str)}
    return set()


def _roles(text: str) -> dict[str, Role]:
    """Each group's highest role, from "viewer=*,triager=sec-team|platform"."""
    roles: dict[str, Role] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, listed = map(str.strip, part.partition("="))
        groups = [group.strip() for group in listed.split("|")]
        if name not in list(Role) or not all(groups):
            raise ValueError(
                f"STRATUM_GROUP_ROLES has {part!r}, but should look like viewer=*,triager=sec-team|"
                f"platform; the roles are {', '.join(Role)}."
            )
        for group in groups:
            pair = roles.get(group, Role.VIEWER), Role(name)
            roles[group] = max(pair, key=list(Role).index)
    return roles
