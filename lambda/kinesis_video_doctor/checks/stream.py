"""The stream and its configuration."""

from __future__ import annotations

from contextlib import suppress
from difflib import get_close_matches

from ..archive import Video
from ..calls import UndecidedError
from ..findings import Outcome, failed, passed, unknown
from ..stream import Stream

_WHAT_TO_DO = {
    "CREATING": "wait until it is ACTIVE",
    "DELETING": "it is being deleted: use another stream, or create it again when it is gone",
}
_MAX_ALIKE = 5


def stream(subject: Stream) -> Outcome:
    """Look for the stream."""
    if subject.described is None:
        if subject.arn_given and (successor := subject.successor):
            return failed(
                f"the stream {subject.name} was deleted and created again: there is no {subject.arn_given}",
                f"use its present ARN, {successor}, or its name; declare the images for it again",
            )
        return failed(
            f"there is no stream {subject.name} in {subject.known_account}, {subject.region}{_alike(subject)}",
            "give the name of a stream that exists, or another --region or --profile",
        )
    status = subject.info["Status"]
    # While it is UPDATING, for example its retention, it goes on as before.
    if status not in ("ACTIVE", "UPDATING"):
        return failed(f"the stream is {status}", _WHAT_TO_DO.get(status, "wait until it is ACTIVE"))
    return passed(f"{subject.arn} is {status}")


def _alike(subject: Stream) -> str:
    """List similar names."""
    begins = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": subject.name[:4]}
    found: list[str] = []
    with suppress(UndecidedError, KeyError):
        for parameters in {"MaxResults": 10, "StreamNameCondition": begins}, {"MaxResults": 10_000}:
            answer = subject.call("kinesisvideo:ListStreams", "list_streams", **parameters)
            found += [one["StreamName"] for one in answer["StreamInfoList"]]
    same = [name for name in found if name.lower() == subject.name.lower()]
    if same:
        return f"; there is {same[0]}, names are case-sensitive"
    close = [name for name in found if name.startswith(subject.name[:4])]
    close += get_close_matches(subject.name, found, _MAX_ALIKE)
    names = ", ".join(list(dict.fromkeys(close))[:_MAX_ALIKE])
    return f"; similar names: {names}" if names else ""


def retention(subject: Stream, video: Video) -> Outcome:
    """Look at the data retention."""
    hours = subject.retention
    if hours is None:
        with suppress(UndecidedError):
            if video.fragments:
                return passed("the stream has video in its archive")
    if not hours:
        told = "" if hours == 0 else ": DescribeStream returns no retention, as for a stream without one"
        return failed(
            f"the stream keeps no video, and only stored video yields images{told}",
            f"aws kinesisvideo update-data-retention --stream-name {subject.name} --current-version "
            f"{subject.info.get('Version', 'VERSION')} --operation INCREASE_DATA_RETENTION "
            "--data-retention-change-in-hours 1",
        )
    return passed(f"the stream keeps video for {hours} h")


def configured(subject: Stream) -> Outcome:
    """Look for the image generation configuration."""
    if subject.configured is None:
        # A stream that doesn't exist has none either, and that is another failure.
        _ = subject.info
        return failed(
            "the stream has no image generation configuration",
            "declare an ImageGeneration for it, start a pass of its fleet with `kinesis-video fleet`, or call "
            "UpdateImageGenerationConfiguration",
        )
    return passed(f"images go to {subject.configuration['DestinationConfig']['Uri']}")


def enabled(subject: Stream) -> Outcome:
    """Look whether it is switched on."""
    status = subject.configuration["Status"]
    if status != "ENABLED":
        return failed(
            f"image generation is {status}",
            "set `enabled=True`, or `Status` to ENABLED by UpdateImageGenerationConfiguration",
        )
    return passed("image generation is ENABLED")


def region(subject: Stream) -> Outcome:
    """Compare the destination's Region with the stream's."""
    found = subject.configuration["DestinationConfig"].get("DestinationRegion")
    if found is None:
        return unknown("the configuration has no Region for the destination")
    if found != subject.region:
        return failed(
            f"the destination is in {found}, and the stream in {subject.region}", f"use a bucket in {subject.region}"
        )
    return passed(f"the stream and its destination are in {found}")
