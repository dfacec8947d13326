from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import (
    App,
    CfnParameter,
    Duration,
    Environment,
    MissingRemovalPolicies,
    NestedStack,
    RemovalPolicies,
    RemovalPolicy,
    Stack,
    Token,
)
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from cdk_kinesis_video import DestinationPath, ImageFormat, ImageGeneration, ImageSelectorType, VideoStream

from .conftest import ENVIRONMENT, IMAGE_GENERATION, STREAM_ARN, bucket_in, fails_with, images_in, role_in
from .synthesis import configuration_of, messages_of, only_resource, resources_of, template_of


@pytest.fixture(scope="module")
def minimal() -> dict[str, Any]:
    """The template of an image generation with the required props only."""
    stack = Stack(App(), "Cameras")
    bucket = bucket_in(stack)
    images = ImageGeneration(stack, "Images", stream=VideoStream(stack, "Stream"), bucket=bucket)
    assert images.destination_uri == "s3://camera-images"
    return template_of(stack)


@pytest.fixture(scope="module")
def full() -> dict[str, Any]:
    """The template of an image generation with every prop."""
    stack = Stack(App(), "Cameras", env=ENVIRONMENT)
    images = ImageGeneration(
        stack,
        "Images",
        stream=kinesisvideo.CfnStream(stack, "Stream", data_retention_in_hours=1),
        bucket=bucket_in(stack),
        prefix="/front-door",
        sampling_interval=Duration.millis(200),
        format=ImageFormat.jpeg(quality=100),
        width_pixels=3840,
        height_pixels=2160,
        image_selector_type=ImageSelectorType.SERVER_TIMESTAMP,
        enabled=False,
        removal_policy=RemovalPolicy.RETAIN,
    )
    assert images.destination_uri == "s3://camera-images/front-door/"
    stack.export_value(images.verified, name="Verified")
    return template_of(stack)


def test_only_stream_and_bucket_are_required(minimal: dict[str, Any]) -> None:
    assert configuration_of(minimal) == {
        "Status": "ENABLED",
        "ImageSelectorType": "PRODUCER_TIMESTAMP",
        "DestinationConfig": {"Uri": "s3://camera-images", "DestinationRegion": {"Ref": "AWS::Region"}},
        "SamplingInterval": 3000,
        "Format": "JPEG",
    }


def test_png_has_no_quality(stack: Stack) -> None:
    images_in(stack, format=ImageFormat.png(), width_pixels=640)
    configuration = configuration_of(template_of(stack))
    assert configuration["Format"] == "PNG"
    assert "FormatConfig" not in configuration
    assert "HeightPixels" not in configuration


def test_every_field_of_the_api_can_be_declared(full: dict[str, Any]) -> None:
    assert configuration_of(full) == {
        "Status": "DISABLED",
        "ImageSelectorType": "SERVER_TIMESTAMP",
        "DestinationConfig": {"Uri": "s3://camera-images/front-door/", "DestinationRegion": "eu-west-1"},
        "SamplingInterval": 200,
        "Format": "JPEG",
        "FormatConfig": {"JPEGQuality": "100"},
        "WidthPixels": 3840,
        "HeightPixels": 2160,
    }


@pytest.mark.parametrize(
    ("policy", "deletion", "replacement", "sent"),
    [
        (RemovalPolicy.DESTROY, "Delete", "Delete", None),
        (RemovalPolicy.RETAIN, "Retain", "Retain", "Retain"),
        (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, "RetainExceptOnCreate", "Retain", "RetainExceptOnCreate"),
    ],
)
def test_a_removal_policy_is_a_property_too_so_that_another_one_is_a_change_to_cloudformation(
    stack: Stack, policy: RemovalPolicy, deletion: str, replacement: str, sent: str | None
) -> None:
    images_in(stack, removal_policy=policy)
    resource = only_resource(template_of(stack), IMAGE_GENERATION)
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == (deletion, replacement)
    assert resource["Properties"].get("RemovalPolicy") == sent


@pytest.mark.parametrize("revision", ["", "2", "Tuesday: somebody changed it"])
def test_another_revision_is_a_change_to_cloudformation(stack: Stack, revision: str) -> None:
    images_in(stack, revision=revision, adopt_existing=True)
    properties = only_resource(template_of(stack), IMAGE_GENERATION)["Properties"]
    assert (properties["Revision"], properties["AdoptExisting"]) == (revision, True)


def test_the_result_of_reading_back_is_an_attribute(full: dict[str, Any]) -> None:
    (output,) = (o for o in full["Outputs"].values() if o.get("Export", {}).get("Name") == "Verified")
    assert output["Value"] == {"Fn::GetAtt": ["StreamImageGeneration", "Verified"]}


def test_the_stream_is_given_by_its_arn_and_no_stack_waits_an_hour(minimal: dict[str, Any]) -> None:
    (stream_id,) = resources_of(minimal, "AWS::KinesisVideo::Stream")
    properties = only_resource(minimal, IMAGE_GENERATION)["Properties"]
    assert properties["StreamARN"] == {"Fn::GetAtt": [stream_id, "Arn"]}
    assert "StreamName" not in properties
    assert properties["ServiceTimeout"] == 900


def test_tokens_pass_every_check_untouched() -> None:
    stack = Stack(App(), "Cameras")
    number = CfnParameter(stack, "Number", type="Number").value_as_number
    text = CfnParameter(stack, "Text").value_as_string
    ImageGeneration(
        stack,
        "Images",
        stream=kinesisvideo.CfnStream(stack, "Stream", data_retention_in_hours=number),
        bucket=s3.Bucket.from_bucket_name(stack, "Bucket", text),
        prefix=text,
        sampling_interval=Duration.millis(number),
        format=ImageFormat.jpeg(quality=Token.as_number({"Ref": "Number"})),
        width_pixels=Token.as_number({"Ref": "Number"}),
        height_pixels=Token.as_number({"Ref": "Number"}),
    )
    configuration = configuration_of(template_of(stack))
    assert configuration["SamplingInterval"] == {"Ref": "Number"}
    assert configuration["WidthPixels"] == {"Ref": "Number"}
    assert configuration["HeightPixels"] == {"Ref": "Number"}
    assert configuration["FormatConfig"] == {"JPEGQuality": {"Ref": "Number"}}
    assert configuration["DestinationConfig"]["Uri"] == {
        "Fn::Join": ["", ["s3://", {"Ref": "Text"}, "/", {"Ref": "Text"}]]
    }


@pytest.mark.parametrize(
    ("prefix", "uri"),
    [
        ("cams", "s3://camera-images/cams/"),
        ("cams/", "s3://camera-images/cams/"),
        ("/a/b/", "s3://camera-images/a/b/"),
        ("a.b/..c/d...", "s3://camera-images/a.b/..c/d.../"),
        ("/", "s3://camera-images"),
        ("", "s3://camera-images"),
    ],
)
def test_a_prefix_ends_in_one_slash(stack: Stack, prefix: str, uri: str) -> None:
    assert images_in(stack, prefix=prefix).destination_uri == uri


def test_the_parts_of_a_prefix_that_are_no_token_are_checked(stack: Stack) -> None:
    token = CfnParameter(stack, "Site").value_as_string
    with pytest.raises(ValueError, match="it must not contain empty folders"):
        images_in(stack, prefix=f"a//{token}/")


@pytest.mark.parametrize(
    ("path", "uri", "key"),
    [
        ("", "s3://camera-images", ""),
        ("/", "s3://camera-images/", ""),
        ("/yard", "s3://camera-images/yard", "yard"),
        ("/a/b", "s3://camera-images/a/b", "a/b"),
        ("//a/../b", "s3://camera-images//a/../b", "/a/../b"),
        ("/what? 100%", "s3://camera-images/what? 100%", "what? 100%"),
    ],
)
def test_a_destination_that_exists_is_declared_as_it_is(stack: Stack, path: str, uri: str, key: str) -> None:
    images = images_in(stack, prefix=DestinationPath(path))
    assert (images.destination_uri, images.prefix) == (uri, key)
    assert configuration_of(template_of(stack))["DestinationConfig"]["Uri"] == uri


@pytest.mark.parametrize("before", ["", "/"])
def test_destination_grant_and_filters_have_the_same_prefix(stack: Stack, before: str) -> None:
    site = CfnParameter(stack, "Site").value_as_string
    bucket = s3.Bucket.from_bucket_arn(stack, "Bucket", "arn:aws:s3:::camera-images")
    images = images_in(stack, bucket=bucket, prefix=f"{before}sites/{site}/")
    images.grant_put_media(role_in(stack))
    images.on_image_delivered("OnImage")
    template = template_of(stack)
    prefix = {"Fn::Join": ["", ["sites/", {"Ref": "Site"}, "/"]]}
    assert stack.resolve(images.prefix) == prefix
    uri = configuration_of(template)["DestinationConfig"]["Uri"]
    assert uri == {"Fn::Join": ["", ["s3://camera-images/sites/", {"Ref": "Site"}, "/"]]}
    policies = resources_of(template, "AWS::IAM::Policy").values()
    statements = [s for policy in policies for s in policy["Properties"]["PolicyDocument"]["Statement"]]
    (put,) = (s for s in statements if s["Action"] == "s3:PutObject")
    assert put["Resource"] == {"Fn::Join": ["", ["arn:aws:s3:::camera-images/sites/", {"Ref": "Site"}, "/*"]]}
    pattern = only_resource(template, "AWS::Events::Rule")["Properties"]["EventPattern"]
    assert pattern["detail"]["object"]["key"] == [{"prefix": prefix}]


def test_the_longest_destination_has_255_characters(stack: Stack) -> None:
    prefix = "p" * (255 - len("s3://camera-images/") - 1)
    assert len(images_in(stack, prefix=prefix).destination_uri) == 255


def without_retention(stack: Stack, hours: int | None) -> kinesisvideo.CfnStream:
    return kinesisvideo.CfnStream(stack, "Bare", data_retention_in_hours=hours)


def changed_to_keep_no_data(stack: Stack) -> VideoStream:
    stream = VideoStream(stack, "Stream")
    stream.cfn_stream.data_retention_in_hours = 0
    return stream


@pytest.mark.parametrize(
    ("make", "given"),
    [
        (lambda stack: without_retention(stack, None), "unset, which is 0"),
        (lambda stack: without_retention(stack, 0), "0"),
        (changed_to_keep_no_data, "0"),
    ],
    ids=["unset", "0", "the L1 was changed"],
)
def test_fails_on_a_stream_that_keeps_no_data(stack: Stack, make: Any, given: str) -> None:
    sentence = (
        f"`stream` keeps no data: its data retention is {given}, it must be at least 1 hour, set "
        "`data_retention_in_hours` of the stream"
    )
    with fails_with(sentence):
        images_in(stack, stream=make(stack))


def test_fails_on_a_bucket_in_another_region(stack: Stack) -> None:
    bucket = s3.Bucket.from_bucket_attributes(stack, "Bucket", bucket_name="camera-images", region="us-east-1")
    with fails_with(
        "`bucket` is in us-east-1 and `stream` in eu-west-1, images are delivered in the stream's Region only, use a "
        "bucket in eu-west-1"
    ):
        images_in(stack, bucket=bucket)


def of_another_stack(stack: Stack) -> VideoStream:
    environment = Environment(account="444455556666", region="eu-west-1")
    return VideoStream(Stack(stack.node.root, "Theirs", env=environment), "Stream")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arn_or_stream", "theirs", "ours"),
    [
        (STREAM_ARN.replace("eu-west-1", "us-east-1"), "us-east-1", "eu-west-1"),
        (STREAM_ARN.replace("111122223333", "444455556666"), "account 444455556666", "account 111122223333"),
        (STREAM_ARN.replace("arn:aws:", "arn:aws-cn:"), "partition aws-cn", "partition aws"),
        (of_another_stack, "account 444455556666", "account 111122223333"),
    ],
    ids=["Region", "account", "partition", "account of another stack"],
)
def test_fails_on_a_stream_of_another_environment(stack: Stack, arn_or_stream: Any, theirs: str, ours: str) -> None:
    if callable(arn_or_stream):
        stream = arn_or_stream(stack)
    else:
        stream = VideoStream.from_stream_arn(stack, "Stream", arn_or_stream)
    bucket = s3.Bucket.from_bucket_attributes(stack, "Bucket", bucket_name="images", region=stream.env.region)
    with fails_with(
        f"`stream` is in {theirs} and this stack in {ours}, declare its image generation in a stack in {theirs}"
    ):
        images_in(stack, stream=stream, bucket=bucket)


def test_an_arn_of_known_parts_passes_in_a_stack_that_is_for_any_account() -> None:
    stack = Stack(App(), "AnyAccount")
    arn = "arn:aws-cn:kinesisvideo:cn-north-1:444455556666:stream/front-door/1690707290324"
    images_in(stack, stream=VideoStream.from_stream_arn(stack, "Stream", arn))
    assert only_resource(template_of(stack), IMAGE_GENERATION)["Properties"]["StreamARN"] == arn


@pytest.mark.parametrize(
    ("apply", "policy"),
    [
        (lambda app, images: None, "Delete"),
        (lambda app, images: MissingRemovalPolicies.of(app).retain(), "Delete"),
        (lambda app, images: MissingRemovalPolicies.of(Stack.of(images)).retain(), "Delete"),
        (lambda app, images: RemovalPolicies.of(app).retain(), "Retain"),
        (lambda app, images: images.node.default_child.apply_removal_policy(RemovalPolicy.RETAIN), "Retain"),
    ],
    ids=["nothing", "what is missing in the app", "what is missing here", "all of the app", "the L1"],
)
@pytest.mark.parametrize("nested", [False, True], ids=["stack", "nested stack"])
def test_the_policy_is_destroy_unless_the_user_says_otherwise(apply: Any, policy: str, nested: bool) -> None:
    app = App()
    outer = Stack(app, "Cameras")
    stack = NestedStack(outer, "Nested") if nested else outer
    images = images_in(stack)
    apply(app, images)
    images.grant_put_media(role_in(stack))
    assert messages_of(outer, "warning") == []
    found = Template.from_stack(stack).find_resources(IMAGE_GENERATION)
    assert [(r["DeletionPolicy"], r["UpdateReplacePolicy"]) for r in found.values()] == [(policy, policy)]
