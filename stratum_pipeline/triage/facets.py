"""Facets: how many findings each value of a filter would show, given the other filters."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import get_args

import polars as pl

from . import contract as c
from .read_model import Queue
from .where import AGE, AGES, Part, Where, ask, bounds

MOST = 200  # values of a facet

# Few values each: counted in one pass over all combinations, so that each can leave out its
# own filter without a pass of its own.
_FEW = ("severity", "status", "module", "region", "cause", "age")
_MANY = {"account": "account_id", "rule": "rule_id", "assignee": "assignee"}
_ALWAYS = {"severity": get_args(c.Severity), "status": get_args(c.Status), "age": AGES}
_NAMELESS = {"region": "no region", "assignee": "nobody"}


def facets(queue: Queue, asked: c.Filter, now: datetime) -> c.Facets:
    """Counts of what else could be chosen."""
    snapshot, where = queue.snapshot, Where(queue, asked, now)
    counted = _count(queue, where, now)
    counts: dict[str, dict[str, int]] = {}
    for facet in c.FACETS:
        others = [f for f in _FEW if f != facet and facet in _FEW and getattr(asked, f)]
        left = counted.filter(
            pl.col(facet).is_not_null(), *(pl.col(f).is_in(getattr(asked, f)) for f in others)
        )
        counts[facet] = dict(left.group_by(facet).agg(pl.col("count").sum()).iter_rows())
    chosen = {facet: _choice(counts[facet], facet, getattr(asked, facet)) for facet in c.FACETS}
    labels = {
        "account": _labels(queue, "accounts", "account_id", "name", chosen["account"]),
        "rule": _labels(queue, "rules", "rule_id", "title", chosen["rule"]),
    }
    return c.Facets(
        counts={
            facet: tuple(
                c.FacetValue(
                    value=value,
                    label=labels.get(facet, {}).get(value) or value or _NAMELESS.get(facet, ""),
                    count=counts[facet].get(value, 0),
                )
                for value in values
            )
            for facet, values in chosen.items()
        },
        snapshot=snapshot,
    )


def _count(queue: Queue, where: Where, now: datetime) -> pl.DataFrame:
    """count, and of the rest either all of _FEW or one of _MANY; each filtered by what it must."""
    few = ", ".join(_FEW[:-1])
    unions: list[str | Part] = []
    for facet, column in _MANY.items():
        unions += [f" UNION ALL BY NAME SELECT {column} AS {facet}, count(*) AS count FROM base"]
        unions += [" WHERE ", where.over(c.FACETS, but=(facet,)), f" GROUP BY {column}"]
    once = "MATERIALIZED" if where.slow else "NOT MATERIALIZED"
    return ask(
        queue,
        *("WITH ", where.lookup, f"base AS {once} ("),
        f"SELECT {few}, account_id, rule_id, assignee, opened_at FROM findings WHERE ",
        *(where.over(but=c.FACETS), "), counted AS ("),
        (f"SELECT {few}, {AGE} AS age, count(*) AS count FROM base WHERE ", bounds(now)),
        *(where.over(_MANY), " GROUP BY ALL", *unions, ") "),
        "SELECT counted.* EXCLUDE (age, assignee), "
        f"{list(AGES)}[age + 1] AS age, people.id AS assignee "
        "FROM counted LEFT JOIN people ON code = counted.assignee",
    ).with_columns(pl.selectors.categorical().cast(pl.String))


def _choice(counts: Mapping[str, int], facet: str, asked: Collection[str]) -> tuple[str, ...]:
    """The values to show, in order."""
    if facet in _ALWAYS:
        return _ALWAYS[facet]
    most = sorted(counts, key=lambda value: (-counts[value], value))
    return tuple(dict.fromkeys([*most[:MOST], *(value for value in asked)]))


def _labels(
    queue: Queue, table: str, column: str, label: str, values: Collection[str]
) -> dict[str, str]:
    named = queue.rows(
        f"SELECT {column}::VARCHAR, {label} FROM {table} WHERE list_contains(?, {column}::VARCHAR)",
        list(values),
    )
    return dict(named.iter_rows())
