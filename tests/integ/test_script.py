"""The fate of a configuration that a script sets beside the stack, as the README describes it."""

from __future__ import annotations

from typing import Any

from aws_cdk import RemovalPolicy, Stack

from cdk_kinesis_video import VideoStream

from .conftest import Build, Cloud
from .other_tools import image_generation


def only_a_stream(name: str) -> Build:
    def build(stack: Stack) -> None:
        VideoStream(stack, "Stream", stream_name=name, removal_policy=RemovalPolicy.RETAIN)

    return build


def run_the_script(cloud: Cloud, stream_name: str) -> None:
    configuration: Any = image_generation()
    cloud.kinesisvideo.update_image_generation_configuration(
        StreamName=stream_name, ImageGenerationConfiguration=configuration
    )


def test_a_scripts_configuration_neither_follows_the_stream_nor_ends_with_the_stack(cloud: Cloud) -> None:
    cloud.deploy("Scripted", only_a_stream("scripted-1"))
    run_the_script(cloud, "scripted-1")
    assert cloud.deploy("Scripted", only_a_stream("scripted-2")) == "UPDATE_COMPLETE"
    assert cloud.images("scripted-2") is None

    run_the_script(cloud, "scripted-2")
    assert cloud.delete("Scripted") == "DELETE_COMPLETE"
    assert cloud.images("scripted-2") is not None
