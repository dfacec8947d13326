"""From video to images in a bucket, their events and their notifications."""

from __future__ import annotations

import base64
import io
import itertools
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from email.header import decode_header, make_header
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from PIL import Image

from kinesis_video_images import parse_image_key, parse_image_metadata
from kinesis_video_local import LocalAws
from kinesis_video_matroska import Fragment, Frame, SimpleTag, Tags, Track
from kinesis_video_tools.camera import ClockVideo, Producer, fragment_tags
from tests.tools.clock_reader import read_clock
from tests.videos import OPEN_GOP, cut, encoded
from waiting import eventually
from wire import HEADER, IMAGE, Client, cluster, put_media, written

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient

NewStream = Callable[..., str]
BUCKET = "images"
START = 1795252104607
WIDTH, HEIGHT = 160, 96

_folders = itertools.count()


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(creating_seconds=0, quotas=False) as aws:
        yield aws


@pytest.fixture(scope="module", autouse=True)
def bucket(client: Client) -> None:
    client("s3").create_bucket(Bucket=BUCKET)


class Images:
    """The images of a folder."""

    def __init__(self, client: Client, folder: str) -> None:
        self._s3 = client("s3")
        self.folder = folder

    def keys(self) -> list[str]:
        contents = self._s3.list_objects_v2(Bucket=BUCKET, Prefix=self.folder).get("Contents", [])
        return sorted(entry["Key"] for entry in contents)

    def wait(self, number: int) -> list[str]:
        keys = eventually(self.keys, lambda keys: len(keys) >= number)
        assert len(keys) == number
        return keys

    def get(self, key: str) -> Any:
        return self._s3.get_object(Bucket=BUCKET, Key=key)

    def picture(self, key: str) -> Image.Image:
        return Image.open(io.BytesIO(self.get(key)["Body"].read()))

    def times(self, number: int) -> list[int]:
        """Wait for that many images, and return the times in their keys."""
        return [parse_image_key(key).timecode for key in self.wait(number)]


@dataclass
class Site:
    """A stream, and the folders of its images."""

    aws: LocalAws
    client: Client
    kinesis_video: KinesisVideoClient
    new_stream: NewStream
    stream: str

    def configure(self, **changes: Any) -> Images:
        """Configure the images of the stream, and return those of their folder."""
        folder = f"folder-{next(_folders)}/"
        configuration: Any = {
            "Status": "ENABLED",
            "ImageSelectorType": "PRODUCER_TIMESTAMP",
            "DestinationConfig": {"Uri": f"s3://{BUCKET}/{folder}", "DestinationRegion": "us-east-1"},
            "SamplingInterval": 1_000,
            "Format": "JPEG",
            **changes,
        }
        self.kinesis_video.update_image_generation_configuration(
            StreamName=self.stream, ImageGenerationConfiguration=configuration
        )
        return Images(self.client, folder)

    def put(self, body: bytes) -> list[str]:
        """Send a body, all at once, and return the types of the acknowledgements."""
        events = put_media(self.aws.endpoint_url, {"x-amzn-stream-name": self.stream}, [body])
        return [event[0] for event in events]

    def send(self, *tags: Tags, fragments: int = 1, frame_rate: float = 4) -> None:
        """Send fragments with tags; each must be persisted."""
        source = video(frame_rate)
        body = written([source.track], itertools.islice(source.fragments(START), fragments), *tags)
        assert self.put(body) == ["BUFFERING", "RECEIVED", "PERSISTED"] * fragments


@pytest.fixture
def site(aws: LocalAws, client: Client, kinesis_video: KinesisVideoClient, new_stream: NewStream, stream: str) -> Site:
    return Site(aws, client, kinesis_video, new_stream, stream)


def video(frame_rate: float = 4) -> ClockVideo:
    return ClockVideo("front-door", width=WIDTH, height=HEIGHT, frame_rate=frame_rate, fragment_seconds=1)


@pytest.mark.parametrize("absolute_timecodes", [True, False])
def test_an_image_shows_the_time_of_its_key(site: Site, absolute_timecodes: bool) -> None:
    images = site.configure(SamplingInterval=500)
    session = boto3.Session("test", "test", region_name="us-east-1")
    tags = fragment_tags(metadata={"Door": "east", "street": "Bäckerstraße", "no header": "x", "lines": "1\n2"})
    producer = Producer(
        site.stream,
        session=session,
        endpoint_url=site.aws.endpoint_url,
        tags=tags,
        absolute_timecodes=absolute_timecodes,
    )
    assert producer.send(video(), fragments=2, speed=20).persisted == 2

    begin, *others = images.times(4)
    assert others == [begin + 500, begin + 1_000, begin + 1_500]
    fragments = site.client("kinesis-video-archived-media").list_fragments(StreamName=site.stream)["Fragments"]
    for key, number in zip(images.keys(), (0, 0, 1, 1), strict=True):
        picture, parsed, image = images.picture(key), parse_image_key(key), images.get(key)
        assert (picture.format, picture.size) == ("JPEG", (WIDTH, HEIGHT))
        assert read_clock(picture, WIDTH, HEIGHT) == parsed.timecode
        assert (parsed.account, parsed.stream_name, image["ContentType"]) == ("000000000000", site.stream, "image/jpeg")
        metadata = parse_image_metadata(image["Metadata"])
        assert metadata.producer_timestamp == str(parsed.timecode)
        assert abs(int(metadata.server_timestamp) - time.time() * 1000) < 60_000
        assert metadata.fragment_number == fragments[number]["FragmentNumber"]
        custom = {name: str(make_header(decode_header(value))) for name, value in metadata.custom.items()}
        assert custom == {"door": "east", "street": "Bäckerstraße", "lines": "1 2"}


@pytest.mark.parametrize(
    ("frame_rate", "interval", "offsets"),
    [
        # The first frame, and the first one after each interval: the frames come every 250 ms.
        (4, 400, [0, 500]),
        # An interval that is longer than the fragment gives the first frame of each.
        (4, 20_000, [0]),
        (1, 200, [0]),
    ],
)
def test_an_interval_counts_from_the_begin_of_each_fragment(
    site: Site, frame_rate: float, interval: int, offsets: list[int]
) -> None:
    images = site.configure(SamplingInterval=interval)
    site.send(IMAGE, fragments=2, frame_rate=frame_rate)
    expected = [START + 1_000 * fragment + offset for fragment in (0, 1) for offset in offsets]
    assert images.times(len(expected)) == expected


def test_the_servers_clock_counts_when_frames_arrive(site: Site) -> None:
    images = site.configure(ImageSelectorType="SERVER_TIMESTAMP", SamplingInterval=200)
    before = time.time_ns() // 1_000_000
    site.send(IMAGE)
    (key,) = images.wait(1)
    assert before <= parse_image_key(key).timecode <= time.time_ns() // 1_000_000
    assert images.get(key)["Metadata"]["aws_kinesisvideo_producer_timestamp"] == str(START)
    assert read_clock(images.picture(key), WIDTH, HEIGHT) == START


@pytest.mark.parametrize(
    ("changes", "kind", "size"),
    [
        ({"Format": "PNG"}, "PNG", (160, 96)),
        ({"WidthPixels": 320}, "JPEG", (320, 192)),
        ({"HeightPixels": 192}, "JPEG", (320, 192)),
        ({"Format": "PNG", "WidthPixels": 200, "HeightPixels": 240}, "PNG", (200, 240)),
    ],
)
def test_an_image_has_the_format_and_the_size_that_is_configured(
    site: Site, changes: dict[str, Any], kind: str, size: tuple[int, int]
) -> None:
    images = site.configure(**changes)
    site.send(IMAGE)
    (key,) = images.wait(1)
    picture = images.picture(key)
    assert (picture.format, picture.size) == (kind, size)
    assert images.get(key)["ContentType"] == f"image/{kind.lower()}"
    assert parse_image_key(key).extension == {"JPEG": "jpg", "PNG": "png"}[kind]
    assert read_clock(picture, WIDTH, HEIGHT) == START


def test_a_higher_quality_makes_a_larger_jpeg(site: Site) -> None:
    sizes = []
    for quality in ("1", "80", "100"):
        images = site.configure(FormatConfig={"JPEGQuality": quality})
        site.send(IMAGE)
        (key,) = images.wait(1)
        sizes.append(images.get(key)["ContentLength"])
    assert sizes == sorted(set(sizes))


def test_the_prefix_tag_comes_before_the_account(site: Site) -> None:
    images = site.configure()
    site.send(*fragment_tags(prefix="person/"))
    (key,) = images.wait(1)
    assert key.startswith(f"{images.folder}person/_000000000000_{site.stream}_{START}_")


def test_h265_gives_images_as_well(site: Site) -> None:
    images = site.configure(SamplingInterval=200)
    track, frames = encoded("libx265", {"x265-params": "log-level=none:pools=1"}, seconds=1)
    site.put(written([track], cut(frames, START), IMAGE))
    assert [images.picture(key).size for key in images.wait(5)] == [(128, 96)] * 5


def test_a_fragment_that_refers_to_the_one_before_gives_its_images_and_the_log_says_what_it_lacks(site: Site) -> None:
    images = site.configure(SamplingInterval=20_000)
    track, frames = encoded("libx264", OPEN_GOP)
    fragments = cut(frames, START)
    site.put(written([track], fragments, IMAGE))
    assert images.times(2) == [START, START + 2_000]

    archive = site.client("kinesis-video-archived-media")
    late = archive.list_fragments(StreamName=site.stream)["Fragments"][1]["FragmentNumber"]
    index, leading = min(enumerate(fragments[1].frames), key=lambda entry: entry[1].timecode)
    lines = [line for line in site.aws.log.read_text().splitlines() if late in line]
    assert len(lines) == 1
    assert f"no picture of frame {index} ({leading.timecode})" in lines[0]
    assert "refers to the fragment before" in lines[0]

    found = archive.get_images(
        StreamName=site.stream,
        ImageSelectorType="PRODUCER_TIMESTAMP",
        StartTimestamp=START // 1000,
        EndTimestamp=START // 1000 + 4,
        SamplingInterval=200,
        Format="JPEG",
    )["Images"]
    # What is shown just before the second key frame is in the fragment after it.
    assert [image.get("Error") for image in found if "Error" in image] == ["NO_MEDIA"] * 3


def test_sound_beside_the_video_changes_nothing(site: Site) -> None:
    images = site.configure(SamplingInterval=500)
    fragment = next(video().fragments(START))
    # The sound comes first, and between the pictures.
    sound = [Frame(2, frame.timecode + 10, True, b"no picture") for frame in fragment.frames]
    frames = [frame for pair in zip(sound, fragment.frames, strict=True) for frame in pair]
    tracks = [Track(2, "A_AAC", type=2), video().track]
    site.put(written(tracks, [Fragment(START, frames)], IMAGE))
    assert images.times(2) == [START, START + 500]
    assert [read_clock(images.picture(key), WIDTH, HEIGHT) for key in images.wait(2)] == [START, START + 500]


@pytest.mark.parametrize(
    "missing", ["tag", "configuration", "enabled", "bucket", "picture", "destination", "retention"]
)
def test_without_one_of_these_no_image_comes_and_the_acknowledgements_are_the_same(site: Site, missing: str) -> None:
    changes: dict[str, dict[str, Any]] = {
        "enabled": {"Status": "DISABLED"},
        "bucket": {"DestinationConfig": {"Uri": "s3://nobodys-bucket/", "DestinationRegion": "us-east-1"}},
        "destination": {"DestinationConfig": {"Uri": "file://images/x", "DestinationRegion": "us-east-1"}},
    }
    images = site.configure(**changes.get(missing, {}))
    acknowledgements = ["BUFFERING", "RECEIVED", "PERSISTED"]
    if missing == "configuration":
        site.kinesis_video.update_image_generation_configuration(StreamName=site.stream)
    if missing == "retention":
        acknowledgements.remove("PERSISTED")
        change_retention(site, "DECREASE_DATA_RETENTION")
    tags = [] if missing == "tag" else [IMAGE]
    body = written([video().track], itertools.islice(video().fragments(START), 1), *tags)
    assert site.put(HEADER + cluster(START, IMAGE) if missing == "picture" else body) == acknowledgements
    if missing == "retention":
        change_retention(site, "INCREASE_DATA_RETENTION")
    # The image of another fragment comes: those of earlier ones have had their time, too.
    later = site.configure()
    site.send(IMAGE)
    later.wait(1)
    assert images.keys() == []
    assert "Traceback" not in site.aws.log.read_text()


def change_retention(site: Site, operation: Any) -> None:
    """Take the retention away from a stream, or give it back."""
    version = site.kinesis_video.describe_stream(StreamName=site.stream)["StreamInfo"]["Version"]
    site.kinesis_video.update_data_retention(
        StreamName=site.stream, CurrentVersion=version, Operation=operation, DataRetentionChangeInHours=24
    )


def test_images_can_be_late_or_missing(site: Site) -> None:
    images = site.configure()
    site.aws.inject_fault("PutMedia.Images", error="InternalFailure")
    site.aws.inject_fault("PutMedia.Images", delay_seconds=0.5)
    begin = time.monotonic()
    site.send(IMAGE, fragments=3)
    # The first fragment's are missing, the second one's are late.
    assert images.times(2) == [START + 1_000, START + 2_000]
    assert time.monotonic() - begin >= 0.5


def test_get_images_reads_what_is_kept(site: Site) -> None:
    site.send(fragments=2)
    archive = site.client("kinesis-video-archived-media")
    begin = START / 1000
    request = {
        "StreamName": site.stream,
        "ImageSelectorType": "PRODUCER_TIMESTAMP",
        "StartTimestamp": archive.list_fragments(StreamName=site.stream)["Fragments"][0]["ProducerTimestamp"],
        "EndTimestamp": begin + 3,
        "Format": "PNG",
    }
    pages = list(
        archive.get_paginator("get_images").paginate(**request, SamplingInterval=500, PaginationConfig={"PageSize": 4})
    )
    images = [image for page in pages for image in page["Images"]]
    # The API's times have whole seconds in the request.
    first = min(round(image["TimeStamp"].timestamp() * 1000) for image in images)
    shown = [
        read_clock(Image.open(io.BytesIO(base64.b64decode(image["ImageContent"]))), WIDTH, HEIGHT)
        for image in images
        if "ImageContent" in image
    ]
    assert len(pages) > 1
    assert [round(image["TimeStamp"].timestamp() * 1000) for image in images] == [
        first + 500 * index for index in range(len(images))
    ]
    assert shown == sorted(shown)
    assert set(shown) <= {START + 250 * index for index in range(8)}
    assert images[-1].get("Error") == "NO_MEDIA"
    for changes, words in (
        ({"SamplingInterval": 199}, "at least 200"),
        ({"WidthPixels": 320}, "HeightPixels"),
        ({"FormatConfig": {"JPEGQuality": "high"}}, "JPEGQuality"),
        ({"NextToken": base64.b64encode(b"-1").decode()}, "NextToken"),
        ({"EndTimestamp": begin + 500}, "300000"),
    ):
        with pytest.raises(archive.exceptions.InvalidArgumentException, match=words):
            archive.get_images(**{**request, **changes})


def test_get_images_finds_by_the_servers_clock(site: Site) -> None:
    site.put(written([video().track], itertools.islice(video().fragments(1_000), 1)))
    second = round(time.time())
    request = {
        "StreamName": site.stream,
        "StartTimestamp": second - 10,
        "EndTimestamp": second + 10,
        "SamplingInterval": 20_000,
        "Format": "PNG",
    }
    archive = site.client("kinesis-video-archived-media")
    (found,) = archive.get_images(**request, ImageSelectorType="SERVER_TIMESTAMP")["Images"]
    picture = Image.open(io.BytesIO(base64.b64decode(found["ImageContent"])))
    assert read_clock(picture, WIDTH, HEIGHT) == 1_000
    (missing,) = archive.get_images(**request, ImageSelectorType="PRODUCER_TIMESTAMP")["Images"]
    assert missing["Error"] == "NO_MEDIA"


def test_get_images_needs_retention_and_says_what_it_cant_decode(site: Site) -> None:
    archive = site.client("kinesis-video-archived-media")
    request = {"ImageSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": 1, "EndTimestamp": 2, "Format": "JPEG"}
    site.new_stream(forgetful := f"{site.stream}-forgetful", DataRetentionInHours=0)
    with pytest.raises(archive.exceptions.NoDataRetentionException):
        archive.get_images(StreamName=forgetful, **request)
    site.put(HEADER + cluster(1_000))
    images = archive.get_images(StreamName=site.stream, **request)["Images"]
    assert [image["Error"] for image in images] == ["MEDIA_ERROR"]


def test_a_notification_of_a_fragment_is_published(site: Site) -> None:
    queue = site.client("sqs").create_queue(QueueName=site.stream)["QueueUrl"]
    queue_arn = site.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    topic = site.client("sns").create_topic(Name=site.stream)["TopicArn"]
    site.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn["QueueArn"])
    site.kinesis_video.update_notification_configuration(
        StreamName=site.stream, NotificationConfiguration={"Status": "ENABLED", "DestinationConfig": {"Uri": topic}}
    )

    site.send(IMAGE)
    site.send(Tags((SimpleTag("floor", "1"),)), *fragment_tags(notifications=True, metadata={"door": "east"}))

    (message,) = site.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    envelope = json.loads(message["Body"])
    assert envelope["Subject"] == "Kinesis Video Streams Notification"
    notification = json.loads(envelope["Message"])
    fragment = site.client("kinesis-video-archived-media").list_fragments(StreamName=site.stream)["Fragments"][1]
    assert notification == {
        "StreamArn": site.kinesis_video.describe_stream(StreamName=site.stream)["StreamInfo"]["StreamARN"],
        "FragmentNumber": fragment["FragmentNumber"],
        "FragmentStartProducerTimestamp": START,
        "FragmentStartServerTimestamp": round(fragment["ServerTimestamp"].timestamp() * 1000),
        "NotificationType": "PERSISTED",
        "NotificationPayload": {"door": "east"},
    }
    for uri, status in ((f"{topic}-that-nobody-made", "ENABLED"), (topic, "DISABLED")):
        configuration: Any = {"Status": status, "DestinationConfig": {"Uri": uri}}
        site.kinesis_video.update_notification_configuration(
            StreamName=site.stream, NotificationConfiguration=configuration
        )
        site.send(*fragment_tags(notifications=True))
    site.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert "Messages" not in site.client("sqs").receive_message(QueueUrl=queue)


def test_an_image_is_an_event_of_its_bucket_and_one_that_a_rule_matches_and_counts(site: Site) -> None:
    images = site.configure()
    queue = site.client("sqs").create_queue(QueueName=site.stream)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:000000000000:{site.stream}"
    telling = {
        "QueueArn": arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": images.folder}]}},
    }
    site.client("s3").put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}, "QueueConfigurations": [telling]}
    )
    pattern = {"source": ["aws.s3"], "detail": {"object": {"key": [{"prefix": images.folder}]}}}
    site.client("events").put_rule(Name=site.stream, EventPattern=json.dumps(pattern))
    site.client("events").put_targets(Rule=site.stream, Targets=[{"Id": "queue", "Arn": arn}])

    site.send(IMAGE)

    (key,) = images.wait(1)
    # One of the messages says that the notifications are set up.
    messages = [site.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"][0] for _ in range(3)]
    told = [json.loads(message["Body"]) for message in messages]
    assert [record["s3"]["object"]["key"] for body in told for record in body.get("Records", [])] == [key]
    assert [body["detail"]["object"]["key"] for body in told if "detail" in body] == [key]
    (point,) = site.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Events",
        MetricName="TriggeredRules",
        Dimensions=[{"Name": "RuleName", "Value": site.stream}],
        StartTime=time.time() - 600,
        EndTime=time.time() + 600,
        Period=3_600,
        Statistics=["Sum"],
    )["Datapoints"]
    assert point["Sum"] == 1


def test_two_producers_at_a_time_each_get_their_own_images(site: Site) -> None:
    images = site.configure()
    configuration = site.kinesis_video.describe_image_generation_configuration(StreamName=site.stream)
    site.new_stream(other := f"{site.stream}-other")
    site.kinesis_video.update_image_generation_configuration(
        StreamName=other, ImageGenerationConfiguration=configuration["ImageGenerationConfiguration"]
    )
    with ThreadPoolExecutor(2) as producers:
        list(producers.map(lambda each: each.send(IMAGE, fragments=3), (site, replace(site, stream=other))))
    found = [parse_image_key(key) for key in images.wait(6)]
    times = [START, START + 1_000, START + 2_000]
    for name in (site.stream, other):
        assert sorted(key.timecode for key in found if key.stream_name == name) == times
