"""Amazon Kinesis Video Streams: its streams, and the services that read and change them."""

from __future__ import annotations

from .kinesis_video import KinesisVideo

__all__ = ["KinesisVideo"]
