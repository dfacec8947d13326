"""One bucket for the images of several stacks. It outlives each of them, so it has a stack of its own."""

from __future__ import annotations

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_kinesis_video import ImageGeneration, VideoStream


class Storage(Stack):
    """The bucket."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Images",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(90))],
        )


class Shop(Stack):
    """A shop's camera."""

    def __init__(self, scope: Construct, construct_id: str, *, images: s3.IBucket) -> None:
        super().__init__(scope, construct_id)
        stream = VideoStream(self, "Camera")
        generation = ImageGeneration(self, "Images", stream=stream, bucket=images, prefix=f"{construct_id}/")
        # Each shop's role reaches its own stream and its own part of the bucket.
        generation.grant_put_media(iam.Role(self, "Producer", assumed_by=iam.AccountRootPrincipal()))


app = App()
storage = Storage(app, "Storage")
Shop(app, "ShopBerlin", images=storage.bucket)
Shop(app, "ShopLisbon", images=storage.bucket)
app.synth()
