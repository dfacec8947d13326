"""CloudWatch tells EventBridge about each change of an alarm's state.

See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ministack.services import cloudwatch

from . import events


def install() -> None:
    """Publish the changes of state where ministack runs the alarm's actions."""
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
        events.publish(account, region, "aws.cloudwatch", "CloudWatch Alarm State Change", [arn], detail)

    cloudwatch._dispatch_alarm_actions = dispatch
