"""The record of a call for CloudTrail.

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
    """A call of an operation on streams. Calls on their media are data events, which aren't recorded."""

    name: str
    read_only: bool
    resource: str | None
    """The name of the stream that it addresses."""
    request_parameters: Mapping[str, Any] | None
    """The request in CloudTrail's form: names begin in lower case."""
    response_elements: Mapping[str, Any] | None
    """The answer in the same form; None if the call changes nothing."""
    error_code: str | None
    error_message: str | None
    user_agent: str


Audit: TypeAlias = Callable[[Caller, ManagementEvent], None]
"""Records a management event and its caller."""


def management_event(
    operation: OperationModel, resource: str | None, user_agent: str, request: Mapping[str, Any], answer: Answer
) -> ManagementEvent:
    """Return the management event of an answered call."""
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
    """Return a value in CloudTrail's form: members of structures begin in lower case, keys of maps don't change."""
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
