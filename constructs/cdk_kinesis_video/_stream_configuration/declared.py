"""The configurations that a stack declares for its streams, for the drift monitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import CfnResource
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from kinesis_video_contract.configurations import STREAM_ARN, Feature


@dataclass(frozen=True)
class Declared:
    """One configuration of one stream."""

    construct: Construct
    """The construct that declares it."""
    feature: Feature
    stream: IStreamRef
    resource: CfnResource
    logical_id: str
    """The logical id of the resource, with a token for the stream's."""
    configuration: Mapping[str, Any]

    @property
    def properties(self) -> dict[str, Any]:
        """The API's request, as in the custom resource.

        The Ref of the custom resource is the stream's ARN, even if the stream is declared by its name.
        """
        given = {name: value for name, value in self.configuration.items() if value is not None}
        return {STREAM_ARN: self.resource.ref, self.feature.configuration: given}
