"""Alarms on metric math: the values of expressions, and the resulting states."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from kinesis_video_local._ministack.metric_math import Value, evaluate, state
from wire import Client

MISSING = "IF(fragments > 0 AND FILL(images, 0) == 0, 1, 0)"


@pytest.mark.parametrize(
    ("fragments", "images", "value"),
    [(5.0, 2.0, 0.0), (5.0, 0.0, 1.0), (5.0, None, 1.0), (0.0, None, 0.0), (None, None, None), (None, 2.0, None)],
)
def test_an_expression_has_no_value_without_one_of_its_metrics(fragments: Value, images: Value, value: Value) -> None:
    assert evaluate(MISSING, {"fragments": fragments, "images": images}) == value


def test_either_of_two() -> None:
    assert evaluate("a > 1 OR b != 2.5", {"a": 0.0, "b": 1.0}) == 1.0


@pytest.mark.parametrize(
    ("expression", "value"),
    [("a + b", 3.0), ("a - b / 2", 0.0), ("-a * (b + 1)", -3.0), ("a / (b - 2)", None), ("a + c", None)],
)
def test_arithmetic(expression: str, value: Value) -> None:
    assert evaluate(expression, {"a": 1.0, "b": 2.0, "c": None}) == value


@pytest.mark.parametrize("expression", ["RATE(a)", "a ** 2", "b", "IF(a, 1)", "SEARCH('{a,b}', 'Sum')", "a +"])
def test_fails_on_what_is_not_emulated(expression: str) -> None:
    with pytest.raises(ValueError, match="The local AWS doesn't evaluate"):
        evaluate(expression, {"a": 1.0})


@pytest.mark.parametrize(
    ("values", "treat_missing_data", "expected"),
    [
        ([1, 1, 1], "notBreaching", "ALARM"),
        ([1, 0, 1], "notBreaching", "OK"),
        ([1, 1, None], "notBreaching", "OK"),
        ([1, 1, None], "breaching", "ALARM"),
        ([None, None, None], "notBreaching", "OK"),
        ([None, None, None], "missing", "INSUFFICIENT_DATA"),
        ([None, None, None], "ignore", "ALARM"),
    ],
)
def test_the_state_of_an_alarm(values: list[Value], treat_missing_data: str, expected: str) -> None:
    alarm: dict[str, Any] = {
        "Metrics": [{"Id": "e", "Expression": "a == 1"}, {"Id": "a", "MetricStat": {}}],
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 1.0,
        "EvaluationPeriods": 3,
        "TreatMissingData": treat_missing_data,
        "StateValue": "ALARM",
    }
    assert state(alarm, [{"a": value} for value in values]) == expected


def test_fewer_points_than_periods_may_make_an_alarm() -> None:
    alarm: dict[str, Any] = {
        "Metrics": [{"Id": "e", "Expression": "a"}],
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1.0,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "TreatMissingData": "missing",
        "StateValue": "OK",
    }
    assert state(alarm, [{"a": 0.0}, {"a": None}, {"a": 0.5}]) == "ALARM"


def test_an_expression_of_another_one() -> None:
    metrics = [{"Id": "e", "Expression": "sum > 2"}, {"Id": "sum", "Expression": "a + b", "ReturnData": False}]
    alarm = {
        "Metrics": metrics,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 1,
        "EvaluationPeriods": 1,
        "TreatMissingData": "missing",
        "StateValue": "OK",
    }
    assert state(alarm, [{"a": 1.0, "b": 2.0}]) == "ALARM"


def metric(name: str, statistic: str = "Sum") -> dict[str, Any]:
    stat = {"Metric": {"Namespace": "Cameras", "MetricName": name}, "Period": 60, "Stat": statistic}
    return {"Id": name, "MetricStat": stat, "ReturnData": False}


@pytest.mark.parametrize(
    ("metrics", "more", "expected"),
    [
        # Like the alarm of `StreamFleet.alarm`.
        ([{"Id": "e", "Expression": "streams + passes"}, metric("streams"), metric("passes")], {}, "ALARM"),
        ([{"Id": "e", "Expression": "RATE(streams)"}, metric("streams")], {}, "INSUFFICIENT_DATA"),
        ([{"Id": "e", "Expression": "streams + 1"}, metric("streams", "p99")], {}, "INSUFFICIENT_DATA"),
        (
            [{"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(streams)"}, {**metric("streams"), "ReturnData": True}],
            {"ThresholdMetricId": "e", "ComparisonOperator": "GreaterThanUpperThreshold"},
            "INSUFFICIENT_DATA",
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
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName=stream_name, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stream_name, WaiterConfig={"Delay": 1})

    data = [{"MetricName": name, "Value": 1} for name in ("streams", "passes")]
    client("cloudwatch").put_metric_data(Namespace="Cameras", MetricData=data)
    # It looks at each alarm once a second.
    deadline = time.monotonic() + 20
    while client("cloudwatch").describe_alarms(AlarmNames=[stream_name])["MetricAlarms"][0]["StateValue"] != expected:
        assert time.monotonic() < deadline
        time.sleep(0.1)
