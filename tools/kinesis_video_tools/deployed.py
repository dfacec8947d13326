"""The declarations of a deployed stack.

CloudFormation doesn't return the properties of custom resources, so they are read from the stack's template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from kinesis_video_configuration import FEATURES, Declaration
from kinesis_video_configuration.retries import Retries, pages
from kinesis_video_configuration.stack import StackReader, is_gone
from kinesis_video_contract.fleets import NAME_PREFIX
from kinesis_video_contract.fleets import RESOURCE_TYPE as FLEET
from kinesis_video_drift import Stack, StackChangedError

from .template import Values, parse_template

NESTED_STACK = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class Declared:
    """A configuration or a fleet that a stack declares."""

    stack: Stack
    row: Mapping[str, Any]
    """The resource, from ListStackResources."""
    properties: Mapping[str, Any]
    """The properties in the template."""
    values: Values

    @property
    def resource_type(self) -> str:
        """The type of the custom resource."""
        return str(self.row["ResourceType"])

    @property
    def is_fleet(self) -> bool:
        """Whether it is the custom resource of a fleet, whose streams no stack lists."""
        return self.resource_type == FLEET

    @property
    def name_prefix(self) -> str:
        """The prefix of the names of a fleet's streams, which is known at synth."""
        return str(self.properties[NAME_PREFIX])

    @property
    def stream_arn(self) -> str:
        """The stream that the resource holds; empty if it could not be created."""
        physical_id = str(self.row.get("PhysicalResourceId", ""))
        return physical_id if physical_id.startswith("arn:") else ""

    def declaration(self) -> Declaration:
        """Resolve the expressions of the declaration.

        It raises an UnknownValueError if the stack doesn't reveal the value of an expression, and a ValueError if the
        resource holds no stream or a property can't be read.
        """
        if not self.stream_arn:
            raise ValueError(f"{self.row['LogicalResourceId']} is {self.row['ResourceStatus']} and holds no stream")
        configuration = FEATURES[self.resource_type].configuration
        given = self.values.resolve(self.properties.get(configuration))
        return Declaration.parse(self.resource_type, {"StreamARN": self.stream_arn, configuration: given})


def declared_in(cloudformation: Any, retries: Retries, stack_name: str) -> Iterator[Declared]:
    """Find the declarations of a stack, given by its name or id, and of its nested stacks.

    It raises a CallError if there is no such stack or CloudFormation can't be asked, a StackChangedError if the stack
    is being changed or is deleted, and a ValueError if its template can't be read.
    """

    @cache
    def exports() -> Mapping[str, str]:
        answers = pages(partial(retries.call, cloudformation, "list_exports"))
        return {export["Name"]: export["Value"] for answer in answers for export in answer["Exports"]}

    def outputs(stack_id: str) -> Mapping[str, str]:
        described = StackReader(lambda: cloudformation, retries, stack_id).describe()
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def within(name: str) -> Iterator[Declared]:
        stack = Stack.read(cloudformation, retries, name)
        if stack.is_changing or stack.status == "DELETE_COMPLETE":
            raise StackChangedError(f"{name} is {stack.status}")
        there = [row for row in stack.resources if not is_gone(row)]
        if not any(row["ResourceType"] in (*FEATURES, FLEET, NESTED_STACK) for row in there):
            return
        answer = retries.call(cloudformation, "get_template", StackName=name, TemplateStage="Processed")
        template = parse_template(answer["TemplateBody"])
        described = StackReader(lambda: cloudformation, retries, name).describe()
        if (described["StackStatus"], described.get("LastUpdatedTime")) != (stack.status, stack.updated):
            raise StackChangedError(f"{name} is being changed or was changed, it is {described['StackStatus']}")
        values = Values(template, described, there, exports, outputs)
        resources = template.get("Resources") or {}
        for row in there:
            if row["ResourceType"] == NESTED_STACK and row.get("PhysicalResourceId"):
                yield from within(row["PhysicalResourceId"])
            elif row["ResourceType"] in (*FEATURES, FLEET):
                resource = resources.get(row["LogicalResourceId"]) or {}
                yield Declared(stack, row, resource.get("Properties") or {}, values)

    yield from within(stack_name)
