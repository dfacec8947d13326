"""With IAM enforced, the function's role has all permissions that it needs, and no others."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import ImageGeneration, VideoStream
from tests.archives import zipped

from .conftest import Build, Cloud

STACK = "Guarded"
STREAM = "guarded"

# Runs with the function's role, and returns IAM's decision about each call.
INTRUDER = """
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    answers = {}
    for name, (service, region, operation, parameters) in event.items():
        try:
            getattr(boto3.client(service, region_name=region), operation)(**parameters)
            answers[name] = "allowed"
        except ClientError as error:
            answers[name] = error.response["Error"]["Code"]
    return answers
"""


def camera(width: int) -> Build:
    def build(stack: Stack) -> None:
        stream = VideoStream(stack, "Stream", stream_name=STREAM, removal_policy=RemovalPolicy.RETAIN)
        bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
        ImageGeneration(stack, "Images", stream=stream, bucket=bucket, width_pixels=width)

    return build


def test_the_role_is_enough_for_the_whole_life_and_for_nothing_else(guarded: Cloud) -> None:
    assert guarded.deploy(STACK, camera(320)) == "CREATE_COMPLETE"
    assert guarded.images(STREAM)["WidthPixels"] == 320
    assert guarded.deploy(STACK, camera(640)) == "UPDATE_COMPLETE"
    assert guarded.images(STREAM)["WidthPixels"] == 640

    assert what_the_role_may(guarded) == {
        "describe its stream": "allowed",
        "describe the images of its stream": "allowed",
        "describe a stream of another Region": "NotAuthorizedException",
        "describe the images of a stream of another Region": "AccessDeniedException",
        "delete its stream": "NotAuthorizedException",
        "end the retention of its stream": "NotAuthorizedException",
        "write to the bucket": "AccessDenied",
        "list the streams": "AccessDeniedException",
    }

    assert guarded.delete(STACK) == "DELETE_COMPLETE"
    assert guarded.images(STREAM) is None


def what_the_role_may(cloud: Cloud) -> dict[str, Any]:
    (role,) = cloud.physical_ids(STACK, "AWS::IAM::Role")
    aws_lambda = cloud.aws.client("lambda")
    aws_lambda.create_function(
        FunctionName="intruder",
        Runtime="python3.13",
        Handler="intruder.handler",
        Role=f"arn:aws:iam::000000000000:role/{role}",
        Code={"ZipFile": zipped({"intruder.py": INTRUDER})},
        Timeout=30,
    )
    arn = cloud.stream_arn(STREAM)
    elsewhere = arn.replace("us-east-1", "eu-west-1")
    event = {
        "describe its stream": ("kinesisvideo", "us-east-1", "describe_stream", {"StreamARN": arn}),
        "describe the images of its stream": (
            "kinesisvideo",
            "us-east-1",
            "describe_image_generation_configuration",
            {"StreamARN": arn},
        ),
        "describe a stream of another Region": (
            "kinesisvideo",
            "eu-west-1",
            "describe_stream",
            {"StreamARN": elsewhere},
        ),
        "describe the images of a stream of another Region": (
            "kinesisvideo",
            "eu-west-1",
            "describe_image_generation_configuration",
            {"StreamARN": elsewhere},
        ),
        "delete its stream": ("kinesisvideo", "us-east-1", "delete_stream", {"StreamARN": arn}),
        "end the retention of its stream": (
            "kinesisvideo",
            "us-east-1",
            "update_data_retention",
            {
                "StreamARN": arn,
                "CurrentVersion": "1",
                "Operation": "DECREASE_DATA_RETENTION",
                "DataRetentionChangeInHours": 24,
            },
        ),
        "write to the bucket": ("s3", "us-east-1", "put_object", {"Bucket": "assets", "Key": "image.jpg"}),
        "list the streams": ("kinesisvideo", "us-east-1", "list_streams", {}),
    }
    answer = aws_lambda.invoke(FunctionName="intruder", Payload=json.dumps(event).encode())
    answers: dict[str, Any] = json.load(answer["Payload"])
    return answers
