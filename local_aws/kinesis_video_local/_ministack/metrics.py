"""Metrics of services in ministack's CloudWatch."""

from __future__ import annotations

import threading
import time
from typing import Any

from ministack.core import responses
from ministack.services import cloudwatch, eventbridge

_PERIOD_SECONDS = 60
# Each object's event is sent in a separate thread.
_adding = threading.Lock()


def install() -> None:
    """Count the events that each rule matches, as EventBridge does."""
    matches = eventbridge._matches_pattern_view

    def counted(pattern: str, view: Any, owner: str = "rule") -> bool:
        matched: bool = matches(pattern, view, owner)
        rule = eventbridge._rules.get(owner.removeprefix("rule "))
        if matched and rule:
            dimensions = {"RuleName": rule["Name"]}
            scope = responses.get_account_id(), responses.get_region()
            record_metric(*scope, "AWS/Events", "TriggeredRules", dimensions, 1, "Count")
        return matched

    eventbridge._matches_pattern_view = counted


def record_metric(
    account: str, region: str, namespace: str, name: str, dimensions: dict[str, str], value: float, unit: str
) -> None:
    """Record a value of a metric.

    The values of a minute become one data point, as in the metrics of AWS's services. A camera that sends for hours
    therefore takes little memory.
    """
    with responses.request_scope(account, region):
        points = cloudwatch._metric_bucket((namespace, name, cloudwatch._dims_key(dimensions)))
        with _adding:
            _add(points, dimensions, value, unit)
        cloudwatch._evaluate_all_alarms()


def _add(points: list[dict[str, Any]], dimensions: dict[str, str], value: float, unit: str) -> None:
    now = time.time()
    newest = points[-1] if points else {}
    statistics = newest.get("_stat")
    if not statistics or newest["Timestamp"] // _PERIOD_SECONDS != now // _PERIOD_SECONDS:
        statistics = {"SampleCount": 0, "Sum": 0.0, "Minimum": value, "Maximum": value}
        newest = {"Unit": unit, "Dimensions": dimensions, "_stat": statistics}
        points.append(newest)
    statistics["SampleCount"] += 1
    statistics["Sum"] += value
    statistics["Minimum"] = min(statistics["Minimum"], value)
    statistics["Maximum"] = max(statistics["Maximum"], value)
    newest["Value"] = statistics["Sum"] / statistics["SampleCount"]
    # The time of the newest value, so that an alarm sees it within this minute.
    newest["Timestamp"] = now
