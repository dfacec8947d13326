"""A local AWS that is empty for each test module, whose streams are ACTIVE at once."""

from __future__ import annotations

import gc
import itertools
import signal
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from kinesis_video_local import LocalAws
from wire import Client

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient

# A shell starts background processes with Ctrl-C ignored, which the processes of the tests would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What the imports leave lives to the end, and looking through it for garbage costs CPU.
gc.set_threshold(100_000, 50, 50)

_numbers = itertools.count()


def pytest_collection_finish() -> None:
    """Leave what the imports have made out of every look for garbage."""
    gc.freeze()


@pytest.fixture(scope="session")
def _running() -> Iterator[LocalAws]:
    """Shared by all modules, because a start takes two seconds of CPU."""
    with LocalAws(creating_seconds=0) as aws:
        yield aws


@pytest.fixture(scope="module")
def aws(_running: LocalAws) -> LocalAws:
    urllib.request.urlopen(f"{_running.endpoint_url}/_ministack/reset", data=b"").close()
    return _running


@pytest.fixture(scope="module")
def client(aws: LocalAws) -> Client:
    """Return the client of a service, shared by the module, because creating one takes a tenth of a second."""
    return cache(aws.client)


@pytest.fixture(scope="module")
def kinesis_video(aws: LocalAws) -> KinesisVideoClient:
    return aws.client("kinesisvideo")


@pytest.fixture
def stream_name() -> str:
    return f"camera-{next(_numbers)}"


@pytest.fixture
def new_stream(kinesis_video: KinesisVideoClient) -> Callable[..., str]:
    """Create a stream with a retention of a day, and return its ARN."""

    def create(name: str, **arguments: Any) -> str:
        arguments.setdefault("DataRetentionInHours", 24)
        return kinesis_video.create_stream(StreamName=name, **arguments)["StreamARN"]

    return create


@pytest.fixture
def stream(new_stream: Callable[..., str], stream_name: str) -> str:
    """The name of a new stream with a retention of a day."""
    new_stream(stream_name)
    return stream_name


@pytest.fixture
def configuration() -> dict[str, Any]:
    """An image generation configuration that the service accepts."""
    return {
        "Status": "ENABLED",
        "ImageSelectorType": "PRODUCER_TIMESTAMP",
        "DestinationConfig": {"Uri": "s3://images/front-door/", "DestinationRegion": "us-east-1"},
        "SamplingInterval": 3000,
        "Format": "JPEG",
        "FormatConfig": {"JPEGQuality": "80"},
        "WidthPixels": 640,
        "HeightPixels": 360,
    }
