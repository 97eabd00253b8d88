"""From what scans left in the data folder to one entry; races, kills and repeats."""

import shutil
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from stratum_pipeline.lifecycle.checkpoint import save
from stratum_pipeline.lifecycle.events import Accounts, Kind
from stratum_pipeline.lifecycle.record import current
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.ledger import Head
from stratum_pipeline.store.news import RECORDED, forget, unrecorded
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.store.vault import Vault

from .conftest import Place
from .make import A, B, account, brief, fail, fid, hour, scan


class Hooked(Vault):
    """A vault that runs `before` once, ahead of the next ledger entry's creation."""

    def __init__(self, place: Place, before: Callable[[], object]) -> None:
        super().__init__(place.ledger.vault._store)
        self.before: Callable[[], object] | None = before

    def create(self, key: str, data: bytes) -> None:
        if key.startswith("ledger/") and self.before:
            before, self.before = self.before, None
            before()
        super().create(key, data)


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below `folder`; the values change when one is written again."""
    found = [p for p in folder.rglob("*") if p.is_file()]
    return {str(p): (p.stat().st_ino, p.stat().st_mtime_ns) for p in found}


def test_of_no_scan_there_is_nothing_to_say(place: Place):
    done = place.record()
    assert (done.entry, done.events.height, done.ignored) == (None, 0, 0)
    assert place.kinds() == []


def test_one_entry_says_it_all(place: Place):
    place.data.write_accounts(Accounts.frame([account()]))
    place.scan(1, fail())
    done = place.record()
    assert done.entry is not None
    assert brief(done.events) == [("account_changed", ""), ("opened", "baseline")]
    body = done.entry.body
    assert (body["scan_id"], body["outcomes"]) == ("run-1", {"complete": 1})
    assert body["changes"] == {"account_changed": 1, "opened": 1}
    read = place.ledger.vault.read_payload
    assert read(body["events"]).equals(done.events)
    assert read(body["scans"]).row(0, named=True) == scan(1) | {"calls": 3}
    assert read(body["populations"])["population"].to_list() == [1, 1, 1]
    assert read(body["rules"])["rule_id"].to_list() == [rule.id for rule in place.rules]
    assert done.state.head == place.ledger.head() == done.entry.head
    assert done.state.accounts.to_dicts() == [account()]


def test_a_scan_that_changes_nothing_adds_one_entry(place: Place, tmp_path: Path):
    place.data.write_accounts(Accounts.frame([account()]))
    place.scan(1, fail())
    place.record()
    before, payloads = files(tmp_path), set(place.ledger.vault.list("payload/"))
    place.scan(2, fail())
    done = place.record()
    assert done.entry is not None
    assert (done.entry.body["events"], done.entry.body["changes"]) == ("", {})
    assert place.kinds() == ["scanned", "scanned"]
    after = files(tmp_path)
    rewritten = {Path(name).name for name in before if after[name] != before[name]}
    assert rewritten == {f"account={A}.json", "recorded.json"}  # its status; up to where
    added = {Path(name).relative_to(tmp_path).parts[1] for name in after.keys() - before.keys()}
    assert added == {"ledger", "payload"}
    new = set(place.ledger.vault.list("payload/")) - payloads
    assert new == {f"payload/{done.entry.body['scans']}.parquet"}  # when it ran; the rest stands


def test_without_a_new_scan_nothing_is_appended(place: Place):
    place.scan(1, fail())
    place.record()
    done = place.record()
    assert (done.entry, done.events.height, done.ignored) == (None, 0, 0)
    assert done.state.head.seq == 1
    assert place.kinds() == ["scanned"]


def test_other_modules_are_not_recorded(place: Place):
    place.scan(1, fail())
    place.data.write_status("iam", A, {"started_at": hour(1).isoformat()})
    assert place.record().entry is not None


def test_only_new_accounts_are_folded(place: Place):
    place.scan(1, fail())
    place.record()
    place.scan(2, fail(account=B), account=B)
    done = place.record()
    assert brief(done.events) == [("opened", "baseline")]
    assert done.ignored == 0


def test_of_statuses_only_those_written_since_are_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    place.scan(1, fail())
    place.scan(1, account=B)
    place.record()
    place.scan(2, account=B)
    asked: list[object] = []
    statuses = place.data.statuses
    monkeypatch.setattr(place.data, "statuses", lambda of: asked.append(of) or statuses(of))
    assert place.record().entry is not None
    assert place.record().entry is None
    assert asked == [{("s3", B)}, set()]
    assert unrecorded(place.data.store) == []


def forget_where(place: Place) -> None:
    place.data.store.delete(RECORDED)


def other_ledger(place: Place) -> None:
    forget(place.data.store, [], Head(1, "0" * 64))


@pytest.mark.parametrize("lose", [forget_where, other_ledger])
def test_who_does_not_know_what_was_recorded_looks_at_all(
    place: Place, lose: Callable[[Place], None]
):
    place.scan(1, fail())
    place.record()
    place.scan(2)
    for one in unrecorded(place.data.store):
        place.data.store.delete(one.key)
    assert place.record().entry is None
    lose(place)
    assert brief(place.record().events) == [("resolved", "gone")]
    assert place.record().entry is None


def test_a_scan_that_ends_while_another_is_recorded_stays_news(place: Place):
    place.scan(1, fail())
    hooked = Hooked(place, lambda: place.scan(2))
    assert place.with_vault(hooked).record().entry is not None
    assert [(n.account, n.started_at) for n in unrecorded(place.data.store)] == [(A, hour(2))]
    assert brief(place.record().events) == [("resolved", "gone")]


def test_news_of_a_module_switched_off_waits(place: Place):
    place.scan(1)
    place.record()
    place.data.write_status("iam", A, {"started_at": hour(1).isoformat()})
    place.scan(2)
    place.record()
    assert [n.module for n in unrecorded(place.data.store)] == ["iam"]


def test_what_is_still_in_the_inventory_is_fixed_not_gone(place: Place):
    place.scan(1, fail(), fail("b"), fail("c"))
    place.record()
    place.scan(2, here="b")
    place.scan(2, fail(account=B), account=B, here="ac")  # of another account
    events = {row["finding_id"]: row["cause"] for row in place.record().events.to_dicts()}
    assert events == {
        fid("a"): "gone",
        fid("b"): "fixed",
        fid("c"): "gone",
        fid(account=B): "baseline",
    }


def test_all_rules_are_retired(place: Place):
    place.scan(1, fail())
    place.record()
    place.scan(2)
    bare = Place(place.ledger, place.data, rules=())
    assert brief(bare.record().events) == [("resolved", "rule_retired")]


def test_an_account_that_changed_needs_no_scan(place: Place):
    place.scan(1, fail())
    place.record()
    place.data.write_accounts(Accounts.frame([account(status="CLOSED")]))
    events = place.record().events
    assert brief(events) == [("account_changed", ""), ("resolved", "account_closed")]
    assert place.record().entry is None


def test_a_failed_scan_leaves_all_as_it_was(place: Place):
    place.scan(1, fail())
    place.record()
    place.says(Kind.MARKED_RESOLVED)
    place.scan(10**6, fail(), outcome="failed")  # started after; old verdicts beside it
    done = place.record()
    assert done.entry is not None
    assert done.entry.body["outcomes"] == {"failed": 1}
    assert done.events.height == 0
    assert place.queue()["status"] == "resolved"


def test_a_rule_set_that_a_failed_scan_never_applied_is_still_new(place: Place):
    first = Place(place.ledger, place.data, place.rules[1:])
    first.scan(1)
    first.record()
    place.scan(2, outcome="failed")
    place.record()
    place.scan(3, fail())
    assert brief(place.record().events) == [("opened", "baseline")]


def test_after_a_first_scan_that_failed(place: Place):
    place.scan(1, outcome="failed")
    assert place.record().events.height == 0
    place.scan(2, fail())
    assert brief(place.record().events) == [("opened", "baseline")]


# Races and kills


def test_a_human_event_in_between_is_taken_in(place: Place):
    place.scan(1, fail())
    place.record()
    place.scan(10**6, fail())  # starts after anything said now

    racing = place.with_vault(Hooked(place, lambda: place.says(Kind.MARKED_RESOLVED)))
    done = racing.record()
    assert place.kinds() == ["scanned", "marked_resolved", "scanned"]
    assert brief(done.events) == [("reopened", "not_fixed")]  # of the head without it: nothing
    assert done.state.head == place.ledger.head()


def test_another_recorder_in_between_leaves_nothing_to_say(place: Place):
    place.scan(1, fail())
    racing = place.with_vault(Hooked(place, place.record))
    done = racing.record()
    assert place.kinds() == ["scanned"]
    assert (done.entry, done.events.height, done.ignored) == (None, 0, 1)
    assert done.state.head == place.ledger.head()


def test_killed_between_payload_and_entry(place: Place):
    place.scan(1, fail())

    def die() -> None:
        raise StoreError("killed")

    with pytest.raises(StoreError, match="killed"):
        place.with_vault(Hooked(place, die)).record()
    assert place.kinds() == []
    payloads = set(place.ledger.vault.list("payload/"))
    assert payloads
    done = place.record()
    assert brief(done.events) == [("opened", "baseline")]
    assert set(place.ledger.vault.list("payload/")) == payloads  # the same, byte by byte
    assert place.record().entry is None


def test_two_human_events_racing_both_land(place: Place):
    place.scan(1, fail())
    place.record()

    def other() -> None:
        place.says(Kind.ASSIGNED, to="bob")

    place.with_vault(Hooked(place, other)).says(Kind.ACKNOWLEDGED)
    assert place.kinds() == ["scanned", "assigned", "acknowledged"]
    row = place.queue()
    assert (row["assignee"], row["acknowledged_by"]) == ("bob", "ann")


# The queue can be thrown away


def busy(place: Place) -> None:
    """An estate with a little of everything."""
    place.data.write_accounts(Accounts.frame([account(), account(B)]))
    gap = {"region": "*", "module": "s3", "operation": "s3:X", "rules": [], "resources": 1}
    names = [f"n{n}" for n in range(40)]
    for who in (A, B):
        gaps = [
            gap | {"account_id": who, "outcome": outcome, "code": code}
            for outcome in ("error", "denied")
            for code in "zyx"
        ]
        place.scan(1, *(fail(n, account=who) for n in names), account=who, gaps=gaps)
    place.record()
    place.says(Kind.SUPPRESSED, fid("n1"), reason="accepted_risk", note="x")
    place.scan(3, *(fail(n, severity="low") for n in names[:20]), here=names)
    place.record()


def test_it_is_built_again_to_the_byte(place: Place, tmp_path: Path):
    busy(place)
    data = tmp_path / "data"

    def contents() -> dict[Path, bytes]:
        found = [p for name in ("queue", "checkpoint") for p in (data / name).rglob("*")]
        return {p.relative_to(data): p.read_bytes() for p in found if p.is_file()}

    save(place.data, current(place.ledger))
    frames = place.publish()
    before = contents()
    assert {p.stem for p in before if p.parts[0] == "queue"} == {*frames, "current"}
    shutil.rmtree(data / "queue")
    shutil.rmtree(data / "checkpoint")
    again = Place(place.ledger, Data(LocalStore(data)))
    save(again.data, current(again.ledger))
    assert all(again.publish()[name].equals(frame) for name, frame in frames.items())
    assert contents() == before


def test_its_frames_are_in_order(place: Place):
    busy(place)
    frames = place.publish()
    rows = frames["findings"].select(-frames["findings"]["priority"], "finding_id").rows()
    assert rows == sorted(rows)
    assert len(rows) == 80
    assert frames["details"]["finding_id"].is_sorted()
    events = frames["events"].select("finding_id", "order").rows()
    assert events == sorted(events)
    gaps = frames["gaps"].select("account_id", "module", "region", "operation", "outcome", "code")
    assert gaps.rows() == sorted(gaps.rows())
    head = place.data.current_queue()
    assert head is not None
    assert (head["seq"], head["digest"]) == (3, current(place.ledger).head.digest)


def test_snapshots_are_named_in_utc(place: Place):
    place.scan(1)
    place.record()
    place.publish(as_of=hour(100).astimezone(ZoneInfo("Asia/Tokyo")))
    head = place.data.current_queue()
    assert head is not None
    assert head["snapshot_id"] == hour(100).strftime("%Y%m%dT%H%M%S.%fZ")
    assert head["as_of"] == hour(100).isoformat()
