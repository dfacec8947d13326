"""A set-up where video comes in and images arrive, on the local AWS with IAM enforced, and what can break of it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from itertools import islice
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from kinesis_video_doctor import Diagnosis, doctor_policy, examine
from kinesis_video_local import LocalAws
from kinesis_video_matroska import Tags, Track
from kinesis_video_tools.camera import ClockVideo, fragment_tags
from wire import put_media, written

ACCOUNT, REGION = "000000000000", "us-east-1"
STREAM, BUCKET, PREFIX = "front-door", "images", "cameras/"
PRODUCER, DOCTOR = f"arn:aws:iam::{ACCOUNT}:role/producer", f"arn:aws:iam::{ACCOUNT}:role/doctor"
VIDEO = ClockVideo("i", width=160, height=96, frame_rate=1, fragment_seconds=1)
CONFIGURATION = {
    "Status": "ENABLED",
    "ImageSelectorType": "PRODUCER_TIMESTAMP",
    "DestinationConfig": {"Uri": f"s3://{BUCKET}/{PREFIX}", "DestinationRegion": REGION},
    "SamplingInterval": 1_000,
    "Format": "JPEG",
}
KEY_ACTIONS = ["kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt"]

Policy = list[dict[str, Any]]


def allow(actions: str | Sequence[str], resource: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def document(statements: Policy) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


class DoctorSession(boto3.Session):
    """Keeps its clients: to make those of one run takes a quarter of the run's CPU."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._kept: dict[tuple[str, str | None], Any] = {}

    def client(self, service_name: str, **options: Any) -> Any:  # type: ignore[override]  # of any service
        key = service_name, options.get("endpoint_url")
        if key not in self._kept:
            # Otherwise botocore composes the user agent of each request anew: an eighth of the CPU.
            options["config"] = Config(user_agent="doctor").merge(options.get("config") or Config())
            self._kept[key] = super().client(service_name, **options)  # type: ignore[call-overload]
            # A run closes its connections, and the next one would connect again.
            self._kept[key].close = lambda: None
        return self._kept[key]

    @contextmanager
    def handled(self, event: str, handler: Callable[..., Any]) -> Iterator[None]:
        """Let an event of the clients be handled; what a handler of ``before-send`` returns is the answer."""
        for emitter in self._emitters():
            emitter.register(event, handler)
        try:
            yield
        finally:
            for emitter in self._emitters():
                emitter.unregister(event, handler)

    def close(self) -> None:
        """Close the connections."""
        for client in self._kept.values():
            del client.close
            client.close()

    def _emitters(self) -> list[Any]:
        # A client has a copy of the session's handlers from when it was made.
        return [self.events, *(client.meta.events for client in self._kept.values())]


@dataclass
class Site:
    """A stream, its bucket, its keys, a producer and a doctor."""

    aws: LocalAws
    clients: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    sent_at: float = -math.inf
    since: float = 0
    """From when on a run of the doctor is shown CloudTrail's records: those of other tests would take its time."""
    withheld: Set[str] = frozenset()
    granted: list[dict[str, Any]] = field(default_factory=list)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """How the configurations of streams differ from `CONFIGURATION`."""

    def client(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = self.aws.client(service)
        return self.clients[service]

    def client_of_account(self, account: str, service: str) -> Any:
        """Return a client of another account: its number and our secret are its root's keys here."""
        secret = self.aws.environment["AWS_SECRET_ACCESS_KEY"]
        keys = {"aws_access_key_id": account, "aws_secret_access_key": secret, "region_name": REGION}
        return boto3.client(service, endpoint_url=self.aws.endpoint_url, **keys)  # type: ignore[call-overload]  # any

    def stream_arn(self, name: str) -> str:
        arn: str = self.client("kinesisvideo").describe_stream(StreamName=name)["StreamInfo"]["StreamARN"]
        return arn

    def build(self) -> None:
        """Make everything, and send video until images arrive."""
        s3 = self.client("s3")
        self.create_role("producer")
        self.create_role("doctor")
        for name in "stream", "bucket":
            self.keys[name] = self.client("kms").create_key()["KeyMetadata"]["Arn"]
        s3.create_bucket(Bucket=BUCKET)
        self.encrypt_bucket(self.keys["bucket"])
        self.allow_producer()
        self.allow_doctor()
        self.create_stream(STREAM)
        self.refresh()

    def create_role(self, name: str, path: str = "/") -> None:
        """Make a role that anybody may assume."""
        trust = document([{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}])
        self.client("iam").create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=trust)

    def refresh(self) -> None:
        """Send video again, if the last is a minute old: what is older than five minutes shows nothing."""
        if time.monotonic() - self.sent_at > 60:
            self.ask_for_endpoint(STREAM)
            self.deliver()
            self.sent_at = time.monotonic()

    def allow_producer(self) -> None:
        """Give the producer what it needs, and what else was granted, but for the actions that are withheld."""
        endpoint = ["kinesisvideo:GetDataEndpoint", "kinesisvideo:PutMedia", "kinesisvideo:TagStream"]
        statements = [
            allow(endpoint, f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:*"),
            allow(["s3:PutObject"], f"arn:aws:s3:::{BUCKET}/{PREFIX}*"),
            *(allow(KEY_ACTIONS, key) for key in self.keys.values()),
        ]
        for statement in statements:
            statement["Action"] = [action for action in statement["Action"] if action not in self.withheld]
        self.allow("producer", [statement for statement in statements if statement["Action"]] + self.granted)

    @contextmanager
    def producer_without(self, *actions: str, granted: Sequence[dict[str, Any]] = ()) -> Iterator[None]:
        """Withhold actions from the producer, and give it statements of another kind."""
        before = self.withheld, self.granted
        self.withheld, self.granted = self.withheld | set(actions), [*self.granted, *granted]
        self.allow_producer()
        yield
        self.withheld, self.granted = before
        self.allow_producer()

    def allow_doctor(self, *, without: str = "") -> None:
        """Give the doctor what it asks for; one permission can be left out."""
        statements = doctor_policy()["Statement"]
        # ministack has no resource for it.
        statements.append(allow(["iam:SimulatePrincipalPolicy"], "*"))
        for statement in statements:
            statement["Action"] = [action for action in statement["Action"] if action != without]
        self.allow("doctor", [statement for statement in statements if statement["Action"]])

    def allow(self, role: str, statements: Policy) -> None:
        self.client("iam").put_role_policy(RoleName=role, PolicyName="permissions", PolicyDocument=document(statements))

    def encrypt_bucket(self, key: str) -> None:
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
        encryption = {"Rules": [rule]}
        self.client("s3").put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration=encryption)

    def create_stream(self, name: str) -> None:
        self.client("kinesisvideo").create_stream(
            StreamName=name, DataRetentionInHours=24, KmsKeyId=self.keys["stream"]
        )
        self.configure(name)
        self.ask_for_endpoint(name)

    def configure(self, name: str = STREAM) -> None:
        if name == STREAM:
            # What came before shows nothing of another configuration.
            self.sent_at = -math.inf
        self.client("kinesisvideo").update_image_generation_configuration(
            StreamName=name, ImageGenerationConfiguration={**CONFIGURATION, **self.changes.get(name, {})}
        )

    @contextmanager
    def configured(self, name: str = STREAM, **changes: Any) -> Iterator[None]:
        """Change the configuration of a stream."""
        before = self.changes.get(name, {})
        self.changes[name] = {**before, **changes}
        self.configure(name)
        yield
        self.changes[name] = before
        self.configure(name)

    def send(
        self,
        name: str,
        *,
        tags: Sequence[Tags] = fragment_tags(),
        track: Track = VIDEO.track,
        count: int = 2,
        ahead: timedelta = timedelta(),
    ) -> None:
        """Send fragments of a second that have just ended, or that a clock which is ahead dates."""
        begin = int((time.time() + ahead.total_seconds()) * 1000) - 1000 * count
        body = written([track], islice(VIDEO.fragments(begin), count), *tags)
        put_media(
            self.aws.endpoint_url,
            {"x-amzn-stream-name": name},
            [body],
            credentials=self.producer_session.get_credentials(),
        )

    def fragment_numbers(self, name: str) -> list[str]:
        """List the numbers of a stream's fragments."""
        media = self.client("kinesis-video-archived-media")
        return [one["FragmentNumber"] for one in media.list_fragments(StreamName=name)["Fragments"]]

    def ask_for_endpoint(self, name: str, session: boto3.Session | None = None) -> None:
        """Ask for the endpoint of PutMedia, as a producer does."""
        client = session.client("kinesisvideo", endpoint_url=self.aws.endpoint_url) if session else self.producer
        client.get_data_endpoint(StreamName=name, APIName="PUT_MEDIA")

    def deliver(self, name: str = STREAM, **options: Any) -> None:
        """Send fragments, and wait for an image of the newest."""
        self.send(name, **options)
        self.wait_for_image(name, fragment_number=max(self.fragment_numbers(name)))

    def wait_for_image(self, name: str, own: str = "", *, prefix: str = PREFIX, fragment_number: str = "") -> None:
        """Wait for an image of a stream, under its own prefix, and of this fragment if its number is given."""
        s3, seen = self.client("s3"), set[str]()
        deadline = time.monotonic() + 60
        while True:
            listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}{own}{ACCOUNT}_{name}_").get("Contents", [])
            for key in [entry["Key"] for entry in listed[::-1] if entry["Key"] not in seen]:
                metadata = s3.head_object(Bucket=BUCKET, Key=key)["Metadata"]
                if metadata.get("aws_kinesisvideo_fragment_number", "").endswith(fragment_number):
                    return
                seen.add(key)
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def assume(self, role: str) -> boto3.Session:
        return boto3.Session(**self._assumed(role))

    def _assumed(self, role: str) -> dict[str, Any]:
        """Return the parameters of a role's session."""
        keys = self.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
        return {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
            "region_name": REGION,
        }

    @cached_property
    def producer_session(self) -> boto3.Session:
        return self.assume(PRODUCER)

    @cached_property
    def producer(self) -> Any:
        return self.producer_session.client("kinesisvideo", endpoint_url=self.aws.endpoint_url)

    @cached_property
    def doctor(self) -> DoctorSession:
        return DoctorSession(**self._assumed(DOCTOR))

    def examine(self, stream: str = STREAM, *, later: float = 120, **options: Any) -> Diagnosis:
        """Run the checks so many seconds later: by then what was just configured works."""
        if stream == STREAM:
            # The doctor asks for endpoints, too, and a history is read to a bound. It has refused calls as well.
            with suppress(ClientError):
                self.ask_for_endpoint(STREAM)
        with self.clock(later), self.doctor.handled("before-parameter-build.cloudtrail.LookupEvents", self._shorten):
            return examine(stream, session=self.doctor, **options)

    def _shorten(self, params: dict[str, Any], **_: Any) -> None:
        params["StartTime"] = max(self.since, params["StartTime"].timestamp() if "StartTime" in params else 0)

    @contextmanager
    def clock(self, later: float) -> Iterator[None]:
        """Let the clock of the services be ahead, which date their answers."""

        with pytest.MonkeyPatch.context() as clock:
            ahead = timedelta(seconds=later)
            clock.setattr(
                "kinesis_video_doctor.calls.parsedate_to_datetime", lambda t: parsedate_to_datetime(t) + ahead
            )
            yield
