"""The service as an HTTP request handler: from the route to the answer."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from botocore import xform_name

from .errors import ServiceError, invalid_argument
from .faults import Faults
from .journal import Call
from .model import InvalidRequestError, operation_at, parse_request
from .quotas import Quotas
from .streams import Streams, stream_name

Answer = tuple[int, dict[str, str], bytes]


class KinesisVideo:
    """Amazon Kinesis Video Streams for every account and Region of one local AWS."""

    def __init__(self, *, endpoint_url: str, quotas: bool, creating_seconds: float) -> None:
        self._endpoint_url = endpoint_url
        self._creating_seconds = creating_seconds
        self._quotas = Quotas() if quotas else None
        self._streams: dict[tuple[str, str], Streams] = {}
        self.faults = Faults()
        self.calls: list[Call] = []

    def streams(self, account: str, region: str) -> Streams:
        """Return the streams of one account in one Region."""
        scope = account, region
        if scope not in self._streams:
            self._streams[scope] = Streams(
                *scope, endpoint_url=self._endpoint_url, creating_seconds=self._creating_seconds
            )
        return self._streams[scope]

    def reset(self) -> None:
        """Forget every stream, fault and call."""
        self._streams.clear()
        self.faults.clear()
        self.calls.clear()

    async def answer(self, method: str, path: str, body: bytes, account: str, region: str) -> Answer:
        """Answer one HTTP request."""
        operation = operation_at(method, path)
        name = operation.name if operation else path.strip("/")
        stream = stream_name(lenient_json(body))
        try:
            emulated = getattr(self.streams(account, region), xform_name(name), None) if operation else None
            if operation is None or emulated is None:
                raise ServiceError("UnknownOperationException", f"The local AWS has no operation {name}")
            await self.faults.strike(name)
            if self._quotas:
                self._quotas.admit(name, account, region, stream)
            response = emulated(parse_request(operation, _json(body)))
        except InvalidRequestError as error:
            return self.refuse(name, stream, invalid_argument(str(error)))
        except ServiceError as error:
            return self.refuse(name, stream, error)
        self._record(name, stream, 200, None)
        return 200, {"Content-Type": "application/json"}, json.dumps(response).encode()

    def refuse(self, operation: str, stream: str | None, error: ServiceError) -> Answer:
        """Answer a call with an error."""
        self._record(operation, stream, error.status, error.code)
        headers = {"Content-Type": "application/json", "x-amzn-errortype": error.code}
        return error.status, headers, json.dumps({"Message": error.message}).encode()

    def _record(self, operation: str, stream: str | None, status: int, error: str | None) -> None:
        self.calls.append(Call(operation, stream, status, error, time.time()))


def lenient_json(body: bytes) -> Mapping[str, Any]:
    """Read a request that is yet to be checked, as far as it can be read."""
    try:
        request = _json(body)
    except InvalidRequestError:
        return {}
    return request if isinstance(request, dict) else {}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except ValueError:
        raise InvalidRequestError("The request is not JSON") from None
