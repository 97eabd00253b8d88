"""Facets: how many findings each value of a filter would show, given the other filters."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, get_args

import polars as pl

from . import contract as c
from .read_model import Queue
from .where import DAYS, Where, aged, ask, join

MOST = 200  # values of a facet

# Few values each: counted in one pass over all combinations, so that each can leave out its
# own filter without a pass of its own.
_FEW = ("severity", "status", "module", "region", "cause")
_MANY = {"account": "account_id", "rule": "rule_id", "assignee": "assignee"}
_ALWAYS = {"severity": get_args(c.Severity), "status": get_args(c.Status), "age": tuple(DAYS)}
_NAMELESS = {"region": "no region", "assignee": "nobody"}


def facets(queue: Queue, asked: c.Filter, now: datetime) -> c.Facets:
    """Counts of what else could be chosen."""
    snapshot = queue.snapshot
    counts = _counts(queue, asked, Where(queue, asked, now), now)
    shown = {facet: _choice(counts[facet], facet, getattr(asked, facet)) for facet in c.FACETS}
    labels: dict[str, Mapping[str, str]] = {
        "account": _labels(
            queue, "SELECT account_id::VARCHAR, name FROM accounts", shown["account"]
        ),
        "rule": _labels(queue, "SELECT rule_id, title FROM rules", shown["rule"]),
    }

    def label(facet: str, value: str) -> str:
        return labels.get(facet, {}).get(value) or value or _NAMELESS.get(facet, "")

    told = {
        facet: [
            {"value": v, "label": label(facet, v), "count": counts[facet].get(v, 0)} for v in values
        ]
        for facet, values in shown.items()
    }
    return c.Facets.model_validate({"counts": told, "snapshot": snapshot})


def _counts(
    queue: Queue, asked: c.Filter, where: Where, now: datetime
) -> dict[str, dict[str, int]]:
    rows = _rows(queue, where, now)
    few = rows.drop_nulls("status").lazy()
    kept = {f: pl.col(f).is_in(getattr(asked, f)) for f in _FEW if getattr(asked, f)}
    summed = pl.collect_all(
        few.filter(*(holds for f, holds in kept.items() if f != facet))
        .group_by(facet)
        .agg(pl.col("count").sum())
        for facet in _FEW
    )
    counts: dict[str, dict[Any, int]] = {f: _pairs(s) for f, s in zip(_FEW, summed, strict=True)}
    for facet in ("age", *_MANY):
        counts[facet] = _pairs(rows.select(facet, "count").drop_nulls())
    # After the counts, and not kept: the overlay adds people.
    people = _pairs(queue.rows("FROM people"))
    counts["assignee"] = {people[code]: count for code, count in counts["assignee"].items()}
    return counts


def _pairs(rows: pl.DataFrame) -> dict[Any, Any]:
    return dict(rows.iter_rows())


def _rows(queue: Queue, where: Where, now: datetime) -> pl.DataFrame:
    """count, of each combination of _FEW, and of each value of every other facet."""
    few, rest = ", ".join(_FEW), where.over(but=c.FACETS)
    source, of = ("base", "true") if where.slow else ("findings", rest)
    ages = join(*(join("count_if", aged(age, now)) for age in DAYS), by=", ")
    counted = {
        _FEW: (f"{few}, count(*) AS count", " GROUP BY ALL"),
        ("age",): (join(f"unnest({list(DAYS)}) AS age, unnest([", ages, "]) AS count"), ""),
        **{
            (facet,): (f"{column} AS {facet}, count(*) AS count", f" GROUP BY {column}")
            for facet, column in _MANY.items()
        },
    }
    parts = [
        join("SELECT ", what, f" FROM {source} WHERE ", of, " AND ", where.over(c.FACETS, but), by)
        for but, (what, by) in counted.items()
    ]
    if where.slow:
        base = f"base AS MATERIALIZED (SELECT {few}, account_id, rule_id, assignee, opened_at "
        union = join(*parts, by=" UNION ALL BY NAME ")
        found = [
            ask(queue, where.beside(base, "FROM findings WHERE ", rest, ")"), union, keep=True)
        ]
    else:
        # Each apart: most of the answers are those of a question asked before.
        found = [ask(queue, part, keep=True) for part in parts]
    return pl.concat(found, how="diagonal_relaxed").cast({pl.Categorical: pl.String})


def _choice(counts: Mapping[str, int], facet: str, asked: Collection[str]) -> tuple[str, ...]:
    """The values to show, in order."""
    if facet in _ALWAYS:
        return _ALWAYS[facet]
    most = sorted(counts, key=lambda value: (-counts[value], value))
    return tuple(dict.fromkeys([*most[:MOST], *(value for value in asked)]))


def _labels(queue: Queue, sql: str, values: Collection[str]) -> dict[str, str]:
    known = queue.kept(sql)
    return dict(known.filter(pl.col(known.columns[0]).is_in(list(values))).iter_rows())
