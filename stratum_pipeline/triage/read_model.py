"""The read model: one snapshot of the queue in DuckDB.

What lists, filters and counts read is in memory, uncompressed, so that an update costs its
readers nothing: `findings` with ENUM columns and integer codes (`names`: ARNs and root
causes; `people`), `cube`, counts of them, and `said`, what people said of the few findings they
spoke of. The rest of a finding, all events and populations are in a DuckDB file in a temporary
folder, by key. The views named v1_* join the two: they are the contract of whoever reads the
queue.

ENUMs compare by position: severities from low to critical, accounts by name.
"""

import atexit
import contextlib
import threading
from collections.abc import Generator, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import duckdb
import polars as pl

from stratum_pipeline.kernel.rule import Severity
from stratum_pipeline.lifecycle.events import Cause
from stratum_pipeline.store.data import CURRENT, LAYERED, Data, queue_keys
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.ledger import Head

from .contract import Snapshot, Stale

FRAMES = (
    "findings",
    "details",
    "events",
    "accounts",
    "scans",
    "gaps",
    "populations",
    "rules",
    "modules",
    "entries",
    "views",
)

SAID = (
    "acknowledged_by",
    "acknowledged_at",
    "suppressed_reason",
    "suppressed_note",
    "suppressed_by",
    "suppressed_at",
    "suppressed_until",
    "marked_by",
    "marked_at",
)
"""Columns of details that people's events change."""

CUBE = ("severity", "status", "module", "region", "cause", "rule_id", "assignee")
"""Few values each, and few combinations: `cube` says how many findings have each. Its n add up:
a change adds rows of its own, negative ones too."""

ANSWERS = 200  # kept


def _enum(values: tuple[str, ...]) -> str:
    return "ENUM (" + ", ".join(f"'{value}'" for value in values) + ")"


def _distinct(column: str, frame: str = "findings") -> str:
    known = f"SELECT DISTINCT {column} FROM {{{frame}}} WHERE {column} IS NOT NULL"
    return f"ENUM ({known} ORDER BY ALL)"


WIDE_FILE = "wide.duckdb"
# {frame} stands for the Parquet file of that name.
WIDE = (
    f"CREATE TABLE wide.details AS SELECT * EXCLUDE ({', '.join(SAID)}) FROM {{details}}",
    "CREATE TABLE wide.events AS FROM {events}",
    "CREATE TABLE wide.populations AS FROM {populations}",
)
TABLES = (
    f"CREATE TYPE t_severity AS {_enum(tuple(map(str, Severity)))}",
    f"CREATE TYPE t_status AS {_enum(('open', 'suppressed', 'resolved'))}",
    f"CREATE TYPE t_cause AS {_enum(tuple(map(str, Cause)))}",
    f"CREATE TYPE t_rule AS {_distinct('rule_id')}",
    f"CREATE TYPE t_module AS {_distinct('module')}",
    "CREATE TYPE t_region AS ENUM ("
    "SELECT '' UNION SELECT region FROM {findings} WHERE region IS NOT NULL ORDER BY ALL)",
    f"CREATE TYPE t_title AS {_distinct('title', 'details')}",
    "CREATE TYPE t_unverified AS ENUM ("
    "SELECT '' UNION SELECT unverified FROM {findings} WHERE unverified IS NOT NULL ORDER BY ALL)",
    """
    CREATE TYPE t_account AS ENUM (
        SELECT account_id
        FROM (SELECT account_id, name FROM {accounts}
              UNION ALL SELECT DISTINCT account_id, NULL FROM {findings})
        GROUP BY account_id ORDER BY lower(max(name)) NULLS LAST, account_id)
    """,
    # An OU and what is below it stand together.
    """
    CREATE TYPE t_unit AS ENUM (
        SELECT unit FROM (SELECT '' AS unit UNION SELECT coalesce(ou, '') FROM {accounts})
        ORDER BY replace(unit, '/', chr(1)))
    """,
    """
    CREATE TABLE names AS
    SELECT (row_number() OVER (ORDER BY name) - 1)::INTEGER AS code, name,
           nullif(lower(name), name) AS folded
    FROM (SELECT resource_arn AS name FROM {details}
          UNION SELECT coalesce(root_cause, '') FROM {details})
    ORDER BY name
    """,
    """
    CREATE TABLE people AS
    SELECT (row_number() OVER (ORDER BY id) - 1)::INTEGER AS code, id
    FROM (SELECT '' AS id
          UNION SELECT assignee FROM {findings} WHERE assignee IS NOT NULL
          UNION SELECT acknowledged_by FROM {details} WHERE acknowledged_by IS NOT NULL)
    ORDER BY id
    """,
    """
    CREATE TABLE findings AS
    SELECT f.finding_id, f.rule_id::t_rule AS rule_id, f.module::t_module AS module,
           f.account_id::t_account AS account_id, coalesce(f.region, '')::t_region AS region,
           f.severity::t_severity AS severity, f.status::t_status AS status,
           f.priority::INTEGER AS priority, f.cause::t_cause AS cause, f.exposed,
           assigned.code AS assignee, acknowledged.code AS acknowledged,
           f.opened_at, f.status_at, f.verified_at, d.suppressed_until,
           f.unverified::t_unverified AS unverified,
           coalesce(f.monthly_usd, 0)::DOUBLE AS monthly_usd, d.title::t_title AS title,
           resource.code AS resource, root.code AS root, coalesce(a.ou, '')::t_unit AS unit
    FROM {findings} f
    JOIN {details} d USING (finding_id)
    JOIN names resource ON resource.name = d.resource_arn
    JOIN names root ON root.name = coalesce(d.root_cause, '')
    JOIN people assigned ON assigned.id = coalesce(f.assignee, '')
    JOIN people acknowledged ON acknowledged.id = coalesce(d.acknowledged_by, '')
    LEFT JOIN {accounts} a ON a.account_id = f.account_id
    ORDER BY f.priority DESC, f.finding_id
    """,
    f"""
    CREATE TABLE said AS
    SELECT finding_id, NULL::VARCHAR AS system, {", ".join(SAID)} FROM {{details}}
    WHERE coalesce(acknowledged_at, suppressed_at, marked_at) IS NOT NULL
    """,
    f"CREATE TABLE cube AS SELECT {', '.join(CUBE)}, count(*) AS n FROM findings GROUP BY ALL",
    "CREATE TABLE accounts AS SELECT * REPLACE (account_id::t_account AS account_id) "
    "FROM {accounts}",
    *(
        f"CREATE TABLE {name} AS FROM {{{name}}}"
        for name in ("scans", "gaps", "rules", "modules", "entries", "views")
    ),
    "CREATE TABLE news AS FROM {events} LIMIT 0",
)

VIEWS = {
    "v1_findings": """
        SELECT f.finding_id, f.rule_id, f.module, f.account_id, f.region, f.severity, f.status,
               f.priority, f.cause, f.exposed, assigned.id AS assignee, f.opened_at, f.status_at,
               f.verified_at, f.unverified, f.monthly_usd, f.title, resource.name AS resource_arn,
               nullif(acknowledged.id, '') AS acknowledged_by, f.suppressed_until,
               a.name AS account_name, a.ou
        FROM findings f
        JOIN names resource ON resource.code = f.resource
        JOIN people assigned ON assigned.code = f.assignee
        JOIN people acknowledged ON acknowledged.code = f.acknowledged
        LEFT JOIN accounts a USING (account_id)
    """,
    "v1_details": f"""
        SELECT d.* REPLACE (coalesce(s.system, d.system) AS system),
               {", ".join(f"s.{name}" for name in SAID)}
        FROM wide.details d LEFT JOIN said s USING (finding_id)
    """,
    "v1_events": "FROM wide.events UNION ALL FROM news",
    "v1_gaps": """
        SELECT g.*, a.name AS account_name
        FROM gaps g LEFT JOIN accounts a USING (account_id)
        ORDER BY g.account_id, g.module, g.region, g.operation
    """,
    "v1_scans": "FROM scans",
    "v1_populations": "FROM wide.populations",
    "v1_modules": "FROM modules",
    "v1_entries": "FROM entries",
    "v1_views": "FROM views",
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
        ORDER BY a.account_id::VARCHAR
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
            FROM wide.populations GROUP BY rule_id) p USING (rule_id)
        ORDER BY r.rule_id
    """,
}


class NoQueue(Exception):
    """Nothing was scanned yet."""

    def __init__(self) -> None:
        super().__init__("there is no queue yet: run `stratum scan`, or `stratum demo` to try it.")


class Queue:
    """One snapshot, and what was said since. Safe for threads.

    head: the last ledger entry it shows. expired_at: suppressions that ended until then are
    over. Both move with the overlay, which holds `changing`. stale: since when it may be behind,
    and why.

    Whoever reads a queue that another may replace holds it meanwhile: `close` waits for the last.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: "TemporaryDirectory[str]",
        snapshot_id: str,
        as_of: datetime,
        head: Head,
    ) -> None:
        self.id, self.as_of, self.head = snapshot_id, as_of, head
        self.expired_at = as_of
        self.stale: Stale | None = None
        self._connection, self._folder = connection, folder
        self._answers: dict[tuple[str, str], pl.DataFrame] = {}
        self._fixed: dict[tuple[str, str], pl.DataFrame] = {}
        self._lock, self.changing = threading.Lock(), threading.Lock()
        self._held, self._closed = 0, False
        # Never by the garbage collector, which would close it in whatever thread it happens to run.
        atexit.register(self.close)

    @classmethod
    def load(cls, data: Data) -> "Queue":
        """The current snapshot, locked: no file, network or extension is reached through it.

        NoQueue before the first scan; StoreError if it cannot be read.
        """
        current = data.current_queue()
        if current is None:
            raise NoQueue
        folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="stratum-queue-")
        # Our own queries name tables, never variables of whoever calls.
        connection = duckdb.connect(":memory:", config={"python_enable_replacements": "false"})
        try:
            _build(connection, data, current, Path(folder.name))
        except BaseException:
            _release(connection, folder)
            raise
        return cls(
            connection,
            folder,
            current["snapshot_id"],
            datetime.fromisoformat(current["as_of"]),
            Head(current["seq"], current["digest"]),
        )

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(id=self.id, as_of=self.as_of, seq=self.head.seq, stale=self.stale)

    def rows(self, query: str, *params: Any) -> pl.DataFrame:
        """What `query` (with ? for each of `params`) gives, whole."""
        with self._cursor() as cursor:
            return cursor.sql(query, params=list(params)).pl()

    def kept(self, query: str, *params: Any) -> pl.DataFrame:
        """As `rows`, and remembered until something changes: for small answers."""
        return self._remembered(self._answers, query, params)

    def fixed(self, query: str, *params: Any) -> pl.DataFrame:
        """As `kept`, and remembered for good: for what no event changes."""
        return self._remembered(self._fixed, query, params)

    def _remembered(
        self, answers: dict[tuple[str, str], pl.DataFrame], query: str, params: tuple[Any, ...]
    ) -> pl.DataFrame:
        key = query, repr(params)
        found = answers.get(key)
        if found is None:
            found = answers[key] = self.rows(query, *params)
            with self._lock:
                for old in list(answers)[:-ANSWERS]:
                    answers.pop(old, None)
        return found

    @contextlib.contextmanager
    def change(self) -> Generator[duckdb.DuckDBPyConnection]:
        """A cursor whose changes are seen together at the end, or not at all."""
        with self._cursor() as cursor:
            cursor.begin()
            try:
                yield cursor
            except BaseException:
                cursor.rollback()
                raise
            cursor.commit()
            # Another dictionary: who read before the commit keeps the answer in the old one.
            self._answers = {}

    def hold(self) -> bool:
        """Keep it open until `let_go`; False if it is closed already."""
        with self._lock:
            self._held += not self._closed
            return not self._closed

    def let_go(self) -> None:
        with self._lock:
            self._held -= 1
            last = self._closed and not self._held
        if last:
            self._release()

    def close(self) -> None:
        """Close it, now or with the last that holds it."""
        with self._lock:
            first, self._closed = not self._closed, True
            now = first and not self._held
        if now:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _release(self) -> None:
        atexit.unregister(self.close)
        _release(self._connection, self._folder)

    @contextlib.contextmanager
    def _cursor(self) -> Generator[duckdb.DuckDBPyConnection]:
        with self._lock:
            cursor = self._connection.cursor()
        with contextlib.closing(cursor):
            yield cursor


def _build(
    connection: duckdb.DuckDBPyConnection, data: Data, current: Mapping[str, Any], folder: Path
) -> None:
    files: dict[str, str] = {}
    for name in FRAMES:
        for layer, key in enumerate(queue_keys(current, name)):
            path = folder / f"{name}-{layer}.parquet"
            path.write_bytes(data.store.get(key))
            file = f"read_parquet({_quoted(path)})"
            files[name] = _laid_over(files[name], file, LAYERED[name]) if layer else file
    try:
        connection.execute(f"SET temp_directory = {_quoted(folder / 'spill')}")
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        # What loading needed is given back to the system.
        connection.execute("SET allocator_background_threads = true")
        wide = f"ATTACH {_quoted(folder / WIDE_FILE)} AS wide"
        connection.execute(wide)
        for statement in WIDE:
            connection.execute(statement.format_map(files))
        # Attached again it holds in memory what is looked up, and no longer what was written.
        connection.execute("DETACH wide")
        connection.execute(f"{wide} (READ_ONLY)")
        for statement in TABLES:
            connection.execute(statement.format_map(files))
        for name, query in VIEWS.items():
            connection.execute(f"CREATE VIEW {name} AS {query}")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except duckdb.Error as error:
        raise StoreError(
            f"the queue {current['snapshot_id']} cannot be read ({error}); delete "
            f"{data.store.url(CURRENT)}: the next scan builds the queue"
        ) from error
    for path in folder.glob("*.parquet"):
        path.unlink()
    with contextlib.suppress(PermissionError):  # Windows: not while it is open
        # Open, it can be read on; and who is killed leaves an empty folder.
        (folder / WIDE_FILE).unlink()


def _laid_over(base: str, above: str, key: list[str]) -> str:
    """Rows of `above`, and those of `base` whose key it does not have."""
    columns = ", ".join(f'"{name}"' for name in key)
    kept = f"SELECT b.* FROM {base} b ANTI JOIN {above} USING ({columns})"
    return f"({kept} UNION ALL BY NAME SELECT * FROM {above})"


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _release(connection: duckdb.DuckDBPyConnection, folder: "TemporaryDirectory[str]") -> None:
    connection.close()
    folder.cleanup()
