"""An answer has a tag, and who has it is not answered again until something changes."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage.client import Client, Http
from stratum_pipeline.triage.current import Pace
from stratum_pipeline.triage.service import Service
from tests.lifecycle.make import fid

from .house import House, serving

PATHS = [
    "/v1/seen",
    "/v1/findings?limit=2",
    f"/v1/findings/{fid('b0')}",
    "/v1/facets",
    "/v1/groups",
    "/v1/coverage",
    "/v1/gaps",
    "/v1/accounts",
    "/v1/rules",
    "/v1/overview",
    "/v1/activity",
    "/v1/people",
    "/v1/views",
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"))
    house.fill()
    with serving(house.service) as house.url:
        house.transport = Http(house.url)
        yield house
        house.transport.close()


def get(house: House, path: str, tag: str = "", who: str = "vic") -> httpx.Response:
    headers = {"Authorization": f"Bearer {who}"} | ({"If-None-Match": tag} if tag else {})
    return httpx.get(house.url + path, headers=headers, trust_env=False)


def tag(house: House, path: str, **more: Any) -> str:
    return get(house, path, **more).headers["etag"]


@pytest.mark.parametrize("path", PATHS)
def test_what_did_not_change_is_not_sent_again(house: House, path: str):
    first = get(house, path)
    known = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for sent in (known, known.removeprefix("W/"), f'"other", {known}', "*"):
        again = get(house, path, sent)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == known
        assert again.headers["cache-control"] == "private, no-cache"
    other = get(house, path, '"other"')
    assert (other.status_code, other.content) == (200, first.content)
    house["ann"].record(c.Record(kind="noted", note="x", finding_ids=(fid("b1"),)))
    assert get(house, path, known).status_code == 200


@pytest.mark.parametrize("path", ["/v1/findings?status=suppressed", "/v1/facets", "/v1/overview"])
def test_the_end_of_a_suppression_is_a_change(house: House, path: str):
    ends = house.now + timedelta(seconds=1)
    said = {"reason": "accepted_risk", "note": "known"}
    house["ann"].record(
        c.Record(kind="suppressed", finding_ids=(fid("b2"),), until=ends, **said)  # type: ignore[arg-type]
    )
    before = get(house, path)
    house.now = ends
    after = get(house, path, before.headers["etag"])
    assert after.status_code == 200
    assert after.content != before.content


def test_so_is_a_new_snapshot(house: House):
    known = tag(house, "/v1/rules")
    house.now += timedelta(hours=1)
    house.estate.publish(house.now)
    assert get(house, "/v1/rules", known).status_code == 200


def test_another_question_has_another_tag(house: House):
    paths = ["/v1/findings", "/v1/findings?limit=2", "/v1/findings?text=b", "/v1/facets"]
    assert len({tag(house, path) for path in paths}) == len(paths)
    assert tag(house, "/v1/findings") == tag(house, "/v1/findings?sort=priority&limit=50")


@pytest.mark.parametrize("path", ["/v1/people", "/v1/views"])
def test_what_depends_on_who_asks_is_theirs(house: House, path: str):
    assert tag(house, path, who="ann") != tag(house, path, who="tom")
    assert get(house, path, tag(house, path, who="ann"), who="tom").status_code == 200


@pytest.mark.parametrize("path", ["/v1/facets", "/v1/overview", "/v1/findings?age=under_7_days"])
def test_what_the_clock_changes_is_asked_again_each_minute(house: House, path: str):
    known = tag(house, path)
    assert get(house, path, known).status_code == 304
    house.now += timedelta(minutes=1)
    assert get(house, path, known).status_code == 200


def test_a_tag_lets_nobody_in(house: House):
    assert get(house, "/v1/findings", "*", who="nobody").status_code == 401


def other(house: House, pace: Pace) -> Service:
    """Another server's, over the same data and vault."""
    return Service(house.estate.data, house.estate.ledger, lambda: house.now, pace)


def test_two_servers_answer_with_one_tag(house: House):
    with serving(other(house, Pace())) as url:
        headers = {"Authorization": "Bearer vic"}
        one, two = (
            httpx.get(f"{at}/v1/findings", headers=headers, trust_env=False)
            for at in (house.url, url)
        )
    assert one.headers["etag"] == two.headers["etag"]
    assert one.content == two.content


def test_two_servers_hear_of_each_other(house: House):
    """At the pace of production; either way, by asking until it is there."""
    with serving(other(house, Pace())) as first, serving(other(house, Pace())) as second:
        for here, there, name in ((first, second, "b10"), (second, first, "b11")):
            ann = Client(Http(here), {"Authorization": "Bearer ann"})
            tom = Client(Http(there), {"Authorization": "Bearer tom"})
            with ann, tom:
                assert tom.finding(fid(name)).acknowledged_by == ""
                entry = ann.record(c.Record(kind="acknowledged", finding_ids=(fid(name),))).entry
                until = time.monotonic() + 60
                while tom.finding(fid(name)).acknowledged_by != "ann":
                    assert time.monotonic() < until
                    time.sleep(0.1)
                assert tom.finding(fid(name)).snapshot.seq == entry
