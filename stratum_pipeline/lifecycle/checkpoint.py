"""What the ledger says now, without reading all of it each time.

A checkpoint is the folded state at one entry, with that entry's digest, in the data folder.
It may be deleted at any time. It counts only while the ledger still has that very entry, so
it can be behind, but never of another history; who verifies the ledger does not read it.
Findings stand in it by account, so that a few accounts are read without the others.
"""

import dataclasses
import logging
from collections.abc import Collection

import polars as pl

from stratum_pipeline.store.data import Data
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.ledger import Head, Ledger

from .fold import State, fold

log = logging.getLogger(__name__)

FORMAT = 1
"""Of what is folded: one more whenever `fold` would make another state of the same entries."""

ENTRIES, EVENTS = 256, 20_000
"""A tail of so many is worth a new checkpoint; of events also a tenth of those folded."""

FRAMES = tuple(f.name for f in dataclasses.fields(State) if f.name != "head")


def resume(ledger: Ledger, data: Data, accounts: Collection[str] | None = None) -> State:
    """The ledger folded to its head, from the last checkpoint on; a long tail leaves a new one.

    accounts: whose findings to have; None for all. The rest of the state is always whole.
    """
    found, events = _load(ledger, data, accounts)
    state = fold(found, ledger.entries(found.head), ledger.vault.read_payload)
    tail = state.timeline.height - found.timeline.height
    if state.head.seq - found.head.seq >= ENTRIES or tail >= max(EVENTS, events // 10):
        if accounts is None or found.head.seq == 0:  # else some findings are not in it
            save(data, state)
        else:
            state = resume(ledger, data)
    return state if accounts is None else only(state, accounts)


def only(state: State, accounts: Collection[str]) -> State:
    """`state` with the findings of `accounts` alone."""
    bodies = state.bodies.filter(pl.col("account_id").is_in(list(accounts)))
    timeline = state.timeline.join(bodies, on="finding_id", how="semi", maintain_order="left")
    return dataclasses.replace(state, bodies=bodies, timeline=timeline)


def save(data: Data, state: State) -> None:
    """Keep `state` as the checkpoint; where that fails, the next fold is only slower."""
    head = {"format": FORMAT, "seq": state.head.seq, "digest": state.head.digest}
    head |= {"events": state.timeline.height}
    name = f"{state.head.seq:012}-{state.head.digest[:16]}"
    try:
        data.write_checkpoint(name, _by_account(state), head)
    except StoreError as error:
        log.warning("the ledger's checkpoint was not stored, so reading stays slow: %s", error)


def load(ledger: Ledger, data: Data) -> State:
    """The checkpoint's state; that before the first entry where none is to be used."""
    return _load(ledger, data, None)[0]


def _load(ledger: Ledger, data: Data, accounts: Collection[str] | None) -> tuple[State, int]:
    """As `load`, with the findings of `accounts`; and how many events of all it holds."""
    try:
        return _stored(ledger, data, accounts) or (State(), 0)
    except StoreError as error:
        log.warning("the checkpoint was ignored, and the ledger read from the start: %s", error)
        return State(), 0


def _stored(
    ledger: Ledger, data: Data, accounts: Collection[str] | None
) -> tuple[State, int] | None:
    about = data.current_checkpoint()
    if about is None:
        return None
    if about.get("format") != FORMAT:
        raise StoreError(f"it has format {about.get('format')}; this release reads {FORMAT}")
    head = Head(about["seq"], about["digest"])
    if not ledger.holds(head):
        raise StoreError(f"it is of an entry {head.seq} that this ledger does not have")
    mine = None if accounts is None else pl.col("account_id").is_in(list(accounts))
    wanted: dict[str, pl.Expr] = {} if mine is None else {"timeline": mine, "bodies": mine}
    frames = data.read_checkpoint(about, wanted)
    if {n: f.schema for n, f in frames.items()} != _SCHEMAS:
        raise StoreError("its tables have other columns than those of this release")
    frames["timeline"] = frames["timeline"].drop("account_id")
    in_order = {name: frames[name].sort("order") for name in ("timeline", "bodies")}
    return State(head, **(frames | in_order)), about["events"]


def _by_account(state: State) -> dict[str, pl.DataFrame]:
    owners = state.bodies.select("finding_id", "account_id")
    timeline = state.timeline.join(owners, on="finding_id", how="left", maintain_order="left")
    frames = {name: getattr(state, name) for name in FRAMES}
    frames |= {"timeline": timeline, "bodies": state.bodies}
    return frames | {n: frames[n].sort("account_id", "order") for n in ("timeline", "bodies")}


_SCHEMAS = {name: frame.schema for name, frame in _by_account(State()).items()}
