"""Alarms on metric math, which ministack refuses: as much of CloudWatch's as an alarm of this repository has.

An expression may have IF, FILL, AND, OR, comparisons and numbers. A period in which a metric has no data point has none
for the expression either, unless FILL gives one; `TreatMissingData` then decides. The periods end now and not on the
clock's minutes, so that a test needs to wait for none.

See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Value = float | None
"""The value of a metric in a period, None if it has no data point there."""

_COMPARISONS: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}
_ALARM_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}


def evaluate(expression: str, values: Mapping[str, Value]) -> Value:
    """Evaluate an expression for one period.

    Raises
    ------
    ValueError
        If it has what isn't emulated here.
    """
    python = re.sub(r"\b(AND|OR)\b", lambda word: word[0].lower(), expression)
    return _evaluate(ast.parse(python, mode="eval").body, values)


def _evaluate(node: ast.expr, values: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.Call(func=ast.Name(id="FILL"), args=[metric, filling]):
            value = _evaluate(metric, values)
            return _evaluate(filling, values) if value is None else value
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            value = _evaluate(condition, values)
            return None if value is None else _evaluate(then if value else otherwise, values)
        case ast.Compare(left=left, ops=[comparison], comparators=[right]) if type(comparison) in _COMPARISONS:
            one, other = _evaluate(left, values), _evaluate(right, values)
            return None if one is None or other is None else float(_COMPARISONS[type(comparison)](one, other))
        case ast.BoolOp(op=op, values=parts):
            operands = [_evaluate(part, values) for part in parts]
            if None in operands:
                return None
            return float(all(operands) if isinstance(op, ast.And) else any(operands))
    raise ValueError(f"The local AWS doesn't evaluate {ast.unparse(node)}")


def state(alarm: Mapping[str, Any], periods: Sequence[Mapping[str, Value]]) -> str:
    """Work out the state of an alarm from its metrics' values in each of its periods."""
    (expression,) = (metric["Expression"] for metric in alarm["Metrics"] if metric.get("Expression"))
    breaches: list[bool] = []
    for values in periods:
        value = evaluate(expression, values)
        if value is not None:
            breaches.append(_ALARM_COMPARISONS[alarm["ComparisonOperator"]](value, alarm["Threshold"]))
        elif alarm["TreatMissingData"] in ("breaching", "notBreaching"):
            breaches.append(alarm["TreatMissingData"] == "breaching")
    if not breaches:
        return str(alarm["StateValue"]) if alarm["TreatMissingData"] == "ignore" else "INSUFFICIENT_DATA"
    return "ALARM" if sum(breaches) >= alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) else "OK"
