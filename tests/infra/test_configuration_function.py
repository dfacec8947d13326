"""The user can configure the function of a stack before its first configuration."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, PermissionsBoundary, RemovalPolicy, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from cdk_kinesis_video import ConfigurationFunction, StreamFleet
from cdk_kinesis_video._function import LATEST_RUNTIME

from .conftest import ENVIRONMENT, IMAGE_GENERATION, fails_with, images_in
from .synthesis import messages_of, only_resource, resources_of, template_of

FUNCTION = "AWS::Lambda::Function"
FUNCTION_ID = "CdkKinesisVideoFunction80BD5C8E"


def policy_of(template: dict[str, Any]) -> dict[str, Any]:
    policy: dict[str, Any] = only_resource(template, "AWS::IAM::Policy")["Properties"]
    return policy


def test_it_is_the_function_that_the_stack_has_without_it() -> None:
    templates = []
    for declared in (False, True):
        stack = Stack(App(), "Cameras")
        if declared:
            function = ConfigurationFunction(stack)
        images_in(stack)
        templates.append(template_of(stack)["Resources"])
    assert templates[0] == templates[1]
    arn = {"Fn::GetAtt": [FUNCTION_ID, "Arn"]}
    assert stack.resolve(function.function_arn) == arn
    assert stack.resolve(function.function_name) == {"Fn::Select": [6, {"Fn::Split": [":", arn]}]}
    assert only_resource({"Resources": templates[1]}, IMAGE_GENERATION)["Properties"]["ServiceToken"] == arn


def test_fails_if_it_comes_too_late(stack: Stack) -> None:
    images_in(stack)
    with fails_with(
        "`stack` 'Cameras' has its function already, defined for 'Cameras/Images', declare ConfigurationFunction "
        "before the first configuration of the stack"
    ):
        ConfigurationFunction(stack)


def test_fails_on_a_second_one(stack: Stack) -> None:
    ConfigurationFunction(stack)
    with fails_with("`stack` 'Cameras' has its ConfigurationFunction already, keep one of the two"):
        ConfigurationFunction(stack)


def test_the_runtime_is_cdks_latest_python() -> None:
    names = [name for name in dir(lambda_.Runtime) if name.startswith("PYTHON_3_")]
    latest = max(names, key=lambda name: int(name.rpartition("_")[2]))
    assert getattr(lambda_.Runtime, latest).name == LATEST_RUNTIME


def test_the_concurrency_can_be_set_and_the_runtime_is_that_of_every_function_of_the_library() -> None:
    stack = Stack(App(), "Cameras")
    runtime = lambda_.Runtime.PYTHON_3_12
    ConfigurationFunction(stack, runtime=runtime, reserved_concurrent_executions=5)
    bucket = s3.Bucket(stack, "Bucket")
    images = images_in(stack, bucket=bucket)
    images.on_image_delivered("Delivered")
    alarm = images.alarm_on_missing_images("Missing")
    images.diagnose_on("Diagnosis", alarm=alarm, topic=sns.Topic(stack, "Topic"))
    StreamFleet(stack, "Fleet", name_prefix="cam-", bucket=bucket, runtime=runtime)
    functions = {name: f["Properties"] for name, f in resources_of(template_of(stack), FUNCTION).items()}
    assert functions[FUNCTION_ID]["ReservedConcurrentExecutions"] == 5
    # The function for the bucket's notifications belongs to the CDK.
    ours = [each for each in functions.values() if each["Handler"].startswith("kinesis_video_")]
    assert [properties["Runtime"] for properties in ours] == ["python3.12"] * 5


def test_a_log_group_of_ones_own(stack: Stack) -> None:
    log_group = logs.LogGroup(
        stack,
        "Logs",
        retention=logs.RetentionDays.ONE_YEAR,
        encryption_key=kms.Key(stack, "Key"),
        removal_policy=RemovalPolicy.RETAIN,
    )
    function = ConfigurationFunction(stack, log_group=log_group)
    assert function.log_group is log_group
    template = template_of(stack)
    (log_group_id,) = resources_of(template, "AWS::Logs::LogGroup")
    assert only_resource(template, FUNCTION)["Properties"]["LoggingConfig"]["LogGroup"] == {"Ref": log_group_id}
    (policy,) = only_resource(template, "AWS::IAM::Role")["Properties"]["Policies"]
    writes = policy["PolicyDocument"]["Statement"][-1]
    assert writes["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert writes["Resource"] == {"Fn::GetAtt": [log_group_id, "Arn"]}


def lambda_role(stack: Stack) -> iam.Role:
    return iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))


def test_a_role_of_ones_own_gets_what_the_function_needs(stack: Stack) -> None:
    role = lambda_role(stack)
    function = ConfigurationFunction(stack, role=role)
    assert function.role is role
    template = template_of(stack)
    (policy_id,) = resources_of(template, "AWS::IAM::Policy")
    policy = policy_of(template)
    assert policy["Roles"] == [{"Ref": next(iter(resources_of(template, "AWS::IAM::Role")))}]
    services = [statement["Action"][0].partition(":")[0] for statement in policy["PolicyDocument"]["Statement"]]
    assert services == ["kinesisvideo", "cloudformation", "logs"]
    # The permissions are created before the function and deleted after it.
    assert policy_id in only_resource(template, FUNCTION)["DependsOn"]
    assert messages_of(stack, "warning") == []


def test_a_role_of_another_stack_makes_no_circle() -> None:
    app = App()
    base, stack = Stack(app, "Base", env=ENVIRONMENT), Stack(app, "Cameras", env=ENVIRONMENT)
    ConfigurationFunction(stack, role=lambda_role(base))
    images_in(stack)
    statements = policy_of(template_of(stack))["PolicyDocument"]["Statement"]
    assert statements[1]["Resource"] == {"Ref": "AWS::StackId"}
    assert resources_of(template_of(base), "AWS::IAM::Policy") == {}


def test_an_imported_role_gets_the_policy(stack: Stack) -> None:
    ConfigurationFunction(stack, role=iam.Role.from_role_name(stack, "Role", "configures-streams"))
    assert policy_of(template_of(stack))["Roles"] == ["configures-streams"]


def test_a_role_that_takes_no_policy_is_a_warning_with_the_statements(stack: Stack) -> None:
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/fixed", mutable=False)
    ConfigurationFunction(stack, role=role)
    (warning,) = messages_of(stack, "warning")
    assert warning.startswith('`role` accepts no policy, add these statements to its own policy: {"Action": ["kinesis')
    assert "kinesisvideo:UpdateImageGenerationConfiguration" in warning
    assert "cloudformation:ListStackResources" in warning
    assert "logs:PutLogEvents" in warning
    assert resources_of(template_of(stack), "AWS::IAM::Policy") == {}


def test_something_can_be_granted_to_it(stack: Stack) -> None:
    function = ConfigurationFunction(stack)
    kms.Key(stack, "Key").grant_decrypt(function)
    (statement,) = policy_of(template_of(stack))["PolicyDocument"]["Statement"]
    assert statement["Action"] == "kms:Decrypt"


def test_tags_and_a_permissions_boundary_reach_it(stack: Stack) -> None:
    function = ConfigurationFunction(stack)
    Tags.of(function).add("team", "video")
    boundary = iam.ManagedPolicy.from_managed_policy_name(stack, "Boundary", "boundary")
    iam.PermissionsBoundary.of(stack).apply(boundary)
    images_in(stack, enabled=False)
    template = template_of(stack)
    assert only_resource(template, FUNCTION)["Properties"]["Tags"] == [{"Key": "team", "Value": "video"}]
    role = only_resource(template, "AWS::IAM::Role")["Properties"]
    assert role["Tags"] == [{"Key": "team", "Value": "video"}]
    assert role["PermissionsBoundary"] == stack.resolve(boundary.managed_policy_arn)


def test_the_boundary_of_an_app_reaches_it() -> None:
    boundary = PermissionsBoundary.from_name("boundary")
    stack = Stack(App(), "Cameras", permissions_boundary=boundary)
    images_in(stack, enabled=False)
    assert "PermissionsBoundary" in only_resource(template_of(stack), "AWS::IAM::Role")["Properties"]


def isolated_vpc(stack: Stack) -> ec2.Vpc:
    subnets = [ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)]
    return ec2.Vpc(stack, "Vpc", nat_gateways=0, max_azs=2, subnet_configuration=subnets)


def test_a_vpc_brings_a_security_group_and_the_right_to_network_interfaces(stack: Stack) -> None:
    function = ConfigurationFunction(stack, vpc=ec2.Vpc(stack, "Vpc", max_azs=2))
    images_in(stack, enabled=False)
    template = template_of(stack)
    (group_id,) = resources_of(template, "AWS::EC2::SecurityGroup")
    config = only_resource(template, FUNCTION)["Properties"]["VpcConfig"]
    assert config["SecurityGroupIds"] == [{"Fn::GetAtt": [group_id, "GroupId"]}]
    assert [subnet["Ref"][:16] for subnet in config["SubnetIds"]] == ["VpcPrivateSubnet"] * 2
    (policy,) = only_resource(template, "AWS::IAM::Role")["Properties"]["Policies"]
    interfaces = policy["PolicyDocument"]["Statement"][-1]
    assert interfaces["Action"][1] == "ec2:CreateNetworkInterface"
    assert interfaces["Resource"] == "*"
    assert len(function.connections.security_groups) == 1
    # The routes are created before the function and deleted after it.
    routes = {name for name in resources_of(template, "AWS::EC2::Route") if "PrivateSubnet" in name}
    assert routes <= set(only_resource(template, FUNCTION)["DependsOn"])
    assert messages_of(stack, "warning") == []


def test_subnets_and_security_groups_of_ones_own(stack: Stack) -> None:
    vpc = isolated_vpc(stack)
    group = ec2.SecurityGroup(stack, "Group", vpc=vpc)
    subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, one_per_az=True)
    ConfigurationFunction(stack, vpc=vpc, vpc_subnets=subnets, security_groups=[group])
    template = template_of(stack)
    (group_id,) = resources_of(template, "AWS::EC2::SecurityGroup")
    config = only_resource(template, FUNCTION)["Properties"]["VpcConfig"]
    assert config["SecurityGroupIds"] == [{"Fn::GetAtt": [group_id, "GroupId"]}]
    assert len(config["SubnetIds"]) == 2


def test_an_imported_vpc(stack: Stack) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-1", availability_zones=["eu-west-1a"], isolated_subnet_ids=["subnet-1"]
    )
    ConfigurationFunction(stack, vpc=vpc)
    assert only_resource(template_of(stack), FUNCTION)["Properties"]["VpcConfig"]["SubnetIds"] == ["subnet-1"]
    # The endpoints of an imported VPC are not known.
    assert [m for m in messages_of(stack, "warning") if "vpc-without-endpoints" in m] == []


WITHOUT_ENDPOINTS = (
    "the function is in isolated subnets of 'Cameras/Vpc', and without a route to the services that it calls each "
    "deployment waits 15 minutes for its answer and fails; add to the VPC {} [ack: cdk-kinesis-video:"
    "vpc-without-endpoints]"
)
KINESIS_VIDEO = "com.amazonaws.eu-west-1.kinesisvideo (interface endpoint)"
S3 = "com.amazonaws.eu-west-1.s3 (gateway endpoint)"
CLOUDFORMATION = "com.amazonaws.eu-west-1.cloudformation (interface endpoint)"


def add_endpoints(stack: Stack, vpc: ec2.Vpc) -> None:
    vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
    vpc.add_interface_endpoint("CloudFormation", service=ec2.InterfaceVpcEndpointAwsService.CLOUDFORMATION)
    ec2.InterfaceVpcEndpoint(stack, "KinesisVideo", vpc=vpc, service=ec2.InterfaceVpcEndpointAwsService("kinesisvideo"))


def test_endpoints_that_come_later_are_seen_and_outlive_the_function(stack: Stack) -> None:
    vpc = isolated_vpc(stack)
    ConfigurationFunction(stack, vpc=vpc)
    add_endpoints(stack, vpc)
    template = template_of(stack)
    assert messages_of(stack, "warning") == []
    endpoints = set(resources_of(template, "AWS::EC2::VPCEndpoint"))
    assert len(endpoints) == 3
    assert endpoints <= set(only_resource(template, FUNCTION)["DependsOn"])


def test_endpoints_of_a_vpc_of_another_stack_are_seen() -> None:
    app = App()
    base, stack = Stack(app, "Base", env=ENVIRONMENT), Stack(app, "Cameras", env=ENVIRONMENT)
    vpc = isolated_vpc(base)
    ConfigurationFunction(stack, vpc=vpc)
    vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
    ec2.InterfaceVpcEndpoint(stack, "KinesisVideo", vpc=vpc, service=ec2.InterfaceVpcEndpointAwsService("kinesisvideo"))
    (warning,) = (m for m in messages_of(stack, "warning") if "vpc-without-endpoints" in m)
    assert warning == WITHOUT_ENDPOINTS.format(CLOUDFORMATION).replace("'Cameras/Vpc'", "'Base/Vpc'")


def test_another_vpcs_endpoints_lead_nowhere(stack: Stack) -> None:
    ConfigurationFunction(stack, vpc=isolated_vpc(stack))
    add_endpoints(stack, ec2.Vpc(stack, "Other", max_azs=2))
    assert messages_of(stack, "warning") == [WITHOUT_ENDPOINTS.format(", ".join((KINESIS_VIDEO, S3, CLOUDFORMATION)))]


def test_fails_on_public_subnets(stack: Stack) -> None:
    public = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)
    with fails_with(
        "`vpc_subnets` are public, where a function gets no public address and reaches nothing, use private or "
        "isolated subnets"
    ):
        ConfigurationFunction(stack, vpc=ec2.Vpc(stack, "Vpc"), vpc_subnets=public)


@pytest.mark.parametrize("prop", ["vpc_subnets", "security_groups"])
def test_fails_on_a_part_of_a_vpc_without_it(stack: Stack, prop: str) -> None:
    group = ec2.SecurityGroup(stack, "Group", vpc=ec2.Vpc(stack, "Vpc"))
    value: Any = {"vpc_subnets": ec2.SubnetSelection(), "security_groups": [group]}[prop]
    with fails_with(f"`{prop}` is given without `vpc`, pass the VPC, too"):
        ConfigurationFunction(stack, **{prop: value})


def test_fails_on_the_connections_of_a_function_in_no_vpc(stack: Stack) -> None:
    with fails_with("`vpc` is None, so the function has no connections, pass the VPC that it runs in"):
        ConfigurationFunction(stack).connections  # noqa: B018


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        (ec2.SubnetSelection(subnets=[]), ", use private or isolated subnets"),
        (
            ec2.SubnetSelection(subnet_group_name="Cameras"),
            ": There are no subnet groups with name 'Cameras' in this VPC. Available names: Isolated",
        ),
    ],
    ids=["empty", "no such group"],
)
def test_fails_on_subnets_that_are_none(stack: Stack, selection: ec2.SubnetSelection, says: str) -> None:
    with fails_with(f"`vpc_subnets` select no subnet of `vpc`{says}"):
        ConfigurationFunction(stack, vpc=isolated_vpc(stack), vpc_subnets=selection)


def test_fails_on_more_security_groups_than_a_function_takes(stack: Stack) -> None:
    vpc = isolated_vpc(stack)
    groups = [ec2.SecurityGroup(stack, f"Group{number}", vpc=vpc) for number in range(6)]
    with fails_with("`security_groups` has 6 items, a function takes at most 5"):
        ConfigurationFunction(stack, vpc=vpc, security_groups=groups)


def test_fails_on_a_role_or_a_log_group_that_lambda_cannot_use(stack: Stack) -> None:
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::444455556666:role/theirs")
    with fails_with("`role` is in account 444455556666 and `stack` in account 111122223333, use one of 111122223333"):
        ConfigurationFunction(stack, role=role)
    log_group = logs.LogGroup.from_log_group_arn(stack, "Logs", "arn:aws:logs:us-east-1:111122223333:log-group:theirs")
    with fails_with("`log_group` is in Region us-east-1 and `stack` in Region eu-west-1, use one of eu-west-1"):
        ConfigurationFunction(stack, log_group=log_group)
