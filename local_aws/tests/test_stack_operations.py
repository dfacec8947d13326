"""The events of a custom resource's function, and the state of its stack that CloudFormation returns meanwhile."""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from typing import Any

import pytest
from botocore.config import Config

from kinesis_video_local import LocalAws
from stacks import Stack, Template
from tests.archives import zipped
from wire import Client

# Returns its event and the state of its stack, and answers as its resource's properties say.
WITNESS = """
import json, time, urllib.request
import boto3

def handler(event, context):
    cloudformation = boto3.client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName=event["StackId"])["Stacks"]
    resources = cloudformation.list_stack_resources(StackName=event["StackId"])["StackResourceSummaries"]
    properties = event["ResourceProperties"]
    seen = {
        "event": [event["RequestType"], event["LogicalResourceId"], event.get("PhysicalResourceId")],
        "stack": stack["StackStatus"],
        "resources": {
            r["LogicalResourceId"]: [r["ResourceStatus"], r.get("PhysicalResourceId")]
            for r in resources
            if r["ResourceType"] == "Custom::Witness"
        },
    }
    boto3.client("s3").put_object(Bucket="witness", Key=f"{time.time():.6f}", Body=json.dumps(seen))
    if properties.get("Crash") == event["RequestType"]:
        raise RuntimeError("as asked")
    answer = {
        "Status": "FAILED" if properties.get("Fail") == event["RequestType"] else "SUCCESS",
        "Reason": "as asked",
        "PhysicalResourceId": event["PhysicalResourceId"] if event["RequestType"] == "Delete" else properties["Id"],
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    body, headers = json.dumps(answer).encode(), {"Content-Type": ""}
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], body, headers, method="PUT"))
"""


class Witnesses(Stack):
    """A stack of custom resources, each with the id of its answer."""

    def __init__(self, client: Client, name: str) -> None:
        super().__init__(client, name)
        self._s3 = client("s3")

    def have(self, **resources: dict[str, Any]) -> str:
        """Deploy these resources, one after the other, and return the final status."""
        template: dict[str, Any] = {}
        for name, properties in resources.items():
            template[name] = {**witness(**properties), "DependsOn": list(template)[-1:]}
        return self.deploy({"Resources": template})

    def seen(self) -> list[dict[str, Any]]:
        """The function's events and observations since the last call, oldest first."""
        keys = [o["Key"] for o in self._s3.list_objects_v2(Bucket="witness").get("Contents", [])]
        seen = [json.load(self._s3.get_object(Bucket="witness", Key=key)["Body"]) for key in sorted(keys)]
        for key in keys:
            self._s3.delete_object(Bucket="witness", Key=key)
        return seen


def witness(**properties: Any) -> Template:
    function = "arn:aws:lambda:us-east-1:000000000000:function:witness"
    return {"Type": "Custom::Witness", "Properties": {"ServiceToken": function, **properties}}


@pytest.fixture(scope="module")
def function(aws: LocalAws) -> None:
    aws.client("s3").create_bucket(Bucket="witness")
    aws.client("lambda").create_function(
        FunctionName="witness",
        Runtime="python3.13",
        Handler="index.handler",
        Role="arn:aws:iam::000000000000:role/witness",
        Code={"ZipFile": zipped({"index.py": WITNESS})},
        Timeout=30,
    )


@pytest.fixture
def stack(client: Client, function: None, stream_name: str) -> Witnesses:
    return Witnesses(client, stream_name)


def test_a_resource_that_is_being_created_is_listed_without_a_physical_id(stack: Witnesses) -> None:
    assert stack.have(A={"Id": "a"}) == "CREATE_COMPLETE"
    assert stack.have(A={"Id": "a"}, B={"Id": "b"}) == "UPDATE_COMPLETE"

    assert stack.seen() == [
        {
            "event": ["Create", "A", None],
            "stack": "CREATE_IN_PROGRESS",
            "resources": {"A": ["CREATE_IN_PROGRESS", None]},
        },
        {
            "event": ["Create", "B", None],
            "stack": "UPDATE_IN_PROGRESS",
            "resources": {"A": ["CREATE_COMPLETE", "a"], "B": ["CREATE_IN_PROGRESS", None]},
        },
    ]


def test_an_update_has_no_event_for_what_did_not_change(stack: Witnesses) -> None:
    stack.have(A={"Id": "a"}, B={"Id": "b"})
    before = stack.events()

    stack.have(A={"Id": "a"}, B={"Id": "b", "Changed": 1}, C={"Id": "c"})

    assert stack.events()[len(before) :] == [
        f"{stack.name} UPDATE_IN_PROGRESS",
        "B UPDATE_IN_PROGRESS",
        "B UPDATE_COMPLETE",
        "C CREATE_IN_PROGRESS",
        "C CREATE_COMPLETE",
        f"{stack.name} UPDATE_COMPLETE",
    ]


def test_what_leaves_the_stack_is_deleted_in_its_clean_up(stack: Witnesses) -> None:
    stack.have(Old={"Id": "camera"})
    stack.have(New={"Id": "camera"})

    assert stack.seen()[-1] == {
        "event": ["Delete", "Old", "camera"],
        "stack": "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "resources": {"Old": ["DELETE_IN_PROGRESS", "camera"], "New": ["CREATE_COMPLETE", "camera"]},
    }
    assert stack.events()[-4:] == [
        f"{stack.name} UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "Old DELETE_IN_PROGRESS",
        "Old DELETE_COMPLETE",
        f"{stack.name} UPDATE_COMPLETE",
    ]
    assert stack.resources() == {"New": "camera"}


def test_what_is_replaced_is_deleted_in_the_clean_up(stack: Witnesses) -> None:
    stack.have(A={"Id": "one"})
    stack.have(A={"Id": "two"})

    assert stack.seen()[1:] == [
        {
            "event": ["Update", "A", "one"],
            "stack": "UPDATE_IN_PROGRESS",
            "resources": {"A": ["UPDATE_IN_PROGRESS", "one"]},
        },
        {
            "event": ["Delete", "A", "one"],
            "stack": "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "resources": {"A": ["UPDATE_COMPLETE", "two"]},
        },
    ]


def test_a_rollback_sends_an_update_back_to_what_was_replaced(stack: Witnesses) -> None:
    stack.have(A={"Id": "one"})
    stack.seen()

    assert stack.have(A={"Id": "two"}, B={"Id": "b", "Fail": "Create"}) == "UPDATE_ROLLBACK_COMPLETE"

    _, _, back, delete_failed, delete_new = stack.seen()
    assert back == {
        "event": ["Update", "A", "two"],
        "stack": "UPDATE_ROLLBACK_IN_PROGRESS",
        "resources": {"A": ["UPDATE_IN_PROGRESS", "two"], "B": ["CREATE_FAILED", "b"]},
    }
    assert delete_failed["event"] == ["Delete", "B", "b"]
    assert delete_new == {
        "event": ["Delete", "A", "two"],
        "stack": "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "resources": {"A": ["UPDATE_COMPLETE", "one"], "B": ["DELETE_COMPLETE", "b"]},
    }
    assert stack.resources() == {"A": "one"}


def test_a_rollback_sends_an_update_back_to_what_changed_in_place(stack: Witnesses) -> None:
    stack.have(A={"Id": "one"})
    stack.seen()

    assert stack.have(A={"Id": "one", "Changed": 1, "Fail": "Update"}) == "UPDATE_ROLLBACK_COMPLETE"

    assert stack.seen()[-1] == {
        "event": ["Update", "A", "one"],
        "stack": "UPDATE_ROLLBACK_IN_PROGRESS",
        "resources": {"A": ["UPDATE_IN_PROGRESS", "one"]},
    }


def test_a_failed_creation_is_deleted_by_the_id_of_its_answer(stack: Witnesses) -> None:
    assert stack.have(A={"Id": "marker", "Fail": "Create"}) == "ROLLBACK_COMPLETE"

    assert stack.seen()[-1] == {
        "event": ["Delete", "A", "marker"],
        "stack": "ROLLBACK_IN_PROGRESS",
        "resources": {"A": ["DELETE_IN_PROGRESS", "marker"]},
    }
    assert stack.resources() == {}


def test_a_function_that_fails_gets_its_event_twice_more_and_then_a_delete_with_an_id_made_up(stack: Witnesses) -> None:
    assert stack.have(A={"Id": "a", "Crash": "Create", "ServiceTimeout": 1}) == "ROLLBACK_COMPLETE"

    *attempts, (request_type, logical_id, physical_id) = [seen["event"] for seen in stack.seen()]
    assert attempts == [["Create", "A", None]] * 3
    assert (request_type, logical_id) == ("Delete", "A")
    assert physical_id.startswith(f"{stack.name}-A-")


def test_what_a_resource_depends_on_stays_if_that_can_not_be_deleted(stack: Witnesses) -> None:
    # Each depends on the one before it.
    stack.have(A={"Id": "a"}, B={"Id": "b", "Fail": "Delete"}, C={"Id": "c"})
    stack.seen()

    stack.delete(ended="DELETE_FAILED")

    first, second = stack.seen()
    assert first == {
        "event": ["Delete", "C", "c"],
        "stack": "DELETE_IN_PROGRESS",
        "resources": {
            "A": ["CREATE_COMPLETE", "a"],
            "B": ["CREATE_COMPLETE", "b"],
            "C": ["DELETE_IN_PROGRESS", "c"],
        },
    }
    assert second["event"] == ["Delete", "B", "b"]
    assert stack.resources() == {"A": "a", "B": "b"}

    stack.delete(RetainResources=["B"])

    assert [seen["event"] for seen in stack.seen()] == [["Delete", "A", "a"]]


def test_a_nested_stack_is_sent_back_and_deleted_with_its_parent(
    aws: LocalAws, client: Client, stack: Witnesses
) -> None:
    client("s3").create_bucket(Bucket="templates")

    def nesting(children: dict[str, Template], **siblings: Template) -> Template:
        key = f"{uuid.uuid4()}.json"
        client("s3").put_object(Bucket="templates", Key=key, Body=json.dumps({"Resources": children}))
        nested = {"TemplateURL": f"{aws.endpoint_url}/templates/{key}"}
        child = {"Type": "AWS::CloudFormation::Stack", "Properties": nested}
        after = {name: {**resource, "DependsOn": "Child"} for name, resource in siblings.items()}
        return {"Resources": {"Child": child, **after}}

    assert stack.deploy(nesting({"A": witness(Id="a")})) == "CREATE_COMPLETE"
    failing = nesting({"A": witness(Id="a", Changed=1), "B": witness(Id="b")}, Z=witness(Id="z", Fail="Create"))
    assert stack.deploy(failing) == "UPDATE_ROLLBACK_COMPLETE"
    stack.delete()

    sights = [(*seen["event"], seen["stack"]) for seen in stack.seen()]
    assert [sight for sight in sights if sight[1] in ("A", "B")] == [
        ("Create", "A", None, "CREATE_IN_PROGRESS"),
        ("Update", "A", "a", "UPDATE_IN_PROGRESS"),
        ("Create", "B", None, "UPDATE_IN_PROGRESS"),
        ("Update", "A", "a", "UPDATE_ROLLBACK_IN_PROGRESS"),
        ("Delete", "B", "b", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("Delete", "A", "a", "DELETE_IN_PROGRESS"),
    ]


def test_the_cdk_cli_finds_its_stack_done_when_its_call_is_answered(aws: LocalAws, stack: Witnesses) -> None:
    """It would poll again only after 5 s."""
    config = Config(user_agent_extra="aws-cdk/2")
    template = json.dumps({"Resources": {"A": witness(Id="a")}})
    with closing(aws.session().client("cloudformation", endpoint_url=aws.endpoint_url, config=config)) as cli:
        cli.create_stack(StackName=stack.name, TemplateBody=template)

        assert cli.describe_stacks(StackName=stack.name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
