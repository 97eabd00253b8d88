"""A scan of the demonstration organization's busiest account: Stratum's, and Prowler's.

    python benchmarks/bench_peer.py "$(benchmarks/peer.sh)" 2>/dev/null

Each is a fresh process with the same credentials, regions and services, and both write what
they found to files. Calls are counted by a relay before the emulated AWS, refused ones too;
retries apart, for the emulation fails where AWS would answer (what it says of that goes to
stderr). Wall, CPU and peak memory are the process's own, by wait4. Cost optimization has no
counterpart in the peer: Stratum is measured with it and without.
"""

import argparse
import asyncio
import csv
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3

from stratum_pipeline import demo
from stratum_pipeline.demo.accounts import REGIONS
from stratum_pipeline.registry import MODULES

HERE = Path(__file__).parent
PEER_CHECKS = HERE.parent / "tests" / "contract" / "peer_checks.csv"
ROLE = "stratum/scan-iam"  # the emulated AWS asks who calls, and not what the role may do
WITHOUT_PEER = ("cost",)

TARGETS = {"API calls": 0.5, "wall, s": 0.5, "CPU, s": 0.25, "peak memory, MB": 0.5}

SCOPE = re.compile(rb"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
RETRY = re.compile(rb"\r\namz-sdk-request:[^\r]*\battempt=(?!1\b)", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
TRANSFER = 1 << 16

SCAN = """
import sys
from pathlib import Path
import boto3
from stratum_pipeline.scan import scan_account
account, folder, modules, regions, members = sys.argv[1:]
names = [modules.split(","), regions.split(","), members.split(",")]
found = scan_account(boto3.Session(region_name=names[1][0]), account, *names)
for name in ("fails", "unknowns", "gaps", "populations", "coverage"):
    getattr(found, name).write_parquet(Path(folder) / f"{name}.parquet")
for name, rows in found.inventory.items():
    rows.write_parquet(Path(folder) / f"{name}.parquet")
print(found.fails.height, "findings,", found.gaps.height, "gaps")
"""


@dataclass(frozen=True)
class Figures:
    calls: Counter[str]  # by service; "retried" for what was a retry
    wall: float
    cpu: float
    memory: float  # MB
    said: str

    def table(self) -> dict[str, float]:
        asked = self.calls.total() - self.calls["retried"]
        values = (asked, self.wall, self.cpu, self.memory)
        return dict(zip(TARGETS, values, strict=True))


class Relay:
    """Passes HTTP on to `port` as it comes, and counts the requests as Figures has them."""

    def __init__(self, port: int) -> None:
        self.upstream, self.port, self.calls = port, 0, Counter[str]()
        self.stop: Callable[[], object] = lambda: None  # from any thread

    async def serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        self.stop = lambda: loop.call_soon_threadsafe(stopped.set)
        ready.set()
        await stopped.wait()
        server.close()

    async def _connected(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        replies, upstream = await asyncio.open_connection("127.0.0.1", self.upstream)
        back = asyncio.create_task(_pour(replies, answers))
        try:
            while head := await client.readuntil(b"\r\n\r\n"):
                scope, length = SCOPE.search(head), LENGTH.search(head)
                name = "retried" if RETRY.search(head) else scope[1].decode() if scope else "?"
                self.calls[name] += 1
                body = await client.readexactly(int(length[1])) if length else b""
                upstream.write(head + body)
                await upstream.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it has asked all it wanted to
        finally:
            upstream.close()
            await back


async def _pour(replies: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
    try:
        while part := await replies.read(TRANSFER):
            answers.write(part)
            await answers.drain()
    except ConnectionError:
        pass
    finally:
        answers.close()


@contextmanager
def counted(endpoint_url: str) -> Generator[tuple[Relay, str]]:
    """A relay before `endpoint_url`, and the URL that leads through it."""
    before, _, port = endpoint_url.rpartition(":")
    relay, ready = Relay(int(port)), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(relay.serve(ready)), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield relay, f"{before}:{relay.port}"
    finally:
        relay.stop()
        thread.join()


def measure(command: list[str], environment: dict[str, str], relay: Relay, log: Path) -> Figures:
    relay.calls.clear()
    with log.open("wb") as output:
        start = time.monotonic()
        child = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent
        )
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)  # or Popen would wait for it again
    said = log.read_text(errors="replace")
    if child.returncode or not relay.calls:
        asked = relay.calls.total()
        sys.exit(f"{command[0]} ended with {child.returncode}, {asked} calls:\n{said[-4000:]}")
    return Figures(
        calls=Counter(relay.calls),
        wall=wall,
        cpu=used.ru_utime + used.ru_stime,
        memory=used.ru_maxrss / 1024,
        said=said.strip().splitlines()[-1] if said.strip() else "",
    )


def peer_services() -> list[str]:
    """The services of the peer's checks in our domains, by its own names."""
    with PEER_CHECKS.open(newline="", encoding="utf-8") as lines:
        return sorted({row["check_id"].partition("_")[0] for row in csv.DictReader(lines)})


def enter(organization: demo.Organization, account: str) -> dict[str, str]:
    """The environment of a session in `account`."""
    given = organization.credentials
    sts = boto3.client(
        "sts",
        region_name=given["AWS_REGION"],
        endpoint_url=given["AWS_ENDPOINT_URL"],
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=given["AWS_SESSION_TOKEN"],
    )
    keys = sts.assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/{ROLE}",
        RoleSessionName="bench",
        ExternalId=organization.external_id,
    )["Credentials"]
    return given | {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


def stratum(account: str, folder: Path, modules: list[str], members: list[str]) -> list[str]:
    folder.mkdir()
    names = [",".join(part) for part in (modules, REGIONS, members)]
    return [sys.executable, "-c", SCAN, account, str(folder), *names]


def prowler(command: str, folder: Path) -> list[str]:
    output = ["--output-formats", "csv", "--output-directory", str(folder), "--no-banner"]
    asked = ["--region", *REGIONS, "--service", *peer_services()]
    return [command, "aws", *asked, *output, "--ignore-exit-code-3", "--log-level", "CRITICAL"]


def found_by_peer(folder: Path) -> str:
    rows: list[dict[str, str]] = []
    for file in folder.glob("*.csv"):
        with file.open(newline="", encoding="utf-8") as lines:
            rows += csv.DictReader(lines, delimiter=";")
    said = Counter(row["STATUS"] for row in rows)
    return f"{said['FAIL']} fails, {said['PASS']} passes"


def show(name: str, ours: Figures, theirs: Figures) -> None:
    print(f"\n{name}")
    print(f"{'':18}{'Stratum':>10}{'Prowler':>10}{'ratio':>8}{'target':>8}")
    for what, value in ours.table().items():
        other = theirs.table()[what]
        print(f"{what:18}{value:10.1f}{other:10.1f}{value / other:8.2f}{TARGETS[what]:8.2f}")


@dataclass(frozen=True)
class Race:
    """One account, and how each goes about it."""

    account: str
    members: list[str]
    modules: list[str]
    prowler: str
    environment: dict[str, str]
    relay: Relay

    def run(self, folder: Path) -> tuple[Figures, Figures, Figures, str]:
        """All modules of ours, those that the peer has too, the peer, and what it found."""
        shared = [name for name in self.modules if name not in WITHOUT_PEER]
        commands = {
            "all": stratum(self.account, folder / "all", self.modules, self.members),
            "shared": stratum(self.account, folder / "shared", shared, self.members),
            "peer": prowler(self.prowler, folder / "peer"),
        }
        ours, same, theirs = (
            measure(command, self.environment, self.relay, folder / f"{name}.log")
            for name, command in commands.items()
        )
        return ours, same, theirs, found_by_peer(folder / "peer")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("prowler", help="its command, as peer.sh prints it")
    arguments.add_argument("--account", help="its name; the one with most planted cases if none")
    arguments.add_argument("--modules", nargs="*", help="of Stratum; all if none")
    given = arguments.parse_args()
    modules: list[str] = given.modules or [module.name for module in MODULES]
    quiet = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    with demo.serve() as organization, counted(organization.endpoint_url) as (relay, url):
        planted = Counter(row["account"] for row in organization.truth)
        name: str = given.account or planted.most_common(1)[0][0]
        (account,) = [a.id for a in organization.accounts if a.name == name]
        environment = quiet | enter(organization, account) | {"AWS_ENDPOINT_URL": url}
        environment["PYTHONPATH"] = str(HERE.parent)
        members = [a.id for a in organization.accounts]
        race = Race(account, members, modules, given.prowler, environment, relay)
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            race.run(Path(first))  # warms the disk and the emulation for all
            ours, same, theirs, found = race.run(Path(second))
    print(f"account {name}, {planted[name]} planted cases, regions {' '.join(REGIONS)}")
    print(f"Prowler's services: {' '.join(peer_services())}")
    print(f"Prowler: {found}")
    show(f"the domains that both have; Stratum: {same.said}", same, theirs)
    show(f"all {len(modules)} modules; Stratum: {ours.said}", ours, theirs)
    for who, figures in (("Stratum, all modules", ours), ("Prowler", theirs)):
        by_service = ", ".join(f"{s} {n}" for s, n in figures.calls.most_common())
        print(f"\ncalls of {who}: {by_service}")


if __name__ == "__main__":
    main()
