"""Serving Stratum on this machine: the app, the API, and Dagster's UI with its daemon."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from .runs import RunError, dagster_home
from .settings import Settings

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[1]
"""Where `app` stands beside this package: a checkout, or site-packages."""

STARTUP_SECONDS = 120
POLL_SECONDS = 0.5
GRACE_SECONDS = 10

# Linux ends a process with its parent if asked to (PR_SET_PDEATHSIG), and still does after exec:
# killed in whatever way, we leave no server behind. preexec_fn would be unsafe with threads.
FOLLOW = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the parent has gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True)
class Server:
    """A program beside this interpreter. port: 0 if it listens on none; health: a path.

    environment: what it needs beside ours.
    """

    name: str
    command: Sequence[str]
    log: Path
    port: int = 0
    health: str = ""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


@dataclass
class Running:
    server: Server
    process: subprocess.Popen[bytes]
    awaited: bool


def servers(home: Path, ui: int, api: int, app: int) -> list[Server]:
    """What is served, with logs in `home`."""
    streamlit = (
        f"--server.address {HOST} --server.port {app} --server.headless true "
        "--server.fileWatcherType none --browser.gatherUsageStats false"
    )
    uvicorn = (
        f"--host {HOST} --port {api} --no-access-log --timeout-graceful-shutdown 5 "
        "--factory stratum_pipeline.triage.server:create"
    )
    quiet = {"DAGSTER_DISABLE_TELEMETRY": "1"}
    definitions = "-m stratum_pipeline.definitions"
    return [
        Server(
            "Stratum",
            # Its configuration is found beside the script, whatever the working directory.
            ["streamlit", "run", str(ROOT / "app" / "streamlit_app.py"), *streamlit.split()],
            home / "app.log",
            app,
            "/_stcore/health",
            {"STRATUM_API_URL": f"http://{HOST}:{api}"},
        ),
        Server(
            "API",
            ["uvicorn", "--app-dir", str(ROOT), *uvicorn.split()],
            home / "api.log",
            api,
            "/health",
        ),
        Server(
            "Dagster UI",
            f"dagster-webserver -h {HOST} -p {ui} {definitions}".split(),
            home / "webserver.log",
            ui,
            "/server_info",
            quiet,
        ),
        Server(
            "Dagster daemon",
            f"dagster-daemon run {definitions}".split(),
            home / "daemon.log",
            environment=quiet,
        ),
    ]


def free_port(wanted: int, option: str, taken: set[int]) -> int:
    """`wanted`, or the next port up that is free and not in `taken`; RunError after a hundred."""
    for port in range(wanted, min(wanted + 100, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                found: int = probe.getsockname()[1]
                if found not in taken:
                    return found
    raise RunError(f"no free port from {wanted} on: give another with {option}.")


def serve(settings: Settings, ui: int, api: int, app: int, say: Callable[[str], None]) -> None:
    """Serve until interrupted. A server that ends by itself is reported; the others go on.

    ui, api, app: the ports wanted; 0 for any. RunError once no server is left.
    """
    # Told to end in whatever way, and even where a shell had us ignore Ctrl-C: stop them first.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    home = dagster_home(settings)
    ports: list[int] = []
    for wanted, option in ((ui, "--port"), (api, "--api-port"), (app, "--app-port")):
        ports.append(free_port(wanted, option, set(ports)))
        if wanted not in (0, ports[-1]):
            say(f"Port {wanted} is in use; taking {ports[-1]}.")
    running: list[Running] = []
    try:
        for server in servers(home, *ports):
            running.append(Running(server, start(server, os.environ), bool(server.port)))
        _watch(running, say)
        raise RunError(f"every server ended by itself; their logs are in {home}.")
    except KeyboardInterrupt:
        say("Stopping.")
    finally:
        # A second Ctrl-C must not leave half of them behind; the wait is short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stop([one.process for one in running])


def start(server: Server, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A process in a group of its own, so that a terminal's Ctrl-C reaches us alone."""
    program = str(Path(sys.executable).parent / server.command[0])
    follow = [sys.executable, "-ISc", FOLLOW, str(os.getpid()), program]
    with server.log.open("ab") as output:
        return subprocess.Popen(
            [*follow, *server.command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environment, **server.environment},
            start_new_session=True,
        )


def answers(server: Server) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(server.url + server.health, timeout=2, trust_env=False).is_success
    return False


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End them and what they started: politely, and after GRACE_SECONDS in any way."""
    deadline = time.monotonic() + GRACE_SECONDS
    for process in processes:
        _signal(process, signal.SIGTERM)
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0, deadline - time.monotonic()))
        _signal(process, signal.SIGKILL)
        process.wait()


def _watch(running: list[Running], say: Callable[[str], None]) -> None:
    # Until none is left: say once of each that it answers, does not answer, or has ended.
    deadline = time.monotonic() + STARTUP_SECONDS
    starting = True
    while running:
        for one in list(running):
            server = one.server
            if (code := one.process.poll()) is not None:
                say(f"{server.name} ended with exit code {code}; see {server.log}")
                running.remove(one)
                _signal(one.process, signal.SIGKILL)
            elif one.awaited and answers(server):
                say(f"{server.name:12} {server.url}")
                one.awaited = False
            elif one.awaited and time.monotonic() > deadline:
                say(f"{server.name} does not answer at {server.url}; see {server.log}")
                one.awaited = False
        if starting and running and not any(one.awaited for one in running):
            starting = False
            say("Ctrl-C stops it all.")
        time.sleep(POLL_SECONDS)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # To its whole group: what a server started itself may outlive it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
