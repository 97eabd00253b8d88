"""Secrets Manager."""

from typing import Any

from moto.secretsmanager.models import FakeSecret

moto_to_dict: Any = FakeSecret.to_dict


def apply() -> None:
    moto: Any = FakeSecret
    moto.to_dict = to_dict


def to_dict(self: Any) -> dict[str, Any]:
    """moto doesn't know when a secret was last read: `last_accessed` of it, here."""
    seen = getattr(self, "last_accessed", None)
    return moto_to_dict(self) | {"LastAccessedDate": seen and seen.timestamp()}
