"""Alarms as CloudWatch evaluates them: by metric math, dimensions and the treatment of missing data.

`AWS::CloudWatch::CompositeAlarm` is a resource type as well; ministack has composite alarms in its API only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from . import metric_math

_COMPOSITE = "AWS::CloudWatch::CompositeAlarm"


def install() -> None:
    """Accept alarms on expressions of several metrics and on metrics without values, and composite alarms."""
    provisioners._RESOURCE_HANDLERS[_COMPOSITE] = {
        "create": lambda logical_id, new, stack: _put_composite(
            new.get("AlarmName") or provisioners._physical_name(stack, logical_id, max_len=255), new
        ),
        "update": lambda name, _old, new, *_, **__: _put_composite(name, new),
        "delete": lambda name, _properties: cloudwatch._composite_alarms.pop(name, None),
    }
    provisioners._REPLACING_PROPERTIES[_COMPOSITE] = ("AlarmName",)
    alarm_record = provisioners._cw_metric_alarm_record

    def record(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        metrics = properties.get("Metrics")
        if not metrics:
            return dict(alarm_record(name, properties))
        # ministack requires a metric here, and the alarm has several elsewhere.
        names = {"Metrics": None, "MetricName": "none", "Namespace": "none"}
        # An alarm on an anomaly detection band has no threshold, either.
        alarm = alarm_record(name, {"Threshold": 0, **properties, **names})
        return {**alarm, "Metrics": metrics, "MetricName": None, "Namespace": None}

    def evaluate(alarm: dict[str, Any]) -> None:
        now = time.time()
        old = alarm["StateValue"]
        watched = alarm if alarm.get("Metrics") else {**alarm, "Metrics": [_metric_of(alarm)]}
        new = metric_math.state(
            watched, [_values(watched, now, number) for number in range(alarm["EvaluationPeriods"])]
        )
        if not alarm.get("Metrics") and new == "INSUFFICIENT_DATA":
            # A test may have set the state itself.
            return
        if new != old:
            reason = f"Threshold Crossed: {alarm['ComparisonOperator']} {alarm['Threshold']}"
            alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(now))
            cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
            cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
            cloudwatch._evaluate_parent_alarms(alarm)

    provisioners._cw_metric_alarm_record = record
    cloudwatch._evaluate_alarm = evaluate


def _metric_of(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the metric of an alarm as metric math does."""
    metric = {name: alarm.get(name) for name in ("Namespace", "MetricName", "Dimensions")}
    statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    return {"Id": "metric", "MetricStat": {"Metric": metric, "Period": alarm["Period"], "Stat": statistic}}


def _values(alarm: Mapping[str, Any], now: float, number: int) -> dict[str, metric_math.Value]:
    """Return the values of an alarm's metrics in the period that ended `number` periods ago."""
    values = {}
    for metric in alarm["Metrics"]:
        if not (stat := metric.get("MetricStat")):
            continue
        period = int(stat["Period"])
        end = now - number * period
        dimensions = {d["Name"]: d["Value"] for d in stat["Metric"].get("Dimensions") or []}
        key = (stat["Metric"]["Namespace"], stat["Metric"]["MetricName"], cloudwatch._dims_key(dimensions))
        points = [p for p in cloudwatch._metrics.get(key, []) if end - period < p["Timestamp"] <= end]
        statistics = cloudwatch._calc_stats(points)
        # An alarm on another statistic than these, such as a percentile, has no data.
        if not statistics or stat["Stat"] in statistics:
            values[metric["Id"]] = statistics[stat["Stat"]] if statistics else None
    return values


def _put_composite(name: str, properties: dict[str, Any]) -> tuple[str, dict[str, str]]:
    status, _, body = cloudwatch._put_composite_alarm({}, {**properties, "AlarmName": name}, False, is_json=True)
    if status != 200:
        raise ValueError(json.loads(body).get("message", body))
    return name, {"Arn": cloudwatch._composite_alarms[name]["AlarmArn"]}
