"""PutMedia: what is acknowledged, refused and cut, over plain HTTP and TLS."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from kinesis_video_local import LocalAws
from kinesis_video_matroska import Cluster, Reader, SimpleTag, Tags, write_header
from kinesis_video_tools.camera import ClockVideo, Producer
from waiting import eventually
from wire import END_OF_FRAGMENT, HEADER, TRACK, Client, PutMediaRequest, cluster, put_media, summary

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient

NewStream = Callable[..., str]
Headers = dict[str, str]


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(creating_seconds=0, tls=True) as aws:
        yield aws


@pytest.fixture
def headers(stream: str) -> Headers:
    return {"x-amzn-stream-name": stream}


@pytest.fixture(autouse=True)
def clean(aws: LocalAws) -> Iterator[None]:
    yield
    aws.clear_faults()


def acknowledged(*timecodes: int) -> list[list[Any]]:
    return [[event, timecode] for timecode in timecodes for event in ("BUFFERING", "RECEIVED", "PERSISTED")]


def fragments(client: Client, stream: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = client("kinesis-video-archived-media").list_fragments(StreamName=stream)["Fragments"]
    return listed


def test_fragments_are_acknowledged_while_the_body_still_comes(aws: LocalAws, headers: Headers) -> None:
    with PutMediaRequest(aws.endpoint_url, headers) as request:
        request.send(HEADER + cluster(1_000))
        first = request.acknowledgement()
        assert summary(first) == ["BUFFERING", 1_000]
        request.send(END_OF_FRAGMENT)
        assert [summary(request.acknowledgement()) for _ in range(2)] == [["RECEIVED", 1_000], ["PERSISTED", 1_000]]
        # Without an end-of-fragment tag the next cluster ends a fragment, and the body's end the last one.
        request.send(cluster(2_000), cluster(3_000))
        request.end()
        rest = request.acknowledgements()
    assert [summary(acknowledgement) for acknowledgement in rest] == acknowledged(2_000, 3_000)
    numbers = [first["FragmentNumber"], rest[0]["FragmentNumber"], rest[3]["FragmentNumber"]]
    assert numbers == sorted(numbers)
    assert [len(number) for number in numbers] == [47] * 3


def test_a_stream_without_retention_persists_nothing(
    aws: LocalAws, client: Client, new_stream: NewStream, stream_name: str
) -> None:
    arn = new_stream(stream_name, DataRetentionInHours=0)
    received = put_media(aws.endpoint_url, {"x-amzn-stream-arn": arn}, [HEADER + cluster(1_000)])
    assert received == [["BUFFERING", 1_000], ["RECEIVED", 1_000]]
    assert fragments(client, stream_name) == []


def test_relative_timecodes_count_from_the_producers_start(aws: LocalAws, client: Client, stream: str) -> None:
    headers = {
        "x-amzn-stream-name": stream,
        "x-amzn-fragment-timecode-type": "RELATIVE",
        "x-amzn-producer-start-timestamp": "1795252104.25",
    }
    assert put_media(aws.endpoint_url, headers, [HEADER + cluster(0) + cluster(2_000)]) == acknowledged(0, 2_000)
    times = [fragment["ProducerTimestamp"].timestamp() for fragment in fragments(client, stream)]
    assert times == [1795252104.25, 1795252106.25]


def test_a_producer_that_wants_no_acknowledgements_gets_none(aws: LocalAws, client: Client, headers: Headers) -> None:
    silent = {**headers, "x-amzn-fragment-acknowledgment-required": "0"}
    assert put_media(aws.endpoint_url, silent, [HEADER + cluster(1_000)]) == []
    assert len(fragments(client, headers["x-amzn-stream-name"])) == 1


def test_tls_speaks_http_1_1_and_its_data_endpoint_is_itself(aws: LocalAws, stream: str) -> None:
    assert aws.tls_endpoint_url
    session = boto3.Session("test", "test", region_name="us-east-1")
    with contextlib.closing(
        session.client("kinesisvideo", endpoint_url=aws.tls_endpoint_url, verify=str(aws.trusted_certificate))
    ) as secure:
        endpoint = secure.get_data_endpoint(StreamName=stream, APIName="PUT_MEDIA")["DataEndpoint"]
    assert endpoint == aws.tls_endpoint_url == aws.producer_environment["CONTROL_PLANE_URI"]
    with PutMediaRequest(endpoint, {"x-amzn-stream-name": stream}, trust=aws.trusted_certificate) as request:
        assert request.protocol == "http/1.1"
        request.send(HEADER + cluster(1_000))
        request.end()
        assert [summary(entry) for entry in request.acknowledgements()] == acknowledged(1_000)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"x-amzn-stream-arn": "arn:aws:kinesisvideo:us-east-1:000000000000:stream/a/1"}, "InvalidArgumentException"),
        ({"x-amzn-stream-name": ""}, "InvalidArgumentException"),
        ({"x-amzn-stream-name": "nobody"}, "ResourceNotFoundException"),
        ({"x-amzn-fragment-timecode-type": "absolute"}, "InvalidArgumentException"),
        ({"x-amzn-fragment-timecode-type": "RELATIVE"}, "InvalidArgumentException"),
        (
            {"x-amzn-fragment-timecode-type": "RELATIVE", "x-amzn-producer-start-timestamp": "yesterday"},
            "InvalidArgumentException",
        ),
        ({"x-amzn-producer-start-timestamp": "-1"}, "InvalidArgumentException"),
    ],
)
def test_a_request_that_is_wrong_is_refused_in_a_way_that_a_sender_reads(
    aws: LocalAws, headers: Headers, changes: dict[str, str], refused: str
) -> None:
    with PutMediaRequest(aws.endpoint_url, {**headers, **changes}) as request:
        request.send(HEADER, cluster(1_000))
        assert request.refusal() == (404 if refused == "ResourceNotFoundException" else 400, refused)
        # Still connected.
        request.send(cluster(2_000))
        assert json.loads(request.answer.read())["Message"]


def test_a_stream_takes_one_connection(aws: LocalAws, headers: Headers, new_stream: NewStream) -> None:
    new_stream(other := f"{headers['x-amzn-stream-name']}-other")
    with PutMediaRequest(aws.endpoint_url, headers) as first:
        first.send(HEADER, cluster(1_000))
        assert summary(first.acknowledgement()) == ["BUFFERING", 1_000]
        with PutMediaRequest(aws.endpoint_url, headers) as second:
            assert second.refusal() == (400, "ConnectionLimitExceededException")
        assert put_media(aws.endpoint_url, {"x-amzn-stream-name": other}, [HEADER + cluster(7)]) == acknowledged(7)
        first.end()
        first.acknowledgements()
    assert put_media(aws.endpoint_url, headers, [HEADER + cluster(1_000)]) == acknowledged(1_000)


def test_a_connection_that_is_lost_leaves_what_was_complete(aws: LocalAws, client: Client, headers: Headers) -> None:
    with PutMediaRequest(aws.endpoint_url, headers) as request:
        request.send(HEADER, cluster(1_000), cluster(2_000))
        while summary(request.acknowledgement()) != ["BUFFERING", 2_000]:
            pass

    def again() -> list[list[Any]]:
        # As a producer does: the connection before may not have ended yet.
        with PutMediaRequest(aws.endpoint_url, headers) as request:
            if request.answer.status != 200:
                return []
            request.send(HEADER + cluster(3_000))
            request.end()
            return [summary(acknowledgement) for acknowledgement in request.acknowledgements()]

    assert eventually(again) == acknowledged(3_000)
    times = [fragment["ProducerTimestamp"].timestamp() for fragment in fragments(client, headers["x-amzn-stream-name"])]
    assert times == [1, 3]


def test_what_a_producer_sends_after_an_error_breaks_nothing(aws: LocalAws, headers: Headers) -> None:
    old_tags = Tags((SimpleTag("AWS_KINESISVIDEO_IMAGE_GENERATION"), SimpleTag("door", "open")))
    tags = cluster(0, old_tags)[len(cluster(0)) :]
    aws.inject_fault("PutMedia.Fragment", error="KMS_KEY_ACCESS_DENIED")
    with PutMediaRequest(aws.endpoint_url, headers) as request:
        request.send(HEADER, cluster(1_000))
        assert summary(request.acknowledgement()) == ["BUFFERING", 1_000]
        error = request.acknowledgement()
        assert (error["EventType"], error["ErrorId"], error["ErrorCode"]) == ("ERROR", 4500, "KMS_KEY_ACCESS_DENIED")
        request.end()
        assert request.acknowledgements() == []
    # First a body of tags alone, then a header with old tags before its first cluster.
    assert put_media(aws.endpoint_url, headers, [tags + END_OF_FRAGMENT]) == []
    assert put_media(aws.endpoint_url, headers, [HEADER + tags + cluster(2_000)]) == acknowledged(2_000)


def test_a_fragment_that_breaks_a_limit_ends_the_connection(aws: LocalAws, headers: Headers) -> None:
    body = HEADER + cluster(5_000) + cluster(4_000) + cluster(6_000)
    *before, error = put_media(aws.endpoint_url, headers, [body])
    assert before == acknowledged(5_000)
    assert error == ["ERROR", 4_000, "FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS"]


def test_a_stream_that_is_deleted_meanwhile_takes_no_more(
    aws: LocalAws, kinesis_video: KinesisVideoClient, new_stream: NewStream, stream_name: str
) -> None:
    arn = new_stream(stream_name)
    with PutMediaRequest(aws.endpoint_url, {"x-amzn-stream-arn": arn}) as request:
        request.send(HEADER, cluster(1_000))
        assert summary(request.acknowledgement()) == ["BUFFERING", 1_000]
        kinesis_video.delete_stream(StreamARN=arn)
        request.send(cluster(2_000))
        request.end()
        assert summary(request.acknowledgements()[-1]) == ["ERROR", 2_000, "STREAM_NOT_ACTIVE"]


@pytest.mark.parametrize(
    ("change", "error", "number"),
    [
        ("no key", "KMS_KEY_NOT_FOUND", "4506"),
        ("disabled", "KMS_KEY_DISABLED", "4501"),
        ("to be deleted", "KMS_KEY_INVALID_STATE", "4505"),
        ("for signatures", "KMS_KEY_INVALID_USAGE", "4504"),
    ],
)
def test_a_stream_whose_key_cant_be_used_takes_nothing(
    aws: LocalAws, client: Client, new_stream: NewStream, stream_name: str, change: str, error: str, number: str
) -> None:
    kms = client("kms")
    usage = {"KeyUsage": "SIGN_VERIFY", "KeySpec": "ECC_NIST_P256"} if change == "for signatures" else {}
    key = kms.create_key(**usage)["KeyMetadata"]["Arn"]
    new_stream(stream_name, KmsKeyId="alias/nobodys" if change == "no key" else key)
    headers = {"x-amzn-stream-name": stream_name}
    if change in ("disabled", "to be deleted"):
        assert put_media(aws.endpoint_url, headers, [HEADER + cluster(1)]) == acknowledged(1)
    if change == "disabled":
        kms.disable_key(KeyId=key)
    if change == "to be deleted":
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    events = put_media(aws.endpoint_url, headers, [HEADER + cluster(2)])
    assert events == [["BUFFERING", 2], ["ERROR", 2, error]]
    # Nor can it be read.
    selector = {"StartSelectorType": "EARLIEST"}
    read = client("kinesis-video-media").get_media(StreamName=stream_name, StartSelector=selector)["Payload"].read()
    (tags,) = [element for element in Reader().feed(read) if isinstance(element, Tags)]
    assert dict(tags.tags) == {"AWS_KINESISVIDEO_ERROR_CODE": error, "AWS_KINESISVIDEO_ERROR_ID": number}


def test_a_connection_can_be_cut_in_the_middle(aws: LocalAws, headers: Headers) -> None:
    aws.inject_fault("PutMedia.Fragment", error="CONNECTION_CUT")
    with PutMediaRequest(aws.endpoint_url, headers) as request:
        request.send(HEADER, cluster(1_000))
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            request.answer.read()


def test_an_acknowledgement_can_be_slow(aws: LocalAws, headers: Headers) -> None:
    aws.inject_fault("PutMedia.Fragment", delay_seconds=0.3)
    begin = time.monotonic()
    assert put_media(aws.endpoint_url, headers, [HEADER + cluster(1_000)]) == acknowledged(1_000)
    assert time.monotonic() - begin >= 0.3


def test_a_fault_of_a_fragment_is_the_name_of_an_acknowledgements_error(aws: LocalAws) -> None:
    with pytest.raises(ValueError, match="'ResourceNotFoundException' is no error code"):
        aws.inject_fault("PutMedia.Fragment", error="ResourceNotFoundException")


def read_places(payload: Any, number: int) -> list[dict[str, str]]:
    """Read that many fragments of GetMedia, and return the tags that the service has added to each."""
    reader, places, place = Reader(), list[dict[str, str]](), dict[str, str]()
    while len(places) < number:
        for element in reader.feed(payload.read(1)):
            if isinstance(element, Tags):
                place.update(element.tags)
            if "AWS_KINESISVIDEO_CONTINUATION_TOKEN" in place:
                places.append(place)
                place = {}
    return places


def test_a_reader_goes_on_by_token_after_the_producer_was_cut_and_loses_no_fragment(
    aws: LocalAws, client: Client, stream: str
) -> None:
    media = client("kinesis-video-media")
    video = ClockVideo("front-door", width=160, height=96, frame_rate=4, fragment_seconds=1)
    producer = Producer(stream, session=aws.session(), endpoint_url=aws.endpoint_url)
    producer.send(video, fragments=2, speed=20)
    begin = media.get_media(StreamName=stream, StartSelector={"StartSelectorType": "EARLIEST"})
    with contextlib.closing(begin["Payload"]) as payload:
        read = read_places(payload, 2)
    aws.inject_fault("PutMedia", error="ServiceUnavailable")
    aws.inject_fault("PutMedia.Fragment", error="CONNECTION_CUT")
    report = producer.send(video, fragments=3, speed=20)
    assert (report.connections, report.complete) == (3, True)
    token = {
        "StartSelectorType": "CONTINUATION_TOKEN",
        "ContinuationToken": read[-1]["AWS_KINESISVIDEO_CONTINUATION_TOKEN"],
    }
    again = media.get_media(StreamName=stream, StartSelector=token)
    with contextlib.closing(again["Payload"]) as payload:
        read += read_places(payload, 3)
    kept = fragments(client, stream)
    assert [place["AWS_KINESISVIDEO_FRAGMENT_NUMBER"] for place in read] == [
        fragment["FragmentNumber"] for fragment in kept
    ]
    assert [float(place["AWS_KINESISVIDEO_PRODUCER_TIMESTAMP"]) for place in read] == [
        fragment["ProducerTimestamp"].timestamp() for fragment in kept
    ]
    arrivals = [round(fragment["ServerTimestamp"].timestamp() * 1000) for fragment in kept]
    behind = [int(place["AWS_KINESISVIDEO_MILLIS_BEHIND_NOW"]) for place in read]
    # By the newest fragment of the time when it was read.
    assert behind == [arrivals[1] - arrivals[0], 0, *(arrivals[4] - arrival for arrival in arrivals[2:])]


@pytest.mark.parametrize(
    ("selector", "member", "value"),
    [
        ("FRAGMENT_NUMBER", "AfterFragmentNumber", "91343852333181" + "0" * 33),
        ("CONTINUATION_TOKEN", "ContinuationToken", "nobodys"),
        ("PRODUCER_TIMESTAMP", "StartTimestamp", None),
        ("SERVER_TIMESTAMP", "StartTimestamp", None),
    ],
)
def test_get_media_says_what_its_selector_lacks_and_that_a_fragment_does_not_exist(
    aws: LocalAws, client: Client, headers: Headers, selector: str, member: str, value: str | None
) -> None:
    put_media(aws.endpoint_url, headers, [HEADER + cluster(1_000)])
    media = client("kinesis-video-media")
    request: dict[str, Any] = {"StreamName": headers["x-amzn-stream-name"]}
    with pytest.raises(media.exceptions.InvalidArgumentException, match=f"{selector} needs {member}"):
        media.get_media(**request, StartSelector={"StartSelectorType": selector})
    if value is None:
        return
    answer = media.get_media(**request, StartSelector={"StartSelectorType": selector, member: value})
    elements = list(Reader().feed(answer["Payload"].read()))
    (tags,) = [element for element in elements if isinstance(element, Tags)]
    assert dict(tags.tags)["AWS_KINESISVIDEO_ERROR_ID"] == "4000"
    assert not [element for element in elements if isinstance(element, Cluster)]


def test_fragments_are_listed_by_time_and_read_by_number(
    aws: LocalAws, client: Client, stream: str, headers: Headers
) -> None:
    put_media(aws.endpoint_url, headers, [HEADER + b"".join(cluster(number * 1_000) for number in range(1, 5))])
    archive = client("kinesis-video-archived-media")
    selector = {
        "FragmentSelectorType": "PRODUCER_TIMESTAMP",
        "TimestampRange": {"StartTimestamp": 2, "EndTimestamp": 4},
    }
    pages = list(
        archive.get_paginator("list_fragments").paginate(
            StreamName=stream, FragmentSelector=selector, PaginationConfig={"PageSize": 2}
        )
    )
    assert [[entry["ProducerTimestamp"].timestamp() for entry in page["Fragments"]] for page in pages] == [[2, 3], [4]]
    assert pages[0]["Fragments"][0]["FragmentLengthInMilliseconds"] == 100
    numbers = [page["Fragments"][0]["FragmentNumber"] for page in reversed(pages)]
    media = archive.get_media_for_fragment_list(StreamName=stream, Fragments=numbers)
    assert media["ContentType"] == "video/webm"
    elements = list(Reader().feed(media["Payload"].read()))
    assert [element.timecode for element in elements if isinstance(element, Cluster)] == [4_000, 2_000]
    added = [dict(element.tags) for element in elements if isinstance(element, Tags)]
    assert [tags["AWS_KINESISVIDEO_FRAGMENT_NUMBER"] for tags in added] == numbers
    assert [tags["AWS_KINESISVIDEO_PRODUCER_SIDE_TIMESTAMP"] for tags in added] == ["4.000", "2.000"]
    assert all(float(tags["AWS_KINESISVIDEO_SERVER_SIDE_TIMESTAMP"]) > time.time() - 60 for tags in added)
    with pytest.raises(archive.exceptions.InvalidArgumentException):
        archive.get_media_for_fragment_list(StreamName=stream, Fragments=["7"])
    with pytest.raises(archive.exceptions.InvalidArgumentException, match="NextToken"):
        archive.list_fragments(StreamName=stream, NextToken="another's")

    minute = {"StartTimestamp": time.time() - 60, "EndTimestamp": time.time() + 60}
    for selector_type, number in (("SERVER_TIMESTAMP", 4), ("PRODUCER_TIMESTAMP", 0)):
        selector = {"FragmentSelectorType": selector_type, "TimestampRange": minute}
        assert len(archive.list_fragments(StreamName=stream, FragmentSelector=selector)["Fragments"]) == number


def test_the_metrics_of_a_stream_are_those_that_are_documented(
    aws: LocalAws, client: Client, stream: str, headers: Headers
) -> None:
    body = write_header([TRACK]) + cluster(2_000) + cluster(3_000)
    put_media(aws.endpoint_url, headers, [body])
    put_media(aws.endpoint_url, headers, [body + cluster(1_000)])

    cloudwatch = client("cloudwatch")

    def total(name: str, statistic: str = "Sum") -> float:
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/KinesisVideo",
            MetricName=f"PutMedia.{name}",
            Dimensions=[{"Name": "StreamName", "Value": stream}],
            StartTime=time.time() - 600,
            EndTime=time.time() + 600,
            Period=3_600,
            Statistics=[statistic],
        )["Datapoints"]
        return float(sum(point[statistic] for point in points))

    assert total("Requests") == 2
    assert total("IncomingFragments") == 4
    assert total("IncomingFrames") == 8
    assert total("IncomingBytes") == 2 * len(body) + len(cluster(1_000))
    assert total("ErrorAckCount") == 1
    assert total("Success", "Average") == 4 / 5
    assert total("PersistedAckLatency", "SampleCount") == 4

    with PutMediaRequest(aws.endpoint_url, headers) as first:
        first.send(HEADER)
        assert first.answer.status == 200
        with PutMediaRequest(aws.endpoint_url, headers) as second:
            assert second.refusal() == (400, "ConnectionLimitExceededException")
    listed = cloudwatch.list_metrics(
        Namespace="AWS/KinesisVideo", Dimensions=[{"Name": "StreamName", "Value": stream}]
    )["Metrics"]
    assert {metric["MetricName"].removeprefix("PutMedia.") for metric in listed} == {
        *("Requests", "ActiveConnections", "ConnectionErrors", "Latency", "Success", "ErrorAckCount"),
        *("IncomingBytes", "IncomingFragments", "IncomingFrames"),
        *("FragmentIngestionLatency", "FragmentPersistLatency"),
        *("BufferingAckLatency", "ReceivedAckLatency", "PersistedAckLatency"),
    }
    assert (total("Requests"), total("ActiveConnections"), total("ConnectionErrors")) == (4, 3, 1)


def test_a_stream_takes_5_calls_a_second(aws: LocalAws, headers: Headers) -> None:
    refused = []
    with contextlib.ExitStack() as opened:
        # All are sent before the first answer is read.
        requests = [opened.enter_context(PutMediaRequest(aws.endpoint_url, headers)) for _ in range(40)]
        for request in requests:
            if request.answer.status != 200:
                refused.append(request.refusal())
    assert (400, "ClientLimitExceededException") in refused
    called = [call for call in aws.calls("PutMedia") if call.stream == headers["x-amzn-stream-name"]]
    assert sorted((400, call.error) for call in called if call.error) == sorted(refused)
