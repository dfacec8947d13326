"""Checks of what the user gives. A token passes each of them untouched: its value is known only to CloudFormation.

Each error is one sentence: the prop in backticks, what was given, what is allowed, and what to change where that
doesn't follow.
"""

from __future__ import annotations

import math
import re
from typing import Any

import jsii
from aws_cdk import Duration, Token


def is_known(value: Any) -> bool:
    """Whether the value itself is here, and not a token for it."""
    if isinstance(value, float) and not math.isfinite(value):
        # JSON has no such number, and jsii's process ends when it is asked about one.
        return True
    return not (value.is_unresolved() if isinstance(value, Duration) else Token.is_unresolved(value))


def check_integer(prop: str, value: jsii.Number | None, minimum: int, maximum: int) -> None:
    """Check a whole number."""
    fits = isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum
    if value is not None and not fits and is_known(value):
        raise ValueError(f"`{prop}` is {value!r}, it must be a whole number from {minimum} to {maximum}")


def check_text(prop: str, value: str | None, pattern: str, maximum: int, allowed: str) -> None:
    """Check text against a pattern of the service and its length."""
    if value is None or not is_known(value):
        return
    if not isinstance(value, str) or not re.fullmatch(pattern, value) or len(value) > maximum:
        raise ValueError(f"`{prop}` is {value!r}, it must be 1 to {maximum} characters of {allowed}")


def check_type(prop: str, value: Any, fitting: bool, allowed: str) -> None:
    """Check that a thing is of the kind that the prop takes."""
    if not fitting:
        raise ValueError(f"`{prop}` is {value!r}, it must be {allowed}")


def whole_units(prop: str, duration: Duration, unit: str, example: str) -> int:
    """Turn a duration into whole `unit`s, such as "hours"; the caller has made sure that it is known."""
    # jsii rounds nothing: asked for an integral number, it throws its own error with a stack trace of the inside.
    amount = getattr(duration, f"to_{unit}")(integral=False)
    if amount != int(amount):
        raise ValueError(f"`{prop}` is {amount:g} {unit}, it must be a whole number of {unit} such as {example}")
    return int(amount)
