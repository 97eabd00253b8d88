"""Accounts, rules, activity, people: what stands around the findings."""

import json
from datetime import datetime
from typing import Any

from . import contract as c
from .coverage import STATE, cells, cursor, following, offset, scoped, tags
from .read_model import Queue

RISK = "critical DESC, high DESC, medium DESC, low DESC,"


def accounts(queue: Queue, asked: c.AccountsQuery, now: datetime) -> c.Accounts:
    """The organization's accounts, with what is open in each."""
    where, params = scoped(asked.scope, "v.account_id::VARCHAR", "v.ou", "f.module::VARCHAR")
    counted, looked, counting = "true", "true", list[Any]()
    if asked.scope.startswith("module:"):  # of every account, what the module saw and found
        counted, looked, counting, where, params = where, "c.module = ?", params * 2, "true", []
    if asked.text:
        where += " AND (contains(lower(v.name), lower(?)) OR contains(v.account_id::VARCHAR, ?))"
        params += [asked.text, asked.text]
    start = offset(queue, f"accounts {asked.sort}", asked.cursor)
    levels = ("critical", "high", "medium", "low")
    rows = queue.rows(
        "SELECT v.account_id::VARCHAR AS account_id, v.name, v.ou, v.status, "
        "CASE WHEN state IN ('complete', 'partial', 'failed') THEN state ELSE 'not scanned' END "
        "AS scan, scanned_at, coalesce(gaps, 0)::BIGINT AS gaps, v.tags, "
        + "".join(f"coalesce({name}, 0) AS {name}, " for name in ("open", *levels))
        + "count(*) OVER () AS total "
        f"FROM accounts v LEFT JOIN (SELECT account_id, {STATE} AS state, sum(gaps) AS gaps, "
        f"max(scanned_at) AS scanned_at FROM {cells(queue)} c WHERE {looked} GROUP BY account_id) "
        "seen ON seen.account_id = v.account_id::VARCHAR "
        "LEFT JOIN (SELECT f.account_id, count(*) AS open, "
        + ", ".join(f"count(*) FILTER (severity = '{level}') AS {level}" for level in levels)
        + f" FROM findings f WHERE status = 'open' AND {counted} GROUP BY f.account_id) n "
        f"ON n.account_id = v.account_id WHERE {where} "
        f"ORDER BY {RISK if asked.sort == 'risk' else ''} lower(v.name), v.account_id::VARCHAR "
        "LIMIT ? OFFSET ?",
        *counting,
        *params,
        asked.limit,
        start,
    )
    total = int(rows["total"][0]) if rows.height else 0
    items = zip(rows.drop("total", "tags").to_dicts(), tags(rows), strict=True)
    return c.Accounts(
        items=tuple(c.Account.model_validate(row | {"tags": tagged}) for row, tagged in items),
        ous=_units(queue),
        total=total,
        next=following(queue, f"accounts {asked.sort}", start + rows.height, total),
        snapshot=queue.snapshot,
    )


def _units(queue: Queue) -> tuple[str, ...]:
    """Every OU that an account is in, and those above it."""
    known = queue.rows("SELECT DISTINCT ou FROM accounts WHERE ou <> ''")["ou"].to_list()
    parts = [path.split("/") for path in known]
    return tuple(sorted({"/".join(p[:depth]) for p in parts for depth in range(1, len(p) + 1)}))


def rules(queue: Queue, asked: c.ScopeQuery, now: datetime) -> c.Rules:
    """The rules, with populations and open findings in the scope.

    Populations beside a failed scan, or of what is off by now, are of an earlier scan: left out.
    """
    where, params = scoped(asked.scope, "p.account_id::VARCHAR", "a.ou", "p.module::VARCHAR")
    here = (
        "FROM {of} p LEFT JOIN accounts a ON a.account_id::VARCHAR = p.account_id::VARCHAR "
        f"WHERE {where}"
    )
    counts = ("population", "passed", "failed", "unknown")
    populations = (
        "(FROM (SELECT *, split_part(rule_id, '.', 1) AS module FROM v1_populations) "
        f"ANTI JOIN (FROM {cells(queue)} WHERE state IN ('failed', 'off')) "
        "USING (account_id, module))"
    )
    mine = "r.module = ?" if asked.scope.startswith("module:") else "true"
    rows = queue.rows(
        "SELECT r.rule_id, r.module, r.version, r.severity, r.title, r.rationale, r.remediation, "
        "r.criteria, coalesce(f.open, 0) AS open, "
        + ", ".join(f"coalesce(n.{name}, 0)::BIGINT AS {name}" for name in counts)
        + " FROM rules r LEFT JOIN (SELECT p.rule_id::VARCHAR AS rule_id, count(*) AS open "
        + here.format(of="findings")
        + " AND p.status = 'open' GROUP BY ALL) f USING (rule_id) LEFT JOIN (SELECT rule_id, "
        + ", ".join(f"sum({name}) AS {name}" for name in counts)
        + f" {here.format(of=populations)} GROUP BY ALL) n USING (rule_id) "
        f"WHERE {mine} ORDER BY r.rule_id",
        *params,
        *params,
        *(params if mine != "true" else []),
    )
    return c.Rules(
        items=tuple(c.Rule.model_validate(row) for row in rows.to_dicts()),
        snapshot=queue.snapshot,
    )


def activity(queue: Queue, asked: c.ActivityQuery, now: datetime) -> c.Activities:
    """Ledger entries, newest first."""
    where, params = "true", list[Any]()
    for column, chosen in (("actor", asked.actor), ("kind", asked.kind)):
        if chosen:
            where += f" AND list_contains(?, {column})"
            params.append(list(chosen))
    if asked.since is not None:
        where += ' AND "at" >= ?'
        params.append(asked.since)
    total = int(queue.rows(f"SELECT count(*) FROM v1_entries WHERE {where}", *params).item())
    if before := offset(queue, "activity", asked.cursor):  # an entry: new ones move no page
        where += " AND seq < ?"
        params.append(before)
    rows = queue.rows(
        f"WITH page AS MATERIALIZED (FROM v1_entries WHERE {where} ORDER BY seq DESC LIMIT ?), "
        "one AS (SELECT seq, any_value(finding_id) AS finding_id FROM v1_events "
        "WHERE seq IN (SELECT seq FROM page WHERE findings = 1) GROUP BY seq) "
        'SELECT page.seq, page."at", actor, actor_kind, assurance, kind, findings, body, '
        "coalesce(one.finding_id, '') AS finding_id, coalesce(f.title::VARCHAR, '') AS title "
        "FROM page LEFT JOIN one USING (seq) LEFT JOIN findings f USING (finding_id) "
        "ORDER BY page.seq DESC",
        *params,
        asked.limit + 1,
    )
    words, shown = queue.rows("SELECT DISTINCT actor, kind FROM v1_entries"), rows.head(asked.limit)
    more = rows.height > shown.height
    return c.Activities(
        items=tuple(
            c.Activity.model_validate(row | {"body": _said(row["body"])})
            for row in shown.to_dicts()
        ),
        actors=tuple(words["actor"].unique().sort()),
        kinds=tuple(words["kind"].unique().sort()),
        total=total,
        next=cursor(queue, "activity", int(shown["seq"][-1])) if more else "",
        snapshot=queue.snapshot,
    )


def _said(body: str) -> dict[str, Any]:
    return {name: value for name, value in json.loads(body).items() if name != "request"}


def people(queue: Queue, me: c.Me) -> c.People:
    """Who acted, who was assigned, and who asks."""
    known = queue.rows(
        "SELECT actor AS id FROM v1_entries WHERE actor_kind = 'person' "
        "UNION SELECT id FROM people WHERE id <> ''"
    )
    return c.People(items=tuple(sorted({*known["id"], me.id})))
