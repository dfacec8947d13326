"""Renaming or moving the construct doesn't affect the stream's configuration; deployed with the CDK CLI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aws_cdk import App, Stack
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_s3 as s3
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from cdk_kinesis_video import ImageGeneration, VideoStream
from kinesis_video_local import Cdk

from .conftest import IMAGE_GENERATION, Cloud

STREAMS = ("rename-owned", "rename-overridden", "rename-imported")


def cameras(app: App, place: Callable[[Stack, str], tuple[Construct, str]]) -> None:
    """A stream of the app, a stream whose logical id is overridden, and an existing stream."""
    stack = Stack(app, "Rename")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
    overridden = kinesisvideo.CfnStream(stack, "Overridden", name=STREAMS[1], data_retention_in_hours=24)
    overridden.override_logical_id("FrontDoor")
    streams: tuple[IStreamRef, ...] = (
        VideoStream(stack, "Owned", stream_name=STREAMS[0]),
        overridden,
        VideoStream.from_stream_name(stack, "Imported", STREAMS[2]),
    )
    for name, stream in zip(STREAMS, streams, strict=True):
        ImageGeneration(*place(stack, name), stream=stream, bucket=bucket, prefix=name)


def test_a_renamed_and_moved_construct_is_no_change(cloud: Cloud, cdk: Cdk, tmp_path: Path) -> None:
    cloud.create_stream(STREAMS[2])

    first = App(outdir=str(tmp_path / "first"))
    cameras(first, lambda stack, name: (stack, f"Images-{name}"))
    cdk.deploy(first.synth().directory)
    before = {name: cloud.images(name) for name in STREAMS}
    assert {config["DestinationConfig"]["Uri"] for config in before.values()} == {
        f"s3://camera-images/{name}/" for name in STREAMS
    }
    events = cloud.events("Rename")

    second = App(outdir=str(tmp_path / "second"))
    cameras(second, lambda stack, name: (Construct(stack, f"Elsewhere-{name}"), "Renamed"))
    cdk.deploy(second.synth().directory)
    assert {name: cloud.images(name) for name in STREAMS} == before
    # Neither created, nor updated, nor deleted.
    assert cloud.events("Rename") == events
    assert len(cloud.physical_ids("Rename", IMAGE_GENERATION)) == 3
