"""Who has a stream: asked where a stream is configured already, or is about to lose its configuration.

Some changes make another custom resource for the same stream: a stream that is imported now, a name that has become a
token, a migration. CloudFormation creates the new resource first and deletes the old one last. Comparing the settings
doesn't tell the two apart, but CloudFormation knows which of its resources has which stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kinesis_video_configuration import Declaration, differences
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_configuration.stack import StackReader, is_gone

from .protocol import Request


class RefusedError(Exception):
    """The stream has a configuration that this resource may not take over; the message says what to do."""


class Stack:
    """The event's own stack. What it asks CloudFormation raises as `Retries` does.

    Parameters
    ----------
    request
        The event.
    client
        Makes the client of CloudFormation.
    retries
        When a call is made again, and until when.
    """

    def __init__(self, request: Request, client: Callable[[], Any], retries: Retries) -> None:
        self._request = request
        self._reader = StackReader(client, retries, request.stack_id)

    def is_rolled_back(self) -> bool:
        """Whether the stack goes back to what it was before."""
        return "ROLLBACK" in self._status()

    def is_deleted(self) -> bool:
        """Whether the whole stack is being deleted."""
        return self._status().startswith("DELETE_")

    def holder(self, stream_arn: str) -> str | None:
        """Find another resource of the same type that has the stream; return its logical id."""
        for resource in self.others():
            if (
                resource.get("PhysicalResourceId") == stream_arn
                and resource["ResourceType"] == self._request.resource_type
            ):
                return str(resource["LogicalResourceId"])
        return None

    def others(self) -> Iterator[Mapping[str, Any]]:
        """List all other resources that the stack has."""
        for row in self._reader.rows():
            if row["LogicalResourceId"] != self._request.logical_resource_id and not is_gone(row):
                yield row

    def require_hand_over(self, declaration: Declaration, stream_arn: str, found: Mapping[str, Any]) -> str:
        """Require that another resource of the stack has the stream, with the settings that are declared.

        Returns
        -------
        Its logical id.

        Raises
        ------
        RefusedError
            If none has it, or it has other settings, or CloudFormation can't be asked.
        """
        has = f"{stream_arn} has its {declaration.feature.noun} already"
        adopt = "set `adopt_existing=True` to take it over"
        try:
            holder = self.holder(stream_arn)
        except CallError as error:
            raise RefusedError(
                f"{has}, and CloudFormation can't be asked who declares it ({error}); {adopt}"
            ) from error
        if holder is None:
            raise RefusedError(
                f"{has}, which no other resource of this stack declares; {adopt}, and if another stack or tool "
                "declares it, have that keep it when it lets go (RemovalPolicy.RETAIN)"
            )
        fields = differences(declaration.feature, declaration.configuration, found)
        if fields:
            raise RefusedError(
                f"{has}, which {holder} of this stack declares, with other settings ({', '.join(fields)}); deploy with "
                f"its settings first and change them in the next deployment, or {adopt}"
            )
        return holder

    def _status(self) -> str:
        return str(self._reader.describe()["StackStatus"])
