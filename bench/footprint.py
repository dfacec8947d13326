"""Footprint: what a stack grows by with its streams, and where AWS refuses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .assembly import ACCOUNT, REGION, Assembly, resolve, synthesise
from .measure import Result, table
from .names import AWS_CUSTOM_RESOURCE, CRHELPER, OURS, PROVIDER_FRAMEWORK, TOOLS
from .peers import Declared

COUNTS = (1, 20, 100, 240)

# AWS's quotas: of a template's resources and bytes, of a role's inline policies in all, and of its managed policies.
MAX_RESOURCES = 500
MAX_TEMPLATE_BYTES = 1_000_000
MAX_INLINE_POLICY_BYTES = 10_240
MAX_MANAGED_POLICIES = 10


def run(_repetitions: int) -> Result:
    """Count; nothing here differs from one time to the next."""
    assemblies = {(tool, count): synthesise(tool, count) for tool in TOOLS for count in COUNTS}
    grown = {
        figure.__name__: {tool: [figure(assemblies[tool, count]) for count in COUNTS] for tool in TOOLS}
        for figure in (resources, template_bytes, inline_policy_bytes)
    }
    text = "\n\n".join(
        [
            *(
                f"{title}, for so many streams in one stack:\n\n"
                + table(
                    ["tool", *map(str, COUNTS), "per further stream"],
                    (_row(tool, grown[figure][tool]) for tool in TOOLS),
                )
                for title, figure in (
                    ("Resources, streams and bucket included", "resources"),
                    ("Template bytes", "template_bytes"),
                    ("IAM policy bytes of the function's role", "inline_policy_bytes"),
                )
            ),
            "The most streams that AWS takes in one stack, found by growing it, and what refuses the next one:",
            table(
                ["tool", "streams", "the next one breaks"],
                [_limit(tool, Declared()) for tool in TOOLS]
                + [
                    _limit(tool, Declared(own_arns=True), ", each stream's ARN granted")
                    for tool in (AWS_CUSTOM_RESOURCE, PROVIDER_FRAMEWORK, CRHELPER)
                ],
            ),
            f"{OURS} adds {_growth(resources)} resources for each stream, the stream included, and "
            f"{_growth(inline_policy_bytes)} bytes of policy; the targets are 2 and 0.",
        ]
    )
    return Result(text, grown)


def resources(assembly: Assembly) -> int:
    """Count the stack's resources."""
    return len(assembly.template["Resources"])


def template_bytes(assembly: Assembly) -> int:
    """Measure the template as it is uploaded, which for CDK is indented."""
    return len(assembly.text.encode())


def inline_policy_bytes(assembly: Assembly) -> int:
    """Measure the largest sum of one role's inline policies, without white space, as IAM does."""
    per_role: dict[str, int] = {}
    for name, role in assembly.of_type("AWS::IAM::Role").items():
        for policy in role["Properties"].get("Policies", []):
            per_role[name] = per_role.get(name, 0) + _bytes(policy["PolicyDocument"])
    for policy in assembly.of_type("AWS::IAM::Policy").values():
        for reference in policy["Properties"]["Roles"]:
            name = reference["Ref"]
            per_role[name] = per_role.get(name, 0) + _bytes(policy["Properties"]["PolicyDocument"])
    return max(per_role.values())


def managed_policies(assembly: Assembly) -> int:
    """Count the managed policies of the stack, into which CDK moves what a role can't hold inline."""
    return len(assembly.of_type("AWS::IAM::ManagedPolicy"))


LIMITS: tuple[tuple[Callable[[Assembly], int], int, str], ...] = (
    (resources, MAX_RESOURCES, "resources in a stack"),
    (template_bytes, MAX_TEMPLATE_BYTES, "bytes of a template"),
    (inline_policy_bytes, MAX_INLINE_POLICY_BYTES, "bytes of a role's inline policies"),
    (managed_policies, MAX_MANAGED_POLICIES, "managed policies of a role"),
)


def refusal(assembly: Assembly) -> str:
    """Say which limit of AWS a stack breaks; nothing if it breaks none."""
    return ", ".join(
        f"{count(assembly):,} {noun} > {limit:,}" for count, limit, noun in LIMITS if count(assembly) > limit
    )


def largest(accepted: Callable[[int], bool]) -> int:
    """Find the largest count that is accepted, of which every smaller one is too: double it, then halve the gap."""
    high = 1
    while accepted(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if accepted(middle) else (low, middle)
    return low


def _limit(tool: str, declared: Declared, note: str = "") -> list[object]:
    count = largest(lambda count: not refusal(synthesise(tool, count, declared)))
    return [tool + note, count, refusal(synthesise(tool, count + 1, declared))]


def _row(tool: str, values: list[int]) -> list[str]:
    return [tool, *(f"{value:,}" for value in values), f"{(values[-1] - values[0]) / (COUNTS[-1] - COUNTS[0]):,.1f}"]


def _growth(figure: Callable[[Assembly], int]) -> int:
    return figure(synthesise(OURS, 2)) - figure(synthesise(OURS, 1))


def _bytes(document: Any) -> int:
    return len(json.dumps(resolve(document, _typical), separators=(",", ":")).encode())


def _typical(name: str, attribute: str) -> str:
    """Stand in for a value that only a deployment knows, at the length that it has then."""
    if attribute == "Ref":
        return f"Cameras-{name}-a1B2c3D4e5F6"
    if name.startswith("Camera"):
        return f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/Cameras-{name}-a1B2c3D4e5F6/1690707290324"
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:Cameras-{name}-a1B2c3D4e5F6"
