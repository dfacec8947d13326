"""Writes fragments as MP4 with FFmpeg: a whole file, or the parts for a player of HLS. Nothing is encoded again."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import accumulate

from kinesis_video_matroska import Frame

from .fragments import MediaFragment
from .limits import FRAGMENT_MILLISECONDS

_TIME_BASE = Fraction(1, 1000)
# Each part has its own header, and its times continue those of the previous part. Its first frame is shown when the
# part begins: if frames are out of order, others have negative offsets from their times of decoding.
_PARTS = {
    "movflags": "empty_moov+default_base_moof+frag_custom+frag_discont+negative_cts_offsets",
    "avoid_negative_ts": "disabled",
    "use_editlist": "0",
}
_ONE_FRAME_MILLISECONDS = 40
# The most by which a frame is decoded before it is shown; no time in a part may be negative.
_LEAD_MILLISECONDS = FRAGMENT_MILLISECONDS


class UnplayableError(ValueError):
    """The fragments make no MP4."""


def frame_milliseconds(frames: Sequence[Frame]) -> int:
    """Return for how many milliseconds a frame is shown on average."""
    timecodes = [frame.timecode for frame in frames]
    return round((max(timecodes) - min(timecodes)) / max(len(frames) - 1, 1)) or _ONE_FRAME_MILLISECONDS


def write_clip(fragments: Sequence[MediaFragment]) -> bytes:
    """Write fragments into one MP4 file, the first frame at 0. A fragment that overlaps the previous one follows it.

    Raises
    ------
    UnplayableError
        If FFmpeg can't.
    """
    begin, end = fragments[0].producer_timestamp, 0
    shifted = []
    for fragment in fragments:
        frames = fragment.video
        earliest = fragment.producer_time(min(frame.timecode for frame in frames)) - begin
        shift = max(end - earliest, 0) - begin
        times = [fragment.producer_time(frame.timecode) + shift for frame in frames]
        end = max(times) + frame_milliseconds(frames)
        shifted.append((fragment, times))
    return _write(shifted, {})


def write_parts(fragment: MediaFragment, begin: int) -> tuple[bytes, bytes]:
    """Write the part that a player of HLS reads before any fragment, and the part with a fragment.

    Parameters
    ----------
    fragment
        The fragment.
    begin
        When it begins in the presentation, in milliseconds.

    Raises
    ------
    UnplayableError
        If FFmpeg can't.
    """
    begin += _LEAD_MILLISECONDS - fragment.media.timecode
    written = _write([(fragment, [begin + frame.timecode for frame in fragment.video])], _PARTS)
    parts = dict(_boxes(written))
    return parts[b"ftyp"] + parts[b"moov"], parts[b"moof"] + parts[b"mdat"]


def _write(fragments: Sequence[tuple[MediaFragment, Sequence[int]]], options: dict[str, str]) -> bytes:
    import av

    # A frame may be decoded before one that is shown earlier: the times of decoding are the sorted times of showing,
    # moved ahead so that no frame is shown before it is decoded.
    shown = [time for _, times in fragments for time in times]
    # Frames may be shown at the same time; MP4 takes none that is decoded at the same time as another.
    decoded = list(accumulate(sorted(shown), lambda last, time: max(time, last + 1)))
    ahead = max(early - late for early, late in zip(decoded, shown, strict=True))
    written = io.BytesIO()
    try:
        with av.open(written, "w", format="mp4", options=options) as output:
            target = None
            position = 0
            for fragment, times in fragments:
                with av.open(io.BytesIO(fragment.write()), "r") as source:
                    stream = source.streams[fragment.video_index]
                    if target is None:
                        target = output.add_stream_from_template(stream)
                        target.time_base = _TIME_BASE
                    packets = [packet for packet in source.demux(stream) if packet.size]
                    if len(packets) != len(times):
                        raise UnplayableError(f"the fragment {fragment.number} has frames that FFmpeg doesn't find")
                    for packet, time in zip(packets, times, strict=True):
                        following = decoded[position + 1] if position + 1 < len(decoded) else None
                        packet.stream, packet.time_base = target, _TIME_BASE
                        packet.pts, packet.dts = time, decoded[position] - ahead
                        packet.duration = (
                            frame_milliseconds(fragment.video) if following is None else following - decoded[position]
                        )
                        output.mux(packet)
                        position += 1
    except (av.FFmpegError, ValueError) as error:
        raise UnplayableError(str(error)) from error
    return written.getvalue()


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the boxes of an MP4 with their names."""
    position = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4])
        if size < 8:
            return
        yield data[position + 4 : position + 8], data[position : position + size]
        position += size
