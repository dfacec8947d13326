"""``kinesis-video adopt``: the app that declares what streams have already."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import boto3

from kinesis_video_configuration import FRAGMENT_NOTIFICATION, IMAGE_GENERATION
from kinesis_video_configuration.service import KinesisVideo, create_client

from ..adoption import ExistingStream, write_app
from ..command_line import Patience, add_account, add_command, session_of

if TYPE_CHECKING:
    from ..command_line import Commands

_SECONDS = 3600.0
"""For a large account: all who call share 50 calls a second."""

_EPILOG = """\
Redirect it into a file, such as images_stack.py. The app imports the streams and takes over what they have, so its
first deployment changes nothing, and deleting its stack leaves everything. Streams that are alike are one loop; what
can't be declared is a comment. It takes one stack, so of many streams take some at a time by --prefix.

It calls ListStreams, DescribeImageGenerationConfiguration and DescribeNotificationConfiguration, and nothing else.
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
        good="the app is printed",
        wrong="there is nothing to adopt, or too much for a stack",
    )
    parser.add_argument("--prefix", help="what the names of the streams begin with, such as cam-")
    add_account(parser, "streams")


def run(options: argparse.Namespace) -> int:
    """Read the streams, print the app, and return the exit code."""
    streams = _read(session_of(options), options.prefix)
    try:
        sys.stdout.write(write_app(streams))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _read(session: boto3.Session, prefix: str | None) -> list[ExistingStream]:
    client = create_client(session)
    retries = Patience(_SECONDS)
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
