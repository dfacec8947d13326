"""The kinds of configuration that a stream can have, one record each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """All that differs from one kind of configuration to another."""

    resource_type: str
    """The type of the custom resource, which CloudFormation lets nobody change."""
    id_suffix: str
    """What the custom resource's logical id has after the stream's; as frozen as the type."""
    configuration: str
    """The name of the configuration in the API's request, and so in the custom resource's properties."""
    noun: str
    """What messages call it."""
    actions: tuple[str, str]
    """What the function must be allowed to call for it."""


IMAGE_GENERATION = Kind(
    resource_type="Custom::KinesisVideoImageGeneration",
    id_suffix="ImageGeneration",
    configuration="ImageGenerationConfiguration",
    noun="image generation",
    actions=(
        "kinesisvideo:DescribeImageGenerationConfiguration",
        "kinesisvideo:UpdateImageGenerationConfiguration",
    ),
)

FRAGMENT_NOTIFICATION = Kind(
    resource_type="Custom::KinesisVideoFragmentNotification",
    id_suffix="FragmentNotification",
    configuration="NotificationConfiguration",
    noun="fragment notification",
    actions=(
        "kinesisvideo:DescribeNotificationConfiguration",
        "kinesisvideo:UpdateNotificationConfiguration",
    ),
)

KINDS = (IMAGE_GENERATION, FRAGMENT_NOTIFICATION)
