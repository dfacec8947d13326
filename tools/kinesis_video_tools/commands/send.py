"""``kinesis-video send``: a camera that sends a test picture or a file."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from botocore.exceptions import ClientError

from ..camera import Acknowledgement, ClockVideo, Producer, PutMediaError, Report, VideoFile, fragment_tags
from ..command_line.account import add_account, region_of, session_of
from ..command_line.failures import CommandError, explain
from ..command_line.parser import Commands, ExitCode, add_command, add_json
from ..command_line.screen import say, show_progress

_EPILOG = """\
Without --file, the video is a test picture: a clock, the stream's name, and a colour for each fragment. Ctrl-C ends the
last fragment and waits for its acknowledgement; a second Ctrl-C ends at once.

The images are written with the permissions of the caller of PutMedia. Use --role to send with your producer's role.
"""


def add_to(commands: Commands) -> None:
    """Add the sub-command."""
    parser = add_command(
        commands,
        "send",
        run,
        summary="send video to a stream",
        description="Send video to a stream with PutMedia, and print the service's acknowledgements.",
        epilog=_EPILOG,
        good="every fragment has arrived",
        wrong="a fragment has not arrived",
    )
    parser.add_argument("stream", metavar="STREAM", help="the name or the ARN of an existing stream")

    video = parser.add_argument_group("video")
    video.add_argument(
        "--file",
        type=Path,
        help="a video file: Matroska with H.264 is sent unchanged, any other file with PyAV; sound is left out",
    )
    video.add_argument(
        "--size",
        type=_size,
        default=(320, 240),
        metavar="WxH",
        help="the test picture's size: multiples of 16 (320x240)",
    )
    video.add_argument(
        "--frame-rate", type=float, default=10, metavar="N", help="the test picture's frames a second (10)"
    )
    video.add_argument(
        "--fragment-seconds",
        type=float,
        default=2,
        metavar="S",
        help="the length of the test picture's fragments, 1 to 20 (2)",
    )
    video.add_argument("--seconds", type=float, metavar="S", help="how much video to send, in seconds of its own time")
    video.add_argument("--fragments", type=int, metavar="N", help="how many fragments to send")
    video.add_argument(
        "--speed",
        type=float,
        default=1,
        metavar="N",
        help="N times as fast as real time, at most 5 fragments a second (1)",
    )
    video.add_argument(
        "--relative", action="store_true", help="send timecodes that count from the start of the connection"
    )

    tags = parser.add_argument_group("images and notifications")
    tags.add_argument("--no-images", action="store_true", help="don't ask for images")
    tags.add_argument("--notifications", action="store_true", help="ask for a notification of each fragment")
    tags.add_argument("--prefix", default="", help="text in the keys of the images, after the destination's prefix")
    tags.add_argument(
        "--metadata",
        type=_pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="metadata of the images and the notifications; can be repeated",
    )

    parser.add_argument("--role", metavar="ARN", help="the role to assume, such as the producer's")
    add_json(parser, "the results of the fragments")
    add_account(parser, "stream")


def run(options: argparse.Namespace) -> int:
    """Send the video, and return the exit code."""
    region = region_of(options.stream, "kinesisvideo", "stream")
    if region is not None:
        options.stream = options.stream.split("/")[1]
    begin = time.monotonic()

    def show(acknowledgement: Acknowledgement) -> None:
        if acknowledgement.event_type == "ERROR":
            say(f"fragment {acknowledgement.fragment_timecode}: {acknowledgement.meaning}")
        show_progress(_progress(options.stream, producer.report, begin))

    try:
        width, height = options.size
        video = (
            VideoFile(options.file)
            if options.file
            else ClockVideo(
                options.stream,
                width=width,
                height=height,
                frame_rate=options.frame_rate,
                fragment_seconds=options.fragment_seconds,
            )
        )
        if isinstance(video, VideoFile):
            for warning in video.warnings:
                say(warning)
        tags = fragment_tags(
            images=not options.no_images,
            notifications=options.notifications,
            prefix=options.prefix,
            metadata=dict(options.metadata),
        )
        producer = Producer(
            options.stream,
            session=session_of(options, region),
            role_arn=options.role,
            endpoint_url=options.endpoint_url,
            tags=tags,
            absolute_timecodes=not options.relative,
            on_acknowledgement=show,
            on_reconnect=lambda reason: say(f"{reason}; connecting again"),
        )
        with _signals_stop(producer):
            report = producer.send(video, seconds=options.seconds, fragments=options.fragments, speed=options.speed)
    except (ValueError, OSError) as error:
        say(str(error))
        return ExitCode.UNKNOWN
    except (PutMediaError, ClientError) as error:
        advice = f"`kinesis-video doctor {options.stream}` looks for the cause"
        refused = explain(error, options.region) if isinstance(error, ClientError) else CommandError(str(error))
        raise CommandError(str(refused), f"{refused.fix}; {advice}" if refused.fix else advice) from error
    say(_progress(options.stream, report, begin))
    if options.json:
        came = {"stream": options.stream, **asdict(report), "complete": report.complete}
        sys.stdout.write(json.dumps(came, indent=2) + "\n")
    if not report.fragments:
        # Ctrl-C came before the first fragment, so nothing is known about the stream.
        return ExitCode.UNKNOWN
    return ExitCode.GOOD if report.complete else ExitCode.WRONG


@contextmanager
def _signals_stop(producer: Producer) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM stop the producer, and a second Ctrl-C end the process."""

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        producer.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _progress(stream: str, report: Report, begin: float) -> str:
    errors = f", {len(report.errors)} errors" if report.errors else ""
    return (
        f"{stream}: {report.fragments} fragments sent, {report.acknowledged} received, "
        f"{report.persisted} persisted{errors}, {time.monotonic() - begin:.0f} s"
    )


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a size; give the width and the height in pixels, such as 320x240"
        )
    return int(width), int(height)


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not a pair; give a name and a value, such as camera=front")
    return name, value
