"""Findings as a file, in pieces: CSV, JSON Lines or Parquet, sorted by priority.

Rows are fetched page by page, so memory does not grow with their number, and no transaction
stays open while a slow reader takes its time.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from . import contract as c
from .queries import page
from .read_model import Queue
from .where import Where

ROWS = 20_000  # per piece
_FORMULA = r"^[=+\-@\t\r\n]"


def export(queue: Queue, asked: c.ExportQuery, now: datetime) -> Iterator[bytes]:
    """Every finding that matches, in the columns of Row. ApiError comes before the first piece."""
    where = Where(queue, asked, now)
    return _WRITERS[asked.format](_pages(queue, asked, where))


def _pages(queue: Queue, asked: c.Filter, where: Where) -> Iterator[pl.DataFrame]:
    """At least one, an empty one if nothing matches: it names the columns."""
    filters = asked.model_dump(include=set(c.Filter.model_fields))
    question = c.FindingsQuery.model_validate(filters)
    while True:
        rows, cursor = page(queue, question, where, ROWS)
        yield rows.select(pl.col(*c.Row.model_fields)).cast({pl.Categorical: pl.String})
        if not cursor:
            return
        question = question.model_copy(update={"cursor": cursor})


def _csv(pages: Iterator[pl.DataFrame]) -> Iterator[bytes]:
    for number, rows in enumerate(pages):
        # A spreadsheet would run such a cell, and a resource's name is anybody's to choose.
        cell = pl.col(pl.String)
        safe = pl.when(cell.str.contains(_FORMULA)).then("'" + cell).otherwise(cell)
        shown = _written(rows.with_columns(safe.name.keep()))
        yield shown.write_csv(include_header=number == 0).encode()


def _jsonl(pages: Iterator[pl.DataFrame]) -> Iterator[bytes]:
    for rows in pages:
        yield _written(rows).write_ndjson().encode()


def _written(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with times as text."""
    return rows.with_columns(pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))


class _Taken(io.RawIOBase):
    """A file that is taken away as it is written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _parquet(pages: Iterator[pl.DataFrame]) -> Iterator[bytes]:
    file, first = _Taken(), next(pages).to_arrow(compat_level=pl.CompatLevel.oldest())
    with pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for rows in pages:
            yield file.take()
            writer.write_table(rows.to_arrow(compat_level=pl.CompatLevel.oldest()))
    yield file.take()


_WRITERS: Mapping[str, Callable[[Iterator[pl.DataFrame]], Iterator[bytes]]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
