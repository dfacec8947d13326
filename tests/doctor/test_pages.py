"""Answers that come in pages, and what is too much to read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from kinesis_video_doctor.calls import Calls, UndecidedError
from kinesis_video_doctor.examination import Case

ACCOUNT = "111122223333"
ARN = f"arn:aws:kinesisvideo:us-east-1:{ACCOUNT}:stream/front-door/1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/things/camera"
BEGIN = datetime(2026, 11, 21, tzinfo=UTC)
NOW = BEGIN + timedelta(hours=1)
ENDPOINT = "https://archive.test"


@pytest.fixture
def case(calls: Calls) -> Case:
    """A stream that is known by its ARN, at a time that an answer has told."""
    date = {"HTTPHeaders": {"date": format_datetime(NOW)}}
    with answers(calls.client("sts"), "get_caller_identity", [{"Account": ACCOUNT, "ResponseMetadata": date}]):
        case = Case(calls, ARN)
    destination = {"DestinationConfig": {"Uri": "s3://images", "DestinationRegion": "us-east-1"}}
    required = {"Status": "ENABLED", "ImageSelectorType": "SERVER_TIMESTAMP", "SamplingInterval": 1000, "Format": "PNG"}
    configuration = {"ImageGenerationConfiguration": destination | required}
    with answers(calls.client("kinesisvideo"), "describe_image_generation_configuration", [configuration]):
        assert case.destination.bucket == "images"
    return case


@contextmanager
def answers(client: Any, operation: str, pages: Sequence[dict[str, Any]]) -> Iterator[None]:
    with Stubber(client) as stubber:
        for page in pages:
            stubber.add_response(operation, page)
        yield
        stubber.assert_no_pending_responses()


def image(second: int, prefix: str = "") -> dict[str, Any]:
    time = BEGIN + timedelta(seconds=second)
    key = f"{prefix}{ACCOUNT}_front-door_{int(time.timestamp() * 1000)}_0a.jpg"
    return {"Key": key, "LastModified": time}


def look(case: Case, *own_prefixes: str) -> list[str]:
    return [image.key for image in case.destination.images(BEGIN, own_prefixes or None)]


def test_images_may_be_on_a_later_page(calls: Calls, case: Case) -> None:
    pages: list[dict[str, Any]] = [
        {"Contents": [image(1), {"Key": "readme.txt", "LastModified": BEGIN}], "NextContinuationToken": "more"},
        {"Contents": [image(3), image(2)]},
    ]
    with answers(calls.client("s3"), "list_objects_v2", pages):
        assert look(case, "") == [image(second)["Key"] for second in (1, 3, 2)]


def test_what_is_older_or_of_another_stream_is_no_image(calls: Calls, case: Case) -> None:
    another = {**image(1), "Key": image(1)["Key"].replace("front-door", "back-door")}
    with answers(calls.client("s3"), "list_objects_v2", [{"Contents": [image(-1), another]}, {}]):
        assert look(case, "", "person") == []


@pytest.mark.parametrize("contents", [[], [image(1)]])
def test_a_bucket_that_is_too_full_to_look_through_is_unknown(
    calls: Calls, case: Case, contents: list[dict[str, Any]]
) -> None:
    full: list[dict[str, Any]] = [{"Contents": [image(2)], "NextContinuationToken": "more"}] * 20
    with answers(calls.client("s3"), "list_objects_v2", [{"Contents": contents}, *full]):
        if contents:
            # Those where the documentation has them count all the same.
            assert look(case) == [image(1)["Key"]]
        else:
            with pytest.raises(UndecidedError, match=r"more than 20,000 objects under s3://images/"):
                look(case)


def record(api: str, stream: dict[str, str], identity: dict[str, Any]) -> dict[str, Any]:
    parameters = {"aPIName": api, **stream}
    return {
        "EventTime": BEGIN,
        "CloudTrailEvent": json.dumps({"userIdentity": identity, "requestParameters": parameters}),
    }


def test_a_producer_is_found_on_a_later_page_among_others(calls: Calls, case: Case) -> None:
    session = {
        "sessionContext": {"sessionIssuer": {"arn": ROLE}},
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/camera/1",
    }
    by_name, another = {"streamName": "front-door"}, {"streamName": "back-door"}
    user = {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/somebody"}
    pages: list[dict[str, Any]] = [
        {"Events": [record("LIST_FRAGMENTS", by_name, user), record("PUT_MEDIA", another, user)], "NextToken": "more"},
        {"Events": [record("PUT_MEDIA", {"streamARN": ARN}, session), record("PUT_MEDIA", by_name, session)]},
    ]
    role = {"RoleName": "camera", "Path": "/things/", "RoleId": "AROAEXAMPLEROLEID", "Arn": ROLE, "CreateDate": BEGIN}
    with (
        answers(calls.client("cloudtrail"), "lookup_events", pages),
        answers(calls.client("iam"), "get_role", [{"Role": role}]),
    ):
        found = case.producers.found
    assert ([producer.arn for producer in found.producers], found.others, found.cut) == ([ROLE], [], "")


def test_a_history_is_read_to_a_bound(calls: Calls, case: Case) -> None:
    # As botocore reads it on a machine elsewhere.
    local = BEGIN.astimezone(ZoneInfo("America/New_York"))
    event = {**record("PUT_MEDIA", {"streamName": "back-door"}, {}), "EventTime": local}
    pages: list[dict[str, Any]] = [{"Events": [event], "NextToken": "more"}] * 10
    with (
        answers(calls.client("cloudtrail"), "lookup_events", pages),
        pytest.raises(UndecidedError, match="read back to 2026-11-21 00:00:00 UTC, has nobody"),
    ):
        _ = case.producers.found


def test_a_producer_that_is_gone_is_unknown(calls: Calls, case: Case) -> None:
    page = {"Events": [record("PUT_MEDIA", {"streamName": "front-door"}, {"arn": ROLE})]}
    with answers(calls.client("cloudtrail"), "lookup_events", [page]), Stubber(calls.client("iam")) as iam:
        iam.add_client_error("get_role", "NoSuchEntity", http_status_code=404, expected_params={"RoleName": "camera"})
        with pytest.raises(UndecidedError, match="doesn't exist here any more"):
            _ = case.producers.found


def fragment(number: int, size: int = 1_000) -> dict[str, Any]:
    time = BEGIN + timedelta(seconds=number)
    return {
        "FragmentNumber": str(number),
        "FragmentSizeInBytes": size,
        "ProducerTimestamp": time,
        "ServerTimestamp": time,
        "FragmentLengthInMilliseconds": 1_000,
    }


@pytest.fixture
def archive(calls: Calls) -> Iterator[Any]:
    stream = {"StreamARN": ARN, "StreamName": "front-door", "DataRetentionInHours": 24}
    with Stubber(calls.client("kinesisvideo")) as stubber:
        stubber.add_response("describe_stream", {"StreamInfo": stream})
        for _ in range(2):
            stubber.add_response("get_data_endpoint", {"DataEndpoint": ENDPOINT})
        yield calls.client("kinesis-video-archived-media", ENDPOINT)


def test_fragments_come_in_pages_and_in_any_order(case: Case, archive: Any) -> None:
    pages: list[dict[str, Any]] = [
        {"Fragments": [fragment(3), fragment(1)], "NextToken": "more"},
        {"Fragments": [fragment(2)]},
    ]
    with answers(archive, "list_fragments", pages):
        assert [one.number for one in case.video.fragments] == ["1", "2", "3"]


def test_too_many_fragments_are_unknown(case: Case, archive: Any) -> None:
    pages: list[dict[str, Any]] = [{"Fragments": [fragment(1)], "NextToken": "more"}] * 20
    with answers(archive, "list_fragments", pages), pytest.raises(UndecidedError) as raised:
        _ = case.video.fragments
    assert "--minutes" in raised.value.fix


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
    case: Case, archive: Any, sizes: list[int], chosen: list[int]
) -> None:
    seconds = [3600 - 10 * (12 - number) - 1 for number in range(12)]
    listed = [fragment(second, size) for second, size in zip(seconds, sizes, strict=True)]
    expected = [str(seconds[number]) for number in chosen]
    with Stubber(archive) as stubber:
        noise = b"no Matroska"
        stubber.add_response("list_fragments", {"Fragments": listed})
        stubber.add_response(
            "get_media_for_fragment_list",
            {"ContentType": "video/webm", "Payload": StreamingBody(BytesIO(noise), len(noise))},
            {"StreamARN": ARN, "Fragments": expected},
        )
        with pytest.raises(UndecidedError, match="can't be read"):
            _ = case.video.media


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (StreamingBody(BytesIO(b"\x1a\x45\xdf\xa3"), 1_000), "can't be asked"),
        (StreamingBody(BytesIO(b""), 0), "gave 0 fragments of 1"),
        (StreamingBody(BytesIO(b"<html>"), 6), "can't be read"),
    ],
    ids=["cut off", "empty", "a proxy's page"],
)
def test_what_is_no_whole_media_is_unknown(case: Case, archive: Any, body: StreamingBody, words: str) -> None:
    with Stubber(archive) as stubber:
        stubber.add_response("list_fragments", {"Fragments": [fragment(1)]})
        answer = {"ContentType": "video/webm", "Payload": body}
        stubber.add_response("get_media_for_fragment_list", answer, {"StreamARN": ARN, "Fragments": ANY})
        with pytest.raises(UndecidedError, match=words):
            _ = case.video.media
