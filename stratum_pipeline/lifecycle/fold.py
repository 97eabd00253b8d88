"""From ledger entries to state: what is so, given all that happened.

State keeps, per finding, the last event of each slot (status, suppression, assignee, ...),
so folding is "append and keep the last": order within a batch is (seq, row), never a
timestamp, and folding in two steps gives what folding in one gives.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl

from stratum_pipeline.kernel.table import TIMESTAMP, Column, Table
from stratum_pipeline.store.encoding import canonical
from stratum_pipeline.store.ledger import Entry, Head

from .events import (
    BODY,
    BY_PEOPLE,
    SCANNED,
    VIEW_DELETED,
    VIEW_SAVED,
    Accounts,
    Events,
    Kind,
    Scans,
)

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


class Entries(Table):
    """One row per ledger entry."""

    seq = Column(pl.Int64, "")
    id = Column(pl.String, "Of whoever wrote it: the same for a repeated request.")
    at = Column(TIMESTAMP, "When it was appended.")
    actor = Column(pl.String, "")
    actor_kind = Column(pl.String, "person | system")
    assurance = Column(pl.String, "")
    kind = Column(pl.String, "")
    findings = Column(pl.Int64, "How many findings it speaks of.")
    body = Column(pl.String, "The body as JSON, without ids and digests of payloads.")


class Views(Table):
    """Saved views: one row each, the last saved."""

    owner = Column(pl.String, "Who saved it.")
    name = Column(pl.String, "")
    shared = Column(pl.Boolean, "Everybody sees it; names of shared views are one space.")
    query = Column(pl.String, "JSON: the filters as the address bar has them.")


_BULK = ("finding_ids", "findings", "scans", "populations", "rules", "events")
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
    Kind.MARKED_OPEN: "marked",
}


@dataclass(frozen=True)
class State:
    """What the ledger says up to `head`."""

    head: Head = field(default_factory=Head)
    timeline: pl.DataFrame = field(default_factory=Timeline.frame)  # of Timeline, in order
    bodies: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_BODIES))
    scans: pl.DataFrame = field(default_factory=LastScans.frame)
    accounts: pl.DataFrame = field(default_factory=Accounts.frame)
    entries: pl.DataFrame = field(default_factory=Entries.frame)  # of Entries, in order
    views: pl.DataFrame = field(default_factory=Views.frame)


def fold(state: State, entries: Iterable[Entry], payload: Callable[[str], pl.DataFrame]) -> State:
    """`state` carried forward by `entries`; `payload` reads a bulk body by its digest."""
    timeline, bodies = [state.timeline], [state.bodies]
    scans, accounts, head = [state.scans], [state.accounts], state.head
    written: list[dict[str, Any]] = []
    views = {_view_key(row): row for row in state.views.to_dicts()}
    for entry in entries:
        head = entry.head
        touched = 0
        if entry.kind == SCANNED:
            scans.append(_scans(entry, payload))
            if entry.body["events"]:
                events = (
                    payload(entry.body["events"])
                    .with_row_index("order")
                    .with_columns(order=pl.lit(entry.seq * _ROWS) + pl.col("order").cast(pl.Int64))
                )
                rows = _by_system(entry, events)
                touched = rows.height
                timeline.append(rows)
                bodies.append(events.filter(pl.col("title").is_not_null()).select(_BODIES.names()))
                accounts.append(_accounts(events))
        elif entry.kind in BY_PEOPLE:
            rows = _by_person(entry, payload)
            touched = rows.height
            timeline.append(rows)
        elif entry.kind in (VIEW_SAVED, VIEW_DELETED):
            _keep_view(views, entry)
        written.append(_entry(entry, touched))
    # Later rows win everywhere; what never was complete, or never judged, stays null.
    return State(
        head=head,
        timeline=pl.concat(timeline),
        bodies=pl.concat(bodies).unique("finding_id", keep="last", maintain_order=True),
        scans=pl.concat(scans)
        .with_columns(pl.col("complete_at", "rules").forward_fill().over("account_id", "module"))
        .unique(["account_id", "module"], keep="last", maintain_order=True),
        accounts=pl.concat(accounts).unique("account_id", keep="last").sort("account_id"),
        entries=pl.concat([state.entries, Entries.frame(written)]),
        views=Views.frame(views.values()).sort("shared", "name", "owner"),
    )


def _entry(entry: Entry, touched: int) -> dict[str, Any]:
    said = {name: value for name, value in entry.body.items() if name not in _BULK}
    return {
        "seq": entry.seq,
        "id": entry.id,
        "at": entry.at,
        "actor": entry.actor["id"],
        "actor_kind": entry.actor["kind"],
        "assurance": entry.actor["assurance"],
        "kind": entry.kind,
        "findings": touched,
        "body": canonical(said).decode(),
    }


def _view_key(view: dict[str, Any]) -> tuple[str, str]:
    return "" if view["shared"] else view["owner"], view["name"]


def _keep_view(views: dict[tuple[str, str], dict[str, Any]], entry: Entry) -> None:
    view = {"owner": entry.actor["id"], "name": entry.body["name"], "shared": entry.body["shared"]}
    views.pop(_view_key(view), None)
    if entry.kind == VIEW_SAVED:
        query = canonical(entry.body["query"]).decode()
        views[_view_key(view)] = view | {"query": query}


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


def _by_person(entry: Entry, payload: Callable[[str], pl.DataFrame]) -> pl.DataFrame:
    body = entry.body
    until = body.get("until") or None
    if "findings" in body:
        ids = payload(body["findings"])["finding_id"]
    else:
        ids = pl.Series("finding_id", body["finding_ids"], pl.String)
    rows = (
        ids.to_frame()
        .with_row_index("order")
        .with_columns(
            order=pl.lit(entry.seq * _ROWS) + pl.col("order").cast(pl.Int64),
            at=pl.lit(entry.at, TIMESTAMP),
            kind=pl.lit(entry.kind),
            cause=pl.lit(""),
            reset=pl.lit(False),
            until=pl.lit(
                datetime.fromisoformat(until).astimezone(UTC) if until else None, TIMESTAMP
            ),
            **{name: pl.lit(body.get(name), pl.String) for name in ("to", "note", "reason")},
        )
    )
    return _timeline(entry, rows)


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
        slot("marked", marked_kind="kind", marked_by="actor", marked_at="at"),
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
        *_while(
            (pl.col("marked_order") > status_order)
            & (pl.col("marked_kind") == Kind.MARKED_RESOLVED),
            "marked_by",
            "marked_at",
        ),
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
