"""A configuration that another tool deletes in the clean-up of a deployment is repaired soon afterwards."""

from __future__ import annotations

import time

from constructs import Construct

from cdk_kinesis_video import DriftMonitor, Repair

from .conftest import PATIENCE_SECONDS
from .deployments import Camera, Deployments, Part, aws_custom_resource, stack_of

STACK, STREAM = "Migrated", "migrated"


def monitor(scope: Construct) -> None:
    DriftMonitor(scope, "Drift", on_change=False, repair=Repair.MISSING)


def test_what_the_clean_up_of_a_deployment_took_away_is_set_again(deployments: Deployments) -> None:
    deployments.existing(STREAM)

    def deploy(*parts: Camera | Part) -> str:
        cloud = deployments.cloud
        # The function's input has the time until the second look as a setting: enough to see first what was lost.
        first = r"\"Declarations\":"
        template = cloud.synthesise(STACK, stack_of(*parts)).replace(first, rf"\"SecondLookSeconds\":5,{first}")
        cloud.start(STACK, template)
        return cloud.wait(STACK)

    deployments.stacks.append(STACK)
    assert deploy(aws_custom_resource(STREAM)) == "CREATE_COMPLETE"
    # From the other tool to ours in one deployment: the old resource is deleted last, and the images with it.
    assert deploy(Camera(STREAM, props={"adopt_existing": True}), monitor) == "UPDATE_COMPLETE"
    assert deployments.intervals() == {STREAM: None}
    end = time.monotonic() + PATIENCE_SECONDS
    while deployments.intervals() == {STREAM: None}:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert deployments.intervals() == {STREAM: 3}
