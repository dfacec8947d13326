"""AWS CDK constructs for Amazon Kinesis Video Streams: streams, and the images extracted from them."""

from .image_generation import ImageFormat, ImageGeneration, ImageSelectorType
from .video_stream import IVideoStream, StorageTier, VideoStream

__version__ = "0.1.0"

__all__ = [
    "IVideoStream",
    "ImageFormat",
    "ImageGeneration",
    "ImageSelectorType",
    "StorageTier",
    "VideoStream",
]
