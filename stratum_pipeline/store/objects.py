"""Bytes under keys, the same on a local folder and on S3.

A key is "/"-separated: "scan_status/s3/account=123456789012.json". Segments never begin with
a dot; such names (temporaries, locks, .DS_Store) are nobody's keys and no list shows them.
Every failure is a StoreError.
"""

import contextlib
import io
import os
import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import polars as pl
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stratum_pipeline.kernel.session import environment_session

from . import files
from .errors import AlreadyExists, Conflict, NotFound, StoreError, from_aws, from_os

KEY = re.compile(r"(?:[\w=+,@:-][\w=+,@:.-]*/)*[\w=+,@:-][\w=+,@:.-]*", re.ASCII)
Change = Callable[[bytes | None], bytes | None]


class Stored(NamedTuple):
    """What is under a key: the oldest version there is, and what was done to it since.

    A store without versions shows what is there now as the oldest, replaced never.
    """

    key: str
    version: str  # id of the oldest; "" or "null" where the store keeps no versions
    at: datetime | None  # when that was stored, by the store's clock; None if all was erased
    replaced: tuple[datetime, ...] = ()
    deleted: tuple[datetime, ...] = ()  # S3's delete markers


class ObjectStore(Protocol):
    """What both backends do. A reader sees the old bytes or the new, never a part of them."""

    def url(self, key: str) -> str:
        """Where `key` lives, for messages."""
        ...

    def find(self, key: str) -> bytes | None:
        """The bytes of `key`; None if it is absent."""
        ...

    def versions(self, prefix: str = "") -> Iterator[Stored]:
        """What was ever stored under keys that begin with `prefix`, in order of the keys."""
        ...

    def oldest(self, found: Stored) -> bytes | None:
        """The bytes of the oldest version; None if it is gone."""
        return self.find(found.key)

    def get(self, key: str) -> bytes:
        """The bytes of `key`; NotFound if it is absent."""
        data = self.find(key)
        if data is None:
            raise NotFound(f"{self.url(key)} does not exist")
        return data

    def put(self, key: str, data: bytes) -> None:
        """Store `data`, replacing what was there. On return it survives a power cut."""
        ...

    def create(self, key: str, data: bytes) -> None:
        """Store `data` under a new key; AlreadyExists (or its Conflict) if it is taken."""
        ...

    def update(self, key: str, change: Change) -> bool:
        """Store `change(bytes there now)`, unless that is None; whether it was stored.

        Safe against other `update`s of that key; `change` may be called more than once.
        """
        ...

    def list(self, prefix: str = "", after: str = "") -> Iterator[str]:
        """Keys that begin with `prefix` and sort after `after`, in order."""
        ...

    def exists(self, key: str) -> bool: ...

    def delete(self, key: str) -> None:
        """Remove `key`; an absent one is fine."""
        ...

    def scan(
        self, keys: Iterable[str], schema: pl.Schema | None = None, path_column: str | None = None
    ) -> pl.LazyFrame:
        """The Parquet files `keys`, which exist, as one frame; read only when collected.

        schema: what to read; a column that a file lacks is null, others are left out.
        path_column: name of an added column with the file each row came from.
        """
        ...


def open_store(url: str) -> ObjectStore:
    """The store at `url`: "s3://bucket/prefix", or a folder, made when first written to."""
    if not url.startswith("s3://"):
        if not url or "://" in url:
            raise StoreError(f"{url!r} is no place to store: give a folder or s3://bucket/prefix")
        return LocalStore(url)
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not bucket:
        raise StoreError(f"{url!r} names no bucket: give s3://bucket/prefix")
    return S3Store(bucket, prefix)


class LocalStore(ObjectStore):
    """A folder. Safe for many processes of one machine, and against `kill -9` at any point."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).expanduser().absolute()

    def url(self, key: str) -> str:
        return str(self._path(key))

    def find(self, key: str) -> bytes | None:
        # A ledger is many small files: what surrounds the reading of one counts.
        path = f"{self.root}/{_checked(key)}"
        try:
            with io.FileIO(path) as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise from_os(error, f"read {path}") from error

    def versions(self, prefix: str = "") -> Iterator[Stored]:
        with _os_errors(f"look at the files in {self.root}"):
            for key in self.list(prefix):
                written = os.stat(f"{self.root}/{key}").st_mtime  # noqa: PTH116
                yield Stored(key, "", datetime.fromtimestamp(written, UTC))

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with _os_errors(f"write {path}"):
            files.replace(path, data)

    def create(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with _os_errors(f"create {path}"):
            files.create(path, data)

    def update(self, key: str, change: Change) -> bool:
        path = self._path(key)
        with _os_errors(f"update {path}"), files.locked(path.parent):
            data = change(self.find(key))
            if data is not None:
                self.put(key, data)
        return data is not None

    def list(self, prefix: str = "", after: str = "") -> Iterator[str]:
        folder = prefix.rpartition("/")[0]
        top = self._path(folder) if folder else self.root
        found: list[str] = []
        with _os_errors(f"list {top}"):
            for parent, folders, files in os.walk(top, onerror=_raise_unless_absent):
                folders[:] = [name for name in folders if KEY.fullmatch(name)]
                base = "".join(f"{part}/" for part in Path(parent).relative_to(self.root).parts)
                found += [base + name for name in files if KEY.fullmatch(name)]
        yield from sorted(key for key in found if key.startswith(prefix) and key > after)

    def exists(self, key: str) -> bool:
        with _os_errors(f"look at {self.url(key)}"):
            return self._path(key).is_file()

    def delete(self, key: str) -> None:
        path = self._path(key)
        with _os_errors(f"delete {path}"):
            files.delete(path)

    def scan(
        self, keys: Iterable[str], schema: pl.Schema | None = None, path_column: str | None = None
    ) -> pl.LazyFrame:
        return _scan([str(self._path(key)) for key in keys], schema, path_column)

    def _path(self, key: str) -> Path:
        return self.root / _checked(key)


class S3Store(ObjectStore):
    """A prefix of a bucket. Credentials, region and endpoint are boto3's, for Polars too."""

    def __init__(self, bucket: str, prefix: str = "", client: Any = None) -> None:
        self.bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._session = environment_session()
        # A lost reply is retried, and then a create finds its own first attempt: AlreadyExists.
        self._s3 = client or self._session.client(
            "s3",
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 6},
                connect_timeout=5,
                max_pool_connections=32,
            ),
        )

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{_checked(key)}"

    def find(self, key: str) -> bytes | None:
        return self._find(key)[0]

    def oldest(self, found: Stored) -> bytes | None:
        return self._find(found.key, VersionId=found.version)[0] if found.version else None

    def versions(self, prefix: str = "") -> Iterator[Stored]:
        for key, found in groupby(self._every_version(prefix), itemgetter("Key")):
            key = key.removeprefix(self.prefix)
            if KEY.fullmatch(key):
                every = list(found)  # the newest first
                contents = [one for one in every if "ETag" in one]
                oldest = contents[-1] if contents else None
                yield Stored(
                    key,
                    version=oldest["VersionId"] if oldest else "",
                    at=oldest["LastModified"] if oldest else None,
                    replaced=tuple(one["LastModified"] for one in contents[-2::-1]),
                    deleted=tuple(o["LastModified"] for o in reversed(every) if "ETag" not in o),
                )

    def put(self, key: str, data: bytes) -> None:
        self._put("put", key, data)

    def create(self, key: str, data: bytes) -> None:
        self._put("create", key, data, IfNoneMatch="*")

    def update(self, key: str, change: Change) -> bool:
        for attempt in range(8):
            current, etag = self._find(key)
            data = change(current)
            if data is None:
                return False
            unchanged = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
            try:
                self._put("update", key, data, **unchanged)
            except (AlreadyExists, NotFound):  # replaced or removed since it was read
                time.sleep(0.05 * attempt)
            else:
                return True
        raise Conflict(f"{self.url(key)} is being changed by too many writers; run again")

    def list(self, prefix: str = "", after: str = "") -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket,
            Prefix=self.prefix + prefix,
            **({"StartAfter": self.prefix + after} if after else {}),
        )
        with _aws_errors(f"list s3://{self.bucket}/{self.prefix}{prefix}"):
            for page in pages:
                for found in page.get("Contents", ()):
                    key = found["Key"].removeprefix(self.prefix)
                    if KEY.fullmatch(key):
                        yield key

    def exists(self, key: str) -> bool:
        # HEAD cannot tell a missing bucket from a missing key; the key itself sorts first here.
        return next(self.list(_checked(key)), None) == key

    def delete(self, key: str) -> None:
        with _aws_errors(f"delete {self.url(key)}"):
            self._s3.delete_object(**self._at(key))

    def scan(
        self, keys: Iterable[str], schema: pl.Schema | None = None, path_column: str | None = None
    ) -> pl.LazyFrame:
        meta = self._s3.meta
        options = {"aws_endpoint_url": meta.endpoint_url, "aws_region": meta.region_name}
        if meta.endpoint_url.startswith("http://"):
            options["aws_allow_http"] = "true"
        cloud = {"storage_options": options, "credential_provider": self._credentials}
        return _scan([self.url(key) for key in keys], schema, path_column, **cloud)

    def _credentials(self) -> tuple[dict[str, str | None], int]:
        found = self._session.get_credentials()
        if found is None:
            raise StoreError(f"no AWS credentials for s3://{self.bucket}: sign in, and run again")
        now = found.get_frozen_credentials()
        keys = {"aws_access_key_id": now.access_key, "aws_secret_access_key": now.secret_key}
        if now.token:
            keys["aws_session_token"] = now.token
        # botocore renews ten minutes before expiry: what it gives out is good for five.
        return keys, int(time.time()) + 300

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.prefix + _checked(key)}

    def _every_version(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Versions and delete markers by key, of each key the newest first."""
        pages = self._s3.get_paginator("list_object_versions").paginate(
            Bucket=self.bucket, Prefix=self.prefix + prefix
        )
        with _aws_errors(f"list the versions of s3://{self.bucket}/{self.prefix}{prefix}"):
            for page in pages:
                both = page.get("Versions", []) + page.get("DeleteMarkers", [])
                yield from sorted(both, key=itemgetter("Key"))

    def _find(self, key: str, **version: str) -> tuple[bytes, str] | tuple[None, None]:
        try:
            with _aws_errors(f"get {self.url(key)}"):
                reply = self._s3.get_object(**self._at(key), **version)
                return reply["Body"].read(), reply["ETag"]
        except NotFound:
            return None, None

    def _put(self, verb: str, key: str, data: bytes, **condition: str) -> None:
        with _aws_errors(f"{verb} {self.url(key)}"):
            self._s3.put_object(**self._at(key), Body=data, ChecksumAlgorithm="SHA256", **condition)


def _checked(key: str) -> str:
    if not KEY.fullmatch(key):
        raise ValueError(f"not a key: {key!r}")
    return key


def _scan(
    sources: list[str], schema: pl.Schema | None, path_column: str | None, **cloud: Any
) -> pl.LazyFrame:
    # Not globbed: a folder named "[x]" is no pattern. Not hive: account=1.parquet is a file.
    return pl.scan_parquet(
        sources,
        glob=False,
        hive_partitioning=False,
        schema=schema,
        missing_columns="insert" if schema else "raise",
        extra_columns="ignore" if schema else "raise",
        include_file_paths=path_column,
        **cloud,
    )


@contextlib.contextmanager
def _os_errors(doing: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise from_os(error, doing) from error


@contextlib.contextmanager
def _aws_errors(doing: str) -> Generator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise from_aws(error, doing) from error


def _raise_unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error
