"""Secrets in user data. It is judged while it is collected, and dropped."""

import base64
import binascii
import zlib
from email import message_from_string
from email.message import Message
from typing import Any

from stratum_pipeline.kernel.secrets import kinds

LIMIT = 2**17
"""Bytes that are unpacked at most: 16 KB of gzip can hold 16 MB, and hours of work."""

GZIP, ENDS_IN_HEADER = b"\x1f\x8b", zlib.MAX_WBITS | 16


def user_data_secrets(encoded: str) -> list[str] | None:
    """Kinds of secret in user data as EC2 gives it: base64, of text, MIME parts or gzip.

    "" is none. None where part of it can't be read, and the rest holds no secret.
    """
    if not encoded:
        return []
    try:
        raw, whole = _unpacked(base64.b64decode("".join(encoded.split()), validate=True))
    except binascii.Error:
        raw, whole = encoded.encode(), True  # whoever stored it left it plain
    text = raw.decode("utf-8", errors="replace")
    lines = dict.fromkeys(line for part in [text, *_parts(text)] for line in part.splitlines())
    found = kinds("\n".join(lines))  # they are judged one by one, so once is enough
    return found if found or whole else None


def _unpacked(raw: bytes) -> tuple[bytes, bool]:
    """`raw` without its gzip, if it has one, and whether that is all of it."""
    if not raw.startswith(GZIP):
        return raw, True
    unpacking = zlib.decompressobj(ENDS_IN_HEADER)
    try:
        return unpacking.decompress(raw, LIMIT), unpacking.eof
    except zlib.error:
        return b"", False


def _parts(text: str) -> list[str]:
    """What a multipart archive of cloud-init holds in another encoding."""
    head = text[:200].lower()
    if "mime-version:" not in head and "content-type:" not in head:
        return []
    message: Message[Any, Any] = message_from_string(text)
    payloads: list[Any] = [
        part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()
    ]
    return [_unpacked(p)[0].decode("utf-8", errors="replace") for p in payloads if p]
