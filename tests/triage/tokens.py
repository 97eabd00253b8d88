"""Tokens, good and bad, and the web their keys are on."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from stratum_pipeline.settings import Settings
from stratum_pipeline.triage.identity import Identity
from stratum_pipeline.triage.problems import ApiError

ARN = (
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/stratum/0123456789abcdef"
)
ISSUER = "https://login.example.com/tenant"
CLIENT = "stratum-client"
ROLES = "viewer=readers|*,triager=sec-team|platform,approver=leads,operator=oncall"
PAIRS = "viewer=readers,triager=sec-team,operator=oncall"
KID = "11111111-2222-3333-4444-555555555555"
SECRET = "a session key of more than 32 bytes"

EC_KEY, EC_STRANGER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
RSA_KEY, RSA_STRANGER = (rsa.generate_private_key(65537, 2048) for _ in range(2))
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

NOW = int(time.time())
DAY = 86_400  # longer than any run of the tests


def pem(key: Key) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def claims(**changed: Any) -> dict[str, Any]:
    """Of somebody in no group; None takes a claim away."""
    given = {
        "iss": ISSUER,
        "aud": CLIENT,
        "sub": "00u1",
        "email": "Ann@example.com",
        "exp": NOW + DAY,
    } | changed
    return {name: value for name, value in given.items() if value is not None}


def jws(header: Mapping[str, Any], payload: Mapping[str, Any], sign: Callable[[bytes], bytes]):
    """A JWS as load balancers write it: padded."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in (header, payload)]
    signature = sign(b".".join(parts))
    return b".".join([*parts, base64.urlsafe_b64encode(signature)]).decode()


def es256(key: ec.EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    return lambda message: ECAlgorithm(ECAlgorithm.SHA256).sign(message, key)


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda message: hmac.digest(secret, message, hashlib.sha256)


class Web:
    """The keys of AWS and of the identity provider, and who asked for which."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False
        self.pages: dict[str, bytes] = {
            f"https://public-keys.auth.elb.eu-west-1.amazonaws.com/{KID}": pem(EC_KEY),
            f"{ISSUER}/.well-known/openid-configuration": json.dumps(
                {"issuer": ISSUER, "jwks_uri": "https://login.example.com/keys"}
            ).encode(),
            "https://login.example.com/keys": json.dumps(
                {
                    "keys": [
                        RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True) | {"kid": "rsa"},
                        ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True) | {"kid": "ec"},
                    ]
                }
            ).encode(),
        }

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        if self.down:
            raise httpx.ConnectError("no route")
        page = self.pages.get(str(request.url))
        return httpx.Response(404) if page is None else httpx.Response(200, content=page)


def settings(mode: str, **changed: Any) -> Settings:
    given = {
        "alb_arn": ARN,
        "oidc_issuer": ISSUER,
        "oidc_client_id": CLIENT,
        "group_roles": ROLES,
        "session_key": SECRET,
    }
    return Settings(**(given | {"identity": mode} | changed))


def by_alb(
    sign: Callable[[bytes], bytes] | None = None,
    header: Mapping[str, Any] | None = None,
    **changed: Any,
) -> dict[str, str]:
    """Headers of a request that came through the load balancer."""
    said = claims(aud=None, **changed)
    jose = {"typ": "JWT", "alg": "ES256", "kid": KID, "signer": ARN, "client": CLIENT}
    jose |= {name: said[name] for name in ("iss", "exp") if name in said} | dict(header or {})
    return {"X-Amzn-Oidc-Data": jws(jose, said, sign or es256(EC_KEY))}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def by_oidc(
    key: Key = RSA_KEY, algorithm: str = "RS256", kid: str | None = "rsa", **changed: Any
) -> dict[str, str]:
    """Headers of a request of the app's after its own login."""
    return bearer(
        jwt.encode(claims(**changed), key, algorithm, headers={"kid": kid} if kid else {})
    )


def refused(identity: Identity, headers: Mapping[str, str], status: int, says: str) -> None:
    with pytest.raises(ApiError, match=says) as caught:
        identity.who(headers, "10.0.0.9")
    assert caught.value.problem.status == status
