"""Judges policies of resources: IAM's simulator doesn't read them, and takes none for a role.

See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

Statement = Mapping[str, Any]

_NETWORK = ("aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip", "aws:sourcevpcarn")
_HEADERS = ("s3:x-amz-", "s3:signatureage", "s3:signatureversion", "s3:authtype", "s3:tlsversion", "s3:if-")
_VARIABLE = re.compile(r"\$\{[^}*?$]*\}")
_PATTERN = re.compile(r"(\$\{[*?$]\}|[*?])")


# Of numbers and dates.
_COMPARISONS = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}


class Match(IntEnum):
    """Whether something matches. "All of" is the minimum, "one of" the maximum."""

    NO = 0
    MAYBE = 1
    YES = 2


@dataclass(frozen=True)
class Request:
    """What a policy is asked about."""

    action: str
    resource: str
    principal: str | None
    """The ARN of the role or the user; None if it is not known."""
    account: str
    """The principal's account."""
    context: Mapping[str, str] = field(default_factory=dict)
    """The condition keys whose values are known."""


@dataclass(frozen=True)
class Judgement:
    """What a policy says of a request."""

    allows: Match = Match.NO
    """Whether it allows the principal itself."""
    delegates: Match = Match.NO
    """Whether it allows the principal's account, which leaves it to the principal's own policies."""
    denies: Match = Match.NO
    """Whether it denies."""
    denying: Statement = field(default_factory=dict)
    """The statement that denies, or may deny."""

    def together(self, *, allowed: bool, same_account: bool) -> Match:
        """Say whether this policy and the principal's own, which have `allowed` it or not, allow the use of a key.

        In the principal's own account, this policy alone can allow it.
        """
        if allowed:
            return max(self.allows, self.delegates)
        return self.allows if same_account else Match.NO


def judge(policy: Mapping[str, Any], request: Request) -> Judgement:
    """Judge what a policy says of a request."""
    allows = delegates = denies = Match.NO
    denying: Statement = {}
    for statement in _list(policy.get("Statement")):
        if not isinstance(statement, Mapping) or _action(statement, request) == Match.NO:
            continue
        try:
            rest = min(_resource(statement, request), _conditions(statement, request))
            principal, account = _principal(statement, request)
        except (AttributeError, TypeError):
            # The statement has an undocumented form.
            rest = principal = account = Match.MAYBE
        if statement.get("Effect") == "Allow":
            allows = max(allows, min(rest, principal))
            delegates = max(delegates, min(rest, account))
        elif (match := min(rest, max(principal, account))) > denies:
            denies, denying = match, statement
    return Judgement(allows, delegates, denies, denying)


def because_of(keys: Sequence[str]) -> str:
    """Say what is known of the service's requests to S3 with regard to these condition keys."""
    lower = [key.lower() for key in keys]
    known = []
    if any(key in _NETWORK for key in lower):
        known.append("from AWS's own network")
    if any(key.startswith(_HEADERS) for key in lower):
        known.append("without headers of encryption")
    if known:
        return f": Kinesis Video Streams writes {' and '.join(known)}"
    return ", unless its requests meet the condition: the doctor can't see them"


def _principal(statement: Statement, request: Request) -> tuple[Match, Match]:
    """Return whether the statement names the principal, and whether it names its account."""
    if "NotPrincipal" in statement:
        # The role's sessions count as principals of their own, which aren't known.
        return Match.MAYBE, Match.NO
    principals = statement.get("Principal", {})
    if principals == "*":
        return Match.YES, Match.NO
    named, account = Match.NO, Match.NO
    for name in map(str, _list(principals.get("AWS"))):
        if name == "*" or name == request.principal:
            named = Match.YES
        elif name == request.account or name.endswith(f":iam::{request.account}:root"):
            account = Match.YES
        elif _may_be(name, request.principal, request.account):
            named = max(named, Match.MAYBE)
    return named, account


def _may_be(name: str, principal: str | None, account: str) -> bool:
    """Return whether a name can be one of the role's sessions."""
    if principal is None:
        return f"::{account}:" in name
    role = principal.rpartition("/")[2]
    return f":sts::{account}:assumed-role/{role}/" in name


def _action(statement: Statement, request: Request) -> Match:
    if "NotAction" in statement:
        return Match(2 * (not _any_like(statement["NotAction"], request.action, re.IGNORECASE)))
    return Match(2 * _any_like(statement.get("Action"), request.action, re.IGNORECASE))


def _resource(statement: Statement, request: Request) -> Match:
    element = "NotResource" if "NotResource" in statement else "Resource"
    exact = [_filled(str(pattern), request.context) for pattern in _list(statement.get(element))]
    match = Match(2 * _any_like(exact, request.resource))
    # A variable whose value isn't known may stand for anything.
    if not match and _any_like([_VARIABLE.sub("*", pattern) for pattern in exact], request.resource):
        return Match.MAYBE
    return Match(2 - match) if element == "NotResource" else match


def _filled(pattern: str, context: Mapping[str, str]) -> str:
    for key, value in context.items():
        pattern = pattern.replace(f"${{{key}}}", value)
    return pattern


def _conditions(statement: Statement, request: Request) -> Match:
    matches = [
        Match.NO if _is_old_tls(operator, key, values) else _condition(operator, values, known.get(key.lower()))
        for known in [{key.lower(): value for key, value in request.context.items()}]
        for operator, conditions in statement.get("Condition", {}).items()
        for key, values in conditions.items()
    ]
    return min(matches, default=Match.YES)


def _is_old_tls(operator: str, key: str, values: Any) -> bool:
    """Return whether a condition is for TLS before 1.2, which no endpoint of AWS accepts.

    See https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html#example-bucket-policies-HTTP-HTTPS
    """
    is_less = operator.startswith("NumericLessThan") and "Equals" not in operator
    return is_less and key.lower() == "s3:tlsversion" and all(_number(one) <= 1.2 for one in _list(values))


def _condition(name: str, values: Any, value: str | None) -> Match:
    if value is None or any(_VARIABLE.search(str(one)) for one in _list(values)):
        return Match.MAYBE
    negated = "Not" in name
    name = name.removesuffix("IfExists").replace("Not", "")
    texts = [str(one) for one in _list(values)]
    match name:
        case "Null":
            return Match(2 * ("false" in [text.lower() for text in texts]))
        case "Bool" | "StringEqualsIgnoreCase":
            found = value.lower() in [text.lower() for text in texts]
        case "StringEquals":
            found = value in texts
        case "StringLike":
            found = _any_like(texts, value)
        case "ArnLike" | "ArnEquals":
            # A wildcard stands for text within one of an ARN's six parts.
            found = any(_is_arn_like(text, value) for text in texts)
        case _:
            compare = _COMPARISONS.get(name.removeprefix("Numeric").removeprefix("Date"))
            if compare is None:
                return Match.MAYBE
            found = any(compare(_number(value), _number(text)) for text in texts)
    return Match(2 * (found != negated))


def _is_arn_like(pattern: str, value: str) -> bool:
    patterns, values = pattern.split(":", 5), value.split(":", 5)
    return len(patterns) == len(values) and all(map(_any_like, patterns, values))


def _number(text: Any) -> float:
    """Read a number or a date, in ISO 8601 or as seconds since 1970; anything else is NaN."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return math.nan
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _any_like(patterns: Any, value: str, flags: int = 0) -> bool:
    return any(re.fullmatch(_regular(str(pattern)), value, flags | re.DOTALL) for pattern in _list(patterns))


def _regular(pattern: str) -> str:
    # `${?}` and the like are the character itself.
    patterns = {"*": "*", "?": "."} | {f"${{{c}}}": re.escape(c) for c in "*?$"}
    begin, *rest = _split(patterns.get(part, re.escape(part)) for part in _PATTERN.split(pattern))
    # Each piece matches at its first place only: with backtracking, many stars would take hours.
    return begin + "".join(f"(?>.*?{piece})" for piece in rest[:-1]) + "".join(f".*{end}" for end in rest[-1:])


def _split(parts: Iterable[str]) -> Iterator[str]:
    """Divide the parts of a pattern at its stars."""
    piece = ""
    for part in parts:
        if part == "*":
            yield piece
            piece = ""
        else:
            piece += part
    yield piece


def literal(text: str) -> str:
    """Write text so that a policy takes it literally: ``?``, ``*`` and ``${`` are patterns there."""
    return re.sub(r"\$(?=\{)|[?*]", lambda match: f"${{{match[0]}}}", text)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | Mapping) else [value]
