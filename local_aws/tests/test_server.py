"""The open ports of a running local AWS, and its removal at the end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest
from botocore.exceptions import EndpointConnectionError

from kinesis_video_local import LocalAws, LocalAwsError
from tests.archives import zipped
from waiting import eventually

ROOT = Path(__file__).resolve().parents[2]

# Runs in a separate process: starts a local AWS and a Lambda worker, prints their ids, and waits.
PARENT = """
import json, sys, time
from kinesis_video_local import LocalAws
sys.path.insert(0, sys.argv[1])
from test_server import worker_process
aws = LocalAws()
aws.start()
print(json.dumps([worker_process(aws), aws.endpoint_url]), flush=True)
time.sleep(3600)
"""

FUNCTION = """
import subprocess
def handler(event, context):
    return subprocess.Popen(["sleep", "3600"], stdin=subprocess.DEVNULL).pid
"""


def worker_process(aws: LocalAws) -> int:
    """Invoke a function; return the id of a process that it leaves running, which no closed pipe would end."""
    aws.client("lambda").create_function(
        FunctionName="worker",
        Runtime="python3.13",
        Handler="handler.handler",
        Role="arn:aws:iam::000000000000:role/worker",
        Code={"ZipFile": zipped({"handler.py": FUNCTION})},
    )
    return int(json.load(aws.client("lambda").invoke(FunctionName="worker")["Payload"]))


@pytest.fixture(autouse=True)
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The parent of a local AWS's directory, which must be empty at the end."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    monkeypatch.setenv("TMPDIR", str(directory))
    yield directory
    eventually(lambda: not any(directory.iterdir()))


def running(process: int) -> bool:
    """Tell whether a process runs; one that is dead and yet to be reaped does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    return False


def answers(endpoint_url: str) -> bool:
    host, _, port = endpoint_url.rpartition("/")[2].rpartition(":")
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection((host, int(port)), timeout=5):
        return True
    return False


def test_nothing_listens_beyond_this_machine() -> None:
    with LocalAws(tls=True) as aws:
        # The worker is in the process group of the local AWS.
        server = psutil.Process(os.getpgid(worker_process(aws)))
        opened = [process.net_connections("inet") for process in (server, *server.children(recursive=True))]

    listening = [one for connections in opened for one in connections if one.status == psutil.CONN_LISTEN]
    assert server.pid != os.getpgid(0)
    assert len(listening) >= 2
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}


def test_its_end_stops_the_workers_and_removes_its_files(temporary_files: Path) -> None:
    with LocalAws() as aws:
        worker = worker_process(aws)
        kinesis_video = aws.client("kinesisvideo")
        assert running(worker)
        assert any(temporary_files.iterdir())

    assert not any(temporary_files.iterdir())
    eventually(lambda: not running(worker))
    with pytest.raises(EndpointConnectionError), contextlib.closing(kinesis_video):
        kinesis_video.list_streams()


def test_it_ends_with_a_parent_that_is_killed(temporary_files: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(Path(__file__).parent)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout
        worker, endpoint_url = json.loads(parent.stdout.readline())
        assert running(worker)
        assert answers(endpoint_url)

        parent.kill()

    eventually(lambda: not running(worker))
    eventually(lambda: not answers(endpoint_url))
    eventually(lambda: not any(temporary_files.iterdir()))


def test_each_start_has_nothing_of_another_one() -> None:
    aws = LocalAws()
    with aws, LocalAws() as other:
        aws.client("kinesisvideo").create_stream(StreamName="camera")
        assert other.client("kinesisvideo").list_streams()["StreamInfoList"] == []
    with aws:
        assert aws.client("kinesisvideo").list_streams()["StreamInfoList"] == []


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(LocalAwsError, match=f"127.0.0.1:{port}"):
            LocalAws(port=port).start()


def test_a_failed_start_shows_the_end_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no such module\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))

    with pytest.raises(LocalAwsError, match="no such module"):
        LocalAws().start()


def test_the_users_own_aws_settings_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("SERVICES", "s3")
    monkeypatch.setenv("AUTH", "true")

    with LocalAws(region="eu-west-1") as aws:
        arn = aws.client("kinesisvideo").create_stream(StreamName="camera")["StreamARN"]

    assert arn.startswith("arn:aws:kinesisvideo:eu-west-1:000000000000:stream/camera/")


def test_its_environment_points_an_sdk_at_it() -> None:
    program = "import boto3; print(boto3.client('kinesisvideo').list_streams()['StreamInfoList'][0]['StreamName'])"
    with LocalAws() as aws:
        aws.client("kinesisvideo").create_stream(StreamName="camera")

        printed = subprocess.run(
            [sys.executable, "-c", program], env=aws.environment, capture_output=True, text=True, check=True
        ).stdout

    assert printed == "camera\n"


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_what_to_export_and_stops_on_a_signal(stop: signal.Signals) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "kinesis_video_tools", "local", "--port", "0", "--tls"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with command:
        assert command.stdout
        exports = dict(_exports(command.stdout))
        endpoint_url = exports["AWS_ENDPOINT_URL"]
        assert exports["AWS_ACCESS_KEY_ID"] == "test"
        assert answers(endpoint_url)
        # What AWS's C producer reads.
        assert answers(exports["CONTROL_PLANE_URI"])
        assert Path(exports["AWS_KVS_CACERT_PATH"]).read_text().startswith("-----BEGIN CERTIFICATE")

        command.send_signal(stop)

    assert command.returncode == 0
    assert not answers(endpoint_url)


def _exports(lines: IO[str]) -> Iterator[list[str]]:
    for line in lines:
        if not line.startswith("export "):
            return
        yield line.removeprefix("export ").strip().split("=", 1)


def test_what_a_client_sends_is_text_in_the_log_and_no_line_of_it() -> None:
    with LocalAws() as aws:
        body = json.dumps({"a\x1b[2J\nforged": "x"}).encode()
        urllib.request.urlopen(f"{aws.endpoint_url}/_ministack/config", data=body).close()
        # What an error quotes.
        body = b'{"StreamName": "a", "TagKeyList": ' + b"[" * 100_000
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(f"{aws.endpoint_url}/untagStream", data=body)
        with pytest.raises(urllib.error.HTTPError, match="500"):
            urllib.request.urlopen(f"{aws.endpoint_url}/_local_aws/faults", data=json.dumps({"b\nforged": 1}).encode())
        log = aws.log.read_text()

    assert r"a\x1b[2J\nforged" in log
    assert "'b\n  forged'" in log
    assert "\x1b" not in log
    assert not [line for line in log.splitlines() if line.startswith("forged")]
