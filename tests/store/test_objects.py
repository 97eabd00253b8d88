"""One behaviour on two backends."""

import subprocess
import sys
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stratum_pipeline.store.errors import AlreadyExists, Conflict, NotFound, StoreError
from stratum_pipeline.store.objects import LocalStore, ObjectStore, S3Store, open_store

from .conftest import BUCKET, SOURCES, plant

both = pytest.mark.parametrize("backend", ["local", "s3"])
segments = st.text("ab01=._-", min_size=1, max_size=4).filter(lambda s: s[0] != ".")
keys = st.lists(segments, min_size=1, max_size=3).map("/".join)


def test_what_is_put_is_got(store: ObjectStore):
    for content in (b"first", b"", b"second" * 100_000):
        store.put("a/b=1.json", content)
        assert store.get("a/b=1.json") == content
    assert store.exists("a/b=1.json")


def test_what_is_absent(store: ObjectStore):
    store.put("a/b", b"")
    for key in ("nothing", "a", "a/b/c", "a/bc"):
        assert store.find(key) is None
        assert not store.exists(key)
        with pytest.raises(NotFound, match=f"{key} does not exist"):
            store.get(key)
    store.delete("nothing")


def test_delete(store: ObjectStore):
    store.put("a/b", b"")
    store.put("a/c", b"")
    store.delete("a/b")
    assert list(store.list()) == ["a/c"]
    store.delete("a/c")
    assert list(store.list()) == []
    store.put("a/b", b"again")
    assert store.get("a/b") == b"again"


def test_create_never_replaces(store: ObjectStore):
    store.create("ledger/1.json", b"first")
    with pytest.raises(AlreadyExists, match=r"ledger/1\.json"):
        store.create("ledger/1.json", b"second")
    assert store.get("ledger/1.json") == b"first"
    assert list(store.list()) == ["ledger/1.json"]


@pytest.mark.usefixtures("one_at_a_time")
def test_of_racing_threads_one_creates(store: ObjectStore):
    together = Barrier(8)

    def race(me: int) -> bool:
        together.wait()
        try:
            store.create("a/ledger/1", b"%d" % me * 10_000)
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(race, range(8)))
    assert sum(won) == 1
    assert store.get("a/ledger/1") == b"%d" % won.index(True) * 10_000


def test_of_racing_processes_one_creates(local: LocalStore):
    code = (
        "import sys; from stratum_pipeline.store.objects import *\n"
        "root, me = sys.argv[1:]; store = LocalStore(root)\n"
        "print(flush=True); sys.stdin.read()\n"
        "try: store.create('a/1', me.encode() * 10_000); print('won')\n"
        "except AlreadyExists: print('lost')\n"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(local.root), str(me)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=SOURCES,
        )
        for me in range(8)
    ]
    for racer in racers:
        racer.stdout.readline()  # ready
    for racer in racers:
        racer.stdin.close()
    said = [racer.stdout.read().strip() for racer in racers]
    for racer in racers:
        racer.stdout.close()
        assert racer.wait() == 0
    assert sorted(said) == ["lost"] * 7 + ["won"]
    assert local.get("a/1") == str(said.index("won")).encode() * 10_000


@pytest.mark.usefixtures("one_at_a_time")
def test_no_update_is_lost(store: ObjectStore):
    def add(_: int) -> None:
        assert store.update("a/count", lambda n: b"%d" % (int(n or 0) + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(12)))
    assert store.get("a/count") == b"12"
    assert not store.update("a/count", lambda n: None)
    assert list(store.list()) == ["a/count"]


@both
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stored=st.sets(keys, max_size=8), cut=st.integers(0, 8), foreign=st.booleans(), after=keys)
def test_list(request, backend: str, stored: set[str], cut: int, foreign: bool, after: str):
    request.getfixturevalue(backend)
    stored = {k for k in stored if not any(k.startswith(f"{other}/") for other in stored)}
    with tempfile.TemporaryDirectory() as folder:
        store = (
            LocalStore(folder) if backend == "local" else S3Store(BUCKET, f"list/{uuid.uuid4()}")
        )
        for key in stored:
            store.put(key, b"")
        if foreign:
            for name in (".hidden", "b/.x.tmp", ".git/head", "odd name", "b/ü"):
                if name.partition("/")[0] not in stored:
                    plant(store, name, b"")
        prefix = min(stored, default="")[:cut]
        assert list(store.list(prefix)) == sorted(k for k in stored if k.startswith(prefix))
        assert list(store.list(after=after)) == sorted(k for k in stored if k > after)


def test_versions_where_there_are_none(local: LocalStore):
    local.put("a/b", b"first")
    local.put("a/b", b"second")
    local.put("b", b"")
    (found,) = local.versions("a/")
    assert (found.key, found.version, found.replaced, found.deleted) == ("a/b", "", (), ())
    assert found.at is not None
    assert found.at.timestamp() == pytest.approx(Path(local.url("a/b")).stat().st_mtime)
    assert local.oldest(found) == b"second"
    assert [one.key for one in local.versions()] == ["a/b", "b"]
    assert list(local.versions("c")) == []


@pytest.mark.parametrize("page", ["1", "2", "1000"])
def test_versions(s3: S3Store, monkeypatch: pytest.MonkeyPatch, page: str):
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", page)
    for content in (b"first", b"second", b"third"):
        s3.put("a/b", content)
    s3.put("a/c", b"only")
    s3.delete("a/b")
    s3.put("a/d", b"erased under its mark")
    (erased,) = s3.versions("a/d")
    s3.delete("a/d")
    s3._s3.delete_object(Bucket=BUCKET, Key=f"{s3.prefix}a/d", VersionId=erased.version)
    s3.put("a/e", b"")
    plant(s3, "a/ü", b"")
    found = list(s3.versions("a/"))
    assert [(one.key, len(one.replaced), len(one.deleted)) for one in found] == [
        ("a/b", 2, 1),
        ("a/c", 0, 0),
        ("a/d", 0, 1),
        ("a/e", 0, 0),
    ]
    assert [s3.oldest(one) for one in found] == [b"first", b"only", None, b""]
    assert [one.at is None for one in found] == [False, False, True, False]
    assert s3.find("a/b") is None


def test_list_over_many_pages(store: ObjectStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    names = [f"ledger/{n:012}.json" for n in range(10)]
    for name in reversed(names):
        store.put(name, b"")
    store.put("ledger.json", b"")
    assert list(store.list("ledger/")) == names
    assert list(store.list("ledger/", after=names[6])) == names[7:]
    assert list(store.list("ledger/", after=names[9])) == []


@given(name=st.text(max_size=6))
def test_only_keys_are_keys(tmp_path_factory, name: str):
    local = LocalStore("never-made")
    safe = all(s and s[0] != "." for s in name.split("/")) and name.isascii()
    if not safe or any(c in name for c in "\\ \0\n*?[]"):
        for act in (local.get, local.exists, local.delete, local.url):
            with pytest.raises(ValueError, match="not a key"):
                act(name)
    assert not Path("never-made").exists()


def test_open_store(aws: None, tmp_path: Path):
    assert open_store("s3://bucket/a/b/").url("k") == "s3://bucket/a/b/k"
    assert open_store("s3://bucket").url("k") == "s3://bucket/k"
    assert open_store(str(tmp_path)).url("k") == str(tmp_path / "k")
    for url in ("", "s3://", "s3:///x", "gs://bucket"):
        with pytest.raises(StoreError, match="give"):
            open_store(url)


# What S3 says, explained


def test_a_bucket_that_is_not_there(aws: None):
    store = open_store("s3://no-such-bucket/x")
    acts = (
        lambda: store.get("k"),
        lambda: store.put("k", b""),
        lambda: store.create("k", b""),
        lambda: store.exists("k"),
        lambda: store.delete("k"),
        lambda: list(store.list()),
    )
    for act in acts:
        with pytest.raises(StoreError, match=r"s3://no-such-bucket/x/.*create the bucket"):
            act()


@pytest.mark.parametrize(
    ("code", "kind", "advice"),
    [
        ("ExpiredToken", StoreError, "credentials are expired or wrong: renew"),
        ("InvalidAccessKeyId", StoreError, "credentials are expired or wrong: renew"),
        ("SignatureDoesNotMatch", StoreError, "credentials are expired or wrong: renew"),
        ("AccessDenied", StoreError, "allow this role"),
        ("SlowDown", StoreError, "run again"),
        ("ConditionalRequestConflict", Conflict, "try again"),
        ("PreconditionFailed", AlreadyExists, "exists already"),
    ],
)
def test_what_aws_answers_is_named(s3: S3Store, refuse, code: str, kind: type, advice: str):
    refuse("PutObject", code)
    with pytest.raises(kind, match=rf"s3://{BUCKET}/some/prefix/k: .*\({code}\).*{advice}") as why:
        s3.create("k", b"")
    assert type(why.value) is kind
    refuse("GetObject", code)
    refuse("ListObjectsV2", code)
    for act in (lambda: s3.get("k"), lambda: s3.exists("k"), lambda: list(s3.list())):
        with pytest.raises(StoreError, match=code):
            act()


def test_no_credentials(s3: S3Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store = open_store(f"s3://{BUCKET}/x")
    with pytest.raises(StoreError, match=r"NoCredentialsError.*sign in to AWS"):
        store.put("k", b"")


def test_an_endpoint_out_of_reach(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setattr("time.sleep", lambda _: None)  # between retries
    store = open_store("s3://bucket/x")
    with pytest.raises(StoreError, match=r"s3://bucket/x/k.*check the network"):
        store.get("k")


def test_too_many_writers(s3: S3Store, refuse, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    refuse("PutObject", "PreconditionFailed")
    with pytest.raises(Conflict, match="too many writers"):
        s3.update("k", lambda _: b"")
