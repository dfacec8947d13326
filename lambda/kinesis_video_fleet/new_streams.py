"""Sets the image generation of streams that were created just now, of which CloudTrail tells by way of a queue."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kinesis_video_configuration import Deadline, timing
from kinesis_video_contract.fleets import (
    EQUAL,
    NEW_STREAMS_FAILED,
    NEW_STREAMS_SET,
    NEW_STREAMS_UNREADABLE,
    NO_FAILURES,
    SET,
)

from .conclusion import publish
from .declaration import name_of
from .entry import kinesis_video, log, session, states, store, touch
from .store import Ledger
from .worker import Report, Rules, Worker

PATIENCE_SECONDS = 90
"""How long a stream that is being created is waited for."""
PAUSE_SECONDS = 3
RESERVE_SECONDS = 15
"""What is kept of the function's time for what comes after the calls."""
OLD_SECONDS = 300
"""A record that has waited so long begins a pass: this function sets fewer streams than the quota allows."""

logger = logging.getLogger(__name__)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Set new streams; return the records of those that failed, for Lambda to bring them again."""
    deadline = Deadline(context.get_remaining_time_in_millis() / 1000).earlier(RESERVE_SECONDS)
    records = event["Records"]
    if any(_age(record) >= OLD_SECONDS for record in records):
        _begin_pass()
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
        report = _set(list(by_stream), deadline)
    finally:
        store.delete(mark)
    log(report)
    counts = report.counts
    failed = [arn for arn, (outcome, _) in report.named.items() if outcome not in NO_FAILURES]
    publish(
        session.client("cloudwatch"),
        {
            NEW_STREAMS_SET: counts[SET] + counts[EQUAL],
            NEW_STREAMS_FAILED: len(failed),
            NEW_STREAMS_UNREADABLE: unreadable,
        },
    )
    return {"batchItemFailures": [{"itemIdentifier": by_stream[arn]} for arn in failed]}


def _stream_of(record: Mapping[str, Any]) -> str:
    stream_arn = str(json.loads(record["body"])["detail"]["responseElements"]["streamARN"])
    # What has no name is no stream's ARN.
    name_of(stream_arn)
    return stream_arn


def _set(created: list[str], deadline: Deadline) -> Report:
    """Set what is declared; what is declared meanwhile is set in the end, also in the place of what was set here."""
    replaced: list[Mapping[str, Any]] = []
    while (ledger := store.ledger()).declaration is not None:
        rules = Rules.parse(ledger.declaration, [*_earlier(ledger), *replaced])
        patience = min(deadline.remaining(), PATIENCE_SECONDS)
        whole = Report()
        left = [arn for arn in created if rules.declaration and rules.declaration.covers(arn)]
        for worker in _workers(rules, ledger.declaration, deadline, Deadline(patience)):
            report = worker.work(left)
            whole.counts += report.counts
            whole.named |= report.named
            whole.again = report.again
            left = list(report.again)
            if not left or worker.stopped:
                break
        if ledger.declaration == store.ledger().declaration:
            return whole.give_up()
        replaced.append({"properties": ledger.declaration, "streams": None})
    return Report()


def _workers(rules: Rules, declaration: Mapping[str, Any], deadline: Deadline, patience: Deadline) -> Iterator[Worker]:
    """Make one after the other until patience is over: a stream that isn't ready yet holds up no other one."""
    rate = int(os.environ["CALLS_PER_SECOND"])
    while True:
        yield Worker(kinesis_video, rules, rate, deadline, lambda: _why_stop(declaration), touch(store))
        if patience.remaining() <= PAUSE_SECONDS:
            return
        timing.sleep(PAUSE_SECONDS)


def _why_stop(declaration: Mapping[str, Any]) -> str:
    return "" if store.ledger().declaration == declaration else "something else is declared now"


def _earlier(ledger: Ledger) -> list[dict[str, Any]]:
    return [
        {"properties": each.properties, "streams": store.read(each.streams) if each.streams else None}
        for each in ledger.earlier
    ]


def _age(record: Mapping[str, Any]) -> float:
    sent = record.get("attributes", {}).get("SentTimestamp")
    return timing.since_1970() - int(sent) / 1000 if sent else 0


def _begin_pass() -> None:
    # Once in that time: the pass sees all that the queue tells of.
    name = f"queue-{int(timing.since_1970() // OLD_SECONDS)}"
    try:
        states.start_execution(stateMachineArn=os.environ["STATE_MACHINE"], name=name, input="{}")
    except (BotoCoreError, ClientError) as error:
        if "ExecutionAlreadyExists" not in str(error):
            logger.error("no pass was begun", extra={"problem": str(error)})
