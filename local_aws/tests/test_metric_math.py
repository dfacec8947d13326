"""Alarms on metric math: what an expression is worth, and what it makes of an alarm."""

from __future__ import annotations

from typing import Any

import pytest

from kinesis_video_local._ministack.metric_math import Value, evaluate, state

MISSING = "IF(fragments > 0 AND FILL(images, 0) == 0, 1, 0)"


@pytest.mark.parametrize(
    ("fragments", "images", "value"),
    [(5.0, 2.0, 0.0), (5.0, 0.0, 1.0), (5.0, None, 1.0), (0.0, None, 0.0), (None, None, None), (None, 2.0, None)],
)
def test_an_expression_has_no_value_without_one_of_its_metrics(fragments: Value, images: Value, value: Value) -> None:
    assert evaluate(MISSING, {"fragments": fragments, "images": images}) == value


def test_either_of_two() -> None:
    assert evaluate("a > 1 OR b != 2.5", {"a": 0.0, "b": 1.0}) == 1.0


@pytest.mark.parametrize("expression", ["RATE(a)", "a + 1", "b", "IF(a, 1)"])
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
