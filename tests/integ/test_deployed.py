"""A stack of the library's first version, updated, rolled back and deleted with the current version."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import Environment

from ..deployed import ACCOUNT, FUNCTION, REGION, TEMPLATE, declare
from .conftest import ASSETS, FRAGMENT_NOTIFICATION, IMAGE_GENERATION, Cloud
from .deployments import Deployments, with_failing_sibling

STACK = "Deployed"
HERE_ACCOUNT, HERE_REGION = "000000000000", "us-east-1"


def first_version(cloud: Cloud) -> str:
    cloud.s3.put_object(Bucket=ASSETS, Key="first-version.zip", Body=FUNCTION.read_bytes())
    template = TEMPLATE.read_text().replace(f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}", ASSETS)
    template = template.replace(ACCOUNT, HERE_ACCOUNT).replace(REGION, HERE_REGION)
    return with_prefix(template.replace("<hash>.zip", "first-version.zip"))


def today(cloud: Cloud) -> str:
    return with_prefix(cloud.synthesise(STACK, declare, env=Environment(account=HERE_ACCOUNT, region=HERE_REGION)))


def with_prefix(template: str) -> str:
    parsed = json.loads(template)
    parsed["Parameters"]["Prefix"]["Default"] = "north-"
    return json.dumps(parsed)


def configurations(cloud: Cloud) -> dict[str, Any]:
    """The configurations of all streams that the stack declares."""
    streams = cloud.physical_ids(STACK, IMAGE_GENERATION)
    assert len(set(streams)) == len(streams) == 4
    (notified,) = cloud.physical_ids(STACK, FRAGMENT_NOTIFICATION)
    return {"notifications": cloud.notifications(notified), **{stream: cloud.images(stream) for stream in streams}}


def test_it_is_updated_rolled_back_and_deleted_with_its_images_unchanged(
    cloud: Cloud, deployments: Deployments
) -> None:
    deployments.existing("lobby")
    deployments.stacks.append(STACK)
    assert cloud.deploy_template(STACK, first_version(cloud)) == "CREATE_COMPLETE"
    before, events = configurations(cloud), cloud.events(STACK)
    assert all(before.values())

    def roll_back(template: str) -> None:
        assert cloud.deploy_template(STACK, with_failing_sibling(template)) == "UPDATE_ROLLBACK_COMPLETE"
        assert configurations(cloud) == before

    template = today(cloud)
    roll_back(template)
    assert cloud.deploy_template(STACK, template) == "UPDATE_COMPLETE"
    assert configurations(cloud) == before
    # Neither the update nor the rollback touched them.
    assert cloud.events(STACK) == events

    roll_back(template.replace('"SamplingInterval": 3000', '"SamplingInterval": 5000'))
    # A second resource for the same stream.
    handed_over = template.replace("FrontDoor201A7CE0ImageGeneration", "HandedOver")
    roll_back(handed_over)
    assert cloud.deploy_template(STACK, handed_over) == "UPDATE_COMPLETE"
    assert configurations(cloud) == before

    deployments.delete(STACK)
    assert deployments.intervals() == {"lobby": None}
    assert cloud.images("front-door") is None
    assert not cloud.notifications("front-door")
    assert cloud.images("gate") is None
