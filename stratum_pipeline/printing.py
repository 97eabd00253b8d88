"""What the command line prints: tables, JSON and CSV of what the API answers."""

import csv
import enum
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

WIDTH = 160  # where nothing tells how wide the output is
out, err = Console(highlight=False), Console(stderr=True, highlight=False)
if not out.is_terminal and "COLUMNS" not in os.environ:
    out.width = WIDTH

SHARES = {"title": 3, "resource_arn": 2, "unverified": 1, "was": 2, "now": 2}
"""Columns of prose and ARNs share what the others leave of a line."""

Shown = dict[str, Callable[[Any], str]]


class Format(enum.StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class Page(Protocol):
    @property
    def items(self) -> tuple[BaseModel, ...]: ...


Question = TypeVar("Question", bound=BaseModel)


def pages(ask: Callable[[Question], Page], question: Question) -> Iterator[Page]:
    """Every page of a list, asked for as it is needed."""
    while True:
        page = ask(question)
        yield page
        following = getattr(page, "next", "")
        if not following:
            return
        question = question.model_copy(update={"cursor": following})


def listing(found: Iterator[Page], format: Format, columns: Shown, limit: int) -> None:
    """A list in `format`; of a table `columns` and the first `limit` rows."""
    first = next(found)
    items = (item for page in _and(first, found) for item in page.items)
    if format == Format.JSON:
        print_json([item.model_dump(mode="json") for item in items])
    elif format == Format.CSV:
        _print_csv(items)
    else:
        uncounted = hasattr(first, "next") and not hasattr(first, "total")
        rows = list(islice(items, limit + uncounted))
        _print_table(rows[:limit], columns)
        if len(rows) > limit:
            out.print(f"the first {limit}; there are more (--limit)")
        else:
            total = getattr(first, "total", len(rows if uncounted else first.items))
            out.print(f"{min(limit, total)} of {total}")


def _and(first: Page, others: Iterator[Page]) -> Iterator[Page]:
    yield first
    yield from others


def _print_table(items: list[BaseModel], columns: Shown) -> None:
    table = Table(
        box=None,
        pad_edge=False,
        header_style="bold",
        expand=not columns.keys().isdisjoint(("title", "was")),
    )
    for name in columns:
        label = name.replace("_", " ")
        table.add_column(label, overflow="ellipsis", no_wrap=True, ratio=SHARES.get(name))
    for item in items:
        values = {name: getattr(item, name) for name in columns}
        table.add_row(
            *("" if values[n] is None else show(values[n]) for n, show in columns.items())
        )
    out.print(table)


def _print_csv(items: Iterable[BaseModel]) -> None:
    writer = csv.writer(sys.stdout)
    for number, item in enumerate(items):
        row = item.model_dump(mode="json")
        if not number:
            writer.writerow(row)
        writer.writerow(
            json.dumps(value) if isinstance(value, dict | list) else value for value in row.values()
        )


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def short(value: Any) -> str:
    """A time to the minute, anything else as it is."""
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)
