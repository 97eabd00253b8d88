"""Between store and ledger: what scans left in the data folder becomes an entry."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from stratum_pipeline.kernel.evaluate import Fails, Observed, Populations, Unknowns
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.kernel.table import Table
from stratum_pipeline.store import news
from stratum_pipeline.store.data import Data, Kind
from stratum_pipeline.store.ledger import SYSTEM, Entry, Head, Ledger
from stratum_pipeline.store.news import News

from . import events as words
from .checkpoint import only, resume
from .diff import CLOSED, Observations, diff, newer
from .events import SCANNED, Accounts, LatestRules, Scans
from .fold import State, findings, fold

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

    state: State  # after it, with the findings of the accounts looked at
    entry: Entry | None  # None: there was nothing new to say
    events: pl.DataFrame  # of Events
    ignored: int  # of the scans looked at, those not newer than what is known


def record(
    ledger: Ledger, data: Data, rules: Iterable[Rule], scan_id: str, modules: Iterable[str]
) -> Recorded:
    """Append the one `scanned` entry for all scans in `data` that the ledger has not folded.

    Of statuses it reads those written since it was last called, of findings those of the
    accounts scanned; all where nobody can say which those are.

    Safe to repeat and to race: the difference is computed against the head that the entry
    will follow, again whenever another writer came first.
    """
    rules, modules = list(rules), set(modules)
    recorded = news.recorded(data.store)
    whole = recorded is None or not ledger.holds(recorded)
    fresh = [one for one in news.unrecorded(data.store) if one.module in modules]
    every = _scans(data, modules, None if whole else fresh)
    overtaken = every.clear()
    accounts = data.read_accounts()
    closed = Accounts.frame() if accounts is None else accounts.filter(Accounts.status == CLOSED)
    some = {*every["account_id"], *closed["account_id"]}
    said: dict[str, Any] = {"state": resume(ledger, data, some)}

    def compose(head: Head) -> dict[str, Any] | None:
        nonlocal overtaken
        state = only(current(ledger, said["state"]), some)
        said["state"] = state
        scans = newer(every, state.scans).join(overtaken, on=_PAIR, how="anti")
        said["ignored"] = every.height - scans.height
        now = state.accounts if accounts is None else accounts
        rows = _diff(ledger, data, state, scans, rules, now)
        said["events"] = rows
        if scans.is_empty() and rows.is_empty():
            return None
        populations = parts(data, "populations", scans, Populations)
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
    state = only(current(ledger, said["state"]), some)
    _forget(data, fresh, every.join(overtaken, on=_PAIR, how="anti"), state.head)
    return Recorded(
        state=state,
        entry=entry,
        events=said["events"] if entry else words.Events.frame(),
        ignored=said["ignored"],
    )


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
    fails = parts(data, "verdicts", scans, Fails)
    return diff(
        known=findings(state, datetime.now(UTC)),
        seen=Observations(
            scans,
            fails.with_columns(module=pl.col("rule_id").str.split(".").list.first()),
            parts(data, "unknowns", scans, Unknowns),
            parts(data, "observed", scans, Observed),
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


def _forget(data: Data, some: list[News], scans: pl.DataFrame, head: Head) -> None:
    """Forget those of `scans`, which the ledger has, and those they came after."""
    rows = scans.select("module", "account_id", "started_at").rows()
    last = {(module, account): at for module, account, at in rows}
    done = [n for n in some if (at := last.get((n.module, n.account))) and n.started_at <= at]
    if done or news.recorded(data.store) != head:
        news.forget(data.store, done, head)


def _scans(data: Data, modules: set[str], some: list[News] | None) -> pl.DataFrame:
    """Of Scans: the last ones of `modules`, those of `some` or all."""

    def row(status: Mapping[str, Any]) -> dict[str, Any]:
        times = {n: datetime.fromisoformat(status[n]) for n in ("started_at", "finished_at")}
        return times | {
            "account_id": status["account"],
            **{n: status[n] for n in ("module", "scan_id", "outcome", "calls", "error")},
        }

    pairs = None if some is None else {(one.module, one.account) for one in some}
    rows = [row(status) for status in data.statuses(pairs) if status["module"] in modules]
    return Scans.frame(rows).sort("account_id", "module")


def _overtaken(data: Data, scans: pl.DataFrame) -> pl.DataFrame:
    """Those of `scans` whose parts may already be a later scan's: it writes its coverage first."""

    def late(row: dict[str, Any]) -> bool:
        coverage = data.read_part("coverage", row["module"], row["account_id"])
        return coverage is not None and coverage["started_at"][0] > row["started_at"]

    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        found = list(pool.map(late, scans.to_dicts()))
    return scans.filter(pl.Series(found, dtype=pl.Boolean))


def parts(
    data: Data, kind: Kind, scans: pl.DataFrame, table: type[Table], *columns: str
) -> pl.DataFrame:
    """The rows of `kind` of every account x module in `scans`; of `table` all columns or some."""
    names = list(columns) or table.schema().names()

    def read(pair: tuple[str, str]) -> pl.DataFrame | None:
        account, module = pair
        return data.read_part(kind, module, account, names if columns else None)

    pairs = scans.select("account_id", "module").rows()
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        found = [frame for frame in pool.map(read, pairs) if frame is not None]
    found = [frame if frame.columns == names else frame.select(names) for frame in found]
    return pl.concat([table.frame().select(names), *found])
