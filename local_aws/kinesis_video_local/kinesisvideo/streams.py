"""The streams of one account in one Region."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..service.errors import ServiceError, invalid_argument

Request = dict[str, Any]
Response = dict[str, Any]


@dataclass
class Stream:
    """One stream."""

    name: str
    arn: str
    creation_time: float
    active_from: float
    kms_key_id: str
    data_retention_in_hours: int = 0
    storage_tier: str = "HOT"
    device_name: str | None = None
    media_type: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    version: str = ""
    image_generation: dict[str, Any] | None = None
    notification: dict[str, Any] | None = None
    replaced: list[tuple[float, str, Any]] = field(default_factory=list)
    """The time, the name and the previous value of each configuration that was replaced."""

    @property
    def status(self) -> str:
        """CREATING at first, then ACTIVE; updates and deletions take no time here."""
        return "ACTIVE" if time.monotonic() >= self.active_from else "CREATING"

    def replace(self, configuration: str, value: dict[str, Any] | None) -> None:
        """Replace a configuration."""
        self.replaced.append((time.monotonic(), configuration, getattr(self, configuration)))
        setattr(self, configuration, value)

    def seen(self, configuration: str, stale_seconds: float) -> dict[str, Any] | None:
        """Return the configuration as it was that many seconds ago."""
        moment = time.monotonic() - stale_seconds
        older = [was for replaced_at, name, was in self.replaced if name == configuration and replaced_at > moment]
        found: dict[str, Any] | None = older[0] if older else getattr(self, configuration)
        return found

    def declare(self, request: Request) -> None:
        """Apply the settings of CreateStream; a setting that is left out gets its default."""
        self.data_retention_in_hours = request.get("DataRetentionInHours", 0)
        self.storage_tier = request.get("StreamStorageConfiguration", {}).get("DefaultStorageTier", "HOT")
        self.device_name = request.get("DeviceName")
        self.media_type = request.get("MediaType")
        self.tags = dict(request.get("Tags", {}))
        self.changed()

    def changed(self) -> None:
        """Give the stream its next version."""
        self.version = uuid.uuid4().hex[:20]

    def check_retention(self) -> None:
        """Raise the service's error if the stream retains nothing."""
        if self.data_retention_in_hours == 0:
            raise ServiceError("NoDataRetentionException", f"The data retention of {self.name} is 0 hours")

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

    The API and CloudFormation change them here, each by its own rules.
    """

    def __init__(self, account: str, region: str) -> None:
        self._account = account
        self.region = region
        self._by_name: dict[str, Stream] = {}

    def arn_for_authorization(self, request: Mapping[str, Any]) -> str:
        """Return the ARN that a policy is checked against: ``*`` if the request addresses no stream."""
        arn = request.get("StreamARN")
        if isinstance(arn, str):
            return arn
        name = stream_name(request)
        if name is None:
            return "*"
        stream = self._by_name.get(name)
        # The policy of the stream's creator can't know the creation number of a stream that doesn't exist yet.
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
            kms_key_id=request.get("KmsKeyId", f"arn:aws:kms:{self.region}:{self._account}:alias/aws/kinesisvideo"),
        )
        stream.declare(request)
        return stream

    def get(self, name: str) -> Stream | None:
        """Return the stream of this name, if it exists."""
        return self._by_name.get(name)

    def remove(self, name: str) -> None:
        """Delete the stream of this name, if it exists."""
        self._by_name.pop(name, None)

    def names(self) -> list[str]:
        """List the names of the streams, sorted."""
        return sorted(self._by_name)

    def find(self, request: Request) -> Stream:
        """Find the stream that a request addresses by name or by ARN.

        Raises
        ------
        ServiceError
            If it addresses none, or none that exists.
        """
        arn = request.get("StreamARN")
        name = stream_name(request)
        if name is None:
            raise invalid_argument("StreamName or StreamARN must be given")
        stream = self._by_name.get(name)
        # The ARN also has the account, the Region and the time of creation: a later stream of that name is another one.
        if stream is None or (arn is not None and arn != stream.arn):
            raise ServiceError("ResourceNotFoundException", f"The stream {arn or name} does not exist")
        return stream

    def _arn_prefix(self, name: str) -> str:
        return f"arn:aws:kinesisvideo:{self.region}:{self._account}:stream/{name}"


def stream_name(request: Mapping[str, Any]) -> str | None:
    """Return the name of the stream that a request addresses by name or by ARN."""
    arn = request.get("StreamARN")
    if isinstance(arn, str) and arn.count("/") == 2:
        return arn.split("/")[1]
    name = request.get("StreamName")
    return name if isinstance(name, str) else None
