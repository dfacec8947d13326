"""Hostile video and pictures cost bounded memory: each is read in a process that may take so much and no more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# A process for each case, forked from one that has imported everything: the imports take half a second of CPU.
EACH = """
import dataclasses, json, os, resource, sys, traceback
from kinesis_video_matroska import Frame, MatroskaError, Track, ids, write_cluster, write_frame, write_header
import av
from PIL import Image
from kinesis_video_doctor.archive import read_media
from kinesis_video_local.kinesisvideo.media.decoder import ImageFormat, encoded_pictures
from kinesis_video_local.kinesisvideo.media.protocol import FragmentError, Protocol
from kinesis_video_tools.camera import ClockVideo, h264

# What a process may take beyond what it has when it begins to read.
MEGABYTES = 60
HEADER = write_header([Track(1, "V_MPEG4/ISO/AVC", b"", 160, 96)])
CLUSTER = write_cluster(0)
FRAME = write_frame(Frame(1, 0, True, b""), 0)

def element(id_, content):
    # A size of eight bytes.
    return id_.to_bytes((id_.bit_length() + 7) // 8) + (len(content) | 1 << 56).to_bytes(8) + content

def small(id_, content=b""):
    return id_.to_bytes((id_.bit_length() + 7) // 8) + bytes([0x80 | len(content)]) + content

def limit():
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEGABYTES * 1_000_000,) * 2)

def read(*pieces):
    limit()
    try:
        print(len(read_media(pieces)[1]))
    except MatroskaError as error:
        print(error)

for name, code in json.load(sys.stdin).items():
    if not os.fork():
        with open(name, "w") as file:
            os.dup2(file.fileno(), 1)
        status = 1
        try:
            exec(code)
            status = 0
        except BaseException:
            traceback.print_exc(file=sys.stdout)
        sys.stdout.flush()
        os._exit(status)
    _, status = os.wait()
    print(json.dumps([name, status]), flush=True)
"""

HOSTILE = {
    # Eight fragments of a megabyte, as the doctor reads them.
    "tiny frames": """
read(HEADER, *[CLUSTER + FRAME * (1_000_000 // len(FRAME))] * 8)
""",
    "tiny frames to a producer's connection": """
body = [HEADER + CLUSTER] + [FRAME * (1_000_000 // len(FRAME))] * 20
limit()
protocol = Protocol(0)
try:
    for piece in body:
        for _ in protocol.feed(piece):
            pass
except FragmentError as error:
    print(error)
""",
    "tags": """
tag = small(ids.SIMPLE_TAG)
read(HEADER, CLUSTER, element(ids.TAGS, element(ids.TAG, tag * (900_000 // len(tag)))))
""",
    "tags in many elements": """
body = element(ids.TAGS, element(ids.TAG, small(ids.SIMPLE_TAG) * 900)) * 900
read(HEADER, *[CLUSTER + FRAME + body] * 20)
""",
    "elements of tags": """
body = element(ids.TAGS, b"")
read(HEADER, CLUSTER, *[body * 10_000] * 20)
""",
    "tracks": """
read(HEADER[:40], small(ids.SEGMENT, b"") + element(ids.TRACKS, small(ids.TRACK_ENTRY) * 400_000))
""",
    "children of a block": """
children = b"".join((0x10000000 + number).to_bytes(4) + bytes([0x80]) for number in range(1_000_000))
body = element(ids.BLOCK_GROUP, children)
del children
read(HEADER, CLUSTER, body)
""",
    "segments and clusters in each other": """
segment, cluster = ids.SEGMENT.to_bytes(4) + b"\\xff", ids.CLUSTER.to_bytes(4) + b"\\xff"
read(HEADER, (segment + cluster) * 500_000)
""",
    "a huge picture in a header": """
video = ClockVideo("i", width=160, height=96, frame_rate=1, fragment_seconds=1)
frames = next(iter(video.fragments(0))).frames
own = h264.Encoder(160, 96)._sps
h264._LEVELS = ((1 << 20, 62),)
# FFmpeg itself ignores a header of 16,384 by 16,384, and tries 16,000 by 16,000, which took 3.8 GB.
for side in (16_384, 16_000):
    huge = h264.Encoder(side, side)._sps
    old, new = (len(sps).to_bytes(4) + sps for sps in (own, huge))
    hostile = [dataclasses.replace(frame, data=frame.data.replace(old, new)) for frame in frames]
    pictures = encoded_pictures(video.track, hostile, [0], lambda _time: 0, ImageFormat("JPEG"))
assert list(pictures.missing) == [0]
# Not getrusage's maximum, which a process inherits from the one that has started it.
(peak,) = (int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
assert peak < 300_000, peak
print(pictures.missing)
""",
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """How the process of each case has ended, and what it has printed."""
    folder = tmp_path_factory.mktemp("bounds")
    ran = subprocess.run(
        [sys.executable, "-c", EACH], cwd=folder, input=json.dumps(HOSTILE), capture_output=True, text=True, check=True
    )
    statuses = [json.loads(line) for line in ran.stdout.splitlines()]
    return {name: (status, Path(folder, name).read_text()) for name, status in statuses}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_is_read_in_bounded_memory(name: str, ended: dict[str, tuple[int, str]]) -> None:
    status, printed = ended[name]

    assert status == 0, printed
    assert printed
