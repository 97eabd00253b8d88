"""Files of what changed: named by when, listed by day, on both backends."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from stratum_pipeline.store.changes import ChangeFile, of_day, read, write
from stratum_pipeline.store.data import Data, frame_digest
from stratum_pipeline.store.errors import StoreError

A, B = "111111111111", "222222222222"
AT = datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=UTC)
ROWS = pl.DataFrame({"arn": ["a"]})


def test_a_day_has_its_files_the_newest_first(data: Data):
    written = [
        ChangeFile(AT - timedelta(hours=1), "s3", B),
        ChangeFile(AT - timedelta(hours=1), "lambda_x", A),
        ChangeFile(AT - timedelta(hours=1), "s3", A),
        ChangeFile(AT.replace(microsecond=0), "iam", A),
        ChangeFile(AT, "iam", A),
    ]
    for n, file in enumerate(written):
        write(data.store, file, pl.DataFrame({"n": [n]}))
    write(data.store, ChangeFile(AT + timedelta(microseconds=1), "iam", A), ROWS)
    data.store.put("changes/2026-03-01/notes.txt", b"ours it is not")
    found = of_day(data.store, date(2026, 3, 1))
    assert found == sorted(written, reverse=True)
    assert [read(data.store, file)["n"][0] for file in found] == [4, 3, 0, 2, 1]
    assert of_day(data.store, date(2026, 3, 3)) == []


def test_a_damaged_file_is_named(data: Data):
    file = ChangeFile(AT, "s3", A)
    data.store.put(file.key, b"PAR1")
    with pytest.raises(StoreError, match=r"2026-03-01/235959\.999999-s3-111111111111.*delete it"):
        read(data.store, file)


def test_what_is_stored_instead(data: Data):
    def instead(rows: pl.DataFrame) -> pl.DataFrame | None:
        return data.stored_instead("s3", "buckets", A, rows)

    other = pl.DataFrame({"arn": ["b"]})
    assert instead(ROWS.clear()) is None
    found = instead(ROWS)
    assert found is not None
    assert found.equals(ROWS.clear())
    data.write_table("s3", "buckets", A, ROWS)
    assert instead(ROWS) is None
    for rows in (other, ROWS.clear()):
        found = instead(rows)
        assert found is not None
        assert found.equals(ROWS)


def test_the_digest_of_a_table_is_known_before_it_is_stored(data: Data):
    for rows in (ROWS, ROWS.clear()):
        data.write_table("s3", "buckets", A, rows)
        assert data.table_digest("s3", "buckets", A) == frame_digest(rows)
