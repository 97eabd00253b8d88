"""A writer killed at every step it takes: `python crash.py SCENARIO ROOT`.

Run n happens in the folder ROOT/n. It lays down the old state, then does the write and is
killed with SIGKILL at the nth thing it does to the file system; the last run gets through,
and its number is printed.
"""

import os
import signal
import sys
from pathlib import Path

import polars as pl

from stratum_pipeline.store.data import Data
from stratum_pipeline.store.ledger import SYSTEM, Ledger
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.store.vault import Vault

OLD, NEW = b"old" * 30_000, b"new" * 40_000
OLDER, NEWER = "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"
BIG = pl.DataFrame({"n": range(10_000)})


def said(store: LocalStore) -> None:
    Ledger(Vault(store)).append("noted", SYSTEM, lambda head: {"text": "before"})


def scanned(store: LocalStore) -> None:
    """An entry with its payload: nothing if it is there already."""
    ledger = Ledger(Vault(store))
    ledger.append(
        "scanned",
        SYSTEM,
        lambda head: {"events": ledger.vault.payload(BIG)} if head.seq == 1 else None,
    )


SCENARIOS = {  # what was there before, what is done
    "put": (lambda s: s.put("a/b", OLD), lambda s: s.put("a/b", NEW)),
    "put_first": (lambda s: None, lambda s: s.put("a/b", NEW)),
    "create": (lambda s: None, lambda s: s.create("a/b", NEW)),
    "payload": (lambda s: None, lambda s: Vault(s).payload(BIG)),
    "append": (said, scanned),
    "status": (
        lambda s: Data(s).write_status("s3", "1", {"started_at": OLDER}),
        lambda s: Data(s).write_status("s3", "1", {"started_at": NEWER}),
    ),
    "queue": (
        lambda s: Data(s).publish_queue("1", {"findings": BIG[:1], "facets": BIG[:1]}, {}),
        lambda s: Data(s).publish_queue("2", {"findings": BIG, "facets": BIG}, {}),
    ),
}


def kill_at(step: int, root: str) -> None:
    """Arm this process: it dies at its `step`th file-system event under `root`."""
    left = step

    def happens(torn: int | None = None) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            if torn is not None:
                os.ftruncate(torn, os.fstat(torn).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, args: tuple) -> None:
        watched = event == "open" or event.startswith("os.")
        if watched and any(isinstance(a, str | Path) and str(a).startswith(root) for a in args):
            happens()

    sync = os.fsync

    def fsync(handle: int) -> None:  # not audited; dying before it, half of the file is lost
        is_file = Path(f"/proc/self/fd/{handle}").resolve().is_file()
        happens(handle if is_file else None)
        sync(handle)

    os.fsync = fsync
    sys.addaudithook(hook)


def main(scenario: str, root: Path) -> None:
    before, act = SCENARIOS[scenario]
    for step in range(1, 200):
        folder = root / str(step)
        if (child := os.fork()) == 0:
            store = LocalStore(folder)
            before(store)
            kill_at(step, str(folder))
            act(store)
            os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if ended != -signal.SIGKILL:
            print(step)  # noqa: T201
            sys.exit(ended)
    sys.exit("never got through")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
