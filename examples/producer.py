"""A producer that is allowed to write images: an IoT thing, with credentials from an IoT role alias.

AWS's sample policy for devices allows sending video, but not writing to the bucket, so no image arrives. Here each
thing is allowed both, for the stream and the images with its name only.
"""

from __future__ import annotations

from aws_cdk import App, CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_kinesis_video import FragmentNotification, ImageGeneration, VideoStream

THINGS = ("dock-1", "dock-2")


class Docks(Stack):
    """The things, their role, and a stream for each."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        key = kms.Key(self, "Key", enable_key_rotation=True)
        bucket = s3.Bucket(
            self,
            "Bucket",
            encryption_key=key,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(30))],
        )
        arrivals = sns.Topic(self, "Arrivals", master_key=key, enforce_ssl=True)
        role = iam.Role(self, "Producer", assumed_by=iam.ServicePrincipal("credentials.iot.amazonaws.com"))
        for thing in THINGS:
            iot.CfnThing(self, f"Thing-{thing}", thing_name=thing)
            stream = VideoStream(self, thing, stream_name=thing, encryption_key=key)
            images = ImageGeneration(self, f"Images-{thing}", stream=stream, bucket=bucket, prefix=f"docks/{thing}")
            # The policy contains ${credentials-iot:ThingName}, so it doesn't grow with the number of things.
            images.grant_put_media(role, by_thing_name=True)
            notification = FragmentNotification(self, f"Arrivals-{thing}", stream=stream, topic=arrivals)
            notification.grant_put_media(role, by_thing_name=True)
        alias = iot.CfnRoleAlias(self, "RoleAlias", role_arn=role.role_arn)
        # Allows a thing's certificate to get the role's credentials.
        iot.CfnPolicy(
            self,
            "MayGetCredentials",
            policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "iot:AssumeRoleWithCertificate",
                        "Resource": alias.attr_role_alias_arn,
                    }
                ],
            },
        )
        CfnOutput(self, "RoleAliasName", value=alias.ref)


app = App()
Docks(app, "Docks")
app.synth()
