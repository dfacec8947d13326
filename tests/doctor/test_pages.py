"""Answers that come in pages, and what is too much to read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber
from kinesis_video_doctor.delivered import newest_image

from kinesis_video_doctor.archive import Video
from kinesis_video_doctor.calls import Calls, UndecidedError
from kinesis_video_doctor.producers import find_producer

ACCOUNT = "111122223333"
ARN = f"arn:aws:kinesisvideo:us-east-1:{ACCOUNT}:stream/front-door/1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/things/camera"
BEGIN = datetime(2026, 11, 21, tzinfo=UTC)
ENDPOINT = "https://archive.test"


@pytest.fixture
def calls() -> Iterator[Calls]:
    with Calls(boto3.Session("test", "test", region_name="us-east-1")) as calls:
        yield calls


@contextmanager
def answers(client: Any, operation: str, pages: Sequence[dict[str, Any]]) -> Iterator[None]:
    with Stubber(client) as stubber:
        for page in pages:
            stubber.add_response(operation, page)
        yield
        stubber.assert_no_pending_responses()


def image(second: int, prefix: str = "") -> dict[str, Any]:
    milliseconds = int((BEGIN + timedelta(seconds=second)).timestamp() * 1000)
    return {"Key": f"{prefix}{ACCOUNT}_front-door_{milliseconds}_0a.jpg"}


def look(calls: Calls, *places: tuple[str, str]) -> str:
    return str(newest_image(calls, "images", places, ACCOUNT, "front-door", BEGIN))


def test_the_newest_image_may_be_on_a_later_page(calls: Calls) -> None:
    pages: list[dict[str, Any]] = [
        {"Contents": [image(1), {"Key": "readme.txt"}], "NextContinuationToken": "more"},
        {"Contents": [image(3), image(2)]},
    ]
    with answers(calls.client("s3"), "list_objects_v2", pages):
        assert look(calls, ("", ""), ("never looked at", "")) == image(3)["Key"]


def test_what_is_older_or_of_another_stream_is_no_image(calls: Calls) -> None:
    another = {"Key": image(1)["Key"].replace("front-door", "back-door")}
    with answers(calls.client("s3"), "list_objects_v2", [{"Contents": [image(-1), another]}, {}]):
        assert look(calls, ("", ""), ("person", "")) == "None"


@pytest.mark.parametrize("contents", [[], [image(1)]])
def test_a_bucket_that_is_too_full_to_look_through_is_unknown(calls: Calls, contents: list[dict[str, Any]]) -> None:
    pages: list[dict[str, Any]] = [{"Contents": contents, "NextContinuationToken": "more"}] * 20
    with answers(calls.client("s3"), "list_objects_v2", pages):
        if contents:
            assert look(calls, ("", "")) == image(1)["Key"]
        else:
            with pytest.raises(UndecidedError, match=r"the first 20,000 objects under s3://images/person"):
                look(calls, ("person", ""))


def record(api: str, stream: dict[str, str], identity: dict[str, Any]) -> dict[str, Any]:
    parameters = {"aPIName": api, **stream}
    return {
        "EventTime": BEGIN,
        "CloudTrailEvent": json.dumps({"userIdentity": identity, "requestParameters": parameters}),
    }


def test_a_producer_is_found_on_a_later_page_among_others(calls: Calls) -> None:
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
        found = find_producer(calls, "front-door", ARN)
    assert (found.arn, found.others) == (ROLE, ())


def test_a_history_is_read_to_a_bound(calls: Calls) -> None:
    pages: list[dict[str, Any]] = [
        {"Events": [record("PUT_MEDIA", {"streamName": "back-door"}, {})], "NextToken": "more"}
    ] * 10
    with (
        answers(calls.client("cloudtrail"), "lookup_events", pages),
        pytest.raises(UndecidedError, match="newest 500 records"),
    ):
        find_producer(calls, "front-door", ARN)


def test_a_producer_that_is_gone_is_unknown(calls: Calls) -> None:
    page = {"Events": [record("PUT_MEDIA", {"streamName": "front-door"}, {"arn": ROLE})]}
    with answers(calls.client("cloudtrail"), "lookup_events", [page]), Stubber(calls.client("iam")) as iam:
        iam.add_client_error("get_role", "NoSuchEntity", http_status_code=404, expected_params={"RoleName": "camera"})
        with pytest.raises(UndecidedError, match="doesn't exist here any more"):
            find_producer(calls, "front-door", ARN)


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
def endpoint(calls: Calls) -> Iterator[Stubber]:
    with Stubber(calls.client("kinesisvideo")) as stubber:
        stubber.add_response("get_data_endpoint", {"DataEndpoint": ENDPOINT})
        yield stubber


@pytest.fixture
def archive(calls: Calls, endpoint: Stubber) -> Any:
    return calls.client("kinesis-video-archived-media", ENDPOINT)


def test_fragments_come_in_pages_and_in_any_order(calls: Calls, archive: Any) -> None:
    pages: list[dict[str, Any]] = [
        {"Fragments": [fragment(3), fragment(1)], "NextToken": "more"},
        {"Fragments": [fragment(2)]},
    ]
    with answers(archive, "list_fragments", pages):
        video = Video.find(calls, ARN, BEGIN, BEGIN + timedelta(hours=1))
    assert [one["FragmentNumber"] for one in video.fragments] == ["1", "2", "3"]


def test_too_many_fragments_are_unknown(calls: Calls, archive: Any) -> None:
    pages: list[dict[str, Any]] = [{"Fragments": [fragment(1)], "NextToken": "more"}] * 20
    with answers(archive, "list_fragments", pages), pytest.raises(UndecidedError) as raised:
        Video.find(calls, ARN, BEGIN, BEGIN + timedelta(days=1))
    assert "--minutes" in raised.value.fix


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [([1_000] * 12, 10), ([6_000_000] * 5, 3), ([50_000_000] * 2, 1)],
    ids=["many", "large", "largest"],
)
def test_the_newest_fragments_are_read_up_to_a_bound(calls: Calls, archive: Any, sizes: list[int], chosen: int) -> None:
    fragments = [fragment(number, size) for number, size in enumerate(sizes)]
    expected = [str(number) for number in range(len(sizes))][-chosen:]
    with Stubber(archive) as stubber:
        noise = b"no Matroska"
        stubber.add_response(
            "get_media_for_fragment_list",
            {"ContentType": "video/webm", "Payload": StreamingBody(BytesIO(noise), len(noise))},
            {"StreamARN": ARN, "Fragments": expected},
        )
        with pytest.raises(UndecidedError, match="can't be read"):
            Video(ARN, fragments).read(calls)


def test_what_is_cut_off_on_its_way_is_unknown(calls: Calls, archive: Any) -> None:
    body = StreamingBody(BytesIO(b"\x1a\x45\xdf\xa3"), 1_000)
    with Stubber(archive) as stubber:
        answer = {"ContentType": "video/webm", "Payload": body}
        stubber.add_response("get_media_for_fragment_list", answer, {"StreamARN": ARN, "Fragments": ANY})
        with pytest.raises(UndecidedError, match="can't be read"):
            Video(ARN, [fragment(1)]).read(calls)
