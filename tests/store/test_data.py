"""The layout: written when it changed, absent when empty, committed in order."""

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum_pipeline.store.data import Data, part_key, queue_key, status_key, table_key
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.objects import LocalStore, ObjectStore

from .conftest import plant, writes

FRAME = pl.DataFrame({"arn": ["a", "b"], "open": [True, None], "tags": [[], None]})
T1, T2 = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def test_unchanged_content_is_not_rewritten(data: Data, store: ObjectStore):
    key = table_key("s3", "buckets", "1")
    assert key == "inventory/s3/buckets/account=1.parquet"
    assert data.read_table("s3", "buckets", "1") is None
    assert data.write_table("s3", "buckets", "1", FRAME)
    before = writes(store, key)
    again = pl.concat([FRAME[:1], FRAME[1:]], rechunk=False)
    assert not data.write_table("s3", "buckets", "1", again)
    assert writes(store, key) == before
    assert data.write_table("s3", "buckets", "1", FRAME[:1])
    assert writes(store, key) != before
    assert data.read_table("s3", "buckets", "1").equals(FRAME[:1])


def test_an_empty_table_has_no_file(data: Data, store: ObjectStore):
    assert not data.write_table("s3", "buckets", "1", FRAME[:0])
    assert data.write_table("s3", "buckets", "1", FRAME)
    assert data.write_table("s3", "buckets", "1", FRAME[:0])
    assert list(store.list()) == []
    assert data.read_table("s3", "buckets", "1") is None


def test_parts_and_accounts(data: Data, store: ObjectStore):
    assert data.read_part("gaps", "s3", "1") is None
    assert data.write_part("gaps", "s3", "1", FRAME)
    assert data.write_part("verdicts", "s3", "1", FRAME[:1])
    assert data.read_part("gaps", "s3", "1").equals(FRAME)
    assert data.read_part("gaps", "s3", "2") is None
    assert data.read_accounts() is None
    assert data.write_accounts(FRAME)
    assert not data.write_accounts(FRAME)
    assert data.read_accounts().equals(FRAME)
    assert data.read_members() is None
    assert data.write_members(FRAME)
    assert data.read_members().equals(FRAME)
    assert data.write_members(FRAME.clear())
    assert data.read_members() is None
    assert list(store.list()) == [
        "accounts.parquet",
        "gaps/s3/account=1.parquet",
        "verdicts/s3/account=1.parquet",
    ]


def test_truncated_parquet_is_named_with_its_remedy(data: Data, store: ObjectStore):
    data.write_part("verdicts", "s3", "1", FRAME)
    whole = store.get(part_key("verdicts", "s3", "1"))
    plant(store, part_key("verdicts", "s3", "1"), whole[:-9])
    remedy = (
        r"verdicts/s3/account=1\.parquet is not readable Parquet \(truncated\?\); delete it and "
        r"scan that account again: `stratum scan --accounts 1`"
    )
    with pytest.raises(StoreError, match=remedy):
        data.read_part("verdicts", "s3", "1")
    assert data.write_part("verdicts", "s3", "1", FRAME)  # and that is what a scan does
    assert data.read_part("verdicts", "s3", "1").equals(FRAME)


FILE = pl.DataFrame({"n": range(50), "s": ["x"] * 50, "l": [[{"x": 1}]] * 50})


@given(st.data())
def test_no_damage_gets_past_as_another_error(tmp_path_factory, draw: st.DataObject):
    store = LocalStore(tmp_path_factory.getbasetemp() / "damaged")
    Data(store).write_table("s3", "t", "1", FILE)
    content = bytearray(store.get(table_key("s3", "t", "1")))
    for at in draw.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)):
        content[at] ^= draw.draw(st.integers(1, 255))
    end = draw.draw(st.integers(0, len(content)))
    plant(store, table_key("s3", "t", "1"), bytes(content[:end]))
    with contextlib.suppress(StoreError):
        Data(store).read_table("s3", "t", "1")


def test_damage_that_makes_polars_panic(data: Data, monkeypatch: pytest.MonkeyPatch):
    """One flipped bit in two hundred does; a panic is no Exception and would end the run."""

    def panic(_: object, **options: object) -> None:
        raise pl.exceptions.PanicException("called `Result::unwrap()` on an `Err` value")

    data.write_table("s3", "t", "1", FILE)
    monkeypatch.setattr(pl, "read_parquet", panic)
    with pytest.raises(StoreError, match="is not readable Parquet"):
        data.read_table("s3", "t", "1")


# Many accounts


def test_scan_over_accounts(served: ObjectStore):
    data = Data(served)
    assert data.scan_tables("s3", "buckets") is None
    for account in ("1", "2", "3"):
        data.write_table("s3", "buckets", account, FRAME.with_columns(in_=pl.lit(account)))
    data.write_table("s3", "buckets", "4", FRAME[:0])
    for name in (
        "account=5.parquet.bak",
        "x.parquet",
        ".account=6.parquet",
        "old/account=7.parquet",
    ):
        plant(served, f"inventory/s3/buckets/{name}", b"not ours")
    everything = data.collect(data.scan_tables("s3", "buckets"))
    assert everything["account"].to_list() == ["1", "1", "2", "2", "3", "3"]
    assert everything["in_"].equals(everything["account"].alias("in_"))
    some = data.scan_tables("s3", "buckets", ["3", "1", "4", "9"]).select("account", "open")
    assert some.collect().rows() == [("1", True), ("1", None), ("3", True), ("3", None)]
    assert data.scan_tables("s3", "buckets", ["4", "9"]) is None
    assert data.scan_tables("s3", "bucket") is None


def test_scan_over_files_of_an_older_release(served: ObjectStore):
    data = Data(served)
    data.write_part("verdicts", "ec2", "1", pl.DataFrame({"a": [1], "gone": [1]}))
    data.write_part("verdicts", "ec2", "2", pl.DataFrame({"a": [2], "b": ["new"]}))
    schema = pl.Schema({"a": pl.Int64, "b": pl.String})
    found = data.collect(data.scan_parts("verdicts", "ec2", schema=schema))
    assert found.rows() == [(1, None, "1"), (2, "new", "2")]


def test_a_truncated_file_among_many_is_named(served: ObjectStore):
    data = Data(served)
    for account in ("1", "2", "3"):
        data.write_table("s3", "keys", account, FRAME)
    plant(served, table_key("s3", "keys", "2"), served.get(table_key("s3", "keys", "2"))[:-9])
    lazy = data.scan_tables("s3", "keys").filter(pl.col("arn") == "a")
    with pytest.raises(StoreError, match=r"keys/account=2\.parquet is not readable.*accounts 2`"):
        data.collect(lazy)


def test_a_file_that_goes_while_it_is_scanned(served: ObjectStore):
    data = Data(served)
    data.write_table("s3", "gone", "1", FRAME)
    lazy = data.scan_tables("s3", "gone")
    served.delete(table_key("s3", "gone", "1"))
    with pytest.raises(StoreError, match=r"(?s)cannot read .*inventory/s3/gone: .*; run again"):
        data.collect(lazy)


@pytest.mark.parametrize("served", ["AWS_ENDPOINT_URL"], indirect=True)
def test_credentials_that_expire_while_it_is_scanned(served: ObjectStore, refuse):
    data = Data(served)
    data.write_table("s3", "gone", "1", FRAME)
    lazy = data.scan_tables("s3", "gone")
    served.delete(table_key("s3", "gone", "1"))
    refuse("ListObjectsV2", "ExpiredToken")
    with pytest.raises(StoreError, match=r"inventory/s3/gone/: .*ExpiredToken.*renew them"):
        data.collect(lazy)


def test_a_mistake_in_the_query_stays_one(served: ObjectStore):
    data = Data(served)
    data.write_table("s3", "t", "1", FRAME)
    lazy = data.scan_tables("s3", "t")
    with pytest.raises(pl.exceptions.ComputeError, match="strict integer parsing"):
        data.collect(lazy.select(pl.col("arn").str.to_integer()))


# Status


def test_an_older_status_never_replaces_a_newer_one(data: Data, store: ObjectStore):
    assert data.read_status("s3", "1") is None
    assert not data.superseded("s3", "1", T1)
    assert data.write_status("s3", "1", {"started_at": T2, "outcome": "complete"})
    assert data.superseded("s3", "1", T1)
    assert not data.superseded("s3", "1", T2)
    before = store.get(status_key("s3", "1"))
    assert not data.write_status("s3", "1", {"started_at": T1, "outcome": "late"})
    # The same moment in another spelling and zone; earlier, though it sorts later as text.
    assert not data.write_status("s3", "1", {"started_at": "2026-01-02T01:59:59.9+02:00"})
    assert store.get(status_key("s3", "1")) == before
    assert data.write_status("s3", "1", {"started_at": T2, "outcome": "again"})
    assert data.read_status("s3", "1") == {
        "started_at": T2,
        "outcome": "again",
        "module": "s3",
        "account": "1",
    }


@pytest.mark.usefixtures("one_at_a_time")
def test_of_racing_statuses_the_newest_stays(data: Data):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = [(start + timedelta(hours=hour)).isoformat() for hour in (3, 7, 1, 6, 0, 5, 2, 4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda t: data.write_status("s3", "1", {"started_at": t}), times))
    assert data.read_status("s3", "1")["started_at"] == max(times)


def test_statuses(data: Data, store: ObjectStore):
    assert data.statuses() == []
    for module, account in (("s3", "2"), ("ec2", "1"), ("s3", "1")):
        data.write_status(module, account, {"started_at": T1})
    for name in ("s3/account=3.json.bak", "s3/notes.json", "account=4.json", "s3/x/account=5.json"):
        plant(store, f"scan_status/{name}", b"not ours")
    assert [(s["module"], s["account"]) for s in data.statuses()] == [
        ("ec2", "1"),
        ("s3", "1"),
        ("s3", "2"),
    ]


def test_a_damaged_status_is_named_and_a_scan_heals_it(data: Data, store: ObjectStore):
    for damage in (b'{"started_at": "2026', b"[]", b'{"started_at": 5}', b"\xff"):
        plant(store, status_key("s3", "1"), damage)
        assert data.write_status("s3", "1", {"started_at": T1})
    plant(store, status_key("s3", "1"), b"{")
    for act in (lambda: data.read_status("s3", "1"), data.statuses):
        with pytest.raises(StoreError, match=r"account=1\.json is not readable JSON.*scan"):
            act()


def test_a_time_without_a_zone_is_no_time(data: Data):
    with pytest.raises(ValueError, match="has no UTC offset"):
        data.write_status("s3", "1", {"started_at": "2026-01-01T00:00:00"})


# Queue


def test_the_queue(data: Data, store: ObjectStore):
    assert data.current_queue() is None
    assert data.read_queue("findings") is None
    data.publish_queue("20260101", {"findings": FRAME, "facets": FRAME[:0]}, {"seq": 7})
    assert data.current_queue() == {"snapshot_id": "20260101", "seq": 7}
    assert data.read_queue("findings").equals(FRAME)
    assert data.read_queue("facets").equals(FRAME[:0])
    with pytest.raises(StoreError, match="nothing-so-named"):
        data.read_queue("nothing-so-named")


def test_old_snapshots_go_and_nothing_else_does(data: Data, store: ObjectStore):
    foreign = ["queue/README.txt", "queue/2026/notes.txt"]
    for name in foreign:
        plant(store, name, b"not ours")
    for n in range(1, 6):
        data.publish_queue(f"2026-{n}", {"findings": FRAME, "facets": FRAME}, {})
    data.publish_queue("2026-0", {"findings": FRAME}, {})  # current, though it sorts first
    ours = [queue_key(f"2026-{n}", name) for n in (4, 5) for name in ("facets", "findings")]
    assert list(store.list("queue/")) == sorted(
        [*ours, queue_key("2026-0", "findings"), "queue/current.json", *foreign]
    )
    assert data.current_queue() == {"snapshot_id": "2026-0"}
    if isinstance(store, LocalStore):  # the folders go as well
        assert not (store.root / "queue/2026-1").exists()


def test_a_damaged_queue_says_how_to_build_it_again(data: Data, store: ObjectStore):
    data.publish_queue("1", {"findings": FRAME}, {})
    plant(store, queue_key("1", "findings"), b"PAR1")
    with pytest.raises(StoreError, match=r"1/findings\.parquet is not readable.*next scan builds"):
        data.read_queue("findings")
    plant(store, "queue/current.json", json.dumps([]).encode())
    with pytest.raises(StoreError, match=r"current\.json is not a JSON object.*next scan builds"):
        data.current_queue()
