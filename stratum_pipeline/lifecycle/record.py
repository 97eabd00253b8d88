"""Between store and ledger: what scans left in the data folder becomes an entry and a queue."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.evaluate import Fails, Gaps, Observed, Populations, Unknowns
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.kernel.table import Table
from stratum_pipeline.store.data import Data, Kind
from stratum_pipeline.store.ledger import SYSTEM, Entry, Head, Ledger

from . import events as words
from .diff import Observations, diff, newer
from .events import SCANNED, LatestRules, Scans
from .fold import State, findings, fold
from .queue import build

_READS_AT_ONCE = 16
_PAIR = ["account_id", "module"]


def rule_set(rules: Iterable[Rule]) -> pl.DataFrame:
    """`rules` as a frame of events.Rules."""
    return words.Rules.frame(
        {
            "rule_id": rule.id,
            "module": rule.module,
            "version": rule.version,
            "digest": rule.digest,
            "severity": str(rule.severity),
            "title": rule.title,
            "rationale": rule.rationale,
            "remediation": rule.remediation,
            "breaks": rule.breaks,
            "criteria": list(rule.criteria),
            "facts": [
                {
                    "name": n,
                    "doc": rule.table.columns[n].doc,
                    "source": rule.table.columns[n].source,
                }
                for n in rule.reads
            ],
        }
        for rule in rules
    )


def current(ledger: Ledger, known: State | None = None) -> State:
    """What the ledger says now, read from `known` on."""
    known = known or State()
    return fold(known, ledger.entries(known.head), ledger.vault.read_payload)


@dataclass(frozen=True)
class Recorded:
    """What one fold of scans added to the ledger."""

    state: State  # after it
    entry: Entry | None  # None: there was nothing new to say
    events: pl.DataFrame  # of Events
    ignored: int  # scans older than what is known


def record(
    ledger: Ledger, data: Data, rules: Iterable[Rule], scan_id: str, modules: Iterable[str]
) -> Recorded:
    """Append the one `scanned` entry for all scans in `data` that the ledger has not folded.

    Safe to repeat and to race: the difference is computed against the head that the entry
    will follow, again whenever another writer came first.
    """
    rules = list(rules)
    every = _scans(data, set(modules))
    overtaken = every.clear()
    accounts = data.read_accounts()
    said: dict[str, Any] = {"state": current(ledger)}

    def compose(head: Head) -> dict[str, Any] | None:
        nonlocal overtaken
        state = current(ledger, said["state"])
        said["state"] = state
        scans = newer(every, state.scans).join(overtaken, on=_PAIR, how="anti")
        said["ignored"] = every.height - scans.height
        now = state.accounts if accounts is None else accounts
        rows = _diff(ledger, data, state, scans, rules, now)
        said["events"] = rows
        if scans.is_empty() and rows.is_empty():
            return None
        populations = _parts(data, "populations", scans, Populations)
        # Asked after all parts were read: one that a later scan began to replace waits for it.
        if (late := _overtaken(data, scans)).height:
            overtaken = pl.concat([overtaken, late])
            return compose(head)
        return {
            "scan_id": scan_id,
            "outcomes": dict(sorted(scans["outcome"].value_counts().iter_rows())),
            "changes": dict(sorted(rows["kind"].value_counts().iter_rows())),
            "scans": ledger.vault.payload(scans),
            "populations": ledger.vault.payload(populations),
            "rules": ledger.vault.payload(rule_set(rules)),
            "events": ledger.vault.payload(rows) if rows.height else "",
        }

    entry = ledger.append(SCANNED, SYSTEM, compose, said["state"].head)
    return Recorded(
        state=current(ledger, said["state"]),
        entry=entry,
        events=said["events"] if entry else words.Events.frame(),
        ignored=said["ignored"],
    )


def publish(
    data: Data,
    state: State,
    rules: Iterable[Rule],
    correlations: Iterable[Correlation],
    modules: Iterable[str],
    as_of: datetime | None = None,
) -> dict[str, pl.DataFrame]:
    """Build the queue from `state` and the latest verdicts, and make it the current one."""
    as_of = (as_of or datetime.now(UTC)).astimezone(UTC)
    modules = list(modules)
    scans = state.scans.select(Scans.schema().names())
    # A failed scan verified nothing, though an earlier one's verdicts may stand beside it.
    started = scans.filter(Scans.outcome != "failed").select(
        "account_id", "module", verified_at="started_at"
    )
    failing = (
        _parts(data, "verdicts", scans, Fails)
        .with_columns(module=pl.col("rule_id").str.split(".").list.first())
        .join(started, on=["account_id", "module"])
        .select("finding_id", "verified_at")
    )
    frames = build(
        state, as_of, failing, _parts(data, "unknowns", scans, Unknowns), correlations, modules
    )
    frames["gaps"] = _parts(data, "gaps", scans, Gaps).sort(
        "account_id", "module", "region", "operation", "outcome", "code"
    )
    frames["populations"] = _parts(data, "populations", scans, Populations).sort(
        "rule_id", "account_id", "region"
    )
    frames["rules"] = rule_set(rules).sort("rule_id")
    frames["modules"] = pl.DataFrame({"module": modules}, schema={"module": pl.String})
    head = {"seq": state.head.seq, "digest": state.head.digest, "as_of": as_of.isoformat()}
    data.publish_queue(as_of.strftime("%Y%m%dT%H%M%S.%fZ"), frames, head)
    return frames


def _diff(
    ledger: Ledger,
    data: Data,
    state: State,
    scans: pl.DataFrame,
    rules: list[Rule],
    accounts: pl.DataFrame,
) -> pl.DataFrame:
    tables = {rule.id: (rule.module, rule.table.label) for rule in rules}

    def present(rows: pl.DataFrame) -> pl.DataFrame:
        here: list[pl.DataFrame] = [rows.clear()]
        keyed = rows.with_columns(
            place=pl.col("rule_id").replace_strict(
                {rule: "/".join(place) for rule, place in tables.items()}, default=""
            )
        )
        for (account, place), part in keyed.group_by("account_id", "place"):
            module, label = str(place).split("/")
            inventory = data.read_table(module, label, str(account))
            if inventory is not None:
                arns = inventory.select(resource_arn="arn")
                here.append(part.drop("place").join(arns, on="resource_arn", how="semi"))
        return pl.concat(here)

    pairs = scans.select("account_id", "module")
    seen = state.scans.join(pairs, on=["account_id", "module"], how="semi")
    never = pairs.join(seen.drop_nulls("complete_at"), on=["account_id", "module"], how="anti")
    fails = _parts(data, "verdicts", scans, Fails)
    return diff(
        known=findings(state, datetime.now(UTC)),
        seen=Observations(
            scans,
            fails.with_columns(module=pl.col("rule_id").str.split(".").list.first()),
            _parts(data, "unknowns", scans, Unknowns),
            _parts(data, "observed", scans, Observed),
        ),
        rules=rule_set(rules),
        before=_judged_by(ledger, seen),
        baseline=never,
        accounts=(state.accounts, accounts),
        present=present,
    )


def _judged_by(ledger: Ledger, seen: pl.DataFrame) -> pl.DataFrame:
    """account_id, rule_id, version: the rules each account x module was last judged by."""
    frames = [LatestRules.frame()]
    for (digest,), pairs in seen.drop_nulls("rules").group_by("rules"):
        rules = ledger.vault.read_payload(str(digest)).select("rule_id", "module", "version")
        frames.append(
            pairs.select("account_id", "module")
            .join(rules, on="module")
            .select(LatestRules.schema().names())
        )
    return pl.concat(frames)


def _scans(data: Data, modules: set[str]) -> pl.DataFrame:
    def row(status: Mapping[str, Any]) -> dict[str, Any]:
        times = {n: datetime.fromisoformat(status[n]) for n in ("started_at", "finished_at")}
        return times | {
            "account_id": status["account"],
            **{n: status[n] for n in ("module", "scan_id", "outcome", "calls", "error")},
        }

    rows = [row(status) for status in data.statuses() if status["module"] in modules]
    return Scans.frame(rows).sort("account_id", "module")


def _overtaken(data: Data, scans: pl.DataFrame) -> pl.DataFrame:
    """Those of `scans` whose parts may already be a later scan's: it writes its coverage first."""

    def late(row: dict[str, Any]) -> bool:
        coverage = data.read_part("coverage", row["module"], row["account_id"])
        return coverage is not None and coverage["started_at"][0] > row["started_at"]

    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        found = list(pool.map(late, scans.to_dicts()))
    return scans.filter(pl.Series(found, dtype=pl.Boolean))


def _parts(data: Data, kind: Kind, scans: pl.DataFrame, table: type[Table]) -> pl.DataFrame:
    """The rows of `kind` of every account x module in `scans`."""

    def read(pair: tuple[str, str]) -> pl.DataFrame | None:
        account, module = pair
        return data.read_part(kind, module, account)

    pairs = scans.select("account_id", "module").rows()
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        found = [frame for frame in pool.map(read, pairs) if frame is not None]
    return pl.concat([table.frame(), *(f.select(table.schema().names()) for f in found)])
