"""Sessions, as key and token alone: the server remembers none, so a restart forgets none."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from .accounts import MANAGEMENT, SCANNER_ROLE

KEY = "ASIADEMO"
"""An access key is this and the account's id: 20 characters, as AWS's are."""


def session_arn(account_id: str, role: str, session: str) -> str:
    """ARN of a session of `role`, whose path AWS leaves out."""
    return f"arn:aws:sts::{account_id}:assumed-role/{role.rpartition('/')[2]}/{session}"


SCANNER = session_arn(MANAGEMENT.id, SCANNER_ROLE, "demo")
"""Who the demonstration's user is."""


def session_keys(account_id: str, session: str) -> dict[str, str]:
    """Credentials, under the names that STS gives them."""
    return {
        "AccessKeyId": f"{KEY}{account_id}",
        "SecretAccessKey": "signatures-are-not-checked",
        "SessionToken": urlsafe_b64encode(session.encode()).decode(),
    }


def account_of(access_key: str) -> str:
    """The account that the key is for; "" for a key that isn't one of ours."""
    return access_key.removeprefix(KEY) if access_key.startswith(KEY) else ""


def session_of(token: str) -> str:
    """The session's ARN; the scanner's if a caller left the token out."""
    return urlsafe_b64decode(token).decode() or SCANNER
