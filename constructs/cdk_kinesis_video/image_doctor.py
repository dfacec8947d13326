"""The function of a stack that finds out why no image arrives when an alarm goes off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from kinesis_video_contract.doctor import (
    ACTIONS_WITHOUT_RESOURCE,
    KEY_ACTIONS,
    PRODUCER_ACTIONS,
    READ_KEY_ACTIONS,
    STREAM_ACTIONS,
)

from ._function import FunctionOfStack, define_function, define_log_group, log_statement
from ._grants import (
    PUBLISH_KEY_ACTIONS,
    Statement,
    grant,
    grant_on_key,
    grant_with_policy,
    stream_arn,
)
from ._jsii import region_of, stack_of
from ._stream_configuration import provider_of
from ._streams import key_of
from ._validation import check_type, has, is_known

DOCTOR_ID = "CdkKinesisVideoDoctor"
"""The id of the function in its stack."""

DOCTOR_PACKAGE = "kinesis_video_doctor"
PACKAGES = (
    "kinesis_video_configuration",
    "kinesis_video_contract.configurations",
    "kinesis_video_contract.doctor",
    DOCTOR_PACKAGE,
    "kinesis_video_images",
    "kinesis_video_matroska",
)
"""The packages of the function's code."""

# The checks take seconds, and at most two minutes if services don't answer; then the message is published.
TIMEOUT_SECONDS = 180


class ImageDoctor(FunctionOfStack):
    """The Lambda function of a stack that runs the checks of ``kinesis-video doctor`` and publishes the verdict.

    A stack has one for all its alarms, which `ImageGeneration.diagnose_on` defines with the first of them. It only
    reads and publishes. It has its own role.

    Parameters
    ----------
    stack
        The stack whose function it is.
    """

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack, DOCTOR_ID)
        log_group_name, log_group_arn = define_log_group(self)
        self._role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        for statement in (
            log_statement(log_group_arn),
            # These actions support no resources.
            iam.PolicyStatement(actions=list(ACTIONS_WITHOUT_RESOURCE), resources=["*"]),
            iam.PolicyStatement(
                actions=list(KEY_ACTIONS),
                # The stream's description and the bucket's encryption name the keys at run time; a different key can be
                # the cause.
                resources=[stack.format_arn(service="kms", resource="key", resource_name="*")],
            ),
        ):
            self._role.add_to_policy(statement)
        function, self._function_arn = define_function(
            self,
            PACKAGES,
            log_group_name,
            {
                "Description": "Finds out why no image arrives when an alarm of this stack goes off",
                # The newest fragments of the video, of up to 20 MB.
                "MemorySize": 512,
                "Runtime": provider_of(stack, self).runtime_name,
                "Timeout": TIMEOUT_SECONDS,
                "Role": self._role.role_arn,
                "Handler": f"{DOCTOR_PACKAGE}.entry.handler",
            },
        )
        function.node.add_dependency(self._role)

    def _report_failures_to(self, topic: sns.ITopic | sns.Topic) -> None:
        """Make Lambda report a function that runs out of memory or time. A function has only one such destination."""
        if self.node.try_find_child("OnFailure"):
            return
        config = CfnResource(
            self,
            "OnFailure",
            type="AWS::Lambda::EventInvokeConfig",
            properties={
                "FunctionName": self.function_name,
                "Qualifier": "$LATEST",
                "DestinationConfig": {"OnFailure": {"Destination": topic.topic_arn}},
            },
        )
        # Lambda checks whether the role is allowed to publish.
        config.node.add_dependency(self._role)

    def may_examine(self, scope: Construct, stream: IStreamRef, producer: iam.IRole | iam.Role | None) -> None:
        """Allow the calls of the checks for a stream and its producer; the bucket is allowed separately."""
        grant(scope, self._role, Statement(STREAM_ACTIONS, (stream_arn(stream),)))
        grant_on_key(scope, self._role, READ_KEY_ACTIONS, key_of(scope, stream))
        producers = [producer.role_arn] if producer else _anybody(stack_of(scope))
        grant(scope, self._role, Statement(PRODUCER_ACTIONS, producers))

    def examine_on(
        self,
        scope: Construct,
        alarm: cloudwatch.IAlarm,
        topic: sns.ITopic | sns.Topic,
        event: Mapping[str, str],
    ) -> None:
        """Examine a stream when an alarm goes off, and publish to a topic.

        `event` is further input of the function: the ARN of the stream, and its producer and its rule if known.
        """
        publish = Statement(("sns:Publish",), (topic.topic_arn,))
        grant_with_policy(scope, self._role, publish, topic, topic.topic_name)
        grant_on_key(scope, self._role, PUBLISH_KEY_ACTIONS, topic.master_key)
        self._report_failures_to(topic)
        event = {**event, "TopicArn": topic.topic_arn}
        # The alarm's name is inserted with its quotation marks, and no ARN has a character that JSON escapes.
        template = "".join(["{", '"Alarm":<alarm>', *(f',"{name}":"{arn}"' for name, arn in event.items()), "}"])
        rule = events.CfnRule(
            scope,
            "Rule",
            description="Has the stream's images diagnosed when the alarm goes off",
            event_pattern={
                # Other accounts may send events to the bus, too.
                "account": [alarm.env.account],
                "source": ["aws.cloudwatch"],
                "detail-type": ["CloudWatch Alarm State Change"],
                "resources": [alarm.alarm_arn],
                "detail": {"state": {"value": ["ALARM"]}},
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="Doctor",
                    arn=self._function_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map={"alarm": "$.detail.alarmName"}, input_template=template
                    ),
                )
            ],
        )
        # The class of aws_lambda would import that module.
        CfnResource(
            scope,
            "Permission",
            type="AWS::Lambda::Permission",
            properties={
                "Action": "lambda:InvokeFunction",
                "FunctionName": self._function_arn,
                "Principal": "events.amazonaws.com",
                "SourceArn": rule.attr_arn,
            },
        )


def doctor_of(stack: Stack) -> ImageDoctor:
    """Find the function of a stack, or define it."""
    found = stack.node.try_find_child(DOCTOR_ID)
    return found if isinstance(found, ImageDoctor) else ImageDoctor(stack)


def check_alarm(alarm: Any, stack: Stack) -> None:
    """Check an alarm: its events must reach a rule of the stack."""
    check_type("alarm", alarm, has(alarm, "alarm_arn"), "an alarm such as cloudwatch.Alarm")
    here, there = region_of(stack), alarm.env.region
    if is_known(here) and is_known(there) and here != there:
        raise ValueError(
            f"`alarm` {alarm.node.path!r} is in {there} and this stack in {here}, its events reach rules of its own "
            f"Region only, use an alarm in {here}"
        )


def _anybody(stack: Stack) -> list[str]:
    # The checks find out who calls PutMedia.
    return [stack.format_arn(service="iam", region="", resource=kind, resource_name="*") for kind in ("role", "user")]
