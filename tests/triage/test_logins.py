"""What vouches for a person, and what somebody may try to pass for it."""

import json
import threading
import time
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from stratum_pipeline.triage.contract import Role
from stratum_pipeline.triage.identity import Identity

from .tokens import (
    ARN,
    CLIENT,
    DAY,
    EC_KEY,
    EC_STRANGER,
    ISSUER,
    KID,
    NOW,
    PAIRS,
    RSA_KEY,
    RSA_STRANGER,
    Web,
    bearer,
    by_alb,
    by_oidc,
    claims,
    es256,
    hs256,
    jws,
    pem,
    refused,
    settings,
)

OTHER_ARN = ARN.replace("app/stratum", "app/other")


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def alb(web: Web) -> Identity:
    return Identity(settings("alb"), transport=web.transport)


@pytest.fixture
def oidc(web: Web) -> Identity:
    return Identity(settings("oidc"), transport=web.transport)


# --- alb ---------------------------------------------------------------------------------


def test_a_load_balancer_vouches(alb: Identity, web: Web):
    headers = by_alb()
    assert headers["X-Amzn-Oidc-Data"].endswith("==")
    me = alb.who(headers, "10.0.0.9")
    assert me.model_dump() == {
        "id": "ann@example.com",
        "role": Role.VIEWER,
        "assurance": "alb",
        "mode": "alb",
    }
    alb.who(by_alb(sub="00u2"), "10.0.0.9")
    assert len(web.asked) == 1  # the key is kept


@pytest.mark.parametrize(
    "headers, says",
    [
        ({}, "load balancer's address"),
        ({"X-Amzn-Oidc-Data": "no token"}, "not accepted"),
        (by_alb(es256(EC_STRANGER)), "Signature verification failed"),
        (by_alb(lambda _: b"", header={"alg": "none"}), "alg value is not allowed"),
        (by_alb(hs256(pem(EC_KEY)), header={"alg": "HS256"}), "alg value is not allowed"),
        (by_alb(exp=NOW - 60), "expired: reload"),
        (by_alb(exp=None), "exp"),
        (by_alb(iss="https://login.example.com/other"), "STRATUM_OIDC_ISSUER"),
        (by_alb(header={"client": "other"}), "STRATUM_OIDC_CLIENT_ID"),
        (by_alb(header={"signer": OTHER_ARN}), "STRATUM_ALB_ARN"),
        (by_alb(header={"kid": "../../etc"}), "not a UUID"),
        (by_alb(header={"kid": f"{KID}\n"}), "not a UUID"),
        (by_alb(header={"kid": 7}), "not accepted"),
        (by_alb(header={"kid": str(uuid.UUID(int=1))}), "HTTP 404"),
        (by_oidc(), "load balancer's address"),
    ],
)
def test_a_load_balancer_does_not_vouch(alb: Identity, headers: Mapping[str, str], says: str):
    refused(alb, headers, 401, says)


@pytest.mark.parametrize(
    "headers", [by_alb(header={"signer": OTHER_ARN}), by_alb(header={"kid": "x"})]
)
def test_a_strangers_token_costs_no_look_up(alb: Identity, web: Web, headers: Mapping[str, str]):
    refused(alb, headers, 401, "not accepted")
    assert web.asked == []


def test_clocks_may_differ_a_little(alb: Identity):
    assert alb.who(by_alb(exp=int(time.time()) - 5), None)


def test_a_page_of_another_origin_cannot_use_the_load_balancers_cookie(alb: Identity):
    own = {"Host": "stratum.example.com", "Origin": "https://stratum.example.com"}
    assert alb.who(by_alb() | own, None)
    refused(alb, by_alb() | own | {"Origin": "https://evil.example"}, 403, "in your name")


def test_aws_cannot_be_reached(alb: Identity, web: Web):
    web.down = True
    refused(alb, by_alb(), 401, "public-keys.auth.elb.eu-west-1.amazonaws.com .ConnectError")
    web.down = False
    assert alb.who(by_alb(), None)


def test_what_is_no_key_is_not_kept(alb: Identity, web: Web):
    url = f"https://public-keys.auth.elb.eu-west-1.amazonaws.com/{KID}"
    web.pages[url] = b"<html>sign in to the hotel's network</html>"
    refused(alb, by_alb(), 401, "no elliptic-curve key")
    web.pages[url] = pem(RSA_KEY)
    refused(alb, by_alb(), 401, "no elliptic-curve key")
    web.pages[url] = pem(EC_KEY)
    assert alb.who(by_alb(), None)


def test_a_key_is_fetched_again_in_time(alb: Identity, web: Web, monkeypatch: pytest.MonkeyPatch):
    alb.who(by_alb(), None)
    later = time.monotonic() + 3601
    monkeypatch.setattr(time, "monotonic", lambda: later)
    alb.who(by_alb(), None)
    assert len(web.asked) == 2


def test_invented_key_ids_do_not_fill_the_memory(alb: Identity, web: Web):
    for number in range(100):
        kid = str(uuid.UUID(int=number))
        web.pages[f"https://public-keys.auth.elb.eu-west-1.amazonaws.com/{kid}"] = pem(EC_KEY)
        assert alb.who(by_alb(header={"kid": kid}), None)
    assert len(alb._login._keys) <= 64  # pyright: ignore


@pytest.mark.parametrize(
    "partition, region, base",
    [
        ("aws", "us-east-1", "https://public-keys.auth.elb.us-east-1.amazonaws.com"),
        (
            "aws-us-gov",
            "us-gov-west-1",
            "https://s3-us-gov-west-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-west-1",
        ),
        ("aws-cn", "cn-north-1", "https://public-keys.auth.elb.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_each_partition_has_its_own_keys(web: Web, partition: str, region: str, base: str):
    arn = ARN.replace("arn:aws:", f"arn:{partition}:").replace("eu-west-1", region)
    web.pages[f"{base}/{KID}"] = pem(EC_KEY)
    identity = Identity(settings("alb", alb_arn=arn), transport=web.transport)
    assert identity.who(by_alb(header={"signer": arn}), None)


def test_keys_may_be_elsewhere(web: Web):
    web.pages = {f"http://127.0.0.1:9/keys/{KID}": pem(EC_KEY)}
    identity = Identity(settings("alb"), "http://127.0.0.1:9/keys", web.transport)
    assert identity.who(by_alb(), None)


def test_cognito_tells_groups_in_the_access_token(web: Web):
    changed = {"group_roles": PAIRS, "groups_claim": "cognito:groups"}
    alb = Identity(settings("alb", **changed), transport=web.transport)

    def access(key: rsa.RSAPrivateKey = RSA_KEY, **different: Any) -> dict[str, str]:
        said = {"cognito:groups": ["oncall"], "client_id": CLIENT, "token_use": "access"}
        token = jwt.encode(
            claims(aud=None, email=None, **(said | different)),
            key,
            headers={"kid": "rsa"},
            algorithm="RS256",
        )
        return by_alb() | {"x-amzn-oidc-accesstoken": token}

    assert alb.who(access(), None).role == Role.OPERATOR
    refused(alb, by_alb(), 403, "this login has none")
    refused(alb, access(**{"cognito:groups": None}), 403, "this login has none")
    refused(alb, access(RSA_STRANGER), 401, "Signature verification failed")
    refused(alb, access(sub="00u2"), 401, "another person's")
    refused(alb, access(client_id="other"), 401, "STRATUM_OIDC_CLIENT_ID")
    refused(alb, access(token_use="id"), 401, "STRATUM_OIDC_CLIENT_ID")
    refused(alb, access(exp=1), 401, "expired")


# --- oidc --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [by_oidc(), by_oidc(EC_KEY, "ES256", "ec"), by_oidc(azp=CLIENT)]
)
def test_an_identity_provider_vouches(oidc: Identity, web: Web, headers: Mapping[str, str]):
    me = oidc.who(headers, "10.0.0.9")
    assert (me.id, me.role, me.assurance, me.mode) == ("ann@example.com", "viewer", "oidc", "oidc")
    oidc.who(headers, "10.0.0.9")
    assert len(web.asked) == 2  # discovery and keys, once


@pytest.mark.parametrize(
    "headers, says",
    [
        ({}, "sign in first"),
        ({"Authorization": "Basic YW5uOmFubg=="}, "sign in first"),
        (bearer("no token"), "not accepted"),
        (by_oidc(RSA_STRANGER), "Signature verification failed"),
        (bearer(jwt.encode(claims(), None, "none", headers={"kid": "rsa"})), "not allowed"),
        (
            bearer(jws({"alg": "HS256", "kid": "rsa"}, claims(), hs256(pem(RSA_KEY)))),
            "alg value is not allowed",
        ),
        (by_oidc(RSA_KEY, "RS512"), "alg value is not allowed"),
        (by_oidc(EC_KEY, "ES256", "rsa"), "does not match the key's"),
        (by_oidc(exp=NOW - 60), "expired: reload"),
        (by_oidc(exp=None), "exp"),
        (by_oidc(iat=NOW + DAY), "not yet valid"),
        (by_oidc(iss="https://login.example.com/other"), "STRATUM_OIDC_ISSUER"),
        (by_oidc(aud="other"), "STRATUM_OIDC_CLIENT_ID"),
        (by_oidc(aud=None), "aud"),
        (by_oidc(aud=[CLIENT, "other"], azp="other"), "STRATUM_OIDC_CLIENT_ID"),
        (by_oidc(sub=None), "sub"),
        (by_oidc(kid="unknown"), "Unable to find a signing key"),
        (by_oidc(kid=None), "Unable to find a signing key"),
        (by_alb(), "sign in first"),
    ],
)
def test_an_identity_provider_does_not_vouch(oidc: Identity, headers: Mapping[str, str], says: str):
    refused(oidc, headers, 401, says)


def test_unknown_key_ids_do_not_have_the_keys_fetched_each_time(oidc: Identity, web: Web):
    oidc.who(by_oidc(), None)
    for _ in range(5):
        refused(oidc, by_oidc(kid="unknown"), 401, "Unable to find")
    assert len(web.asked) <= 4


def test_a_weak_key_proves_nothing(oidc: Identity, web: Web):
    weak = rsa.generate_private_key(65537, 1024)
    key = RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True) | {"kid": "weak"}
    web.pages["https://login.example.com/keys"] = json.dumps({"keys": [key]}).encode()
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        headers = by_oidc(weak, kid="weak")
    refused(oidc, headers, 401, "below")


def test_the_provider_cannot_be_reached(oidc: Identity, web: Web):
    web.down = True
    refused(oidc, by_oidc(), 401, "from login.example.com .ConnectError")
    web.down = False
    assert oidc.who(by_oidc(), None)


@pytest.mark.parametrize(
    "page, says",
    [
        ({"issuer": "https://evil.example", "jwks_uri": "https://x.example"}, "exactly that"),
        ({"issuer": ISSUER, "jwks_uri": "http://login.example.com/keys"}, "begin with https"),
        ({"issuer": ISSUER}, "jwks_uri"),
        (["no", "provider"], "does not answer as an OpenID provider"),
    ],
)
def test_what_discovery_may_not_say(oidc: Identity, web: Web, page: object, says: str):
    web.pages[f"{ISSUER}/.well-known/openid-configuration"] = json.dumps(page).encode()
    refused(oidc, by_oidc(), 401, says)


def test_a_provider_on_this_machine_needs_no_tls(monkeypatch: pytest.MonkeyPatch):
    """Over real sockets, past a proxy the environment names."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    pages = {"/keys": Web().pages["https://login.example.com/keys"]}

    class Provider(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(pages[self.path])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        issuer = f"http://127.0.0.1:{server.server_port}"
        discovery = {"issuer": issuer, "jwks_uri": f"{issuer}/keys"}
        pages["/.well-known/openid-configuration"] = json.dumps(discovery).encode()
        threading.Thread(target=server.serve_forever).start()
        try:
            oidc = Identity.of(settings("oidc", oidc_issuer=issuer))
            assert oidc.who(by_oidc(iss=issuer), None)
        finally:
            server.shutdown()
