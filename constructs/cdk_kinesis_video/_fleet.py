"""The resources that run a fleet's passes: the state machine, its functions, its bucket, and what starts it."""

from __future__ import annotations

from aws_cdk import ArnFormat, CfnResource, Duration, RemovalPolicy, Stack
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
NEW_STREAM_FUNCTIONS = 2
"""The minimum concurrency that Lambda allows for a standard queue."""
NEW_STREAM_SHARE = 20
"""One in this many calls is for new streams, at least one for each function; the others are for the pass."""
NEW_STREAMS_AT_A_TIME = 10
BEGIN_TIMEOUT = NEW_STREAMS_TIMEOUT = Duration.minutes(2)
PLAN_TIMEOUT = WORK_TIMEOUT = Duration.minutes(15)
# Lambda's own timeout comes first, and a reply that is lost after it.
_STEP_TIMEOUT = Duration.minutes(16)
_ASK_AGAIN = Duration.seconds(5)


class FleetEngine:
    """The resources of a fleet except the custom resource, in a construct of their own.

    Parameters
    ----------
    home
        The construct that they belong to.
    name_prefix
        The prefix of the streams' names.
    calls_per_second
        The maximum number of calls a second of each operation.
    on_create
        Whether new streams are configured at once.
    removal_policy
        What happens to the configurations and to the records about them.
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
            # The last step of a delete empties it. If no delete is sent, it stays together with the configurations.
            removal_policy=removal_policy,
        )
        # Only the answering function reads the ResponseURLs, whatever other principals can read in this account.
        events_of_it = self.bucket.arn_for_objects("events/*")
        shared = new_stream_calls(calls_per_second) if on_create else 0
        self._work = self._function(
            "Work",
            "kinesis_video_fleet.entry.handler",
            self._may_work(),
            timeout=WORK_TIMEOUT,
            # Ninety calls a second take more than half of a CPU.
            memory_size=1024,
            environment={"CALLS_PER_SECOND": str(calls_per_second - shared)},
        )
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:GetObject", "s3:GetObjectVersion"],
                resources=[events_of_it],
                conditions={"ArnNotEquals": {"aws:PrincipalArn": self._role_of(self._work).role_arn}},
            )
        )
        self.state_machine = sfn.StateMachine(
            home, "Passes", definition_body=sfn.DefinitionBody.from_chainable(self._definition())
        )
        # A separate policy: in the role's policy it would be a cycle, from the machine to the function to its role.
        self._looks_at_passes = iam.Policy(
            home,
            "LooksAtPasses",
            roles=[self._role_of(self._work)],
            statements=[
                iam.PolicyStatement(
                    actions=["states:DescribeExecution"],
                    # An execution's name is not known before it starts.
                    resources=[f"{self._executions_arn()}:*"],
                )
            ],
        )
        self.begin = self._function(
            "Begin",
            "kinesis_video_fleet.begin.handler",
            [
                iam.PolicyStatement(actions=["s3:DeleteObject", "s3:PutObject"], resources=[events_of_it]),
                iam.PolicyStatement(
                    actions=["states:StartExecution"], resources=[self.state_machine.state_machine_arn]
                ),
            ],
            timeout=BEGIN_TIMEOUT,
            memory_size=256,
            environment={"STATE_MACHINE": self.state_machine.state_machine_arn, "STACK_ID": self._stack.stack_id},
        )
        self._new_stream_calls = shared // NEW_STREAM_FUNCTIONS
        self.queue: sqs.Queue | None = None
        self.dead_letters: sqs.Queue | None = None

    def begin_with(self, resource: CfnResource, every_minutes: int) -> None:
        """Start passes with the custom resource, and from then on by the schedule and for new streams.

        The resources that a pass needs exist before the custom resource and until its delete is answered. The resources
        that start other passes exist only after it, so that nothing sets again what a delete has removed.
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
        if self._new_stream_calls:
            for begins in self._new_streams():
                begins.node.add_dependency(resource)

    def _new_streams(self) -> list[Construct]:
        function = self._function(
            "New",
            "kinesis_video_fleet.new_streams.handler",
            [
                self._may_set_streams(),
                iam.PolicyStatement(
                    actions=["s3:GetObject", "s3:PutObject"],
                    # PutObject on the ledger: that a stream was set.
                    resources=[self.bucket.arn_for_objects("ledger.json")],
                ),
                iam.PolicyStatement(actions=["s3:GetObject"], resources=[self.bucket.arn_for_objects("unfinished/*")]),
                iam.PolicyStatement(
                    actions=["s3:DeleteObject", "s3:PutObject"],
                    resources=[self.bucket.arn_for_objects("new-streams/*")],
                ),
                self._may_list_bucket(),
                self._may_publish(),
                iam.PolicyStatement(
                    actions=["states:StartExecution"], resources=[self.state_machine.state_machine_arn]
                ),
            ],
            timeout=NEW_STREAMS_TIMEOUT,
            memory_size=256,
            environment={
                "CALLS_PER_SECOND": str(self._new_stream_calls),
                "STATE_MACHINE": self.state_machine.state_machine_arn,
            },
        )
        self.dead_letters = sqs.Queue(
            self._home,
            "NewStreamsFailed",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        self.queue = sqs.Queue(
            self._home,
            "NewStreams",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(1),
            visibility_timeout=NEW_STREAMS_TIMEOUT,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=3),
        )
        self.queue.grant_consume_messages(function)
        mapping = lambda_.EventSourceMapping(
            self._home,
            "NewStreamsToWork",
            target=function,
            event_source_arn=self.queue.queue_arn,
            batch_size=NEW_STREAMS_AT_A_TIME,
            max_concurrency=NEW_STREAM_FUNCTIONS,
            report_batch_item_failures=True,
        )
        rule = events.Rule(
            self._home,
            "StreamCreated",
            event_pattern=events.EventPattern(
                source=["aws.kinesisvideo"],
                detail_type=["AWS API Call via CloudTrail"],
                # Others may be allowed to put events on this bus.
                account=[self._stack.account],
                detail={
                    "eventSource": ["kinesisvideo.amazonaws.com"],
                    "eventName": ["CreateStream"],
                    "errorCode": [{"exists": False}],
                    "requestParameters": {"streamName": [{"prefix": self._name_prefix}]},
                },
            ),
            targets=[targets.SqsQueue(self.queue)],
        )
        return [rule, mapping]

    def _definition(self) -> sfn.IChainable:
        path = sfn.JsonPath
        # It answers CloudFormation, which otherwise waits an hour: so it is retried for 21 minutes.
        conclude = self._step("Conclude", attempts=8).next(
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
            # Failures are counted stream by stream at the end.
            tolerated_failure_percentage=100,
            result_path=path.DISCARD,
        )
        # Its own policy is as new as the fleet, and may not have reached every part of IAM.
        batches.add_retry(interval=Duration.seconds(5), max_attempts=4, backoff_rate=2)
        work = tasks.LambdaInvoke(
            self._home,
            "DoWork",
            state_name="Work",
            lambda_function=self._work,
            payload=sfn.TaskInput.from_object({"step": "work", "batch": path.object_at("$")}),
            payload_response_only=True,
            retry_on_service_exceptions=False,
            task_timeout=sfn.Timeout.duration(_STEP_TIMEOUT),
        )
        # Later than an invocation could still be at work whose end was lost.
        batches.item_processor(work.add_retry(interval=Duration.seconds(30), max_attempts=2, backoff_rate=1))
        plan = self._step("Plan", attempts=5)
        plan.add_catch(conclude, result_path="$.problem")
        batches.add_catch(conclude, result_path="$.problem")
        wait = sfn.Wait(self._home, "Wait", state_name="Wait", time=sfn.WaitTime.duration(_ASK_AGAIN))
        return plan.next(
            sfn.Choice(self._home, "Planned", state_name="Planned")
            .when(sfn.Condition.string_equals("$.go", "wait"), wait.next(plan))
            .when(sfn.Condition.string_equals("$.go", "work"), batches.next(plan))
            .otherwise(conclude)
        )

    def _step(self, name: str, *, attempts: int) -> tasks.LambdaInvoke:
        path = sfn.JsonPath
        payload = {
            "step": name.lower(),
            "pass": path.string_at("$$.Execution.Name"),
            "execution": path.string_at("$$.Execution.Id"),
            "input": path.object_at("$$.Execution.Input"),
            "state": path.object_at("$"),
        }
        step = tasks.LambdaInvoke(
            self._home,
            name,
            state_name=name,
            lambda_function=self._work,
            payload=sfn.TaskInput.from_object(payload),
            payload_response_only=True,
            retry_on_service_exceptions=False,
            task_timeout=sfn.Timeout.duration(_STEP_TIMEOUT),
        )
        step.add_retry(interval=Duration.seconds(5), max_attempts=attempts, backoff_rate=2)
        return step

    def _executions_arn(self) -> str:
        return self._stack.format_arn(
            service="states",
            resource="execution",
            resource_name=self.state_machine.state_machine_name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

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
            # Lambda allows 256 characters.
            description=f"{name.lower()}: the Kinesis video streams {self._name_prefix}"[:255] + "*",
            runtime=self._runtime,
            architecture=lambda_.Architecture.ARM_64,
            handler=handler,
            code=lambda_.Code.from_asset(code_of(*PACKAGES)),
            role=role,
            timeout=timeout,
            memory_size=memory_size,
            environment={"WORK_BUCKET": self.bucket.bucket_name, "NAME_PREFIX": self._name_prefix, **environment},
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

    def _may_work(self) -> list[iam.PolicyStatement]:
        return [
            self._may_set_streams(),
            # It names no stream, so IAM knows no resource for it.
            iam.PolicyStatement(actions=["kinesisvideo:ListStreams"], resources=["*"]),
            iam.PolicyStatement(
                actions=["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
                resources=[self.bucket.arn_for_objects("*")],
            ),
            self._may_list_bucket(),
            # Which other resource holds a stream, when the fleet is deleted: of this stack only.
            iam.PolicyStatement(
                actions=["cloudformation:DescribeStacks", "cloudformation:ListStackResources"],
                resources=[self._stack.stack_id],
            ),
            self._may_publish(),
        ]

    def _may_set_streams(self) -> iam.PolicyStatement:
        stream = self._stack.format_arn(
            service="kinesisvideo", resource="stream", resource_name=f"{self._name_prefix}*/*"
        )
        return iam.PolicyStatement(
            actions=[
                "kinesisvideo:DescribeImageGenerationConfiguration",
                "kinesisvideo:UpdateImageGenerationConfiguration",
            ],
            resources=[stream],
        )

    def _may_list_bucket(self) -> iam.PolicyStatement:
        # Without it S3 says that access is denied to an object that doesn't exist.
        return iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self.bucket.bucket_arn])

    @staticmethod
    def _may_publish() -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=["cloudwatch:PutMetricData"],
            # IAM knows no resource for it, only the namespace.
            resources=["*"],
            conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
        )


def new_stream_calls(calls_per_second: int) -> int:
    """Return how many calls a second of a fleet are for new streams."""
    return NEW_STREAM_FUNCTIONS * max(1, calls_per_second // (NEW_STREAM_FUNCTIONS * NEW_STREAM_SHARE))
