"""From a request to its answer: the operation, the permissions, the faults, the quotas, and the record of the call."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .audit import Audit, management_event
from .errors import ServiceError, invalid_argument
from .faults import Faults
from .http import Answer, Caller, DeniedError, Request
from .journal import Call
from .model import InvalidRequestError
from .operation import JSON, Operation, whole
from .quotas import Quotas


@dataclass(frozen=True)
class Addressed:
    """The resource that a request addresses."""

    stream: str | None
    """The stream's name; None without one."""
    arn: str
    """The ARN that the policies must allow; ``*`` without a stream."""


class Services:
    """The operations of a local AWS that aren't ministack's.

    Parameters
    ----------
    namespace
        The prefix of the IAM actions, and the service in the requests' signatures.
    operations
        The operations.
    addressed
        Returns the resource that a request addresses, given its members.
    audit
        Records calls for CloudTrail.
    quotas
        Whether quotas are enforced.
    faults
        The faults to inject; the operations are registered with them.

    Attributes
    ----------
    calls
        The calls answered so far, oldest first.
    """

    def __init__(
        self,
        namespace: str,
        operations: Iterable[Operation],
        addressed: Callable[[Caller, Mapping[str, Any]], Addressed],
        *,
        audit: Audit,
        quotas: bool,
        faults: Faults,
    ) -> None:
        self.namespace = namespace
        self._operations = {(operation.method, operation.path): operation for operation in operations}
        self._addressed = addressed
        self._audit = audit
        self._quotas = Quotas() if quotas else None
        self.faults = faults
        for operation in self._operations.values():
            faults.know(operation.name, operation.errors)
        self.calls: list[Call] = []

    def has(self, method: str, path: str) -> bool:
        """Return whether an operation exists."""
        return (method, path) in self._operations

    def reset(self) -> None:
        """Discard all faults and recorded calls."""
        self.faults.clear()
        self.calls.clear()

    async def answer(self, request: Request) -> Answer:
        """Answer one request."""
        operation = self._operations.get((request.method, request.path))
        if operation is None:
            name = request.path.strip("/")
            await whole(request.body)
            unknown = ServiceError("UnknownOperationException", f"The local AWS has no operation {name}", status=404)
            return self._refuse(name, None, unknown)
        body = b"" if operation.streams else await whole(request.body)
        caller = request.caller
        members = operation.members(request, body)
        addressed = self._addressed(caller, members)
        try:
            if operation.signed:
                caller.authenticate(body)
        except ServiceError as error:
            return self._refuse(operation.name, addressed.stream, error, operation.errors)
        answer = await self._do(operation, request, body, addressed)
        if operation.management:
            user_agent = request.headers.get("user-agent", "")
            self._audit(caller, management_event(operation.management, addressed.stream, user_agent, members, answer))
        return answer

    async def _do(self, operation: Operation, request: Request, body: bytes, addressed: Addressed) -> Answer:
        caller = request.caller
        try:
            if operation.signed:
                caller.check(f"{self.namespace}:{operation.name}", addressed.arn)
            await self.faults.strike(operation.name)
            if self._quotas:
                self._quotas.admit(operation.name, operation.quota, caller.account, caller.region, addressed.stream)
            answer = await operation.run(request, body)
        except DeniedError as error:
            refusal = ServiceError(operation.denied, str(error))
        except InvalidRequestError as error:
            refusal = invalid_argument(str(error))
        except ServiceError as error:
            refusal = error
        else:
            self._record(operation.name, addressed.stream, answer.status, None)
            return answer
        return self._refuse(operation.name, addressed.stream, refusal, operation.errors)

    def _refuse(
        self, operation: str, stream: str | None, error: ServiceError, statuses: Mapping[str, int] | None = None
    ) -> Answer:
        status = error.status or (statuses or {})[error.code]
        self._record(operation, stream, status, error.code)
        headers = {**JSON, "x-amzn-errortype": error.code}
        return Answer(status, headers, json.dumps({"Message": error.message}).encode())

    def _record(self, operation: str, stream: str | None, status: int, error: str | None) -> None:
        self.calls.append(Call(operation, stream, status, error, time.time()))
