"""What vouches for a person: a load balancer's token, or an identity provider's.

Sources: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html,
OpenID Connect Core 3.1.3.7 and Discovery 4.3, RFC 8725 (JSON Web Token best practices).
"""

import re
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.types import Options

from stratum_pipeline.settings import Settings

from . import problems

LEEWAY = 30  # seconds by which clocks may differ
TIMEOUT = 3.0  # seconds; somebody waits for the page
KEPT = 3600.0  # seconds a public key is believed: a withdrawn one must not be for ever
MOST_KEYS = 64  # an ALB has one or two; whoever invents ids must not fill the memory

ALB_CLAIMS = "x-amzn-oidc-data"
ALB_ACCESS = "x-amzn-oidc-accesstoken"
COGNITO = "cognito:groups"
# AWS documents the first two hosts. The third follows that partition's DNS suffix: if it is
# wrong, nobody gets in.
ALB_KEYS = {
    "aws": "https://public-keys.auth.elb.{region}.amazonaws.com",
    "aws-us-gov": "https://s3-{region}.amazonaws.com/aws-elb-public-keys-prod-{region}",
    "aws-cn": "https://public-keys.auth.elb.{region}.amazonaws.com.cn",
}
_ARN = re.compile(
    rf"arn:(?P<partition>{'|'.join(ALB_KEYS)}):elasticloadbalancing:(?P<region>[a-z0-9-]+)"
    r":\d{12}:loadbalancer/app/[\w-]+/[0-9a-f]+"
)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE)

Headers = Mapping[str, str]
Claims = dict[str, Any]
Get = Callable[[str], httpx.Response]


class Login(Protocol):
    def claims(self, sent: Headers) -> Claims:
        """What is proved of the person; `sent` has lower-case names. ApiError if nothing is."""
        ...


def login(
    settings: Settings, alb_keys: str = "", transport: httpx.BaseTransport | None = None
) -> Login | None:
    """What vouches in the settings' mode: nothing in mode local. ValueError if they do not fit.

    alb_keys: where the load balancer's public keys are, if not at AWS; transport: how keys
    are fetched, if not over the network.
    """
    if settings.identity == "local":
        return None
    needed = ["oidc_issuer", "oidc_client_id", "group_roles"]
    if settings.identity == "alb":
        needed.insert(0, "alb_arn")
    if missing := [f"STRATUM_{name.upper()}" for name in needed if not getattr(settings, name)]:
        raise ValueError(f"STRATUM_IDENTITY={settings.identity} also needs {', '.join(missing)}.")
    get = _getter(transport)
    return Alb(settings, alb_keys, get) if settings.identity == "alb" else Oidc(settings, get)


class Alb:
    """Claims an Application Load Balancer signed.

    Asked of them is what AWS's own aws-jwt-verify asks: ES256; signer and client in the JOSE
    header; issuer and expiry in the claims.
    """

    def __init__(self, settings: Settings, keys: str, get: Get) -> None:
        self._arn, self._client = settings.alb_arn, settings.oidc_client_id
        self._issuer, self._get = Issuer(settings.oidc_issuer, get), get
        if not (arn := _ARN.fullmatch(self._arn)):
            raise ValueError(
                f"STRATUM_ALB_ARN is {self._arn!r}, but should look like arn:aws:"
                "elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/name/0123456789abcdef."
            )
        self._url = keys or ALB_KEYS[arn["partition"]].format(region=arn["region"])
        self._cognito = settings.groups_claim == COGNITO
        self._keys: dict[str, tuple[float, EllipticCurvePublicKey]] = {}

    def claims(self, sent: Headers) -> Claims:
        if not (token := sent.get(ALB_CLAIMS, "")):
            raise problems.unauthenticated(
                f"the request has no {ALB_CLAIMS} header: open Stratum at the load balancer's "
                "address, under a rule that authenticates."
            )
        # The load balancer knows its people by a cookie, which a browser sends along with
        # whatever any page asks.
        origin = sent.get("origin", "")
        if origin and urlsplit(origin).netloc != sent.get("host"):
            raise problems.forbidden(f"a page of {origin} may not ask in your name.")
        with verifying("load balancer's token"):
            # The signature is over this header too: what is read here is proved below, and a
            # stranger's token costs no look-up.
            header = jwt.get_unverified_header(token)
            if header.get("signer") != self._arn:
                raise jwt.InvalidTokenError(
                    "another load balancer than the one STRATUM_ALB_ARN names signed it"
                )
            if header.get("client") != self._client:
                raise jwt.InvalidAudienceError
            claims = jwt.decode(
                token,
                self._key(header.get("kid", "")),
                ["ES256"],
                issuer=self._issuer.name,
                leeway=LEEWAY,
                options=strict(verify_aud=False),
            )
            if self._cognito and (access := sent.get(ALB_ACCESS, "")):
                claims |= {COGNITO: self._cognito_groups(access, claims["sub"])}
        return claims

    def _key(self, kid: str) -> EllipticCurvePublicKey:
        if not _UUID.fullmatch(kid):  # it becomes part of a URL
            raise jwt.InvalidTokenError("its kid is not a UUID")
        if (kept := self._keys.get(kid)) and time.monotonic() < kept[0]:
            return kept[1]
        try:
            key = load_pem_public_key(self._get(f"{self._url}/{kid}").content)
        except ValueError:
            key = None
        if not isinstance(key, EllipticCurvePublicKey):
            raise jwt.InvalidKeyError(f"{self._url} has no elliptic-curve key for it")
        if len(self._keys) >= MOST_KEYS:
            self._keys.clear()
        self._keys[kid] = (time.monotonic() + KEPT, key)
        return key

    def _cognito_groups(self, access: str, sub: str) -> object:
        """From the access token beside the claims.

        Cognito tells groups there: the claims are those of its userinfo endpoint, which
        leaves them out.
        """
        claims = jwt.decode(
            access,
            self._issuer.get_signing_key_from_jwt(access),
            ["RS256"],
            issuer=self._issuer.name,
            leeway=LEEWAY,
            options=strict(verify_aud=False),
        )
        if claims.get("client_id") != self._client or claims.get("token_use") != "access":
            raise jwt.InvalidAudienceError
        if claims["sub"] != sub:
            raise jwt.InvalidTokenError("the access token beside it is another person's")
        return claims.get(COGNITO)


class Oidc:
    """The ID token of the app's own login, sent as Authorization: Bearer."""

    def __init__(self, settings: Settings, get: Get) -> None:
        self._issuer = Issuer(settings.oidc_issuer, get)
        self._client = settings.oidc_client_id

    def claims(self, sent: Headers) -> Claims:
        if not (token := bearer(sent)):
            raise problems.unauthenticated(
                "sign in first: the request has no Authorization header with an ID token or a "
                "session."
            )
        with verifying("ID token"):
            claims = jwt.decode(
                token,
                self._issuer.get_signing_key_from_jwt(token),
                ["RS256", "ES256"],
                audience=self._client,
                issuer=self._issuer.name,
                leeway=LEEWAY,
                options=strict("aud"),
            )
            if claims.get("azp", self._client) != self._client:
                raise jwt.InvalidAudienceError
        return claims


class Issuer(jwt.PyJWKClient):
    """An identity provider's signing keys, found by discovery.

    A key id it does not know has them fetched again, at most every 30 seconds.
    """

    def __init__(self, name: str, get: Get) -> None:
        _secure(name, "STRATUM_OIDC_ISSUER")
        super().__init__(f"{name.rstrip('/')}/.well-known/openid-configuration", lifespan=KEPT)
        self.name, self._get = name, get

    def fetch_data(self) -> Any:
        try:
            told = self._get(self.uri).json()
            if told["issuer"] != self.name:
                raise problems.unauthenticated(
                    f"{self.uri} names the issuer {told['issuer']!r}: an administrator should set "
                    "STRATUM_OIDC_ISSUER to exactly that."
                )
            return self._get(_secure(told["jwks_uri"], "its jwks_uri")).json()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise problems.unauthenticated(
                f"{self.uri} does not answer as an OpenID provider ({error}): an administrator "
                "should check STRATUM_OIDC_ISSUER."
            ) from error


def bearer(sent: Headers) -> str:
    """The token in the Authorization header; "" if there is none."""
    scheme, _, token = sent.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def strict(*claims: str, verify_aud: bool = True) -> Options:
    """PyJWT's options that make these claims, and those every token needs, compulsory."""
    return {
        "require": ["exp", "iss", "sub", *claims],
        "verify_aud": verify_aud,
        "enforce_minimum_key_length": True,
    }


@contextmanager
def verifying(token: str) -> Generator[None]:
    """PyJWT's refusals as the API's, saying what to do; `token` is what it is called there."""
    try:
        yield
    except jwt.PyJWTError as error:
        match error:
            case jwt.ExpiredSignatureError():
                why = "has expired: reload the page to sign in again."
            case jwt.InvalidIssuerError():
                why = "is of another issuer than STRATUM_OIDC_ISSUER names."
            case jwt.InvalidAudienceError():
                why = "is for another client than STRATUM_OIDC_CLIENT_ID names."
            case _:
                why = f"was not accepted ({error}): reload the page to sign in again."
        raise problems.unauthenticated(f"the {token} {why}") from error


def _getter(transport: httpx.BaseTransport | None) -> Get:
    def get(url: str) -> httpx.Response:
        try:
            # A proxy named by the environment could answer with keys of its own.
            with httpx.Client(transport=transport, timeout=TIMEOUT, trust_env=False) as http:
                return http.get(url).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            host, why = urlsplit(url).netloc, type(error).__name__
            if isinstance(error, httpx.HTTPStatusError):
                why = f"HTTP {error.response.status_code}"
            raise problems.unauthenticated(
                f"the key that would prove who you are could not be fetched from {host} ({why}): "
                "try again in a minute. If it lasts, an administrator should check that Stratum "
                f"reaches {host}."
            ) from error

    return get


def _secure(url: str, what: str) -> str:
    """The URL; ValueError if somebody on the way could answer it with keys of their own."""
    parts = urlsplit(url)
    here = parts.scheme == "http" and LOOPBACK.fullmatch(parts.netloc)
    if not parts.netloc or not (parts.scheme == "https" or here):
        raise ValueError(f"{what} is {url!r}, but should begin with https://")
    return url
