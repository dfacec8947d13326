"""The Lambda function of a stack that handles all custom resources of this library in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import Annotations, MissingRemovalPolicies, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from kinesis_video_contract.configurations import FEATURES

from .._function import (
    LATEST_RUNTIME,
    FunctionOfStack,
    check_runtime,
    define_function,
    define_log_group,
    log_statement,
)
from .._jsii import account_of, region_of, stack_of
from .._validation import check_integer, check_type, has, is_known
from .declared import Declared
from .identity import fitting
from .network import Network, check_network, network_statement
from .warnings import Warnings, at_synth

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_logs as logs

PROVIDER_ID = "CdkKinesisVideo"
"""The id of the provider in its stack. Another id would be another function, and CloudFormation refuses to change the
service token of a custom resource."""

HANDLER_PACKAGE = "kinesis_video_handler"
PACKAGES = (
    "kinesis_video_configuration",
    "kinesis_video_contract.configurations",
    "kinesis_video_contract.drift",
    "kinesis_video_drift",
    HANDLER_PACKAGE,
)
"""The packages of the function's code."""

# kinesis_video_configuration/timing.py divides the function's time. Lambda repeats an invocation that raised after 1
# minute and again after 2. CloudFormation waits for all of that, and some time for Lambda's queue:
# 3 x 180 s + 60 s + 120 s + 180 s = 900 s.
FUNCTION_TIMEOUT_SECONDS = 180
SERVICE_TIMEOUT_SECONDS = 900

MAX_EXECUTIONS = 2**31 - 1

ROLE_WITHOUT_POLICY = "cdk-kinesis-video:role-without-policy"


def _action_of(operation: str) -> str:
    return f"kinesisvideo:{operation.title().replace('_', '')}"


# All of them in every stack. If the permissions were removed together with the last notification of a stack, the
# function could not delete that notification.
ACTIONS = sorted(
    (
        # Resolves the name of an imported stream to its ARN.
        "kinesisvideo:DescribeStream",
        *(_action_of(call) for feature in FEATURES.values() for call in (feature.describe, feature.update)),
    )
)


class ConfigurationFunction(FunctionOfStack):
    """Set up the Lambda function that sets the configurations of a stack's streams.

    A stack has one function for all its `ImageGeneration` and `FragmentNotification`. It is defined with the first of
    them. To run it in a VPC, or with a role, a log group or a runtime of your own, declare this construct before. Its
    id is constant, since another id would make another function, which CloudFormation refuses for existing
    configurations. Apply tags and permissions boundaries with ``Tags.of`` and ``PermissionsBoundary.of``.

    Parameters
    ----------
    stack
        The stack whose function it is. A nested stack has one of its own.
    vpc
        The VPC that the function runs in. It must reach Kinesis Video Streams, CloudFormation and, to answer, S3: with
        a NAT gateway, or with the interface endpoints ``com.amazonaws.<region>.kinesisvideo`` and
        ``com.amazonaws.<region>.cloudformation`` and a gateway endpoint of S3. Otherwise a deployment waits 15 minutes
        for its answer and fails. A warning says so if the app shows it: for isolated subnets of an `ec2.Vpc`.
        Default: none.
    vpc_subnets
        The subnets of the VPC, private or isolated. Default: all private subnets, or the isolated ones if there are
        no private ones.
    security_groups
        The security groups of the function in the VPC, which must allow outbound HTTPS. Default: a new one that allows
        all outbound and no inbound traffic.
    role
        The role of the function, which ``lambda.amazonaws.com`` must be allowed to assume. It gets a policy of this
        stack with the permissions that the function needs; if it accepts no policy, a warning has the statements.
        Default: a role of its own with that policy.
    log_group
        The log group of the function, such as one with a key and a retention of your own. Default: one that keeps logs
        for 30 days and is removed with the stack.
    runtime
        The runtime, Python 3.11 or later, also of the function that `ImageGeneration.diagnose_on` defines; AWS GovCloud
        and China get new runtimes late. Default: Python 3.14.
    reserved_concurrent_executions
        The maximum number of concurrent executions, at least 1, which are reserved for the function. CloudFormation
        invokes it for many streams at once and repeats throttled invocations. Default: no limit but the account's.

    Raises
    ------
    ValueError
        If a configuration of the stack was declared before, if the stack has a `ConfigurationFunction` already, if the
        subnets are public or there are none, if the role or the log group belongs to another account, or the log group
        to another Region, or if a prop has the wrong type.

    See Also
    --------
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/vpc-interface-endpoints.html
    """

    def __init__(
        self,
        stack: Stack,
        *,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        role: iam.IRole | iam.Role | None = None,
        log_group: logs.ILogGroup | None = None,
        runtime: lambda_.Runtime | None = None,
        reserved_concurrent_executions: jsii.Number | None = None,
    ) -> None:
        check_type("stack", stack, isinstance(stack, Stack), "a Stack, such as Stack.of(self)")
        check_network(vpc, vpc_subnets, security_groups)
        is_role = role is None or (has(role, "attach_inline_policy") and has(role, "role_arn"))
        check_type("role", role, is_role, "a role such as iam.Role")
        _check_home("role", role, stack)
        is_log_group = log_group is None or (has(log_group, "log_group_arn") and has(log_group, "log_group_name"))
        check_type("log_group", log_group, is_log_group, "a log group such as logs.LogGroup")
        _check_home("log_group", log_group, stack)
        check_integer("reserved_concurrent_executions", reserved_concurrent_executions, 1, MAX_EXECUTIONS)
        check_runtime(runtime)
        _check_first(stack)
        super().__init__(stack, PROVIDER_ID)
        _functions[stack] = self
        _destroy_by_default(stack)
        self.defined_by: Construct = self
        self.warnings = Warnings(self)
        self.declared: list[Declared] = []
        at_synth(self.warnings, self._cut_logical_ids)
        self.runtime_name = LATEST_RUNTIME if runtime is None else runtime.name
        self._given_log_group = log_group
        if log_group is None:
            self._log_group_name, log_group_arn = define_log_group(self)
        else:
            self._log_group_name, log_group_arn = log_group.log_group_name, log_group.log_group_arn
        self._network = None if vpc is None else Network(self, vpc, vpc_subnets, security_groups)
        statements = _statements(stack, log_group_arn)
        if self._network is not None:
            statements.append(network_statement())
        self._role = self._define_role(statements) if role is None else role
        policy = None if role is None else self._attach(role, statements)
        function = {
            "Description": "Configures Kinesis video streams for the custom resources of this stack",
            "Runtime": self.runtime_name,
            "MemorySize": 256,
            "Timeout": FUNCTION_TIMEOUT_SECONDS,
            "Role": self._role.role_arn,
            "Handler": f"{HANDLER_PACKAGE}.entry.handler",
        }
        if self._network is not None:
            function["VpcConfig"] = self._network.config
        if reserved_concurrent_executions is not None:
            function["ReservedConcurrentExecutions"] = reserved_concurrent_executions
        self._function, self._function_arn = define_function(self, PACKAGES, self._log_group_name, function)
        self._function.node.add_dependency(self._role)
        if policy is not None:
            # So that the permissions exist before the function and until the last custom resource is deleted.
            self._function.node.add_dependency(policy)
        if self._network is not None:
            self._network.lead_out(self._function)

    @cached_property
    def log_group(self) -> logs.ILogGroup:
        """The log group of the function."""
        if self._given_log_group is not None:
            return self._given_log_group
        from aws_cdk import aws_logs as logs

        return logs.LogGroup.from_log_group_name(self, "LogGroup", self._log_group_name)

    @property
    def connections(self) -> ec2.Connections:
        """The connections of the function in its VPC, for example to allow it to use an endpoint.

        Raises
        ------
        ValueError
            If the function is in no VPC.
        """
        if self._network is None:
            raise ValueError("`vpc` is None, so the function has no connections, pass the VPC that it runs in")
        return self._network.connections

    def _cut_logical_ids(self) -> None:
        # At synth, when they are known: all of them in one round trip.
        known = stack_of(self).resolve([declared.logical_id for declared in self.declared])
        for declared, logical_id in zip(self.declared, known, strict=True):
            if fitting(logical_id) != logical_id:
                declared.resource.override_logical_id(fitting(logical_id))

    def _define_role(self, statements: list[iam.PolicyStatement]) -> iam.Role:
        return iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            # Inline, so that the permissions exist before the function and until the last custom resource is deleted.
            inline_policies={"KinesisVideo": iam.PolicyDocument(statements=statements)},
        )

    def _attach(self, role: iam.IRole | iam.Role, statements: list[iam.PolicyStatement]) -> iam.Policy:
        # A policy of this stack: the role's own policy would refer to this stack's id from another stack, in a cycle.
        policy = iam.Policy(self, "Policy", statements=statements)
        role.attach_inline_policy(policy)
        resource: Any = policy.node.default_child
        if Stack.of(self).resolve(resource.roles) is None:
            texts = [json.dumps(Stack.of(self).resolve(s.to_statement_json()), sort_keys=True) for s in statements]
            Annotations.of(self).add_warning_v2(
                ROLE_WITHOUT_POLICY,
                f"`role` accepts no policy, add these statements to its own policy: {', '.join(texts)}",
            )
        return policy


def _destroy_by_default(stack: Stack) -> None:
    """Set the removal policy of a stack's configurations that have none: saves a round trip for each."""
    # Before all other aspects, so that a user's aspect for resources without a policy finds that these have one.
    MissingRemovalPolicies.of(stack).destroy(apply_to_resource_types=list(FEATURES), priority=0)
    # With a priority, the CDK warns that other aspects may set a policy first.
    Annotations.of(stack).acknowledge_warning(f"Warning MissingRemovalPolicies with priority in {stack.node.path}")


# By stack: finding it in the tree would take two round trips for each further stream.
_functions: dict[Stack, ConfigurationFunction] = {}


def provider_of(stack: Stack, scope: Construct) -> ConfigurationFunction:
    """Find the function of the stack, or define it for `scope`, its first configuration."""
    found = _functions.get(stack)
    if found is None:
        found = ConfigurationFunction(stack)
        found.defined_by = scope
    return found


def _check_first(stack: Stack) -> None:
    earlier = _functions.get(stack)
    if earlier is None:
        return
    if earlier.defined_by is earlier:
        raise ValueError(f"`stack` {stack.node.path!r} has its ConfigurationFunction already, keep one of the two")
    raise ValueError(
        f"`stack` {stack.node.path!r} has its function already, defined for {earlier.defined_by.node.path!r}, declare "
        "ConfigurationFunction before the first configuration of the stack"
    )


def _check_home(prop: str, resource: Any, stack: Stack) -> None:
    """Check the account and Region: otherwise Lambda refuses it when the function is created."""
    if resource is None:
        return
    homes = [("account", resource.env.account, account_of(stack))]
    if prop != "role":
        homes.append(("Region", resource.env.region, region_of(stack)))
    for unit, there, here in homes:
        if is_known(there) and is_known(here) and there != here:
            raise ValueError(f"`{prop}` is in {unit} {there} and `stack` in {unit} {here}, use one of {here}")


def _statements(stack: Stack, log_group_arn: str) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            actions=ACTIONS,
            # All streams of this account and Region. A list of this stack's streams would lose a stream before
            # CloudFormation deletes its custom resource, and outgrow a role's 10,240 bytes at about fifty of them.
            resources=[stack.format_arn(service="kinesisvideo", resource="stream", resource_name="*")],
        ),
        iam.PolicyStatement(
            # To ask which resource of its own stack holds a stream; read only.
            actions=["cloudformation:DescribeStacks", "cloudformation:ListStackResources"],
            resources=[stack.stack_id],
        ),
        log_statement(log_group_arn),
    ]
