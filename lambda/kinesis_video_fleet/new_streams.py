"""The function for new streams: sets their configuration, as CloudTrail reports them through a queue."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kinesis_video_configuration import Deadline, timing
from kinesis_video_contract.fleets import EQUAL, NEW_STREAMS_FAILED, NEW_STREAMS_SET, NEW_STREAMS_UNREADABLE, SET

from .conclusion import publish
from .declaration import Rules, name_of
from .entry import kinesis_video, session, states, store
from .outcome import Outcome
from .worker import Worker

PATIENCE_SECONDS = 90
"""How long to wait for a stream that is being created."""
PAUSE_SECONDS = 3
RESERVE_SECONDS = 15
"""What is kept of the function's time for what follows the calls."""
OLD_SECONDS = 300
"""A record that has waited this long starts a pass: this function sets fewer streams than the quota allows."""

logger = logging.getLogger(__name__)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Set new streams; return the records of those that failed, so that Lambda delivers them again."""
    deadline = Deadline(context.get_remaining_time_in_millis() / 1000).earlier(RESERVE_SECONDS)
    records = event["Records"]
    if any(_age(record) >= OLD_SECONDS for record in records):
        _start_pass()
    by_stream: dict[str, str] = {}
    unreadable = 0
    for record in records:
        try:
            by_stream[_stream_of(record)] = record["messageId"]
        except (LookupError, TypeError, ValueError):
            unreadable += 1
            logger.error("no record of a new stream", extra={"record": record["messageId"]})
    mark = f"new-streams/{context.aws_request_id}.json"
    # A delete waits until it is gone.
    store.write(mark, {"until": timing.since_1970() + deadline.remaining() + RESERVE_SECONDS})
    try:
        outcome = _set(list(by_stream), deadline)
    finally:
        store.delete(mark)
    outcome.log()
    values = {
        NEW_STREAMS_SET: outcome.counts[SET] + outcome.counts[EQUAL],
        NEW_STREAMS_FAILED: outcome.failures.total(),
        NEW_STREAMS_UNREADABLE: unreadable,
    }
    publish(session.client("cloudwatch"), values)
    return {"batchItemFailures": [{"itemIdentifier": by_stream[arn]} for arn in outcome.failed]}


def _stream_of(record: Mapping[str, Any]) -> str:
    stream_arn = str(json.loads(record["body"])["detail"]["responseElements"]["streamARN"])
    # Without a name it is not the ARN of a stream.
    name_of(stream_arn)
    return stream_arn


def _set(created: list[str], deadline: Deadline) -> Outcome:
    """Set what is declared; if something else is declared meanwhile, set that in its place, also where this was set."""
    patience = Deadline(min(deadline.remaining(), PATIENCE_SECONDS))
    declared: Mapping[str, Any] | None = None
    stopped = ""
    replaced: list[Mapping[str, Any]] = []
    whole, left = Outcome(), created
    while (ledger := store.ledger()).declaration is not None:
        if ledger.declaration != declared:
            replaced += [] if declared is None else [{"properties": declared, "streams": None}]
            declared, whole, left = ledger.declaration, Outcome(), created
        elif not left or stopped or patience.remaining() <= PAUSE_SECONDS:
            whole.give_up()
            return whole
        rules = Rules.parse(declared, [*store.earlier(ledger), *replaced])
        assert rules.declaration is not None
        left = [arn for arn in left if rules.declaration.covers(arn)]
        rate = int(os.environ["CALLS_PER_SECOND"])
        worker = Worker(kinesis_video, rules, rate, deadline, partial(_why_stop, declared), store.touch)
        whole.add_all(left, worker.work(left))
        left, stopped = list(whole.again), worker.stopped
        if left and not stopped:
            # A stream that isn't ready yet doesn't delay the others: it is tried again after all of them.
            timing.sleep(PAUSE_SECONDS)
    return Outcome()


def _why_stop(declaration: Mapping[str, Any] | None) -> str:
    return "" if store.ledger().declaration == declaration else "something else is declared now"


def _age(record: Mapping[str, Any]) -> float:
    sent = record.get("attributes", {}).get("SentTimestamp")
    return timing.since_1970() - int(sent) / 1000 if sent else 0


def _start_pass() -> None:
    # Once in that time: the pass sees all streams of the queue.
    name = f"queue-{int(timing.since_1970() // OLD_SECONDS)}"
    try:
        states.start_execution(stateMachineArn=os.environ["STATE_MACHINE"], name=name, input="{}")
    except (BotoCoreError, ClientError) as error:
        if "ExecutionAlreadyExists" not in str(error):
            logger.error("no pass was started", extra={"problem": str(error)})
