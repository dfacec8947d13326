"""The modules that an app with the constructs imports, which cost memory and time at its start.

Not with the oldest aws-cdk-lib, which imports all services itself.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

import cdk_kinesis_video

ONE_CAMERA = """
import sys
from aws_cdk import App, Stack, aws_iam as iam, aws_s3 as s3
from cdk_kinesis_video import ImageGeneration, VideoStream
stack = Stack(App(), "Cameras")
images = ImageGeneration(stack, "Images", stream=VideoStream(stack, "Stream"), bucket=s3.Bucket(stack, "Bucket"))
images.grant_put_media(iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal()))
"""
DIAGNOSIS = """
from aws_cdk import aws_sns as sns
images.count_by_request_metrics()
images.diagnose_on("Diagnosis", alarm=images.alarm_on_missing_images("Missing"), topic=sns.Topic(stack, "Topic"))
"""
IMPORTED = """
stack.node.root.synth()
print(*sorted(name for name in sys.modules if name in {modules}))
"""
HEAVY = {"aws_cdk.aws_ec2", "aws_cdk.aws_lambda", "aws_cdk.aws_logs"}


def output_of(program: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(
    ("app", "heavy"),
    [(ONE_CAMERA, {*HEAVY, "aws_cdk.aws_cloudwatch"}), (ONE_CAMERA + DIAGNOSIS, HEAVY)],
    ids=["one camera", "with a diagnosis"],
)
def test_an_app_imports_neither_lambda_nor_its_network(app: str, heavy: set[str]) -> None:
    assert output_of(app + IMPORTED.format(modules=heavy)) == []


def test_what_is_imported_when_it_is_used_is_there() -> None:
    names = cdk_kinesis_video.__all__
    program = "import cdk_kinesis_video as k\nfrom cdk_kinesis_video import *\n"
    program += f"print(*(eval(name) is getattr(k, name) for name in {names}))"
    assert output_of(program) == ["True"] * len(names)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'ImageFarm'"):
        cdk_kinesis_video.ImageFarm  # noqa: B018
