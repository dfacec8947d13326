"""Records management events as CloudTrail does: in the event history, and as events of EventBridge.

- LookupEvents finds them immediately, by one lookup attribute, in pages. (On AWS a record is some minutes late.) The
  `ResourceName` of a call is the name of the stream that it addresses; AWS documents none for this service.
- The newest 10,000 records of an account and Region are kept, in memory.
- Calls that change something are events of the default bus. (On AWS this requires a trail in the Region. There, a rule
  in the state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS also gets calls that read; here it doesn't.)
- Only calls of Kinesis Video Streams are recorded. CloudFormation's own operations on a stream are not.
- A function in Lambda has its role's identity if IAM is enforced; otherwise it is the account's root user.

See https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from ministack.core import responses
from ministack.services import cloudtrail

from ..service.audit import ManagementEvent
from ..service.http import Caller
from . import events

_NAMESPACE = "kinesisvideo"
_SOURCE = f"{_NAMESPACE}.amazonaws.com"
_PAGE = 50
_STREAM = "AWS::KinesisVideo::Stream"


def install() -> None:
    """Let LookupEvents return every page."""
    cloudtrail._DISPATCH["LookupEvents"] = _lookup_events


def record(caller: Caller, call: ManagementEvent) -> None:
    """Record a call."""
    now = time.time()
    identity = caller.identity()
    detail = {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "eventSource": _SOURCE,
        "eventName": call.name,
        "awsRegion": caller.region,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": call.user_agent,
        **({"errorCode": call.error_code, "errorMessage": call.error_message} if call.error_code else {}),
        "requestParameters": call.request_parameters,
        "responseElements": call.response_elements,
        "requestID": str(uuid.uuid4()),
        "eventID": str(uuid.uuid4()),
        "readOnly": call.read_only,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": caller.account,
        "eventCategory": "Management",
    }
    event = {
        "EventId": detail["eventID"],
        "EventName": call.name,
        "EventSource": _SOURCE,
        "EventTime": now,
        "Username": _user_name(identity),
        "AccessKeyId": identity["accessKeyId"],
        "ReadOnly": "true" if call.read_only else "false",
        "Resources": [{"ResourceType": _STREAM, "ResourceName": call.resource}] if call.resource else [],
        "CloudTrailEvent": json.dumps(detail),
    }
    with responses.request_scope(caller.account, caller.region):
        cloudtrail._get_event_queue().append(event)
    if not call.read_only:
        events.publish(caller.account, caller.region, f"aws.{_NAMESPACE}", "AWS API Call via CloudTrail", [], detail)


def _user_name(identity: Mapping[str, Any]) -> str:
    """Return the user name as in LookupEvents; for a role, its session's name."""
    if identity["type"] == "Root":
        return "root"
    name: str = identity["arn"].rpartition("/")[2]
    return name


def _lookup_events(request: Mapping[str, Any]) -> Any:
    attributes = request.get("LookupAttributes", [])
    if len(attributes) > 1:
        return cloudtrail._err("InvalidLookupAttributesException", "LookupEvents takes one lookup attribute")
    token = request.get("NextToken", "0")
    if not token.isdecimal():
        return cloudtrail._err("InvalidNextTokenException", "NextToken is not one that LookupEvents returned")
    begin, end = request.get("StartTime", 0), request.get("EndTime", time.time())
    found = [
        event
        for event in reversed(list(cloudtrail._get_event_queue()))
        if begin <= event["EventTime"] <= end and all(_matches(event, attribute) for attribute in attributes)
    ]
    first = int(token)
    last = first + min(request.get("MaxResults", _PAGE), _PAGE)
    answer: dict[str, Any] = {"Events": found[first:last]}
    if last < len(found):
        answer["NextToken"] = str(last)
    return cloudtrail._ok(answer)


def _matches(event: Mapping[str, Any], attribute: Mapping[str, str]) -> bool:
    key, value = attribute["AttributeKey"], attribute["AttributeValue"]
    if key in ("ResourceName", "ResourceType"):
        return any(resource[key] == value for resource in event["Resources"])
    return event.get(key) == value
