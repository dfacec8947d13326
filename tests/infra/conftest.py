from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

import cdk_kinesis_video
from cdk_kinesis_video import ImageGeneration, VideoStream

IMAGE_GENERATION = "Custom::KinesisVideoImageGeneration"
FRAGMENT_NOTIFICATION = "Custom::KinesisVideoFragmentNotification"
STREAM_ARN = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/front-door/1690707290324"
TOPIC_ARN = "arn:aws:sns:eu-west-1:111122223333:fragments"
ENVIRONMENT = Environment(account="111122223333", region="eu-west-1")


def bucket_in(scope: Construct, construct_id: str = "Bucket") -> s3.IBucket:
    return s3.Bucket.from_bucket_name(scope, construct_id, "camera-images")


def images_in(scope: Construct, construct_id: str = "Images", **props: Any) -> ImageGeneration:
    """Declare images of a new stream in an imported bucket, unless `props` have others."""
    stream = props.pop("stream", None) or VideoStream(scope, f"{construct_id}Stream")
    bucket = props.pop("bucket", None) or bucket_in(scope, f"{construct_id}Bucket")
    return ImageGeneration(scope, construct_id, stream=stream, bucket=bucket, **props)


def role_in(scope: Construct, construct_id: str = "Role") -> iam.Role:
    return iam.Role(scope, construct_id, assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))


def fails_with(sentence: str) -> AbstractContextManager[object]:
    """Expect a ValueError with exactly this message."""
    return pytest.raises(ValueError, match=f"^{re.escape(sentence)}$")


def public_functions() -> Iterator[tuple[str, Callable[..., object]]]:
    """The constructors and public methods of the exported classes, each with the name of its class and its own."""
    for exported in cdk_kinesis_video.__all__:
        cls = getattr(cdk_kinesis_video, exported)
        for name in dir(cls):
            attribute = inspect.getattr_static(cls, name)
            function = getattr(attribute, "__func__", attribute)
            ours = inspect.isfunction(function) and function.__module__.startswith("cdk_kinesis_video")
            if ours and (name == "__init__" or not name.startswith("_")):
                yield exported if name == "__init__" else f"{exported}.{name}", function


@pytest.fixture
def stack() -> Stack:
    """An empty stack; a test that only asks for an error never synthesises it."""
    return Stack(App(), "Cameras", env=ENVIRONMENT)


@pytest.fixture
def stream(stack: Stack) -> VideoStream:
    return VideoStream(stack, "Stream")


@pytest.fixture
def bucket(stack: Stack) -> s3.IBucket:
    return bucket_in(stack)
