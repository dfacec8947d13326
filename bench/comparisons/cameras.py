"""Cameras: how many the local AWS sustains, and what it takes to stream for long.

The cameras run on the same cores as the local AWS.
"""

from __future__ import annotations

import os
import time

import psutil

from kinesis_video_local import LocalAws

from ..machinery.cameras import FRAME_RATE, HEIGHT, WIDTH, EncodedVideo, Site
from ..machinery.processes import usage
from ..report.text import Result, table

TARGET = 20
COUNTS = (10, 20, 30, 40, 50, 60, 80, 100)
SECONDS = 12.0
FRAGMENT_SECONDS = 2
# Who is a whole fragment late falls behind.
MAX_LATE_SECONDS = 2.0
MAX_WAIT_SECONDS = 20.0

LONG_MINUTES = 30
# The service takes 5 fragments a second, so longer ones arrive in less time.
LONG_FRAGMENT_SECONDS = 6
LONG_SPEED = 30.0
STEP_MINUTES = 5


def run(_repetitions: int) -> Result:
    """Add cameras until the local AWS falls behind, and then let one stream for half an hour of its own time."""
    rows, sustained = _sustained()
    memory, kept, images = _long()
    return Result(
        [
            f"Cameras of {WIDTH}x{HEIGHT} pixels, {FRAME_RATE} frames a second of encoded H.264 at 1 Mbit/s, with an "
            f"image a second, on the {os.cpu_count()} cores that the local AWS runs on, for {SECONDS:.0f} s each. Late "
            "is how long after its video's end the last acknowledgement or the last image came; more than "
            f"{MAX_LATE_SECONDS:.0f} s, or a missing image, is falling behind. CPU is the local AWS's for each image, "
            "with the receiving of its ten frames.",
            table(["cameras", "images", "missing", "late", "CPU for each image", "cores used", "peak memory"], rows),
            f"It sustains {sustained} cameras; the target is {TARGET}.",
            f"{LONG_MINUTES} minutes of one camera's video at {LONG_SPEED:.0f} times real time, {kept:,.0f} MB, of which "
            "the newest 100 MB are kept; images are deleted as they come. Memory of the local AWS:",
            table(["minutes of video", *map(str, memory)], [["MB", *(f"{value:.0f}" for value in memory.values())]]),
            f"{images} images of {LONG_MINUTES * 60} came.",
        ]
    )


def _sustained() -> tuple[list[list[object]], int]:
    video = EncodedVideo(FRAGMENT_SECONDS)
    rows: list[list[object]] = []
    sustained = 0
    for count in COUNTS:
        print(f"  cameras: {count}", flush=True)
        with LocalAws(creating_seconds=0) as aws:
            site = Site(aws)
            names = [f"camera-{number}" for number in range(count)]
            for name in names:
                site.add_stream(name)
            before, begin = usage(site.process), time.monotonic()
            with site.sending(names, video, SECONDS) as (cameras, done):
                while not done.wait(1):
                    site.collect()
            end = time.monotonic()
            expected = count * round(SECONDS)
            while site.images < expected and time.monotonic() < end + MAX_WAIT_SECONDS:
                site.collect()
                time.sleep(0.1)
            after = usage(site.process)
            images_late = max(site.newest_image - max(camera.ended for camera in cameras), 0)
        late = max(camera.ended - camera.begun - SECONDS for camera in cameras) + images_late
        persisted = sum(camera.report.persisted for camera in cameras if camera.report)
        complete = site.images == expected and persisted == count * SECONDS / FRAGMENT_SECONDS
        cpu = after["CPU"] - before["CPU"]
        rows.append(
            [
                count,
                site.images,
                expected - site.images,
                f"{max(late, 0):.1f} s",
                f"{1000 * cpu / max(site.images, 1):.0f} ms",
                f"{cpu / (end - begin):.2f}",
                f"{after['peak memory']:.0f} MB",
            ]
        )
        if not complete or late > MAX_LATE_SECONDS:
            break
        sustained = count
    return rows, sustained


def _long() -> tuple[dict[int, float], float, int]:
    """Stream for long; return the memory in MB by the minutes of video, how many MB were sent, and the images."""
    video = EncodedVideo(LONG_FRAGMENT_SECONDS)
    memory: dict[int, float] = {}
    with LocalAws(creating_seconds=0) as aws:
        site = Site(aws)
        site.add_stream("camera")
        print(f"  cameras: {LONG_MINUTES} minutes of video", flush=True)
        with site.sending(["camera"], video, LONG_MINUTES * 60, LONG_SPEED) as ((camera,), done):
            while not done.wait(0.5):
                site.collect()
                due = (len(memory) + 1) * STEP_MINUTES
                if site.images >= due * 60:
                    memory[due] = _megabytes(site.process)
        end = time.monotonic()
        while site.images < LONG_MINUTES * 60 and time.monotonic() < end + MAX_WAIT_SECONDS:
            site.collect()
            time.sleep(0.1)
        memory[LONG_MINUTES] = _megabytes(site.process)
        sent = sum(
            len(frame.data)
            for fragment, _ in zip(video.fragments(0), range(LONG_MINUTES * 60 // LONG_FRAGMENT_SECONDS), strict=False)
            for frame in fragment.frames
        )
        return memory, sent / 1e6, site.images


def _megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1e6
