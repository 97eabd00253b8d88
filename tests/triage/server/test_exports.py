"""Files: in pieces, whole or not at all."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import problems
from stratum_pipeline.triage.client import ApiError, Client, Unreachable

from .served import EXPORT, ME, Served


@pytest.mark.parametrize(
    "kind, media_type, zipped",
    [
        ("csv", "text/csv; charset=utf-8", True),
        ("jsonl", "application/x-ndjson", True),
        ("parquet", "application/vnd.apache.parquet", False),
    ],
)
def test_an_export_is_a_file(
    served: Served, raw: httpx.Client, kind: str, media_type: str, zipped: bool
):
    response = raw.get("/v1/export", params={"format": kind, "severity": ["high", "low"]})
    question = c.ExportQuery(format=kind, severity=("high", "low"))
    assert served.service.asked == [(EXPORT, ME, question)]
    assert response.content == b"a,b\n1,2\n"
    assert response.headers["content-type"] == media_type
    name = f"stratum-findings-{datetime.now(UTC):%Y-%m-%d}.{kind}"
    assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert ("content-encoding" in response.headers) == zipped


def test_an_export_of_nothing_is_empty(served: Served, client: Client):
    served.service.pieces = lambda: iter([])
    assert b"".join(client.export(c.ExportQuery())) == b""


def test_an_export_comes_in_pieces(served: Served, client: Client):
    go_on = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"first"
        assert go_on.wait(10)
        yield b"second"

    served.service.pieces = pieces
    export = client.export(c.ExportQuery(format="parquet"))
    assert next(export) == b"first"
    go_on.set()
    assert list(export) == [b"second"]


def refuses_at_once() -> Iterator[bytes]:
    raise problems.no_queue()


def refuses_at_the_first_piece() -> Iterator[bytes]:
    raise problems.no_queue()
    yield b""


@pytest.mark.parametrize("pieces", [refuses_at_once, refuses_at_the_first_piece])
def test_a_refused_export_is_a_problem(
    served: Served, client: Client, pieces: Callable[[], Iterator[bytes]]
):
    served.service.pieces = pieces
    with pytest.raises(ApiError) as refused:
        next(client.export(c.ExportQuery()))
    assert refused.value.problem == problems.no_queue().problem


def test_an_export_cut_short_is_not_taken_for_whole(
    served: Served, client: Client, caplog: pytest.LogCaptureFixture
):
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the disk went away")

    served.service.pieces = pieces
    with pytest.raises(Unreachable):
        list(client.export(c.ExportQuery()))
    assert "the disk went away" in caplog.text


def test_who_goes_away_ends_the_query(served: Served, client: Client):
    ended = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield bytes(100_000)
        finally:
            ended.set()

    served.service.pieces = pieces
    export = client.export(c.ExportQuery(format="parquet"))
    next(export)
    assert not ended.is_set()
    export.close()
    assert ended.wait(10)


def test_two_exports_at_once(served: Served, client: Client):
    both = threading.Barrier(2, timeout=10)

    def pieces() -> Iterator[bytes]:
        both.wait()
        yield b"done"

    served.service.pieces = pieces
    with ThreadPoolExecutor() as pool:
        files = list(pool.map(lambda _: b"".join(client.export(c.ExportQuery())), range(2)))
    assert files == [b"done", b"done"]
