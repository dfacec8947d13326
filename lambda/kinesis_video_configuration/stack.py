"""The current state of a stack, as CloudFormation reports it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from .retries import Retries, pages


class StackReader:
    """Reads a stack by its id or its name. `Retries` repeats every call, which raises what it raises."""

    def __init__(self, client: Callable[[], Any], retries: Retries, name: str) -> None:
        self._client = client
        self._retries = retries
        self.name = name

    def describe(self) -> Mapping[str, Any]:
        """Read the stack's own entry of DescribeStacks."""
        response = self._retries.call(self._client(), "describe_stacks", StackName=self.name)
        stack: Mapping[str, Any] = response["Stacks"][0]
        return stack

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """List its resources as ListStackResources does, including those that are gone."""
        list_resources = partial(self._retries.call, self._client(), "list_stack_resources")
        for page in pages(list_resources, StackName=self.name):
            yield from page["StackResourceSummaries"]


def is_gone(row: Mapping[str, Any]) -> bool:
    """Whether a resource holds nothing: it is being deleted, was deleted or retained, or its deletion was given up."""
    return str(row["ResourceStatus"]).startswith("DELETE_")
