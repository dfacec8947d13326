"""Evaluates alarms on metric math, which ministack refuses.

An expression can have IF, FILL, AND, OR, comparisons, arithmetic, numbers and other expressions of the alarm; an alarm
on any other expression has no data. If a metric has no data point in a period, neither has the expression, unless FILL
supplies one, and `TreatMissingData` decides. The periods end now instead of on the minute, so that tests don't wait.

See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

Value = float | None
"""The value of a metric in a period; None without a data point."""

_NO_DATA = "INSUFFICIENT_DATA"

_COMPARISONS: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
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
        If a part of it isn't emulated.
    """
    python = re.sub(r"\b(AND|OR)\b", lambda word: word[0].lower(), expression)
    try:
        parsed = ast.parse(python, mode="eval").body
    except SyntaxError:
        raise ValueError(f"The local AWS doesn't evaluate {expression}") from None
    return _evaluate(parsed, values)


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
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = _evaluate(operand, values)
            return None if value is None else -value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            one, other = _evaluate(left, values), _evaluate(right, values)
            # Dividing by zero yields no data point.
            if one is None or other is None or (other == 0 and isinstance(op, ast.Div)):
                return None
            return _ARITHMETIC[type(op)](one, other)
        case ast.BoolOp(op=op, values=parts):
            operands = [_evaluate(part, values) for part in parts]
            if None in operands:
                return None
            return float(all(operands) if isinstance(op, ast.And) else any(operands))
    raise ValueError(f"The local AWS doesn't evaluate {ast.unparse(node)}")


def state(alarm: Mapping[str, Any], periods: Sequence[Mapping[str, Value]]) -> str:
    """Return the state of an alarm, given the values of its metrics in each period."""
    watched = next(metric["Id"] for metric in alarm["Metrics"] if metric.get("ReturnData", True))
    try:
        points = [_of_alarm(alarm, values)[watched] for values in periods]
        breaching = _ALARM_COMPARISONS[alarm["ComparisonOperator"]]
    except (ValueError, KeyError):
        return _NO_DATA
    breaches: list[bool] = []
    for value in points:
        if value is not None:
            breaches.append(breaching(value, alarm["Threshold"]))
        elif alarm["TreatMissingData"] in ("breaching", "notBreaching"):
            breaches.append(alarm["TreatMissingData"] == "breaching")
    if not breaches:
        return str(alarm["StateValue"]) if alarm["TreatMissingData"] == "ignore" else _NO_DATA
    return "ALARM" if sum(breaches) >= alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) else "OK"


def _of_alarm(alarm: Mapping[str, Any], values: Mapping[str, Value]) -> dict[str, Value]:
    """Evaluate the expressions of an alarm in the order of their dependencies."""
    found = dict(values)
    expressions = {metric["Id"]: metric["Expression"] for metric in alarm["Metrics"] if metric.get("Expression")}
    uses = {name: set(re.findall(r"\w+", text)) & set(expressions) for name, text in expressions.items()}
    for name in TopologicalSorter(uses).static_order():
        found[name] = evaluate(expressions[name], found)
    return found
