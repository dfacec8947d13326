"""What goes through the streams of a fleet: the state machine, its functions, its bucket, and what begins it."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from kinesis_video_contract.metrics import NAMESPACE

from ._assets import code_of
from ._function import log_statement

PACKAGES = (
    "kinesis_video_configuration",
    "kinesis_video_contract.configurations",
    "kinesis_video_contract.fleets",
    "kinesis_video_contract.metrics",
    "kinesis_video_fleet",
    "kinesis_video_handler",
)
KEPT_DAYS = 30
NEW_STREAM_SHARE = 20
"""One in so many calls is for new streams, at least one; the rest is for the pass."""
NEW_STREAMS_AT_A_TIME = 10
WORK_TIMEOUT = Duration.minutes(15)
BEGIN_TIMEOUT = Duration.minutes(2)
_ASK_AGAIN = Duration.seconds(5)


class FleetEngine:
    """The resources of a fleet but the custom resource, in a construct of their own.

    Parameters
    ----------
    home
        What they belong to.
    name_prefix
        What the names of the streams begin with.
    calls_per_second
        How often each operation is called at the most.
    on_create
        Whether new streams are configured at once.
    removal_policy
        What happens to the configurations, and to what is known of them.
    runtime
        The runtime of its functions. Default: the latest.
    """

    def __init__(
        self,
        home: Construct,
        name_prefix: str,
        calls_per_second: int,
        *,
        on_create: bool,
        removal_policy: RemovalPolicy,
        runtime: lambda_.Runtime | None,
    ) -> None:
        self._home = home
        self._stack = Stack.of(home)
        self._name_prefix = name_prefix
        self._runtime = lambda_.Runtime.PYTHON_3_14 if runtime is None else runtime
        self._log_group = logs.LogGroup(
            home, "Logs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )
        self.bucket = s3.Bucket(
            home,
            "WorkBucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            lifecycle_rules=[
                # Not the ledger: it says whose the configurations are.
                s3.LifecycleRule(prefix="passes/", expiration=Duration.days(KEPT_DAYS)),
                s3.LifecycleRule(prefix="events/", expiration=Duration.days(1)),
            ],
            # The last step of a delete empties it. Where no delete is sent, it stays with the configurations.
            removal_policy=removal_policy,
        )
        share = max(1, calls_per_second // NEW_STREAM_SHARE) if on_create else 0
        self._work = self._function(
            "Work",
            "kinesis_video_fleet.entry.handler",
            self._rights_to_work(),
            timeout=WORK_TIMEOUT,
            # Ninety calls a second take more than half of a CPU.
            memory_size=1024,
            environment={
                "NAME_PREFIX": name_prefix,
                "CALLS_PER_SECOND": str(calls_per_second - share),
                "NEW_STREAM_CALLS_PER_SECOND": str(share),
            },
        )
        self.state_machine = sfn.StateMachine(
            home, "Passes", definition_body=sfn.DefinitionBody.from_chainable(self._definition())
        )
        # A policy of its own: in the role's it would be a circle, from the machine to the function to its role.
        self._looks_at_passes = iam.Policy(
            home,
            "LooksAtPasses",
            roles=[self._role_of(self._work)],
            statements=[
                iam.PolicyStatement(actions=["states:ListExecutions"], resources=[self.state_machine.state_machine_arn])
            ],
        )
        self.begin = self._function(
            "Begin",
            "kinesis_video_fleet.begin.handler",
            [
                iam.PolicyStatement(
                    actions=["s3:DeleteObject", "s3:PutObject"], resources=[self.bucket.arn_for_objects("events/*")]
                ),
                iam.PolicyStatement(
                    actions=["states:StartExecution"], resources=[self.state_machine.state_machine_arn]
                ),
            ],
            timeout=BEGIN_TIMEOUT,
            memory_size=256,
            environment={"STATE_MACHINE": self.state_machine.state_machine_arn},
        )
        self._on_create = on_create

    def begin_with(self, resource: CfnResource, every_minutes: int) -> None:
        """Begin passes with the custom resource, and from then on by the schedule and for new streams.

        What a pass takes exists before the custom resource and until its delete is answered. What begins others exists
        after it only, so that nothing sets again what a delete has removed.
        """
        for needed in (self.bucket, self._work, self.state_machine, self._looks_at_passes, self.begin):
            resource.node.add_dependency(needed)
        schedule = events.Rule(
            self._home,
            "Schedule",
            schedule=events.Schedule.rate(Duration.minutes(every_minutes)),
            targets=[targets.SfnStateMachine(self.state_machine, input=events.RuleTargetInput.from_object({}))],
        )
        schedule.node.add_dependency(resource)
        if self._on_create:
            self._new_streams().node.add_dependency(resource)

    def _new_streams(self) -> events.Rule:
        # With one message group Lambda runs one function at a time, so that the pace holds for all of them.
        queue = sqs.Queue(
            self._home,
            "NewStreams",
            fifo=True,
            content_based_deduplication=True,
            enforce_ssl=True,
            retention_period=Duration.hours(1),
            # The shortest that Lambda takes, so that what failed is tried again before it is given up to the schedule.
            visibility_timeout=WORK_TIMEOUT,
        )
        queue.grant_consume_messages(self._work)
        lambda_.EventSourceMapping(
            self._home,
            "NewStreamsToWork",
            target=self._work,
            event_source_arn=queue.queue_arn,
            batch_size=NEW_STREAMS_AT_A_TIME,
        )
        return events.Rule(
            self._home,
            "StreamCreated",
            event_pattern=events.EventPattern(
                source=["aws.kinesisvideo"],
                detail_type=["AWS API Call via CloudTrail"],
                detail={
                    "eventSource": ["kinesisvideo.amazonaws.com"],
                    "eventName": ["CreateStream"],
                    "errorCode": [{"exists": False}],
                    "requestParameters": {"streamName": [{"prefix": self._name_prefix}]},
                },
            ),
            targets=[targets.SqsQueue(queue, message_group_id=self._name_prefix[:128])],
        )

    def _definition(self) -> sfn.IChainable:
        path = sfn.JsonPath
        # It answers CloudFormation, which else waits an hour: so it is tried for 21 minutes.
        conclude = self._step(
            "Conclude", {"state": path.object_at("$")}, attempts=8, interval=Duration.seconds(5)
        ).next(
            sfn.Choice(self._home, "Ended", state_name="Ended")
            .when(
                sfn.Condition.string_equals("$.ended", "failed"),
                sfn.Fail(self._home, "Failed", state_name="Failed", error="PassFailed", cause_path="$.problem"),
            )
            .otherwise(sfn.Succeed(self._home, "Done", state_name="Done"))
        )
        batches = sfn.DistributedMap(
            self._home,
            "Batches",
            state_name="Batches",
            label="Batches",
            # One worker calls as often as the quota allows.
            max_concurrency=1,
            item_reader=sfn.S3JsonLItemReader(bucket=self.bucket, key=path.string_at("$.key")),
            # What failed is counted stream by stream in the end.
            tolerated_failure_percentage=100,
            result_path=path.DISCARD,
        )
        work = tasks.LambdaInvoke(
            self._home,
            "DoWork",
            state_name="Work",
            lambda_function=self._work,
            payload=sfn.TaskInput.from_object({"step": "work", "batch": path.object_at("$")}),
            payload_response_only=True,
            retry_on_service_exceptions=False,
        )
        # Later than an invocation could still be at work whose end was lost.
        batches.item_processor(work.add_retry(interval=Duration.seconds(30), max_attempts=2, backoff_rate=1))
        plan = self._step("Plan", {}, attempts=5, interval=Duration.seconds(5))
        plan.add_catch(conclude, result_path="$.problem")
        batches.add_catch(conclude, result_path="$.problem")
        wait = sfn.Wait(self._home, "Wait", state_name="Wait", time=sfn.WaitTime.duration(_ASK_AGAIN))
        return plan.next(
            sfn.Choice(self._home, "Planned", state_name="Planned")
            .when(sfn.Condition.string_equals("$.go", "wait"), wait.next(plan))
            .when(sfn.Condition.string_equals("$.go", "work"), batches.next(conclude))
            .otherwise(conclude)
        )

    def _step(self, name: str, payload: dict[str, Any], *, attempts: int, interval: Duration) -> tasks.LambdaInvoke:
        path = sfn.JsonPath
        common = {
            "step": name.lower(),
            "pass": path.string_at("$$.Execution.Name"),
            "state_machine": path.string_at("$$.StateMachine.Id"),
            "input": path.object_at("$$.Execution.Input"),
        }
        step = tasks.LambdaInvoke(
            self._home,
            name,
            state_name=name,
            lambda_function=self._work,
            payload=sfn.TaskInput.from_object({**common, **payload}),
            payload_response_only=True,
            retry_on_service_exceptions=False,
        )
        step.add_retry(interval=interval, max_attempts=attempts, backoff_rate=2)
        return step

    def _function(
        self,
        name: str,
        handler: str,
        statements: list[iam.PolicyStatement],
        *,
        timeout: Duration,
        memory_size: int,
        environment: dict[str, str],
    ) -> lambda_.Function:
        role = iam.Role(
            self._home,
            f"{name}Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={
                "Fleet": iam.PolicyDocument(statements=[*statements, log_statement(self._log_group.log_group_arn)])
            },
        )
        return lambda_.Function(
            self._home,
            f"{name}Function",
            description=f"Configures the Kinesis video streams {self._name_prefix}*: {name.lower()}",
            runtime=self._runtime,
            architecture=lambda_.Architecture.ARM_64,
            handler=handler,
            code=lambda_.Code.from_asset(code_of(*PACKAGES)),
            role=role,
            timeout=timeout,
            memory_size=memory_size,
            environment={"WORK_BUCKET": self.bucket.bucket_name, **environment},
            log_group=self._log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
        )

    @staticmethod
    def _role_of(function: lambda_.Function) -> iam.IRole:
        role = function.role
        assert role is not None
        return role

    def _rights_to_work(self) -> list[iam.PolicyStatement]:
        stream = self._stack.format_arn(
            service="kinesisvideo", resource="stream", resource_name=f"{self._name_prefix}*/*"
        )
        return [
            iam.PolicyStatement(
                actions=[
                    "kinesisvideo:DescribeImageGenerationConfiguration",
                    "kinesisvideo:UpdateImageGenerationConfiguration",
                ],
                resources=[stream],
            ),
            # It names no stream, so IAM knows no resource for it.
            iam.PolicyStatement(actions=["kinesisvideo:ListStreams"], resources=["*"]),
            iam.PolicyStatement(
                actions=["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
                resources=[self.bucket.arn_for_objects("*")],
            ),
            # Without it S3 says that an object is denied which isn't there.
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self.bucket.bucket_arn]),
            # Who else has a stream, when the fleet is deleted: of this stack only.
            iam.PolicyStatement(
                actions=["cloudformation:DescribeStacks", "cloudformation:ListStackResources"],
                resources=[self._stack.stack_id],
            ),
            # IAM knows no resource for it either, only the namespace.
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
            ),
        ]
