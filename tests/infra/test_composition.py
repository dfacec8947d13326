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

from .conftest import ENVIRONMENT, IMAGE_GENERATION, STREAM_ARN, bucket_in, images_in
from .synthesis import configuration_of, only_resource, resources_of, template_of


class Camera(Construct):
    """A construct of somebody else's library."""

    def __init__(self, scope: Construct, construct_id: str, *, bucket: s3.IBucket) -> None:
        super().__init__(scope, construct_id)
        stream = VideoStream(self, "Stream")
        ImageGeneration(self, "Images", stream=stream, bucket=bucket, prefix=f"{construct_id}/")


def test_stream_and_bucket_in_one_stack_and_the_images_in_another() -> None:
    app = App()
    base, images = Stack(app, "Base"), Stack(app, "Images")
    stream = kinesisvideo.CfnStream(base, "Stream", data_retention_in_hours=24)
    images_in(images, stream=stream, bucket=s3.Bucket(base, "Bucket"))
    template = template_of(images)
    arn = only_resource(template, IMAGE_GENERATION)["Properties"]["StreamARN"]
    assert arn["Fn::ImportValue"].startswith("Base:ExportsOutputFnGetAttStreamArn")
    uri = configuration_of(template)["DestinationConfig"]["Uri"]
    assert uri["Fn::Join"][1][1]["Fn::ImportValue"].startswith("Base:ExportsOutputRefBucket")
    assert [d.stack_name for d in images.dependencies] == ["Base"]


def test_constructs_of_one_class_side_by_side_and_in_a_nested_stack_which_has_a_function_of_its_own() -> None:
    app = App()
    stack = Stack(app, "Cameras")
    bucket = bucket_in(stack)
    for name in ("north", "south"):
        Camera(Construct(stack, f"Wing-{name}"), "Camera", bucket=bucket)
    nested = NestedStack(stack, "Nested")
    Camera(nested, "Inner", bucket=bucket)
    outer, inner = template_of(stack), json.loads(Path(app.outdir, nested.template_file).read_text())
    assert [len(resources_of(each, IMAGE_GENERATION)) for each in (outer, inner)] == [2, 1]
    assert [len(resources_of(each, "AWS::Lambda::Function")) for each in (outer, inner)] == [1, 1]
    # It asks CloudFormation about its own stack.
    (policy,) = only_resource(inner, "AWS::IAM::Role")["Properties"]["Policies"]
    (own,) = (s for s in policy["PolicyDocument"]["Statement"] if s["Action"][0].startswith("cloudformation:"))
    assert own["Resource"] == {"Ref": "AWS::StackId"}


def test_a_stage() -> None:
    app = App()
    stage = Stage(app, "Prod", env=ENVIRONMENT)
    stack = Stack(stage, "Cameras")
    Camera(stack, "Camera", bucket=s3.Bucket(stack, "Bucket"))
    (artifact,) = app.synth().get_nested_assembly("assembly-Prod").stacks
    assert configuration_of(artifact.template)["DestinationConfig"]["DestinationRegion"] == "eu-west-1"


@pytest.mark.parametrize(
    ("imported", "given"),
    [
        (VideoStream.from_stream_name, {"StreamName": "front-door"}),
        (VideoStream.from_stream_arn, {"StreamARN": STREAM_ARN}),
    ],
)
def test_the_function_gets_the_name_or_the_arn_that_a_stream_is_imported_by(
    stack: Stack, imported: Any, given: dict[str, str]
) -> None:
    images_in(stack, stream=imported(stack, "Lobby", *given.values()))
    properties = only_resource(template_of(stack), IMAGE_GENERATION)["Properties"]
    assert {name: properties[name] for name in ("StreamName", "StreamARN") if name in properties} == given


def test_tags_of_the_app_reach_the_stream_and_the_function(stack: Stack) -> None:
    images_in(stack)
    Tags.of(stack.node.root).add("team", "video")
    template = template_of(stack)
    for resource_type in ("AWS::KinesisVideo::Stream", "AWS::Lambda::Function"):
        assert only_resource(template, resource_type)["Properties"]["Tags"] == [{"Key": "team", "Value": "video"}]


def test_the_escape_hatch_is_the_default_child(stack: Stack) -> None:
    images_in(stack).node.default_child.add_property_override("ServiceTimeout", 60)  # type: ignore[union-attr]
    assert only_resource(template_of(stack), IMAGE_GENERATION)["Properties"]["ServiceTimeout"] == 60


@jsii.implements(IAspect)
class Seen:
    """An Aspect of somebody else's library."""

    def __init__(self) -> None:
        self.types: set[str] = set()

    def visit(self, node: IConstruct) -> None:
        self.types.add(type(node).__name__)


def test_an_aspect_sees_the_function_and_its_log_group_as_what_they_are(stack: Stack) -> None:
    images_in(stack)
    seen = Seen()
    Aspects.of(stack).add(seen)
    template_of(stack)
    assert {"CfnFunction", "CfnLogGroup", "CfnRole", "CfnStream"} <= seen.types
