"""The monitor's rules, metric, alarm and permissions in the template."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnMapping, CfnParameter, Duration, Fn, NestedStack, Stack, Stage
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from cdk_kinesis_video import ConfigurationFunction, DriftMonitor, FragmentNotification, VideoStream
from cdk_kinesis_video.drift_monitor import MAX_INPUT_CHARACTERS
from kinesis_video_configuration import Declaration
from kinesis_video_contract.drift import DETAIL_TYPE, SOURCE
from kinesis_video_tools.template import Values
from tests.templates import resolve, stringify

from .conftest import ENVIRONMENT, FRAGMENT_NOTIFICATION, IMAGE_GENERATION, TOPIC_ARN, fails_with, images_in
from .synthesis import configuration_of, messages_of, only_resource, resources_of, statements_of, template_of

RULE = "AWS::Events::Rule"
TIME, DETAIL = "2026-11-21T12:00:00Z", {"eventName": "DeleteStream"}
LONGEST_BUCKET_NAME = "b" * 63


def arn(name: str) -> str:
    return f"arn:aws:kinesisvideo:eu-west-1:111122223333:stream/{name}/1690707290324"


def longest_values(stack: Stack) -> dict[str, str]:
    """The longest values that CloudFormation can insert."""
    return {
        "AWS::StackId": f"arn:aws-us-gov:cloudformation:ap-southeast-1:111122223333:stack/{'s' * 128}/{'u' * 36}",
        "AWS::Region": "ap-southeast-1",
        "Bucket83908E77": LONGEST_BUCKET_NAME,
    }


def inputs_of(template: dict[str, Any], values: dict[str, str]) -> list[str]:
    """The inputs that CloudFormation passes to EventBridge; the Ref of a custom resource is its stream's ARN."""

    def known(name: str, attribute: str) -> str:
        resource = template["Resources"].get(name, {})
        if resource.get("Type") in (IMAGE_GENERATION, FRAGMENT_NOTIFICATION):
            stream = resource["Properties"].get("StreamName", "n" * 256)
            return f"arn:aws-us-gov:kinesisvideo:ap-southeast-1:111122223333:stream/{stream}/1690707290324"
        return values[name]

    all_targets = [t for rule in resources_of(template, RULE).values() for t in rule["Properties"].get("Targets", [])]
    inputs = [target["InputTransformer"]["InputTemplate"] for target in all_targets if "InputTransformer" in target]
    return [resolve(text, known, {}) for text in inputs]


def event_of(text: str) -> dict[str, Any]:
    """The function's event: EventBridge inserts the two values."""
    event: dict[str, Any] = json.loads(
        re.sub("<(time|detail)>", lambda m: json.dumps(TIME if m[1] == "time" else DETAIL), text)
    )
    return event


@pytest.fixture(scope="module")
def one() -> dict[str, Any]:
    """A stack with everything that the monitor can define."""
    stack = Stack(App(), "Cameras")
    monitor = DriftMonitor(stack, "Drift")
    monitor.alarm("Alarm")
    monitor.on_drift("OnDrift", target=targets.SnsTopic(sns.Topic(stack, "Topic")))
    bucket = s3.Bucket(stack, "Bucket")
    stream = VideoStream.from_stream_name(stack, "Stream", "front-door")
    # Declared after the monitor, with characters that are special to EventBridge and to JSON.
    images_in(stack, stream=stream, bucket=bucket, prefix='<time> "a" \\ <detail>', width_pixels=640)
    FragmentNotification(stack, "Fragments", stream=stream, topic=sns.Topic.from_topic_arn(stack, "T", TOPIC_ARN))
    return template_of(stack)


def drift_rule(template: dict[str, Any]) -> dict[str, Any]:
    (rule,) = (r for r in resources_of(template, RULE).values() if "ScheduleExpression" in r["Properties"])
    properties: dict[str, Any] = rule["Properties"]
    return properties


def test_the_input_is_what_the_custom_resources_declare(one: dict[str, Any]) -> None:
    (text,) = inputs_of(one, longest_values(Stack()))
    event = event_of(text)
    assert (event["Time"], event["Detail"], event["Repair"], event["PutEvents"]) == (TIME, DETAIL, "NONE", True)
    assert list(event["Declarations"]) == [IMAGE_GENERATION, FRAGMENT_NOTIFICATION]
    for resource_type, (properties,) in event["Declarations"].items():
        resource = only_resource(one, resource_type)["Properties"]
        declaration = Declaration.parse(resource_type, properties)
        assert declaration.stream["StreamARN"].split("/")[1] == "front-door"
        given = json.dumps(resource[declaration.feature.configuration])
        for name, value in longest_values(Stack()).items():
            given = given.replace(json.dumps({"Ref": name}), json.dumps(value))
        joined = json.loads(given, object_hook=lambda o: "".join(o["Fn::Join"][1]) if "Fn::Join" in o else o)
        properties = {**declaration.stream, declaration.feature.configuration: joined}
        assert Declaration.parse(resource_type, stringify(properties)) == declaration


def test_the_rule_looks_after_deployments_on_a_schedule_and_at_others_changes(one: dict[str, Any]) -> None:
    rule = drift_rule(one)
    assert rule["ScheduleExpression"] == "rate(1 hour)"
    deployments, by_roles, by_others = rule["EventPattern"]["$or"]
    assert [trigger["account"] for trigger in rule["EventPattern"]["$or"]] == [[{"Ref": "AWS::AccountId"}]] * 3
    assert deployments["detail"]["stack-id"] == [{"Ref": "AWS::StackId"}]
    assert deployments["detail"]["status-details"]["status"] == [
        "CREATE_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
    ]
    role = {"Fn::GetAtt": ["CdkKinesisVideoRole911AE2AE", "Arn"]}
    issuers = [p["detail"]["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] for p in (by_roles, by_others)]
    assert issuers == [[{"anything-but": [role]}], [{"exists": False}]]
    assert by_roles["detail"]["eventName"] == [
        "DeleteStream",
        "UpdateDataRetention",
        "UpdateImageGenerationConfiguration",
        "UpdateNotificationConfiguration",
    ]
    (permission,) = resources_of(one, "AWS::Lambda::Permission").values()
    assert permission["Properties"]["Principal"] == "events.amazonaws.com"
    assert permission["Properties"]["SourceArn"] == {"Fn::GetAtt": ["DriftRule010B45DB1", "Arn"]}


def test_without_a_trail_it_looks_after_deployments_and_on_its_schedule_only() -> None:
    stack = Stack(App(), "Cameras")
    images = images_in(stack)
    images_in(stack, "Others")
    DriftMonitor(stack, "Drift", images=[images], every=Duration.minutes(5), on_change=False)
    template = template_of(stack)
    rule = drift_rule(template)
    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    assert rule["EventPattern"]["source"] == ["aws.cloudformation"]
    (text,) = inputs_of(template, longest_values(stack))
    assert len(event_of(text)["Declarations"][IMAGE_GENERATION]) == 1
    assert "OthersStream" not in json.dumps(rule)


def test_the_metric_counts_the_lines_that_the_function_writes(one: dict[str, Any]) -> None:
    filters = [each["Properties"] for each in resources_of(one, "AWS::Logs::MetricFilter").values()]
    assert {each["FilterPattern"] for each in filters} == {'{ $.message = "looked" }'}
    assert {each["LogGroupName"]["Ref"] for each in filters} == {"CdkKinesisVideoLogs62749C78"}
    common = {"MetricNamespace": "CdkKinesisVideo", "Dimensions": [{"Key": "StackName", "Value": "$.stack"}]}
    assert [each["MetricTransformations"] for each in filters] == [
        [{**common, "MetricName": "DriftedStreams", "MetricValue": "$.drifted"}],
        [{**common, "MetricName": "StreamsNotCompared", "MetricValue": "$.not_compared"}],
    ]


def test_the_alarm_goes_off_for_drift_for_what_is_not_compared_and_for_silence(one: dict[str, Any]) -> None:
    alarm = only_resource(one, "AWS::CloudWatch::Alarm")["Properties"]
    metrics = {each["Id"]: each for each in alarm["Metrics"]}
    (expression,) = (each.pop("Expression") for each in metrics.values() if "Expression" in each)
    assert expression == "IF(FILL(looks, 0) < 1, 1, FILL(drifted, 0) + FILL(not_compared, 0))"
    stats = {name: each["MetricStat"] for name, each in metrics.items() if "MetricStat" in each}
    assert {name: (stat["Metric"]["MetricName"], stat["Stat"]) for name, stat in stats.items()} == {
        "drifted": ("DriftedStreams", "Sum"),
        "not_compared": ("StreamsNotCompared", "Sum"),
        "looks": ("StreamsNotCompared", "SampleCount"),
    }
    for stat in stats.values():
        assert stat["Period"] == 2 * 3600
        assert stat["Metric"]["Dimensions"] == [{"Name": "StackName", "Value": "Cameras"}]
    assert (alarm["EvaluationPeriods"], alarm["Threshold"], alarm["TreatMissingData"]) == (1, 1, "breaching")


def test_only_who_listens_to_drift_gives_the_function_a_permission_more(one: dict[str, Any]) -> None:
    def role_of(monitored: bool) -> dict[str, Any]:
        stack = Stack(App(), "Cameras")
        images_in(stack)
        if monitored:
            DriftMonitor(stack, "Drift").alarm("Alarm")
        template = template_of(stack)
        assert resources_of(template, "AWS::IAM::Policy") == {}
        return only_resource(template, "AWS::IAM::Role")

    assert role_of(monitored=True) == role_of(monitored=False)
    (statement,) = statements_of(one)
    assert statement["Action"] == "events:PutEvents"
    assert statement["Resource"]["Fn::Join"][1][-1] == ":event-bus/default"
    assert statement["Condition"] == {"StringEquals": {"events:source": "cdk-kinesis-video"}}
    (rule,) = (r["Properties"] for r in resources_of(one, RULE).values() if "ScheduleExpression" not in r["Properties"])
    assert rule["EventPattern"] == {
        "account": [{"Ref": "AWS::AccountId"}],
        "source": [SOURCE],
        "detail-type": [DETAIL_TYPE],
        "detail": {"stack": ["Cameras"]},
    }


def test_248_streams_of_a_stack_take_six_rules_and_no_input_is_too_long() -> None:
    stack = Stack(App(), "Cameras", env=ENVIRONMENT)
    bucket = s3.Bucket(stack, "Bucket")
    DriftMonitor(stack, "Drift")
    for number in range(248):
        name = f"camera-{number:03}"
        stream = VideoStream.from_stream_name(stack, f"Stream{number}", name)
        prefix = f"{name}/"
        images_in(
            stack, f"Images{number}", stream=stream, bucket=bucket, prefix=prefix, width_pixels=640, height_pixels=360
        )
    template = template_of(stack)
    assert within_limits(template, longest_values(stack)) == 248
    assert len(resources_of(template, RULE)) == 6


@pytest.mark.parametrize("prefix", ["", "\N{CAMERA}" * 55, "<" * 180])
def test_no_input_is_too_long_whatever_only_cloudformation_knows(prefix: str) -> None:
    stack = Stack(App(), "s" * 128)
    bucket = s3.Bucket(stack, "Bucket")
    for number in range(40):
        name = sns.Topic(stack, f"Topic{number}").topic_name if number % 2 else "n" * 254 + f"{number:02}"
        stream = VideoStream.from_stream_name(stack, f"Stream{number}", name)
        images_in(stack, f"Images{number}", stream=stream, bucket=bucket, prefix=prefix)
    DriftMonitor(stack, "Drift")
    values = longest_values(stack)
    template = template_of(stack)
    for resource in resources_of(template, IMAGE_GENERATION).values():
        if isinstance(resource["Properties"]["StreamName"], dict):
            resource["Properties"]["StreamName"] = "n" * 256
    assert within_limits(template, values) == 40


def within_limits(template: dict[str, Any], values: dict[str, str]) -> int:
    """Check the limits of EventBridge, and return how many declarations there are in all inputs."""
    rules = [rule["Properties"] for rule in resources_of(template, RULE).values()]
    assert all(len(rule["Targets"]) <= 5 for rule in rules)
    assert all(len(json.dumps(rule["EventPattern"])) <= 4096 - 500 for rule in rules)
    inputs = inputs_of(template, values)
    assert max(map(len, inputs)) <= MAX_INPUT_CHARACTERS
    assert len(resources_of(template, "AWS::Lambda::Permission")) == len(rules)
    return sum(len(all_) for text in inputs for all_ in event_of(text)["Declarations"].values())


def declared_in(stack: Any) -> tuple[VideoStream, s3.IBucket]:
    return VideoStream(stack, "Stream"), s3.Bucket(stack, "Bucket")


def given_by(stack: Stack, text: Callable[[str], str]) -> tuple[Any, s3.IBucket]:
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", text("BucketName"))
    return VideoStream.from_stream_name(stack, "Stream", text("StreamName")), bucket


@pytest.mark.parametrize(
    ("place", "origin"),
    [
        (lambda app: Stack(app, "Cameras"), lambda stack: declared_in(Stack(stack.node.scope, "Storage"))),
        (
            lambda app: Stack(Stage(app, "Production"), "Cameras"),
            lambda stack: declared_in(Stack(stack.node.scope, "Storage")),
        ),
        (
            lambda app: NestedStack(Stack(app, "Parent"), "Nested"),
            lambda stack: declared_in(stack.nested_stack_parent),
        ),
        (lambda app: Stack(app, "Cameras"), lambda stack: given_by(stack, Fn.import_value)),
        (
            lambda app: Stack(app, "Cameras"),
            lambda stack: given_by(stack, lambda name: CfnParameter(stack, name).value_as_string),
        ),
    ],
    ids=["another stack", "another stack of a stage", "the parent", "exports", "parameters"],
)
def test_what_is_declared_elsewhere_is_referred_to_as_cdk_does_it(place: Any, origin: Any) -> None:
    app = App()
    stack = place(app)
    stream, bucket = origin(stack)
    interval = CfnParameter(stack, "Millis", type="Number").value_as_number
    DriftMonitor(stack, "Drift")
    images_in(stack, stream=stream, bucket=bucket, prefix="a<b>/", sampling_interval=Duration.millis(interval))
    assembly = app.synth()
    templates = {path.name: json.loads(path.read_text()) for path in Path(assembly.directory).rglob("*.template.json")}
    (template,) = (each for each in templates.values() if resources_of(each, RULE))
    for each in templates.values():
        assert dangling(each) == []
    # The custom resource and the monitor name the same bucket.
    uri = configuration_of(template)["DestinationConfig"]["Uri"]["Fn::Join"][1]
    (bucket_name,) = (part for part in uri if isinstance(part, dict))
    (target,) = drift_rule(template)["Targets"]
    assert bucket_name in target["InputTransformer"]["InputTemplate"]["Fn::Join"][1]


ANY_TEXT = 'a"b\\n\\<time>&>'


def test_a_value_with_any_character_is_the_same_in_the_input_and_in_the_custom_resource() -> None:
    stack = Stack(App(), "Cameras")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", f"b-{CfnParameter(stack, 'Part').value_as_string}")
    folder = CfnParameter(stack, "Folder").value_as_string
    mapping = CfnMapping(stack, "Folders", mapping={"of": {"prod": ANY_TEXT}})
    of_nested = Fn.join('<"', [Fn.select(0, Fn.split('"', folder)), Fn.sub('<a>"${Folder}')])
    for number, prefix in enumerate((folder, Fn.import_value("x"), mapping.find_in_map("of", "prod"), of_nested)):
        stream = VideoStream(stack, f"Stream{number}")
        images_in(stack, f"Images{number}", stream=stream, bucket=bucket, prefix=f"{prefix}/<a>\\/")
    DriftMonitor(stack, "Drift")
    template = template_of(stack)
    resources = resources_of(template, IMAGE_GENERATION)
    described = {
        "StackId": "arn:aws:cloudformation:eu-west-1:111122223333:stack/Cameras/1",
        "StackName": "Cameras",
        "Parameters": [{"ParameterKey": name, "ParameterValue": ANY_TEXT} for name in ("Folder", "Part")],
    }
    rows = [{"LogicalResourceId": name, "PhysicalResourceId": arn(name)} for name in resources]
    values = Values(template, described, rows, lambda: {"x": ANY_TEXT}, lambda _: {})
    (target,) = drift_rule(template)["Targets"]
    event = event_of(values.resolve(target["InputTransformer"]["InputTemplate"]))
    found = {
        each["StreamARN"]: each["ImageGenerationConfiguration"] for each in event["Declarations"][IMAGE_GENERATION]
    }
    assert found == {
        arn(name): values.resolve(each["Properties"]["ImageGenerationConfiguration"])
        for name, each in resources.items()
    }


def dangling(template: dict[str, Any]) -> list[str]:
    """The dangling references of a template, which CloudFormation refuses."""
    names = {*template["Resources"], *template.get("Parameters", {})}
    text = json.dumps(template)
    referred = re.findall(r'\{"Ref": "([^"]+)"\}', text) + re.findall(r'\{"Fn::GetAtt": \["([^"]+)"', text)
    return sorted({name for name in referred if name not in names and not name.startswith("AWS::")})


def test_a_monitor_of_nothing_is_warned_of_and_its_alarm_adds_no_warning() -> None:
    stack = Stack(App(), "Cameras")
    DriftMonitor(stack, "Drift").alarm("Alarm")
    (warning,) = messages_of(stack, "warning")
    assert warning.startswith("nothing is declared that could drift, declare an ImageGeneration in this stack")
    assert resources_of(template_of(stack), RULE) == {}


def test_a_role_that_takes_no_policy_is_left_as_it_is_without_a_listener(stack: Stack) -> None:
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/theirs")
    ConfigurationFunction(stack, role=role)
    images_in(stack)
    DriftMonitor(stack, "Drift")
    arn = drift_rule(template_of(stack))["EventPattern"]["$or"][1]["detail"]["userIdentity"]["sessionContext"]
    assert arn["sessionIssuer"]["arn"] == [{"anything-but": ["arn:aws:iam::111122223333:role/theirs"]}]


def test_images_of_another_stack_are_refused(stack: Stack) -> None:
    images = images_in(Stack(App(), "Other"))
    with fails_with(
        "`images` has 'Other/Images' of another stack, which has a function of its own, define a DriftMonitor there"
    ):
        DriftMonitor(stack, "Drift", images=[images])
