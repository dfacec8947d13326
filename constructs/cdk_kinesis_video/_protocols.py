"""Protocols for what users hand over to EventBridge and to buckets.

The methods of aws-cdk-lib's classes and of the interfaces that these implement name their parameters differently, so
pyright refuses the classes. These protocols have positional parameters only, so mypy and pyright accept those classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from aws_cdk import aws_events as events
    from aws_cdk import aws_s3 as s3
    from constructs import Construct


class RuleTarget(Protocol):
    """One of ``aws_cdk.aws_events_targets``."""

    def bind(self, rule: events.IRule, target_id: str | None = ..., /) -> events.RuleTargetConfig:
        """Return how the rule invokes it."""
        ...


class BucketNotificationDestination(Protocol):
    """One of ``aws_cdk.aws_s3_notifications``."""

    def bind(self, scope: Construct, bucket: s3.IBucket, /) -> s3.BucketNotificationDestinationConfig:
        """Return how the bucket notifies it."""
        ...
