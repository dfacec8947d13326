"""The last step of a pass: what it keeps, what it deletes, and the answer to CloudFormation, whatever fails."""

from __future__ import annotations

import json
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from kinesis_video_configuration import Deadline
from kinesis_video_configuration.retries import Retries
from kinesis_video_fleet.conclusion import Conclusion
from kinesis_video_fleet.planner import Pass
from kinesis_video_fleet.store import Earlier, Ledger, Store, Turn
from tests.cloudformation import CloudFormation

from .bucket import Bucket
from .conftest import event_of

CAM_1 = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/cam-1/1"
PROPERTIES = {"NamePrefix": "cam-"}
CLOUDWATCH = SimpleNamespace(put_metric_data=lambda **_: None)


@pytest.fixture
def bucket() -> Bucket:
    """The objects of 1,000 earlier passes."""
    bucket = Bucket()
    for number in range(1_000):
        for name in ("plan.json", "work.jsonl", "result.json"):
            bucket.objects[f"passes/earlier-{number}/{name}"] = b"{}"
    return bucket


def event_for(bucket: Bucket, cloudformation: CloudFormation, request_type: str) -> dict[str, Any]:
    event = event_of(cloudformation, request_type, PhysicalResourceId="stream-fleet/cam-")
    bucket.objects["events/request-1.json"] = json.dumps({"event": event, "arrived": 0}).encode()
    return event


def worked(
    bucket: Bucket, counts: dict[str, int], named: dict[str, tuple[str, str]] | None = None, **turn: Any
) -> None:
    """Store what the earlier steps of a pass leave."""
    ledger = Ledger(Turn("request-1", ended=False, **turn), (), None, (Earlier(PROPERTIES),), touched=True)
    bucket.objects["ledger.json"] = json.dumps(asdict(ledger)).encode()
    plan = {"streams": sum(counts.values())}
    bucket.objects["passes/request-1/plan.json"] = json.dumps(plan).encode()
    report = {"number": 0, "counts": counts, "named": named or {}, "again": {}}
    bucket.objects["passes/request-1/reports/000000.json"] = json.dumps(report).encode()


def conclude_once(bucket: Bucket, state: dict[str, Any] | None = None) -> dict[str, Any]:
    store = Store(bucket, "work")
    this = Pass.read(store, "request-1", "arn", "request-1")
    conclusion = Conclusion(store, CLOUDWATCH, lambda: None, Retries(Deadline(60)))
    return conclusion.conclude(this, state or {"go": "work"}, Deadline(60))


def test_a_delete_empties_the_bucket_with_few_calls(bucket: Bucket, cloudformation: CloudFormation) -> None:
    event = event_for(bucket, cloudformation, "Delete")
    worked(bucket, {"removed": 20})
    with cloudformation.one_answer_to(event) as answers:
        conclude_once(bucket)
    assert answers[0].status == "SUCCESS"
    assert bucket.objects == {}
    assert bucket.deletes <= 10


@pytest.mark.parametrize("failing", range(1, 7))
def test_a_delete_is_answered_even_if_emptying_the_bucket_fails_once(
    failing: int, bucket: Bucket, cloudformation: CloudFormation
) -> None:
    event = event_for(bucket, cloudformation, "Delete")
    worked(bucket, {"removed": 39, "denied": 1}, {CAM_1: ("denied", "by a policy")})
    bucket.failing_deletes = {failing}
    with cloudformation.one_answer_to(event) as answers:
        with pytest.raises(ClientError):
            conclude_once(bucket)
        # As the state machine repeats a step.
        conclude_once(bucket)
    assert answers[0].status == "SUCCESS"
    assert bucket.objects == {}


def test_a_bucket_that_is_busy_is_waited_for_within_the_step(bucket: Bucket, cloudformation: CloudFormation) -> None:
    event = event_for(bucket, cloudformation, "Delete")
    worked(bucket, {"removed": 20})
    bucket.failing_deletes, bucket.failure = {1, 2}, ("SlowDown", 503)
    with cloudformation.one_answer_to(event) as answers:
        conclude_once(bucket)
    assert answers[0].status == "SUCCESS"
    assert bucket.objects == {}


def test_an_object_that_is_not_deleted_is_a_failure_of_the_step(bucket: Bucket, cloudformation: CloudFormation) -> None:
    event = event_for(bucket, cloudformation, "Delete")
    worked(bucket, {"removed": 20})
    bucket.refused = "passes/earlier-500/plan.json"
    with cloudformation.one_answer_to(event) as answers:
        with pytest.raises(RuntimeError, match="InternalError"):
            conclude_once(bucket)
        bucket.refused = ""
        conclude_once(bucket)
    assert answers[0].status == "SUCCESS"
    assert bucket.objects == {}


@pytest.mark.parametrize(
    ("counts", "named", "turn", "status"),
    [
        ({"removed": 39, "InternalFailure": 1}, {CAM_1: ("InternalFailure", "again")}, {}, "FAILED"),
        ({"removed": 39, "not_tried": 1}, {CAM_1: ("not_tried", "its batch has not reported")}, {}, "FAILED"),
        ({"removed": 39, "denied": 1}, {CAM_1: ("denied", "by a policy")}, {}, "SUCCESS"),
        ({"denied": 1, "not_tried": 9}, {CAM_1: ("denied", "by a policy")}, {"stopped": "denied"}, "SUCCESS"),
        ({"removed": 39, "without_retention": 1}, {CAM_1: ("without_retention", "it keeps")}, {}, "SUCCESS"),
        ({"removed": 38, "foreign": 1, "gone": 1}, {CAM_1: ("foreign", "")}, {}, "SUCCESS"),
    ],
)
def test_a_delete_fails_if_anything_is_left_that_could_be_removed(
    counts: dict[str, int],
    named: dict[str, tuple[str, str]],
    turn: dict[str, str],
    status: str,
    bucket: Bucket,
    cloudformation: CloudFormation,
) -> None:
    event = event_for(bucket, cloudformation, "Delete")
    worked(bucket, counts, named, **turn)
    with cloudformation.one_answer_to(event) as answers:
        conclude_once(bucket)
    assert answers[0].status == status
    assert "cam-1" in (answers[0].reason or answers[0].data["Left"])
    # The ledger stays until the last stream is done.
    assert ("ledger.json" in bucket.objects) == (status == "FAILED")


def test_a_delete_that_is_not_allowed_to_list_the_streams_says_so(
    bucket: Bucket, cloudformation: CloudFormation
) -> None:
    event = event_for(bucket, cloudformation, "Delete")
    state = {"go": "nothing", "problem": "ListStreams: AccessDenied: no", "denied": True}
    with cloudformation.one_answer_to(event) as answers:
        conclude_once(bucket, state)
    assert answers[0].status == "SUCCESS"
    assert (answers[0].data["Left"], answers[0].data["Verified"]) == (state["problem"], "false")


@pytest.mark.parametrize(
    "state", [{"go": "nothing"}, {"go": "skip", "problem": "its event of CloudFormation is answered"}]
)
def test_an_event_that_is_answered_writes_nothing_more(
    state: dict[str, Any], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kinesis_video_fleet import entry

    bucket.objects.clear()
    monkeypatch.setattr(entry, "store", Store(bucket, "work"))
    execution = {"pass": "request-1", "execution": "arn", "input": {"request": "request-1"}}
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)
    event = {"step": "conclude", "state": state, **execution}
    assert entry.handler(event, context)["ended"] == "skipped"
    # CloudFormation could not delete the bucket.
    assert bucket.objects == {}
    result = {"ended": "failed", "problem": "as asked", "counts": {}, "stopped": 0}
    bucket.objects["passes/request-1/result.json"] = json.dumps(result).encode()
    assert entry.handler(event, context) == {"ended": "failed", "problem": "as asked"}


@pytest.mark.parametrize(
    ("counts", "named", "kept"),
    [
        ({"set": 20}, {}, []),
        ({}, {}, []),
        ({"set": 19, "without_retention": 1}, {CAM_1: ("without_retention", "")}, []),
        ({"set": 19, "without_retention": 1}, {CAM_1: ("without_retention", "it keeps")}, [CAM_1]),
        ({"set": 19, "foreign": 1}, {CAM_1: ("foreign", "")}, []),
        ({"set": 19, "InternalFailure": 1}, {CAM_1: ("InternalFailure", "again")}, [CAM_1]),
    ],
)
def test_an_earlier_declaration_is_kept_for_the_streams_that_may_have_it(
    counts: dict[str, int],
    named: dict[str, tuple[str, str]],
    kept: list[str],
    bucket: Bucket,
    cloudformation: CloudFormation,
) -> None:
    event_for(bucket, cloudformation, "Update")
    worked(bucket, counts, named)
    assert conclude_once(bucket)["ended"] == "complete"
    earlier = Store(bucket, "work").ledger().earlier
    assert [json.loads(bucket.objects[each.streams]) for each in earlier] == ([kept] if kept else [])


def test_a_pass_without_an_outcome_for_each_stream_is_not_complete(
    bucket: Bucket, cloudformation: CloudFormation
) -> None:
    """As if another version had written the work list."""
    event = event_for(bucket, cloudformation, "Update")
    worked(bucket, {"set": 20})
    bucket.objects["passes/request-1/plan.json"] = json.dumps({"streams": 22}).encode()
    with cloudformation.one_answer_to(event) as answers:
        conclude_once(bucket)
    assert (answers[0].status, answers[0].reason) == ("FAILED", "nothing is known of 2 streams")
