"""The calls of Kinesis Video Streams.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_UpdateImageGenerationConfiguration.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal, NoReturn, Protocol

from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.validate import validate_parameters

from kinesis_video_contract.configurations import Feature

from . import timing
from .declaration import differences
from .retries import Retries

Service = Literal["kinesisvideo", "cloudformation", "events", "s3", "sns", "stepfunctions"]


class Session(Protocol):
    """What makes clients: a session of boto3, or one of a function that does without boto3."""

    def client(self, service_name: Any, *, config: Config) -> Any:
        """Make a client, as `boto3.Session.client` does."""
        ...


def create_client(
    session: Session,
    service: Service = "kinesisvideo",
    *,
    read_seconds: float = timing.READ_SECONDS,
    connections: int = 10,
) -> Any:
    """Make a client for `Retries`: with the timeouts of `timing`, and without botocore's retries."""
    client = session.client(
        service,
        config=Config(
            connect_timeout=timing.CONNECT_SECONDS,
            read_timeout=read_seconds,
            max_pool_connections=connections,
            retries={"mode": "standard", "total_max_attempts": 1},
        ),
    )
    client.meta.events.register("before-parse.kinesis-video", _refuse_other_than_json)
    client.meta.events.register("before-parse.cloudformation", _refuse_other_xml)
    return client


def _refuse_other_than_json(response_dict: Mapping[str, Any], **_: object) -> None:
    # botocore reads a body that isn't JSON as an empty reply, which would mean that nothing is configured.
    try:
        body = json.loads(response_dict["body"] or "{}")
    except ValueError:
        _refuse(response_dict)
    if not isinstance(body, dict):
        _refuse(response_dict)


def _refuse_other_xml(response_dict: Mapping[str, Any], **_: object) -> None:
    # The name of the outermost element ends in Response, also in an error. botocore can't parse a proxy's page.
    body = response_dict["body"]
    if body.startswith(b"<") and b"Response" not in body:
        _refuse(response_dict)


def _refuse(response_dict: Mapping[str, Any]) -> NoReturn:
    status = response_dict["status_code"]
    raise ResponseParserError(f"the body of the response is not the service's, its HTTP status is {status}")


class KinesisVideo:
    """The streams of the client's account and Region. `Retries` repeats the calls, which raise what it raises."""

    def __init__(self, client: Any, retries: Retries) -> None:
        self._client = client
        self._retries = retries

    def stream_arn(self, stream: Mapping[str, str]) -> str:
        """Look up the ARN of a stream: its name can be given to another stream later, and its ARN can't."""
        if "StreamARN" in stream:
            return stream["StreamARN"]
        arn: str = self._retries.call(self._client, "describe_stream", **stream)["StreamInfo"]["StreamARN"]
        return arn

    def describe(self, stream_arn: str) -> Mapping[str, Any]:
        """Read the stream's own properties, the API's StreamInfo."""
        response = self._retries.call(self._client, "describe_stream", StreamARN=stream_arn)
        info: Mapping[str, Any] = response["StreamInfo"]
        return info

    def validate(self, feature: Feature, configuration: Mapping[str, Any]) -> None:
        """Check the configuration against the service's model, without a call.

        Raises
        ------
        ParamValidationError
            Of botocore, if a field is missing or has a wrong type; the message names it.
        """
        operation = self._client.meta.method_to_api_mapping[feature.update]
        shape = self._client.meta.service_model.operation_model(operation).input_shape
        validate_parameters({feature.configuration: configuration}, shape)

    def configuration(self, feature: Feature, stream_arn: str) -> Mapping[str, Any] | None:
        """Read the stream's configuration; None if it has none."""
        return self._found(feature, self._retries.call(self._client, feature.describe, StreamARN=stream_arn))

    def configure(
        self,
        feature: Feature,
        stream_arn: str,
        configuration: Mapping[str, Any],
        *,
        before: Callable[[], object] | None = None,
    ) -> None:
        """Replace the whole configuration.

        `before` is called before each attempt. It may make one call, once, and raises if nothing may be set any more.
        """

        def check_and_set() -> None:
            if before is not None:
                before()
            parameters = {"StreamARN": stream_arn, feature.configuration: configuration}
            self._retries.once(self._client, feature.update, **parameters)

        self._retries.repeat(check_and_set, calls=1 if before is None else 2)

    def remove(self, feature: Feature, stream_arn: str, configuration: Mapping[str, Any]) -> list[str] | None:
        """Remove the stream's configuration if it is this one.

        The API has no conditional write, so the configuration is read just before each attempt to remove it.

        Returns
        -------
        The fields that differ, if the stream has another configuration, which stays; an empty list if the configuration
        was removed; None if there was nothing to remove.
        """
        sent = False

        def read_and_remove() -> list[str] | None:
            nonlocal sent
            found = self._found(feature, self._retries.once(self._client, feature.describe, StreamARN=stream_arn))
            if found is None:
                return [] if sent else None
            fields = differences(feature, configuration, found)
            if not fields:
                sent = True
                # Without a configuration in the request, the API deletes the stream's.
                self._retries.once(self._client, feature.update, StreamARN=stream_arn)
            return fields

        return self._retries.repeat(read_and_remove, calls=2)

    @staticmethod
    def _found(feature: Feature, response: Mapping[str, Any]) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] = response.get(feature.configuration) or {}
        # A configuration whose fields are all missing, 0 or empty counts as none.
        return found if differences(feature, found, {}) else None
