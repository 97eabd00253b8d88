"""What happened since a snapshot, laid over it: a person sees the own change in the next read.

Of the findings that newer entries speak of, the fold says again what is so, and their rows are
updated in place. What an entry opened, and what follows from a change for others (priority,
combinations), waits for the next snapshot.
"""

from datetime import datetime

import duckdb
import polars as pl

from stratum_pipeline.lifecycle.fold import State, findings, fold
from stratum_pipeline.store.ledger import Ledger

from .read_model import CUBE, SAID, Queue

_EXPIRED = "SELECT finding_id FROM findings WHERE suppressed_until > ? AND suppressed_until <= ?"
_COUNTED = (
    f"INSERT INTO cube SELECT {', '.join(CUBE)}, {{}}count(*) "
    "FROM findings SEMI JOIN now_so USING (finding_id) GROUP BY ALL"
)
_CHANGES = (
    """
    INSERT INTO people
    SELECT (SELECT max(code) FROM people) + row_number() OVER (ORDER BY id), id
    FROM (SELECT assignee AS id FROM now_so UNION SELECT acknowledged_by FROM now_so)
    WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM people)
    """,
    _COUNTED.format("-"),
    """
    UPDATE findings
    SET status = n.status, cause = n.cause, status_at = n.status_at, assignee = assigned.code,
        acknowledged = acknowledged.code, suppressed_until = n.suppressed_until,
        unverified = CASE WHEN n.system = 'resolved' THEN '' ELSE unverified END
    FROM now_so n
    JOIN people assigned ON assigned.id = coalesce(n.assignee, '')
    JOIN people acknowledged ON acknowledged.id = coalesce(n.acknowledged_by, '')
    WHERE findings.finding_id = n.finding_id
    """,
    _COUNTED.format(""),
    "DELETE FROM said WHERE finding_id IN (SELECT finding_id FROM now_so)",
    f"INSERT INTO said SELECT finding_id, system, {', '.join(SAID)} FROM now_so",
    "INSERT INTO news BY NAME FROM told",
    "INSERT INTO entries BY NAME FROM written",
    "DELETE FROM views",
    "INSERT INTO views BY NAME FROM saved",
)


def overlay(queue: Queue, ledger: Ledger, now: datetime) -> None:
    """Carry `queue` on to the end of `ledger` and to `now`, which ends suppressions.

    Readers see all of it or nothing. LedgerError, and nothing changed, if the chain is broken.
    """
    now = max(now, queue.expired_at)
    entries = list(ledger.entries(queue.head))
    if not entries and queue.rows(_EXPIRED, queue.expired_at, now).is_empty():
        queue.expired_at = now
        return
    with queue.changing:
        now = max(now, queue.expired_at)
        known = State(head=queue.head, views=queue.rows("FROM views"))
        new = fold(known, ledger.entries(queue.head), ledger.vault.read_payload)
        expired = queue.rows(_EXPIRED, queue.expired_at, now)
        if new.head != queue.head or expired.height:
            with queue.change() as cursor:
                _lay(cursor, new, expired, now)
        queue.head, queue.expired_at = new.head, now


def _lay(
    cursor: duckdb.DuckDBPyConnection, new: State, expired: pl.DataFrame, now: datetime
) -> None:
    cursor.register("touched", pl.concat([expired, new.timeline.select("finding_id")]).unique())
    events = cursor.sql("FROM v1_events SEMI JOIN touched USING (finding_id)").pl()
    ids = events.select("finding_id").unique()  # of those touched that the snapshot knows
    told = new.timeline.join(ids, on="finding_id", how="semi")
    bodies = ids.with_columns(order=pl.lit(0), rule_version=pl.lit(None, pl.Int32))
    timeline = pl.concat([events, told]).sort("order")
    cursor.register("now_so", findings(State(timeline=timeline, bodies=bodies), now))
    cursor.register("told", told)
    cursor.register("written", new.entries)
    cursor.register("saved", new.views)
    for change in _CHANGES:
        cursor.execute(change)
