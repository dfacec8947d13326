"""What identifies the configuration of a stream: the stream, and never the path of the construct that declares it.

A stream has one configuration of a kind. Were its custom resource named after the construct, renaming the construct
would make CloudFormation create a resource that sets the configuration, and then delete one that removes it.
"""

from __future__ import annotations

import hashlib
import json
import re

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
    note_id = f"cdk-kinesis-video:{feature if resource else resource_id}"
    holder = resource or provider
    earlier = holder.node.try_find_child(note_id)
    if earlier is not None:
        raise ValueError(
            f"`stream` has its configuration at {earlier.node.try_get_context('declared-at')!r} already and can't have "
            f"a second one at {scope.node.path!r}, keep one of the two"
        )
    Construct(holder, note_id).node.set_context("declared-at", scope.node.path)


def _imported_id(scope: Construct, stream: IStreamRef) -> str:
    name = stream.stream_ref.stream_name
    if is_known(name):
        return f"{_alphanumeric(name)}{_digest(name)}"
    return f"Stream{_digest(json.dumps(Stack.of(scope).resolve(name), sort_keys=True))}"


def _alphanumeric(text: str) -> str:
    return re.sub("[^a-zA-Z0-9]", "", text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8].upper()
