"""Checks of the user's values. A token passes each of them unchanged: only CloudFormation knows its value.

Each error is one sentence: the prop in backticks, the given value, what is allowed, and what to change if that
isn't obvious.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import jsii
from aws_cdk import Duration, RemovalPolicy, Token

from ._jsii import is_token, millis_of

# The CDK writes a token into text as `${Token[...]}`, and as a number far beyond JavaScript's safe integers.
_TOKEN_IN_TEXT = "${Token["
TOKEN = re.compile(r"(\$\{Token\[[^]]*\]\})")
_LARGEST_COUNT = 2**53


def is_known(value: Any) -> bool:
    """Return whether this is the value itself, and not a token for it.

    The CDK's answer takes a round trip to its process, so it is asked only about values that look like a token.
    """
    if isinstance(value, str):
        return _TOKEN_IN_TEXT not in value or not is_token(value)
    if isinstance(value, int):
        # In Python, a number token is a float.
        return True
    if isinstance(value, float):
        # JSON has no infinite number, and jsii's process crashes when it is asked about one.
        return abs(value) < _LARGEST_COUNT or not math.isfinite(value) or not Token.is_unresolved(value)
    return not Token.is_unresolved(value)


def change_known(text: str, change: Callable[[str], str]) -> str:
    """Change the known parts of a text, and leave its tokens."""
    return "".join(part if TOKEN.fullmatch(part) else change(part) for part in TOKEN.split(text))


def has(value: Any, name: str) -> bool:
    """Return whether an object has a property, without asking the CDK for its value if the class shows it."""
    return not isinstance(value, type) and (hasattr(type(value), name) or hasattr(value, name))


def given(value: Any) -> str:
    """Describe a given value, a construct by its path."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if value is None or isinstance(value, str | int | float):
        return repr(value)
    if isinstance(value, type):
        return f"the class {value.__name__}"
    # jsii has names of its own for classes that the CDK doesn't export.
    name = type(value).__name__.removeprefix("_").removesuffix("Proxy").replace("InterfaceDynamic", "construct")
    article = "an" if name[0] in "AEIOUaeiou" else "a"
    return f"the {name} {value.node.path!r}" if has(value, "node") else f"{article} {name}"


def either(allowed: Sequence[str]) -> str:
    """List what is allowed: ``A, B or C``."""
    return f"{', '.join(allowed[:-1])} or {allowed[-1]}"


def check_type(prop: str, value: Any, fitting: bool, allowed: str) -> None:
    if not fitting:
        raise ValueError(f"`{prop}` is {given(value)}, it must be {allowed}")


def check_place(scope: Any, construct_id: Any) -> None:
    check_type("scope", scope, has(scope, "node"), "a construct such as the stack")
    check_id(construct_id)


def check_id(construct_id: Any) -> None:
    check_type("construct_id", construct_id, isinstance(construct_id, str) and construct_id != "", "text such as 'Id'")


def check_bool(prop: str, value: Any) -> None:
    check_type(prop, value, isinstance(value, bool), "True or False")


def check_enum(prop: str, value: Any, allowed: type[Enum]) -> None:
    check_type(prop, value, isinstance(value, allowed), either([given(member) for member in allowed]))


def check_removal_policy(removal_policy: Any) -> None:
    """Check a removal policy: this library's resources have no snapshots."""
    allowed = (RemovalPolicy.DESTROY, RemovalPolicy.RETAIN, RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
    check_type("removal_policy", removal_policy, removal_policy in allowed, either([given(one) for one in allowed]))


def check_integer(prop: str, value: Any, minimum: int, maximum: int) -> None:
    fits = isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum
    token = isinstance(value, float) and not is_known(value)
    if value is not None and not fits and not token:
        raise ValueError(f"`{prop}` is {given(value)}, it must be a whole number from {minimum} to {maximum}")


def check_text(prop: str, value: Any, example: str) -> None:
    check_type(prop, value, value is None or isinstance(value, str), f"text such as {example!r}")


def check_pattern(prop: str, value: Any, pattern: str, maximum: int, allowed: str) -> None:
    """Check text against a pattern of the service and its length, or None."""
    if value is None or (isinstance(value, str) and not is_known(value)):
        return
    if not isinstance(value, str) or not re.fullmatch(pattern, value) or len(value) > maximum:
        raise ValueError(f"`{prop}` is {given(value)}, it must be 1 to {maximum} characters of {allowed}")


def check_list(prop: str, value: Any, items: str) -> None:
    """Check a list; the caller checks its items."""
    check_type(prop, value, isinstance(value, Sequence) and not isinstance(value, str), f"a list of {items}")


def check_duration(prop: str, value: Any, example: str) -> None:
    check_type(prop, value, value is None or isinstance(value, Duration), f"a Duration such as {example}")


def whole_minutes(prop: str, value: Any, example: str, maximum: int | None = None) -> int:
    """Check the time between two runs of a schedule, and count its minutes."""
    check_type(prop, value, isinstance(value, Duration), f"a Duration such as {example}")
    # The CDK can't convert a token to another unit.
    if value.is_unresolved():
        raise ValueError(f"`{prop}` is a token, it must be known at synth, such as {example}")
    minutes = millis_of(value) / 60_000
    if minutes != int(minutes) or minutes < 1 or (maximum is not None and minutes > maximum):
        bounds = "at least 1" if maximum is None else f"from 1 to {maximum}"
        raise ValueError(
            f"`{prop}` is {minutes:g} minutes, it must be a whole number of minutes, {bounds}, such as {example}"
        )
    return int(minutes)


def check_period(prop: str, value: Any) -> None:
    check_duration(prop, value, "Duration.minutes(5)")
    millis = None if value is None else millis_of(value)
    if millis is None or not is_known(millis):
        return
    if millis not in (1_000, 5_000, 10_000, 30_000) and (millis <= 0 or millis % 60_000):
        raise ValueError(
            f"`{prop}` is {millis / 1000:g} seconds, it must be 1, 5, 10 or 30 seconds or a multiple of 60 seconds, "
            "such as Duration.minutes(5)"
        )


def check_topic(topic: Any) -> None:
    """Check for a standard topic; the name of an imported one tells."""
    check_type("topic", topic, has(topic, "topic_arn") and has(topic, "fifo"), "a topic such as sns.Topic")
    if topic.fifo or (is_known(topic.topic_arn) and topic.topic_arn.endswith(".fifo")):
        raise ValueError(
            f"`topic` is the FIFO topic {topic.node.path!r}, notifications go to standard topics only, use one "
            "without `fifo`"
        )


def check_options(owner: str, options: Any, allowed: type) -> None:
    """Check that the names of keyword arguments are keys of a TypedDict."""
    unknown = sorted(options.keys() - allowed.__annotations__.keys())
    if unknown:
        raise TypeError(f"{owner} has no prop {', '.join(f'`{name}`' for name in unknown)}")


def check_whole(prop: str, amount: jsii.Number, unit: str, example: str) -> jsii.Number:
    """Check that a duration is a whole number of a unit, such as "hours"; a token passes."""
    if not is_known(amount):
        return amount
    if amount != int(amount):
        raise ValueError(f"`{prop}` is {amount:g} {unit}, it must be a whole number of {unit} such as {example}")
    return int(amount)
