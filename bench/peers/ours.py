"""The library of this repository."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import ImageFormat, ImageGeneration, VideoStream

from . import Declared


def cameras(stack: Stack, count: int, declared: Declared) -> None:
    bucket = s3.Bucket(stack, "Bucket")
    producer = iam.Role(stack, "Producer", assumed_by=iam.AccountRootPrincipal()) if declared.producer else None
    interval = Duration.millis(declared.sampling_interval_millis)
    for number in range(count):
        camera = f"Camera{number}"
        images = ImageGeneration(
            stack,
            f"{declared.images_id}{number}",
            stream=kinesisvideo.CfnStream(stack, camera, data_retention_in_hours=24)
            if declared.cfn_stream
            else VideoStream(stack, camera),
            bucket=bucket,
            prefix=f"camera-{number}/",
            sampling_interval=interval,
            format=ImageFormat.jpeg(quality=80),
            width_pixels=640,
        )
        if producer:
            images.grant_put_media(producer)
