"""Finds the stream of this app that was imported again by a token: its own ARN or name."""

from __future__ import annotations

import re
from typing import Any

from aws_cdk import CfnOutput, CfnParameter, Reference, Stack, Tokenization
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import IConstruct

from .._jsii import stack_of
from .._validation import TOKEN

_IN_SUB = re.compile(r"\$\{(\w+(\.Arn)?)\}")


def origin_of(stream: IStreamRef, stack: Stack) -> kinesisvideo.CfnStream | None:
    """Find the L1 whose ARN or name was imported into a stack; None if it is no stream of this app.

    It finds the stream by its own attributes, also from another stack, by `Fn` with its logical id, and by exports.
    """
    reference = stream.stream_ref
    for text in (reference.stream_arn, reference.stream_name):
        # Text with more than one token in it names another stream.
        if TOKEN.fullmatch(text):
            return _behind(text, stack)
    return None


def _behind(text: str, stack: Stack) -> kinesisvideo.CfnStream | None:
    (token,) = Tokenization.reverse_string(text).tokens
    if not Reference.is_reference(token):
        return _named_by(stack.resolve(text), stack)
    target: Any = getattr(token, "target", None)
    if isinstance(target, CfnParameter):
        return _given_as(target)
    return target if isinstance(target, kinesisvideo.CfnStream) else None


def _given_as(parameter: CfnParameter) -> kinesisvideo.CfnStream | None:
    """Find the stream that a nested stack gets as a parameter."""
    nested = stack_of(parameter)
    resource: Any = nested.nested_stack_resource
    if resource is None:
        return None
    parent = stack_of(resource)
    return _named_by((parent.resolve(resource.parameters) or {}).get(nested.resolve(parameter.logical_id)), parent)


def _named_by(value: Any, stack: Stack) -> kinesisvideo.CfnStream | None:
    match value:
        case {"Fn::ImportValue": name}:
            exported = [output for output in _outputs(stack.node.root) if _export_name_of(output) == name]
            return _behind_output(exported[0]) if exported else None
        case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), "Arn"]}:
            return _only(logical_id, [stream for stream in _streams(stack) if stack_of(stream) is stack])
        case {"Fn::Sub": [str(text), dict(values)]}:
            return _named_by(values.get(text.removeprefix("${").removesuffix("}")), stack)
        case {"Fn::Sub": str(text)} if found := _IN_SUB.fullmatch(text):
            return _named_by({"Fn::GetAtt": found[1].split(".")} if "." in text else {"Ref": found[1]}, stack)
        case {"Fn::GetAtt": str(text)}:
            return _named_by({"Fn::GetAtt": text.split(".")}, stack)
        case {"Fn::Select": [1, {"Fn::Split": ["/", {"Fn::Select": [5, {"Fn::Split": [":", arn]}]}]}]}:
            return _named_by({"Fn::Select": [1, {"Fn::Split": ["/", arn]}]}, stack)
        case {"Fn::Select": [1, {"Fn::Split": ["/", {"Fn::GetAtt": [str(logical_id), "Arn"]}]}]}:
            # The name in an ARN of any stack: only one stream of the app may have this logical id.
            return _only(logical_id, _streams(stack.node.root))
    return None


def _behind_output(output: CfnOutput) -> kinesisvideo.CfnStream | None:
    value = output.value
    return _behind(value, stack_of(output)) if TOKEN.fullmatch(value) else None


def _outputs(scope: IConstruct) -> list[CfnOutput]:
    return [node for node in scope.node.find_all() if isinstance(node, CfnOutput) and node.export_name is not None]


def _export_name_of(output: CfnOutput) -> Any:
    return stack_of(output).resolve(output.export_name)


def _only(logical_id: str, streams: list[kinesisvideo.CfnStream]) -> kinesisvideo.CfnStream | None:
    found = [stream for stream in streams if stack_of(stream).resolve(stream.logical_id) == logical_id]
    return found[0] if len(found) == 1 else None


def _streams(scope: IConstruct) -> list[kinesisvideo.CfnStream]:
    return [node for node in scope.node.find_all() if isinstance(node, kinesisvideo.CfnStream)]
