"""Changes that create another custom resource for the same stream, or move a resource to another stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from aws_cdk import RemovalPolicy
from botocore.exceptions import ClientError
from constructs import Construct

from kinesis_video_local import LocalAws

from .conftest import IMAGE_GENERATION, Cloud
from .deployments import Camera, Deployments, Part, create_other_tools, deployments_on, stack_of

ADOPT: Mapping[str, Any] = {"adopt_existing": True}
RETAIN: Mapping[str, Any] = {"removal_policy": RemovalPolicy.RETAIN}
NOBODY = (
    "already, which no other resource of this stack declares; set `adopt_existing=True` to take it over, and if "
    "another stack or tool declares it, set RemovalPolicy.RETAIN there first"
)
UPDATE = "UpdateImageGenerationConfiguration"
DESCRIBE = "DescribeImageGenerationConfiguration"


@dataclass(frozen=True)
class Change:
    """An update of a stack: its declarations before and after, and the final intervals of the streams."""

    before: Sequence[Camera]
    after: Sequence[Camera]
    end: Mapping[str, int | None]
    existing: Sequence[str] = ()
    meanwhile: Callable[[Deployments], None] = lambda _: None
    """A change that somebody makes in between."""
    rolled_back: Mapping[str, int | None] | None = None
    """The intervals after the rollback, if they differ from those before the update."""


CHANGES = {
    "import-instead-of-declare": Change(
        before=[Camera("ow", "declared")], after=[Camera("ow", "imported")], end={"ow": 3}
    ),
    "literal-to-ssm-parameter": Change(
        existing=["cam"], before=[Camera("cam")], after=[Camera("cam", "ssm")], end={"cam": 3}
    ),
    "ssm-parameter-to-literal": Change(
        existing=["cam-back"], before=[Camera("cam-back", "ssm")], after=[Camera("cam-back")], end={"cam-back": 3}
    ),
    "another-stream": Change(
        existing=["to-1", "to-2"],
        before=[Camera("to-1", "parameter")],
        after=[Camera("to-2", "parameter", 5)],
        end={"to-1": None, "to-2": 5},
    ),
    "exchanged-in-code": Change(
        existing=["ex-1", "ex-2"],
        before=[Camera("ex-1", seconds=3), Camera("ex-2", seconds=5)],
        after=[Camera("ex-2", seconds=3), Camera("ex-1", seconds=5)],
        end={"ex-1": 5, "ex-2": 3},
    ),
    "exchanged-by-parameter-and-adopted": Change(
        existing=["par-1", "par-2"],
        before=[Camera("par-1", "parameter", 3), Camera("par-2", "parameter", 5)],
        after=[Camera("par-2", "parameter", 3, ADOPT), Camera("par-1", "parameter", 5, ADOPT)],
        end={"par-1": 5, "par-2": 3},
    ),
    "retained-and-removed": Change(
        existing=["kept", "stays"],
        before=[Camera("stays"), Camera("kept", props=RETAIN)],
        after=[Camera("stays")],
        end={"kept": 3, "stays": 3},
    ),
    "removed": Change(
        existing=["removed", "remains"],
        before=[Camera("remains"), Camera("removed")],
        after=[Camera("remains")],
        end={"removed": None, "remains": 3},
    ),
    "removed-with-the-flag": Change(
        existing=["flagged", "beside"],
        before=[Camera("beside"), Camera("flagged", props=ADOPT)],
        after=[Camera("beside")],
        end={"flagged": 3, "beside": 3},
    ),
    "removed-after-somebody-changed-it": Change(
        existing=["theirs", "ours"],
        before=[Camera("ours"), Camera("theirs")],
        meanwhile=lambda deployments: deployments.set_by_hand("theirs", 7),
        after=[Camera("ours")],
        end={"theirs": 7, "ours": 3},
    ),
    "adopted-as-it-is": Change(
        existing=["adopted"],
        before=[],
        meanwhile=lambda deployments: deployments.set_by_hand("adopted", 3),
        after=[Camera("adopted", props=ADOPT)],
        end={"adopted": 3},
    ),
    "flag-dropped": Change(
        existing=["dropped"], before=[Camera("dropped", props=ADOPT)], after=[Camera("dropped")], end={"dropped": 3}
    ),
    "deleted-and-made-again": Change(
        existing=["device", "device-2"],
        before=[Camera("device"), Camera("device-2")],
        meanwhile=lambda deployments: deployments.make_again("device"),
        after=[Camera("device", seconds=5), Camera("device-2")],
        # The new stream had none.
        rolled_back={"device": 3, "device-2": 3},
        end={"device": 5, "device-2": 3},
    ),
}


@dataclass(frozen=True)
class History:
    """The configurations of all streams before the update, after its rollback, and at the end."""

    before: Mapping[str, float | None]
    rolled_back: Mapping[str, float | None]
    end: Mapping[str, float | None]


# Each stream waits for its second look there.
WHERE_DESCRIBE_IS_STALE = ["import-instead-of-declare", "another-stream", "removed"]


@pytest.fixture(scope="module")
def history(_cloud: Cloud) -> History:
    """The results of all changes."""
    return history_of(_cloud, list(CHANGES))


@pytest.fixture(scope="module")
def stale_history() -> Iterator[History]:
    """The results of some changes, while Describe returns the previous configuration for some seconds."""
    with LocalAws(quotas=False, creating_seconds=0, stale_seconds=4) as aws:
        create_other_tools(aws)
        yield history_of(Cloud(aws), WHERE_DESCRIBE_IS_STALE)


def history_of(cloud: Cloud, rows: Sequence[str]) -> History:
    """Make all changes in one update of one stack, first with a failing sibling, then without."""
    changes = [CHANGES[row] for row in rows]

    def parts(when: str) -> Part:
        def build(stack: Construct) -> None:
            for row, change in zip(rows, changes, strict=True):
                stack_of(*getattr(change, when))(Construct(stack, row))

        return build

    with deployments_on(cloud) as deployments:
        for change in changes:
            deployments.existing(*change.existing)
        assert deployments.deploy("Changes", parts("before")) == "CREATE_COMPLETE"
        for change in changes:
            change.meanwhile(deployments)
        deployments.streams = sorted({stream for change in changes for stream in change.end})
        before = deployments.intervals()
        assert deployments.deploy_and_roll_back("Changes", parts("after")) == "UPDATE_ROLLBACK_COMPLETE"
        rolled_back = deployments.intervals()
        assert deployments.deploy("Changes", parts("after")) == "UPDATE_COMPLETE"
        return History(before, rolled_back, deployments.intervals())


@pytest.mark.parametrize("row", CHANGES)
def test_a_change_and_its_rollback(history: History, row: str) -> None:
    require(history, CHANGES[row])


@pytest.mark.parametrize("row", WHERE_DESCRIBE_IS_STALE)
def test_a_change_and_its_rollback_where_describe_is_stale(stale_history: History, row: str) -> None:
    require(stale_history, CHANGES[row])


def require(history: History, change: Change) -> None:
    before, rolled_back, end = (
        {s: at[s] for s in change.end} for at in (history.before, history.rolled_back, history.end)
    )
    assert rolled_back == (change.rolled_back or before)
    assert end == change.end


# Refusals


@pytest.fixture(scope="module")
def front(_cloud: Cloud) -> Iterator[Deployments]:
    """A stack with two streams, and another one with a third. No refusal changes them."""
    with deployments_on(_cloud) as deployments:
        deployments.existing("front-1", "front-2", "back")
        assert deployments.deploy("Front", *FRONT) == "CREATE_COMPLETE"
        assert deployments.deploy("Back", Camera("back")) == "CREATE_COMPLETE"
        yield deployments


FRONT = (Camera("front-1", "parameter", 3), Camera("front-2", "parameter", 5))


def test_another_stream_that_another_stack_has_with_equal_settings_is_refused(front: Deployments) -> None:
    reason = front.refused("Front", Camera("back", "parameter", 3), FRONT[1])
    assert reason.endswith(NOBODY)
    assert ":stream/back/" in reason


def test_a_new_resource_for_a_stream_that_another_stack_has_is_refused(front: Deployments) -> None:
    reason = front.refused("Front", *FRONT, Camera("back"))
    assert reason.endswith(NOBODY)
    assert ":stream/back/" in reason


def test_a_hand_over_with_other_settings_is_for_the_next_deployment(front: Deployments) -> None:
    reason = front.refused("Front", Camera("front-1", seconds=7), FRONT[1])
    assert ":stream/front-1/" in reason
    assert "declares, with other settings (SamplingInterval); deploy with its settings first" in reason


def test_an_exchange_by_parameter_is_refused_without_the_flag(front: Deployments) -> None:
    reason = front.refused("Front", Camera("front-2", "parameter", 3), Camera("front-1", "parameter", 5))
    assert "set `adopt_existing=True` to take it over" in reason


# One stream's life


def test_adopt_and_roll_back_then_adopt_drop_the_flag_and_remove(deployments: Deployments) -> None:
    deployments.existing("drive", "lane")
    deployments.set_by_hand("drive", 7)
    adopting, owned, lane = Camera("drive", props=ADOPT), Camera("drive"), Camera("lane")
    assert deployments.deploy_and_roll_back("Adopt", adopting) == "ROLLBACK_COMPLETE"
    # A rollback never removes images; nobody holds the previous settings any more.
    assert deployments.intervals() == {"drive": 3, "lane": None}
    deployments.delete("Adopt")
    assert deployments.intervals() == {"drive": 3, "lane": None}

    assert deployments.deploy("Adopt", lane, adopting) == "CREATE_COMPLETE"
    deployments.change("Adopt", lane, owned)
    assert deployments.intervals() == {"drive": 3, "lane": 3}
    deployments.change("Adopt", lane)
    assert deployments.intervals() == {"drive": None, "lane": 3}


def test_a_stack_that_adopts_leaves_the_images_when_it_is_deleted(deployments: Deployments) -> None:
    deployments.existing("yard", "attic")
    deployments.set_by_hand("yard", 7)
    assert deployments.deploy("Adopter", Camera("yard", props=ADOPT), Camera("attic")) == "CREATE_COMPLETE"
    deployments.delete("Adopter")
    assert deployments.intervals() == {"yard": 3, "attic": None}


def test_a_rollback_sets_what_is_declared_whatever_somebody_has_set_since(deployments: Deployments) -> None:
    deployments.existing("drift-1", "drift-2", "moved")
    stays, moves = Camera("drift-1", seconds=3), Camera("drift-2", "parameter", 3)
    assert deployments.deploy("Drifted", stays, moves) == "CREATE_COMPLETE"
    deployments.set_by_hand("drift-1", 7)
    deployments.set_by_hand("drift-2", 7)
    changed = (Camera("drift-1", seconds=5), Camera("moved", "parameter", 5))
    assert deployments.deploy_and_roll_back("Drifted", *changed) == "UPDATE_ROLLBACK_COMPLETE"
    assert deployments.intervals() == {"drift-1": 3, "drift-2": 3, "moved": None}


def test_a_rollback_that_can_not_be_done_and_has_nothing_to_do(deployments: Deployments) -> None:
    deployments.existing("no-data", "left")
    assert deployments.deploy("NoData", Camera("no-data"), Camera("left", "parameter")) == "CREATE_COMPLETE"
    for stream in ("no-data", "left"):
        deployments.cloud.kinesisvideo.update_data_retention(
            StreamARN=deployments.cloud.stream_arn(stream),
            CurrentVersion=deployments.cloud.kinesisvideo.describe_stream(StreamName=stream)["StreamInfo"]["Version"],
            Operation="DECREASE_DATA_RETENTION",
            DataRetentionChangeInHours=24,
        )
    # The service no longer accepts any configuration of the two.
    deployments.existing("gone-on-to")
    there = Camera("gone-on-to", "parameter")
    assert deployments.deploy("NoData", Camera("no-data", seconds=5), there) == "UPDATE_ROLLBACK_COMPLETE"
    assert deployments.intervals() == {"no-data": 3, "left": 3, "gone-on-to": None}


def continue_the_rollback(deployments: Deployments, stack: str, **options: list[str]) -> None:
    cloud = deployments.cloud
    cloud.cloudformation.continue_update_rollback(StackName=stack, **options)
    assert cloud.wait(stack) == "UPDATE_ROLLBACK_COMPLETE"
    cloud.require_declared()


def test_a_rollback_that_fails_once_is_continued_with_and_without_the_resource(deployments: Deployments) -> None:
    deployments.existing("skip")
    assert deployments.deploy("Skipped", Camera("skip")) == "CREATE_COMPLETE"
    for options in ({}, {"ResourcesToSkip": deployments.cloud.logical_ids("Skipped", IMAGE_GENERATION)}):
        # If Describe succeeded, it would show that the rollback has nothing to do.
        for operation in (UPDATE, DESCRIBE):
            deployments.cloud.aws.inject_fault(operation, error="InvalidArgumentException", times=2)
        assert deployments.deploy("Skipped", Camera("skip", seconds=5)) == "UPDATE_ROLLBACK_FAILED"
        continue_the_rollback(deployments, "Skipped", **options)
        assert deployments.intervals() == {"skip": 3}
    deployments.change("Skipped", Camera("skip", seconds=5))
    assert deployments.intervals() == {"skip": 5}


def test_a_rollback_from_another_stream_that_is_continued_without_the_resource(deployments: Deployments) -> None:
    """To CloudFormation the resource is as updated, so both streams keep their images."""
    deployments.existing("back-to", "gone-to")
    there = Camera("gone-to", "parameter", 5)
    assert deployments.deploy("Astray", Camera("back-to", "parameter", 3)) == "CREATE_COMPLETE"
    # The call of the update passes, and that of its rollback doesn't.
    deployments.cloud.aws.inject_fault(UPDATE, delay_seconds=0.01)
    deployments.cloud.aws.inject_fault(UPDATE, error="InvalidArgumentException")
    # Else the stream that was left is seen to have what it had.
    deployments.cloud.aws.inject_fault(DESCRIBE, delay_seconds=0.01, times=3)
    deployments.cloud.aws.inject_fault(DESCRIBE, error="InvalidArgumentException")
    assert deployments.deploy_and_roll_back("Astray", there) == "UPDATE_ROLLBACK_FAILED"
    skipped = deployments.cloud.logical_ids("Astray", IMAGE_GENERATION)
    continue_the_rollback(deployments, "Astray", ResourcesToSkip=skipped)
    assert deployments.intervals() == {"back-to": 3, "gone-to": 5}
    assert deployments.deploy("Astray", there) == "UPDATE_COMPLETE"
    assert deployments.intervals()["gone-to"] == 5


@pytest.mark.parametrize(
    ("policy", "after_the_rollback"),
    [(RemovalPolicy.RETAIN, 3), (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, None), (RemovalPolicy.DESTROY, None)],
    ids=["retain", "retain-on-update-or-delete", "destroy"],
)
def test_removal_policies(deployments: Deployments, policy: RemovalPolicy, after_the_rollback: int | None) -> None:
    stream, stack = f"policy-{policy.value}".lower().replace("_", "-"), policy.value.replace("_", "")
    camera = Camera(stream, props={"removal_policy": policy})
    deployments.existing(stream)
    assert deployments.deploy_and_roll_back(stack, camera) == "ROLLBACK_COMPLETE"
    assert deployments.intervals() == {stream: after_the_rollback}
    deployments.delete(stack)
    if after_the_rollback:
        assert deployments.refused(stack, camera).endswith(NOBODY)
        deployments.set_by_hand(stream, None)
    assert deployments.deploy(stack, camera) == "CREATE_COMPLETE"
    deployments.delete(stack)
    assert deployments.intervals() == {stream: None if policy is RemovalPolicy.DESTROY else 3}


def test_a_new_removal_policy_alone_is_a_change(deployments: Deployments) -> None:
    deployments.existing("keep-later")
    assert deployments.deploy("KeepLater", Camera("keep-later")) == "CREATE_COMPLETE"
    deployments.change("KeepLater", Camera("keep-later", props=RETAIN))
    # CloudFormation sent an Update, and so keeps the new policy, too.
    assert "UPDATE_COMPLETE" in [status for status, _ in deployments.cloud.events("KeepLater")]
    deployments.delete("KeepLater")
    assert deployments.intervals() == {"keep-later": 3}


def test_a_revision_sets_again_what_somebody_has_wiped(deployments: Deployments) -> None:
    deployments.existing("wiped")
    assert deployments.deploy("Revision", Camera("wiped")) == "CREATE_COMPLETE"
    deployments.set_by_hand("wiped", None)
    with pytest.raises(ClientError, match="No updates are to be performed"):
        deployments.deploy("Revision", Camera("wiped"))
    assert deployments.intervals() == {"wiped": None}
    assert deployments.deploy("Revision", Camera("wiped", props={"revision": "2"})) == "UPDATE_COMPLETE"
    assert deployments.intervals() == {"wiped": 3}


# Between stacks


def test_another_stack_takes_over(deployments: Deployments) -> None:
    """Another stack of the same owner, or a stack renamed in code, which is another stack to CloudFormation."""
    old, new, stream = "Old", "Renamed", "from-another-stack"
    deployments.existing(stream)
    assert deployments.deploy(old, Camera(stream)) == "CREATE_COMPLETE"
    assert deployments.refused(new, Camera(stream)).endswith(NOBODY)

    deployments.change(old, Camera(stream, props=RETAIN))
    assert deployments.deploy_and_roll_back(new, Camera(stream, props=ADOPT)) == "ROLLBACK_COMPLETE"
    deployments.delete(new)
    assert deployments.intervals() == {stream: 3}
    assert deployments.deploy(new, Camera(stream, props=ADOPT)) == "CREATE_COMPLETE"
    deployments.delete(old)
    deployments.change(new, Camera(stream))
    assert deployments.intervals() == {stream: 3}
    deployments.delete(new)
    assert deployments.intervals() == {stream: None}
