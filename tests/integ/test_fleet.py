"""Fleets on the local AWS, which enforces IAM, without the service's quotas."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_s3 as s3
from botocore.exceptions import ClientError

from cdk_kinesis_video import StreamFleet
from kinesis_video_tools.__main__ import main
from roles import ANYBODY, assume_role, create_role, document
from tests.cloudformation import SECRET, Answered, CloudFormation

from .conftest import PATIENCE_SECONDS, Cloud
from .fleets import DESCRIBE, FLEET, FOREIGN, UPDATE, Template, declare, template_of, with_definition


@pytest.fixture
def fleets(guarded: Cloud) -> Iterator[Cloud]:
    yield guarded
    guarded.aws.clear_faults()
    guarded.aws.clear_calls()


@pytest.fixture(scope="module")
def synthesised(guarded: Cloud) -> Template:
    template: Template = json.loads(guarded.synthesise("Fleet", declare))
    return template


def with_seconds(synthesised: Template, seconds: int) -> Template:
    (resource,) = (r for r in synthesised["Resources"].values() if r["Type"] == FLEET)
    configuration: Template = resource["Properties"]["ImageGenerationConfiguration"]
    return {"ImageGenerationConfiguration": {**configuration, "SamplingInterval": seconds * 1000}}


def create_streams(cloud: Cloud, prefix: str, count: int, hours: int = 24) -> list[str]:
    names = [f"{prefix}{number}" for number in range(count)]
    for name in names:
        cloud.kinesisvideo.create_stream(StreamName=name, DataRetentionInHours=hours)
    return names


def configured(cloud: Cloud, names: list[str]) -> dict[str, int | None]:
    """Return the sampling interval of each stream, which distinguishes declarations."""
    found = ((name, cloud.images(name)) for name in names)
    return {name: None if images is None else images["SamplingInterval"] for name, images in found}


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.25)


def state_machine(cloud: Cloud, stack: str) -> str:
    (arn,) = cloud.physical_ids(stack, "AWS::StepFunctions::StateMachine")
    return arn


def start_pass(cloud: Cloud, stack: str) -> str:
    """Start a pass as the schedule does."""
    states = cloud.aws.client("stepfunctions")
    execution: str = states.start_execution(stateMachineArn=state_machine(cloud, stack), input="{}")["executionArn"]
    return execution


def run_pass(cloud: Cloud, stack: str) -> dict[str, Any]:
    execution = start_pass(cloud, stack)
    states = cloud.aws.client("stepfunctions")
    until(lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING")
    described: dict[str, Any] = states.describe_execution(executionArn=execution)
    return described


def object_of(cloud: Cloud, stack: str, execution: dict[str, Any], name: str) -> Any:
    (bucket,) = cloud.physical_ids(stack, "AWS::S3::Bucket")
    body = cloud.aws.client("s3").get_object(Bucket=bucket, Key=f"passes/{execution['name']}/{name}")["Body"].read()
    return json.loads(body)


def last_result(cloud: Cloud, stack: str) -> Any:
    executions = cloud.aws.client("stepfunctions").list_executions(stateMachineArn=state_machine(cloud, stack))
    return object_of(cloud, stack, executions["executions"][0], "result.json")


def lose_events(cloud: Cloud, stack: str) -> None:
    events = cloud.aws.client("events")
    for rule in cloud.physical_ids(stack, "AWS::Events::Rule"):
        events.disable_rule(Name=rule)


def show(
    cloud: Cloud, fleet: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, str]:
    """Return the exit code of the command, and what it says of the last pass."""
    for name, value in cloud.aws.environment.items():
        monkeypatch.setenv(name, value)
    code = main(["fleet", fleet, "--passes", "1", *options])
    return code, capsys.readouterr().out


def test_create_update_and_delete_leave_foreign_configurations_alone(fleets: Cloud, synthesised: Template) -> None:
    own = create_streams(fleets, "own-", 6)
    create_streams(fleets, "own-without-", 1, hours=0)
    foreign = ["own-7", "own-foreign"]  # the first is excluded
    for name in foreign:
        fleets.create_stream(name)
        fleets.kinesisvideo.update_image_generation_configuration(StreamName=name, ImageGenerationConfiguration=FOREIGN)
    before = configured(fleets, foreign)

    assert fleets.deploy_template("Own", template_of(synthesised, "own-")) == "CREATE_COMPLETE"
    assert configured(fleets, own) == dict.fromkeys(own, 3000)
    assert fleets.images("own-3")["DestinationConfig"]["Uri"] == "s3://camera-images/cameras/own-3/"
    changed = with_seconds(synthesised, 5)
    assert fleets.deploy_template("Own", template_of(synthesised, "own-", **changed)) == "UPDATE_COMPLETE"
    assert configured(fleets, own) == dict.fromkeys(own, 5000)
    assert last_result(fleets, "Own")["counts"] == {"set": 6, "foreign": 1, "without_retention": 1}
    assert configured(fleets, foreign) == before
    buckets = fleets.physical_ids("Own", "AWS::S3::Bucket")
    assert fleets.delete("Own") == "DELETE_COMPLETE"
    assert configured(fleets, own) == dict.fromkeys(own)
    assert configured(fleets, foreign) == before
    assert not set(buckets) & {b["Name"] for b in fleets.aws.client("s3").list_buckets()["Buckets"]}


def test_a_stream_is_configured_when_it_is_created_or_else_by_the_schedule(
    fleets: Cloud, synthesised: Template
) -> None:
    assert fleets.deploy_template("New", template_of(synthesised, "new-")) == "CREATE_COMPLETE"
    (queue,) = (url for url in fleets.physical_ids("New", "AWS::SQS::Queue") if "Failed" not in url)
    fleets.aws.client("sqs").send_message(QueueUrl=queue, MessageBody="no event of anybody")
    fleets.kinesisvideo.create_stream(StreamName="new-without", DataRetentionInHours=0)
    fleets.kinesisvideo.create_stream(StreamName="new-7", DataRetentionInHours=24)
    fleets.kinesisvideo.create_stream(StreamName="new-1", DataRetentionInHours=24)
    until(lambda: fleets.images("new-1") is not None)
    assert configured(fleets, ["new-without", "new-7"]) == {"new-without": None, "new-7": None}

    lose_events(fleets, "New")
    fleets.create_stream("new-2")
    assert run_pass(fleets, "New")["status"] == "SUCCEEDED"
    assert configured(fleets, ["new-2"]) == {"new-2": 3000}
    assert last_result(fleets, "New")["counts"] == {"equal": 1, "set": 1, "without_retention": 1}


def test_failed_streams_are_named_and_the_next_pass_sets_exactly_these(
    fleets: Cloud, synthesised: Template, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A pass takes some seconds, for the command to find it running.
    slow = template_of(synthesised, "third-").replace('"CALLS_PER_SECOND": "43"', '"CALLS_PER_SECOND": "6"')
    assert fleets.deploy_template("Third", slow) == "CREATE_COMPLETE"
    lose_events(fleets, "Third")
    names = create_streams(fleets, "third-", 30)
    names.remove("third-7")
    fleets.aws.inject_fault(UPDATE, error="InvalidArgumentException", times=10)
    failed_pass = run_pass(fleets, "Third")
    assert failed_pass["status"] == "FAILED"
    assert re.match(r"10 of 29 streams failed \(InvalidArgumentException 10\), s3://", failed_pass["cause"])
    failed = object_of(fleets, "Third", failed_pass, "streams.json")["failed"]
    assert {name for name, found in configured(fleets, names).items() if found is None} == set(failed)
    assert all("InvalidArgumentException" in cause for cause in failed.values())
    code, shown = show(fleets, "third-", monkeypatch, capsys)
    assert (code, "failed in" in shown) == (1, True)
    assert all(f"  failed: {name}: " in shown for name in failed)
    # The doctor has examined none of its streams.
    assert main(["doctor", "--stack", "Third"]) == 2
    assert "the fleets of Third declare streams, too: third-*" in capsys.readouterr().err
    assert main(["doctor", names[0]]) == 1
    assert f"{names[0]} has the name of a stream of the fleet third-*, `kinesis-video fleet" in capsys.readouterr().out
    assert main(["diff", "Third", "--json"]) == 2
    (verdict,) = json.loads(capsys.readouterr().out)
    assert (verdict["fleet"], verdict["state"]) == ("third-", "NOT_COMPARED")
    main(["adopt", "--prefix", "third-"])
    assert "the fleet third-* of the stack Third declares it already" in "".join(capsys.readouterr())

    fleets.aws.clear_calls()
    assert run_pass(fleets, "Third")["status"] == "SUCCEEDED"
    assert sorted(call.stream or "" for call in fleets.aws.calls(UPDATE)) == sorted(failed)
    fleets.aws.clear_calls()
    fleets.aws.inject_fault(DESCRIBE, delay_seconds=1.5, times=29)
    code, shown = show(fleets, "Third", monkeypatch, capsys, "--start", "--json")
    assert json.loads(shown)["started"].startswith("arn:")
    until(lambda: "running: 0 of 29 streams done, 0 failed" in show(fleets, "third-", monkeypatch, capsys)[1])
    # A second one is skipped, and hides neither it nor the last one that did work.
    assert run_pass(fleets, "Third")["status"] == "SUCCEEDED"
    code, shown = show(fleets, "third-", monkeypatch, capsys)
    assert code == 0
    assert re.search(r"running: .*\n.*complete in .*\n1 passes were skipped", shown)
    until(lambda: "running" not in show(fleets, "third-", monkeypatch, capsys)[1])
    assert (len(fleets.aws.calls(DESCRIBE)), fleets.aws.calls(UPDATE)) == (29, [])
    assert "complete in 0." in show(fleets, "third-", monkeypatch, capsys)[1]
    code, shown = show(fleets, "Third", monkeypatch, capsys, "--json")
    (told,) = json.loads(shown)["passes"]
    assert (code, told["counts"], told["not_set"]) == (0, {"equal": 29}, {})


def test_an_update_that_fails_beyond_the_tolerance_is_rolled_back_on_every_stream(
    fleets: Cloud, synthesised: Template
) -> None:
    names = create_streams(fleets, "back-", 6)
    assert fleets.deploy_template("Back", template_of(synthesised, "back-")) == "CREATE_COMPLETE"
    fleets.aws.inject_fault(UPDATE, error="InvalidArgumentException", times=2)
    changed = with_seconds(synthesised, 5)
    assert fleets.deploy_template("Back", template_of(synthesised, "back-", **changed)) == "UPDATE_ROLLBACK_COMPLETE"
    assert configured(fleets, names) == dict.fromkeys(names, 3000)
    reasons = [reason for status, reason in fleets.events("Back", FLEET) if status == "UPDATE_FAILED"]
    assert re.search(r"2 of 6 streams failed \(InvalidArgumentException 2\)", reasons[0])


def test_the_rollback_of_a_failed_create_removes_what_it_has_set(fleets: Cloud, synthesised: Template) -> None:
    names = create_streams(fleets, "bad-", 6)
    fleets.aws.inject_fault(UPDATE, error="InvalidArgumentException", times=2)
    assert fleets.deploy_template("Bad", template_of(synthesised, "bad-")) == "ROLLBACK_COMPLETE"
    statuses = [status for status, _ in fleets.events("Bad", FLEET)]
    assert statuses == ["CREATE_IN_PROGRESS", "CREATE_FAILED", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
    assert configured(fleets, names) == dict.fromkeys(names)


class Sender:
    """Sends CloudFormation's events to a fleet's function, in any order."""

    def __init__(self, cloud: Cloud, stack: str, receiver: CloudFormation) -> None:
        functions = cloud.physical_ids(stack, "AWS::Lambda::Function")
        (self.function,) = (name for name in functions if "Begin" in name)
        template = cloud.cloudformation.get_template(StackName=stack)["TemplateBody"]
        ((self.logical_id, resource),) = ((i, r) for i, r in template["Resources"].items() if r["Type"] == FLEET)
        del resource["Properties"]["ServiceToken"]
        destination = resource["Properties"]["ImageGenerationConfiguration"]["DestinationConfig"]
        destination["DestinationRegion"] = "us-east-1"
        self._properties = resource["Properties"]
        (self._stack_id,) = (s["StackId"] for s in cloud.cloudformation.describe_stacks(StackName=stack)["Stacks"])
        self._cloud = cloud
        self.receiver = receiver
        self._number = 0

    def send(
        self, request_type: str, physical_id: str | None = None, logical_id: str | None = None, **properties: str
    ) -> dict[str, Any]:
        self._number += 1
        event = {
            "RequestType": request_type,
            "RequestId": f"{request_type}-{self._stack_id[-8:]}-{self._number}",
            "ResponseURL": self.receiver.response_url,
            "StackId": self._stack_id,
            "LogicalResourceId": logical_id or self.logical_id,
            "ResourceType": FLEET,
            "ResourceProperties": {**self._properties, **properties},
            **({"PhysicalResourceId": physical_id} if physical_id else {}),
        }
        self.invoke(event)
        return event

    def invoke(self, event: dict[str, Any]) -> None:
        self._cloud.aws.client("lambda").invoke(
            FunctionName=self.function, InvocationType="Event", Payload=json.dumps(event)
        )

    def answer(
        self, request_type: str, physical_id: str | None = None, logical_id: str | None = None, **properties: str
    ) -> Answered:
        """Send an event, and wait for the one answer to it."""
        already = len(self.receiver.puts)
        with self.receiver.one_answer_to(event := {}) as answers:
            event.update(self.send(request_type, physical_id, logical_id, **properties))
            until(lambda: len(self.receiver.puts) > already)
        return answers[0]


@pytest.fixture(scope="module")
def sender(guarded: Cloud, synthesised: Template) -> Iterator[Sender]:
    """Deploy a fleet while there is no stream."""
    assert guarded.deploy_template("Sent", template_of(synthesised, "sent-")) == "CREATE_COMPLETE"
    lose_events(guarded, "Sent")
    with CloudFormation.running() as receiver:
        yield Sender(guarded, "Sent", receiver)


def test_a_delete_leaves_the_streams_of_another_resource_of_the_stack(fleets: Cloud, sender: Sender) -> None:
    names = create_streams(fleets, "sent-", 6)
    created = sender.answer("Create")
    assert (created.status, created.physical_resource_id) == ("SUCCESS", "stream-fleet/sent-")
    assert sender.answer("Delete", created.physical_resource_id, "BeforeItWasRenamed").status == "SUCCESS"
    assert configured(fleets, names) == dict.fromkeys(names, 3000)
    deleted = sender.answer("Delete", created.physical_resource_id)
    assert (deleted.status, deleted.physical_resource_id) == ("SUCCESS", "stream-fleet/sent-")
    assert configured(fleets, names) == dict.fromkeys(names)


def test_an_adopted_stream_is_set_and_keeps_its_configuration(fleets: Cloud, sender: Sender) -> None:
    name = "sent-foreign"
    fleets.create_stream(name)
    update = fleets.kinesisvideo.update_image_generation_configuration
    update(StreamName=name, ImageGenerationConfiguration=FOREIGN)
    data = sender.answer("Create").data
    assert (data["Foreign"], data["Verified"]) == ("1", "false")
    assert configured(fleets, [name]) == {name: FOREIGN["SamplingInterval"]}
    assert sender.answer("Create", AdoptExisting="true").data["Set"] == "1"
    assert sender.answer("Delete", "stream-fleet/sent-", AdoptExisting="true").status == "SUCCESS"
    assert configured(fleets, [name]) == {name: 3000}
    fleets.kinesisvideo.delete_stream(StreamARN=fleets.stream_arn(name))


def test_the_response_url_is_in_no_history(fleets: Cloud, sender: Sender) -> None:
    sender.answer("Create")
    states = fleets.aws.client("stepfunctions")
    executions = states.list_executions(stateMachineArn=state_machine(fleets, "Sent"))["executions"]
    assert executions
    for execution in executions:
        history = states.get_execution_history(executionArn=execution["executionArn"])
        assert SECRET not in json.dumps(history, default=str)
    (bucket,) = fleets.physical_ids("Sent", "AWS::S3::Bucket")
    assert "Contents" not in fleets.aws.client("s3").list_objects_v2(Bucket=bucket, Prefix="events/")


def test_only_the_worker_reads_the_response_url(fleets: Cloud, sender: Sender) -> None:
    (bucket,) = fleets.physical_ids("Sent", "AWS::S3::Bucket")
    keys = ("events/kept.json", "passes/kept/plan.json")
    for key in keys:
        fleets.s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
    iam, sts = fleets.aws.client("iam"), fleets.aws.client("sts")
    reader = create_role(iam, "reader", {"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    (name,) = (name for name in fleets.physical_ids("Sent", "AWS::IAM::Role") if "WorkRole" in name)
    trusted = {**ANYBODY, "Service": "lambda.amazonaws.com"}
    trust = document({"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"})
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
    worker = iam.get_role(RoleName=name)["Role"]["Arn"]

    def reads(role: str) -> dict[str, str]:
        read: dict[str, str] = {}
        with closing(assume_role(sts, role).client("s3", endpoint_url=fleets.aws.endpoint_url)) as s3:
            for key in keys:
                try:
                    read[key] = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
                except ClientError as error:
                    read[key] = error.response["Error"]["Code"]
        return read

    assert reads(reader) == {"events/kept.json": "AccessDenied", "passes/kept/plan.json": "{}"}
    assert reads(worker) == dict.fromkeys(keys, "{}")
    fleets.s3.delete_object(Bucket=bucket, Key=keys[0])


def test_a_delete_takes_the_turn_of_a_running_create(fleets: Cloud, sender: Sender) -> None:
    names = create_streams(fleets, "sent-more-", 60)
    already = len(sender.receiver.puts)
    fleets.aws.inject_fault(UPDATE, delay_seconds=1.5, times=len(names))  # so that it is still at work
    sender.send("Create")
    until(lambda: bool(fleets.aws.calls(UPDATE)))
    sender.send("Delete", "an-id-that-cloudformation-has-generated")
    until(lambda: len(sender.receiver.puts) > already)
    # CloudFormation no longer waits for the Create.
    (answer,) = [json.loads(put.body) for put in sender.receiver.puts[already:]]
    assert answer["Status"] == "SUCCESS"
    assert configured(fleets, names) == dict.fromkeys(names)


def test_two_fleets_that_share_streams_do_not_harm_each_other(fleets: Cloud, synthesised: Template) -> None:
    names = create_streams(fleets, "both-1", 3)
    assert fleets.deploy_template("Both", template_of(synthesised, "both-")) == "CREATE_COMPLETE"
    changed = with_seconds(synthesised, 5)
    assert fleets.deploy_template("Both1", template_of(synthesised, "both-1", **changed)) == "CREATE_COMPLETE"
    assert last_result(fleets, "Both1")["counts"] == {"foreign": 3}
    assert fleets.delete("Both1") == "DELETE_COMPLETE"
    assert configured(fleets, names) == dict.fromkeys(names, 3000)


def test_a_delete_that_leaves_something_fails_and_names_it(fleets: Cloud, synthesised: Template) -> None:
    names = create_streams(fleets, "left-", 5)
    assert fleets.deploy_template("Left", template_of(synthesised, "left-")) == "CREATE_COMPLETE"
    buckets = fleets.physical_ids("Left", "AWS::S3::Bucket")
    # Each stream gets two attempts, and the last one fails in both.
    fleets.aws.inject_fault(UPDATE, error="InternalFailure", times=6)
    assert fleets.delete("Left") == "DELETE_FAILED"
    (left,) = (name for name, found in configured(fleets, names).items() if found is not None)
    reasons = [reason for status, reason in fleets.events("Left", FLEET) if status == "DELETE_FAILED"]
    assert re.search(rf"1 of 5 streams failed \(InternalFailure 1\), s3://.*: {left}: ", reasons[0])

    (bucket,) = (name for name in buckets if "images" not in name)
    assert "s3://" + bucket in reasons[0]
    fleets.aws.clear_calls()
    assert fleets.delete("Left") == "DELETE_COMPLETE"
    assert [call.stream for call in fleets.aws.calls(DESCRIBE)] == [left]
    assert configured(fleets, names) == dict.fromkeys(names)


def test_a_fleet_that_cannot_be_deleted_is_retained_and_declared_once_more(
    fleets: Cloud, synthesised: Template
) -> None:
    names = create_streams(fleets, "kept-", 2)
    assert fleets.deploy_template("Kept", template_of(synthesised, "kept-")) == "CREATE_COMPLETE"
    fleets.aws.inject_fault(UPDATE, error="InternalFailure", times=4)
    assert fleets.delete("Kept") == "DELETE_FAILED"
    retained = [*fleets.logical_ids("Kept", FLEET), *fleets.logical_ids("Kept", "AWS::S3::Bucket")]
    fleets.cloudformation.delete_stack(StackName="Kept", RetainResources=retained)
    until(lambda: fleets.status("Kept") == "")
    assert configured(fleets, names) == dict.fromkeys(names, 3000)
    assert fleets.deploy_template("Once", template_of(synthesised, "kept-")) == "CREATE_COMPLETE"
    assert last_result(fleets, "Once")["counts"] == {"equal": 2}
    assert fleets.delete("Once") == "DELETE_COMPLETE"
    assert configured(fleets, names) == dict.fromkeys(names)


def test_denied_access_does_not_make_a_stack_undeletable(fleets: Cloud, synthesised: Template) -> None:
    names = create_streams(fleets, "scp-", 3)
    assert fleets.deploy_template("Scp", template_of(synthesised, "scp-")) == "CREATE_COMPLETE"
    # It is not waited for, since the operation is allowed for others.
    fleets.aws.inject_fault(UPDATE, error="AccessDeniedException", times=1)
    assert fleets.delete("Scp") == "DELETE_COMPLETE"
    assert configured(fleets, names) == dict.fromkeys(names)


def test_a_fleet_that_set_nothing_is_deleted_without_a_call(fleets: Cloud, synthesised: Template) -> None:
    assert fleets.deploy_template("Nothing", template_of(synthesised, "nothing-")) == "CREATE_COMPLETE"
    fleets.aws.clear_calls()
    assert fleets.delete("Nothing") == "DELETE_COMPLETE"
    assert fleets.aws.calls() == []


def test_a_scheduled_pass_does_not_take_the_turn_of_a_deployment(fleets: Cloud, synthesised: Template) -> None:
    names = create_streams(fleets, "turn-", 6)
    assert fleets.deploy_template("Turn", template_of(synthesised, "turn-")) == "CREATE_COMPLETE"
    fleets.aws.clear_calls()
    fleets.aws.inject_fault(UPDATE, delay_seconds=1.5, times=6)
    fleets.start("Turn", template_of(synthesised, "turn-", **with_seconds(synthesised, 5)))
    until(lambda: bool(fleets.aws.calls(DESCRIBE)))
    assert run_pass(fleets, "Turn")["status"] == "SUCCEEDED"
    assert fleets.wait("Turn") == "UPDATE_COMPLETE"
    assert configured(fleets, names) == dict.fromkeys(names, 5000)
    assert len(fleets.aws.calls(UPDATE)) == 6


def test_a_stopped_pass_sets_few_more_streams_and_the_next_one_continues(
    fleets: Cloud, synthesised: Template, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleets.deploy_template("Stop", template_of(synthesised, "stop-")) == "CREATE_COMPLETE"
    lose_events(fleets, "Stop")
    create_streams(fleets, "stop-", 160)
    fleets.aws.clear_calls()
    states = fleets.aws.client("stepfunctions")
    execution = start_pass(fleets, "Stop")
    until(lambda: bool(fleets.aws.calls(UPDATE)))
    states.stop_execution(executionArn=execution, cause="by hand")
    already = len(fleets.aws.calls(UPDATE))
    # It waits until no call of the stopped pass can reach the service any more.
    assert run_pass(fleets, "Stop")["status"] == "SUCCEEDED"
    counts = last_result(fleets, "Stop")["counts"]
    assert counts["set"] + counts["equal"] == 159
    assert counts["equal"] - already <= 100
    assert len(fleets.aws.calls(UPDATE)) == 159
    code, shown = show(fleets, "stop-", monkeypatch, capsys, "--passes", "2")
    assert (code, "by hand" in shown) == (0, True)
    assert "not_tried" in shown


def test_a_retried_deployment_gets_its_own_answer(fleets: Cloud, sender: Sender) -> None:
    already = len(sender.receiver.puts)
    url = sender.receiver.response_url
    event = sender.send("Create")
    until(lambda: len(sender.receiver.puts) > already)
    # With the same RequestId, as CloudFormation does.
    sender.invoke({**event, "ResponseURL": f"{url}&attempt=2"})
    until(lambda: len(sender.receiver.puts) > already + 1)
    # An event that Lambda repeats starts nothing.
    sender.invoke({**event, "ResponseURL": f"{url}&attempt=2"})
    first, second = sender.receiver.puts[already:]
    assert second.path == f"{first.path}&attempt=2"


@pytest.mark.parametrize(("state", "operation", "seconds"), [("Plan", "ListStreams", 4), ("Work", DESCRIBE, 1)])
def test_a_hanging_step_ends_with_an_answer_and_the_next_pass_works(
    state: str, operation: str, seconds: int, fleets: Cloud, synthesised: Template
) -> None:
    def hurry(states: dict[str, Any]) -> None:
        step = {**states, **states["Batches"]["ItemProcessor"]["States"]}[state]
        step["TimeoutSeconds"] = seconds
        step["Retry"] = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}]

    stack, prefix = f"Hung{state}", f"hung-{state}-"
    template = template_of(with_definition(synthesised, hurry), prefix)
    assert fleets.deploy_template(stack, template) == "CREATE_COMPLETE"
    lose_events(fleets, stack)
    names = create_streams(fleets, prefix, 3)
    with CloudFormation.running() as receiver:
        sender = Sender(fleets, stack, receiver)
        fleets.aws.inject_fault(operation, delay_seconds=10, times=100)
        assert sender.answer("Update", f"stream-fleet/{prefix}").status == "FAILED"
        fleets.aws.clear_faults()
        assert sender.answer("Update", f"stream-fleet/{prefix}").status == "SUCCESS"
    assert configured(fleets, names) == dict.fromkeys(names, 3000)


def test_a_map_that_cannot_start_yet_is_started_again(fleets: Cloud, synthesised: Template) -> None:
    """As on AWS, while the permission for its batches has not reached every part of IAM."""

    def read_elsewhere(states: dict[str, Any]) -> None:
        reader = states["Batches"]["ItemReader"]["Parameters"]
        del reader["Key.$"]
        reader["Key"] = "late.json"

    template = template_of(with_definition(synthesised, read_elsewhere), "late-")
    assert fleets.deploy_template("Late", template) == "CREATE_COMPLETE"
    lose_events(fleets, "Late")
    names = create_streams(fleets, "late-", 2)
    execution = start_pass(fleets, "Late")
    states = fleets.aws.client("stepfunctions")

    def has_tried() -> bool:
        history = states.get_execution_history(executionArn=execution)["events"]
        return any(event["type"] == "MapStateEntered" for event in history)

    until(has_tried)
    work = object_of(fleets, "Late", {"name": execution.rpartition(":")[2]}, "work-1.json")
    (bucket,) = fleets.physical_ids("Late", "AWS::S3::Bucket")
    fleets.aws.client("s3").put_object(Bucket=bucket, Key="late.json", Body=json.dumps(work))
    until(lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED")
    assert configured(fleets, names) == dict.fromkeys(names, 3000)


def test_another_prefix_together_with_other_settings_is_refused(fleets: Cloud) -> None:
    def fleet(prefix: str, seconds: int) -> str:
        def declare_it(stack: Stack) -> None:
            bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
            StreamFleet(
                stack, "Cameras", name_prefix=prefix, bucket=bucket, sampling_interval=Duration.seconds(seconds)
            )

        return fleets.synthesise("Moved", declare_it)

    names = create_streams(fleets, "moved-1", 2)
    assert fleets.deploy_template("Moved", fleet("moved-", 3)) == "CREATE_COMPLETE"
    assert fleets.deploy_template("Moved", fleet("moved-1", 5)) == "UPDATE_ROLLBACK_COMPLETE"
    reasons = [reason for status, reason in fleets.events("Moved", FLEET) if status == "CREATE_FAILED"]
    assert "the fleet of 'moved-' in this stack may have set them; change `name_prefix` in a deployment" in reasons[0]
    assert configured(fleets, names) == dict.fromkeys(names, 3000)
    assert fleets.deploy_template("Moved", fleet("moved-1", 3)) == "UPDATE_COMPLETE"
    assert fleets.deploy_template("Moved", fleet("moved-1", 5)) == "UPDATE_COMPLETE"
    assert configured(fleets, names) == dict.fromkeys(names, 5000)
