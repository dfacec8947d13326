"""An operation that answers while its body is still arriving, like PutMedia."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from roles import assume_role, create_role

ROOT_CREDENTIALS = Credentials("test", "test")
CONTENT_SHA256 = "x-amz-content-sha256"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    environment = {**os.environ, "AUTH": "true", "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}
    command = [sys.executable, str(Path(__file__).with_name("echo.py"))]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield int(server.stdout.readline())
        server.kill()


class Upload:
    """A chunked request that is being sent."""

    def __init__(self, port: int, credentials: Credentials, headers: dict[str, str] | None = None) -> None:
        request = AWSRequest("POST", f"http://127.0.0.1:{port}/echo", headers=headers or {})
        SigV4Auth(credentials, "kinesisvideo", "us-east-1").add_auth(request)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._connection.putrequest("POST", "/echo")
        for name, value in {**request.headers, "Transfer-Encoding": "chunked"}.items():
            self._connection.putheader(name, value)
        self._connection.endheaders()

    def send(self, piece: bytes) -> None:
        self._connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))

    def end(self) -> None:
        self._connection.send(b"0\r\n\r\n")

    def close(self) -> None:
        self._connection.close()

    def response(self) -> http.client.HTTPResponse:
        return self._connection.getresponse()


@pytest.fixture
def upload(port: int) -> Iterator[Any]:
    with contextlib.ExitStack() as opened:

        def start(credentials: Credentials = ROOT_CREDENTIALS, headers: dict[str, str] | None = None) -> Upload:
            return opened.enter_context(contextlib.closing(Upload(port, credentials, headers)))

        yield start


def calls(port: int) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_local_aws/calls") as answer:
        listed: list[dict[str, Any]] = json.load(answer)
    return listed


def role(port: int, name: str, *actions: str) -> Credentials:
    """Create a role with these permissions, and assume it."""
    root = boto3.Session("test", "test", region_name="us-east-1")
    connect: Any = partial(root.client, endpoint_url=f"http://127.0.0.1:{port}")
    with contextlib.closing(connect("iam")) as iam, contextlib.closing(connect("sts")) as sts:
        arn = create_role(iam, name, {"Effect": "Allow", "Action": list(actions), "Resource": "*"})
        credentials = assume_role(sts, arn).get_credentials()
    assert credentials
    return credentials


def test_it_answers_while_the_body_still_comes(upload: Any) -> None:
    sending = upload()
    sending.send(b"one")
    answer = sending.response()

    assert (answer.status, answer.read1()) == (200, b"one!")
    sending.send(b"two")
    assert answer.read1() == b"two!"
    sending.end()
    assert answer.read() == b""


@pytest.mark.parametrize("signed_over", [{}, {CONTENT_SHA256: "UNSIGNED-PAYLOAD"}])
def test_a_role_may_sign_over_no_body_and_what_else_it_may_is_known(
    port: int, upload: Any, signed_over: dict[str, str]
) -> None:
    suffix = str(len(signed_over))
    for name, rights, answered in (
        (f"both-{suffix}", ["kinesisvideo:Echo", "s3:PutObject"], b"one!"),
        (f"stream-{suffix}", ["kinesisvideo:Echo"], b"one"),
    ):
        sending = upload(role(port, name, *rights), signed_over)
        sending.send(b"one")
        assert sending.response().read1() == answered


def test_a_right_that_is_taken_away_meanwhile_counts_at_once(port: int, upload: Any) -> None:
    credentials = role(port, "fickle", "kinesisvideo:Echo", "s3:PutObject")
    sending = upload(credentials)
    sending.send(b"one")
    answer = sending.response()
    assert answer.read1() == b"one!"

    create: Any = boto3.client
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    with contextlib.closing(create("iam", endpoint_url=f"http://127.0.0.1:{port}", **keys)) as iam:
        iam.delete_role_policy(RoleName="fickle", PolicyName="policy")

    sending.send(b"two")
    assert answer.read1() == b"two"


def test_a_refused_producer_can_read_why_while_it_goes_on_sending(port: int, upload: Any) -> None:
    sending = upload(role(port, "nobody", "s3:PutObject"))
    sending.send(b"one")
    answer = sending.response()

    assert (answer.status, answer.getheader("x-amzn-errortype")) == (401, "NotAuthorizedException")
    # Still connected.
    sending.send(b"two")
    assert json.loads(answer.read())["Message"].startswith("User: arn:aws:sts::000000000000:assumed-role/nobody/test ")


def test_another_signature_is_refused(port: int, upload: Any) -> None:
    credentials = role(port, "forger", "kinesisvideo:Echo")
    forged = Credentials(credentials.access_key, "another secret", credentials.token)

    answer = upload(forged).response()

    assert (answer.status, answer.getheader("x-amzn-errortype")) == (403, "InvalidSignatureException")


def test_quotas_and_the_list_of_calls_know_its_stream(port: int, upload: Any) -> None:
    headers = {"x-amzn-stream-name": "busy"}
    statuses = []
    for _ in range(50):
        sending = upload(headers=headers)
        sending.end()
        statuses.append(sending.response().status)
        if statuses[-1] != 200:
            break

    assert statuses[-1] == 400
    last = calls(port)[-1]
    assert (last["operation"], last["stream"], last["error"]) == ("Echo", "busy", "ClientLimitExceededException")


def test_a_client_that_goes_away_disturbs_nobody(port: int, upload: Any) -> None:
    gone = upload()
    gone.send(b"one")
    gone.close()

    sending = upload()
    sending.end()
    assert sending.response().read() == b""
    assert time.time() - calls(port)[-1]["time"] < 30
