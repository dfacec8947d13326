"""What is changed inside ministack, and what is used of it.

Everything in this folder reaches into ministack's tables, which is why its version is pinned exactly.
"""

from __future__ import annotations

from ..kinesisvideo import KinesisVideo
from . import (
    alarm_events,
    alarms,
    bucket_encryption,
    bucket_owners,
    composite_alarms,
    exports,
    invocations,
    metrics,
    policy_quotas,
    policy_variables,
    principal_arn,
    reset,
    resource_types,
    root_keys,
    simulation,
    stack_events,
    stack_operations,
    template_checks,
    trail,
    transport,
)
from .caller import SignedCaller, pinned_caller
from .cdk_cli import application
from .metrics import record_metric
from .trail import record as record_call

__all__ = ["SignedCaller", "application", "install", "pinned_caller", "record_call", "record_metric"]


def install(kinesis_video: KinesisVideo) -> None:
    """Add to ministack what it lacks, and change what it does otherwise than AWS."""
    resource_types.install(kinesis_video)
    # Before what changes the events themselves.
    stack_events.install()
    stack_operations.install()
    template_checks.install()
    exports.install()
    invocations.install()
    alarms.install()
    composite_alarms.install()
    alarm_events.install()
    metrics.install()
    trail.install()
    bucket_encryption.install()
    bucket_owners.install()
    policy_quotas.install()
    policy_variables.install()
    principal_arn.install()
    simulation.install()
    transport.install()
    root_keys.install()
    reset.install(kinesis_video)
