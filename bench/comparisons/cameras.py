"""Cameras: how many the local AWS sustains, and whether its memory stays flat when one streams for long.

The cameras run on the same cores as the local AWS.
"""

from __future__ import annotations

import os
import time
from itertools import islice

import psutil

from kinesis_video_local import LocalAws

from ..machinery.cameras import FRAME_RATE, HEIGHT, WIDTH, EncodedVideo, Site
from ..machinery.processes import usage
from ..report.text import paragraphs, table

TARGET = 20
COUNTS = (20, 40, 50, 60, 70, 80, 100)
SECONDS = 12
FRAGMENT_SECONDS = 2
# Who is a whole fragment late falls behind.
MAX_LATE_SECONDS = 2.0

LONG_MINUTES = 30
STEP_MINUTES = 5
# The service takes 5 fragments a second, so long ones arrive in less time.
LONG_FRAGMENT_SECONDS = 6
LONG_SPEED = 30


def run(_repetitions: int) -> str:
    """Add cameras until the local AWS falls behind, and then let one stream for half an hour of its own time."""
    rows, sustained = _sustained()
    memory, sent, images = _long()
    return paragraphs(
        f"Cameras of {WIDTH}x{HEIGHT} pixels, {FRAME_RATE} frames a second of encoded H.264 at 1 Mbit/s, with an image "
        f"a second, for {SECONDS} s, on the {os.cpu_count()} cores that the local AWS runs on. Late is how long after "
        "its video's end a camera's last acknowledgement, and then the last image, came; "
        f"{MAX_LATE_SECONDS:.0f} s, or a missing image, is falling behind. CPU is the local AWS's for each image, with "
        "what it takes to receive a second of video.",
        table(["cameras", "images", "missing", "late", "CPU", "its cores", "the cameras'", "peak memory"], rows),
        f"It sustains {sustained} cameras; the target is {TARGET}.",
        f"{LONG_MINUTES} minutes of one camera's video, {LONG_SPEED} times as fast as real time: {sent:,.0f} MB, of "
        "which the newest 100 MB are kept. The images are deleted as they come. Memory of the local AWS:",
        table(["minutes of video", *map(str, memory)], [["MB", *(f"{value:.0f}" for value in memory.values())]]),
        f"{images} images of {LONG_MINUTES * 60} came.",
    )


def _sustained() -> tuple[list[list[object]], int]:
    video, own = EncodedVideo(FRAGMENT_SECONDS), psutil.Process()
    rows: list[list[object]] = []
    sustained = 0
    for count in COUNTS:
        print(f"  cameras: {count}", flush=True)
        with LocalAws(creating_seconds=0) as aws:
            site = Site(aws, count)
            begin, cpu_before, own_before = time.monotonic(), usage(site.process)["CPU"], usage(own)["CPU"]
            cameras = site.send(video, SECONDS)
            seconds = time.monotonic() - begin
            used, own_used = usage(site.process), usage(own)["CPU"] - own_before
        cpu = used["CPU"] - cpu_before
        missing = count * SECONDS - site.images
        late = max(camera.ended - camera.begun - SECONDS for camera in cameras)
        late = max(late, 0) + max(site.newest_image - max(camera.ended for camera in cameras), 0)
        rows.append(
            [
                count,
                site.images,
                missing,
                f"{late:.1f} s",
                f"{1000 * cpu / max(site.images, 1):.0f} ms",
                f"{cpu / seconds:.2f}",
                f"{own_used / seconds:.2f}",
                f"{used['peak memory']:.0f} MB",
            ]
        )
        persisted = sum(camera.persisted for camera in cameras)
        if missing or persisted < count * SECONDS / FRAGMENT_SECONDS or late > MAX_LATE_SECONDS:
            break
        sustained = count
    return rows, sustained


def _long() -> tuple[dict[int, float], float, int]:
    """Stream for long; return the memory in MB by the minutes of video, how many MB were sent, and the images."""
    print(f"  cameras: {LONG_MINUTES} minutes of video", flush=True)
    video = EncodedVideo(LONG_FRAGMENT_SECONDS)
    memory: dict[int, float] = {}
    with LocalAws(creating_seconds=0) as aws:
        site = Site(aws, 1)

        def look() -> None:
            if site.images >= (len(memory) + 1) * STEP_MINUTES * 60:
                memory[(len(memory) + 1) * STEP_MINUTES] = site.process.memory_info().rss / 1e6

        site.send(video, LONG_MINUTES * 60, speed=LONG_SPEED, meanwhile=look)
        memory[LONG_MINUTES] = site.process.memory_info().rss / 1e6
    fragments = islice(video.fragments(0), LONG_MINUTES * 60 // LONG_FRAGMENT_SECONDS)
    sent = sum(len(frame.data) for fragment in fragments for frame in fragment.frames)
    return memory, sent / 1e6, site.images
