"""Deploys app.py to an AWS on this machine, changes it, and destroys it: ``make demo``."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kinesis_video_local import Cdk, LocalAws
from kinesis_video_local.templates import PSEUDO_PARAMETERS, resolve

STACK = "Camera"
APP = "app.py"


def main() -> None:
    """Show the whole life of an image generation configuration."""
    # Like Ctrl-C, so that the `with` blocks below stop what they started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with LocalAws() as aws, Cdk(aws) as cdk:
        print(f"An AWS with Kinesis Video Streams runs at {aws.endpoint_url}, on this machine only.\n")
        with _step("Bootstrapping it for the CDK, and synthesising app.py, once more with -c sampling_interval_ms=500"):
            first, second = _prepare(cdk)
        with _step("Deploying it: a stream, a bucket, and the images from the one to the other"):
            cdk.deploy(first)
        stream_arn = _outputs(aws)["StreamArn"]
        before = _on_the_stream(aws, stream_arn)
        _table(("property", "declared", "on the stream"), _declared(aws), before)

        with _step("Deploying it again, with sampling_interval_ms=500"):
            cdk.deploy(second)
        after = _on_the_stream(aws, stream_arn)
        changed = [name for name in after if after[name] != before.get(name)]
        _table(("changed", "before", "on the stream"), {name: before[name] for name in changed}, after)

        with _step("Destroying the stack; the stream stays, for it holds video"):
            cdk.destroy(second)
        gone = not _on_the_stream(aws, stream_arn)
        print(f"  {stream_arn}\n  image generation: {'none' if gone else 'still configured'}\n")
        if not gone:
            sys.exit("The stream still has its image generation configuration")
    print("Everything that the demo started is stopped.")


def _prepare(cdk: Cdk) -> tuple[Path, Path]:
    """Bootstrap, and synthesise both apps, at the same time."""
    with ThreadPoolExecutor() as threads:
        first = threads.submit(cdk.synth, APP)
        # The templates differ by a number: validating one of them is enough, and takes half of the time of a synth.
        options = ["--no-validation"]
        second = threads.submit(cdk.synth, APP, context={"sampling_interval_ms": "500"}, arguments=options)
        cdk.bootstrap()
        return first.result(), second.result()


@contextmanager
def _step(text: str) -> Iterator[None]:
    print(f"{text} ...", end="", flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print(" stopped")
        raise
    print(f" done in {time.monotonic() - start:.0f} s")


def _outputs(aws: LocalAws) -> dict[str, str]:
    (stack,) = aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _declared(aws: LocalAws) -> dict[str, str]:
    """Read the custom resource's properties from the deployed template."""
    cloudformation = aws.client("cloudformation")
    resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    references = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    pseudo_parameters = {**PSEUDO_PARAMETERS, "AWS::Region": aws.environment["AWS_REGION"]}
    template = cloudformation.get_template(StackName=STACK)["TemplateBody"]
    (properties,) = (
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "Custom::KinesisVideoImageGeneration"
    )
    configuration = properties["ImageGenerationConfiguration"]
    return _flat(resolve(configuration, lambda name, _attribute: references[name], pseudo_parameters))


def _on_the_stream(aws: LocalAws, stream_arn: str) -> dict[str, str]:
    answer = aws.client("kinesisvideo").describe_image_generation_configuration(StreamARN=stream_arn)
    return _flat(answer.get("ImageGenerationConfiguration", {}))


def _flat(configuration: Mapping[str, Any]) -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in configuration.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": text for inner, text in _flat(value).items()}
        else:
            flat[name] = str(value)
    return flat


def _table(titles: tuple[str, str, str], left: Mapping[str, str], right: Mapping[str, str]) -> None:
    rows = [titles, *((name, value, right.get(name, "-")) for name, value in left.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    rows.insert(1, ("-" * widths[0], "-" * widths[1], "-" * widths[2]))
    print()
    for row in rows:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    print()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("Stopped; nothing is left running.")
        sys.exit(130)
