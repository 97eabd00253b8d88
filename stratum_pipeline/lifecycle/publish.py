"""From ledger and latest verdicts to the current queue: whole, or the accounts that changed.

`publish` is the reference and the fallback: it reads the verdicts of all accounts. `refresh`
gives the same frames from the queue before, in one pass over its narrow ones: what the ledger
says since, and whatever that touches, is computed account by account.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import polars as pl

from stratum_pipeline.kernel.correlate import Context, Correlation
from stratum_pipeline.kernel.evaluate import Fails, Gaps, Populations, Unknowns
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.store.data import LAYERED, Data
from stratum_pipeline.store.encoding import digest
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.ledger import Head, Ledger

from .checkpoint import resume
from .events import Scans
from .fold import State, findings, fold
from .priority import COMBINED, CRITICALITY, EXPOSED, SEVERITY, contexts, index
from .queue import (
    FORMAT,
    GAPS_BY,
    NARROW,
    ORDER,
    POPULATIONS_BY,
    Latest,
    build,
    details,
    judged,
    of_ledger,
    suppressed,
)
from .record import parts, rule_set

log = logging.getLogger(__name__)

MOST = 0.2
"""Of the findings: where more are to be computed or laid over, the queue is built whole."""


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
    correlations, modules = list(correlations), list(modules)
    frames = build(state, as_of, latest(data, state.scans), correlations, modules)
    store(data, frames, state.head, as_of, rules, correlations, modules)
    return frames


def store(
    data: Data,
    frames: dict[str, pl.DataFrame],
    head: Head,
    as_of: datetime,
    rules: Iterable[Rule],
    correlations: Iterable[Correlation],
    modules: list[str],
    base: str = "",
) -> None:
    """Make `frames`, with rules and modules, the current queue; base: as in Data."""
    frames["rules"] = rule_set(rules).sort("rule_id")
    frames["modules"] = pl.DataFrame({"module": modules}, schema={"module": pl.String})
    about = {"seq": head.seq, "digest": head.digest, "as_of": as_of.isoformat()}
    about["basis"] = basis(correlations, modules)
    data.publish_queue(as_of.strftime("%Y%m%dT%H%M%S.%fZ"), frames, about, base)


def basis(correlations: Iterable[Correlation], modules: Iterable[str]) -> str:
    """A digest of what every finding's row depends on, beside ledger and verdicts."""
    points = (SEVERITY, EXPOSED, COMBINED, CRITICALITY)
    return digest(repr((FORMAT, points, list(correlations), sorted(modules))).encode())


def latest(data: Data, scans: pl.DataFrame) -> Latest:
    """What `scans` (of Scans, each account's last) left in `data`."""
    # A failed scan verified nothing, though an earlier one's verdicts may stand beside it.
    started = scans.filter(Scans.outcome != "failed").select(
        "account_id", "module", verified_at="started_at"
    )
    failing = (
        parts(data, "verdicts", scans, Fails, "finding_id", "rule_id", "account_id")
        .with_columns(module=pl.col("rule_id").str.split(".").list.first())
        .join(started, on=["account_id", "module"])
        .select("finding_id", "verified_at")
    )
    return Latest(
        failing,
        parts(data, "unknowns", scans, Unknowns, "finding_id", "because"),
        parts(data, "gaps", scans, Gaps),
        parts(data, "populations", scans, Populations),
    )


def refresh(
    ledger: Ledger,
    data: Data,
    rules: Iterable[Rule],
    correlations: Iterable[Correlation],
    modules: Iterable[str],
    as_of: datetime | None = None,
) -> dict[str, pl.DataFrame]:
    """Bring the queue up to the ledger's head. The frames stored, by name.

    Only what is laid over an earlier snapshot is among them: read the rest from `data`.
    """
    as_of = (as_of or datetime.now(UTC)).astimezone(UTC)
    rules, correlations, modules = list(rules), list(correlations), list(modules)
    try:
        update = _update(ledger, data, correlations, modules, as_of)
    except StoreError as error:
        log.warning("the queue is built whole: %s", error)
        update = None
    if update is None:
        return publish(data, resume(ledger, data), rules, correlations, modules, as_of)
    store(data, update.frames, update.head, as_of, rules, correlations, modules, update.base)
    return update.frames


@dataclass(frozen=True)
class _Update:
    frames: dict[str, pl.DataFrame]
    head: Head
    base: str


def _update(
    ledger: Ledger, data: Data, correlations: list[Correlation], modules: list[str], as_of: datetime
) -> _Update | None:
    """The frames that the queue before, carried to the ledger's head, has; None: build it whole."""
    before = data.current_queue()
    if before is None or before.get("basis") != basis(correlations, modules):
        return None
    shown, then = Head(before["seq"], before["digest"]), datetime.fromisoformat(before["as_of"])
    if then > as_of or not ledger.holds(shown) or data.current_checkpoint() is None:
        return None
    old = _frames(data, before)
    most = MOST * old["findings"].height
    said = fold(State(shown), ledger.entries(shown), cache(ledger.vault.read_payload))
    over = pl.concat([old["events_since"], said.timeline])
    until = pl.col("suppressed_until")
    ended = old["suppressed"].filter((until > then) & (until <= as_of))
    touched = _touched(said, old["findings"]) | {*ended["account_id"]}
    while True:
        mine = pl.col("account_id").is_in(list(touched))
        if max(old["findings"].filter(mine).height, over.height) > most:
            return None
        state = resume(ledger, data, touched)
        if state.head != said.head:  # somebody said something meanwhile: the next run shows it
            return None
        known = findings(state, as_of)
        seen = pl.concat([old["index"].filter(~mine), index(known, correlations)])
        context = contexts(seen.sort("finding_id"), correlations)
        beside = _owners(_differing(context, old["contexts"]), old["findings"]) - touched
        if not beside:
            break
        touched |= beside
    new = latest(data, state.scans.filter(mine))
    rows = judged(known, context, state, new, modules)
    wide = details(rows)
    above = pl.concat([old["details_since"].join(wide, on="finding_id", how="anti"), wide])
    if above.height > most:
        return None

    def carried(name: str, now: pl.DataFrame, by: Collection[str]) -> pl.DataFrame:
        return pl.concat([old[name].filter(~mine), now]).sort(by)

    narrow = pl.concat([old["findings"].filter(~mine), rows.select(NARROW)])
    frames = {
        "findings": narrow.sort(ORDER[0], descending=ORDER[1]),
        "details_since": above.sort("finding_id"),
        "events_since": over.sort("finding_id", "order"),
        "index": seen.sort("finding_id"),
        "contexts": context,
        "suppressed": carried("suppressed", suppressed(known), ["finding_id"]),
        "gaps": carried("gaps", new.gaps, GAPS_BY),
        "populations": carried("populations", new.populations, POPULATIONS_BY),
        **of_ledger(state),
    }
    return _Update(frames, state.head, before.get("base", before["snapshot_id"]))


def _frames(data: Data, before: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
    """Of the queue before: what is carried over."""
    names = ("findings", "index", "contexts", "suppressed", "gaps", "populations")
    frames = {name: data.read_queue(name) for name in names}
    for name in LAYERED:
        over, none = f"{name}_since", pl.lit(False)
        frames[over] = data.read_queue(over) if "base" in before else data.read_queue(name, none)
    return {name: frame for name, frame in frames.items() if frame is not None}


def _touched(said: State, before: pl.DataFrame) -> set[str]:
    """The accounts that were scanned, changed, or whose findings somebody spoke of."""
    fresh = said.bodies.select("finding_id", "account_id")
    owners = pl.concat([before.select("finding_id", "account_id"), fresh])
    return {
        *said.scans["account_id"],
        *said.accounts["account_id"],
        *_owners(said.timeline, owners),
    }


def _owners(rows: pl.DataFrame, findings: pl.DataFrame) -> set[str]:
    return {*findings.join(rows, on="finding_id", how="semi")["account_id"]}


def _differing(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """The rows of Context that only one of the two has."""
    alike = Context.schema().names()
    text = [f.with_columns(pl.col("companions").list.join(" ")).select(alike) for f in (one, other)]
    return pl.concat(
        [text[0].join(text[1], on=alike, how="anti"), text[1].join(text[0], on=alike, how="anti")]
    )
