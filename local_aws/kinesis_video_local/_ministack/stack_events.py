"""CloudFormation tells EventBridge about each change of a stack's status.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-stack-status-change.html
"""

from __future__ import annotations

from typing import Any

from ministack.services.cloudformation import changesets, handlers, stacks

from . import events

_STACK = "AWS::CloudFormation::Stack"


def install() -> None:
    """Publish the changes of status among the events of stacks."""
    add_event = stacks._add_event

    def add(
        stack_id: str,
        stack_name: str,
        logical_id: str,
        resource_type: str,
        status: str,
        reason: str = "",
        *more: Any,
        **named: Any,
    ) -> None:
        add_event(stack_id, stack_name, logical_id, resource_type, status, reason, *more, **named)
        # A nested stack is a resource of its parent as well, by another name.
        if (logical_id, resource_type) == (stack_name, _STACK):
            _publish(stack_id, status, reason)

    for module in (changesets, handlers, stacks):
        module._add_event = add


def _publish(stack_id: str, status: str, reason: str) -> None:
    _, _, _, region, account, _ = stack_id.split(":", 5)
    detail = {
        "stack-id": stack_id,
        "status-details": {"status": status, "status-reason": reason},
        "client-request-token": stacks.CLIENT_REQUEST_TOKEN.get(),
    }
    events.publish(account, region, "aws.cloudformation", "CloudFormation Stack Status Change", [stack_id], detail)
