"""The function of a stack that finds out why no image arrives when an alarm goes off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from cdk_kinesis_video import ImageGeneration, VideoStream
from kinesis_video_doctor import doctor_policy
from tests.templates import resolve

from .conftest import ENVIRONMENT, fails_with, images_in, role_in
from .synthesis import files_that_import, messages_of, resources_of, template_of

Template = dict[str, Any]

FUNCTION, PERMISSION, RULE = "AWS::Lambda::Function", "AWS::Lambda::Permission", "AWS::Events::Rule"


def camera(
    scope: Stack, name: str, topic: sns.ITopic, stream: VideoStream | None = None, **options: Any
) -> ImageGeneration:
    """Declare a camera whose images are diagnosed when an alarm goes off."""
    stream = stream or VideoStream(scope, f"{name}Stream", stream_name=name.lower())
    images = images_in(scope, name, stream=stream, bucket=s3.Bucket(scope, f"{name}Bucket"))
    images.count_by_request_metrics()
    images.diagnose_on("Diagnosis", alarm=images.alarm_on_missing_images("Missing"), topic=topic, **options)
    return images


@pytest.fixture(scope="module")
def synthesised() -> tuple[Template, Path]:
    app = App()
    stack = Stack(app, "Cameras")
    topic = sns.Topic(stack, "Verdicts")
    camera(stack, "Front", topic)
    camera(stack, "Back", topic)
    assembly = app.synth()
    return assembly.get_stack_by_name("Cameras").template, Path(assembly.directory)


@pytest.fixture(scope="module")
def template(synthesised: tuple[Template, Path]) -> Template:
    return synthesised[0]


def doctor_of(template: Template) -> tuple[str, Any]:
    """The logical id and the properties of the doctor's function."""
    functions = {name: f["Properties"] for name, f in resources_of(template, FUNCTION).items()}
    (found,) = ((n, f) for n, f in functions.items() if f["Handler"] == "kinesis_video_doctor.entry.handler")
    return found


def permissions_of(template: Template, whose: str) -> dict[str, list[Any]]:
    """The resources that a role is allowed to use, by the actions."""
    roles, policies = (resources_of(template, f"AWS::IAM::{kind}") for kind in ("Role", "Policy"))
    documents = [p for name, role in roles.items() if whose in name for p in role["Properties"].get("Policies", [])]
    documents += [policy["Properties"] for name, policy in policies.items() if whose in name]
    permissions: dict[str, list[Any]] = {}
    for statement in [s for document in documents for s in document["PolicyDocument"]["Statement"]]:
        assert statement["Effect"] == "Allow"
        for action in as_list(statement["Action"]):
            permissions.setdefault(action, []).extend(as_list(statement["Resource"]))
    return permissions


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_a_stack_has_one_function_for_all_its_alarms_with_a_role_and_a_log_of_its_own(template: Template) -> None:
    _, properties = doctor_of(template)
    assert properties["Role"]["Fn::GetAtt"][0].startswith("CdkKinesisVideoDoctorRole")
    assert properties["LoggingConfig"]["LogGroup"]["Ref"].startswith("CdkKinesisVideoDoctorLogs")
    logs = template["Resources"][properties["LoggingConfig"]["LogGroup"]["Ref"]]
    assert (logs["Properties"]["RetentionInDays"], logs["DeletionPolicy"]) == (30, "Delete")


def test_each_alarm_runs_it_for_its_own_stream(template: Template) -> None:
    function = {"Fn::GetAtt": [doctor_of(template)[0], "Arn"]}
    rules = resources_of(template, RULE)
    assert len(rules) == 2
    for name, rule in rules.items():
        stream = "Front" if "Front" in name else "Back"
        pattern = rule["Properties"]["EventPattern"]
        (alarm,) = pattern.pop("resources")
        assert pattern == {
            "account": [{"Ref": "AWS::AccountId"}],
            "source": ["aws.cloudwatch"],
            "detail-type": ["CloudWatch Alarm State Change"],
            "detail": {"state": {"value": ["ALARM"]}},
        }
        assert alarm["Fn::GetAtt"][0].startswith(f"{stream}Missing")
        (target,) = rule["Properties"]["Targets"]
        assert target["Arn"] == function
        text = resolve(target["InputTransformer"]["InputTemplate"], lambda name, _: f"${{{name}}}", {})
        event = json.loads(text.replace("<alarm>", '"alarm"'))
        assert event["StreamARN"].startswith(f"${{{stream}Stream")
        assert event["StreamARN"].endswith("ImageGeneration}")
        assert event["TopicArn"].startswith("${Verdicts")
        assert "Producer" not in event
    allowed = {json.dumps(p["Properties"]["SourceArn"]) for p in resources_of(template, PERMISSION).values()}
    assert allowed == {json.dumps({"Fn::GetAtt": [name, "Arn"]}) for name in rules}


def test_lambda_reports_to_the_first_topic_what_it_gives_up(template: Template) -> None:
    (config,) = resources_of(template, "AWS::Lambda::EventInvokeConfig").values()
    (topic,) = resources_of(template, "AWS::SNS::Topic")
    assert config["Properties"]["DestinationConfig"] == {"OnFailure": {"Destination": {"Ref": topic}}}
    assert config["Properties"]["Qualifier"] == "$LATEST"
    # Lambda checks that the role is allowed to publish.
    assert {name.startswith("CdkKinesisVideoDoctorRole") for name in config["DependsOn"]} == {True}
    assert any("Policy" in name for name in config["DependsOn"])


def test_it_may_do_what_the_checks_call_and_publish(template: Template) -> None:
    checks = {action for statement in doctor_policy()["Statement"] for action in statement["Action"]}
    allowed = permissions_of(template, "CdkKinesisVideoDoctor")
    assert set(allowed) == checks - {"kms:Decrypt"} | {"logs:CreateLogStream", "logs:PutLogEvents", "sns:Publish"}
    assert {action for action, resource in allowed.items() if "*" in resource} == {
        "cloudtrail:LookupEvents",
        "cloudwatch:GetMetricData",
        "kinesisvideo:ListStreams",
    }
    # Only the two streams and buckets of this stack.
    assert [arn["Fn::GetAtt"][0][:10] for arn in allowed["s3:ListBucket"]] == ["FrontBucke", "BackBucket"]
    assert [arn["Fn::GetAtt"][0][:10] for arn in allowed["kinesisvideo:ListFragments"]] == [
        "FrontStrea",
        "BackStream",
    ]
    assert allowed["sns:Publish"] == [{"Ref": next(iter(resources_of(template, "AWS::SNS::Topic")))}]


def test_the_function_behind_the_custom_resources_gets_none_of_its_permissions(template: Template) -> None:
    allowed = permissions_of(template, "CdkKinesisVideoRole")
    assert not {action for action in allowed if action.partition(":")[0] in ("iam", "s3", "kms", "sns", "cloudtrail")}
    assert "kinesisvideo:ListFragments" not in allowed


def test_a_producer_that_is_given_is_the_only_one_whose_policies_it_may_read(stack: Stack) -> None:
    camera(stack, "Front", sns.Topic(stack, "Verdicts"), producer=role_in(stack, "Producer"))
    template = template_of(stack)
    (role,) = (name for name in resources_of(template, "AWS::IAM::Role") if name.startswith("Producer"))
    arn = {"Fn::GetAtt": [role, "Arn"]}
    assert permissions_of(template, "CdkKinesisVideoDoctor")["iam:SimulatePrincipalPolicy"] == [arn]
    (rule,) = resources_of(template, RULE).values()
    assert arn in rule["Properties"]["Targets"][0]["InputTransformer"]["InputTemplate"]["Fn::Join"][1]


def test_keys_of_the_app_let_it_read_the_video_and_publish(stack: Stack) -> None:
    topic = sns.Topic(stack, "Verdicts", master_key=kms.Key(stack, "TopicKey"))
    camera(stack, "Front", topic, VideoStream(stack, "Stream", encryption_key=kms.Key(stack, "VideoKey")))
    permissions = permissions_of(template_of(stack), "CdkKinesisVideoDoctor")
    assert "VideoKey" in json.dumps(permissions["kms:Decrypt"])
    assert "TopicKey" in json.dumps(permissions["kms:GenerateDataKey"])
    assert not [message for message in messages_of(stack, "warning") if "no-uploader" not in message]


def test_the_alarm_may_be_any_of_the_region(stack: Stack) -> None:
    images = camera(stack, "Front", sns.Topic(stack, "Verdicts"))
    composite = cloudwatch.CompositeAlarm(stack, "Any", alarm_rule=cloudwatch.AlarmRule.from_boolean(False))
    imported = cloudwatch.Alarm.from_alarm_arn(stack, "Its", "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:its")
    topic = sns.Topic.from_topic_arn(stack, "Other", "arn:aws:sns:eu-west-1:111122223333:other")
    first = images.diagnose_on("OnAny", alarm=composite, topic=topic)
    assert images.diagnose_on("OnIts", alarm=imported, topic=topic) is first
    assert len(resources_of(template_of(stack), RULE)) == 3


def test_fails_on_an_alarm_of_another_region() -> None:
    app = App()
    stack = Stack(app, "Cameras", env=ENVIRONMENT)
    elsewhere = Stack(app, "Elsewhere", env=Environment(account=ENVIRONMENT.account, region="us-east-1"))
    alarm = cloudwatch.CompositeAlarm(elsewhere, "Any", alarm_rule=cloudwatch.AlarmRule.from_boolean(False))
    with fails_with(
        "`alarm` 'Elsewhere/Any' is in us-east-1 and this stack in eu-west-1, its events reach rules of its own Region "
        "only, use an alarm in eu-west-1"
    ):
        images_in(stack).diagnose_on("Diagnosis", alarm=alarm, topic=sns.Topic(stack, "Verdicts"))


def test_its_code_is_what_it_imports_and_runs_without_any_other_package(synthesised: tuple[Template, Path]) -> None:
    packages = {f"kinesis_video_{name}" for name in ("configuration", "contract", "doctor", "images", "matroska")}
    assets = [path for path in synthesised[1].glob("asset.*") if (path / "kinesis_video_doctor").is_dir()]
    assert len(assets) == 1
    assert {path.name for path in assets[0].iterdir()} == packages
    assert set(files_that_import(assets[0])) == {path for path in assets[0].rglob("*") if path.is_file()}
