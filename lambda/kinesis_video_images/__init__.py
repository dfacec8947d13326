"""Parses the keys and the metadata of images that Kinesis Video Streams delivers.

Use it in the function that processes the images. It needs Python 3.11 and nothing else, and it is one file, so a
function can use a layer (`cdk_kinesis_video.ImagesLayer`) or a copy beside its own code.

The documentation describes a key as ``ImagePrefix_AccountID_StreamName_ImageTimecode_RandomID.file-extension``, see
https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/s3-real-time-image-create.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote_plus

__all__ = ["ImageKey", "ImageMetadata", "image_keys", "image_time", "parse_image_key", "parse_image_metadata"]

# The stream's name and the prefix may both hold underscores and twelve digits; these three parts may not.
_END = re.compile(r"_(?P<timecode>[0-9]{1,13})_(?P<image_id>[A-Za-z0-9-]+)\.(?P<extension>[A-Za-z0-9]+)\Z")
# A destination without a slash at its end puts the account directly behind its last folder, which may end in a digit.
_ACCOUNT = re.compile(r"(?=(?P<account>[0-9]{12})_(?P<stream_name>[a-zA-Z0-9_.-]{1,256})\Z)")

_FORM = "<prefix><account>_<stream name>_<milliseconds>_<id>.<extension>"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_PRODUCER_TIMESTAMP = "aws_kinesisvideo_producer_timestamp"
_SERVER_TIMESTAMP = "aws_kinesisvideo_server_timestamp"
_FRAGMENT_NUMBER = "aws_kinesisvideo_fragment_number"
_METADATA = (_PRODUCER_TIMESTAMP, _SERVER_TIMESTAMP, _FRAGMENT_NUMBER)


@dataclass(frozen=True)
class ImageKey:
    """The parts of an image's key. ``str()`` of it is the key."""

    prefix: str
    """Everything before the account: the destination's prefix and the text of the producer's prefix tag, such as
    ``front-door/``, ``front-door/person_``, or ``front-door`` for a destination without a slash at its end."""
    account: str
    """The account of the stream."""
    stream_name: str
    """The name of the stream."""
    timecode: int
    """The time of the image, in milliseconds since 1970."""
    image_id: str
    """An id that distinguishes it from other images of the same time."""
    extension: str
    """``jpg`` or ``png``."""

    @property
    def timestamp(self) -> datetime:
        """The time of the image, in UTC."""
        return _time_of(self.timecode)

    def __str__(self) -> str:
        """Put the key together again."""
        return f"{self.prefix}{self.account}_{self.stream_name}_{self.timecode}_{self.image_id}.{self.extension}"


@dataclass(frozen=True)
class ImageMetadata:
    """The metadata of an image's object, as ``HeadObject`` and ``GetObject`` return it."""

    producer_timestamp: str
    """The producer's time of the fragment, as the service writes it."""
    server_timestamp: str
    """The service's time of the fragment, as the service writes it."""
    fragment_number: str
    """The number of the fragment; a notification of the same fragment has it as well."""
    custom: Mapping[str, str] = field(default_factory=dict)
    """Further metadata that the producer has added to the fragment."""


def parse_image_key(key: str, *, account: str | None = None, stream_name: str | None = None) -> ImageKey:
    """Split the key of an image into its parts.

    Parameters
    ----------
    key
        The key of the object, as S3 has it. In the records of bucket notifications it is encoded, see `image_keys`.
    account
        The account of the stream, twelve digits. Default: any.
    stream_name
        The name of the stream. Default: any.

    Raises
    ------
    ValueError
        If it is not the key of an image of this account and this stream, or if it can be read in two ways: the
        prefix or the stream's name contains twelve digits and an underscore, and neither `account` nor
        `stream_name` decides. `image_time` can read the time of such a key.
    """
    end = _END.search(key)
    readings = [] if end is None else list(_ACCOUNT.finditer(key[: end.start()]))
    readings = [
        reading
        for reading in readings
        if account in (None, reading["account"]) and stream_name in (None, reading["stream_name"])
    ]
    if end is None or not readings:
        wanted = "".join(
            f" of {what} {value!r}"
            for what, value in (("account", account), ("stream", stream_name))
            if value is not None
        )
        raise ValueError(f"{key!r} is not the key of an image{wanted}, which is {_FORM}")
    if len(readings) > 1:
        found = " or ".join(repr(reading["stream_name"]) for reading in readings)
        raise ValueError(f"the key {key!r} may be of stream {found}, give `stream_name`")
    (reading,) = readings
    return ImageKey(
        prefix=key[: reading.start("account")],
        account=reading["account"],
        stream_name=reading["stream_name"],
        timecode=int(end["timecode"]),
        image_id=end["image_id"],
        extension=end["extension"],
    )


def image_time(key: str) -> datetime:
    """Read the time of an image, in UTC, from its key.

    It needs neither the stream's name nor its account, so it also reads a key that `parse_image_key` finds ambiguous.

    Parameters
    ----------
    key
        The key of the object, as S3 has it.

    Raises
    ------
    ValueError
        If it is not the key of an image.
    """
    end = _END.search(key)
    if end is None or not _ACCOUNT.search(key[: end.start()]):
        raise ValueError(f"{key!r} is not the key of an image, which is {_FORM}")
    return _time_of(int(end["timecode"]))


def _time_of(timecode: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=timecode)


def parse_image_metadata(metadata: Mapping[str, str]) -> ImageMetadata:
    """Read the metadata of an image's object.

    Parameters
    ----------
    metadata
        The ``Metadata`` of the answer to HeadObject or GetObject.

    Raises
    ------
    ValueError
        If it lacks the metadata that Kinesis Video Streams writes, so the object is not one of its images.
    """
    known = {name.lower(): value for name, value in metadata.items()}
    missing = [name for name in _METADATA if name not in known]
    if missing:
        raise ValueError(f"the metadata lacks {', '.join(missing)}, it is not that of an image")
    custom = {name: value for name, value in metadata.items() if name.lower() not in _METADATA}
    return ImageMetadata(
        producer_timestamp=known[_PRODUCER_TIMESTAMP],
        server_timestamp=known[_SERVER_TIMESTAMP],
        fragment_number=known[_FRAGMENT_NUMBER],
        custom=MappingProxyType(custom),
    )


def image_keys(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the bucket and the key of each object in an event of EventBridge or of a bucket notification.

    Parameters
    ----------
    event
        The event that the function was invoked with.

    Raises
    ------
    ValueError
        If it is neither of the two.
    """
    if "detail" in event:
        detail = event["detail"]
        yield detail["bucket"]["name"], detail["object"]["key"]
    elif "Records" in event:
        for record in event["Records"]:
            # Only here the key is URL-encoded.
            yield record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
    else:
        raise ValueError(f"the event has {', '.join(sorted(event))}, it must have 'detail' or 'Records'")
