"""What a fleet declares for each of its streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kinesis_video_configuration import IMAGE_GENERATION, Declaration
from kinesis_video_contract.configurations import ADOPT_EXISTING, STREAM_ARN
from kinesis_video_contract.fleets import EXCLUDE, NAME_PREFIX, STREAM_NAME

PHYSICAL_ID = "stream-fleet/"
"""What the physical id of a fleet begins with; the prefix of its streams' names follows."""


def name_of(stream_arn: str) -> str:
    """Take the stream's name out of its ARN."""
    return stream_arn.split("/")[1]


@dataclass(frozen=True)
class FleetDeclaration:
    """Which streams shall have which configuration."""

    properties: Mapping[str, Any]
    """As CloudFormation sends them."""

    @classmethod
    def parse(cls, properties: Mapping[str, Any]) -> FleetDeclaration:
        """Take what matters of the properties of a custom resource, so that equal declarations are equal.

        Raises
        ------
        ValueError
            If there is no prefix: it would be all streams of the account.
        """
        if not properties.get(NAME_PREFIX):
            raise ValueError("`NamePrefix` must be given")
        names = (NAME_PREFIX, EXCLUDE, ADOPT_EXISTING, IMAGE_GENERATION.configuration)
        return cls({name: properties[name] for name in names if properties.get(name)})

    @property
    def name_prefix(self) -> str:
        """What the names of the streams begin with."""
        return str(self.properties[NAME_PREFIX])

    @property
    def physical_id(self) -> str:
        """The id that CloudFormation knows the fleet by."""
        return f"{PHYSICAL_ID}{self.name_prefix}"

    @property
    def adopts(self) -> bool:
        """Whether streams that are configured otherwise are taken over."""
        return str(self.properties.get(ADOPT_EXISTING)).lower() == "true"

    def covers(self, stream_arn: str) -> bool:
        """Whether a stream is the fleet's."""
        name = name_of(stream_arn)
        return name.startswith(self.name_prefix) and name not in self.properties.get(EXCLUDE, ())

    def of(self, stream_arn: str, *, ignore_unknown: bool = False) -> Mapping[str, Any]:
        """Make the configuration of one stream.

        Raises
        ------
        ValueError
            If a property can't be read; the message names it.
        """
        found = self.properties.get(IMAGE_GENERATION.configuration)
        declaration = Declaration.parse(
            IMAGE_GENERATION.resource_type,
            {STREAM_ARN: stream_arn, IMAGE_GENERATION.configuration: found},
            ignore_unknown=ignore_unknown,
        )
        destination = dict(declaration.configuration.get("DestinationConfig", {}))
        destination["Uri"] = str(destination.get("Uri", "")).replace(STREAM_NAME, name_of(stream_arn))
        return {**declaration.configuration, "DestinationConfig": destination}
