"""Exports: the same rows in three formats, in pieces, and no cell that a spreadsheet runs."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import queries
from stratum_pipeline.triage.export import export
from stratum_pipeline.triage.read_model import Queue
from tests.lifecycle.make import A, fail

from .conftest import NOW, Asked, day
from .places import Estate

FORMATS: tuple[Any, ...] = ("csv", "jsonl", "parquet")


def pieces(queue: Queue, **question: Any) -> list[bytes]:
    return list(export(queue, c.ExportQuery(**question), NOW))


def rows(queue: Queue, **question: Any) -> list[c.Row]:
    lines = b"".join(pieces(queue, format="jsonl", **question)).splitlines()
    return [c.Row.model_validate_json(line) for line in lines]


def listed(queue: Queue, **question: Any) -> list[c.Row]:
    return list(queries.findings(queue, c.FindingsQuery(limit=500, **question), NOW).items)


@pytest.fixture(params=[1, 4, 18, 1000])
def in_pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("stratum_pipeline.triage.export.ROWS", request.param)
    return request.param


@pytest.mark.parametrize("question", [{}, {"severity": ("high",)}, {"text": "bucket_0"}])
def test_lines_are_the_rows_of_the_list(asked: Asked, in_pieces: int, question: dict[str, Any]):
    assert rows(asked.queue, **question) == listed(asked.queue, **question)


def test_parquet_is_the_same_table(asked: Asked, in_pieces: int):
    table = pl.read_parquet(io.BytesIO(b"".join(pieces(asked.queue, format="parquet"))))
    assert table.columns == list(c.Row.model_fields)
    assert [c.Row.model_validate(row) for row in table.to_dicts()] == listed(asked.queue)


def test_csv_is_the_same_table(asked: Asked, in_pieces: int):
    text = b"".join(pieces(asked.queue, format="csv")).decode()
    found = list(csv.DictReader(io.StringIO(text)))
    assert [row["finding_id"] for row in found] == [r.finding_id for r in listed(asked.queue)]
    first = json.loads(listed(asked.queue)[0].model_dump_json())
    assert {name: found[0][name] for name in ("resource_arn", "severity", "account_id")} == {
        name: first[name] for name in ("resource_arn", "severity", "account_id")
    }
    assert found[0]["opened_at"].startswith(first["opened_at"][:19])


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_found_is_a_file_all_the_same(asked: Asked, format: Any):
    data = b"".join(pieces(asked.queue, format=format, text="nothing has this"))
    if format == "csv":
        assert data.decode().split("\n") == [",".join(c.Row.model_fields), ""]
    elif format == "jsonl":
        assert data == b""
    else:
        assert pl.read_parquet(io.BytesIO(data)).columns == list(c.Row.model_fields)


@pytest.mark.parametrize("format", FORMATS)
def test_a_piece_holds_some_of_it(asked: Asked, format: Any, monkeypatch: pytest.MonkeyPatch):
    """Rows are asked for as they are taken, a page at a time."""
    monkeypatch.setattr("stratum_pipeline.triage.export.ROWS", 5)
    asked_for: list[int] = []

    def page(*args: Any) -> Any:
        asked_for.append(args[-1])
        return queries.page(*args)

    monkeypatch.setattr("stratum_pipeline.triage.export.page", page)
    taken: Iterator[bytes] = export(asked.queue, c.ExportQuery(format=format), NOW)
    assert asked_for == []
    next(taken)
    assert asked_for in ([5], [5, 5])  # Parquet's first piece ends when the second page begins
    assert len(list(taken)) >= 3
    assert asked_for == [5, 5, 5, 5]


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", '=cmd|"/c calc"!A1']


def test_no_cell_is_a_formula(tmp_path: Path):
    estate = Estate.at(tmp_path)
    estate.accounts({"id": A, "name": "=HYPERLINK()", "ou": "Root"})
    fails = [fail(str(n), title=text, region=text) for n, text in enumerate(FORMULAS)]
    estate.scan(A, *fails, fail("plain", title='a=b, "c" - d'), started=1)
    estate.record()
    estate.publish(day(1))
    with estate.queue(NOW) as queue:
        text = b"".join(pieces(queue, format="csv")).decode()
        found = list(csv.DictReader(io.StringIO(text, newline="")))
        cells = [cell for row in found for cell in row.values()]
        assert not [cell for cell in cells if cell[:1] in set("=+-@\t\r\n")]
        titles = {row["title"] for row in found}
        assert titles == {f"'{text}" for text in FORMULAS} | {'a=b, "c" - d'}
        assert {row["account_name"] for row in found} == {"'=HYPERLINK()"}
        # Only what spreadsheets open: elsewhere a value stands as it is.
        assert {row.title for row in rows(queue)} >= set(FORMULAS)
