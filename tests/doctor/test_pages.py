"""Answers that come in pages, and what is too much to read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kinesis_video_doctor import Status
from kinesis_video_tools.camera import fragment_tags

from .breakages import answers, http_answer, put
from .site import ACCOUNT, BUCKET, PREFIX, STREAM, Site, allow
from .test_causes import another_asks, not_passed

FRAGMENTS, MEDIA = (f"kinesis-video-archived-media.{name}" for name in ("ListFragments", "GetMediaForFragmentList"))
OBJECTS, RECORDS = "s3.ListObjectsV2", "cloudtrail.LookupEvents"


@contextmanager
def asked(site: Site, operation: str, **parameters: Any) -> Iterator[None]:
    """Let a call of the doctor have other parameters."""
    with site.doctor.handled(f"before-parameter-build.{operation}", lambda params, **_: params.update(parameters)):
        yield


def test_pages_are_read_to_the_last(site: Site, stream: str) -> None:
    site.deliver(stream, count=3)
    with asked(site, FRAGMENTS, MaxResults=2), asked(site, OBJECTS, MaxKeys=1):
        diagnosis = site.examine(stream)
    assert not_passed(diagnosis) == {}
    assert diagnosis["tagged"].seen == "3 of the last 3 fragments ask for images"


def test_a_bucket_that_is_too_full_to_look_through_is_unknown(
    site: Site, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinesis_video_doctor.destination._MAX_PAGES", 1)
    site.client("s3").put_object(Bucket=BUCKET, Key=f"{PREFIX}readme.txt")
    site.send(stream, tags=())
    with asked(site, OBJECTS, MaxKeys=2):
        finding = site.examine(stream)["images"]
        assert finding.status == Status.UNKNOWN
        assert f"more than 1,000 objects under s3://{BUCKET}/{PREFIX}" in finding.seen
        # Those where the documentation has them count all the same.
        for number in site.fragment_numbers(stream):
            put(site, stream, -86_400, fragment=number)
        assert not_passed(site.examine(stream)) == {}


def test_an_image_from_before_the_examined_time_is_none_of_it(site: Site, stream: str) -> None:
    site.send(stream, tags=())
    put(site, stream, 7_200)
    put(site, "another", 0)
    assert "no image of the last 60 min" in site.examine(stream)["images"].seen


def test_a_producer_is_known_by_the_streams_arn_and_its_role_has_a_path(site: Site) -> None:
    site.client("kinesisvideo").create_stream(StreamName="by-arn", DataRetentionInHours=24)
    site.configure("by-arn")
    site.create_role("with-path", "/things/")
    arn = f"arn:aws:iam::{ACCOUNT}:role/things/with-path"
    site.allow("with-path", [allow("kinesisvideo:GetDataEndpoint", "*")])
    client = site.assume(arn).client("kinesisvideo", endpoint_url=site.aws.endpoint_url)
    for api in "PUT_MEDIA", "LIST_FRAGMENTS", "PUT_MEDIA":
        client.get_data_endpoint(StreamARN=site.stream_arn("by-arn"), APIName=api)
    # The doctor asks for endpoints, too, and is no producer in its next run.
    for _ in range(2):
        assert site.examine("by-arn")["producer"].seen == f"{arn} calls PutMedia"


def test_a_history_is_read_to_a_bound(site: Site, stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinesis_video_doctor.trail._MAX_PAGES", 1)
    site.ask_for_endpoint(STREAM)
    oldest: list[datetime] = []

    def elsewhere(answer: dict[str, Any]) -> None:
        for event in answer["Events"]:
            # As botocore reads it on a machine elsewhere.
            event["EventTime"] = event["EventTime"].astimezone(ZoneInfo("America/New_York"))
            oldest.append(event["EventTime"].astimezone(UTC))

    with asked(site, RECORDS, MaxResults=1), answers(site, RECORDS, elsewhere):
        finding = site.examine(stream)["producer"]
    assert finding.status == Status.UNKNOWN
    assert f"read back to {oldest[0]:%Y-%m-%d %H:%M:%S} UTC, has nobody" in finding.seen


def test_a_producer_that_is_gone_is_unknown(site: Site) -> None:
    site.client("kinesisvideo").create_stream(StreamName="left", DataRetentionInHours=24)
    site.configure("left")
    another_asks(site, "gone", "left")
    site.client("iam").delete_role_policy(RoleName="gone", PolicyName="permissions")
    site.client("iam").delete_role(RoleName="gone")
    finding = site.examine("left")["producer"]
    assert (finding.status, "doesn't exist here any more" in finding.seen) == (Status.UNKNOWN, True)


def test_too_many_fragments_are_unknown(site: Site, stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinesis_video_doctor.archive._MAX_PAGES", 1)
    site.send(stream)
    with asked(site, FRAGMENTS, MaxResults=1):
        finding = site.examine(stream)["fragments"]
    assert (finding.status, finding.fix) == (Status.UNKNOWN, "look at fewer: --minutes 10")


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [
        # A fragment each 10 s: five of the last minute, and five that are older.
        ([1_000] * 12, [*range(2, 7), *range(7, 12)]),
        ([6_000_000] * 12, [5, 6, 11]),
        ([50_000_000] * 12, [6]),
    ],
    ids=["many", "large", "largest"],
)
def test_the_newest_fragments_and_the_newest_that_are_not_young_are_read_up_to_a_bound(
    site: Site, sizes: list[int], chosen: list[int]
) -> None:
    def listed(answer: dict[str, Any]) -> None:
        now = datetime.now(UTC)
        times = [now - timedelta(seconds=10 * (12 - number) + 5) for number in range(12)]
        answer["Fragments"] = [
            {"FragmentNumber": str(number), "FragmentSizeInBytes": size, "ServerTimestamp": time}
            for number, (size, time) in enumerate(zip(sizes, times, strict=True))
        ][::-1]

    asked_for: list[list[str]] = []
    with (
        answers(site, FRAGMENTS, listed),
        site.doctor.handled(
            f"before-parameter-build.{MEDIA}", lambda params, **_: asked_for.append(params["Fragments"])
        ),
    ):
        site.examine(later=0)
    assert asked_for == [[str(number) for number in chosen]]


@pytest.mark.parametrize(
    ("body", "length", "words"),
    [
        (b"\x1a\x45\xdf\xa3", 1_000, "can't be asked"),
        (b"", 0, "gave 0 fragments of 2"),
        (b"<html>", 6, "can't be read"),
    ],
    ids=["cut off", "empty", "a proxy's page"],
)
def test_what_is_no_whole_media_is_unknown(site: Site, stream: str, body: bytes, length: int, words: str) -> None:
    site.send(stream, tags=fragment_tags())
    headers = {"content-type": "video/webm", "content-length": str(length)}
    with site.doctor.handled(f"before-send.{MEDIA}", lambda **_: http_answer(200, body, headers)):
        finding = site.examine(stream)["codec"]
    assert (finding.status, words in finding.seen) == (Status.UNKNOWN, True)
