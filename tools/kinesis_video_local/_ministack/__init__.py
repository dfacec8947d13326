"""What is changed inside ministack, and what is used of it.

Everything in this folder reaches into ministack's tables, which is why its version is pinned exactly.
"""

from __future__ import annotations

from ministack.app import app as application

from ..kinesisvideo import KinesisVideo
from . import alarms, metrics, reset, resource_types
from .caller import SignedCaller, pinned_caller
from .metrics import record_metric

__all__ = ["SignedCaller", "application", "install", "pinned_caller", "record_metric"]


def install(kinesis_video: KinesisVideo) -> None:
    """Add to ministack the CloudFormation type, alarms on metric math, EventBridge's metric of rules, and the reset."""
    resource_types.install(kinesis_video)
    alarms.install()
    metrics.install()
    reset.install(kinesis_video)
