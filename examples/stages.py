"""A stage with two stacks, deployed twice: by hand for development, and by a pipeline for production."""

from __future__ import annotations

from aws_cdk import App, Duration, Stack, Stage, pipelines
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_kinesis_video import ImageGeneration, VideoStream


class Storage(Stack):
    """The bucket, which outlives the cameras."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Images",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(90))],
        )


class Cameras(Stack):
    """The cameras of a site."""

    def __init__(self, scope: Construct, construct_id: str, *, bucket: s3.IBucket) -> None:
        super().__init__(scope, construct_id)
        for name in ("gate", "lobby"):
            stream = VideoStream(self, f"{name}-stream")
            images = ImageGeneration(self, f"{name}-images", stream=stream, bucket=bucket, prefix=f"{name}/")
            images.grant_put_media(iam.Role(self, f"{name}-producer", assumed_by=iam.AccountRootPrincipal()))


class Site(Stage):
    """All that one environment needs."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        storage = Storage(self, "Storage")
        Cameras(self, "Cameras", bucket=storage.bucket)


class Delivery(Stack):
    """The pipeline, which deploys production at each push."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        connection = self.format_arn(
            service="codestar-connections", resource="connection", resource_name="your-connection"
        )
        source = pipelines.CodePipelineSource.connection("your/repository", "main", connection_arn=connection)
        pipeline = pipelines.CodePipeline(
            self,
            "Pipeline",
            pipeline_type=codepipeline.PipelineType.V2,
            synth=pipelines.ShellStep(
                "Synth", input=source, commands=["pip install -r requirements.txt", "npx cdk synth"]
            ),
        )
        pipeline.add_stage(Site(self, "Production"))


app = App()
Site(app, "Development")
Delivery(app, "Delivery")
app.synth()
