"""What changed, asked of the API: which files are read, and how pages join."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from pydantic import ValidationError
from typer.testing import CliRunner

from stratum_pipeline.cli import app as cli
from stratum_pipeline.lifecycle.drift import Changes
from stratum_pipeline.store.changes import NAME, ChangeFile, write
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import drift as module
from stratum_pipeline.triage.client import ApiError
from stratum_pipeline.triage.drift import drift
from stratum_pipeline.triage.read_model import Queue
from tests.lifecycle.make import A, B, fail, hour

from .house import House
from .places import Estate

NOW = hour(24 * 40)
DAY = timedelta(days=1)
BUCKET, ROLE = "arn:aws:s3:::one", f"arn:aws:iam::{A}:role/sync"


class Read(LocalStore):
    """Remembers the files of changes that were read, and the days that were listed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.files, self.days = list[tuple[str, str]](), 0

    def get(self, key: str) -> bytes:
        if named := NAME.fullmatch(key):
            self.files.append((named[3], named[2]))
        return super().get(key)

    def list(self, prefix: str = "", after: str = "") -> Iterator[str]:
        self.days += 1
        return super().list(prefix, after)


class Place:
    def __init__(self, folder: Path, queue: Queue) -> None:
        self.store, self.queue = Read(folder), queue

    def changed(self, ago: float, *rows: dict[str, Any], account: str = A, of: str = "s3") -> None:
        """A scan of so many days ago found this."""
        at = NOW - ago * DAY
        common = {"at": at, "scan_id": f"scan-{ago}", "account_id": account, "module": of}
        common |= {"region": "", "table": "buckets", "arn": BUCKET, "incarnation": "first"}
        common |= {"what": "changed", "column": "policy", "was": "1", "now": "2"}
        frame = Changes.frame(common | row for row in rows or ({},))
        write(self.store, ChangeFile(at, of, account), frame)

    def ask(self, **asked: Any) -> c.Drift:
        self.store.files.clear()
        self.store.days = 0
        return drift(Data(self.store), self.queue, c.DriftQuery.model_validate(asked), NOW)

    def walk(self, **asked: Any) -> list[c.Drift]:
        """Every page."""
        pages = [self.ask(**asked)]
        while pages[-1].next:
            pages.append(self.ask(**asked, cursor=pages[-1].next))
        return pages


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    estate = Estate.at(tmp_path_factory.mktemp("estate"))
    estate.accounts({"id": A, "name": "Zeta", "ou": "Root/Prod"}, {"id": B, "ou": "Root/Dev"})
    estate.scan(A, fail("a"))
    estate.record()
    estate.publish(NOW)
    with estate.queue(NOW) as queue:
        yield queue


@pytest.fixture
def place(queue: Queue, tmp_path: Path) -> Place:
    return Place(tmp_path, queue)


def columns(found: c.Drift) -> list[str]:
    return [item.column for item in found.items]


def test_one_change(place: Place):
    place.changed(1, {"arn": ROLE, "column": "trust", "region": "us-east-1"}, of="iam")
    found = place.ask()
    assert found.items == (
        c.Drifted(
            at=NOW - DAY,
            scan_id="scan-1",
            account_id=A,
            account_name="Zeta",
            region="us-east-1",
            module="iam",
            table="buckets",
            resource="role/sync",
            resource_arn=ROLE,
            incarnation="first",
            what="changed",
            column="trust",
            was="1",
            now="2",
            cut=False,
        ),
    )
    assert (found.next, found.since, found.until) == ("", NOW - 7 * DAY, NOW)
    assert found.searched_to == found.since


def test_the_newest_scan_is_first(place: Place):
    place.changed(3, {"column": "old"})
    place.changed(1, {"column": "a"}, {"column": "b"})
    place.changed(1, {"column": "iam"}, of="iam")
    place.changed(2, {"column": "between"}, account=B)
    assert columns(place.ask()) == ["a", "b", "iam", "between", "old"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["today", "week"]),
        ({"since": NOW - 40 * DAY}, ["today", "week", "month"]),
        ({"since": NOW - 40 * DAY, "until": NOW - 5 * DAY}, ["week", "month"]),
        ({"since": NOW - 6 * DAY, "until": NOW - 6 * DAY}, ["week"]),
        ({"since": NOW - 6 * DAY + timedelta(microseconds=1)}, ["today"]),
        ({"until": NOW - 30 * DAY}, ["month"]),
        ({"until": NOW + 9000 * DAY}, ["today", "week"]),
        ({"since": NOW + DAY, "until": NOW + 2 * DAY}, []),
        ({"since": datetime.min.replace(tzinfo=NOW.tzinfo)}, ["today", "week", "month"]),
        ({"until": datetime.min.replace(tzinfo=NOW.tzinfo)}, []),
    ],
)
def test_only_files_of_the_window_are_read(place: Place, asked: dict[str, Any], found: list[str]):
    for ago, name in ((0.5, "today"), (6, "week"), (32, "month")):
        place.changed(ago, {"column": name})
    pages = place.walk(**asked)
    assert [name for page in pages for name in columns(page)] == found
    only = place.walk(**asked, limit=1)
    assert [name for page in only for name in columns(page)] == found


def test_a_window_that_ends_before_it_begins_is_refused(place: Place):
    for asked in ({"since": NOW, "until": NOW - DAY}, {"since": NOW + DAY}):
        with pytest.raises(ApiError, match="ends before it begins"):
            place.ask(**asked)


@pytest.mark.parametrize(
    ("asked", "files"),
    [
        ({"scope": f"account:{A}"}, {(A, "s3"), (A, "iam")}),
        ({"scope": "account:999999999999"}, set()),
        ({"scope": "ou:Root"}, {(A, "s3"), (A, "iam"), (B, "s3")}),
        ({"scope": "ou:Root/Dev"}, {(B, "s3")}),
        ({"scope": "ou:Root/De"}, set()),
        ({"scope": "module:iam"}, {(A, "iam")}),
        ({"account": [B]}, {(B, "s3")}),
        ({"account": [B], "scope": f"account:{A}"}, set()),
        ({"account": [A, B], "module": ["s3"]}, {(A, "s3"), (B, "s3")}),
        ({"module": ["s3"], "scope": "module:iam"}, set()),
        ({"resource": ROLE}, {(A, "s3"), (A, "iam")}),
        ({"resource": ROLE, "account": [B]}, set()),
        ({"resource": BUCKET}, {(A, "s3"), (A, "iam"), (B, "s3")}),
        ({"what": ["vanished"]}, {(A, "s3"), (A, "iam"), (B, "s3")}),
    ],
)
def test_a_name_says_whether_to_read_the_file(
    place: Place, asked: dict[str, Any], files: set[tuple[str, str]]
):
    place.changed(1)
    place.changed(1, {"arn": ROLE}, of="iam")
    place.changed(1, account=B)
    place.ask(**asked)
    assert set(place.store.files) == files


def test_by_resource_and_by_what_happened(place: Place):
    place.changed(1, {"what": "vanished", "column": ""}, {"arn": ROLE}, {"arn": BUCKET + "2"})
    assert [i.resource_arn for i in place.ask(resource=ROLE).items] == [ROLE]
    assert [i.what for i in place.ask(what=["vanished", "appeared"]).items] == ["vanished"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 500])
def test_pages_join_and_the_last_is_known_to_be(place: Place, limit: int):
    place.changed(1, *({"column": f"a{n}"} for n in range(3)))
    place.changed(1, {"column": "b"}, of="iam")
    place.changed(2, {"column": "c"})
    pages = place.walk(limit=limit)
    assert [name for page in pages for name in columns(page)] == ["a0", "a1", "a2", "b", "c"]
    assert len(pages) == -(-5 // limit)


def test_what_is_new_moves_no_page(place: Place):
    place.changed(1, {"column": "a"}, {"column": "b"})
    first = place.ask(limit=1)
    place.changed(0.5, {"column": "newer"})
    assert columns(place.ask(cursor=first.next)) == ["b"]


def test_an_answer_reads_so_many_files_and_says_how_far_it_looked(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "FILES", 3)
    for n in range(1, 6):
        place.changed(n, {"column": str(n), "arn": ROLE if n > 4 else BUCKET})
    first = place.ask(resource=ROLE)
    assert (first.items, first.searched_to) == ((), NOW - 3 * DAY)
    assert len(place.store.files) == 3
    assert [name for page in place.walk(resource=ROLE) for name in columns(page)] == ["5"]
    assert [name for page in place.walk() for name in columns(page)] == list("12345")


def test_an_answer_lists_so_many_days(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "DAYS", 10)
    place.changed(25, {"column": "old"})
    pages = place.walk(since=NOW - 39 * DAY)
    assert [columns(page) for page in pages] == [[], [], ["old"], []]
    assert [bool(page.next) for page in pages] == [True, True, True, False]
    assert place.ask(since=NOW - 39 * DAY).searched_to > NOW - 10 * DAY
    assert place.store.days == 10


def test_a_page_that_is_full_lists_no_further(place: Place):
    place.changed(0.1, {"column": "a"}, {"column": "b"})
    place.ask(since=NOW - 30 * DAY, limit=1)
    assert place.store.days <= module.DAYS_AT_ONCE


def test_long_values_are_cut_and_say_so(place: Place):
    place.changed(1, {"was": "x" * 4_000, "now": "y" * 4_001}, {"was": "x" * 4_000})
    cut, whole = place.ask().items
    assert (len(cut.was), len(cut.now), cut.cut) == (4_000, 4_000, True)
    assert (len(whole.was), whole.cut) == (4_000, False)


@pytest.mark.parametrize(
    "cursor", ["x", "W10=", "WzEsMiwzLDRd", "bnVsbA==", "WyIyMDI2LTAxLTAxIiwxLCJhIiwxXQ=="]
)
def test_a_cursor_of_something_else_is_refused(place: Place, cursor: str):
    with pytest.raises(ApiError, match="cursor"):
        place.ask(cursor=cursor)


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 501},
        {"what": ["moved"]},
        {"account": ["x" * 101]},
        {"module": ["s3"] * 101},
        {"resource": "x" * 2049},
        {"since": "2026-03-01T00:00:00"},
    ],
)
def test_what_is_asked_has_bounds(asked: dict[str, Any]):
    with pytest.raises(ValidationError):
        c.DriftQuery.model_validate(asked)


def test_the_service_answers_it(tmp_path: Path):
    house = House(tmp_path)
    house.fill()
    house.now = NOW
    Place(tmp_path / "data", None).changed(1)  # type: ignore[arg-type]
    drifted = next(operation for operation in c.OPERATIONS if operation.name == "drift")
    me = c.Me(id="vic", role=c.Role.VIEWER, assurance="oidc", mode="oidc")
    found = house.service.call(drifted, me, c.DriftQuery())
    house.service.close()
    assert isinstance(found, c.Drift)
    assert [item.resource_arn for item in found.items] == [BUCKET]


# --- stratum drift -----------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command over an estate in which two columns changed an hour ago, one 20 days ago."""
    house = House(tmp_path)
    house.fill()
    house.service.close()
    recent, long_ago = (datetime.now(UTC) - timedelta(hours=n) for n in (1, 480))
    for at, names in ((recent, ("policy", "acl")), (long_ago, ("logging",))):
        common = {"at": at, "account_id": A, "arn": BUCKET, "what": "changed"}
        common |= dict.fromkeys(("scan_id", "region", "module", "table", "incarnation"), "s3")
        rows = [common | {"column": name, "was": "1", "now": "[2]"} for name in names]
        write(house.estate.data.store, ChangeFile(at, "s3", A), Changes.frame(rows))
    monkeypatch.setenv("STRATUM_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("STRATUM_VAULT", str(tmp_path / "vault"))
    monkeypatch.delenv("STRATUM_API_URL", raising=False)
    return lambda *words: CliRunner().invoke(cli, ["drift", *words])


def test_the_command_prints_a_table_and_files(run: Callable[..., Result]):
    table = run()
    assert table.exit_code == 0, table.output
    assert "policy" in table.output
    assert "2 of 2" in table.output
    assert "the first 1; there are more" in run("--limit", "1").output
    month = f"{datetime.now(UTC) - timedelta(days=30):%Y-%m-%d}"
    rows = json.loads(run("--since", month, "--format", "json").output)
    assert [row["column"] for row in rows] == ["policy", "acl", "logging"]
    assert run("--since", month, "--format", "csv").output.count("\n") == 4


def test_a_day_as_until_counts_whole(run: Callable[..., Result]):
    # By the clock both may be another day: what is tested is that one day holds them.
    at = datetime.now(UTC) - timedelta(hours=480)
    for ask, count in (({"--until": at}, 1), ({"--until": at - timedelta(days=1)}, 0)):
        words = [word for name, day in ask.items() for word in (name, f"{day:%Y-%m-%d}")]
        assert f"{count} of {count}" in run(*words).output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--what", "moved"), "--what"),
        (("--since", "yesterday"), "%Y-%m-%d"),
    ],
)
def test_a_wrong_question_says_what_is_wrong(
    run: Callable[..., Result], words: tuple[str, ...], says: str
):
    refused = run(*words)
    assert refused.exit_code != 0
    assert says in " ".join(refused.output.split())
