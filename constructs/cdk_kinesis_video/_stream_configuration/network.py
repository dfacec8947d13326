"""The VPC that a stack's function runs in, and whether the function can reach its services from there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import Annotations, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from .._jsii import region_of, stack_of
from .._validation import check_list, check_type, has, is_known
from .warnings import at_synth

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2

VPC_WITHOUT_ENDPOINTS = "cdk-kinesis-video:vpc-without-endpoints"

_MOST_SECURITY_GROUPS = 5

# The services that the function calls to set, to answer and to ask who holds a stream, and their kinds of endpoint.
_ENDPOINTS = {"kinesisvideo": "interface", "s3": "gateway", "cloudformation": "interface"}


def check_network(vpc: Any, vpc_subnets: Any, security_groups: Any) -> None:
    check_type("vpc", vpc, vpc is None or has(vpc, "select_subnets"), "a VPC such as ec2.Vpc")
    fits = vpc_subnets is None or has(vpc_subnets, "subnet_group_name")
    check_type("vpc_subnets", vpc_subnets, fits, "an ec2.SubnetSelection")
    if security_groups is not None:
        check_list("security_groups", security_groups, "security groups such as [ec2.SecurityGroup(...)]")
        if not security_groups:
            raise ValueError("`security_groups` is empty, pass one or more, or leave it out to define one")
        if len(security_groups) > _MOST_SECURITY_GROUPS:
            raise ValueError(
                f"`security_groups` has {len(security_groups)} items, a function takes at most {_MOST_SECURITY_GROUPS}"
            )
        for group in security_groups:
            fits = has(group, "security_group_id") and has(group, "connections")
            check_type("security_groups", group, fits, "a list of security groups such as ec2.SecurityGroup")
    for prop, value in (("vpc_subnets", vpc_subnets), ("security_groups", security_groups)):
        if value is not None and vpc is None:
            raise ValueError(f"`{prop}` is given without `vpc`, pass the VPC, too")


def network_statement() -> iam.PolicyStatement:
    """Make the statement for the network interfaces, with the actions of AWSLambdaVPCAccessExecutionRole."""
    return iam.PolicyStatement(
        actions=[
            "ec2:AssignPrivateIpAddresses",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:UnassignPrivateIpAddresses",
        ],
        # Lambda creates the interfaces, which have no ARN beforehand, and most of these actions support no resource.
        resources=["*"],
    )


class Network(Construct):
    """The subnets and security groups of the function in a VPC."""

    def __init__(
        self,
        scope: Construct,
        vpc: ec2.IVpc,
        vpc_subnets: ec2.SubnetSelection | None,
        security_groups: Sequence[ec2.ISecurityGroup] | None,
    ) -> None:
        # Whoever passes a VPC has imported it.
        from aws_cdk import aws_ec2 as ec2

        self._selected = _subnets_of(vpc, vpc_subnets)
        if self._selected.has_public:
            raise ValueError(
                "`vpc_subnets` are public, where a function gets no public address and reaches nothing, use private "
                "or isolated subnets"
            )
        super().__init__(scope, "Network")
        groups = security_groups or [
            ec2.SecurityGroup(
                self, "SecurityGroup", vpc=vpc, description="The function that configures Kinesis video streams"
            )
        ]
        self._vpc = vpc
        self._told = False
        self.connections = ec2.Connections(security_groups=list(groups))
        self.config = {
            "SubnetIds": self._selected.subnet_ids,
            "SecurityGroupIds": [group.security_group_id for group in groups],
        }

    def lead_out(self, function: IConstruct) -> None:
        """Make the function depend on its route out of the VPC, and warn if the app shows that there is none."""
        function.node.add_dependency(self._selected.internet_connectivity_established)
        at_synth(self, lambda: self._look_for_endpoints(function))

    def _look_for_endpoints(self, function: IConstruct) -> None:
        from aws_cdk import aws_ec2 as ec2

        missing = dict(_ENDPOINTS)
        for endpoint in self._endpoints():
            if stack_of(endpoint) is stack_of(self):
                function.node.add_dependency(endpoint)
            missing.pop(_service_of(endpoint), None)
        if self._told or not missing or not isinstance(self._vpc, ec2.Vpc) or not self._is_isolated():
            return
        self._told = True
        region = region_of(stack_of(self))
        names = [
            f"com.amazonaws.{region if is_known(region) else '<region>'}.{service} ({kind} endpoint)"
            for service, kind in missing.items()
        ]
        Annotations.of(self).add_warning_v2(
            VPC_WITHOUT_ENDPOINTS,
            f"the function is in isolated subnets of {self._vpc.node.path!r}, and without a route to the services that "
            f"it calls each deployment waits 15 minutes for its answer and fails; add to the VPC {', '.join(names)}",
        )

    def _is_isolated(self) -> bool:
        isolated = {subnet.node.path for subnet in self._vpc.isolated_subnets}
        return any(subnet.node.path in isolated for subnet in self._selected.subnets)

    def _endpoints(self) -> list[Any]:
        """Find the endpoints of a VPC of this app, in its stack and in the function's."""
        from aws_cdk import aws_ec2 as ec2

        if not isinstance(self._vpc, ec2.Vpc):
            return []
        trees = {stack.node.path: stack for stack in (Stack.of(self._vpc), stack_of(self))}
        nodes = {node.node.path: node for tree in trees.values() for node in tree.node.find_all()}
        return [
            node for node in nodes.values() if isinstance(node, ec2.CfnVPCEndpoint) and node.vpc_id == self._vpc.vpc_id
        ]


def _service_of(endpoint: ec2.CfnVPCEndpoint) -> str:
    """Return the service of ``com.amazonaws.<region>.<service>``."""
    name: Any = stack_of(endpoint).resolve(endpoint.service_name)
    text = name if isinstance(name, str) else str(name["Fn::Join"][1][-1])
    return text.rpartition(".")[2].removesuffix("-fips")


def _subnets_of(vpc: ec2.IVpc, selection: ec2.SubnetSelection | None) -> ec2.SelectedSubnets:
    try:
        selected = vpc.select_subnets(**_values(selection))
    except RuntimeError as error:
        # The CDK lists the existing subnets after the name of its error.
        says = str(error).partition(": ")[2].rstrip(".")
        raise ValueError(f"`vpc_subnets` select no subnet of `vpc`: {says}") from error
    if not selected.subnets:
        raise ValueError("`vpc_subnets` select no subnet of `vpc`, use private or isolated subnets")
    return selected


def _values(selection: ec2.SubnetSelection | None) -> dict[str, Any]:
    props = ("availability_zones", "one_per_az", "subnet_filters", "subnet_group_name", "subnets", "subnet_type")
    return {} if selection is None else {prop: getattr(selection, prop) for prop in props}
