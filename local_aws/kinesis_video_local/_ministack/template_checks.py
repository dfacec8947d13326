"""Refuses templates that CloudFormation refuses before it creates anything, and that ministack accepts.

- A `Ref`, `Fn::GetAtt`, `Fn::Sub` variable or `DependsOn` that names nothing in the template, or a resource whose
  condition is false.
- A condition that doesn't exist, or that depends on a resource.
- Circular dependencies.
- Names with characters other than letters and digits, duplicate names, and one name for a resource and a parameter.
- Unknown functions, sections and attributes of a resource, and resources without a type.
- Values of parameters that the template doesn't have.

The messages are CloudFormation's where known. Conditions can also compare pseudo parameters and mappings.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html and
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

Template = Mapping[str, Any]
# The function, the logical id or parameter that it names, and the attribute of the resource.
Reference = tuple[str, str, str]

_PSEUDO_PARAMETERS = {
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
}
_SECTIONS = {
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
}
_OF_A_RESOURCE = {
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Description",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
    "Version",
}
_FUNCTIONS = {
    *("Fn::And", "Fn::Base64", "Fn::Cidr", "Fn::Equals", "Fn::FindInMap", "Fn::GetAZs", "Fn::GetAtt", "Fn::If"),
    *("Fn::ImportValue", "Fn::Join", "Fn::Length", "Fn::Not", "Fn::Or", "Fn::Select", "Fn::Split", "Fn::Sub"),
    *("Fn::ToJsonString", "Fn::Transform"),
}
# Of these references, the name is a condition's.
_OF_CONDITIONS = ("Condition", "Fn::If")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9_.:]+")
_NAME = re.compile(r"[A-Za-z0-9]+")


def install() -> None:
    """Check each template before ministack uses it, those of nested stacks included."""
    parse_template = engine._parse_template
    resolve_parameters = engine._resolve_parameters
    evaluate_conditions = engine._evaluate_conditions
    validate_template_support = engine.validate_template_support
    check_nested_stack_capabilities = provisioners._check_nested_stack_capabilities

    def parse(body: str) -> Any:
        if body.lstrip().startswith("{"):
            json.loads(body, object_pairs_hook=_without_duplicates)
        return parse_template(body)

    def resolve(template: Template, provided: list[dict[str, Any]], *more: Any) -> Any:
        declared = template.get("Parameters") or {}
        if unknown := sorted({given["Key"] for given in provided if "Key" in given} - set(declared)):
            raise ValueError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
        return resolve_parameters(template, provided, *more)

    def evaluate(template: Template, parameters: Any) -> Any:
        check_conditions(template)
        conditions = _with_values(template.get("Conditions") or {}, template, parameters)
        return evaluate_conditions({**template, "Conditions": conditions}, parameters)

    def validate(template: Template, conditions: Mapping[str, bool], params: Any = None) -> None:
        validate_template_support(template, conditions, params)
        # A macro can still add what is missing.
        if not template.get("Transform"):
            check(template, conditions if params is not None else None)

    def check_nested(parent: str, template: Template) -> None:
        check_nested_stack_capabilities(parent, template)
        check(template, None)

    for module in (engine, handlers, changesets, stacks):
        for name, function in {
            "_parse_template": parse,
            "_resolve_parameters": resolve,
            "_evaluate_conditions": evaluate,
            "validate_template_support": validate,
        }.items():
            if hasattr(module, name):
                setattr(module, name, function)
    provisioners._check_nested_stack_capabilities = check_nested


def _with_values(value: Any, template: Template, parameters: Any) -> Any:
    """Resolve the operands of conditions; ministack resolves only parameters there."""
    if isinstance(value, list):
        return [_with_values(each, template, parameters) for each in value]
    if not isinstance(value, Mapping):
        return value
    if "Fn::Equals" in value:
        mappings = template.get("Mappings") or {}
        return {"Fn::Equals": engine._resolve_refs(value["Fn::Equals"], {}, parameters, {}, mappings, "", "")}
    return {name: _with_values(each, template, parameters) for name, each in value.items()}


def check(template: Template, conditions: Mapping[str, bool] | None) -> None:
    """Raise a ValueError if CloudFormation refuses a template; its conditions are None if their values aren't known."""
    if unknown := sorted(set(template) - _SECTIONS):
        raise ValueError(f"Template format error: Invalid template property or properties [{', '.join(unknown)}]")
    resources = template.get("Resources")
    if not isinstance(resources, dict) or not resources:
        raise ValueError("Template format error: At least one Resources member must be defined.")
    parameters, outputs = template.get("Parameters") or {}, template.get("Outputs") or {}
    _check_names(resources, parameters, outputs)
    _check_functions(template)
    check_conditions(template)
    for name, resource in resources.items():
        _check_resource(name, resource, template)
    known = {*resources, *parameters, *_PSEUDO_PARAMETERS}
    for block, members in ("Resources", resources), ("Outputs", outputs):
        _check_references(block, _references(list(members.values()), None), known, resources)
    _check_cycles(resources)
    for name, output in outputs.items():
        _check_output(name, output, template)
    if conditions is not None:
        active = {name for name, resource in resources.items() if conditions.get(resource.get("Condition"), True)}
        there = {*active, *parameters, *_PSEUDO_PARAMETERS}
        for block, members in ("Resources", resources), ("Outputs", outputs):
            chosen = [member for member in members.values() if conditions.get(member.get("Condition"), True)]
            _check_references(block, _references(chosen, conditions), there, active)


def check_conditions(template: Template) -> None:
    """Raise a ValueError if CloudFormation refuses the conditions of a template."""
    conditions = template.get("Conditions") or {}
    known = {*(template.get("Parameters") or {}), *_PSEUDO_PARAMETERS}
    used = {
        name: {other for function, other, _ in _references(condition, None) if function == "Condition"}
        for name, condition in conditions.items()
    }
    for name in sorted({one for names in used.values() for one in names} - set(conditions)):
        raise ValueError(
            f"Template format error: Unresolved condition dependency {name} in the Conditions block of the template"
        )
    try:
        TopologicalSorter(used).prepare()
    except CycleError as error:
        raise ValueError(
            f"Template format error: Circular dependency between conditions: [{', '.join(error.args[1][1:])}]"
        ) from None
    if missing := sorted(
        {name for function, name, _ in _references(conditions, None) if function != "Condition"} - known
    ):
        raise ValueError(
            f"Template format error: Unresolved dependencies [{', '.join(missing)}]. "
            "Cannot reference resources in the Conditions block of the template"
        )


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"JSON not well-formed, duplicate key {name}")
        found[name] = value
    return found


def _check_names(resources: Template, parameters: Template, outputs: Template) -> None:
    for kind, names in ("Resource", resources), ("Parameter", parameters), ("Output", outputs):
        for name in names:
            if not _NAME.fullmatch(name):
                raise ValueError(f"Template format error: {kind} name {name} is non alphanumeric.")
    if both := sorted(set(resources) & set(parameters)):
        raise ValueError(f"Template format error: Duplicate logical id {both[0]}, of a parameter and of a resource")


def _check_functions(template: Template) -> None:
    parts: list[Any] = [template.get(section) for section in ("Resources", "Outputs", "Conditions")]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            if len(part) == 1 and (name := next(iter(part))).startswith("Fn::") and name not in _FUNCTIONS:
                raise ValueError(
                    f"Template error: Encountered unsupported function: {name} "
                    f"Supported functions are: [{', '.join(sorted(_FUNCTIONS))}]"
                )
            parts += part.values()
        elif isinstance(part, list):
            parts += part


def _check_resource(name: str, resource: Any, template: Template) -> None:
    if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
        raise ValueError(
            f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
        )
    if unknown := sorted(set(resource) - _OF_A_RESOURCE):
        raise ValueError(f"Invalid template resource property '{unknown[0]}'")
    depends_on = resource.get("DependsOn", [])
    depends_on = [depends_on] if isinstance(depends_on, str) else depends_on
    if not isinstance(depends_on, list) or not all(isinstance(other, str) for other in depends_on):
        raise ValueError("Template format error: Every DependsOn value must be a string.")
    if missing := sorted(set(depends_on) - set(template["Resources"])):
        raise ValueError(_unresolved(missing, "Resources"))
    _check_condition(resource, "Resources", template)


def _check_output(name: str, output: Any, template: Template) -> None:
    if not isinstance(output, dict) or "Value" not in output:
        raise ValueError(
            f"Template format error: Output {name} is malformed. Every Outputs member must contain a Value."
        )
    _check_condition(output, "Outputs", template)
    exported = (output.get("Export") or {}).get("Name")
    resources = sorted({other for _, other, _ in _references(exported, None)} & set(template["Resources"]))
    if resources:
        raise ValueError(
            f"Template format error: The Export Name of output {name} can't depend on a resource: "
            f"[{', '.join(resources)}]"
        )


def _check_condition(member: Mapping[str, Any], block: str, template: Template) -> None:
    conditions = template.get("Conditions") or {}
    used = {name for function, name, _ in _references(member, None) if function == "Fn::If"}
    if "Condition" in member:
        used.add(str(member["Condition"]))
    for name in sorted(used - set(conditions)):
        raise ValueError(
            f"Template format error: Unresolved condition dependency {name} in the {block} block of the template"
        )


def _check_references(block: str, references: Iterable[Reference], known: set[str], resources: Iterable[str]) -> None:
    unresolved = set()
    for function, name, attribute in references:
        if function in _OF_CONDITIONS:
            continue
        if function == "Fn::GetAtt" and name not in resources:
            raise ValueError(f"Template error: instance of Fn::GetAtt references undefined resource {name}")
        if function == "Fn::Sub" and attribute and name not in resources:
            raise ValueError(
                f"Template error: instance of Fn::Sub references invalid resource attribute {name}.{attribute}"
            )
        if name not in known:
            unresolved.add(name)
    if unresolved:
        raise ValueError(_unresolved(sorted(unresolved), block))


def _unresolved(names: Iterable[str], block: str) -> str:
    named = ", ".join(names)
    return f"Template format error: Unresolved resource dependencies [{named}] in the {block} block of the template"


def _check_cycles(resources: Template) -> None:
    graph = {}
    for name, resource in resources.items():
        depends_on = resource.get("DependsOn", [])
        references = _references(resource.get("Properties"), None)
        used = {other for function, other, _ in references if function not in _OF_CONDITIONS}
        graph[name] = {*([depends_on] if isinstance(depends_on, str) else depends_on), *used} & set(resources)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise ValueError(f"Circular dependency between resources: [{', '.join(error.args[1][1:])}]") from None


def _references(part: Any, conditions: Mapping[str, bool] | None) -> Iterator[Reference]:
    """Find the references in a part of a template; in `Fn::If` only those of the chosen branch, if it is known."""
    if isinstance(part, list):
        for item in part:
            yield from _references(item, conditions)
    if not isinstance(part, dict):
        return
    function, argument = next(iter(part.items())) if len(part) == 1 else ("", None)
    match function, argument:
        case "Ref" | "Condition", str(name):
            yield function, name, ""
        case "Fn::GetAtt", str(path):
            name, _, attribute = path.partition(".")
            yield "Fn::GetAtt", name, attribute
        case "Fn::GetAtt", [str(name), attribute]:
            yield "Fn::GetAtt", name, attribute if isinstance(attribute, str) else ""
            yield from _references(attribute, conditions)
        case "Fn::Sub", str(text):
            yield from _variables(text, {})
        case "Fn::Sub", [str(text), dict(variables)]:
            yield from _variables(text, variables)
            yield from _references(list(variables.values()), conditions)
        case "Fn::If", [str(name), then, otherwise]:
            yield "Fn::If", name, ""
            if conditions is None:
                yield from _references([then, otherwise], conditions)
            else:
                yield from _references(then if conditions.get(name) else otherwise, conditions)
        case _:
            yield from _references(list(part.values()), conditions)


def _variables(text: str, given: Mapping[str, Any]) -> Iterator[Reference]:
    for variable in _VARIABLE.findall(text):
        if variable.startswith("!") or variable in given:
            continue
        if not _VARIABLE_NAME.fullmatch(variable):
            raise ValueError(
                "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, "
                "underscores, periods, and colons"
            )
        name, _, attribute = variable.partition(".")
        yield "Fn::Sub", name, attribute
