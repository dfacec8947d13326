"""Deploy: CloudFormation's time and the service's calls, on the local AWS with the service's quotas on."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kinesis_video_local import LocalAws

from ..machinery.assembly import synthesise
from ..machinery.loopback import over_tls
from ..machinery.rounds import Spread
from ..machinery.stacks import Deployment, Stacks
from ..peers import OURS, PROVIDER_FRAMEWORK, TOOLS, Declared
from ..report.text import Result, short, table
from .footprint import COUNTS

# The quota of each of the two operations. It is per second: after a pause, the next stack has all of it.
CALLS_PER_SECOND = 50
PAUSE_SECONDS = 1.1


@dataclass(frozen=True)
class Step:
    """One creation or update of a stack."""

    done: bool
    seconds: float
    calls: int
    throttled: int
    reason: str
    quota_seconds: float
    """The least time that the service's quota allows for these calls."""


Steps = dict[tuple[str, int, str], list[Step | None]]
"""By the tool, the number of streams, and create or update; None is an update of what was never created."""


def run(repetitions: int) -> Result:
    """Create and update every tool's stack with every number of streams, in turn."""
    print("  deploy: synthesising", flush=True)
    changed = Declared(sampling_interval_millis=1000)
    assemblies = {
        (tool, count): (synthesise(tool, count), synthesise(tool, count, changed)) for tool in TOOLS for count in COUNTS
    }
    steps: Steps = defaultdict(list)

    def deploy_all(aws: LocalAws, tls_url: str) -> None:
        stacks = Stacks(aws, tls_url)
        for tool, count in random.sample(list(assemblies), len(assemblies)):
            name, (before, after) = f"{tool.replace(' ', '-')}-{count}", assemblies[tool, count]
            created = _step(aws, partial(stacks.create, name, tool, before))
            steps[tool, count, "create"].append(created)
            updated = _step(aws, partial(stacks.update, name, tool, after)) if created.done else None
            steps[tool, count, "update"].append(updated)

    async def deploy_round() -> None:
        with LocalAws() as aws:
            async with over_tls(aws.endpoint_url) as tls_url:
                await asyncio.to_thread(deploy_all, aws, tls_url)

    for number in range(repetitions):
        print(f"  deploy: round {number + 1} of {repetitions}", flush=True)
        asyncio.run(deploy_round())
    whole = [step is not None and step.done for step in steps[OURS, 240, "create"] + steps[OURS, 240, "update"]]
    return Result(
        [
            *_table(steps, "create", "Create the stack"),
            *_table(steps, "update", "Change the interval of all streams"),
            f"The service's quota of {CALLS_PER_SECOND} calls a second alone takes {_share_of_quota(steps, OURS)} of "
            f"{OURS}'s time to create 240 streams, and {_share_of_quota(steps, PROVIDER_FRAMEWORK)} of the "
            f"{PROVIDER_FRAMEWORK}'s.",
            _reasons(steps),
            f"{OURS} created and updated a stack of 240 streams {sum(whole)} times in {len(whole)}; the target is "
            "every time.",
        ]
    )


def _step(aws: LocalAws, deploy: Callable[[], Deployment]) -> Step:
    time.sleep(PAUSE_SECONDS)
    aws.clear_calls()
    deployment = deploy()
    calls = aws.calls()
    throttled = sum(call.error == "ClientLimitExceededException" for call in calls)
    done = deployment.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    most = max(Counter(call.operation for call in calls if call.error is None).values(), default=0)
    reason = "" if done else deployment.reason
    return Step(done, deployment.seconds, len(calls), throttled, reason, most / CALLS_PER_SECOND)


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
    mine = steps[tool, count, what]
    tried = [step for step in mine if step]
    if not tried:
        return "never created"
    if failed := sum(not step.done for step in tried):
        return f"fails, {failed} of {len(tried)} times"
    ratio = _ratio(steps, tool, count, what)
    if ratio is None:
        return f"created {len(tried)} of {len(mine)} times only"
    calls = Spread.of(step.calls / count for step in tried).median
    throttled = Spread.of(step.throttled for step in tried).median
    return f"{'1' if tool == OURS else ratio}; {calls:.1f}; {throttled:.0f}"


def _ratio(steps: Steps, tool: str, count: int, what: str) -> Spread | None:
    """Compare with our own time round by round, if every round of both came to its end."""
    pairs = list(zip(steps[tool, count, what], steps[OURS, count, what], strict=True))
    if not all(mine and ours and mine.done and ours.done for mine, ours in pairs):
        return None
    return Spread.of(mine.seconds / ours.seconds for mine, ours in pairs if mine and ours)


def _share_of_quota(steps: Steps, tool: str) -> Spread:
    return Spread.of(step.quota_seconds / step.seconds for step in steps[tool, 240, "create"] if step and step.done)


def _reasons(steps: Steps) -> str:
    reasons = {
        f"- {tool}: {short(step.reason)}" for (tool, *_), some in steps.items() for step in some if step and step.reason
    }
    return "What a failed stack says:\n\n" + "\n".join(sorted(reasons)) if reasons else ""
