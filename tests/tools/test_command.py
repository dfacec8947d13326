"""The command `kinesis-video send`."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from kinesis_video_matroska import SimpleTag, TagName, Tags
from kinesis_video_tools.__main__ import main

from .processes import command, on_a_terminal
from .service import ROLE_ACCESS_KEY, Answer, Service, serve

SMALL = ("--size", "160x96", "--frame-rate", "5", "--fragment-seconds", "1")


Send = Callable[..., tuple[int, str, str]]


@pytest.fixture
def send(capsys: pytest.CaptureFixture[str]) -> Send:
    """Send to a service; return the exit code and what is printed on standard output and standard error."""

    def send(service: Service, *arguments: str) -> tuple[int, str, str]:
        code = main(["send", "front-door", "--endpoint-url", service.url, *SMALL, *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return send


def test_it_sends_and_says_what_has_arrived(send: Send) -> None:
    with serve() as service:
        tagged = ("--prefix", "person/", "--metadata", "camera=east")
        code, _, said = send(service, "--fragments", "3", "--speed", "20", *tagged)
        (received,) = service.put_media
    assert code == 0
    assert re.fullmatch(r"front-door: 3 fragments sent, 3 received, 3 persisted, \d+ s\n", said)
    tags = (
        SimpleTag(TagName.IMAGE_GENERATION),
        SimpleTag(TagName.IMAGE_PREFIX, "person/"),
        SimpleTag("camera", "east"),
    )
    assert [fragment.tags for fragment in received.fragments] == [[Tags(tags)]] * 3


def test_programs_get_json(send: Send) -> None:
    with serve(Answer(error_in=0)) as service:
        code, printed, _ = send(service, "--fragments", "2", "--speed", "20", "--json")
    came = json.loads(printed)
    assert (came["stream"], came["fragments"], came["persisted"], came["complete"]) == ("front-door", 2, 1, False)
    assert came["errors"][0]["error_code"] == "KMS_KEY_ACCESS_DENIED"
    assert code == 1


def test_it_sends_as_a_role_with_notifications_and_without_images(send: Send) -> None:
    with serve() as service:
        role = "arn:aws:iam::123456789012:role/producer"
        code, _, _ = send(service, "--seconds", "0.5", "--role", role, "--no-images", "--notifications", "--relative")
        (received,) = service.put_media
    assert code == 0
    assert f"Credential={ROLE_ACCESS_KEY}/" in received.headers["authorization"]
    assert received.headers["x-amzn-fragment-timecode-type"] == "RELATIVE"
    assert [fragment.tags for fragment in received.fragments] == [[Tags((SimpleTag(TagName.NOTIFICATION),))]]


def test_ctrl_c_ends_the_last_fragment_and_waits_for_its_acknowledgement() -> None:
    line = ["send", "front-door", "--size", "160x96", "--fragment-seconds", "20", "--endpoint-url"]
    with serve() as service:
        process = subprocess.Popen(command(*line, service.url), stderr=subprocess.PIPE, text=True)
        assert service.begun.wait(30)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        (received,) = service.put_media
    assert process.returncode == 0
    assert re.fullmatch(r"front-door: 1 fragments sent, 1 received, 1 persisted, \d+ s\n", said)
    assert received.ended
    (fragment,) = received.fragments
    assert 1 <= len(fragment.frames) < 200
    assert received.body.endswith(bytes.fromhex("4487 0100000000000000"))
    assert TagName.END_OF_FRAGMENT.encode() in received.body[-100:]


def test_errors_are_said_in_words_and_make_it_fail(send: Send) -> None:
    with serve(Answer(error_in=0)) as service:
        code, _, said = send(service, "--fragments", "2", "--speed", "20")
        timecode = service.put_media[0].fragments[0].timecode
    assert code == 1
    error, reconnecting, summary = said.splitlines()
    meaning = (
        "the producer may not use the key that encrypts the stream; allow it kms:GenerateDataKey "
        "(4500 KMS_KEY_ACCESS_DENIED)"
    )
    assert error == f"fragment {timecode}: {meaning}"
    assert reconnecting == f"the service reports an error: {meaning}; connecting again"
    assert summary.startswith("front-door: 2 fragments sent, 1 received, 1 persisted, 1 errors, ")


def test_a_refusal_makes_it_fail(send: Send) -> None:
    with serve(Answer(refusal=(404, "ResourceNotFoundException", "No such stream."))) as service:
        code, _, said = send(service)
    assert code == 2
    assert said == (
        "kinesis-video send: the service refuses PutMedia with 404 ResourceNotFoundException: No such stream.; "
        "look at the stream's name, the Region and the account\n"
        "  → `kinesis-video doctor front-door` looks for the cause\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "big"], "'big' is not a size; give the width and the height in pixels, such as 320x240"),
        (["--size", "330x240"], "a picture has 330x240 pixels"),
        (["--metadata", "camera"], "'camera' is not a pair; give a name and a value, such as camera=front"),
        (["--metadata", "AWS=1"], "`metadata` has the name 'AWS'"),
        (["--speed", "4"], "`speed` is 4.0, and a video without an end can't be faster than real time"),
        (["--file", __file__], "which FFmpeg can't read"),
        (["--file", "nowhere.mkv"], "nowhere.mkv"),
    ],
)
def test_wrong_arguments_are_said_before_anything_is_sent(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(["send", "front-door", "--endpoint-url", "http://127.0.0.1:9", *arguments])
    except SystemExit as end:  # argparse's own way
        code = end.code
    assert code == 2
    assert words in capsys.readouterr().err


def test_a_terminal_shows_a_progress_line() -> None:
    with serve() as service:
        line = command("send", "front-door", "--endpoint-url", service.url, *SMALL, "--fragments", "2", "--speed", "20")
        shown = on_a_terminal(80, line)
    assert re.search(r"\r\x1b\[Kfront-door: [12] fragments sent, 1 received, 0 persisted, \d+ s\r\x1b\[K", shown)
    last = shown.splitlines()[-1].split("\x1b[K")[-1]
    assert last.startswith("front-door: 2 fragments sent, 2 received, 2 persisted, ")


@pytest.mark.parametrize("package", ["boto3", "h11"])
def test_without_the_extra_it_says_how_to_install_it(package: str) -> None:
    script = (
        f"import sys; sys.modules[{package!r}] = None; "
        "from kinesis_video_tools.__main__ import main; sys.exit(main(['send', 'front-door']))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    assert ran.stderr == f"{package} is missing; install it with pip install 'cdk-kinesis-video[tools]'\n"
