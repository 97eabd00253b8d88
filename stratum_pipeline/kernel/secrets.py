"""Secrets in text that AWS shows to whoever may describe a resource.

The text is judged while it is collected, and dropped: what is kept is which kinds of secret
were found, never where or what. Detectors: github.com/Yelp/detect-secrets. Those that go by
entropy alone are left out, as hashes, ids and certificates all look like secrets to them.
"""

import re
from functools import cache
from typing import Any

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.filters import heuristic
from detect_secrets.plugins.keyword import KeywordDetector

BY_ENTROPY = ("Base64 High Entropy String", "Hex High Entropy String")
ADDRESS = "Public IP (ipv4)"  # no secret
WRITTEN_AS = ("source.py", "settings.ini")  # keywords' values in quotes, and without
PLACEHOLDERS = (
    heuristic.is_templated_secret,
    heuristic.is_prefixed_with_dollar_sign,
    heuristic.is_sequential_string,
    heuristic.is_indirect_reference,
)
NO_SECRET = (
    r"arn:aws|\{\{resolve:"
    r"|(secret|password|passwd|key|token)[_-]?(arn|id|name|path|policy|length)\b"
)
"""What names where a secret is, or what one must look like."""
REFERENCE = re.compile(r"['\"]?(arn:|\{\{|/|true$|false$|null$|none$|\d{1,4}$)", re.IGNORECASE)


def kinds(text: str) -> list[str]:
    """Kinds of secret that `text` holds, sorted: ["AWS Access Key", "Private Key"]."""
    found: set[str] = set()
    for line in set(text.splitlines()):
        for detector, name in _detectors():
            for secret in detector.analyze_line(filename=name, line=line, line_number=0):
                if not _placeholder(secret.secret_value or ""):
                    found.add(secret.type)
    return sorted(found)


def _placeholder(value: str) -> bool:
    """Whether `value` stands for a secret that is kept elsewhere, or is none at all."""
    return bool(REFERENCE.match(value)) or any(test(value) for test in PLACEHOLDERS)


@cache
def _detectors() -> tuple[tuple[Any, str], ...]:
    """Each with the name of a file such as it is to read: only keywords go by that."""
    left_out = (*BY_ENTROPY, ADDRESS, KeywordDetector.secret_type)
    classes: dict[str, Any] = {**get_mapping_from_secret_type_to_class()}
    keywords = KeywordDetector(keyword_exclude=NO_SECRET)
    return (
        *((made(), "") for name, made in sorted(classes.items()) if name not in left_out),
        *((keywords, name) for name in WRITTEN_AS),
    )
