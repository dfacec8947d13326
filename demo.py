"""Deploys app.py to an AWS on this machine, sends video, and shows the images: ``make demo``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from contact_sheet import Picture, Section, contact_sheet
from kinesis_video_local import Cdk, LocalAws
from kinesis_video_matroska import Fragment
from kinesis_video_tools.camera import ClockVideo, Report, Video, fragment_tags
from kinesis_video_tools.delivered_images import DeliveredImage
from tests.templates import PSEUDO_PARAMETERS, resolve

STACK = "Camera"
APP = "app.py"
OUTPUT = Path("build")
# The service takes 5 fragments a second: half a minute of video is sent in one.
FRAGMENT_SECONDS = 6
SPEED = 100
BEFORE = timedelta(minutes=1)


def main() -> None:
    """Deploy, change and remove an image generation configuration, and show its images."""
    # Treated like Ctrl-C, so that the `with` blocks below stop everything that they started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with LocalAws(enforce_iam=True) as aws, Cdk(aws) as cdk:
        print(f"An AWS with Kinesis Video Streams runs at {aws.endpoint_url}, on this machine only. It checks IAM.\n")
        with _step("Bootstrapping it for the CDK, and synthesising app.py, once more with -c sampling_interval_ms=500"):
            first, second = _prepare(cdk)
        with _step("Deploying it: a stream, a bucket for its images, and a producer's role"):
            cdk.deploy(first)
        camera = Camera(aws, cdk.outputs(STACK))
        before = camera.configuration()
        _table(("property", "declared", "on the stream"), _declared(aws), before)

        with _step("Sending 30 s of video as the producer, and waiting for the images"):
            camera.show("An image every 3 seconds", "30 s of video, as app.py declares it", seconds=30, images=10)
        camera.print_newest()

        with _step("Revoking the producer's permission on the bucket, and sending 6 s: the service reports nothing"):
            camera.revoke_permission()
            camera.show("Without s3:PutObject", "6 s of video; each fragment is acknowledged as before", seconds=6)
        camera.print_newest()
        with _step("Asking the doctor: kinesis-video doctor"):
            verdict = camera.diagnose()
        print(f"  {verdict}\n")

        with _step("Restoring the permission, and sending 6 s"):
            camera.restore_permission()
            camera.show("With s3:PutObject again", "6 s of video", seconds=6, images=2)
        camera.print_newest()

        with _step("Deploying it again, with sampling_interval_ms=500, and sending 2.5 s"):
            cdk.deploy(second)
            after = camera.configuration()
            camera.show("An image every half second", "2.5 s of video, after a deployment", seconds=2.5, images=5)
        changed = [name for name in after if after[name] != before.get(name)]
        _table(("changed", "before", "on the stream"), {name: before[name] for name in changed}, after)
        camera.print_newest()
        sheet = camera.write_contact_sheet()

        with _step("Destroying the stack; the stream and the bucket stay, because they hold data"):
            cdk.destroy(second)
        gone = not camera.configuration()
        print(f"  {camera.stream_arn}\n  image generation: {'none' if gone else 'still configured'}\n")
        if not gone:
            sys.exit("The stream still has its image generation configuration")
    print(f"Everything that the demo started is stopped. The images are on\n  {sheet}")


class Period:
    """A video that starts at a given time."""

    def __init__(self, video: Video, start: int) -> None:
        self.track = video.track
        self.duration = video.duration
        self._video = video
        self._start = start

    def fragments(self, _now: int) -> Iterator[Fragment]:
        """Return the fragments, the first one at the given time."""
        return self._video.fragments(self._start)


class Camera:
    """The camera of app.py's stack: its stream, its producer and its images."""

    def __init__(self, aws: LocalAws, outputs: Mapping[str, str]) -> None:
        self.stream_arn = outputs["StreamArn"]
        self._aws = aws
        self._stream_name = outputs["StreamName"]
        self._role_arn = outputs["ProducerRoleArn"]
        self._images = aws.images(outputs["DestinationUri"])
        self._sections: list[Section] = []
        self._seen: list[DeliveredImage] = []
        self._seconds_to_images = 0.0
        self._report = Report()
        # Video is sent faster than real time. The first period is in the past, so that the others can follow it.
        self._end = datetime.now(UTC) - BEFORE
        role_name = self._role_arn.rpartition("/")[2]
        iam = aws.client("iam")
        (policy_name,) = iam.list_role_policies(RoleName=role_name)["PolicyNames"]
        self._policy = iam.get_role_policy(RoleName=role_name, PolicyName=policy_name)
        self._iam = iam

    def configuration(self) -> dict[str, str]:
        """Read the configuration of the stream."""
        kinesis_video = self._aws.client("kinesisvideo")
        answer = kinesis_video.describe_image_generation_configuration(StreamARN=self.stream_arn)
        return _flat(answer.get("ImageGenerationConfiguration", {}))

    def show(self, heading: str, text: str, *, seconds: float, images: int = 0) -> None:
        """Send video with the producer's permissions, wait for the images, and add them to the contact sheet."""
        length = min(seconds, FRAGMENT_SECONDS)
        video = ClockVideo("front door", width=640, height=368, frame_rate=4, fragment_seconds=length)
        producer = self._aws.producer(self._stream_name, role_arn=self._role_arn, tags=fragment_tags())
        start, self._end = self._end, self._end + timedelta(seconds=seconds)
        period = Period(video, round(start.timestamp() * 1000))
        self._report = producer.send(period, fragments=round(seconds / length), speed=SPEED)
        begin = time.monotonic()
        if images:
            new = self._images.wait(images, beside=self._seen)
            self._seconds_to_images = max(time.monotonic() - begin, self._seconds_to_images)
        else:
            # Nothing shows that no image will come, so wait several times as long as images have taken so far.
            time.sleep(max(2.0, 3 * self._seconds_to_images))
            new = [image for image in self._images.all() if image not in self._seen]
        if len(new) != images:
            sys.exit(f"{len(new)} images have arrived instead of {images}")
        self._seen += new
        pictures = [Picture(image.key, image.timestamp, self._images.read(image)) for image in new]
        times = f"{start:%H:%M:%S} to {self._end:%H:%M:%S} UTC"
        self._sections.append(Section(heading, f"{times}: {text}", pictures))

    def print_newest(self) -> None:
        """Print the images of the newest video."""
        pictures = self._sections[-1].pictures
        print(
            f"  fragments sent: {self._report.fragments}, persisted: {self._report.persisted}; images: {len(pictures)}"
        )
        for picture in pictures:
            print(f"  {picture.caption}  {picture.key}")
        print()

    def diagnose(self) -> str:
        """Return the verdict of `kinesis-video doctor`: the last two lines that it prints."""
        command = [
            sys.executable,
            "-m",
            "kinesis_video_tools",
            "doctor",
            self._stream_name,
            "--producer",
            self._role_arn,
        ]
        environment = {**os.environ, **self._aws.environment, "PYTHONIOENCODING": "utf-8"}
        ran = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
        verdict = "\n".join(ran.stdout.splitlines()[-2:])
        if not verdict.startswith("may-put-object: "):
            sys.exit(f"The doctor has not found the missing permission: {verdict}{ran.stderr}")
        return verdict

    def revoke_permission(self) -> None:
        """Leave the producer only the permission to send video."""
        document = self._policy["PolicyDocument"]
        kept = [statement for statement in document["Statement"] if statement["Action"] != "s3:PutObject"]
        self._put_policy({**document, "Statement": kept})

    def restore_permission(self) -> None:
        """Restore the producer's declared permissions."""
        self._put_policy(self._policy["PolicyDocument"])

    def write_contact_sheet(self) -> Path:
        """Write a PNG with every image that has arrived."""
        OUTPUT.mkdir(exist_ok=True)
        path = OUTPUT / "contact-sheet.png"
        text = f"Images of the stream {self._stream_name}, written by the local AWS with the producer's permissions"
        path.write_bytes(contact_sheet("What arrived in the bucket", text, self._sections))
        return path

    def _put_policy(self, document: Mapping[str, Any]) -> None:
        self._iam.put_role_policy(
            RoleName=self._policy["RoleName"],
            PolicyName=self._policy["PolicyName"],
            PolicyDocument=json.dumps(document),
        )


def _prepare(cdk: Cdk) -> tuple[Path, Path]:
    cdk.bootstrap()
    # Validation takes half of the time of a synth, and the templates differ by one number only.
    options = ["--no-validation"]
    return cdk.synth(APP), cdk.synth(APP, context={"sampling_interval_ms": "500"}, arguments=options)


@contextmanager
def _step(text: str) -> Iterator[None]:
    start = time.monotonic()
    try:
        print(f"{text} ...", end="", flush=True)
        yield
    except BaseException:
        print(" stopped")
        raise
    print(f" done in {time.monotonic() - start:.0f} s")


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
