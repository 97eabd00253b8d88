"""A snapshot in DuckDB: whole, locked in, and carried on by what happens after it."""

import tempfile
import threading
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.lifecycle.triage import delete_view, save_view
from stratum_pipeline.store.data import queue_key
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.ledger import LedgerError
from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import queries
from stratum_pipeline.triage.overlay import overlay
from stratum_pipeline.triage.read_model import FRAMES, VIEWS, NoQueue, Queue
from tests.lifecycle.make import ANN, A, fail, fid

from .conftest import BEN, NOW, Asked, day, say
from .places import Estate

SAID = {"reason": "false_positive", "note": "Not so"}


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    """Four findings, a to d, in one account."""
    estate = Estate.at(tmp_path)
    estate.accounts({"id": A, "name": "one"})
    estate.scan(A, *(fail(name, exposed=True) for name in "abcd"), started=1)
    estate.record()
    estate.publish(day(1))
    return estate


def shown(queue: Queue, view: str) -> pl.DataFrame:
    """Every row of a view; not in the order of what is stored, but in one."""
    rows = queue.rows(f"FROM {view}").cast({pl.Categorical: pl.String})
    return rows.sort([n for n in rows.columns if not rows[n].dtype.is_nested()])


# The snapshot


def test_before_the_first_scan_there_is_none(tmp_path: Path):
    with pytest.raises(NoQueue):
        Queue.load(Estate.at(tmp_path).data)


def test_an_empty_queue_has_every_view(tmp_path: Path):
    estate = Estate.at(tmp_path)
    estate.publish(NOW)
    with estate.queue(NOW) as queue:
        assert {view: queue.rows(f"FROM {view}").height for view in VIEWS} == dict.fromkeys(
            VIEWS, 0
        ) | {"v1_modules": 2, "v1_rules": 3}
        empty = queries.findings(queue, c.FindingsQuery(text="x"), NOW)
        assert (empty.items, empty.total, empty.next) == ((), 0, "")
        assert queries.groups(queue, c.GroupsQuery(), NOW).total == 0
        assert queries.facets(queue, c.Filter(), NOW).counts["account"] == ()


def test_views_hold_what_was_published(asked: Asked):
    listed = asked.queue.rows("FROM v1_findings").cast({pl.Categorical: pl.String})
    plain = pl.DataFrame(asked.rows).with_columns(pl.col("monthly_usd").fill_null(0))
    same = [name for name in listed.columns if name in plain.columns and name != "assignee"]
    assert_frame_equal(
        listed.select(same).sort("finding_id"), plain.select(same).sort("finding_id"),
        check_dtypes=False,
    )  # fmt: skip
    details = asked.estate.data.read_queue("details")
    assert details is not None
    assert_frame_equal(
        asked.queue.rows("FROM v1_details").select(details.columns).sort("finding_id"),
        details.sort("finding_id"),
    )
    for name in ("events", "scans", "populations", "entries", "views", "modules"):
        frame = asked.estate.data.read_queue(name)
        assert frame is not None
        assert_frame_equal(asked.queue.rows(f"FROM v1_{name}"), frame, check_row_order=False)


def test_it_says_what_it_was_read_from(estate: Estate):
    current = estate.data.current_queue()
    assert current is not None
    with estate.queue(NOW) as queue:
        assert queue.snapshot == c.Snapshot(id=current["snapshot_id"], as_of=day(1), seq=1)


@pytest.mark.parametrize(
    "query",
    [
        "FROM read_parquet('/etc/passwd')",
        "FROM read_csv('http://127.0.0.1:1/x.csv')",
        "COPY findings TO '/tmp/findings.csv'",
        "ATTACH '/tmp/other.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '1TB'",
        "FROM A",  # a variable of this module
    ],
)
def test_nothing_else_is_reached_through_it(asked: Asked, query: str):
    with pytest.raises(duckdb.Error):
        asked.queue.rows(query)


def test_a_damaged_snapshot_says_what_to_do(estate: Estate):
    current = estate.data.current_queue()
    assert current is not None
    estate.data.store.put(queue_key(current["snapshot_id"], "findings"), b"PAR1 and no more")
    with pytest.raises(StoreError, match=r"delete .*current\.json: the next scan"):
        Queue.load(estate.data)


def folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("stratum-queue-*"))


def test_its_folder_goes_with_it(estate: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    queue = Queue.load(estate.data)
    (folder,) = folders()
    assert list(folder.iterdir()) == []  # what is open is read on, and gone with the process
    assert queue.rows("SELECT count(*) FROM v1_events").item() == 4
    queue.close()
    queue.close()
    assert folders() == set()

    replaced = Queue.load(estate.data)
    assert replaced.hold()
    replaced.close()
    assert replaced.rows("SELECT count(*) FROM v1_events").item() == 4
    assert not replaced.hold()
    replaced.let_go()
    assert folders() == set()

    current = estate.data.current_queue()
    assert current is not None
    estate.data.store.delete(queue_key(current["snapshot_id"], FRAMES[-1]))
    with pytest.raises(StoreError):
        Queue.load(estate.data)
    assert folders() == set()


def test_kept_answers_end_with_a_change(estate: Estate):
    count = "SELECT count(*) FROM findings WHERE status = 'open'"
    with estate.queue(NOW) as queue:
        assert queue.kept(count).item() == 4
        kept = queue.kept(count)
        overlay(queue, estate.ledger, NOW)  # nothing was said
        assert queue.kept(count) is kept
        say(estate, Kind.MARKED_RESOLVED, fid("a"))
        overlay(queue, estate.ledger, NOW)
        assert queue.kept(count).item() == 3


def test_only_so_many_answers_are_kept(estate: Estate, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stratum_pipeline.triage.read_model.ANSWERS", 2)
    with estate.queue(NOW) as queue:
        first = queue.kept("SELECT 1")
        assert [queue.kept("SELECT ?", n).item() for n in (1, 2)] == [1, 2]
        assert queue.kept("SELECT 1") is not first


# What happens after it

AFTER = (
    "v1_findings",
    "v1_details",
    "v1_events",
    "v1_entries",
    "v1_views",
)
names = st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True)
words = st.one_of(
    st.tuples(st.sampled_from([Kind.ACKNOWLEDGED, Kind.UNSUPPRESSED]), st.just({})),
    st.tuples(st.sampled_from([Kind.MARKED_RESOLVED, Kind.MARKED_OPEN]), st.just({})),
    st.tuples(st.just(Kind.NOTED), st.just({"note": "Look"})),
    st.tuples(st.just(Kind.ASSIGNED), st.sampled_from([{"to": "ann"}, {"to": "zoe"}, {"to": ""}])),
    st.tuples(
        st.just(Kind.SUPPRESSED),
        st.sampled_from([SAID, SAID | {"until": day(110)}, SAID | {"until": day(120)}]),
    ),
)
steps = st.one_of(
    st.tuples(st.just("say"), words, names, st.sampled_from([ANN, BEN])),
    st.tuples(st.just("scan"), names),
    st.tuples(st.just("view"), st.booleans(), st.booleans()),
    st.tuples(st.just("look"), st.sampled_from([day(105), day(115), day(125)])),
)


def take(estate: Estate, step: Any, scans: list[int]) -> None:
    match step:
        case ("say", (kind, said), names, actor):
            say(estate, kind, *map(fid, names), actor=actor, **said)
        case ("scan", names):
            scans.append(1)
            rows = [fail(name, exposed=True) for name in names]
            estate.scan(A, *rows, started=len(scans) + 1)
            estate.record()
        case ("view", shared, kept):
            save_view(estate.ledger, ANN, "mine", {"severity": ["high"]}, shared)
            if not kept:
                delete_view(estate.ledger, ANN, "mine", shared)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=st.lists(steps, max_size=4), after=st.lists(steps, min_size=1, max_size=8))
def test_a_queue_carried_on_is_the_queue_built_again(
    tmp_path_factory: pytest.TempPathFactory, before: list[Any], after: list[Any]
):
    estate = Estate.at(tmp_path_factory.mktemp("estate"))
    estate.scan(A, *(fail(name, exposed=True) for name in "abcd"), started=1)
    estate.record()
    now, scans = NOW, []
    for step in before:
        take(estate, step, scans)
    estate.publish(NOW)
    with estate.queue(NOW) as queue:
        for step in after:
            take(estate, step, scans)
            if step[0] == "look":
                now = max(now, step[1])
                overlay(queue, estate.ledger, now)
        overlay(queue, estate.ledger, now)
        estate.publish(now)
        again = Queue.load(estate.data)
        assert queue.snapshot.seq == again.snapshot.seq
        # What the latest verdicts say, the next snapshot tells.
        of_scans = pl.selectors.by_name("verified_at", "unverified", require_all=False)
        for view in AFTER:
            assert_frame_equal(
                shown(queue, view).drop(of_scans),
                shown(again, view).drop(of_scans),
                check_row_order=False,
            )
        for number in (queue, again):
            assert queries.facets(number, c.Filter(), now) == queries.facets(
                number, c.Filter(account=(A,)), now
            )
        again.close()


def test_what_was_opened_since_waits(estate: Estate):
    with estate.queue(NOW) as queue:
        estate.scan(A, *(fail(name) for name in "abcde"), started=2)
        estate.record()
        overlay(queue, estate.ledger, NOW)
        assert queries.findings(queue, c.FindingsQuery(), NOW).total == 4
        say(estate, Kind.NOTED, fid("a"), fid("e"), note="both")
        overlay(queue, estate.ledger, NOW)
        assert queries.ids(queue, c.Filter(entry=3), NOW) == [fid("a")]
        assert queue.snapshot.seq == 3


def test_many_at_once(estate: Estate):
    many = [f"n{n}" for n in range(300)]  # more than stand in an entry
    estate.scan(A, *map(fail, many), started=2)
    estate.record()
    estate.publish(day(2))
    with estate.queue(NOW) as queue:
        say(estate, Kind.SUPPRESSED, *map(fid, many), **SAID)
        overlay(queue, estate.ledger, NOW)
        counts = queries.facets(queue, c.Filter(), NOW).counts["status"]
        assert [value.count for value in counts] == [0, 300, 4]


def test_a_suppression_ends_by_the_clock(estate: Estate):
    say(estate, Kind.SUPPRESSED, fid("a"), until=day(110), **SAID)
    estate.publish(NOW)

    def status(queue: Queue) -> str:
        return queries.finding(queue, fid("a"), NOW).status

    with estate.queue(NOW) as queue:
        assert status(queue) == "suppressed"
        overlay(queue, estate.ledger, day(109))
        assert status(queue) == "suppressed"
        overlay(queue, estate.ledger, day(110))
        assert status(queue) == "open"
        overlay(queue, estate.ledger, day(100))  # a clock put back does not suppress again
        assert status(queue) == "open"


def test_a_broken_ledger_changes_nothing(estate: Estate, tmp_path: Path):
    with estate.queue(NOW) as queue:
        say(estate, Kind.MARKED_RESOLVED, fid("a"))
        path = tmp_path / "vault/ledger/000000000002.json"
        whole = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(whole[:-5])
        with pytest.raises(LedgerError):
            overlay(queue, estate.ledger, NOW)
        assert queries.ids(queue, c.Filter(status=("resolved",)), NOW) == []
        path.write_bytes(whole)
        overlay(queue, estate.ledger, NOW)
        assert queries.ids(queue, c.Filter(status=("resolved",)), NOW) == [fid("a")]


def test_readers_see_a_change_whole(estate: Estate):
    wrong: list[Any] = []
    with estate.queue(NOW) as queue:
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                pair = queue.rows("SELECT DISTINCT status FROM findings")["status"].to_list()
                if len(pair) != 1:
                    wrong.append(pair)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for kind in [Kind.MARKED_RESOLVED, Kind.MARKED_OPEN] * 8:
            say(estate, kind, *map(fid, "abcd"))
            overlay(queue, estate.ledger, NOW)
        done.set()
        for reader in readers:
            reader.join()
    assert wrong == []


def test_who_writes_at_once_waits(estate: Estate):
    with estate.queue(NOW) as queue:
        for name in "abcd":
            say(estate, Kind.ACKNOWLEDGED, fid(name))
        threads = [
            threading.Thread(target=overlay, args=(queue, estate.ledger, NOW)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert queue.rows("SELECT count(*), count(DISTINCT seq) FROM v1_entries").row(0) == (5, 5)
        assert queue.rows("SELECT count(*) FROM said").item() == 4
