"""Deploy: CloudFormation's time and the service's calls, on the local AWS with the service's quotas on."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kinesis_video_local import Call, LocalAws

from ..machinery.assembly import synthesise
from ..machinery.rounds import Spread
from ..machinery.stacks import Deployment, Stacks
from ..peers import OURS, PROVIDER_FRAMEWORK, TOOLS, Declared
from ..report.text import paragraphs, short, table
from .footprint import COUNTS

# The quota of each of the two operations. It is per second: after a pause, the next stack has all of it.
CALLS_PER_SECOND = 50
PAUSE_SECONDS = 1.1
THROTTLED = "ClientLimitExceededException"


@dataclass(frozen=True)
class Step:
    """One creation or update of a stack, with the calls that the service had."""

    deployment: Deployment
    calls: list[Call]

    @property
    def done(self) -> bool:
        return self.deployment.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")


Steps = dict[tuple[str, int, str], list[Step | None]]
"""By the tool, the number of streams, and create or update; None is an update of what was never created."""


def run(repetitions: int) -> str:
    """Create and update every tool's stack with every number of streams, in turn."""
    print("  deploy: synthesising", flush=True)
    changed = Declared(sampling_interval_millis=1000)
    assemblies = {
        (tool, count): (synthesise(tool, count), synthesise(tool, count, changed)) for tool in TOOLS for count in COUNTS
    }
    steps: Steps = defaultdict(list)
    for number in range(repetitions):
        print(f"  deploy: round {number + 1} of {repetitions}", flush=True)
        with LocalAws(tls=True) as aws:
            stacks = Stacks(aws)
            for tool, count in random.sample(list(assemblies), len(assemblies)):
                name, (before, after) = f"{tool.replace(' ', '-')}-{count}", assemblies[tool, count]
                created = _step(aws, partial(stacks.deploy, name, before))
                steps[tool, count, "create"].append(created)
                updated = _step(aws, partial(stacks.deploy, name, after)) if created.done else None
                steps[tool, count, "update"].append(updated)
    whole = [step is not None and step.done for step in steps[OURS, 240, "create"] + steps[OURS, 240, "update"]]
    return paragraphs(
        *_table(steps, "create", "Create the stack"),
        *_table(steps, "update", "Change the interval of all streams"),
        f"The service's quota of {CALLS_PER_SECOND} calls a second alone takes {_share_of_quota(steps, OURS)} of "
        f"{OURS}'s time to create 240 streams, and {_share_of_quota(steps, PROVIDER_FRAMEWORK)} of the "
        f"{PROVIDER_FRAMEWORK}'s.",
        _reasons(steps),
        f"{OURS} created and updated a stack of 240 streams {sum(whole)} times in {len(whole)}; the target is every "
        "time.",
    )


def _step(aws: LocalAws, deploy: Callable[[], Deployment]) -> Step:
    time.sleep(PAUSE_SECONDS)
    aws.clear_calls()
    return Step(deploy(), aws.calls())


def _table(steps: Steps, what: str, title: str) -> tuple[str, str]:
    return (
        f"{title}. Time as a multiple of {OURS}'s with as many streams; then the calls of the service for each stream; "
        "then how many of all calls were throttled.",
        table(
            ["tool", *(f"{count} stream{'s' * (count > 1)}" for count in COUNTS)],
            ([tool, *(_cell(steps, tool, count, what) for count in COUNTS)] for tool in TOOLS),
        ),
    )


def _cell(steps: Steps, tool: str, count: int, what: str) -> str:
    mine, ours = steps[tool, count, what], steps[OURS, count, what]
    tried = [step for step in mine if step]
    if not tried:
        return "never created"
    if failed := sum(not step.done for step in tried):
        return f"fails, {failed} of {len(tried)} times"
    pairs = [(a.deployment, b.deployment) for a, b in zip(mine, ours, strict=True) if a and b and b.done]
    if len(pairs) < len(mine):
        return f"created {len(tried)} of {len(mine)} times only"
    # Round by round.
    ratio = Spread.of(a.seconds / b.seconds for a, b in pairs)
    calls = Spread.of(len(step.calls) / count for step in tried).median
    throttled = Spread.of(sum(call.error == THROTTLED for call in step.calls) for step in tried).median
    return f"{'1' if tool == OURS else ratio}; {calls:.1f}; {throttled:.0f}"


def _share_of_quota(steps: Steps, tool: str) -> Spread:
    shares: list[float] = []
    for step in steps[tool, 240, "create"]:
        if step and step.done:
            most = max(Counter(call.operation for call in step.calls if call.error is None).values())
            shares.append(most / CALLS_PER_SECOND / step.deployment.seconds)
    return Spread.of(shares)


def _reasons(steps: Steps) -> str:
    failed = {
        f"- {tool}: {short(step.deployment.reason)}"
        for (tool, *_), some in steps.items()
        for step in some
        if step and not step.done and step.deployment.reason
    }
    return "What a failed stack says:\n\n" + "\n".join(sorted(failed)) if failed else ""
