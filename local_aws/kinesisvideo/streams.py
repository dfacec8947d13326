"""The streams of one account in one Region, and what each operation does to them."""

from __future__ import annotations

import base64
import binascii
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ServiceError, invalid_argument

Request = dict[str, Any]
Response = dict[str, Any]

# Documented for the API and absent from the service model: there SamplingInterval has no bound and a JPEG quality is
# any word.
MIN_SAMPLING_INTERVAL_MS = 200
JPEG_QUALITIES = range(1, 101)

MAX_TAGS = 50

# The documentation says 10,000 for both; the service was measured to answer with these.
DEFAULT_PAGE_SIZE = 10
MAX_PAGE_SIZE = 1_000


@dataclass
class Stream:
    """One stream."""

    name: str
    arn: str
    creation_time: float
    active_from: float
    kms_key_id: str
    data_retention_in_hours: int
    storage_tier: str
    device_name: str | None
    media_type: str | None
    tags: dict[str, str]
    version: str = field(default_factory=lambda: uuid.uuid4().hex[:20])
    image_generation: dict[str, Any] | None = None
    notification: dict[str, Any] | None = None

    @property
    def status(self) -> str:
        """CREATING at first, then ACTIVE; updates and deletions take no time here."""
        return "ACTIVE" if time.monotonic() >= self.active_from else "CREATING"

    def changed(self) -> None:
        """Give the stream its next version."""
        self.version = uuid.uuid4().hex[:20]

    def describe(self) -> Response:
        """Describe the stream as the API's StreamInfo."""
        info = {
            "DeviceName": self.device_name,
            "StreamName": self.name,
            "StreamARN": self.arn,
            "MediaType": self.media_type,
            "KmsKeyId": self.kms_key_id,
            "Version": self.version,
            "Status": self.status,
            "CreationTime": self.creation_time,
            "DataRetentionInHours": self.data_retention_in_hours,
        }
        return {name: value for name, value in info.items() if value is not None}


class Streams:
    """The streams of one account in one Region.

    Each operation of the API is the method of its name: it takes the parsed request and returns the response. A
    method's absence is how an operation is known not to be emulated.
    """

    def __init__(self, account: str, region: str, *, endpoint_url: str, creating_seconds: float) -> None:
        self._account = account
        self._region = region
        self._endpoint_url = endpoint_url
        self._creating_seconds = creating_seconds
        self._by_name: dict[str, Stream] = {}

    def arn_for_authorization(self, request: Mapping[str, Any]) -> str:
        """Return the ARN that a policy is checked against: ``*`` where the request addresses no stream."""
        arn = request.get("StreamARN")
        if isinstance(arn, str):
            return arn
        name = stream_name(request)
        if name is None:
            return "*"
        stream = self._by_name.get(name)
        # The creation number of a stream that does not exist yet is unknown to its creator's policy as well.
        return stream.arn if stream else f"{self._arn_prefix(name)}/*"

    def create(self, request: Request, *, creating_seconds: float) -> Stream:
        """Create a stream that is ACTIVE after this many seconds."""
        name = request["StreamName"]
        if name in self._by_name:
            raise ServiceError("ResourceInUseException", f"The stream {name} already exists")
        creation_time = time.time()
        stream = self._by_name[name] = Stream(
            name=name,
            arn=f"{self._arn_prefix(name)}/{int(creation_time * 1000)}",
            creation_time=creation_time,
            active_from=time.monotonic() + creating_seconds,
            kms_key_id=request.get("KmsKeyId", f"arn:aws:kms:{self._region}:{self._account}:alias/aws/kinesisvideo"),
            data_retention_in_hours=request.get("DataRetentionInHours", 0),
            storage_tier=request.get("StreamStorageConfiguration", {}).get("DefaultStorageTier", "HOT"),
            device_name=request.get("DeviceName"),
            media_type=request.get("MediaType"),
            tags=dict(request.get("Tags", {})),
        )
        return stream

    def get(self, name: str) -> Stream | None:
        """Return the stream of this name, if it exists."""
        return self._by_name.get(name)

    def remove(self, name: str) -> None:
        """Delete the stream of this name, if it exists."""
        self._by_name.pop(name, None)

    def create_stream(self, request: Request) -> Response:
        """Create a stream."""
        return {"StreamARN": self.create(request, creating_seconds=self._creating_seconds).arn}

    def describe_stream(self, request: Request) -> Response:
        """Describe a stream."""
        return {"StreamInfo": self._find(request).describe()}

    def list_streams(self, request: Request) -> Response:
        """List the streams whose names begin with a prefix, a page at a time."""
        prefix = request.get("StreamNameCondition", {}).get("ComparisonValue", "")
        after = _decode_token(request["NextToken"]) if request.get("NextToken") else ""
        names = sorted(name for name in self._by_name if name.startswith(prefix) and name > after)
        page = names[: min(request.get("MaxResults", DEFAULT_PAGE_SIZE), MAX_PAGE_SIZE)]
        response: Response = {"StreamInfoList": [self._by_name[name].describe() for name in page]}
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
        self.remove(self._find_to_update(request).name)
        return {}

    def tag_stream(self, request: Request) -> Response:
        """Add tags to a stream."""
        stream = self._find(request)
        tags = {**stream.tags, **request["Tags"]}
        if len(tags) > MAX_TAGS:
            raise ServiceError(
                "TagsPerResourceExceededLimitException", f"The stream {stream.name} can have {MAX_TAGS} tags"
            )
        stream.tags = tags
        return {}

    def untag_stream(self, request: Request) -> Response:
        """Remove tags from a stream."""
        stream = self._find(request)
        for key in request["TagKeyList"]:
            stream.tags.pop(key, None)
        return {}

    def list_tags_for_stream(self, request: Request) -> Response:
        """List a stream's tags, which fit on one page."""
        return {"Tags": self._find(request).tags}

    def get_data_endpoint(self, request: Request) -> Response:
        """Return the endpoint for the media operations."""
        self._find(request)
        # The local AWS itself, so that no media call leaves the machine.
        return {"DataEndpoint": self._endpoint_url}

    def update_stream_storage_configuration(self, request: Request) -> Response:
        """Change the storage tier."""
        stream = self._find_to_update(request)
        stream.storage_tier = request["StreamStorageConfiguration"]["DefaultStorageTier"]
        stream.changed()
        return {}

    def describe_stream_storage_configuration(self, request: Request) -> Response:
        """Describe the storage tier."""
        stream = self._find(request)
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
        self._find_with_retention(request).image_generation = configuration
        return {}

    def describe_image_generation_configuration(self, request: Request) -> Response:
        """Describe the image generation configuration, if there is one."""
        configuration = self._find(request).image_generation
        return {} if configuration is None else {"ImageGenerationConfiguration": configuration}

    def update_notification_configuration(self, request: Request) -> Response:
        """Replace the whole notification configuration; without one, delete it."""
        self._find_with_retention(request).notification = request.get("NotificationConfiguration")
        return {}

    def describe_notification_configuration(self, request: Request) -> Response:
        """Describe the notification configuration, if there is one."""
        configuration = self._find(request).notification
        return {} if configuration is None else {"NotificationConfiguration": configuration}

    def _arn_prefix(self, name: str) -> str:
        return f"arn:aws:kinesisvideo:{self._region}:{self._account}:stream/{name}"

    def _find(self, request: Request) -> Stream:
        arn = request.get("StreamARN")
        name = stream_name(request)
        if name is None:
            raise invalid_argument("StreamName or StreamARN must be given")
        stream = self._by_name.get(name)
        # The ARN also names the account, the Region and the creation, so that a stream's namesake is another stream.
        if stream is None or (arn is not None and arn != stream.arn):
            raise ServiceError("ResourceNotFoundException", f"The stream {arn or name} does not exist")
        return stream

    def _find_active(self, request: Request) -> Stream:
        stream = self._find(request)
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
        if stream.data_retention_in_hours == 0:
            raise ServiceError("NoDataRetentionException", f"The data retention of {stream.name} is 0 hours")
        return stream

    def _check_image_generation(self, configuration: dict[str, Any]) -> None:
        if configuration["SamplingInterval"] < MIN_SAMPLING_INTERVAL_MS:
            raise invalid_argument(f"SamplingInterval must be at least {MIN_SAMPLING_INTERVAL_MS}")
        region = configuration["DestinationConfig"]["DestinationRegion"]
        if region != self._region:
            raise invalid_argument(f"DestinationRegion must be the stream's Region {self._region}, not {region}")
        quality = configuration.get("FormatConfig", {}).get("JPEGQuality")
        if quality is None:
            return
        if configuration["Format"] != "JPEG":
            raise invalid_argument(f"JPEGQuality does not apply to {configuration['Format']}")
        if not (quality.isdecimal() and int(quality) in JPEG_QUALITIES):
            raise invalid_argument(f"JPEGQuality must be {JPEG_QUALITIES[0]} to {JPEG_QUALITIES[-1]}, not {quality}")


def stream_name(request: Mapping[str, Any]) -> str | None:
    """Return the name of the stream that a request addresses by name or by ARN."""
    arn = request.get("StreamARN")
    if isinstance(arn, str) and arn.count("/") == 2:
        return arn.split("/")[1]
    name = request.get("StreamName")
    return name if isinstance(name, str) else None


def _decode_token(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise invalid_argument("NextToken is not one that ListStreams returned") from None
