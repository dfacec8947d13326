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

_OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.And: lambda *operands: all(operands),
    ast.Div: operator.truediv,
    ast.Eq: operator.eq,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Mult: operator.mul,
    ast.NotEq: operator.ne,
    ast.Or: lambda *operands: any(operands),
    ast.Sub: operator.sub,
    ast.USub: operator.neg,
}
_ALARM_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}


def state(alarm: Mapping[str, Any], periods: Sequence[Mapping[str, Value]]) -> str:
    """Return the state of an alarm, given the values of its metrics in each period."""
    watched = next(metric["Id"] for metric in alarm["Metrics"] if metric.get("ReturnData", True))
    try:
        points = [_of_alarm(alarm, values)[watched] for values in periods]
        breaching = _ALARM_COMPARISONS[alarm["ComparisonOperator"]]
    except (LookupError, SyntaxError, TypeError, ValueError):
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
        python = re.sub(r"\b(AND|OR)\b", lambda word: word[0].lower(), expressions[name])
        found[name] = _evaluate(ast.parse(python, mode="eval").body, found)
    return found


def _evaluate(node: ast.expr, values: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name]
        case ast.Call(func=ast.Name(id="FILL"), args=[metric, filling]):
            value = _evaluate(metric, values)
            return _evaluate(filling, values) if value is None else value
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            value = _evaluate(condition, values)
            return None if value is None else _evaluate(then if value else otherwise, values)
        case (
            ast.Compare(left=left, ops=[operation], comparators=[right])
            | ast.BinOp(left=left, op=operation, right=right)
        ):
            return _apply(operation, [left, right], values)
        case ast.UnaryOp(op=operation, operand=operand):
            return _apply(operation, [operand], values)
        case ast.BoolOp(op=operation, values=operands):
            return _apply(operation, operands, values)
    raise TypeError(f"{ast.unparse(node)} isn't evaluated")


def _apply(operation: ast.AST, operands: Sequence[ast.expr], values: Mapping[str, Value]) -> Value:
    function = _OPERATORS[type(operation)]
    given = [_evaluate(operand, values) for operand in operands]
    if None in given:
        return None
    try:
        return float(function(*given))
    except ZeroDivisionError:
        return None
