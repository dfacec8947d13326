"""The producer, against a service on 127.0.0.1."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from kinesis_video_matroska import Reader, SimpleTag, TagName, Tags, Tracks
from kinesis_video_tools.camera import (
    Acknowledgement,
    AcknowledgementReader,
    ClockVideo,
    Producer,
    PutMediaError,
    Report,
    fragment_tags,
)

from .service import ACCESS_KEY, ROLE_ACCESS_KEY, ROLE_TOKEN, Answer, Service, serve


def small_video() -> ClockVideo:
    return ClockVideo("front-door", width=160, height=96, frame_rate=4, fragment_seconds=1)


@cache
def session() -> boto3.Session:
    """A session for all tests: reading the service's model takes a third of a second."""
    return boto3.Session()


def make_producer(service: Service, **options: Any) -> Producer:
    return Producer("front-door", session=session(), endpoint_url=service.url, **options)


def send(*answers: Answer, fragments: int = 3, **options: Any) -> tuple[Report, Service]:
    """Send fragments to a service that answers so."""
    with serve(*answers) as service:
        return make_producer(service, **options).send(small_video(), fragments=fragments, speed=20), service


def timecodes_of(service: Service) -> list[list[int]]:
    """The fragments that have arrived, for each connection."""
    return [[fragment.timecode for fragment in received.fragments] for received in service.put_media]


def test_fragments_arrive_as_the_video_has_them_in_the_request_that_is_documented() -> None:
    tags = fragment_tags(prefix="person/", metadata={"camera": "east"})
    report, service = send(tags=tags)
    (received,) = service.put_media
    assert (report.fragments, report.acknowledged, report.persisted, report.connections) == (3, 3, 3, 1)
    assert report.complete
    assert received.ended
    start = received.fragments[0].timecode
    assert received.headers["x-amzn-stream-name"] == "front-door"
    assert received.headers["x-amzn-fragment-timecode-type"] == "ABSOLUTE"
    assert received.headers["x-amzn-producer-start-timestamp"] == f"{start // 1000}.{start % 1000:03d}"
    assert received.headers["transfer-encoding"] == "chunked"
    credential, names, _ = received.headers["authorization"].split(", ")
    assert credential.endswith("/eu-central-1/kinesisvideo/aws4_request")
    assert {"host", "x-amz-date", "x-amzn-stream-name"} <= {*names.removeprefix("SignedHeaders=").split(";")}
    assert service.calls == [("/getDataEndpoint", ACCESS_KEY)]
    sent = small_video().fragments(start)
    assert [fragment.frames for fragment in received.fragments] == [next(sent).frames for _ in range(3)]
    assert [tuple(fragment.tags) for fragment in received.fragments] == [tags] * 3
    assert Tracks((small_video().track,)) in list(Reader().feed(received.body))
    assert received.body.count(TagName.END_OF_FRAGMENT.encode()) == 3


def test_relative_timecodes_count_from_the_begin_of_each_connection() -> None:
    report, service = send(Answer(cut_in=1), absolute_timecodes=False)
    first, second = service.put_media
    assert report.complete
    assert timecodes_of(service) == [[0], [0, 1000]]
    starts = [float(received.headers["x-amzn-producer-start-timestamp"]) for received in (first, second)]
    assert round(starts[1] - starts[0], 3) == 1
    assert {received.headers["x-amzn-fragment-timecode-type"] for received in (first, second)} == {"RELATIVE"}


def test_acknowledgements_are_read_while_the_body_goes_on() -> None:
    # The video has no end that this test would wait for: the acknowledgement of its first fragment ends it.
    def stop(acknowledgement: Acknowledgement) -> None:
        if acknowledgement.event_type == "PERSISTED":
            producer.stop()

    with serve() as service:
        producer = make_producer(service, on_acknowledgement=stop)
        report = producer.send(small_video(), fragments=10_000, speed=1000)
    assert report.complete
    assert 1 <= report.persisted < 10


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([b"", b"\n", b"\r\n", b" , \n", b"noise ", b"{bad}", b"}"]), min_size=3, max_size=3),
    st.data(),
)
def test_acknowledgements_are_read_in_pieces_of_any_size(separators: list[bytes], data: st.DataObject) -> None:
    texts = [
        b'{"EventType":"BUFFERING","FragmentTimecode":1711124585823,"FragmentNumber":"91343852344490"}',
        b'{ "EventType" : "IDLE" }',
        b'{"EventType":"ERROR","FragmentTimecode":5,"FragmentNumber":"9","ErrorId":"4006","ErrorCode":"INVALID_MKV_DATA"}',
    ]
    stream = b"".join(separator + text for separator, text in zip(separators, texts, strict=True))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    reader = AcknowledgementReader()
    found = [
        acknowledgement
        for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for acknowledgement in reader.feed(stream[begin:end])
    ]
    assert found == [
        Acknowledgement("BUFFERING", 1711124585823, "91343852344490"),
        Acknowledgement("IDLE"),
        Acknowledgement("ERROR", 5, "9", 4006, "INVALID_MKV_DATA"),
    ]


def test_a_cut_connection_is_opened_again_and_its_fragments_are_sent_again() -> None:
    reasons: list[str] = []
    report, service = send(Answer(cut_in=1), Answer(cut_in=0), on_reconnect=reasons.append)
    first, second, third = timecodes_of(service)
    assert report.complete
    assert (report.fragments, report.connections) == (3, 3)
    assert second == []
    assert [timecode - first[0] for timecode in first + third] == [0, 1000, 2000]
    assert all(reason.startswith("the connection was lost: ") for reason in reasons)
    assert len(reasons) == 2
    assert service.calls == [("/getDataEndpoint", ACCESS_KEY)]


def test_an_old_connection_is_ended_as_it_should_be_and_followed_by_another() -> None:
    report, service = send(fragments=4, connection_seconds=0.3)
    assert report.complete
    assert report.connections > 1
    assert all(received.ended for received in service.put_media)
    assert sum(map(len, timecodes_of(service))) == 4


def test_a_fragment_that_is_answered_with_an_error_is_given_up_and_the_next_ones_arrive() -> None:
    answer = Answer(error_in=1, error='"ErrorId":"4006","ErrorCode":"INVALID_MKV_DATA"')
    reasons: list[str] = []
    report, service = send(answer, on_reconnect=reasons.append)
    assert (report.fragments, report.acknowledged, report.connections) == (3, 2, 2)
    assert not report.complete
    (error,) = report.errors
    assert (error.error_id, error.error_code) == (4006, "INVALID_MKV_DATA")
    assert error.meaning == "the data is no valid Matroska (4006 INVALID_MKV_DATA)"
    assert reasons == [f"the service reports an error: {error.meaning}"]
    (first, refused), (third,) = timecodes_of(service)
    assert (refused - first, third - first) == (1000, 2000)


@pytest.mark.parametrize("has_timecode", [True, False])
def test_an_error_of_the_last_fragment_ends_the_producer(has_timecode: bool) -> None:
    report, service = send(Answer(error_in=0, error_has_timecode=has_timecode), fragments=1)
    assert not report.complete
    assert len(service.put_media) == 1
    assert report.errors[0].meaning == (
        "the producer may not use the key that encrypts the stream; allow it kms:GenerateDataKey "
        "(4500 KMS_KEY_ACCESS_DENIED)"
    )


def test_an_unknown_error_keeps_its_name() -> None:
    meaning = Acknowledgement("ERROR", error_id=4999, error_code="NEW_ERROR").meaning
    assert meaning == "the service gives no reason that this version knows (4999 NEW_ERROR)"


def test_a_stream_without_retention_persists_nothing_and_all_is_well() -> None:
    report, _ = send(Answer(retention=False), fragments=2)
    assert report.complete
    assert (report.acknowledged, report.persisted) == (2, 0)


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (
            (404, "ResourceNotFoundException", "The requested stream is not found."),
            "the service refuses PutMedia with 404 ResourceNotFoundException: The requested stream is not found.; "
            "look at the stream's name, the Region and the account",
        ),
        (
            (401, "NotAuthorizedException", "User may not"),
            "the service refuses PutMedia with 401 NotAuthorizedException: User may not; "
            "allow the producer kinesisvideo:PutMedia on the stream",
        ),
        (
            (400, "InvalidArgumentException", "no"),
            "the service refuses PutMedia with 400 InvalidArgumentException: no",
        ),
    ],
)
def test_a_refusal_is_said_and_not_tried_again(refusal: tuple[int, str, str], words: str) -> None:
    with serve(Answer(refusal=refusal)) as service, pytest.raises(PutMediaError) as error:
        make_producer(service).send(ClockVideo("front-door"))
    assert str(error.value) == words
    assert error.value.code == refusal[1]
    assert len(service.put_media) == 1


@pytest.mark.parametrize(
    "refusal", [(400, "ConnectionLimitExceededException", "one"), (503, "ServiceUnavailableException", "later")]
)
def test_a_refusal_that_passes_is_tried_again(refusal: tuple[int, str, str]) -> None:
    report, service = send(Answer(refusal=refusal), fragments=1)
    assert report.complete
    assert len(service.put_media) == 2


def test_a_throttled_request_for_the_endpoint_is_made_again() -> None:
    with serve() as service:
        service.throttled = 2
        assert make_producer(service).send(small_video(), fragments=1, speed=20).complete
    assert [call for call, _ in service.calls] == ["/getDataEndpoint"] * 3


def test_it_gives_up_after_too_many_connections_without_an_acknowledgement() -> None:
    with serve(*[Answer(refusal=(500, "InternalFailure", "oh"))] * 3) as service, pytest.raises(PutMediaError) as error:
        make_producer(service, attempts=2).send(small_video())
    assert str(error.value) == (
        "the producer gives up after 2 connections without an acknowledgement; "
        "the last: the service refuses PutMedia with 500 InternalFailure: oh"
    )
    assert len(service.put_media) == 2


def test_it_never_gives_up_while_each_connection_is_acknowledged() -> None:
    reasons: list[str] = []
    report, _ = send(*[Answer(end_after=0)] * 3, fragments=4, attempts=1, on_reconnect=reasons.append)
    assert report.complete
    assert report.connections == 4
    assert reasons == ["the service has ended the connection"] * 3


def test_it_gives_up_if_nobody_listens() -> None:
    with serve() as service:
        producer = make_producer(service, attempts=2)
        assert producer.send(small_video(), fragments=1, speed=20).complete
    with pytest.raises(PutMediaError, match="the producer gives up after 2 connections without an acknowledgement"):
        producer.send(small_video(), fragments=1, speed=20)


def test_it_tries_again_if_the_role_cant_be_assumed_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    def unplug(reason: str) -> None:
        reasons.append(reason)
        service.shutdown()
        service.server_close()

    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    reasons: list[str] = []
    with serve(Answer(cut_in=0)) as service:
        role = "arn:aws:iam::123456789012:role/producer"
        producer = make_producer(service, role_arn=role, attempts=3, on_reconnect=unplug)
        with pytest.raises(PutMediaError, match="the producer gives up after 3 connections"):
            producer.send(small_video(), fragments=1, speed=20)
    assert reasons[1].startswith("Could not connect to the endpoint URL")


def test_a_role_is_assumed_for_every_connection_and_its_permissions_are_used() -> None:
    report, service = send(Answer(cut_in=0), fragments=1, role_arn="arn:aws:iam::123456789012:role/producer")
    cut, received = service.put_media
    assert report.complete
    for request in (cut, received):
        assert f"Credential={ROLE_ACCESS_KEY}/" in request.headers["authorization"]
        assert request.headers["x-amz-security-token"] == ROLE_TOKEN
    assert service.calls == [
        ("AssumeRole", ACCESS_KEY),
        ("/getDataEndpoint", ROLE_ACCESS_KEY),
        ("AssumeRole", ACCESS_KEY),
    ]


def test_it_works_over_tls_and_believes_only_known_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    with serve(tls=context) as service:
        producer = make_producer(service)
        assert producer.send(small_video(), fragments=2, speed=20).complete
        monkeypatch.delenv("AWS_CA_BUNDLE")
        with pytest.raises(PutMediaError, match=r"isn't trusted .* AWS_CA_BUNDLE"):
            producer.send(small_video(), fragments=1, speed=20)


def test_video_faster_than_real_time_ends_no_later_than_now() -> None:
    with serve() as service:
        make_producer(service).send(small_video(), seconds=2.5, speed=10)
        (received,) = service.put_media
    signed = datetime.strptime(received.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    frames = [frame for fragment in received.fragments for frame in fragment.frames]
    assert [frame.timecode - frames[0].timecode for frame in frames] == [250 * index for index in range(10)]
    # The signature's time has no fraction.
    assert frames[-1].timecode / 1000 <= signed.timestamp() + 1


@pytest.mark.parametrize(("speed", "words"), [(0.5, "`speed` is 0.5"), (2, "`speed` is 2, and a video without an end")])
def test_a_speed_that_cant_be_kept_is_refused(speed: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Producer("front-door").send(small_video(), speed=speed)


IMAGE, NOTIFICATION = SimpleTag(TagName.IMAGE_GENERATION), SimpleTag(TagName.NOTIFICATION)
EAST, WEST = SimpleTag("camera", "east"), SimpleTag("door", "west")


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        ({}, [Tags((IMAGE,))]),
        (
            {"prefix": "door/", "metadata": {"camera": "east"}},
            [Tags((IMAGE, SimpleTag(TagName.IMAGE_PREFIX, "door/"), EAST))],
        ),
        (
            {"notifications": True, "metadata": {"camera": "east", "door": "west"}},
            [Tags((NOTIFICATION, EAST, WEST)), Tags((IMAGE, EAST, WEST))],
        ),
        ({"images": False, "notifications": True}, [Tags((NOTIFICATION,))]),
        ({"images": False, "metadata": {"camera": "east", "door": "west"}}, [Tags((EAST,)), Tags((WEST,))]),
        ({"images": False}, []),
        # As many as are allowed.
        (
            {"prefix": "door/", "metadata": dict.fromkeys("abcdefg", "")},
            [Tags((IMAGE, SimpleTag(TagName.IMAGE_PREFIX, "door/"), *map(SimpleTag, "abcdefg")))],
        ),
    ],
)
def test_tags_are_those_of_the_c_producer(options: dict[str, Any], tags: list[Tags]) -> None:
    assert list(fragment_tags(**options)) == tags


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metadata": {"AWS_CAMERA": "east"}}, "`metadata` has the name 'AWS_CAMERA'"),
        ({"metadata": {"": "east"}}, "`metadata` has the name ''"),
        ({"metadata": {"ü" * 65: "east"}}, "names have 1 to 128 bytes"),
        ({"metadata": {"camera": "ü" * 129}}, "of 258 bytes, and 256 are allowed"),
        ({"prefix": "x" * 257}, "`prefix` has the value"),
        ({"prefix": "door/", "images": False}, "`prefix` is 'door/' without images"),
        ({"metadata": {str(number): "" for number in range(9)}}, "`metadata` makes 10 tags a fragment, and 9 are"),
    ],
)
def test_tags_that_the_service_refuses_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fragment_tags(**options)
