"""The vault: what is written there is never replaced and never deleted.

The store beneath could do both; this class is the only way to it and offers neither. In
production Object Lock refuses them as well.
"""

import re
from collections.abc import Iterator

import polars as pl

from .encoding import digest, from_parquet, to_parquet
from .errors import AlreadyExists, Conflict, NotFound, Tampered
from .objects import ObjectStore, Stored

PAYLOADS = "payload/"
PAYLOAD = re.compile(r"payload/([0-9a-f]{64})\.parquet")
VERIFY = "run `stratum evidence verify`, and read the object's oldest version or a backup"
ATTEMPTS = 5


class Vault:
    """An append-only view of a store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def url(self, key: str) -> str:
        """Where `key` lives, for messages."""
        return self._store.url(key)

    def create(self, key: str, data: bytes) -> None:
        """Store `data` under a new key; AlreadyExists (or its Conflict) if it is taken."""
        self._store.create(key, data)

    def find(self, key: str) -> bytes | None:
        """The bytes of `key`; None if it is absent."""
        return self._store.find(key)

    def versions(self, prefix: str = "") -> Iterator[Stored]:
        """What was ever stored under keys that begin with `prefix`, in order of the keys."""
        return self._store.versions(prefix)

    def oldest(self, found: Stored) -> bytes | None:
        """The bytes of the oldest version; None if it is gone."""
        return self._store.oldest(found)

    def get(self, key: str) -> bytes:
        """The bytes of `key`; NotFound if it is absent."""
        return self._store.get(key)

    def exists(self, key: str) -> bool:
        return self._store.exists(key)

    def list(self, prefix: str = "", after: str = "") -> Iterator[str]:
        """Keys that begin with `prefix` and sort after `after`, in order."""
        return self._store.list(prefix, after)

    def payload(self, frame: pl.DataFrame) -> str:
        """Store `frame` under the SHA-256 of its bytes; that digest, in hexadecimal.

        Storing it again changes nothing. Tampered if other bytes stand under its address:
        an entry must not come to rest on a damaged body.
        """
        data = to_parquet(frame)
        sha256 = digest(data)
        key = payload_key(sha256)
        for _ in range(ATTEMPTS):
            if (stored := self.find(key)) is not None:
                self._verify(sha256, stored)
                return sha256
            try:
                self.create(key, data)
            except AlreadyExists:  # another writer, with the same bytes: look again
                continue
            return sha256
        raise Conflict(f"{self.url(key)} is held by another writer; run again")

    def read_payload(self, sha256: str) -> pl.DataFrame:
        """The frame stored as `sha256`; Tampered if it is gone or no longer hashes to that."""
        try:
            data = self.get(payload_key(sha256))
        except NotFound as error:
            raise Tampered(f"{error}, though an entry refers to it; {VERIFY}") from error
        self._verify(sha256, data)
        return from_parquet(data, self.url(payload_key(sha256)), VERIFY)

    def _verify(self, sha256: str, data: bytes) -> None:
        if digest(data) != sha256:
            place = self.url(payload_key(sha256))
            raise Tampered(f"{place} was altered after it was written; {VERIFY}")


def payload_key(sha256: str) -> str:
    return f"{PAYLOADS}{sha256}.parquet"
