"""What a deployed stack declares for its streams.

CloudFormation keeps the properties of custom resources to itself. They are in the stack's template, with expressions
whose values the stack's parameters and resources tell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from kinesis_video_configuration import FEATURES, Declaration
from kinesis_video_configuration.retries import Retries, pages
from kinesis_video_configuration.stack import is_gone
from kinesis_video_drift import Stack

NESTED_STACK = "AWS::CloudFormation::Stack"

_HIDDEN = "****"
"""The value that CloudFormation tells of a parameter with NoEcho."""
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
_DYNAMIC_REFERENCE = re.compile(r"\{\{resolve:.*?\}\}")
_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


class UnknownValueError(Exception):
    """An expression of a template whose value the stack doesn't tell; the message is the expression."""


@dataclass(frozen=True)
class Declared:
    """One configuration that a stack declares."""

    stack: Stack
    resource_type: str
    stream_arn: str
    properties: Any
    """As the template has them."""
    values: Values

    def declaration(self) -> Declaration:
        """Work out what is declared.

        Raises
        ------
        UnknownValueError
            If an expression has a value that the stack doesn't tell.
        """
        configuration = FEATURES[self.resource_type].configuration
        given = self.values.resolve(self.properties.get(configuration))
        if reference := _DYNAMIC_REFERENCE.search(json.dumps(given)):
            raise UnknownValueError(reference[0])
        return Declaration.parse(self.resource_type, {"StreamARN": self.stream_arn, configuration: given})


class Values:
    """The values of the expressions in a stack's template.

    Parameters
    ----------
    cloudformation
        A client, as `kinesis_video_configuration.service` makes it.
    retries
        When a call is made again, and until when.
    described
        The stack, as DescribeStacks has it.
    resources
        Its resources, as ListStackResources has them.
    """

    def __init__(
        self,
        cloudformation: Any,
        retries: Retries,
        described: Mapping[str, Any],
        resources: tuple[Mapping[str, Any], ...],
    ) -> None:
        self._cloudformation = cloudformation
        self._retries = retries
        _, partition, _, region, account, _ = described["StackId"].split(":", 5)
        self._references: dict[str, str] = {
            "AWS::AccountId": account,
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::StackId": described["StackId"],
            "AWS::StackName": described["StackName"],
            "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
            # A parameter of Parameter Store has its name as the value, and what it stands for beside it.
            **{
                parameter["ParameterKey"]: parameter.get("ResolvedValue", parameter["ParameterValue"])
                for parameter in described.get("Parameters", [])
                if parameter["ParameterValue"] != _HIDDEN
            },
            **{resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "") for resource in resources},
        }

    def resolve(self, value: Any) -> Any:
        """Put the values in the place of the expressions.

        Raises
        ------
        UnknownValueError
            If there is an expression whose value the stack doesn't tell.
        """
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self._reference(argument)
            if name.startswith("Fn::"):
                return self._call(name, argument)
        return {name: self.resolve(inner) for name, inner in value.items()}

    def _reference(self, name: str) -> str:
        if name not in self._references:
            raise UnknownValueError(f"Ref {name}")
        return self._references[name]

    def _call(self, name: str, argument: Any) -> Any:
        if name == "Fn::Join":
            return argument[0].join(map(str, self.resolve(argument[1])))
        if name == "Fn::Select":
            return self.resolve(argument[1])[int(argument[0])]
        if name == "Fn::Split":
            return self.resolve(argument[1]).split(argument[0])
        if name == "Fn::Sub" and isinstance(argument, str):
            return _VARIABLE.sub(lambda match: self._reference(match[1]), argument).replace("${!", "${")
        exported = self.resolve(argument) if name == "Fn::ImportValue" else None
        if exported in self._exports:
            return self._exports[exported]
        raise UnknownValueError(f"{name} {json.dumps(argument)}")

    @cached_property
    def _exports(self) -> dict[str | None, str]:
        answers = pages(partial(self._retries.call, self._cloudformation, "list_exports"))
        return {export["Name"]: export["Value"] for answer in answers for export in answer["Exports"]}


def declared_in(cloudformation: Any, retries: Retries, stack_name: str) -> Iterator[Declared]:
    """Find what a stack declares, and what its nested stacks do.

    Parameters
    ----------
    cloudformation
        A client, as `kinesis_video_configuration.service` makes it.
    retries
        When a call is made again, and until when.
    stack_name
        The stack's name or id.

    Raises
    ------
    CallError
        If there is no such stack, or CloudFormation can't be asked.
    """
    stack = Stack.read(cloudformation, retries, stack_name)
    there = tuple(r for r in stack.resources if not is_gone(r))
    if not any(r["ResourceType"] in (*FEATURES, NESTED_STACK) for r in there):
        return
    body = retries.call(cloudformation, "get_template", StackName=stack_name, TemplateStage="Processed")["TemplateBody"]
    # JSON, such as CDK's, is parsed already.
    template = json.loads(body) if isinstance(body, str) else body
    (described,) = retries.call(cloudformation, "describe_stacks", StackName=stack_name)["Stacks"]
    values = Values(cloudformation, retries, described, there)
    for resource in there:
        physical_id = resource.get("PhysicalResourceId", "")
        if resource["ResourceType"] == NESTED_STACK:
            yield from declared_in(cloudformation, retries, physical_id)
        # One whose creation failed has no stream.
        elif resource["ResourceType"] in FEATURES and physical_id.startswith("arn:"):
            properties = template["Resources"][resource["LogicalResourceId"]]["Properties"]
            yield Declared(stack, resource["ResourceType"], physical_id, properties, values)
