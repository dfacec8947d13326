from __future__ import annotations

from aws_cdk import App, CfnOutput, CfnParameter, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_kms as kms

from cdk_kinesis_video import StorageTier, VideoStream

from .conftest import ENVIRONMENT, STREAM_ARN
from .synthesis import only_resource, resources_of, template_of

STREAM = "AWS::KinesisVideo::Stream"
KEY_ARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_a_stream_keeps_a_day_of_video_and_outlives_its_stack(stack: Stack) -> None:
    VideoStream(stack, "Stream")
    resource = only_resource(template_of(stack), STREAM)
    assert resource["Properties"] == {"DataRetentionInHours": 24}
    assert resource["DeletionPolicy"] == "Retain"
    assert resource["UpdateReplacePolicy"] == "Retain"


def test_every_prop_reaches_the_template(stack: Stack) -> None:
    VideoStream(
        stack,
        "Stream",
        stream_name="front-door",
        data_retention=Duration.days(3650),
        encryption_key=kms.Key.from_key_arn(stack, "Key", KEY_ARN),
        media_type="video/h264,audio/aac",
        storage_tier=StorageTier.WARM,
        removal_policy=RemovalPolicy.DESTROY,
    )
    resource = only_resource(template_of(stack), STREAM)
    assert resource["Properties"] == {
        "Name": "front-door",
        "DataRetentionInHours": 87600,
        "KmsKeyId": KEY_ARN,
        "MediaType": "video/h264,audio/aac",
        "StreamStorageConfiguration": {"DefaultStorageTier": "WARM"},
    }
    assert resource["DeletionPolicy"] == "Delete"


def test_tokens_pass_every_check_untouched(stack: Stack) -> None:
    text = CfnParameter(stack, "Text").value_as_string
    hours = Token.as_number({"Ref": "Hours"})
    VideoStream(stack, "Stream", stream_name=text, data_retention=Duration.hours(hours), media_type=text)
    properties = only_resource(template_of(stack), STREAM)["Properties"]
    assert properties == {
        "Name": {"Ref": "Text"},
        "DataRetentionInHours": {"Ref": "Hours"},
        "MediaType": {"Ref": "Text"},
    }


def test_an_arn_tells_the_name_and_the_environment(stack: Stack) -> None:
    stream = VideoStream.from_stream_arn(stack, "Stream", STREAM_ARN)
    assert stream.stream_arn == stream.stream_ref.stream_arn == STREAM_ARN
    assert stream.stream_name == stream.stream_ref.stream_name == "front-door"
    assert (stream.env.region, stream.env.account) == ("eu-west-1", "111122223333")


def test_the_name_is_taken_out_of_an_arn_that_is_a_token(stack: Stack) -> None:
    arn = CfnParameter(stack, "Arn").value_as_string
    stream = VideoStream.from_stream_arn(stack, "Stream", arn)
    assert stack.resolve(stream.stream_arn) == {"Ref": "Arn"}
    assert stack.resolve(stream.stream_name) == {"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": "Arn"}]}]}


def test_a_name_tells_all_of_the_arn_but_its_end() -> None:
    stack = Stack(App(), "Cameras", env=ENVIRONMENT)
    stream = VideoStream.from_stream_name(stack, "Stream", "front-door")
    assert stream.stream_name == "front-door"
    assert stack.resolve(stream.stream_arn) == {
        "Fn::Join": [
            "",
            ["arn:", {"Ref": "AWS::Partition"}, ":kinesisvideo:eu-west-1:111122223333:stream/front-door/*"],
        ]
    }


def test_arn_and_name_are_attributes_of_the_resource(stack: Stack) -> None:
    stream = VideoStream(stack, "Stream")
    CfnOutput(stack, "Arn", value=stream.stream_arn)
    CfnOutput(stack, "Name", value=stream.stream_name)
    template = template_of(stack)
    (logical_id,) = resources_of(template, STREAM)
    assert template["Outputs"]["Arn"]["Value"] == {"Fn::GetAtt": [logical_id, "Arn"]}
    assert template["Outputs"]["Name"]["Value"] == {"Ref": logical_id}
