"""Routes, request validation and error statuses of the services, from botocore's models."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.session import get_session

# The types of the shapes in requests, and their nouns.
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "structure": ((dict,), "a structure"),
    "map": ((dict,), "a map"),
    "list": ((list,), "a list"),
    "string": ((str,), "a string"),
    "boolean": ((bool,), "true or false"),
    "integer": ((int,), "an integer"),
    "long": ((int,), "an integer"),
    "timestamp": ((int, float), "a number of seconds since the epoch"),
}

# Common errors of AWS's services, which no service model lists.
_COMMON_ERRORS = {"UnknownOperationException": 404, "InternalFailure": 500, "ServiceUnavailable": 503}


class InvalidRequestError(ValueError):
    """A request that breaks a constraint of the service model."""


class Model:
    """One service, as botocore describes it.

    Parameters
    ----------
    service_name
        botocore's name of the service, such as ``kinesisvideo``. Its requests are JSON objects in the body.

    Attributes
    ----------
    operations
        The operations by their names.
    errors
        The HTTP status of every error that the service may answer with.
    """

    def __init__(self, service_name: str) -> None:
        service = get_session().get_service_model(service_name)
        self.operations: dict[str, OperationModel] = {
            name: service.operation_model(name) for name in service.operation_names
        }
        declared = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in service.error_shapes}
        self.errors: dict[str, int] = {**declared, **_COMMON_ERRORS}

    def parse(self, operation: str, request: Any) -> dict[str, Any]:
        """Check a request against an operation's input shape.

        Returns
        -------
        dict
            The request without nulls and without members that the model does not know, which rest-json ignores.

        Raises
        ------
        InvalidRequestError
            If a member is missing, of another type, out of bounds, or does not match its pattern or its enum.
        """
        shape = self.operations[operation].input_shape
        parsed: dict[str, Any] = _parse(shape, request, operation) if shape else {}
        return parsed


def _parse(shape: Shape, value: Any, where: str) -> Any:
    types, noun = _TYPES[shape.type_name]
    # bool is a subclass of int, but true is not a number in JSON.
    fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
    if not fits:
        raise InvalidRequestError(f"{where} must be {noun}")
    match shape:
        case StructureShape():
            return _parse_structure(shape, value, where)
        case MapShape():
            _check_size(shape, len(value), where, " entries")
            return {
                _parse(shape.key, key, f"{where} key"): _parse(shape.value, item, f"{where}.{key}")
                for key, item in value.items()
            }
        case ListShape():
            _check_size(shape, len(value), where, " items")
            return [_parse(shape.member, item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, str):
        _check_string(shape, value, where)
    elif not isinstance(value, bool):
        _check_size(shape, value, where)
    return value


def _parse_structure(shape: StructureShape, value: dict[str, Any], where: str) -> dict[str, Any]:
    missing = [name for name in shape.required_members if value.get(name) is None]
    if missing:
        raise InvalidRequestError(f"{where} must have {', '.join(missing)}")
    return {
        name: _parse(member, value[name], name) for name, member in shape.members.items() if value.get(name) is not None
    }


def _check_size(shape: Shape, size: float, where: str, unit: str = "") -> None:
    verb = "have" if unit else "be"
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        raise InvalidRequestError(f"{where} must {verb} at least {low}{unit}")
    if high is not None and size > high:
        raise InvalidRequestError(f"{where} must {verb} at most {high}{unit}")


def _check_string(shape: Shape, value: str, where: str) -> None:
    _check_size(shape, len(value), where, " characters")
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        raise InvalidRequestError(f"{where} must be one of {', '.join(allowed)}")
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        raise InvalidRequestError(f"{where} must match {pattern}")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # The model's patterns are Java's: \w and \d are ASCII there, and Python's re has no \p. Each of these stands inside
    # a character class everywhere in this model; \w here adds only the underscore, which those classes allow anyway.
    for java, python in (
        (r"\w", "a-zA-Z0-9_"),
        (r"\d", "0-9"),
        (r"\p{L}", r"\w"),
        (r"\p{N}", r"\w"),
        (r"\p{Z}", "\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"),
    ):
        pattern = pattern.replace(java, python)
    return re.compile(pattern)
