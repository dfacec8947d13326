"""Alarms on metric math: the values of expressions, and the resulting states."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from kinesis_video_local._ministack.metric_math import Value, state
from stacks import Stack
from waiting import eventually
from wire import Client

ALARM: dict[str, Any] = {
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "Threshold": 1.0,
    "EvaluationPeriods": 1,
    "TreatMissingData": "missing",
    "StateValue": "ALARM",
}
MISSING = "IF(fragments > 0 AND FILL(images, 0) == 0, 1, 0)"
NO_DATA = "INSUFFICIENT_DATA"


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        (MISSING, {"fragments": 5.0, "images": 2.0}, "OK"),
        (MISSING, {"fragments": 5.0, "images": 0.0}, "ALARM"),
        (MISSING, {"fragments": 5.0, "images": None}, "ALARM"),
        (MISSING, {"fragments": 0.0, "images": None}, "OK"),
        # There is no value without one of the metrics.
        (MISSING, {"fragments": None, "images": None}, NO_DATA),
        (MISSING, {"fragments": None, "images": 2.0}, NO_DATA),
        ("a > 1 OR b != 2.5", {"a": 0.0, "b": 1.0}, "ALARM"),
        ("a + b == 3", {"a": 1.0, "b": 2.0}, "ALARM"),
        ("a - b / 2 == 0", {"a": 1.0, "b": 2.0}, "ALARM"),
        ("-a * (b + 1) + 4", {"a": 1.0, "b": 2.0}, "ALARM"),
        ("a / (b - 2)", {"a": 1.0, "b": 2.0}, NO_DATA),
        ("a + c", {"a": 1.0, "c": None}, NO_DATA),
        *((unknown, {"a": 1.0}, NO_DATA) for unknown in ("RATE(a)", "a ** 2", "b", "IF(a, 1)", "SEARCH('{a}')", "a +")),
    ],
)
def test_the_state_of_an_alarm_on_an_expression(expression: str, values: dict[str, Value], expected: str) -> None:
    assert state({**ALARM, "Metrics": [{"Id": "e", "Expression": expression}]}, [values]) == expected


@pytest.mark.parametrize("expression", ["a ** 2", "NOT a", "e + a"])
def test_an_expression_that_is_not_emulated_has_no_data_whatever_the_missing_data_means(expression: str) -> None:
    alarm = {**ALARM, "Metrics": [{"Id": "e", "Expression": expression}], "TreatMissingData": "notBreaching"}
    assert state(alarm, [{"a": None}]) == NO_DATA


def test_an_expression_of_another_one() -> None:
    metrics = [{"Id": "e", "Expression": "sum > 2"}, {"Id": "sum", "Expression": "a + b", "ReturnData": False}]
    assert state({**ALARM, "Metrics": metrics, "StateValue": "OK"}, [{"a": 1.0, "b": 2.0}]) == "ALARM"


@pytest.mark.parametrize(
    ("values", "more", "expected"),
    [
        ([1, 1, 1], {"TreatMissingData": "notBreaching"}, "ALARM"),
        ([1, 0, 1], {"TreatMissingData": "notBreaching"}, "OK"),
        ([1, 1, None], {"TreatMissingData": "notBreaching"}, "OK"),
        ([1, 1, None], {"TreatMissingData": "breaching"}, "ALARM"),
        ([None, None, None], {"TreatMissingData": "notBreaching"}, "OK"),
        ([None, None, None], {"TreatMissingData": "missing"}, NO_DATA),
        ([None, None, None], {"TreatMissingData": "ignore"}, "ALARM"),
        ([0, None, 0.5], {"ComparisonOperator": "LessThanThreshold", "DatapointsToAlarm": 2}, "ALARM"),
    ],
)
def test_the_state_of_an_alarm_over_several_periods(values: list[Value], more: dict[str, Any], expected: str) -> None:
    alarm = {**ALARM, "EvaluationPeriods": 3, "Metrics": [{"Id": "a", "MetricStat": {}}], **more}
    assert state(alarm, [{"a": value} for value in values]) == expected


def metric(name: str, statistic: str = "Sum") -> dict[str, Any]:
    stat = {"Metric": {"Namespace": "Cameras", "MetricName": name}, "Period": 60, "Stat": statistic}
    return {"Id": name, "MetricStat": stat, "ReturnData": False}


@pytest.mark.parametrize(
    ("metrics", "more", "expected"),
    [
        # Like the alarm of `StreamFleet.alarm`.
        ([{"Id": "e", "Expression": "streams + passes"}, metric("streams"), metric("passes")], {}, "ALARM"),
        ([{"Id": "e", "Expression": "RATE(streams)"}, metric("streams")], {}, NO_DATA),
        ([{"Id": "e", "Expression": "streams + 1"}, metric("streams", "p99")], {}, NO_DATA),
        (
            [{"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(streams)"}, {**metric("streams"), "ReturnData": True}],
            {"ThresholdMetricId": "e", "ComparisonOperator": "GreaterThanUpperThreshold"},
            NO_DATA,
        ),
    ],
)
def test_an_alarm_of_any_expression_can_be_deployed(
    client: Client, stream_name: str, metrics: list[Any], more: dict[str, Any], expected: str
) -> None:
    """An alarm whose expression isn't evaluated never has data."""
    properties = {
        "AlarmName": stream_name,
        "Metrics": metrics,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        **({} if more else {"Threshold": 1}),
        **more,
    }
    template = {"Resources": {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}}
    assert Stack(client, stream_name).deploy(template) == "CREATE_COMPLETE"

    data = [{"MetricName": name, "Value": 1} for name in ("streams", "passes")]
    client("cloudwatch").put_metric_data(Namespace="Cameras", MetricData=data)
    # It looks at each alarm once a second.
    alarms = partial(client("cloudwatch").describe_alarms, AlarmNames=[stream_name])
    eventually(alarms, lambda found: found["MetricAlarms"][0]["StateValue"] == expected)
