"""The file format of an image, and the clock that determines its time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import jsii

from kinesis_video_contract.images import FORMATS, JPEG, MAX_JPEG_QUALITY, MIN_JPEG_QUALITY, PNG

from ._validation import check_integer, check_type, either


class ImageSelectorType(str, Enum):
    """The clock that measures the sampling interval."""

    PRODUCER_TIMESTAMP = "PRODUCER_TIMESTAMP"
    """The producer's clock, also correct for media that was recorded earlier."""
    SERVER_TIMESTAMP = "SERVER_TIMESTAMP"
    """The service's clock, when the fragment arrives."""


@dataclass(frozen=True)
class ImageFormat:
    """The file format of the images. Create it with `ImageFormat.jpeg` or `ImageFormat.png`."""

    name: str
    """The API's value: ``JPEG`` or ``PNG``."""
    quality: jsii.Number | None = None
    """The quality of a JPEG; None if the service decides."""

    def __post_init__(self) -> None:
        """Check what the API doesn't have."""
        check_type("name", self.name, self.name in FORMATS, either([repr(name) for name in FORMATS]))
        check_integer("quality", self.quality, MIN_JPEG_QUALITY, MAX_JPEG_QUALITY)
        if self.name == PNG and self.quality is not None:
            raise ValueError(f"`quality` is {self.quality!r} for a PNG, only a JPEG has one, leave it out")

    @staticmethod
    def jpeg(*, quality: jsii.Number | None = None) -> ImageFormat:
        """JPEG.

        Parameters
        ----------
        quality
            1, the smallest file, to 100, the best image. Default: the service's default, which is 80.

        Raises
        ------
        ValueError
            If the quality is out of its bounds.
        """
        return ImageFormat(JPEG, quality)

    @staticmethod
    def png() -> ImageFormat:
        """PNG, without loss."""
        return ImageFormat(PNG)

    @property
    def request(self) -> dict[str, Any]:
        """The format as the API's request has it."""
        quality = None if self.quality is None else {"JPEGQuality": str(self.quality)}
        return {"Format": self.name, "FormatConfig": quality}
