"""Checks of what the user gives. A token passes each of them untouched: its value is known only to CloudFormation.

Each error is one sentence: the prop in backticks, what was given, what is allowed, and what to change where that
doesn't follow.
"""

from __future__ import annotations

import math
import re
from typing import Any

import jsii
from aws_cdk import Token

from ._jsii import is_token

# CDK writes a token into text as `${Token[...]}`, and as a number far beyond those that JavaScript counts with.
_TOKEN_IN_TEXT = "${Token["
_LARGEST_COUNT = 2**53


def is_known(value: Any) -> bool:
    """Whether the value itself is here, and not a token for it.

    CDK's answer costs a round trip to its process, so only what looks like a token is asked about.
    """
    if isinstance(value, str):
        return _TOKEN_IN_TEXT not in value or not is_token(value)
    if isinstance(value, int):
        # As a number, a token is a fraction to Python.
        return True
    if isinstance(value, float):
        # JSON has no infinite number, and jsii's process ends when it is asked about one.
        return abs(value) < _LARGEST_COUNT or not math.isfinite(value) or not Token.is_unresolved(value)
    return not Token.is_unresolved(value)


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


def has(value: Any, name: str) -> bool:
    """Whether a thing has a property, without asking CDK for its value where the class tells."""
    return hasattr(type(value), name) or hasattr(value, name)


def check_type(prop: str, value: Any, fitting: bool, allowed: str) -> None:
    """Check that a thing is of the kind that the prop takes."""
    if not fitting:
        raise ValueError(f"`{prop}` is {value!r}, it must be {allowed}")


def check_whole(prop: str, amount: jsii.Number, unit: str, example: str) -> jsii.Number:
    """Check that a duration is a whole number of a unit, such as "hours"; a token passes."""
    if not is_known(amount):
        return amount
    if amount != int(amount):
        raise ValueError(f"`{prop}` is {amount:g} {unit}, it must be a whole number of {unit} such as {example}")
    return int(amount)
