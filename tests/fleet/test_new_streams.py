"""New streams, also while a deployment declares something else for them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from kinesis_video_configuration import Deadline, timing
from kinesis_video_configuration.retries import Retries
from kinesis_video_contract.fleets import EQUAL, FOREIGN, REMOVED
from kinesis_video_fleet.declaration import FleetDeclaration, Rules
from kinesis_video_fleet.store import Earlier, Ledger, Store, Turn

from ..handler.conftest import DECLARED, DESCRIBE, STREAM_ARN, UPDATE, FakeClock, Service, clock
from ..normalisations import Normalisation, each_normalisation
from .bucket import Bucket

__all__ = ["clock"]


NO_ARNS: list[Any] = [5, None, "", "front-door", {}]


def declaring(seconds: int) -> dict[str, Any]:
    configuration = {**DECLARED, "SamplingInterval": str(1000 * seconds)}
    return {"NamePrefix": "front-", "ImageGenerationConfiguration": configuration}


@pytest.fixture
def bucket() -> Bucket:
    bucket = Bucket()
    declare(bucket, declaring(seconds=3))
    return bucket


@pytest.fixture
def service(clock: FakeClock) -> Service:
    return Service(clock)


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    """One for all tests: each would read the model of the service anew, which takes 70 ms of CPU."""
    return boto3.Session()


@pytest.fixture
def entry(bucket: Bucket, service: Service, session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    from kinesis_video_configuration.service import create_client
    from kinesis_video_fleet import new_streams

    client = create_client(session)
    client.meta.events.register("before-send", service)
    monkeypatch.setattr(new_streams, "kinesis_video", client)
    monkeypatch.setattr(new_streams, "store", Store(bucket, "work"))
    published: Counter[str] = Counter()

    def put_metric_data(*, MetricData: Any, **_: Any) -> None:  # noqa: N803
        published.update({each["MetricName"]: each["Value"] for each in MetricData})

    monkeypatch.setattr(
        new_streams, "session", SimpleNamespace(client=lambda _: SimpleNamespace(put_metric_data=put_metric_data))
    )
    monkeypatch.setattr(new_streams, "published", published, raising=False)
    return new_streams


def declare(bucket: Bucket, declaration: Any, *earlier: Earlier) -> None:
    """Store the ledger of a pass that is complete."""
    ledger = Ledger(Turn("pass"), (), declaration, earlier)
    bucket.objects["ledger.json"] = json.dumps(asdict(ledger)).encode()


def record_of(stream_arn: Any) -> dict[str, Any]:
    body = json.dumps({"detail": {"responseElements": {"streamARN": stream_arn}}})
    return {"messageId": stream_arn, "body": body, "attributes": {"SentTimestamp": "1700000000000"}}


def configure(entry: ModuleType, *records: dict[str, Any]) -> list[str]:
    """Deliver records as Lambda does; return those that it is to deliver again."""
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 120_000, aws_request_id="request")
    answer = entry.handler({"Records": list(records) or [record_of(STREAM_ARN)]}, context)
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def interval(service: Service) -> Any:
    return (service.configurations[STREAM_ARN] or {}).get("SamplingInterval")


@pytest.mark.parametrize(("later", "found"), [(declaring(seconds=5), 5000), (None, None)], ids=["update", "delete"])
def test_a_new_stream_that_is_not_ready_yet_gets_what_a_deployment_declares_meanwhile(
    later: Any,
    found: int | None,
    entry: ModuleType,
    bucket: Bucket,
    service: Service,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service.fail(UPDATE, "ResourceInUseException", times=3)

    def sleep(seconds: float) -> None:
        clock.sleep(max(seconds, 1))
        if service.calls[UPDATE]:
            declare(bucket, later)

    monkeypatch.setattr(timing, "sleep", sleep)
    configure(entry)
    assert interval(service) == found


def test_a_new_stream_that_was_set_before_a_deployment_is_not_foreign(
    entry: ModuleType, bucket: Bucket, service: Service
) -> None:

    def deploy(operation: str) -> None:
        if operation == UPDATE:
            declare(bucket, declaring(seconds=5))

    service.on_call = deploy
    configure(entry)
    assert interval(service) == 5000
    assert service.calls[DESCRIBE] == 2


@each_normalisation
def test_forms_in_which_the_service_may_store_a_declaration_are_equal(
    entry: ModuleType, service: Service, row: Normalisation
) -> None:
    declared, found = row.configurations(DECLARED)
    properties = {"NamePrefix": "front-", "ImageGenerationConfiguration": declared}
    calls = Retries(Deadline(60))

    def apply(declared: Any, *earlier: Any) -> str:
        rules = Rules.parse(declared, [{"properties": each, "streams": None} for each in earlier])
        return rules.apply(calls, entry.kinesis_video, STREAM_ARN, lambda: None)[0]

    service.configurations[STREAM_ARN] = found
    assert apply(properties) == (FOREIGN if row.fields else EQUAL)
    assert not service.calls[UPDATE]
    # And a delete finds it.
    assert apply(None, properties) == (FOREIGN if row.fields else REMOVED)


@pytest.mark.parametrize(
    "body",
    ["{", "5", "null", '{"detail": null}', *(record_of(arn)["body"] for arn in NO_ARNS)],
)
def test_an_unreadable_record_and_a_sick_stream_delay_no_other(
    body: str, entry: ModuleType, bucket: Bucket, service: Service, clock: FakeClock
) -> None:
    sick = STREAM_ARN.replace("front-door", "front-sick")
    service.configurations[sick] = None
    service.fail(UPDATE, *["InternalFailure" if number % 2 == 0 else "" for number in range(200)])
    malformed = {"messageId": "malformed", "body": body, "attributes": {}}
    assert configure(entry, malformed, record_of(sick), record_of(STREAM_ARN)) in ([], [sick])
    assert interval(service) == 3000
    assert entry.published["NewStreamsUnreadable"] == 1


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (UPDATE, "ResourceInUseException"),
        (UPDATE, "InvalidArgumentException"),
        (UPDATE, "AccessDeniedException"),
        (DESCRIBE, "AccessDeniedException"),
    ],
)
def test_a_stream_that_cannot_be_set_is_delivered_again_and_counted(
    operation: str, error: str, entry: ModuleType, bucket: Bucket, service: Service, clock: FakeClock
) -> None:
    service.fail(operation, error)
    assert configure(entry) == [STREAM_ARN]
    assert clock.time <= 105
    # A failure that may pass is waited for.
    assert clock.time >= 55 or error == "InvalidArgumentException"
    assert entry.published["NewStreamsFailed"] == 1
    assert [key for key in bucket.objects if key.startswith("new-streams/")] == []


def test_a_new_stream_without_retention_is_not_delivered_again(
    entry: ModuleType, bucket: Bucket, service: Service
) -> None:
    earlier = declaring(seconds=3)
    declare(bucket, declaring(seconds=5), Earlier(earlier))
    service.configurations[STREAM_ARN] = dict(FleetDeclaration.parse(earlier).of(STREAM_ARN))
    service.fail(UPDATE, "NoDataRetentionException")
    assert configure(entry) == []


def test_one_denied_stream_does_not_end_a_pass_that_finds_all_others_set(
    entry: ModuleType, service: Service, clock: FakeClock
) -> None:
    from kinesis_video_fleet.worker import Worker

    names = [STREAM_ARN.replace("front-door", f"front-{number}") for number in range(50)]
    declared = FleetDeclaration.parse(declaring(seconds=3))
    service.configurations.update({name: dict(declared.of(name)) for name in names[1:]}, **{names[0]: None})
    service.fail(UPDATE, "AccessDeniedException")
    worker = Worker(entry.kinesis_video, Rules(declared), 45, Deadline(800))
    # The denied one comes last: the tests' clock leaves the threads of the others no time.
    report = worker.work([*names[1:], names[0]])
    assert (report.counts, list(report.again), worker.denied) == ({"equal": 49}, names[:1], "")


def test_a_turn_that_is_lost_while_the_ledger_is_written_sets_nothing(
    entry: ModuleType, service: Service, clock: FakeClock
) -> None:
    from kinesis_video_fleet.worker import Worker

    lost: list[str] = []

    def touch() -> None:
        clock.sleep(2)
        lost.append("another pass has the turn")

    rules = Rules(FleetDeclaration.parse(declaring(seconds=3)))
    worker = Worker(entry.kinesis_video, rules, 45, Deadline(60), lambda: "".join(lost), touch)
    assert worker.work([STREAM_ARN]).named == {STREAM_ARN: ("not_tried", "another pass has the turn")}
    assert not service.calls[UPDATE]


def test_an_old_record_starts_a_pass(entry: ModuleType, bucket: Bucket, service: Service, clock: FakeClock) -> None:
    clock.time = 301
    with Stubber(entry.states) as states:
        states.add_response("start_execution", {"executionArn": "arn", "startDate": 0}, None)
        configure(entry)
        states.assert_no_pending_responses()
