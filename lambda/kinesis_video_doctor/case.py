"""What the checks look at: the stream, its configuration, its destination and the keys. Each is asked for once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from kinesis_video_configuration import IMAGE_GENERATION
from kinesis_video_images import ImageKey

from .archive import Media, Video
from .calls import Calls, Fact, UndecidedError
from .delivered import newest_image
from .policies import Judgement, Request, judge
from .producers import Producer, find_producer, resolve_producer
from .simulator import Decision, simulate

T = TypeVar("T")

_NO_SUCH_STREAM = ("ResourceNotFoundException",)


@dataclass(frozen=True)
class Key:
    """A key of KMS that is customer managed."""

    arn: str
    state: str
    """As DescribeKey has it; ``absent`` if there is none, ``elsewhere`` if it is of another Region."""

    @property
    def region(self) -> str:
        """The Region of the key."""
        return self.arn.split(":")[3]


class Case:
    """One stream under examination.

    Parameters
    ----------
    call
        Makes the calls.
    stream
        The name or the ARN of the stream.
    producer
        The ARN of who calls PutMedia, if it was given.
    minutes
        How far back to look.
    """

    def __init__(self, call: Calls, stream: str, producer: str | None, minutes: int) -> None:
        self.call = call
        sts = call.client("sts")
        identity = sts.get_caller_identity()
        self.account: str = identity["Account"]
        self.partition: str = identity["Arn"].split(":")[1]
        self.region: str = sts.meta.region_name
        self.now = datetime.now(UTC)
        self.since = self.now - timedelta(minutes=minutes)
        self.minutes = minutes
        self.stream_name, self.address = self._address(stream)
        self._given_producer = producer

    def _address(self, stream: str) -> tuple[str, dict[str, str]]:
        if not stream.startswith("arn:"):
            return stream, {"StreamName": stream}
        parts = stream.split(":")
        if len(parts) != 6 or parts[2] != "kinesisvideo" or parts[5].count("/") != 2:
            raise ValueError(f"`stream` is {stream!r}; give the name or the ARN of a Kinesis video stream")
        if (parts[3], parts[4]) != (self.region, self.account):
            raise ValueError(
                f"`stream` is of {parts[4]}, {parts[3]}, and the credentials of {self.account}, {self.region}; "
                "use credentials and a Region of the stream's"
            )
        return parts[5].split("/")[1], {"StreamARN": stream}

    @Fact
    def described(self) -> Mapping[str, Any] | None:
        """What DescribeStream says; None if there is no such stream."""
        answer = self.call("kinesisvideo:DescribeStream", "describe_stream", absent=_NO_SUCH_STREAM, **self.address)
        return answer["StreamInfo"] if answer else None

    @property
    def stream(self) -> Mapping[str, Any]:
        """What DescribeStream says."""
        return _needed(self.described, "there is no stream")

    @Fact
    def configured(self) -> Mapping[str, Any] | None:
        """The image generation configuration; None if the stream has none, or if there is no stream."""
        answer = self.call(
            "kinesisvideo:DescribeImageGenerationConfiguration",
            IMAGE_GENERATION.describe,
            absent=_NO_SUCH_STREAM,
            **self.address,
        )
        return (answer or {}).get(IMAGE_GENERATION.configuration) or None

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The image generation configuration."""
        return _needed(self.configured, "no image generation is configured")

    @property
    def _uri(self) -> SplitResult:
        uri: str = self.configuration["DestinationConfig"]["Uri"]
        return urlsplit(uri)

    @property
    def bucket(self) -> str:
        """The bucket of the destination."""
        return self._uri.netloc

    @property
    def prefix(self) -> str:
        """What the keys of the images begin with."""
        return self._uri.path.removeprefix("/")

    @property
    def image_arn(self) -> str:
        """The ARN of an image as it could arrive now."""
        extension = "png" if self.configuration["Format"] == "PNG" else "jpg"
        now = int(self.now.timestamp() * 1000)
        key = f"{self.prefix}{self.account}_{self.stream_name}_{now}_{uuid.UUID(int=0)}.{extension}"
        return f"arn:{self.partition}:s3:::{self.bucket}/{key}"

    @Fact
    def found_bucket(self) -> Mapping[str, Any] | None:
        """What HeadBucket says; None if there is no such bucket."""
        answer: Mapping[str, Any] | None = self.call(
            "s3:ListBucket", "head_bucket", absent=("404", "NoSuchBucket"), Bucket=self.bucket
        )
        return answer

    @Fact
    def bucket_is_foreign(self) -> bool:
        """Whether the bucket is of another account than the stream."""
        _needed(self.found_bucket, "the bucket doesn't exist")
        owned = self.call(
            "s3:ListBucket",
            "head_bucket",
            # The same call without an owner was allowed.
            absent=("403", "AccessDenied"),
            Bucket=self.bucket,
            ExpectedBucketOwner=self.account,
        )
        return owned is None

    @Fact
    def bucket_policy(self) -> Mapping[str, Any] | None:
        """The policy of the bucket; None if it has none, or if there is no such bucket."""
        absent = ("NoSuchBucketPolicy", "NoSuchBucket")
        answer = self.call("s3:GetBucketPolicy", "get_bucket_policy", absent=absent, Bucket=self.bucket)
        return json.loads(answer["Policy"]) if answer else None

    def judge_bucket_policy(self, producer: Producer | None) -> Judgement:
        """Judge what the bucket's policy says of an image that this producer delivers."""
        return judge(self.bucket_policy or {}, self._request("s3:PutObject", self.image_arn, producer))

    @Fact
    def bucket_key(self) -> Key | None:
        """The customer managed key that the bucket encrypts with; None if it has none."""
        answer = self.call(
            "s3:GetEncryptionConfiguration",
            "get_bucket_encryption",
            absent=("ServerSideEncryptionConfigurationNotFoundError",),
            Bucket=self.bucket,
        )
        rules = answer["ServerSideEncryptionConfiguration"]["Rules"] if answer else []
        for rule in rules:
            default = rule.get("ApplyServerSideEncryptionByDefault", {})
            if default.get("SSEAlgorithm", "").startswith("aws:kms") and "KMSMasterKeyID" in default:
                return self._key(default["KMSMasterKeyID"])
        return None

    @Fact
    def stream_key(self) -> Key | None:
        """The customer managed key of the stream; None if it has none."""
        return self._key(self.stream["KmsKeyId"])

    def _key(self, id_: str) -> Key | None:
        if "alias/aws/" in id_:
            return None
        if id_.startswith("arn:") and id_.split(":")[3] != self.region:
            return Key(id_, "elsewhere")
        answer = self.call("kms:DescribeKey", "describe_key", absent=("NotFoundException",), KeyId=id_)
        if answer is None:
            arn = id_ if id_.startswith("arn:") else f"arn:{self.partition}:kms:{self.region}:{self.account}:key/{id_}"
            return Key(arn, "absent")
        found = answer["KeyMetadata"]
        return None if found.get("KeyManager") == "AWS" else Key(found["Arn"], found["KeyState"])

    def judge_key_policy(self, key: Key, action: str, producer: Producer, via: str) -> Judgement:
        """Judge what the policy of a key says of an action of this producer."""
        answer = self.call("kms:GetKeyPolicy", "get_key_policy", KeyId=key.arn, PolicyName="default")
        return judge(json.loads(answer["Policy"]), self._request(action, key.arn, producer, via))

    @Fact
    def producer(self) -> Producer:
        """Who calls PutMedia, as a role or a user of IAM."""
        if self._given_producer:
            return resolve_producer(self.call, self._given_producer, given=True)
        return find_producer(self.call, self.stream_name, self.stream["StreamARN"])

    @property
    def known_producer(self) -> Producer | None:
        """The producer, if it is known."""
        try:
            return self.producer
        except UndecidedError:
            return None

    @property
    def producer_arn(self) -> str | None:
        """The ARN of the producer, if it was given or found."""
        return self.known_producer.arn if self.known_producer else self._given_producer

    @Fact
    def video(self) -> Video:
        """The fragments of the time that is looked at, from the stream's archive."""
        if self.stream["DataRetentionInHours"] == 0:
            raise UndecidedError("a stream without retention has no archive to look at")
        return Video.find(self.call, self.stream["StreamARN"], self.since, self.now)

    def time_of(self, fragment: Mapping[str, Any]) -> datetime:
        """Return the time that the images of a fragment have in their keys."""
        by_producer = self.configuration["ImageSelectorType"] == "PRODUCER_TIMESTAMP"
        time: datetime = fragment["ProducerTimestamp" if by_producer else "ServerTimestamp"]
        return time

    @Fact
    def media(self) -> Media:
        """The newest of these fragments."""
        return self.video.read(self.call)

    @Fact
    def changed(self) -> datetime | None:
        """When the configuration was changed last, if CloudTrail has a record of the time that is looked at."""
        page: dict[str, Any] = {}
        while True:
            page = self.call(
                "cloudtrail:LookupEvents",
                "lookup_events",
                LookupAttributes=[
                    {"AttributeKey": "EventName", "AttributeValue": "UpdateImageGenerationConfiguration"}
                ],
                StartTime=self.since,
                **page,
            )
            for event in page["Events"]:
                request = json.loads(event["CloudTrailEvent"]).get("requestParameters") or {}
                given = {str(value) for value in request.values()}
                if given & {self.stream_name, self.stream["StreamARN"]}:
                    return event["EventTime"]  # type: ignore[no-any-return]  # the client is untyped
            if not page.get("NextToken"):
                return None
            page = {"NextToken": page["NextToken"]}

    def newest_image(self, since: datetime) -> ImageKey | None:
        """Find the newest image of the stream that is not older."""
        return newest_image(self.call, self.bucket, self.prefix, self.account, self.stream_name, since)

    def allowed(self, producer: Producer, action: str, resource: str, via: str = "") -> Decision:
        """Ask what the policies of the producer itself allow; a key is used via a service."""
        return simulate(self.call, producer.arn, action, resource, self._context(None, via), self.stream_name)

    def _request(self, action: str, resource: str, producer: Producer | None, via: str = "") -> Request:
        account = producer.account if producer else self.account
        return Request(action, resource, producer.arn if producer else None, account, self._context(producer, via))

    def _context(self, producer: Producer | None, via: str) -> dict[str, str]:
        """Return the condition keys whose values are known: the service's requests have TLS and the stream's Region."""
        known = {"aws:SecureTransport": "true", "aws:RequestedRegion": self.region}
        if via:
            known |= {"kms:ViaService": f"{via}.{self.region}.amazonaws.com", "kms:CallerAccount": self.account}
        if producer:
            known |= {"aws:PrincipalArn": producer.arn, "aws:PrincipalAccount": producer.account}
        return known


def _needed(found: T | None, without: str) -> T:
    if found is None:
        raise UndecidedError(f"{without}, so there is nothing to look at")
    return found
