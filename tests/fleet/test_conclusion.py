"""The last step of a pass: what it keeps, what it deletes, and the answer to CloudFormation, whatever fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from kinesis_video_configuration import Deadline
from kinesis_video_configuration.retries import Retries
from kinesis_video_fleet.conclusion import conclude
from kinesis_video_fleet.planner import Pass
from kinesis_video_fleet.store import Earlier, Ledger, Store, Turn
from tests.cloudformation import Answered, CloudFormation

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


def concluded(
    bucket: Bucket,
    cloudformation: CloudFormation,
    request_type: str = "Delete",
    state: Mapping[str, Any] = MappingProxyType({"go": "work"}),
    error: str = "",
) -> Answered:
    """Return the one answer to an event; a step that ends in an error is repeated, as by the state machine."""
    event = event_of(cloudformation, request_type, PhysicalResourceId="stream-fleet/cam-")
    bucket.objects["events/request-1.json"] = json.dumps({"event": event, "arrived": 0}).encode()
    store = Store(bucket, "work")

    def conclude_it() -> None:
        this = Pass("request-1", "arn", store, lambda: None, Retries(Deadline(60))).with_event("request-1")
        conclude(this, state, CLOUDWATCH, Deadline(60))

    with cloudformation.one_answer_to(event) as answers:
        if error:
            with pytest.raises((ClientError, RuntimeError), match=error):
                conclude_it()
            bucket.refused = ""
        conclude_it()
    return answers[0]


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        ({}, ""),
        *(({"failing_deletes": {number}}, "InvalidRequest") for number in range(1, 7)),
        # It is waited for within the step.
        ({"failing_deletes": {1, 2}, "failure": ("SlowDown", 503)}, ""),
        ({"refused": "passes/earlier-500/plan.json"}, "InternalError"),
    ],
)
def test_a_delete_empties_the_bucket_with_few_calls_and_is_answered_even_if_that_fails_once(
    trouble: dict[str, Any], error: str, bucket: Bucket, cloudformation: CloudFormation
) -> None:
    worked(bucket, {"removed": 39, "denied": 1}, {CAM_1: ("denied", "by a policy")})
    vars(bucket).update(trouble)
    assert concluded(bucket, cloudformation, error=error).status == "SUCCESS"
    assert bucket.objects == {}
    assert bucket.deletes <= 10


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
    worked(bucket, counts, named, **turn)
    answer = concluded(bucket, cloudformation)
    assert answer.status == status
    assert "cam-1" in (answer.reason or answer.data["Left"])
    # The ledger stays until the last stream is done.
    assert ("ledger.json" in bucket.objects) == (status == "FAILED")


def test_a_delete_that_is_not_allowed_to_list_the_streams_says_so(
    bucket: Bucket, cloudformation: CloudFormation
) -> None:
    state = {"go": "nothing", "problem": "ListStreams: AccessDenied: no", "denied": True}
    answer = concluded(bucket, cloudformation, state=state)
    assert (answer.status, answer.data["Left"], answer.data["Verified"]) == ("SUCCESS", state["problem"], "false")


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
    worked(bucket, counts, named)
    assert concluded(bucket, cloudformation, "Update").status == "SUCCESS"
    earlier = Store(bucket, "work").ledger().earlier
    assert [json.loads(bucket.objects[each.streams]) for each in earlier] == ([kept] if kept else [])


def test_a_pass_without_an_outcome_for_each_stream_is_not_complete(
    bucket: Bucket, cloudformation: CloudFormation
) -> None:
    """As if another version had written the work list."""
    worked(bucket, {"set": 20})
    bucket.objects["passes/request-1/plan.json"] = json.dumps({"streams": 22}).encode()
    answer = concluded(bucket, cloudformation, "Update")
    assert (answer.status, answer.reason) == ("FAILED", "nothing is known of 2 streams")


@pytest.mark.parametrize(("request_type", "status"), [("Update", "SUCCESS"), ("Delete", "FAILED")])
def test_a_stream_whose_batch_has_not_reported_is_named(
    request_type: str, status: str, bucket: Bucket, cloudformation: CloudFormation
) -> None:
    worked(bucket, {"equal": 20})
    bucket.objects["passes/request-1/work-1.json"] = json.dumps([{"number": 1, "streams": [CAM_1]}]).encode()
    bucket.objects["passes/request-1/plan.json"] = json.dumps({"streams": 21}).encode()
    assert concluded(bucket, cloudformation, request_type).status == status
    assert json.loads(bucket.objects["passes/request-1/streams.json"]) == {
        "failed": {"cam-1": "its batch has not reported"}
    }
