"""Only evidence passes: what looks like images that arrive and is none, and what is some."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from kinesis_video_contract.doctor import TEST_PICTURE
from kinesis_video_doctor import Diagnosis, Status
from kinesis_video_doctor.entry import message
from kinesis_video_tools.camera import fragment_tags

from .breakages import (
    another_stream,
    answers,
    http_answer,
    images_lost,
    lose,
    put,
)
from .site import ACCOUNT, BUCKET, PREFIX, STREAM, VIDEO, Site, allow

IMAGES = f"arn:aws:s3:::{BUCKET}/{PREFIX}"
HOUR = 3_600_000


def throttled(**_: object) -> AWSResponse:
    return http_answer(400, b"{}", {"x-amzn-errortype": "ClientLimitExceededException"})


def images(diagnosis: Diagnosis, status: Status) -> str:
    finding = diagnosis["images"]
    assert finding.status == status, finding.seen
    assert diagnosis.images_arrive == (status == Status.PASSED and diagnosis.exit_code() == 0)
    return finding.seen


def test_an_old_image_does_not_count_for_a_long_interval(site: Site, stream: str) -> None:
    put(site, stream, 52 * 60)
    lose(site, stream)
    with site.configured(stream, SamplingInterval=HOUR):
        diagnosis = site.examine(stream)
        assert "the sampling interval is 1:00:00" in images(diagnosis, Status.UNKNOWN)
        assert diagnosis.exit_code() == 2
        # None at all is no question of time; and one of the newest fragments passes.
        with another_stream(site, "none-in-an-hour"):
            lose(site, "none-in-an-hour")
            images(site.examine("none-in-an-hour"), Status.FAILED)
        site.deliver(stream)
        images(site.examine(stream), Status.PASSED)


def test_an_image_of_tomorrow_proves_nothing(site: Site, stream: str) -> None:
    put(site, stream, -86_400)
    lose(site, stream)
    assert site.examine(stream).exit_code() == 1


@pytest.mark.parametrize(
    "operation",
    [
        "kinesis-video-archived-media.ListFragments",
        "kinesis-video.GetDataEndpoint",
        "kinesis-video-archived-media.GetMediaForFragmentList",
    ],
)
def test_an_image_proves_nothing_if_nothing_is_known_of_the_video(site: Site, operation: str) -> None:
    with images_lost(site, "unseen"):
        put(site, "unseen", 10)
        with site.doctor.handled(f"before-send.{operation}", throttled):
            diagnosis = site.examine("unseen")
    assert "images arrived until" in images(diagnosis, Status.UNKNOWN)
    assert diagnosis.exit_code() == 2


def test_each_prefix_that_fragments_ask_for_has_to_get_images(site: Site, stream: str) -> None:
    granted = [allow("s3:PutObject", f"{IMAGES}a/*")]
    with site.producer_without("s3:PutObject", granted=granted):
        for prefix in "a/", "b/", "a/":
            site.send(stream, tags=fragment_tags(prefix=prefix), count=1)
        site.wait_for_image(stream, "a/_")
        diagnosis = site.examine(stream)
    assert diagnosis.verdict
    assert (diagnosis.verdict.check, diagnosis.verdict.status) == ("may-put-object", Status.FAILED)
    assert f"s3://{BUCKET}/{PREFIX}b/" in images(diagnosis, Status.FAILED)


@pytest.mark.parametrize("number", ["", "1"])
def test_a_copy_with_a_time_that_fits_is_an_image_only_without_another_number(
    site: Site, stream: str, number: str
) -> None:
    lose(site, stream, count=1)
    put(site, stream, 1, fragment=number)
    diagnosis = site.examine(stream)
    # Its time is of the fragment's milliseconds or not.
    assert diagnosis["images"].status == Status.FAILED or not number


def test_times_that_fit_several_fragments_decide_nothing(site: Site, stream: str) -> None:
    with site.configured(stream, ImageSelectorType="SERVER_TIMESTAMP"):
        lose(site, stream)
        lengths = timedelta(seconds=6)

        def longer(answer: dict[str, Any]) -> None:
            for one in answer["Fragments"]:
                one["FragmentLengthInMilliseconds"] = lengths // timedelta(milliseconds=1)

        with answers(site, "kinesis-video-archived-media.ListFragments", longer):
            # As of an upload at ten times the speed, after a copy in place that has lost the metadata.
            put(site, stream, -1)
            seen = images(site.examine(stream), Status.UNKNOWN)
    assert "arrived until" in seen


def test_the_metadata_decide_though_times_lie(site: Site, stream: str) -> None:
    lose(site, stream)
    for number in site.fragment_numbers(stream):
        put(site, stream, -86_400, fragment=number)
    images(site.examine(stream), Status.PASSED)


@pytest.mark.parametrize("ahead", [-timedelta(days=400), -timedelta(days=20_000), timedelta(days=1)])
def test_recordings_pass_and_a_clock_that_is_ahead_gets_a_word(site: Site, stream: str, ahead: timedelta) -> None:
    site.deliver(stream, ahead=ahead)
    diagnosis = site.examine(stream)
    images(diagnosis, Status.PASSED)
    assert diagnosis["fragments"].status == (Status.WARNED if ahead > timedelta() else Status.PASSED)
    assert "SERVER_TIMESTAMP" in f"{diagnosis['fragments'].seen}{diagnosis['fragments'].fix}"


def test_a_camera_that_was_unplugged_is_no_camera_whose_images_arrive(site: Site) -> None:
    diagnosis = site.examine(later=400)
    assert "no video has come in for 4" in images(diagnosis, Status.UNKNOWN)
    assert diagnosis["fragments"].status == Status.WARNED
    assert message(diagnosis, "missing")["Subject"] == f"fragments: {STREAM}"


def test_the_services_clock_counts_and_not_that_of_this_machine(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda now=time.time: now() - 86_400)
    images(site.examine(later=0), Status.PASSED)
    images(site.examine(later=3_000), Status.UNKNOWN)


def test_a_producer_that_tags_rarely_passes_by_its_last_tagged_fragment(site: Site, stream: str) -> None:
    site.deliver(stream, count=1)
    site.send(stream, tags=(), count=12)
    diagnosis = site.examine(stream)
    assert diagnosis["tagged"].status == Status.PASSED
    assert "the last fragment that asks for images" in images(diagnosis, Status.PASSED)
    # What came later and asks, has to get one, too.
    lose(site, stream, count=1)
    site.send(stream, tags=(), count=12)
    images(site.examine(stream), Status.FAILED)


def test_of_too_much_video_since_the_last_image_nothing_is_known(
    site: Site, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.deliver(stream, count=1)
    site.send(stream, tags=(), count=12)
    monkeypatch.setattr("kinesis_video_doctor.archive._MAX_BYTES", 200_000)
    assert "too much to read; images arrived until" in images(site.examine(stream), Status.UNKNOWN)


def test_young_fragments_may_pass_and_never_fail(site: Site, stream: str) -> None:
    lose(site, stream)
    images(site.examine(stream, later=10), Status.WARNED)
    images(site.examine(stream, later=120), Status.FAILED)
    site.deliver(stream)
    images(site.examine(stream, later=10), Status.PASSED)


def test_no_other_checks_permission_hides_a_fragment_without_an_image(site: Site) -> None:
    with images_lost(site, "hidden"):
        try:
            for permission in (
                "cloudtrail:LookupEvents",
                "iam:SimulatePrincipalPolicy",
                "s3:GetObject",
                "kinesisvideo:DescribeStream",
            ):
                site.allow_doctor(without=permission)
                diagnosis = site.examine("hidden")
                images(diagnosis, Status.FAILED)
                assert diagnosis.exit_code() == 1
        finally:
            site.allow_doctor()


def test_a_consumer_that_deletes_what_it_has_read_is_no_failure(site: Site, stream: str) -> None:
    s3 = site.client("s3")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    try:
        site.deliver(stream)
        for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}{ACCOUNT}_{stream}_")["Contents"]:
            s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
        assert "were deleted" in images(site.examine(stream), Status.UNKNOWN)

        def earlier(answer: dict[str, Any]) -> None:
            for marker in answer["DeleteMarkers"]:
                marker["LastModified"] -= timedelta(minutes=1)

        # What was deleted before the newest fragment came is none of its images, as one whose time was ahead.
        with answers(site, "s3.ListObjectVersions", earlier):
            images(site.examine(stream), Status.FAILED)
    finally:
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})


def test_a_rule_that_counts_images_shows_that_a_consumer_takes_them(site: Site) -> None:
    with images_lost(site, "moved"):
        metric = {"MetricName": "TriggeredRules", "Dimensions": [{"Name": "RuleName", "Value": "on-image"}]}
        site.client("cloudwatch").put_metric_data(Namespace="AWS/Events", MetricData=[{**metric, "Value": 3}])
        assert "has counted 3 images" in images(site.examine("moved", rule="on-image"), Status.UNKNOWN)
        assert "a consumer that deletes or moves" in site.examine("moved", rule="another")["images"].fix


def test_the_doctors_own_test_picture_is_no_image_of_the_producer(site: Site, stream: str) -> None:
    picture = fragment_tags(metadata={TEST_PICTURE: "1"})
    site.send(stream, tags=())
    site.deliver(stream, tags=picture, track=VIDEO.track)
    diagnosis = site.examine(stream)
    assert diagnosis.verdict == diagnosis["tagged"]
    assert "none of the last 2 fragments" in images(diagnosis, Status.UNKNOWN)
    # Nor does a tagged fragment of the producer have its image.
    lose(site, stream)
    site.deliver(stream, tags=picture)
    images(site.examine(stream), Status.FAILED)
    with another_stream(site, "pictures-only"):
        site.deliver("pictures-only", tags=picture)
        assert "test pictures" in images(site.examine("pictures-only"), Status.UNKNOWN)
        with site.doctor.handled("before-send.kinesis-video-archived-media.GetMediaForFragmentList", throttled):
            images(site.examine("pictures-only"), Status.UNKNOWN)


def test_test_pictures_do_not_make_a_camera_that_was_unplugged_fresh(site: Site, stream: str) -> None:
    site.deliver(stream)

    def older(answer: dict[str, Any]) -> None:
        for one in sorted(answer["Fragments"], key=lambda one: one["FragmentNumber"])[:2]:
            one["ServerTimestamp"] -= timedelta(minutes=6)

    site.deliver(stream, tags=fragment_tags(metadata={TEST_PICTURE: "1"}))
    with answers(site, "kinesis-video-archived-media.ListFragments", older):
        assert "no video has come in for 4" in images(site.examine(stream), Status.UNKNOWN)


@pytest.mark.parametrize("tags", [fragment_tags(), ()], ids=["tagged", "tag-not-seen"])
def test_images_of_an_earlier_destination_prove_nothing(site: Site, stream: str, tags: Any) -> None:
    (lose if tags else Site.send)(site, stream, tags=tags)
    for number in site.fragment_numbers(stream):
        put(site, stream, 1, prefix="front/", fragment=number)
    for prefix in PREFIX, PREFIX[:3], "":
        uri = {"Uri": f"s3://{BUCKET}/{prefix}", "DestinationRegion": "us-east-1"}
        with site.configured(stream, DestinationConfig=uri):
            assert not site.examine(stream).images_arrive


def test_images_of_other_streams_and_of_the_one_that_had_the_name_prove_nothing(site: Site, stream: str) -> None:
    site.deliver(stream)
    site.client("kinesisvideo").delete_stream(StreamARN=site.stream_arn(stream))
    site.create_stream(stream)
    lose(site, stream)
    now = int(time.time() * 1000)
    for start in f"111122223333_{stream}", f"{ACCOUNT}_a{stream}", f"{ACCOUNT}_{stream}_2", f"{ACCOUNT}_{stream}2":
        for number in site.fragment_numbers(stream):
            metadata = {"aws_kinesisvideo_fragment_number": number}
            site.client("s3").put_object(Bucket=BUCKET, Key=f"{PREFIX}{start}_{now}_0a.jpg", Metadata=metadata)
    images(site.examine(stream), Status.FAILED)


def test_images_from_before_the_last_change_prove_nothing(site: Site) -> None:
    with another_stream(site, "changed"):
        site.deliver("changed")
        time.sleep(1)
        with site.configured("changed", Format="PNG"):
            assert "the configuration was changed at" in images(site.examine("changed"), Status.UNKNOWN)
            site.deliver("changed")
            images(site.examine("changed"), Status.PASSED)


def test_a_fragment_with_many_images_does_not_hide_the_others(site: Site, stream: str) -> None:
    site.send(stream, tags=())
    media = site.client("kinesis-video-archived-media")
    listed = sorted(media.list_fragments(StreamName=stream)["Fragments"], key=lambda one: one["FragmentNumber"])
    for fragment, count in zip(listed, (1, 60), strict=True):
        for place in range(count):
            ago = time.time() - fragment["ProducerTimestamp"].timestamp() - place / 1000
            put(site, stream, ago, prefix=f"{place}_", fragment=fragment["FragmentNumber"])

    def long(answer: dict[str, Any]) -> None:
        for one in answer["Fragments"]:
            one["FragmentLengthInMilliseconds"] = 1000

    with answers(site, "kinesis-video-archived-media.ListFragments", long):
        images(site.examine(stream), Status.PASSED)
