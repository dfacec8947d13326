"""Protocols for the targets of EventBridge rules and of bucket notifications.

aws-cdk-lib's classes name the parameters of their methods differently from the interfaces that they implement, so
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
        """Return the rule's settings for this target."""
        ...


class BucketNotificationDestination(Protocol):
    """One of ``aws_cdk.aws_s3_notifications``."""

    def bind(self, scope: Construct, bucket: s3.IBucket, /) -> s3.BucketNotificationDestinationConfig:
        """Return the bucket's settings for this destination."""
        ...
