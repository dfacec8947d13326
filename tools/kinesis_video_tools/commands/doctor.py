"""``kinesis-video doctor``: why no image of a stream arrives."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from kinesis_video_doctor import Diagnosis, Finding, Status, doctor_policy, examine, report
from kinesis_video_doctor.calls import Calls, UndecidedError
from kinesis_video_doctor.destination import Image
from kinesis_video_doctor.examination import Case

from ..camera import ClockVideo, Producer, PutMediaError, fragment_tags
from ..command_line import add_account, add_command, session_of

if TYPE_CHECKING:
    from ..command_line import Commands

_EPILOG = """\
It only reads, unless --send is given, and it works for any stream, whatever has declared it. What the credentials don't
allow to read is unknown, and never passes.

With --strict a warning counts as a failure, and the exit code is 0 only if every check has passed.
"""

_FRAGMENTS = 3
_WAIT_SECONDS, _PAUSE_SECONDS = 90, 0.5
# The service has a connection of the stream already: of its own producer, which is no fault.
_TAKEN = "ConnectionLimitExceeded"
_READ = "read what the service says"


def add_to(commands: Commands) -> None:
    """Add the sub-command."""
    parser = add_command(
        commands,
        "doctor",
        run,
        summary="find out why no image arrives",
        description="Find out why no image of a stream arrives, by 19 checks in the order of an image's way.",
        epilog=_EPILOG,
        good="images arrive",
        wrong="a check failed",
    )
    parser.add_argument("stream", metavar="STREAM", help="the name or the ARN of the stream")
    parser.add_argument(
        "--producer",
        metavar="ARN",
        help="the role or user that calls PutMedia (the last one that asked for its endpoint, by CloudTrail)",
    )
    add_account(parser, "stream")
    parser.add_argument("--minutes", type=int, default=60, metavar="N", help="how far back to look (60)")
    parser.add_argument("--json", action="store_true", help="print the diagnosis for a program")
    parser.add_argument("--strict", action="store_true", help="exit with 0 only if every check has passed")
    parser.add_argument(
        "--send",
        action="store_true",
        help=f"send {_FRAGMENTS} s of a tagged test picture as the producer's role, and wait for its image",
    )
    parser.add_argument("--list", action="store_true", help="print the policy that the checks need, and don't run them")


def run(options: argparse.Namespace) -> int:
    """Run the checks, print what they have found, and return the exit code."""
    name, region = _parts(options.stream)
    try:
        session = session_of(options, region)
        if options.list:
            partition = session.get_partition_for_region(session.region_name) if session.region_name else "aws"
            _print(json.dumps(doctor_policy(name, partition=partition), indent=2))
            return 0
        diagnosis = examine(
            options.stream,
            session=session,
            producer=options.producer,
            minutes=options.minutes,
            progress=_progress,
        )
        if options.send:
            _progress("send")
            diagnosis = replace(diagnosis, findings=(*diagnosis.findings, _send(options.stream, session, diagnosis)))
    except (ValueError, BotoCoreError, ClientError) as error:
        _progress("")
        sys.stderr.write(f"{error}\n")
        return 2
    _progress("")
    if options.json:
        _print(json.dumps(diagnosis.as_json(), indent=2))
    else:
        _print(report(diagnosis, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    return diagnosis.exit_code(strict=options.strict)


def _parts(stream: str) -> tuple[str, str | None]:
    """Return the stream's name, and its Region if its ARN is given."""
    parts = stream.split(":")
    return (parts[5].split("/")[1], parts[3]) if len(parts) == 6 and parts[5].count("/") == 2 else (stream, None)


def _send(stream: str, session: boto3.Session, diagnosis: Diagnosis) -> Finding:
    """Send as the producer, and wait for an image: the one test that decides."""
    role = diagnosis.producer
    if diagnosis["enabled"].status != Status.PASSED:
        return _finding(Status.UNKNOWN, "nothing is sent to a stream whose images are not configured and enabled")
    if role is None or ":role/" not in role:
        return _finding(Status.UNKNOWN, "there is no role to send as", "give the producer's role: --producer ARN")
    producer = Producer(diagnosis.stream, session=session, role_arn=role, tags=fragment_tags(), attempts=1)
    video = ClockVideo(diagnosis.stream, fragment_seconds=1)
    with Calls(session) as calls:
        case = Case(calls, stream, role, diagnosis.minutes)
        try:
            before = case.destination.images(case.stream.since, [""])
            sent = producer.send(video, fragments=_FRAGMENTS)
            if not sent.persisted:
                meanings = ", ".join(acknowledgement.meaning for acknowledgement in sent.errors)
                return _finding(Status.FAILED, f"the service stored nothing of what was sent: {meanings}", _READ)
            return _wait(case, before, role)
        except UndecidedError as error:
            return _finding(Status.UNKNOWN, error.seen, error.fix)
        except PutMediaError as error:
            return _finding(Status.UNKNOWN if _TAKEN in str(error) else Status.FAILED, str(error), _READ)
        except (BotoCoreError, ClientError) as error:
            advice = f"let the caller assume {role}, and that find its endpoint"
            return _finding(Status.UNKNOWN, str(error), advice)


def _wait(case: Case, before: list[Image], role: str) -> Finding:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        # The time in its key is of the service's clock or of this one's, so it tells nothing.
        image = next((one for one in case.destination.images(case.stream.since, [""]) if one not in before), None)
        if image:
            return _finding(
                Status.PASSED,
                f"an image of the video that was sent as {role} has arrived: s3://{case.destination.bucket}/{image.key}; if others "
                "don't, it is the producer's own video or its tags",
            )
        time.sleep(_PAUSE_SECONDS)
    return _finding(
        Status.FAILED,
        f"the service stored {_FRAGMENTS} tagged fragments, and no image of them has arrived in {_WAIT_SECONDS} s",
        "look at the checks above, from the first that has not passed",
    )


def _finding(status: Status, seen: str, fix: str = "") -> Finding:
    return Finding("send", "images", status, seen, fix)


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _progress(check: str) -> None:
    """Show what is being checked, in a line that the next one replaces."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{check and f'{check} ...'}")
        sys.stderr.flush()
