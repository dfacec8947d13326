"""What CloudTrail is told of a call.

See https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from .http import Answer, Caller

_READING = ("Describe", "Get", "List")


@dataclass(frozen=True)
class ManagementEvent:
    """A call of an operation on the streams themselves; those on their media are data events, which nobody records.

    Attributes
    ----------
    name
        The operation.
    read_only
        Whether it changes nothing.
    resource
        The name of the stream that it addresses, None if it addresses none.
    request_parameters, response_elements
        The request and the answer as CloudTrail writes them, with names that begin in lower case. The answer of what
        changes nothing isn't recorded.
    error_code, error_message
        Of a call that was refused.
    user_agent
        What the caller's SDK says of itself.
    """

    name: str
    read_only: bool
    resource: str | None
    request_parameters: Mapping[str, Any] | None
    response_elements: Mapping[str, Any] | None
    error_code: str | None
    error_message: str | None
    user_agent: str


Audit: TypeAlias = Callable[[Caller, ManagementEvent], None]
"""Takes the management events and who called."""


def management_event(
    operation: OperationModel, resource: str | None, user_agent: str, request: Mapping[str, Any], answer: Answer
) -> ManagementEvent:
    """Describe a call that was answered."""
    read_only = operation.name.startswith(_READING)
    error = answer.headers.get("x-amzn-errortype")
    answered = json.loads(answer.body) if isinstance(answer.body, bytes) else {}
    return ManagementEvent(
        name=operation.name,
        read_only=read_only,
        resource=resource,
        request_parameters=_recorded(operation.input_shape, request) or None,
        response_elements=None if error or read_only else _recorded(operation.output_shape, answered) or None,
        error_code=error,
        error_message=answered["Message"] if error else None,
        user_agent=user_agent,
    )


def _recorded(shape: Shape | None, value: Any) -> Any:
    """Write a value as CloudTrail does: the members of a structure begin in lower case, the keys of a map stay."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {
            name[0].lower() + name[1:]: _recorded(shape.members[name], member)
            for name, member in value.items()
            if name in shape.members
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_recorded(shape.member, item) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _recorded(shape.value, item) for key, item in value.items()}
    return value
