"""Which scans were committed and not yet recorded, so that nobody reads all statuses to know.

scan_news/<module>/account=<id>/<start>.json   written ahead of a status, removed when recorded
scan_news/recorded.json                        the ledger entry up to which all others are
"""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

from .encoding import canonical, from_json
from .ledger import Head
from .objects import ObjectStore

RECORDED = "scan_news/recorded.json"
_NAME = re.compile(r"scan_news/([^/]+)/account=([^/.]+)/(\d{8}T\d{6}\.\d{6}Z)\.json")
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_AT_ONCE = 16


class News(NamedTuple):
    """That the scan of `module` in `account` that began at `started_at` was committed."""

    module: str
    account: str
    started_at: datetime

    @property
    def key(self) -> str:
        stamp = self.started_at.astimezone(UTC).strftime(_STAMP)
        return f"scan_news/{self.module}/account={self.account}/{stamp}.json"


def add(store: ObjectStore, one: News) -> None:
    store.put(one.key, b"{}")


def unrecorded(store: ObjectStore) -> list[News]:
    """Scans committed, or about to be, that were not `forget`-ten."""
    found = map(_NAME.fullmatch, store.list("scan_news/"))
    return [
        News(one[1], one[2], datetime.strptime(one[3], _STAMP).replace(tzinfo=UTC))
        for one in found
        if one
    ]


def forget(store: ObjectStore, some: Iterable[News], head: Head) -> None:
    """Remove `some`: with what remains, a ledger that has `head` knows every status."""
    store.put(RECORDED, canonical({"seq": head.seq, "digest": head.digest}))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(store.delete, [one.key for one in some]))


def recorded(store: ObjectStore) -> Head | None:
    """The head last given to `forget`; None if there was none."""
    if (data := store.find(RECORDED)) is None:
        return None
    about = from_json(data, store.url(RECORDED), "delete it: the next scan writes it")
    return Head(about["seq"], about["digest"])
