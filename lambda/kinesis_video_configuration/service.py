"""The calls of Kinesis Video Streams.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_UpdateImageGenerationConfiguration.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.parsers import ResponseParserError

from . import timing
from .features import Feature
from .retries import Retries


def create_client(session: boto3.Session) -> Any:
    """Make the client that `KinesisVideo` takes: with the timeouts of `timing`, and without botocore's own retries."""
    client = session.client(
        "kinesisvideo",
        config=Config(
            connect_timeout=timing.CONNECT_SECONDS,
            read_timeout=timing.READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 1},
        ),
    )
    client.meta.events.register("before-parse.kinesis-video", _refuse_broken_body)
    return client


def _refuse_broken_body(response_dict: Mapping[str, Any], **_: object) -> None:
    # botocore takes a body that is no JSON for an empty one, and an empty one says that nothing is configured.
    try:
        json.loads(response_dict["body"] or "{}")
    except ValueError:
        raise ResponseParserError("the body of the response is not JSON") from None


class KinesisVideo:
    """The streams of the client's account and Region.

    Parameters
    ----------
    client
        What `create_client` makes.
    retries
        When a call is made again, and until when.
    """

    def __init__(self, client: Any, retries: Retries) -> None:
        self._client = client
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
        name = self._client.meta.method_to_api_mapping[operation]
        method = getattr(self._client, operation)
        response: dict[str, Any] = self._retries.call(name, lambda: method(**parameters))
        return response
