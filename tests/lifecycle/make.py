"""Hand-made scans, and a world that folds what they change."""

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from stratum_pipeline.kernel.evaluate import Fails, Observed, Unknowns, finding_id
from stratum_pipeline.lifecycle.diff import Observations, diff
from stratum_pipeline.lifecycle.events import SCANNED, Accounts, LatestRules, Rules, Scans
from stratum_pipeline.lifecycle.fold import State, findings, fold
from stratum_pipeline.store.ledger import SYSTEM, Entry

A, B = "111111111111", "222222222222"
PUBLIC, OLD_KEY = "s3.bucket.public", "iam.key.old"
ANN = {"kind": "person", "id": "ann", "assurance": "oidc"}


def hour(n: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n)


def arn(name: str, account: str = A) -> str:
    return f"arn:aws:x:::{account}/{name}"


def fid(name: str = "a", rule: str = PUBLIC, account: str = A) -> str:
    return finding_id(rule, account, arn(name, account))


def fail(name: str = "a", rule: str = PUBLIC, account: str = A, **over: Any) -> dict[str, Any]:
    """A row of Fails."""
    return {
        "finding_id": fid(name, rule, account),
        "rule_id": rule,
        "account_id": account,
        "resource_arn": arn(name, account),
        "discriminator": "",
        "incarnation": "first",
        "region": "eu-west-1",
        "rule_version": 1,
        "severity": "high",
        "title": "It is open",
        "exposed": False,
        "root_cause": arn(name, account),
        "related": [],
        "console": "",
        "cli": "",
        "evidence": '{"open":true}',
    } | over


def unknown(
    name: str = "a", rule: str = PUBLIC, account: str = A, because: str = ""
) -> dict[str, Any]:
    return {
        "finding_id": fid(name, rule, account),
        "rule_id": rule,
        "account_id": account,
        "region": "eu-west-1",
        "resource_arn": arn(name, account),
        "because": because,
    }


def observed(rule: str = PUBLIC, region: str = "*", account: str = A) -> dict[str, str]:
    return {"rule_id": rule, "account_id": account, "region": region}


def scan(
    started: float, account: str = A, module: str = "s3", outcome: str = "complete"
) -> dict[str, Any]:
    return {
        "account_id": account,
        "module": module,
        "scan_id": f"scan-{started}",
        "started_at": hour(started),
        "finished_at": hour(started + 0.1),
        "outcome": outcome,
        "calls": 1,
        "error": "boom" if outcome == "failed" else "",
    }


def account(id: str = A, **over: Any) -> dict[str, Any]:
    return {"account_id": id, "name": "one", "status": "ACTIVE", "ou": "Root", "tags": []} | over


def rule_frame(rules: dict[str, int]) -> pl.DataFrame:
    return Rules.frame(
        {"rule_id": rule, "module": rule.split(".")[0], "version": version, "criteria": []}
        for rule, version in rules.items()
    )


class World:
    """What the ledger would say, without one."""

    def __init__(self) -> None:
        self.state = State()
        self.entries: list[Entry] = []
        self.payloads: dict[str, pl.DataFrame] = {}
        self.rules = {PUBLIC: 1, OLD_KEY: 1}
        self.judged: dict[tuple[str, str], int] = {}  # (account, rule): version
        self.accounts: list[dict[str, Any]] = []

    def keep(self, frame: pl.DataFrame) -> str:
        digest = str(uuid.uuid4())
        self.payloads[digest] = frame
        return digest

    def append(self, kind: str, body: dict[str, Any], actor: dict[str, str], at: float) -> None:
        seq = self.state.head.seq + 1
        entry = Entry(seq, str(seq), "", hour(at), actor, str(kind), body, f"digest-{seq}")
        self.entries.append(entry)
        self.state = fold(self.state, [entry], self.payloads.__getitem__)

    def says(self, kind: str, at: float, *names: str, **body: Any) -> None:
        """Ann says `kind` of findings by resource name, "a" if none is given."""
        ids = [fid(name) for name in names or "a"]
        self.append(kind, {"finding_ids": ids, "note": ""} | body, ANN, at)

    def diff(
        self,
        scans: Iterable[dict[str, Any]],
        fails: Iterable[dict[str, Any]] = (),
        unknowns: Iterable[dict[str, Any]] = (),
        seen: Iterable[dict[str, str]] | None = None,
        here: Iterable[str] = (),
    ) -> pl.DataFrame:
        """seen: rows of Observed; by default every rule's table, everywhere that was scanned.

        here: names of resources still in the inventory.
        """
        scanned = Scans.frame(scans)
        pairs = scanned.select("account_id", "module")
        if seen is None:
            where = [(a, r) for a, m in pairs.rows() for r in self.rules if r.startswith(f"{m}.")]
            seen = [observed(rule, account=account) for account, rule in where]
        complete = self.state.scans.drop_nulls("complete_at")
        there = [arn(name, account) for name in here for account in (A, B)]
        return diff(
            known=findings(self.state, hour(0)),
            seen=Observations(
                scanned,
                Fails.frame(fails).with_columns(module=pl.col("rule_id").str.split(".").list[0]),
                Unknowns.frame(unknowns),
                Observed.frame(seen),
            ),
            rules=rule_frame(self.rules),
            before=LatestRules.frame(
                {"account_id": account, "rule_id": rule, "version": version}
                for (account, rule), version in self.judged.items()
            ),
            baseline=pairs.join(complete, on=["account_id", "module"], how="anti"),
            accounts=(self.state.accounts, Accounts.frame(self.accounts)),
            present=lambda rows: rows.filter(pl.col("resource_arn").is_in(there)),
        )

    def scan(self, started: float, *fails: dict[str, Any], **more: Any) -> pl.DataFrame:
        """One scan, s3 in A unless `scans` says otherwise; recorded. Its events."""
        scans = more.pop("scans", [scan(started)])
        events = self.diff(scans, fails, **more)
        for row in scans:
            if row["outcome"] != "failed":
                mine = {r: v for r, v in self.rules.items() if r.startswith(row["module"] + ".")}
                self.judged |= {(row["account_id"], r): v for r, v in mine.items()}
        body = {
            "scans": self.keep(Scans.frame(scans)),
            "rules": "rules",
            "events": self.keep(events) if events.height else "",
        }
        self.append(SCANNED, body, SYSTEM, started + 0.2)
        return events

    def finding(self, as_of: float = 999, name: str = "a") -> dict[str, Any]:
        rows = findings(self.state, hour(as_of)).filter(pl.col("finding_id") == fid(name))
        assert rows.height == 1
        return rows.row(0, named=True)


def brief(events: pl.DataFrame) -> list[tuple[str, str]]:
    """(kind, cause) of each event."""
    return events.select("kind", "cause").rows()


def told(events: pl.DataFrame) -> list[dict[str, Any]]:
    """The accounts that `account_changed` events carry."""
    return [json.loads(text) for text in events["account"].drop_nulls()]
