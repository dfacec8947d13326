"""The function behind the custom resources of other tools in the tests' stacks, and behind one that always fails.
What it does for `Custom::AWS` is what `AwsCustomResource` does, whose own function runs on Node.js: it makes the call
that the properties hold as JSON, at a Delete the one of `onDelete`, and whatever the stream has by then. What it does
for `Custom::StreamImages` is what handlers of one's own do, with the provider framework or crhelper.
"""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import boto3


def handler(event: dict[str, Any], context: Any) -> None:
    """Answer an event of CloudFormation."""
    try:
        physical_id = _RESOURCES[event["ResourceType"]](event)
        answer = {"Status": "SUCCESS", "PhysicalResourceId": physical_id}
    except Exception as error:
        answer = {"Status": "FAILED", "PhysicalResourceId": "failed", "Reason": str(error)}
    repeated = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    body = json.dumps({**answer, **repeated}).encode()
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT"))


def _fail(event: dict[str, Any]) -> str:
    if event["RequestType"] == "Create":
        raise RuntimeError("made to fail")
    return "failed"


def _call(event: dict[str, Any]) -> str:
    call = json.loads(event["ResourceProperties"][event["RequestType"]])
    boto3.client("kinesisvideo").update_image_generation_configuration(**call["parameters"])
    physical_id: str = call["physicalResourceId"]["id"]
    return physical_id


def _set(event: dict[str, Any]) -> str:
    properties = event["ResourceProperties"]
    configuration: dict[str, Any] = {}
    if event["RequestType"] != "Delete":
        configuration["ImageGenerationConfiguration"] = image_generation()
    boto3.client("kinesisvideo").update_image_generation_configuration(
        StreamName=properties["StreamName"], **configuration
    )
    return f"images-of-{properties['StreamName']}"


def image_generation() -> dict[str, Any]:
    return {
        "Status": "ENABLED",
        "ImageSelectorType": "PRODUCER_TIMESTAMP",
        "DestinationConfig": {"Uri": "s3://camera-images", "DestinationRegion": "us-east-1"},
        "SamplingInterval": 3000,
        "Format": "JPEG",
    }


_RESOURCES = {"Custom::Failing": _fail, "Custom::AWS": _call, "Custom::StreamImages": _set}
