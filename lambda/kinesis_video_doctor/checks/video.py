"""The video: whether it comes in, whether it asks for images, and whether images can be made of it."""

from __future__ import annotations

from datetime import timedelta

from ..archive import Video
from ..calls import UndecidedError
from ..evidence import FRESH, Evidence, ago
from ..findings import Outcome, failed, passed, unknown, warned
from ..stream import Stream

_H264 = ("V_MPEG4/ISO/AVC", "V_MPEG/ISO/AVC")
_VIDEO_TRACK = 1
_SMALLEST_AVCC = 7
_NAMES = {
    "V_MPEGH/ISO/HEVC": "H.265",
    "V_AV1": "AV1",
    "V_VP8": "VP8",
    "V_VP9": "VP9",
    "V_MJPEG": "Motion JPEG",
    "V_MS/VFW/FOURCC": "in the form of Video for Windows",
    "V_UNCOMPRESSED": "not compressed",
}
_OFF = timedelta(hours=1)
"""The smallest difference of a producer's clock that is reported."""


def fragments(stream: Stream, video: Video) -> Outcome:
    """Look whether video comes in."""
    listed = video.fragments
    try:
        came_in, errors = video.counted["fragments"], video.counted["errors"]
    except UndecidedError as error:
        if not listed:
            raise
        return unknown(f"{len(listed)} fragments in {stream.minutes} min; {error.seen}", error.fix)
    if not listed and not came_in and not errors:
        return failed(
            f"no video has come in for {stream.minutes} min",
            "check that the producer runs, and sends to this account and Region: "
            f"{stream.account}, {stream.region}; if it sends less often, look further back with --minutes",
        )
    if not listed:
        return failed(
            f"the archive has no fragment of the last {stream.minutes} min; fragments that came in: {came_in:.0f}, "
            f"errors that the service answered with: {errors:.0f}",
            "read the ERROR acknowledgements that the producer gets: 4500 to 4506 are about the stream's key",
        )
    newest = listed[-1]
    age = stream.now - newest.arrived
    seen = f"{len(listed)} fragments in {stream.minutes} min, the newest {ago(age)} ago"
    if errors:
        return warned(
            f"{seen}; errors that the service answered with: {errors:.0f}",
            "read the ERROR acknowledgements of the producer",
        )
    if age > FRESH:
        return warned(
            f"no video has come in for {ago(age)}; before that: {len(listed)} fragments in {stream.minutes} min",
            f"check that the producer runs, and sends to this account and Region: {stream.account}, {stream.region}",
        )
    return _by_clock(stream, newest.produced - newest.arrived if newest.produced else timedelta(), seen)


def _by_clock(stream: Stream, ahead: timedelta, seen: str) -> Outcome:
    """Report a producer's clock that differs much from the service's, since its times are in the images' keys."""
    try:
        by_producer = stream.by_producer
    except UndecidedError:
        by_producer = True
    if abs(ahead) < _OFF:
        return passed(seen)
    if ahead > timedelta() and by_producer:
        return warned(
            f"{seen}; the producer's clock is {ago(ahead)} ahead of the service's, and so are the times in the keys of "
            "the images",
            "set the producer's clock, or the ImageSelectorType to SERVER_TIMESTAMP",
        )
    where = f"{ago(abs(ahead))} {'ahead of' if ahead > timedelta() else 'behind'} the service's"
    way_out = ", and SERVER_TIMESTAMP takes the service's times for the images" if by_producer else ""
    return passed(f"{seen}; the producer's times are {where}: a recording, or a wrong clock{way_out}")


def tagged(video: Video, evidence: Evidence) -> Outcome:
    """Look whether the newest fragments ask for images."""
    media = video.media
    count = len(media.fragments)
    if media.asking:
        return passed(f"{len(media.asking)} of the last {count} fragments ask for images")
    try:
        last = evidence.last
    except UndecidedError:
        last = None
    if last and not media.almost:
        # It is not documented whether the archive returns the tag. An image proves that there was one.
        return passed(f"the archive shows no tag in the last {count} fragments, and an image lies in the bucket of one")
    almost = ", ".join(map(repr, media.almost))
    instead = f"; they have {almost}, and only the exact name counts" if almost else ""
    return warned(
        f"none of the last {count} fragments has the tag AWS_KINESISVIDEO_IMAGE_GENERATION{instead}",
        "the producer must call putKinesisVideoEventMetadata(STREAM_EVENT_TYPE_IMAGE_GENERATION) after a key frame; "
        "kvssink can't, nor does GetImages need it",
    )


def codec(video: Video, evidence: Evidence) -> Outcome:
    """Look at the first track."""
    tracks = video.media.tracks
    if not tracks:
        return unknown("the archive's video has no header with its tracks")
    first = min(tracks, key=lambda track: track.number)
    if first.type != _VIDEO_TRACK:
        return failed(
            f"track {first.number} is not video but {first.codec_id}", "send the video as track 1, encoded as H.264"
        )
    if first.codec_id not in _H264:
        name = _NAMES.get(first.codec_id)
        seen = f"the video is {name} ({first.codec_id})" if name else f"the video is {first.codec_id}"
        if evidence.arrive:
            return passed(f"{seen}, and images of it arrive")
        return warned(f"{seen}, and only H.264 is certain to yield images", "encode it as H.264", explains="images")
    lack = (
        "compressed once more by Matroska"
        if first.encoded
        else "without its codec private data"
        if not first.codec_private
        # An AVCDecoderConfigurationRecord, which begins with 1 and has seven bytes and two parameter sets.
        else "with codec private data that is not in the form avcC"
        if first.codec_private[0] != 1 or len(first.codec_private) <= _SMALLEST_AVCC
        else ""
    )
    if lack and not evidence.arrive:
        return warned(
            f"track {first.number} is called H.264 and is {lack}, so it can't be decoded",
            "send the sequence and picture parameter sets as the track's CodecPrivate, in the form avcC",
            explains="images",
        )
    return passed(f"track {first.number} is H.264")
