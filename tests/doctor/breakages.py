"""What can break of a set-up that works: one thing each, undone at the end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Set
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from botocore.awsrequest import AWSResponse

from kinesis_video_doctor import CHECK_NAMES, Status
from kinesis_video_matroska import SimpleTag, Tags, Track

from .site import ACCOUNT, BUCKET, DOCTOR, KEY_ACTIONS, PREFIX, PRODUCER, REGION, STREAM, VIDEO, Site, allow, document

Break = Callable[[Site], AbstractContextManager[None]]


@dataclass(frozen=True)
class Breakage:
    """One thing that breaks, and what the doctor says of it."""

    check: str
    """The verdict."""
    break_: Break
    status: Status = Status.FAILED
    stream: str = STREAM
    options: dict[str, Any] = field(default_factory=dict)
    undecided: Set[str] = frozenset()
    """The checks that have nothing to look at then."""
    no_images: bool = False
    """Whether the check `images` sees that none arrives."""
    words: str = ""
    """What the finding says."""

    @property
    def name(self) -> str:
        return self.break_.__name__


BREAKAGES: list[Breakage] = []


def breaks(
    check: str, status: Status = Status.FAILED, **options: Any
) -> Callable[[Callable[[Site], Iterator[None]]], Break]:
    def add(function: Callable[[Site], Iterator[None]]) -> Break:
        made = contextmanager(function)
        BREAKAGES.append(Breakage(check, made, status, **options))
        return made

    return add


def after(check: str) -> frozenset[str]:
    return frozenset(CHECK_NAMES[CHECK_NAMES.index(check) + 1 :])


@contextmanager
def answers(site: Site, operation: str, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Let a call of the doctor be answered as the local AWS never answers it."""

    def changed(parsed: dict[str, Any], http_response: AWSResponse, **_: Any) -> None:
        if http_response.status_code == 200:
            change(parsed)

    with answered(site, f"after-call.{operation}", changed):
        yield


@contextmanager
def answered(site: Site, event: str, handler: Callable[..., Any]) -> Iterator[None]:
    """Let an event of the doctor's calls be handled; what ``before-send`` returns is the answer."""
    with site.doctor.handled(event, handler):
        yield


class _Raw(BytesIO):
    """What botocore reads a body from."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.read()


def http_answer(status: int, body: bytes, headers: dict[str, str]) -> AWSResponse:
    make: Any = AWSResponse
    answer: AWSResponse = make("http://127.0.0.1", status, headers, _Raw(body))
    return answer


_OF_THE_MOMENT = re.compile(r"\d{4}-\d\d-\d\d|\d{2,}")


class Answers:
    """Answers what was asked before as it was answered then, so that only one thing changes between two runs.

    It answers before botocore signs and sends, which is most of a call's CPU.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[SimpleNamespace, dict[str, Any]]] = {}
        self._anew: Set[str] = frozenset()

    @contextmanager
    def used(self, site: Site, *anew: str) -> Iterator[None]:
        """Use the answers for the doctor's calls, but for the operations that are asked anew."""
        self._anew = frozenset(anew)
        with answered(site, "before-call", self._recall), answered(site, "response-received", self._note):
            yield

    def _recall(self, model: Any, params: dict[str, Any], context: dict[str, Any], **_: Any) -> Any:
        if model.name not in self._anew and not model.has_streaming_output:
            owner = params["headers"].get("x-amz-expected-bucket-owner")
            question = _OF_THE_MOMENT.sub("", f"{model.name} {params['url']} {params['body']!r} {owner}")
            context["question"] = question
            return deepcopy(self._kept.get(question))
        return None

    def _note(self, context: dict[str, Any], parsed_response: dict[str, Any] | None, **_: Any) -> None:
        if parsed_response and "question" in context:
            status = parsed_response["ResponseMetadata"]["HTTPStatusCode"]
            self._kept[context["question"]] = SimpleNamespace(status_code=status, raw=None), deepcopy(parsed_response)


# The stream


@breaks("stream", stream="front-porch", words="front-door", undecided=after("stream"))
def the_name_is_wrong(site: Site) -> Iterator[None]:
    yield


@breaks("stream", words="CREATING")
def the_stream_is_not_active(site: Site) -> Iterator[None]:
    with answers(site, "kinesis-video.DescribeStream", lambda answer: answer["StreamInfo"].update(Status="CREATING")):
        yield


@breaks("retention", words="update-data-retention", undecided={"fragments", "tagged", "codec", "images"})
def nothing_is_retained(site: Site) -> Iterator[None]:
    update = site.client("kinesisvideo").update_data_retention
    version = site.client("kinesisvideo").describe_stream(StreamName=STREAM)["StreamInfo"]["Version"]
    update(
        StreamName=STREAM, CurrentVersion=version, Operation="DECREASE_DATA_RETENTION", DataRetentionChangeInHours=24
    )
    yield
    version = site.client("kinesisvideo").describe_stream(StreamName=STREAM)["StreamInfo"]["Version"]
    update(
        StreamName=STREAM, CurrentVersion=version, Operation="INCREASE_DATA_RETENTION", DataRetentionChangeInHours=24
    )


UNCONFIGURED = {*after("configured") - after("bucket-key"), "may-put-object", "may-use-keys", "images"}


@breaks("configured", words="no image generation", undecided=UNCONFIGURED)
def nothing_is_configured(site: Site) -> Iterator[None]:
    site.client("kinesisvideo").update_image_generation_configuration(StreamName=STREAM)
    yield
    site.configure()


@breaks("enabled", words="DISABLED", undecided={"images"})
def images_are_disabled(site: Site) -> Iterator[None]:
    with site.configured(Status="DISABLED"):
        yield


@breaks("region", words="eu-west-1")
def the_destination_is_in_another_region(site: Site) -> Iterator[None]:
    def change(answer: dict[str, Any]) -> None:
        if configuration := answer.get("ImageGenerationConfiguration"):
            configuration["DestinationConfig"]["DestinationRegion"] = "eu-west-1"

    with answers(site, "kinesis-video.DescribeImageGenerationConfiguration", change):
        yield


# The destination


@contextmanager
def destination(site: Site, bucket: str) -> Iterator[None]:
    """Let images go to another bucket, where the producer may put them."""
    uri = {"Uri": f"s3://{bucket}/{PREFIX}", "DestinationRegion": REGION}
    granted = [allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*")]
    with site.configured(DestinationConfig=uri), site.producer_without(granted=granted):
        yield


BUCKETLESS = {"owner", "bucket-policy", "bucket-key", "may-put-object", "may-use-keys", "images"}


@breaks("bucket", words="doesn't exist", undecided=BUCKETLESS)
def the_bucket_does_not_exist(site: Site) -> Iterator[None]:
    with destination(site, "no-such-bucket"):
        yield


@breaks("bucket", words="eu-west-1", no_images=True)
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


@breaks("owner", Status.WARNED, words="another account", no_images=True)
def the_bucket_is_of_another_account(site: Site) -> Iterator[None]:
    with foreign_bucket(site):
        yield


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


@breaks("bucket-policy", words="Told")
def the_bucket_denies(site: Site) -> Iterator[None]:
    with bucket_policy(site):
        yield


@breaks("bucket-policy", Status.WARNED, words="aws:SourceVpc")
def the_bucket_takes_a_network_only(site: Site) -> Iterator[None]:
    with bucket_policy(site, Condition={"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}):
        yield


@breaks("bucket-policy", Status.WARNED, words="s3:x-amz-server-side-encryption")
def the_bucket_asks_for_a_header(site: Site) -> Iterator[None]:
    with bucket_policy(site, Condition={"Null": {"s3:x-amz-server-side-encryption": "true"}}):
        yield


@contextmanager
def disabled(site: Site, key: str) -> Iterator[None]:
    site.client("kms").disable_key(KeyId=site.keys[key])
    yield
    site.client("kms").enable_key(KeyId=site.keys[key])


@breaks("bucket-key", words="Disabled")
def the_key_of_the_bucket_is_disabled(site: Site) -> Iterator[None]:
    with disabled(site, "bucket"):
        yield


@breaks("bucket-key", words="doesn't exist", undecided={"may-use-keys"})
def the_key_of_the_bucket_is_gone(site: Site) -> Iterator[None]:
    site.encrypt_bucket(site.keys["bucket"][:-12] + "0" * 12)
    yield
    site.encrypt_bucket(site.keys["bucket"])


@breaks("bucket-key", words="of another Region", undecided={"may-use-keys"})
def the_key_of_the_bucket_is_in_another_region(site: Site) -> Iterator[None]:
    site.encrypt_bucket(site.keys["bucket"].replace(REGION, "eu-west-1"))
    yield
    site.encrypt_bucket(site.keys["bucket"])


@breaks("stream-key", words="Disabled")
def the_key_of_the_stream_is_disabled(site: Site) -> Iterator[None]:
    with disabled(site, "stream"):
        yield


# The producer


@breaks(
    "producer",
    options={"producer": f"arn:aws:iam::{ACCOUNT}:role/nobody"},
    words="doesn't exist",
    undecided={"may-put-media", "may-put-object", "may-use-keys"},
)
def the_producer_is_nobody(site: Site) -> Iterator[None]:
    yield


@breaks("may-put-media", words="kinesisvideo:PutMedia")
def the_producer_may_not_send(site: Site) -> Iterator[None]:
    with site.producer_without("kinesisvideo:PutMedia"):
        yield


@breaks("may-put-media", Status.WARNED, words="kinesisvideo:GetDataEndpoint")
def the_producer_may_not_ask_where_to_send(site: Site) -> Iterator[None]:
    with site.producer_without("kinesisvideo:GetDataEndpoint"):
        yield


@breaks("may-put-object", words=f'"Resource": "arn:aws:s3:::{BUCKET}/{PREFIX}*"')
def the_producer_may_not_put_images(site: Site) -> Iterator[None]:
    with site.producer_without("s3:PutObject"):
        yield


@breaks("may-put-object", words="s3:PutObject")
def the_producer_may_put_images_elsewhere(site: Site) -> Iterator[None]:
    with site.producer_without("s3:PutObject", granted=[allow("s3:PutObject", f"arn:aws:s3:::{BUCKET}/other/*")]):
        yield


@breaks("may-put-object", words="a Deny in one of its policies")
def the_producer_is_denied(site: Site) -> Iterator[None]:
    with site.producer_without(granted=[{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]):
        yield


@contextmanager
def simulated(site: Site, detail: dict[str, Any]) -> Iterator[None]:
    """Let the simulator deny for a reason that ministack's doesn't know."""

    def deny(answer: dict[str, Any]) -> None:
        for result in answer["EvaluationResults"]:
            if result["EvalActionName"] == "s3:PutObject":
                result.update(EvalDecision="implicitDeny", **detail)
                for specific in result["ResourceSpecificResults"]:
                    specific.update(EvalResourceDecision="implicitDeny", **detail)

    with answers(site, "iam.SimulatePrincipalPolicy", deny):
        yield


@breaks("may-put-object", words=f"its permissions boundary arn:aws:iam::{ACCOUNT}:policy/devices")
def the_boundary_does_not_allow_it(site: Site) -> Iterator[None]:
    def bounded(answer: dict[str, Any]) -> None:
        arn = f"arn:aws:iam::{ACCOUNT}:policy/devices"
        answer["Role"]["PermissionsBoundary"] = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}

    detail = {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}}
    with answers(site, "iam.GetRole", bounded), simulated(site, detail):
        yield


@breaks("may-put-object", words="change a service control policy of the organization: an Allow")
def the_organization_does_not_allow_it(site: Site) -> Iterator[None]:
    with simulated(site, {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}):
        yield


@breaks("may-use-keys", words="kms:GenerateDataKey")
def the_producer_may_not_use_the_keys(site: Site) -> Iterator[None]:
    with site.producer_without("kms:GenerateDataKey"):
        yield


@breaks("may-use-keys", Status.WARNED, words="kms:Encrypt")
def the_producer_may_not_encrypt_with_the_keys(site: Site) -> Iterator[None]:
    with site.producer_without("kms:Encrypt"):
        yield


@breaks("may-use-keys", words="a Deny in one of its policies")
def the_producer_is_denied_the_keys(site: Site) -> Iterator[None]:
    with site.producer_without(granted=[{"Effect": "Deny", "Action": "kms:*", "Resource": "*"}]):
        yield


@contextmanager
def key_policy(site: Site, *, keep: bool = True, **statement: Any) -> Iterator[None]:
    """Add a statement to the policy of the bucket's key, or let it and the doctor's be the only ones."""
    kms, key = site.client("kms"), site.keys["bucket"]
    before = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    reads = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants"]
    others = json.loads(before)["Statement"] if keep else [allow(reads, "*", Principal={"AWS": DOCTOR})]
    statements = [*others, {"Sid": "Told", "Action": "kms:*", "Resource": "*", **statement}]
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(statements))
    yield
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=before)


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


@breaks("may-use-keys", words="remove the statement Told")
def the_key_denies(site: Site) -> Iterator[None]:
    with key_policy(site, Effect="Deny", Principal={"AWS": PRODUCER}):
        yield


@breaks("may-use-keys", words="add to the policy of")
def the_key_does_not_know_the_producer(site: Site) -> Iterator[None]:
    with key_policy(site, keep=False, Effect="Allow", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}):
        yield


# The video


@contextmanager
def another_stream(site: Site, name: str) -> Iterator[None]:
    site.create_stream(name)
    yield
    site.client("kinesisvideo").delete_stream(StreamARN=site.stream_arn(name))


@breaks("fragments", stream="quiet", words="no video has come in", undecided={"tagged", "codec", "images"})
def no_video_comes_in(site: Site) -> Iterator[None]:
    with another_stream(site, "quiet"):
        yield


@breaks("fragments", stream="refused", words="answered with: 1", undecided={"tagged", "codec", "images"})
def the_service_refuses_the_video(site: Site) -> Iterator[None]:
    with another_stream(site, "refused"):
        site.aws.inject_fault("PutMedia.Fragment", error="KMS_KEY_ACCESS_DENIED")
        site.send("refused")
        yield


@breaks("fragments", Status.WARNED, stream="sometimes-refused", words="answered with: 1")
def the_service_refuses_some_of_the_video(site: Site) -> Iterator[None]:
    with another_stream(site, "sometimes-refused"):
        site.aws.inject_fault("PutMedia.Fragment", error="KMS_KEY_ACCESS_DENIED")
        site.send("sometimes-refused")
        site.send("sometimes-refused")
        site.wait_for_image("sometimes-refused")
        yield


@breaks("tagged", Status.WARNED, stream="untagged", words="putKinesisVideoEventMetadata", undecided={"images"})
def nothing_is_tagged(site: Site) -> Iterator[None]:
    with another_stream(site, "untagged"):
        site.send("untagged", tags=())
        yield


@breaks("tagged", Status.WARNED, stream="kvssink", words="kvssink", undecided={"images"})
def only_metadata_is_sent(site: Site) -> Iterator[None]:
    with another_stream(site, "kvssink"):
        site.send("kvssink", tags=[Tags((SimpleTag("IMAGE_GENERATION", "true"),))])
        yield


@breaks("codec", stream="sound", words="A_AAC", no_images=True)
def sound_comes_first(site: Site) -> Iterator[None]:
    with another_stream(site, "sound"):
        site.send("sound", track=Track(1, "A_AAC", b"\x12\x10", 0, 0, type=2))
        yield


@breaks("codec", Status.WARNED, stream="h265", words="HEVC", no_images=True)
def the_video_is_h265(site: Site) -> Iterator[None]:
    with another_stream(site, "h265"):
        site.send("h265", track=Track(1, "V_MPEGH/ISO/HEVC", VIDEO.track.codec_private, 160, 96))
        yield


# The images


@contextmanager
def configured_earlier(site: Site) -> Iterator[None]:
    """Let what was configured just now be configured ten minutes before."""

    def earlier(answer: dict[str, Any]) -> None:
        for event in answer["Events"]:
            event["EventTime"] -= timedelta(minutes=10)

    with answers(site, "cloudtrail.LookupEvents", earlier):
        yield


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


@breaks("images", stream="lost", words="4xxErrors")
def no_image_arrives(site: Site) -> Iterator[None]:
    with images_lost(site, "lost"):
        yield


@breaks("images", Status.WARNED, options={"later": 10}, stream="early", words="yet")
def the_image_may_still_come(site: Site) -> Iterator[None]:
    with images_lost(site, "early"):
        yield


@breaks("recent", Status.WARNED, options={"later": 0}, words="at least a minute", undecided={"images"})
def the_configuration_is_new(site: Site) -> Iterator[None]:
    site.configure()
    yield
