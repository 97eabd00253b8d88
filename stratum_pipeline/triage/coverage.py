"""What was seen and what was not: cells of account and module, gaps, how complete it is."""

import base64
import json
import threading
from datetime import datetime
from typing import Any
from weakref import WeakSet

import polars as pl

from stratum_pipeline.kernel.coverage import Outcome
from stratum_pipeline.kernel.permissions import action

from . import contract as c
from . import problems
from .read_model import Queue

# One row per account and module that is switched on or was ever scanned; made once a snapshot,
# since nothing that people say changes it. An account that was scanned is there, listed or not.
# What an account or module left behind that is off by now is not counted: nobody looks there
# any more.
CELLS = """
    CREATE TABLE IF NOT EXISTS cells AS
    SELECT a.account_id::VARCHAR AS account_id, a.name, a.ou, a.status, m.module, m.place,
           CASE WHEN a.status NOT IN ('ACTIVE', '') OR NOT m.switched_on THEN 'off'
                WHEN s.outcome IS NULL THEN 'never'
                WHEN s.outcome = 'complete' AND g.gaps > 0 THEN 'partial'
                ELSE s.outcome END AS state,
           CASE WHEN a.status NOT IN ('ACTIVE', '') THEN 'account is ' || a.status
                WHEN NOT m.switched_on THEN 'module ' || m.module || ' is switched off'
                WHEN s.outcome IS NULL THEN 'not scanned yet'
                WHEN s.outcome = 'failed' THEN coalesce(nullif(s.error, ''), 'the scan failed')
                WHEN g.gaps > 0 THEN g.worst
                    || CASE WHEN g.gaps > 1 THEN ', ' || (g.gaps - 1) || ' more' ELSE '' END
                WHEN s.outcome = 'partial' THEN 'the scan could not see everything'
                ELSE '' END AS reason,
           s.finished_at AS scanned_at, coalesce(s.calls, 0) AS calls,
           CASE WHEN state IN ('off', 'failed') THEN 0
                ELSE coalesce(p.unknown, 0)::BIGINT END AS unknown,
           CASE WHEN state = 'off' THEN 0 ELSE coalesce(g.gaps, 0) END AS gaps
    FROM (
        SELECT account_id::VARCHAR AS account_id, name, ou, status FROM accounts
        UNION ALL
        SELECT DISTINCT account_id, account_id, '', '' FROM v1_scans
        WHERE account_id NOT IN (SELECT account_id::VARCHAR FROM accounts)) a
    CROSS JOIN (
        SELECT module, min(place) AS place, bool_or(switched_on) AS switched_on FROM (
            SELECT module, row_number() OVER () AS place, true AS switched_on FROM v1_modules
            UNION ALL SELECT DISTINCT module, 1000000, false FROM v1_scans)
        GROUP BY module) m
    LEFT JOIN v1_scans s ON s.account_id = a.account_id::VARCHAR AND s.module = m.module
    LEFT JOIN (
        SELECT account_id, module, count(*) AS gaps,
               first(operation || ' ' || outcome || ' (' || code || ')'
                     || CASE WHEN region IN ('', '*') THEN '' ELSE ' in ' || region END
                     ORDER BY blinded DESC, unlisted DESC, len(rules) DESC, region, operation, code
                    ) AS worst
        FROM gaps GROUP BY account_id, module) g
        ON g.account_id = a.account_id::VARCHAR AND g.module = m.module
    LEFT JOIN (
        SELECT account_id, split_part(rule_id, '.', 1) AS module, sum(unknown) AS unknown
        FROM v1_populations GROUP BY ALL) p
        ON p.account_id = a.account_id::VARCHAR AND p.module = m.module
"""
# The worst of an account's cells decides; one with nothing switched on is off.
STATE = """
    CASE WHEN bool_and(state = 'off') THEN 'off'
         WHEN bool_and(state IN ('off', 'never')) THEN 'never'
         WHEN bool_and(state IN ('off', 'failed')) THEN 'failed'
         WHEN bool_and(state IN ('off', 'complete')) THEN 'complete'
         ELSE 'partial' END
"""
WORST = ("failed", "partial", "never", "complete", "off")
MOST = 2**31  # rows of any list

_making = threading.Lock()
_made: WeakSet[Queue] = WeakSet()


def cells(queue: Queue) -> str:
    """The name of the table of CELLS."""
    with _making:
        if queue not in _made:
            with queue.change() as cursor:
                cursor.execute(CELLS)
            _made.add(queue)
    return "cells"


def scoped(scope: str, account: str, ou: str, module: str) -> tuple[str, list[Any]]:
    """The condition that `scope` puts on the columns of these names, and its parameters."""
    kind, _, named = scope.partition(":")
    match kind:
        case "ou":
            return f"({ou} = ? OR starts_with({ou}, ? || '/'))", [named, named]
        case "account":
            return f"{account} = ?", [named]
        case "module":
            return f"{module} = ?", [named]
        case _:
            return "true", []


def seen(queue: Queue, asked: c.ScopeQuery, now: datetime) -> c.Seen:
    """How complete the picture is: by account, or by module of one account."""
    where, params = scoped(asked.scope, "account_id", "ou", "module")
    by = "module" if asked.scope.startswith("account:") else "account_id"
    counts = queue.kept(
        "WITH units AS ("
        f"SELECT {STATE} AS state, sum(gaps) AS gaps, sum(unknown) AS unknown, "
        "min(scanned_at) FILTER (state IN ('complete', 'partial')) AS oldest "
        f"FROM {cells(queue)} WHERE {where} GROUP BY {by}) "
        "SELECT count(*) AS total, "
        + ", ".join(f"count(*) FILTER (state = '{state}') AS {state}" for state in WORST)
        + ", coalesce(sum(gaps), 0)::BIGINT AS gaps, coalesce(sum(unknown), 0)::BIGINT AS unknown, "
        "min(oldest) AS oldest_scan FROM units",
        *params,
    ).row(0, named=True)
    first = gaps(queue, c.GapsQuery(scope=asked.scope, limit=1), now).items
    return c.Seen(
        unit="modules" if by == "module" else "accounts",
        first=first[0] if first else None,
        snapshot=queue.snapshot,
        **counts,
    )


def coverage(queue: Queue, asked: c.CoverageQuery, now: datetime) -> c.Coverage:
    """The matrix, `limit` accounts of it."""
    where, params = scoped(asked.scope, "account_id", "ou", "module")
    start = offset(queue, "coverage " + asked.order, asked.cursor)
    first = f"list_position({list(WORST)}, {STATE}), sum(gaps) DESC, "
    rows = queue.rows(
        f"WITH mine AS (FROM {cells(queue)} WHERE {where}), page AS ("
        "SELECT account_id, count(*) OVER () AS total, row_number() OVER (ORDER BY "
        f"{first if asked.order == 'gaps' else ''} lower(any_value(name)), account_id) AS number "
        "FROM mine GROUP BY account_id ORDER BY number LIMIT ? OFFSET ?) "
        "SELECT mine.*, total FROM page JOIN mine USING (account_id) "
        "ORDER BY number, place, module",
        *params,
        asked.limit,
        start,
    )
    total = int(rows["total"][0]) if rows.height else 0
    accounts = [
        c.AccountCoverage(
            account_id=account,
            **{name: part[name][0] for name in ("name", "ou", "status")},
            cells=tuple(
                c.Cell.model_validate(cell)
                for cell in part.select(list(c.Cell.model_fields)).to_dicts()
            ),
        )
        for (account,), part in rows.group_by("account_id", maintain_order=True)
    ]
    modules = rows["module"].unique(maintain_order=True)  # every account has every one
    return c.Coverage(
        accounts=tuple(accounts),
        modules=tuple(modules),
        total=total,
        next=following(queue, "coverage " + asked.order, start + len(accounts), total),
        snapshot=queue.snapshot,
    )


def gaps(queue: Queue, asked: c.GapsQuery, now: datetime) -> c.Gaps:
    """What could not be seen: where nothing was first, then what blinds most."""
    where, params = scoped(asked.scope, "g.account_id", "c.ou", "g.module")
    for column, chosen in (("g.module", asked.module), ("g.account_id", asked.account)):
        if chosen:
            where += f" AND list_contains(?, {column})"
            params.append(list(chosen))
    start = offset(queue, "gaps", asked.cursor)
    rows = queue.rows(
        "SELECT g.account_id, coalesce(c.name, '') AS account_name, g.region, g.module, "
        "g.operation, g.outcome, g.code, g.rules, g.resources, g.unlisted, g.blinded, "
        "count(*) OVER () AS total "
        f"FROM gaps g JOIN {cells(queue)} c USING (account_id, module) "
        f"WHERE c.state <> 'off' AND {where} "
        "ORDER BY c.state = 'failed' DESC, g.blinded DESC, g.unlisted DESC, len(g.rules) DESC, "
        "g.account_id, g.module, g.region, g.operation, g.outcome, g.code LIMIT ? OFFSET ?",
        *params,
        asked.limit,
        start,
    )
    total = int(rows["total"][0]) if rows.height else 0
    return c.Gaps(
        items=tuple(_gap(row) for row in rows.drop("total").to_dicts()),
        total=total,
        next=following(queue, "gaps", start + rows.height, total),
        snapshot=queue.snapshot,
    )


def _gap(row: dict[str, Any]) -> c.Gap:
    needed = action(row["operation"]) if row["outcome"] == Outcome.DENIED else ""
    return c.Gap.model_validate(row | {"permission": needed})


def following(queue: Queue, of: str, start: int, total: int) -> str:
    """The cursor of a list that is short enough to be counted off; "" at its end."""
    return cursor(queue, of, start) if start < total else ""


def cursor(queue: Queue, of: str, place: int) -> str:
    """A place in the list `of`: valid for one snapshot."""
    return base64.urlsafe_b64encode(json.dumps([queue.id, of, place]).encode()).decode()


def offset(queue: Queue, of: str, cursor: str) -> int:
    """The place that `cursor` names, 0 for ""; ApiError if of another snapshot or list."""
    if not cursor:
        return 0
    try:
        snapshot, mark, place = json.loads(base64.urlsafe_b64decode(cursor))
    except (ValueError, TypeError, RecursionError) as error:
        raise problems.invalid("the cursor is not one of this API's.") from error
    if snapshot != queue.id:
        raise problems.cursor_expired()
    if mark != of or type(place) is not int or not 0 <= place < MOST:
        raise problems.invalid("the cursor is of another list: start from the first page.")
    return place


def tags(rows: pl.DataFrame) -> list[dict[str, str]]:
    """The column `tags` of rows of Accounts as dictionaries."""
    return [{tag["key"]: tag["value"] for tag in each or ()} for each in rows["tags"].to_list()]
