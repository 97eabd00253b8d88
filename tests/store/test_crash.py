"""kill -9 at every step of a write: the old state or the new, and the next write succeeds."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stratum_pipeline.evidence.verify import Kind, Verification
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.store.vault import Vault

from . import crash
from .conftest import SOURCES
from .crash import BIG, NEW, NEWER, OLD, OLDER

Check = Callable[[LocalStore], str]  # looks at what a killed writer left: "old" or "new"


def killed_at_every_step(scenario: str, root: Path) -> list[LocalStore]:
    """What each killed writer left, in the order of the steps; last, of one that got through."""
    ran = subprocess.run(
        [sys.executable, crash.__file__, scenario, str(root)],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
    )
    return [LocalStore(root / str(step)) for step in range(1, int(ran.stdout) + 1)]


def is_put(store: LocalStore) -> str:
    return {None: "old", OLD: "old", NEW: "new"}[store.find("a/b")]


def is_payload(store: LocalStore) -> str:
    keys = list(store.list())
    for key in keys:
        assert Vault(store).read_payload(Path(key).stem).equals(BIG)
    return "new" if keys else "old"


def is_append(store: LocalStore) -> str:
    """Nothing or a whole entry, and a vault in which nobody would see tampering."""
    look = Verification(Vault(store))
    found = list(look.findings())
    assert look.first is None
    payloads = list(store.list("payload/"))
    assert [one.key for one in found if one.kind == Kind.UNNAMED] == payloads[look.entries - 1 :]
    return {1: "old", 2: "new"}[look.entries]


def is_status(store: LocalStore) -> str:
    return {OLDER: "old", NEWER: "new"}[Data(store).read_status("s3", "1")["started_at"]]


def is_queue(store: LocalStore) -> str:
    data = Data(store)
    rows = [data.read_queue(name).height for name in ("findings", "facets")]
    return {("1", 1, 1): "old", ("2", BIG.height, BIG.height): "new"}[
        (data.current_queue()["snapshot_id"], *rows)
    ]


@pytest.mark.parametrize(
    ("scenario", "check"),
    [
        ("put", is_put),
        ("put_first", is_put),
        ("create", is_put),
        ("payload", is_payload),
        ("append", is_append),
        ("status", is_status),
        ("queue", is_queue),
    ],
)
def test_killed_at_every_step(tmp_path: Path, scenario: str, check: Check):
    left = killed_at_every_step(scenario, tmp_path)
    outcomes = [check(store) for store in left]
    turn = outcomes.index("new")
    # Not before its last moments, not after it returned, and never back.
    assert outcomes == ["old"] * turn + ["new"] * (len(left) - turn)
    assert 3 <= turn < len(left) - 1
    for store, outcome in zip(left, outcomes, strict=True):
        if (scenario, outcome) != ("create", "new"):
            crash.SCENARIOS[scenario][1](store)
        assert check(store) == "new"
        assert not [key for key in store.list() if "tmp" in key]


def test_a_torn_temporary_was_among_them(tmp_path: Path):
    """The harness itself: some run dies with half a file, which nobody ever sees."""
    left = killed_at_every_step("create", tmp_path)
    sizes = {path.stat().st_size for path in tmp_path.rglob("*.tmp")}
    assert {len(NEW) // 2, len(NEW)} <= sizes
    assert {key for store in left for key in store.list()} == {"a/b"}


def test_an_appending_writer_died_between_all_its_steps(tmp_path: Path):
    """The harness again: where the payload, then the entry, were not yet, in part, and whole."""
    left = killed_at_every_step("append", tmp_path)

    def stage(store: LocalStore) -> tuple[int, int, int, int]:
        torn = [list((store.root / name).glob(".*.tmp")) for name in ("payload", "ledger")]
        whole = [list(store.list(f"{name}/")) for name in ("payload", "ledger")]
        return len(torn[0]), len(whole[0]), len(torn[1]), len(whole[1]) - 1

    stages = [stage(store) for store in left]
    assert list(dict.fromkeys(stages)) == [
        (0, 0, 0, 0),
        (1, 0, 0, 0),  # writing the payload
        (1, 1, 0, 0),  # linked, its other name not yet gone
        (0, 1, 0, 0),  # between payload and entry
        (0, 1, 1, 0),  # writing the entry
        (0, 1, 1, 1),
        (0, 1, 0, 1),
    ]


@pytest.mark.parametrize(("act", "step"), [("put", "os.rename"), ("create", "os.link")])
def test_on_disk_before_it_has_its_name_and_its_name_before_we_return(
    local: LocalStore, monkeypatch: pytest.MonkeyPatch, act: str, step: str
):
    """A power cut cannot be had in a test; the order of what survives one can."""
    local.put("a/other", b"")
    seen: list[str] = []
    sync, real = os.fsync, {"put": Path.replace, "create": Path.hardlink_to}[act]

    def fsync(handle: int) -> None:
        seen.append("folder" if Path(f"/proc/self/fd/{handle}").resolve().is_dir() else "file")
        sync(handle)

    def name(path: Path, other: Path) -> object:
        seen.append(step)
        return real(path, other)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, real.__name__, name)
    getattr(local, act)("a/b", NEW)
    assert seen == ["file", step, "folder"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free space and run again; nothing was lost"),
        (errno.EDQUOT, "free space and run again; nothing was lost"),
        (errno.EACCES, "give this user the permission"),
        (errno.EROFS, "give this user the permission"),
        (errno.EIO, "nothing was lost"),
    ],
)
@pytest.mark.parametrize("act", ["put", "create"])
def test_what_the_disk_answers_is_named(
    local: LocalStore, monkeypatch: pytest.MonkeyPatch, act: str, number: int, advice: str
):
    local.put("a/b", OLD)

    def fail(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        key = {"put": "a/b", "create": "a/c"}[act]
        with pytest.raises(StoreError, match=rf"{key}: {os.strerror(number)}.*{advice}"):
            getattr(local, act)(key, NEW)
    assert [path.name for path in (local.root / "a").iterdir()] == ["b"]
    assert local.get("a/b") == OLD


def test_a_file_system_without_links_is_named(local: LocalStore, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(StoreError, match="use a file system with hard links, or S3"):
        local.create("a", NEW)


def test_a_folder_that_cannot_be_listed_is_not_empty(
    local: LocalStore, monkeypatch: pytest.MonkeyPatch
):
    local.put("a/b", OLD)

    def refuse(path: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StoreError, match="Permission denied"):
        list(local.list("a/"))
