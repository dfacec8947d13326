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
from ministack.services.cloudformation import stacks

_KEPT = 1_000


def install() -> None:
    """Publish the changes of alarms' states."""
    dispatch_alarm_actions = cloudwatch._dispatch_alarm_actions

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

    cloudwatch._dispatch_alarm_actions = dispatch


def publish_stack_status(stack_id: str, status: str, reason: str) -> None:
    """Publish the new status of a stack."""
    _, _, _, region, account, _ = stack_id.split(":", 5)
    detail = {
        "stack-id": stack_id,
        "status-details": {"status": status, "status-reason": reason},
        "client-request-token": stacks.CLIENT_REQUEST_TOKEN.get(),
    }
    publish(account, region, "aws.cloudformation", "CloudFormation Stack Status Change", [stack_id], detail)


def publish(
    account: str, region: str, source: str, detail_type: str, resources: Sequence[str], detail: Mapping[str, Any]
) -> None:
    """Publish an event on the default bus of an account and Region, and run the targets of its rules."""
    entry = {"Source": source, "DetailType": detail_type, "Resources": resources, "Detail": json.dumps(detail)}
    with responses.request_scope(account, region):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
        # ministack never discards an event.
        del eventbridge._events_log_list()[:-_KEPT]
