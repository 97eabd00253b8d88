"""Asking CloudWatch: few calls, the same window all day, and nothing taken for zero."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freezegun import freeze_time

from stratum_pipeline.kernel.collect import Account, Api
from stratum_pipeline.modules.cost import metrics
from stratum_pipeline.modules.cost.metrics import Metric, busiest, measure, rounded, total, watched

from .answers import Answers


def api(account: Account) -> Api:
    return Api(account, "ec2", "us-east-1", "ec2:DescribeInstances")


def asked(count: int) -> list[Metric]:
    return [Metric("AWS/EC2", "CPUUtilization", (("InstanceId", str(n)),)) for n in range(count)]


def test_five_hundred_to_a_call(account: Account, answers: Answers):
    answers.metrics["AWS/EC2", "CPUUtilization", "1000"] = [7.0]
    found = measure(api(account), asked(1001))
    assert [len(call["MetricDataQueries"]) for call in answers.asked] == [500, 500, 1]
    assert found == [[]] * 1000 + [[7.0]]


def test_nothing_to_ask_costs_no_call(account: Account, answers: Answers):
    assert measure(api(account), []) == []
    assert answers.asked == []


def test_a_series_may_go_on_on_the_next_page(account: Account, answers: Answers):
    answers.metrics["AWS/EC2", "CPUUtilization", "0"] = [1.0, 2.0, 3.0]
    answers.page = 2
    assert measure(api(account), asked(1)) == [[1.0, 2.0, 3.0]]


def test_what_was_refused_is_not_zero(account: Account, answers: Answers, refuse: Any):
    answers.metrics["AWS/EC2", "CPUUtilization", "0"] = "InternalError"
    assert measure(api(account), asked(2)) == [None, []]
    refuse("GetMetricData", "AccessDenied")
    assert measure(api(account), asked(1)) == [None]


@pytest.mark.parametrize("hour", [0, 9, 23])
def test_the_window_is_the_same_all_day(hour: int):
    with freeze_time(datetime(2026, 5, 20, hour, 59, 59, tzinfo=UTC)):
        assert metrics.window() == (
            datetime(2026, 5, 6, tzinfo=UTC),
            datetime(2026, 5, 20, tzinfo=UTC),
        )
        assert watched(datetime(2026, 5, 6, tzinfo=UTC)) is True
        assert watched(datetime(2026, 5, 6, tzinfo=UTC) + timedelta(seconds=1)) is False
        assert watched(None) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (-1, 0), (1, 1), (4.2, 5), (9.01, 10), (20, 20), (21, 30), (0.03, 0.03), (1e9, 1e9)],
)
def test_rounding_goes_up_to_one_digit(value: float, expected: float):
    assert rounded(value) == pytest.approx(expected)


def test_sums_know_what_they_do_not_know():
    assert total([1.0, 2.0], []) == 3.0
    assert total() == total([]) == 0.0
    assert total([1.0], None) is None
    assert busiest([1.0, 5.0], [2.0], per=2) == 4.0
    assert busiest([], []) == 0.0
    assert busiest(None, [1.0]) is None
