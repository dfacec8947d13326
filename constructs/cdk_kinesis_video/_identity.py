"""What identifies the configuration of a stream: the stream, and never the path of the construct that declares it.

A stream has one configuration of a kind. Were its custom resource named after the construct, renaming the construct
would make CloudFormation create a resource that sets the configuration, and then delete one that removes it.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary

from aws_cdk import Stack
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from ._provider import Provider
from ._validation import is_known


class OwnStream:
    """A stream of this library, which knows about itself what others must be asked for by round trips to CDK."""

    _resource: kinesisvideo.CfnStream
    _home: Stack | None
    """Its stack, where that is known."""


def stream_of_app(stream: IStreamRef) -> kinesisvideo.CfnStream | None:
    """Find the L1 behind a stream that is declared in this app; None for an imported one."""
    if isinstance(stream, kinesisvideo.CfnStream):
        return stream
    if isinstance(stream, OwnStream):
        return stream._resource
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


_known: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def known_of(owner: Any, name: str) -> Any:
    """Ask CDK once for what never changes of what many streams share: their stack, their bucket, their producer."""
    known = _known.setdefault(owner, {})
    if name not in known:
        known[name] = getattr(owner, name)
    return known[name]


@dataclass(frozen=True)
class Target:
    """A stream as seen from the stack that declares something on it."""

    stack: Stack
    stream: IStreamRef
    resource: kinesisvideo.CfnStream | None
    """The L1 behind a stream that is declared in this app; None for an imported one."""
    home: Stack | None
    """The stack of that L1."""
    own_id: str
    """The logical id of that L1: a token, which follows when the id is overridden later."""

    @classmethod
    def of(cls, scope: Construct, stream: IStreamRef) -> Target:
        """Ask CDK, whose every answer is a round trip to another process, only once."""
        stack = scope if isinstance(scope, Stack) else Stack.of(scope)
        resource = stream_of_app(stream)
        if resource is None:
            return cls(stack, stream, None, None, "")
        home = stream._home if isinstance(stream, OwnStream) else None
        return cls(stack, stream, resource, home or Stack.of(resource), resource.logical_id)

    @property
    def here(self) -> str:
        """The Region of the stack."""
        region: str = known_of(self.stack, "region")
        return region

    @property
    def region(self) -> str:
        """The Region of the stream."""
        return self.here if self.home is self.stack else self.stream.env.region

    @property
    def parameter(self) -> dict[str, Any]:
        """The stream as the function takes it."""
        if self.resource is not None and self.home is self.stack:
            # What its `attr_arn` is within its own stack, without asking CDK for it.
            return {"StreamARN": {"Fn::GetAtt": [self.own_id, "Arn"]}}
        reference = self.stream.stream_ref
        # Without the creation time of the stream it is no ARN that the API takes; the function looks the name up.
        if reference.stream_arn.endswith("/*"):
            return {"StreamName": reference.stream_name}
        return {"StreamARN": reference.stream_arn}

    def logical_id(self, feature: str) -> str:
        """Make the logical id of the stream's custom resource, the same wherever in the stack it is declared."""
        if self.home is None:
            return f"{self._imported_id()}{feature}"
        if self.home is self.stack or self.home.node.path == self.stack.node.path:
            return f"{self.own_id}{feature}"
        nested = self.home.nested_stack_resource
        if nested is not None:
            return f"{Stack.of(nested).get_logical_id(nested)}{self.own_id}{feature}"
        return f"{_alphanumeric(self.home.stack_name)}{self.own_id}{feature}"

    def _imported_id(self) -> str:
        name = self.stream.stream_ref.stream_name
        if is_known(name):
            return f"{_alphanumeric(name)}{_digest(name)}"
        return f"Stream{_digest(json.dumps(self.stack.resolve(name), sort_keys=True))}"


# Where each configuration is declared. The keys hold tokens of CDK, which never repeat within a process, and jsii
# keeps every construct for as long as that lives.
_declared: dict[tuple[str, str], Construct] = {}


def claim(scope: Construct, provider: Provider, target: Target, feature: str) -> None:
    """Note that `scope` declares the stream's configuration.

    Raises
    ------
    ValueError
        If another construct of the app has declared it.
    """
    # A stream of the app is the same one from every stack of it.
    key = (target.own_id, feature) if target.resource else (provider.service_token, target.logical_id(feature))
    earlier = _declared.setdefault(key, scope)
    if earlier is not scope:
        raise ValueError(
            f"`stream` has its configuration at {earlier.node.path!r} already and can't have a second one at "
            f"{scope.node.path!r}, keep one of the two"
        )


def is_claimed(stream: kinesisvideo.CfnStream, feature: str) -> bool:
    """Whether a construct of the app declares the stream's configuration."""
    return (stream.logical_id, feature) in _declared


def _alphanumeric(text: str) -> str:
    return re.sub("[^a-zA-Z0-9]", "", text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8].upper()
