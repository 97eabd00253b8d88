"""Vault and data folder behind the estate's queue: N failing verdicts and how they came about.

    python benchmarks/history.py FOLDER N [EVENTS]

A ledger of 100 scans that opened the N findings, with EVENTS (N / 5) more: a third of them
by people, in entries of a hundred findings each, the rest changes and regressions by scans.
Beside it what the last scan of every account left: verdicts, populations, statuses.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import estate
import polars as pl

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.evaluate import Fails, Observed, Populations
from stratum_pipeline.kernel.rule import Rule, Severity
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Resource, Table
from stratum_pipeline.lifecycle.events import SCANNED, Events, Kind
from stratum_pipeline.lifecycle.record import rule_set
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.ledger import SYSTEM, Head, Ledger
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.store.vault import Vault

SCANS = 100
AT_ONCE = 100  # findings that a person speaks of in one entry
ANN = {"kind": "person", "id": "ann@example.com", "assurance": "oidc"}
SAID = (Kind.ACKNOWLEDGED, Kind.ASSIGNED, Kind.SUPPRESSED, Kind.NOTED, Kind.UNSUPPRESSED)


class Things(Resource, listed_by="iam:ListThings"):
    open = Column(pl.Boolean, "", source="iam:GetThing")


class Unsynced(LocalStore):
    """A folder written without waiting for the disk: for making an estate, not for measuring."""

    def put(self, key: str, data: bytes) -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    create = put


@dataclass(frozen=True)
class History:
    ledger: Ledger
    data: Data

    @classmethod
    def at(cls, folder: Path, store: type[LocalStore] = LocalStore) -> "History":
        return cls(Ledger(Vault(store(folder / "vault"))), Data(store(folder / "data")))


def rules() -> list[Rule]:
    return [
        Rule(
            id=row["rule_id"],
            table=Things,
            fails=Things.open,
            severity=Severity(row["severity"]),
            console="",
            cli="",
            **{name: row[name] for name in ("title", "rationale", "remediation", "criteria")},
        )
        for row in estate.rules().to_dicts()
    ]


def correlations() -> list[Correlation]:
    """As many, and over as large a share of the rules, as the modules have."""
    some = estate.rules()["rule_id"].to_list()[::6]
    return [
        Correlation(
            rule=some[n % 20],
            beside=(some[n % 20 + (5 if n < 20 else 10)],),  # of the same module
            on=("related",) if n % 5 < 2 else ("resource_arn",),
            because="Both can be reached",
            severity=Severity.CRITICAL,
        )
        for n in range(41)
    ]


def verdicts(count: int, found: pl.DataFrame) -> pl.DataFrame:
    """`count` rows of Fails, plus module and opened_at."""
    rows = estate.findings(count, found, estate.rules())
    rows = rows.with_columns(
        severity="own_severity",
        discriminator=pl.lit(""),
        incarnation=pl.lit("first"),
        related=pl.concat_list("root_cause"),
    )
    return rows.select(*Fails.schema().names(), "module", "opened_at")


def events(rows: pl.DataFrame, kind: Kind, cause: str) -> pl.DataFrame:
    """`rows` of Fails as Events."""
    told = rows.with_columns(
        kind=pl.lit(str(kind)), cause=pl.lit(cause), reset=pl.lit(False), at="opened_at"
    )
    return as_(Events, told)


def as_(table: type[Table], rows: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([table.frame(), rows], how="diagonal").select(table.schema().names())


def scans(found: pl.DataFrame, scan_id: str, started: pl.Expr) -> pl.DataFrame:
    """A row of Scans for every account and module."""
    pairs = found.select("account_id").join(pl.DataFrame({"module": estate.MODULES}), how="cross")
    return pairs.select(
        "account_id",
        "module",
        scan_id=pl.lit(scan_id),
        started_at=started.cast(TIMESTAMP),
        finished_at=started.cast(TIMESTAMP),
        outcome=pl.lit("complete"),
        calls=pl.lit(400, pl.Int64),
        error=pl.lit(""),
    )


def tell(history: History, count: int, more: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The ledger: every scan with what it opened and changed, people in between.

    Of Accounts and Fails: what the last scan saw.
    """
    found = estate.accounts(max(10, min(count // 500, 2_000)))
    rows = verdicts(count, found)
    opened = rows.sort("opened_at", maintain_order=True)
    ledger, head = history.ledger, Head()
    judged = ledger.vault.payload(rule_set(rules()))
    populations = ledger.vault.payload(Populations.frame())
    changes, said = more * 2 // 3 // SCANS, more // 3 // SCANS
    row = pl.struct(found.columns).struct.json_encode()
    about = as_(
        Events,
        found.select(
            "account_id",
            account=row,
            kind=pl.lit(str(Kind.ACCOUNT_CHANGED)),
            cause=pl.lit(""),
            reset=pl.lit(False),
        ),
    )
    for n in range(SCANS):
        first = count * n // SCANS
        fresh = opened[first : count * (n + 1) // SCANS]
        old = opened[: max(1, first)].sample(min(max(1, first), changes), seed=n)
        told = [events(fresh, Kind.OPENED, "baseline"), events(old, Kind.CHANGED, "")]
        started = pl.lit(estate.SEEN - timedelta(days=SCANS - 1 - n))
        ran = scans(found, f"scan-{n}", started)
        body = {
            "scan_id": f"scan-{n}",
            "outcomes": {"complete": ran.height},
            "changes": {},
            "scans": ledger.vault.payload(ran),
            "populations": populations,
            "rules": judged,
            "events": ledger.vault.payload(pl.concat([*told, about] if n == 0 else told)),
        }
        head = appended(ledger, SCANNED, SYSTEM, body, head)
        spoken = opened["finding_id"][: first + 1].sample(
            said, seed=n, with_replacement=said > first
        )
        for part, of in enumerate(range(0, said, AT_ONCE)):
            kind = SAID[(n + part) % len(SAID)]
            body = {"finding_ids": spoken[of : of + AT_ONCE].to_list(), "note": "As agreed."}
            body |= {"to": "bob", "reason": "accepted_risk", "until": ""}
            head = appended(ledger, str(kind), ANN, body, head)
    return found, rows


def appended(
    ledger: Ledger, kind: str, actor: dict[str, str], body: dict[str, object], head: Head
) -> Head:
    entry = ledger.append(kind, actor, lambda _: body, head)
    assert entry is not None
    return entry.head


def leave(data: Data, found: pl.DataFrame, rows: pl.DataFrame) -> None:
    """What the last scan of every account left in the data folder."""
    data.write_accounts(found)
    counted = rows.group_by("rule_id", "account_id", "region", "module").agg(
        failed=pl.len().cast(pl.Int64)
    )
    counted = counted.with_columns(
        population=pl.col("failed") * 9, passed=pl.col("failed") * 8, unknown=pl.lit(0, pl.Int64)
    )
    per = {
        "verdicts": (Fails, rows.partition_by("account_id", "module", as_dict=True)),
        "populations": (Populations, counted.partition_by("account_id", "module", as_dict=True)),
    }
    judged = estate.rules().select("rule_id", "module", region=pl.lit("*"))
    for account, module in pairs(found):
        for kind, (table, parts) in per.items():
            if (part := parts.get((account, module))) is not None:
                data.write_part(kind, module, account, as_(table, part))
        seen = judged.filter(pl.col("module") == module).with_columns(account_id=pl.lit(account))
        data.write_part("observed", module, account, as_(Observed, seen))
        commit(data, module, account, f"scan-{SCANS - 1}", 0)


def pairs(found: pl.DataFrame) -> Iterator[tuple[str, str]]:
    return ((account, module) for account in found["account_id"] for module in estate.MODULES)


def commit(data: Data, module: str, account: str, scan_id: str, days: int) -> None:
    """The status of a scan so many days after the last."""
    at = (estate.SEEN + timedelta(days=days)).isoformat()
    status = {"scan_id": scan_id, "started_at": at, "finished_at": at, "outcome": "complete"}
    data.write_status(module, account, status | {"calls": 400, "error": ""})


def rescan(data: Data, share: float, days: int = 1) -> list[str]:
    """A later scan of a share of the accounts: one finding in fifty is fixed. The accounts.

    Every n-th account, so that large and small ones are among them as in the whole.
    """
    found = data.read_accounts()
    assert found is not None
    step = round(1 / share)
    some = found["account_id"].sort()[step // 2 :: step].to_list()
    for account in some:
        for module in estate.MODULES:
            part = data.read_part("verdicts", module, account)
            if part is not None:
                data.write_part(
                    "verdicts", module, account, part.filter(estate.roll(days, "finding_id") > 0.02)
                )
            commit(data, module, account, f"rescan-{days}", days)
    return some


if __name__ == "__main__":
    began = time.perf_counter()
    size = int(sys.argv[2])
    made = History.at(Path(sys.argv[1]), Unsynced)
    leave(made.data, *tell(made, size, int((sys.argv[3:] or [size // 5])[0])))
    print(f"{size} verdicts and their history in {time.perf_counter() - began:.1f} s")
