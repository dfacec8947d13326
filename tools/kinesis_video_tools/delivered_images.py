"""The images that have arrived in a bucket."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from kinesis_video_images import parse_image_key

_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class DeliveredImage:
    """An image in a bucket."""

    key: str
    """The key of the object."""
    size: int
    """The bytes of the object."""
    delivered: datetime = field(compare=False)
    """When Amazon S3 has got it."""

    @property
    def timestamp(self) -> datetime:
        """The time of the image, in UTC, which its key says."""
        return parse_image_key(self.key).timestamp

    @property
    def timecode(self) -> int:
        """The time of the image, in milliseconds since 1970."""
        return parse_image_key(self.key).timecode


class DeliveredImages:
    """The images of one destination.

    Parameters
    ----------
    s3
        A boto3 client of Amazon S3, which may list and read the objects.
    destination_uri
        The bucket and what the keys begin with, such as ``s3://bucket/front-door/``: the destination of an image
        generation configuration, `ImageGeneration.destination_uri`.

    Raises
    ------
    ValueError
        If the URI is none of Amazon S3.
    """

    def __init__(self, s3: Any, destination_uri: str) -> None:
        uri = urlsplit(destination_uri)
        if uri.scheme != "s3" or not uri.netloc:
            raise ValueError(f"`destination_uri` is {destination_uri!r}; give one such as 's3://bucket/front-door/'")
        self.bucket = uri.netloc
        self.prefix = uri.path.removeprefix("/")
        self._s3 = s3

    def all(self) -> list[DeliveredImage]:
        """List the images that are there, in the order of their timestamps.

        Raises
        ------
        ValueError
            If there is an object that isn't an image.
        botocore.exceptions.ClientError
            If the objects can't be listed.
        """
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        images = [
            DeliveredImage(entry["Key"], entry["Size"], entry["LastModified"])
            for page in pages
            for entry in page.get("Contents", [])
        ]
        return sorted(images, key=lambda image: (image.timecode, image.key))

    def wait(self, count: int, *, beside: Collection[DeliveredImage] = (), seconds: float = 60) -> list[DeliveredImage]:
        """Wait until there are images, and list them.

        Parameters
        ----------
        count
            How many to wait for. More may come.
        beside
            Images that were there before, and don't count.
        seconds
            How long to wait at the most; the default is 60.

        Raises
        ------
        TimeoutError
            If there are fewer when the time is over.
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
