"""The stream and its configuration."""

from __future__ import annotations

from ..calls import UndecidedError
from ..case import Case
from ..findings import Outcome, failed, passed


def stream(case: Case) -> Outcome:
    """Look for the stream."""
    if case.described is None:
        return failed(
            f"there is no stream {case.stream_name} in {case.account}, {case.region}{_alike(case)}",
            "give the name of a stream that exists, or another --region or --profile",
        )
    status = case.stream["Status"]
    if status != "ACTIVE":
        return failed(f"the stream is {status}", "wait until it is ACTIVE")
    return passed(f"{case.stream['StreamARN']} is ACTIVE")


def _alike(case: Case) -> str:
    condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": case.stream_name[:4]}
    try:
        answer = case.call("kinesisvideo:ListStreams", "list_streams", MaxResults=10, StreamNameCondition=condition)
    except UndecidedError:
        return ""
    names = ", ".join(found["StreamName"] for found in answer["StreamInfoList"])
    return f"; names that begin alike: {names}" if names else ""


def retention(case: Case) -> Outcome:
    """Look at the data retention."""
    hours = case.stream["DataRetentionInHours"]
    if hours == 0:
        return failed(
            "the stream keeps no video, and only kept video makes images",
            f"aws kinesisvideo update-data-retention --stream-name {case.stream_name} --current-version "
            f"{case.stream['Version']} --operation INCREASE_DATA_RETENTION --data-retention-change-in-hours 1",
        )
    return passed(f"the stream keeps video for {hours} h")


def configured(case: Case) -> Outcome:
    """Look for the image generation configuration."""
    if case.configured is None:
        # A stream that doesn't exist has none either, and that is another failure.
        _ = case.stream
        return failed(
            "the stream has no image generation configuration",
            "declare an ImageGeneration for it, or call UpdateImageGenerationConfiguration",
        )
    return passed(f"images go to {case.configuration['DestinationConfig']['Uri']}")


def enabled(case: Case) -> Outcome:
    """Look whether it is switched on."""
    if case.configuration["Status"] != "ENABLED":
        return failed(
            f"image generation is {case.configuration['Status']}",
            "set `enabled=True`, or `Status` to ENABLED by UpdateImageGenerationConfiguration",
        )
    return passed("image generation is ENABLED")


def region(case: Case) -> Outcome:
    """Compare the destination's Region with the stream's."""
    found = case.configuration["DestinationConfig"]["DestinationRegion"]
    if found != case.region:
        return failed(
            f"the destination is in {found}, and the stream in {case.region}", f"take a bucket in {case.region}"
        )
    return passed(f"the stream and its destination are in {found}")


CHECKS = (stream, retention, configured, enabled, region)
