"""A pass of a fleet in virtual time: the function's own planner, worker and conclusion, on the local AWS's quotas.

What limits a pass comes from the documentation and from the local AWS, and from nothing that the function knows.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from types import SimpleNamespace
from typing import Any
from unittest import mock

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_s3 as s3
from botocore.exceptions import ReadTimeoutError

from cdk_kinesis_video import StreamFleet
from kinesis_video_configuration import IMAGE_GENERATION, timing
from kinesis_video_local.kinesisvideo.control_plane import CONTROL_PLANE, ControlPlane
from kinesis_video_local.kinesisvideo.quotas import quota
from kinesis_video_local.kinesisvideo.streams import Streams, stream_name
from kinesis_video_local.service import quotas
from kinesis_video_local.service.errors import ServiceError
from tests.templates import resolve

from .bucket import Bucket, refusal
from .virtual_time import VirtualClock

ACCOUNT, REGION = "111122223333", "eu-west-1"

# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MAX_PAYLOAD_BYTES = 256 * 1024
MAX_HISTORY_EVENTS = 25_000
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_FUNCTION_SECONDS = 900
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
MAX_ANSWER_SECONDS = 3600

LONGEST_NAME = 235
"""Longer ones have no room in a destination of 255 characters with the bucket of `simulate_pass`."""

CHILD_SECONDS = 0.5
"""Assumed for each batch: Step Functions starts a child workflow and Lambda invokes the function."""
REPLY_SECONDS = (0.010, 0.040)
"""Assumed for each call, there and back; one in a hundred takes ten times as long."""

# The events that a state writes into the history, by its type, as `GetExecutionHistory` lists them: entered and
# exited; of a task scheduled, started and succeeded; of a distributed map started and succeeded, of itself and its run.
EVENTS = {"Task": 5, "Choice": 2, "Map": 6, "Succeed": 2, "Fail": 1, "Wait": 2}
OF_AN_EXECUTION = 2
PATH = ("Plan", "Planned", "Batches", "Plan", "Planned", "Batches", "Plan", "Planned", "Conclude", "Ended", "Done")
"""Of a pass that tries some streams again."""

ERRORS = {
    "busy": ("InternalFailure", 500),
    "denied": ("AccessDeniedException", 401),
    "slow": ("", 0),
}
"""What a sick stream answers to each update; a slow one does not answer."""


@dataclass
class Simulation:
    """What a pass took."""

    streams: int
    bound: bool
    """Whether CloudFormation waits for the pass."""
    sick: int
    requests: Counter[str]
    """Of Amazon S3."""
    seconds: float = 0
    """Of the whole pass."""
    longest_batch_seconds: float = 0
    throttled: int = 0
    largest_payload: int = 0
    result: dict[str, Any] = field(default_factory=dict)
    named: dict[str, Any] = field(default_factory=dict)
    """The streams that were not set."""
    last_set: float = 0
    """When the last stream was set, in seconds after the first batch's begin."""
    function_seconds: float = 0
    """Of all invocations, for which Lambda charges."""
    transitions: int = 0

    @property
    def rate(self) -> float:
        """Streams a second, from the first batch's begin until the last one was set."""
        return float(self.result["counts"].get("set", 0) / self.last_set)


def history_events(definition: Mapping[str, Any]) -> int:
    """Count the events in the history of a pass; its batches have histories of their own."""
    return OF_AN_EXECUTION + sum(EVENTS[definition["States"][state]["Type"]] for state in PATH)


class _Service:
    """Kinesis Video Streams, whose calls take virtual time and meet the local AWS's quotas."""

    def __init__(self, clock: VirtualClock, chance: random.Random, others: int, sickness: str) -> None:
        self.streams = Streams(ACCOUNT, REGION)
        self.sick: set[str] = set()
        self.throttled = 0
        self.last_set = 0.0
        self._clock = clock
        self._chance = chance
        self._others = others
        self._sickness = sickness
        self._plane = ControlPlane(self.streams, endpoint_url="", creating_seconds=0, stale_seconds=0)
        self._quotas = quotas.Quotas()
        self._others_until: dict[str, float] = {}

    def call(self, meta: Any, method: str, **parameters: Any) -> Any:
        operation = meta.method_to_api_mapping[method]
        reply = self._chance.uniform(*REPLY_SECONDS) * (10 if self._chance.random() < 0.01 else 1)
        self._clock.sleep(reply / 2)
        try:
            self._let_others_call(operation)
            self._quotas.admit(operation, quota(operation), ACCOUNT, REGION, stream_name(parameters))
            if method == IMAGE_GENERATION.update:
                self._update(meta, operation, parameters["StreamARN"])
            return getattr(self._plane, method)(CONTROL_PLANE.parse(operation, parameters))
        except ServiceError as error:
            self.throttled += error.code == "ClientLimitExceededException"
            raise refusal(error.code, 400) from None
        finally:
            self._clock.sleep(reply / 2)

    def _update(self, meta: Any, operation: str, stream_arn: str) -> None:
        if stream_arn not in self.sick:
            self.last_set = self._clock.time
            return
        code, status = ERRORS[self._sickness]
        if not code:
            self._clock.sleep(meta.config.read_timeout)
            raise ReadTimeoutError(endpoint_url="https://kinesisvideo")
        raise refusal(code, status)

    def _let_others_call(self, operation: str) -> None:
        """Use up what others have called since, evenly and as far as the quota lets them."""
        if not self._others:
            return
        last = self._others_until.get(operation, self._clock.time)
        while last + 1 / self._others <= self._clock.time:
            last += 1 / self._others
            with suppress(ServiceError):
                self._quotas.admit(operation, quota(operation), ACCOUNT, REGION, None)
        self._others_until[operation] = last


@dataclass
class _Client:
    """A client of the service, as patient as another one."""

    service: _Service
    meta: Any

    def __getattr__(self, method: str) -> Any:
        return partial(self.service.call, self.meta, method)


def simulate_pass(
    streams: int,
    *,
    calls_per_second: int = 45,
    name_length: int = 20,
    others_per_second: int = 0,
    sick_share: float = 0,
    sickness: str = "busy",
    bound: bool = False,
) -> Simulation:
    """Simulate the first pass of a fleet that is declared with nothing but its calls a second.

    Somebody else calls each operation `others_per_second` times meanwhile. A share of the streams is sick for the whole
    pass: `busy`, `denied` or `slow`. If it is `bound`, CloudFormation waits for it.
    """
    resources = _template(calls_per_second)["Resources"].values()
    (properties,) = (r["Properties"] for r in resources if r["Type"] == "Custom::KinesisVideoStreamFleet")
    handlers = {r["Properties"].get("Handler"): r["Properties"] for r in resources}
    prefix = properties["NamePrefix"]
    clock = VirtualClock()
    chance = random.Random(streams)
    service = _Service(clock, chance, others_per_second, sickness)
    for number in range(streams):
        name = f"{prefix}{number:0{name_length - len(prefix)}}"
        service.streams.create({"StreamName": name, "DataRetentionInHours": 24}, creating_seconds=-1)
    arns = [service.streams.find({"StreamName": name}).arn for name in service.streams.names()]
    service.sick = set(chance.sample(arns, round(sick_share * streams)))
    bucket = Bucket()
    simulation = Simulation(streams, bound, len(service.sick), bucket.requests)
    nothing = SimpleNamespace(describe_execution=lambda **_: {"status": "RUNNING"}, put_metric_data=lambda **_: None)
    with ExitStack() as patches:
        environment = {
            **handlers["kinesis_video_fleet.entry.handler"]["Environment"]["Variables"],
            "AWS_DEFAULT_REGION": REGION,
            "WORK_BUCKET": "work",
        }
        patches.enter_context(mock.patch.dict(os.environ, environment))
        from kinesis_video_fleet import conclusion, entry, worker
        from kinesis_video_fleet.store import Store

        began = time.time()
        for place, name, stand_in in (
            (timing, "now", clock.now),
            (timing, "sleep", clock.sleep),
            (timing, "since_1970", lambda: began + clock.time),
            (quotas, "time", SimpleNamespace(monotonic=clock.now)),
            (worker, "ThreadPoolExecutor", clock.pool),
            (entry, "kinesis_video", _Client(service, entry.kinesis_video.meta)),
            (entry, "impatient", _Client(service, entry.impatient.meta)),
            (entry, "store", Store(bucket, "work")),
            (entry, "states", nothing),
            (conclusion, "send", lambda *_: None),
            (entry, "session", SimpleNamespace(client=lambda _: nothing)),
        ):
            patches.enter_context(mock.patch.object(place, name, stand_in))
        _run(entry.handler, clock, simulation, service, bucket, properties)
    simulation.throttled = service.throttled
    simulation.result = json.loads(bucket.objects["passes/first/result.json"])
    simulation.named = json.loads(bucket.objects.get("passes/first/streams.json", b"{}"))
    return simulation


def _run(
    handler: Any,
    clock: VirtualClock,
    simulation: Simulation,
    service: _Service,
    bucket: Bucket,
    properties: Mapping[str, Any],
) -> None:
    """Do what the state machine does."""
    from kinesis_video_fleet.store import Ledger

    if simulation.bound:
        event = {
            "RequestType": "Create",
            "ResponseURL": "https://cloudformation-custom-resource-response-euwest1.s3.eu-west-1.amazonaws.com/answer",
            "RequestId": "first",
            "StackId": "arn:aws:cloudformation:eu-west-1:111122223333:stack/Fleet/1",
            "LogicalResourceId": "Fleet",
            "ResourceProperties": {**properties, "ServiceTimeout": str(MAX_ANSWER_SECONDS)},
        }
        kept = {"event": event, "arrived": timing.since_1970()}
        bucket.objects["events/first.json"] = json.dumps(kept).encode()
    else:
        bucket.objects["ledger.json"] = json.dumps(asdict(Ledger(declaration=properties))).encode()
    execution = {"pass": "first", "execution": "arn", "input": {"request": "first"} if simulation.bound else {}}

    def step(event: Mapping[str, Any]) -> Any:
        began = clock.time
        context = SimpleNamespace(
            get_remaining_time_in_millis=lambda: (began + MAX_FUNCTION_SECONDS - clock.time) * 1e3
        )
        answer = handler(event, context)
        sizes = (len(json.dumps(payload).encode()) for payload in (event, answer))
        simulation.largest_payload = max(simulation.largest_payload, *sizes)
        simulation.function_seconds += clock.time - began
        return answer

    state: Any = {}
    working_since = None
    while (state := step({"step": "plan", "state": state, **execution}))["go"] == "work":
        working_since = clock.time if working_since is None else working_since
        # Plan, Planned and Batches.
        simulation.transitions += 3
        for batch in json.loads(bucket.objects[state["key"]]):
            clock.sleep(CHILD_SECONDS)
            began = clock.time
            step({"step": "work", "batch": batch})
            simulation.longest_batch_seconds = max(simulation.longest_batch_seconds, clock.time - began)
            # A child's start, its one state and its end.
            simulation.transitions += 3
    simulation.last_set = service.last_set - (working_since or 0)
    step({"step": "conclude", "state": state, **execution})
    # The last Plan and Planned, Conclude, Ended and Done, and the start.
    simulation.transitions += 6
    simulation.seconds = clock.time


def definition() -> dict[str, Any]:
    """Read the definition of the state machine, with a word in the place of each reference."""
    resources = _template(45)["Resources"].values()
    (machine,) = (r for r in resources if r["Type"] == "AWS::StepFunctions::StateMachine")
    work = "arn:aws:lambda:eu-west-1:111122223333:function:work"
    text = resolve(
        machine["Properties"]["DefinitionString"], lambda name, _: work if "WorkFunction" in name else "bucket"
    )
    read: dict[str, Any] = json.loads(text)
    return read


# A synth takes seconds, and several figures come from one.
@cache
def _template(calls_per_second: int) -> dict[str, Any]:
    app = App()
    stack = Stack(app, "Fleet", env=Environment(account=ACCOUNT, region=REGION))
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
    StreamFleet(stack, "Cameras", name_prefix="cam-", bucket=bucket, calls_per_second=calls_per_second)
    template: dict[str, Any] = app.synth().get_stack_by_name("Fleet").template
    return template
