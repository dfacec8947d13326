"""AWS CDK constructs for Amazon Kinesis Video Streams: streams, and the images extracted from them."""

from ._metrics import MetricOptions
from .fragment_notification import FragmentNotification
from .image_delivery import ImageDelivery
from .image_generation import ImageFormat, ImageGeneration, ImageSelectorType
from .images_layer import ImagesLayer
from .stream_dashboard import StreamDashboard
from .video_stream import IVideoStream, StorageTier, VideoStream

__version__ = "0.1.0"

__all__ = [
    "FragmentNotification",
    "IVideoStream",
    "ImageDelivery",
    "ImageFormat",
    "ImageGeneration",
    "ImageSelectorType",
    "ImagesLayer",
    "MetricOptions",
    "StorageTier",
    "StreamDashboard",
    "VideoStream",
]
