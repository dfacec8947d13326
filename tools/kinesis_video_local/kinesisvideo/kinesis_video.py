"""Kinesis Video Streams for every account and Region of one local AWS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..service.http import Caller
from ..service.operation import operations_of
from ..service.services import Addressed, Services
from .control_plane import CONTROL_PLANE, ControlPlane
from .quotas import quota
from .streams import Streams, stream_name

NAMESPACE = "kinesisvideo"


class KinesisVideo:
    """The streams, and the services that CloudFormation and the API reach them by.

    Parameters
    ----------
    endpoint_url
        The local AWS itself: where media go to.
    quotas
        Whether the API quotas are enforced.
    creating_seconds
        How long a stream that is created by the API is CREATING.

    Attributes
    ----------
    services
        The API.
    """

    def __init__(self, *, endpoint_url: str, quotas: bool, creating_seconds: float) -> None:
        self._endpoint_url = endpoint_url
        self._creating_seconds = creating_seconds
        self._streams: dict[tuple[str, str], Streams] = {}
        control_plane = operations_of(CONTROL_PLANE, ControlPlane, self._control_plane, quota)
        self.services = Services(NAMESPACE, control_plane, self._addressed, quotas=quotas)

    def streams(self, account: str, region: str) -> Streams:
        """Return the streams of one account in one Region."""
        scope = account, region
        if scope not in self._streams:
            self._streams[scope] = Streams(*scope)
        return self._streams[scope]

    def reset(self) -> None:
        """Forget every stream, fault and call."""
        self._streams.clear()
        self.services.reset()

    def _control_plane(self, caller: Caller) -> ControlPlane:
        streams = self.streams(caller.account, caller.region)
        return ControlPlane(streams, endpoint_url=self._endpoint_url, creating_seconds=self._creating_seconds)

    def _addressed(self, caller: Caller, request: Mapping[str, Any]) -> Addressed:
        streams = self.streams(caller.account, caller.region)
        return Addressed(stream_name(request), streams.arn_for_authorization(request))
