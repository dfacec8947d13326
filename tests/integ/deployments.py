"""Deployments that change who declares the images of a stream, each also with a sibling that fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aws_cdk import CfnParameter, CfnResource, Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from cdk_kinesis_video import ImageGeneration, VideoStream
from kinesis_video_local import LocalAws
from tests.archives import zipped

from .other_tools import image_generation

if TYPE_CHECKING:
    from .conftest import Cloud

Part = Callable[[Construct], None]
OTHER_TOOLS = "other-tools"
OTHER_TOOLS_ARN = f"arn:aws:lambda:us-east-1:000000000000:function:{OTHER_TOOLS}"
_FAILING: dict[str, Any] = {"Type": "Custom::Failing", "Properties": {"ServiceToken": OTHER_TOOLS_ARN}}


def with_failing_sibling(template: str) -> str:
    """Add a resource that fails after all others are created; it needs `create_other_tools`."""
    parsed = json.loads(template)
    parsed["Resources"]["Failing"] = {**_FAILING, "DependsOn": list(parsed["Resources"])}
    return json.dumps(parsed)


def with_a_second_look_after(seconds: int, template: str) -> str:
    """Let a drift monitor look again so soon, which is a setting of its function's input."""
    first = r"\"Declarations\":"
    assert first in template
    return template.replace(first, rf"\"SecondLookSeconds\":{seconds},{first}")


@dataclass(frozen=True)
class Camera:
    """A stream whose images a stack declares, and how the stack refers to it."""

    stream: str
    how: Literal["declared", "imported", "parameter", "ssm"] = "imported"
    seconds: int = 3
    """The sampling interval, by which the tests distinguish settings."""
    props: Mapping[str, Any] = field(default_factory=dict)


def stack_of(*cameras: Camera | Part) -> Part:
    """Build a stack that declares the images of these cameras and the other given parts."""

    def build(scope: Construct) -> None:
        bucket = s3.Bucket.from_bucket_name(scope, "Bucket", "camera-images")
        for number, camera in enumerate(cameras):
            if not isinstance(camera, Camera):
                camera(scope)
                continue
            ImageGeneration(
                scope,
                f"Images{number}",
                stream=_stream(scope, number, camera),
                bucket=bucket,
                sampling_interval=Duration.seconds(camera.seconds),
                **camera.props,
            )

    return build


def aws_custom_resource(stream: str, *, retain: bool = False) -> Part:
    """The resource of `AwsCustomResource`, with a function outside of the stack."""

    def call(parameters: dict[str, Any]) -> str:
        call = {
            "service": "KinesisVideo",
            "action": "updateImageGenerationConfiguration",
            "parameters": parameters,
            "physicalResourceId": {"id": f"{stream}-images"},
        }
        return json.dumps(call)

    on_update = call({"StreamName": stream, "ImageGenerationConfiguration": image_generation()})
    properties = {"Create": on_update, "Update": on_update, "Delete": call({"StreamName": stream})}
    return _other("Custom::AWS", properties, retain)


def handler_of_ones_own(stream: str, *, retain: bool = False) -> Part:
    """A custom resource as people write it with the provider framework or crhelper."""
    return _other("Custom::StreamImages", {"StreamName": stream}, retain)


def _other(resource_type: str, properties: dict[str, Any], retain: bool) -> Part:
    def build(scope: Construct) -> None:
        # Within a construct, like an L2's resource, since `cdk orphan` finds the resources below a path.
        old = CfnResource(
            Construct(scope, "Old"),
            "Resource",
            type=resource_type,
            properties={"ServiceToken": OTHER_TOOLS_ARN, **properties},
        )
        if retain:
            # CloudFormation ignores an update that changes only a DeletionPolicy.
            old.add_metadata("Images", "retained")
        old.apply_removal_policy(RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY)

    return build


def _stream(scope: Construct, number: int, camera: Camera) -> IStreamRef:
    construct_id = f"Stream{number}"
    if camera.how == "declared":
        return VideoStream(scope, construct_id, stream_name=camera.stream)
    name = camera.stream
    if camera.how == "parameter":
        name = CfnParameter(scope, f"{construct_id}Name", default=camera.stream).value_as_string
    elif camera.how == "ssm":
        name = ssm.StringParameter.value_for_string_parameter(scope, f"/streams/{camera.stream}")
    return VideoStream.from_stream_name(scope, construct_id, name)


def create_other_tools(aws: LocalAws) -> None:
    """Create the function behind the custom resources of other tools, and its role."""
    # Not at the top, since bench/ imports this module without the path of the local AWS's tests.
    from roles import create_role

    allowed = {"Effect": "Allow", "Action": "kinesisvideo:*", "Resource": "*"}
    role = create_role(aws.client("iam"), OTHER_TOOLS, allowed, trusted={"Service": "lambda.amazonaws.com"})
    aws.client("lambda").create_function(
        FunctionName=OTHER_TOOLS,
        Runtime="python3.13",
        Role=role,
        Handler="other_tools.handler",
        Timeout=30,
        Code={"ZipFile": zipped({"other_tools.py": Path(__file__).with_name("other_tools.py").read_text()})},
    )


class Deployments:
    """The stacks and streams of one test."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.stacks: list[str] = []
        self.streams: list[str] = []

    def existing(self, *streams: str) -> None:
        """Create streams that no stack declares, each with its name in Parameter Store."""
        for stream in streams:
            self.cloud.create_stream(stream)
            self.cloud.ssm.put_parameter(Name=f"/streams/{stream}", Value=stream, Type="String")
            self.streams.append(stream)

    def intervals(self) -> dict[str, float | None]:
        """The sampling interval of each stream of the test in seconds; None without images."""
        return {stream: self._interval(stream) for stream in self.streams}

    def set_by_hand(self, stream: str, seconds: int | None) -> None:
        """Set a configuration by the API, as an operator or a script does."""
        self.cloud.set_images(stream, {**image_generation(), "SamplingInterval": seconds * 1000} if seconds else None)

    def make_again(self, stream: str) -> None:
        """Delete a stream, and create another one of the same name."""
        self.cloud.delete_stream(stream)
        self.cloud.create_stream(stream)

    def deploy(self, stack: str, *cameras: Camera | Part) -> str:
        """Deploy, and return the status."""
        return self._deploy(stack, self._template(stack, cameras))

    def deploy_and_roll_back(self, stack: str, *cameras: Camera | Part) -> str:
        """Deploy with a sibling that fails after all others are created, and return the status."""
        return self._roll_back(stack, self._template(stack, cameras))

    def change(self, stack: str, *cameras: Camera | Part) -> None:
        """Deploy an update, first with a failing sibling, whose rollback must restore everything, and then without."""
        before = self.intervals()
        template = self._template(stack, cameras)
        assert self._roll_back(stack, template) == "UPDATE_ROLLBACK_COMPLETE"
        assert self.intervals() == before
        assert self._deploy(stack, template) == "UPDATE_COMPLETE"

    def refused(self, stack: str, *cameras: Camera | Part) -> str:
        """Deploy a template that must be refused without any effect, and return the reason."""
        exists = bool(self.cloud.status(stack))
        before = self.intervals()
        status = self.deploy(stack, *cameras)
        assert status == ("UPDATE_ROLLBACK_COMPLETE" if exists else "ROLLBACK_COMPLETE")
        assert self.intervals() == before
        reasons = [reason for status, reason in self.cloud.events(stack) if status.endswith("_FAILED")]
        if not exists:
            self.delete(stack)
            assert self.intervals() == before
        return reasons[-1]

    def delete(self, stack: str) -> None:
        assert self.cloud.delete(stack) == "DELETE_COMPLETE"
        self.stacks.remove(stack)

    def _interval(self, stream: str) -> float | None:
        try:
            found = self.cloud.images(stream)
        except self.cloud.kinesisvideo.exceptions.ResourceNotFoundException:
            return None
        return found["SamplingInterval"] / 1000 if found else None

    def _template(self, stack: str, cameras: tuple[Camera | Part, ...]) -> str:
        for camera in cameras:
            if isinstance(camera, Camera) and camera.stream not in self.streams:
                self.streams.append(camera.stream)
        return self.cloud.synthesise(stack, stack_of(*cameras))

    def _deploy(self, stack: str, template: str) -> str:
        if stack not in self.stacks:
            self.stacks.append(stack)
        return self.cloud.deploy_template(stack, template)

    def _roll_back(self, stack: str, template: str) -> str:
        status = self._deploy(stack, with_failing_sibling(template))
        assert "made to fail" in str(self.cloud.events(stack, "Custom::Failing"))
        return status


@contextmanager
def deployments_on(cloud: Cloud) -> Iterator[Deployments]:
    """Provide stacks, and delete the rest at the end."""
    own = Deployments(cloud)
    yield own
    cloud.aws.clear_faults()
    for stack in list(reversed(own.stacks)):
        if cloud.status(stack):
            own.delete(stack)
