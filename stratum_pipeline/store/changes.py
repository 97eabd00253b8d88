"""Files of what scans found changed: written once, named by when, listed by day.

changes/<day>/<time>-<module>-<account>.parquet in the data folder; time first, since whoever
asks has a window, and a name tells whether the file is worth reading.
"""

import re
from datetime import UTC, date, datetime
from typing import NamedTuple

import polars as pl

from .encoding import from_parquet, to_parquet
from .objects import ObjectStore

NAME = re.compile(r"changes/([\d-]{10}/\d{6}\.\d{6})-(\w+)-([^/.-]+)\.parquet")
LOST = "delete it: what it told of that scan is lost"


class ChangeFile(NamedTuple):
    """Names what the scan of `module` in `account` that began `at` (UTC) found changed."""

    at: datetime
    module: str
    account: str

    @property
    def key(self) -> str:
        return f"changes/{self.at:%Y-%m-%d/%H%M%S.%f}-{self.module}-{self.account}.parquet"


def write(store: ObjectStore, file: ChangeFile, frame: pl.DataFrame) -> None:
    store.put(file.key, to_parquet(frame))


def of_day(store: ObjectStore, day: date) -> list[ChangeFile]:
    """Those of a day (UTC), the newest first; one request per thousand."""
    found = map(NAME.fullmatch, store.list(f"changes/{day:%Y-%m-%d}/"))
    files = [
        ChangeFile(
            datetime.strptime(one[1], "%Y-%m-%d/%H%M%S.%f").replace(tzinfo=UTC), one[2], one[3]
        )
        for one in found
        if one
    ]
    return sorted(files, reverse=True)


def read(store: ObjectStore, file: ChangeFile) -> pl.DataFrame:
    return from_parquet(store.get(file.key), store.url(file.key), LOST)
