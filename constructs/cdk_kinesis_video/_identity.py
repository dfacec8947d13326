"""What identifies the configuration of a stream: the stream, and never the path of the construct that declares it.

A stream has one configuration of a kind. Were its custom resource named after the construct, renaming the construct
would make CloudFormation create a resource that sets the configuration, and then delete one that removes it.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import cast

from aws_cdk import Stack
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from ._validation import is_known


def stream_of_app(stream: IStreamRef) -> kinesisvideo.CfnStream | None:
    """Find the L1 behind a stream that is declared in this app; None for an imported one."""
    if isinstance(stream, kinesisvideo.CfnStream):
        return stream
    child = stream.node.default_child
    return child if isinstance(child, kinesisvideo.CfnStream) else None


def name_of(stream: IStreamRef) -> str:
    """Find the name of a stream as it is declared; a token if CloudFormation makes it up."""
    resource = stream_of_app(stream)
    # A VideoStream without a name gives its L1 a token that stands for nothing at all.
    declared = None if resource is None else Stack.of(resource).resolve(resource.name)
    if resource is None or declared is None:
        return stream.stream_ref.stream_name
    return declared if isinstance(declared, str) else cast("str", resource.name)


def logical_id(scope: Construct, stream: IStreamRef, feature: str) -> str:
    """Make the logical id of a stream's custom resource, the same wherever in the stack it is declared."""
    resource = stream_of_app(stream)
    if resource is None:
        return f"{_imported_id(scope, stream)}{feature}"
    # A token: it follows when the stream's own logical id is overridden later.
    own = resource.logical_id
    home = Stack.of(resource)
    if home.node.path == Stack.of(scope).node.path:
        return f"{own}{feature}"
    if home.nested_stack_resource is not None:
        return f"{Stack.of(home.nested_stack_resource).get_logical_id(home.nested_stack_resource)}{own}{feature}"
    return f"{_alphanumeric(home.stack_name)}{own}{feature}"


def claim(scope: Construct, provider: Construct, stream: IStreamRef, feature: str, resource_id: str) -> None:
    """Note that `scope` declares the stream's configuration.

    Raises
    ------
    ValueError
        If another construct of the app has declared it.
    """
    resource = stream_of_app(stream)
    # The note is a construct because these outlive the Python object that stands for them.
    note_id = _note_id(feature if resource else resource_id)
    holder = resource or provider
    earlier = holder.node.try_find_child(note_id)
    if earlier is not None:
        raise ValueError(
            f"`stream` has its configuration at {earlier.node.try_get_context('declared-at')!r} already and can't have "
            f"a second one at {scope.node.path!r}, keep one of the two"
        )
    Construct(holder, note_id).node.set_context("declared-at", scope.node.path)


def is_claimed(stream: kinesisvideo.CfnStream, feature: str) -> bool:
    """Whether a construct of the app declares the stream's configuration."""
    return stream.node.try_find_child(_note_id(feature)) is not None


def _note_id(what: str) -> str:
    return f"cdk-kinesis-video:{what}"


def _imported_id(scope: Construct, stream: IStreamRef) -> str:
    name = stream.stream_ref.stream_name
    if is_known(name):
        return f"{_alphanumeric(name)}{_digest(name)}"
    return f"Stream{_digest(json.dumps(Stack.of(scope).resolve(name), sort_keys=True))}"


def _alphanumeric(text: str) -> str:
    return re.sub("[^a-zA-Z0-9]", "", text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8].upper()
