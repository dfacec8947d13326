"""A producer for Kinesis Video Streams in Python, and videos for it to send.

For example::

    from kinesis_video_tools.camera import ClockVideo, Producer, fragment_tags

    producer = Producer("front-door", tags=fragment_tags(prefix="person/"))
    report = producer.send(ClockVideo("front-door"), seconds=30)

A video of your own is a `Video`.
"""

from .acknowledgements import Acknowledgement, AcknowledgementReader
from .clock_video import ClockVideo
from .delivery import Report
from .producer import Producer, Video
from .put_media import PutMediaError
from .tags import fragment_tags
from .video_file import VideoFile

__all__ = [
    "Acknowledgement",
    "AcknowledgementReader",
    "ClockVideo",
    "Producer",
    "PutMediaError",
    "Report",
    "Video",
    "VideoFile",
    "fragment_tags",
]
