"""Deploys stacks to the local AWS, and reads the streams' configurations afterwards."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, DefaultStackSynthesizer, Environment, Stack
from botocore.exceptions import ClientError

from kinesis_video_local import LocalAws
from kinesis_video_tools.camera import ClockVideo, fragment_tags
from tests.archives import zipped

from .deployments import Deployments, create_other_tools, deployments_on

Build = Callable[[Stack], None]
IMAGE_GENERATION = "Custom::KinesisVideoImageGeneration"
FRAGMENT_NOTIFICATION = "Custom::KinesisVideoFragmentNotification"
ASSETS = "assets"
GREEN = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
# Much longer than any of these stacks takes, and much shorter than waiting for an answer that never comes.
PATIENCE_SECONDS = 300


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.25)


@dataclass
class Cloud:
    """The local AWS, with CloudFormation called directly: a deployment takes a second instead of ten."""

    aws: LocalAws

    def __post_init__(self) -> None:
        # Creating a client takes 10 ms of CPU, and 100 ms for the first one of a service.
        create: Callable[[str], Any] = self.aws.client
        self.client = cache(create)
        self.kinesisvideo = self.aws.client("kinesisvideo")
        self.cloudformation = self.client("cloudformation")
        self.ssm = self.client("ssm")
        self.s3 = self.client("s3")
        self.s3.create_bucket(Bucket=ASSETS)
        self._stacks: set[str] = set()

    def synthesise(self, name: str, build: Build, env: Environment | None = None) -> str:
        """Synthesise a stack, upload its assets, and return its template."""
        return self.synthesise_stacks([name], build, env)[name]

    def synthesise_stacks(
        self, names: Sequence[str], build: Callable[..., None], env: Environment | None = None
    ) -> dict[str, str]:
        """Synthesise stacks of one app, upload their assets, and return their templates."""
        app = App()
        synthesizers = [
            DefaultStackSynthesizer(file_assets_bucket_name=ASSETS, generate_bootstrap_version_rule=False)
            for _ in names
        ]
        build(*(Stack(app, name, env=env, synthesizer=s) for name, s in zip(names, synthesizers, strict=True)))
        assembly = app.synth()
        self.upload_assets(assembly.directory)
        templates = {name: Path(assembly.directory, f"{name}.template.json").read_text() for name in names}
        shutil.rmtree(assembly.directory)
        return templates

    def upload_assets(self, directory: str) -> None:
        for asset in Path(directory).glob("asset.*"):
            body = zipped(asset) if asset.is_dir() else asset.read_bytes()
            self.s3.put_object(Bucket=ASSETS, Key=f"{asset.name.removeprefix('asset.')}.zip", Body=body)

    def deploy(self, name: str, build: Build) -> str:
        """Create or update a stack, and return its final status."""
        return self.deploy_template(name, self.synthesise(name, build))

    def deploy_template(self, name: str, template: str) -> str:
        self.start(name, template)
        status = self.wait(name)
        if IMAGE_GENERATION in template or FRAGMENT_NOTIFICATION in template:
            self._stacks.add(name)
        # Until then a description may be stale.
        time.sleep(self.aws.stale_seconds)
        self.require_declared()
        return status

    def start(self, name: str, template: str) -> None:
        operation = self.cloudformation.update_stack if self.status(name) else self.cloudformation.create_stack
        # The template of 200 streams is too long for a body, so it is passed by its URL.
        self.s3.put_object(Bucket=ASSETS, Key=f"{name}.json", Body=template.encode())
        url = f"{self.aws.endpoint_url}/{ASSETS}/{name}.json"
        operation(StackName=name, TemplateURL=url, Capabilities=["CAPABILITY_IAM"])

    def delete(self, name: str) -> str:
        """Delete a stack, and return its final status."""
        # A deleted stack can be described by its id only.
        (stack,) = self.cloudformation.describe_stacks(StackName=name)["Stacks"]
        self.cloudformation.delete_stack(StackName=name)
        status = self.wait(stack["StackId"])
        self._stacks.discard(name)
        self.require_declared()
        return status

    def require_declared(self) -> None:
        """Check that no stack has succeeded while a stream lacks its declared configuration."""
        for stack in self._stacks:
            if self.status(stack) not in GREEN:
                continue
            for resource_type, describe in (
                (IMAGE_GENERATION, self.images),
                (FRAGMENT_NOTIFICATION, self.notifications),
            ):
                for stream_arn in self.physical_ids(stack, resource_type):
                    with suppress(self.kinesisvideo.exceptions.ResourceNotFoundException):  # the stream itself is gone
                        assert describe(stream_arn), f"{stack} is green and {stream_arn} has no {resource_type}"

    def status(self, name: str) -> str:
        try:
            (stack,) = self.cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError:
            return ""
        status: str = stack["StackStatus"]
        return "" if status == "DELETE_COMPLETE" and ":" not in name else status

    def wait(self, name: str) -> str:
        until(lambda: not self.status(name).endswith("_IN_PROGRESS"))
        return self.status(name)

    def events(self, name: str, resource_type: str = IMAGE_GENERATION) -> list[tuple[str, str]]:
        """The events of the resources of a type, oldest first: the status and its reason."""
        events = self.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        return [
            (event["ResourceStatus"], event.get("ResourceStatusReason", ""))
            for event in reversed(events)
            if event["ResourceType"] == resource_type
        ]

    def physical_ids(self, name: str, resource_type: str) -> list[str]:
        return self._ids(name, resource_type, "PhysicalResourceId")

    def logical_ids(self, name: str, resource_type: str) -> list[str]:
        return self._ids(name, resource_type, "LogicalResourceId")

    def physical_id(self, name: str, resource_type: str, part: str = "") -> str:
        """The physical id of the one resource of a type whose physical id has this part."""
        (physical_id,) = (found for found in self.physical_ids(name, resource_type) if part in found)
        return physical_id

    def role_arn(self, name: str, part: str = "") -> str:
        return f"arn:aws:iam::000000000000:role/{self.physical_id(name, 'AWS::IAM::Role', part)}"

    def create_stream(self, name: str, hours: int = 24) -> None:
        """Create a stream outside of any stack, and wait until it is ACTIVE."""
        self.kinesisvideo.create_stream(StreamName=name, DataRetentionInHours=hours)
        while self._stream(name)["Status"] != "ACTIVE":
            time.sleep(0.1)

    def stream_arn(self, name: str) -> str:
        arn: str = self._stream(name)["StreamARN"]
        return arn

    def images(self, stream: str) -> Any:
        """The image generation of a stream, given its name or its ARN; None if it has none."""
        answer = self.kinesisvideo.describe_image_generation_configuration(**_named(stream))
        return answer.get("ImageGenerationConfiguration")

    def notifications(self, stream: str) -> Any:
        """The fragment notification of a stream, given its name or its ARN; None if it has none."""
        answer = self.kinesisvideo.describe_notification_configuration(**_named(stream))
        return answer.get("NotificationConfiguration")

    def set_images(self, stream: str, configuration: Any) -> None:
        """Set a configuration by the API, as an operator or a script does; None removes it."""
        given: Any = {} if configuration is None else {"ImageGenerationConfiguration": configuration}
        self.kinesisvideo.update_image_generation_configuration(StreamName=stream, **given)

    def send_video(self, stream: str, role_arn: str) -> None:
        """Send a fragment of real video with the permissions of a producer's role."""
        producer = self.aws.producer(stream, role_arn=role_arn, tags=fragment_tags())
        video = ClockVideo(stream, width=160, height=96, frame_rate=1, fragment_seconds=1)
        assert producer.send(video, fragments=1, speed=20).persisted == 1

    def delete_stream(self, name: str) -> None:
        self.kinesisvideo.delete_stream(StreamARN=self.stream_arn(name))

    def _ids(self, name: str, resource_type: str, key: str) -> list[str]:
        resources = self.cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        return [r[key] for r in resources if r["ResourceType"] == resource_type]

    def _stream(self, name: str) -> Any:
        return self.kinesisvideo.describe_stream(StreamName=name)["StreamInfo"]


def _named(stream: str) -> Any:
    return {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}


@pytest.fixture(scope="session")
def local_aws_options() -> dict[str, Any]:
    # Only the tests at scale need quotas and streams that take a while to be ACTIVE.
    return {"quotas": False, "creating_seconds": 0}


@pytest.fixture(scope="session")
def _cloud(local_aws: LocalAws) -> Cloud:
    create_other_tools(local_aws)
    return Cloud(local_aws)


@pytest.fixture
def cloud(_cloud: Cloud) -> Iterator[Cloud]:
    yield _cloud
    _cloud.aws.clear_faults()
    _cloud.aws.clear_calls()


ClientAs = Callable[..., Any]


@pytest.fixture
def client_as() -> Iterator[ClientAs]:
    """Return a client of a service with the permissions of a role, which from then on anybody can assume."""
    # Not at the top, since bench/ imports this module without the path of the local AWS's tests.
    from roles import ANYBODY, assume_role, document

    trusted = {**ANYBODY, "Service": "lambda.amazonaws.com"}
    trust = document({"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"})

    with ExitStack() as clients:

        def make(cloud: Cloud, role_arn: str, service: str, region: str = "us-east-1") -> Any:
            name = role_arn.rpartition("/")[2]
            cloud.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=trust)
            create: Any = assume_role(cloud.client("sts"), role_arn).client
            client = create(service, region_name=region, endpoint_url=cloud.aws.endpoint_url)
            return clients.enter_context(closing(client))

        yield make


def answer_to(call: Callable[..., object], **parameters: Any) -> str:
    """Make a call, and return "allowed" or the code of its error."""
    try:
        call(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "allowed"


@pytest.fixture
def deployments(cloud: Cloud) -> Iterator[Deployments]:
    """Stacks and streams of one test."""
    with deployments_on(cloud) as own:
        yield own
