"""From video to images in a bucket, their events and their notifications."""

from __future__ import annotations

import base64
import io
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from email.header import decode_header, make_header
from threading import Thread
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from PIL import Image

from kinesis_video_images import parse_image_key, parse_image_metadata
from kinesis_video_local import LocalAws
from kinesis_video_matroska import (
    Fragment,
    Frame,
    SimpleTag,
    TagName,
    Tags,
    Track,
    write_tags,
)
from kinesis_video_tools.camera import ClockVideo, Producer, fragment_tags
from tests.archives import zipped
from tests.tools.clock_reader import read_clock
from tests.videos import encoded
from wire import END_OF_FRAGMENT, HEADER, IMAGE, Client, cluster, put_media, written

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


@pytest.fixture
def stream(new_stream: NewStream, stream_name: str) -> str:
    new_stream(stream_name)
    return stream_name


@pytest.fixture
def configure(kinesis_video: KinesisVideoClient, stream: str) -> Callable[..., str]:
    """Configure the images of the stream, and return where they go to."""

    def configure(**changes: Any) -> str:
        folder = f"folder-{next(_folders)}/"
        configuration = {
            "Status": "ENABLED",
            "ImageSelectorType": "PRODUCER_TIMESTAMP",
            "DestinationConfig": {"Uri": f"s3://{BUCKET}/{folder}", "DestinationRegion": "us-east-1"},
            "SamplingInterval": 1_000,
            "Format": "JPEG",
            **changes,
        }
        kinesis_video.update_image_generation_configuration(
            StreamName=stream,
            ImageGenerationConfiguration=configuration,  # type: ignore[arg-type] # a dict is no TypedDict
        )
        return folder

    return configure


def video(frame_rate: float = 4) -> ClockVideo:
    return ClockVideo("front-door", width=WIDTH, height=HEIGHT, frame_rate=frame_rate, fragment_seconds=1)


def send(aws: LocalAws, stream: str, *tags: Tags, fragments: int = 1, frame_rate: float = 4) -> None:
    """Send fragments with tags, all at once; each must be persisted."""
    body = written([video(frame_rate).track], itertools.islice(video(frame_rate).fragments(START), fragments), *tags)
    events = put_media(aws.endpoint_url, {"x-amzn-stream-name": stream}, [body])
    assert [event[0] for event in events] == ["BUFFERING", "RECEIVED", "PERSISTED"] * fragments


class Images:
    """The images of a folder."""

    def __init__(self, client: Client, folder: str) -> None:
        self._s3 = client("s3")
        self._folder = folder

    def keys(self) -> list[str]:
        contents = self._s3.list_objects_v2(Bucket=BUCKET, Prefix=self._folder).get("Contents", [])
        return sorted(entry["Key"] for entry in contents)

    def wait(self, number: int) -> list[str]:
        deadline = time.monotonic() + 20
        while len(self.keys()) < number:
            assert time.monotonic() < deadline, self.keys()
            time.sleep(0.05)
        assert len(self.keys()) == number
        return self.keys()

    def get(self, key: str) -> Any:
        return self._s3.get_object(Bucket=BUCKET, Key=key)

    def picture(self, key: str) -> Image.Image:
        return Image.open(io.BytesIO(self.get(key)["Body"].read()))


def timecodes(keys: Sequence[str]) -> list[int]:
    return [parse_image_key(key).timecode for key in keys]


def settle(aws: LocalAws, client: Client, stream: str, configure: Callable[..., str]) -> None:
    """Wait for the image of another fragment: what was sent before has had its time to become one, too."""
    folder = configure()
    send(aws, stream, IMAGE)
    Images(client, folder).wait(1)


@pytest.mark.parametrize("absolute_timecodes", [True, False])
def test_an_image_shows_the_time_of_its_key(
    aws: LocalAws, client: Client, stream: str, configure: Callable[..., str], absolute_timecodes: bool
) -> None:
    images = Images(client, configure(SamplingInterval=500))
    session = boto3.Session("test", "test", region_name="us-east-1")
    tags = fragment_tags(metadata={"Door": "east", "street": "Bäckerstraße", "no header": "x", "lines": "1\n2"})
    producer = Producer(
        stream,
        session=session,
        endpoint_url=aws.endpoint_url,
        tags=tags,
        absolute_timecodes=absolute_timecodes,
    )
    assert producer.send(video(), fragments=2, speed=20).persisted == 2

    keys = images.wait(4)
    begin = timecodes(keys)[0]
    assert timecodes(keys) == [begin, begin + 500, begin + 1_000, begin + 1_500]
    fragments = client("kinesis-video-archived-media").list_fragments(StreamName=stream)["Fragments"]
    for key, number in zip(keys, (0, 0, 1, 1), strict=True):
        picture, parsed, image = images.picture(key), parse_image_key(key), images.get(key)
        assert (picture.format, picture.size) == ("JPEG", (WIDTH, HEIGHT))
        assert read_clock(picture, WIDTH, HEIGHT) == parsed.timecode
        assert (parsed.account, parsed.stream_name, image["ContentType"]) == ("000000000000", stream, "image/jpeg")
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
    aws: LocalAws,
    client: Client,
    stream: str,
    configure: Callable[..., str],
    frame_rate: float,
    interval: int,
    offsets: list[int],
) -> None:
    images = Images(client, configure(SamplingInterval=interval))
    send(aws, stream, IMAGE, fragments=2, frame_rate=frame_rate)
    expected = [START + 1_000 * fragment + offset for fragment in (0, 1) for offset in offsets]
    assert timecodes(images.wait(len(expected))) == expected


def test_the_servers_clock_counts_when_frames_arrive(
    aws: LocalAws, client: Client, stream: str, configure: Callable[..., str]
) -> None:
    images = Images(client, configure(ImageSelectorType="SERVER_TIMESTAMP", SamplingInterval=200))
    before = time.time_ns() // 1_000_000
    send(aws, stream, IMAGE)
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
    aws: LocalAws,
    client: Client,
    stream: str,
    configure: Callable[..., str],
    changes: dict[str, Any],
    kind: str,
    size: tuple[int, int],
) -> None:
    images = Images(client, configure(**changes))
    send(aws, stream, IMAGE)
    (key,) = images.wait(1)
    picture = images.picture(key)
    assert (picture.format, picture.size) == (kind, size)
    assert images.get(key)["ContentType"] == f"image/{kind.lower()}"
    assert parse_image_key(key).extension == {"JPEG": "jpg", "PNG": "png"}[kind]
    assert read_clock(picture, WIDTH, HEIGHT) == START


def test_a_higher_quality_makes_a_larger_jpeg(
    aws: LocalAws, client: Client, stream: str, configure: Callable[..., str]
) -> None:
    sizes = []
    for quality in ("1", "80", "100"):
        images = Images(client, configure(FormatConfig={"JPEGQuality": quality}))
        send(aws, stream, IMAGE)
        (key,) = images.wait(1)
        sizes.append(images.get(key)["ContentLength"])
    assert sizes == sorted(set(sizes))


def test_the_prefix_tag_comes_before_the_account(
    aws: LocalAws, client: Client, stream: str, configure: Callable[..., str]
) -> None:
    folder = configure()
    send(aws, stream, *fragment_tags(prefix="person/"))
    (key,) = Images(client, folder).wait(1)
    assert key.startswith(f"{folder}person/_000000000000_{stream}_{START}_")


def test_h265_gives_images_as_well(aws: LocalAws, client: Client, stream: str, configure: Callable[..., str]) -> None:
    images = Images(client, configure(SamplingInterval=200))
    track, frames = encoded("libx265", {"x265-params": "log-level=none:pools=1"}, seconds=1)
    body = written(
        [track], [Fragment(START, [replace(frame, timecode=START + frame.timecode) for frame in frames])], IMAGE
    )
    put_media(aws.endpoint_url, {"x-amzn-stream-name": stream}, [body])
    assert [images.picture(key).size for key in images.wait(5)] == [(128, 96)] * 5


OPEN_GOP = ("libx264", {"bf": "3", "x264-params": "b-adapt=0:open-gop=1:keyint=50:min-keyint=50:scenecut=0"})


def test_a_fragment_that_refers_to_the_one_before_gives_its_images_and_the_log_says_what_it_lacks(
    aws: LocalAws, client: Client, stream: str, configure: Callable[..., str]
) -> None:
    images = Images(client, configure(SamplingInterval=20_000))
    track, frames = encoded(*OPEN_GOP)
    begins = [index for index, frame in enumerate(frames) if frame.key]
    moved = [replace(frame, timecode=START + frame.timecode) for frame in frames]
    fragments = [moved[begin:end] for begin, end in itertools.pairwise([*begins, len(frames)])]
    body = written([track], [Fragment(fragment[0].timecode, fragment) for fragment in fragments], IMAGE)
    put_media(aws.endpoint_url, {"x-amzn-stream-name": stream}, [body])
    assert timecodes(images.wait(2)) == [START, START + 2_000]

    archive = client("kinesis-video-archived-media")
    late = archive.list_fragments(StreamName=stream)["Fragments"][1]["FragmentNumber"]
    leading = min(range(len(fragments[1])), key=lambda index: fragments[1][index].timecode)
    lines = [line for line in aws.log.read_text().splitlines() if late in line]
    assert len(lines) == 1
    assert f"no picture of frame {leading} ({fragments[1][leading].timecode})" in lines[0]
    assert "refers to the fragment before" in lines[0]

    found = archive.get_images(
        StreamName=stream,
        ImageSelectorType="PRODUCER_TIMESTAMP",
        StartTimestamp=START // 1000,
        EndTimestamp=START // 1000 + 4,
        SamplingInterval=200,
        Format="JPEG",
    )["Images"]
    # What is shown just before the second key frame is in the fragment after it.
    assert [image.get("Error") for image in found if "Error" in image] == ["NO_MEDIA"] * 3


def test_sound_beside_the_video_changes_nothing(
    aws: LocalAws, client: Client, stream: str, configure: Callable[..., str]
) -> None:
    images = Images(client, configure(SamplingInterval=500))
    fragment = next(video().fragments(START))
    # The sound comes first, and between the pictures.
    sound = [Frame(2, frame.timecode + 10, True, b"no picture") for frame in fragment.frames]
    frames = [frame for pair in zip(sound, fragment.frames, strict=True) for frame in pair]
    tracks = [Track(2, "A_AAC", type=2), video().track]
    body = written(tracks, [Fragment(START, frames)], IMAGE)
    put_media(aws.endpoint_url, {"x-amzn-stream-name": stream}, [body])
    keys = images.wait(2)
    assert timecodes(keys) == [START, START + 500]
    assert [read_clock(images.picture(key), WIDTH, HEIGHT) for key in keys] == [START, START + 500]


def test_tags_belong_to_the_cluster_before_them(
    aws: LocalAws, client: Client, stream: str, configure: Callable[..., str]
) -> None:
    images = Images(client, configure())
    source = video()
    fragments = [written([source.track], [fragment]) for fragment in itertools.islice(source.fragments(START), 4)]
    header = written([source.track], [])
    one, two, three, four = (fragment[len(header) : -len(END_OF_FRAGMENT)] for fragment in fragments)
    tags = write_tags(IMAGE)
    # Before the first cluster; none; after the cluster; after the end-of-fragment tag, which is the next one's.
    body = header + tags + one + two + END_OF_FRAGMENT + three + tags + END_OF_FRAGMENT + tags + four
    put_media(aws.endpoint_url, {"x-amzn-stream-name": stream}, [body])
    assert timecodes(images.wait(3)) == [START, START + 2_000, START + 3_000]


@pytest.mark.parametrize("missing", ["tag", "configuration", "enabled", "bucket", "picture", "destination"])
def test_without_one_of_these_no_image_comes_and_the_acknowledgements_are_the_same(
    aws: LocalAws,
    client: Client,
    kinesis_video: KinesisVideoClient,
    stream: str,
    configure: Callable[..., str],
    missing: str,
) -> None:
    changes: dict[str, dict[str, Any]] = {
        "enabled": {"Status": "DISABLED"},
        "bucket": {"DestinationConfig": {"Uri": "s3://nobodys-bucket/", "DestinationRegion": "us-east-1"}},
        "destination": {"DestinationConfig": {"Uri": "file://images/x", "DestinationRegion": "us-east-1"}},
    }
    images = Images(client, configure(**changes.get(missing, {})))
    if missing == "configuration":
        kinesis_video.update_image_generation_configuration(StreamName=stream)
    if missing == "picture":
        body = HEADER + cluster(START, IMAGE)
        events = put_media(aws.endpoint_url, {"x-amzn-stream-name": stream}, [body])
        assert [event[0] for event in events] == ["BUFFERING", "RECEIVED", "PERSISTED"]
    else:
        send(aws, stream, *([] if missing == "tag" else [IMAGE]))
    settle(aws, client, stream, configure)
    assert images.keys() == []
    assert "Traceback" not in aws.log.read_text()


def test_a_stream_without_retention_has_no_images(
    aws: LocalAws, client: Client, kinesis_video: KinesisVideoClient, stream: str, configure: Callable[..., str]
) -> None:
    images = Images(client, configure())
    version = kinesis_video.describe_stream(StreamName=stream)["StreamInfo"]["Version"]
    kinesis_video.update_data_retention(
        StreamName=stream,
        CurrentVersion=version,
        Operation="DECREASE_DATA_RETENTION",
        DataRetentionChangeInHours=24,
    )
    body = written([video().track], itertools.islice(video().fragments(START), 1), IMAGE)
    events = put_media(aws.endpoint_url, {"x-amzn-stream-name": stream}, [body])
    assert [event[0] for event in events] == ["BUFFERING", "RECEIVED"]
    assert images.keys() == []


def test_images_can_be_late_or_missing(
    aws: LocalAws, client: Client, stream: str, configure: Callable[..., str]
) -> None:
    images = Images(client, configure())
    aws.inject_fault("PutMedia.Images", error="InternalFailure")
    aws.inject_fault("PutMedia.Images", delay_seconds=0.5)
    begin = time.monotonic()
    send(aws, stream, IMAGE, fragments=3)
    # The first fragment's are missing, the second one's are late.
    assert timecodes(images.wait(2)) == [START + 1_000, START + 2_000]
    assert time.monotonic() - begin >= 0.5


def test_get_images_reads_what_is_kept(aws: LocalAws, client: Client, stream: str) -> None:
    send(aws, stream, fragments=2)
    archive = client("kinesis-video-archived-media")
    begin = START / 1000
    request = {
        "StreamName": stream,
        "ImageSelectorType": "PRODUCER_TIMESTAMP",
        "StartTimestamp": archive.list_fragments(StreamName=stream)["Fragments"][0]["ProducerTimestamp"],
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


def test_get_images_finds_by_the_servers_clock(aws: LocalAws, client: Client, stream: str) -> None:
    body = written([video().track], itertools.islice(video().fragments(1_000), 1))
    put_media(aws.endpoint_url, {"x-amzn-stream-name": stream}, [body])
    second = round(time.time())
    request = {
        "StreamName": stream,
        "StartTimestamp": second - 10,
        "EndTimestamp": second + 10,
        "SamplingInterval": 20_000,
        "Format": "PNG",
    }
    archive = client("kinesis-video-archived-media")
    (found,) = archive.get_images(**request, ImageSelectorType="SERVER_TIMESTAMP")["Images"]
    picture = Image.open(io.BytesIO(base64.b64decode(found["ImageContent"])))
    assert read_clock(picture, WIDTH, HEIGHT) == 1_000
    (missing,) = archive.get_images(**request, ImageSelectorType="PRODUCER_TIMESTAMP")["Images"]
    assert missing["Error"] == "NO_MEDIA"


def test_get_images_needs_retention_and_says_what_it_cant_decode(
    aws: LocalAws, client: Client, new_stream: NewStream, stream: str
) -> None:
    archive = client("kinesis-video-archived-media")
    request = {"ImageSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": 1, "EndTimestamp": 2, "Format": "JPEG"}
    new_stream(forgetful := f"{stream}-forgetful", DataRetentionInHours=0)
    with pytest.raises(archive.exceptions.NoDataRetentionException):
        archive.get_images(StreamName=forgetful, **request)
    put_media(aws.endpoint_url, {"x-amzn-stream-name": stream}, [HEADER + cluster(1_000)])
    images = archive.get_images(StreamName=stream, **request)["Images"]
    assert [image["Error"] for image in images] == ["MEDIA_ERROR"]


def test_a_notification_of_a_fragment_is_published(
    aws: LocalAws, client: Client, kinesis_video: KinesisVideoClient, stream: str
) -> None:
    queue = client("sqs").create_queue(QueueName=stream)["QueueUrl"]
    queue_arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    topic = client("sns").create_topic(Name=stream)["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn["QueueArn"])
    kinesis_video.update_notification_configuration(
        StreamName=stream, NotificationConfiguration={"Status": "ENABLED", "DestinationConfig": {"Uri": topic}}
    )

    send(aws, stream, IMAGE)
    send(aws, stream, Tags((SimpleTag("floor", "1"),)), *fragment_tags(notifications=True, metadata={"door": "east"}))

    (message,) = client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    envelope = json.loads(message["Body"])
    assert envelope["Subject"] == "Kinesis Video Streams Notification"
    notification = json.loads(envelope["Message"])
    fragment = client("kinesis-video-archived-media").list_fragments(StreamName=stream)["Fragments"][1]
    assert notification == {
        "StreamArn": kinesis_video.describe_stream(StreamName=stream)["StreamInfo"]["StreamARN"],
        "FragmentNumber": fragment["FragmentNumber"],
        "FragmentStartProducerTimestamp": START,
        "FragmentStartServerTimestamp": round(fragment["ServerTimestamp"].timestamp() * 1000),
        "NotificationType": "PERSISTED",
        "NotificationPayload": {"door": "east"},
    }
    for uri, status in ((f"{topic}-that-nobody-made", "ENABLED"), (topic, "DISABLED")):
        kinesis_video.update_notification_configuration(
            StreamName=stream,
            NotificationConfiguration={"Status": status, "DestinationConfig": {"Uri": uri}},  # type: ignore[typeddict-item] # a str is no literal
        )
        send(aws, stream, *fragment_tags(notifications=True))
    client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert "Messages" not in client("sqs").receive_message(QueueUrl=queue)


def test_an_image_is_an_event_that_runs_a_function_and_is_counted(
    aws: LocalAws, client: Client, stream: str, configure: Callable[..., str]
) -> None:
    # The function writes the keys that it is told of where the test can read them.
    code = """
import boto3
def handler(event, context):
    key = event["detail"]["object"]["key"]
    boto3.client("s3").put_object(Bucket="seen", Key=key)
"""
    client("s3").create_bucket(Bucket="seen")
    function = client("lambda").create_function(
        FunctionName=stream,
        Runtime="python3.13",
        Handler="handler.handler",
        Role="arn:aws:iam::000000000000:role/worker",
        Code={"ZipFile": zipped({"handler.py": code})},
    )["FunctionArn"]
    folder = configure()
    queue = client("sqs").create_queue(QueueName=f"{stream}-images")["QueueUrl"]
    telling = {
        "QueueArn": f"arn:aws:sqs:us-east-1:000000000000:{stream}-images",
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": folder}]}},
    }
    client("s3").put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}, "QueueConfigurations": [telling]}
    )
    pattern = {"source": ["aws.s3"], "detail": {"object": {"key": [{"prefix": folder}]}}}
    client("events").put_rule(Name=stream, EventPattern=json.dumps(pattern))
    client("events").put_targets(Rule=stream, Targets=[{"Id": "function", "Arn": function}])

    send(aws, stream, IMAGE)

    (key,) = Images(client, folder).wait(1)
    # The first message says that the notifications are set up.
    told = [client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"][0] for _ in range(2)]
    assert json.loads(told[1]["Body"])["Records"][0]["s3"]["object"]["key"] == key
    deadline = time.monotonic() + 20
    while not (seen := client("s3").list_objects_v2(Bucket="seen").get("Contents")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert [entry["Key"] for entry in seen] == [key]
    (point,) = client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Events",
        MetricName="TriggeredRules",
        Dimensions=[{"Name": "RuleName", "Value": stream}],
        StartTime=time.time() - 600,
        EndTime=time.time() + 600,
        Period=3_600,
        Statistics=["Sum"],
    )["Datapoints"]
    assert point["Sum"] == 1


def test_two_producers_at_a_time_each_get_their_own_images(
    aws: LocalAws,
    client: Client,
    kinesis_video: KinesisVideoClient,
    stream: str,
    configure: Callable[..., str],
    new_stream: NewStream,
) -> None:
    images = Images(client, configure())
    configuration = kinesis_video.describe_image_generation_configuration(StreamName=stream)
    new_stream(other := f"{stream}-other")
    kinesis_video.update_image_generation_configuration(
        StreamName=other, ImageGenerationConfiguration=configuration["ImageGenerationConfiguration"]
    )
    producers = [Thread(target=send, args=(aws, name, IMAGE), kwargs={"fragments": 3}) for name in (stream, other)]
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join()
    found = [parse_image_key(key) for key in images.wait(6)]
    times = [START, START + 1_000, START + 2_000]
    for name in (stream, other):
        assert sorted(key.timecode for key in found if key.stream_name == name) == times


def test_the_names_of_tags_are_those_of_the_service() -> None:
    assert TagName.IMAGE_GENERATION == IMAGE.tags[0].name == "AWS_KINESISVIDEO_IMAGE_GENERATION"
