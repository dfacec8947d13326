"""The images that have arrived in a bucket."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from kinesis_video_contract.destinations import parts_of_uri
from kinesis_video_images import image_time, parse_image_key

_PAUSE_SECONDS = 0.2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class DeliveredImage:
    """An image in a bucket."""

    key: str
    """The key of the object."""
    size: int
    """The bytes of the object."""
    delivered: datetime = field(compare=False)
    """When it arrived in Amazon S3."""

    @property
    def timestamp(self) -> datetime:
        """The time of the image, in UTC, according to its key."""
        return image_time(self.key)

    @property
    def timecode(self) -> int:
        """The time of the image, in milliseconds since 1970."""
        return (self.timestamp - _EPOCH) // timedelta(milliseconds=1)


class DeliveredImages:
    """The images of one destination.

    Parameters
    ----------
    s3
        A boto3 client of Amazon S3 that is allowed to list and read the objects.
    destination_uri
        The bucket and the prefix of the keys, such as ``s3://bucket/front-door/``: the destination of an image
        generation configuration, `ImageGeneration.destination_uri`.
    stream_name
        The stream whose images count, if other streams deliver to the same bucket with keys that begin alike: the keys
        of ``s3://bucket/cam-10`` also begin with ``s3://bucket/cam-1``. Default: every stream's.

    Raises
    ------
    ValueError
        If the URI is not one of Amazon S3.
    """

    def __init__(self, s3: Any, destination_uri: str, *, stream_name: str | None = None) -> None:
        parts = parts_of_uri(destination_uri)
        if parts is None:
            raise ValueError(f"`destination_uri` is {destination_uri!r}, give one such as 's3://bucket/front-door/'")
        self.bucket, self.prefix = parts
        self._stream_name = stream_name
        self._s3 = s3

    def all(self) -> list[DeliveredImage]:
        """List the images that are there, in the order of their timestamps.

        Raises
        ------
        ValueError
            If there is an object that isn't an image, unless `stream_name` was given.
        botocore.exceptions.ClientError
            If the objects can't be listed.
        """
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        images = [
            DeliveredImage(entry["Key"], entry["Size"], entry["LastModified"])
            for page in pages
            for entry in page.get("Contents", [])
            if self._counts(entry["Key"])
        ]
        return sorted(images, key=lambda image: (image.timecode, image.key))

    def _counts(self, key: str) -> bool:
        try:
            parse_image_key(key, stream_name=self._stream_name)
        except ValueError:
            return self._stream_name is None
        return True

    def wait(self, count: int, *, beside: Collection[DeliveredImage] = (), seconds: float = 60) -> list[DeliveredImage]:
        """Wait until there are images, and list them.

        Parameters
        ----------
        count
            The number of images to wait for. More may come.
        beside
            Images that were there before. They don't count.
        seconds
            The maximum time to wait. Default: 60.

        Raises
        ------
        TimeoutError
            If there are fewer when the time is up.
        """
        deadline = time.monotonic() + seconds
        while len(images := [image for image in self.all() if image not in beside]) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{len(images)} of {count} images have arrived at s3://{self.bucket}/{self.prefix} in {seconds:g} s"
                )
            time.sleep(_PAUSE_SECONDS)
        return images

    def read(self, image: DeliveredImage) -> bytes:
        """Return the picture, a JPEG or a PNG.

        Parameters
        ----------
        image
            One of the images.
        """
        body: bytes = self._s3.get_object(Bucket=self.bucket, Key=image.key)["Body"].read()
        return body

    def metadata(self, image: DeliveredImage) -> dict[str, str]:
        """Return the metadata of the object; `kinesis_video_images.parse_image_metadata` reads it.

        Parameters
        ----------
        image
            One of the images.
        """
        return dict(self._s3.head_object(Bucket=self.bucket, Key=image.key)["Metadata"])
