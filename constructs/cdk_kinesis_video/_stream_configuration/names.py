"""The names of streams by which two constructs of an app can mean the same one.

A name means the same stream everywhere in an account and a Region, and within a stack also where these aren't known.
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
    """Whose configurations are declared, by the names of the streams, where a name means one stream."""

    def __init__(self, stack: Stack | None = None) -> None:
        self._stack = stack
        self._imported: dict[tuple[str, Feature], Construct] = {}
        self._declared: dict[tuple[str, Feature], Construct] = {}
        self._unasked: list[tuple[IStreamRef, Feature, Construct]] = []

    def declare(self, stream: IStreamRef, feature: Feature, scope: Construct) -> Construct:
        """Note that `scope` configures a stream of this app; return who does already, or else `scope`."""
        self._unasked.append((stream, feature, scope))
        if not self._imported:
            # Nobody can mean the same one, and a name takes two round trips.
            return scope
        self._ask()
        name = name_of(stream)
        known = is_known(name)
        key = name if known or self._stack is None else token_id(self._stack, name)
        return self._imported.get((key, feature), scope)

    def import_(self, name: str, feature: Feature, scope: Construct) -> Construct:
        """Note that `scope` configures an imported stream; return who does already, or else `scope`."""
        self._ask()
        earlier = self._declared.get((name, feature))
        return earlier or self._imported.setdefault((name, feature), scope)

    def configured(self, feature: Feature) -> dict[str, Construct]:
        """List who configures which stream."""
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
                # A token has its value from the stack, and may have another one in the next.
                self._declared[token_id(self._stack, name), feature] = scope


@once
def names_in(stack: Stack) -> Names:
    """Find the names that are the stack's account's and Region's, or else its own: saves four trips for each stream."""
    account, region = account_of(stack), region_of(stack)
    if is_known(account) and is_known(region):
        return _in_environment.setdefault((stack.node.root, account, region), Names())
    return names_in_stack(stack)


@once
def names_in_stack(stack: Stack) -> Names:
    """Find the names that are the stack's own; a nested stack is where its parent is."""
    parent = stack.nested_stack_parent
    return Names(stack) if parent is None else names_in_stack(parent)


def token_id(stack: Stack, name: str) -> str:
    """Make of a name that is a token what identifies it within the stack."""
    return f"Stream{digest(json.dumps(stack.resolve(name), sort_keys=True))}"


def digest(text: str) -> str:
    """Shorten text to what still differs."""
    return hashlib.sha256(text.encode()).hexdigest()[:8].upper()


# By app, account and Region. It would have to be asked of the tree otherwise, like `identity._declared`.
_in_environment: dict[tuple[IConstruct, str, str], Names] = {}
