"""A snapshot laid over an earlier one reads like one that was built whole."""

from datetime import timedelta

import polars as pl
import pytest

from stratum_pipeline.lifecycle import publish as module
from stratum_pipeline.lifecycle.checkpoint import save
from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.lifecycle.publish import refresh
from stratum_pipeline.lifecycle.record import current
from stratum_pipeline.triage.read_model import VIEWS, Queue
from tests.lifecycle.conftest import LATER, TOGETHER, Place
from tests.lifecycle.conftest import place as place
from tests.lifecycle.make import B, fail, fid


def read(place: Place) -> dict[str, pl.DataFrame]:
    queue = Queue.load(place.data)
    try:
        return {name: queue.rows(f"FROM {name} ORDER BY ALL") for name in VIEWS}
    finally:
        queue.close()


def test_it_reads_as_if_built_whole(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST", 10**6)
    place.scan(1, fail("a"), fail("b"))
    place.scan(1, *(fail(n, account=B) for n in "abc"), account=B)
    place.record()
    save(place.data, current(place.ledger))
    place.publish()
    place.scan(2, fail("a", account=B, evidence="{}"), fail("new", account=B), account=B)
    place.record()
    place.says(Kind.SUPPRESSED, fid("a"), reason="accepted_risk", note="x")
    refresh(place.ledger, place.data, place.rules, [TOGETHER], ["s3"], LATER + timedelta(hours=1))
    head = place.data.current_queue()
    assert head is not None
    assert "base" in head
    laid_over = read(place)
    place.publish(LATER + timedelta(hours=2))
    whole = read(place)
    for name, frame in whole.items():
        assert laid_over[name].equals(frame), name
    assert whole["v1_findings"].height == 6
