"""Facets: how many findings each value of a filter would show, given the other filters."""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import get_args

import polars as pl

from . import contract as c
from .read_model import Queue
from .rows import people
from .where import DAYS, Part, Where, ago, ask, join

MOST = 200  # values of a facet

# Few values each: counted by combination, so that each can leave out its own filter without a
# pass of its own.
_FEW = ("severity", "status", "module", "region", "cause")
_MANY = ("account", "rule", "assignee")
_GROUPED: Mapping[tuple[str, ...], str] = {
    _FEW: ", ".join(_FEW),
    ("account",): "account_id AS account",
    ("rule",): "rule_id AS rule",
    ("assignee",): "assignee",
}
_CUBED = frozenset({*_FEW, "rule", "assignee", "in_module"})
"""Fields whose conditions are on columns of `cube`."""
_NEEDED = ", ".join([*_FEW, "account_id", "rule_id", "assignee", "opened_at"])
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
    """Of every value, or of MOST and those asked for."""
    rows = _rows(queue, where, now)
    codes = people(queue, rows["assignee"].max()).select(code="code", assignee="id").lazy()
    lazy = rows.lazy().rename({"assignee": "code"}).join(codes, on="code", how="left")
    chosen = {
        facet: pl.col(facet).is_in(values)
        for facet in c.FACETS
        if (values := getattr(asked, facet))
    }
    counts: dict[str, pl.LazyFrame] = {}
    for facet in _FEW:
        others = [holds for other, holds in chosen.items() if other in _FEW and other != facet]
        left = lazy.filter(pl.col("status").is_not_null(), *others)
        counts[facet] = left.group_by(facet).agg(pl.col("count").sum())
    for facet in ("age", *_MANY):
        each = lazy.select(facet, "count").drop_nulls()
        most = each.sort("count", facet, descending=[True, False]).head(MOST)
        counts[facet] = pl.concat([most, each.filter(chosen.get(facet, False))])
    found = pl.collect_all(counts.values())
    return {facet: dict(f.iter_rows()) for facet, f in zip(counts, found, strict=True)}


def _rows(queue: Queue, where: Where, now: datetime) -> pl.DataFrame:
    """count, of each combination of _FEW, and of each value of every other facet."""
    parts = [_ages(where, now)]
    for facets, columns in _GROUPED.items():
        cube = _CUBED.issuperset(facets) and where.counted_by(_CUBED, but=facets)
        count = "sum(n)::BIGINT" if cube else "count(*)"
        of = _of(where, *facets, source="cube" if cube else "findings")
        parts.append(join(f"SELECT {columns}, {count} AS count", of, " GROUP BY ALL"))
    if where.slow:
        base = f"base AS MATERIALIZED (SELECT {_NEEDED} FROM findings WHERE "
        tables = where.beside(base, where.over(but=c.FACETS), ")")
        found = [ask(queue, tables, join(*parts, by=" UNION ALL BY NAME "), keep=True)]
    else:
        # Each apart: most of the answers are those of a question asked before.
        with ThreadPoolExecutor(len(parts)) as pool:  # one is planned while another is read
            found = list(pool.map(partial(ask, queue, keep=True), parts))
    return pl.concat(found, how="diagonal_relaxed").filter(pl.col("count") > 0)


def _ages(where: Where, now: datetime) -> Part:
    """Counts by age, from counts of those of this age and more."""
    days = [since for since, _ in DAYS.values() if since is not None]
    more = ", ".join(f"count_if(opened_at <= ?) AS from_{day}" for day in days)
    at_least = ["total", *(f"from_{day}" for day in days), "0"]
    each = ", ".join(f"({a} - {b})::BIGINT" for a, b in pairwise(at_least))
    return join(
        f"SELECT unnest({list(DAYS)}) AS age, unnest([{each}]) AS count FROM (",
        (f"SELECT count(*) AS total, {more}", [ago(day, now) for day in days]),
        *(_of(where, "age"), ")"),
    )


def _of(where: Where, *facets: str, source: str = "findings") -> Part:
    """From where, with all filters but those of `facets`."""
    if where.slow:
        return join(" FROM base WHERE ", where.over(c.FACETS, but=facets))
    return join(f" FROM {source} WHERE ", where.over(but=facets))


def _choice(counts: Mapping[str, int], facet: str, asked: Collection[str]) -> tuple[str, ...]:
    """The values to show, in order."""
    if facet in _ALWAYS:
        return _ALWAYS[facet]
    most = sorted(counts, key=lambda value: (-counts[value], value))
    return tuple(dict.fromkeys([*most[:MOST], *(value for value in asked)]))


def _labels(queue: Queue, sql: str, values: Collection[str]) -> dict[str, str]:
    known = queue.fixed(sql)
    return dict(known.filter(pl.col(known.columns[0]).is_in(list(values))).iter_rows())
