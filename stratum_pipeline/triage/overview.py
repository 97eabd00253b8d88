"""The figures of the morning: what changed, how it went, what to do first."""

import threading
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from . import contract as c
from .coverage import scoped, seen
from .queries import findings, groups
from .read_model import Queue
from .reports import accounts

DAYS = 90
WINDOW = timedelta(days=1)
SOON = timedelta(days=7)
LEVELS: tuple[c.Severity, ...] = ("critical", "high", "medium", "low")

_SCOPED = """
    mine AS (
        SELECT f.rowid AS code, f.finding_id, f.severity, f.status, f.suppressed_until,
               f.monthly_usd
        FROM findings f LEFT JOIN accounts a USING (account_id) WHERE {scope})
"""
# What was open at the end of each day before today, of today's severities and scope.
#
# Fold order, not time, says which of a finding's events is the next. The two disagree where a
# person speaks while a scan runs: the scan's events carry the time it began, but come after.
# An event therefore counts from its own time or, if that is later, from the latest time of the
# finding's events before it. From then until the next, the finding is open if its last scan
# saw it fail and nobody marked it resolved since, once the suppression in force has ended.
_TREND = """
    spoken AS (
        SELECT severity, max("at") OVER past AS moment, lead("at") OVER past AS following,
               last_value(CASE WHEN kind IN ('opened', 'reopened') THEN true
                               WHEN kind = 'resolved' THEN false END IGNORE NULLS)
                   OVER past AS failing,
               last_value(CASE WHEN kind = 'marked_resolved' THEN true
                               WHEN kind IN ('opened', 'reopened', 'resolved', 'marked_open')
                               THEN false END IGNORE NULLS) OVER past AS marked,
               last_value(CASE WHEN kind = 'suppressed' THEN coalesce(until, 'infinity')
                               WHEN kind = 'unsuppressed' OR reset THEN '-infinity'::TIMESTAMPTZ
                               END IGNORE NULLS) OVER past AS quiet_until
        FROM v1_events JOIN mine USING (finding_id)
        WINDOW past AS (PARTITION BY code ORDER BY "order"
                        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)),
    spans AS (
        SELECT severity, greatest(moment, coalesce(quiet_until, moment)) AS begins,
               greatest(moment, coalesce(following, 'infinity')) AS ends,
               failing AND NOT coalesce(marked, false) AS open
        FROM spoken),
    deltas AS (
        SELECT severity, day, sum(delta) AS delta FROM (
            SELECT severity, begins::DATE AS day, 1 AS delta FROM spans
            WHERE open AND begins < ends AND begins < ?
            UNION ALL
            SELECT severity, ends::DATE, -1 FROM spans WHERE open AND begins < ends AND ends < ?)
        GROUP BY ALL),
    days AS (
        SELECT unnest(generate_series(
            greatest(began, ?::DATE), ?::DATE - 1, INTERVAL 1 DAY))::DATE AS day
        FROM (SELECT min(moment)::DATE AS began FROM spoken) WHERE began IS NOT NULL),
    levels AS (SELECT unnest(enum_range(NULL::t_severity)) AS severity)
    SELECT days.day, levels.severity::VARCHAR AS severity,
           coalesce(sum(delta), 0)::BIGINT AS open
    FROM days CROSS JOIN levels
    LEFT JOIN deltas ON deltas.severity = levels.severity AND deltas.day <= days.day
    GROUP BY days.day, levels.severity ORDER BY days.day, levels.severity DESC
"""
SCOPES = 32  # trends kept of a queue

_lock = threading.Lock()
_trends: WeakKeyDictionary[Queue, dict[tuple[Any, ...], tuple[c.TrendPoint, ...]]] = (
    WeakKeyDictionary()
)


def overview(queue: Queue, asked: c.ScopeQuery, now: datetime) -> c.Overview:
    """Changes since the last scan or of a day, whichever reaches back further; trends; what
    to do first.
    """
    where, params = scoped(asked.scope, "f.account_id::VARCHAR", "a.ou", "f.module::VARCHAR")
    mine = f"WITH {_SCOPED.format(scope=where)} "
    last = queue.rows("SELECT max(\"at\") FROM v1_entries WHERE kind = 'scanned'").item()
    since = min(now - WINDOW, last) if last is not None else None
    changes = queue.rows(
        mine + "SELECT kind, cause, severity, count(*) AS count FROM ("
        "SELECT e.kind, mine.severity::VARCHAR AS severity, "
        'arg_max(e.cause, e."order") AS cause FROM v1_events e JOIN mine USING (finding_id) '
        'WHERE e.seq IN (SELECT seq FROM v1_entries WHERE "at" >= ?) '
        "AND e.kind IN ('opened', 'reopened', 'resolved') "
        "GROUP BY finding_id, e.kind, mine.severity) GROUP BY ALL",
        *params,
        since,
    ).to_dicts()
    counts = queue.rows(
        mine + "SELECT severity::VARCHAR AS severity, count(*) FILTER (status = 'open') AS open, "
        "coalesce(sum(monthly_usd) FILTER (status = 'open'), 0) AS monthly_usd, "
        "count(*) FILTER (status = 'suppressed' AND suppressed_until BETWEEN ? AND ?) AS ending "
        "FROM mine GROUP BY ALL",
        *params,
        now,
        now + SOON,
    ).to_dicts()
    still_open = dict.fromkeys(map(str, LEVELS), 0) | {r["severity"]: r["open"] for r in counts}
    today = now.astimezone(UTC).date()
    picture = seen(queue, asked, now)
    scope: dict[str, Any] = {"scope": asked.scope, "status": ("open",)}
    causes = c.GroupsQuery(by="root_cause", sort="findings", limit=8, **scope)
    worst = next((level for level in LEVELS if still_open[level]), None)
    oldest = c.FindingsQuery.model_validate(
        scope | {"sort": "age", "limit": 7, "severity": (worst,) if worst else ()}
    )
    risky = c.AccountsQuery(scope=asked.scope, sort="risk", limit=7)
    return c.Overview(
        since=since,
        opened=_change(changes, "opened"),
        reopened=_change(changes, "reopened"),
        resolved=_change(changes, "resolved"),
        suppressions_ending=sum(row["ending"] for row in counts),
        unknown=picture.unknown,
        gaps=picture.gaps,
        open=still_open,
        monthly_usd=round(sum(row["monthly_usd"] for row in counts), 2),
        trend=(*_trend(queue, asked.scope, mine, params, today), *_today(still_open, today)),
        root_causes=tuple(g for g in groups(queue, causes, now).items if g.findings > 1),
        oldest=findings(queue, oldest, now).items if worst else (),
        accounts=tuple(a for a in accounts(queue, risky, now).items if a.open),
        snapshot=queue.snapshot,
    )


def _change(rows: list[dict[str, Any]], kind: str) -> c.Change:
    def sums(key: str) -> dict[str, int]:
        totals: dict[str, int] = {}
        for row in rows:
            if row["kind"] == kind:
                totals[row[key]] = totals.get(row[key], 0) + row["count"]
        return totals

    severities = sums("severity")
    return c.Change(count=sum(severities.values()), severities=severities, causes=sums("cause"))


def _today(still_open: dict[str, int], today: date) -> tuple[c.TrendPoint, ...]:
    return tuple(c.TrendPoint(day=today, severity=s, open=still_open[s]) for s in LEVELS)


def _trend(
    queue: Queue, scope: str, mine: str, params: list[Any], today: date
) -> tuple[c.TrendPoint, ...]:
    """The days before `today`. It reads every event, so once until another one speaks of them."""
    midnight = datetime.combine(today, time(), UTC)
    latest = queue.kept('SELECT max(seq) FROM v1_events WHERE "at" < ?', midnight).item()
    key = (scope, latest, today)
    with _lock:
        known = _trends.setdefault(queue, {})
        if (found := known.get(key)) is not None:
            return found
    first = today - timedelta(days=DAYS - 1)
    rows = queue.rows(f"{mine}, {_TREND}", *params, midnight, midnight, first, today)
    found = tuple(c.TrendPoint.model_validate(row) for row in rows.to_dicts())
    with _lock:
        for old in [k for k in known if k[1:] != key[1:]] or list(known)[: 1 - SCOPES]:
            del known[old]
        known[key] = found
    return found
