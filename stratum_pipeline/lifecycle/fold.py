"""From ledger entries to state: what is so, given all that happened.

State keeps, per finding, the last event of each slot (status, suppression, assignee, ...),
so folding is "append and keep the last": order within a batch is (seq, row), never a
timestamp, and folding in two steps gives what folding in one gives.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from stratum_pipeline.kernel.table import TIMESTAMP, Column, Table
from stratum_pipeline.store.ledger import Entry, Head

from .events import BODY, BY_PEOPLE, SCANNED, Accounts, Events, Kind, Scans

_ROWS = 10**9  # events an entry may hold: order = seq * _ROWS + row, within 63 bits


class Timeline(Table):
    """Every event of every finding, one row each, in fold order."""

    order = Column(pl.Int64, "Total order: ledger seq, then row within the entry.")
    seq = Column(pl.Int64, "Ledger entry.")
    at = Column(TIMESTAMP, "By the system: start of the scan. By people: when it was recorded.")
    finding_id = Column(pl.String, "")
    kind = Column(pl.String, "A Kind.")
    cause = Column(pl.String, 'A Cause; "" where none applies.')
    rule_version = Column(pl.Int32, "Of system events.")
    reset = Column(pl.Boolean, "Whether what people said before it ended.")
    actor = Column(pl.String, "Who: verified identity, or the operating system's user.")
    assurance = Column(pl.String, "How the actor was authenticated.")
    to = Column(pl.String, "assigned: whom.")
    note = Column(pl.String, "")
    reason = Column(pl.String, "suppressed: a Reason.")
    until = Column(TIMESTAMP, "suppressed: when it ends; null for never.")


class LastScans(Scans):
    """The last observation folded per account and module."""

    complete_at = Column(TIMESTAMP, "Start of the last complete scan; null if there was none.")
    rules = Column(
        pl.String, "Payload digest of the rule set it was judged by; null if it never was."
    )


_BODIES = pl.Schema({"order": pl.Int64} | {n: Events.schema()[n] for n in BODY})
_SLOTS = {
    Kind.OPENED: "status",
    Kind.RESOLVED: "status",
    Kind.REOPENED: "status",
    Kind.ACKNOWLEDGED: "acknowledged",
    Kind.ASSIGNED: "assigned",
    Kind.SUPPRESSED: "suppressed",
    Kind.UNSUPPRESSED: "suppressed",
    Kind.MARKED_RESOLVED: "marked",
}


@dataclass(frozen=True)
class State:
    """What the ledger says up to `head`."""

    head: Head = field(default_factory=Head)
    timeline: pl.DataFrame = field(default_factory=Timeline.frame)  # of Timeline, in order
    bodies: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_BODIES))
    scans: pl.DataFrame = field(default_factory=LastScans.frame)
    accounts: pl.DataFrame = field(default_factory=Accounts.frame)


def fold(state: State, entries: Iterable[Entry], payload: Callable[[str], pl.DataFrame]) -> State:
    """`state` carried forward by `entries`; `payload` reads a bulk body by its digest."""
    timeline, bodies = [state.timeline], [state.bodies]
    scans, accounts, head = [state.scans], [state.accounts], state.head
    for entry in entries:
        head = entry.head
        if entry.kind == SCANNED:
            scans.append(_scans(entry, payload))
            if entry.body["events"]:
                events = (
                    payload(entry.body["events"])
                    .with_row_index("order")
                    .with_columns(order=pl.lit(entry.seq * _ROWS) + pl.col("order").cast(pl.Int64))
                )
                timeline.append(_by_system(entry, events))
                bodies.append(events.filter(pl.col("title").is_not_null()).select(_BODIES.names()))
                accounts.append(_accounts(events))
        elif entry.kind in BY_PEOPLE:
            timeline.append(_by_person(entry))
    # Later rows win everywhere; what never was complete, or never judged, stays null.
    return State(
        head=head,
        timeline=pl.concat(timeline),
        bodies=pl.concat(bodies).unique("finding_id", keep="last", maintain_order=True),
        scans=pl.concat(scans)
        .with_columns(pl.col("complete_at", "rules").forward_fill().over("account_id", "module"))
        .unique(["account_id", "module"], keep="last", maintain_order=True),
        accounts=pl.concat(accounts).unique("account_id", keep="last").sort("account_id"),
    )


def _scans(entry: Entry, payload: Callable[[str], pl.DataFrame]) -> pl.DataFrame:
    return payload(entry.body["scans"]).with_columns(
        complete_at=pl.when(Scans.outcome == "complete").then("started_at"),
        rules=pl.when(Scans.outcome != "failed").then(pl.lit(entry.body["rules"])),
    )


def _accounts(events: pl.DataFrame) -> pl.DataFrame:
    changed = events.filter(Events.kind == Kind.ACCOUNT_CHANGED)["account"]
    dtype = pl.Struct(Accounts.schema())
    rows = changed.str.json_decode(dtype) if len(changed) else pl.Series(dtype=dtype)
    return rows.struct.unnest()


def _by_system(entry: Entry, events: pl.DataFrame) -> pl.DataFrame:
    rows = events.filter(Events.kind != Kind.ACCOUNT_CHANGED).select(
        "order",
        pl.col("at").fill_null(entry.at),
        *("finding_id", "kind", "cause", "rule_version", "reset"),
    )
    return _timeline(entry, rows)


def _by_person(entry: Entry) -> pl.DataFrame:
    body = entry.body
    until = body.get("until") or None
    rows: list[dict[str, Any]] = [
        {
            "order": entry.seq * _ROWS + row,
            "at": entry.at,
            "finding_id": finding_id,
            "kind": entry.kind,
            "cause": "",
            "reset": False,
            "to": body.get("to"),
            "note": body.get("note"),
            "reason": body.get("reason"),
            "until": until and datetime.fromisoformat(until),
        }
        for row, finding_id in enumerate(body["finding_ids"])
    ]
    return _timeline(entry, Timeline.frame(rows).drop("seq", "actor", "assurance"))


def _timeline(entry: Entry, rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.with_columns(
        seq=pl.lit(entry.seq, dtype=pl.Int64),
        actor=pl.lit(entry.actor["id"]),
        assurance=pl.lit(entry.actor["assurance"]),
    )
    return pl.concat([Timeline.frame(), rows], how="diagonal").select(Timeline.schema().names())


def findings(state: State, as_of: datetime) -> pl.DataFrame:
    """One row per finding ever opened: its body, and what is so at `as_of`.

    Adds to the columns of Fails:
    status: open | suppressed | resolved, suppression having ended if `as_of` is past it.
    system: open | resolved, by scans alone. cause, status_at: of its last change.
    opened_at: first detection. acknowledged_by/_at, assignee; suppressed_reason/_note/_by/
    _at/_until; marked_by/_at while a person's "resolved" awaits a scan: "" or null if not.
    """
    slots = state.timeline.with_columns(
        slot=pl.col("kind").replace_strict(_SLOTS, default=None, return_dtype=pl.String)
    )
    resets = slots.filter("reset").group_by("finding_id").agg(reset_order=pl.col("order").last())
    again = (
        slots.filter(Timeline.kind == Kind.REOPENED)
        .group_by("finding_id")
        .agg(reopened_order=pl.col("order").last())
    )
    judged = slots.drop_nulls("rule_version").unique("finding_id", keep="last")
    last = slots.drop_nulls("slot").unique(["finding_id", "slot"], keep="last", maintain_order=True)
    first = slots.filter(Timeline.kind == Kind.OPENED).unique("finding_id", keep="first")

    def slot(name: str, **columns: str) -> pl.DataFrame:
        picked = {new: pl.col(old) for new, old in columns.items()}
        return last.filter(pl.col("slot") == name).select(
            "finding_id", pl.col("order").alias(f"{name}_order"), **picked
        )

    rows = state.bodies.drop("order", "rule_version")
    parts = (
        first.select("finding_id", opened_at="at"),
        resets,
        again,
        judged.select("finding_id", "rule_version"),
        slot("status", status_kind="kind", cause="cause", status_at="at"),
        slot("acknowledged", acknowledged_by="actor", acknowledged_at="at"),
        slot("assigned", assignee="to"),
        slot(
            "suppressed",
            suppressed_kind="kind",
            suppressed_reason="reason",
            suppressed_note="note",
            suppressed_by="actor",
            suppressed_at="at",
            suppressed_until="until",
        ),
        slot("marked", marked_by="actor", marked_at="at"),
    )
    for part in parts:
        rows = rows.join(part, on="finding_id", how="left", maintain_order="left")

    status_order, reset = pl.col("status_order"), pl.col("reset_order").fill_null(-1)
    reopened = pl.col("reopened_order").fill_null(-1)
    system = pl.when(pl.col("status_kind") == Kind.RESOLVED).then(pl.lit("resolved"))
    rows = rows.with_columns(
        *_while((pl.col("assigned_order") > reset), "assignee"),
        *_while(
            pl.col("acknowledged_order") > pl.max_horizontal(reset, reopened),
            "acknowledged_by",
            "acknowledged_at",
        ),
        *_while(
            (pl.col("suppressed_order") > reset)
            & (pl.col("suppressed_kind") == Kind.SUPPRESSED)
            & (pl.col("suppressed_until").is_null() | (pl.col("suppressed_until") > as_of)),
            *(f"suppressed_{n}" for n in ("reason", "note", "by", "at", "until")),
        ),
        *_while((pl.col("marked_order") > status_order), "marked_by", "marked_at"),
        system=system.otherwise(pl.lit("open")),
    ).with_columns(
        status=pl.when((pl.col("system") == "resolved") | pl.col("marked_at").is_not_null())
        .then(pl.lit("resolved"))
        .when(pl.col("suppressed_at").is_not_null())
        .then(pl.lit("suppressed"))
        .otherwise(pl.lit("open"))
    )
    internal = [n for n in rows.columns if n.endswith(("_order", "_kind"))]
    return rows.drop(internal).sort("finding_id")


def _while(holds: pl.Expr, *names: str) -> list[pl.Expr]:
    """Columns `names`, null where it does not hold."""
    return [pl.when(holds.fill_null(False)).then(pl.col(name)).alias(name) for name in names]
