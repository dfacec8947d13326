"""Series of deployments, with the events that CloudFormation sends for them: in any order, with faults and rollbacks.

The resources exchange their streams and hand them over; some streams have a configuration that nobody here declares.
What Describe says may be some seconds old. An event may come again: from CloudFormation at once, with another
ResponseURL, or a Delete much later, in another container, while nothing happens or while another event is handled.
Meanwhile, another stack may have set the stream as it was.
"""

from __future__ import annotations

import copy
from random import Random
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from .conftest import (
    DECLARED,
    DESCRIBE,
    FOR_EVER,
    IMAGES,
    OTHER_STREAM_ARN,
    STREAM_ARN,
    UPDATE,
    Function,
)

STREAMS = [STREAM_ARN, OTHER_STREAM_ARN, STREAM_ARN.replace("front-door", "side-door")]
SOMEBODY_ELSES = {**DECLARED, "SamplingInterval": 7777}
FAULTS = ["ClientLimitExceededException", "AccessDeniedException", "InternalFailure", "no connection", "timeout"]
CARRIED_OUT = ["done, timeout", "done, connection reset", "done, InternalFailure"]


class Declared(NamedTuple):
    stream_arn: str
    interval: int
    by_name: bool

    @property
    def configuration(self) -> dict[str, Any]:
        return {**DECLARED, "SamplingInterval": self.interval}

    @property
    def properties(self) -> dict[str, Any]:
        stream = {"StreamName": self.stream_arn.split("/")[1]} if self.by_name else {"StreamARN": self.stream_arn}
        return {**stream, IMAGES.configuration: self.configuration}


class Resource(NamedTuple):
    declared: Declared
    physical_id: str
    status: str = "UPDATE_COMPLETE"


class CloudFormation:
    """Creates and updates first, deletes at the end, and rolls back if anything fails."""

    def __init__(self, function: Function, random: Random) -> None:
        self._function, self._random = function, random
        self._service, self._stack = function.service, function.stack
        self._resources: dict[str, Resource] = {}
        self._deletes: list[dict[str, Any]] = []

    def deploy(self, template: dict[str, Declared], *, another_resource_fails: bool) -> bool:
        """Deploy, and return whether it succeeded."""
        before = dict(self._resources)
        changes = [name for name in template if name not in before or before[name].declared != template[name]]
        done = []
        succeeds = not another_resource_fails
        # A resource of another kind fails before the last change.
        for name in self._in_any_order(changes)[: len(changes) if succeeds else -1]:
            done.append(name)
            if not self._set("UPDATE_IN_PROGRESS", name, template[name]):
                succeeds = False
                break
        if succeeds:
            self._clean_up("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", before, keep=set(template))
            return True
        failed = dict(self._resources)
        for name in self._in_any_order([name for name in done if name in before]):
            assert self._set("UPDATE_ROLLBACK_IN_PROGRESS", name, before[name].declared)
        self._clean_up("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", failed, keep=set(before))
        return False

    def _set(self, stack_status: str, name: str, declared: Declared) -> bool:
        had = self._resources.get(name)
        self._resources[name] = (
            had._replace(status="UPDATE_IN_PROGRESS") if had else Resource(declared, "", "CREATE_IN_PROGRESS")
        )
        event = {"RequestType": "Update" if had else "Create", "ResourceProperties": declared.properties}
        if had:
            event |= {"PhysicalResourceId": had.physical_id, "OldResourceProperties": had.declared.properties}
        moves = had is not None and had.physical_id != declared.stream_arn
        succeeded, physical_id = self._send(stack_status, name, event, moves)
        self._resources[name] = Resource(declared, physical_id)
        return succeeded

    def _clean_up(self, stack_status: str, old: dict[str, Resource], keep: set[str]) -> None:
        gone = {name: resource for name, resource in self._resources.items() if name not in keep}
        moved = {
            name: resource
            for name, resource in old.items()
            if name in keep and resource.physical_id != self._resources[name].physical_id
        }
        for name, resource in self._in_any_order([*gone.items(), *moved.items()]):
            if name in gone:
                self._resources[name] = resource._replace(status="DELETE_IN_PROGRESS")
            event = {
                "RequestType": "Delete",
                "PhysicalResourceId": resource.physical_id,
                "ResourceProperties": resource.declared.properties,
            }
            assert self._send(stack_status, name, event) == (True, resource.physical_id)
            if name in gone:
                del self._resources[name]

    def set_from_another_stack(self) -> dict[str, Any]:
        """Set the streams that a Delete has left as they were before, from another stack; return what it has set."""
        left = {event["PhysicalResourceId"]: event["ResourceProperties"] for event in self._deletes}
        found = {
            stream_arn: properties[IMAGES.configuration]
            for stream_arn, properties in left.items()
            if self._service.configurations.get(stream_arn, "no stream") is None
        }
        self._service.configurations |= found
        self._service.remember()
        return found

    def repeat_a_delete(self) -> None:
        """Repeat an earlier Delete in another container. It changes nothing."""
        if not self._deletes:
            return
        from kinesis_video_handler import entry
        from kinesis_video_handler.ownership import Written

        before = copy.deepcopy(self._service.configurations)
        with pytest.MonkeyPatch.context() as another_container:
            another_container.setattr(entry, "_answered", {})
            another_container.setattr(entry, "_written", Written())
            assert self._function.answer_to(self._random.choice(self._deletes)).status == "SUCCESS"
        assert self._service.configurations == before

    def rest(self) -> None:
        self._list("UPDATE_COMPLETE")
        self._service.clock.sleep(10)

    def _list(self, stack_status: str) -> None:
        self._stack.status = stack_status
        self._stack.resources.clear()
        for name, resource in self._resources.items():
            self._stack.has(name, resource.physical_id, status=resource.status)

    def _send(self, stack_status: str, name: str, event: dict[str, Any], moves: bool = False) -> tuple[bool, str]:
        self._list(stack_status)
        self._service.stale_seconds = self._random.choice([0, 0, 5])
        if self._random.random() < 0.3:
            passes = stack_status != "UPDATE_IN_PROGRESS" or self._random.random() < 0.5
            # Calls that never get a reply can't be undone on another stream.
            operation, faults = (UPDATE, FAULTS if moves and not passes else [*FAULTS, *CARRIED_OUT])
            if self._random.random() < 0.5:
                operation, faults = DESCRIBE, FAULTS
            self._service.fail(operation, self._random.choice(faults), times=2 if passes else FOR_EVER)
            self._stack.fail("ListStackResources", "Throttling", times=2)
        common = {"LogicalResourceId": name, "RequestId": str(uuid4())}
        event = {**self._function.event("create"), **common, **event}
        answer = self._function.answer_to(event)
        self._service.fail(UPDATE)
        self._service.fail(DESCRIBE)
        if event["RequestType"] == "Delete":
            self._deletes.append(event)
        elif self._random.random() < 0.3:
            self.repeat_a_delete()
        if answer.status == "SUCCESS" and self._random.random() < 0.3:
            again = self._function.answer_to({**event, "ResponseURL": f"{event['ResponseURL']}{self._random.random()}"})
            assert (again.status, again.physical_resource_id) == ("SUCCESS", answer.physical_resource_id)
        return answer.status == "SUCCESS", answer.physical_resource_id

    def _in_any_order(self, items: list[Any]) -> list[Any]:
        return self._random.sample(items, len(items))


@pytest.mark.parametrize("seed", range(60))
def test_after_a_deployment_is_what_it_declares_and_after_a_rollback_what_was_before(
    function: Function, seed: int
) -> None:
    random = Random(seed)
    cloudformation = CloudFormation(function, random)
    function.streams = {arn: SOMEBODY_ELSES if random.random() < 0.2 else None for arn in STREAMS}
    function.service.remember()
    nobodys = {arn: found for arn, found in function.streams.items() if found}
    for _ in range(4):
        names = random.sample(["A", "B", "C"], random.randint(0, 3))
        template = {
            name: Declared(stream_arn, random.choice([500, 1000]), random.random() < 0.5)
            for name, stream_arn in zip(names, random.sample(STREAMS, len(names)), strict=True)
        }
        before = copy.deepcopy(function.streams)
        if cloudformation.deploy(template, another_resource_fails=random.random() < 0.3):
            declared = {each.stream_arn: each.configuration for each in template.values()}
            assert function.streams == {**dict.fromkeys(STREAMS), **nobodys, **declared}
        else:
            assert function.streams == before
        if random.random() < 0.3:
            nobodys |= cloudformation.set_from_another_stack()
        cloudformation.rest()
        cloudformation.repeat_a_delete()
