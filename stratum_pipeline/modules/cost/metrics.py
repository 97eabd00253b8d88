"""What CloudWatch counted over the last fourteen whole days."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from stratum_pipeline.kernel.collect import Api

METRICS = "cloudwatch:GetMetricData"
DAYS = 14
DAY, HOUR = 86400, 3600
BATCH = 500
"""The most queries that GetMetricData takes at once."""


@dataclass(frozen=True)
class Metric:
    """One metric: by day unless `period` says otherwise."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    stat: str = "Sum"
    period: int = DAY


def window() -> tuple[datetime, datetime]:
    """The last fourteen whole days in UTC: the same all day, so that a second scan reads alike."""
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return end - timedelta(days=DAYS), end


def watched(since: datetime | None) -> bool | None:
    """Whether what began at `since` was there through the whole window."""
    return None if since is None else since <= window()[0]


def measure(api: Api, metrics: Sequence[Metric]) -> list[list[float] | None]:
    """The values of each metric, a period each, oldest first.

    [] where CloudWatch has none: whether that means zero depends on the metric. None where it
    could not be asked.
    """
    cloudwatch = api.on(service="cloudwatch", about="")
    found: list[list[float] | None] = []
    for start in range(0, len(metrics), BATCH):
        found += _batch(cloudwatch, metrics[start : start + BATCH])
    return found


def total(*series: list[float] | None) -> float | None:
    """All of it over the window, no data being none."""
    return None if None in series else rounded(sum(sum(values or ()) for values in series))


def busiest(*series: list[float] | None, per: float = 1) -> float | None:
    """The sum of the series in their busiest periods, no data being none, divided by `per`."""
    if None in series:
        return None
    return rounded(sum(max(values or (), default=0.0) for values in series) / per)


def rounded(value: float) -> float:
    """Up to one significant digit, so that inventory changes only with what matters.

    Upwards, for what is used is never to be called idle by rounding.
    """
    if value <= 0:
        return 0.0
    digit = 10.0 ** math.floor(math.log10(value))
    return round(math.ceil(round(value / digit, 9)) * digit, 9)


def _batch(cloudwatch: Api, metrics: Sequence[Metric]) -> list[list[float] | None]:
    start, end = window()
    results = cloudwatch.all(
        "GetMetricData",
        "MetricDataResults",
        MetricDataQueries=[_query(n, metric) for n, metric in enumerate(metrics)],
        StartTime=start,
        EndTime=end,
        ScanBy="TimestampAscending",
    )
    if results is None:
        return [None] * len(metrics)
    values: dict[str, list[float] | None] = {f"m{n}": [] for n in range(len(metrics))}
    for result in results:  # a series may go on on the next page
        known = values[result["Id"]]
        if result.get("StatusCode") in ("InternalError", "Forbidden") or known is None:
            values[result["Id"]] = None
        else:
            known += result.get("Values", ())
    return list(values.values())


def _query(number: int, metric: Metric) -> dict[str, Any]:
    return {
        "Id": f"m{number}",
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
            },
            "Period": metric.period,
            "Stat": metric.stat,
        },
    }
