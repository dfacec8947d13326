"""A template of a fleet for any prefix."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import StreamFleet
from kinesis_video_local import Call

from .conftest import Cloud

MANY, SICK = 1200, 12
FLEET = "Custom::KinesisVideoStreamFleet"
UPDATE = "UpdateImageGenerationConfiguration"
DESCRIBE = "DescribeImageGenerationConfiguration"
Template = dict[str, Any]
FOREIGN: Any = {
    "Status": "ENABLED",
    "ImageSelectorType": "SERVER_TIMESTAMP",
    "DestinationConfig": {"Uri": "s3://somebody-elses", "DestinationRegion": "us-east-1"},
    "SamplingInterval": 1000,
    "Format": "PNG",
}
"""A configuration that somebody else has set."""


def declare(stack: Stack) -> None:
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
    StreamFleet(
        stack,
        "Cameras",
        name_prefix="cam-",
        bucket=bucket,
        prefix="cameras/{stream_name}/",
        sampling_interval=Duration.seconds(3),
        exclude=["cam-7"],
    )


def with_definition(synthesised: Template, change: Callable[[dict[str, Any]], None]) -> Template:
    """The template with changes to the states of its state machine; references are text of the form ``<number>``."""
    template = copy.deepcopy(synthesised)
    (machine,) = (r for r in template["Resources"].values() if r["Type"] == "AWS::StepFunctions::StateMachine")
    parts = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    references = {f"<{number}>": part for number, part in enumerate(parts) if not isinstance(part, str)}
    definition = json.loads("".join(p if isinstance(p, str) else f"<{number}>" for number, p in enumerate(parts)))
    change(definition["States"])
    changed = [references.get(part, part) for part in re.split(r"(<\d+>)", json.dumps(definition))]
    machine["Properties"]["DefinitionString"] = {"Fn::Join": ["", changed]}
    return template


def template_of(synthesised: Template, prefix: str, **properties: Any) -> str:
    """Change the prefix and the custom resource's properties in the template, since a synth takes seconds."""
    template = copy.deepcopy(synthesised)
    (resource,) = (r for r in template["Resources"].values() if r["Type"] == FLEET)
    resource["Properties"].update(properties)
    return json.dumps(template).replace("cam-", prefix)


def set_many(cloud: Cloud) -> list[Call]:
    """Deploy a fleet of many streams, some of which are busy at first, and return the calls of its pass."""
    synthesised = json.loads(cloud.synthesise("Fleet", declare))
    # One more, which is excluded.
    names = [f"fleet-{number}" for number in range(MANY + 1)]
    for part in range(3):
        streams = {
            f"Stream{number}": {
                "Type": "AWS::KinesisVideo::Stream",
                "Properties": {"Name": name, "DataRetentionInHours": 24},
            }
            for number, name in enumerate(names[part::3])
        }
        # CloudFormation's own calls meet no quota here.
        assert cloud.deploy_template(f"Streams{part}", json.dumps({"Resources": streams})) == "CREATE_COMPLETE"
    cloud.aws.clear_calls()
    cloud.aws.inject_fault(UPDATE, error="ResourceInUseException", times=SICK)
    assert cloud.deploy_template("Fleet", template_of(synthesised, "fleet-")) == "CREATE_COMPLETE"
    return [call for call in cloud.aws.calls() if call.operation in (DESCRIBE, UPDATE)]


def calls_of(cloud: Cloud, name_prefix: str, *operations: str) -> list[Call]:
    """List the calls for the streams of a fleet, and those that name no stream: others share the local AWS."""
    calls = [call for call in cloud.aws.calls() if not operations or call.operation in operations]
    return [call for call in calls if call.stream is None or call.stream.startswith(name_prefix)]


def updates_per_second(calls: Sequence[Call]) -> float:
    """Count the updates a second until the streams that were busy are tried again."""
    times = [call.time for call in calls if call.operation == UPDATE][:-SICK]
    return (len(times) - 1) / (times[-1] - times[0])
