"""What CloudFormation does with a template's values: its intrinsic functions, and the texts that a function gets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

PSEUDO_PARAMETERS = {
    "AWS::AccountId": "000000000000",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::URLSuffix": "amazonaws.com",
}
"""The values of the pseudo parameters on a local AWS in its default Region."""


def resolve(
    value: Any, known: Callable[[str, str], Any], pseudo_parameters: Mapping[str, str] = PSEUDO_PARAMETERS
) -> Any:
    """Do the intrinsic functions of a part of a template of CDK: ``Ref``, ``Fn::GetAtt``, ``Fn::Join`` and ``Fn::Sub``.

    ``known`` tells an attribute of a resource, by its logical id and the attribute's name; the name ``Ref`` stands for
    what ``Ref`` gives, also of a parameter.
    """

    def reference(name: str, attribute: str) -> Any:
        return pseudo_parameters[name] if name in pseudo_parameters else known(name, attribute)

    def substituted(match: re.Match[str]) -> str:
        name, _, attribute = match[1].partition(".")
        return str(reference(name, attribute or "Ref"))

    def resolved(part: Any) -> Any:
        match part:
            case {"Ref": str(name)}:
                return reference(name, "Ref")
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return reference(name, attribute)
            case {"Fn::Join": [str(separator), list(parts)]}:
                return separator.join(str(resolved(item)) for item in parts)
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}]+)\}", substituted, text)
            case dict():
                return {name: resolved(item) for name, item in part.items()}
            case list():
                return [resolved(item) for item in part]
            case _:
                return part

    return resolved(value)


def stringify(value: Any) -> Any:
    """Turn every scalar into text, at every depth, as CloudFormation does for a custom resource's function."""
    match value:
        case dict():
            return {name: stringify(item) for name, item in value.items()}
        case list():
            return [stringify(item) for item in value]
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
