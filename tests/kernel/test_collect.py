"""Reading an account: what was asked, what was answered, what was lost."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import botocore.client
import polars as pl
import pytest
from botocore.exceptions import ClientError
from botocore.retries.standard import ThrottledRetryableChecker

from stratum_pipeline.kernel.collect import Account, Api, Collector, collect, enabled_regions
from stratum_pipeline.kernel.coverage import CODES, Outcome, classify
from stratum_pipeline.kernel.table import Column, Resource

LIST = "iam:ListUsers"
ME = "123456789012"


class Things(Resource, listed_by=LIST):
    size = Column(pl.Int64, "", source="iam:GetUser")


def row(name: str, **more: Any) -> dict[str, Any]:
    return {"arn": f"arn:{name}", "account_id": ME, "region": "us-east-1", **more}


def fresh(operations: set[str] | frozenset[str]) -> Account:
    session = boto3.Session("key", "secret", region_name="us-east-1")
    return Account(session, ME, operations)


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    return Api(fresh({LIST, "iam:GetUser"}), "iam", "us-east-1", LIST)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """answers(*replies): what AWS says next, a body or an error code; the calls it got."""

    def install(*replies: Any) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        def call(client: Any, operation: str, params: dict[str, Any]) -> Any:
            calls.append({"operation": operation, **params})
            reply = replies[min(len(calls), len(replies)) - 1]
            if isinstance(reply, str):
                raise ClientError({"Error": {"Code": reply, "Message": ""}}, operation)
            return reply

        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
        return calls

    return install


def filed(account: Account) -> set[tuple[Any, ...]]:
    names = ("region", "operation", "resource_arn", "outcome", "code", "calls")
    return set(account.coverage().select(names).rows())


def page(*names: str, more: bool = False) -> dict[str, Any]:
    users = [{"UserName": name} for name in names]
    return {"Users": users, "IsTruncated": more, **({"Marker": names[-1]} if more else {})}


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("AccessDenied", "denied"),
        ("UnauthorizedOperation", "denied"),
        ("ThrottlingException", "throttled"),
        ("SlowDown", "throttled"),
        ("OptInRequired", "unsupported"),
        ("InternalFailure", "error"),
        ("NoSuchEntity", "error"),
    ],
)
def test_a_failed_call_is_filed_and_its_answer_unknown(iam, answers, code, outcome):
    answers(code)
    reply = iam.on(about="arn:me").call("GetUser")
    assert reply.get("User.Arn", "") is None
    assert filed(iam.account) == {("us-east-1", "iam:GetUser", "arn:me", outcome, code, 1)}


def test_an_answered_call_is_counted_not_filed_by_resource(iam, answers):
    answers({"User": {"Arn": "arn:me"}})
    assert iam.on(about="arn:me").call("GetUser").get("User.Arn", "") == "arn:me"
    assert iam.on(about="arn:you").call("GetUser").get("User.Path.X", "/") == "/"
    assert filed(iam.account) == {("us-east-1", "iam:GetUser", "", "ok", "", 2)}


def test_not_configured_is_an_answer(iam, answers):
    answers("NoSuchEntity")
    assert iam.call("GetUser", absent=("NoSuchEntity",)).get("User.Arn", "none") == "none"
    assert filed(iam.account) == {("us-east-1", "iam:GetUser", "", "ok", "", 1)}


def test_throttling_codes_are_botocores():
    theirs = set(ThrottledRetryableChecker._THROTTLED_ERROR_CODES)
    assert CODES[Outcome.THROTTLED] == theirs - {"LimitExceededException"}


def test_no_code_is_filed_twice():
    codes = [code for known in CODES.values() for code in known]
    assert len(codes) == len(set(codes))
    assert classify(ClientError({}, "X")) == (Outcome.ERROR, "")


def test_pages_follow_one_another(iam, answers):
    calls = answers(page("a", "b", more=True), page("c"))
    assert [u["UserName"] for u in iam.pages("ListUsers", "Users")] == ["a", "b", "c"]
    assert calls[1]["Marker"] == "b"
    assert filed(iam.account) == {("us-east-1", LIST, "", "ok", "", 2)}


BROKEN_OFF = {
    ("us-east-1", LIST, "", "ok", "", 1),
    ("us-east-1", LIST, "", "throttled", "Throttling", 1),
}


def test_pages_keep_what_came_before_a_failure(iam, answers):
    answers(page("a", more=True), "Throttling")
    assert [u["UserName"] for u in iam.pages("ListUsers", "Users")] == ["a"]
    assert filed(iam.account) == BROKEN_OFF


def test_all_gives_a_whole_listing_or_none(iam, answers):
    answers(page("a", more=True), "Throttling")
    assert iam.all("ListUsers", "Users") is None
    assert filed(iam.account) == BROKEN_OFF


def test_all_is_asked_once_by_however_many(iam, answers):
    calls = answers(page("a", more=True), page("b"))
    barrier = threading.Barrier(6)

    def ask(table: int) -> Any:
        barrier.wait()
        return iam.on(about=f"table {table}").all("ListUsers", "Users")

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(ask, range(6)))
    assert [[u["UserName"] for u in users] for users in found] == [["a", "b"]] * 6
    assert len(calls) == 2


def test_all_asks_again_for_something_else(iam, answers):
    calls = answers(page("a"))
    iam.all("ListUsers", "Users")
    iam.all("ListUsers", "Users", PathPrefix="/x")
    iam.on(region="eu-west-1").all("ListUsers", "Users")
    assert len(calls) == 3


def test_a_crash_of_the_one_who_asks_reaches_all_who_wait(iam):
    def ask() -> None:
        raise RuntimeError("bug")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="bug"):
            iam.account.once(("key",), ask)


def run(rows: Callable[[Api], Any], *regions: str) -> tuple[pl.DataFrame, set[tuple[Any, ...]]]:
    account = fresh({LIST})
    frames = collect(account, [Collector(Things, rows)], list(regions) or ["us-east-1"])
    return frames[Things], filed(account)


def test_a_crash_keeps_the_rows_before_and_files_its_listing():
    def read(api: Api) -> Iterator[dict[str, Any]]:
        yield row(f"{api.region}-1")
        if api.region == "eu-west-1":
            raise ZeroDivisionError
        yield row(f"{api.region}-2")

    frame, lost = run(read, "us-east-1", "eu-west-1")
    assert frame["arn"].to_list() == ["arn:eu-west-1-1", "arn:us-east-1-1", "arn:us-east-1-2"]
    assert lost == {("eu-west-1", LIST, "", "error", "ZeroDivisionError", 1)}


def test_a_crash_costs_no_other_table():
    class Others(Resource, listed_by="ec2:DescribeVpcs"):
        pass

    def crash(api: Api) -> list[dict[str, Any]]:
        raise ZeroDivisionError

    account = fresh({LIST})
    collectors = [Collector(Things, crash), Collector(Others, lambda api: [row("x")])]
    frames = collect(account, collectors, ["us-east-1"])
    assert [frames[t].height for t in (Things, Others)] == [0, 1]
    assert {operation for _, operation, *_ in filed(account)} == {LIST}


def test_each_loses_only_the_item_that_raises():
    def describe(n: int) -> dict[str, Any]:
        return row(str(n), size=6 // n)

    frame, lost = run(lambda api: api.each(describe, [2, 0, 1, 3]))
    assert frame.select("arn", "size").rows() == [("arn:1", 6), ("arn:2", 3), ("arn:3", 2)]
    assert lost == {("us-east-1", LIST, "", "error", "ZeroDivisionError", 1)}


def test_each_keeps_the_order_and_works_at_once(iam):
    barrier = threading.Barrier(4, timeout=10)

    def describe(n: int) -> int:
        barrier.wait()
        return n

    assert list(iam.each(describe, range(8))) == list(range(8))


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": "big"},
        {"size": 1.5},
        {"colour": "red"},
        {"arn": None},
        {"account_id": None},
        {"region": 5},
    ],
)
def test_a_row_of_the_wrong_shape_loses_itself_alone(wrong):
    """It is filed where it was asked, whatever region it claims: rows are missing there."""

    def read(api: Api) -> list[dict[str, Any]]:
        bad = [row("bad") | wrong] if api.region == "eu-west-1" else []
        return [row(f"{api.region}-z", size=1), *bad, row(f"{api.region}-a", size=2)]

    frame, lost = run(read, "us-east-1", "eu-west-1")
    assert frame["arn"].to_list() == [
        f"arn:{region}-{n}" for region in ("eu-west-1", "us-east-1") for n in "az"
    ]
    ((region, operation, _, outcome, _, calls),) = lost
    assert (region, operation, outcome, calls) == ("eu-west-1", LIST, "error", 1)


def test_tables_that_are_not_regional_are_asked_at_home_only():
    class Globals(Resource, listed_by=LIST, regional=False):
        pass

    seen: list[str] = []

    def read(api: Api) -> list[dict[str, Any]]:
        seen.append(api.region)
        return []

    collect(fresh({LIST}), [Collector(Globals, read)], ["us-east-1", "eu-west-1"])
    assert seen == ["us-east-1"]


def test_a_client_is_shared_by_all_who_ask_the_same_region():
    account = fresh(set())
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda _: account.client("sqs", "us-east-1"), range(8)))
    assert len(set(map(id, clients))) == 1
    assert account.client("sqs", "eu-west-1") is not clients[0]
    assert account.client("sns", "us-east-1") is not clients[0]


def test_enabled_regions_home_first(account):
    regions = enabled_regions(account, "eu-west-1")
    assert regions[0] == "eu-west-1"
    assert regions[1:] == sorted(regions[1:])
    assert {"us-east-1", "us-west-2"} <= {*regions}
    assert len(regions) == len({*regions})


def test_regions_that_will_not_be_told_are_a_gap_of_no_one_region(account, refuse):
    refuse("DescribeRegions", "UnauthorizedOperation")
    assert enabled_regions(account, "eu-west-1") == ["eu-west-1"]
    assert filed(account) == {
        ("eu-west-1", "ec2:DescribeRegions", "", "denied", "UnauthorizedOperation", 1),
        ("*", "ec2:DescribeRegions", "", "error", "RegionsUnknown", 1),
    }
