"""The read model in DuckDB: views named v1_*, the contract of whoever reads the queue."""

import duckdb
import polars as pl

from stratum_pipeline.store.data import Data

FRAMES = (
    "findings",
    "details",
    "events",
    "accounts",
    "scans",
    "gaps",
    "populations",
    "rules",
)

VIEWS = {
    "v1_findings": """
        SELECT f.*, d.title, d.resource_arn, d.acknowledged_by, d.suppressed_until,
               a.name AS account_name, a.ou
        FROM findings f
        JOIN details d USING (finding_id)
        LEFT JOIN accounts a USING (account_id)
        ORDER BY f.priority DESC, f.finding_id
    """,
    "v1_details": "SELECT * FROM details",
    "v1_events": 'SELECT * FROM events ORDER BY finding_id, "order"',
    "v1_gaps": """
        SELECT g.*, a.name AS account_name
        FROM gaps g LEFT JOIN accounts a USING (account_id)
        ORDER BY g.account_id, g.module, g.region, g.operation
    """,
    "v1_scans": "SELECT * FROM scans",
    "v1_populations": "SELECT * FROM populations",
    "v1_accounts": """
        SELECT a.account_id, a.name, a.ou, a.status,
               coalesce(s.outcome, 'not scanned') AS scan, s.finished_at AS scanned_at,
               coalesce(f.open, 0) AS open, coalesce(f.critical, 0) AS critical,
               coalesce(f.high, 0) AS high, coalesce(g.gaps, 0) AS gaps, a.tags
        FROM accounts a
        LEFT JOIN (
            SELECT account_id, max(finished_at) AS finished_at,
                   CASE WHEN bool_and(outcome = 'complete') THEN 'complete'
                        WHEN bool_and(outcome = 'failed') THEN 'failed'
                        ELSE 'partial' END AS outcome
            FROM scans GROUP BY account_id) s USING (account_id)
        LEFT JOIN (
            SELECT account_id, count(*) AS open,
                   count(*) FILTER (severity = 'critical') AS critical,
                   count(*) FILTER (severity = 'high') AS high
            FROM findings WHERE status = 'open' GROUP BY account_id) f USING (account_id)
        LEFT JOIN (SELECT account_id, count(*) AS gaps FROM gaps GROUP BY account_id) g
            USING (account_id)
        ORDER BY a.account_id
    """,
    "v1_rules": """
        SELECT r.*, coalesce(f.open, 0) AS open,
               coalesce(p.population, 0)::BIGINT AS population,
               coalesce(p.passed, 0)::BIGINT AS passed,
               coalesce(p.failed, 0)::BIGINT AS failed,
               coalesce(p.unknown, 0)::BIGINT AS unknown
        FROM rules r
        LEFT JOIN (
            SELECT rule_id, count(*) AS open
            FROM findings WHERE status = 'open' GROUP BY rule_id) f USING (rule_id)
        LEFT JOIN (
            SELECT rule_id, sum(population) AS population, sum(passed) AS passed,
                   sum(failed) AS failed, sum(unknown) AS unknown
            FROM populations GROUP BY rule_id) p USING (rule_id)
        ORDER BY r.rule_id
    """,
}


class NoQueue(Exception):
    """Nothing was scanned yet."""


def connect(data: Data) -> duckdb.DuckDBPyConnection:
    """The current snapshot as an in-memory database; NoQueue before the first scan.

    Locked: no file, network or extension can be reached through it.
    """
    head = data.current_queue()
    if head is None:
        raise NoQueue("there is no queue yet: run `stratum scan`, or `stratum demo` to try it.")
    connection = duckdb.connect(":memory:")
    for name in FRAMES:
        frame = data.read_queue(name)
        connection.register("incoming", frame)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
        connection.unregister("incoming")
    for name, query in VIEWS.items():
        connection.execute(f"CREATE VIEW {name} AS {query}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def rows(connection: duckdb.DuckDBPyConnection, query: str, *params: object) -> pl.DataFrame:
    """What `query` (with ? for each of `params`) gives; its cursor is drained."""
    return connection.cursor().sql(query, params=list(params)).pl()
