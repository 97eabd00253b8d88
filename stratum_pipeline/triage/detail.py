"""One finding, with all that is known of it."""

import json
from datetime import datetime
from typing import Any

import polars as pl

from . import contract as c
from . import problems
from .read_model import Queue
from .rows import COLUMNS, decoded

RELATED = 20
WHOLE = 64  # characters of an id

_FOUND = "SELECT finding_id FROM wide.details WHERE finding_id >= ? AND finding_id < ? LIMIT 2"
_ROW = f"SELECT {COLUMNS}, resource AS code, root FROM findings WHERE finding_id = ?"
_MORE = """
    SELECT d.*, r.rationale, r.remediation, r.breaks, r.criteria, r.facts,
           a.status AS account_status, a.tags AS account_tags, scanned.at AS account_scanned_at
    FROM v1_details d
    LEFT JOIN rules r ON r.rule_id = ?
    LEFT JOIN accounts a ON a.account_id = ?
    LEFT JOIN (SELECT max(finished_at) AS at FROM scans WHERE account_id = ?) scanned ON true
    WHERE d.finding_id = ?
"""
_TIMELINE = 'FROM v1_events WHERE finding_id = ? ORDER BY "order"'
_NEAR = f"""
    SELECT {COLUMNS}, CASE WHEN resource = $2 THEN 'same resource' ELSE 'same root cause' END AS how
    FROM findings
    WHERE (resource = $2 OR root = $3) AND status = 'open' AND finding_id <> $1
    ORDER BY how, priority DESC, finding_id LIMIT {RELATED}
"""
_COMBINED = f"""
    SELECT {COLUMNS}, 'combination' AS how FROM findings
    WHERE finding_id IN (SELECT unnest(?)) ORDER BY priority DESC, finding_id
"""


def finding(queue: Queue, finding_id: str, now: datetime) -> c.Finding:
    """The finding whose id is `finding_id` or begins with it; ApiError if none or several do."""
    snapshot = queue.snapshot
    key = _one(queue, finding_id)
    rows = queue.rows(_ROW, key)
    if rows.is_empty():
        raise problems.not_found(f"there is no finding {key!r}.")
    row = decoded(queue, rows).row(0, named=True)
    account = row["account_id"]
    more = queue.rows(_MORE, row["rule_id"], account, account, key).row(0, named=True)
    told = {name: row[name] for name in c.Row.model_fields} | {
        **{name: more[name] for name in ("rule_version", "own_severity", "console", "cli")},
        **{name: more[name] or "" for name in _WORDS},
        "criteria": more["criteria"] or (),
        "evidence": _facts(more["evidence"], more["facts"] or []),
        "points": more["points"],
        "because": more["because"],
        "related": _related(queue, key, row["code"], row["root"], more["companions"]),
        "timeline": [_event(event) for event in queue.rows(_TIMELINE, key).to_dicts()],
        "suppression": _suppression(more),
        "account_tags": {tag["key"]: tag["value"] for tag in more["account_tags"] or []},
        "account_scanned_at": more["account_scanned_at"],
        "snapshot": snapshot,
    }
    return c.Finding.model_validate(told)


_WORDS = (
    "rationale",
    "remediation",
    "breaks",
    "undo",
    "root_cause",
    "acknowledged_by",
    "marked_by",
    "account_status",
)


def _one(queue: Queue, prefix: str) -> str:
    if len(prefix) == WHOLE:
        return prefix
    found = queue.rows(_FOUND, prefix, prefix + "g")["finding_id"].to_list()
    if not found:
        raise problems.not_found(f"there is no finding {prefix!r}.")
    if len(found) > 1:
        raise problems.invalid(f"{prefix!r} begins the ids of several findings: give more of it.")
    return found[0]


def _related(
    queue: Queue, key: str, resource: int, root: int, companions: list[str]
) -> list[dict[str, Any]]:
    found = [queue.rows(_NEAR, key, resource, root)]
    if companions:
        found.insert(0, queue.rows(_COMBINED, companions))
    rows = pl.concat(found, how="vertical_relaxed").unique("finding_id", maintain_order=True)
    shown = decoded(queue, rows.head(RELATED)).to_dicts()
    return [{"how": one.pop("how"), "finding": one} for one in shown]


def _facts(evidence: str, facts: list[dict[str, str]]) -> tuple[c.Fact, ...]:
    """What the verdict read, as its rule tells it; what the rule no longer reads comes last."""
    values: dict[str, Any] = json.loads(evidence)
    told = [
        c.Fact(name=f["name"], meaning=f["doc"], value=values.pop(f["name"]), source=f["source"])
        for f in facts
        if f["name"] in values
    ]
    rest = [c.Fact(name=name, meaning="", value=value, source="") for name, value in values.items()]
    return (*told, *rest)


def _event(event: dict[str, Any]) -> dict[str, Any]:
    words = ("kind", "cause", "actor", "assurance", "to", "note", "reason")
    return {n: event[n] for n in ("seq", "at", "until")} | {n: event[n] or "" for n in words}


def _suppression(more: dict[str, Any]) -> dict[str, Any] | None:
    if more["suppressed_at"] is None:
        return None
    return {name: more[f"suppressed_{name}"] for name in ("reason", "note", "by", "at", "until")}
