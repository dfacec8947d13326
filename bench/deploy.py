"""Deploy: CloudFormation's time and the service's calls, on the local AWS with the service's quotas on."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from local_aws import LocalAws

from .assembly import Assembly, synthesise
from .measure import Result, Spread, table
from .names import OURS, TOOLS
from .peers import Declared
from .stacks import Deployment, Stacks
from .survival import short

COUNTS = (1, 20, 100, 240)
# The quotas are per second: what one stack used is forgotten when the next one begins.
PAUSE_SECONDS = 1.1


@dataclass(frozen=True)
class Step:
    """One creation or update of a stack."""

    done: bool
    seconds: float
    calls: int
    throttled: int
    reason: str


Key = tuple[str, int, str]


def run(repetitions: int) -> Result:
    """Create and update every tool's stack with every number of streams, in turn."""
    print("  deploy: synthesising", flush=True)
    before = {(tool, count): synthesise(tool, count) for tool in TOOLS for count in COUNTS}
    changed = Declared(sampling_interval_millis=1000)
    after = {(tool, count): synthesise(tool, count, changed) for tool in TOOLS for count in COUNTS}
    steps: dict[Key, list[Step | None]] = {}
    for number in range(repetitions):
        print(f"  deploy: round {number + 1} of {repetitions}", flush=True)
        with LocalAws() as aws, Stacks(aws) as stacks:
            for tool, count in random.sample(list(before), len(before)):
                created, updated = _deploy(aws, stacks, tool, before[tool, count], after[tool, count], count)
                steps.setdefault((tool, count, "create"), []).append(created)
                steps.setdefault((tool, count, "update"), []).append(updated)
    whole = [step is not None and step.done for step in steps[OURS, 240, "create"] + steps[OURS, 240, "update"]]
    text = "\n\n".join(
        [
            *(
                f"{title} Time as a multiple of {OURS}'s with as many streams; then the calls of the service for each "
                "stream; then how many of all calls were throttled.\n\n"
                + table(
                    ["tool", *(f"{count} stream{'s' * (count > 1)}" for count in COUNTS)],
                    ([tool, *(_cell(steps, tool, count, step) for count in COUNTS)] for tool in TOOLS),
                )
                for step, title in (("create", "Create the stack."), ("update", "Change the interval of all streams."))
            ),
            *_reasons(steps),
            f"{OURS} created and updated a stack of 240 streams {sum(whole)} times in {len(whole)}; the target is "
            "every time.",
        ]
    )
    return Result(text, {tool: {count: _ratio(steps, tool, count, "create") for count in COUNTS} for tool in TOOLS})


def _deploy(
    aws: LocalAws, stacks: Stacks, tool: str, before: Assembly, after: Assembly, count: int
) -> tuple[Step, Step | None]:
    name = f"{tool.replace(' ', '-')}-{count}"
    created = _step(aws, lambda: stacks.create(name, tool, before))
    return created, _step(aws, lambda: stacks.update(name, tool, after)) if created.done else None


def _step(aws: LocalAws, deploy: Callable[[], Deployment]) -> Step:
    time.sleep(PAUSE_SECONDS)
    aws.clear_calls()
    deployment = deploy()
    calls = aws.calls()
    throttled = sum(call.error == "ClientLimitExceededException" for call in calls)
    done = deployment.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    return Step(done, deployment.seconds, len(calls), throttled, "" if done else deployment.reason)


def _cell(steps: dict[Key, list[Step | None]], tool: str, count: int, what: str) -> str:
    mine = steps[tool, count, what]
    tried = [step for step in mine if step]
    if not tried:
        return "never created"
    failed = sum(not step.done for step in tried)
    if failed:
        return f"fails, {failed} of {len(tried)} times"
    ratio = _ratio(steps, tool, count, what)
    if ratio is None:
        return f"created {len(tried)} of {len(mine)} times only"
    calls = Spread.of(step.calls / count for step in tried).median
    throttled = Spread.of(step.throttled for step in tried).median
    return f"{'1' if tool == OURS else ratio}; {calls:.1f}; {throttled:.0f}"


def _ratio(steps: dict[Key, list[Step | None]], tool: str, count: int, what: str) -> Spread | None:
    """Compare with our own time round by round, if every round of both came to its end."""
    pairs = list(zip(steps[tool, count, what], steps[OURS, count, what], strict=True))
    if not all(mine and ours and mine.done and ours.done for mine, ours in pairs):
        return None
    return Spread.of(mine.seconds / ours.seconds for mine, ours in pairs if mine and ours)


def _reasons(steps: dict[Key, list[Step | None]]) -> list[str]:
    reasons = sorted(
        {f"- {key[0]}: {short(step.reason)}" for key, some in steps.items() for step in some if step and step.reason}
    )
    return ["What a failed stack says:\n\n" + "\n".join(reasons)] if reasons else []
