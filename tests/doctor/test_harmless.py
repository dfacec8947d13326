"""What looks like a fault and is none, and what can't be told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from kinesis_video_doctor import Finding, Status
from kinesis_video_tools.camera import fragment_tags

from .breakages import (
    another_stream,
    answers,
    bucket_policy,
    foreign_bucket,
    images_lost,
    key_policy,
    keys_only_granted,
    nothing_is_tagged,
)
from .site import ACCOUNT, BUCKET, DOCTOR, KEY_ACTIONS, PREFIX, PRODUCER, STREAM, Site, allow, document
from .test_evidence import put

IMAGES = f"arn:aws:s3:::{BUCKET}/{PREFIX}*"


def not_passed(findings: tuple[Finding, ...]) -> dict[str, Status]:
    return {finding.check: finding.status for finding in findings if finding.status != Status.PASSED}


@contextmanager
def the_bucket_allows_what_the_role_lacks(site: Site) -> Iterator[None]:
    statement = {"Effect": "Allow", "Principal": {"AWS": PRODUCER}, "Resource": IMAGES}
    with site.producer_without("s3:PutObject"), bucket_policy(site, **statement):
        yield


@contextmanager
def the_key_allows_what_the_role_lacks(site: Site) -> Iterator[None]:
    kms = site.client("kms")
    before = {key: kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"] for key in site.keys.values()}
    with site.producer_without(*KEY_ACTIONS):
        for key, policy in before.items():
            statements = json.loads(policy)["Statement"]
            statements.append(allow("kms:*", "*", Principal={"AWS": PRODUCER}))
            kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(statements))
        yield
    for key, policy in before.items():
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)


@contextmanager
def images_are_png_by_the_servers_clock(site: Site) -> Iterator[None]:
    with site.configured(Format="PNG", ImageSelectorType="SERVER_TIMESTAMP"):
        site.refresh()
        yield


HARMLESS: list[Callable[[Site], AbstractContextManager[None]]] = [
    the_bucket_allows_what_the_role_lacks,
    the_key_allows_what_the_role_lacks,
    keys_only_granted,
    images_are_png_by_the_servers_clock,
]


@pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.__name__)
def test_what_keeps_no_image_away_is_no_failure(
    site: Site, change: Callable[[Site], AbstractContextManager[None]]
) -> None:
    with change(site):
        diagnosis = site.examine()
    assert not_passed(diagnosis.findings) == {}
    assert diagnosis.images_arrive


def test_the_producer_can_be_given_as_a_session_or_a_user(site: Site) -> None:
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/producer/camera-1"
    diagnosis = site.examine(producer=session)
    assert (diagnosis.producer, not_passed(diagnosis.findings)) == (PRODUCER, {})
    iam = site.client("iam")
    user = iam.create_user(UserName="camera")["User"]["Arn"]
    policy = iam.get_role_policy(RoleName="producer", PolicyName="permissions")["PolicyDocument"]
    iam.put_user_policy(UserName="camera", PolicyName="permissions", PolicyDocument=json.dumps(policy))
    diagnosis = site.examine(producer=user)
    assert (diagnosis.producer, not_passed(diagnosis.findings)) == (user, {})


@pytest.mark.parametrize(
    ("producer", "status"),
    [
        (f"arn:aws:iam::{ACCOUNT}:root", Status.UNKNOWN),
        ("camera", Status.UNKNOWN),
        ("arn:aws:iam::111122223333:role/producer", Status.FAILED),
    ],
)
def test_a_producer_that_has_no_permissions_to_look_at(site: Site, producer: str, status: Status) -> None:
    findings = not_passed(site.examine(producer=producer).findings)
    permissions = ("may-put-media", "may-put-object", "may-use-keys")
    assert findings == {"producer": status, **dict.fromkeys(permissions, Status.UNKNOWN)}


def test_a_stream_that_nobody_asked_the_endpoint_of_has_no_known_producer(site: Site) -> None:
    site.client("kinesisvideo").create_stream(StreamName="unasked", DataRetentionInHours=24)
    site.configure("unasked")
    diagnosis = site.examine("unasked")
    assert diagnosis["producer"].status == Status.UNKNOWN
    assert "--producer ARN" in diagnosis["producer"].fix
    assert diagnosis["may-put-object"].status == Status.UNKNOWN


def test_of_several_producers_the_last_is_looked_at_and_the_others_are_told(site: Site) -> None:
    with another_stream(site, "shared"):
        site.ask_for_endpoint("shared", site.aws.session())
        site.ask_for_endpoint("shared")
        diagnosis = site.examine("shared")
    assert diagnosis.producer == PRODUCER
    assert diagnosis["producer"].status == Status.WARNED
    assert f"arn:aws:iam::{ACCOUNT}:root" in diagnosis["producer"].seen


def test_images_under_the_producers_own_prefix_are_found_and_need_no_other_permission(site: Site) -> None:
    granted = [allow("s3:PutObject", f"arn:aws:s3:::{BUCKET}/{PREFIX}person/*")]
    with another_stream(site, "prefixed"), site.producer_without("s3:PutObject", granted=granted):
        site.send("prefixed", tags=fragment_tags(prefix="person/"))
        site.wait_for_image("prefixed", prefix="person/_")
        diagnosis = site.examine("prefixed")
    assert not_passed(diagnosis.findings) == {}
    assert f"{BUCKET}/{PREFIX}person/_{ACCOUNT}_prefixed_" in diagnosis["images"].seen


@pytest.mark.parametrize("prefix", ["", "person/_"])
def test_an_image_outweighs_a_tag_that_is_not_seen(site: Site, prefix: str) -> None:
    with nothing_is_tagged(site):
        key = f"{PREFIX}{prefix}{ACCOUNT}_untagged_9999999999999_0a.jpg"
        for number in site.fragment_numbers("untagged"):
            metadata = {"aws_kinesisvideo_fragment_number": number}
            site.client("s3").put_object(Bucket=BUCKET, Key=f"{key[:-5]}{number}.jpg", Metadata=metadata)
        diagnosis = site.examine("untagged")
    assert not_passed(diagnosis.findings) == {}


def test_nothing_is_asked_for_twice(site: Site) -> None:
    site.aws.clear_calls()
    site.examine()
    calls = [call.operation for call in site.aws.calls()]
    # The producer asks for its endpoint, and the doctor for those of two operations.
    assert {name: calls.count(name) for name in calls if calls.count(name) > 1} == {"GetDataEndpoint": 3}


def test_a_stream_can_be_named_by_its_arn(site: Site) -> None:
    assert site.examine(site.stream_arn(STREAM)).images_arrive


IN_A_NETWORK = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}


def test_a_bucket_that_allows_under_a_condition_is_unknown(site: Site) -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": PRODUCER}, "Resource": IMAGES, "Condition": IN_A_NETWORK}
    with site.producer_without("s3:PutObject"), bucket_policy(site, **statement):
        diagnosis = site.examine()
    assert not_passed(diagnosis.findings) == {"may-put-object": Status.UNKNOWN}
    assert '"Action": "s3:PutObject"' in diagnosis["may-put-object"].fix


def test_a_key_that_allows_under_a_condition_is_unknown(site: Site) -> None:
    with key_policy(site, keep=False, Effect="Allow", Principal={"AWS": PRODUCER}, Condition=IN_A_NETWORK):
        assert not_passed(site.examine().findings) == {"may-use-keys": Status.UNKNOWN}


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


def test_a_bucket_whose_region_is_not_told_is_unknown(site: Site) -> None:
    with answers(site, "s3.HeadBucket", lambda answer: answer.pop("BucketRegion")):
        assert not_passed(site.examine().findings) == {"bucket": Status.UNKNOWN}


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
    assert not_passed(diagnosis.findings) == {"tagged": Status.WARNED, "images": Status.UNKNOWN}
    assert diagnosis.sentence.startswith("Probably tagged: none of the last 2 fragments")
    assert diagnosis.exit_code() == 2
