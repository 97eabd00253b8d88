"""Written once, and only once; found by what it is."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum_pipeline.store.encoding import canonical, to_parquet
from stratum_pipeline.store.errors import AlreadyExists, Conflict, StoreError, Tampered
from stratum_pipeline.store.objects import ObjectStore, S3Store
from stratum_pipeline.store.vault import Vault, payload_key

from .conftest import plant, writes

FRAME = pl.DataFrame({"rule": ["a", None], "failed": [1, 2], "on": [[{"x": 1}], None]})


def test_it_has_no_way_to_replace_or_delete(vault: Vault):
    public = {name for name in dir(vault) if not name.startswith("_")}
    assert public == {
        "url",
        "create",
        "find",
        "get",
        "exists",
        "list",
        "versions",
        "oldest",
        "payload",
        "read_payload",
    }
    vault.create("ledger/1.json", b"first")
    with pytest.raises(AlreadyExists):
        vault.create("ledger/1.json", b"second")
    assert vault.get("ledger/1.json") == b"first"


def test_a_payload_is_named_by_its_bytes(vault: Vault, store: ObjectStore):
    sha256 = vault.payload(FRAME)
    assert list(vault.list()) == [payload_key(sha256)]
    assert hashlib.sha256(vault.get(payload_key(sha256))).hexdigest() == sha256
    assert vault.read_payload(sha256).equals(FRAME)
    before = writes(store, payload_key(sha256))
    assert vault.payload(FRAME.clone()) == sha256
    assert writes(store, payload_key(sha256)) == before
    assert vault.payload(FRAME.head(0)) != sha256
    assert vault.read_payload(vault.payload(FRAME.head(0))).schema == FRAME.schema


@pytest.mark.usefixtures("one_at_a_time")
def test_the_same_payload_from_many(vault: Vault):
    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(lambda _: vault.payload(FRAME), range(8)))
    assert list(vault.list()) == [payload_key(sha256) for sha256 in digests]


def test_altered_bytes_are_refused(vault: Vault, store: ObjectStore):
    sha256 = vault.payload(FRAME)
    plant(store, payload_key(sha256), to_parquet(FRAME.reverse()))
    for act in (lambda: vault.read_payload(sha256), lambda: vault.payload(FRAME)):
        with pytest.raises(Tampered, match=rf"{sha256}\.parquet was altered.*evidence verify"):
            act()


def test_a_lost_payload_is_named(vault: Vault):
    with pytest.raises(Tampered, match=r"payload/00\.parquet does not exist, though an entry"):
        vault.read_payload("00")


def test_a_writer_that_holds_the_key_for_ever(s3: S3Store, refuse):
    refuse("PutObject", "ConditionalRequestConflict")
    with pytest.raises(Conflict, match="run again"):
        Vault(s3).payload(FRAME)


def test_what_is_not_parquet_though_it_hashes_right(vault: Vault):
    sha256 = hashlib.sha256(b"not Parquet").hexdigest()
    vault.create(payload_key(sha256), b"not Parquet")
    with pytest.raises(StoreError, match="not readable Parquet"):
        vault.read_payload(sha256)


# Encodings

ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-9, 9),
        st.none() | st.text("ab", max_size=3),
        st.none() | st.lists(st.none() | st.booleans(), max_size=3),
    ),
    max_size=30,
)
SCHEMA = {"n": pl.Int64, "s": pl.String, "l": pl.List(pl.Boolean)}


@given(rows=ROWS, cuts=st.lists(st.integers(0, 30), max_size=4))
def test_equal_frames_are_equal_bytes(rows: list, cuts: list[int]):
    frame = pl.DataFrame(rows, SCHEMA, orient="row")
    edges = [0, *sorted(min(cut, frame.height) for cut in cuts), frame.height]
    pieces = [frame[a:b] for a, b in pairwise(edges)]
    # The same rows made otherwise: of other chunks, sliced from a longer frame, other masks.
    others = (
        pl.concat(pieces, rechunk=False),
        pl.concat([frame, frame])[frame.height :],
        frame.with_columns(pl.when(pl.col("n").is_not_null()).then("n")),
    )
    assert {to_parquet(other) for other in others} == {to_parquet(frame)}


def test_equal_frames_are_equal_bytes_over_many_row_groups():
    frame = pl.DataFrame({"n": range(600_000)}).with_columns(
        s=pl.col("n").cast(pl.String), l=pl.concat_list(pl.struct(x=pl.col("n") % 5))
    )
    chunked = pl.concat([frame[i : i + 1000] for i in range(0, 600_000, 1000)], rechunk=False)
    assert to_parquet(chunked) == to_parquet(frame)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abé"), inner),
    max_leaves=8,
)  # fmt: skip


@given(value=JSON)
def test_canonical_json(value: object):
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text
    if isinstance(value, dict):
        assert canonical(dict(reversed(value.items()))) == text


def test_canonical_json_is_spelled_so():
    assert canonical({"b": [1, None], "a": "é"}) == '{"a":"é","b":[1,null]}'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))
