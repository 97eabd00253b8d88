"""Dagster's SQLite event log, with batches written as batches.

A run over many accounts logs several events per account and asset. Dagster hands them over
in batches (DAGSTER_EVENT_BATCH_SIZE), which its SQLite storage then stores one transaction
each. Production has Postgres instead of this.
"""

from collections.abc import Sequence
from typing import Any

from dagster import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage


class BatchedSqliteEventLogStorage(SqliteEventLogStorage):
    """As its parent, two transactions a batch."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "BatchedSqliteEventLogStorage":
        return cls(inst_data=inst_data, **config_value)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store `events`, all of one run and all materialisations, observations or plans.

        Dagster batches no other kind. Any error makes it store them singly.
        """
        statements = [self.prepare_insert_event(event) for event in events]
        with self.run_connection(events[0].run_id) as conn:
            for statement in statements:
                conn.execute(statement)
        with self.index_transaction() as conn:
            rows = [conn.execute(s).inserted_primary_key for s in statements]
            ids = [int(row[0]) for row in rows if row is not None]
            self._store_asset_event_tags(conn, events, ids)
            # The asset's own row holds its last event only.
            last = {
                str(e.get_dagster_event().asset_key): (e, i)
                for e, i in zip(events, ids, strict=True)
            }
            for event, event_id in last.values():
                self._store_asset_event(conn, event, event_id)
