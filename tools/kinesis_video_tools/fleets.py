"""The fleets of an account and Region, by their state machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from kinesis_video_contract.fleets import PASS_THROUGH

from .command_line.failures import CommandError

_MACHINES = "CdkKinesisVideoFleet"


@dataclass(frozen=True)
class Fleet:
    """A fleet that is deployed."""

    machine: str
    """The ARN of its state machine."""
    name_prefix: str = ""
    """The prefix of its streams' names; empty if it is not known."""
    bucket: str = ""
    """Its work bucket."""
    problem: str = ""
    """Why it can't be read."""

    @classmethod
    def read(cls, states: Any, machine: str) -> Fleet:
        """Read the definition of a state machine; raise a CommandError if it is not a fleet's."""
        definition = json.loads(states.describe_state_machine(stateMachineArn=machine)["definition"])
        try:
            bucket = definition["States"]["Batches"]["ItemReader"]["Parameters"]["Bucket"]
        except KeyError:
            advice = "give the fleet's `name_prefix`, or its stack's name"
            raise CommandError(f"{machine} is not the state machine of a fleet", advice) from None
        _, _, prefix = str(definition.get("Comment", "")).partition(PASS_THROUGH)
        return cls(machine, prefix, bucket)


def fleets_in(states: Any) -> Iterator[Fleet]:
    """List the fleets; one that can't be read hides no other."""
    for page in states.get_paginator("list_state_machines").paginate():
        for each in page["stateMachines"]:
            if _MACHINES in each["name"]:
                try:
                    yield Fleet.read(states, each["stateMachineArn"])
                except (CommandError, ClientError) as error:
                    yield Fleet(each["stateMachineArn"], problem=str(error))
