"""The command `kinesis-video doctor`."""

from __future__ import annotations

import json
import os
import pty
import re
import sys
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from threading import Thread

import pytest
from jsonschema import Draft202012Validator

from kinesis_video_doctor import CHECK_NAMES, doctor_policy
from kinesis_video_tools.__main__ import main
from kinesis_video_tools.commands import doctor

from .breakages import nothing_is_configured, the_producer_may_not_put_images
from .conftest import SCHEMA
from .site import BUCKET, PRODUCER, STREAM, Site

READS = ("Get", "List", "Describe", "Head", "Lookup", "Simulate")


@pytest.fixture(autouse=True)
def later(site: Site) -> Iterator[None]:
    """Two minutes later, so that nothing is new."""
    with site.clock(120):
        yield


@pytest.mark.usefixtures("site")
def test_what_works_is_a_line_a_check_and_the_newest_image(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", STREAM, "--strict"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert re.findall(r"^  ✓ ([a-z-]+): .+$", shown.out, re.MULTILINE) == list(CHECK_NAMES)
    assert re.findall(r"^(\w+)$", shown.out, re.MULTILINE) == ["stream", "destination", "producer", "video", "images"]
    assert re.search(rf"\nImages arrive: the newest image is \d+ s old: s3://{BUCKET}/\S+\.jpg\n\Z", shown.out)


def test_what_is_broken_is_the_verdict_with_its_fix(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    with the_producer_may_not_put_images(site):
        assert main(["doctor", STREAM, "--producer", PRODUCER]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith(f"may-put-object: {PRODUCER} lacks s3:PutObject on ")
    assert lines[-1].startswith(
        f"  → with this library: images.grant_put_media(role); otherwise add to the policies of {PRODUCER}: {{"
    )
    assert f"  ✗ {lines[-2]}" in lines


def test_json_is_what_the_schema_says(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    with nothing_is_configured(site):
        assert main(["doctor", site.stream_arn(STREAM), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    Draft202012Validator(SCHEMA).validate(told)
    assert (told["stream"], told["verdict"], told["images_arrive"]) == (STREAM, "configured", False)
    assert [finding["check"] for finding in told["findings"]] == list(CHECK_NAMES)


@pytest.mark.usefixtures("site")
def test_what_cannot_be_run_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    foreign = "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door/1"
    wrong = {
        "`minutes` is 0; give 1 to 5256000": [STREAM, "--minutes", "0"],
        "`minutes` is 99999999999; give 1 to": [STREAM, "--minutes", "99999999999"],
        "`producer` is ''; give the ARN": [STREAM, "--producer", ""],
        "`stream` is ''; a name has 1 to 256": [""],
        "no stream is given": [],
        "of 2 Regions": [foreign, foreign.replace("us-east-1", "eu-west-1")],
        "`stream` is of 111122223333": [foreign],
        "give the name or the ARN": ["arn:aws:s3:::images"],
        "profile (nobody)": [STREAM, "--profile", "nobody"],
    }
    for words, arguments in wrong.items():
        assert main(["doctor", *arguments]) == 2
        shown = capsys.readouterr()
        assert words in shown.err
        assert shown.err.count("\n") <= 2
        assert shown.out == ""


@pytest.mark.parametrize(
    "stream", [STREAM, f"arn:aws-us-gov:kinesisvideo:us-gov-west-1:111122223333:stream/{STREAM}/1"]
)
def test_the_permissions_are_listed_without_a_call(
    stream: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert main(["doctor", stream, "--list"]) == 0
    partition = "aws-us-gov" if "us-gov" in stream else "aws"
    assert json.loads(capsys.readouterr().out) == doctor_policy(STREAM, partition=partition)


def test_every_permission_reads() -> None:
    for statement in doctor_policy()["Statement"]:
        for action in statement["Action"]:
            # The archive hands out what it has decrypted, with the caller's permission to the key.
            assert action.partition(":")[2].startswith(READS) or action == "kms:Decrypt"


def test_every_call_reads(site: Site) -> None:
    operations: list[str] = []
    with site.doctor.handled("before-call", lambda model, **_: operations.append(model.name)):
        site.examine()
    assert len(operations) > 20
    assert [name for name in operations if not name.startswith(READS)] == []


def test_sending_proves_that_an_image_arrives(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.create_stream("silent")
    assert main(["doctor", "silent", "--send"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(
        line.startswith(f"  ✓ send: an image of the video that was sent as {PRODUCER} has arrived") for line in lines
    )
    assert lines[-2].startswith("fragments: no video has come in")


def test_sending_proves_that_no_image_arrives(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_WAIT_SECONDS", 1)
    site.create_stream("secret")
    with the_producer_may_not_put_images(site):
        assert main(["doctor", "secret", "--send", "--json"]) == 1
        told = json.loads(capsys.readouterr().out)
    Draft202012Validator(SCHEMA).validate(told)
    assert told["verdict"] == "may-put-object"
    assert (told["findings"][-1]["check"], told["findings"][-1]["status"]) == ("send", "failed")


@pytest.mark.usefixtures("site")
def test_nobody_to_send_as_and_a_role_that_cannot_be_assumed_are_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    for producer, words in {
        f"{PRODUCER[:-8]}nobody": "allow the caller to assume",
        "arn:aws:iam::000000000000:user/nobody": "there is no role to send as",
    }.items():
        main(["doctor", STREAM, "--json", "--send", "--producer", producer])
        told = json.loads(capsys.readouterr().out)["findings"][-1]
        assert (told["check"], told["status"]) == ("send", "unknown")
        assert words in f"{told['seen']} {told['fix']}"


def test_nothing_is_sent_before_images_are_configured(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.aws.clear_calls()
    with nothing_is_configured(site):
        assert main(["doctor", STREAM, "--json", "--send"]) == 1
    told = json.loads(capsys.readouterr().out)["findings"][-1]
    assert (told["check"], told["status"]) == ("send", "unknown")
    assert site.aws.calls("PutMedia") == []


@pytest.mark.parametrize(
    ("variables", "coloured", "moves"),
    [
        ({}, True, True),
        ({"NO_COLOR": "1"}, False, True),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, False, False),
    ],
    ids=str,
)
@pytest.mark.usefixtures("site")
def test_a_terminal_gets_colours_and_a_line_of_progress(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], coloured: bool, moves: bool
) -> None:
    text = on_a_terminal(monkeypatch, variables)
    assert (f"\033[32m✓\033[0m {STREAM}: " in text, "\033[31m✗\033[0m stream: " in text) == (coloured, coloured)
    assert ("\r\033[Kstream ...\r\033[Kretention ..." in text) == moves
    # Once between the two streams.
    assert text.count("\r\033[K\r") == (1 if moves else 0)


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> str:
    """Return what a terminal is sent of a stream that works and of one that doesn't."""
    leader, follower = pty.openpty()
    shown: list[bytes] = []
    reader = Thread(target=lambda: shown.extend(iter(lambda: _read(leader), b"")))
    reader.start()
    with monkeypatch.context() as patch, open(follower, "w") as screen:
        patch.delenv("NO_COLOR", raising=False)
        for name, value in {"TERM": "xterm", **variables}.items():
            patch.setenv(name, value)
        for name in "stdout", "stderr":
            patch.setattr(sys, name, screen)
        assert main(["doctor", STREAM, "no-such-stream"]) == 1
    reader.join()
    os.close(leader)
    return b"".join(shown).decode()


def _read(terminal: int) -> bytes:
    # Linux answers the end of a terminal with an error.
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""


def test_of_several_streams_each_is_a_line_and_those_that_failed_follow(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", STREAM, "no-such-one", STREAM]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"✓ {STREAM}: Images arrive: ")
    assert lines[1].startswith("✗ no-such-one: stream: there is no stream no-such-one in ")
    assert lines[2:4] == ["", "no-such-one in 000000000000, us-east-1"]
    assert f"{STREAM} in 000000000000, us-east-1" not in lines
    with site.clock(400):
        assert main(["doctor", STREAM, STREAM.upper(), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["stream"] for one in told] == [STREAM, STREAM.upper()]
    for one in told:
        Draft202012Validator(SCHEMA).validate(one)


def test_the_streams_of_a_stack_are_those_whose_images_it_declares(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = {"Type": "AWS::KinesisVideo::Stream", "Properties": {"Name": "of-a-stack", "DataRetentionInHours": 1}}
    cloudformation = site.client("cloudformation")
    cloudformation.create_stack(StackName="Cameras", TemplateBody=json.dumps({"Resources": {"Stream": stream}}))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="Cameras", WaiterConfig={"Delay": 1})
    assert main(["doctor", "--stack", "Cameras"]) == 2
    assert "no stream is given" in capsys.readouterr().err
    assert main(["doctor", "--stack", "NoSuchStack"]) == 2
    assert "NoSuchStack" in capsys.readouterr().err
    cloudformation.delete_stack(StackName="Cameras")


@pytest.mark.usefixtures("site")
def test_a_redirect_under_windows_code_page_has_plain_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    redirect = TextIOWrapper(BytesIO(), encoding="cp1252")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", redirect)
        assert main(["doctor", "no-such-stream"]) == 1
    redirect.seek(0)
    text = redirect.read()
    assert "  x stream: there is no stream" in text
    assert "  -> give the name" in text
