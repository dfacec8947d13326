"""Finds the deployed stacks that declare configurations of streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from kinesis_video_configuration import FEATURES, IMAGE_GENERATION
from kinesis_video_configuration.retries import CallError, Retries, pages
from kinesis_video_configuration.stack import StackReader, is_gone
from kinesis_video_contract.fleets import PHYSICAL_ID
from kinesis_video_contract.fleets import RESOURCE_TYPE as FLEET

from .adoption import ExistingStream


@dataclass(frozen=True)
class Owners:
    """The stacks of an account and Region that declare configurations."""

    _of_streams: Mapping[tuple[str, str], str]
    """The stack's name, by the resource type and the stream's ARN."""
    _fleets: Sequence[tuple[str, str]]
    """The prefix of a fleet, and its stack's name."""

    @classmethod
    def read(cls, cloudformation: Any, retries: Retries, but: str) -> Owners:
        """Ask CloudFormation for the resources of all stacks but one."""
        of_streams: dict[tuple[str, str], str] = {}
        fleets: list[tuple[str, str]] = []
        for page in pages(partial(retries.call, cloudformation, "list_stacks")):
            for summary in page["StackSummaries"]:
                name = summary["StackName"]
                if name == but or summary["StackStatus"] == "DELETE_COMPLETE":
                    continue
                try:
                    rows = list(StackReader(lambda: cloudformation, retries, summary["StackId"]).rows())
                except CallError as error:
                    if error.code != "ValidationError":
                        raise
                    # The stack was deleted after it was listed.
                    continue
                for row in rows:
                    physical_id = row.get("PhysicalResourceId", "")
                    if is_gone(row):
                        continue
                    if row["ResourceType"] in FEATURES:
                        of_streams[row["ResourceType"], physical_id] = name
                    elif row["ResourceType"] == FLEET and physical_id.startswith(PHYSICAL_ID):
                        fleets.append((physical_id.removeprefix(PHYSICAL_ID), name))
        return cls(of_streams, fleets)

    def of(self, stream: ExistingStream) -> dict[str, str]:
        """Return who declares the configurations of a stream, by the resource type."""
        stacks = {resource_type: self._of_streams.get((resource_type, stream.arn)) for resource_type in FEATURES}
        found = {resource_type: f"the stack {name}" for resource_type, name in stacks.items() if name is not None}
        for prefix, name in self._fleets:
            if stream.name.startswith(prefix):
                found.setdefault(IMAGE_GENERATION.resource_type, f"the fleet {prefix}* of the stack {name}")
        return found
