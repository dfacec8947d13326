"""``kinesis-video adopt``: the app that declares what streams have already."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError

from kinesis_video_configuration import FRAGMENT_NOTIFICATION, IMAGE_GENERATION, Deadline
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_configuration.service import KinesisVideo, create_client

from ..adoption import ExistingStream, write_app
from ._shared import add_account, add_command, session_of

if TYPE_CHECKING:
    from ._shared import Commands

_SECONDS = 3600.0
"""For a large account: all who call share 50 calls a second."""

_EPILOG = """\
Redirect it into a file, such as images_stack.py. The app imports the streams and takes over what they have, so its
first deployment changes nothing, and deleting its stack leaves everything. Streams that are alike are one loop; what
can't be declared is a comment. It takes one stack, so of many streams take some at a time by --prefix.

It calls ListStreams, DescribeImageGenerationConfiguration and DescribeNotificationConfiguration, and nothing else.

exit code: 0 if the app is printed, 1 if there is nothing to adopt or too much, 2 if that can't be told
"""


def add_to(commands: Commands) -> None:
    """Add the sub-command."""
    parser = add_command(
        commands,
        "adopt",
        run,
        summary="print the CDK app that declares what streams have already",
        description="Print the CDK app that declares what the streams of an account and Region have already.",
        epilog=_EPILOG,
    )
    parser.add_argument("--prefix", help="what the names of the streams begin with, such as cam-")
    add_account(parser, "streams")


def run(options: argparse.Namespace) -> int:
    """Read the streams, print the app, and return the exit code."""
    try:
        session = session_of(options)
        streams = _read(session, options.prefix)
    except (BotoCoreError, CallError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        sys.stdout.write(write_app(streams))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _read(session: boto3.Session, prefix: str | None) -> list[ExistingStream]:
    client = create_client(session)
    retries = Retries(Deadline(_SECONDS), denied=Deadline(0))
    streams = KinesisVideo(client, retries)
    condition = (
        {"StreamNameCondition": {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": prefix}} if prefix else {}
    )
    found: list[ExistingStream] = []
    page: dict[str, str] = {}
    while True:
        answer = retries.call(client, "list_streams", MaxResults=1000, **condition, **page)
        found += [
            ExistingStream(
                name=stream["StreamName"],
                arn=stream["StreamARN"],
                data_retention_in_hours=stream.get("DataRetentionInHours", 0),
                image_generation=streams.configuration(IMAGE_GENERATION, stream["StreamARN"]),
                notification=streams.configuration(FRAGMENT_NOTIFICATION, stream["StreamARN"]),
            )
            for stream in answer["StreamInfoList"]
        ]
        if not answer.get("NextToken"):
            return found
        page = {"NextToken": answer["NextToken"]}
