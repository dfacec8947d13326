"""The constructs in other people's apps, in every place of a tree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsii
import pytest
from aws_cdk import App, Aspects, IAspect, NestedStack, Stack, Stage, Tags
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct

from cdk_kinesis_video import ImageGeneration, VideoStream

from .conftest import ENVIRONMENT, IMAGE_GENERATION, only_resource, resources_of, template_of


class Camera(Construct):
    """A construct of somebody else's library."""

    def __init__(self, scope: Construct, construct_id: str, *, bucket: s3.IBucket) -> None:
        super().__init__(scope, construct_id)
        stream = VideoStream(self, "Stream")
        ImageGeneration(self, "Images", stream=stream, bucket=bucket, prefix=f"{construct_id}/")


def destination(template: dict[str, Any]) -> Any:
    resource = only_resource(template, IMAGE_GENERATION)
    return resource["Properties"]["ImageGenerationConfiguration"]["DestinationConfig"]["Uri"]


def test_stream_and_bucket_in_one_stack_and_the_images_in_another() -> None:
    app = App()
    base, images = Stack(app, "Base"), Stack(app, "Images")
    stream = kinesisvideo.CfnStream(base, "Stream", data_retention_in_hours=24)
    ImageGeneration(images, "Images", stream=stream, bucket=s3.Bucket(base, "Bucket"))
    template = template_of(images)
    arn = only_resource(template, IMAGE_GENERATION)["Properties"]["StreamARN"]
    assert arn["Fn::ImportValue"].startswith("Base:ExportsOutputFnGetAttStreamArn")
    assert destination(template)["Fn::Join"][1][1]["Fn::ImportValue"].startswith("Base:ExportsOutputRefBucket")
    assert [d.stack_name for d in images.dependencies] == ["Base"]


def test_a_bucket_of_another_stack() -> None:
    app = App()
    storage, shop = Stack(app, "Storage"), Stack(app, "Shop")
    Camera(shop, "Camera", bucket=s3.Bucket(storage, "Bucket"))
    assert "Fn::ImportValue" in destination(template_of(shop))["Fn::Join"][1][1]


def test_nested_constructs_of_one_class_side_by_side() -> None:
    stack = Stack(App(), "Cameras")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
    for name in ("north", "south"):
        Camera(Construct(stack, f"Wing-{name}"), "Camera", bucket=bucket)
    template = template_of(stack)
    assert len(resources_of(template, IMAGE_GENERATION)) == 2
    assert len(resources_of(template, "AWS::Lambda::Function")) == 1


def test_a_nested_stack_has_a_function_of_its_own() -> None:
    stack = Stack(App(), "Cameras")
    nested = NestedStack(stack, "Nested")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
    Camera(stack, "Outer", bucket=bucket)
    Camera(nested, "Inner", bucket=bucket)
    template = template_of(stack)
    assert len(resources_of(template, "AWS::Lambda::Function")) == 1
    assert len(resources_of(template, IMAGE_GENERATION)) == 1


def test_the_function_of_a_nested_stack_asks_about_the_nested_stack() -> None:
    nested = NestedStack(Stack(App(), "Cameras"), "Nested")
    Camera(nested, "Camera", bucket=s3.Bucket.from_bucket_name(nested, "Bucket", "camera-images"))
    app = nested.node.root
    assert isinstance(app, App)
    template = json.loads(Path(app.synth().directory, nested.template_file).read_text())
    (policy,) = only_resource(template, "AWS::IAM::Role")["Properties"]["Policies"]
    (own,) = (s for s in policy["PolicyDocument"]["Statement"] if s["Action"][0].startswith("cloudformation:"))
    assert own["Resource"] == {"Ref": "AWS::StackId"}


def test_a_stage() -> None:
    app = App()
    stage = Stage(app, "Prod", env=ENVIRONMENT)
    stack = Stack(stage, "Cameras")
    Camera(stack, "Camera", bucket=s3.Bucket(stack, "Bucket"))
    (artifact,) = app.synth().get_nested_assembly("assembly-Prod").stacks
    configuration = only_resource(artifact.template, IMAGE_GENERATION)["Properties"]["ImageGenerationConfiguration"]
    assert configuration["DestinationConfig"]["DestinationRegion"] == "eu-west-1"


@pytest.mark.parametrize(
    ("imported", "given"), [(VideoStream.from_stream_name, "StreamName"), (VideoStream.from_stream_arn, "StreamARN")]
)
def test_the_function_gets_the_name_or_the_arn_that_a_stream_is_imported_by(imported: Any, given: str) -> None:
    values = {
        "StreamName": "lobby",
        "StreamARN": "arn:aws:kinesisvideo:us-east-1:111122223333:stream/lobby/1690707290324",
    }
    stack = Stack(App(), "Cameras")
    stream = imported(stack, "Lobby", values[given])
    ImageGeneration(stack, "Images", stream=stream, bucket=s3.Bucket(stack, "Bucket"))
    properties = only_resource(template_of(stack), IMAGE_GENERATION)["Properties"]
    assert {name: properties[name] for name in values if name in properties} == {given: values[given]}


def test_tags_of_the_app_reach_the_stream_and_the_function() -> None:
    app = App()
    stack = Stack(app, "Cameras")
    Camera(stack, "Camera", bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images"))
    Tags.of(app).add("team", "video")
    template = template_of(stack)
    for resource_type in ("AWS::KinesisVideo::Stream", "AWS::Lambda::Function"):
        assert only_resource(template, resource_type)["Properties"]["Tags"] == [{"Key": "team", "Value": "video"}]


def test_the_escape_hatch_is_the_default_child() -> None:
    stack = Stack(App(), "Cameras")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
    images = ImageGeneration(stack, "Images", stream=VideoStream(stack, "Stream"), bucket=bucket)
    images.node.default_child.add_property_override("ServiceTimeout", 60)  # type: ignore[union-attr]
    assert only_resource(template_of(stack), IMAGE_GENERATION)["Properties"]["ServiceTimeout"] == 60


@jsii.implements(IAspect)
class Seen:
    """An Aspect of somebody else's library."""

    def __init__(self) -> None:
        self.types: set[str] = set()

    def visit(self, node: IConstruct) -> None:
        self.types.add(type(node).__name__)


def test_an_aspect_sees_the_function_and_its_log_group_as_what_they_are() -> None:
    stack = Stack(App(), "Cameras")
    Camera(stack, "Camera", bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images"))
    seen = Seen()
    Aspects.of(stack).add(seen)
    template_of(stack)
    assert {"CfnFunction", "CfnLogGroup", "CfnRole", "CfnStream"} <= seen.types
