"""The stack that the checks deploy. Everything that they create is in it, and is removed with it."""

from __future__ import annotations

from aws_cdk import App, CfnOutput, CfnResource, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_kinesis_video import ImageGeneration, VideoStream

from . import STACK


def build(scope: Construct) -> None:
    """Declare a stream with images, a scratch stream for other configurations, their producers and a bucket."""
    bucket = s3.Bucket(
        scope,
        "Bucket",
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        removal_policy=RemovalPolicy.DESTROY,
        # The images expire even if the stack can't be removed.
        lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(1))],
    )
    CfnOutput(scope, "BucketName", value=bucket.bucket_name)

    declared, producer = _stream(scope, "Declared")
    interval = Duration.seconds(1)
    images = ImageGeneration(
        scope, "Images", stream=declared, bucket=bucket, prefix="declared/", sampling_interval=interval
    )
    images.grant_put_media(producer)
    for construct in scope.node.find_all():
        if isinstance(construct, CfnResource) and construct.cfn_resource_type == "AWS::Lambda::Function":
            # Lambda then logs how long the function takes to start.
            construct.add_property_override("LoggingConfig.SystemLogLevel", "INFO")
    CfnOutput(scope, "Verified", value=images.verified)

    scratch, producer = _stream(scope, "Scratch")
    scratch.grant_put_media(producer)
    bucket.grant_put(producer)


def _stream(scope: Construct, name: str) -> tuple[VideoStream, iam.Role]:
    destroy = RemovalPolicy.DESTROY
    stream = VideoStream(scope, f"{name}Stream", data_retention=Duration.hours(1), removal_policy=destroy)
    producer = iam.Role(scope, f"{name}Producer", assumed_by=iam.AccountRootPrincipal())
    CfnOutput(scope, f"{name}StreamName", value=stream.stream_name)
    CfnOutput(scope, f"{name}ProducerArn", value=producer.role_arn)
    return stream, producer


if __name__ == "__main__":
    app = App()
    # With an explicit environment, the CDK CLI refuses the credentials of any other account.
    account, region = app.node.get_context("account"), app.node.get_context("region")
    build(Stack(app, STACK, env=Environment(account=account, region=region)))
    app.synth()
