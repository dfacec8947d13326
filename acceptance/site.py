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
from functools import cached_property, partial
from typing import Any, TypeVar

import boto3
from botocore.exceptions import ClientError
from botocore.httpsession import get_cert_path

from kinesis_video_configuration import Deadline
from kinesis_video_configuration.retries import DENIED, Retries
from kinesis_video_configuration.service import create_client
from kinesis_video_tools.camera import Acknowledgement, ClockVideo, Producer, PutMediaError, fragment_tags
from kinesis_video_tools.camera.put_media import LOST, PutMedia, sign_put_media
from kinesis_video_tools.delivered_images import DeliveredImage, DeliveredImages

from . import STACK

_PAUSE_SECONDS = 0.5
_RESEND_SECONDS = 10
# The quota is two calls a second.
_LOOKUP_PAUSE_SECONDS = 2
_ACKNOWLEDGEMENTS_SECONDS = 20
WIDTH, HEIGHT = 320, 240

_T = TypeVar("_T")


class Site:
    """The deployed stack: a stream with images, a scratch stream for other configurations, and where the images go."""

    def __init__(self, session: boto3.Session, patience: float) -> None:
        cloudformation = session.client("cloudformation")
        (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        resources = cloudformation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
        self.session = session
        self.patience = patience
        self.verified = outputs["Verified"]
        self.bucket = outputs["BucketName"]
        self.declared = outputs["DeclaredStreamName"]
        self.scratch = outputs["ScratchStreamName"]
        self._roles = {
            self.declared: outputs["DeclaredProducerArn"],
            self.scratch: outputs["ScratchProducerArn"],
        }
        self.account = self._roles[self.declared].split(":")[4]
        (self.log_group,) = (r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::Logs::LogGroup")
        self.s3: Any = session.client("s3")
        self.images = DeliveredImages(self.s3, f"s3://{self.bucket}")
        self.delay = 0.0
        """The seconds that the first image took."""
        self._kinesis_video = create_client(session)
        self._begin = datetime.now(UTC)

    def wait_until(self, look: Callable[[], _T], what: str, *, seconds: float = 0, pause: float = _PAUSE_SECONDS) -> _T:
        """Look until there is something, and return it; raise a TimeoutError after the patience, or these seconds."""
        seconds = seconds or self.patience
        deadline = time.monotonic() + seconds
        while not (found := look()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} after {seconds:g} s")
            time.sleep(pause)
        return found

    def wait_until_allowed(self, call: Callable[[], object]) -> None:
        """Repeat a call until its service knows the permission for it."""

        def is_allowed() -> bool:
            try:
                call()
            except ClientError as error:
                if error.response["Error"]["Code"] not in DENIED:
                    raise
                return False
            return True

        self.wait_until(is_allowed, "the permission has no effect")

    def wait_for_roles(self) -> None:
        """Wait until the producers' roles can be assumed, which takes some seconds after their creation."""
        for stream in self._roles:
            self.wait_until_allowed(partial(self.as_producer, stream))

    def as_producer(self, stream: str) -> boto3.Session:
        """Return a session with the permissions of a stream's producer."""
        sts = self.session.client("sts")
        role = sts.assume_role(RoleArn=self._roles[stream], RoleSessionName="acceptance")["Credentials"]
        return boto3.Session(
            role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"], self.session.region_name
        )

    @contextmanager
    def changed_permissions(self, change: Callable[[list[Any]], list[Any]]) -> Iterator[None]:
        """Change the statements of the scratch stream's producer while the block runs."""
        iam = self.session.client("iam")
        role = self._roles[self.scratch].rpartition("/")[2]
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        policy: Any = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]

        def put(statements: list[Any]) -> None:
            document = json.dumps({**policy, "Statement": statements})
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)

        try:
            put(change(policy["Statement"]))
            yield
        finally:
            put(policy["Statement"])

    def video(self, fragment_seconds: float) -> ClockVideo:
        """Return a small video."""
        return ClockVideo("acceptance", width=WIDTH, height=HEIGHT, frame_rate=4, fragment_seconds=fragment_seconds)

    def send(
        self, stream: str, token: str, *, fragment_seconds: float = 2, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Send two fragments with the permissions of the stream's producer; the keys of their images have a token."""
        producer = self._producer(stream, token, metadata)
        # Faster than real time, so the timestamps are in the past, even if the clock is slightly ahead.
        producer.send(self.video(fragment_seconds), fragments=2, speed=20)

    def send_until(self, stream: str, wanted: Callable[[DeliveredImage], bool]) -> DeliveredImage:
        """Send repeatedly until the current configuration takes effect, and an image is as wanted."""
        token = new_token()

        def send_and_wait() -> list[DeliveredImage]:
            self.send(stream, token)
            with suppress(TimeoutError):
                return self.wait(token, wanted, seconds=min(_RESEND_SECONDS, self.patience))
            return []

        return self.wait_until(send_and_wait, "no image is as wanted")[0]

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
        heard: list[str] = []

        def hear(acknowledgement: Acknowledgement) -> None:
            error = (acknowledgement.error_id, acknowledgement.error_code)
            heard.append(" ".join(str(part) for part in (acknowledgement.event_type, *error) if part is not None))

        def is_heard() -> list[str]:
            try:
                asyncio.run(self._put_media(body, hear))
            except PutMediaError as error:
                # A second connection is refused while the previous one still counts.
                if not error.retryable:
                    heard.append(error.code or str(error))
                return heard
            except LOST as error:
                heard.append(f"connection lost ({type(error).__name__})")
            return heard or ["nothing"]

        return " ".join(self.wait_until(is_heard, "another connection still counts"))

    @cached_property
    def _endpoint(self) -> str:
        """Where video is sent to; asked for once, as the service answers 5 times a second."""
        client = self.as_producer(self.declared).client("kinesisvideo")
        endpoint: str = client.get_data_endpoint(StreamName=self.declared, APIName="PUT_MEDIA")["DataEndpoint"]
        return endpoint

    async def _put_media(self, body: bytes, hear: Callable[[Acknowledgement], None]) -> None:
        session = self.as_producer(self.declared)
        url = f"{self._endpoint}/putMedia"
        headers = {"x-amzn-stream-name": self.declared, "x-amzn-fragment-timecode-type": "ABSOLUTE"}
        credentials: Any = session.get_credentials()
        signed = sign_put_media(url, headers, credentials.get_frozen_credentials(), session.region_name)
        put_media = await PutMedia.open(url, signed, hear, get_cert_path(True))
        try:
            await put_media.send(body)
            await put_media.end_body()
            with suppress(TimeoutError):
                async with asyncio.timeout(_ACKNOWLEDGEMENTS_SECONDS):
                    await put_media.ended
        finally:
            await put_media.close()

    def images_of(self, token: str) -> list[DeliveredImage]:
        """List the images whose keys have a token."""
        return [image for image in self.images.all() if token in image.key]

    def wait(
        self,
        token: str,
        wanted: Callable[[DeliveredImage], bool] = lambda image: True,
        *,
        count: int = 1,
        seconds: float = 0,
    ) -> list[DeliveredImage]:
        """Wait for images with a token that are as wanted; raise a TimeoutError if there are fewer."""

        def enough() -> list[DeliveredImage]:
            found = [image for image in self.images_of(token) if wanted(image)]
            return found if len(found) >= count else []

        return self.wait_until(enough, f"fewer than {count} images have arrived", seconds=seconds)

    def wait_until_silence(self, token: str) -> list[DeliveredImage]:
        """Wait until no image with a token arrives for several times an image's delay, and list them all.

        Nothing else shows that no more will come. A TimeoutError is raised if they continue.
        """

        def is_silent() -> bool:
            before = self.images_of(token)
            time.sleep(2 + 2 * self.delay)
            return self.images_of(token) == before

        self.wait_until(is_silent, "images still arrive")
        return self.images_of(token)

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call Kinesis Video Streams about the scratch stream, again while it is busy or throttled."""
        retries = Retries(Deadline(self.patience))
        return retries.call(self._kinesis_video, operation, StreamName=self.scratch, **parameters)

    def configure(self, uri: str, **changes: Any) -> str:
        """Set the images of the scratch stream, and return the Uri that is read back."""
        configuration = {**self.required(uri), **changes}
        self.call("update_image_generation_configuration", ImageGenerationConfiguration=configuration)
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
        configuration: dict[str, Any] = self.call("describe_image_generation_configuration")[
            "ImageGenerationConfiguration"
        ]
        return configuration

    def stream(self) -> dict[str, Any]:
        """Describe the scratch stream."""
        stream: dict[str, Any] = self.call("describe_stream")["StreamInfo"]
        return stream

    def wait_for_record(self, operation: str) -> None:
        """Wait for a record of an operation since the start in CloudTrail's event history, or raise a TimeoutError."""
        look = partial(
            self.session.client("cloudtrail").lookup_events,
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": operation}],
            StartTime=self._begin,
            MaxResults=1,
        )
        self.wait_until(lambda: look()["Events"], f"no record of {operation}", pause=_LOOKUP_PAUSE_SECONDS)

    def _producer(self, stream: str, token: str, metadata: Mapping[str, str] | None = None) -> Producer:
        tags = fragment_tags(prefix=token, metadata=metadata)
        return Producer(stream, session=self.as_producer(stream), tags=tags)


def new_token() -> str:
    """Generate a token that marks the keys of some images."""
    return f"t{uuid.uuid4().hex[:8]}"
