"""The last step of a pass: what it keeps, what it deletes, and that CloudFormation gets its answer whatever fails."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from kinesis_video_configuration import Deadline
from kinesis_video_fleet.conclusion import conclude
from kinesis_video_fleet.planner import Pass, event_of
from kinesis_video_fleet.store import Store
from tests.cloudformation import CloudFormation

MOST_KEYS = 1000
"""Of one DeleteObjects, and on one page."""
PROPERTIES = {"NamePrefix": "cam-"}
CLOUDWATCH = SimpleNamespace(put_metric_data=lambda **_: None)


class Bucket:
    """A client of Amazon S3 with one bucket, some of whose deletes fail."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.deletes = 0
        self.failing_deletes: set[int] = set()
        self.refused = ""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **_conditions: str) -> None:  # noqa: N803
        self.objects[Key] = Body

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": Key}}, "GetObject")
        body = self.objects[Key]
        return {"Body": io.BytesIO(body), "ETag": hashlib.md5(body).hexdigest()}

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        self._delete([Key])

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        keys = [each["Key"] for each in Delete["Objects"]]
        assert len(keys) <= MOST_KEYS
        refused = [key for key in keys if key == self.refused]
        self._delete([key for key in keys if key not in refused])
        return {"Errors": [{"Key": key, "Code": "InternalError", "Message": "again"} for key in refused]}

    def get_paginator(self, _operation: str) -> Any:
        def paginate(*, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
            last = ""
            while page := [k for k in sorted(self.objects) if k.startswith(Prefix) and k > last][:MOST_KEYS]:
                last = page[-1]
                yield {"Contents": [{"Key": key} for key in page]}
            yield {}

        return SimpleNamespace(paginate=paginate)

    def _delete(self, keys: list[str]) -> None:
        self.deletes += 1
        if self.deletes in self.failing_deletes:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "later"}}, "DeleteObjects")
        for key in keys:
            self.objects.pop(key, None)


@pytest.fixture
def bucket() -> Bucket:
    """Of a fleet of 20 streams, and what 1,000 earlier passes have left."""
    bucket = Bucket()
    for number in range(1_000):
        for name in ("plan.json", "work.jsonl", "result.json"):
            bucket.objects[f"passes/earlier-{number}/{name}"] = b"{}"
    return bucket


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    with CloudFormation.running() as running:
        yield running


def event_for(bucket: Bucket, cloudformation: CloudFormation, request_type: str) -> dict[str, Any]:
    event = {
        "RequestType": request_type,
        "RequestId": "request-1",
        "ResponseURL": cloudformation.response_url,
        "StackId": "stack",
        "LogicalResourceId": "Fleet",
        "ResourceType": "Custom::KinesisVideoStreamFleet",
        "PhysicalResourceId": "stream-fleet/cam-",
        "ResourceProperties": PROPERTIES,
    }
    bucket.objects["events/request-1.json"] = json.dumps(event).encode()
    return event


def worked(bucket: Bucket, counts: dict[str, int], failed: dict[str, str] | None = None) -> None:
    """Leave behind what the steps before have."""
    ledger = {"turn": "request-1", "declaration": None, "earlier": [PROPERTIES]}
    bucket.objects["ledger.json"] = json.dumps(ledger).encode()
    plan = {"streams": sum(counts.values())}
    bucket.objects["passes/request-1/plan.json"] = json.dumps(plan).encode()
    report = {"counts": counts, "failed": failed or {}}
    bucket.objects["passes/request-1/reports/000000.json"] = json.dumps(report).encode()


def conclude_once(bucket: Bucket) -> dict[str, Any]:
    store = Store(bucket, "work")
    this = Pass("request-1", "machine", event_of(store, "request-1"))
    return conclude(store, CLOUDWATCH, "cam-", this, {"go": "work"}, Deadline(60))


def test_a_delete_empties_the_bucket_with_few_calls(bucket: Bucket, cloudformation: CloudFormation) -> None:
    event = event_for(bucket, cloudformation, "Delete")
    worked(bucket, {"removed": 20})
    with cloudformation.one_answer_to(event) as answers:
        conclude_once(bucket)
    assert answers[0].status == "SUCCESS"
    assert bucket.objects == {}
    assert bucket.deletes <= 10


@pytest.mark.parametrize("failing", range(1, 7))
def test_a_delete_is_answered_also_if_the_bucket_cannot_be_emptied_at_once(
    failing: int, bucket: Bucket, cloudformation: CloudFormation
) -> None:
    event = event_for(bucket, cloudformation, "Delete")
    # One that failed, which the tolerance takes.
    worked(bucket, {"removed": 39, "InternalFailure": 1}, {"cam-1": "InternalFailure"})
    bucket.failing_deletes = {failing}
    with cloudformation.one_answer_to(event) as answers:
        with pytest.raises(ClientError):
            conclude_once(bucket)
        # As the state machine repeats a step.
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


@pytest.mark.parametrize(("counts", "kept"), [({"set": 20}, []), ({"set": 19, "without_retention": 1}, [PROPERTIES])])
def test_what_was_declared_earlier_is_known_while_a_stream_may_have_it(
    counts: dict[str, int], kept: list[Any], bucket: Bucket, cloudformation: CloudFormation
) -> None:
    event_for(bucket, cloudformation, "Update")
    worked(bucket, counts)
    assert conclude_once(bucket)["ended"] == "complete"
    assert json.loads(bucket.objects["ledger.json"])["earlier"] == kept
