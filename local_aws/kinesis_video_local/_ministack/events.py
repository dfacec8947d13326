"""Events on EventBridge's default bus, among them those of alarms and of stacks, which ministack doesn't publish.

See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html and
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-stack-status-change.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.core import responses
from ministack.services import cloudwatch, eventbridge
from ministack.services.cloudformation import changesets, handlers, stacks

_KEPT = 1_000
_STACK = "AWS::CloudFormation::Stack"


def install() -> None:
    """Publish the changes of alarms' states and of stacks' statuses."""
    dispatch_alarm_actions = cloudwatch._dispatch_alarm_actions
    add_event = stacks._add_event

    def dispatch(alarm: Mapping[str, Any], old: str, new: str, reason: str) -> None:
        dispatch_alarm_actions(alarm, old, new, reason)
        arn: str = alarm["AlarmArn"]
        _, _, _, region, account, _ = arn.split(":", 5)
        detail = {
            "alarmName": alarm["AlarmName"],
            "state": {
                "value": new,
                "reason": reason,
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime()),
            },
            "previousState": {"value": old},
            "configuration": {"description": alarm.get("AlarmDescription", "")},
        }
        publish(account, region, "aws.cloudwatch", "CloudWatch Alarm State Change", [arn], detail)

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
        # A nested stack is also a resource of its parent, under another name.
        if (logical_id, resource_type) == (stack_name, _STACK):
            _, _, _, region, account, _ = stack_id.split(":", 5)
            detail = {
                "stack-id": stack_id,
                "status-details": {"status": status, "status-reason": reason},
                "client-request-token": stacks.CLIENT_REQUEST_TOKEN.get(),
            }
            publish(account, region, "aws.cloudformation", "CloudFormation Stack Status Change", [stack_id], detail)

    cloudwatch._dispatch_alarm_actions = dispatch
    for module in (changesets, handlers, stacks):
        module._add_event = add


def publish(
    account: str, region: str, source: str, detail_type: str, resources: Sequence[str], detail: Mapping[str, Any]
) -> None:
    """Publish an event on the default bus of an account and Region, and run the targets of its rules."""
    entry = {"Source": source, "DetailType": detail_type, "Resources": resources, "Detail": json.dumps(detail)}
    with responses.request_scope(account, region):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
        # ministack never discards an event.
        del eventbridge._events_log_list()[:-_KEPT]
