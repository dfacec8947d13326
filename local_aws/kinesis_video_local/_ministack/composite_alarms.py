"""AWS::CloudWatch::CompositeAlarm as one of ministack's resource types; it has the alarms themselves."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

_TYPE = "AWS::CloudWatch::CompositeAlarm"


def install() -> None:
    """Let templates declare alarms of alarms."""
    provisioners._RESOURCE_HANDLERS[_TYPE] = {"create": _create, "update": _update, "delete": _delete}
    provisioners._REPLACING_PROPERTIES[_TYPE] = ("AlarmName",)


def _create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
    name = properties.get("AlarmName") or provisioners._physical_name(stack_name, logical_id, max_len=255)
    return _put(name, properties)


def _update(
    physical_id: str, _old: dict[str, Any], new: dict[str, Any], _stack_name: str, **_: object
) -> tuple[str, dict[str, str]]:
    return _put(physical_id, new)


def _put(name: str, properties: dict[str, Any]) -> tuple[str, dict[str, str]]:
    status, _, body = cloudwatch._put_composite_alarm({}, {**properties, "AlarmName": name}, False, is_json=True)
    if status != 200:
        raise ValueError(json.loads(body).get("message", body))
    return name, {"Arn": cloudwatch._composite_alarms[name]["AlarmArn"]}


def _delete(physical_id: str, _properties: dict[str, Any]) -> None:
    cloudwatch._composite_alarms.pop(physical_id, None)
