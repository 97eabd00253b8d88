"""Serving the Dagster UI on this machine: its webserver and its daemon, ended together."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from .runs import RunError, dagster_home
from .settings import Settings

HOST = "127.0.0.1"
PORT = 3000
STARTUP_SECONDS = 120
POLL_SECONDS = 0.5
GRACE_SECONDS = 10


def free_port(wanted: int) -> int:
    """`wanted`, or the next port up that nothing listens on; RunError after a hundred."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return port
    raise RunError(f"no free port from {wanted} to {wanted + 99}: give another with --port.")


def serve(settings: Settings, port: int, say: Callable[[str], None]) -> None:
    """Serve until interrupted. A server that ends by itself is reported; the other goes on."""
    # Told to end in whatever way, and even where a shell had us ignore Ctrl-C: stop them first.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    home = dagster_home(settings)
    chosen = free_port(port)
    if chosen != port:
        say(f"Port {port} is in use; taking {chosen}.")
    workspace = ["-m", "stratum_pipeline.definitions"]
    web = ["dagster-webserver", "-h", HOST, "-p", str(chosen), *workspace]
    servers = {
        "Dagster UI": _start(web, home / "webserver.log"),
        "Dagster daemon": _start(["dagster-daemon", "run", *workspace], home / "daemon.log"),
    }
    try:
        url = f"http://{HOST}:{chosen}"
        if _answers(url, servers["Dagster UI"]):
            say(f"Dagster UI   {url}   (Ctrl-C stops it)")
        while servers:
            for name, server in list(servers.items()):
                if server.poll() is not None:
                    log = home / ("webserver.log" if name == "Dagster UI" else "daemon.log")
                    say(f"{name} ended with exit code {server.returncode}; see {log}")
                    del servers[name]
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        say("Stopping.")
    finally:
        _stop(list(servers.values()))


def _start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    # Beside this interpreter, whatever PATH says; its own group, so that Ctrl-C reaches us only.
    program = str(Path(sys.executable).parent / command[0])
    environment = os.environ | {"DAGSTER_DISABLE_TELEMETRY": "1"}
    with log.open("ab") as output:
        return subprocess.Popen(
            [program, *command[1:]],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def _answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{url}/server_info", timeout=2),
        ):
            return True
        time.sleep(POLL_SECONDS)
    return False


def _stop(servers: list[subprocess.Popen[bytes]]) -> None:
    for server in servers:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
    for server in servers:
        try:
            server.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()
