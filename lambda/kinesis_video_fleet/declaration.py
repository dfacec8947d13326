"""What a fleet declares for each of its streams, and what is done with a stream that has something else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kinesis_video_configuration import IMAGE_GENERATION, Declaration, differences
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_configuration.service import KinesisVideo
from kinesis_video_contract import fleets
from kinesis_video_contract.configurations import ADOPT_EXISTING, STREAM_ARN

KEPT = "it keeps what an earlier deployment of this fleet declared"


def name_of(stream_arn: str) -> str:
    """Take the stream's name out of its ARN."""
    return stream_arn.split("/")[1]


@dataclass(frozen=True)
class FleetDeclaration:
    """Which streams should have which configuration."""

    properties: Mapping[str, Any]
    """As CloudFormation sends them."""

    @classmethod
    def parse(cls, properties: Mapping[str, Any]) -> FleetDeclaration:
        """Take the relevant properties of a custom resource, so that equal declarations are equal."""
        if not properties.get(fleets.NAME_PREFIX):
            # It would be all streams of the account.
            raise ValueError("`NamePrefix` must be given")
        names = (fleets.NAME_PREFIX, fleets.EXCLUDE, ADOPT_EXISTING, IMAGE_GENERATION.configuration)
        return cls({name: properties[name] for name in names if properties.get(name)})

    @property
    def name_prefix(self) -> str:
        """The prefix of the streams' names."""
        return str(self.properties[fleets.NAME_PREFIX])

    @property
    def physical_id(self) -> str:
        """The id by which CloudFormation knows the fleet."""
        return f"{fleets.PHYSICAL_ID}{self.name_prefix}"

    @property
    def adopts(self) -> bool:
        """Whether streams that have another configuration are taken over."""
        return str(self.properties.get(ADOPT_EXISTING)).lower() == "true"

    def covers(self, stream_arn: str) -> bool:
        """Whether a stream is the fleet's."""
        name = name_of(stream_arn)
        return name.startswith(self.name_prefix) and name not in self.properties.get(fleets.EXCLUDE, ())

    def of(self, stream_arn: str, *, ignore_unknown: bool = False) -> Mapping[str, Any]:
        """Make the configuration of one stream; a ValueError names a property that can't be read."""
        found = self.properties.get(IMAGE_GENERATION.configuration)
        declaration = Declaration.parse(
            IMAGE_GENERATION.resource_type,
            {STREAM_ARN: stream_arn, IMAGE_GENERATION.configuration: found},
            ignore_unknown=ignore_unknown,
        )
        destination = dict(declaration.configuration.get("DestinationConfig", {}))
        destination["Uri"] = str(destination.get("Uri", "")).replace(fleets.STREAM_NAME, name_of(stream_arn))
        return {**declaration.configuration, "DestinationConfig": destination}


@dataclass(frozen=True)
class Rules:
    """What a pass does with each stream.

    They are those of the custom resource for one stream: a configuration that differs from the declaration and from the
    earlier ones is somebody else's and is left alone, unless it is to be adopted.
    """

    declaration: FleetDeclaration | None
    """What the streams should have; None to remove what they have."""
    earlier: tuple[tuple[FleetDeclaration, frozenset[str] | None], ...] = ()
    """What they may have of this fleet, each with the ARNs of the streams that may have it; None for all."""

    @classmethod
    def parse(cls, declaration: Mapping[str, Any] | None, earlier: Iterable[Mapping[str, Any]]) -> Rules:
        """Read them as a pass keeps them in S3."""
        wanted = None if declaration is None else FleetDeclaration.parse(declaration)
        may_have = ((each["properties"], each["streams"]) for each in earlier)
        return cls(
            wanted,
            tuple((FleetDeclaration.parse(found), streams and frozenset(streams)) for found, streams in may_have),
        )

    def apply(self, calls: Retries, client: Any, stream_arn: str, before: Callable[[], object]) -> tuple[str, str]:
        """Set or remove the configuration of one stream; return the outcome, and a remark.

        One description decides: the API has no conditional write, so what was read is at most a call old. `before` is
        called when the stream is about to be set, or is found to be set. It raises what `calls` and `before` raise.
        """
        found = KinesisVideo(client, calls).configuration(IMAGE_GENERATION, stream_arn)
        wanted = None if self.declaration is None else self.declaration.of(stream_arn)
        if found is None and wanted is None:
            return fleets.EQUAL, ""
        if found is not None and wanted is not None and not differences(IMAGE_GENERATION, wanted, found):
            before()
            return fleets.EQUAL, ""
        is_own = found is not None and self._is_own(stream_arn, found)
        adopts = self.declaration is not None and self.declaration.adopts
        if found is not None and not adopts and not is_own:
            return fleets.FOREIGN, ""
        before()
        try:
            # Left out, the API deletes the configuration.
            parameters = {} if wanted is None else {IMAGE_GENERATION.configuration: wanted}
            calls.once(client, IMAGE_GENERATION.update, StreamARN=stream_arn, **parameters)
        except CallError as error:
            if error.code != "NoDataRetentionException":
                raise
            return fleets.WITHOUT_RETENTION, KEPT if is_own else ""
        return (fleets.REMOVED if wanted is None else fleets.SET), ""

    def _is_own(self, stream_arn: str, found: Mapping[str, Any]) -> bool:
        for earlier, streams in self.earlier:
            if streams is None or stream_arn in streams:
                # A declaration that can't be read was never set.
                with suppress(ValueError):
                    if not differences(IMAGE_GENERATION, earlier.of(stream_arn, ignore_unknown=True), found):
                        return True
        return False
