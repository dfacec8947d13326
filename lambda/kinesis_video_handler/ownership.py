"""Asks CloudFormation who holds a stream that is configured already, or is about to lose its configuration.

Some changes create another custom resource for the same stream: a stream that is now imported, a name that has become a
token, a migration. CloudFormation creates the new resource first and deletes the old one last. Comparing the settings
doesn't distinguish the two, but CloudFormation knows which of its resources holds which stream.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from kinesis_video_configuration import Declaration, Feature, differences
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_configuration.stack import StackReader, is_gone

from .protocol import Request

_WHOLE_STACK_GOES = ("DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS")


class RefusedError(Exception):
    """The stream has a configuration that this resource must not take over; the message says what to do."""


class Kept(NamedTuple):
    """Why a Delete leaves a stream alone."""

    why: str
    extra: Mapping[str, str]
    """Further fields of the log line."""
    is_final: bool = True
    """Whether it counts without a second look."""
    level: int = logging.WARNING


class Stack:
    """The event's own stack. Its calls of CloudFormation raise what `Retries` raises."""

    def __init__(self, request: Request, client: Callable[[], Any], retries: Retries) -> None:
        self._request = request
        self.is_reached = False
        """Whether CloudFormation has answered."""
        self._reader = StackReader(client, retries, request.stack_id)

    def is_rolled_back(self) -> bool:
        """Whether the stack is being rolled back."""
        return "ROLLBACK" in self._status()

    def is_deleted(self) -> bool:
        """Whether the whole stack is being deleted: also one whose creation has failed."""
        return self._status() in _WHOLE_STACK_GOES

    def others(self) -> Iterator[Mapping[str, Any]]:
        """List the other resources that the stack has."""
        for row in self._reader.rows():
            if not self._is_own(row) and not is_gone(row):
                yield row

    def require_hand_over(self, declaration: Declaration, stream_arn: str, found: Mapping[str, Any]) -> str:
        """Require that a resource of the stack holds the stream, with the declared settings; return its logical id.

        It is another resource, or this one, if its Create failed with an unknown outcome.

        Raises
        ------
        RefusedError
            If none has it, or it has other settings, or CloudFormation can't be asked.
        """
        has = f"{stream_arn} has its {declaration.feature.noun} already"
        adopt = "set `adopt_existing=True` to take it over"
        try:
            holder = self._holder(stream_arn)
        except CallError as error:
            raise RefusedError(
                f"{has}, and CloudFormation can't be asked who declares it ({error}); {adopt}"
            ) from error
        if holder is None:
            raise RefusedError(
                f"{has}, which no other resource of this stack declares; {adopt}, and if another stack or tool "
                "declares it, set RemovalPolicy.RETAIN there first"
            )
        fields = differences(declaration.feature, declaration.configuration, found)
        if fields:
            raise RefusedError(
                f"{has}, which {holder} of this stack declares, with other settings ({', '.join(fields)}); deploy with "
                f"its settings first and change them in the next deployment, or {adopt}"
            )
        return holder

    def kept(self, stream_arn: str) -> Kept | None:
        """Return why a Delete must leave the stream alone; None if it may remove the configuration."""
        status = self._status()
        if status in _WHOLE_STACK_GOES:
            return None
        own: Mapping[str, Any] = {}
        for row in self._reader.rows():
            if self._is_own(row):
                own = row
            elif self._has(row, stream_arn) and not is_gone(row):
                extra = {"holder": row["LogicalResourceId"]}
                return Kept("left alone, another resource has the stream", extra, level=logging.INFO)
        if self._is_deleting(status, own, stream_arn):
            return None
        extra = {"stack_status": status, "resource_status": own.get("ResourceStatus", "")}
        return Kept("left alone, the deletion is over", extra, is_final=False)

    @staticmethod
    def _is_deleting(stack_status: str, own: Mapping[str, Any], stream_arn: str) -> bool:
        """Whether CloudFormation wants the configuration deleted now. Lambda may repeat a Delete long afterwards.

        By then, the same resource, another one or another stack may have set the stream again.
        """
        own_status = own.get("ResourceStatus", "")
        if own.get("PhysicalResourceId") == stream_arn:
            # A resource in one of these two is not in use, and CloudFormation deletes it during an update only.
            is_left_over = own_status in ("CREATE_FAILED", "DELETE_FAILED")
            return own_status == "DELETE_IN_PROGRESS" or (is_left_over and stack_status.endswith("_IN_PROGRESS"))
        # CloudFormation deletes the stream that a resource has left during the clean-up only. A resource that is being
        # set may be about to get this stream, and its row shows that later.
        is_being_set = own_status.endswith("_IN_PROGRESS") and own_status != "DELETE_IN_PROGRESS"
        return "CLEANUP" in stack_status and not is_being_set

    def _holder(self, stream_arn: str) -> str | None:
        for row in self._reader.rows():
            failed = row["ResourceStatus"] in ("CREATE_FAILED", "CREATE_IN_PROGRESS")
            if self._has(row, stream_arn) and (failed if self._is_own(row) else not is_gone(row)):
                return str(row["LogicalResourceId"])
        return None

    def _has(self, row: Mapping[str, Any], stream_arn: str) -> bool:
        return row.get("PhysicalResourceId") == stream_arn and row["ResourceType"] == self._request.resource_type

    def _is_own(self, row: Mapping[str, Any]) -> bool:
        return bool(row["LogicalResourceId"] == self._request.logical_resource_id)

    def _status(self) -> str:
        status = str(self._reader.describe()["StackStatus"])
        self.is_reached = True
        return status


class Written:
    """The configurations that this container has set on unconfigured streams: the last one of each resource.

    When a deployment is retried, CloudFormation sends an event again, with the same RequestId and another ResponseURL.
    Otherwise, a Create that had succeeded would find its own configuration, be refused, and leave it behind.
    """

    def __init__(self) -> None:
        self._written: dict[tuple[str, str], tuple[str, str, Mapping[str, Any]]] = {}

    def keep(self, request: Request, stream_arn: str, configuration: Mapping[str, Any]) -> None:
        """Record what the event is about to set: the outcome may stay unknown."""
        self._written[self._resource(request)] = (request.request_id, stream_arn, configuration)

    def forget(self, request: Request, stream_arn: str) -> None:
        """Delete the record: the configuration was not set, or was removed."""
        if self._written.get(self._resource(request), ("", ""))[1] == stream_arn:
            del self._written[self._resource(request)]

    def has(self, request: Request, stream_arn: str, feature: Feature, found: Mapping[str, Any]) -> bool:
        """Whether the configuration of a stream was set for this event."""
        request_id, written_to, configuration = self._written.get(self._resource(request), ("", "", {}))
        return (request_id, written_to) == (request.request_id, stream_arn) and not differences(
            feature, configuration, found
        )

    @staticmethod
    def _resource(request: Request) -> tuple[str, str]:
        return request.stack_id, request.logical_resource_id
