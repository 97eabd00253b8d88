"""A ledger and a data folder on disk, with scans written by hand."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.evaluate import Fails, Gaps, Observed, Populations, Unknowns
from stratum_pipeline.kernel.rule import Rule, Severity
from stratum_pipeline.kernel.table import Column, Resource
from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.lifecycle.publish import publish
from stratum_pipeline.lifecycle.record import Recorded, current, record
from stratum_pipeline.lifecycle.triage import triage
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.ledger import Entry, Ledger
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.store.vault import Vault

from .make import ANN, PUBLIC, A, arn, fid, hour, observed

OPEN, LOGS = "s3.bucket.open", "s3.bucket.logs"
NOW, LATER = hour(50), hour(100)


class Buckets(Resource, listed_by="s3:ListBuckets", regional=False):
    open = Column(pl.Boolean, "", source="s3:GetBucketPolicyStatus")


def rule(id: str) -> Rule:
    return Rule(
        id=id,
        table=Buckets,
        fails=Buckets.open,
        severity=Severity.HIGH,
        title="It is open",
        rationale="",
        remediation="",
        console="",
        cli="",
        criteria=("CC6.1",),
    )


TOGETHER = Correlation(
    rule=PUBLIC,
    beside=(OPEN,),
    on=("resource_arn",),
    because="Anyone can read it, and nobody would know",
    severity=Severity.CRITICAL,
)


@dataclass(frozen=True)
class Place:
    ledger: Ledger
    data: Data
    rules: tuple[Rule, ...] = (rule(PUBLIC), rule(OPEN), rule(LOGS))

    def with_vault(self, vault: Vault) -> "Place":
        return replace(self, ledger=Ledger(vault))

    def scan(
        self,
        started: float,
        *fails: dict[str, Any],
        unknowns: Iterable[dict[str, Any]] = (),
        here: Iterable[str] = (),
        outcome: str = "complete",
        account: str = A,
        seen: Iterable[str] | None = None,
        gaps: Iterable[dict[str, Any]] = (),
    ) -> None:
        """Leave a scan of s3 in the data folder. seen: rules whose table was listed."""
        seen = [r.id for r in self.rules] if seen is None else seen
        parts = {
            "verdicts": Fails.frame(fails),
            "unknowns": Unknowns.frame(unknowns),
            "observed": Observed.frame(observed(r, account=account) for r in seen),
            "populations": Populations.frame(
                {"rule_id": r, "account_id": account, "region": "", "population": len(fails)}
                for r in seen
            ),
            "gaps": Gaps.frame(gaps),
        }
        for kind, frame in parts.items():
            self.data.write_part(kind, "s3", account, frame)
        rows = [{"arn": arn(n, account), "account_id": account, "region": ""} for n in here]
        self.data.write_table("s3", "buckets", account, Buckets.frame(rows))
        status = {
            "scan_id": f"scan-{started}",
            "started_at": hour(started).isoformat(),
            "finished_at": hour(started + 0.1).isoformat(),
            "outcome": outcome,
            "calls": 3,
            "error": "sts:AssumeRole denied (AccessDenied)" if outcome == "failed" else "",
        }
        assert self.data.write_status("s3", account, status)

    def record(self) -> Recorded:
        return record(self.ledger, self.data, self.rules, "run-1", ["s3"])

    def publish(
        self,
        as_of: datetime = LATER,
        modules: Iterable[str] = ("s3",),
        correlations: Iterable[Correlation] = (TOGETHER,),
    ) -> dict[str, pl.DataFrame]:
        state = current(self.ledger)
        return publish(self.data, state, self.rules, correlations, modules, as_of)

    def queue(self, name: str = "a", rule: str = PUBLIC, **options: Any) -> dict[str, Any]:
        """One finding as the queue has it, details and all."""
        frames = self.publish(**options)
        rows = frames["findings"].join(frames["details"], on="finding_id")
        return rows.filter(pl.col("finding_id") == fid(name, rule)).row(0, named=True)

    def says(self, kind: Kind, *findings: str, now: datetime = NOW, **details: Any) -> Entry:
        return triage(self.ledger, ANN, kind, findings or [fid()], now=now, **details)

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.ledger.entries()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(Ledger(Vault(LocalStore(tmp_path / "vault"))), Data(LocalStore(tmp_path / "data")))
