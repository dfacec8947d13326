"""The kinds of configuration that a stream can have, and the properties of the custom resources that declare them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# With a Delete, CloudFormation may send properties that are years old: new ones are optional, and none is renamed.
STREAM_ARN, STREAM_NAME = "StreamARN", "StreamName"
SERVICE_TIMEOUT = "ServiceTimeout"
ADOPT_EXISTING, REVISION, REMOVAL_POLICY = "AdoptExisting", "Revision", "RemovalPolicy"
VERIFIED = "Verified"
"""The attribute that says whether the stream had the declared configuration when it was read back."""

Fields = Mapping[str, "type[str] | type[int] | Fields"]


@dataclass(frozen=True, eq=False)
class Feature:
    """One kind of configuration: an update call sets it, a describe call reads it."""

    resource_type: str
    """The type of the custom resource that declares it."""
    noun: str
    """Its name in messages."""
    configuration: str
    """The name of the configuration in the request, in the response and in the properties."""
    update: str
    """The operation that sets it, as boto3 names it."""
    describe: str
    """The operation that reads it, as boto3 names it."""
    fields: Fields
    """The fields that this version knows, with their types in the API."""


IMAGE_GENERATION = Feature(
    resource_type="Custom::KinesisVideoImageGeneration",
    noun="image generation configuration",
    configuration="ImageGenerationConfiguration",
    update="update_image_generation_configuration",
    describe="describe_image_generation_configuration",
    fields={
        "Status": str,
        "ImageSelectorType": str,
        "DestinationConfig": {"Uri": str, "DestinationRegion": str},
        "SamplingInterval": int,
        "Format": str,
        "FormatConfig": {"JPEGQuality": str},
        "WidthPixels": int,
        "HeightPixels": int,
    },
)

FRAGMENT_NOTIFICATION = Feature(
    resource_type="Custom::KinesisVideoFragmentNotification",
    noun="notification configuration",
    configuration="NotificationConfiguration",
    update="update_notification_configuration",
    describe="describe_notification_configuration",
    fields={"Status": str, "DestinationConfig": {"Uri": str}},
)

FEATURES = {feature.resource_type: feature for feature in (IMAGE_GENERATION, FRAGMENT_NOTIFICATION)}
