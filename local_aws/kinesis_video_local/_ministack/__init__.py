"""Changes to ministack, a file for each of its parts.

The code in this folder accesses ministack's internal tables, so its version is pinned exactly.
"""

from __future__ import annotations

from ..kinesisvideo import KinesisVideo
from . import (
    alarms,
    buckets,
    condition_keys,
    events,
    exports,
    iam_requests,
    invocations,
    metrics,
    policy_quotas,
    policy_variables,
    root_keys,
    simulation,
    stack_operations,
    streams,
    template_checks,
    trail,
)
from .caller import SignedCaller, pinned_caller
from .cdk_cli import application
from .metrics import record_metric
from .trail import record as record_call

__all__ = ["SignedCaller", "application", "install", "pinned_caller", "record_call", "record_metric"]


def install(kinesis_video: KinesisVideo) -> None:
    """Add what ministack lacks, and correct what it does differently from AWS."""
    streams.install(kinesis_video)
    events.install()
    stack_operations.install()
    template_checks.install()
    exports.install()
    invocations.install()
    alarms.install()
    metrics.install()
    trail.install()
    buckets.install()
    policy_quotas.install()
    policy_variables.install()
    condition_keys.install()
    iam_requests.install()
    simulation.install()
    root_keys.install()
