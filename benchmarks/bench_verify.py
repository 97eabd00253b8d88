"""`stratum evidence verify` of N entries in a folder, against reading and hashing the files.

    python benchmarks/bench_verify.py [ENTRIES ...]      100,000 by default

Half of the entries are a person's, one in fifty names a payload. Floor and verification take
turns in one process over the same files, thrice; the least of each counts. "load" is the
machine's.
"""

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from stratum_pipeline.evidence.verify import Verification
from stratum_pipeline.store.encoding import canonical, digest
from stratum_pipeline.store.ledger import GENESIS, SYSTEM, entry_key
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.store.vault import Vault, payload_key

SIZE = "100000"
ROUNDS = 3
ANN = {"kind": "person", "id": "ann@example.com", "assurance": "oidc"}


def write(folder: Path, count: int) -> None:
    """A ledger, without waiting for the disk."""
    for name in ("ledger", "payload"):
        (folder / name).mkdir()
    prev = GENESIS
    for seq in range(1, count + 1):
        body = {"note": "as agreed with the owner", "finding_ids": [digest(b"%d" % seq)]}
        if seq % 50 == 0:
            bulk = b"%d" % seq * 500
            (folder / payload_key(digest(bulk))).write_bytes(bulk)
            body["findings"] = digest(bulk)
        raw = {"v": 1, "id": f"{seq:036}", "seq": seq, "prev": prev, "kind": "noted", "body": body}
        raw |= {"actor": ANN if seq % 2 else SYSTEM, "at": datetime.now(UTC).isoformat()}
        data = canonical(raw)
        (folder / entry_key(seq)).write_bytes(data)
        prev = digest(data)


def floor(folder: Path) -> None:
    for name in ("ledger", "payload"):
        for file in sorted(os.listdir(folder / name)):  # noqa: PTH208
            with open(f"{folder}/{name}/{file}", "rb") as opened:  # noqa: PTH123
                hashlib.sha256(opened.read()).hexdigest()


def verify(folder: Path) -> None:
    look = Verification(Vault(LocalStore(folder)))
    assert list(look.findings()) == []
    print(f"  {look.entries:,} entries, {look.payloads:,} payloads", end="  ")


def spent(act: Callable[[Path], None], folder: Path) -> tuple[float, float]:
    began, cpu = time.perf_counter(), time.process_time()
    act(folder)
    return time.perf_counter() - began, time.process_time() - cpu


def main() -> None:
    for size in sys.argv[1:] or [SIZE]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(folder, int(size))
            rounds = [(spent(floor, folder), spent(verify, folder)) for _ in range(ROUNDS)]
        print()
        for n, unit in enumerate(("s", "s of CPU")):
            least = min(one[0][n] for one in rounds)
            ours = min(one[1][n] for one in rounds)
            print(f"  floor {least:.2f}, verify {ours:.2f} {unit}: ratio {ours / least:.2f}")
        peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1e6
        print(f"  memory at most {peak:.2f} GB   load {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    main()
