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
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from cdk_kinesis_video import DestinationPath, ImageFormat, ImageGeneration, ImageSelectorType, VideoStream

from .conftest import (
    ENVIRONMENT,
    IMAGE_GENERATION,
    configuration_of,
    fails_with,
    messages_of,
    only_resource,
    resources_of,
    template_of,
)


@pytest.fixture(scope="module")
def minimal() -> dict[str, Any]:
    """The template of an image generation with the required props only."""
    stack = Stack(App(), "Cameras")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
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
        bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images"),
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


def test_png_has_no_quality(stack: Stack, stream: VideoStream, bucket: s3.IBucket) -> None:
    ImageGeneration(stack, "Images", stream=stream, bucket=bucket, format=ImageFormat.png(), width_pixels=640)
    configuration = configuration_of(template_of(stack))
    assert configuration["Format"] == "PNG"
    assert "FormatConfig" not in configuration
    assert "HeightPixels" not in configuration


def test_the_configuration_is_deleted_with_the_resource_by_default(minimal: dict[str, Any]) -> None:
    assert only_resource(minimal, IMAGE_GENERATION)["DeletionPolicy"] == "Delete"


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


def test_a_retained_configuration_survives_its_resource(full: dict[str, Any]) -> None:
    resource = only_resource(full, IMAGE_GENERATION)
    assert resource["DeletionPolicy"] == "Retain"
    assert resource["UpdateReplacePolicy"] == "Retain"


def test_a_configuration_is_retained_but_for_a_creation_that_is_rolled_back(
    stack: Stack, stream: VideoStream, bucket: s3.IBucket
) -> None:
    policy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
    ImageGeneration(stack, "Images", stream=stream, bucket=bucket, removal_policy=policy)
    resource = only_resource(template_of(stack), IMAGE_GENERATION)
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"


def properties_with(stack: Stack, stream: VideoStream, bucket: s3.IBucket, **props: Any) -> dict[str, Any]:
    ImageGeneration(stack, "Images", stream=stream, bucket=bucket, **props)
    properties: dict[str, Any] = only_resource(template_of(stack), IMAGE_GENERATION)["Properties"]
    return properties


@pytest.mark.parametrize(
    ("policy", "sent"),
    [
        (RemovalPolicy.DESTROY, None),
        (RemovalPolicy.RETAIN, "Retain"),
        (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, "RetainExceptOnCreate"),
    ],
)
def test_another_removal_policy_is_a_change_to_cloudformation(
    stack: Stack, stream: VideoStream, bucket: s3.IBucket, policy: RemovalPolicy, sent: str | None
) -> None:
    assert properties_with(stack, stream, bucket, removal_policy=policy).get("RemovalPolicy") == sent


@pytest.mark.parametrize("revision", ["", "2", "Tuesday: somebody changed it"])
def test_another_revision_is_a_change_to_cloudformation(
    stack: Stack, stream: VideoStream, bucket: s3.IBucket, revision: str
) -> None:
    assert properties_with(stack, stream, bucket, revision=revision)["Revision"] == revision


def test_a_stream_that_is_configured_already_is_taken_over_if_that_is_said(
    stack: Stack, stream: VideoStream, bucket: s3.IBucket
) -> None:
    assert properties_with(stack, stream, bucket, adopt_existing=True)["AdoptExisting"] is True


def test_the_result_of_reading_back_is_an_attribute(full: dict[str, Any]) -> None:
    (output,) = (o for o in full["Outputs"].values() if o.get("Export", {}).get("Name") == "Verified")
    assert output["Value"] == {"Fn::GetAtt": ["StreamImageGeneration", "Verified"]}


def test_the_stream_is_given_by_its_arn(minimal: dict[str, Any]) -> None:
    (stream_id,) = (n for n, r in minimal["Resources"].items() if r["Type"] == "AWS::KinesisVideo::Stream")
    properties = only_resource(minimal, IMAGE_GENERATION)["Properties"]
    assert properties["StreamARN"] == {"Fn::GetAtt": [stream_id, "Arn"]}
    assert "StreamName" not in properties


def test_no_stack_waits_an_hour(minimal: dict[str, Any]) -> None:
    assert only_resource(minimal, IMAGE_GENERATION)["Properties"]["ServiceTimeout"] == 900


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
def test_a_prefix_ends_in_one_slash(
    stack: Stack, stream: VideoStream, bucket: s3.IBucket, prefix: str, uri: str
) -> None:
    assert ImageGeneration(stack, "Images", stream=stream, bucket=bucket, prefix=prefix).destination_uri == uri


def test_the_parts_of_a_prefix_that_are_no_token_are_checked(
    stack: Stack, stream: VideoStream, bucket: s3.IBucket
) -> None:
    token = CfnParameter(stack, "Site").value_as_string
    with pytest.raises(ValueError, match="it must not contain empty folders"):
        ImageGeneration(stack, "Images", stream=stream, bucket=bucket, prefix=f"a//{token}/")


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
def test_a_destination_that_exists_is_declared_as_it_is(
    stack: Stack, stream: VideoStream, bucket: s3.IBucket, path: str, uri: str, key: str
) -> None:
    images = ImageGeneration(stack, "Images", stream=stream, bucket=bucket, prefix=DestinationPath(path))
    assert (images.destination_uri, images.prefix) == (uri, key)
    assert configuration_of(template_of(stack))["DestinationConfig"]["Uri"] == uri


@pytest.mark.parametrize("before", ["", "/"])
def test_destination_grant_and_filters_have_the_same_prefix(stack: Stack, stream: VideoStream, before: str) -> None:
    site = CfnParameter(stack, "Site").value_as_string
    bucket = s3.Bucket.from_bucket_arn(stack, "Bucket", "arn:aws:s3:::camera-images")
    images = ImageGeneration(stack, "Images", stream=stream, bucket=bucket, prefix=f"{before}sites/{site}/")
    images.grant_put_media(iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal()))
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


def test_the_longest_destination_has_255_characters(stack: Stack, stream: VideoStream, bucket: s3.IBucket) -> None:
    prefix = "p" * (255 - len("s3://camera-images/") - 1)
    images = ImageGeneration(stack, "Images", stream=stream, bucket=bucket, prefix=prefix)
    assert len(images.destination_uri) == 255


@pytest.mark.parametrize(("hours", "given"), [(None, "unset, which is 0"), (0, "0")])
def test_fails_on_a_stream_that_keeps_no_data(stack: Stack, bucket: s3.IBucket, hours: int | None, given: str) -> None:
    stream = kinesisvideo.CfnStream(stack, "Bare", data_retention_in_hours=hours)
    sentence = (
        f"`stream` keeps no data: its data retention is {given}, it must be at least 1 hour, set "
        "`data_retention_in_hours` of the stream"
    )
    with fails_with(sentence):
        ImageGeneration(stack, "Images", stream=stream, bucket=bucket)


def test_fails_on_a_stream_whose_l1_was_changed_to_keep_no_data(
    stack: Stack, stream: VideoStream, bucket: s3.IBucket
) -> None:
    resource: Any = stream.node.default_child
    resource.data_retention_in_hours = 0
    with fails_with(
        "`stream` keeps no data: its data retention is 0, it must be at least 1 hour, set `data_retention_in_hours` of "
        "the stream"
    ):
        ImageGeneration(stack, "Images", stream=stream, bucket=bucket)


def test_fails_on_a_bucket_in_another_region() -> None:
    stack = Stack(App(), "Cameras", env=ENVIRONMENT)
    bucket = s3.Bucket.from_bucket_attributes(stack, "Bucket", bucket_name="camera-images", region="us-east-1")
    with fails_with(
        "`bucket` is in us-east-1 and `stream` in eu-west-1, images are delivered in the stream's Region only, use a "
        "bucket in eu-west-1"
    ):
        ImageGeneration(stack, "Images", stream=VideoStream(stack, "Stream"), bucket=bucket)


def test_fails_on_a_stream_in_another_region() -> None:
    stack = Stack(App(), "Cameras", env=ENVIRONMENT)
    arn = "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door/1690707290324"
    bucket = s3.Bucket.from_bucket_attributes(stack, "Bucket", bucket_name="camera-images", region="us-east-1")
    with fails_with(
        "`stream` is in us-east-1 and this stack in eu-west-1, declare its image generation in a stack in us-east-1"
    ):
        ImageGeneration(stack, "Images", stream=VideoStream.from_stream_arn(stack, "Stream", arn), bucket=bucket)


@pytest.mark.parametrize(
    ("arn", "sentence"),
    [
        (
            "arn:aws:kinesisvideo:eu-west-1:444455556666:stream/front-door/1690707290324",
            "`stream` is in account 444455556666 and this stack in account 111122223333, declare its image generation "
            "in a stack in account 444455556666",
        ),
        (
            "arn:aws-cn:kinesisvideo:eu-west-1:111122223333:stream/front-door/1690707290324",
            "`stream` is in partition aws-cn and this stack in partition aws, declare its image generation in a stack "
            "in partition aws-cn",
        ),
    ],
    ids=["account", "partition"],
)
def test_fails_on_an_imported_stream_of_somebody_else(bucket: s3.IBucket, arn: str, sentence: str) -> None:
    stack = Stack(App(), "Cameras", env=ENVIRONMENT)
    with fails_with(sentence):
        ImageGeneration(stack, "Images", stream=VideoStream.from_stream_arn(stack, "Stream", arn), bucket=bucket)


def test_fails_on_a_stream_of_a_stack_of_another_account(bucket: s3.IBucket) -> None:
    app = App()
    theirs = Stack(app, "Theirs", env=Environment(account="444455556666", region="eu-west-1"))
    with fails_with(
        "`stream` is in account 444455556666 and this stack in account 111122223333, declare its image generation in a "
        "stack in account 444455556666"
    ):
        ImageGeneration(
            Stack(app, "Cameras", env=ENVIRONMENT), "Images", stream=VideoStream(theirs, "Stream"), bucket=bucket
        )


def test_an_arn_of_known_parts_passes_in_a_stack_that_is_for_any_account(stack: Stack, bucket: s3.IBucket) -> None:
    arn = "arn:aws-cn:kinesisvideo:cn-north-1:444455556666:stream/front-door/1690707290324"
    ImageGeneration(stack, "Images", stream=VideoStream.from_stream_arn(stack, "Stream", arn), bucket=bucket)
    assert only_resource(template_of(stack), IMAGE_GENERATION)["Properties"]["StreamARN"] == arn


@pytest.mark.parametrize(
    "twice",
    [
        lambda stack: [VideoStream(stack, "Stream")] * 2,
        lambda stack: [kinesisvideo.CfnStream(stack, "Stream", data_retention_in_hours=1)] * 2,
        lambda stack: [VideoStream.from_stream_name(stack, name, "front-door") for name in ("One", "Two")],
        lambda stack: [
            VideoStream.from_stream_name(stack, "One", "front-door"),
            VideoStream.from_stream_arn(
                stack, "Two", "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/front-door/1690707290324"
            ),
        ],
    ],
    ids=["a VideoStream", "a CfnStream", "imported twice by name", "imported by name and by ARN"],
)
def test_fails_on_two_image_generations_of_one_stream(stack: Stack, bucket: s3.IBucket, twice: Any) -> None:
    one, two = twice(stack)
    ImageGeneration(stack, "Images", stream=one, bucket=bucket)
    sentence = (
        "`stream` has its image generation at 'Cameras/Images' already and can't have a second one at "
        "'Cameras/MoreImages', keep one of the two"
    )
    with fails_with(sentence):
        ImageGeneration(stack, "MoreImages", stream=two, bucket=bucket)


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
    stream = VideoStream(stack, "Stream")
    images = ImageGeneration(
        stack, "Images", stream=stream, bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "b-c-d")
    )
    apply(app, images)
    images.grant_put_media(iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal()))
    assert messages_of(outer, "warning") == []
    found = Template.from_stack(stack).find_resources(IMAGE_GENERATION)
    assert [(r["DeletionPolicy"], r["UpdateReplacePolicy"]) for r in found.values()] == [(policy, policy)]
