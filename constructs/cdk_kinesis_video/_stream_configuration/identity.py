"""The identity of a stream's configuration: the stream, and never the path of the construct that declares it.

A stream has one configuration of each kind. If its custom resource were named after the construct, renaming the
construct would make CloudFormation create a resource that sets the configuration, and then delete one that removes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from kinesis_video_contract.configurations import STREAM_ARN, STREAM_NAME, Feature

from .._grants import stream_arn
from .._jsii import account_of, region_of, stack_of
from .._streams import DeclaredStream, cfn_stream_of
from .._validation import is_known
from .names import digest, names_in, names_in_stack, token_id
from .origin import origin_of

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MAX_LOGICAL_ID_LENGTH = 255


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
    """The logical id of that L1: a token, which also reflects a later override of the id."""
    origin: kinesisvideo.CfnStream | None
    """The L1 of this app whose ARN or name, a token, was imported."""

    @classmethod
    def of(cls, scope: Construct, stream: IStreamRef) -> Target:
        """Find the L1 and its stack, so that the CDK is asked once."""
        resource = cfn_stream_of(stream)
        if resource is None:
            stack = stack_of(scope)
            return cls(stack, stream, None, None, "", origin_of(stream, stack))
        home = stack_of(stream.declared_in if isinstance(stream, DeclaredStream) else resource)
        return cls(stack_of(scope), stream, resource, home, resource.logical_id, None)

    @property
    def here(self) -> str:
        """The Region of the stack."""
        return region_of(self.stack)

    @property
    def region(self) -> str:
        """The Region of the stream."""
        return region_of(self.home) if self.home is not None else self.stream.env.region

    @property
    def account(self) -> str:
        """The account of the stream."""
        return account_of(self.home) if self.home is not None else self.stream.env.account

    @property
    def partition(self) -> str:
        """The partition that an imported stream's ARN names; otherwise empty, since the Region tells it."""
        arn = "" if self.home is not None else stream_arn(self.stream)
        return arn.split(":")[1] if arn.startswith("arn:") else ""

    @property
    def parameter(self) -> dict[str, Any]:
        """The stream's properties for the function."""
        if self.resource is not None and self.home is self.stack:
            # Equal to its `attr_arn` within its own stack, without a round trip.
            return {STREAM_ARN: {"Fn::GetAtt": [self.own_id, "Arn"]}}
        reference = self.stream.stream_ref
        # The API takes no ARN without the creation time of the stream; the function looks the name up.
        if reference.stream_arn.endswith("/*"):
            return {STREAM_NAME: reference.stream_name}
        return {STREAM_ARN: reference.stream_arn}

    def logical_id(self, feature: Feature) -> str:
        """Make the logical id of the stream's custom resource, the same wherever in the stack it is declared.

        An id that contains the stream's logical id, which is a token, may still be too long.
        """
        if self.home is None:
            return fitting(f"{self._imported_id()}{_id_suffix(feature)}")
        if self.home is self.stack or self.home.node.path == self.stack.node.path:
            return f"{self.own_id}{_id_suffix(feature)}"
        nested = self.home.nested_stack_resource
        if nested is not None:
            return f"{stack_of(nested).get_logical_id(nested)}{self.own_id}{_id_suffix(feature)}"
        return f"{_alphanumeric(self.home.stack_name)}{self.own_id}{_id_suffix(feature)}"

    def claim(self, feature: Feature, scope: Construct) -> None:
        """Record that `scope` declares the stream's configuration.

        Raises
        ------
        ValueError
            If another construct of the app has declared it, also in another stack or stage of the same account and
            Region, and also if the stream is declared here and imported there.
        """
        resource = self.resource or self.origin
        if resource is not None:
            # Every stack of the app sees the same stream.
            own_id = self.own_id or resource.logical_id
            earlier = _declared.setdefault((own_id, feature), scope)
            home = self.home or stack_of(resource)
            for names in dict.fromkeys((names_in(home), names_in_stack(home))):
                if earlier is scope:
                    earlier = names.declare(resource, feature, scope)
        else:
            name = self.stream.stream_ref.stream_name
            known = is_known(name)
            # In another stack the same token can have another value.
            names = names_in(self.stack) if known else names_in_stack(self.stack)
            earlier = names.import_(name if known else self._imported_id(), feature, scope)
        if earlier is not scope:
            raise ValueError(
                f"`stream` has its {title_of(feature)} at {earlier.node.path!r} already and can't have a second one at "
                f"{scope.node.path!r}, keep one of the two"
            )

    def _imported_id(self) -> str:
        name = self.stream.stream_ref.stream_name
        if is_known(name):
            return f"{_alphanumeric(name)}{digest(name)}"
        return token_id(self.stack, name)


# Where each configuration is declared: searching the tree would take a round trip for each of its constructs.
# The keys hold tokens of the CDK, which never repeat within a process.
_declared: dict[tuple[str, Feature], Construct] = {}


def fitting(logical_id: str) -> str:
    """Shorten a logical id that is too long for CloudFormation; the ids of deployed resources are short enough."""
    if len(logical_id) <= MAX_LOGICAL_ID_LENGTH:
        return logical_id
    end = digest(logical_id)
    return f"{logical_id[: MAX_LOGICAL_ID_LENGTH - len(end)]}{end}"


def title_of(feature: Feature) -> str:
    """Return the name for messages: `image generation` or `fragment notification`."""
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", _id_suffix(feature)).lower()


def _id_suffix(feature: Feature) -> str:
    return feature.resource_type.removeprefix("Custom::KinesisVideo")


def is_claimed(stream: kinesisvideo.CfnStream, feature: Feature) -> bool:
    """Return whether a construct of the app declares the stream's configuration."""
    return (stream.logical_id, feature) in _declared


def _alphanumeric(text: str) -> str:
    return re.sub("[^a-zA-Z0-9]", "", text)
