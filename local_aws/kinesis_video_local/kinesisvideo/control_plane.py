"""The control plane: the service ``kinesisvideo`` of botocore's models."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from ..service.errors import ServiceError, invalid_argument
from ..service.model import Model
from .media.images import image_format
from .streams import Request, Response, Stream, Streams

CONTROL_PLANE = Model("kinesisvideo")

# Documented for the API and absent from the service model.
MIN_SAMPLING_INTERVAL_MS = 200

MAX_TAGS = 50

# The documentation says 10,000 for both; these were measured on the service.
DEFAULT_PAGE_SIZE = 10
MAX_PAGE_SIZE = 1_000


@dataclass
class ControlPlane:
    """The operations on the streams of one account in one Region.

    Each is the method of its name: it takes the parsed request and returns the response.
    """

    streams: Streams
    endpoint_url: str
    creating_seconds: float
    stale_seconds: float

    def create_stream(self, request: Request) -> Response:
        """Create a stream."""
        return {"StreamARN": self.streams.create(request, creating_seconds=self.creating_seconds).arn}

    def describe_stream(self, request: Request) -> Response:
        """Describe a stream."""
        return {"StreamInfo": self.streams.find(request).describe()}

    def list_streams(self, request: Request) -> Response:
        """List the streams whose names begin with a prefix, a page at a time."""
        prefix = request.get("StreamNameCondition", {}).get("ComparisonValue", "")
        after = _decode_token(request["NextToken"]) if request.get("NextToken") else ""
        names = [name for name in self.streams.names() if name.startswith(prefix) and name > after]
        page = names[: min(request.get("MaxResults", DEFAULT_PAGE_SIZE), MAX_PAGE_SIZE)]
        response: Response = {"StreamInfoList": [self.streams.find({"StreamName": name}).describe() for name in page]}
        if len(page) < len(names):
            response["NextToken"] = base64.b64encode(page[-1].encode()).decode()
        return response

    def update_stream(self, request: Request) -> Response:
        """Change a stream's device name or media type."""
        stream = self._find_to_update(request)
        stream.device_name = request.get("DeviceName", stream.device_name)
        stream.media_type = request.get("MediaType", stream.media_type)
        stream.changed()
        return {}

    def update_data_retention(self, request: Request) -> Response:
        """Lengthen or shorten the data retention."""
        stream = self._find_to_update(request)
        change = request["DataRetentionChangeInHours"]
        if request["Operation"] == "DECREASE_DATA_RETENTION":
            change = -change
        if stream.data_retention_in_hours + change < 0:
            raise invalid_argument(f"The data retention of {stream.data_retention_in_hours} hours can't fall below 0")
        stream.data_retention_in_hours += change
        stream.changed()
        return {}

    def delete_stream(self, request: Request) -> Response:
        """Delete a stream."""
        self.streams.remove(self._find_to_update(request).name)
        return {}

    def tag_stream(self, request: Request) -> Response:
        """Add tags to a stream."""
        stream = self.streams.find(request)
        tags = {**stream.tags, **request["Tags"]}
        if len(tags) > MAX_TAGS:
            raise ServiceError(
                "TagsPerResourceExceededLimitException", f"The stream {stream.name} can have {MAX_TAGS} tags"
            )
        stream.tags = tags
        return {}

    def untag_stream(self, request: Request) -> Response:
        """Remove tags from a stream."""
        stream = self.streams.find(request)
        for key in request["TagKeyList"]:
            stream.tags.pop(key, None)
        return {}

    def list_tags_for_stream(self, request: Request) -> Response:
        """List a stream's tags, which fit on one page."""
        return {"Tags": self.streams.find(request).tags}

    def get_data_endpoint(self, request: Request) -> Response:
        """Return the endpoint for the media operations."""
        self.streams.find(request)
        # The local AWS itself, so that no media call leaves the machine.
        return {"DataEndpoint": self.endpoint_url}

    def update_stream_storage_configuration(self, request: Request) -> Response:
        """Change the storage tier."""
        stream = self._find_to_update(request)
        stream.storage_tier = request["StreamStorageConfiguration"]["DefaultStorageTier"]
        stream.changed()
        return {}

    def describe_stream_storage_configuration(self, request: Request) -> Response:
        """Describe the storage tier."""
        stream = self.streams.find(request)
        return {
            "StreamName": stream.name,
            "StreamARN": stream.arn,
            "StreamStorageConfiguration": {"DefaultStorageTier": stream.storage_tier},
        }

    def update_image_generation_configuration(self, request: Request) -> Response:
        """Replace the whole image generation configuration; without one, delete it."""
        configuration = request.get("ImageGenerationConfiguration")
        if configuration is not None:
            self._check_image_generation(configuration)
        self._find_with_retention(request).replace("image_generation", configuration)
        return {}

    def describe_image_generation_configuration(self, request: Request) -> Response:
        """Describe the image generation configuration, if there is one."""
        configuration = self.streams.find(request).seen("image_generation", self.stale_seconds)
        return {} if configuration is None else {"ImageGenerationConfiguration": configuration}

    def update_notification_configuration(self, request: Request) -> Response:
        """Replace the whole notification configuration; without one, delete it."""
        self._find_with_retention(request).replace("notification", request.get("NotificationConfiguration"))
        return {}

    def describe_notification_configuration(self, request: Request) -> Response:
        """Describe the notification configuration, if there is one."""
        configuration = self.streams.find(request).seen("notification", self.stale_seconds)
        return {} if configuration is None else {"NotificationConfiguration": configuration}

    def _find_active(self, request: Request) -> Stream:
        stream = self.streams.find(request)
        if stream.status != "ACTIVE":
            raise ServiceError("ResourceInUseException", f"The stream {stream.name} is {stream.status}, not ACTIVE")
        return stream

    def _find_to_update(self, request: Request) -> Stream:
        stream = self._find_active(request)
        if request.get("CurrentVersion", stream.version) != stream.version:
            raise ServiceError("VersionMismatchException", f"The current version of {stream.name} is {stream.version}")
        return stream

    def _find_with_retention(self, request: Request) -> Stream:
        stream = self._find_active(request)
        # Whether this also holds for the deletion of a configuration is not documented; this is the strict reading.
        stream.check_retention()
        return stream

    def _check_image_generation(self, configuration: dict[str, Any]) -> None:
        if configuration["SamplingInterval"] < MIN_SAMPLING_INTERVAL_MS:
            raise invalid_argument(f"SamplingInterval must be at least {MIN_SAMPLING_INTERVAL_MS}")
        region = configuration["DestinationConfig"]["DestinationRegion"]
        if region != self.streams.region:
            raise invalid_argument(f"DestinationRegion must be the stream's Region {self.streams.region}, not {region}")
        image_format(configuration)


def _decode_token(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise invalid_argument("NextToken is not one that ListStreams returned") from None
