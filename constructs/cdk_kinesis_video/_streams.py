"""Helpers for reading stream properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from aws_cdk import Annotations
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef, StreamReference
from constructs import Construct

from kinesis_video_contract.streams import MAX_STREAM_NAME_LENGTH, STREAM_NAME_PATTERN

from ._jsii import stack_of
from ._validation import check_pattern, check_type

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

UNKNOWN_STREAM_KEY = "cdk-kinesis-video:unknown-stream-key"


class CfnStream(kinesisvideo.CfnStream):
    """The L1 of a stream of this library. It records properties set in Python, which saves two round trips a stream.

    Properties that JavaScript sets, such as a mixin written in JavaScript, are not recorded.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a property, and record it if it is one of `_NOTED`."""
        super().__setattr__(name, value)
        if name in _NOTED:
            note(self, **{name: value})


def note(stream: CfnStream, **properties: Any) -> None:
    """Record properties. Not a method: for each object, jsii compares the methods of its class with the CDK's."""
    vars(stream).setdefault("noted", {}).update(properties)


_NOTED = ("data_retention_in_hours", "kms_key_id")


def property_of(stream: kinesisvideo.CfnStream, name: str) -> Any:
    """Return the current value of a property of an L1."""
    return vars(stream)["noted"][name] if isinstance(stream, CfnStream) else getattr(stream, name)


class DeclaredStream:
    """A stream of this library that is declared in this app."""

    cfn_stream: kinesisvideo.CfnStream
    """The L1 behind it, for properties without a prop here."""
    declared_in: Construct
    """The construct that it belongs to."""


def check_stream(prop: str, stream: Any) -> None:
    if isinstance(stream, DeclaredStream | kinesisvideo.CfnStream):
        return
    reference = getattr(stream, "stream_ref", None)
    # Streams of Kinesis Data Streams have a property with the same name.
    if type(reference).__name__ == "StreamReference" and not isinstance(reference, StreamReference):
        raise ValueError(
            f"`{prop}` is the Kinesis data stream {stream.node.path!r}, it must be a Kinesis video stream: a "
            "VideoStream or a CfnStream of aws_kinesisvideo"
        )
    check_type(prop, stream, isinstance(reference, StreamReference), "a VideoStream or a CfnStream")


def check_stream_name(prop: str, stream_name: Any) -> None:
    check_type(prop, stream_name, isinstance(stream_name, str), "text such as 'front-door'")
    check_pattern(prop, stream_name, STREAM_NAME_PATTERN, MAX_STREAM_NAME_LENGTH, "a-z A-Z 0-9 _ . -")


def cfn_stream_of(stream: IStreamRef) -> kinesisvideo.CfnStream | None:
    """Find the L1 behind a stream that is declared in this app; None for an imported one."""
    if isinstance(stream, kinesisvideo.CfnStream):
        return stream
    if isinstance(stream, DeclaredStream):
        return stream.cfn_stream
    child = stream.node.default_child
    return child if isinstance(child, kinesisvideo.CfnStream) else None


def name_of(stream: IStreamRef) -> str:
    """Return the name of a stream as it is declared; a token if CloudFormation generates it."""
    resource = cfn_stream_of(stream)
    # A VideoStream without a name gives its L1 a token that resolves to nothing.
    declared = None if resource is None else stack_of(resource).resolve(resource.name)
    if resource is None or declared is None:
        return stream.stream_ref.stream_name
    return declared if isinstance(declared, str) else cast("str", resource.name)


def key_of(scope: Construct, stream: IStreamRef) -> kms.IKey | None:
    key: kms.IKey | None = getattr(stream, "encryption_key", None)
    if key is not None:
        return key
    resource = cfn_stream_of(stream)
    # A mixin gets the L1 of a VideoStream; the VideoStream has the key.
    if resource is stream:
        key = cast("kms.IKey | None", getattr(resource.node.scope, "encryption_key", None))
        if key is not None:
            return key
    key_id = None if resource is None else property_of(resource, "kms_key_id")
    if resource is None or key_id is None or key_id == "alias/aws/kinesisvideo":
        return None
    found = resource.node.try_find_child("cdk-kinesis-video:Key")
    if found is not None:
        return cast("kms.IKey", found)
    if _is_key_arn(stack_of(resource).resolve(key_id)):
        from aws_cdk import aws_kms as kms

        return kms.Key.from_key_arn(resource, "cdk-kinesis-video:Key", key_id)
    # IAM policies need a key ARN.
    Annotations.of(scope).add_warning_v2(
        UNKNOWN_STREAM_KEY,
        "the stream's `kms_key_id` is not an ARN, so no permission on its key was granted; set the key's ARN, or "
        "declare the stream as VideoStream(encryption_key=...)",
    )
    return None


def _is_key_arn(key_id: Any) -> bool:
    if isinstance(key_id, str):
        return key_id.startswith("arn:") and ":key/" in key_id
    return isinstance(key_id, dict) and list(key_id.get("Fn::GetAtt", []))[1:] == ["Arn"]
