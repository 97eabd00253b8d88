"""Scanning one account: the library's front door. No Dagster, no store, no settings."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import boto3
import polars as pl

from .kernel.collect import Account, Listings, collect, enabled_regions
from .kernel.coverage import EVERYWHERE, GAPS, Coverage, Outcome
from .kernel.evaluate import Verdicts, evaluate
from .kernel.module import Module
from .kernel.table import Inventory
from .kernel.trust import Members
from .registry import MODULES, module

HOME = "us-east-1"


@dataclass(frozen=True)
class Reading:
    """What one module collected in one account, and what it could not."""

    module: Module
    account_id: str
    started_at: datetime
    finished_at: datetime
    regions: tuple[str, ...]  # asked, home first
    inventory: Inventory
    coverage: pl.DataFrame  # of Coverage

    @property
    def outcome(self) -> str:
        """complete: nothing was refused. failed: no table could be listed. Else partial."""
        listings = [c.table.listed_by for c in self.module.collectors]
        answered = self.coverage.filter(
            ~Coverage.outcome.is_in(GAPS) & Coverage.operation.is_in(listings)
        )
        if answered.is_empty():
            return "failed"
        return "partial" if self.coverage["outcome"].is_in(GAPS).any() else "complete"

    @property
    def error(self) -> str:
        """Why it failed, as coverage has it; "" unless it did."""
        if self.outcome != "failed":
            return ""
        refused = self.coverage.filter(Coverage.outcome.is_in(GAPS)).head(1).to_dicts()
        return "; ".join("{operation} {outcome} ({code})".format(**row) for row in refused)


@dataclass(frozen=True)
class ScanResult:
    """One account, all modules asked for. Every attribute but the first three is a frame."""

    account_id: str
    started_at: datetime
    finished_at: datetime
    inventory: dict[str, pl.DataFrame]  # by "module.table": "s3.buckets"
    coverage: pl.DataFrame  # of Coverage
    fails: pl.DataFrame  # of Fails
    unknowns: pl.DataFrame  # of Unknowns
    gaps: pl.DataFrame  # of Gaps
    populations: pl.DataFrame  # of Populations


def scan_account(
    session: boto3.Session,
    account_id: str,
    modules: Sequence[str] | None = None,
    regions: Sequence[str] | None = None,
    members: Sequence[str] | None = None,
) -> ScanResult:
    """Scan `account_id` with `session`'s credentials and judge it.

    modules: names, all by default; KeyError for one that does not exist. regions: all that
    the account enables by default. members: ids of the organization and of its accounts; what
    is shared with others is unknown without them. A refused call is a row of `coverage` and
    `gaps`, never an exception: a scan of an account that refuses everything returns, and says so.
    """
    chosen = [module(name) for name in dict.fromkeys(modules)] if modules else MODULES
    asked = Counter(operation for one in chosen for operation in one.operations)
    listings = Listings(operation for operation, times in asked.items() if times > 1)
    readings: list[Reading] = []
    for one in chosen:
        reading = read_module(session, account_id, one, regions, listings)
        readings.append(reading)
        # Where they could not be told, each module asks, and has the gap among its own.
        if one.regional and not (reading.coverage["region"] == EVERYWHERE).any():
            regions = reading.regions
    known = None
    if members is not None:
        known = Members.frame({"principal": one} for one in members)
    verdicts = [judge(reading, known) for reading in readings]
    return ScanResult(
        account_id=account_id,
        started_at=readings[0].started_at,
        finished_at=readings[-1].finished_at,
        inventory={
            f"{reading.module.name}.{table.label}": rows
            for reading in readings
            for table, rows in reading.inventory.items()
        },
        coverage=pl.concat(r.coverage for r in readings),
        fails=pl.concat(v.fails for v in verdicts),
        unknowns=pl.concat(v.unknowns for v in verdicts),
        gaps=pl.concat(v.gaps for v in verdicts),
        populations=pl.concat(v.populations for v in verdicts),
    )


def read_module(
    session: boto3.Session,
    account_id: str,
    module: Module,
    regions: Sequence[str] | None = None,
    listings: Listings | None = None,
) -> Reading:
    """What `module` can see of `account_id`; see `scan_account`.

    listings: what other modules were told with the same credentials, so as not to ask again.
    """
    started = datetime.now(UTC)
    home = session.region_name or HOME
    partition = session.get_partition_for_region(home)
    account = Account(session, account_id, module.operations, partition, listings)
    if regions:
        asked = list(dict.fromkeys(regions))
    else:
        asked = enabled_regions(account, home) if module.regional else [home]
    inventory = collect(account, module.collectors, asked)
    finished = datetime.now(UTC)
    return Reading(
        module, account_id, started, finished, tuple(asked), inventory, account.coverage()
    )


def unread(account_id: str, module: Module, outcome: Outcome, code: str) -> Reading:
    """The reading of an account that could not be entered: one refusal, which blinds all."""
    now = datetime.now(UTC)
    coverage = Coverage.frame(
        [
            {
                "account_id": account_id,
                "region": EVERYWHERE,
                "operation": "sts:AssumeRole",
                "resource_arn": "",
                "outcome": outcome,
                "code": code,
                "calls": 1,
            }
        ]
    )
    return Reading(module, account_id, now, now, (), {}, coverage)


def judge(reading: Reading, members: pl.DataFrame | None = None) -> Verdicts:
    """What the module's rules say of a reading, today's or a stored one.

    members: of Members; None where it is not known who belongs to us.
    """
    name, rules, inventory = reading.module.name, reading.module.rules, reading.inventory
    if members is not None:
        inventory = {**inventory, Members: members}
    return evaluate(name, rules, inventory, reading.coverage, reading.started_at)
