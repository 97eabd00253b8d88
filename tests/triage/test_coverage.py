"""What was seen and what was not: cells, figures, gaps."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import coverage, reports
from stratum_pipeline.triage.client import ApiError
from stratum_pipeline.triage.read_model import Queue
from tests.lifecycle.make import fail, hour

from .places import Estate, gap

NOW = hour(100)
WHOLE, PARTLY, BROKEN, GONE, NEVER = (str(n) * 12 for n in (1, 2, 3, 4, 5))
NAMES = {WHOLE: "whole", PARTLY: "partly", BROKEN: "broken", GONE: "gone", NEVER: "a never"}
OUS = {WHOLE: "Root/Work", PARTLY: "Root/Workloads/Prod", BROKEN: "Root/Workloads"}
SCOPES = ["organization", "ou:Root", "ou:Root/Work", "ou:Root/Workloads", "module:s3"]
SCOPES += ["module:iam", "module:rds", "module:none", "ou:Nowhere"]
SCOPES += [f"account:{account}" for account in (*NAMES, "9" * 12)]


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    estate = made(tmp_path_factory.mktemp("estate"))
    with estate.queue(NOW) as queue:
        yield queue


def made(folder: Path) -> Estate:
    estate = Estate.at(folder)
    estate.accounts(
        *({"id": id, "name": name, "ou": OUS.get(id, "Root")} for id, name in NAMES.items())
    )
    estate.scan(WHOLE, fail("a", account=WHOLE), passed=4, started=3)
    estate.scan(WHOLE, module="iam", started=4)
    estate.scan(WHOLE, module="rds", started=2, outcome="partial", gaps=[gap(WHOLE, "rds")])
    estate.scan(
        PARTLY,
        outcome="partial",
        unknown=7,
        gaps=[
            gap(PARTLY, blinded=2, operation="s3:GetBucketAcl"),
            gap(PARTLY, blinded=5, code="AccessDeniedException"),
            gap(PARTLY, blinded=5, unlisted=True, region="*", operation="s3:ListBuckets"),
        ],
    )
    estate.scan(PARTLY, module="iam", unknown=1, gaps=[gap(PARTLY, "iam", outcome="throttled")])
    told = "sts:AssumeRole denied (AccessDenied)"
    for module in ("s3", "iam"):
        alone = gap(BROKEN, module, operation="sts:AssumeRole", region="*", blinded=0)
        estate.scan(BROKEN, module=module, outcome="failed", error=told, gaps=[alone], unknown=9)
    estate.scan(GONE, outcome="partial", gaps=[gap(GONE, blinded=99)], unknown=3)
    estate.record()
    estate.accounts(
        *(
            {"id": id, "name": name, "ou": OUS.get(id, "Root")}
            | ({"status": "SUSPENDED"} if id == GONE else {})
            for id, name in NAMES.items()
        )
    )
    estate.record()
    estate.publish(NOW)
    return estate


def matrix(queue: Queue, **asked: object) -> c.Coverage:
    return coverage.coverage(queue, c.CoverageQuery.model_validate(asked), NOW)


def test_every_state_of_a_cell_says_why(queue: Queue):
    found = matrix(queue)
    assert found.modules == ("s3", "iam", "rds")
    assert found.total == 5
    cells = {
        (row.account_id, cell.module): (cell.state, cell.reason)
        for row in found.accounts
        for cell in row.cells
    }
    off = ("off", "module rds is switched off")
    worst = "s3:ListBuckets denied (AccessDenied), 2 more"
    broken = ("failed", "sts:AssumeRole denied (AccessDenied)")
    assert cells == {
        **{(account, "rds"): off for account in NAMES},
        (WHOLE, "s3"): ("complete", ""),
        (WHOLE, "iam"): ("complete", ""),
        (PARTLY, "s3"): ("partial", worst),
        (PARTLY, "iam"): ("partial", "s3:GetBucketPolicy throttled (AccessDenied) in eu-west-1"),
        (BROKEN, "s3"): broken,
        (BROKEN, "iam"): broken,
        **{(GONE, module): ("off", "account is SUSPENDED") for module in found.modules},
        **{(NEVER, module): ("never", "not scanned yet") for module in ("s3", "iam")},
    }


def test_figures_of_cells(queue: Queue):
    cells = {
        (row.account_id, cell.module): cell for row in matrix(queue).accounts for cell in row.cells
    }
    partly, never, gone = cells[PARTLY, "s3"], cells[NEVER, "s3"], cells[GONE, "s3"]
    assert (partly.gaps, partly.unknown, partly.calls) == (3, 7, 3)
    assert partly.scanned_at == hour(1.1)
    assert (never.gaps, never.unknown, never.calls, never.scanned_at) == (0, 0, 0, None)
    assert (gone.gaps, gone.unknown, gone.scanned_at) == (0, 0, hour(1.1))
    assert (cells[BROKEN, "s3"].gaps, cells[BROKEN, "s3"].unknown) == (1, 0)


def test_seen_of_the_organization(queue: Queue):
    seen = coverage.seen(queue, c.ScopeQuery(), NOW)
    assert seen.unit == "accounts"
    states = ("total", "complete", "partial", "failed", "off", "never")
    assert [getattr(seen, state) for state in states] == [5, 1, 1, 1, 1, 1]
    assert (seen.gaps, seen.unknown, seen.oldest_scan) == (6, 8, hour(1.1))
    assert seen.first
    assert (seen.first.operation, seen.first.account_name) == ("sts:AssumeRole", "broken")


@pytest.mark.parametrize("scope", SCOPES)
def test_seen_adds_up_and_agrees_with_matrix_and_gaps(queue: Queue, scope: str):
    seen = coverage.seen(queue, c.ScopeQuery(scope=scope), NOW)
    assert seen.complete + seen.partial + seen.failed + seen.off + seen.never == seen.total
    cells = [cell for row in matrix(queue, scope=scope).accounts for cell in row.cells]
    rows = len(cells) if seen.unit == "modules" else matrix(queue, scope=scope).total
    assert seen.total == rows
    assert seen.unit == ("modules" if scope.startswith("account:") else "accounts")
    assert seen.gaps == sum(cell.gaps for cell in cells)
    assert seen.unknown == sum(cell.unknown for cell in cells)
    gaps = coverage.gaps(queue, c.GapsQuery(scope=scope), NOW)
    assert (gaps.total, len(gaps.items)) == (seen.gaps, seen.gaps)
    assert seen.first == (gaps.items[0] if gaps.items else None)
    looked = [x.scanned_at for x in cells if x.scanned_at and x.state in ("complete", "partial")]
    assert seen.oldest_scan == min(looked, default=None)


def test_a_unit_is_no_prefix_of_another(queue: Queue):
    def under(ou: str) -> set[str]:
        return {row.account_id for row in matrix(queue, scope=f"ou:{ou}").accounts}

    assert under("Root/Work") == {WHOLE}
    assert under("Root/Workloads") == {PARTLY, BROKEN}
    assert under("Root") == set(NAMES)


def test_modules_of_one_account(queue: Queue):
    seen = coverage.seen(queue, c.ScopeQuery(scope=f"account:{WHOLE}"), NOW)
    assert (seen.total, seen.complete, seen.off) == (3, 2, 1)


def test_the_worst_comes_first_and_pages_join(queue: Queue):
    def ids(order: str) -> list[str]:
        joined, cursor = list[str](), ""
        while True:
            page = matrix(queue, order=order, limit=2, cursor=cursor)
            assert page.total == 5
            joined += [row.account_id for row in page.accounts]
            if not (cursor := page.next):
                return joined

    assert ids("gaps") == [BROKEN, PARTLY, NEVER, WHOLE, GONE]
    assert ids("name") == [NEVER, BROKEN, GONE, PARTLY, WHOLE]


def test_gaps_are_ordered_filtered_and_paged(queue: Queue):
    def gaps(**asked: object) -> c.Gaps:
        return coverage.gaps(queue, c.GapsQuery.model_validate(asked), NOW)

    every = gaps().items
    assert [(g.operation == "sts:AssumeRole", g.blinded) for g in every] == [
        *[(True, 0)] * 2,  # where nothing at all was seen
        *((False, blinded) for blinded in (5, 5, 2, 1)),
    ]
    assert every[2].unlisted
    named = {g.operation: g.permission for g in every if g.outcome == "denied"}
    assert named["s3:ListBuckets"] == "s3:ListAllMyBuckets"
    assert {g.permission for g in every if g.outcome != "denied"} <= {""}
    joined, cursor = list[c.Gap](), ""
    while True:
        page = gaps(limit=2, cursor=cursor)
        joined += page.items
        if not (cursor := page.next):
            break
    assert tuple(joined) == every
    assert {g.account_id for g in gaps(account=(BROKEN,)).items} == {BROKEN}
    assert {g.module for g in gaps(module=("iam",)).items} == {"iam"}
    assert gaps(account=(GONE,)).total == 0


def test_a_cursor_is_of_one_snapshot_and_one_list(queue: Queue):
    def refused(cursor: str, status: int) -> None:
        with pytest.raises(ApiError) as error:
            coverage.gaps(queue, c.GapsQuery(cursor=cursor), NOW)
        assert error.value.problem.status == status

    def said(*parts: object) -> str:
        return urlsafe_b64encode(json.dumps(parts).encode()).decode()

    page = coverage.gaps(queue, c.GapsQuery(limit=1), NOW)
    assert page.next
    refused(said("other", "gaps", 1), 410)
    refused(matrix(queue, limit=1).next, 422)
    for place in (-1, 1.5, "1", None, 2**70, True, float("inf")):
        refused(said(queue.id, "gaps", place), 422)
    for nonsense in ("x", "é", "////", said(1), said()):
        refused(nonsense, 422)


def test_accounts_say_the_same_as_the_matrix(queue: Queue):
    """A scan that was refused something is not complete, whatever its outcome says."""
    rows = reports.accounts(queue, c.AccountsQuery(), NOW).items
    assert {row.account_id: row.scan for row in rows} == {
        WHOLE: "complete",
        PARTLY: "partial",
        BROKEN: "failed",
        GONE: "not scanned",
        NEVER: "not scanned",
    }
    assert {row.account_id: row.gaps for row in rows}[PARTLY] == 4


def test_nothing_at_all(tmp_path: Path):
    estate = Estate.at(tmp_path)
    estate.publish(NOW)
    with estate.queue(NOW) as queue:
        seen = coverage.seen(queue, c.ScopeQuery(), NOW)
        assert (seen.total, seen.gaps, seen.first, seen.oldest_scan) == (0, 0, None, None)
        assert matrix(queue).accounts == ()


def test_an_account_that_was_scanned_is_there_though_nobody_lists_it(tmp_path: Path):
    """It left the organization, or Organizations did not answer: its findings are still open."""
    estate, stranger = made(tmp_path), "999999999999"
    estate.scan(stranger, outcome="partial", gaps=[gap(stranger, blinded=1)])
    estate.record()
    estate.publish(NOW)
    with estate.queue(NOW) as queue:
        (row,) = (row for row in matrix(queue).accounts if row.account_id == stranger)
        assert (row.name, row.status) == (stranger, "")
        assert "partial" in {cell.state for cell in row.cells}
        assert coverage.seen(queue, c.ScopeQuery(scope=f"account:{stranger}"), NOW).gaps == 1
