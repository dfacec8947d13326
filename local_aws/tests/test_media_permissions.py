"""The permissions of the caller of PutMedia, with IAM enforced: for the stream, the images and the notifications."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from kinesis_video_local import LocalAws
from kinesis_video_matroska import write_header
from kinesis_video_tools.camera import ClockVideo, Producer, PutMediaError, fragment_tags
from roles import assume_role, create_role, document
from waiting import eventually
from wire import HEADER, Client, PutMediaRequest, cluster, put_media, written

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient

NewStream = Callable[..., str]
START = 1795252104607
LATER = START + 60_000
PERMISSIONS = ("kinesisvideo:GetDataEndpoint", "kinesisvideo:PutMedia", "s3:PutObject", "sns:Publish")
VIDEO = ClockVideo("i", width=160, height=96, frame_rate=1, fragment_seconds=1)
TAGS = fragment_tags(notifications=True)


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(creating_seconds=0, enforce_iam=True) as aws:
        yield aws


@dataclass
class Site:
    """A stream, where its images and notifications go to, and a role that sends video to it."""

    aws: LocalAws
    client: Client
    stream: str
    queue: str
    session: boto3.Session

    @property
    def credentials(self) -> Credentials:
        credentials = self.session.get_credentials()
        assert credentials
        return credentials

    def allow(self, actions: Sequence[str], resource: str = "*", policy: str = "policy") -> None:
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
        self.client("iam").put_role_policy(RoleName=self.stream, PolicyName=policy, PolicyDocument=document(statement))

    def send(self, timecode: int = START, *, stream: str | None = None) -> list[list[Any]]:
        body = written([VIDEO.track], islice(VIDEO.fragments(timecode), 1), *TAGS)
        headers = {"x-amzn-stream-name": stream or self.stream}
        return put_media(self.aws.endpoint_url, headers, [body], credentials=self.credentials)

    def images(self) -> list[str]:
        listed = self.client("s3").list_objects_v2(Bucket=self.stream).get("Contents", [])
        return sorted(entry["Key"].split("_")[2] for entry in listed)

    def wait_for_images(self, number: int) -> list[str]:
        """Wait for so many images: two fragments' may come in either order."""
        return eventually(self.images, lambda images: len(images) >= number)

    def wait_for_log(self, words: str) -> None:
        """Wait until the log says it: nothing else does, as on AWS."""
        eventually(lambda: words in self.aws.log.read_text())

    def notifications(self) -> int:
        answer = self.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return len(answer.get("Messages", []))


@pytest.fixture
def site(aws: LocalAws, client: Client, kinesis_video: KinesisVideoClient, stream: str, configuration: Any) -> Site:
    session = assume_role(client("sts"), create_role(client("iam"), stream), "producer")
    client("s3").create_bucket(Bucket=stream)
    queue = client("sqs").create_queue(QueueName=stream)["QueueUrl"]
    topic = client("sns").create_topic(Name=stream)["TopicArn"]
    arn = f"arn:aws:sqs:us-east-1:000000000000:{stream}"
    anybody = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": document(anybody)})
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    configuration["DestinationConfig"]["Uri"] = f"s3://{stream}/"
    kinesis_video.update_image_generation_configuration(StreamName=stream, ImageGenerationConfiguration=configuration)
    kinesis_video.update_notification_configuration(
        StreamName=stream, NotificationConfiguration={"Status": "ENABLED", "DestinationConfig": {"Uri": topic}}
    )
    return Site(aws, client, stream, queue, session)


def produce(site: Site) -> int:
    producer = Producer(site.stream, session=site.session, endpoint_url=site.aws.endpoint_url, tags=TAGS)
    return producer.send(VIDEO, fragments=1, speed=20).persisted


def test_a_producer_with_every_permission_gets_images_and_notifications(site: Site) -> None:
    site.allow(PERMISSIONS)
    assert produce(site) == 1
    assert site.send() == [["BUFFERING", START], ["RECEIVED", START], ["PERSISTED", START]]
    assert len(site.wait_for_images(2)) == 2
    assert site.notifications() == 2


def test_without_permission_for_the_endpoint_nothing_is_sent(site: Site) -> None:
    site.allow([permission for permission in PERMISSIONS if permission != "kinesisvideo:GetDataEndpoint"])
    with pytest.raises(ClientError, match="kinesisvideo:GetDataEndpoint"):
        produce(site)


def test_without_permission_for_put_media_the_producer_reads_why(site: Site) -> None:
    site.allow([permission for permission in PERMISSIONS if permission != "kinesisvideo:PutMedia"])
    with pytest.raises(PutMediaError, match=r"401 NotAuthorizedException: User: .* is not authorized"):
        produce(site)
    site.allow(PERMISSIONS, "arn:aws:kinesisvideo:us-east-1:000000000000:stream/another/*")
    with PutMediaRequest(
        site.aws.endpoint_url, {"x-amzn-stream-name": site.stream}, credentials=site.credentials
    ) as request:
        request.send(HEADER, cluster(1_000))
        assert request.refusal() == (401, "NotAuthorizedException")
        # Still connected.
        request.send(cluster(2_000))
        user = f"User: arn:aws:sts::000000000000:assumed-role/{site.stream}/producer "
        assert json.loads(request.answer.read())["Message"].startswith(user)


def test_a_permission_that_is_taken_away_meanwhile_counts_at_once(site: Site) -> None:
    site.allow(PERMISSIONS)
    early, late = islice(VIDEO.fragments(START), 2)
    headers = {"x-amzn-stream-name": site.stream}
    with PutMediaRequest(site.aws.endpoint_url, headers, credentials=site.credentials) as request:
        request.send(written([VIDEO.track], [early], *TAGS))
        assert site.wait_for_images(1) == [str(early.timecode)]
        site.allow(["kinesisvideo:PutMedia"])
        request.send(written([VIDEO.track], [late], *TAGS)[len(write_header([VIDEO.track])) :])
        request.end()
        assert len(request.acknowledgements()) == 6
    site.wait_for_log(f"not authorized to perform: s3:PutObject on resource: arn:aws:s3:::{site.stream}/")
    assert site.images() == [str(early.timecode)]


@pytest.mark.parametrize(("missing", "images", "notifications"), [("s3:PutObject", 0, 1), ("sns:Publish", 1, 0)])
def test_without_permission_for_the_destination_nothing_comes_and_nobody_hears_of_it(
    site: Site, missing: str, images: int, notifications: int
) -> None:
    site.allow([permission for permission in PERMISSIONS if permission != missing])
    assert [event for event, _ in site.send()] == ["BUFFERING", "RECEIVED", "PERSISTED"]
    if missing == "s3:PutObject":
        site.wait_for_log(f"not authorized to perform: s3:PutObject on resource: arn:aws:s3:::{site.stream}/")
    # A permission that is given back counts at once; what was sent before stays missing.
    site.allow(PERMISSIONS)
    assert [event for event, _ in site.send(LATER)] == ["BUFFERING", "RECEIVED", "PERSISTED"]
    assert site.wait_for_images(1 + images) == [str(START), str(LATER)][-1 - images :]
    assert site.notifications() == 1 + notifications


def test_permission_for_another_folder_is_not_enough(site: Site) -> None:
    site.allow(["kinesisvideo:PutMedia"])
    site.allow(["s3:PutObject"], f"arn:aws:s3:::{site.stream}/another/*", "images")
    site.send()
    site.wait_for_log(f"s3:PutObject on resource: arn:aws:s3:::{site.stream}/")
    site.allow(["s3:PutObject"], f"arn:aws:s3:::{site.stream}/*", "images")
    site.send(LATER)
    assert site.wait_for_images(1) == [str(LATER)]


@pytest.mark.parametrize("payload", [{}, {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}])
def test_a_signature_is_taken_in_both_ways_and_checked(site: Site, payload: dict[str, str]) -> None:
    site.allow(PERMISSIONS)
    headers = {"x-amzn-stream-name": site.stream, **payload}
    assert len(put_media(site.aws.endpoint_url, headers, [HEADER + cluster(1_000)], credentials=site.credentials)) == 3
    forged = Credentials(site.credentials.access_key, "another secret", site.credentials.token)
    with PutMediaRequest(site.aws.endpoint_url, headers, credentials=forged) as request:
        request.send(HEADER + cluster(1_000))
        request.end()
        assert request.refusal() == (403, "InvalidSignatureException")


@pytest.mark.parametrize("of", ["stream", "bucket"])
def test_the_key_of_a_stream_and_of_a_bucket_need_a_permission_of_their_own(
    site: Site, new_stream: NewStream, of: str
) -> None:
    key = site.client("kms").create_key()["KeyMetadata"]["Arn"]
    stream = site.stream
    if of == "stream":
        new_stream(stream := f"{site.stream}-encrypted", KmsKeyId=key)
    else:
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
        site.client("s3").put_bucket_encryption(Bucket=site.stream, ServerSideEncryptionConfiguration={"Rules": [rule]})
    site.allow(PERMISSIONS)
    assert site.send(stream=stream)[-1] == (
        ["ERROR", START, "KMS_KEY_ACCESS_DENIED"] if of == "stream" else ["PERSISTED", START]
    )
    if of == "bucket":
        site.wait_for_log(f"kms:GenerateDataKey on resource: {key}")
    site.allow([*PERMISSIONS, "kms:GenerateDataKey"])
    assert site.send(LATER, stream=stream)[-1] == ["PERSISTED", LATER]
    if of == "bucket":
        assert site.wait_for_images(1) == [str(LATER)]
