"""Stacks of a test's own."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from wire import Client

Template = Mapping[str, Any]


class Stack:
    """A stack that a test deploys."""

    def __init__(self, client: Client, name: str) -> None:
        self.name = name
        self.cloudformation = client("cloudformation")

    def deploy(self, template: Template, **more: Any) -> str:
        """Create or update it, and return its final status."""
        existing = [stack["StackName"] for stack in self.cloudformation.describe_stacks()["Stacks"]]
        operation = self.cloudformation.update_stack if self.name in existing else self.cloudformation.create_stack
        operation(StackName=self.name, TemplateBody=json.dumps(template), **more)
        return self.wait()

    def delete(self, *, ended: str = "DELETE_COMPLETE", **options: Any) -> None:
        stack_id = self.described()["StackId"]
        self.cloudformation.delete_stack(StackName=self.name, **options)
        assert self.wait(stack_id) == ended

    def wait(self, stack_id: str | None = None) -> str:
        while (status := str(self.described(stack_id)["StackStatus"])).endswith("_IN_PROGRESS"):
            time.sleep(0.02)
        return status

    def described(self, stack_id: str | None = None) -> Any:
        return self.cloudformation.describe_stacks(StackName=stack_id or self.name)["Stacks"][0]

    def outputs(self) -> dict[str, str]:
        return {output["OutputKey"]: output["OutputValue"] for output in self.described()["Outputs"]}

    def resources(self) -> dict[str, str]:
        resources = self.cloudformation.describe_stack_resources(StackName=self.name)["StackResources"]
        return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}

    def events(self) -> list[str]:
        return [f"{event['LogicalResourceId']} {event['ResourceStatus']}" for event in self._events()]

    def reasons(self) -> str:
        return "\n".join(event.get("ResourceStatusReason", "") for event in self._events())

    def _events(self) -> Any:
        return reversed(self.cloudformation.describe_stack_events(StackName=self.name)["StackEvents"])
