"""Faults on demand, so that a test can see how its code handles them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .errors import ServiceError


@dataclass
class Fault:
    """A delay, an error, or an error after a delay, for the next calls of an operation."""

    operation: str
    error: str | None = None
    times: int = 1
    delay_seconds: float = 0.0


class Faults:
    """The faults that are still to happen, in the order in which they were added."""

    def __init__(self, errors: Mapping[str, Collection[str]]) -> None:
        # The error codes that each operation may answer with, or each step of one.
        self._errors = dict(errors)
        self._pending: list[Fault] = []

    def know(self, operation: str, errors: Collection[str]) -> None:
        """Register an operation and its possible error codes."""
        self._errors[operation] = errors

    def add(self, fault: Fault) -> None:
        """Add a fault after the others of the same operation.

        Raises
        ------
        ValueError
            If it could never happen.
        """
        if fault.operation not in self._errors:
            raise ValueError(f"{fault.operation!r} is no Kinesis Video Streams operation")
        codes = self._errors[fault.operation]
        if fault.error is not None and fault.error not in codes:
            raise ValueError(f"{fault.error!r} is no error code; choose one of {', '.join(codes)}")
        if fault.error is None and fault.delay_seconds <= 0:
            raise ValueError("A fault needs an error or a delay")
        if fault.times < 1:
            raise ValueError(f"A fault happens at least once, not {fault.times} times")
        self._pending.append(fault)

    def clear(self) -> None:
        """Discard all faults."""
        self._pending.clear()

    def take(self, operation: str) -> Fault | None:
        """Remove and return the next fault of an operation, if there is one, for the caller to apply."""
        fault = next((fault for fault in self._pending if fault.operation == operation), None)
        if fault is not None:
            fault.times -= 1
            if fault.times == 0:
                self._pending.remove(fault)
        return fault

    async def strike(self, operation: str) -> None:
        """Apply the next fault of an operation, if there is one."""
        fault = self.take(operation)
        if fault is None:
            return
        await asyncio.sleep(fault.delay_seconds)
        if fault.error is not None:
            raise ServiceError(fault.error, f"{operation} failed as the test asked")
