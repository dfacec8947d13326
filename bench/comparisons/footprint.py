"""Footprint: what a stack grows by with its streams, and where AWS refuses it."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from tests.templates import resolve

from ..machinery.assembly import ACCOUNT, REGION, Assembly, synthesise
from ..peers import OURS, TOOLS, Declared
from ..report.text import paragraphs, table

COUNTS = (1, 20, 100, 240)
MAX_RESOURCES = 500


def run(_repetitions: int) -> str:
    """Count; nothing here differs from one time to the next."""
    assemblies = {tool: [synthesise(tool, count) for count in COUNTS] for tool in TOOLS}
    grown: list[str] = []
    for title, figure, _, _ in FIGURES:
        figures = {tool: [figure(assembly) for assembly in assemblies[tool]] for tool in TOOLS}
        rows = ([tool, *(f"{value:,}" for value in values), _per_stream(values)] for tool, values in figures.items())
        titles = ["tool", *map(str, COUNTS), "per further stream"]
        grown += [f"{title}, for so many streams in one stack:", table(titles, rows)]
    limits = [_limit(tool, Declared()) for tool in TOOLS]
    limits += [_limit(tool, Declared(own_arns=True), ", each stream's ARN granted") for tool in TOOLS if tool != OURS]
    further = [_per_stream([figure(each) for each in assemblies[OURS]]) for figure in (resources, inline_policy_bytes)]
    return paragraphs(
        *grown,
        "The most streams that AWS takes in one stack, found by growing it, and what refuses the next one:",
        table(["tool", "streams", "the next one breaks"], limits),
        f"{OURS} adds {further[0]} resources for each stream, the stream included, and {further[1]} bytes of policy; "
        "the targets are 2 and 0.",
    )


def resources(assembly: Assembly) -> int:
    return len(assembly.template["Resources"])


def template_bytes(assembly: Assembly) -> int:
    """Measure the template as it is uploaded, which for CDK is indented."""
    return len(assembly.text.encode())


def inline_policy_bytes(assembly: Assembly) -> int:
    """Measure the largest sum of one role's inline policies, without white space, as IAM does."""
    per_role: Counter[str] = Counter()
    for name, role in assembly.of_type("AWS::IAM::Role").items():
        per_role[name] += sum(_bytes(policy["PolicyDocument"]) for policy in role["Properties"].get("Policies", []))
    for policy in assembly.of_type("AWS::IAM::Policy").values():
        for role in policy["Properties"]["Roles"]:
            per_role[role["Ref"]] += _bytes(policy["Properties"]["PolicyDocument"])
    return max(per_role.values())


# AWS's quotas: of a template's resources and bytes, and of a role's inline policies in all.
FIGURES: tuple[tuple[str, Callable[[Assembly], int], int, str], ...] = (
    ("Resources, streams and bucket included", resources, MAX_RESOURCES, "resources in a stack"),
    ("Template bytes", template_bytes, 1_000_000, "bytes of a template"),
    ("IAM policy bytes of the function's role", inline_policy_bytes, 10_240, "bytes of a role's inline policies"),
)


def refusal(assembly: Assembly) -> str:
    """Say which limit of AWS a stack breaks; nothing if it breaks none."""
    figures = ((figure(assembly), most, noun) for _, figure, most, noun in FIGURES)
    return ", ".join(f"{value:,} {noun} > {most:,}" for value, most, noun in figures if value > most)


def _limit(tool: str, declared: Declared, note: str = "") -> list[object]:
    def refused(count: int) -> bool:
        return bool(refusal(synthesise(tool, count, declared)))

    # Each stream is a resource itself, so there are never more of them than resources.
    first = bisect_left(range(MAX_RESOURCES), True, lo=1, key=refused)
    return [tool + note, first - 1, refusal(synthesise(tool, first, declared))]


def _per_stream(values: Sequence[int]) -> str:
    return f"{(values[-1] - values[0]) / (COUNTS[-1] - COUNTS[0]):,.1f}"


def _bytes(document: Any) -> int:
    return len(json.dumps(resolve(document, _typical), separators=(",", ":")).encode())


def _typical(name: str, attribute: str) -> str:
    """Stand in for a value that only a deployment knows, at the length that it has then."""
    if attribute == "Ref":
        return f"Cameras-{name}-a1B2c3D4e5F6"
    if name.startswith("Camera"):
        return f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/Cameras-{name}-a1B2c3D4e5F6/1690707290324"
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:Cameras-{name}-a1B2c3D4e5F6"
