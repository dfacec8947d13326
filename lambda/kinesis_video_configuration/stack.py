"""A stack, as CloudFormation has it at the moment when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from .retries import Retries, pages


class StackReader:
    """Reads a stack by its id or its name. Every call is repeated as `Retries` says, and raises as it does."""

    def __init__(self, client: Callable[[], Any], retries: Retries, name: str) -> None:
        self._client = client
        self._retries = retries
        self.name = name

    def describe(self) -> Mapping[str, Any]:
        """Read the stack itself, as DescribeStacks has it."""
        stack: Mapping[str, Any] = self._retries.call(self._client(), "describe_stacks", StackName=self.name)["Stacks"][
            0
        ]
        return stack

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """List its resources, as ListStackResources has them, gone ones too."""
        list_resources = partial(self._retries.call, self._client(), "list_stack_resources")
        for page in pages(list_resources, StackName=self.name):
            yield from page["StackResourceSummaries"]


def is_gone(row: Mapping[str, Any]) -> bool:
    """Whether a resource holds nothing: it is being deleted, is deleted, is retained, or was given up."""
    return str(row["ResourceStatus"]).startswith("DELETE_")
