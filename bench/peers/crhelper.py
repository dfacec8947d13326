"""A function with crhelper, which answers CloudFormation for it.

Written after crhelper's README; the asset is made as it says there, by installing crhelper beside the handler.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from aws_cdk import CustomResource, Duration, Stack
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

from . import allow

if TYPE_CHECKING:
    from . import Declared

_CODE = Path(__file__).parent / "functions" / "crhelper"


def cameras(stack: Stack, count: int, declared: Declared) -> None:
    """Declare the streams and their images."""
    bucket = s3.Bucket(stack, "Bucket")
    function = lambda_.Function(
        stack,
        "Function",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_asset(_with_crhelper()),
        memory_size=256,
        timeout=Duration.minutes(1),
    )
    if not declared.own_arns:
        allow(function, "*")
    for number in range(count):
        stream = kinesisvideo.CfnStream(stack, f"Camera{number}", data_retention_in_hours=24)
        if declared.own_arns:
            allow(function, stream.attr_arn)
        CustomResource(
            stack,
            f"{declared.images_id}{number}",
            service_token=function.function_arn,
            properties={
                "StreamARN": stream.attr_arn,
                "ImageGenerationConfiguration": declared.configuration(bucket, number),
            },
        )


def _with_crhelper() -> str:
    # Found and not imported: that takes time, and an app needs no more than the files.
    spec = find_spec("crhelper")
    assert spec
    assert spec.origin
    package, directory = Path(spec.origin).parent, mkdtemp()
    copytree(_CODE, directory, ignore=ignore_patterns("__pycache__"), dirs_exist_ok=True)
    copytree(package, Path(directory, package.name), ignore=ignore_patterns("__pycache__", "tests"))
    return directory
