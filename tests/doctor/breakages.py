"""What can break of a set-up that works: one thing each, undone at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSResponse

from kinesis_video_doctor import CHECK_NAMES, Diagnosis, Status
from kinesis_video_matroska import SimpleTag, Tags, Track

from .site import ACCOUNT, BUCKET, DOCTOR, KEY_ACTIONS, PREFIX, PRODUCER, REGION, STREAM, VIDEO, Site, allow, document

Break = Callable[[Site], AbstractContextManager[object]]


@dataclass(frozen=True)
class Breakage:
    """One thing that breaks, and what the doctor says of it."""

    check: str
    """The verdict."""
    break_: Break
    words: str
    """What the verdict says."""
    _: KW_ONLY
    status: Status = Status.FAILED
    stream: str = STREAM
    options: dict[str, Any] = field(default_factory=dict)
    undecided: Set[str] = frozenset()
    """The checks that have nothing to look at then."""
    no_images: bool = False
    """Whether the check `images` sees that none arrives."""

    def __str__(self) -> str:
        return f"{self.check}: {self.words}"


def tells(diagnosis: Diagnosis, check: str, words: str = "") -> None:
    """Require a verdict with these words in it."""
    finding = diagnosis[check]
    assert diagnosis.verdict == finding
    assert words in f"{finding.seen} {finding.fix}"


@contextmanager
def answers(site: Site, operation: str, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Let a call of the doctor be answered as the local AWS never answers it."""

    def changed(parsed: dict[str, Any], http_response: AWSResponse, **_: Any) -> None:
        if http_response.status_code == 200:
            change(parsed)

    with site.doctor.handled(f"after-call.{operation}", changed):
        yield


class _Raw(BytesIO):
    """What botocore reads a body from."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.read()


def http_answer(status: int, body: bytes, headers: dict[str, str]) -> AWSResponse:
    make: Any = AWSResponse
    answer: AWSResponse = make("http://127.0.0.1", status, headers, _Raw(body))
    return answer


DESCRIBE_STREAM, DESCRIBE_IMAGES = "kinesis-video.DescribeStream", "kinesis-video.DescribeImageGenerationConfiguration"
SIMULATE = "iam.SimulatePrincipalPolicy"


# The stream and the destination


def creating(answer: dict[str, Any]) -> None:
    answer["StreamInfo"]["Status"] = "CREATING"


@contextmanager
def nothing_is_retained(site: Site) -> Iterator[None]:
    change_retention(site, "DECREASE_DATA_RETENTION")
    yield
    change_retention(site, "INCREASE_DATA_RETENTION")


def change_retention(site: Site, operation: str) -> None:
    client = site.client("kinesisvideo")
    version = client.describe_stream(StreamName=STREAM)["StreamInfo"]["Version"]
    client.update_data_retention(
        StreamName=STREAM, CurrentVersion=version, Operation=operation, DataRetentionChangeInHours=24
    )


@contextmanager
def nothing_is_configured(site: Site) -> Iterator[None]:
    site.client("kinesisvideo").update_image_generation_configuration(StreamName=STREAM)
    yield
    site.configure()


def destination_elsewhere(answer: dict[str, Any]) -> None:
    if configuration := answer.get("ImageGenerationConfiguration"):
        configuration["DestinationConfig"]["DestinationRegion"] = "eu-west-1"


@contextmanager
def destination(site: Site, bucket: str) -> Iterator[None]:
    """Let images go to another bucket, where the producer may put them."""
    uri = {"Uri": f"s3://{bucket}/{PREFIX}", "DestinationRegion": REGION}
    granted = [allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*")]
    with site.configured(DestinationConfig=uri), site.producer_without(granted=granted):
        yield


@contextmanager
def the_bucket_is_in_another_region(site: Site) -> Iterator[None]:
    bucket = {"LocationConstraint": "eu-west-1"}
    s3 = site.aws.client("s3", "eu-west-1")
    s3.create_bucket(Bucket="elsewhere", CreateBucketConfiguration=bucket)
    with destination(site, "elsewhere"):
        yield
    s3.delete_bucket(Bucket="elsewhere")


@contextmanager
def foreign_bucket(site: Site, **puts: Any) -> Iterator[None]:
    """Let images go to a bucket of another account, whose policy lets us read it, and allows to put images."""
    s3 = site.client_of_account("111122223333", "s3")
    s3.create_bucket(Bucket="foreign")
    reads = ["s3:ListBucket", "s3:GetBucketPolicy", "s3:GetEncryptionConfiguration"]
    us = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    statements = [
        allow(reads, "arn:aws:s3:::foreign", Principal=us),
        allow("s3:PutObject", "arn:aws:s3:::foreign/*", **{"Principal": us, **puts}),
    ]
    s3.put_bucket_policy(Bucket="foreign", Policy=document(statements))
    with destination(site, "foreign"):
        yield
    s3.delete_bucket(Bucket="foreign")


@contextmanager
def bucket_policy(site: Site, **statement: Any) -> Iterator[None]:
    statement = {
        "Sid": "Told",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
        **statement,
    }
    site.client("s3").put_bucket_policy(Bucket=BUCKET, Policy=document([statement]))
    yield
    site.client("s3").delete_bucket_policy(Bucket=BUCKET)


@contextmanager
def another_key(site: Site, change: Callable[[str], str]) -> Iterator[None]:
    """Let the bucket have a key of another ARN."""
    site.encrypt_bucket(change(site.keys["bucket"]))
    yield
    site.encrypt_bucket(site.keys["bucket"])


@contextmanager
def disabled(site: Site, key: str) -> Iterator[None]:
    site.client("kms").disable_key(KeyId=site.keys[key])
    yield
    site.client("kms").enable_key(KeyId=site.keys[key])


# The producer


def the_producer_may_not_put_images(site: Site) -> AbstractContextManager[None]:
    return site.producer_without("s3:PutObject")


def denied(site: Site, actions: str) -> AbstractContextManager[None]:
    """Let a policy of the producer deny actions."""
    return site.producer_without(granted=[{"Effect": "Deny", "Action": actions, "Resource": "*"}])


@contextmanager
def simulated(site: Site, detail: dict[str, Any]) -> Iterator[None]:
    """Let the simulator deny for a reason that ministack's doesn't know."""

    def deny(answer: dict[str, Any]) -> None:
        for result in answer["EvaluationResults"]:
            if result["EvalActionName"] == "s3:PutObject":
                result.update(EvalDecision="implicitDeny", **detail)
                for specific in result["ResourceSpecificResults"]:
                    specific.update(EvalResourceDecision="implicitDeny", **detail)

    with answers(site, SIMULATE, deny):
        yield


BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/devices"


@contextmanager
def the_boundary_does_not_allow_it(site: Site) -> Iterator[None]:
    def bounded(answer: dict[str, Any]) -> None:
        boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": BOUNDARY}
        answer["Role"]["PermissionsBoundary"] = boundary

    detail = {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}}
    with answers(site, "iam.GetRole", bounded), simulated(site, detail):
        yield


@contextmanager
def key_policy(site: Site, *, keys: Sequence[str] = ("bucket",), keep: bool = True, **statement: Any) -> Iterator[None]:
    """Add a statement to the policies of keys, or let it and the doctor's be the only ones."""
    kms, arns = site.client("kms"), [site.keys[key] for key in keys]
    before = [kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"] for arn in arns]
    reads = allow(["kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants"], "*", Principal={"AWS": DOCTOR})
    for arn, policy in zip(arns, before, strict=True):
        others = json.loads(policy)["Statement"] if keep else [reads]
        statements = [*others, {"Sid": "Told", "Action": "kms:*", "Resource": "*", **statement}]
        kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=document(statements))
    yield
    for arn, policy in zip(arns, before, strict=True):
        kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=policy)


@contextmanager
def keys_only_granted(site: Site) -> Iterator[None]:
    """Let grants allow the producer the use of the keys, and nothing else."""
    kms = site.client("kms")
    operations = [action.partition(":")[2] for action in KEY_ACTIONS]
    with site.producer_without(*KEY_ACTIONS):
        grants = {
            key: kms.create_grant(KeyId=key, GranteePrincipal=PRODUCER, Operations=operations)["GrantId"]
            for key in site.keys.values()
        }
        yield
        for key, grant in grants.items():
            kms.revoke_grant(KeyId=key, GrantId=grant)


# The video and its images


@contextmanager
def another_stream(site: Site, name: str) -> Iterator[None]:
    site.create_stream(name)
    yield
    site.client("kinesisvideo").delete_stream(StreamARN=site.stream_arn(name))


@contextmanager
def sent(site: Site, name: str, **options: Any) -> Iterator[None]:
    """Send video to a stream."""
    with another_stream(site, name):
        site.send(name, **options)
        yield


def nothing_is_tagged(site: Site) -> AbstractContextManager[None]:
    return sent(site, "untagged", tags=())


@contextmanager
def video_refused(site: Site, name: str, *, then_taken: bool) -> Iterator[None]:
    """Let the service refuse the video of a stream, all of it or only the first."""
    with another_stream(site, name):
        site.aws.inject_fault("PutMedia.Fragment", error="KMS_KEY_ACCESS_DENIED")
        site.send(name)
        if then_taken:
            site.deliver(name)
        yield


@contextmanager
def configured_earlier(site: Site) -> Iterator[None]:
    """Let what was configured just now be configured ten minutes before."""

    def earlier(answer: dict[str, Any]) -> None:
        for event in answer["Events"]:
            event["EventTime"] -= timedelta(minutes=10)

    with answers(site, "cloudtrail.LookupEvents", earlier):
        yield


def put(site: Site, name: str, ago: float, *, prefix: str = "", fragment: str = "") -> str:
    """Put an object with an image's key into the bucket, as a copy or somebody else would, with a fragment's number."""
    timecode = int((time.time() - ago) * 1000)
    key = f"{PREFIX}{prefix}{ACCOUNT}_{name}_{timecode}_0a.jpg"
    metadata = {"aws_kinesisvideo_fragment_number": fragment} if fragment else {}
    site.client("s3").put_object(Bucket=BUCKET, Key=key, Metadata=metadata)
    return key


def lose(site: Site, name: str, **options: Any) -> None:
    """Send fragments whose images get lost."""
    site.aws.inject_fault("PutMedia.Images", error="InternalFailure", times=options.get("count", 2))
    site.send(name, **options)


@contextmanager
def images_lost(site: Site, name: str) -> Iterator[None]:
    """Lose the images of a stream that was configured ten minutes before."""
    with another_stream(site, name), configured_earlier(site):
        lose(site, name)
        yield


@contextmanager
def the_configuration_is_new(site: Site) -> Iterator[None]:
    site.configure()
    yield


def after(check: str) -> frozenset[str]:
    return frozenset(CHECK_NAMES[CHECK_NAMES.index(check) + 1 :])


def warning(check: str, break_: Break, words: str, **options: Any) -> Breakage:
    return Breakage(check, break_, words, status=Status.WARNED, **options)


NOBODY = {"producer": f"arn:aws:iam::{ACCOUNT}:role/nobody"}
SEND, ASK, PUT = "kinesisvideo:PutMedia", "kinesisvideo:GetDataEndpoint", "s3:PutObject"
UNCONFIGURED = {*after("configured") - after("bucket-key"), "may-put-object", "may-use-keys", "images"}
BUCKETLESS = {"owner", "bucket-policy", "bucket-key", "may-put-object", "may-use-keys", "images"}
UNSEEN = {"tagged", "codec", "images"}
NO_HEADER = {"Null": {"s3:x-amz-server-side-encryption": "true"}}
OTHER_NETWORK = {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}
ORGANIZATION = {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}
PUT_ELSEWHERE = allow("s3:PutObject", f"arn:aws:s3:::{BUCKET}/other/*")
TO_PRODUCER: dict[str, Any] = {"Principal": {"AWS": PRODUCER}}
TO_ANOTHER: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}}
OTHER_TAG = Tags((SimpleTag("IMAGE_GENERATION", "true"),))
SOUND = Track(1, "A_AAC", b"\x12\x10", 0, 0, type=2)
H265 = Track(1, "V_MPEGH/ISO/HEVC", VIDEO.track.codec_private, 160, 96)

BREAKAGES = [
    Breakage("stream", nullcontext, "front-door", stream="front-porch", undecided=after("stream")),
    Breakage("stream", lambda site: answers(site, DESCRIBE_STREAM, creating), "CREATING"),
    Breakage("retention", nothing_is_retained, "update-data-retention", undecided={"fragments", *UNSEEN}),
    Breakage("configured", nothing_is_configured, "no image generation", undecided=UNCONFIGURED),
    Breakage("enabled", lambda site: site.configured(Status="DISABLED"), "DISABLED", undecided={"images"}),
    Breakage("region", lambda site: answers(site, DESCRIBE_IMAGES, destination_elsewhere), "eu-west-1"),
    Breakage("bucket", lambda site: destination(site, "no-such-bucket"), "doesn't exist", undecided=BUCKETLESS),
    Breakage("bucket", the_bucket_is_in_another_region, "eu-west-1", no_images=True),
    warning("owner", foreign_bucket, "another account", no_images=True),
    Breakage("bucket-policy", bucket_policy, "Told"),
    warning("bucket-policy", lambda site: bucket_policy(site, Condition=OTHER_NETWORK), "aws:SourceVpc"),
    warning("bucket-policy", lambda site: bucket_policy(site, Condition=NO_HEADER), "s3:x-amz-server-side-encryption"),
    Breakage("bucket-key", lambda site: disabled(site, "bucket"), "Disabled"),
    Breakage(
        "bucket-key",
        lambda site: another_key(site, lambda arn: arn[:-12] + "0" * 12),
        "doesn't exist",
        undecided={"may-use-keys"},
    ),
    Breakage(
        "bucket-key",
        lambda site: another_key(site, lambda arn: arn.replace(REGION, "eu-west-1")),
        "of another Region",
        undecided={"may-use-keys"},
    ),
    Breakage("stream-key", lambda site: disabled(site, "stream"), "Disabled"),
    Breakage(
        "producer",
        nullcontext,
        "doesn't exist",
        options=NOBODY,
        undecided={"may-put-media", "may-put-object", "may-use-keys"},
    ),
    Breakage("may-put-media", lambda site: site.producer_without(SEND), SEND),
    warning("may-put-media", lambda site: site.producer_without(ASK), ASK),
    Breakage("may-put-object", the_producer_may_not_put_images, f'"Resource": "arn:aws:s3:::{BUCKET}/{PREFIX}*"'),
    Breakage("may-put-object", lambda site: site.producer_without(PUT, granted=[PUT_ELSEWHERE]), PUT),
    Breakage("may-put-object", lambda site: denied(site, "s3:*"), "a Deny in one of its policies"),
    Breakage("may-put-object", the_boundary_does_not_allow_it, f"its permissions boundary {BOUNDARY}"),
    Breakage(
        "may-put-object",
        lambda site: simulated(site, ORGANIZATION),
        "change a service control policy of the organization: an Allow",
    ),
    Breakage("may-use-keys", lambda site: site.producer_without("kms:GenerateDataKey"), "kms:GenerateDataKey"),
    warning("may-use-keys", lambda site: site.producer_without("kms:Encrypt"), "kms:Encrypt"),
    Breakage("may-use-keys", lambda site: denied(site, "kms:*"), "a Deny in one of its policies"),
    Breakage("may-use-keys", lambda site: key_policy(site, Effect="Deny", **TO_PRODUCER), "remove the statement Told"),
    Breakage("may-use-keys", lambda site: key_policy(site, keep=False, **TO_ANOTHER), "add to the policy of"),
    Breakage(
        "fragments",
        lambda site: another_stream(site, "quiet"),
        "no video has come in",
        stream="quiet",
        undecided=UNSEEN,
    ),
    Breakage(
        "fragments",
        lambda site: video_refused(site, "refused", then_taken=False),
        "answered with: 1",
        stream="refused",
        undecided=UNSEEN,
    ),
    warning(
        "fragments",
        lambda site: video_refused(site, "sometimes", then_taken=True),
        "answered with: 1",
        stream="sometimes",
    ),
    warning("tagged", nothing_is_tagged, "putKinesisVideoEventMetadata", stream="untagged", undecided={"images"}),
    warning(
        "tagged",
        lambda site: sent(site, "kvssink", tags=[OTHER_TAG]),
        "kvssink",
        stream="kvssink",
        undecided={"images"},
    ),
    Breakage("codec", lambda site: sent(site, "sound", track=SOUND), "A_AAC", stream="sound", no_images=True),
    warning("codec", lambda site: sent(site, "h265", track=H265), "HEVC", stream="h265", no_images=True),
    Breakage("images", lambda site: images_lost(site, "lost"), "4xxErrors", stream="lost"),
    warning("images", lambda site: images_lost(site, "early"), "yet", stream="early", options={"later": 10}),
    warning("recent", the_configuration_is_new, "at least a minute", options={"later": 0}, undecided={"images"}),
]
