"""What Lambda calls when an alarm goes off: it runs the checks and publishes the verdict."""

from __future__ import annotations

import logging
from typing import Any, NotRequired, TypedDict

import boto3

from kinesis_video_configuration import Deadline, printable
from kinesis_video_configuration.retries import Retries
from kinesis_video_configuration.service import create_client

from .examination import examine
from .findings import Diagnosis
from .report import report

logger = logging.getLogger(__name__)

# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_MAX_SUBJECT = 100
# What the checks leave of the function's time.
_PUBLISH_SECONDS = 40


class Event(TypedDict):
    """What the rule of an alarm sends."""

    Alarm: str
    """The name of the alarm."""
    StreamARN: str
    TopicArn: str
    Producer: NotRequired[str]
    """The ARN of the role that calls PutMedia; without it the checks look for it."""
    Rule: NotRequired[str]
    """The name of the rule that counts the images, if there is one."""


def handler(event: Event, context: object) -> None:
    """Examine the stream, and publish what was found; if it can't be examined, publish why.

    Raises
    ------
    CallError
        If nothing can be published; Lambda then repeats the event, and sends it to the topic as it is in the end.
    """
    try:
        diagnosis = examine(event["StreamARN"], producer=event.get("Producer"), rule=event.get("Rule"))
        logger.info("diagnosis", extra={"alarm": event["Alarm"], **diagnosis.as_json()})
        made = message(diagnosis, event["Alarm"])
    except Exception as error:
        # A mail that says so is better than none.
        logger.exception("not examined")
        made = _message_of(error, event)
    sns = create_client(boto3.Session(), "sns")
    Retries(Deadline(_PUBLISH_SECONDS)).call(sns, "publish", TopicArn=event["TopicArn"], **made)


def message(diagnosis: Diagnosis, alarm: str) -> dict[str, Any]:
    """Make the message of a diagnosis: its subject names the cause, its text is the report."""
    verdict = diagnosis.verdict
    about = "images arrive" if diagnosis.images_arrive else verdict.check if verdict else "not decided"
    text = f"{diagnosis.sentence}\n\n{report(diagnosis)}"
    return _message(alarm, f"{about}: {diagnosis.stream}", text, verdict.check if verdict else "none")


def _message_of(error: Exception, event: Event) -> dict[str, Any]:
    parts = event["StreamARN"].split("/")
    stream = printable(parts[1] if len(parts) > 1 else event["StreamARN"])
    problem = f"The stream {stream} could not be examined: {type(error).__name__}: {printable(str(error))}"
    return _message(event["Alarm"], f"not decided: {stream}", f"{problem}\n\n  → kinesis-video doctor {stream}", "none")


def _message(alarm: str, subject: str, text: str, verdict: str) -> dict[str, Any]:
    return {
        "Subject": subject.encode("ascii", "backslashreplace").decode()[:_MAX_SUBJECT],
        "Message": f"The alarm {printable(alarm)} went off.\n\n{text}\n",
        # For the filter policies of subscriptions.
        "MessageAttributes": {"Verdict": {"DataType": "String", "StringValue": verdict}},
    }
