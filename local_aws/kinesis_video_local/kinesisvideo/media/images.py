"""Images of the fragments that a producer has tagged for them, as a stream's configuration says.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/s3-real-time-image-create.html
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.header import Header
from typing import Any

from kinesis_video_contract.destinations import parts_of_uri
from kinesis_video_matroska import TagName

from ...service.errors import ServiceError, invalid_argument
from ...service.faults import Faults
from ...service.http import Caller, DeniedError
from ..streams import Stream
from .decoder import ImageFormat, Pictures, UndecodableError, encoded_pictures, video_track
from .fragments import MediaFragment

FAULT = "PutMedia.Images"

# Documented for the API; in the service model a quality is any word.
_QUALITIES, _DEFAULT_QUALITY = range(1, 101), 80
_EXTENSIONS = {"JPEG": "jpg", "PNG": "png"}
_METADATA_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# The bytes of fragments that may wait for their images, so that a slow machine doesn't fill its memory.
_MAX_WAITING_BYTES = 100_000_000

_logger = logging.getLogger(__name__)


class ImageGenerator:
    """Makes images of fragments and puts them into buckets, with the producer's permissions."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._decoders = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="images")
        self._waiting: dict[asyncio.Task[None], int] = {}

    def submit(self, stream: Stream, fragment: MediaFragment, producer: Caller) -> None:
        """Start to make the images of a fragment, if it is to have any."""
        configuration = stream.image_generation
        tagged = any(TagName.IMAGE_GENERATION in tags for tags in fragment.media.tags)
        if not tagged or configuration is None or configuration["Status"] != "ENABLED":
            return
        if sum(self._waiting.values()) + fragment.size > _MAX_WAITING_BYTES:
            _logger.warning("no images of fragment %s: this machine can't keep up", fragment.number)
            return
        task = asyncio.create_task(self._deliver(stream, configuration, fragment, producer))
        self._waiting[task] = fragment.size
        task.add_done_callback(self._waiting.pop)

    async def pictures(
        self, fragment: MediaFragment, clock: Sequence[int], slot: Callable[[int], int | None], written: ImageFormat
    ) -> Pictures:
        """Make pictures as `encoded_pictures` does, and log the frames that can't be decoded.

        Raises
        ------
        UndecodableError
            If it has no track that pictures can be made of.
        """
        track = video_track(fragment.tracks)
        if track is None:
            raise UndecodableError("it has no track of H.264 or H.265")
        pictures = await asyncio.get_running_loop().run_in_executor(
            self._decoders, encoded_pictures, track, fragment.video, clock, slot, written
        )
        for fault in dict.fromkeys(pictures.missing.values()):
            missing = [index for index, why in pictures.missing.items() if why == fault]
            _logger.warning(
                "no picture of %s of fragment %s: %s",
                ", ".join(f"frame {index} ({clock[index]})" for index in missing),
                fragment.number,
                fault if track.codec_private else f"{fault}; its track has no codec private data",
            )
        return pictures

    async def _deliver(
        self, stream: Stream, configuration: dict[str, Any], fragment: MediaFragment, producer: Caller
    ) -> None:
        # AWS reports nowhere that an image can't be made or delivered; here the log has a line.
        delivered = 0
        try:
            await self._faults.strike(FAULT)
            produced, arrived = fragment.clock(by_producer=True), fragment.clock(by_producer=False)
            clock = produced if configuration["ImageSelectorType"] == "PRODUCER_TIMESTAMP" else arrived
            slot = intervals(clock[0], configuration["SamplingInterval"]) if clock else lambda _: None
            pictures = await self.pictures(fragment, clock, slot, image_format(configuration))
            for index, picture in pictures.encoded.items():
                bucket, key = _destination(stream, configuration, fragment, clock[index], producer.account)
                headers = _headers(configuration["Format"], fragment, produced[index], arrived[index])
                await producer.put_object(bucket, key, headers, picture)
                delivered += 1
        except (DeniedError, ServiceError, UndecodableError) as error:
            _logger.warning("no %s of fragment %s: %s", "more images" if delivered else "image", fragment.number, error)
        except ImportError:
            _logger.warning("no images without PyAV and Pillow: pip install kinesis-video-local")


def intervals(begin: int, interval: int) -> Callable[[int], int]:
    """Return a function from a time to the number of its interval; times before the first count as in the first."""
    return lambda time: max((time - begin) // interval, 0)


def image_format(configuration: dict[str, Any]) -> ImageFormat:
    """Read the format of pictures from a configuration or a request of the API; refuse a quality that isn't allowed."""
    name, quality = configuration["Format"], configuration.get("FormatConfig", {}).get("JPEGQuality")
    if quality is not None and name != "JPEG":
        raise invalid_argument(f"JPEGQuality does not apply to {name}")
    if quality is not None and not (quality.isdecimal() and int(quality) in _QUALITIES):
        raise invalid_argument(f"JPEGQuality must be {_QUALITIES[0]} to {_QUALITIES[-1]}, not {quality}")
    return ImageFormat(
        name, int(quality or _DEFAULT_QUALITY), configuration.get("WidthPixels"), configuration.get("HeightPixels")
    )


def _destination(
    stream: Stream, configuration: dict[str, Any], fragment: MediaFragment, timestamp: int, account: str
) -> tuple[str, str]:
    destination = parts_of_uri(configuration["DestinationConfig"]["Uri"])
    if destination is None:
        raise UndecodableError(f"{configuration['DestinationConfig']['Uri']} is no bucket")
    tags = [tag for element in fragment.media.tags for tag in element.tags]
    prefixes = [tag.value for tag in tags if tag.name == TagName.IMAGE_PREFIX and tag.value]
    name = "_".join([*prefixes[:1], account, stream.name, str(timestamp), str(uuid.uuid4())])
    bucket, prefix = destination
    return bucket, f"{prefix}{name}.{_EXTENSIONS[configuration['Format']]}"


def _headers(format_name: str, fragment: MediaFragment, producer_time: int, server_time: int) -> dict[str, str]:
    metadata = {
        **fragment.metadata,
        "aws_kinesisvideo_fragment_number": fragment.number,
        "aws_kinesisvideo_producer_timestamp": str(producer_time),
        "aws_kinesisvideo_server_timestamp": str(server_time),
    }
    return {"content-type": f"image/{format_name.lower()}"} | {
        f"x-amz-meta-{name.lower()}": _header_value(value)
        for name, value in metadata.items()
        if _METADATA_NAME.fullmatch(name)
    }


def _header_value(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return Header(text, "utf-8", maxlinelen=998).encode(linesep="")
