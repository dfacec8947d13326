"""The recipes of docs/coming-from.md, deployed: each from another tool's resource to `ImageGeneration`, images kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import RemovalPolicy, Stack
from aws_cdk.aws_s3 import Bucket
from constructs import Construct

from cdk_kinesis_video import DriftMonitor, Repair, VideoStream

from .conftest import Cloud, until
from .deployments import (
    Camera,
    Deployments,
    Part,
    aws_custom_resource,
    handler_of_ones_own,
    stack_of,
    with_a_second_look_after,
)

ADOPT: Mapping[str, Any] = {"adopt_existing": True}
# Each has its own stream, so that one stack tests both.
TOOLS = {"by-aws-custom-resource": aws_custom_resource, "by-handler-of-ones-own": handler_of_ones_own}


def others(prefix: str, *, retain: bool = False) -> Part:
    """The declarations of the other tools, each on its own stream."""

    def build(scope: Construct) -> None:
        for stream, tool in TOOLS.items():
            tool(f"{prefix}-{stream}", retain=retain)(Construct(scope, stream))

    return build


def ours(prefix: str, **props: Any) -> list[Camera]:
    return [Camera(f"{prefix}-{stream}", props=props) for stream in TOOLS]


def streams_of(prefix: str) -> list[str]:
    return [f"{prefix}-{stream}" for stream in TOOLS]


def with_others(deployments: Deployments, prefix: str, stack: str) -> None:
    deployments.existing(*streams_of(prefix))
    assert deployments.deploy(stack, others(prefix)) == "CREATE_COMPLETE"
    assert deployments.intervals() == dict.fromkeys(streams_of(prefix), 3)


def test_within_a_stack(deployments: Deployments) -> None:
    with_others(deployments, "within", "Within")
    deployments.change("Within", others("within", retain=True), *ours("within", adopt_existing=True))
    deployments.change("Within", *ours("within", adopt_existing=True))
    deployments.change("Within", *ours("within"))
    assert deployments.intervals() == dict.fromkeys(streams_of("within"), 3)

    deployments.delete("Within")
    assert deployments.intervals() == dict.fromkeys(streams_of("within"))


def test_in_one_deployment_is_refused_and_leaves_the_images(deployments: Deployments) -> None:
    with_others(deployments, "at-once", "AtOnce")
    reason = deployments.refused("AtOnce", *ours("at-once"))
    assert "which no other resource of this stack declares; set `adopt_existing=True` to take it over" in reason


def test_from_another_tools_stack(deployments: Deployments) -> None:
    with_others(deployments, "from", "Theirs")
    assert deployments.deploy("Theirs", others("from", retain=True)) == "UPDATE_COMPLETE"
    assert deployments.deploy_and_roll_back("Ours", *ours("from", adopt_existing=True)) == "ROLLBACK_COMPLETE"
    deployments.delete("Ours")
    assert deployments.intervals() == dict.fromkeys(streams_of("from"), 3)

    assert deployments.deploy("Ours", *ours("from", adopt_existing=True)) == "CREATE_COMPLETE"
    deployments.delete("Theirs")
    deployments.change("Ours", *ours("from"))
    assert deployments.intervals() == dict.fromkeys(streams_of("from"), 3)


def test_from_a_script(deployments: Deployments) -> None:
    deployments.existing("scripted-camera")
    deployments.set_by_hand("scripted-camera", 3)
    assert deployments.refused("Script", Camera("scripted-camera")).count("adopt_existing=True") == 1
    assert deployments.deploy("Script", Camera("scripted-camera", props=ADOPT)) == "CREATE_COMPLETE"
    deployments.change("Script", Camera("scripted-camera"))
    assert deployments.intervals() == {"scripted-camera": 3}


def test_a_scripts_configuration_neither_follows_the_stream_nor_ends_with_the_stack(deployments: Deployments) -> None:
    def only(stream: str) -> Part:
        def build(scope: Construct) -> None:
            VideoStream(scope, "Stream", stream_name=stream, removal_policy=RemovalPolicy.RETAIN)

        return build

    first, second = "scripted-1", "scripted-2"
    assert deployments.deploy("Scripted", only(first)) == "CREATE_COMPLETE"
    deployments.set_by_hand(first, 3)
    deployments.streams.append(second)
    assert deployments.deploy("Scripted", only(second)) == "UPDATE_COMPLETE"
    assert deployments.intervals() == {second: None}
    deployments.set_by_hand(second, 3)
    deployments.delete("Scripted")
    assert deployments.intervals() == {second: 3}


def test_what_the_clean_up_of_a_deployment_took_away_is_repaired(deployments: Deployments, cloud: Cloud) -> None:
    def monitor(scope: Construct) -> None:
        DriftMonitor(scope, "Drift", on_change=False, repair=Repair.MISSING)

    deployments.existing("migrated")
    assert deployments.deploy("Migrated", aws_custom_resource("migrated")) == "CREATE_COMPLETE"
    # From the other tool to ours in one deployment: the old resource is deleted last, and the images with it.
    template = cloud.synthesise("Migrated", stack_of(Camera("migrated", props=ADOPT), monitor))
    # Long enough to see first what was lost. `Deployments.deploy` would refuse that a stream has lost its images.
    cloud.start("Migrated", with_a_second_look_after(5, template))
    assert cloud.wait("Migrated") == "UPDATE_COMPLETE"
    assert deployments.intervals() == {"migrated": None}
    until(lambda: deployments.intervals() == {"migrated": 3})


def test_the_snippet_is_refused_by_the_local_aws_with_the_reason_that_the_page_gives(cloud: Cloud) -> None:
    """`AwsCustomResource` needs the JavaScript SDK of Lambda's runtime; the stand-in makes the same calls."""
    page = Path(__file__).parents[2].joinpath("docs", "coming-from.md").read_text()
    (snippet,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)

    def build(stack: Stack) -> None:
        # Otherwise its function looks for a newer SDK for a minute.
        stack.node.set_context("@aws-cdk/customresources:installLatestAwsSdkDefault", False)
        bucket = Bucket.from_bucket_name(stack, "Bucket", "camera-images")
        exec(snippet, {"stack": stack, "bucket": bucket})

    template = cloud.synthesise("Snippet", build)
    (old,) = (r for r in json.loads(template)["Resources"].values() if r["Type"] == "Custom::AWS")
    assert old["DeletionPolicy"] == "Retain"
    cloud.start("Snippet", template)
    assert cloud.wait("Snippet") == "ROLLBACK_COMPLETE"
    (reason,) = (reason for status, reason in cloud.events("Snippet", "Custom::AWS") if status == "CREATE_FAILED")
    assert "@aws-sdk/client-kinesis-video" in reason
