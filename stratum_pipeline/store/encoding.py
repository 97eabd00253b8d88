"""The two encodings of everything stored: canonical JSON and zstd Parquet.

Both are deterministic, so equal content is equal bytes: that is how an unchanged file is
recognised, and what a content address is a digest of.
"""

import hashlib
import io
import json
from typing import Any

import polars as pl

from .errors import StoreError

# Pinned: a changed default would give old content a new address.
PARQUET: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,
    "statistics": True,
    "row_group_size": 262_144,
    "data_page_size": 1 << 20,
}


def canonical(obj: Any) -> bytes:
    """`obj` as the one JSON text it has: keys sorted, no spaces, UTF-8; NaN raises ValueError."""
    text = json.dumps(
        obj, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def from_json(data: bytes, place: str, remedy: str) -> dict[str, Any]:
    """The JSON object in `data`, which came from `place`; StoreError with `remedy` if damaged."""
    try:
        value = json.loads(data)
    except ValueError as error:
        raise StoreError(f"{place} is not readable JSON (truncated?); {remedy}") from error
    if not isinstance(value, dict):
        raise StoreError(f"{place} is not a JSON object; {remedy}")
    return value


def to_parquet(frame: pl.DataFrame, group: int = PARQUET["row_group_size"]) -> bytes:
    """`frame` as Parquet; the same rows in the same order give the same bytes.

    group: rows that a reader of few must read together. The bytes name the Polars version, so
    an upgrade rewrites each file once.
    """
    buffer = io.BytesIO()
    # Pages follow the chunks in memory, which are an accident of how the frame was made.
    options: dict[str, Any] = PARQUET | {"row_group_size": group}
    frame.rechunk().write_parquet(buffer, **options)
    return buffer.getvalue()


def from_parquet(
    data: bytes,
    place: str,
    remedy: str,
    rows: pl.Expr | None = None,
    columns: list[str] | None = None,
) -> pl.DataFrame:
    """The frame in `data`, which came from `place`; StoreError with `remedy` if damaged.

    rows, columns: those to have; the others are decoded no further than it takes to tell.
    """
    try:
        if rows is not None:
            found = pl.scan_parquet(io.BytesIO(data)).filter(rows)
            return (found if columns is None else found.select(columns)).collect()
        return pl.read_parquet(io.BytesIO(data), columns=columns)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise StoreError(f"{place} is not readable Parquet (truncated?); {remedy}") from error


def digest(data: bytes) -> str:
    """SHA-256 of `data`, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
