"""A stack, as it says of itself: whether it is at rest, and which streams it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kinesis_video_configuration import Declaration
from kinesis_video_configuration.retries import Retries
from kinesis_video_configuration.stack import StackReader, is_gone

_LONG = timedelta(hours=1)
"""As long as CloudFormation waits for a custom resource."""


class StackChangedError(Exception):
    """The stack is being changed, or was changed, since it was read."""


@dataclass(frozen=True)
class Stack:
    """A stack at one moment."""

    name: str
    """Its id, or its name."""
    status: str
    updated: datetime | None
    """When its last update began."""
    created: datetime
    """When it was created."""
    resources: tuple[Mapping[str, Any], ...]
    """As ListStackResources has them."""

    @classmethod
    def read(cls, cloudformation: Any, retries: Retries, stack: str) -> Stack:
        """Ask CloudFormation for a stack by its id or its name; raise a CallError if there is none, or no answer."""
        reader = StackReader(lambda: cloudformation, retries, stack)
        resources = tuple(reader.rows())
        # Last, so that a stack at rest was at rest while its resources were listed, or has changed them since.
        described = reader.describe()
        return cls(
            stack, described["StackStatus"], described.get("LastUpdatedTime"), described["CreationTime"], resources
        )

    def require_unchanged(self, cloudformation: Any, retries: Retries) -> None:
        """Ask CloudFormation once more, before something is set that a deployment may declare otherwise by now.

        It raises a StackChangedError if a deployment has begun since the stack was read, or is over.
        """
        described = retries.once(cloudformation, "describe_stacks", StackName=self.name)["Stacks"][0]
        if (described["StackStatus"], described.get("LastUpdatedTime")) != (self.status, self.updated):
            raise StackChangedError(f"the stack is being changed or was changed, it is {described['StackStatus']}")

    @property
    def is_changing(self) -> bool:
        """Whether an operation goes on, its clean-up included."""
        return self.status.endswith("_IN_PROGRESS")

    def is_stuck(self, moment: datetime) -> bool:
        """Whether an operation has gone on for so long at this moment that nobody may wait for its end to be told."""
        return self.is_changing and moment - (self.updated or self.created) > _LONG

    def changed_since(self, moment: datetime) -> bool:
        """Whether CloudFormation has worked on a resource after this moment, which is known to the second."""
        return any(r["LastUpdatedTimestamp"].replace(microsecond=0) > moment for r in self.resources)

    def holds(self, declaration: Declaration) -> bool:
        """Whether a resource of the kind has the stream, by the ARN that is its physical id.

        After an operation that failed nobody knows what the stack holds.
        """
        is_settled = self.status.endswith("_COMPLETE") and not self.status.startswith("DELETE_")
        return is_settled and any(
            r.get("PhysicalResourceId") == declaration.stream["StreamARN"]
            and r["ResourceType"] == declaration.feature.resource_type
            and not is_gone(r)
            for r in self.resources
        )
