"""The one Lambda function of a stack that stands behind all of this library's custom resources in it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from weakref import WeakKeyDictionary

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

PROVIDER_ID = "CdkKinesisVideo"
"""The id of the provider in its stack. Another id would be another function, and CloudFormation refuses to change the
service token of a custom resource."""

HANDLER_PACKAGE = "kinesis_video_handler"
PACKAGES = ("kinesis_video_configuration", HANDLER_PACKAGE)
"""What the function's code is."""

# What the function does with its time is in kinesis_video_configuration/timing.py. Lambda repeats an invocation that
# raised after 1 minute and again after 2. CloudFormation waits for all of that, and a little for Lambda's queue:
# 3 x 180 s + 60 s + 120 s + 180 s = 900 s.
FUNCTION_TIMEOUT = Duration.seconds(180)
SERVICE_TIMEOUT_SECONDS = 900

# All of them in every stack, whatever it declares: rights that went away with the last notification of a stack would
# be gone before CloudFormation has the function delete that notification.
ACTIONS = (
    "kinesisvideo:DescribeImageGenerationConfiguration",
    "kinesisvideo:DescribeNotificationConfiguration",
    # Resolves the name of an imported stream to its ARN.
    "kinesisvideo:DescribeStream",
    "kinesisvideo:UpdateImageGenerationConfiguration",
    "kinesisvideo:UpdateNotificationConfiguration",
)


class Provider(Construct):
    """Define the function, its role and its log group. Use `provider_of` instead: a stack has one of them."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack, PROVIDER_ID)
        log_group = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            # Inline, so that the rights exist before the function and until the last custom resource is deleted.
            inline_policies={"KinesisVideo": iam.PolicyDocument(statements=_statements(stack, log_group))},
        )
        function = lambda_.Function(
            self,
            "Function",
            description="Configures Kinesis video streams for the custom resources of this stack",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=256,
            timeout=FUNCTION_TIMEOUT,
            role=role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            handler=f"{HANDLER_PACKAGE}.entry.handler",
            code=_handler_code(),
        )
        self.service_token = function.function_arn
        """The ARN of the function that CloudFormation invokes."""


# Asking the stack for its child takes round trips to CDK's process, for every stream.
_providers: WeakKeyDictionary[Stack, Provider] = WeakKeyDictionary()


def provider_of(stack: Stack) -> Provider:
    """Find the provider of the stack, or define it."""
    provider = _providers.get(stack)
    if provider is None:
        provider = _providers[stack] = Provider(stack)
    return provider


def _statements(stack: Stack, log_group: logs.LogGroup) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            actions=list(ACTIONS),
            # All streams of this account and Region. A list of this stack's streams would lose a stream before
            # CloudFormation deletes its custom resource, and outgrow a role's 10,240 bytes at about fifty of them.
            resources=[stack.format_arn(service="kinesisvideo", resource="stream", resource_name="*")],
        ),
        iam.PolicyStatement(
            # Who has a stream: read only, and of its own stack.
            actions=["cloudformation:DescribeStacks", "cloudformation:ListStackResources"],
            resources=[stack.stack_id],
        ),
        iam.PolicyStatement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            # The ARN of a log group ends in `:*`, which stands for its log streams.
            resources=[log_group.log_group_arn],
        ),
    ]


def _handler_code() -> lambda_.Code:
    # In a wheel the packages lie beside this one, in an editable install in their own folder: whatever else lies there
    # stays out of the asset.
    (folder,) = {_folder_of(package) for package in PACKAGES}
    return lambda_.Code.from_asset(
        str(folder),
        exclude=["*", *(pattern for package in PACKAGES for pattern in (f"!{package}", f"!{package}/*.py"))],
    )


def _folder_of(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the package {package} is missing, install cdk-kinesis-video again")
    return Path(spec.origin).parents[1]
