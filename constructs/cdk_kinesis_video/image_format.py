"""How an image is made: its file format, and the clock that says when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import jsii

from kinesis_video_contract.images import FORMATS, JPEG, MAX_JPEG_QUALITY, MIN_JPEG_QUALITY, PNG

from ._validation import check_integer, check_type, either


class ImageSelectorType(str, Enum):
    """Which clock the sampling interval is measured by."""

    PRODUCER_TIMESTAMP = "PRODUCER_TIMESTAMP"
    """The producer's, also right for media that was recorded earlier."""
    SERVER_TIMESTAMP = "SERVER_TIMESTAMP"
    """The service's, at the arrival of the fragment."""


@dataclass(frozen=True)
class ImageFormat:
    """The file format of the images. Made by `ImageFormat.jpeg` or `ImageFormat.png`."""

    name: str
    """As the API has it: ``JPEG`` or ``PNG``."""
    quality: jsii.Number | None = None
    """Of a JPEG; None if the service decides."""

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
            1, the smallest file, to 100, the best image. Default: the service decides, which is 80.

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
