"""Queues made of real scans: accounts, gaps and modules beside what `tests.lifecycle` makes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from stratum_pipeline.kernel.evaluate import Fails, Gaps, Observed, Populations, Unknowns
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.lifecycle.events import Accounts
from stratum_pipeline.lifecycle.publish import publish
from stratum_pipeline.lifecycle.record import current, record
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.ledger import Ledger
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.store.vault import Vault
from stratum_pipeline.triage.overlay import overlay
from stratum_pipeline.triage.read_model import Queue
from tests.lifecycle.conftest import rule
from tests.lifecycle.make import PUBLIC, account, hour, observed


def gap(account_id: str, module: str = "s3", **over: Any) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "region": "eu-west-1",
        "module": module,
        "operation": "s3:GetBucketPolicy",
        "outcome": "denied",
        "code": "AccessDenied",
        "rules": [PUBLIC],
        "resources": 1,
        "unlisted": False,
        "blinded": 1,
    } | over


@dataclass
class Estate:
    """A folder with data and vault."""

    data: Data
    ledger: Ledger
    rules: tuple[Rule, ...] = (rule(PUBLIC), rule("iam.key.old"), rule("rds.instance.open"))
    modules: tuple[str, ...] = ("s3", "iam")

    @classmethod
    def at(cls, folder: Any) -> "Estate":
        return cls(Data(LocalStore(folder / "data")), Ledger(Vault(LocalStore(folder / "vault"))))

    def accounts(self, *rows: dict[str, Any]) -> None:
        self.data.write_accounts(Accounts.frame(account(**row) for row in rows))

    def scan(
        self,
        account_id: str,
        *fails: dict[str, Any],
        module: str = "s3",
        started: float = 1,
        outcome: str = "complete",
        error: str = "",
        gaps: Iterable[dict[str, Any]] = (),
        passed: int = 0,
        unknown: int = 0,
    ) -> None:
        mine = [r.id for r in self.rules if r.module == module]
        count = {"passed": passed, "failed": len(fails), "unknown": unknown}
        whole = {"population": sum(count.values()), **count}
        parts = {
            "verdicts": Fails.frame(fails),
            "unknowns": Unknowns.frame(),
            "observed": Observed.frame(observed(r, account=account_id) for r in mine),
            "populations": Populations.frame(
                {"rule_id": r, "account_id": account_id, "region": "eu-west-1", **whole}
                for r in mine
            ),
            "gaps": Gaps.frame(gaps),
        }
        for kind, frame in parts.items():
            self.data.write_part(kind, module, account_id, frame)  # type: ignore[arg-type]
        status = {
            "scan_id": f"scan-{started}",
            "started_at": hour(started).isoformat(),
            "finished_at": hour(started + 0.1).isoformat(),
            "outcome": outcome,
            "calls": 3,
            "error": error,
        }
        assert self.data.write_status(module, account_id, status)

    def record(self) -> None:
        every = {r.module for r in self.rules}
        record(self.ledger, self.data, self.rules, "run", sorted(every))

    def publish(self, as_of: datetime | None = None) -> dict[str, pl.DataFrame]:
        state = current(self.ledger)
        return publish(self.data, state, self.rules, (), self.modules, as_of)

    @contextmanager
    def queue(self, now: datetime) -> Iterator[Queue]:
        """The current snapshot, carried on to `now`."""
        queue = Queue.load(self.data)
        overlay(queue, self.ledger, now)
        try:
            yield queue
        finally:
            queue.close()
