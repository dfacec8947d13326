"""What is changed inside ministack, and what is used of it.

Everything in this folder reaches into ministack's tables, which is why its version is pinned exactly.
"""

from __future__ import annotations

from ..kinesisvideo import KinesisVideo
from . import alarms, invocations, metrics, reset, resource_types, stack_operations, transport
from .caller import SignedCaller, pinned_caller
from .cdk_cli import application
from .metrics import record_metric

__all__ = ["SignedCaller", "application", "install", "pinned_caller", "record_metric"]


def install(kinesis_video: KinesisVideo) -> None:
    """Add to ministack what it lacks, and change what it does otherwise than AWS."""
    resource_types.install(kinesis_video)
    stack_operations.install()
    invocations.install()
    alarms.install()
    metrics.install()
    transport.install()
    reset.install(kinesis_video)
