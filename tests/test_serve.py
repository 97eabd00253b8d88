"""`stratum up`: three URLs; what ends is named and costs only itself; one signal ends all."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from stratum_pipeline import serve
from stratum_pipeline.runs import RunError
from stratum_pipeline.serve import HOST, Server, free_port
from stratum_pipeline.settings import Settings

STRATUM = str(Path(sys.executable).with_name("stratum"))
PARENT = """
import os, pathlib, subprocess, sys, time
from stratum_pipeline.serve import Server, start
child = Server("child", ["python", "-c", "import time; time.sleep(60)"], pathlib.Path("log"))
print(start(child, os.environ).pid, flush=True)
time.sleep(60)
"""


def until(true: Callable[[], object], what: Callable[[], str] = str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


def parents() -> dict[int, int]:
    """By process id that of its parent."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, state, parent = stat.read_text().rpartition(")")[2].split(" ", 3)[:3]
        except OSError:  # it has just ended
            continue
        if state != "Z":
            found[int(stat.parent.name)] = int(parent)
    return found


def descendants(pid: int) -> set[int]:
    born, tree = parents(), {pid}
    while more := {child for child, parent in born.items() if parent in tree} - tree:
        tree |= more
    return tree - {pid}


def running(program: str, among: set[int]) -> int:
    (pid,) = (
        p for p in among if f"/{program}\0".encode() in Path(f"/proc/{p}/cmdline").read_bytes()
    )
    return pid


def test_one_start(tmp_path: Path) -> None:
    def ok(url: str) -> bool:
        return httpx.get(url, timeout=10, trust_env=False).is_success

    said = tmp_path / "said"
    own = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "DAGSTER", "STRATUM"))}
    other = socket.create_server((HOST, 0))
    taken = other.getsockname()[1]
    command = [STRATUM, "up", "--port", "0", "--api-port", "0", "--app-port", str(taken)]
    with other, said.open("w") as output:
        # Settings' own folders are relative: to where the user stands, for every server.
        up = subprocess.Popen(command, cwd=tmp_path, env=own, stdout=output, stderr=output)
        try:
            until(lambda: "Ctrl-C" in said.read_text(), said.read_text)
            assert f"Port {taken} is in use; taking " in said.read_text()
            urls = dict(re.findall(r"^(\S.*\S) +(http\S+)$", said.read_text(), re.MULTILINE))
            assert urls.keys() == {"Stratum", "API", "Dagster UI"}
            assert ok(urls["Stratum"] + "/app/static/inter.woff2"), "the app's own configuration"
            assert ok(urls["API"] + "/docs")
            assert ok(urls["Dagster UI"])
            assert {path.name for path in tmp_path.iterdir()} == {".stratum", "said"}

            os.kill(running("uvicorn", descendants(up.pid)), signal.SIGKILL)
            ended = f"API ended with exit code -9; see {tmp_path}/.stratum/dagster/api.log"
            until(lambda: ended in said.read_text(), said.read_text)
            assert ok(urls["Stratum"])
            assert ok(urls["Dagster UI"])

            tree = descendants(up.pid)
            assert len(tree) >= 3
            up.send_signal(signal.SIGINT)
            assert up.wait(30) == 0, said.read_text()
            assert tree & parents().keys() == set()
            assert said.read_text().endswith("Stopping.\n")
        finally:
            up.kill()
            up.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_killed_it_leaves_no_server(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert parents()[child] == parent.pid
        until(lambda: running("python", {child}), seconds=10)
        parent.kill()
    until(lambda: child not in parents(), seconds=10)


def test_nothing_left_to_serve_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def servers(home: Path, *_: int) -> list[Server]:
        return [Server("First", ["python", "-c", "raise SystemExit(7)"], home / "first.log", 1)]

    said: list[str] = []
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(serve, "servers", servers)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with pytest.raises(RunError, match="every server ended by itself"):
        serve.serve(Settings(), 0, 0, 0, said.append)
    assert said == [f"First ended with exit code 7; see {tmp_path / 'first.log'}"]


def test_no_port_is_given_twice() -> None:
    with socket.create_server((HOST, 0)) as other:
        taken = other.getsockname()[1]
        first = free_port(taken, "--port", set())
        assert first > taken
        assert free_port(taken, "--port", {first}) > first
