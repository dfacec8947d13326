"""Each event gets exactly one answer, in time, that CloudFormation accepts."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from botocore.awsrequest import AWSHTTPSConnection, AWSHTTPSConnectionPool

from kinesis_video_configuration import timing
from kinesis_video_handler import protocol
from kinesis_video_handler.protocol import AnswerNotSentError

from ..cloudformation import SECRET
from .conftest import DESCRIBE, STREAM_ARN, UPDATE, Function


@pytest.mark.parametrize("trouble", [403, 500, 503, "drop"])
def test_an_answer_that_was_not_taken_is_sent_again(function: Function, trouble: int | str) -> None:
    function.cloudformation.script = [trouble, trouble, 200]
    function.invoke("create")
    assert len(function.cloudformation.puts) == 3
    assert len({put.body for put in function.cloudformation.puts}) == 1
    assert {put.content_type for put in function.cloudformation.puts} == {""}
    assert function.clock.time == 1.5


@pytest.mark.parametrize(
    ("trouble", "named"), [(403, "HTTP status 403"), (500, "HTTP status 500"), ("drop", "RemoteDisconnected")]
)
def test_an_answer_that_is_never_taken_raises_so_that_lambda_repeats_the_event(
    function: Function, trouble: int | str, named: str
) -> None:
    function.cloudformation.script = [trouble] * 4
    with pytest.raises(AnswerNotSentError) as raised:
        function.invoke("create")
    assert str(raised.value) == f"CloudFormation did not take the answer in 4 attempts, the last one: {named}"
    assert len(function.cloudformation.puts) == 4


@pytest.mark.parametrize(("seconds", "attempts"), [(0.1, 1), (4.4, 1), (4.5, 2), (7.5, 4)])
def test_no_attempt_but_the_first_starts_that_lambda_would_cut_off(
    function: Function, seconds: float, attempts: int
) -> None:
    function.cloudformation.script = [500] * 4
    with pytest.raises(AnswerNotSentError, match=f"^CloudFormation did not take the answer in {attempts} attempts, "):
        function.invoke("create", seconds=seconds)
    assert len(function.cloudformation.puts) == attempts


def test_a_slow_receiver_is_given_up(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SEND_SECONDS", 0.5)
    function.cloudformation.script = ["never", 200]
    function.invoke("create")
    assert len(function.cloudformation.puts) >= 2


@pytest.mark.parametrize("letter", ["x", "ü", "\U0001f3a5", '"', "\n"])
def test_an_answer_fits_whatever_the_service_says(function: Function, letter: str) -> None:
    function.service.message = letter * 10_000
    function.service.fail(UPDATE, "InvalidArgumentException")
    answer = function.answer_to("create")
    assert answer.reason is not None
    assert answer.reason.startswith(f"{STREAM_ARN}: UpdateImageGenerationConfiguration: InvalidArgumentException: ")
    assert answer.reason.endswith("; the service refuses the configuration, correct the properties that it names")
    assert "\n" not in answer.reason


def test_the_longest_ids_fit_too(function: Function) -> None:
    event = function.event("update")
    event["PhysicalResourceId"] = "i" * 1024
    event["LogicalResourceId"] = "L" * 255
    event["ResourceProperties"]["StreamARN"] = "ü" * 1024
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("FAILED", "i" * 1024)


def failure(function: Function, reason: str, physical_id: str = "physical") -> bytes:
    request = protocol.Request.from_event(function.event("create"))
    return protocol.Answer("FAILED", physical_id, reason).encode(request)


def test_a_failure_always_has_a_reason(function: Function) -> None:
    assert json.loads(failure(function, ""))["Reason"] == "no reason was given"


def test_an_answer_of_4096_bytes_is_sent_as_it_is_and_one_of_4097_is_cut(function: Function) -> None:
    room = 4096 - len(failure(function, "x")) + 1
    fits = failure(function, "x" * room)
    assert len(fits) == 4096
    assert json.loads(fits)["Reason"] == "x" * room
    cut = json.loads(failure(function, "b" * room + "e"))["Reason"]
    assert cut.startswith("bbb")
    assert cut.endswith("be")
    assert room // 2 - 4 < len(cut) <= (room + 1) // 2


def test_the_reason_gives_way_to_the_last_character(function: Function) -> None:
    room = 4096 - len(failure(function, "", ""))
    for spare in range(5):
        assert len(failure(function, "the reason is long", "i" * (room - spare))) <= 4096
    with pytest.raises(ValueError, match=r"^the event's own ids are longer than an answer may be$"):
        failure(function, "the reason is long", "i" * 4096)


@pytest.mark.parametrize("event", ["create", "update", "delete"])
@pytest.mark.parametrize("seconds", [0.5, 20, 27])
def test_with_no_time_left_it_answers_at_once_and_touches_nothing(
    function: Function, event: str, seconds: float
) -> None:
    assert function.answer_to(event, seconds).status == "FAILED"
    assert not function.service.calls


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError, RecursionError])
def test_whatever_ends_the_work_is_answered(function: Function, error: type[BaseException]) -> None:
    def end(_: str) -> None:
        raise error("a fault of ours")

    function.service.on_call = end
    answer = function.answer_to("create")
    assert answer.status == "FAILED"
    assert error.__name__ in (answer.reason or "")


def test_an_error_at_import_time_is_answered(function: Function) -> None:
    event = function.event("create")
    program = (
        "import json, sys\n"
        "sys.modules['botocore.config'] = None\n"
        "from kinesis_video_handler import entry\n"
        "class Context:\n"
        "    def get_remaining_time_in_millis(self): return 180_000\n"
        "entry.handler(json.load(sys.stdin), Context())\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], input=json.dumps(event), text=True, check=True, env=environment)
    (put,) = function.cloudformation.puts
    body = json.loads(put.body)
    assert body["Status"] == "FAILED"
    assert body["PhysicalResourceId"] == "cdk-kinesis-video::create-failed"
    assert body["Reason"] == "ModuleNotFoundError: import of botocore.config halted; None in sys.modules"


def test_the_first_client_is_made_at_once_and_the_second_one_when_it_is_needed() -> None:
    # A second copy of the module, since the first one has made both clients already.
    spec = importlib.util.find_spec("kinesis_video_handler.clients")
    assert spec is not None
    assert spec.loader is not None
    clients: Any = importlib.util.module_from_spec(spec)
    AWSHTTPSConnectionPool.ConnectionCls = AWSHTTPSConnection
    spec.loader.exec_module(clients)
    # All connections ask the gate before they write.
    assert AWSHTTPSConnectionPool.ConnectionCls is not AWSHTTPSConnection
    assert clients.kinesis_video.meta.service_model.service_name == "kinesisvideo"
    assert clients.cloudformation.cache_info().currsize == 0
    assert clients.cloudformation().meta.service_model.service_name == "cloudformation"
    assert clients.cloudformation() is clients.cloudformation()
    for client in (clients.kinesis_video, clients.cloudformation()):
        assert client.meta.config.read_timeout == timing.READ_SECONDS


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"RequestType": "Read"}, "the request type is 'Read', it must be Create, Update or Delete"),
        # tests/configuration/test_declaration.py has all mistakes.
        ({"ResourceProperties": {"StreamARN": STREAM_ARN}}, "`ImageGenerationConfiguration` must be given"),
    ],
)
def test_what_can_not_be_read_fails_by_its_name(function: Function, change: dict[str, Any], reason: str) -> None:
    answer = function.answer_to({**function.event("create"), **change})
    assert (answer.status, answer.reason) == ("FAILED", reason)
    assert not function.service.calls


def test_a_required_field_that_is_missing_fails_by_its_name(function: Function) -> None:
    event = function.event("create")
    del event["ResourceProperties"]["ImageGenerationConfiguration"]["Status"]
    answer = function.answer_to(event)
    assert answer.status == "FAILED"
    assert 'Missing required parameter in ImageGenerationConfiguration: "Status"' in (answer.reason or "")
    assert not function.service.calls


@pytest.mark.parametrize(
    "keys",
    [["ResponseURL"], ["RequestId"], ["StackId"], ["LogicalResourceId"], ["RequestId", "StackId", "LogicalResourceId"]],
)
def test_an_event_that_can_not_be_answered_raises(function: Function, keys: list[str]) -> None:
    event = {name: value for name, value in function.event("create").items() if name not in keys}
    with pytest.raises(ValueError, match=f"^the event can't be answered, it has no {', '.join(keys)}$"):
        function.invoke(event)
    assert not function.service.calls
    assert not function.cloudformation.puts


S3 = "https://cloudformation-custom-resource-response-"


@pytest.mark.parametrize(
    ("partition", "url"),
    [
        ("aws", f"{S3}useast1.s3.amazonaws.com/answer"),
        ("aws", f"{S3}euwest1.s3-eu-west-1.amazonaws.com/answer"),
        ("aws", f"{S3}eucentral1.s3.eu-central-1.amazonaws.com/answer"),
        ("aws", "https://s3.us-east-1.amazonaws.com/bucket/answer"),
        ("aws-us-gov", f"{S3}usgovwest1.s3.us-gov-west-1.amazonaws.com/answer"),
        ("aws-cn", f"{S3}cnnorth1.s3.cn-north-1.amazonaws.com.cn/answer"),
        ("aws-eusc", f"{S3}euscdeeast1.s3.eusc-de-east-1.amazonaws.eu/answer"),
        ("aws", "http://127.0.0.1:9999/answer"),
        ("aws", "http://localhost:4566/answer"),
    ],
)
def test_an_address_of_s3_or_of_the_local_aws_is_answered_to(function: Function, partition: str, url: str) -> None:
    event = {**function.event("create"), "ResponseURL": url}
    event["StackId"] = event["StackId"].replace("arn:aws:", f"arn:{partition}:")
    assert protocol.Request.from_event(event).response_url == url


NOT_S3 = "not an address of Amazon S3"


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("file:///tmp/answer", "not a web address"),
        ("ftp://127.0.0.1/answer", "not a web address"),
        ("https://example.com/answer", NOT_S3),
        ("http://bucket.s3.amazonaws.com/answer", NOT_S3),
        ("https://bucket.s3.amazonaws.com.example.com/answer", NOT_S3),
        ("https://bucket.s3.amazonaws.com@example.com/answer", NOT_S3),
        ("https://example.com\\@bucket.s3.amazonaws.com/answer", NOT_S3),
        ("https://example.com#bucket.s3.amazonaws.com/answer", NOT_S3),
        ("https://s3-mine-1.us-east-1.elb.amazonaws.com/answer", NOT_S3),
        ("https://s3.execute-api.us-east-1.amazonaws.com/answer", NOT_S3),
        ("https://bucket.s3-website-us-east-1.amazonaws.com/answer", NOT_S3),
        ("https://bucket.s3.cn-north-1.amazonaws.com.cn/answer", NOT_S3),
        ("http://169.254.169.254/answer", NOT_S3),
        ("http://example.com:4566/127.0.0.1", NOT_S3),
    ],
)
def test_no_other_address_is_called(function: Function, url: str, what: str) -> None:
    with pytest.raises(ValueError, match=f"^the event can't be answered, its ResponseURL is {what}$"):
        function.invoke({**function.event("create"), "ResponseURL": url})
    assert not function.service.calls


def test_this_machine_is_called_on_a_local_aws_alone(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with pytest.raises(ValueError, match=f"its ResponseURL is {NOT_S3}$"):
        function.invoke("create")
    assert not function.service.calls


STACK_OF_OTHERS = [
    "arn:aws:cloudformation:us-east-1:111122223333:stack/Camera2/5d1a9f20-8f4e-11ee-b9d1-0242ac120002",
    "arn:aws:cloudformation:us-east-1:111122223333:stack/Cam/5d1a9f20-8f4e-11ee-b9d1-0242ac120002",
    "arn:aws:cloudformation:us-east-1:444455556666:stack/Camera/5d1a9f20-8f4e-11ee-b9d1-0242ac120002",
    "arn:aws:cloudformation:eu-west-1:111122223333:stack/Camera/5d1a9f20-8f4e-11ee-b9d1-0242ac120002",
    "Camera",
]


@pytest.mark.parametrize("stack_id", STACK_OF_OTHERS)
def test_a_forged_event_of_another_stack_is_neither_answered_nor_carried_out(function: Function, stack_id: str) -> None:
    drift = {"Declarations": {}, "StackId": stack_id, "Detail": {}}
    for event in ({**function.event("create"), "StackId": stack_id}, drift):
        with pytest.raises(ValueError, match=r"^the event is not of the function's own stack but of "):
            function.invoke(event)
    assert not function.service.calls
    assert not function.cloudformation.puts


def test_the_name_of_a_function_may_be_cut() -> None:
    stack_id = f"arn:aws:cloudformation:us-east-1:111122223333:stack/{'Camera' * 20}/5d1a9f20"
    name = f"{'Camera' * 3}-CdkKinesisVideoFunction80BD5C8E-q1w2e3r4t5y6"
    protocol.require_own_stack(stack_id, f"arn:aws:lambda:us-east-1:111122223333:function:{name}")


def everything_logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """List all values of all records, as Lambda's JSON format writes them."""
    return [str(value) for record in caplog.records for value in (*record.__dict__.values(), record.getMessage())]


@pytest.mark.parametrize("event", ["create", "update", "delete"])
@pytest.mark.parametrize("trouble", ["none", "call", "answer", "url", "url that can't be parsed", "deadline"])
def test_no_log_at_any_level_has_a_secret_or_an_unbounded_text(
    function: Function, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, event: str, trouble: str
) -> None:
    caplog.set_level("DEBUG")
    function.service.message = "a line\n" * 10_000
    message = function.event(event)
    if trouble == "call":
        function.service.fail(UPDATE, "InvalidArgumentException")
        function.service.fail(DESCRIBE, "InvalidArgumentException")
    if trouble == "answer":
        function.cloudformation.script = [403] * 4
    if trouble == "url that can't be parsed":
        message["ResponseURL"] = f"http://[127.0.0.1/?{SECRET}"
    if trouble == "url":
        message["ResponseURL"] = f"http://127.0.0.1:1/ {SECRET}"
    raised = ""
    try:
        function.invoke(message, seconds=5 if trouble == "deadline" else 180)
    except (AnswerNotSentError, ValueError) as error:
        raised = repr(error)
    logged = everything_logged(caplog)
    assert trouble == "url that can't be parsed" or any("event" in text for text in logged)
    for secret in (SECRET, "AKIDEXAMPLE", "wJalrXUtnFEMIexample", "SESSIONexample"):
        assert not [text for text in [*logged, raised] if secret in text]
    assert not [text for text in logged if "\n" in text or len(text) > 2000]


def test_the_presigned_url_is_not_in_the_request_when_it_is_printed(function: Function) -> None:
    request = protocol.Request.from_event(function.event("create"))
    assert SECRET in request.response_url
    assert SECRET not in repr(request)
