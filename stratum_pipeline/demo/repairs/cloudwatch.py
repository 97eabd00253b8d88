"""CloudWatch."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from moto.cloudwatch.models import CloudWatchBackend, Statistics


def apply() -> None:
    moto: Any = CloudWatchBackend
    moto.get_metric_data = metric_data


def metric_data(
    self: Any,
    queries: list[dict[str, Any]],
    start_time: datetime,
    end_time: datetime,
    scan_by: str = "TimestampAscending",
) -> list[dict[str, Any]]:
    """moto goes through everything that was ever counted for each period of each query."""
    start, end = start_time.replace(tzinfo=None), end_time.replace(tzinfo=None)
    series: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for datum in self.get_all_metrics():
        if start <= datum.timestamp.replace(tzinfo=None) < end:
            about = sorted((d.name, d.value) for d in datum.dimensions)
            series[datum.namespace, datum.name, *about].append(datum)
    return [_result(query, series, start) for query in queries]


def _result(query: dict[str, Any], series: Any, start: datetime) -> dict[str, Any]:
    stat = query["MetricStat"]
    metric, period = stat["Metric"], timedelta(seconds=int(stat["Period"]))
    about = sorted((d["Name"], d["Value"]) for d in metric.get("Dimensions", ()))
    by_period: dict[datetime, list[Any]] = defaultdict(list)
    for datum in series.get((metric["Namespace"], metric["MetricName"], *about), ()):
        since = datum.timestamp.replace(tzinfo=None) - start
        by_period[start + since // period * period].append(datum)
    values: list[Any] = []
    for moment, counted in sorted(by_period.items()):
        statistics = Statistics([stat["Stat"]], moment)
        statistics.metric_data = counted
        values.append(statistics.get_statistics_for_type(stat["Stat"]))
    return {
        "id": query["Id"],
        "label": metric["MetricName"],
        "values": values,
        "timestamps": sorted(by_period),
        "status_code": "Complete",
    }
