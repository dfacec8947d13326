"""``kinesis-video doctor``: finds out why no image of a stream arrives."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import replace

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from kinesis_video_configuration import IMAGE_GENERATION, printable
from kinesis_video_configuration.service import create_client
from kinesis_video_contract.doctor import TEST_PICTURE
from kinesis_video_doctor import Diagnosis, Finding, Status, doctor_policy, examine, report, summary
from kinesis_video_doctor.calls import RUN_SECONDS, Calls, UndecidedError
from kinesis_video_doctor.evidence import FRAGMENT_NUMBER
from kinesis_video_doctor.examination import Case

from ..camera import Acknowledgement, ClockVideo, Producer, PutMediaError, fragment_tags
from ..command_line.account import Patience, add_account, region_of, session_of
from ..command_line.failures import CommandError
from ..command_line.parser import Commands, ExitCode, add_command
from ..command_line.screen import show_progress, shows_colour
from ..deployed import declared_in
from ..fleets import fleets_in

_EPILOG = """\
The doctor only reads, unless --send is given, and it works for any stream, whatever tool declared it. A check that your
credentials can't run shows ?, never ✓.

For several streams it prints a line each, and then the checks of those that failed.

With --strict a warning counts as a failure, and the exit code is 0 only if every check has passed.
"""

_FRAGMENTS = 3
_WAIT_SECONDS, _PAUSE_SECONDS = 90, 0.5
# The stream's own producer is connected already, which is not a fault.
_TAKEN = "ConnectionLimitExceeded"
_READ = "read the service's message"
_STACK_SECONDS = 60.0
_PLAIN = {"✓": "+", "✗": "x", "→": "->"}


def add_to(commands: Commands) -> None:
    """Add the sub-command."""
    parser = add_command(
        commands,
        "doctor",
        run,
        summary="find out why no image arrives",
        description="Find out why no image of a stream arrives: check each service on an image's path, in order.",
        epilog=_EPILOG,
        good="images arrive",
        wrong="a check failed",
    )
    parser.add_argument("streams", metavar="STREAM", nargs="*", help="the name or the ARN of a stream")
    parser.add_argument(
        "--stack", metavar="NAME", help="all streams whose images this stack and its nested stacks declare"
    )
    parser.add_argument(
        "--producer",
        metavar="ARN",
        help="the role or user that calls PutMedia (all that asked for its endpoint, according to CloudTrail)",
    )
    parser.add_argument(
        "--rule", metavar="NAME", help="an EventBridge rule that matches each image, to see whether a consumer moves it"
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
    """Run the checks, print their findings, and return the exit code."""
    regions = {region_of(stream, "kinesisvideo", "stream") for stream in options.streams} - {None}
    if len(regions) > 1:
        raise CommandError(f"the streams are of {len(regions)} Regions", "run it once for each Region")
    session = session_of(options, next(iter(regions), None))
    declared, fleets = _declared(session, options.stack) if options.stack else ([], [])
    streams = [*options.streams, *declared]
    if fleets:
        look = f"the fleets of {options.stack} declare streams, too: {', '.join(f'{each}*' for each in fleets)}"
        advice = "look at them with `kinesis-video fleet`, or give the names of some"
        if not streams:
            raise CommandError(look, advice)
        sys.stderr.write(f"{look}, {advice}\n")
    if not streams:
        raise CommandError("no stream is given", "pass STREAM, or --stack NAME of a stack that declares images")
    if options.list:
        partition = session.get_partition_for_region(session.region_name) if session.region_name else "aws"
        names = [stream.split("/")[1] if stream.startswith("arn:") else stream for stream in streams]
        name = names[0] if len(names) == 1 else "*"
        _print(json.dumps(doctor_policy(name, partition=partition), indent=2))
        return ExitCode.GOOD
    diagnoses = [_examine(stream, session, options) for stream in dict.fromkeys(streams)]
    codes = [diagnosis.exit_code(strict=options.strict) for diagnosis in diagnoses]
    # Images that arrive need no advice, and so no further call.
    named = {} if set(codes) <= {ExitCode.GOOD} else _fleets_of(session, diagnoses)
    if options.json:
        forms = [diagnosis.as_json() for diagnosis in diagnoses]
        for form in forms:
            form |= {"fleet": named[form["stream"]]} if form["stream"] in named else {}
        _print(json.dumps(forms if len(forms) > 1 else forms[0], indent=2))
    else:
        colour = shows_colour(sys.stdout)
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        if len(diagnoses) > 1:
            _print("\n".join(summary(diagnosis, colour=colour) for diagnosis in diagnoses))
        for diagnosis, code in zip(diagnoses, codes, strict=True):
            if len(diagnoses) == 1 or code == ExitCode.WRONG:
                _print(("\n" if len(diagnoses) > 1 else "") + report(diagnosis, colour=colour, width=width))
        for stream, prefix in named.items():
            shown = printable(f"the fleet {prefix}*, `kinesis-video fleet {prefix}` shows whether its last pass set it")
            _print(f"{stream} has the name of a stream of {shown}")
    return next((code for code in (ExitCode.WRONG, ExitCode.UNKNOWN) if code in codes), ExitCode.GOOD)


def _declared(session: boto3.Session, stack: str) -> tuple[list[str], list[str]]:
    """List the streams whose images a stack declares, and the prefixes of its fleets."""
    declared = list(declared_in(create_client(session, "cloudformation"), Patience(_STACK_SECONDS), stack))
    streams = [each.stream_arn for each in declared if each.resource_type == IMAGE_GENERATION.resource_type]
    return streams, [each.name_prefix for each in declared if each.is_fleet]


def _fleets_of(session: boto3.Session, diagnoses: Sequence[Diagnosis]) -> dict[str, str]:
    """Name the fleets of streams by their prefixes, as far as the caller is allowed to read state machines."""
    try:
        prefixes = [fleet.name_prefix for fleet in fleets_in(create_client(session, "stepfunctions"))]
    except Exception:  # whatever it is, the checks have their answers
        return {}
    names = [diagnosis.stream for diagnosis in diagnoses]
    return {name: prefix for name in names for prefix in prefixes if prefix and name.startswith(prefix)}


def _examine(stream: str, session: boto3.Session, options: argparse.Namespace) -> Diagnosis:
    try:
        diagnosis = examine(
            stream,
            session=session,
            producer=options.producer,
            minutes=options.minutes,
            rule=options.rule,
            progress=_progress,
        )
        if options.send:
            _progress("send")
            diagnosis = replace(diagnosis, findings=(*diagnosis.findings, _send(stream, session, diagnosis)))
    except ValueError as error:
        raise CommandError(str(error)) from error
    finally:
        _progress("")
    return diagnosis


def _send(stream: str, session: boto3.Session, diagnosis: Diagnosis) -> Finding:
    """Send as the producer, and wait for an image: the decisive test."""
    role = diagnosis.producer
    if diagnosis["enabled"].status != Status.PASSED:
        return _finding(Status.UNKNOWN, "nothing is sent to a stream whose images are not configured and enabled")
    if role is None or ":role/" not in role:
        return _finding(Status.UNKNOWN, "there is no role to send as", "pass the producer's role: --producer ARN")
    numbers: set[str] = set()

    def note(acknowledgement: Acknowledgement) -> None:
        if acknowledgement.fragment_number:
            numbers.add(acknowledgement.fragment_number)

    producer = Producer(
        diagnosis.stream,
        session=session,
        role_arn=role,
        tags=fragment_tags(metadata={TEST_PICTURE: "1"}),
        attempts=1,
        on_acknowledgement=note,
    )
    video = ClockVideo(diagnosis.stream, fragment_seconds=1)
    with Calls(session, seconds=RUN_SECONDS + _WAIT_SECONDS) as calls:
        case = Case(calls, stream, role, diagnosis.minutes)
        try:
            before = {image.key for image in case.destination.images(case.stream.since, [""])}
            sent = producer.send(video, fragments=_FRAGMENTS)
            if not sent.persisted:
                meanings = ", ".join(acknowledgement.meaning for acknowledgement in sent.errors)
                return _finding(
                    Status.FAILED, f"the service stored nothing of the video that was sent: {meanings}", _READ
                )
            return _wait(case, before, numbers, role)
        except UndecidedError as error:
            return _finding(Status.UNKNOWN, error.seen, error.fix)
        except PutMediaError as error:
            return _finding(Status.UNKNOWN if _TAKEN in str(error) else Status.FAILED, str(error), _READ)
        except (BotoCoreError, ClientError) as error:
            advice = f"allow the caller to assume {role}, and the role to find its endpoint"
            return _finding(Status.UNKNOWN, str(error), advice)


def _wait(case: Case, before: Collection[str], numbers: Collection[str], role: str) -> Finding:
    """Wait for an image of these fragments, according to its metadata: another producer's image is no proof."""
    looked_at = set(before)
    deadline = time.monotonic() + _WAIT_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        _progress(f"send: waiting for an image, {left:.0f} s left")
        for image in case.destination.images(case.stream.since, [""]):
            if image.key not in looked_at and case.destination.metadata(image).get(FRAGMENT_NUMBER) in numbers:
                return _finding(
                    Status.PASSED,
                    f"an image of the video that was sent as {role} has arrived: "
                    f"{image.uri}; if others don't, it is the producer's own video or its tags",
                )
            looked_at.add(image.key)
        time.sleep(_PAUSE_SECONDS)
    return _finding(
        Status.FAILED,
        f"the service stored {_FRAGMENTS} tagged fragments, and no image of them has arrived in {_WAIT_SECONDS} s",
        "see the checks above, starting with the first that has not passed",
    )


def _finding(status: Status, seen: str, fix: str = "") -> Finding:
    return Finding("send", "images", status, seen, fix)


def _print(text: str) -> None:
    """Print with plain signs if the output's encoding lacks them, as in a redirect under a Windows code page."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, plain in _PLAIN.items():
            text = text.replace(sign, plain)
        text = text.encode(encoding, "backslashreplace").decode(encoding)
    sys.stdout.write(f"{text}\n")


def _progress(check: str) -> None:
    """Show what is being checked, in a line that the next one replaces."""
    show_progress(check and f"{check} ...")
