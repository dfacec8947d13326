"""The calls of Kinesis Video Streams.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_UpdateImageGenerationConfiguration.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError

from .properties import Feature
from .retries import Retries


class _OneService(Loader):
    """Knows the one service: botocore looks through the folders of hundreds for it, twice for each client."""

    def list_available_services(self, type_name: str) -> list[str]:
        return ["kinesisvideo"]


_session = botocore.session.get_session()
_session.register_component("data_loader", _OneService())

# Made while the function is initialised, where Lambda gives a full CPU whatever the function's memory.
client = boto3.Session(botocore_session=_session).client(
    "kinesisvideo",
    config=Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 1}),
)


def _refuse_broken_body(response_dict: Mapping[str, Any], **_: object) -> None:
    # botocore takes a body that is no JSON for an empty one, and an empty one says that nothing is configured.
    try:
        json.loads(response_dict["body"] or "{}")
    except ValueError:
        raise ResponseParserError("the body of the response is not JSON") from None


client.meta.events.register("before-parse.kinesis-video", _refuse_broken_body)


class KinesisVideo:
    """The streams of this account and Region, as one event sees them."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries

    def stream_arn(self, stream: Mapping[str, str]) -> str:
        """Resolve a stream's name: it can be given to another stream later, its ARN can't."""
        if "StreamARN" in stream:
            return stream["StreamARN"]
        arn: str = self._call("describe_stream", **stream)["StreamInfo"]["StreamARN"]
        return arn

    def configuration(self, feature: Feature, stream_arn: str) -> Mapping[str, Any] | None:
        """Read what the stream has; None if it has nothing configured."""
        return self._call(feature.describe, StreamARN=stream_arn).get(feature.configuration) or None

    def configure(self, feature: Feature, stream_arn: str, configuration: Mapping[str, Any]) -> None:
        """Set the whole configuration, in the place of the one before."""
        self._call(feature.update, **{"StreamARN": stream_arn, feature.configuration: configuration})

    def remove_configuration(self, feature: Feature, stream_arn: str) -> None:
        """Delete the configuration, which the API does when it is left out."""
        self._call(feature.update, StreamARN=stream_arn)

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        name = client.meta.method_to_api_mapping[operation]
        method = getattr(client, operation)
        response: dict[str, Any] = self._retries.call(name, lambda: method(**parameters))
        return response
