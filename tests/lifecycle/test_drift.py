"""Drift: what a scan says changed, what it may not say, and what a killed one leaves."""

import json
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratum_pipeline.kernel.coverage import Coverage
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Inventory, Resource
from stratum_pipeline.lifecycle import drift
from stratum_pipeline.store.changes import of_day, read
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.objects import LocalStore

from .make import A, B

DAY = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
HOME, AWAY = "eu-west-1", "us-east-1"
TAGS = pl.List(pl.Struct({"key": pl.String, "value": pl.String}))
Row = dict[str, Any]


class Groups(Resource, listed_by="ec2:DescribeSecurityGroups"):
    name = Column(pl.String, "")
    ports = Column(pl.List(pl.Int64), "")
    tags = Column(TAGS, "")
    policy = Column(pl.String, "")
    made = Column(TIMESTAMP, "")
    used_at = Column(TIMESTAMP, "", volatile=True)


class Settings(Resource, listed_by="s3:GetPublicAccessBlock", regional=False):
    on = Column(pl.Boolean, "")


def row(of: str = "a", region: str = HOME, /, **over: Any) -> Row:
    return {
        "arn": f"arn:aws:x:{region}:{A}:{of}",
        "account_id": A,
        "region": region,
        "incarnation": "first",
        "name": of,
        "ports": [22, 443],
        "tags": [{"key": "team", "value": "x"}, {"key": "env", "value": "prod"}],
        "policy": '{"Statement":[{"Action":["a","b"],"Effect":"Allow"}]}',
        "made": DAY,
        "used_at": DAY,
    } | over


def setting(on: bool | None) -> Row:
    return {"arn": "arn:setting", "account_id": A, "region": "", "incarnation": "", "on": on}


def asked(operation: str, region: str = HOME, outcome: str = "ok", about: str = "") -> Row:
    return {
        "account_id": A,
        "region": region,
        "operation": operation,
        "resource_arn": about,
        "outcome": outcome,
        "code": "" if outcome == "ok" else "AccessDenied",
        "calls": 1,
    }


LISTED = (asked(Groups.listed_by), asked(Groups.listed_by, AWAY), asked(Settings.listed_by))


class Scans:
    """Scans of one account by one module, a day apart."""

    def __init__(self, folder: Path) -> None:
        self.data, self.day = Data(LocalStore(folder)), 0

    def inventory(self, groups: Iterable[Row], on: bool | None = True) -> Inventory:
        return {Groups: Groups.frame(groups), Settings: Settings.frame([setting(on)])}

    def scan(
        self, *groups: Row, on: bool | None = True, coverage: Iterable[Row] = LISTED
    ) -> list[tuple[str, str, str]]:
        """What it says: (what, name of the resource, column)."""
        self.store(self.inventory(groups, on), coverage)
        return told(self.found())

    def store(self, inventory: Inventory, coverage: Iterable[Row] = LISTED) -> None:
        self.day += 1
        at, id = DAY + timedelta(days=self.day), f"scan-{self.day}"
        drift.store(self.data, "ec2", A, inventory, Coverage.frame(coverage), at, id)

    def found(self, day: int | None = None) -> pl.DataFrame:
        """What the scan of that day left."""
        at = (DAY + timedelta(days=day or self.day)).date()
        files = of_day(self.data.store, at)
        return pl.concat([drift.Changes.frame(), *(read(self.data.store, file) for file in files)])

    def all(self) -> list[tuple[str, str, str]]:
        return [change for day in range(1, self.day + 1) for change in told(self.found(day))]


def told(changes: pl.DataFrame) -> list[tuple[str, str, str]]:
    names = changes["arn"].str.split(":").list.last()
    return list(zip(changes["what"], names, changes["column"], strict=True))


@pytest.fixture
def scans(tmp_path: Path) -> Scans:
    return Scans(tmp_path)


# --- what is said ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "says"),
    [
        ({}, []),
        ({"name": "b"}, ["name"]),
        ({"ports": [22]}, ["ports"]),
        ({"ports": [443, 22]}, []),
        ({"ports": [22, 22]}, ["ports"]),
        ({"ports": []}, ["ports"]),
        ({"tags": [{"key": "env", "value": "prod"}, {"key": "team", "value": "x"}]}, []),
        ({"tags": [{"key": "env", "value": "prod"}, {"key": "team", "value": "y"}]}, ["tags"]),
        ({"tags": [{"key": "env", "value": None}, {"key": "team", "value": "x"}]}, []),
        ({"policy": '{ "Statement": [{"Effect": "Allow", "Action": ["b", "a"]}] }'}, []),
        ({"policy": '{"Statement":[{"Action":["a"],"Effect":"Allow"}]}'}, ["policy"]),
        ({"policy": '{"Statement":[{"Action":["a","b"]}]}'}, ["policy"]),
        ({"policy": ""}, ["policy"]),
        ({"made": DAY + timedelta(seconds=1)}, ["made"]),
        ({"used_at": DAY + timedelta(days=1)}, []),
        ({"name": None, "ports": None, "tags": None, "policy": None, "made": None}, []),
        ({"name": "b", "ports": None, "used_at": None}, ["name"]),
    ],
)
def test_columns_that_changed_either_way(scans: Scans, now: Row, says: list[str]) -> None:
    scans.scan(row())
    changed = [("changed", "a", column) for column in says]
    assert scans.scan(row(**now)) == changed
    assert scans.scan(row()) == changed


def test_from_what_to_what(scans: Scans) -> None:
    scans.scan(row(), on=True)
    scans.scan(row(ports=[22], made=DAY + timedelta(hours=1)), on=False)
    found = scans.found()
    assert found.select("column", "was", "now").rows() == [
        ("made", '"2026-03-01T06:30:00+00:00"', '"2026-03-01T07:30:00+00:00"'),
        ("ports", "[22,443]", "[22]"),
        ("on", "true", "false"),
    ]
    assert found.schema == drift.Changes.schema()
    first = found.row(0, named=True)
    assert (first["at"], first["scan_id"]) == (DAY + timedelta(days=2), "scan-2")
    assert (first["account_id"], first["region"], first["module"]) == (A, HOME, "ec2")
    assert (first["table"], first["incarnation"]) == ("groups", "first")


def test_the_first_scan_is_a_baseline(scans: Scans) -> None:
    assert scans.scan(row("a"), row("b")) == []
    assert of_day(scans.data.store, date(2026, 3, 2)) == []


def test_what_came_and_went_with_all_that_is_known_of_it(scans: Scans) -> None:
    scans.scan(row("a"))
    assert scans.scan(row("b", ports=None)) == [("vanished", "a", ""), ("appeared", "b", "")]
    gone, new = scans.found().rows(named=True)
    assert '"ports":[22,443]' in gone["was"]
    assert gone["now"] == new["was"] == ""
    assert '"name":"b"' in new["now"]
    assert "ports" not in new["now"]
    assert "used_at" not in new["now"]


def test_the_last_resource_vanishes_and_the_first_appears(scans: Scans) -> None:
    scans.scan(row("a"))
    assert scans.scan() == [("vanished", "a", "")]
    assert scans.scan(row("a")) == [("appeared", "a", "")]


def test_another_one_under_the_same_name(scans: Scans) -> None:
    scans.scan(row())
    says = scans.scan(row(incarnation="second", ports=[22]))
    assert says == [("changed", "a", "ports"), ("replaced", "a", "incarnation")]
    replaced = scans.found().row(1, named=True)
    assert (replaced["was"], replaced["now"]) == ('"first"', '"second"')


@pytest.mark.parametrize("unsaid", ["", None])
def test_an_incarnation_that_says_nothing_is_not_another(scans: Scans, unsaid: str | None) -> None:
    scans.scan(row())
    assert scans.scan(row(incarnation=unsaid)) == []
    assert scans.scan(row()) == []


def test_what_another_account_shares_is_its_owners_to_tell(scans: Scans) -> None:
    scans.scan(row("a"), row("theirs", account_id=B))
    assert scans.scan(row("a")) == []
    assert scans.scan(row("a"), row("theirs", account_id=B, name="x")) == []


# --- what may not be said ----------------------------------------------------------------

AWAY_LOST = (asked(Groups.listed_by), asked(Groups.listed_by, AWAY, "denied"), LISTED[2])
BROKE_OFF = (*LISTED, asked(Groups.listed_by, AWAY, "throttled"))
CRASHED = (*LISTED, asked(Groups.listed_by, AWAY, "error"))
NOT_ASKED = (LISTED[0], LISTED[2])
OF_ONE = (*LISTED, asked(Groups.listed_by, AWAY, "denied", about="arn:one"))


@pytest.mark.parametrize("lost", [AWAY_LOST, BROKE_OFF, CRASHED, NOT_ASKED])
def test_what_was_not_listed_whole_neither_vanishes_nor_appears(
    scans: Scans, lost: tuple[Row, ...]
) -> None:
    scans.scan(row("a"), row("far", AWAY))
    assert scans.scan(coverage=lost) == [("vanished", "a", "")]
    says = scans.scan(row("a"), row("far", AWAY), row("farther", AWAY))
    assert says == [("appeared", "a", "")]
    assert scans.scan(row("a"), row("far", AWAY)) == [("vanished", "farther", "")]


def test_a_refusal_about_one_resource_is_none_of_the_listing(scans: Scans) -> None:
    scans.scan(row("far", AWAY), coverage=OF_ONE)
    assert scans.scan(row("farther", AWAY), coverage=OF_ONE) == [
        ("vanished", "far", ""),
        ("appeared", "farther", ""),
    ]


def test_without_regions_one_refusal_anywhere_is_of_the_whole_table(scans: Scans) -> None:
    inventory = scans.inventory([row()])
    empty = inventory | {Settings: Settings.frame()}
    scans.store(inventory)
    scans.store(empty, (*LISTED, asked(Settings.listed_by, AWAY, "denied")))
    scans.store(inventory)
    assert scans.all() == []
    scans.store(empty)
    assert scans.all() == [("vanished", "setting", "")]


def test_of_what_is_seen_where_the_listing_broke_off_columns_are_compared(scans: Scans) -> None:
    scans.scan(row("far", AWAY))
    assert scans.scan(row("far", AWAY, name="x"), coverage=BROKE_OFF) == [
        ("changed", "far", "name")
    ]


def test_a_column_that_is_new_or_no_more_is_no_drift(scans: Scans) -> None:
    now = scans.inventory([row()])
    before = now | {Groups: now[Groups].drop("ports").with_columns(old=pl.lit(1))}
    scans.store(before)
    scans.store(now)
    scans.store(before)
    assert scans.all() == []


def test_a_column_of_another_type_is_compared_as_far_as_both_know(scans: Scans) -> None:
    now = scans.inventory([row()])
    fewer = pl.col("tags").list.eval(pl.struct(key=pl.element().struct.field("key")))
    scans.store(now | {Groups: now[Groups].with_columns(fewer)})
    scans.store(now)
    assert scans.all() == []
    scans.store(now | {Groups: now[Groups].with_columns(tags=pl.lit("none"))})
    assert scans.all() == [("changed", "a", "tags")]


def test_a_table_that_is_new_is_a_baseline(scans: Scans) -> None:
    whole = scans.inventory([row()])
    scans.store({Settings: whole[Settings]})
    scans.store(whole)
    assert scans.all() == []
    scans.store(scans.inventory([row(), row("b")]))
    assert scans.all() == [("appeared", "b", "")]


# --- what it costs -----------------------------------------------------------------------


class Watched(LocalStore):
    """Counts requests, and dies before a write when told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.read, self.written = list[str](), list[str]()
        self.writes_left = 10**9

    def find(self, key: str) -> bytes | None:
        self.read.append(key)
        return super().find(key)

    def put(self, key: str, data: bytes) -> None:
        self._write(key)
        super().put(key, data)

    def delete(self, key: str) -> None:
        self._write(key)
        super().delete(key)

    def _write(self, key: str) -> None:
        if not self.writes_left:
            raise Killed
        self.writes_left -= 1
        self.written.append(key)


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed(store: Watched, at: int) -> Generator[list[Killed]]:
    """Dies before write number `at`, if it comes to that; then it is in the list."""
    died: list[Killed] = []
    store.writes_left = at
    try:
        yield died
    except Killed as death:
        died.append(death)
    store.writes_left = 10**9


@pytest.fixture
def watched(scans: Scans, tmp_path: Path) -> Watched:
    store = Watched(tmp_path)
    scans.data = Data(store)
    return store


def test_an_unchanged_account_costs_its_comparison_and_two_look_ups(
    scans: Scans, watched: Watched
) -> None:
    scans.scan(row())
    watched.read.clear()
    watched.written.clear()
    scans.store(scans.inventory([row()]))
    assert watched.written == []
    assert sorted(watched.read) == [
        f"inventory/ec2/groups/account={A}.parquet",
        f"inventory/ec2/settings/account={A}.parquet",
        f"listed/ec2/account={A}.parquet",
        f"unsettled/ec2/account={A}.parquet",
    ]


def test_one_file_of_all_tables_and_only_what_changed_is_replaced(
    scans: Scans, watched: Watched
) -> None:
    scans.scan(row(), row("b"), on=True)
    watched.written.clear()
    scans.scan(row(name="x"), row("b"), on=True)
    assert watched.written == [
        f"unsettled/ec2/account={A}.parquet",
        f"inventory/ec2/groups/account={A}.parquet",
        f"changes/2026-03-03/063000.000000-ec2-{A}.parquet",
        f"unsettled/ec2/account={A}.parquet",
    ]


def test_what_moves_by_itself_is_stored_and_leaves_no_file(scans: Scans, watched: Watched) -> None:
    scans.scan(row())
    watched.written.clear()
    scans.scan(row(used_at=DAY + timedelta(days=2)))
    assert watched.written == [f"inventory/ec2/groups/account={A}.parquet"]


# --- killed ------------------------------------------------------------------------------

FIRST = ([row("a"), row("gone"), row("far", AWAY)], True, LISTED)
SECOND = ([row("a", name="x"), row("new")], False, AWAY_LOST)
EXPECTED = [
    ("changed", "a", "name"),
    ("vanished", "gone", ""),
    ("appeared", "new", ""),
    ("changed", "setting", "on"),
]


@pytest.mark.parametrize("at", range(7))
def test_a_killed_scan_that_is_run_again_loses_and_doubles_nothing(
    scans: Scans, watched: Watched, at: int
) -> None:
    def second() -> list[tuple[str, str, str]]:
        return scans.scan(*SECOND[0], on=SECOND[1], coverage=SECOND[2])

    scans.scan(*FIRST[0], on=FIRST[1], coverage=FIRST[2])
    with killed(watched, at) as died:
        second()
    assert bool(died) == (at < 6)
    second()
    assert sorted(scans.all()) == sorted(EXPECTED)
    assert second() == []


@pytest.mark.parametrize("at", range(5))
def test_a_change_taken_back_after_a_killed_scan_is_told_twice_or_not_at_all(
    scans: Scans, watched: Watched, at: int
) -> None:
    scans.scan(row(ports=[22]))
    with killed(watched, at):
        scans.scan(row(ports=[443]))
    scans.scan(row(ports=[22]))
    values = [scans.found(day).select("was", "now").rows() for day in (2, 3)]
    there, back = [("[22]", "[443]")], [("[443]", "[22]")]
    assert values == ([[], []] if at < 2 else [there, back])


@pytest.mark.parametrize("at", range(3))
def test_settling_can_be_killed_too(scans: Scans, watched: Watched, at: int) -> None:
    scans.scan(row())
    with killed(watched, 2):  # changes unsettled, table replaced
        scans.scan(row(name="x"))
    with killed(watched, at):
        scans.scan(row(name="x"))
    scans.scan(row(name="x"))
    assert scans.all() == [("changed", "a", "name")]


@pytest.mark.parametrize("at", range(4))
def test_a_region_lost_in_a_killed_scan_does_not_appear_in_the_next(
    scans: Scans, watched: Watched, at: int
) -> None:
    scans.scan(row("far", AWAY))
    with killed(watched, at):
        scans.scan(coverage=AWAY_LOST)
    scans.scan(row("far", AWAY))
    assert scans.all() == []


# --- any history -------------------------------------------------------------------------

STATES = st.dictionaries(
    st.sampled_from("abcd"),
    st.tuples(st.sampled_from(["x", "y"]), st.lists(st.integers(0, 2), max_size=2)),
    max_size=4,
)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(STATES, st.integers(0, 8)), min_size=1, max_size=5))
def test_changes_lead_from_the_first_scan_to_the_last(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[dict[str, Any], int]]
) -> None:
    """Replayed over the first inventory they give the last, whatever was killed in between."""
    scans = Scans(tmp_path_factory.mktemp("history"))
    store = Watched(tmp_path_factory.mktemp("store"))
    scans.data = Data(store)
    scans.scan()
    for state, writes in [*history, (history[-1][0], 10**9)]:
        with killed(store, writes):
            scans.scan(*(row(n, name=name, ports=p) for n, (name, p) in sorted(state.items())))
    replayed: dict[str, dict[str, Any]] = {}
    for day in range(1, scans.day + 1):
        for change in scans.found(day).rows(named=True):
            replay(replayed, change)
    last = history[-1][0]
    assert replayed == {n: {"name": name, "ports": sorted(p)} for n, (name, p) in last.items()}


def replay(known: dict[str, dict[str, Any]], change: dict[str, Any]) -> None:
    name, column = change["arn"].rpartition(":")[2], change["column"]
    was, now = (shown(change[side]) for side in ("was", "now"))
    match change["what"]:
        case "appeared":
            assert name not in known
            known[name] = {key: now[key] for key in ("name", "ports")}
        case "vanished":
            assert known.pop(name) == {key: was[key] for key in ("name", "ports")}
        case _:
            assert known[name][column] == was
            known[name][column] = now


def shown(text: str) -> Any:
    """A value without the order that it does not have."""
    value = json.loads(text or "null")
    if isinstance(value, dict):
        return value | {"ports": sorted(value["ports"])}
    return sorted(value) if isinstance(value, list) else value
