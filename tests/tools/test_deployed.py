"""What a deployed stack declares, where its template doesn't say it."""

from __future__ import annotations

from typing import Any

import pytest

from kinesis_video_drift import Stack
from kinesis_video_tools.deployed import Declared, UnknownValueError, Values

ARN = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/cam-1/1690707290324"
DESCRIBED = {
    "StackId": "arn:aws:cloudformation:eu-west-1:111122223333:stack/Cameras/1",
    "StackName": "Cameras",
    "Parameters": [{"ParameterKey": "Hidden", "ParameterValue": "****"}],
}


@pytest.mark.parametrize(
    "uri",
    [
        "s3://{{resolve:ssm:/bucket:1}}/",
        {"Fn::Join": ["", ["s3://{{resolve:ssm:/", {"Ref": "AWS::StackName"}, ":1}}/"]]},
        # CloudFormation says so of a parameter with NoEcho.
        {"Fn::Join": ["", ["s3://", {"Ref": "Hidden"}, "/"]]},
    ],
)
def test_a_value_that_only_cloudformation_knows_is_not_taken_for_one(uri: Any) -> None:
    properties = {"ImageGenerationConfiguration": {"DestinationConfig": {"Uri": uri}}}
    values = Values(None, None, DESCRIBED, ())  # type: ignore[arg-type]  # neither expression takes a call
    stack = Stack("Cameras", "UPDATE_COMPLETE", None, ())
    with pytest.raises(UnknownValueError):
        Declared(stack, "Custom::KinesisVideoImageGeneration", ARN, properties, values).declaration()
