# pyright: strict, reportArgumentType=true
"""An app that gives each parameter what people give it, for pyright.

To pyright, aws-cdk-lib's own classes don't fit its own interfaces, since their methods name their parameters otherwise.
So where aws-cdk-lib is called here, a cast says what it is; where this library is called, none is needed.
"""

from __future__ import annotations

from typing import cast

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_kinesis_video import (
    ConfigurationFunction,
    DestinationPath,
    DriftMonitor,
    FragmentNotification,
    ImageDelivery,
    ImageGeneration,
    StreamDashboard,
    StreamFleet,
    VideoStream,
)

stack = Stack(App(), "Typed")
key = kms.Key(stack, "Key")
bucket = s3.Bucket(stack, "Bucket")
topic = sns.Topic(stack, "Topic")
role = iam.Role(stack, "Role", assumed_by=cast("iam.IPrincipal", iam.ServicePrincipal("ec2.amazonaws.com")))
user = iam.User(stack, "User")
queue = sqs.Queue(stack, "Queue")
code = lambda_.Code.from_inline("def handler(event, context): ...")
function = lambda_.Function(stack, "Function", runtime=lambda_.Runtime.PYTHON_3_13, handler="index.handler", code=code)
as_function, as_topic = cast("lambda_.IFunction", function), cast("sns.ITopic", topic)

ConfigurationFunction(
    stack,
    vpc=ec2.Vpc(stack, "Vpc"),
    role=iam.Role(stack, "OfFunction", assumed_by=cast("iam.IPrincipal", iam.ServicePrincipal("lambda.amazonaws.com"))),
    log_group=logs.LogGroup(stack, "Log", encryption_key=cast("kms.IKey", key)),
)
stream = VideoStream(stack, "Stream", stream_name="yard", encryption_key=key, data_retention=Duration.days(1))
stream.grant_put_media(role)
stream.grant_read(user)
images = ImageGeneration(stack, "Images", stream=stream, bucket=bucket, prefix=DestinationPath("/yard"))
images.grant_put_media(role)
images.grant_put_media(user)
images.grant_put_media(iam.AccountPrincipal("111122223333"))
images.grant_read_images(function)
images.on_image_delivered("OnQueue", target=targets.SqsQueue(queue))
images.on_image_delivered("OnFunction", target=targets.LambdaFunction(as_function))
images.on_image_delivered("OnTopic", target=targets.SnsTopic(as_topic))
images.add_image_notification(notifications.LambdaDestination(as_function), suffix=".jpg")
images.add_image_notification(notifications.SqsDestination(queue), suffix=".png")
images.add_image_notification(notifications.SnsDestination(as_topic), suffix=".gif")
alarm = images.alarm_on_missing_images("Missing", period=Duration.minutes(5))
images.diagnose_on("Diagnosis", alarm=alarm, topic=topic, producer=role)
images.diagnose_on("OnAll", alarm=cloudwatch.CompositeAlarm(stack, "All", alarm_rule=alarm), topic=topic)
imported = VideoStream.from_stream_name(stack, "Imported", "lobby", encryption_key=key)
FragmentNotification(stack, "Notification", stream=imported, topic=topic).grant_put_media(role)
ImageDelivery(bucket=bucket, producer=role)
fleet = StreamFleet(stack, "Fleet", name_prefix="cam-", bucket=bucket)
fleet.grant_put_media(role)
DriftMonitor(stack, "Drift").on_drift("OnDrift", target=targets.SnsTopic(as_topic))
StreamDashboard(stack, "Dashboard", streams=[stream], images=[images])
