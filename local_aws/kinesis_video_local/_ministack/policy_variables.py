"""Resolves policy variables with the values of a request; ministack treats them as text.

- `${aws:PrincipalTag/team}` and others have the values of the request's context, or the default in the variable. A
  pattern whose variable has no value matches nothing.
- `${*}`, `${?}` and `${$}` are these literal characters, and so are `*` and `?` in the value of a variable.
- Only policies of the version 2012-10-17 have variables.
- There is no credentials provider of AWS IoT. A session of a role that `credentials.iot.amazonaws.com` is allowed to
  assume is a thing with the session's name.

See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam

THING_NAME = "credentials-iot:ThingName"

_VARIABLE = re.compile(r"\$\{(?P<name>[^}',]+?)(?:\s*,\s*'(?P<default>[^']*)')?\s*\}")
_CHARACTERS = ("*", "?", "$")
_VERSION = "2012-10-17"
_PROVIDER = "credentials.iot.amazonaws.com"
# Stand for literal characters in a pattern. They are in Unicode's private use area, so no request has them.
_LITERALS = {"*": "\ue02a", "?": "\ue03f"}
_AS_REGULAR_EXPRESSION = {literal: re.escape(character) for character, literal in _LITERALS.items()}


def install() -> None:
    """Resolve variables before ministack compares a statement with a request."""
    parse_policy_document = iam_evaluator.parse_policy_document
    principal_keys = iam_evaluator._principal_keys

    def parse(document: Any) -> Any:
        statements = parse_policy_document(document)
        if _has_variables(document):
            for statement in statements:
                statement.has_variables = True
        return statements

    def first_match(context: Any, statements: Sequence[Any], effect: str) -> Any:
        for statement in statements:
            if statement.effect == effect and _applies(statement, context):
                return statement
        return None

    @cache
    def compile_pattern(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        special = {**_AS_REGULAR_EXPRESSION, "*": ".*", "?": "."}
        expression = "".join(special.get(character) or re.escape(character) for character in pattern)
        # The name of an object can have line breaks.
        return re.compile(rf"(?:{expression})\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))

    def keys(credential: Any) -> dict[str, Any]:
        known: dict[str, Any] = principal_keys(credential)
        if credential.principal_type == "AssumedRole":
            _, role, session = credential.principal_arn.split("/")
            trust = (iam._roles.get_scoped(credential.account_id, None, role) or {}).get("AssumeRolePolicyDocument", "")
            if _PROVIDER in (trust if isinstance(trust, str) else json.dumps(trust)):
                known[THING_NAME.lower()] = session
        return known

    iam_evaluator.parse_policy_document = parse
    iam_evaluator._first_match = first_match
    iam_evaluator._fnmatch_compile = compile_pattern
    iam_evaluator._principal_keys = keys


def keys_of(statement: Any) -> Iterator[str]:
    """List the context keys that a statement uses."""
    texts = [*statement.resources, *statement.not_resources]
    for conditions in statement.conditions.values():
        for key, expected in conditions.items():
            yield key
            texts += expected if isinstance(expected, list) else [expected]
    if getattr(statement, "has_variables", False):
        for text in texts:
            for match in _VARIABLE.finditer(str(text)):
                if match["name"] not in _CHARACTERS and match["default"] is None:
                    yield match["name"]


def _has_variables(document: Any) -> bool:
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return False
        return isinstance(document, dict) and document.get("Version") == _VERSION
    # ministack passes the statements of a resource's policy without their document.
    return isinstance(document, dict) and document.get("Version", _VERSION) == _VERSION


def _applies(statement: Any, context: Any) -> bool:
    resources, not_resources = statement.resources, statement.not_resources
    conditions: Mapping[str, Any] = statement.conditions
    if getattr(statement, "has_variables", False):
        resources, not_resources = _resolve(resources, context), _resolve(not_resources, context)
        conditions = {
            operator: {key: _resolve(_listed(expected), context, operator) for key, expected in expectations.items()}
            for operator, expectations in conditions.items()
        }
    # Resources whose variables have no values are dropped; a statement whose resources are all dropped doesn't apply.
    return bool(
        iam_evaluator._action_matches(context.action, statement.actions, statement.not_actions)
        and (resources or not statement.resources)
        and iam_evaluator._resource_matches(context.resource_arn, resources, not_resources)
        and iam_evaluator._conditions_met(conditions, context)
    )


def _listed(expected: Any) -> list[Any]:
    return expected if isinstance(expected, list) else [expected]


def _resolve(texts: Iterable[Any], context: Any, operator: str = "ArnLike") -> list[Any]:
    """Replace the variables, and drop each text that has a variable without a value."""
    as_pattern = any(word in operator.lower() for word in ("like", "arn"))
    found = (_resolved(text, context, as_pattern) if isinstance(text, str) else text for text in texts)
    return [text for text in found if text is not None]


def _resolved(text: str, context: Any, as_pattern: bool) -> str | None:
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        name = match["name"]
        found = name if name in _CHARACTERS else iam_evaluator._resolve_condition_key(name, context)
        if not isinstance(found, str):
            found = match["default"]
        if found is None:
            missing = True
            return ""
        return "".join(_LITERALS.get(character, character) for character in found) if as_pattern else found

    replaced = _VARIABLE.sub(value, text)
    return None if missing else replaced
