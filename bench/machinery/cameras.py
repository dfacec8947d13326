"""Cameras that send encoded video to the local AWS, and the images that come of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from imageio_ffmpeg import get_ffmpeg_exe

from kinesis_video_local import LocalAws
from kinesis_video_matroska import Fragment
from kinesis_video_tools.camera import Producer, VideoFile, fragment_tags

WIDTH, HEIGHT, FRAME_RATE = 640, 480, 10
BUCKET = "images"
_ENCODED_SECONDS = 12
# After the end of the video, for the images that are still to come.
_MAX_WAIT_SECONDS = 20.0


class EncodedVideo:
    """Endless H.264 of a moving picture with noise, encoded once: the cameras themselves cost little."""

    def __init__(self, fragment_seconds: int) -> None:
        self._milliseconds = fragment_seconds * 1000
        source = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FRAME_RATE}:duration={_ENCODED_SECONDS},noise=alls=20:allf=t"
        options = "-c:v libx264 -pix_fmt yuv420p -preset veryfast -bf 0 -b:v 1M -sc_threshold 0 -g"
        with TemporaryDirectory() as directory:
            path = Path(directory, "video.mkv")
            encoder = [*options.split(), str(FRAME_RATE * fragment_seconds)]
            command = [get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, *encoder, str(path)]
            subprocess.run(command, check=True)
            file = VideoFile(path)
            self.track = file.track
            self._fragments = list(file.fragments(0))

    def duration(self, fragments: int | None) -> float | None:
        return None if fragments is None else fragments * self._milliseconds / 1000

    def fragments(self, start: int) -> Iterator[Fragment]:
        """Return the fragments, over and over."""
        for number in count():
            fragment = self._fragments[number % len(self._fragments)]
            offset = start + number * self._milliseconds - fragment.timecode
            frames = [replace(frame, timecode=frame.timecode + offset) for frame in fragment.frames]
            yield Fragment(frames[0].timecode, frames)


@dataclass(frozen=True)
class Sent:
    """What a camera has sent: when its first and its last acknowledgement came, and how many fragments were stored."""

    begun: float
    ended: float
    persisted: int


class Site:
    """A local AWS whose streams have an image a second; the images are counted, and deleted as a user's would be."""

    def __init__(self, aws: LocalAws, streams: int) -> None:
        self.images = 0
        """How many images have come."""
        self.newest_image = 0.0
        """When the newest of them was found."""
        self._aws = aws
        self._s3 = aws.client("s3")
        self._s3.create_bucket(Bucket=BUCKET)
        own = [child for child in psutil.Process().children() if "kinesis_video_local._process" in child.cmdline()]
        # The local AWS's is the newest: this process may have another one.
        self.process = max(own, key=psutil.Process.create_time)
        self._streams = [f"camera-{number}" for number in range(streams)]
        client = aws.client("kinesisvideo")
        for name in self._streams:
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
        self, video: EncodedVideo, seconds: float, *, speed: float = 1, meanwhile: Callable[[], None] = lambda: None
    ) -> list[Sent]:
        """Let a camera send to each stream, and wait for all and for their images; call `meanwhile` twice a second."""
        session = self._aws.session()

        def camera(number: int, name: str) -> Sent:
            # Not all begin at the same moment.
            time.sleep(2 * number / len(self._streams))
            acknowledged: list[float] = []
            producer = Producer(
                name,
                tags=fragment_tags(),
                session=session,
                endpoint_url=self._aws.endpoint_url,
                on_acknowledgement=lambda _: acknowledged.append(time.monotonic()),
            )
            report = producer.send(video, seconds=seconds, speed=speed)
            return Sent(acknowledged[0], acknowledged[-1], report.persisted)

        expected = self.images + len(self._streams) * seconds
        with ThreadPoolExecutor(len(self._streams)) as pool:
            cameras = [pool.submit(camera, number, name) for number, name in enumerate(self._streams)]
            while not all(each.done() for each in cameras):
                time.sleep(0.5)
                self._collect()
                meanwhile()
        deadline = time.monotonic() + _MAX_WAIT_SECONDS
        while self.images < expected and time.monotonic() < deadline:
            self._collect()
            time.sleep(0.1)
        return [each.result() for each in cameras]

    def _collect(self) -> None:
        """Count and delete the images that have come."""
        while contents := self._s3.list_objects_v2(Bucket=BUCKET).get("Contents"):
            self.images += len(contents)
            self.newest_image = time.monotonic()
            keys = [{"Key": entry["Key"]} for entry in contents]
            self._s3.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})
