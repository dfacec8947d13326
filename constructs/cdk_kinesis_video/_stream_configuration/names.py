"""Finds two constructs of an app that configure the same stream, by the stream's name.

A name identifies a stream within an account and a Region, or within a stack if these are unknown.
"""

from __future__ import annotations

import hashlib
import json

from aws_cdk import Stack
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct, IConstruct

from kinesis_video_contract.configurations import Feature

from .._jsii import account_of, once, region_of
from .._streams import name_of
from .._validation import is_known


class Names:
    """The constructs that configure streams, by the streams' names."""

    def __init__(self, stack: Stack | None = None) -> None:
        self._stack = stack
        self._imported: dict[tuple[str, Feature], Construct] = {}
        self._declared: dict[tuple[str, Feature], Construct] = {}
        self._unasked: list[tuple[IStreamRef, Feature, Construct]] = []

    def declare(self, stream: IStreamRef, feature: Feature, scope: Construct) -> Construct:
        """Record that `scope` configures a stream of this app; return the construct that already does, or `scope`."""
        self._unasked.append((stream, feature, scope))
        if not self._imported:
            # No other construct can mean this stream, and reading its name takes two round trips.
            return scope
        self._ask()
        name = name_of(stream)
        known = is_known(name)
        key = name if known or self._stack is None else token_id(self._stack, name)
        return self._imported.get((key, feature), scope)

    def import_(self, name: str, feature: Feature, scope: Construct) -> Construct:
        """Record that `scope` configures an imported stream; return the construct that already does, or `scope`."""
        self._ask()
        earlier = self._declared.get((name, feature))
        return earlier or self._imported.setdefault((name, feature), scope)

    def configured(self, feature: Feature) -> dict[str, Construct]:
        """Return the construct that configures each stream, by the stream's name."""
        self._ask()
        return {
            name: scope
            for streams in (self._declared, self._imported)
            for (name, of_feature), scope in streams.items()
            if of_feature == feature
        }

    def _ask(self) -> None:
        while self._unasked:
            stream, feature, scope = self._unasked.pop()
            name = name_of(stream)
            if is_known(name):
                self._declared[name, feature] = scope
            elif self._stack is not None:
                # In another stack the same token can have another value.
                self._declared[token_id(self._stack, name), feature] = scope


@once
def names_in(stack: Stack) -> Names:
    """Find the names of the stack's account and Region, or else of the stack: saves four trips for each stream."""
    account, region = account_of(stack), region_of(stack)
    if is_known(account) and is_known(region):
        return _in_environment.setdefault((stack.node.root, account, region), Names())
    return names_in_stack(stack)


@once
def names_in_stack(stack: Stack) -> Names:
    """Find the names of the stack; a nested stack is in the account and Region of its parent."""
    parent = stack.nested_stack_parent
    return Names(stack) if parent is None else names_in_stack(parent)


def token_id(stack: Stack, name: str) -> str:
    """Make an id from a name that is a token; it identifies the stream within the stack."""
    return f"Stream{digest(json.dumps(stack.resolve(name), sort_keys=True))}"


def digest(text: str) -> str:
    """Hash text to eight hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:8].upper()


# By app, account and Region: searching the tree would take a round trip for each of its constructs.
_in_environment: dict[tuple[IConstruct, str, str], Names] = {}
