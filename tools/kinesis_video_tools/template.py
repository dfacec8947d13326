"""The templates of deployed stacks, in JSON or YAML, and the values of their expressions.

Expressions are evaluated as CloudFormation does, with the template's conditions and mappings and with the stack's
parameters and resources.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

_HIDDEN = "****"
"""CloudFormation returns this for a parameter with NoEcho."""
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
# Neither looks beyond where the next one begins: of many without an end, each would look through the whole text.
_DYNAMIC_REFERENCE = re.compile(r"\{\{resolve:(?:(?!\{\{resolve:).)*?\}\}")
_VARIABLE = re.compile(r"\$\{(!?)((?:(?!\$\{)[^}])+)\}")
_LIST_TYPES = ("CommaDelimitedList", "List<")
_NO_VALUE = object()


class UnknownValueError(Exception):
    """The stack doesn't reveal the value of an expression; the message is the expression."""


def parse_template(body: Any) -> Mapping[str, Any]:
    """Parse the body of GetTemplate: YAML, or JSON, which boto3 has parsed already; raise a ValueError otherwise."""
    try:
        template = yaml.load(body, _Loader) if isinstance(body, str) else body  # a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(f"the stack's template is neither JSON nor YAML: {error}") from error
    if not isinstance(template, Mapping):
        raise ValueError("the stack's template is not a map")
    return template


class _Loader(yaml.SafeLoader):
    """Reads YAML with CloudFormation's short forms, such as ``!Sub``.

    Dates and numbers stay text: a custom resource receives all properties as text, and a number can be a key of a
    mapping, such as an account's.
    """


def _construct_short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if name == "Fn::GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.split(":")[-1] not in ("timestamp", "int", "float")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_multi_constructor("!", _construct_short_form)


class Values:
    """The values of the expressions in a stack's template.

    The stack is given as DescribeStacks and ListStackResources return it. `exports` returns the exports of the account
    and Region by their names, and `outputs` those of a nested stack by its id; they are called if the template uses
    one.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        described: Mapping[str, Any],
        rows: Iterable[Mapping[str, Any]],
        exports: Callable[[], Mapping[str, str]],
        outputs: Callable[[str], Mapping[str, str]],
    ) -> None:
        self._conditions = template.get("Conditions") or {}
        self._held: dict[str, bool] = {}
        self._mappings = template.get("Mappings") or {}
        self._exports = exports
        self._outputs = outputs
        _, partition, _, region, account, _ = described["StackId"].split(":", 5)
        self._references: dict[str, Any] = {
            "AWS::AccountId": account,
            "AWS::NoValue": _NO_VALUE,
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::StackId": described["StackId"],
            "AWS::StackName": described["StackName"],
            "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
            **{row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows if row.get("PhysicalResourceId")},
        }
        declared = template.get("Parameters") or {}
        for parameter in described.get("Parameters", []):
            name = parameter["ParameterKey"]
            # The value of a parameter from Parameter Store is its name there; the resolved value is separate.
            value = parameter.get("ResolvedValue", parameter["ParameterValue"])
            if parameter["ParameterValue"] == _HIDDEN:
                continue
            is_list = any(kind in str((declared.get(name) or {}).get("Type")) for kind in _LIST_TYPES)
            self._references[name] = [item.strip() for item in value.split(",")] if is_list else value

    def resolve(self, value: Any) -> Any:
        """Replace the expressions by their values.

        It raises an UnknownValueError if the stack doesn't reveal one of them, or if a value has a dynamic reference
        or a question mark, which CloudFormation returns for any character beyond ASCII.
        """
        resolved = self._resolve(value)
        if resolved is _NO_VALUE:
            return None
        text = json.dumps(resolved)
        if reference := _DYNAMIC_REFERENCE.search(text):
            raise UnknownValueError(reference[0])
        # https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/814
        if "?" in text:
            raise UnknownValueError("'?', which CloudFormation also writes for any character beyond ASCII")
        return resolved

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self._resolve, value) if item is not _NO_VALUE]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" or str(name).startswith("Fn::"):
                return self._call(name, argument)
        resolved = {name: self._resolve(inner) for name, inner in value.items()}
        return {name: inner for name, inner in resolved.items() if inner is not _NO_VALUE}

    def _reference(self, name: str) -> Any:
        if name not in self._references:
            raise UnknownValueError(f"Ref {name}")
        return self._references[name]

    def _call(self, name: str, argument: Any) -> Any:
        try:
            return self._result(name, argument)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise UnknownValueError(f"{name} {json.dumps(argument)}") from None

    def _result(self, name: str, argument: Any) -> Any:
        match name, argument:
            case "Ref", _:
                return self._reference(argument)
            case "Fn::FindInMap", [*_]:
                return self._find_in_map(argument)
            case "Fn::GetAtt", str() | [_, _]:
                return self._attribute(argument)
            case "Fn::If", [condition, then, otherwise]:
                return self._resolve(then if self._holds({"Condition": condition}) else otherwise)
            case "Fn::ImportValue", _:
                return self._exports()[self._resolve(argument)]
            case "Fn::Join", [separator, items]:
                return str(separator).join(_text(item) for item in self._resolve(items))
            case "Fn::Select", [index, items]:
                number = int(self._resolve(index))
                if number >= 0:
                    return self._resolve(items)[number]
            case "Fn::Split", [separator, text]:
                return str(self._resolve(text)).split(separator)
            case "Fn::Sub", str():
                return self._substitute(argument, {})
            case "Fn::Sub", [text, given]:
                return self._substitute(text, given)
        raise ValueError(f"{name} is not evaluated, or not with this argument")

    def _attribute(self, argument: Any) -> str:
        """Return an output of a nested stack; a stack doesn't reveal other attributes of its resources."""
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        kind, output = attribute.split(".", 1)
        if kind != "Outputs":
            raise ValueError(attribute)
        return self._outputs(self._reference(name))[output]

    def _find_in_map(self, argument: Any) -> Any:
        name, first, second = (self._resolve(each) for each in argument[:3])
        try:
            return self._resolve(self._mappings[name][first][second])
        except KeyError:
            return self._resolve(argument[3]["DefaultValue"])

    def _substitute(self, text: str, given: Mapping[str, Any]) -> str:
        def value_of(match: re.Match[str]) -> str:
            if match[1]:
                return f"${{{match[2]}}}"
            name = match[2].strip()
            if name in given:
                return _text(self._resolve(given[name]))
            if "." in name:
                return _text(self._resolve({"Fn::GetAtt": name.split(".", 1)}))
            return _text(self._reference(name))

        return _VARIABLE.sub(value_of, text)

    def _holds(self, condition: Any) -> bool:
        ((name, argument),) = condition.items()
        if name == "Condition":
            # Once: 30 conditions that each name the one before twice would take half an hour.
            if argument not in self._held:
                self._held[argument] = self._holds(self._conditions[argument])
            return self._held[argument]
        if name == "Fn::Equals":
            one, other = map(self.resolve, argument)
            return _text(one) == _text(other)
        if name == "Fn::Not":
            return not self._holds(argument[0])
        if name in ("Fn::And", "Fn::Or"):
            held = [self._holds(each) for each in argument]
            return all(held) if name == "Fn::And" else any(held)
        raise ValueError(name)


def _text(value: Any) -> str:
    """Return a value as text, as CloudFormation does."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError(value)
