"""The recipes of docs/coming-from.md, deployed: each from another tool's resource to `ImageGeneration`, images kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import App, CfnResource, Stack
from aws_cdk.aws_s3 import Bucket
from constructs import Construct

from kinesis_video_local import Cdk

from .conftest import Cloud
from .deployments import Camera, Deployments, Part, aws_custom_resource, handler_of_ones_own, stack_of

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


def test_by_cdk_orphan(deployments: Deployments, cloud: Cloud, cdk: Cdk, tmp_path: Path) -> None:
    def assembly(name: str, build: Part) -> str:
        app = App(outdir=str(tmp_path / name))
        stack = Stack(app, "Orphan")
        # A stack without resources can't be deployed.
        CfnResource(stack, "Anchor", type="AWS::SSM::Parameter", properties={"Type": "String", "Value": "anchor"})
        build(stack)
        return app.synth().directory

    deployments.existing("orphaned")
    theirs = assembly("theirs", aws_custom_resource("orphaned"))
    cdk.deploy(theirs)
    deployments.stacks.append("Orphan")
    cdk.run("orphan", "Orphan/Old", "--unstable=orphan", "--yes", "--app", theirs)
    assert cloud.physical_ids("Orphan", "Custom::AWS") == []
    assert deployments.intervals() == {"orphaned": 3}

    cdk.deploy(assembly("ours", stack_of(Camera("orphaned", props=ADOPT))))
    assert deployments.intervals() == {"orphaned": 3}


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
