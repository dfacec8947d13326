"""The deployed stack, and what can be done there."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError
from botocore.httpsession import get_cert_path

from kinesis_video_tools.camera import Acknowledgement, ClockVideo, Producer, PutMediaError, fragment_tags
from kinesis_video_tools.camera.put_media import LOST, PutMedia, sign_put_media
from kinesis_video_tools.delivered_images import DeliveredImage, DeliveredImages

from . import STACK

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient

DENIED = ("AccessDenied", "AccessDeniedException", "NotAuthorizedException")
"""The error codes of a service before a new permission has reached it."""

# The service allows five calls a second of an operation for each stream.
_THROTTLED = "ClientLimitExceededException"
_PAUSE_SECONDS = 0.5
_RESEND_SECONDS = 10
_LOOKUP_PAUSE_SECONDS = 2
_ACKNOWLEDGEMENTS_SECONDS = 20
WIDTH, HEIGHT = 320, 240


class Site:
    """The deployed stack: a stream with images, a scratch stream for other configurations, and where the images go."""

    def __init__(self, session: boto3.Session, patience: float) -> None:
        cloudformation = session.client("cloudformation")
        (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        self.session = session
        self.patience = patience
        self.declared = outputs["DeclaredStreamName"]
        self.scratch = outputs["ScratchStreamName"]
        self.bucket = outputs["BucketName"]
        self.verified = outputs["Verified"]
        resources = cloudformation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
        (self.log_group,) = (r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::Logs::LogGroup")
        self._roles = {
            self.declared: outputs["DeclaredProducerArn"],
            self.scratch: outputs["ScratchProducerArn"],
        }
        self.account = self._roles[self.declared].split(":")[4]
        self.s3: Any = session.client("s3")
        self.kinesis_video: KinesisVideoClient = session.client("kinesisvideo")
        self.images = DeliveredImages(self.s3, f"s3://{self.bucket}")
        endpoint = self.kinesis_video.get_data_endpoint(StreamName=self.declared, APIName="PUT_MEDIA")["DataEndpoint"]
        self._url = f"{endpoint}/putMedia"
        self._iam = session.client("iam")
        self._begin = datetime.now(UTC)
        self.delay = 0.0
        """The seconds that the first image took."""

    def wait_for_roles(self) -> None:
        """Wait until the producers' roles can be assumed, which takes some seconds after their creation."""
        for stream in self._roles:
            self.repeat(partial(self._credentials, stream), *DENIED)

    def repeat(self, call: Callable[[], object], *errors: str) -> float:
        """Repeat a call while it fails with one of these errors, and return how many seconds that took."""
        begin = time.monotonic()
        while True:
            try:
                call()
            except ClientError as error:
                if error.response["Error"]["Code"] not in errors or time.monotonic() - begin > self.patience:
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                return time.monotonic() - begin

    def send(
        self,
        stream: str,
        token: str,
        *,
        fragment_seconds: float = 2,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Send two fragments with the permissions of the stream's producer; the keys of their images have a token."""
        # Faster than real time, so the timestamps are in the past, even if the clock is slightly ahead.
        self._producer(stream, token, metadata).send(self.video(fragment_seconds), fragments=2, speed=20)

    def send_until(self, stream: str, wanted: Callable[[DeliveredImage], bool]) -> DeliveredImage:
        """Send repeatedly until the current configuration takes effect, and an image is as wanted."""
        token = new_token()
        deadline = time.monotonic() + self.patience
        while True:
            self.send(stream, token)
            try:
                return self.wait(token, wanted, seconds=min(_RESEND_SECONDS, self.patience))[0]
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise

    @contextmanager
    def streaming(self, stream: str, token: str) -> Iterator[None]:
        """Send in real time on one connection while the block runs."""
        producer = self._producer(stream, token)
        with ThreadPoolExecutor(1) as threads:
            sending = threads.submit(producer.send, self.video(1))
            try:
                yield
            finally:
                # `stop` has no effect before the producer has started to send.
                while not sending.done():
                    producer.stop()
                    wait([sending], _PAUSE_SECONDS)
        if (connections := sending.result().connections) != 1:
            raise ValueError(f"the producer needed {connections} connections, so the session was not the same")

    def put_media(self, body: bytes) -> str:
        """Send bytes to the stream with images, and return the acknowledgements or the refusal."""
        said: list[str] = []

        def hear(acknowledgement: Acknowledgement) -> None:
            error = (acknowledgement.error_id, acknowledgement.error_code)
            said.append(" ".join(str(part) for part in (acknowledgement.event_type, *error) if part is not None))

        deadline = time.monotonic() + self.patience
        while not said:
            try:
                asyncio.run(self._put_media(body, hear))
                if not said:
                    said.append("nothing")
            except PutMediaError as error:
                # A second connection is refused while the previous one still counts.
                if not error.retryable or time.monotonic() > deadline:
                    said.append(error.code or str(error))
                time.sleep(_PAUSE_SECONDS)
            except LOST as error:
                said.append(f"connection lost ({type(error).__name__})")
        return " ".join(said)

    def images_of(self, token: str) -> list[DeliveredImage]:
        """List the images whose keys have a token."""
        return [image for image in self.images.all() if token in image.key]

    def wait(
        self,
        token: str,
        wanted: Callable[[DeliveredImage], bool] = lambda image: True,
        *,
        count: int = 1,
        seconds: float | None = None,
    ) -> list[DeliveredImage]:
        """Wait for images with a token that are as wanted; raise a TimeoutError if there are fewer."""
        seconds = self.patience if seconds is None else seconds
        deadline = time.monotonic() + seconds
        while len(found := [image for image in self.images_of(token) if wanted(image)]) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(found)} of {count} images have arrived in {seconds:g} s")
            time.sleep(_PAUSE_SECONDS)
        return found

    def wait_until_silence(self, token: str) -> list[DeliveredImage]:
        """Wait until no image with a token arrives for several times an image's delay, and list them all.

        Nothing else shows that no more will come. A TimeoutError is raised if they continue.
        """
        deadline = time.monotonic() + self.patience
        before, images = None, self.images_of(token)
        while images != before:
            if time.monotonic() > deadline:
                raise TimeoutError(f"images still arrive after {self.patience:g} s")
            time.sleep(2 + 2 * self.delay)
            before, images = images, self.images_of(token)
        return images

    def configure(self, uri: str, **changes: Any) -> str:
        """Set the images of the scratch stream, and return the Uri that is read back."""
        configuration: Any = {**self.required(uri), **changes}
        update = self.kinesis_video.update_image_generation_configuration
        self.repeat(partial(update, StreamName=self.scratch, ImageGenerationConfiguration=configuration), _THROTTLED)
        told: str = self.described()["DestinationConfig"]["Uri"]
        return told

    def required(self, uri: str) -> dict[str, Any]:
        """Return a configuration with the fields that the API requires."""
        return {
            "Status": "ENABLED",
            "ImageSelectorType": "PRODUCER_TIMESTAMP",
            "DestinationConfig": {"Uri": uri, "DestinationRegion": self.session.region_name},
            "SamplingInterval": 1000,
            "Format": "JPEG",
        }

    def described(self) -> dict[str, Any]:
        """Read the configuration of the scratch stream."""
        told: list[Any] = []
        describe = self.kinesis_video.describe_image_generation_configuration
        self.repeat(lambda: told.append(describe(StreamName=self.scratch)), _THROTTLED)
        configuration: dict[str, Any] = told[0]["ImageGenerationConfiguration"]
        return configuration

    def stream(self) -> Mapping[str, Any]:
        """Describe the scratch stream."""
        stream: Any = self.kinesis_video.describe_stream(StreamName=self.scratch)["StreamInfo"]
        described: Mapping[str, Any] = stream
        return described

    def wait_for_record(self, operation: str) -> None:
        """Wait for a record of an operation since the start in CloudTrail's event history, or raise a TimeoutError."""
        trail = self.session.client("cloudtrail")
        attribute: Any = {"AttributeKey": "EventName", "AttributeValue": operation}
        deadline = time.monotonic() + self.patience
        while not trail.lookup_events(LookupAttributes=[attribute], StartTime=self._begin, MaxResults=1)["Events"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no record of {operation} after {self.patience:g} s")
            # The quota is two calls a second.
            time.sleep(_LOOKUP_PAUSE_SECONDS)

    @contextmanager
    def changed_permissions(self, change: Callable[[list[Any]], list[Any]]) -> Iterator[None]:
        """Change the statements of the scratch stream's producer while the block runs."""
        role = self._roles[self.scratch].rpartition("/")[2]
        (name,) = self._iam.list_role_policies(RoleName=role)["PolicyNames"]
        policy: Any = self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]

        def put(statements: list[Any]) -> None:
            document = json.dumps({**policy, "Statement": statements})
            self._iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)

        try:
            put(change(policy["Statement"]))
            yield
        finally:
            put(policy["Statement"])

    def as_producer(self, stream: str) -> KinesisVideoClient:
        """Return a client with the permissions of a stream's producer."""
        credentials = self._credentials(stream)
        return self.session.client(
            "kinesisvideo",
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.token,
        )

    def video(self, fragment_seconds: float) -> ClockVideo:
        """Return a small video."""
        return ClockVideo("acceptance", width=WIDTH, height=HEIGHT, frame_rate=4, fragment_seconds=fragment_seconds)

    def _producer(self, stream: str, token: str, metadata: Mapping[str, str] | None = None) -> Producer:
        tags = fragment_tags(prefix=token, metadata=metadata)
        return Producer(stream, session=self.session, role_arn=self._roles[stream], tags=tags)

    async def _put_media(self, body: bytes, hear: Callable[[Acknowledgement], None]) -> None:
        headers = {"x-amzn-stream-name": self.declared, "x-amzn-fragment-timecode-type": "ABSOLUTE"}
        signed = sign_put_media(self._url, headers, self._credentials(self.declared), self.session.region_name)
        put_media = await PutMedia.open(self._url, signed, hear, get_cert_path(True))
        try:
            await put_media.send(body)
            await put_media.end_body()
            with suppress(TimeoutError):
                async with asyncio.timeout(_ACKNOWLEDGEMENTS_SECONDS):
                    await put_media.ended
        finally:
            await put_media.close()

    def _credentials(self, stream: str) -> ReadOnlyCredentials:
        sts = self.session.client("sts")
        role = sts.assume_role(RoleArn=self._roles[stream], RoleSessionName="acceptance")["Credentials"]
        return ReadOnlyCredentials(role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"])


def new_token() -> str:
    """Generate a token that marks the keys of some images."""
    return f"t{uuid.uuid4().hex[:8]}"
