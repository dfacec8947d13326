"""Cameras that send encoded video to the local AWS, and the images that come of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import av
import psutil
from av.video.frame import PictureType

from kinesis_video_local import LocalAws
from kinesis_video_matroska import Fragment, Track
from kinesis_video_tools.camera import Acknowledgement, Producer, VideoFile, fragment_tags

WIDTH, HEIGHT, FRAME_RATE = 640, 480, 10
BUCKET = "images"
_BITS_PER_SECOND = 1_000_000
_ENCODED_SECONDS = 12
# After the end of the video, for the images that are still to come.
_MAX_WAIT_SECONDS = 20.0


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


class Camera:
    """One camera that sends.

    Attributes
    ----------
    begun
        When the first acknowledgement came.
    ended
        When the last one came.
    persisted
        How many fragments were stored.
    """

    def __init__(self) -> None:
        self.begun = self.ended = 0.0
        self.persisted = 0

    def take(self, acknowledgement: Acknowledgement) -> None:
        """Take note of an acknowledgement."""
        self.ended = time.monotonic()
        self.begun = self.begun or self.ended
        self.persisted += acknowledgement.event_type == "PERSISTED"


class Site:
    """A local AWS whose streams have an image a second; the images are counted, and deleted as a user's would be.

    Parameters
    ----------
    aws
        The local AWS, which runs.
    streams
        How many streams there are.

    Attributes
    ----------
    streams
        Their names.
    process
        The local AWS's.
    """

    def __init__(self, aws: LocalAws, streams: int) -> None:
        self.images = 0
        """How many images have come."""
        self.newest_image = 0.0
        """When the newest of them was found."""
        self._aws = aws
        self._s3 = aws.client("s3")
        self._s3.create_bucket(Bucket=BUCKET)
        self._session = aws.session()
        own = [child for child in psutil.Process().children() if "kinesis_video_local._process" in child.cmdline()]
        # The newest: this process may have another local AWS.
        self.process = max(own, key=psutil.Process.create_time)
        self.streams = [f"camera-{number}" for number in range(streams)]
        client = aws.client("kinesisvideo")
        for name in self.streams:
            # An account may create 50 streams a second.
            time.sleep(1 / 50)
            client.create_stream(StreamName=name, DataRetentionInHours=1)
            client.update_image_generation_configuration(
                StreamName=name,
                ImageGenerationConfiguration={
                    "Status": "ENABLED",
                    "ImageSelectorType": "PRODUCER_TIMESTAMP",
                    "DestinationConfig": {"Uri": f"s3://{BUCKET}/{name}/", "DestinationRegion": "us-east-1"},
                    "SamplingInterval": 1000,
                    "Format": "JPEG",
                },
            )

    def send(
        self,
        video: EncodedVideo,
        seconds: float,
        *,
        speed: float = 1,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> list[Camera]:
        """Let a camera send to each stream, and wait until all have, and for their images.

        Parameters
        ----------
        video
            What they send. Not all begin at the same moment.
        seconds
            How much of it.
        speed
            How much faster than real time.
        meanwhile
            Is called twice a second.
        """

        def send(camera: Camera, name: str, delay: float) -> None:
            time.sleep(delay)
            url = self._aws.endpoint_url
            options: Any = {"session": self._session, "endpoint_url": url, "on_acknowledgement": camera.take}
            Producer(name, tags=fragment_tags(), **options).send(video, seconds=seconds, speed=speed)

        expected = self.images + len(self.streams) * seconds
        cameras = [Camera() for _ in self.streams]
        threads = [
            Thread(target=send, args=(camera, name, 2 * number / len(self.streams)))
            for number, (camera, name) in enumerate(zip(cameras, self.streams, strict=True))
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.5)
            self._collect()
            meanwhile()
        deadline = time.monotonic() + _MAX_WAIT_SECONDS
        while self.images < expected and time.monotonic() < deadline:
            self._collect()
            time.sleep(0.1)
        return cameras

    def _collect(self) -> None:
        """Count and delete the images that have come."""
        while contents := self._s3.list_objects_v2(Bucket=BUCKET).get("Contents"):
            self.images += len(contents)
            self.newest_image = time.monotonic()
            keys = [{"Key": entry["Key"]} for entry in contents]
            self._s3.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})
