"""The cause before its symptom, no false alarm, and text of strangers that stays text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from kinesis_video_doctor import Diagnosis, Status, report
from kinesis_video_matroska import SimpleTag, Tags, Track
from kinesis_video_tools.camera import fragment_tags

from .breakages import (
    DESCRIBE_IMAGES,
    DESCRIBE_STREAM,
    OTHER_NETWORK,
    Break,
    another_stream,
    answers,
    bucket_policy,
    configured_earlier,
    foreign_bucket,
    http_answer,
    images_lost,
    key_policy,
    keys_only_granted,
    lose,
    nothing_is_tagged,
    put,
    tells,
)
from .site import ACCOUNT, BUCKET, DOCTOR, KEY_ACTIONS, PREFIX, PRODUCER, REGION, STREAM, Site, allow

IMAGES = f"arn:aws:s3:::{BUCKET}/{PREFIX}*"


def not_passed(diagnosis: Diagnosis) -> dict[str, Status]:
    return {finding.check: finding.status for finding in diagnosis.findings if finding.status != Status.PASSED}


@pytest.mark.parametrize(
    ("track", "words"),
    [
        (Track(1, "V_MPEGH/ISO/HEVC", b"", 160, 96), "H.265"),
        (Track(1, "V_AV1", b"\x81", 160, 96), "AV1"),
        (Track(1, "V_MJPEG", b"", 160, 96), "Motion JPEG"),
        (Track(1, "V_MS/VFW/FOURCC", b"\x28", 160, 96), "Video for Windows"),
        (Track(1, "V_MPEG4/ISO/AVC", b"", 160, 96), "without its codec private data"),
        (Track(1, "V_MPEG4/ISO/AVC", b"\0\0\0\1\x67\x42\0\x1e", 160, 96), "not in the form avcC"),
        (Track(1, "V_MPEG4/ISO/AVC", b"\1\x42\0\x1e\xff\xe0\0", 160, 96), "not in the form avcC"),
    ],
    ids=["h265", "av1", "mjpeg", "vfw", "h264", "annex-b", "no-sets"],
)
def test_video_that_cannot_be_decoded_is_named(site: Site, track: Track, words: str) -> None:
    with another_stream(site, "undecodable"):
        lose(site, "undecodable", track=track)
        fresh = site.examine("undecodable")
        with configured_earlier(site):
            old = site.examine("undecodable")
    for diagnosis in fresh, old:
        tells(diagnosis, "codec", words)
    assert (fresh.exit_code(), old.exit_code()) == (2, 1)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (OTHER_NETWORK, "from AWS's own network"),
        ({"Null": {"s3:x-amz-server-side-encryption": "true"}}, "without headers of encryption"),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}, "unless its requests meet the condition"),
    ],
)
def test_a_deny_that_depends_explains_images_that_do_not_arrive(site: Site, condition: Any, words: str) -> None:
    with images_lost(site, "depends"), bucket_policy(site, Condition=condition):
        diagnosis = site.examine("depends")
    tells(diagnosis, "bucket-policy", words)
    assert diagnosis["images"].status == Status.FAILED


IN_A_NETWORK = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}
CANNOT_HIT: list[dict[str, Any]] = [
    {"Action": "s3:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},  # CDK's `enforce_ssl`
    {"Resource": f"arn:aws:s3:::{BUCKET}/other/*"},
    {"Principal": {"AWS": DOCTOR}},
    {"Condition": {"ArnNotEquals": {"aws:PrincipalArn": PRODUCER}}},
    {"Condition": {"Bool": {"aws:PrincipalIsAWSService": "true"}}},
    {"Condition": {"StringEquals": {"aws:PrincipalType": "User"}}},
    {"Condition": {"StringNotEquals": {"aws:ResourceAccount": ACCOUNT}}},
    {"Condition": {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}},
    {"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2999-01-01T00:00:00Z"}}},
    {"Condition": {"NumericLessThan": {"aws:EpochTime": "1577836800"}}},
    {"Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam:*:role/producer"}}},
    {"Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}},
]


@contextmanager
def bucket_allows(site: Site, **condition: Any) -> Iterator[None]:
    """Let the bucket's policy alone allow the producer to put images."""
    statement = allow("s3:PutObject", IMAGES, Principal={"AWS": PRODUCER}, **condition)
    with site.producer_without("s3:PutObject"), bucket_policy(site, **statement):
        yield


@contextmanager
def keys_allow(site: Site) -> Iterator[None]:
    """Let the keys' policies alone allow the producer to use them."""
    allowed: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": PRODUCER}}
    with site.producer_without(*KEY_ACTIONS), key_policy(site, keys=("stream", "bucket"), **allowed):
        yield


@contextmanager
def images_are_png_by_the_servers_clock(site: Site) -> Iterator[None]:
    with site.configured(Format="PNG", ImageSelectorType="SERVER_TIMESTAMP"):
        site.refresh()
        yield


@contextmanager
def granted_with(site: Site, **fields: Any) -> Iterator[None]:
    """Let grants with other fields allow the use of the keys."""

    def change(answer: dict[str, Any]) -> None:
        for grant in answer["Grants"]:
            grant |= fields

    with keys_only_granted(site), answers(site, "kms.ListGrants", change):
        yield


@contextmanager
def granted_and_denied_in_a_network(site: Site) -> Iterator[None]:
    deny: dict[str, Any] = {"Effect": "Deny", "Principal": {"AWS": PRODUCER}, "Condition": OTHER_NETWORK}
    with keys_only_granted(site), key_policy(site, **deny):
        yield


ALLOW_IN_A_NETWORK: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": PRODUCER}, "Condition": IN_A_NETWORK}


def key_allows_objects_of(site: Site, bucket: str) -> AbstractContextManager[None]:
    """Let the policy of the bucket's key alone allow the producer its use, and only for a bucket's objects."""
    condition = {"StringLike": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}*"}}
    return key_policy(site, keep=False, **ALLOW_IN_A_NETWORK | {"Condition": condition})


@pytest.mark.parametrize(
    ("change", "findings"),
    [
        (bucket_allows, {}),
        (keys_allow, {}),
        (keys_only_granted, {}),
        (lambda site: granted_with(site, Constraints={}), {}),
        (images_are_png_by_the_servers_clock, {}),
        *((partial(bucket_policy, **statement), {}) for statement in CANNOT_HIT),
        (lambda site: bucket_allows(site, Condition=IN_A_NETWORK), {"may-put-object": Status.UNKNOWN}),
        (lambda site: key_policy(site, keep=False, **ALLOW_IN_A_NETWORK), {"may-use-keys": Status.UNKNOWN}),
        (lambda site: key_allows_objects_of(site, BUCKET), {}),
        (lambda site: key_allows_objects_of(site, "another"), {"may-use-keys": Status.FAILED}),
        # A Deny overrides grants, too.
        (granted_and_denied_in_a_network, {"may-use-keys": Status.UNKNOWN}),
        (
            lambda site: granted_with(site, Constraints={"EncryptionContextEquals": {"department": "video"}}),
            {"may-use-keys": Status.FAILED},
        ),
        (
            lambda site: granted_with(
                site, Constraints={"EncryptionContextSubset": {"aws:s3:arn": "arn:aws:s3:::another"}}
            ),
            {"may-use-keys": Status.FAILED},
        ),
        (lambda site: granted_with(site, GranteePrincipal=DOCTOR), {"may-use-keys": Status.FAILED}),
        (lambda site: granted_with(site, Operations=["DescribeKey"]), {"may-use-keys": Status.FAILED}),
        (
            lambda site: answers(site, "s3.HeadBucket", lambda answer: answer.pop("BucketRegion")),
            {"bucket": Status.UNKNOWN},
        ),
    ],
)
def test_what_keeps_no_image_away_for_sure_is_no_failure(
    site: Site, change: Break, findings: dict[str, Status]
) -> None:
    with change(site):
        diagnosis = site.examine()
    assert not_passed(diagnosis) == findings
    assert diagnosis.images_arrive == (Status.FAILED not in findings.values())
    if "may-put-object" in findings:
        assert '"Action": "s3:PutObject"' in diagnosis["may-put-object"].fix


def test_the_producer_can_be_given_as_a_session_or_a_user(site: Site) -> None:
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/producer/camera-1"
    diagnosis = site.examine(producer=session)
    assert (diagnosis.producer, not_passed(diagnosis)) == (PRODUCER, {})
    iam = site.client("iam")
    user = iam.create_user(UserName="camera")["User"]["Arn"]
    policy = iam.get_role_policy(RoleName="producer", PolicyName="permissions")["PolicyDocument"]
    iam.put_user_policy(UserName="camera", PolicyName="permissions", PolicyDocument=json.dumps(policy))
    diagnosis = site.examine(producer=user)
    assert (diagnosis.producer, not_passed(diagnosis)) == (user, {})


@pytest.mark.parametrize(
    ("producer", "status", "words"),
    [
        (f"arn:aws:iam::{ACCOUNT}:root", Status.UNKNOWN, "neither a role nor a user"),
        ("camera", Status.UNKNOWN, "neither a role nor a user"),
        ("arn:aws:iam::111122223333:role/producer", Status.FAILED, "another account"),
    ],
)
def test_a_producer_that_has_no_permissions_to_look_at(site: Site, producer: str, status: Status, words: str) -> None:
    diagnosis = site.examine(producer=producer)
    permissions = ("may-put-media", "may-put-object", "may-use-keys")
    assert not_passed(diagnosis) == {"producer": status, **dict.fromkeys(permissions, Status.UNKNOWN)}
    assert words in diagnosis["producer"].seen


def test_a_stream_that_nobody_asked_the_endpoint_of_has_no_known_producer(site: Site) -> None:
    site.client("kinesisvideo").create_stream(StreamName="unasked", DataRetentionInHours=24)
    site.configure("unasked")
    diagnosis = site.examine("unasked")
    assert diagnosis["producer"].status == Status.UNKNOWN
    assert "--producer ARN" in diagnosis["producer"].fix
    assert diagnosis["may-put-object"].status == Status.UNKNOWN


def test_of_several_producers_the_last_is_looked_at_and_the_others_are_told(site: Site, stream: str) -> None:
    site.ask_for_endpoint(stream, site.aws.session())
    site.ask_for_endpoint(stream)
    diagnosis = site.examine(stream)
    assert diagnosis.producer == PRODUCER
    assert diagnosis["producer"].status == Status.WARNED
    assert f"arn:aws:iam::{ACCOUNT}:root" in diagnosis["producer"].seen


def test_images_under_the_producers_own_prefix_are_found_and_need_no_other_permission(site: Site, stream: str) -> None:
    granted = [allow("s3:PutObject", f"arn:aws:s3:::{BUCKET}/{PREFIX}person/*")]
    with site.producer_without("s3:PutObject", granted=granted):
        site.send(stream, tags=fragment_tags(prefix="person/"))
        site.wait_for_image(stream, "person/_")
        diagnosis = site.examine(stream)
    assert not_passed(diagnosis) == {}
    assert f"{BUCKET}/{PREFIX}person/_{ACCOUNT}_{stream}_" in diagnosis["images"].seen


@pytest.mark.parametrize("prefix", ["", "person/_"])
def test_an_image_outweighs_a_tag_that_is_not_seen(site: Site, prefix: str) -> None:
    with nothing_is_tagged(site):
        for number in site.fragment_numbers("untagged"):
            put(site, "untagged", -86_400, prefix=prefix, fragment=number)
        diagnosis = site.examine("untagged")
    assert not_passed(diagnosis) == {}


def test_nothing_is_asked_for_twice(site: Site) -> None:
    site.aws.clear_calls()
    site.examine()
    calls = [call.operation for call in site.aws.calls()]
    # The producer asks for its endpoint, and the doctor for those of two operations.
    assert {name: calls.count(name) for name in calls if calls.count(name) > 1} == {"GetDataEndpoint": 3}


def test_a_stream_can_be_named_by_its_arn(site: Site) -> None:
    assert site.examine(site.stream_arn(STREAM)).images_arrive


@pytest.mark.parametrize(
    ("principal", "condition", "status"),
    [
        (f"arn:aws:iam::{ACCOUNT}:root", {}, Status.PASSED),
        (PRODUCER, {"Condition": IN_A_NETWORK}, Status.UNKNOWN),
        (DOCTOR, {}, Status.FAILED),
    ],
)
def test_the_bucket_of_another_account_must_allow_the_producer(
    site: Site, principal: str, condition: dict[str, object], status: Status
) -> None:
    with foreign_bucket(site, Principal={"AWS": principal}, **condition):
        diagnosis = site.examine()
    assert diagnosis["owner"].status == Status.WARNED
    assert diagnosis["may-put-object"].status == status


THING = "${credentials-iot:ThingName}"


@pytest.mark.parametrize(
    ("check", "granted", "words"),
    [
        ("may-put-object", allow("s3:PutObject", f"arn:aws:s3:::{BUCKET}/{THING}/*"), "the thing's name stands for"),
        (
            "may-put-object",
            allow("s3:PutObject", IMAGES, Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
            "from AWS's own network",
        ),
        (
            "may-put-object",
            allow("s3:PutObject", IMAGES, Condition={"Null": {"s3:x-amz-server-side-encryption": "false"}}),
            "without headers of encryption",
        ),
        (
            "may-use-keys",
            allow(KEY_ACTIONS, "*", Condition={"StringEquals": {"kms:EncryptionContext:project": "video"}}),
            "kms:EncryptionContext:project",
        ),
    ],
    ids=["thing", "network", "header", "context"],
)
def test_an_allow_that_depends_explains_images_that_do_not_arrive(
    site: Site, check: str, granted: dict[str, Any], words: str
) -> None:
    actions = ["s3:PutObject"] if check == "may-put-object" else KEY_ACTIONS
    with images_lost(site, "depending"), site.producer_without(*actions, granted=[granted]):
        diagnosis = site.examine("depending")
        assert site.examine()[check].status == Status.UNKNOWN
    tells(diagnosis, check, words)


@pytest.mark.parametrize(
    "name", ["aws_kinesisvideo_image_generation", "AWS_KINESISVIDEO_IMAGE_PREFIX", "AWS_KINESISVIDEO_IMAGE_GENERATION "]
)
def test_a_tag_that_is_almost_the_right_one_is_named(site: Site, stream: str, name: str) -> None:
    site.send(stream, tags=[Tags((SimpleTag(name, "true"),))])
    diagnosis = site.examine(stream)
    tells(diagnosis, "tagged", f"they have {name!r}")
    # The image of a fragment that was tagged right is none of those that came later.
    site.deliver(stream, count=1)
    site.send(stream, tags=[Tags((SimpleTag(name, "true"),))], count=12)
    diagnosis = site.examine(stream)
    assert (diagnosis.verdict, diagnosis["images"].status) == (diagnosis["tagged"], Status.UNKNOWN)


def another_asks(site: Site, name: str, stream: str, *statements: dict[str, Any]) -> None:
    """Let another role ask where to send a stream's video."""
    site.create_role(name)
    site.allow(name, [allow("kinesisvideo:GetDataEndpoint", "*"), *statements])
    site.ask_for_endpoint(stream, site.assume(f"arn:aws:iam::{ACCOUNT}:role/{name}"))


def test_a_colleague_who_asked_once_is_no_failure_and_a_producer_is(site: Site, stream: str) -> None:
    another_asks(site, "colleague", stream)
    site.deliver(stream)
    diagnosis = site.examine(stream)
    assert not_passed(diagnosis) == {"producer": Status.WARNED}
    assert "colleague lacks kinesisvideo:PutMedia" in diagnosis["may-put-media"].seen
    assert diagnosis.exit_code() == 0
    lose(site, stream)
    diagnosis = site.examine(stream)
    # Who may not send video is none of its producers, and explains no image.
    assert diagnosis.verdict == diagnosis["images"]
    assert diagnosis["may-put-media"].status == Status.WARNED
    assert diagnosis["may-put-object"].status == Status.PASSED
    with bucket_policy(site, Principal={"AWS": PRODUCER}):
        denied = site.examine(stream)
        assert (denied.verdict, denied["bucket-policy"].status) == (denied["bucket-policy"], Status.FAILED)
    another_asks(site, "camera", stream, allow("kinesisvideo:PutMedia", "*"))
    diagnosis = site.examine(stream)
    assert diagnosis.verdict
    assert "producer may put images; arn:aws:iam::000000000000:role/camera lacks s3:PutObject" in diagnosis.verdict.seen


def test_the_producer_is_found_behind_the_records_of_others(site: Site, stream: str) -> None:
    another_asks(site, "administrator", stream)
    for _ in range(60):
        site.ask_for_endpoint(STREAM)
    diagnosis = site.examine(stream)
    assert {PRODUCER, f"arn:aws:iam::{ACCOUNT}:role/administrator"} <= set(
        diagnosis["producer"].seen.split(": ")[-1].split(", ")
    )
    assert "--producer ARN examines one" in diagnosis["producer"].fix


def test_a_bucket_of_another_account_with_the_key_of_aws_takes_no_image(site: Site) -> None:
    def by_kms(answer: dict[str, Any]) -> None:
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
        answer["ServerSideEncryptionConfiguration"] = {"Rules": [rule]}

    with foreign_bucket(site, Principal={"AWS": PRODUCER}), answers(site, "s3.GetBucketEncryption", by_kms):
        diagnosis = site.examine()
    tells(diagnosis, "bucket-key", "aws/s3")


@pytest.mark.parametrize("prefix", ["cam", "cam-?/", "a+b%20/", "x[1]", "${stage}/"])
def test_a_destination_of_any_form_passes_and_no_advice_widens(site: Site, stream: str, prefix: str) -> None:
    uri = {"Uri": f"s3://{BUCKET}/{prefix}", "DestinationRegion": REGION}
    granted = [allow("s3:PutObject", f"arn:aws:s3:::{BUCKET}/*")]
    with site.configured(stream, DestinationConfig=uri):
        with site.producer_without(granted=granted):
            site.send(stream)
            site.wait_for_image(stream, prefix=prefix)
            assert not_passed(site.examine(stream)) == {}
        fix = site.examine(stream)["may-put-object"].fix
    resource = json.loads(fix[fix.index("{") :])["Resource"]
    begin = prefix.replace("?", "${?}").replace("${s", "${$}{s")
    assert resource == f"arn:aws:s3:::{BUCKET}/{begin}{'' if prefix.endswith('/') else f'{ACCOUNT}_{stream}_'}*"


def test_a_refused_bucket_of_another_region_is_named(site: Site) -> None:
    def refused(**_: object) -> AWSResponse:
        # S3 tells the Region with a refusal, too.
        return http_answer(403, b"", {"x-amz-bucket-region": "eu-west-1"})

    with site.doctor.handled("before-send.s3.HeadBucket", refused):
        diagnosis = site.examine()
    tells(diagnosis, "bucket", "is in eu-west-1, and the stream in us-east-1")
    with site.doctor.handled("before-send.s3.HeadBucket", lambda **_: http_answer(403, b"", {})):
        assert site.examine()["bucket"].status == Status.UNKNOWN


@pytest.mark.parametrize(
    ("operation", "change", "check", "status", "words"),
    [
        (DESCRIBE_STREAM, {"StreamInfo": {"Status": "UPDATING"}}, "stream", Status.PASSED, "is UPDATING"),
        (DESCRIBE_STREAM, {"StreamInfo": {"Status": "CREATING"}}, "stream", Status.FAILED, "wait until it is ACTIVE"),
        (DESCRIBE_STREAM, {"StreamInfo": {"Status": "DELETING"}}, "stream", Status.FAILED, "use another stream"),
        *(
            (DESCRIBE_IMAGES, {"ImageGenerationConfiguration": {"DestinationConfig": {"Uri": uri}}}, "bucket", *failed)
            for uri in ("s3://[bucket/", "s3://b/", "https://images/cameras/", "s3:///cameras")
            for failed in [(Status.FAILED, f"{uri} names no bucket")]
        ),
        (
            "kms.DescribeKey",
            {"KeyMetadata": {"KeyState": "PendingDeletion"}},
            "bucket-key",
            Status.FAILED,
            "aws kms cancel-key-deletion --key-id arn:",
        ),
        ("kms.DescribeKey", {"KeyMetadata": {"KeySpec": "HMAC_256"}}, "bucket-key", Status.FAILED, "the type HMAC_256"),
    ],
    ids=str,
)
def test_an_answer_decides_a_check(
    site: Site, operation: str, change: dict[str, Any], check: str, status: Status, words: str
) -> None:
    with answers(site, operation, partial(merge, changes=change)):
        diagnosis = site.examine()
    finding = diagnosis[check]
    assert (finding.status, words in f"{finding.seen} {finding.fix}") == (status, True)
    assert diagnosis.verdict == (finding if status == Status.FAILED else None)


def merge(into: dict[str, Any], changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if isinstance(value, dict):
            merge(into[name], value)
        else:
            into[name] = value


def test_a_refused_update_is_no_change(site: Site) -> None:
    def refused(answer: dict[str, Any]) -> None:
        for event in answer["Events"]:
            event["CloudTrailEvent"] = json.dumps({**json.loads(event["CloudTrailEvent"]), "errorCode": "AccessDenied"})

    with answers(site, "cloudtrail.LookupEvents", refused):
        assert "CloudTrail has no change" in site.examine(later=0)["recent"].seen


def test_a_permission_to_send_that_depends_explains_that_no_video_comes(site: Site) -> None:
    granted = [allow("kinesisvideo:PutMedia", "*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})]
    with another_stream(site, "nowhere"), site.producer_without("kinesisvideo:PutMedia", granted=granted):
        diagnosis = site.examine("nowhere")
        assert diagnosis.verdict == diagnosis["may-put-media"]
        assert (diagnosis["may-put-media"].status, diagnosis["fragments"].status) == (Status.WARNED, Status.FAILED)
    with another_stream(site, "unplugged"):
        another_asks(site, "passer-by", "unplugged")
        diagnosis = site.examine("unplugged")
    assert diagnosis.verdict == diagnosis["fragments"]


def test_who_sends_nothing_and_may_not_tag_the_stream_is_told(site: Site, stream: str) -> None:
    with site.producer_without("kinesisvideo:TagStream"):
        diagnosis = site.examine(stream)
        assert (diagnosis["may-put-media"].status, diagnosis.verdict) == (Status.WARNED, diagnosis["fragments"])
        assert "kinesisvideo:TagStream" in diagnosis["may-put-media"].seen
        site.send(stream, tags=())
        assert site.examine(stream)["may-put-media"].status == Status.PASSED


FORGED = "a\x1b[2J\r\n  ✓ images: all is well\u202e"


def test_a_tag_cannot_forge_a_line(site: Site, stream: str) -> None:
    lose(site, stream, tags=fragment_tags(prefix=FORGED))
    diagnosis = site.examine(stream)
    text = report(diagnosis, width=80) + report(diagnosis) + json.dumps(diagnosis.as_json(), ensure_ascii=False)
    assert r"a\x1b[2J\r\n" in text
    assert all(character.isprintable() for character in text.replace("\n", ""))
    assert not [line for line in text.splitlines() if line.startswith("  ✓ images")]


def test_a_name_in_other_letters_or_almost_right_finds_the_stream(site: Site) -> None:
    assert f"there is {STREAM}, names are case-sensitive" in site.examine("Front-Door")["stream"].seen
    assert STREAM in site.examine("fornt-door")["stream"].seen
    for wrong in "", " front-door", "front door", "x" * 257, "front/door", "front-door\n":
        with pytest.raises(ValueError, match="a name has 1 to 256"):
            site.examine(wrong)


def test_a_stream_that_was_made_again_is_named_by_its_new_arn(site: Site) -> None:
    with another_stream(site, "again"):
        old = site.stream_arn("again")
    with another_stream(site, "again"):
        new = site.stream_arn("again")
        assert old != new
        diagnosis = site.examine(old)
    assert "deleted and created again" in diagnosis["stream"].seen
    assert new in diagnosis["stream"].fix


def test_what_is_not_looked_at_is_one_line(site: Site) -> None:
    lines = report(site.examine("no-such-stream")).splitlines()
    assert [line for line in lines if line.startswith("  ?")] == [
        "  ? 18 checks: there is no stream, so there is nothing to check"
    ]


def test_an_image_of_before_is_told_if_none_is_as_new_as_the_video(site: Site) -> None:
    with images_lost(site, "interrupted"):
        key = put(site, "interrupted", 600)
        diagnosis = site.examine("interrupted")
        site.client("s3").delete_object(Bucket=BUCKET, Key=key)
    assert diagnosis["images"].status == Status.FAILED
    assert "; the last one is 7" in diagnosis["images"].seen


def test_an_image_of_before_proves_nothing_of_video_whose_tags_are_not_seen(site: Site) -> None:
    with nothing_is_tagged(site):
        key = put(site, "untagged", 600)
        diagnosis = site.examine("untagged")
        site.client("s3").delete_object(Bucket=BUCKET, Key=key)
    assert not_passed(diagnosis) == {"tagged": Status.WARNED, "images": Status.UNKNOWN}
    assert diagnosis.sentence.startswith("Probably tagged: none of the last 2 fragments")
    assert diagnosis.exit_code() == 2
