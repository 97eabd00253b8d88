"""Cost Explorer."""

import json
from typing import Any

from moto.ce.responses import CostExplorerResponse

MONITORS: dict[str, list[dict[str, str]]] = {}
"""Anomaly monitors, by account."""


def apply() -> None:
    moto: Any = CostExplorerResponse
    moto.get_anomaly_monitors = anomaly_monitors


def anomaly_monitors(self: Any) -> str:
    """moto knows no anomaly detection."""
    return json.dumps({"AnomalyMonitors": MONITORS.get(self.current_account, [])})
