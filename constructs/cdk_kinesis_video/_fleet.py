"""The resources that run a fleet's passes: the state machine, its functions, its bucket, and what starts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import ArnFormat, CfnResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from aws_cdk.cloudformation_include import CfnInclude
from constructs import Construct, IDependable

from kinesis_video_contract.fleets import PASS_THROUGH, RESOURCE_TYPE
from kinesis_video_contract.metrics import NAMESPACE

from ._function import LATEST_RUNTIME, define_function, define_log_group, log_statement

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
BEGIN_SECONDS = NEW_STREAMS_SECONDS = 120
WORK_SECONDS = 900
# Lambda's own timeout comes first, and a reply that is lost after it.
_STEP_TIMEOUT = Duration.minutes(16)
_ASK_AGAIN = Duration.seconds(5)


class FleetEngine:
    """The resources of a fleet, in a construct of their own, `home`.

    What a pass needs exists before the custom resource and until its delete is answered. What starts other passes
    exists only after it, so that nothing sets again what a delete has removed.
    """

    def __init__(
        self,
        home: Construct,
        name_prefix: str,
        calls_per_second: int,
        *,
        every_minutes: int,
        on_create: bool,
        properties: Mapping[str, Any],
        removal_policy: RemovalPolicy,
        runtime: lambda_.Runtime | None,
    ) -> None:
        self._home = home
        self._stack = Stack.of(home)
        self._name_prefix = name_prefix
        self._runtime_name = LATEST_RUNTIME if runtime is None else runtime.name
        self._log_group_name, self._log_group_arn = define_log_group(home)
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
        events_arn = self.bucket.arn_for_objects("events/*")
        new_stream_calls = calls_for_new_streams(calls_per_second) if on_create else 0
        # Ninety calls a second take more than half of a CPU.
        calls_of_pass = {"CALLS_PER_SECOND": f"{calls_per_second - new_stream_calls}"}
        work_role = self._role("Work", self._may_work())
        work, work_arn = self._function("Work", "entry", work_role, WORK_SECONDS, 1024, calls_of_pass)
        # Only the answering function reads the ResponseURLs, whatever other principals can read in this account.
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:GetObject", "s3:GetObjectVersion"],
                resources=[events_arn],
                conditions={"ArnNotEquals": {"aws:PrincipalArn": work_role.role_arn}},
            )
        )
        self._work = lambda_.Function.from_function_arn(home, "Work", work_arn)
        self.state_machine = sfn.StateMachine(
            home,
            "Passes",
            definition_body=sfn.DefinitionBody.from_chainable(self._definition()),
            comment=f"{PASS_THROUGH}{name_prefix}",
        )
        executions = self._stack.format_arn(
            service="states",
            resource="execution",
            # An execution's name is not known before it starts.
            resource_name=f"{self.state_machine.state_machine_name}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        # A separate policy: in the role's policy it would be a cycle, from the machine to the function to its role.
        describes = [_allow(["states:DescribeExecution"], executions)]
        looks_at_passes = iam.Policy(home, "LooksAtPasses", roles=[work_role], statements=describes)
        stores = _allow(["s3:DeleteObject", "s3:PutObject"], events_arn)
        begin_role = self._role("Begin", [stores, self._may_start()])
        machine = {"STATE_MACHINE": self.state_machine.state_machine_arn}
        of_begin = {**machine, "STACK_ID": self._stack.stack_id}
        begin, begin_arn = self._function("Begin", "begin", begin_role, BEGIN_SECONDS, 256, of_begin)
        self.resource = CfnResource(
            home, "Resource", type=RESOURCE_TYPE, properties={"ServiceToken": begin_arn, **properties}
        )
        self.resource.apply_removal_policy(removal_policy)
        needed: list[IDependable] = [self.bucket, work, self.state_machine, looks_at_passes, begin]
        self.resource.node.add_dependency(*needed)
        schedule = events.Rule(
            home,
            "Schedule",
            schedule=events.Schedule.rate(Duration.minutes(every_minutes)),
            targets=[targets.SfnStateMachine(self.state_machine, input=events.RuleTargetInput.from_object({}))],
        )
        schedule.node.add_dependency(self.resource)
        self.queue: sqs.Queue | None = None
        self.dead_letters: sqs.Queue | None = None
        if on_create:
            # Each of the functions has this pace.
            calls_of_new = {"CALLS_PER_SECOND": f"{new_stream_calls // NEW_STREAM_FUNCTIONS}"}
            for starts in self._new_streams({**machine, **calls_of_new}):
                starts.node.add_dependency(self.resource)

    def _new_streams(self, environment: Mapping[str, str]) -> tuple[Construct, Construct]:
        objects = self.bucket.arn_for_objects
        statements = [
            self._may_set_streams(),
            # PutObject on the ledger: it says that a stream was set.
            _allow(["s3:GetObject", "s3:PutObject"], objects("ledger.json")),
            _allow(["s3:GetObject"], objects("unfinished/*")),
            _allow(["s3:DeleteObject", "s3:PutObject"], objects("new-streams/*")),
            self._may_list_bucket(),
            _may_publish(),
            self._may_start(),
        ]
        role = self._role("New", statements)
        secure: Any = {"encryption": sqs.QueueEncryption.SQS_MANAGED, "enforce_ssl": True}
        self.dead_letters = sqs.Queue(self._home, "NewStreamsFailed", **secure, retention_period=Duration.days(14))
        self.queue = sqs.Queue(
            self._home,
            "NewStreams",
            **secure,
            retention_period=Duration.days(1),
            visibility_timeout=Duration.seconds(NEW_STREAMS_SECONDS),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=3),
        )
        self.queue.grant_consume_messages(role)
        function, _ = self._function("New", "new_streams", role, NEW_STREAMS_SECONDS, 256, environment)
        mapping = lambda_.CfnEventSourceMapping(
            Construct(self._home, "NewStreamsToWork"),
            "Resource",
            function_name=function.get_resource("Resource").ref,
            event_source_arn=self.queue.queue_arn,
            batch_size=NEW_STREAMS_AT_A_TIME,
            scaling_config={"maximumConcurrency": NEW_STREAM_FUNCTIONS},
            function_response_types=["ReportBatchItemFailures"],
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
        return rule, mapping

    def _definition(self) -> sfn.IChainable:
        path = sfn.JsonPath
        step = {
            "pass": path.string_at("$$.Execution.Name"),
            "execution": path.string_at("$$.Execution.Id"),
            "input": path.object_at("$$.Execution.Input"),
            "state": path.object_at("$"),
        }
        plan = self._step("Plan", "Plan", step)
        plan.add_retry(interval=Duration.seconds(5), max_attempts=5, backoff_rate=2)
        conclude = self._step("Conclude", "Conclude", step)
        # It answers CloudFormation, which otherwise waits an hour: so it is retried for 21 minutes.
        conclude.add_retry(interval=Duration.seconds(5), max_attempts=8, backoff_rate=2)
        work = self._step("DoWork", "Work", {"batch": path.object_at("$")})
        # Later than an invocation whose end was lost could still be at work.
        work.add_retry(interval=Duration.seconds(30), max_attempts=2, backoff_rate=1)
        batches = sfn.DistributedMap(
            self._home,
            "Batches",
            state_name="Batches",
            label="Batches",
            # One worker calls as often as the quota allows.
            max_concurrency=1,
            item_reader=sfn.S3JsonItemReader(bucket=self.bucket, key=path.string_at("$.key")),
            # Failures are counted stream by stream at the end.
            tolerated_failure_percentage=100,
            result_path=path.DISCARD,
        )
        # Its own policy is as new as the fleet, and may not have reached every part of IAM.
        batches.add_retry(interval=Duration.seconds(5), max_attempts=4, backoff_rate=2)
        batches.item_processor(work)
        for state in (plan, batches):
            state.add_catch(conclude, result_path="$.problem")
        failed = sfn.Fail(self._home, "Failed", state_name="Failed", error="PassFailed", cause_path="$.problem")
        is_failed = sfn.Condition.string_equals("$.ended", "failed")
        done = sfn.Succeed(self._home, "Done", state_name="Done")
        conclude.next(sfn.Choice(self._home, "Ended", state_name="Ended").when(is_failed, failed).otherwise(done))
        wait = sfn.Wait(self._home, "Wait", state_name="Wait", time=sfn.WaitTime.duration(_ASK_AGAIN))
        return plan.next(
            sfn.Choice(self._home, "Planned", state_name="Planned")
            .when(sfn.Condition.string_equals("$.go", "wait"), wait.next(plan))
            .when(sfn.Condition.string_equals("$.go", "work"), batches.next(plan))
            .otherwise(conclude)
        )

    def _step(self, construct_id: str, name: str, payload: Mapping[str, Any]) -> tasks.LambdaInvoke:
        return tasks.LambdaInvoke(
            self._home,
            construct_id,
            state_name=name,
            lambda_function=self._work,
            payload=sfn.TaskInput.from_object({"step": name.lower(), **payload}),
            payload_response_only=True,
            retry_on_service_exceptions=False,
            task_timeout=sfn.Timeout.duration(_STEP_TIMEOUT),
        )

    def _role(self, name: str, statements: list[iam.PolicyStatement]) -> iam.Role:
        policy = iam.PolicyDocument(statements=[*statements, log_statement(self._log_group_arn)])
        principal = iam.ServicePrincipal("lambda.amazonaws.com")
        return iam.Role(self._home, f"{name}Role", assumed_by=principal, inline_policies={"Fleet": policy})

    def _function(
        self, name: str, module: str, role: iam.Role, seconds: int, memory_mb: int, environment: Mapping[str, str]
    ) -> tuple[CfnInclude, str]:
        shared = {"WORK_BUCKET": self.bucket.bucket_name, "NAME_PREFIX": self._name_prefix}
        properties = {
            # Lambda allows 256 characters.
            "Description": f"{name.lower()}: the Kinesis video streams {self._name_prefix}"[:255] + "*",
            "Runtime": self._runtime_name,
            "Handler": f"kinesis_video_fleet.{module}.handler",
            "Role": role.role_arn,
            "Timeout": seconds,
            "MemorySize": memory_mb,
            "Environment": {"Variables": {**shared, **environment}},
        }
        function, arn = define_function(self._home, PACKAGES, self._log_group_name, properties, name)
        function.node.add_dependency(role)
        return function, arn

    def _may_work(self) -> list[iam.PolicyStatement]:
        of_stack = ["cloudformation:DescribeStacks", "cloudformation:ListStackResources"]
        return [
            self._may_set_streams(),
            # It names no stream, so IAM knows no resource for it.
            _allow(["kinesisvideo:ListStreams"], "*"),
            # It empties its own bucket when the fleet is deleted.
            _allow(["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], self.bucket.arn_for_objects("*")),
            self._may_list_bucket(),
            # Which other resource holds a stream, when the fleet is deleted: of this stack only.
            _allow(of_stack, self._stack.stack_id),
            _may_publish(),
        ]

    def _may_set_streams(self) -> iam.PolicyStatement:
        operations = ("DescribeImageGenerationConfiguration", "UpdateImageGenerationConfiguration")
        # Those that begin with the prefix at the time of a pass, each with a number of its own.
        streams = self._stack.format_arn(
            service="kinesisvideo", resource="stream", resource_name=f"{self._name_prefix}*/*"
        )
        return _allow([f"kinesisvideo:{operation}" for operation in operations], streams)

    def _may_list_bucket(self) -> iam.PolicyStatement:
        # Without it S3 says that access is denied to an object that doesn't exist.
        return _allow(["s3:ListBucket"], self.bucket.bucket_arn)

    def _may_start(self) -> iam.PolicyStatement:
        return _allow(["states:StartExecution"], self.state_machine.state_machine_arn)


def calls_for_new_streams(calls_per_second: int) -> int:
    """Return how many calls a second of a fleet are for new streams."""
    return NEW_STREAM_FUNCTIONS * max(1, calls_per_second // (NEW_STREAM_FUNCTIONS * NEW_STREAM_SHARE))


def _allow(actions: list[str], resource: str, conditions: Mapping[str, Any] | None = None) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=actions, resources=[resource], conditions=conditions)


def _may_publish() -> iam.PolicyStatement:
    # IAM knows no resource for it, only the namespace.
    return _allow(["cloudwatch:PutMetricData"], "*", {"StringEquals": {"cloudwatch:namespace": NAMESPACE}})
