"""The CloudFormation type AWS::KinesisVideo::Stream.

CloudFormation's own calls reach the streams directly: they meet no quota and no fault, and no test counts them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .control_plane import CONTROL_PLANE
from .streams import Stream, Streams

Properties = dict[str, Any]
# A resource as CloudFormation keeps it: its physical id, which is its Ref, and its attributes.
Resource = tuple[str, dict[str, str]]

TYPE = "AWS::KinesisVideo::Stream"
# The only property whose change replaces the stream.
REPLACING_PROPERTIES = ("Name",)


class StreamType:
    """Creates, updates and deletes the streams that templates declare."""

    def __init__(self, current_streams: Callable[[], Streams], generated_name: Callable[[str, str], str]) -> None:
        self._current_streams = current_streams
        self._generated_name = generated_name

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Resource:
        """Create the stream; it is ACTIVE at once, because CloudFormation reports it only once it is."""
        name = properties.get("Name") or self._generated_name(stack_name, logical_id)
        request = _as_create_stream(name, properties)
        return _resource(self._current_streams().create(request, creating_seconds=0))

    def update(self, physical_id: str, _old: Properties, new: Properties, _stack_name: str) -> Resource:
        """Update the stream in place."""
        stream = self._current_streams().get(physical_id)
        if stream is None:
            raise ValueError(f"The stream {physical_id} does not exist")
        request = _as_create_stream(physical_id, new)
        stream.declare(request)
        # CloudFormation documents this change as one without interruption, though no operation of the service can
        # make it: the key is stored and nothing more.
        stream.kms_key_id = request.get("KmsKeyId", stream.kms_key_id)
        return _resource(stream)

    def delete(self, physical_id: str, _properties: Properties) -> None:
        """Delete the stream, if it still exists."""
        self._current_streams().remove(physical_id)


def _as_create_stream(name: str, properties: Properties) -> dict[str, Any]:
    request = {**properties, "StreamName": name}
    if "DataRetentionInHours" in properties:
        # A template parameter makes it a string.
        request["DataRetentionInHours"] = int(properties["DataRetentionInHours"])
    request["Tags"] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])} or None
    return CONTROL_PLANE.parse("CreateStream", request)


def _resource(stream: Stream) -> Resource:
    return stream.name, {"Arn": stream.arn}
