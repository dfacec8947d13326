"""Events and notifications for each delivered image."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import quote_plus

from aws_cdk import aws_events as events
from aws_cdk import aws_s3 as s3
from constructs import Construct

from ._jsii import account_of, is_owned, stack_of
from ._protocols import BucketNotificationDestination, RuleTarget
from ._validation import change_known, check_id, check_text, check_type, has, is_known
from .image_destination import ImageDestination
from .image_metrics import ImageCounter

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html#object-key-guidelines-safe-characters
_SAFE_IN_FILTERS = "/!-_.'()"


class ImageEvents(ImageDestination):
    """The events of an image generation, which its metrics can count."""

    _counter: ImageCounter | None

    def on_image_delivered(
        self,
        construct_id: str,
        *,
        target: events.IRuleTarget | RuleTarget | None = None,
        description: str | None = None,
        rule_name: str | None = None,
        event_pattern: events.EventPattern | None = None,
        cross_stack_scope: Construct | None = None,
    ) -> events.Rule:
        """Define an EventBridge rule for each delivered image.

        It switches on EventBridge for the bucket. For a bucket of the app this is declared on the bucket. For an
        imported bucket the CDK adds it to the bucket's notifications with a custom resource that has its own function,
        which works for a bucket of this account and Region. S3 then sends the events of all objects in the bucket, and
        EventBridge charges for each of them.

        Parameters
        ----------
        construct_id
            The id of the rule within this construct, or within `cross_stack_scope`.
        target
            The target to invoke. Default: none; add targets with ``add_target`` of the rule.
        description
            The rule's description. Default: it has none.
        rule_name
            The rule's name. Default: CloudFormation generates one.
        event_pattern
            A further pattern that an event must match. Default: each image under the prefix matches.
        cross_stack_scope
            The scope of the rule, for a target of another stack. Default: this construct.

        Raises
        ------
        ValueError
            If a prop has the wrong type.

        See Also
        --------
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
        """
        check_id(construct_id)
        check_target(target)
        check_text("description", description, "An image of the front door")
        check_text("rule_name", rule_name, "front-door-images")
        fits = event_pattern is None or isinstance(event_pattern, events.EventPattern)
        check_type("event_pattern", event_pattern, fits, "an events.EventPattern")
        fits = cross_stack_scope is None or has(cross_stack_scope, "node")
        check_type("cross_stack_scope", cross_stack_scope, fits, "a construct such as the target's stack")
        self._bucket.enable_event_bridge_notification()
        rule = events.Rule(
            cross_stack_scope or self,
            construct_id,
            description=description,
            rule_name=rule_name,
            event_pattern=event_pattern,
            targets=None if target is None else [cast("events.IRuleTarget", target)],
        )
        detail: dict[str, Any] = {"bucket": {"name": [self._bucket.bucket_name]}}
        if self._prefix:
            detail["object"] = {"key": [self._key_pattern()]}
        # Other accounts may send events to the bus, too. The owner of an imported bucket is not known here, but no
        # other bucket has its name, and nobody can put events of `aws.s3`.
        account = [self._bucket.env.account] if is_owned(self._bucket) else None
        rule.add_event_pattern(account=account, source=["aws.s3"], detail_type=["Object Created"], detail=detail)
        # A rule that doesn't match all images doesn't count them.
        if self._counter is None and event_pattern is None:
            self._counter = ImageCounter.of_rule(rule)
        return rule

    def _key_pattern(self) -> dict[str, str]:
        if self._prefix.endswith("/") or not is_known(self._prefix):
            return {"prefix": self._prefix}
        # 'cam-1' also begins the keys of 'cam-10', whose images would count for both.
        name = self._stream.stream_ref.stream_name
        account = account_of(stack_of(self))
        before = self._prefix.replace("\\", "\\\\")
        return {"wildcard": f"{before}*{account}_{name}_*"}

    def add_image_notification(
        self,
        destination: s3.IBucketNotificationDestination | BucketNotificationDestination,
        *,
        suffix: str | None = None,
    ) -> None:
        """Notify a function, queue or topic of each image with the bucket's own notifications, at no extra cost.

        S3 refuses two notifications of a bucket whose prefixes overlap; `on_image_delivered` has no such limit.

        Parameters
        ----------
        destination
            The destination: one of ``aws_cdk.aws_s3_notifications``.
        suffix
            The end of the key, such as ``.jpg``. Default: any key under the prefix.

        Raises
        ------
        ValueError
            If the destination or the suffix has the wrong type.

        See Also
        --------
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html
        """
        check_type(
            "destination",
            destination,
            _binds(destination, s3.IBucketNotificationDestination),
            "one of aws_cdk.aws_s3_notifications such as LambdaDestination(function)",
        )
        check_text("suffix", suffix, ".jpg")
        self._warn_of_open_prefix()
        filters = [s3.NotificationKeyFilter(prefix=_encoded(self._prefix) or None, suffix=suffix)]
        self._bucket.add_event_notification(
            s3.EventType.OBJECT_CREATED,
            cast("s3.IBucketNotificationDestination", destination),
            *(filters if self._prefix or suffix else []),
        )


def check_target(target: Any) -> None:
    """Check the target of a rule."""
    fits = target is None or _binds(target, events.IRuleTarget)
    check_type("target", target, fits, "one of aws_cdk.aws_events_targets such as LambdaFunction(function)")


def _encoded(prefix: str) -> str:
    """Encode a prefix as S3 requires in the filters of notifications; a token stays.

    See https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
    """
    return change_known(prefix, lambda known: quote_plus(known, safe=_SAFE_IN_FILTERS))


def _binds(value: Any, interface: type) -> bool:
    """Return whether it implements this interface: the targets of rules and of notifications both have a `bind`."""
    classes = [cls for cls in type(value).__mro__ if hasattr(cls, "__jsii_ifaces__")]
    implemented = [name for cls in classes for name in cls.__jsii_ifaces__]
    return has(value, "bind") and (not implemented or any(interface in name.__mro__ for name in implemented))
