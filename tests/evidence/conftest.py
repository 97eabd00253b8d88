"""A ledger with all that scans and people write, whole, and a way to do things to it."""

import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import boto3
import polars as pl
import pytest

from stratum_pipeline.store import objects
from stratum_pipeline.store.encoding import canonical
from stratum_pipeline.store.ledger import SYSTEM, Head, Ledger, entry_key, parse
from stratum_pipeline.store.objects import LocalStore, ObjectStore, S3Store
from stratum_pipeline.store.vault import Vault

BUCKET = "stratum-evidence"
SCANS = 3
ENTRIES = SCANS * 2
ANN = {"kind": "person", "id": "ann", "assurance": "oidc"}


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    """Kept, for what it has read of AWS's models: a client takes half a second without."""
    return boto3.Session("testing", "testing", region_name="us-east-1")


@pytest.fixture
def s3(aws: None, session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    monkeypatch.setattr(objects, "environment_session", lambda: session)
    client = session.client("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return S3Store(BUCKET, "some/prefix")


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "vault")


@cache
def written() -> dict[str, bytes]:
    """Six entries: three scans with three payloads each, a person after every one."""
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(folder)
        ledger = Ledger(Vault(store))
        rules = ledger.vault.payload(pl.DataFrame({"rule": ["é"]}))
        for n in range(SCANS):
            body = {
                "scans": ledger.vault.payload(pl.DataFrame({"scan": [n]})),
                "rules": rules,
                "events": ledger.vault.payload(pl.DataFrame({"event": [n]})) if n else "",
            }
            ledger.append("scanned", SYSTEM, lambda _, body=body: body)
            # A digest that a person wrote names no payload.
            said = {"note": "ab" * 32, "finding_ids": ["cd" * 32], "request": "ef" * 32}
            ledger.append("noted", ANN, lambda _, said=said: said)
        return {key: store.get(key) for key in store.list()}


@dataclass
class Place:
    """A vault, and whoever may do anything to it."""

    store: ObjectStore

    @property
    def ledger(self) -> Ledger:
        return Ledger(Vault(self.store))

    def fill(self) -> "Place":
        for key, data in written().items():
            self.store.put(key, data)
        return self

    def data(self, seq: int) -> bytes:
        return self.store.get(entry_key(seq))

    def payload(self, seq: int, name: str) -> str:
        digest = parse(entry_key(seq), self.data(seq)).body[name]
        return f"payload/{digest}.parquet"

    def write(self, key: str, data: bytes) -> None:
        """As an attacker does, who sets a file's time back to what it was."""
        if not isinstance(self.store, LocalStore):
            self.store.put(key, data)
            return
        path = Path(self.store.url(key))
        times = (path.stat().st_atime, path.stat().st_mtime) if path.exists() else None
        self.store.put(key, data)
        if times:
            os.utime(path, times)

    def erase(self, key: str) -> None:
        """For good: no version and no mark is left."""
        self.store.delete(key)
        if isinstance(self.store, S3Store):
            found = self.store._s3.list_object_versions(
                Bucket=self.store.bucket, Prefix=self.store.prefix + key
            )
            for one in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
                self.store._s3.delete_object(
                    Bucket=self.store.bucket, Key=one["Key"], VersionId=one["VersionId"]
                )

    def rewrite(self, key: str, data: bytes) -> None:
        """So that no older version tells."""
        if isinstance(self.store, S3Store):
            self.erase(key)
        self.write(key, data)

    def forge(self, at: datetime, head: Head | None = None) -> None:
        """A well-made entry at the end, which says that it is of `at`."""
        head = head or self.ledger.head()
        raw = {"v": 1, "id": "x", "seq": head.seq + 1, "prev": head.digest, "at": at.isoformat()}
        raw |= {"actor": SYSTEM, "kind": "noted", "body": {}}
        self.rewrite(entry_key(head.seq + 1), canonical(raw))

    def stored_at(self, key: str, ago: timedelta) -> None:
        """Set a file's time back."""
        moment = (datetime.now(UTC) - ago).timestamp()
        os.utime(self.store.url(key), (moment, moment))


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest) -> Place:
    return Place(request.getfixturevalue(request.param)).fill()
