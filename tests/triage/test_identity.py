"""People, roles, sessions, and this machine's user: who is let in as whom."""

import getpass
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from stratum_pipeline.settings import Settings
from stratum_pipeline.triage.contract import Me, Role
from stratum_pipeline.triage.identity import Identity, check_bind, check_host
from stratum_pipeline.triage.problems import ApiError

from .tokens import (
    ARN,
    DAY,
    ISSUER,
    NOW,
    PAIRS,
    RSA_KEY,
    SECRET,
    Web,
    bearer,
    by_alb,
    by_oidc,
    claims,
    refused,
    settings,
)


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def alb(web: Web) -> Identity:
    return Identity(settings("alb"), transport=web.transport)


@pytest.fixture
def oidc(web: Web) -> Identity:
    return Identity(settings("oidc"), transport=web.transport)


# --- people and roles --------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed, person",
    [
        ({"email_verified": True}, "ann@example.com"),
        ({"email_verified": "true"}, "ann@example.com"),
        ({"email_verified": False}, "00u1"),
        ({"email_verified": "false"}, "00u1"),
        ({"email": None}, "00u1"),
        ({"email": " "}, "00u1"),
    ],
)
def test_a_person_is_named_by_verified_email_or_subject(
    oidc: Identity, changed: Mapping[str, Any], person: str
):
    assert oidc.who(by_oidc(**changed), None).id == person


def test_somebody_without_a_name_is_nobody(oidc: Identity):
    refused(oidc, by_oidc(sub=" ", email=None), 401, "names nobody")


@pytest.mark.parametrize(
    "groups, role",
    [
        (["sec-team"], Role.TRIAGER),
        (["sec-team", "oncall", "readers"], Role.OPERATOR),
        ("oncall", Role.OPERATOR),
        ("others,platform", Role.TRIAGER),
        ("others leads", Role.APPROVER),
        ("[others, leads]", Role.APPROVER),
        ([7, None, "leads"], Role.APPROVER),
        ({"oncall": True}, Role.VIEWER),
        (["ONCALL"], Role.VIEWER),
        ([], Role.VIEWER),
        (None, Role.VIEWER),
    ],
)
def test_the_highest_group_counts(alb: Identity, oidc: Identity, groups: object, role: Role):
    assert alb.who(by_alb(groups=groups), None).role == role
    assert oidc.who(by_oidc(groups=groups), None).role == role


@pytest.mark.parametrize("groups", [["strangers"], "strangers", None, ["*"]])
def test_who_is_in_no_group_that_has_a_role_is_sent_to_the_setting(web: Web, groups: object):
    alb = Identity(settings("alb", group_roles=PAIRS), transport=web.transport)
    oidc = Identity(settings("oidc", group_roles=PAIRS), transport=web.transport)
    refused(alb, by_alb(groups=groups), 403, "ann@example.com .* STRATUM_GROUP_ROLES")
    refused(oidc, by_oidc(groups=groups), 403, "'groups' .STRATUM_GROUPS_CLAIM")


def test_groups_come_from_the_claim_the_setting_names(web: Web):
    oidc = Identity(settings("oidc", groups_claim="cognito:groups"), transport=web.transport)
    headers = by_oidc(**{"cognito:groups": ["oncall"], "groups": ["leads"]})
    assert oidc.who(headers, None).role == Role.OPERATOR


# --- sessions ----------------------------------------------------------------------------


def session_token(
    secret: str = SECRET, header: Mapping[str, Any] | None = None, **changed: Any
) -> str:
    given = {"iss": "stratum", "aud": "stratum", "sub": "ann", "role": "operator", "mode": "alb"}
    given |= {"exp": NOW + DAY} | changed
    return jwt.encode(given, secret, headers={"typ": "stratum-session+jwt"} | dict(header or {}))


@pytest.mark.parametrize("mode, login", [("alb", by_alb), ("oidc", by_oidc)])
def test_a_session_outlives_the_login(web: Web, mode: str, login: Callable[..., Mapping[str, str]]):
    identity = Identity(settings(mode, session_minutes=5), transport=web.transport)
    me = identity.who(login(groups=["leads"]), None)
    session = identity.session(me)
    assert timedelta(minutes=4) < session.expires_at - datetime.now(UTC) <= timedelta(minutes=5)
    web.down = True
    again = identity.who(bearer(session.token), "10.0.0.9")
    assert again == Me(id="ann@example.com", role=Role.APPROVER, assurance=mode, mode=mode)  # pyright: ignore


def test_a_session_does_not_extend_itself(alb: Identity):
    session = alb.session(alb.who(by_alb(), None))
    with pytest.raises(ApiError, match="sign in again") as caught:
        alb.session(alb.who(bearer(session.token), None))
    assert caught.value.problem.status == 401


def test_nobody_is_given_a_session_by_say_so(alb: Identity):
    with pytest.raises(ApiError, match="sign in again"):
        alb.session(Me(id="eve", role=Role.OPERATOR, assurance="alb", mode="alb"))


@pytest.mark.parametrize(
    "token, says",
    [
        (session_token("some other key of more than 32 bytes"), "Signature"),
        (session_token(exp=NOW - 60), "session has expired"),
        (session_token(mode="oidc"), "other settings"),
        (session_token(role="emperor"), "other settings"),
        (session_token(aud="other"), "session is for another"),
        (session_token(iss=ISSUER), "session is of another"),
        (session_token(role=None), "role"),
        (session_token("", {"alg": "none"}), "not allowed"),
    ],
)
def test_a_session_that_is_none(alb: Identity, token: str, says: str):
    refused(alb, bearer(token), 401, says)


def test_a_session_passes_for_no_login_and_a_login_for_no_session(alb: Identity, oidc: Identity):
    assert alb.who(bearer(session_token()), None).id == "ann"
    refused(oidc, bearer(session_token(header={"typ": "JWT"}, mode="oidc")), 401, "signing key")
    refused(oidc, bearer(session_token(header={"typ": "JWT", "kid": "rsa"})), 401, "not allowed")
    disguised = {"kid": "rsa", "typ": "stratum-session+jwt"}
    refused(oidc, bearer(jwt.encode(claims(), RSA_KEY, "RS256", disguised)), 401, "not allowed")
    refused(alb, {"X-Amzn-Oidc-Data": session_token()}, 401, "not accepted")


def test_without_a_key_sessions_end_with_the_process(web: Web):
    one, other = (Identity(settings("alb", session_key=""), "", web.transport) for _ in "ab")
    session = one.session(one.who(by_alb(), None))
    assert one.who(bearer(session.token), None)
    refused(other, bearer(session.token), 401, "Signature")


# --- local -------------------------------------------------------------------------------

HERE = {"Host": "localhost:8080"}


@pytest.fixture
def local() -> Identity:
    return Identity.of(Settings(local_role="triager"))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.9", "::1", "::ffff:127.0.0.1", None])
@pytest.mark.parametrize(
    "headers",
    [
        HERE,
        {"host": "127.0.0.1"},
        {"Host": "[::1]:8080"},
        {"Host": "LOCALHOST"},
        HERE | {"Origin": "http://localhost:8501"},
        HERE | {"Authorization": "Bearer whatever", "X-Amzn-Oidc-Data": "whatever"},
    ],
)
def test_this_machines_user(local: Identity, headers: Mapping[str, str], address: str | None):
    me = local.who(headers, address)
    user = getpass.getuser()
    assert me == Me(id=user, role=Role.TRIAGER, assurance="unauthenticated", mode="local")


def test_within_this_process_nothing_need_be_said(local: Identity):
    me = local.who({}, None)
    assert local.who(bearer(local.session(me).token), None) == me


@pytest.mark.parametrize(
    "headers, address, says",
    [
        (HERE, "10.0.0.9", "this machine only"),
        (HERE, "::ffff:10.0.0.9", "this machine only"),
        (HERE, "testclient", "this machine only"),
        ({}, "127.0.0.1", "answers to localhost"),
        ({"Host": "rebound.example:8080"}, "127.0.0.1", "not to rebound.example"),
        ({"Host": "localhost.evil.example"}, "127.0.0.1", "answers to localhost"),
        ({"Host": "localhost@evil.example"}, "127.0.0.1", "answers to localhost"),
        ({"Host": "evil.example"}, None, "answers to localhost"),
        (HERE | {"X-Forwarded-For": "127.0.0.1"}, "127.0.0.1", "proxy"),
        (HERE | {"x-forwarded-host": "localhost"}, "127.0.0.1", "proxy"),
        (HERE | {"Forwarded": "for=127.0.0.1"}, "127.0.0.1", "proxy"),
        (HERE | {"X-Forwarded-For": "127.0.0.1"}, None, "proxy"),
        (HERE | {"Origin": "https://evil.example"}, "127.0.0.1", "in your name"),
        (HERE | {"Origin": "http://localhost.evil.example"}, "127.0.0.1", "in your name"),
        (HERE | {"Origin": "null"}, "127.0.0.1", "in your name"),
    ],
)
def test_others_are_not_this_machines_user(
    local: Identity, headers: Mapping[str, str], address: str | None, says: str
):
    with pytest.raises(ApiError, match=says) as caught:
        local.who(headers, address)
    assert caught.value.problem.status == 403


def test_a_user_without_a_name(local: Identity, monkeypatch: pytest.MonkeyPatch):
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 1234)
    assert local.who({}, None).id == "uid 1234"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_mode_local_is_served_on_the_loopback(host: str):
    check_bind("local", host)
    check_bind("alb", "0.0.0.0")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.9", "stratum.example.com", ""])
def test_mode_local_is_served_nowhere_else(host: str):
    with pytest.raises(ValueError, match="STRATUM_IDENTITY"):
        check_bind("local", host)


def test_other_modes_answer_to_any_name():
    check_host("stratum.example.com", "alb")
    with pytest.raises(ApiError):
        check_host("stratum.example.com", "local")


# --- settings ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mode, changed, says",
    [
        ("alb", {"alb_arn": ""}, "STRATUM_IDENTITY=alb also needs STRATUM_ALB_ARN"),
        ("alb", {"oidc_issuer": ""}, "STRATUM_OIDC_ISSUER"),
        ("alb", {"group_roles": ""}, "STRATUM_GROUP_ROLES"),
        ("alb", {"alb_arn": ARN.replace("app/", "net/")}, "should look like arn:aws"),
        ("alb", {"alb_arn": ARN.replace("arn:aws:", "arn:aws-iso:")}, "should look like"),
        ("alb", {"alb_arn": ARN.replace("eu-west-1", "evil.example/")}, "should look like"),
        (
            "oidc",
            {"oidc_issuer": "", "oidc_client_id": ""},
            "STRATUM_OIDC_ISSUER, STRATUM_OIDC_CLIENT_ID",
        ),
        ("oidc", {"oidc_issuer": "http://login.example.com"}, "https://"),
        ("oidc", {"oidc_issuer": "https://"}, "https://"),
        ("oidc", {"oidc_issuer": "file:///etc/passwd"}, "https://"),
        ("oidc", {"session_key": "short"}, "STRATUM_SESSION_KEY"),
        ("oidc", {"group_roles": "emperor=all"}, "emperor.* viewer, triager, approver, operator"),
        ("oidc", {"group_roles": "viewer"}, "should look like"),
        ("oidc", {"group_roles": "viewer=a||b"}, "should look like"),
        ("local", {"group_roles": "oncall=operator"}, "should look like"),
    ],
)
def test_settings_that_do_not_fit_are_told_at_start(
    mode: str, changed: Mapping[str, Any], says: str
):
    with pytest.raises(ValueError, match=says):
        Identity.of(settings(mode, **changed))


def test_a_group_named_twice_has_its_highest_role(web: Web):
    roles = "operator = both , viewer = both | readers,"
    oidc = Identity(settings("oidc", group_roles=roles), transport=web.transport)
    assert oidc.who(by_oidc(groups=["both"]), None).role == Role.OPERATOR


def test_the_session_key_is_not_shown():
    assert SECRET not in repr(settings("alb"))
