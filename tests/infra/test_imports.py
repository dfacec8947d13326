"""What an app takes that uses the constructs: its memory and its start."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
os.environ["CDK_VALIDATION"] = "false"
from aws_cdk import App, Stack, aws_iam as iam, aws_s3 as s3
import cdk_kinesis_video
from cdk_kinesis_video import ImageGeneration, VideoStream
stack = Stack(App(), "Cameras")
images = ImageGeneration(stack, "Images", stream=VideoStream(stack, "Stream"), bucket=s3.Bucket(stack, "Bucket"))
images.grant_put_media(iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal()))
stack.node.root.synth()
print(*(name for name in ("aws_ec2", "aws_lambda", "aws_cloudwatch", "aws_logs") if f"aws_cdk.{name}" in sys.modules))
"""


@pytest.fixture(scope="module")
def lazy() -> bool:
    """Whether this aws-cdk-lib imports its services when they are used; the oldest imports them all."""
    program = "import sys, aws_cdk; print('aws_cdk.aws_ec2' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return ran.stdout.strip() == "False"


def test_one_camera_imports_neither_lambda_nor_its_network(lazy: bool) -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert not lazy or ran.stdout.split() == []


@pytest.mark.parametrize("name", ["DriftMonitor", "ImagesLayer", "StreamDashboard", "StreamFleet"])
def test_what_is_imported_when_it_is_used_is_there(name: str) -> None:
    program = f"from cdk_kinesis_video import {name}; import cdk_kinesis_video as k; print({name} is k.{name})"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "True\n"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    import cdk_kinesis_video

    with pytest.raises(AttributeError, match="has no attribute 'ImageFarm'"):
        cdk_kinesis_video.ImageFarm  # noqa: B018
