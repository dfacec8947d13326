"""Streams that were created just now, while a deployment declares something else for them."""

from __future__ import annotations

import json
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from kinesis_video_configuration import Deadline, timing
from kinesis_video_contract.fleets import EQUAL, FOREIGN, REMOVED
from kinesis_video_fleet.store import Store
from kinesis_video_fleet.worker import Rules

from ..handler.conftest import DECLARED, DESCRIBE, STREAM_ARN, UPDATE, FakeClock, Service, clock
from ..normalisations import Normalisation, each_normalisation
from .test_conclusion import Bucket

__all__ = ["clock"]


def declaring(seconds: int) -> dict[str, Any]:
    configuration = {**DECLARED, "SamplingInterval": str(1000 * seconds)}
    return {"NamePrefix": "front-", "ImageGenerationConfiguration": configuration}


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def service(clock: FakeClock) -> Service:
    return Service(clock)


@pytest.fixture
def entry(bucket: Bucket, service: Service, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "WORK_BUCKET": "work",
        "NAME_PREFIX": "front-",
        "NEW_STREAM_CALLS_PER_SECOND": "2",
    }.items():
        monkeypatch.setenv(name, value)
    from kinesis_video_configuration.service import create_client
    from kinesis_video_fleet import entry

    client = create_client(entry.session)
    client.meta.events.register("before-send", service)
    monkeypatch.setattr(entry, "kinesis_video", client)
    monkeypatch.setattr(entry, "store", Store(bucket, "work"))
    metrics = SimpleNamespace(put_metric_data=lambda **_: None)
    monkeypatch.setattr(entry, "session", SimpleNamespace(client=lambda _: metrics))
    return entry


def declare(bucket: Bucket, declaration: Any) -> None:
    """Leave behind what a pass has that is complete."""
    ledger = {"turn": "pass", "declaration": declaration, "earlier": []}
    bucket.objects["ledger.json"] = json.dumps(ledger).encode()


def configure(entry: ModuleType) -> None:
    record = {"body": json.dumps({"detail": {"responseElements": {"streamARN": STREAM_ARN}}})}
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)
    entry.handler({"Records": [record]}, context)


def interval(service: Service) -> Any:
    return (service.configurations[STREAM_ARN] or {}).get("SamplingInterval")


def test_a_new_stream_gets_what_is_declared(entry: ModuleType, bucket: Bucket, service: Service) -> None:
    declare(bucket, declaring(seconds=3))
    configure(entry)
    assert interval(service) == 3000


@pytest.mark.parametrize(("later", "found"), [(declaring(seconds=5), 5000), (None, None)], ids=["update", "delete"])
def test_a_new_stream_that_is_not_ready_yet_does_not_get_what_a_deployment_has_replaced(
    later: Any,
    found: int | None,
    entry: ModuleType,
    bucket: Bucket,
    service: Service,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    declare(bucket, declaring(seconds=3))
    service.fail(UPDATE, "ResourceInUseException", times=3)

    def sleep(seconds: float) -> None:
        clock.sleep(max(seconds, 1))
        if service.calls[UPDATE]:
            declare(bucket, later)

    monkeypatch.setattr(timing, "sleep", sleep)
    configure(entry)
    assert interval(service) == found


def test_a_new_stream_that_has_what_a_deployment_has_replaced_is_no_foreign_one(
    entry: ModuleType, bucket: Bucket, service: Service
) -> None:
    declare(bucket, declaring(seconds=3))

    def deploy(operation: str) -> None:
        if operation == UPDATE:
            declare(bucket, declaring(seconds=5))

    service.on_call = deploy
    configure(entry)
    assert interval(service) == 5000
    assert service.calls[DESCRIBE] == 2


@each_normalisation
def test_what_the_service_may_store_otherwise_is_equal_and_not_foreign(
    entry: ModuleType, service: Service, row: Normalisation
) -> None:
    # They need botocore.
    from kinesis_video_configuration.retries import Retries
    from kinesis_video_configuration.service import KinesisVideo

    declared, found = row.configurations(DECLARED)
    properties = {"NamePrefix": "front-", "ImageGenerationConfiguration": declared}
    streams = KinesisVideo(entry.kinesis_video, Retries(Deadline(60)))
    service.configurations[STREAM_ARN] = found
    outcome = Rules.parse(properties, ()).apply(streams, STREAM_ARN, lambda: None)
    assert outcome == (FOREIGN if row.fields else EQUAL)
    assert not service.calls[UPDATE]
    # And a delete finds it.
    assert Rules.parse(None, (properties,)).apply(streams, STREAM_ARN, lambda: None) == (
        FOREIGN if row.fields else REMOVED
    )
