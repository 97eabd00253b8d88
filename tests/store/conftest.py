"""Both backends, and a look behind them."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import moto.s3.responses
import pytest
from moto.server import ThreadedMotoServer

import stratum_pipeline.store
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.objects import LocalStore, ObjectStore, S3Store, open_store
from stratum_pipeline.store.vault import Vault

BUCKET = "stratum-test"
SOURCES = Path(stratum_pipeline.store.__file__).parents[2]  # where a subprocess imports us from


@pytest.fixture
def s3(aws: None) -> S3Store:
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
    )  # so that a rewrite of equal bytes shows
    return S3Store(BUCKET, "some/prefix")


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "root")


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    return request.getfixturevalue(request.param)


@pytest.fixture
def data(store: ObjectStore) -> Data:
    return Data(store)


@pytest.fixture
def vault(store: ObjectStore) -> Vault:
    return Vault(store)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """An S3 that Polars can reach: it does not speak through botocore."""
    emulator = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    emulator.start()
    host, port = emulator.get_host_and_port()
    yield f"http://{host}:{port}"
    emulator.stop()


@pytest.fixture(params=["local", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def served(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ObjectStore:
    """A store whose `scan` can be collected; on S3 found as production finds it."""
    if request.param == "local":
        return open_store(str(tmp_path / "account=[x]*"))
    monkeypatch.setenv(request.param, request.getfixturevalue("server"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    bucket = f"stratum-{uuid.uuid4()}"
    place = {"LocationConstraint": "eu-west-1"}
    boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    return open_store(f"s3://{bucket}/some/prefix/")


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto looks for the key and then stores it; S3 does both in one step."""
    put, lock = moto.s3.responses.S3Response.put_object, threading.Lock()

    def locked(self):
        with lock:
            return put(self)

    monkeypatch.setattr(moto.s3.responses.S3Response, "put_object", locked)


def plant(store: ObjectStore, name: str, content: bytes) -> None:
    """Something that lies in the store without having come through it."""
    if isinstance(store, LocalStore):
        path = store.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    else:
        store._s3.put_object(Bucket=store.bucket, Key=store.prefix + name, Body=content)


def writes(store: ObjectStore, key: str) -> object:
    """Changes whenever `key` is written, be it with the same bytes."""
    if isinstance(store, LocalStore):
        found = Path(store.url(key)).stat()
        return found.st_ino, found.st_mtime_ns
    found = store._s3.list_object_versions(Bucket=store.bucket, Prefix=store.prefix + key)
    return len(found["Versions"])
