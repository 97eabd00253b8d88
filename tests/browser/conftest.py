"""Each module has its servers, its browser and its copy of the data; one worker scans for all."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, Page

from . import SECONDS, WIDE, Served, browsing, kept_here, scan_demonstration, serving


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the scanned demonstration. Not to be written to."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of all workers of this run
    folder, done = shared / "demonstration", shared / "demonstration.done"
    with FileLock(shared / "demonstration.lock"):
        if not done.exists():
            folder.mkdir()  # fails where another worker's scan did: once is enough
            scan_demonstration(folder)
            done.touch()
    return folder


@pytest.fixture(scope="module")
def role() -> str:
    """Who looks: viewer, triager, approver or operator. A module may say another."""
    return "operator"


@pytest.fixture(scope="module")
def served(
    demonstration: Path, role: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(demonstration, folder, dirs_exist_ok=True)
    with serving(folder, {"STRATUM_LOCAL_ROLE": role}) as urls:
        yield urls


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty page of a person who was never here; what it asks for stays on this machine."""
    context = chromium.new_context(viewport=WIDE, reduced_motion="reduce")
    context.set_default_timeout(SECONDS * 1000)
    with kept_here(context):
        yield context.new_page()
        context.close()
