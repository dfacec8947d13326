"""Cameras that send encoded video to the local AWS, and the images that come of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import av
import boto3
import psutil
from av.video.frame import PictureType

from kinesis_video_local import LocalAws
from kinesis_video_tools.camera import Acknowledgement, Producer, Report, VideoFile, fragment_tags
from kinesis_video_tools.matroska import Fragment, Track

WIDTH, HEIGHT, FRAME_RATE = 640, 480, 10
BUCKET = "images"
_BITS_PER_SECOND = 1_000_000
_ENCODED_SECONDS = 12


class EncodedVideo:
    """Endless H.264 of a moving picture with noise, encoded once: the cameras themselves cost little.

    Parameters
    ----------
    fragment_seconds
        The length of a fragment.
    """

    def __init__(self, fragment_seconds: int) -> None:
        self._milliseconds = fragment_seconds * 1000
        with TemporaryDirectory() as directory:
            path = Path(directory) / "video.mkv"
            _encode(path, FRAME_RATE * fragment_seconds)
            file = VideoFile(path)
            self.track: Track = file.track
            self._fragments = list(file.fragments(0))

    def duration(self, fragments: int | None) -> float | None:
        """Return the length of that many fragments in seconds, as `Video` asks for."""
        return None if fragments is None else fragments * self._milliseconds / 1000

    def fragments(self, start: int) -> Iterator[Fragment]:
        """Return the fragments, over and over."""
        for number in count():
            fragment = self._fragments[number % len(self._fragments)]
            offset = start + number * self._milliseconds - fragment.timecode
            frames = [replace(frame, timecode=frame.timecode + offset) for frame in fragment.frames]
            yield Fragment(frames[0].timecode, frames)


def _encode(path: Path, frames_per_fragment: int) -> None:
    source = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FRAME_RATE}:duration={_ENCODED_SECONDS},noise=alls=20:allf=t"
    options = {"preset": "veryfast", "bf": "0", "sc_threshold": "0"}
    with av.open(source, format="lavfi") as pictures, av.open(str(path), "w", format="matroska") as file:
        stream = file.add_stream("libx264", rate=FRAME_RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate, stream.gop_size = _BITS_PER_SECOND, frames_per_fragment
        for picture in pictures.decode(video=0):
            picture = picture.reformat(format="yuv420p")
            # Each picture of the source says that it is a key frame, and the encoder would obey.
            picture.pict_type = PictureType.NONE
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))


@dataclass
class Camera:
    """One camera that sends.

    Attributes
    ----------
    begun
        When the service had the first fragment begin.
    ended
        When the last acknowledgement came.
    report
        What came of the fragments, when all were sent.
    """

    begun: float = 0.0
    ended: float = 0.0
    report: Report | None = None

    def send(self, producer: Producer, video: EncodedVideo, seconds: float, speed: float) -> None:
        """Send video."""
        self.report = producer.send(video, seconds=seconds, speed=speed)

    def take(self, _: Acknowledgement) -> None:
        """Take note of an acknowledgement."""
        self.ended = time.monotonic()
        self.begun = self.begun or self.ended


class Site:
    """A local AWS whose streams have an image a second; the images are counted, and deleted as a user's would be.

    Parameters
    ----------
    aws
        The local AWS, which runs.
    """

    def __init__(self, aws: LocalAws) -> None:
        self.images = 0
        """How many images have come."""
        self.newest_image = 0.0
        """When the newest of them was found."""
        self._aws = aws
        self._s3 = aws.client("s3")
        self._s3.create_bucket(Bucket=BUCKET)
        self._session = boto3.Session("test", "test", region_name="us-east-1")
        (self.process,) = (
            child for child in psutil.Process().children() if "kinesis_video_local._process" in child.cmdline()
        )

    def add_stream(self, name: str) -> None:
        """Create a stream with an image a second."""
        streams = self._aws.client("kinesisvideo")
        streams.create_stream(StreamName=name, DataRetentionInHours=1)
        streams.update_image_generation_configuration(
            StreamName=name,
            ImageGenerationConfiguration={
                "Status": "ENABLED",
                "ImageSelectorType": "PRODUCER_TIMESTAMP",
                "DestinationConfig": {"Uri": f"s3://{BUCKET}/{name}/", "DestinationRegion": "us-east-1"},
                "SamplingInterval": 1000,
                "Format": "JPEG",
            },
        )

    def collect(self) -> None:
        """Count and delete the images that have come."""
        while contents := self._s3.list_objects_v2(Bucket=BUCKET).get("Contents"):
            self.images += len(contents)
            self.newest_image = time.monotonic()
            keys: Any = [{"Key": entry["Key"]} for entry in contents]
            self._s3.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})

    @contextmanager
    def sending(
        self, names: list[str], video: EncodedVideo, seconds: float, speed: float = 1
    ) -> Iterator[tuple[list[Camera], Event]]:
        """Let a camera send to each of these streams, not all at the same moment; the event is set when all have."""
        cameras = [Camera() for _ in names]
        done = Event()

        def start() -> None:
            threads = []
            for name, camera in zip(names, cameras, strict=True):
                producer = Producer(
                    name,
                    session=self._session,
                    endpoint_url=self._aws.endpoint_url,
                    tags=fragment_tags(),
                    on_acknowledgement=camera.take,
                )
                threads.append(Thread(target=camera.send, args=(producer, video, seconds, speed)))
                threads[-1].start()
                time.sleep(2 / len(names))
            for thread in threads:
                thread.join()
            done.set()

        starter = Thread(target=start)
        starter.start()
        try:
            yield cameras, done
        finally:
            starter.join()
