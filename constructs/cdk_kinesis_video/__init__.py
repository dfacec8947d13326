"""AWS CDK constructs for Amazon Kinesis Video Streams: streams, and the images extracted from them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._stream_configuration import ConfigurationFunction
from .destination_path import DestinationPath
from .fragment_notification import FragmentNotification
from .image_delivery import ImageDelivery
from .image_format import ImageFormat, ImageSelectorType
from .image_generation import ImageGeneration, ImageOptions
from .stream_metrics import MetricOptions
from .video_stream import IVideoStream, StorageTier, VideoStream

if TYPE_CHECKING:
    from .drift_monitor import DriftMonitor, Repair
    from .images_layer import ImagesLayer
    from .stream_dashboard import StreamDashboard
    from .stream_fleet import StreamFleet

__version__ = "0.2.0"

__all__ = [
    "ConfigurationFunction",
    "DestinationPath",
    "DriftMonitor",
    "FragmentNotification",
    "IVideoStream",
    "ImageDelivery",
    "ImageFormat",
    "ImageGeneration",
    "ImageOptions",
    "ImageSelectorType",
    "ImagesLayer",
    "MetricOptions",
    "Repair",
    "StorageTier",
    "StreamDashboard",
    "StreamFleet",
    "VideoStream",
]

# Imported when they are used: `aws_cdk.aws_lambda` brings `aws_ec2`, 0.25 s of CPU and 34 MB with aws-cdk-lib 2.275.
_WHEN_USED = {
    "DriftMonitor": "drift_monitor",
    "ImagesLayer": "images_layer",
    "Repair": "drift_monitor",
    "StreamDashboard": "stream_dashboard",
    "StreamFleet": "stream_fleet",
}


def __getattr__(name: str) -> Any:
    if name not in _WHEN_USED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_WHEN_USED[name]}", __name__), name)
