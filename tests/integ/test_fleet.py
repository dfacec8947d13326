"""Fleets on the local AWS, which enforces IAM, without the service's quotas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import StreamFleet
from kinesis_video_tools.__main__ import main
from roles import create_role
from tests.cloudformation import SECRET, Answered, CloudFormation

from .conftest import ClientAs, Cloud, answer_to, until
from .fleets import DESCRIBE, FLEET, FOREIGN, UPDATE, Template, calls_of, declare, template_of, with_definition


@pytest.fixture(scope="module")
def synthesised(_cloud: Cloud) -> Template:
    template: Template = json.loads(_cloud.synthesise("Fleet", declare))
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


def start_pass(cloud: Cloud, stack: str) -> str:
    """Start a pass as the schedule does."""
    machine = cloud.physical_id(stack, "AWS::StepFunctions::StateMachine")
    started = cloud.client("stepfunctions").start_execution(stateMachineArn=machine, input="{}")
    return str(started["executionArn"])


def executions(cloud: Cloud, stack: str) -> Any:
    """The passes of a fleet, newest first."""
    machine = cloud.physical_id(stack, "AWS::StepFunctions::StateMachine")
    return cloud.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]


def run_pass(cloud: Cloud, stack: str) -> dict[str, Any]:
    execution = start_pass(cloud, stack)
    states = cloud.client("stepfunctions")
    until(lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING")
    described: dict[str, Any] = states.describe_execution(executionArn=execution)
    return described


def object_of(cloud: Cloud, stack: str, execution: dict[str, Any], name: str) -> Any:
    bucket = cloud.physical_id(stack, "AWS::S3::Bucket")
    body = cloud.s3.get_object(Bucket=bucket, Key=f"passes/{execution['name']}/{name}")["Body"].read()
    return json.loads(body)


def last_result(cloud: Cloud, stack: str) -> Any:
    return object_of(cloud, stack, executions(cloud, stack)[0], "result.json")


def lose_events(cloud: Cloud, stack: str) -> None:
    events = cloud.client("events")
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


def test_create_update_and_delete_leave_foreign_configurations_alone(cloud: Cloud, synthesised: Template) -> None:
    own = create_streams(cloud, "own-", 6)
    create_streams(cloud, "own-without-", 1, hours=0)
    foreign = ["own-7", "own-foreign"]  # the first is excluded
    for name in foreign:
        cloud.create_stream(name)
        cloud.set_images(name, FOREIGN)
    before = configured(cloud, foreign)

    assert cloud.deploy_template("Own", template_of(synthesised, "own-")) == "CREATE_COMPLETE"
    assert configured(cloud, own) == dict.fromkeys(own, 3000)
    assert cloud.images("own-3")["DestinationConfig"]["Uri"] == "s3://camera-images/cameras/own-3/"
    changed = with_seconds(synthesised, 5)
    assert cloud.deploy_template("Own", template_of(synthesised, "own-", **changed)) == "UPDATE_COMPLETE"
    assert configured(cloud, own) == dict.fromkeys(own, 5000)
    assert last_result(cloud, "Own")["counts"] == {"set": 6, "foreign": 1, "without_retention": 1}
    assert configured(cloud, foreign) == before
    buckets = cloud.physical_ids("Own", "AWS::S3::Bucket")
    assert cloud.delete("Own") == "DELETE_COMPLETE"
    assert configured(cloud, own) == dict.fromkeys(own)
    assert configured(cloud, foreign) == before
    assert not set(buckets) & {b["Name"] for b in cloud.s3.list_buckets()["Buckets"]}


def test_a_stream_is_configured_when_it_is_created_or_else_by_the_schedule(cloud: Cloud, synthesised: Template) -> None:
    assert cloud.deploy_template("New", template_of(synthesised, "new-")) == "CREATE_COMPLETE"
    (queue,) = (url for url in cloud.physical_ids("New", "AWS::SQS::Queue") if "Failed" not in url)
    cloud.client("sqs").send_message(QueueUrl=queue, MessageBody="no event of anybody")
    cloud.kinesisvideo.create_stream(StreamName="new-without", DataRetentionInHours=0)
    cloud.kinesisvideo.create_stream(StreamName="new-7", DataRetentionInHours=24)
    cloud.kinesisvideo.create_stream(StreamName="new-1", DataRetentionInHours=24)
    until(lambda: cloud.images("new-1") is not None)
    assert configured(cloud, ["new-without", "new-7"]) == {"new-without": None, "new-7": None}

    lose_events(cloud, "New")
    cloud.create_stream("new-2")
    assert run_pass(cloud, "New")["status"] == "SUCCEEDED"
    assert configured(cloud, ["new-2"]) == {"new-2": 3000}
    assert last_result(cloud, "New")["counts"] == {"equal": 1, "set": 1, "without_retention": 1}


def test_failed_streams_are_named_and_the_next_pass_sets_exactly_these(
    cloud: Cloud, synthesised: Template, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A pass takes some seconds, for the command to find it running.
    slow = template_of(synthesised, "third-").replace('"CALLS_PER_SECOND": "43"', '"CALLS_PER_SECOND": "6"')
    assert cloud.deploy_template("Third", slow) == "CREATE_COMPLETE"
    lose_events(cloud, "Third")
    names = create_streams(cloud, "third-", 30)
    names.remove("third-7")
    cloud.aws.inject_fault(UPDATE, error="InvalidArgumentException", times=10)
    failed_pass = run_pass(cloud, "Third")
    assert failed_pass["status"] == "FAILED"
    assert re.match(r"10 of 29 streams failed \(InvalidArgumentException 10\), s3://", failed_pass["cause"])
    failed = object_of(cloud, "Third", failed_pass, "streams.json")["failed"]
    assert {name for name, found in configured(cloud, names).items() if found is None} == set(failed)
    assert all("InvalidArgumentException" in cause for cause in failed.values())
    code, shown = show(cloud, "third-", monkeypatch, capsys)
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

    cloud.aws.clear_calls()
    assert run_pass(cloud, "Third")["status"] == "SUCCEEDED"
    assert sorted(call.stream or "" for call in calls_of(cloud, "third-", UPDATE)) == sorted(failed)
    cloud.aws.clear_calls()
    cloud.aws.inject_fault(DESCRIBE, delay_seconds=1.5, times=29)
    code, shown = show(cloud, "Third", monkeypatch, capsys, "--start", "--json")
    assert json.loads(shown)["started"].startswith("arn:")
    until(lambda: "running: 0 of 29 streams done, 0 failed" in show(cloud, "third-", monkeypatch, capsys)[1])
    # A second one is skipped, and hides neither it nor the last one that did work.
    assert run_pass(cloud, "Third")["status"] == "SUCCEEDED"
    code, shown = show(cloud, "third-", monkeypatch, capsys)
    assert code == 0
    assert re.search(r"running: .*\n.*complete in .*\n1 passes were skipped", shown)
    until(lambda: "running" not in show(cloud, "third-", monkeypatch, capsys)[1])
    assert [call.operation for call in calls_of(cloud, "third-", DESCRIBE, UPDATE)] == [DESCRIBE] * 29
    assert "complete in 0." in show(cloud, "third-", monkeypatch, capsys)[1]
    code, shown = show(cloud, "Third", monkeypatch, capsys, "--json")
    (told,) = json.loads(shown)["passes"]
    assert (code, told["counts"], told["not_set"]) == (0, {"equal": 29}, {})


def test_an_update_that_fails_beyond_the_tolerance_is_rolled_back_on_every_stream(
    cloud: Cloud, synthesised: Template
) -> None:
    names = create_streams(cloud, "over-", 6)
    assert cloud.deploy_template("Over", template_of(synthesised, "over-")) == "CREATE_COMPLETE"
    cloud.aws.inject_fault(UPDATE, error="InvalidArgumentException", times=2)
    changed = with_seconds(synthesised, 5)
    assert cloud.deploy_template("Over", template_of(synthesised, "over-", **changed)) == "UPDATE_ROLLBACK_COMPLETE"
    assert configured(cloud, names) == dict.fromkeys(names, 3000)
    reasons = [reason for status, reason in cloud.events("Over", FLEET) if status == "UPDATE_FAILED"]
    assert re.search(r"2 of 6 streams failed \(InvalidArgumentException 2\)", reasons[0])


def test_the_rollback_of_a_failed_create_removes_what_it_has_set(cloud: Cloud, synthesised: Template) -> None:
    names = create_streams(cloud, "bad-", 6)
    cloud.aws.inject_fault(UPDATE, error="InvalidArgumentException", times=2)
    assert cloud.deploy_template("Bad", template_of(synthesised, "bad-")) == "ROLLBACK_COMPLETE"
    statuses = [status for status, _ in cloud.events("Bad", FLEET)]
    assert statuses == ["CREATE_IN_PROGRESS", "CREATE_FAILED", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
    assert configured(cloud, names) == dict.fromkeys(names)


class Sender:
    """Sends CloudFormation's events to a fleet's function, in any order."""

    def __init__(self, cloud: Cloud, stack: str, receiver: CloudFormation) -> None:
        self.function = cloud.physical_id(stack, "AWS::Lambda::Function", "Begin")
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
        self._cloud.client("lambda").invoke(
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
def sender(_cloud: Cloud, synthesised: Template) -> Iterator[Sender]:
    """Deploy a fleet while there is no stream."""
    assert _cloud.deploy_template("Sent", template_of(synthesised, "sent-")) == "CREATE_COMPLETE"
    lose_events(_cloud, "Sent")
    with CloudFormation.running() as receiver:
        yield Sender(_cloud, "Sent", receiver)


def test_a_delete_leaves_the_streams_of_another_resource_of_the_stack(cloud: Cloud, sender: Sender) -> None:
    names = create_streams(cloud, "sent-", 6)
    created = sender.answer("Create")
    assert (created.status, created.physical_resource_id) == ("SUCCESS", "stream-fleet/sent-")
    assert sender.answer("Delete", created.physical_resource_id, "BeforeItWasRenamed").status == "SUCCESS"
    assert configured(cloud, names) == dict.fromkeys(names, 3000)
    deleted = sender.answer("Delete", created.physical_resource_id)
    assert (deleted.status, deleted.physical_resource_id) == ("SUCCESS", "stream-fleet/sent-")
    assert configured(cloud, names) == dict.fromkeys(names)


def test_an_adopted_stream_is_set_and_keeps_its_configuration(cloud: Cloud, sender: Sender) -> None:
    name = "sent-foreign"
    cloud.create_stream(name)
    cloud.set_images(name, FOREIGN)
    data = sender.answer("Create").data
    assert (data["Foreign"], data["Verified"]) == ("1", "false")
    assert configured(cloud, [name]) == {name: FOREIGN["SamplingInterval"]}
    assert sender.answer("Create", AdoptExisting="true").data["Set"] == "1"
    assert sender.answer("Delete", "stream-fleet/sent-", AdoptExisting="true").status == "SUCCESS"
    assert configured(cloud, [name]) == {name: 3000}
    cloud.delete_stream(name)


def test_the_response_url_is_in_no_history(cloud: Cloud, sender: Sender) -> None:
    sender.answer("Create")
    states = cloud.client("stepfunctions")
    assert executions(cloud, "Sent")
    for execution in executions(cloud, "Sent"):
        history = states.get_execution_history(executionArn=execution["executionArn"])
        assert SECRET not in json.dumps(history, default=str)
    bucket = cloud.physical_id("Sent", "AWS::S3::Bucket")
    assert "Contents" not in cloud.s3.list_objects_v2(Bucket=bucket, Prefix="events/")


def test_only_the_worker_reads_the_response_url(cloud: Cloud, sender: Sender, client_as: ClientAs) -> None:
    bucket = cloud.physical_id("Sent", "AWS::S3::Bucket")
    keys = ("events/kept.json", "passes/kept/plan.json")
    for key in keys:
        cloud.s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
    reader = create_role(cloud.client("iam"), "reader", {"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    read = {
        role: [answer_to(client_as(cloud, role, "s3").get_object, Bucket=bucket, Key=key) for key in keys]
        for role in (reader, cloud.role_arn("Sent", "WorkRole"))
    }
    assert list(read.values()) == [["AccessDenied", "allowed"], ["allowed", "allowed"]]
    cloud.s3.delete_object(Bucket=bucket, Key=keys[0])


def test_a_delete_takes_the_turn_of_a_running_create(cloud: Cloud, sender: Sender) -> None:
    names = create_streams(cloud, "sent-more-", 60)
    already = len(sender.receiver.puts)
    cloud.aws.inject_fault(UPDATE, delay_seconds=1.5, times=len(names))  # so that it is still at work
    sender.send("Create")
    until(lambda: bool(calls_of(cloud, "sent-", UPDATE)))
    sender.send("Delete", "an-id-that-cloudformation-has-generated")
    until(lambda: len(sender.receiver.puts) > already)
    # CloudFormation no longer waits for the Create.
    (answer,) = [json.loads(put.body) for put in sender.receiver.puts[already:]]
    assert answer["Status"] == "SUCCESS"
    assert configured(cloud, names) == dict.fromkeys(names)


def test_two_fleets_that_share_streams_do_not_harm_each_other(cloud: Cloud, synthesised: Template) -> None:
    names = create_streams(cloud, "both-1", 3)
    assert cloud.deploy_template("Both", template_of(synthesised, "both-")) == "CREATE_COMPLETE"
    changed = with_seconds(synthesised, 5)
    assert cloud.deploy_template("Both1", template_of(synthesised, "both-1", **changed)) == "CREATE_COMPLETE"
    assert last_result(cloud, "Both1")["counts"] == {"foreign": 3}
    assert cloud.delete("Both1") == "DELETE_COMPLETE"
    assert configured(cloud, names) == dict.fromkeys(names, 3000)


def test_a_delete_that_leaves_something_fails_and_names_it(cloud: Cloud, synthesised: Template) -> None:
    names = create_streams(cloud, "left-", 5)
    assert cloud.deploy_template("Left", template_of(synthesised, "left-")) == "CREATE_COMPLETE"
    bucket = cloud.physical_id("Left", "AWS::S3::Bucket")
    # Each stream gets two attempts, and the last one fails in both.
    cloud.aws.inject_fault(UPDATE, error="InternalFailure", times=6)
    assert cloud.delete("Left") == "DELETE_FAILED"
    (left,) = (name for name, found in configured(cloud, names).items() if found is not None)
    reasons = [reason for status, reason in cloud.events("Left", FLEET) if status == "DELETE_FAILED"]
    assert re.search(rf"1 of 5 streams failed \(InternalFailure 1\), s3://.*: {left}: ", reasons[0])
    assert "s3://" + bucket in reasons[0]
    cloud.aws.clear_calls()
    assert cloud.delete("Left") == "DELETE_COMPLETE"
    assert [call.stream for call in calls_of(cloud, "left-", DESCRIBE)] == [left]
    assert configured(cloud, names) == dict.fromkeys(names)


def test_a_fleet_that_cannot_be_deleted_is_retained_and_declared_once_more(cloud: Cloud, synthesised: Template) -> None:
    names = create_streams(cloud, "kept-", 2)
    assert cloud.deploy_template("Kept", template_of(synthesised, "kept-")) == "CREATE_COMPLETE"
    cloud.aws.inject_fault(UPDATE, error="InternalFailure", times=4)
    assert cloud.delete("Kept") == "DELETE_FAILED"
    retained = [*cloud.logical_ids("Kept", FLEET), *cloud.logical_ids("Kept", "AWS::S3::Bucket")]
    cloud.cloudformation.delete_stack(StackName="Kept", RetainResources=retained)
    until(lambda: cloud.status("Kept") == "")
    assert configured(cloud, names) == dict.fromkeys(names, 3000)
    assert cloud.deploy_template("Once", template_of(synthesised, "kept-")) == "CREATE_COMPLETE"
    assert last_result(cloud, "Once")["counts"] == {"equal": 2}
    assert cloud.delete("Once") == "DELETE_COMPLETE"
    assert configured(cloud, names) == dict.fromkeys(names)


def test_denied_access_does_not_make_a_stack_undeletable(cloud: Cloud, synthesised: Template) -> None:
    names = create_streams(cloud, "scp-", 3)
    assert cloud.deploy_template("Scp", template_of(synthesised, "scp-")) == "CREATE_COMPLETE"
    # It is not waited for, since the operation is allowed for others.
    cloud.aws.inject_fault(UPDATE, error="AccessDeniedException", times=1)
    assert cloud.delete("Scp") == "DELETE_COMPLETE"
    assert configured(cloud, names) == dict.fromkeys(names)


def test_a_fleet_that_set_nothing_is_deleted_without_a_call(cloud: Cloud, synthesised: Template) -> None:
    assert cloud.deploy_template("Nothing", template_of(synthesised, "nothing-")) == "CREATE_COMPLETE"
    cloud.aws.clear_calls()
    assert cloud.delete("Nothing") == "DELETE_COMPLETE"
    assert calls_of(cloud, "nothing-") == []


def test_a_scheduled_pass_does_not_take_the_turn_of_a_deployment(cloud: Cloud, synthesised: Template) -> None:
    names = create_streams(cloud, "turn-", 6)
    assert cloud.deploy_template("Turn", template_of(synthesised, "turn-")) == "CREATE_COMPLETE"
    cloud.aws.clear_calls()
    cloud.aws.inject_fault(UPDATE, delay_seconds=1.5, times=6)
    cloud.start("Turn", template_of(synthesised, "turn-", **with_seconds(synthesised, 5)))
    until(lambda: bool(calls_of(cloud, "turn-", DESCRIBE)))
    assert run_pass(cloud, "Turn")["status"] == "SUCCEEDED"
    assert cloud.wait("Turn") == "UPDATE_COMPLETE"
    assert configured(cloud, names) == dict.fromkeys(names, 5000)
    assert len(calls_of(cloud, "turn-", UPDATE)) == 6


def test_a_stopped_pass_sets_few_more_streams_and_the_next_one_continues(
    cloud: Cloud, synthesised: Template, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cloud.deploy_template("Stop", template_of(synthesised, "stop-")) == "CREATE_COMPLETE"
    lose_events(cloud, "Stop")
    create_streams(cloud, "stop-", 160)
    cloud.aws.clear_calls()
    states = cloud.client("stepfunctions")
    execution = start_pass(cloud, "Stop")
    until(lambda: bool(calls_of(cloud, "stop-", UPDATE)))
    states.stop_execution(executionArn=execution, cause="by hand")
    already = len(calls_of(cloud, "stop-", UPDATE))
    # It waits until no call of the stopped pass can reach the service any more.
    assert run_pass(cloud, "Stop")["status"] == "SUCCEEDED"
    counts = last_result(cloud, "Stop")["counts"]
    assert counts["set"] + counts["equal"] == 159
    assert counts["equal"] - already <= 100
    assert len(calls_of(cloud, "stop-", UPDATE)) == 159
    code, shown = show(cloud, "stop-", monkeypatch, capsys, "--passes", "2")
    assert (code, "by hand" in shown) == (0, True)
    assert "not_tried" in shown


def test_a_retried_deployment_gets_its_own_answer(cloud: Cloud, sender: Sender) -> None:
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
    state: str, operation: str, seconds: int, cloud: Cloud, synthesised: Template
) -> None:
    def hurry(states: dict[str, Any]) -> None:
        step = {**states, **states["Batches"]["ItemProcessor"]["States"]}[state]
        step["TimeoutSeconds"] = seconds
        step["Retry"] = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}]

    stack, prefix = f"Hung{state}", f"hung-{state}-"
    template = template_of(with_definition(synthesised, hurry), prefix)
    assert cloud.deploy_template(stack, template) == "CREATE_COMPLETE"
    lose_events(cloud, stack)
    names = create_streams(cloud, prefix, 3)
    with CloudFormation.running() as receiver:
        sender = Sender(cloud, stack, receiver)
        cloud.aws.inject_fault(operation, delay_seconds=10, times=100)
        assert sender.answer("Update", f"stream-fleet/{prefix}").status == "FAILED"
        cloud.aws.clear_faults()
        assert sender.answer("Update", f"stream-fleet/{prefix}").status == "SUCCESS"
    assert configured(cloud, names) == dict.fromkeys(names, 3000)


def test_a_map_that_cannot_start_yet_is_started_again(cloud: Cloud, synthesised: Template) -> None:
    """As on AWS, while the permission for its batches has not reached every part of IAM."""

    def read_elsewhere(states: dict[str, Any]) -> None:
        reader = states["Batches"]["ItemReader"]["Parameters"]
        del reader["Key.$"]
        reader["Key"] = "late.json"

    template = template_of(with_definition(synthesised, read_elsewhere), "late-")
    assert cloud.deploy_template("Late", template) == "CREATE_COMPLETE"
    lose_events(cloud, "Late")
    names = create_streams(cloud, "late-", 2)
    execution = start_pass(cloud, "Late")
    states = cloud.client("stepfunctions")

    def has_tried() -> bool:
        history = states.get_execution_history(executionArn=execution)["events"]
        return any(event["type"] == "MapStateEntered" for event in history)

    until(has_tried)
    work = object_of(cloud, "Late", {"name": execution.rpartition(":")[2]}, "work-1.json")
    bucket = cloud.physical_id("Late", "AWS::S3::Bucket")
    cloud.s3.put_object(Bucket=bucket, Key="late.json", Body=json.dumps(work))
    until(lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED")
    assert configured(cloud, names) == dict.fromkeys(names, 3000)


def test_another_prefix_together_with_other_settings_is_refused(cloud: Cloud) -> None:
    def fleet(prefix: str, seconds: int) -> str:
        def declare_it(stack: Stack) -> None:
            bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
            StreamFleet(
                stack, "Cameras", name_prefix=prefix, bucket=bucket, sampling_interval=Duration.seconds(seconds)
            )

        return cloud.synthesise("Moved", declare_it)

    names = create_streams(cloud, "moved-1", 2)
    assert cloud.deploy_template("Moved", fleet("moved-", 3)) == "CREATE_COMPLETE"
    assert cloud.deploy_template("Moved", fleet("moved-1", 5)) == "UPDATE_ROLLBACK_COMPLETE"
    reasons = [reason for status, reason in cloud.events("Moved", FLEET) if status == "CREATE_FAILED"]
    assert "the fleet of 'moved-' in this stack may have set them; change `name_prefix` in a deployment" in reasons[0]
    assert configured(cloud, names) == dict.fromkeys(names, 3000)
    assert cloud.deploy_template("Moved", fleet("moved-1", 3)) == "UPDATE_COMPLETE"
    assert cloud.deploy_template("Moved", fleet("moved-1", 5)) == "UPDATE_COMPLETE"
    assert configured(cloud, names) == dict.fromkeys(names, 5000)
