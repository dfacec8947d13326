# pyright: strict, reportArgumentType=true
"""An app that calls every method, and gives each parameter what people give it.

Pyright checks its types, and `make oldest` synthesises it: whatever the library calls of aws-cdk-lib is called here.

To pyright, aws-cdk-lib's own classes don't fit its own interfaces, since their methods name their parameters otherwise.
So where aws-cdk-lib is called here, a cast says what it is; where this library is called, none is needed.
"""

from __future__ import annotations

from typing import cast

from aws_cdk import App, CfnParameter, Duration, Environment, Fn, Mixins, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisvideo as kinesisvideo
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
    ImageFormat,
    ImageGeneration,
    ImagesLayer,
    IVideoStream,
    StorageTier,
    StreamDashboard,
    StreamFleet,
    VideoStream,
)

app = App()
environment = Environment(account="111122223333", region="eu-west-1")
stack, other = Stack(app, "Typed", env=environment), Stack(app, "Other", env=environment)
key = kms.Key(stack, "Key")
bucket = s3.Bucket(stack, "Bucket")
topic = sns.Topic(stack, "Topic")
role = iam.Role(stack, "Role", assumed_by=cast("iam.IPrincipal", iam.ServicePrincipal("ec2.amazonaws.com")))
statement = iam.PolicyStatement(actions=["s3:ListAllMyBuckets"], resources=["*"])
iam.ManagedPolicy(role, "Lists", statements=[statement], roles=[cast("iam.IRole", role)])
user, group = iam.User(stack, "User"), iam.Group(stack, "Users")
service = cast("iam.IGrantable", iam.ServicePrincipal("rekognition.amazonaws.com"))
queue = sqs.Queue(stack, "Queue")
code = lambda_.Code.from_inline("def handler(event, context): ...")
function = lambda_.Function(stack, "Function", runtime=lambda_.Runtime.PYTHON_3_13, handler="index.handler", code=code)
as_function, as_topic = cast("lambda_.IFunction", function), cast("sns.ITopic", topic)

isolated = ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
vpc = ec2.Vpc(stack, "Vpc", nat_gateways=0, subnet_configuration=[isolated])
vpc.add_gateway_endpoint("S3", service=cast("ec2.IGatewayVpcEndpointService", ec2.GatewayVpcEndpointAwsService.S3))
configuration = ConfigurationFunction(
    stack,
    vpc=vpc,
    security_groups=[ec2.SecurityGroup(stack, "Group", vpc=cast("ec2.IVpc", vpc))],
    role=iam.Role(stack, "OfFunction", assumed_by=cast("iam.IPrincipal", iam.ServicePrincipal("lambda.amazonaws.com"))),
    log_group=logs.LogGroup(stack, "Log", encryption_key=cast("kms.IKey", key)),
    reserved_concurrent_executions=5,
)
configuration.connections.allow_to_any_ipv4(ec2.Port.tcp(443))
ConfigurationFunction(other, vpc=ec2.Vpc(other, "Vpc")).log_group.grant_write(iam.User(other, "User"))
stream = VideoStream(
    stack,
    "Stream",
    stream_name="yard",
    encryption_key=key,
    data_retention=Duration.days(1),
    storage_tier=StorageTier.WARM,
)
stream.grant_put_media(role)
stream.grant_read(user)
stream.grant(group, "kinesisvideo:TagStream")
stream.metric_put_media_requests()
stream.metric("GetMedia.Requests")
images = ImageGeneration(stack, "Images", stream=stream, bucket=bucket, prefix=DestinationPath("/yard"))
images.grant_put_media(role).apply_before(queue)
images.grant_put_media(user)
images.grant_put_media(iam.AccountPrincipal("111122223333"))
images.grant_read_images(function).combine(images.grant_read_images(service))
images.on_image_delivered("OnQueue", target=targets.SqsQueue(queue))
images.on_image_delivered("OnFunction", target=targets.LambdaFunction(as_function))
images.on_image_delivered("OnTopic", target=targets.SnsTopic(as_topic))
images.add_image_notification(notifications.LambdaDestination(as_function), suffix=".jpg")
images.add_image_notification(notifications.SqsDestination(queue), suffix=".png")
images.add_image_notification(notifications.SnsDestination(as_topic), suffix=".gif")
images.count_by_request_metrics()
images.metric_images_delivered()
images.metric_images_missing()
alarm = images.alarm_on_missing_images("Missing", period=Duration.minutes(5))
images.diagnose_on("Diagnosis", alarm=alarm, topic=topic, producer=role)
images.diagnose_on("OnAll", alarm=cloudwatch.CompositeAlarm(stack, "All", alarm_rule=alarm), topic=topic)
imported: IVideoStream = VideoStream.from_stream_name(stack, "Imported", "lobby", encryption_key=key)
lobby = ImageGeneration(stack, "Lobby", stream=imported, bucket=bucket, prefix="lobby")
lobby.grant_put_media(role, by_thing_name=True)
FragmentNotification(stack, "Notification", stream=imported, topic=topic).grant_put_media(role, by_thing_name=True)
theirs = "arn:aws:kinesisvideo:us-east-1:444455556666:stream/theirs/1690707290324"
VideoStream.from_stream_arn(stack, "Theirs", theirs).metric_put_media_active_connections()
VideoStream.from_stream_arn(stack, "ByToken", CfnParameter(stack, "Arn").value_as_string)
exported = VideoStream.from_stream_arn(stack, "Exported", Fn.import_value("stream"))
ImageGeneration(stack, "ExportedImages", stream=exported, bucket=bucket, prefix="exported", format=ImageFormat.png())
gate = kinesisvideo.CfnStream(stack, "Gate", data_retention_in_hours=24, kms_key_id=key.key_arn)
ImageGeneration(stack, "GateImages", stream=gate, bucket=bucket, prefix="gate").grant_put_media(role)
VideoStream(stack, "Porch", stream_name="porch")
Mixins.of(stack).apply(ImageDelivery(bucket=bucket, producer=role, format=ImageFormat.jpeg(quality=80)))
fleet = StreamFleet(stack, "Fleet", name_prefix="cam-", bucket=bucket)
fleet.grant_put_media(role)
fleet.metric("StreamsSet")
fleet.metric_failed()
fleet.alarm("FleetAlarm")
fleet.dashboard("FleetDashboard")
drift = DriftMonitor(stack, "Drift", images=[images])
drift.on_drift("OnDrift", target=targets.SnsTopic(as_topic))
drift.metric_drifted()
drift.metric_not_compared()
drift.alarm("Drifted")
StreamDashboard(stack, "Dashboard", streams=[stream], images=[images])
ImagesLayer(stack, "Layer")

app.synth()
