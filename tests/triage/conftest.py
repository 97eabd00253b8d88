"""An estate that has something of whatever can be asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.lifecycle.triage import triage
from stratum_pipeline.triage.read_model import Queue
from tests.lifecycle.make import ANN, OLD_KEY, A, B, fail, fid, hour

from .places import Estate

STRAY = "333333333333"  # scanned, and unknown to the organization
BEN = {"kind": "person", "id": "ben", "assurance": "oidc"}


def day(n: float) -> datetime:
    return hour(24 * n)


NOW = day(100)
SHARED = "arn:aws:iam::1:policy/100%_shared"


def every() -> list[tuple[str, str, float, dict[str, Any]]]:
    """(account, module, day, finding) of each."""
    found: list[tuple[str, str, float, dict[str, Any]]] = []
    for n, account in enumerate((A, B, STRAY)):
        for k, severity in enumerate(("low", "medium", "high", "critical", "high")):
            name = f"Bucket-{k}" if k % 2 else f"bucket_{k}"
            over = {"severity": severity, "region": ("", "eu-west-1", "us-east-1")[k % 3]}
            over |= {"exposed": (True, False, None)[(k + n) % 3], "title": f"Titled {k % 2}"}
            over |= {"root_cause": SHARED} if k > 2 else {}
            over["monthly_usd"] = (None, 12.5, 0.1)[(k + n) % 3]
            found.append((account, "s3", 1 + 20 * k, fail(name, account=account, **over)))
        over = {"severity": "medium", "region": "", "title": "A key is old"}
        found.append((account, "iam", 95, fail("bucket_0", OLD_KEY, account, **over)))
    return found


def say(estate: Estate, kind: Kind, *ids: str, actor: dict[str, str] = ANN, **said: Any) -> None:
    triage(estate.ledger, actor, kind, ids, now=NOW, **said)


def made(folder: Path) -> Estate:
    estate = Estate.at(folder)
    estate.accounts(
        {"id": A, "name": "zebra", "ou": "Root/Workloads/Prod", "status": "SUSPENDED"},
        {"id": B, "name": "Alpha", "ou": "Root/Workloads-X"},
        {"id": "444444444444", "name": "nothing in it", "ou": "Root/Workloads"},
    )
    found = every()
    for at in sorted({at for *_, at, _ in found}):
        for account, module in sorted({(account, module) for account, module, *_ in found}):
            so_far = [one for a, m, t, one in found if (a, m) == (account, module) and t <= at]
            # On the last day a bucket of B's fails no more.
            last = so_far[1:] if (at, account, module) == (95, B, "s3") else so_far
            estate.scan(account, *last, module=module, started=24 * at)
        estate.record()
    say(estate, Kind.ASSIGNED, fid("Bucket-1", account=A), to="ann")
    say(estate, Kind.ACKNOWLEDGED, fid("Bucket-1", account=A), fid("Bucket-3", account=A))
    said = {"reason": "accepted_risk", "note": "It is meant so"}
    say(estate, Kind.SUPPRESSED, fid("Bucket-3", account=B), actor=BEN, until=day(200), **said)
    say(estate, Kind.SUPPRESSED, fid("bucket_4", account=STRAY), until=day(101), **said)
    say(estate, Kind.MARKED_RESOLVED, fid("bucket_2", account=A), note="done")
    say(estate, Kind.NOTED, fid("bucket_2", account=A), note="a note")
    return estate


@dataclass(frozen=True)
class Asked:
    """A queue, and the frames it was loaded from as plain rows."""

    queue: Queue
    rows: list[dict[str, Any]]
    estate: Estate


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    estate = made(tmp_path_factory.mktemp("estate"))
    frames = estate.publish(NOW)
    rows = (
        frames["findings"]
        .join(frames["details"], on="finding_id")
        .join(frames["accounts"].select("account_id", "name", "ou"), on="account_id", how="left")
    )
    with estate.queue(NOW) as queue:
        yield Asked(queue, rows.to_dicts(), estate)
