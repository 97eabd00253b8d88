"""Files that are whole or absent, whatever moment the process or the power dies at."""

import contextlib
import fcntl
import os
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import IO


def replace(path: Path, data: bytes) -> None:
    """`path` holds `data`, or if this fails what it held before."""
    with _written_beside(path, data) as temporary:
        temporary.replace(path)
    _sync(path.parent)


def create(path: Path, data: bytes) -> None:
    """`path`, which is new, holds `data`; FileExistsError if it is not new."""
    with _written_beside(path, data) as temporary:
        # A link never replaces, and unlike O_EXCL it never shows a torn file.
        path.hardlink_to(temporary)
    _sync(path.parent)


def delete(path: Path) -> None:
    """`path` is gone, and its folder if that is empty now."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
        _sync(path.parent)
        with contextlib.suppress(OSError):  # not empty
            path.parent.rmdir()


@contextlib.contextmanager
def locked(folder: Path) -> Generator[None]:
    """Alone in `folder` among those who ask; the kernel lets go when the process dies."""
    _make(folder)
    with (folder / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _written_beside(path: Path, data: bytes) -> Generator[Path]:
    """A hidden sibling of `path` with `data` safely on disk; gone afterwards."""
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with _opened(temporary) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _opened(path: Path) -> IO[bytes]:
    """New file `path`, open for writing, its folders made where missing."""
    while True:  # again if a `delete` takes the empty folder away in between
        try:
            return path.open("xb")
        except FileNotFoundError:
            _make(path.parent)


def _make(folder: Path) -> None:
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    with contextlib.suppress(FileNotFoundError):  # a `delete` took it, and our file before it
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
