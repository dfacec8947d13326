"""What Lambda calls when an alarm goes off: it runs the checks and publishes the verdict."""

from __future__ import annotations

import logging
from typing import Any, NotRequired, TypedDict

import boto3

from .examination import examine
from .findings import Diagnosis
from .report import report

# At DEBUG these write the credentials of their requests.
for _name in ("boto3", "botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.INFO)

logger = logging.getLogger(__name__)

# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_MAX_SUBJECT = 100


class Event(TypedDict):
    """What the rule of an alarm sends."""

    Alarm: str
    """The name of the alarm."""
    StreamARN: str
    TopicArn: str
    Producer: NotRequired[str]
    """The ARN of the role that calls PutMedia; without it the checks look for it."""


def handler(event: Event, context: object) -> None:
    """Examine the stream, and publish what was found.

    Raises
    ------
    botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError
        If nothing can be asked or published; Lambda then repeats the event.
    """
    diagnosis = examine(event["StreamARN"], producer=event.get("Producer"))
    logger.info("diagnosis", extra={"alarm": event["Alarm"], **diagnosis.as_json()})
    boto3.client("sns").publish(TopicArn=event["TopicArn"], **message(diagnosis, event["Alarm"]))


def message(diagnosis: Diagnosis, alarm: str) -> dict[str, Any]:
    """Make the message of a diagnosis: its subject names the cause, its text is the report."""
    verdict = diagnosis.verdict
    about = "images arrive" if diagnosis.images_arrive else verdict.check if verdict else "not decided"
    return {
        "Subject": f"{about}: {diagnosis.stream}"[:_MAX_SUBJECT],
        "Message": f"The alarm {alarm} went off.\n\n{diagnosis.sentence}\n\n{report(diagnosis)}\n",
        # For the filter policies of subscriptions.
        "MessageAttributes": {"Verdict": {"DataType": "String", "StringValue": verdict.check if verdict else "none"}},
    }
