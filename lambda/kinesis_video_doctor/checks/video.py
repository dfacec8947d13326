"""The video: whether it comes in, whether it asks for images, and whether images can be made of it."""

from __future__ import annotations

from ..calls import UndecidedError
from ..case import Case
from ..findings import Outcome, failed, passed, unknown, warned

_H264 = ("V_MPEG4/ISO/AVC", "V_MPEG/ISO/AVC")
_VIDEO_TRACK = 1


def fragments(case: Case) -> Outcome:
    """Look whether video comes in."""
    listed = case.video.fragments
    came_in, errors = _counts(case)
    if not listed and not came_in and not errors:
        return failed(
            f"no video has come in for {case.minutes} min",
            "look whether the producer runs, and sends to this account and Region: "
            f"{case.account}, {case.region}; if it sends less often, look further back with --minutes",
        )
    if not listed:
        return failed(
            f"the archive has no fragment of the last {case.minutes} min, though {came_in:.0f} came in; the service "
            f"answered with {errors:.0f} errors",
            "read the ERROR acknowledgements that the producer gets: 4500 to 4506 are about the stream's key",
        )
    newest = (case.now - listed[-1]["ServerTimestamp"]).total_seconds()
    seen = f"{len(listed)} fragments in {case.minutes} min, the newest {max(newest, 0):.0f} s ago"
    if errors:
        return warned(
            f"{seen}; the service answered with {errors:.0f} errors", "read the ERROR acknowledgements of the producer"
        )
    return passed(seen)


def _counts(case: Case) -> tuple[float, float]:
    """Return how many fragments came in and how many errors were answered."""
    names = {"fragments": "PutMedia.IncomingFragments", "errors": "PutMedia.ErrorAckCount"}
    dimensions = [{"Name": "StreamName", "Value": case.stream_name}]
    answer = case.call(
        "cloudwatch:GetMetricData",
        "get_metric_data",
        MetricDataQueries=[
            {
                "Id": id_,
                "MetricStat": {
                    "Metric": {"Namespace": "AWS/KinesisVideo", "MetricName": name, "Dimensions": dimensions},
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
            for id_, name in names.items()
        ],
        StartTime=case.since,
        EndTime=case.now,
    )
    values = {result["Id"]: sum(result["Values"]) for result in answer["MetricDataResults"]}
    return values.get("fragments", 0), values.get("errors", 0)


def tagged(case: Case) -> Outcome:
    """Look whether the newest fragments ask for images."""
    media = case.media
    count = len(media.fragments)
    if any(media.tagged):
        return passed(f"{sum(media.tagged)} of the last {count} fragments ask for images")
    try:
        image = case.newest_image(case.time_of(media.fragments[0]))
    except UndecidedError:
        image = None
    if image:
        # Whether the archive hands the tag on to readers is not documented, and an image proves it.
        return passed(f"the archive shows no tag in the last {count} fragments, and images of them lie in the bucket")
    return warned(
        f"none of the last {count} fragments has the tag AWS_KINESISVIDEO_IMAGE_GENERATION",
        "the producer must call putKinesisVideoEventMetadata(STREAM_EVENT_TYPE_IMAGE_GENERATION) after a key frame; "
        "kvssink can't, nor does GetImages need it",
    )


def codec(case: Case) -> Outcome:
    """Look at the first track."""
    tracks = case.media.tracks
    if not tracks:
        return unknown("the archive's video has no header with its tracks")
    first = min(tracks, key=lambda track: track.number)
    if first.type != _VIDEO_TRACK:
        return failed(
            f"track {first.number} is no video but {first.codec_id}", "send the video as track 1, encoded as H.264"
        )
    if first.codec_id not in _H264:
        return warned(f"the video is {first.codec_id}, and only H.264 is sure to make images", "encode it as H.264")
    return passed(f"track {first.number} is H.264")


CHECKS = (fragments, tagged, codec)
